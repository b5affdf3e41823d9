// Values that two graphs share, computed in both, measured in A's order.
#include "nomograph/inspect/compare/compare.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/compare/find_folds.h"
#include "nomograph/inspect/compare/match_graphs.h"
#include "nomograph/inspect/dump.h"
#include "nomograph/inspect/tensor_stats.h"

namespace nomograph {
namespace {

NonFinite CountNonFinite(const Tensor& tensor) {
  const TensorStats stats = ComputeStats(tensor);
  return {stats.nans, stats.infinities};
}

// Sums round relative to what is summed, not to what is left of it: where numbers are of the order
// of 1000, elements near 0 are off by as much as the others.
Tolerance Scaled(Tolerance tolerance, const TensorStats& expected) {
  const double rms = std::hypot(expected.mean, expected.stddev);
  if (rms > 1) tolerance.atol *= rms;
  return tolerance;
}

ValueComparison Measure(std::string name_a, std::string name_b, const Tensor& a, const Tensor& b,
                        const Tolerance& tolerance) {
  ValueComparison value{.a = std::move(name_a), .b = std::move(name_b)};
  value.type_a = a.type().ToString();
  value.type_b = b.type().ToString();
  if (a.shape() == b.shape()) {
    value.difference = MeasureDifference(b, a, Scaled(tolerance, ComputeStats(a)));
  }
  value.non_finite_a = CountNonFinite(a);
  value.non_finite_b = CountNonFinite(b);
  return value;
}

void FindFirsts(Comparison& comparison) {
  for (size_t i = 0; i < comparison.values.size(); ++i) {
    const ValueComparison& value = comparison.values[i];
    if (comparison.first_apart < 0 && !value.ok()) comparison.first_apart = static_cast<int>(i);
    if (comparison.first_non_finite < 0 && (value.non_finite_a.any() || value.non_finite_b.any())) {
      comparison.first_non_finite = static_cast<int>(i);
    }
  }
}

// Looks into the functions that the first node with a NaN calls. The values have been computed: a
// run that fails now has nothing to add.
void LookInside(const Model& model, const SessionOptions& session_options,
                const NamedTensors& inputs, const RunOptions& run, Comparison& comparison) {
  const std::string& name = comparison.values[comparison.first_non_finite].node;
  const std::vector<Node>& nodes = model.graph.nodes;
  const auto node = std::find_if(nodes.begin(), nodes.end(),
                                 [&](const Node& other) { return other.name == name; });
  if (node == nodes.end() || NamedFunctions(*node).empty()) return;
  auto found = FindNonFinite(model, inputs, session_options, run);
  if (found.ok() && *found && (*found)->path.size() > 1) {
    comparison.first_non_finite_step = *std::move(found);
  }
}

// The producer of each value; -1 for inputs and weights.
std::vector<int> Producers(const Graph& graph) {
  std::vector<int> producers(graph.values.size(), -1);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const ValueId id : graph.nodes[n].outputs) {
      if (id != kNoValue) producers[id] = static_cast<int>(n);
    }
  }
  return producers;
}

// A model beside itself: every value is its own counterpart.
std::vector<ValueId> OwnValues(const Graph& graph) {
  std::vector<ValueId> values(graph.values.size());
  for (size_t v = 0; v < values.size(); ++v) values[v] = static_cast<ValueId>(v);
  return values;
}

