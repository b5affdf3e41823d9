#include "nomograph/ops/functions/header_writer.h"

#include <cctype>
#include <cmath>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/graph/call_graph.h"

namespace nomograph {
namespace {

constexpr size_t kWidth = 100;

// "// " lines of `text`, each behind `indent`.
std::string Comment(absl::string_view text, absl::string_view indent) {
  std::string result;
  for (absl::string_view paragraph : absl::StrSplit(text, '\n')) {
    std::string line = absl::StrCat(indent, "//");
    for (absl::string_view word : absl::StrSplit(paragraph, ' ', absl::SkipEmpty())) {
      if (line.size() + 1 + word.size() > kWidth) {
        absl::StrAppend(&result, line, "\n");
        line = absl::StrCat(indent, "//");
      }
      absl::StrAppend(&line, " ", word);
    }
    absl::StrAppend(&result, line, "\n");
  }
  return result;
}

bool IsIdentifier(absl::string_view name) {
  if (name.empty() || absl::ascii_isdigit(name[0])) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '_') return false;
  }
  return true;
}

std::string LocalName(const OpDef& op) { return op.name.substr(op.name.find('.') + 1); }

std::string CppType(AttrType type) {
  switch (type) {
    case AttrType::kBool:
      return "bool";
    case AttrType::kInt:
      return "int64_t";
    case AttrType::kFloat:
      return "double";
    case AttrType::kString:
      return "std::string";
    case AttrType::kDType:
      return "DType";
    case AttrType::kInts:
      return "std::vector<int64_t>";
    case AttrType::kFloats:
      return "std::vector<double>";
    case AttrType::kStrings:
      return "std::vector<std::string>";
    case AttrType::kTensor:
      return "Tensor";
    case AttrType::kFunction:
      return "FunctionRef";
  }
  return "";
}

std::string Literal(bool v) { return v ? "true" : "false"; }
std::string Literal(int64_t v) { return v == INT64_MIN ? "INT64_MIN" : absl::StrCat(v); }
std::string Literal(double v) {
  if (std::isnan(v)) return "std::numeric_limits<double>::quiet_NaN()";
  const std::string sign = v < 0 ? "-" : "";
  if (std::isinf(v)) return sign + "std::numeric_limits<double>::infinity()";
  return absl::StrFormat("%.17g", v);
}
std::string Literal(const std::string& v) { return absl::StrCat("\"", absl::CEscape(v), "\""); }
std::string Literal(DType v) {
  return absl::StrFormat("static_cast<DType>(%d)", static_cast<int>(v));
}
template <typename T>
std::string Literal(const std::vector<T>& v) {
  return absl::StrCat("{",
                      absl::StrJoin(v, ", ",
                                    [](std::string* out, const T& element) {
                                      absl::StrAppend(out, Literal(element));
                                    }),
                      "}");
}
// What has no literal keeps its type's own default, and the op fills it in.
std::string Literal(const Tensor&) { return "{}"; }
std::string Literal(const FunctionRef&) { return "{}"; }

// One op on its way to C++.
class FunctionWriter {
 public:
  explicit FunctionWriter(const OpDef& op) : op_(op), name_(LocalName(op)) {}

  absl::Status Check() const;
  std::string Header() const;
  std::string Source() const;

 private:
  bool HasTwin(const Port& port) const { return op_.FindAttr(port.name) != nullptr; }
  bool HasTwin(const AttrDef& attr) const {
    for (const Port& port : op_.inputs) {
      if (port.name == attr.name) return true;
    }
    return false;
  }
  // Whether the attribute is a parameter, and no option.
  bool IsParameter(const AttrDef& attr) const { return !attr.default_value && !attr.optional; }
  bool HasOptions() const;
  bool IsVariadicOutput() const {
    return !op_.outputs.empty() && op_.outputs.back().kind == Port::Kind::kVariadic;
  }
  std::string OptionsType() const { return HasOptions() ? name_ + "Options" : "NodeOptions"; }
  std::string ResultType() const {
    if (IsVariadicOutput()) return "std::vector<Value>";
    return op_.outputs.size() > 1 ? name_ + "Outputs" : "Value";
  }
  std::string Parameters(bool with_defaults) const;
  std::string FieldOf(const AttrDef& attr) const;
  std::string OptionsStruct() const;
  std::string OutputsStruct() const;
  std::string SetAttr(const AttrDef& attr) const;
  std::string PushInput(const Port& port) const;

