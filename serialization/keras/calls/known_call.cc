#include "nomograph/serialization/keras/calls/known_call.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/python/interpreter.h"
#include "nomograph/serialization/keras/python/names.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;

// KnownName::as of the rows of ops.
constexpr absl::string_view kFormat = "python";

// "axis|reduction_indices=axes:0"
CallParameter ParseParameter(absl::string_view text, bool row) {
  CallParameter parameter;
  if (absl::ConsumePrefix(&text, "**")) {
    parameter.keywords = true;
  } else if (absl::ConsumePrefix(&text, "*")) {
    parameter.rest = true;
  }
  const size_t equals = text.find('=');
  parameter.names = absl::StrSplit(text.substr(0, equals), '|');
  if (equals == absl::string_view::npos) return parameter;
  absl::string_view value = text.substr(equals + 1);
  if (row) {
    const size_t colon = value.find(':');
    parameter.attribute = std::string(value.substr(0, colon));
    if (colon != absl::string_view::npos) parameter.literal = std::string(value.substr(colon + 1));
  } else {
    parameter.literal = std::string(value);
  }
  return parameter;
}

absl::StatusOr<CallSignature> Parse(absl::string_view text, bool row) {
  const size_t open = text.find('(');
  if (open == absl::string_view::npos || text.back() != ')') {
    return InvalidArgument("expected NAMES(PARAMETERS), found ", Quoted(text));
  }
  CallSignature signature;
  signature.names = ExpandNames(text);
  const absl::string_view parameters = text.substr(open + 1, text.size() - open - 2);
  if (absl::StripAsciiWhitespace(parameters).empty()) return signature;
  for (const absl::string_view parameter : absl::StrSplit(parameters, ',')) {
    signature.parameters.push_back(ParseParameter(absl::StripAsciiWhitespace(parameter), row));
  }
  return signature;
}

struct Rule {
  const char* signature;
  CallRule rule;
};
std::vector<Rule>& Rules() {
  static auto* const rules = new std::vector<Rule>();
  return *rules;
}

// All known calls of the process, by name.
struct Calls {
  std::deque<KnownCall> calls;
  std::map<std::string, const KnownCall*, std::less<>> by_name;
  ErrorList faults;

  void Add(KnownCall call) {
    calls.push_back(std::move(call));
    for (const std::string& name : calls.back().signature.names) {
      if (!by_name.emplace(name, &calls.back()).second) {
        faults.Add(absl::AlreadyExistsError(absl::StrCat("the call ", name, " is known twice")));
      }
    }
  }
};

const Calls& AllCalls() {
  static const Calls* const all = [] {
    auto* const calls = new Calls();
    for (const Rule& rule : Rules()) {
      auto signature = Parse(rule.signature, false);
      calls->faults.Add(signature.status());
      if (signature.ok()) calls->Add({*std::move(signature), rule.rule, nullptr});
    }
    for (const KnownOp& known : OpRegistry::Default().AllKnown(kFormat)) {
      auto signature = Parse(known.name->name, true);
      calls->faults.Add(signature.status(), known.op->name);
      if (signature.ok()) calls->Add({*std::move(signature), nullptr, known.op});
    }
    return calls;
  }();
  return *all;
}

PyValue FromLiteral(const std::string& text, PyArena& arena) {
  if (text == "None") return PyValue::None();
  if (text == "True" || text == "False") return PyValue::Bool(text == "True");
  int64_t integer = 0;
  double number = 0;
  if (absl::SimpleAtoi(text, &integer)) return PyValue::Int(integer);
  if (absl::SimpleAtod(text, &number)) return PyValue::Float(number);
  return arena.Text(text);
}

int IndexOf(const CallSignature& signature, absl::string_view name) {
  for (size_t i = 0; i < signature.parameters.size(); ++i) {
    const std::vector<std::string>& names = signature.parameters[i].names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return static_cast<int>(i);
  }
  return -1;
}

// Arguments that make no difference to what is computed.
bool MakesNoDifference(absl::string_view keyword) {
  return keyword == "name" || keyword == "validate_shape" || keyword == "flush" ||
         keyword == "end" || keyword == "sep" || keyword == "file" || keyword == "sparse_grad" ||
         keyword == "sparse" || keyword == "optimize" || keyword == "verify_shape" ||
         keyword == "output_stream" || keyword == "summarize";
}

