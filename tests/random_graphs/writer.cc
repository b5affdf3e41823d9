#include "nomograph/tests/random_graphs/writer.h"

#include <algorithm>
#include <cmath>

#include "absl/algorithm/container.h"
#include "absl/strings/string_view.h"

namespace nomograph {
namespace {

// Ops that move or choose elements: their results have the same bits however they run.
bool MovesElements(absl::string_view op) {
  static constexpr absl::string_view kOps[] = {"array.Cast",
                                               "array.Concat",
                                               "array.DepthToSpace",
                                               "array.Expand",
                                               "array.Flatten",
                                               "array.Gather",
                                               "array.GatherElements",
                                               "array.Pad",
                                               "array.Reshape",
                                               "array.Reverse",
                                               "array.Slice",
                                               "array.SpaceToDepth",
                                               "array.Split",
                                               "array.Squeeze",
                                               "array.Tile",
                                               "array.TopK",
                                               "array.Transpose",
                                               "array.Trilu",
                                               "array.Unsqueeze",
                                               "array.Where",
                                               "core.Identity",
                                               "math.Abs",
                                               "math.Max",
                                               "math.Min",
                                               "math.Neg",
                                               "math.ReduceMax",
                                               "math.ReduceMin",
                                               "nn.MaxPool",
                                               "nn.GlobalMaxPool",
                                               "nn.Relu",
                                               "nn.Relu6"};
  return absl::c_linear_search(kOps, op);
}

}  // namespace

using Ref = RandomGraph::Ref;
using Ints = std::vector<int64_t>;

Ref RandomGraphWriter::Leaf(Tensor tensor, bool is_input, bool batched) {
  graph_.nodes.push_back({.op = "",
                          .attrs = {},
                          .inputs = {},
                          .values = {std::move(tensor)},
                          .is_input = is_input,
                          .batched = batched});
  return {static_cast<int>(graph_.nodes.size()) - 1, 0};
}

Ref RandomGraphWriter::Weights(const Shape& shape, float scale) {
  if (random_.OneIn(4)) {
    for (size_t n = graph_.nodes.size(); n-- > 0;) {
      const RandomGraph::Node& node = graph_.nodes[n];
      if (node.is_leaf() && !node.is_input && node.values[0].dtype() == DType::kFloat32 &&
          node.values[0].shape() == shape) {
        return {static_cast<int>(n), 0};
      }
    }
  }
  const Ref weights = Const(random_.Floats(shape, scale));
  // Some are computed from constants, as normalised weights are.
  if (random_.OneIn(12)) return Add("math.Mul", {weights, Number(0.5)});
  return weights;
}

Ref RandomGraphWriter::LongConst(const Ints& values) {
  return Const(Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values));
}

Ref RandomGraphWriter::Add(const std::string& op, std::vector<Ref> inputs, Attributes attrs,
                           int outputs) {
  RandomGraph::Node node{.op = op, .attrs = std::move(attrs), .inputs = std::move(inputs)};
  node.values.resize(outputs);
  node.same_bits = true;
  for (const Ref input : node.inputs) {
    if (input == kFailed) return kFailed;
    if (input.node < 0) continue;
    node.batched |= graph_.nodes[input.node].batched;
    node.same_bits &= graph_.nodes[input.node].same_bits;
  }
  // Evaluates the new node alone.
  RandomGraph alone;
  std::vector<Ref> own_inputs;
  for (const Ref input : node.inputs) {
    own_inputs.push_back(input.node < 0 ? kAbsent : Ref{static_cast<int>(alone.nodes.size()), 0});
    if (input.node >= 0) alone.nodes.push_back({.op = "", .values = {At(input)}});
  }
  alone.nodes.push_back(node);
  alone.nodes.back().inputs = own_inputs;
  if (!alone.Evaluate().ok()) return kFailed;
  node.values = std::move(alone.nodes.back().values);
  for (const Tensor& value : node.values) {
    if (value.num_elements() > most_elements_ || value.num_elements() == 0) return kFailed;
    if (node.batched && (value.shape().rank() == 0 || value.shape()[0] != batch_)) return kFailed;
    if (kFloats.Contains(value.dtype())) {
      node.same_bits &= MovesElements(op);
      for (int64_t i = 0; i < value.num_elements(); ++i) {
        if (!std::isfinite(value.AsDouble(i))) return kFailed;
      }
    }
  }
  graph_.nodes.push_back(std::move(node));
  return Tamed({static_cast<int>(graph_.nodes.size()) - 1, 0});
}

Ref RandomGraphWriter::Tamed(Ref x) {
  if (At(x).dtype() != DType::kFloat32 || graph_.nodes[x.node].values.size() > 1) return x;
  double greatest = 0;
  for (const float element : At(x).data<float>()) {
    greatest = std::max<double>(greatest, std::abs(element));
  }
  if (greatest < 100) return x;
  return Add("math.Mul", {x, Number(std::exp2(-std::ceil(std::log2(greatest)) + 1))});
}

