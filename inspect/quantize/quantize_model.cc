#include "nomograph/inspect/quantize/quantize_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/edit/subgraph.h"
#include "nomograph/inspect/quantize/node_queries.h"
#include "nomograph/inspect/quantize/quantize_tensor.h"
#include "nomograph/inspect/selector.h"

namespace nomograph {
namespace {

// Of weights, and of constants that nodes hold, each once.
int64_t WeightBytes(const Graph& graph) {
  int64_t bytes = 0;
  absl::flat_hash_set<const std::byte*> counted;
  const auto count = [&](const Tensor& tensor) {
    if (counted.insert(tensor.raw_data()).second) bytes += tensor.num_bytes();
  };
  for (const Weight& weight : graph.weights) count(weight.tensor);
  for (const Node& node : graph.nodes) {
    for (const auto& [name, value] : node.attrs) {
      if (const auto* tensor = value.As<Tensor>()) count(*tensor);
    }
  }
  return bytes;
}

bool IsFinite(const Tensor& tensor) {
  const auto x = tensor.data<float>();
  return std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); });
}

// Adds values, weights and nodes to a graph under names that nothing else has.
class Writer {
 public:
  explicit Writer(Graph& graph) : graph_(graph) {
    for (const Node& node : graph.nodes) nodes_.Reserve(node.name);
    for (const ValueInfo& value : graph.values) values_.Reserve(value.name);
  }
  ValueId AddWeight(absl::string_view wish, Tensor tensor) {
    const ValueId id = graph_.AddValue(values_.Take(wish), tensor.type());
    graph_.weights.push_back({.value = id, .tensor = std::move(tensor), .trainable = false});
    return id;
  }
  // A node with one output, whose type inference finds.
  Node Make(absl::string_view op, absl::string_view wish, std::vector<ValueId> inputs, DType dtype,
            PartialShape shape, Attributes attrs = {}) {
    const ValueId output = graph_.AddValue(values_.Take(wish), {dtype, std::move(shape)});
    return {.name = nodes_.Take(wish),
            .op = std::string(op),
            .attrs = std::move(attrs),
            .inputs = std::move(inputs),
            .outputs = {output}};
  }

 private:
  Graph& graph_;
  UniqueNames nodes_, values_;
};

// A node that is quantised, with those behind it that become part of it.
struct Candidate {
  QuantizedInputs inputs;
  int bias_node = -1;  // adds a constant to each output channel
  ValueId bias = kNoValue;
  int bound_node = -1;
  ValueId sum = kNoValue;     // what node and bias yield
  ValueId result = kNoValue;  // what is within the bounds
};

class Quantizer {
 public:
  Quantizer(Model model, const OpRegistry& registry) : registry_(registry) {
    quantized_.model = std::move(model);
    quantized_.weight_bytes_before = WeightBytes(graph());
    outputs_.insert(graph().outputs.begin(), graph().outputs.end());
  }

  absl::StatusOr<Quantized> Run(const QuantizeOptions& options) {
    if (options.weight_bits != 7 && options.weight_bits != 8) {
      return InvalidArgument("weight_bits: expected 7 or 8, found ", options.weight_bits);
    }
    limit_ = (1 << (options.weight_bits - 1)) - 1;
    NOMO_RETURN_IF_ERROR(Prepare(options.exclude));
    NOMO_RETURN_IF_ERROR(FindRanges(options));
    NOMO_RETURN_IF_ERROR(Rewrite());
    return Finish();
  }

  absl::StatusOr<Quantized> Run(const QuantizeWeightsOptions& options) {
    if (options.bits != 4 && options.bits != 8) {
      return InvalidArgument("bits: expected 4 or 8, found ", options.bits);
    }
    if (options.block_size < 2) {
      return InvalidArgument("block_size: expected 2 or more, found ", options.block_size);
    }
    NOMO_RETURN_IF_ERROR(Prepare(options.exclude));
    NOMO_RETURN_IF_ERROR(RewriteWeights(options));
    return Finish();
  }

 private:
  Graph& graph() { return quantized_.model.graph; }
  const ValueInfo& value(ValueId id) { return graph().value(id); }