  const OpDef& op_;
  const std::string name_;
};

bool FunctionWriter::HasOptions() const {
  for (const AttrDef& attr : op_.attrs) {
    if (!IsParameter(attr)) return true;
  }
  for (const Port& port : op_.inputs) {
    if (port.kind == Port::Kind::kOptional) return true;
  }
  for (const Port& port : op_.outputs) {
    if (port.kind == Port::Kind::kOptional) return true;
  }
  return false;
}

absl::Status FunctionWriter::Check() const {
  absl::flat_hash_set<std::string> inputs, attrs;
  const auto check = [&](const std::string& name, auto& names) -> absl::Status {
    if (!IsIdentifier(name) || name == "name" || name == "options" || name == "num_outputs" ||
        absl::StartsWith(name, "call_")) {
      return InvalidArgument("op ", op_.name, ": \"", name, "\" cannot name a parameter in C++");
    }
    if (!names.insert(name).second) {
      return InvalidArgument("op ", op_.name, ": two are named \"", name, "\"");
    }
    return absl::OkStatus();
  };
  if (!IsIdentifier(name_)) return InvalidArgument("op ", op_.name, " cannot name a C++ function");
  for (const Port& port : op_.inputs) {
    NOMO_RETURN_IF_ERROR(check(port.name, inputs));
    if (HasTwin(port) && port.kind != Port::Kind::kOptional) {
      return InvalidArgument("op ", op_.name, ": input and attribute are both named \"", port.name,
                             "\", and the input is not optional");
    }
  }
  for (const AttrDef& attr : op_.attrs) NOMO_RETURN_IF_ERROR(check(attr.name, attrs));
  return absl::OkStatus();
}

std::string FunctionWriter::Parameters(bool with_defaults) const {
  std::vector<std::string> parameters;
  for (const Port& port : op_.inputs) {
    if (port.kind == Port::Kind::kRequired) parameters.push_back("const Value& " + port.name);
    if (port.kind == Port::Kind::kVariadic) {
      parameters.push_back("std::vector<Value> " + port.name);
    }
  }
  for (const AttrDef& attr : op_.attrs) {
    if (IsParameter(attr)) parameters.push_back(CppType(attr.type) + " " + attr.name);
  }
  if (IsVariadicOutput()) parameters.push_back("int num_outputs");
  parameters.push_back(
      absl::StrCat("const ", OptionsType(), "& options", with_defaults ? " = {}" : ""));
  return absl::StrJoin(parameters, ", ");
}

std::string FunctionWriter::FieldOf(const AttrDef& attr) const {
  const std::string type = CppType(attr.type);
  if (HasTwin(attr)) return absl::StrCat("OrValue<", type, "> ", attr.name);
  if (!attr.default_value) return absl::StrCat("std::optional<", type, "> ", attr.name);
  return absl::StrCat(
      type, " ", attr.name, " = ",
      std::visit([](const auto& v) { return Literal(v); }, attr.default_value->variant()));
}