Ref RandomGraphWriter::Pick(Wanted wanted) {
  std::vector<Ref> found;
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const RandomGraph::Node& node = graph_.nodes[n];
    if (node.is_leaf() && !node.is_input) continue;
    if (wanted.same_bits && !node.same_bits) continue;
    if (batched_ && !node.batched) continue;
    for (size_t k = 0; k < node.values.size(); ++k) {
      const Tensor& value = node.values[k];
      if (value.dtype() != DType::kFloat32) continue;
      if (value.shape().rank() < wanted.min_rank || value.shape().rank() > wanted.max_rank)
        continue;
      found.push_back({static_cast<int>(n), static_cast<int>(k)});
    }
  }
  if (found.empty()) return kFailed;
  // The newest one half of the time, so that chains grow.
  if (random_.OneIn(2)) return found.back();
  return random_.Pick(found);
}

Ref RandomGraphWriter::PickLike(Ref x) {
  std::vector<Ref> found;
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const RandomGraph::Node& node = graph_.nodes[n];
    if (node.is_leaf() && !node.is_input) continue;
    if (node.batched != Batched(x)) continue;
    for (size_t k = 0; k < node.values.size(); ++k) {
      const Ref ref = {static_cast<int>(n), static_cast<int>(k)};
      if (node.values[k].type() == At(x).type() && !(ref == x)) found.push_back(ref);
    }
  }
  return found.empty() ? kFailed : random_.Pick(found);
}

Ints RandomGraphWriter::Spatial(Ref x) const {
  Ints sizes;
  for (int axis = 1; axis < Rank(x); ++axis) {
    if (axis != ChannelAxis(x)) sizes.push_back(ShapeOf(x)[axis]);
  }
  return sizes;
}

int64_t RandomGraphWriter::SomeChannels() {
  if (large_) return random_.Pick<int64_t>({16, 24, 32, 40, 48, 64, 65, 96, 128, 200, 256});
  return random_.Pick<int64_t>({1, 2, 3, 4, 6, 7, 8, 12, 16, 17, 24, 32, 33, 48, 64});
}

Shape RandomGraphWriter::PerChannel(Ref x) const {
  Shape shape = {Channels(x)};
  if (first_) {
    for (int axis = 2; axis < Rank(x); ++axis) shape.Append(1);
  }
  return shape;
}

void RandomGraphWriter::Rewire() {
  const int64_t n = random_.Below(static_cast<int64_t>(graph_.nodes.size()));
  const RandomGraph::Node& node = graph_.nodes[n];
  if (node.inputs.empty()) return;
  const int64_t i = random_.Below(static_cast<int64_t>(node.inputs.size()));
  const Ref before = node.inputs[i];
  if (before.node < 0) return;
  std::vector<Ref> found;
  for (int m = 0; m < n; ++m) {
    const RandomGraph::Node& other = graph_.nodes[m];
    if (other.batched != Batched(before)) continue;
    if (graph_.nodes[before.node].same_bits && !other.same_bits) continue;
    for (size_t k = 0; k < other.values.size(); ++k) {
      if (other.values[k].type() == At(before).type()) found.push_back({m, static_cast<int>(k)});
    }
  }
  if (found.empty()) return;
  RandomGraph changed = graph_;
  changed.nodes[n].inputs[i] = random_.Pick(found);
  if (!changed.Evaluate().ok()) return;
  for (const RandomGraph::Node& other : changed.nodes) {
    for (const Tensor& value : other.values) {
      if (!kFloats.Contains(value.dtype())) continue;
      for (int64_t k = 0; k < value.num_elements(); ++k) {
        if (!(std::abs(value.AsDouble(k)) < 1e4)) return;
      }
    }
  }
  graph_ = std::move(changed);
}

