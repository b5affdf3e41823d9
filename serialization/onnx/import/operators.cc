#include "nomograph/serialization/onnx/import/operators.h"

#include <map>
#include <tuple>

#include "nomograph/serialization/onnx/import/graph_importer.h"

namespace nomograph::onnx {
namespace {

using Versions = std::map<int, Operator>;

// By domain and name.
std::map<std::pair<std::string, std::string>, Versions>& Rules() {
  static auto* rules = new std::map<std::pair<std::string, std::string>, Versions>;
  return *rules;
}

// The rule with code; null when there is none.
const Operator* FindRule(const std::string& domain, const std::string& op_type, int version) {
  const auto versions = Rules().find({domain, op_type});
  if (versions == Rules().end()) return nullptr;
  const auto after = versions->second.upper_bound(version);
  return after == versions->second.begin() ? nullptr : &std::prev(after)->second;
}

// The one format of known names that is no domain of ONNX's: calls in Python.
constexpr absl::string_view kNoDomain = "python";

Operator FromKnown(const std::string& domain, const OpDef& op, const KnownName& name) {
  return {name.name, op.name, name.since, ImportSame, domain, &name};
}

}  // namespace

std::string PlainDomain(const std::string& domain) { return domain == kOnnxProvider ? "" : domain; }

OperatorRegistrar::OperatorRegistrar(Operator rule) {
  NOMO_CHECK(rule.import != nullptr);
  Versions& versions = Rules()[{rule.domain, rule.op_type}];
  NOMO_CHECK(!versions.contains(rule.since));  // two rules for one operator
  versions.emplace(rule.since, std::move(rule));
}

OperatorRegistrar::OperatorRegistrar(std::vector<Operator> rules) {
  for (Operator& rule : rules) OperatorRegistrar{std::move(rule)};
}

std::optional<Operator> FindOperator(const OpRegistry& registry, const std::string& domain,
                                     const std::string& op_type, int version) {
  const Operator* rule = FindRule(domain, op_type, version);
  const KnownOp known = registry.FindKnown(domain.empty() ? kOnnxFormat : absl::string_view(domain),
                                           op_type, version);
  if (known.op == nullptr) return rule == nullptr ? std::nullopt : std::make_optional(*rule);
  if (rule == nullptr || (known.name->since <= version && known.name->since > rule->since)) {
    return FromKnown(domain, *known.op, *known.name);
  }
  Operator found = *rule;
  if (known.op->name == rule->op) found.known = known.name;
  return found;
}

Operator RuleOf(NodeImporter& node) {
  return *FindOperator(node.graph().state().registry, PlainDomain(node.proto().domain()),
                       node.proto().op_type(), node.opset());
}

std::vector<Operator> AllOperators(const OpRegistry& registry) {
  std::map<std::tuple<std::string, std::string, int>, Operator> sorted;
  for (const auto& [name, versions] : Rules()) {
    for (const auto& [since, rule] : versions) {
      sorted.emplace(std::tuple(name.first, name.second, since), rule);
    }
  }
  for (const OpDef* op : registry.All()) {
    for (const KnownName& known : op->known) {
      if (known.as == kNoDomain) continue;
      const std::string domain = known.as == kOnnxFormat ? "" : known.as;
      sorted.emplace(std::tuple(domain, known.name, known.since), FromKnown(domain, *op, known));
    }
  }
  std::vector<Operator> all;
  for (auto& [name, entry] : sorted) all.push_back(std::move(entry));
  return all;
}

absl::Status ImportSame(NodeImporter& node) {
  const Operator rule = RuleOf(node);
  Attributes attrs;
  if (rule.known != nullptr) {
    for (const KnownAttr& attr : rule.known->attrs) {
      if (attr.kind != KnownAttr::kAttribute || attr.name.empty()) continue;
      NOMO_RETURN_IF_ERROR(node.Copy(rule.op, attr.attr, attrs, attr.name));
    }
  }
  NOMO_RETURN_IF_ERROR(node.CopyAll(rule.op, attrs));
  NOMO_ASSIGN_OR_RETURN(const std::vector<ValueId> outputs,
                        node.AddMulti(rule.op, node.inputs(), std::move(attrs), node.OutputMask()));
  return node.Return(outputs);
}

}  // namespace nomograph::onnx