absl::StatusOr<std::vector<PyValue>> BindArguments(const CallSignature& signature,
                                                   PyArguments arguments, PyArena& arena) {
  std::vector<PyValue> values(signature.parameters.size());
  size_t next = 0;
  for (const PyValue& value : arguments.positional) {
    if (next == values.size()) {
      return InvalidArgument("it takes ", values.size(), " arguments, found ",
                             arguments.positional.size());
    }
    if (!signature.parameters[next].rest) {
      values[next++] = value;
    } else {
      if (values[next].is(Kind::kNull)) values[next] = arena.Tuple({});
      values[next].heap->items.push_back(value);
    }
  }
  for (const auto& [keyword, value] : arguments.keywords) {
    int index = IndexOf(signature, keyword);
    const size_t last = values.size() - 1;
    if (index < 0 && !values.empty() && signature.parameters[last].keywords) {
      if (values[last].is(Kind::kNull)) values[last] = arena.Make(Kind::kDict);
      values[last].heap->items.push_back(arena.Text(keyword));
      values[last].heap->items.push_back(value);
      continue;
    }
    if (index < 0 && MakesNoDifference(keyword)) continue;
    if (index < 0) {
      return absl::UnimplementedError(
          absl::StrCat("its argument ", Shown(keyword), " is not covered"));
    }
    if (!values[index].is(Kind::kNull)) {
      return InvalidArgument("two values of its argument ", Shown(keyword));
    }
    values[index] = value;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const CallParameter& parameter = signature.parameters[i];
    if (values[i].is(Kind::kNull) && parameter.literal.has_value()) {
      values[i] = FromLiteral(*parameter.literal, arena);
    } else if (values[i].is(Kind::kNull) && parameter.keywords) {
      values[i] = arena.Make(Kind::kDict);
    } else if (values[i].is(Kind::kNull) && parameter.rest) {
      values[i] = arena.Tuple({});
    } else if (values[i].is(Kind::kNull) && parameter.attribute.empty()) {
      return InvalidArgument("its argument ", parameter.names[0], " is missing");
    }
  }
  return values;
}

absl::StatusOr<AttrValue> ToAttribute(Interpreter& interpreter, const PyValue& value,
                                      AttrType type) {
  NOMO_ASSIGN_OR_RETURN(const PyValue known, interpreter.Known(value));
  switch (type) {
    case AttrType::kBool:
      if (known.is_number()) return AttrValue(known.AsDouble() != 0);
      break;
    case AttrType::kInt:
      if (known.is_integer()) return AttrValue(known.number);
      break;
    case AttrType::kFloat:
      if (known.is_number()) return AttrValue(known.AsDouble());
      break;
    case AttrType::kString:
      if (known.is(Kind::kText)) return AttrValue(known.heap->text);
      break;
    case AttrType::kDType: {
      NOMO_ASSIGN_OR_RETURN(const DType dtype, interpreter.ToDType(value));
      return AttrValue(dtype);
    }
    case AttrType::kInts: {
      NOMO_ASSIGN_OR_RETURN(std::vector<int64_t> ints, interpreter.ToInts(value));
      return AttrValue(std::move(ints));
    }
    default:
      break;
  }
  return InvalidArgument("expected ", AttrTypeName(type), ", found ", Describe(value));
}

// The inputs of one type variable promote together.
absl::StatusOr<std::vector<Value>> PromoteInputs(Interpreter& interpreter, const OpDef& op,
                                                 const std::vector<PyValue>& values) {
  std::vector<Value> inputs(values.size());
  const auto type_of = [&](size_t i) -> const std::string& {
    return op.inputs[std::min(i, op.inputs.size() - 1)].type;
  };
  for (size_t i = 0; i < values.size(); ++i) {
    if (inputs[i].valid()) continue;
    std::vector<PyValue> group;
    for (size_t k = i; k < values.size(); ++k) {
      if (type_of(k) == type_of(i)) group.push_back(values[k]);
    }
    DTypeSet types = kAnyType;
    for (const auto& [name, set] : op.type_vars) {
      if (name == type_of(i)) types = set;
    }
    if (const DType fixed = DTypeFromName(type_of(i)); fixed != DType::kInvalid) types = {fixed};
    NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tensors, interpreter.Promote(group, types));
    size_t next = 0;
    for (size_t k = i; k < values.size(); ++k) {
      if (type_of(k) == type_of(i)) inputs[k] = tensors[next++];
    }
  }
  return inputs;
}

absl::StatusOr<PyValue> ApplyOp(Interpreter& interpreter, const KnownCall& call,
                                const std::string& name, const std::vector<PyValue>& arguments) {
  std::vector<PyValue> values;
  Attributes attrs;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const CallParameter& parameter = call.signature.parameters[i];
    if (parameter.attribute.empty()) {
      values.push_back(arguments[i]);
      continue;
    }
    if (arguments[i].is(Kind::kNull) || arguments[i].is(Kind::kNone)) continue;
    const AttrDef* attr = call.op->FindAttr(parameter.attribute);
    if (attr == nullptr) return InvalidArgument("no attribute ", parameter.attribute);
    auto value = ToAttribute(interpreter, arguments[i], attr->type);
    if (!value.ok()) return Annotate(value.status(), parameter.names[0]);
    attrs.Set(parameter.attribute, *std::move(value));
  }
  const bool weak =
      absl::StartsWith(name, "np.") && std::all_of(values.begin(), values.end(), [](auto& value) {
        return !value.is(Kind::kTensor) || value.heap->weak;
      });
  NOMO_ASSIGN_OR_RETURN(std::vector<Value> inputs, PromoteInputs(interpreter, *call.op, values));
  return interpreter.FromTensor(nomograph::Call(call.op->name, std::move(inputs), attrs), weak);
}

}  // namespace

