// The ONNX operators that can be read: those whose names ops have in the registry
// (OpDef::Known()), and for what takes more than other names rules with code, which register
// themselves.
//
//   const OperatorRegistrar kTopK({"TopK", "array.TopK", 1, ImportTopK});
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_OPERATORS_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_OPERATORS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/serialization/onnx/import/node_importer.h"

namespace nomograph::onnx {

// The opsets of ai.onnx that are read.
inline constexpr int kMinOpset = 1;
inline constexpr int kMaxOpset = 26;

// Of lambdas that stand for operators of ONNX's own domain.
inline constexpr absl::string_view kOnnxProvider = "ai.onnx";

// KnownName::as of operators: the domain's name, for ONNX's own domain this.
inline constexpr absl::string_view kOnnxFormat = "onnx";

// ai.onnx, which has two names, by the one that is empty; any other domain as it is.
std::string PlainDomain(const std::string& domain);

// An op's name of ours for an operator that has none, domain.Name of letters, digits and _ only.
std::string QualifiedName(const std::string& domain, const std::string& op_type);

using ImportFn = absl::Status (*)(NodeImporter& node);

// The op of ours with the same inputs and outputs, and with the same attributes under the names
// that the op declares for them.
absl::Status ImportSame(NodeImporter& node);

struct Operator {
  std::string op_type;
  std::string op;  // of ours: the one that it becomes, or the chief one of several
  int since = 1;   // it serves this version of the domain and later ones, up to the next
  ImportFn import = nullptr;
  std::string domain = "";           // "" is ai.onnx
  const KnownName* known = nullptr;  // the op's own, where it has one; set by FindOperator()
};

struct OperatorRegistrar {
  explicit OperatorRegistrar(Operator rule);
  explicit OperatorRegistrar(std::vector<Operator> rules);
};

// What reads an operator at that version of its domain: the newest rule or known name that the
// version has, else the oldest known name, because attributes of ours serve older opsets, too.
std::optional<Operator> FindOperator(const OpRegistry& registry, const std::string& domain,
                                     const std::string& op_type, int version);
// The same for a node that a rule reads.
Operator RuleOf(NodeImporter& node);
// All rules and known names, by domain, name and version.
std::vector<Operator> AllOperators(const OpRegistry& registry);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_OPERATORS_H_
