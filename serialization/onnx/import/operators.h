// The ONNX operators that can be read: each is a rule that registers itself.
//
//   const OperatorRegistrar kFlatten({"Flatten", "array.Flatten"});   // the same by another name
//   const OperatorRegistrar kScatter({"Scatter", "array.ScatterElements", 9, ImportScatter});
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_OPERATORS_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_OPERATORS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nomograph/serialization/onnx/import/node_importer.h"

namespace nomograph::onnx {

// The opsets of ai.onnx that are read.
inline constexpr int kMinOpset = 1;
inline constexpr int kMaxOpset = 26;

// Of lambdas that stand for operators of ONNX's own domain.
inline constexpr absl::string_view kStandardProvider = "ai.onnx";

// An op's name of ours for an operator that has none, domain.Name of letters, digits and _ only.
std::string QualifiedName(const std::string& domain, const std::string& op_type);

using ImportFn = absl::Status (*)(NodeImporter& node);

// The op of ours with the same inputs, outputs and attributes.
absl::Status ImportSame(NodeImporter& node);

struct Operator {
  std::string op_type;
  std::string op;  // of ours: the one that it becomes, or the chief one of several
  int since = 1;   // the rule serves this version of the domain and later ones, up to the next rule
  ImportFn import = ImportSame;
  std::string domain = "";  // "" is ai.onnx
};

struct OperatorRegistrar {
  explicit OperatorRegistrar(Operator rule);
  // Several that need no rule of their own: {"Abs", "math.Abs"}.
  explicit OperatorRegistrar(std::vector<Operator> rules);
};

// The rule for an operator at that version of its domain; null when there is none.
const Operator* FindOperator(const std::string& domain, const std::string& op_type, int version);
// Every rule, by domain, name and version.
std::vector<const Operator*> AllOperators();

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_OPERATORS_H_