RandomGraph RandomGraphWriter::Write() {
  large_ = random_.OneIn(20);
  if (large_) most_elements_ = kManyElements, most_products_ = kManyProducts;
  batched_ = !random_.OneIn(3);
  first_ = !random_.OneIn(3);
  batch_ = random_.Pick<int64_t>({1, 1, 2, 3, 5});
  if (!batched_ && random_.OneIn(2)) batch_ = 1;
  const auto side = [&] {
    if (large_) return random_.Pick<int64_t>({7, 14, 20, 28, 31, 48, 56});
    return random_.Pick<int64_t>({1, 3, 4, 5, 7, 8, 9, 12, 14, 17, 19, 28, 33});
  };
  const int64_t kind = random_.Below(8);
  for (int64_t inputs = random_.OneIn(3) ? 2 : 1; inputs > 0; --inputs) {
    Shape shape = {batch_};
    if (kind < 5) {
      const int64_t axes = kind == 0 ? 1 : kind == 1 && random_.OneIn(2) ? 3 : 2;
      const int64_t channels = random_.OneIn(3) ? 3 : SomeChannels();
      if (first_) shape.Append(channels);
      for (int64_t axis = 0; axis < axes; ++axis) shape.Append(axes == 1 ? side() * 3 : side());
      if (!first_) shape.Append(channels);
    } else if (kind < 7) {
      shape.Append(side());
      shape.Append(SomeChannels());
    } else {
      shape.Append(SomeChannels());
    }
    if (shape.num_elements() > most_elements_) shape = {batch_, 3, 7, 7};
    Input(shape);
  }
  using Part = Ref (RandomGraphWriter::*)();
  const std::vector<Part> image = {&RandomGraphWriter::Conv,
                                   &RandomGraphWriter::Conv,
                                   &RandomGraphWriter::Conv,
                                   &RandomGraphWriter::Conv,
                                   &RandomGraphWriter::Conv,
                                   &RandomGraphWriter::ConvTranspose,
                                   &RandomGraphWriter::Pool,
                                   &RandomGraphWriter::Pool,
                                   &RandomGraphWriter::Norm,
                                   &RandomGraphWriter::Norm,
                                   &RandomGraphWriter::SqueezeAndExcite,
                                   &RandomGraphWriter::ChannelShuffle,
                                   &RandomGraphWriter::PadOf,
                                   &RandomGraphWriter::Resize,
                                   &RandomGraphWriter::GlobalPool,
                                   &RandomGraphWriter::ModulatedConv};
  const std::vector<Part> lists = {&RandomGraphWriter::MatMul,      &RandomGraphWriter::MatMul,
                                   &RandomGraphWriter::MatMul,      &RandomGraphWriter::Gemm,
                                   &RandomGraphWriter::Attention,   &RandomGraphWriter::Attention,
                                   &RandomGraphWriter::Softmax,     &RandomGraphWriter::Norm,
                                   &RandomGraphWriter::NormInParts, &RandomGraphWriter::Recurrent};
  const std::vector<Part> any = {
      &RandomGraphWriter::Activation,  &RandomGraphWriter::ActivationInParts,
      &RandomGraphWriter::Binary,      &RandomGraphWriter::Binary,
      &RandomGraphWriter::Binary,      &RandomGraphWriter::Chain,
      &RandomGraphWriter::Chain,       &RandomGraphWriter::Gate,
      &RandomGraphWriter::Concat,      &RandomGraphWriter::Concat,
      &RandomGraphWriter::Split,       &RandomGraphWriter::SliceOf,
      &RandomGraphWriter::Reshape,     &RandomGraphWriter::Reshape,
      &RandomGraphWriter::Transpose,   &RandomGraphWriter::Reduce,
      &RandomGraphWriter::NormInParts, &RandomGraphWriter::Gather,
      &RandomGraphWriter::Casts,       &RandomGraphWriter::Choose,
      &RandomGraphWriter::Steps,       &RandomGraphWriter::Other,
      &RandomGraphWriter::Softmax,     &RandomGraphWriter::Gemm,
      &RandomGraphWriter::MatMul};
  const int64_t most = large_ ? 1 + random_.Below(8) : 3 + random_.Below(30);
  for (int attempt = 0; attempt < 50; ++attempt) {
    const int64_t written = absl::c_count_if(
        graph_.nodes, [](const RandomGraph::Node& node) { return !node.is_leaf(); });
    if (written >= most) break;
    const std::vector<Part>& parts = random_.OneIn(2) ? any : kind < 5 ? image : lists;
    (this->*random_.Pick(parts))();
  }
  for (int64_t changes = random_.OneIn(2) ? random_.Below(6) : 0; changes > 0; --changes) Rewire();
  // What nothing reads is an output, and some of what is read; a little is not needed at all.
  std::vector<std::vector<bool>> read(graph_.nodes.size());
  for (size_t n = 0; n < graph_.nodes.size(); ++n) read[n].resize(graph_.nodes[n].values.size());
  for (const RandomGraph::Node& node : graph_.nodes) {
    for (const Ref input : node.inputs) {
      if (input.node >= 0) read[input.node][input.output] = true;
    }
  }
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const bool leaf = graph_.nodes[n].is_leaf();
    for (size_t k = 0; k < read[n].size(); ++k) {
      const bool wanted = leaf         ? random_.OneIn(60)
                          : read[n][k] ? random_.OneIn(12)
                                       : !random_.OneIn(8);
      if (wanted) graph_.outputs.push_back({static_cast<int>(n), static_cast<int>(k)});
    }
  }
  if (graph_.outputs.empty())
    graph_.outputs.push_back({static_cast<int>(graph_.nodes.size()) - 1, 0});
  return std::move(graph_);
}

RandomGraph WriteRandomGraph(uint64_t seed) {
  return RandomGraphWriter(seed * 0x9e3779b97f4a7c15 + 1).Write();
}

}  // namespace nomograph
