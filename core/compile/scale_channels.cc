// A pass: factors of computed weights become factors of what they are multiplied by, or of the
// result.
//
// A modulated convolution (StyleGAN2, https://arxiv.org/abs/1912.04958, section 2.2) multiplies
// its weights by a style, a factor for each input channel, and divides them by a norm, one for each
// output channel. As written each run passes over all weights several times, and no kernel can pack
// them beforehand. A convolution is linear in its weights: the first factor may be the input's, the
// second one the output's, and the weights are constant. Results differ in how they are rounded.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/compile/specs.h"

namespace nomograph {
namespace {

// Longer chains are left as they are.
constexpr int kMaxChain = 16;

// Weights as the nodes compute them, from the last node to the constant.
struct ScaledWeights {
  ValueId constant = kNoValue;
  std::vector<int> moves;                      // nodes that bring it into another order
  std::vector<ValueId> of_inputs, of_outputs;  // factors for each channel, or for all
};

// Where `factor` broadcasts to `shape` along one axis at most, that axis: -1 for one number. None
// where it does along several.
std::optional<int> AxisOf(const Shape& factor, const Shape& shape) {
  if (factor.rank() > shape.rank()) return std::nullopt;
  int found = -1;
  for (int i = 0; i < factor.rank(); ++i) {
    if (factor[i] == 1) continue;
    if (found >= 0) return std::nullopt;
    found = i + shape.rank() - factor.rank();
  }
  return found;
}

// Which axis of a view's input is the view's `axis`, where the two differ in axes of size 1 only.
std::optional<int> AxisBehindView(const Shape& view, const Shape& input, int axis) {
  int before = 0;
  for (int i = 0; i < axis; ++i) before += view[i] != 1 ? 1 : 0;
  std::vector<int> of_view, of_input;
  for (int i = 0; i < view.rank(); ++i) {
    if (view[i] != 1) of_view.push_back(i);
  }
  for (int i = 0; i < input.rank(); ++i) {
    if (input[i] != 1) of_input.push_back(i);
  }
  const auto same = [&](int v, int i) { return view[v] == input[i]; };
  if (view[axis] == 1 ||
      !std::equal(of_view.begin(), of_view.end(), of_input.begin(), of_input.end(), same)) {
    return std::nullopt;
  }
  return of_input[before];
}

class Scaler {
 public:
  Scaler(LoweredGraph& graph, const OpDef& mul, const OpDef& reshape, const OpDef& transpose,
         const FoldLimits& limits)
      : graph_(graph),
        mul_(mul),
        reshape_(reshape),
        transpose_(transpose),
        budget_(limits),
        producers_(graph.Producers()) {}

  bool Run() {
    // By node: what takes its place. The nodes that are looked back at stay until the end.
    std::vector<std::vector<LoweredNode>> replaced(graph_.nodes.size());
    bool changed = false;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      replaced[n] = Replace(graph_.nodes[n]);
      changed |= !replaced[n].empty();
    }
    if (!changed) return false;
    std::vector<LoweredNode> nodes;
    for (size_t n = 0; n < replaced.size(); ++n) {
      if (replaced[n].empty()) nodes.push_back(std::move(graph_.nodes[n]));
      std::move(replaced[n].begin(), replaced[n].end(), std::back_inserter(nodes));
    }
    graph_.nodes = std::move(nodes);
    return true;
  }

 private:
  bool IsFloat(ValueId id) const {
    return id != kNoValue && graph_.types[id].dtype == DType::kFloat32 &&
           graph_.types[id].shape.fully_known();
  }
  Shape ShapeOf(ValueId id) const { return graph_.types[id].shape.ToShape(); }