  absl::Status Prepare(const std::string& exclude) {
    for (const Node& node : graph().nodes) {
      if (node.op == "quant.QuantizeLinear" || node.op == "quant.DequantizeLinear") {
        return InvalidArgument("the model is quantised already: ", NodePlace(node.name, node.op));
      }
    }
    absl::flat_hash_set<std::string> excluded;
    if (!exclude.empty()) {
      NOMO_ASSIGN_OR_RETURN(const Selection selection,
                            Select(quantized_.model, exclude, registry_));
      for (const GraphSelection& part : selection.graphs) {
        if (part.graph != &graph()) continue;
        for (const int n : part.WithProducers()) excluded.insert(graph().nodes[n].name);
      }
    }
    // What is absorbed may stand ahead of another such map.
    constexpr int kMostInARow = 8;
    for (int i = 0; i < kMostInARow; ++i) {
      NOMO_ASSIGN_OR_RETURN(const bool changed, AbsorbAffines(excluded));
      if (!changed) break;
    }
    NOMO_ASSIGN_OR_RETURN(NodeQueries queries, NodeQueries::Create(quantized_.model, registry_));
    queries_.emplace(std::move(queries));
    FindCandidates(excluded);
    if (candidates_.empty()) {
      return InvalidArgument(
          "there is nothing to quantise: no node computes products of float32 with constant "
          "weights",
          quantized_.left.empty() ? "" : " that is not left out");
    }
    return absl::OkStatus();
  }

  // Affine maps of channels go into the weights of the node ahead of them.
  absl::StatusOr<bool> AbsorbAffines(const absl::flat_hash_set<std::string>& excluded) {
    NOMO_ASSIGN_OR_RETURN(const NodeQueries queries,
                          NodeQueries::Create(quantized_.model, registry_));
    Writer writer(graph());
    std::vector<bool> keep(graph().nodes.size(), true);
    for (size_t n = 0; n < graph().nodes.size(); ++n) {
      if (excluded.contains(graph().nodes[n].name) || !queries.Quantized(n)) continue;
      const int map = queries.OnlyReader(graph().nodes[n].outputs[0]);
      if (map < 0 || graph().nodes[map].inputs[0] != graph().nodes[n].outputs[0]) continue;
      const std::optional<ChannelAffine> affine = queries.Affine(map, 0);
      if (!affine) continue;
      const std::vector<Tensor> absorbed = queries.Absorbed(static_cast<int>(n), *affine);
      if (absorbed.empty()) continue;
      Node& node = graph().nodes[n];
      node.inputs.resize(std::max(node.inputs.size(), absorbed.size()), kNoValue);
      for (size_t i = 0; i < absorbed.size(); ++i) {
        if (!absorbed[i].valid()) continue;
        const std::string name = node.inputs[i] == kNoValue ? absl::StrCat(node.name, "/bias")
                                                            : value(node.inputs[i]).name;
        node.inputs[i] = writer.AddWeight(name, absorbed[i]);
      }
      node.outputs = graph().nodes[map].outputs;
      node.signature.reset();
      keep[map] = false;
    }
    std::vector<Node> kept;
    for (size_t n = 0; n < keep.size(); ++n) {
      if (keep[n]) kept.push_back(std::move(graph().nodes[n]));
    }
    const bool changed = kept.size() < keep.size();
    graph().nodes = std::move(kept);
    return changed;
  }

  // Why a node whose op can be quantised is not; empty where it is.
  std::string Refusal(const Node& node, const QuantizedInputs& inputs) {
    for (const int i : inputs.activations) {
      const ValueId id = node.inputs[i];
      if (value(id).type.dtype != DType::kFloat32) return "it is not float32";
      if (queries_->constant(id).valid()) return "an operand is constant";
    }
    if (inputs.weight < 0) return "";
    const Tensor& weight = queries_->constant(node.inputs[inputs.weight]);
    if (!weight.valid() || weight.dtype() != DType::kFloat32) return "its weights are not constant";
    if (!IsFinite(weight)) return "its weights hold NaN or infinity";
    return "";
  }

  void FindCandidates(const absl::flat_hash_set<std::string>& excluded) {
    absl::flat_hash_set<ValueId> results;  // of candidates
    for (size_t n = 0; n < graph().nodes.size(); ++n) {
      const Node& node = graph().nodes[n];
      const std::optional<QuantizedInputs> inputs = queries_->Quantized(static_cast<int>(n));
      if (!inputs) continue;
      const bool between = std::all_of(inputs->activations.begin(), inputs->activations.end(),
                                       [&](int i) { return results.contains(node.inputs[i]); });
      if (inputs->only_between && !between) continue;
      const std::string why =
          excluded.contains(node.name) ? "it is excluded" : Refusal(node, *inputs);
      if (!why.empty()) {
        quantized_.left.push_back({node.name, node.op, why});
        continue;
      }
      Candidate candidate = Extended(node, *inputs);
      results.insert(candidate.result);
      candidates_.emplace(n, std::move(candidate));
    }
  }