absl::StatusOr<CallSignature> ParseSignature(absl::string_view text) { return Parse(text, false); }

CallRegistrar::CallRegistrar(const char* signature, CallRule rule) {
  Rules().push_back({signature, rule});
}

const KnownCall* FindCall(absl::string_view name) {
  const auto& calls = AllCalls().by_name;
  const auto found = calls.find(name);
  return found == calls.end() ? nullptr : found->second;
}

std::vector<std::string> CallNames() {
  std::vector<std::string> names;
  for (const auto& [name, call] : AllCalls().by_name) names.push_back(name);
  return names;
}

absl::Status CallFaults() { return AllCalls().faults.ToStatus("known calls are at fault"); }

absl::StatusOr<PyValue> ApplyCall(Interpreter& interpreter, const KnownCall& call,
                                  const std::string& name, PyArguments arguments) {
  auto bound = BindArguments(call.signature, std::move(arguments), interpreter.arena());
  if (!bound.ok()) return Annotate(bound.status(), name);
  absl::StatusOr<PyValue> result;
  if (call.op != nullptr) {
    result = ApplyOp(interpreter, call, name, *bound);
  } else {
    CallContext context(interpreter, name, call.signature, *std::move(bound));
    result = call.rule(context);
  }
  if (!result.ok()) return Annotate(result.status(), name);
  return result;
}

const PyValue& CallContext::Get(absl::string_view parameter) const {
  const int index = IndexOf(signature_, parameter);
  NOMO_CHECK(index >= 0);
  return arguments_[index];
}

bool CallContext::Has(absl::string_view parameter) const {
  const PyValue& value = Get(parameter);
  return !value.is(Kind::kNull) && !value.is(Kind::kNone);
}

absl::StatusOr<Value> CallContext::Tensor(absl::string_view parameter) const {
  auto value = interpreter_.ToTensor(Get(parameter));
  if (!value.ok()) return Annotate(value.status(), parameter);
  return value;
}

absl::StatusOr<std::vector<Value>> CallContext::Tensors(absl::string_view parameter) const {
  auto elements = interpreter_.Elements(Get(parameter));
  if (!elements.ok()) return Annotate(elements.status(), parameter);
  auto tensors = interpreter_.Promote(*elements);
  if (!tensors.ok()) return Annotate(tensors.status(), parameter);
  return tensors;
}

absl::StatusOr<int64_t> CallContext::Int(absl::string_view parameter) const {
  auto value = interpreter_.Known(Get(parameter));
  if (!value.ok()) return Annotate(value.status(), parameter);
  if (value->is_integer()) return value->number;
  return InvalidArgument(parameter, ": expected an integer, found ", Describe(Get(parameter)));
}

absl::StatusOr<double> CallContext::Number(absl::string_view parameter) const {
  auto value = interpreter_.Known(Get(parameter));
  if (!value.ok()) return Annotate(value.status(), parameter);
  if (value->is_number()) return value->AsDouble();
  return InvalidArgument(parameter, ": expected a number, found ", Describe(Get(parameter)));
}

absl::StatusOr<bool> CallContext::Bool(absl::string_view parameter) const {
  auto value = interpreter_.Truth(Get(parameter));
  if (!value.ok()) return Annotate(value.status(), parameter);
  return value;
}

absl::StatusOr<std::string> CallContext::Text(absl::string_view parameter) const {
  const PyValue& value = Get(parameter);
  if (value.is(Kind::kText)) return value.heap->text;
  return InvalidArgument(parameter, ": expected a text, found ", Describe(value));
}

absl::StatusOr<std::vector<int64_t>> CallContext::Ints(absl::string_view parameter) const {
  auto ints = interpreter_.ToInts(Get(parameter));
  if (!ints.ok()) return Annotate(ints.status(), parameter);
  return ints;
}

absl::StatusOr<int64_t> CallContext::Int(absl::string_view parameter, int64_t absent) const {
  if (!Has(parameter)) return absent;
  return Int(parameter);
}

absl::StatusOr<double> CallContext::Number(absl::string_view parameter, double absent) const {
  if (!Has(parameter)) return absent;
  return Number(parameter);
}

absl::StatusOr<std::string> CallContext::Text(absl::string_view parameter,
                                              absl::string_view absent) const {
  if (!Has(parameter)) return std::string(absent);
  return Text(parameter);
}

absl::StatusOr<DType> CallContext::Type(absl::string_view parameter, DType absent) const {
  if (!Has(parameter)) return absent;
  auto type = interpreter_.ToDType(Get(parameter));
  if (!type.ok()) return Annotate(type.status(), parameter);
  return type;
}

absl::StatusOr<PyValue> CallContext::Result(Value value) const {
  return interpreter_.FromTensor(std::move(value));
}

absl::Status CallContext::Unsupported(absl::string_view what) const {
  return absl::UnimplementedError(what);
}

}  // namespace nomograph::keras