// By value of A that of B which means the same numbers.
std::vector<ValueId> Counterparts(const Model& a, const Model& b) {
  const OpRegistry& registry = OpRegistry::Default();
  // What functions hold does not matter for which values are compared.
  const auto no_hash = [](absl::string_view) { return uint64_t{0}; };
  const auto no_progress = [](int64_t) {};
  const GraphIndex index_a(a.graph, registry, no_hash, no_progress);
  const GraphIndex index_b(b.graph, registry, no_hash, no_progress);
  GraphMatch match = MatchGraphs(index_a, index_b);
  const std::vector<std::optional<Fold>> folds = FindFolds(a, index_a, b, index_b, registry, match);
  // What a node into which others are folded yields in B is what the last of those yields in A.
  absl::flat_hash_map<ValueId, ValueId> last;  // of A by value of B
  for (size_t n = 0; n < folds.size(); ++n) {
    if (!folds[n] || folds[n]->into < 0) continue;
    const ValueId id = a.graph.nodes[n].outputs[0];
    const ValueId in_b = match.value_b[id];
    match.value_b[match.value_a[in_b]] = kNoValue;
    const auto [place, is_new] = last.emplace(in_b, id);
    if (!is_new) {
      match.value_b[place->second] = kNoValue;
      place->second = id;
    }
  }
  for (const auto& [in_b, in_a] : last) {
    match.value_b[in_a] = in_b;
    match.value_a[in_b] = in_a;
  }
  return match.value_b;
}

absl::StatusOr<NamedTensors> InputsOfB(const Model& a, const Model& b,
                                       const std::vector<ValueId>& counterparts,
                                       const NamedTensors& inputs) {
  NamedTensors of_b;
  for (const ValueId id : a.graph.inputs) {
    const auto given = inputs.find(a.graph.value(id).name);
    if (given == inputs.end()) {
      return InvalidArgument("there is no input ", Quoted(a.graph.value(id).name));
    }
    const ValueId in_b = counterparts[id];
    if (in_b != kNoValue) of_b[b.graph.value(in_b).name] = given->second;
  }
  for (const ValueId id : b.graph.inputs) {
    if (of_b.count(b.graph.value(id).name) == 0) {
      return InvalidArgument("the second model has an input ", Quoted(b.graph.value(id).name),
                             ", the first has none that stands for it");
    }
  }
  return of_b;
}

// The model's own outputs take the place of those that were computed without fusion.
absl::Status PutOutputs(const Model& model, const NamedTensors& inputs,
                        const SessionOptions& session_options, const RunOptions& run,
                        absl::flat_hash_map<ValueId, Tensor>& values) {
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, session_options));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs, session->Run(inputs, run));
  for (const ValueId id : model.graph.outputs) {
    values[id] = outputs.find(model.graph.value(id).name)->second;
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::flat_hash_map<ValueId, Tensor>> AllValues(const Model& model,
                                                               const std::vector<ValueId>& wanted,
                                                               const NamedTensors& inputs,
                                                               const SessionOptions& session,
                                                               const RunOptions& run) {
  NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> tensors,
                        ComputeValues(model, wanted, inputs, {.session = session, .run = run}));
  absl::flat_hash_map<ValueId, Tensor> values;
  for (size_t i = 0; i < wanted.size(); ++i) values[wanted[i]] = std::move(tensors[i]);
  NOMO_RETURN_IF_ERROR(PutOutputs(model, inputs, session, run, values));
  return values;
}

