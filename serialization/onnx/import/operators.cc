#include "nomograph/serialization/onnx/import/operators.h"

#include <map>

namespace nomograph::onnx {
namespace {

using Versions = std::map<int, Operator>;

// By domain and name.
std::map<std::pair<std::string, std::string>, Versions>& Rules() {
  static auto* rules = new std::map<std::pair<std::string, std::string>, Versions>;
  return *rules;
}

}  // namespace

OperatorRegistrar::OperatorRegistrar(Operator rule) {
  Versions& versions = Rules()[{rule.domain, rule.op_type}];
  NOMO_CHECK(!versions.contains(rule.since));  // two rules for one operator
  versions.emplace(rule.since, std::move(rule));
}

OperatorRegistrar::OperatorRegistrar(std::vector<Operator> rules) {
  for (Operator& rule : rules) OperatorRegistrar{std::move(rule)};
}

const Operator* FindOperator(const std::string& domain, const std::string& op_type, int version) {
  const auto versions = Rules().find({domain, op_type});
  if (versions == Rules().end()) return nullptr;
  const auto after = versions->second.upper_bound(version);
  return after == versions->second.begin() ? nullptr : &std::prev(after)->second;
}

std::vector<const Operator*> AllOperators() {
  std::vector<const Operator*> all;
  for (const auto& [name, versions] : Rules()) {
    for (const auto& [since, rule] : versions) all.push_back(&rule);
  }
  return all;
}

absl::Status ImportSame(NodeImporter& node) {
  const std::string domain = node.proto().domain() == "ai.onnx" ? "" : node.proto().domain();
  const Operator& rule = *FindOperator(domain, node.proto().op_type(), node.opset());
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(node.CopyAll(rule.op, attrs));
  NOMO_ASSIGN_OR_RETURN(const std::vector<ValueId> outputs,
                        node.AddMulti(rule.op, node.inputs(), std::move(attrs), node.OutputMask()));
  return node.Return(outputs);
}

}  // namespace nomograph::onnx