  // With a bias and bounds that stand behind the node.
  Candidate Extended(const Node& node, const QuantizedInputs& inputs) {
    Candidate candidate{.inputs = inputs, .sum = node.outputs[0], .result = node.outputs[0]};
    const auto next = [&] { return queries_->OnlyReader(candidate.result); };
    if (inputs.weight >= 0 && inputs.bias < 0 && next() >= 0) {
      const Node& add = graph().nodes[next()];
      const int input = add.inputs[0] == candidate.result ? 0 : 1;
      const auto affine = queries_->Affine(next(), input);
      if (affine && add.inputs.size() == 2 && IsBias(*affine, add.inputs[1 - input])) {
        candidate.bias_node = next();
        candidate.bias = add.inputs[1 - input];
        candidate.sum = candidate.result = add.outputs[0];
      }
    }
    const int has_bias = inputs.bias >= 0 && inputs.bias < static_cast<int>(node.inputs.size());
    if (has_bias) candidate.bias = node.inputs[inputs.bias];
    if (next() >= 0 && queries_->IsBound(next())) {
      candidate.bound_node = next();
      candidate.result = graph().nodes[next()].outputs[0];
    }
    return candidate;
  }

  bool IsBias(const ChannelAffine& affine, ValueId operand) {
    const Tensor& constant = queries_->constant(operand);
    return constant.valid() && constant.shape().rank() == 1 &&
           std::all_of(affine.factors.begin(), affine.factors.end(),
                       [](double factor) { return factor == 1; });
  }

  // Of all that is quantised: what candidates read and yield.
  absl::Status FindRanges(const QuantizeOptions& options) {
    std::vector<ValueId> values;
    const auto add = [&](ValueId id) {
      if (scales_.emplace(id, ActivationScale()).second) values.push_back(id);
    };
    for (size_t n = 0; n < graph().nodes.size(); ++n) {
      const auto found = candidates_.find(n);
      if (found == candidates_.end()) continue;
      for (const int i : found->second.inputs.activations) add(graph().nodes[n].inputs[i]);
      if (!IsOutput(found->second.result)) add(found->second.result);
    }
    NOMO_ASSIGN_OR_RETURN(
        const std::vector<Range> ranges,
        CalibrateRanges(quantized_.model, values, options.samples, options.calibration));
    for (size_t i = 0; i < values.size(); ++i) scales_[values[i]] = ScaleOf(ranges[i]);
    quantized_.values = static_cast<int64_t>(values.size());
    return absl::OkStatus();
  }

  bool IsOutput(ValueId id) const { return outputs_.contains(id); }

  absl::Status Rewrite() {
    std::vector<Node> given = std::move(graph().nodes);
    graph().nodes = given;  // names are taken
    Writer writer(graph());
    std::vector<Node> nodes;
    absl::flat_hash_map<ValueId, ValueId> everywhere, for_candidates;
    absl::flat_hash_map<int, const Candidate*> ends;  // the nodes that yield sums
    absl::flat_hash_set<int> gone;
    for (size_t n = 0; n < given.size(); ++n) {
      if (gone.contains(static_cast<int>(n))) continue;
      Node node = given[n];
      const auto found = candidates_.find(n);
      if (found != candidates_.end()) {
        const Candidate& candidate = found->second;
        for (const int i : candidate.inputs.activations) {
          const ValueId id = node.inputs[i];
          if (everywhere.contains(id)) continue;
          if (!for_candidates.contains(id)) for_candidates[id] = AddPair(writer, id, id, nodes);
          node.inputs[i] = for_candidates[id];
        }
        const float x_scale = scales_.at(given[n].inputs[candidate.inputs.activations[0]]).scale;
        NOMO_RETURN_IF_ERROR(QuantizeOperands(writer, candidate, x_scale, node, nodes));
        ends[candidate.bias_node >= 0 ? candidate.bias_node : static_cast<int>(n)] = &candidate;
        const bool stays = IsOutput(candidate.result);
        if (candidate.bound_node >= 0 && !stays) gone.insert(candidate.bound_node);
        node.signature.reset();
        ++quantized_.nodes;
      }
      for (ValueId& id : node.inputs) {
        if (const auto other = everywhere.find(id); other != everywhere.end()) id = other->second;
      }
      const auto end = ends.find(static_cast<int>(n));
      if (const auto bias = end == ends.end() ? biases_.end() : biases_.find(end->second);
          bias != biases_.end()) {
        std::replace(node.inputs.begin(), node.inputs.end(), end->second->bias, bias->second);
        node.signature.reset();
      }
      nodes.push_back(std::move(node));
      if (end == ends.end() || IsOutput(end->second->result)) continue;
      const Candidate& candidate = *end->second;
      everywhere[candidate.result] = AddPair(writer, candidate.sum, candidate.result, nodes);
    }
    graph().nodes = std::move(nodes);
    return absl::OkStatus();
  }