  // None where nothing is to be done.
  std::vector<LoweredNode> Replace(const LoweredNode& node) {
    if (!node.op->channel_axes || node.inputs.size() < 2 || node.outputs.size() != 1) return {};
    const ValueId x = node.inputs[0], y = node.outputs[0];
    if (!IsFloat(x) || !IsFloat(node.inputs[1]) || !IsFloat(y)) return {};
    if (graph_.constants[node.inputs[1]].valid()) return {};
    const Operands operands(graph_, node.inputs);
    const std::optional<ChannelAxes> axes = node.op->channel_axes(operands.Context(node.attrs));
    if (!axes) return {};
    const std::optional<ScaledWeights> weights = Trace(node.inputs[1], *axes);
    if (!weights) return {};
    const ValueId constant = Moved(*weights);
    if (constant == kNoValue) return {};

    std::vector<LoweredNode> nodes;
    LoweredNode scaled = node;
    scaled.inputs[1] = constant;
    const int rank = ShapeOf(x).rank();
    if (!weights->of_inputs.empty()) {
      const ValueId factor =
          Product(node.name, "of_inputs", weights->of_inputs, rank, axes->input, nodes);
      scaled.inputs[0] = Append(mul_, absl::StrCat(node.name, "/scaled_input"), {x, factor}, {},
                                graph_.types[x], nodes);
    }
    if (weights->of_outputs.empty()) {
      nodes.push_back(std::move(scaled));
      return nodes;
    }
    const ValueId factor =
        Product(node.name, "of_outputs", weights->of_outputs, rank, axes->output, nodes);
    scaled.outputs[0] = graph_.AddValue(graph_.types[y]);
    const ValueId unscaled = scaled.outputs[0];
    nodes.push_back(std::move(scaled));
    nodes.push_back(
        Node(mul_, absl::StrCat(node.name, "/scaled_output"), {unscaled, factor}, {}, y));
    return nodes;
  }

  // From the weights to a constant, where there is nothing but factors of channels on the way.
  std::optional<ScaledWeights> Trace(ValueId value, ChannelAxes axes) const {
    ScaledWeights weights;
    for (int step = 0; step < kMaxChain; ++step) {
      if (graph_.constants[value].valid()) {
        if (weights.of_inputs.empty() && weights.of_outputs.empty()) return std::nullopt;
        weights.constant = value;
        return weights;
      }
      const int n = static_cast<size_t>(value) < producers_.size() ? producers_[value] : -1;
      if (n < 0) return std::nullopt;
      const LoweredNode& node = graph_.nodes[n];
      const bool ahead = node.outputs.size() == 1 && node.post_ops.empty() &&
                         !node.inputs.empty() && IsFloat(node.inputs[0]);
      if (!ahead) return std::nullopt;
      const std::optional<ValueId> before =
          node.op == &mul_ ? BehindFactor(node, axes, weights) : BehindMove(node, axes);
      if (!before) return std::nullopt;
      if (node.op != &mul_) weights.moves.push_back(n);
      value = *before;
    }
    return std::nullopt;
  }

  std::optional<ValueId> BehindFactor(const LoweredNode& mul, const ChannelAxes& axes,
                                      ScaledWeights& weights) const {
    const Shape shape = ShapeOf(mul.outputs[0]);
    for (const int side : {0, 1}) {
      const ValueId factor = mul.inputs[1 - side], rest = mul.inputs[side];
      if (!IsFloat(factor) || !IsFloat(rest) || ShapeOf(rest) != shape) continue;
      const std::optional<int> axis = AxisOf(ShapeOf(factor), shape);
      if (!axis || (*axis >= 0 && *axis != axes.weights_in && *axis != axes.weights_out)) continue;
      (*axis >= 0 && *axis == axes.weights_in ? weights.of_inputs : weights.of_outputs)
          .push_back(factor);
      return rest;
    }
    return std::nullopt;
  }

  std::optional<ValueId> BehindMove(const LoweredNode& node, ChannelAxes& axes) const {
    const ValueId input = node.inputs[0];
    const Shape shape = ShapeOf(node.outputs[0]), before = ShapeOf(input);
    std::optional<int> in, out;
    if (node.op == &transpose_) {
      const std::vector<int64_t> perm = PermOf(node, shape.rank());
      in = axes.weights_in < 0 ? -1 : static_cast<int>(perm[axes.weights_in]);
      out = static_cast<int>(perm[axes.weights_out]);
    } else if (node.op->is_view) {
      in = axes.weights_in < 0 ? -1 : AxisBehindView(shape, before, axes.weights_in);
      out = AxisBehindView(shape, before, axes.weights_out);
    }
    if (!in || !out) return std::nullopt;
    axes.weights_in = *in;
    axes.weights_out = *out;
    return input;
  }

