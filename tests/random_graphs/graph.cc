#include "nomograph/tests/random_graphs/graph.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using Ref = RandomGraph::Ref;

const Shape& BallastShape() {
  static const Shape& shape = *new Shape{128, 128};
  return shape;
}

// An op that is only a body runs as a model of one node.
absl::StatusOr<std::vector<Tensor>> RunAsModel(const RandomGraph::Node& node,
                                               const std::vector<Tensor>& inputs, int outputs) {
  std::vector<Value> arguments, present;
  std::vector<Tensor> tensors;
  for (const Tensor& input : inputs) {
    arguments.push_back(input.valid() ? InputValue(input.type()) : Value());
    if (!input.valid()) continue;
    present.push_back(arguments.back());
    tensors.push_back(input);
  }
  NOMO_ASSIGN_OR_RETURN(
      const Model model,
      BuildModel(present, CallMulti(node.op, arguments, node.attrs, {.num_outputs = outputs})));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, {.exact = true}));
  return session->Run(tensors);
}

// `value` with each element changed by up to `part` of `scale`, or of itself.
Value Disturbed(const Value& value, const Shape& shape, double part, double scale,
                RandomNumbers& numbers) {
  if (part == 0) return value;
  Tensor change = numbers.Floats(shape, static_cast<float>(part * (scale > 0 ? scale : 1)));
  if (scale > 0) return value + Constant(change);
  for (float& element : change.mutable_data<float>()) element += 1;
  return value * Constant(change);
}

// Whether the op may round what it reads where a program computes in 16 bits: products, recurrent
// layers by themselves, and what may go into the weights of a product.
bool MayRound(const std::string& name) {
  const OpDef& op = *OpRegistry::Default().Find(name);
  return name == "nn.LSTM" || name == "nn.GRU" || name == "nn.RNN" || op.as_affine ||
         op.low_precision == LowPrecision::kGains;
}

double GreatestMagnitude(const Tensor& tensor) {
  double greatest = 0;
  for (const float element : tensor.data<float>()) {
    if (std::isfinite(element)) greatest = std::max<double>(greatest, std::abs(element));
  }
  return greatest;
}

// Makes everything that reads `from` read `to`.
void Redirect(RandomGraph& graph, Ref from, Ref to) {
  for (RandomGraph::Node& node : graph.nodes)
    std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(graph.outputs.begin(), graph.outputs.end(), from, to);
}

// What node `n` of `graph` may be replaced by, the simplest first: an input in the place of each of
// its outputs, or what it reads.
std::vector<RandomGraph> Simpler(const RandomGraph& graph, int n) {
  std::vector<RandomGraph> simpler;
  const RandomGraph::Node& node = graph.nodes[n];
  if (node.is_leaf()) return simpler;
  RandomGraph cut = graph;
  for (size_t k = 0; k < node.values.size(); ++k) {
    Redirect(cut, {n, static_cast<int>(k)}, {static_cast<int>(cut.nodes.size()), 0});
    cut.nodes.push_back({.op = "",
                         .attrs = {},
                         .inputs = {},
                         .values = {node.values[k]},
                         .is_input = true,
                         .batched = node.batched});
  }
  simpler.push_back(std::move(cut));
  for (const Ref input : node.inputs) {
    if (input.node < 0 || graph.value(input).type() != node.values[0].type()) continue;
    RandomGraph bypassed = graph;
    Redirect(bypassed, {n, 0}, input);
    if (bypassed.Evaluate().ok()) simpler.push_back(std::move(bypassed));
  }
  return simpler;
}

}  // namespace

uint64_t RandomNumbers::Next() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Tensor RandomNumbers::Floats(const Shape& shape, float scale) {
  Tensor tensor(DType::kFloat32, shape);
  for (float& element : tensor.mutable_data<float>()) element = scale * Unit();
  return tensor;
}

std::vector<int> RandomGraph::Inputs() const {
  std::vector<int> inputs;
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (nodes[n].is_input) inputs.push_back(static_cast<int>(n));
  }
  return inputs;
}

absl::Status RandomGraph::Evaluate() {
  for (Node& node : nodes) {
    if (node.is_leaf()) continue;
    std::vector<Tensor> inputs;
    for (const Ref input : node.inputs) inputs.push_back(input.node < 0 ? Tensor() : value(input));
    const int outputs = std::max(1, static_cast<int>(node.values.size()));
    const OpDef* op = OpRegistry::Default().Find(node.op);
    if (op == nullptr) return InvalidArgument("no op ", node.op);
    auto values = op->reference ? RunOp(*op, inputs, node.attrs, {.num_outputs = outputs})
                                : RunAsModel(node, inputs, outputs);
    if (!values.ok()) return values.status();
    node.values = *std::move(values);
  }
  return absl::OkStatus();
}

void RandomGraph::RemoveUnused() {
  std::vector<bool> used(nodes.size(), false);
  for (const Ref output : outputs) used[output.node] = true;
  for (size_t n = nodes.size(); n-- > 0;) {
    if (!used[n]) continue;
    for (const Ref input : nodes[n].inputs) {
      if (input.node >= 0) used[input.node] = true;
    }
  }
  std::vector<int> number(nodes.size(), -1);
  std::vector<Node> kept;
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (!used[n]) continue;
    number[n] = static_cast<int>(kept.size());
    kept.push_back(std::move(nodes[n]));
  }
  nodes = std::move(kept);
  for (Node& node : nodes) {
    for (Ref& input : node.inputs) {
      if (input.node >= 0) input.node = number[input.node];
    }
  }
  for (Ref& output : outputs) output.node = number[output.node];
}

