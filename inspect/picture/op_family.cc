#include "nomograph/inspect/picture/op_family.h"

#include "absl/strings/match.h"

namespace nomograph::picture {
namespace {

struct Rule {
  const char *domain, *part;  // of the op's name behind the domain; empty: all
  OpFamily family;
};

// The first that fits.
constexpr Rule kRules[] = {
    {"nn", "Attention", OpFamily::kSequence}, {"nn", "RotaryEmbedding", OpFamily::kSequence},
    {"nn", "LSTM", OpFamily::kSequence},      {"nn", "GRU", OpFamily::kSequence},
    {"nn", "RNN", OpFamily::kSequence},       {"nn", "Conv", OpFamily::kProduct},
    {"math", "MatMul", OpFamily::kProduct},   {"math", "Gemm", OpFamily::kProduct},
    {"math", "Einsum", OpFamily::kProduct},   {"nn", "Norm", OpFamily::kNormalization},
    {"nn", "LRN", OpFamily::kNormalization},  {"nn", "Pool", OpFamily::kPool},
    {"nn", "Dropout", OpFamily::kShape},      {"nn", "Col2Im", OpFamily::kShape},
    {"nn", "Loss", OpFamily::kArithmetic},    {"nn", "", OpFamily::kActivation},
    {"math", "Tanh", OpFamily::kActivation},  {"math", "Erf", OpFamily::kActivation},
    {"math", "Clip", OpFamily::kActivation},  {"math", "", OpFamily::kArithmetic},
    {"logic", "", OpFamily::kArithmetic},     {"array", "", OpFamily::kShape},
    {"core", "Identity", OpFamily::kShape},   {"core", "Constant", OpFamily::kShape},
    {"core", "After", OpFamily::kShape},      {"core", "", OpFamily::kControl},
    {"quant", "MatMul", OpFamily::kProduct},  {"quant", "Conv", OpFamily::kProduct},
    {"quant", "", OpFamily::kConversion},     {"image", "", OpFamily::kConversion},
    {"signal", "", OpFamily::kConversion},    {"random", "", OpFamily::kConversion},
    {"text", "", OpFamily::kConversion},      {"state", "", OpFamily::kState},
};

}  // namespace

absl::string_view ShortOpName(absl::string_view op) {
  const size_t dot = op.rfind('.');
  return dot == absl::string_view::npos || dot + 1 == op.size() ? op : op.substr(dot + 1);
}

OpFamily FamilyOf(absl::string_view op) {
  const absl::string_view name = ShortOpName(op);
  absl::string_view domain = op.substr(0, op.size() - name.size());
  if (!domain.empty()) domain.remove_suffix(1);
  for (const Rule& rule : kRules) {
    if (domain == rule.domain && absl::StrContains(name, rule.part)) return rule.family;
  }
  return OpFamily::kOther;
}

const char* FamilyName(OpFamily family) {
  switch (family) {
    case OpFamily::kProduct:
      return "products";
    case OpFamily::kActivation:
      return "activations";
    case OpFamily::kNormalization:
      return "normalizations";
    case OpFamily::kPool:
      return "pooling";
    case OpFamily::kArithmetic:
      return "arithmetic";
    case OpFamily::kShape:
      return "shapes";
    case OpFamily::kSequence:
      return "sequences";
    case OpFamily::kControl:
      return "control flow";
    case OpFamily::kConversion:
      return "conversions";
    case OpFamily::kState:
      return "state";
    case OpFamily::kOther:
      return "other";
  }
  return "other";
}

}  // namespace nomograph::picture