  // The axes of the input, by the output's. As the op has it: none turn them all round.
  static std::vector<int64_t> PermOf(const LoweredNode& node, int rank) {
    if (node.attrs.Has("perm")) {
      std::vector<int64_t> axes = node.attrs.Ints("perm");
      for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
      return axes;
    }
    std::vector<int64_t> axes;
    for (int i = rank; i-- > 0;) axes.push_back(i);
    return axes;
  }

  // The constant as the nodes that move it leave it, or none where that takes too much.
  ValueId Moved(const ScaledWeights& weights) {
    ValueId value = weights.constant;
    for (size_t i = weights.moves.size(); i-- > 0;) {
      const LoweredNode& node = graph_.nodes[weights.moves[i]];
      std::vector<ValueId> inputs = node.inputs;
      inputs[0] = value;
      const Operands operands(graph_, inputs);
      const TensorType type = graph_.types[node.outputs[0]];
      const std::vector<Tensor> folded =
          FoldNode(*node.op, operands.Context(node.attrs), {&type, 1}, budget_, /*fast=*/true);
      if (folded.empty()) return kNoValue;
      value = graph_.AddValue(folded[0].type());
      graph_.constants[value] = folded[0];
    }
    return value;
  }

  // The product of factors, which then broadcasts along `axis` of `rank`.
  ValueId Product(const std::string& name, absl::string_view what,
                  const std::vector<ValueId>& factors, int rank, int axis,
                  std::vector<LoweredNode>& nodes) {
    ValueId product = kNoValue;
    for (const ValueId factor : factors) {
      std::vector<int64_t> dims(rank, 1);
      dims[axis] = ShapeOf(factor).num_elements();
      const TensorType type(DType::kFloat32, Shape(dims));
      const std::string at = absl::StrCat(name, "/", what, nodes.size());
      const ValueId shaped = Append(reshape_, at, {factor}, {{"shape", dims}}, type, nodes);
      if (product == kNoValue) {
        product = shaped;
        continue;
      }
      const bool longer = dims[axis] > 1;
      product = Append(mul_, absl::StrCat(at, "/product"), {product, shaped}, {},
                       longer ? type : graph_.types[product], nodes);
    }
    return product;
  }

  ValueId Append(const OpDef& op, std::string name, std::vector<ValueId> inputs, Attributes attrs,
                 TensorType type, std::vector<LoweredNode>& nodes) {
    const ValueId output = graph_.AddValue(std::move(type));
    nodes.push_back(Node(op, std::move(name), std::move(inputs), attrs, output));
    return output;
  }

  static LoweredNode Node(const OpDef& op, std::string name, std::vector<ValueId> inputs,
                          const Attributes& attrs, ValueId output) {
    return {.name = std::move(name),
            .op = &op,
            .attrs = *ResolveAttributes(op.attrs, attrs),
            .inputs = std::move(inputs),
            .outputs = {output},
            .post_ops = {},
            .fused = {}};
  }

  LoweredGraph& graph_;
  const OpDef &mul_, &reshape_, &transpose_;
  FoldBudget budget_;
  std::vector<int> producers_;  // by ValueId
};

}  // namespace

bool ScaleChannels(LoweredGraph& graph, const OpRegistry& registry, const FoldLimits& limits) {
  const OpDef *mul = registry.Find("math.Mul"), *reshape = registry.Find("array.Reshape"),
              *transpose = registry.Find("array.Transpose");
  if (mul == nullptr || reshape == nullptr || transpose == nullptr) return false;
  return Scaler(graph, *mul, *reshape, *transpose, limits).Run();
}

}  // namespace nomograph
