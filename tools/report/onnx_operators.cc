#include "nomograph/tools/report/onnx_operators.h"

#include <map>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/export/graph_exporter.h"
#include "nomograph/serialization/onnx/export/operator_forms.h"
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph {
namespace {

// The kernel that is chosen for an example, as it describes itself; "" where none is.
std::string KernelFor(const OpDef& op, const Example& example) {
  const auto attrs = ResolveAttributes(op.attrs, example.attrs);
  if (!attrs.ok() || !example.functions.empty()) return "";
  std::vector<TensorSpec> inputs, outputs;
  for (const Tensor& tensor : example.inputs) inputs.push_back({tensor.dtype(), tensor.shape()});
  for (const Tensor& tensor : example.outputs) {
    outputs.push_back({tensor.dtype(), tensor.shape()});
  }
  const std::vector<Tensor> constants(inputs.size());
  const auto kernel =
      PrepareKernel(op, {*attrs, inputs, outputs, constants, {}}, KernelChoice::kFast);
  return kernel.ok() && *kernel != nullptr ? (*kernel)->Describe() : "";
}

// What runs the op: the best that any of its examples is given to.
std::string RunsOn(const OpDef& op) {
  if (!op.has_kernel()) return "its body";
  bool fast = false;
  for (const Example& example : op.examples()) {
    const std::string kernel = KernelFor(op, example);
    if (absl::StartsWith(kernel, "oneDNN") || absl::StrContains(kernel, "oneDNN")) return "oneDNN";
    fast |= !kernel.empty() && !absl::StartsWith(kernel, "reference");
  }
  return fast ? "own fast kernel" : "reference kernel";
}

// The usual sets by a word.
std::string NameOf(DTypeSet types) {
  if (types == kStoredType) return "all";
  if (types == kAnyType) return "numbers and bool";
  if (types == kNumbers) return "numbers";
  if (types == kFloats) return "floating point";
  if (types == kInts) return "integers";
  if (types == kSigned) return "signed numbers";
  return types.ToString();
}

std::string TypesOf(const OpDef& op) {
  if (op.inputs.empty()) return "";
  for (const auto& [var, types] : op.type_vars) {
    if (var == op.inputs[0].type) return NameOf(types);
  }
  return op.inputs[0].type == "any" ? "all" : op.inputs[0].type;
}

bool IsSameOperator(const onnx::Operator& a, const onnx::Operator& b) {
  return a.domain == b.domain && a.op_type == b.op_type;
}

// From which opset to which entry number i serves.
std::string Opsets(const std::vector<onnx::Operator>& all, size_t i) {
  const onnx::Operator& entry = all[i];
  if (!entry.domain.empty()) return "all";
  const bool is_oldest = i == 0 || !IsSameOperator(all[i - 1], entry);
  const bool is_newest = i + 1 == all.size() || !IsSameOperator(all[i + 1], entry);
  // A known name serves the older forms, too, where there are any.
  const bool has_older = onnx::HasOperator(entry.op_type, entry.since - 1);
  const int first = is_oldest && entry.known != nullptr && has_older ? 1 : entry.since;
  return absl::StrCat(first, "–", is_newest ? onnx::kMaxOpset : all[i + 1].since - 1);
}

}  // namespace

std::string OnnxOperatorsMarkdown(const OpRegistry& registry) {
  const std::vector<onnx::Operator> rules = onnx::AllOperators(registry);
  std::string table =
      "| operator | opsets | becomes | types of the first input | runs on | written |\n"
      "|---|---|---|---|---|---|\n";
  std::map<const OpDef*, std::string> runs_on;
  for (size_t i = 0; i < rules.size(); ++i) {
    const onnx::Operator& rule = rules[i];
    const OpDef* op = registry.Find(rule.op);
    if (op == nullptr) continue;  // not linked in
    if (!runs_on.contains(op)) runs_on[op] = RunsOn(*op);
    const bool written = op->body || onnx::FindExportForm(*op, onnx::kMaxExportOpset).found();
    absl::StrAppend(&table, "| ", rule.domain.empty() ? "" : absl::StrCat(rule.domain, "."),
                    rule.op_type, " | ", Opsets(rules, i), " | ", op->name, " | ", TypesOf(*op),
                    " | ", runs_on[op], " | ", written ? "yes" : "no", " |\n");
  }
  return table;
}

}  // namespace nomograph