  // Quantises `from` by the scale of `by` and dequantises it again; yields that.
  ValueId AddPair(Writer& writer, ValueId from, ValueId by, std::vector<Node>& nodes) {
    const std::string name = value(by).name;
    const PartialShape shape = value(by).type.shape;
    const ActivationScale& scale = scales_.at(by);
    const ValueId s =
        writer.AddWeight(absl::StrCat(name, "_scale"), Tensor::Scalar<float>(scale.scale));
    const ValueId zero = writer.AddWeight(absl::StrCat(name, "_zero_point"),
                                          Tensor::Scalar<uint8_t>(scale.zero_point));
    nodes.push_back(writer.Make("quant.QuantizeLinear", absl::StrCat(name, "_quantized"),
                                {from, s, zero}, DType::kUInt8, shape));
    const ValueId integers = nodes.back().outputs[0];
    nodes.push_back(writer.Make("quant.DequantizeLinear", absl::StrCat(name, "_dequantized"),
                                {integers, s, zero}, DType::kFloat32, shape));
    return nodes.back().outputs[0];
  }

  // Puts dequantised integers in the place of a node's weight and bias.
  absl::Status QuantizeOperands(Writer& writer, const Candidate& candidate, float x_scale,
                                Node& node, std::vector<Node>& nodes) {
    const QuantizedInputs& inputs = candidate.inputs;
    if (inputs.weight < 0) return absl::OkStatus();
    const Tensor& weight = queries_->constant(node.inputs[inputs.weight]);
    const Tensor bias = candidate.bias == kNoValue ? Tensor() : queries_->constant(candidate.bias);
    const bool biased = bias.valid() && bias.dtype() == DType::kFloat32 && IsFinite(bias) &&
                        bias.shape() == Shape{weight.shape()[inputs.channels]};
    const std::vector<float> scales =
        WeightScales(weight, inputs.channels, biased ? bias : Tensor(), x_scale);
    NOMO_ASSIGN_OR_RETURN(const Tensor integers,
                          QuantizeAlong(weight, inputs.channels, scales, limit_));
    const std::string name = value(node.inputs[inputs.weight]).name;
    node.inputs[inputs.weight] =
        AddDequantized(writer, name, integers, scales, inputs.channels, nodes);
    ++quantized_.weights;
    if (!biased) return absl::OkStatus();
    std::vector<float> bias_scales;
    std::vector<int32_t> sums;
    for (size_t i = 0; i < scales.size(); ++i) {
      bias_scales.push_back(x_scale * scales[i]);
      const double sum = std::nearbyint(bias.data<float>()[i] / double{bias_scales[i]});
      sums.push_back(static_cast<int32_t>(std::clamp(sum, -2147483647.0, 2147483647.0)));
    }
    const ValueId quantized_bias =
        AddDequantized(writer, value(candidate.bias).name,
                       Tensor::Of<int32_t>(bias.shape(), absl::MakeConstSpan(sums)), bias_scales,
                       /*axis=*/0, nodes);
    if (candidate.bias_node >= 0) {
      biases_[&candidate] = quantized_bias;
    } else {
      node.inputs[inputs.bias] = quantized_bias;
    }
    return absl::OkStatus();
  }

  // By output channel. Channels of zeros share the least scale of the others, and no bias becomes
  // more than an int32 holds.
  std::vector<float> WeightScales(const Tensor& weight, int channels, const Tensor& bias,
                                  float x_scale) const {
    std::vector<float> scales = LargestAlong(weight, channels);
    float least = std::numeric_limits<float>::infinity();
    for (float& scale : scales) {
      scale /= static_cast<float>(limit_);
      if (scale > 1e-30f) least = std::min(least, scale);
    }
    if (!std::isfinite(least)) least = 1;
    for (size_t i = 0; i < scales.size(); ++i) {
      if (!(scales[i] > 1e-30f)) scales[i] = least;
      if (!bias.valid()) continue;
      constexpr float kMost = 1 << 30;
      scales[i] = std::max(scales[i], std::abs(bias.data<float>()[i]) / x_scale / kMost);
    }
    return scales;
  }