std::string RandomGraph::ToString() const {
  const auto name = [](Ref ref) {
    if (ref.node < 0) return std::string("_");
    return ref.output == 0 ? absl::StrCat("%", ref.node)
                           : absl::StrCat("%", ref.node, ".", ref.output);
  };
  const auto names = [&](const std::vector<Ref>& refs) {
    return absl::StrJoin(refs, ", ", [&](std::string* out, Ref ref) { *out += name(ref); });
  };
  std::string text;
  for (size_t n = 0; n < nodes.size(); ++n) {
    const Node& node = nodes[n];
    absl::StrAppend(&text, "%", n, " = ");
    if (node.is_leaf()) {
      absl::StrAppend(&text, node.is_input ? "input" : "constant");
    } else {
      absl::StrAppend(&text, node.op, "(", names(node.inputs), ")");
      if (!node.attrs.empty()) absl::StrAppend(&text, " {", node.attrs.ToString(), "}");
    }
    for (const Tensor& tensor : node.values) {
      absl::StrAppend(&text, "  ", tensor.type().ToString());
      if (node.is_leaf() && tensor.num_elements() <= 8) {
        absl::StrAppend(&text, " = ", tensor.ToString());
      }
    }
    text += "\n";
  }
  absl::StrAppend(&text, "outputs ", names(outputs), "\n");
  return text;
}

absl::StatusOr<Model> BuildRandomModel(const RandomGraph& graph,
                                       const RandomModelOptions& options) {
  RandomNumbers numbers(options.disturbance.seed);
  std::vector<std::vector<Value>> values(graph.nodes.size());
  std::vector<Value> inputs, outputs;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const RandomGraph::Node& node = graph.nodes[n];
    if (!node.is_leaf()) continue;
    const Tensor& given = node.values[0];
    const bool same = given.dtype() != DType::kFloat32 || options.floats == DType::kFloat32;
    const Tensor value = same ? given : given.Cast(options.floats);
    if (!node.is_input) {
      values[n] = {Constant(value)};
      continue;
    }
    TensorType type = value.type();
    if (options.symbolic_batch && node.batched) type.shape[0] = Dim::Symbol("batch");
    inputs.push_back(InputValue(std::move(type), absl::StrCat("in", inputs.size())));
    values[n] = {inputs.back()};
  }
  const bool disturbs = options.disturbance.seed != 0;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const RandomGraph::Node& node = graph.nodes[n];
    if (node.is_leaf()) continue;
    const Disturbance& disturbance = options.disturbance;
    const bool rounds = MayRound(node.op);
    const double part =
        rounds ? std::max(disturbance.of_factors, disturbance.of_inputs) : disturbance.of_inputs;
    std::vector<Value> arguments;
    for (const Ref input : node.inputs) {
      arguments.push_back(input.node < 0 ? Value() : values[input.node][input.output]);
      if (!disturbs || node.same_bits || input.node < 0) continue;
      const Tensor& value = graph.value(input);
      // A number may be one, as an exponent, of which another would be another function.
      const bool is_number = !rounds && graph.nodes[input.node].is_leaf() &&
                             !graph.nodes[input.node].is_input && value.num_elements() == 1;
      if (value.dtype() != DType::kFloat32 || is_number) continue;
      arguments.back() = Disturbed(arguments.back(), value.shape(), part, 0, numbers);
    }
    values[n] = CallMulti(
        node.op, std::move(arguments), node.attrs,
        {.name = absl::StrCat("n", n), .num_outputs = static_cast<int>(node.values.size())});
    for (size_t k = 0; k < node.values.size(); ++k) {
      const Tensor& value = node.values[k];
      if (!disturbs || node.same_bits || value.dtype() != DType::kFloat32) continue;
      values[n][k] = Disturbed(values[n][k], value.shape(), disturbance.of_results,
                               GreatestMagnitude(value), numbers);
    }
  }
  for (const Ref output : graph.outputs) outputs.push_back(values[output.node][output.output]);
  if (options.with_ballast) {
    inputs.push_back(InputValue({DType::kFloat32, BallastShape()}, "ballast"));
    outputs.push_back(Call("math.MatMul", {inputs.back(), inputs.back()}, {}, {.name = "ballast"}));
  }
  return BuildModel(inputs, outputs);
}

Tensor Ballast() { return Tensor::Full(DType::kFloat32, BallastShape(), 1); }

RandomGraph Shrink(RandomGraph graph, const std::function<bool(const RandomGraph&)>& fails) {
  const auto take = [&](RandomGraph candidate) {
    candidate.RemoveUnused();
    if (!fails(candidate)) return false;
    graph = std::move(candidate);
    return true;
  };
  if (graph.outputs.size() > 1) {
    for (const Ref output : std::vector<Ref>(graph.outputs)) {
      RandomGraph one = graph;
      one.outputs = {output};
      if (take(std::move(one))) break;
    }
  }
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (size_t o = graph.outputs.size(); o-- > 0 && graph.outputs.size() > 1;) {
      if (o >= graph.outputs.size()) continue;
      RandomGraph fewer = graph;
      fewer.outputs.erase(fewer.outputs.begin() + static_cast<int64_t>(o));
      smaller |= take(std::move(fewer));
    }
    for (size_t n = graph.nodes.size(); n-- > 0;) {
      if (n >= graph.nodes.size()) continue;  // others went with one that went
      for (RandomGraph& candidate : Simpler(graph, static_cast<int>(n))) {
        if (!take(std::move(candidate))) continue;
        smaller = true;
        break;
      }
    }
  }
  return graph;
}

}  // namespace nomograph