absl::StatusOr<Comparison> CompareMatched(const Model& a, const Model& b,
                                          const std::vector<ValueId>& counterparts,
                                          const NamedTensors& inputs,
                                          const CompareOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const NamedTensors inputs_b, InputsOfB(a, b, counterparts, inputs));
  Comparison comparison;
  std::vector<ValueId> wanted_a, wanted_b;
  std::vector<bool> has_a(b.graph.values.size(), false);
  for (const ValueId id : ComputedValues(a.graph)) {
    const ValueId in_b = counterparts[id];
    if (in_b == kNoValue) {
      comparison.only_a.push_back(a.graph.value(id).name);
      continue;
    }
    has_a[in_b] = true;
    wanted_a.push_back(id);
    wanted_b.push_back(in_b);
  }
  for (const ValueId id : ComputedValues(b.graph)) {
    if (!has_a[id]) comparison.only_b.push_back(b.graph.value(id).name);
  }
  auto values_a = AllValues(a, wanted_a, inputs, options.session_a, options.run);
  if (!values_a.ok()) return Annotate(values_a.status(), "the first model");
  auto values_b = AllValues(b, wanted_b, inputs_b, options.session_b, options.run);
  if (!values_b.ok()) return Annotate(values_b.status(), "the second model");

  const std::vector<int> producers = Producers(a.graph);
  std::vector<double> max_abs(a.graph.values.size(), -1);
  std::vector<bool> is_output(a.graph.values.size(), false);
  for (const ValueId id : a.graph.outputs) is_output[id] = true;
  for (size_t i = 0; i < wanted_a.size(); ++i) {
    const ValueId id = wanted_a[i];
    ValueComparison value = Measure(a.graph.value(id).name, b.graph.value(wanted_b[i]).name,
                                    (*values_a)[id], (*values_b)[wanted_b[i]], options.tolerance);
    const Node& node = a.graph.nodes[producers[id]];
    value.node = node.name;
    value.op = node.op;
    value.is_output = is_output[id];
    if (value.difference) max_abs[id] = value.difference->max_abs;
    for (const ValueId input : node.inputs) {
      if (input == kNoValue || max_abs[input] < 0) continue;
      value.inputs_max_abs = std::max(value.inputs_max_abs.value_or(0), max_abs[input]);
    }
    comparison.values.push_back(std::move(value));
  }
  FindFirsts(comparison);
  if (comparison.first_non_finite < 0) return comparison;
  const bool in_a = comparison.values[comparison.first_non_finite].non_finite_a.any();
  if (in_a) {
    LookInside(a, options.session_a, inputs, options.run, comparison);
  } else if (&a == &b) {
    LookInside(b, options.session_b, inputs_b, options.run, comparison);
  }
  return comparison;
}

}  // namespace

absl::StatusOr<Comparison> CompareModels(const Model& a, const Model& b, const NamedTensors& inputs,
                                         const CompareOptions& options) {
  return CompareMatched(a, b, &a == &b ? OwnValues(a.graph) : Counterparts(a, b), inputs, options);
}

absl::StatusOr<Comparison> CompareWithValues(const NamedTensors& expected, const Model& model,
                                             const NamedTensors& inputs,
                                             const CompareOptions& options) {
  Comparison comparison;
  std::vector<ValueId> wanted;
  absl::flat_hash_map<absl::string_view, bool> is_there;
  for (const ValueId id : ComputedValues(model.graph)) {
    const std::string& name = model.graph.value(id).name;
    if (expected.find(name) == expected.end()) continue;
    is_there[name] = true;
    wanted.push_back(id);
  }
  for (const auto& [name, tensor] : expected) {
    if (!is_there.contains(name)) comparison.only_a.push_back(name);
  }
  NOMO_ASSIGN_OR_RETURN(auto values,
                        AllValues(model, wanted, inputs, options.session_b, options.run));
  const std::vector<int> producers = Producers(model.graph);
  for (const ValueId id : wanted) {
    const std::string& name = model.graph.value(id).name;
    ValueComparison value =
        Measure(name, name, expected.find(name)->second, values[id], options.tolerance);
    value.node = model.graph.nodes[producers[id]].name;
    value.op = model.graph.nodes[producers[id]].op;
    const auto& outputs = model.graph.outputs;
    value.is_output = std::find(outputs.begin(), outputs.end(), id) != outputs.end();
    comparison.values.push_back(std::move(value));
  }
  FindFirsts(comparison);
  if (comparison.first_non_finite >= 0) {
    LookInside(model, options.session_b, inputs, options.run, comparison);
  }
  return comparison;
}

Comparison CompareValues(const NamedTensors& a, const NamedTensors& b, const Tolerance& tolerance) {
  Comparison comparison;
  for (const auto& [name, tensor] : a) {
    const auto found = b.find(name);
    if (found == b.end()) {
      comparison.only_a.push_back(name);
    } else {
      comparison.values.push_back(Measure(name, name, tensor, found->second, tolerance));
    }
  }
  for (const auto& [name, tensor] : b) {
    if (a.find(name) == a.end()) comparison.only_b.push_back(name);
  }
  FindFirsts(comparison);
  return comparison;
}

}  // namespace nomograph