  // `name` is a copy: what is added moves the values that have the names.
  ValueId AddDequantized(Writer& writer, std::string name, Tensor integers,
                         const std::vector<float>& scales, int axis, std::vector<Node>& nodes) {
    const Shape shape = integers.shape();
    const Shape channels = {static_cast<int64_t>(scales.size())};
    const DType dtype = integers.dtype();
    std::vector<ValueId> inputs = {
        writer.AddWeight(absl::StrCat(name, "_quantized"), std::move(integers)),
        writer.AddWeight(absl::StrCat(name, "_scale"),
                         Tensor::Of<float>(channels, absl::MakeConstSpan(scales)))};
    inputs.push_back(
        writer.AddWeight(absl::StrCat(name, "_zero_point"), Tensor::Full(dtype, channels, 0)));
    nodes.push_back(writer.Make("quant.DequantizeLinear", absl::StrCat(name, "_dequantized"),
                                std::move(inputs), DType::kFloat32, PartialShape(shape),
                                {{"axis", axis}}));
    return nodes.back().outputs[0];
  }

  absl::Status RewriteWeights(const QuantizeWeightsOptions& options) {
    const std::vector<Node> given = graph().nodes;
    Writer writer(graph());
    std::vector<Node> nodes;
    for (size_t n = 0; n < given.size(); ++n) {
      Node node = given[n];
      const auto found = candidates_.find(n);
      if (found != candidates_.end() && found->second.inputs.weight >= 0) {
        const QuantizedInputs& inputs = found->second.inputs;
        const ValueId id = node.inputs[inputs.weight];
        const auto key = std::pair(id, inputs.channels);
        if (!shared_.contains(key)) {
          NOMO_ASSIGN_OR_RETURN(shared_[key], QuantizeWeight(options, writer, id, inputs, nodes));
          ++quantized_.weights;
        }
        node.inputs[inputs.weight] = shared_[key];
        node.signature.reset();
        ++quantized_.nodes;
      }
      nodes.push_back(std::move(node));
    }
    graph().nodes = std::move(nodes);
    return absl::OkStatus();
  }

  absl::StatusOr<ValueId> QuantizeWeight(const QuantizeWeightsOptions& options, Writer& writer,
                                         ValueId id, const QuantizedInputs& inputs,
                                         std::vector<Node>& nodes) {
    const std::string name = value(id).name;
    const Tensor& weight = queries_->constant(id);
    if (options.bits == 8 || weight.shape().rank() != 2) {
      const std::vector<float> scales = WeightScales(weight, inputs.channels, Tensor(), 1);
      NOMO_ASSIGN_OR_RETURN(const Tensor integers,
                            QuantizeAlong(weight, inputs.channels, scales, limit_));
      return AddDequantized(writer, name, integers, scales, inputs.channels, nodes);
    }
    const int axis = 1 - inputs.channels;
    NOMO_ASSIGN_OR_RETURN(Blocks blocks, QuantizeBlocks(weight, axis, options.block_size));
    const ValueId integers =
        writer.AddWeight(absl::StrCat(name, "_quantized"), std::move(blocks.integers));
    const ValueId scales = writer.AddWeight(absl::StrCat(name, "_scale"), std::move(blocks.scales));
    nodes.push_back(writer.Make("quant.DequantizeLinear", absl::StrCat(name, "_dequantized"),
                                {integers, scales}, DType::kFloat32, PartialShape(weight.shape()),
                                {{"axis", axis}, {"block_size", options.block_size}}));
    return nodes.back().outputs[0];
  }

  absl::StatusOr<Quantized> Finish() {
    Model& model = quantized_.model;
    model.golden_vectors.clear();
    RemoveUnused(model, registry_);
    NOMO_RETURN_IF_ERROR(TypeInferrer(model.functions, registry_).InferGraph(model.graph));
    NOMO_RETURN_IF_ERROR(VerifyModel(model));
    quantized_.weight_bytes_after = WeightBytes(model.graph);
    return std::move(quantized_);
  }

  const OpRegistry& registry_;
  Quantized quantized_;
  std::optional<NodeQueries> queries_;  // of the graph as it was before it is rewritten
  absl::flat_hash_set<ValueId> outputs_;
  int limit_ = 127;
  std::map<size_t, Candidate> candidates_;  // by node
  absl::flat_hash_map<ValueId, ActivationScale> scales_;
  absl::flat_hash_map<const Candidate*, ValueId> biases_;
  absl::flat_hash_map<std::pair<ValueId, int>, ValueId> shared_;
};

}  // namespace

absl::StatusOr<Quantized> QuantizeModel(Model model, const QuantizeOptions& options,
                                        const OpRegistry& registry) {
  return Quantizer(std::move(model), registry).Run(options);
}

absl::StatusOr<Quantized> QuantizeWeights(Model model, const QuantizeWeightsOptions& options,
                                          const OpRegistry& registry) {
  return Quantizer(std::move(model), registry).Run(options);
}

}  // namespace nomograph