std::string FunctionWriter::OptionsStruct() const {
  std::string result = absl::StrCat("struct ", OptionsType(), " {\n");
  for (const Port& port : op_.inputs) {
    if (port.kind != Port::Kind::kOptional || HasTwin(port)) continue;
    absl::StrAppend(&result, Comment(port.doc, "  "), "  Value ", port.name, " = {};\n");
  }
  for (const AttrDef& attr : op_.attrs) {
    if (IsParameter(attr)) continue;
    std::string doc = attr.doc;
    if (!attr.choices.empty()) {
      absl::StrAppend(&doc, doc.empty() ? "" : "; ", "one of ", absl::StrJoin(attr.choices, ", "));
    }
    if (attr.min) absl::StrAppend(&doc, doc.empty() ? "" : "; ", "at least ", *attr.min);
    if (attr.max) absl::StrAppend(&doc, doc.empty() ? "" : "; ", "at most ", *attr.max);
    const std::string field = FieldOf(attr);
    absl::StrAppend(&result, Comment(doc, "  "), "  ", field,
                    absl::StrContains(field, " = ") ? "" : " = {}", ";\n");
  }
  int required = 0;
  for (const Port& port : op_.outputs) required += port.kind == Port::Kind::kRequired;
  if (required < static_cast<int>(op_.outputs.size()) && !IsVariadicOutput()) {
    absl::StrAppend(&result, "  // How many outputs to compute; the others are absent.\n",
                    "  int num_outputs = ", required, ";\n");
  }
  absl::StrAppend(&result, "  // The node's; made from the op's where empty.\n",
                  "  std::string name = \"\";\n};\n");
  return result;
}

std::string FunctionWriter::OutputsStruct() const {
  std::string result = absl::StrCat("struct ", ResultType(), " {\n");
  for (const Port& port : op_.outputs) {
    absl::StrAppend(&result, Comment(port.doc, "  "), "  Value ", port.name, ";\n");
  }
  absl::StrAppend(&result, "  operator Value() const { return ", op_.outputs[0].name, "; }\n};\n");
  return result;
}

std::string FunctionWriter::Header() const {
  std::string result;
  if (HasOptions()) absl::StrAppend(&result, OptionsStruct());
  if (ResultType() == name_ + "Outputs") absl::StrAppend(&result, OutputsStruct());
  absl::StrAppend(&result, Comment(op_.doc, ""));
  for (const Port& port : op_.inputs) {
    if (port.kind == Port::Kind::kOptional) continue;
    absl::StrAppend(&result, Comment(absl::StrCat("  ", port.name, " (", port.type, ")",
                                                  port.doc.empty() ? "" : ": ", port.doc),
                                     ""));
  }
  for (const AttrDef& attr : op_.attrs) {
    if (!IsParameter(attr)) continue;
    absl::StrAppend(&result, Comment(absl::StrCat(attr.name, ": ", attr.doc), ""));
  }
  if (!op_.outputs.empty() && ResultType() != name_ + "Outputs") {
    const Port& port = op_.outputs[0];
    absl::StrAppend(&result, Comment(absl::StrCat("Yields ", port.name, " (", port.type, ")",
                                                  port.doc.empty() ? "" : ": ", port.doc),
                                     ""));
  }
  for (const auto& [var, types] : op_.type_vars) {
    absl::StrAppend(&result, Comment(absl::StrCat(var, ": ", types.ToString()), ""));
  }
  if (!op_.source.empty()) absl::StrAppend(&result, Comment("Source: " + op_.source, ""));
  absl::StrAppend(&result, ResultType(), " ", name_, "(", Parameters(true), ");\n");
  return result;
}

std::string FunctionWriter::SetAttr(const AttrDef& attr) const {
  const std::string& n = attr.name;
  if (IsParameter(attr)) {
    return absl::StrFormat("  call_attrs.Set(\"%s\", std::move(%s));\n", n, n);
  }
  if (HasTwin(attr)) {
    return absl::StrFormat(
        "  if (options.%s.known()) call_attrs.Set(\"%s\", *options.%s.known());\n", n, n, n);
  }
  if (!attr.default_value) {
    return absl::StrFormat("  if (options.%s) call_attrs.Set(\"%s\", *options.%s);\n", n, n, n);
  }
  if (attr.type == AttrType::kTensor) {
    return absl::StrFormat("  if (options.%s.valid()) call_attrs.Set(\"%s\", options.%s);\n", n, n,
                           n);
  }
  return absl::StrFormat(
      "  if (!(options.%s == %sOptions().%s)) call_attrs.Set(\"%s\", options.%s);\n", n, name_, n,
      n, n);
}

