#include "nomograph/inspect/check_target.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/names.h"
#include "nomograph/inspect/costs.h"
#include "nomograph/serialization/onnx/export/export.h"

namespace nomograph {
namespace {

using Kind = Finding::Kind;

class TargetChecker {
 public:
  explicit TargetChecker(const TargetManifest& target) : target_(target) {
    for (const auto& [name, op] : target.ops) names_.push_back(name);
  }

  void CheckGraph(const Graph& graph, const std::string& function) {
    for (const Node& node : graph.nodes) CheckNode(graph, function, node);
  }

  std::vector<Finding> Finish() { return std::move(findings_); }

 private:
  template <typename... Args>
  void Add(Kind kind, const std::string& function, const Node& node, const Args&... message) {
    const std::string place = NodePlace(node.name, node.op);
    findings_.push_back(
        {kind, function.empty() ? place : absl::StrCat("function @", Shown(function), ": ", place),
         absl::StrCat(message...)});
  }

  void CheckNode(const Graph& graph, const std::string& function, const Node& node) {
    const auto found = target_.ops.find(node.op);
    const bool has_version =
        found != target_.ops.end() && found->second.versions.contains(node.version);
    if (!has_version && !node.body.empty()) {
      Add(Kind::kBody, function, node, "runs as the body @", Shown(node.body), " of the file");
      return;
    }
    if (found == target_.ops.end()) {
      Add(Kind::kMissingOp, function, node, "there is no op ", Shown(node.op), " on ", target_.name,
          DidYouMean(node.op, names_));
      return;
    }
    const TargetManifest::Op& op = found->second;
    if (!has_version) {
      Add(Kind::kMissingOp, function, node, "version ", node.version, " is needed; ", target_.name,
          " has ", absl::StrJoin(op.versions, ", "));
      return;
    }
    if (!op.runs) {
      Add(Kind::kNoKernel, function, node, "it has neither a kernel nor a body on ", target_.name);
      return;
    }
    CheckTypes(graph, function, node, op);
    CheckAttributes(function, node, op);
  }

  void CheckTypes(const Graph& graph, const std::string& function, const Node& node,
                  const TargetManifest::Op& op) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue || op.inputs.empty()) continue;
      const DType dtype = graph.value(node.inputs[i]).type.dtype;
      if (i >= op.inputs.size() && !op.variadic) {
        Add(Kind::kTypes, function, node, "it has ", node.inputs.size(), " inputs; ", target_.name,
            " knows ", op.inputs.size());
        return;
      }
      const auto types = op.types.find(op.inputs[std::min(i, op.inputs.size() - 1)]);
      if (dtype == DType::kInvalid || types == op.types.end()) continue;
      if (types->second.Contains(dtype)) continue;
      Add(Kind::kTypes, function, node, "input ", i, " is ", DTypeName(dtype), "; ", target_.name,
          " has ", types->second.ToString());
      return;  // the others follow from it
    }
  }

  void CheckAttributes(const std::string& function, const Node& node,
                       const TargetManifest::Op& op) {
    for (const auto& [name, value] : node.attrs) {
      const auto attr = op.attributes.find(name);
      if (attr == op.attributes.end()) {
        Add(Kind::kTypes, function, node, "the op has no attribute ", Quoted(name), " on ",
            target_.name);
        continue;
      }
      const auto* text = value.As<std::string>();
      const std::vector<std::string>& choices = attr->second.choices;
      if (text == nullptr || choices.empty()) continue;
      if (std::find(choices.begin(), choices.end(), *text) != choices.end()) continue;
      Add(Kind::kTypes, function, node, name, " is ", Quoted(*text), "; ", target_.name, " has ",
          absl::StrJoin(choices, ", ", AppendShown));
    }
  }

  const TargetManifest& target_;
  std::vector<std::string> names_;
  std::vector<Finding> findings_;
};

int64_t WeightBytes(const Model& model) {
  int64_t bytes = 0;
  const auto add = [&](const Graph& graph) {
    for (const Weight& weight : graph.weights) {
      bytes = SaturatingAdd(bytes, weight.tensor.num_bytes());
    }
  };
  add(model.graph);
  for (const auto& [name, function] : model.functions) add(function.graph);
  return bytes;
}

}  // namespace

std::vector<Finding> CheckAgainst(const Model& model, const TargetManifest& target,
                                  const ModelCosts* costs) {
  TargetChecker checker(target);
  checker.CheckGraph(model.graph, "");
  for (const auto& [name, function] : model.functions) checker.CheckGraph(function.graph, name);
  std::vector<Finding> findings = checker.Finish();
  if (!target.memory_bytes || costs == nullptr) return findings;
  const int64_t weights = WeightBytes(model);
  const int64_t needed = SaturatingAdd(weights, costs->peak_bytes);
  const bool fits = needed <= *target.memory_bytes;
  findings.push_back(
      {fits ? Kind::kSupposed : Kind::kMemory, "",
       absl::StrCat("a run takes ", costs->open_nodes > 0 ? "at least " : "", ReadableBytes(needed),
                    ": ", ReadableBytes(weights), " of weights and ",
                    ReadableBytes(costs->peak_bytes), " of activations; ", target.name, " has ",
                    ReadableBytes(*target.memory_bytes))});
  return findings;
}

std::vector<Finding> CheckOpset(const Model& model, int opset) {
  std::vector<std::string> warnings;
  // A device is written to as it is: nothing stays.
  const absl::Status status =
      onnx::Export(model, "/dev/null",
                   {.opset = opset,
                    .max_message_bytes = std::numeric_limits<int64_t>::max(),
                    .warnings = &warnings});
  std::vector<Finding> findings;
  for (std::string& fault : SplitFaults(status)) {
    findings.push_back({Kind::kNoForm, "", std::move(fault)});
  }
  for (std::string& warning : warnings) {
    findings.push_back({Kind::kSupposed, "", std::move(warning)});
  }
  return findings;
}

}  // namespace nomograph