std::string FunctionWriter::PushInput(const Port& port) const {
  switch (port.kind) {
    case Port::Kind::kRequired:
      return absl::StrFormat("  call_inputs.push_back(%s);\n", port.name);
    case Port::Kind::kOptional:
      return absl::StrFormat("  call_inputs.push_back(options.%s%s);\n", port.name,
                             HasTwin(port) ? ".value()" : "");
    case Port::Kind::kVariadic:
      return absl::StrFormat("  call_inputs.insert(call_inputs.end(), %s.begin(), %s.end());\n",
                             port.name, port.name);
  }
  return "";
}

std::string FunctionWriter::Source() const {
  std::string result = absl::StrCat(ResultType(), " ", name_, "(", Parameters(false), ") {\n");
  absl::StrAppend(&result, "  std::vector<Value> call_inputs;\n");
  bool has_optional = false;
  for (const Port& port : op_.inputs) {
    absl::StrAppend(&result, PushInput(port));
    has_optional |= port.kind == Port::Kind::kOptional;
  }
  // Inputs at the end that are absent are not written.
  if (has_optional) {
    absl::StrAppend(
        &result,
        "  while (!call_inputs.empty() && !call_inputs.back().valid()) call_inputs.pop_back();\n");
  }
  absl::StrAppend(&result, "  Attributes call_attrs;\n");
  for (const AttrDef& attr : op_.attrs) absl::StrAppend(&result, SetAttr(attr));
  int required = 0;
  for (const Port& port : op_.outputs) required += port.kind == Port::Kind::kRequired;
  std::string count = absl::StrCat(op_.outputs.size());
  if (IsVariadicOutput()) {
    count = "num_outputs";
  } else if (required < static_cast<int>(op_.outputs.size())) {
    count = "options.num_outputs";
  }
  absl::StrAppendFormat(&result,
                        "  std::vector<Value> call_outputs = CallMulti(\"%s\", "
                        "std::move(call_inputs), std::move(call_attrs), "
                        "{.name = options.name, .version = %d, .num_outputs = %s});\n",
                        op_.name, op_.version, count);
  if (IsVariadicOutput()) {
    absl::StrAppend(&result, "  return call_outputs;\n}\n");
  } else if (op_.outputs.size() > 1) {
    absl::StrAppendFormat(&result, "  call_outputs.resize(%d);\n  return {", op_.outputs.size());
    for (size_t i = 0; i < op_.outputs.size(); ++i) {
      absl::StrAppendFormat(&result, "%scall_outputs[%d]", i == 0 ? "" : ", ", i);
    }
    absl::StrAppend(&result, "};\n}\n");
  } else {
    absl::StrAppend(&result, "  return call_outputs[0];\n}\n");
  }
  return result;
}

}  // namespace

absl::StatusOr<FunctionSources> WriteFunctions(const std::string& domain,
                                               const std::vector<const OpDef*>& ops) {
  const std::string guard = absl::StrCat("NOMOGRAPH_OPS_", absl::AsciiStrToUpper(domain), "_H_");
  FunctionSources sources;
  sources.header = absl::StrFormat(
      "// The ops of the domain %s as typed functions. Written from the registry when the library "
      "is "
      "built.\n#ifndef %s\n#define %s\n\n#include <cstdint>\n#include <limits>\n#include "
      "<optional>\n#include <string>\n#include <vector>\n\n#include "
      "\"nomograph/ops/functions/arguments.h\"\n\nnamespace nomograph::%s {\n",
      domain, guard, guard, domain);
  sources.source = absl::StrFormat(
      "#include \"nomograph/ops/%s.h\"\n\n#include <utility>\n\nnamespace nomograph::%s {\n",
      domain, domain);
  for (const OpDef* op : ops) {
    if (CallsFunctions(*op)) continue;
    const FunctionWriter writer(*op);
    NOMO_RETURN_IF_ERROR(writer.Check());
    absl::StrAppend(&sources.header, "\n", writer.Header());
    absl::StrAppend(&sources.source, "\n", writer.Source());
  }
  absl::StrAppend(&sources.header, "\n}  // namespace nomograph::", domain, "\n\n#endif  // ",
                  guard, "\n");
  absl::StrAppend(&sources.source, "\n}  // namespace nomograph::", domain, "\n");
  return sources;
}

}  // namespace nomograph
