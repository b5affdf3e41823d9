#include "nomograph/serialization/keras/python/function.h"

#include <algorithm>
#include <set>
#include <utility>

#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/calls/known_call.h"
#include "nomograph/serialization/keras/python/interpreter.h"
#include "nomograph/serialization/keras/python/names.h"
#include "nomograph/serialization/keras/python/payload.h"
#include "nomograph/serialization/keras/python/source.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;
using List = ConfigValue::List;

const std::string* TextOf(const ConfigValue* value) {
  return value == nullptr ? nullptr : value->As<std::string>();
}

// [code, defaults, closure]
absl::StatusOr<LambdaFunction> ReadParts(const ConfigValue* code, const ConfigValue* defaults,
                                         const ConfigValue* closure, const PythonLimits& limits) {
  const std::string* text = TextOf(code);
  if (text == nullptr) return InvalidArgument("a lambda has no code");
  NOMO_ASSIGN_OR_RETURN(const std::string payload, DecodePayload(*text));
  NOMO_ASSIGN_OR_RETURN(LambdaFunction function, ReadPayload(payload, limits));
  if (defaults != nullptr) function.defaults = *defaults;
  if (closure != nullptr) function.closure = *closure;
  return function;
}

absl::StatusOr<LambdaFunction> ReadFields(const LayerConfig& fields, const PythonLimits& limits) {
  const std::string* class_name = TextOf(fields.Find("class_name"));
  const ConfigValue* config = fields.Find("config");
  if (class_name == nullptr || config == nullptr) {
    return InvalidArgument("expected class_name and config of a function");
  }
  if (*class_name != "__lambda__") {
    if (const std::string* name = TextOf(config)) return LambdaFunction{.name = *name};
    return InvalidArgument("expected a function, found a ", Shown(*class_name));
  }
  if (const auto* parts = config->As<LayerConfig>()) {
    if (const ConfigValue* value = parts->Find("value")) return ReadLambda(*value, "", limits);
    return ReadParts(parts->Find("code"), parts->Find("defaults"), parts->Find("closure"), limits);
  }
  return ReadLambda(*config, "", limits);
}

// Code objects inside of one another, the outermost first.
void AddInner(const Code& code, std::vector<const Code*>& codes, std::set<const Code*>& seen) {
  if (!seen.insert(&code).second) return;
  codes.push_back(&code);
  for (const ObjectRef& constant : code.constants) {
    if (constant->kind == Object::Kind::kCode) AddInner(*constant->code, codes, seen);
  }
}

bool IsResolved(const std::string& name, const TranslateOptions& options) {
  return options.defines.contains(name) || !UsualModule(name).empty() ||
         FindCall(absl::StrCat("builtins.", name)) != nullptr || name == "Ellipsis" ||
         name == "None" || name == "True" || name == "False";
}

std::vector<std::string> UnresolvedGlobals(const Code& code, const TranslateOptions& options) {
  std::vector<const Code*> codes;
  std::set<const Code*> seen;
  AddInner(code, codes, seen);
  std::vector<std::string> names;
  std::set<std::string> known;
  for (const Code* inner : codes) {
    for (const Instruction& instruction : inner->instructions) {
      if (instruction.act != Act::kGlobal) continue;
      const std::string& name = inner->names[instruction.arg >> 1];
      if (!IsResolved(name, options) && known.insert(name).second) names.push_back(name);
    }
  }
  return names;
}

PyValue ListOf(Interpreter& interpreter, const ConfigValue& value) {
  PyValue list = interpreter.FromConfig(value);
  return list.is_sequence() ? list : interpreter.arena().List({});
}

PyFunction MakeFunction(Interpreter& interpreter, const LambdaFunction& lambda) {
  PyFunction function{.code = lambda.code.get()};
  function.defaults = ListOf(interpreter, lambda.defaults).heap->items;
  for (const PyValue& value : ListOf(interpreter, lambda.closure).heap->items) {
    function.closure.push_back(interpreter.arena().Make(Kind::kCell, {value}));
  }
  // Keras 1 did not store closures.
  function.closure.resize(std::max(function.closure.size(), lambda.code->free.size()));
  function.closure.resize(lambda.code->free.size());
  for (size_t i = 0; i < function.closure.size(); ++i) {
    if (!function.closure[i].is(Kind::kNull)) continue;
    function.closure[i] =
        interpreter.arena().Make(Kind::kCell, {interpreter.Global(lambda.code->free[i])});
  }
  return function;
}

// What Keras passes besides the inputs.
// Parameters that nothing gives a value (keyword-only defaults are never stored): the user's word.
void AddDefined(Interpreter& interpreter, const LambdaFunction& lambda, PyArguments& arguments) {
  const Code& code = *lambda.code;
  const auto* defaults = lambda.defaults.As<List>();
  const int count = defaults == nullptr ? 0 : static_cast<int>(defaults->size());
  for (int i = 1; i < code.num_args + code.num_keyword_only; ++i) {
    const std::string& name = code.variables[i];
    const bool has_default = i < code.num_args && i >= code.num_args - count;
    const bool given = std::any_of(arguments.keywords.begin(), arguments.keywords.end(),
                                   [&](const auto& keyword) { return keyword.first == name; });
    if (has_default || given) continue;
    const auto define = interpreter.options().defines.find(name);
    if (define == interpreter.options().defines.end()) {
      interpreter.AddMissing({MissingItem::Kind::kGlobal, name,
                              absl::StrCat(Shown(name), ": this parameter has no value; --define ",
                                           Shown(name), "=VALUE gives it one")});
      arguments.keywords.emplace_back(name, PyValue::Unknown());
    } else {
      arguments.keywords.emplace_back(name, interpreter.FromConfig(define->second));
    }
  }
}

PyArguments KeywordsOf(Interpreter& interpreter, const LambdaFunction& lambda, bool as_list) {
  const TranslateOptions& options = interpreter.options();
  PyArguments arguments;
  const auto given = [&](absl::string_view name) {
    return options.arguments.Find(name) != nullptr;
  };
  for (const auto& [name, value] : options.arguments) {
    arguments.keywords.emplace_back(name, interpreter.FromConfig(value));
  }
  const std::vector<std::string> parameters = lambda.Parameters();
  for (size_t i = 1; i < parameters.size(); ++i) {
    if (parameters[i] == "training" && !given("training")) {
      arguments.keywords.emplace_back("training", PyValue::Bool(false));
    }
    if (parameters[i] != "mask" || given("mask")) continue;
    std::vector<PyValue> masks;
    for (const Value& mask : options.masks) {
      masks.push_back(mask.valid() ? interpreter.arena().Tensor(mask) : PyValue::None());
    }
    const PyValue mask = as_list         ? interpreter.arena().List(masks)
                         : masks.empty() ? PyValue::None()
                                         : masks[0];
    arguments.keywords.emplace_back("mask", mask);
  }
  AddDefined(interpreter, lambda, arguments);
  return arguments;
}

absl::Status ToOutputs(Interpreter& interpreter, const PyValue& result, Translation& translation) {
  if (result.is(Kind::kUnknown)) return absl::AbortedError("its result is not known");
  if (result.is(Kind::kNone)) return InvalidArgument("it returns None");
  if (!result.is_sequence() && !result.is(Kind::kIterator)) {
    NOMO_ASSIGN_OR_RETURN(const Value output, interpreter.ToTensor(result));
    translation.outputs.push_back(output);
    return absl::OkStatus();
  }
  translation.is_list = true;
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, interpreter.Elements(result));
  for (const PyValue& element : elements) {
    if (element.is(Kind::kUnknown)) return absl::AbortedError("its result is not known");
    NOMO_ASSIGN_OR_RETURN(const Value output, interpreter.ToTensor(element));
    translation.outputs.push_back(output);
  }
  return absl::OkStatus();
}

// Puts together what stopped a translation. What was stopped by something missing alone is not
// said twice.
void Conclude(const Interpreter& interpreter, const absl::Status& status,
              Translation& translation) {
  translation.missing = interpreter.missing();
  if (!status.ok() && !(absl::IsAborted(status) && !translation.missing.empty())) {
    translation.missing.push_back(
        {MissingItem::Kind::kUnsupported, "", EscapeMessage(status.message())});
  }
  if (translation.missing.empty()) return;
  translation.outputs.clear();
  ErrorList errors;
  for (const MissingItem& item : translation.missing) {
    errors.Add(absl::UnimplementedError(item.message));
  }
  translation.status =
      errors.ToStatus(absl::StrCat(translation.missing.size(), " things stop the translation"));
}

void AddUnresolved(const LambdaFunction& function, Interpreter& interpreter) {
  for (const std::string& name : UnresolvedGlobals(*function.code, interpreter.options())) {
    interpreter.Global(name);
  }
}

PyValue FromArgument(Interpreter& interpreter, const CallArgument& argument) {
  if (const auto* config = std::get_if<ConfigValue>(&argument.value)) {
    return interpreter.FromConfig(*config);
  }
  if (const auto* value = std::get_if<Value>(&argument.value)) {
    return value->valid() ? interpreter.arena().Tensor(*value) : PyValue::None();
  }
  std::vector<PyValue> items;
  for (const CallArgument& item : std::get<std::vector<CallArgument>>(argument.value)) {
    items.push_back(FromArgument(interpreter, item));
  }
  return interpreter.arena().List(std::move(items));
}

absl::StatusOr<PartialShape> ToShape(const PyValue& value) {
  std::vector<Dim> dims;
  if (!value.is_sequence()) return InvalidArgument("expected a shape, found ", Describe(value));
  for (const PyValue& size : value.heap->items) {
    if (size.is_integer() && size.number >= 0) {
      dims.push_back(Dim(size.number));
    } else if (size.is(Kind::kNone)) {
      dims.push_back(Dim());
    } else {
      return InvalidArgument("expected sizes, found ", Describe(size));
    }
  }
  return PartialShape(std::move(dims));
}

}  // namespace

std::string LambdaFunction::PythonVersion() const {
  return code == nullptr ? "" : VersionsText(code->versions);
}

std::vector<std::string> LambdaFunction::Parameters() const {
  if (code == nullptr) return {};
  return {code->variables.begin(), code->variables.begin() + code->num_parameters()};
}

std::vector<std::string> LambdaFunction::FreeVariables() const {
  return code == nullptr ? std::vector<std::string>() : code->free;
}

std::vector<std::string> LambdaFunction::UnknownGlobals() const {
  return code == nullptr ? std::vector<std::string>() : UnresolvedGlobals(*code, {});
}

std::string LambdaFunction::SourceText(const PythonLimits& limits) const {
  if (code == nullptr) return absl::StrCat(Shown(name), " (its body is not stored)");
  return nomograph::keras::SourceText(*code, defaults, limits);
}

std::string LambdaFunction::BodyText(const PythonLimits& limits) const {
  if (code == nullptr) return SourceText(limits);
  return nomograph::keras::BodyText(*code, defaults, limits);
}

absl::StatusOr<LambdaFunction> ReadPayload(absl::string_view marshal_data,
                                           const PythonLimits& limits) {
  LambdaFunction function;
  NOMO_ASSIGN_OR_RETURN(function.code, ReadCode(marshal_data, limits));
  function.name = function.code->name;
  return function;
}

bool LooksLikeLambda(const ConfigValue& value) {
  if (const auto* fields = value.As<LayerConfig>()) {
    const std::string* class_name = TextOf(fields->Find("class_name"));
    return class_name != nullptr && *class_name == "__lambda__";
  }
  if (const auto* parts = value.As<List>()) {
    return parts->size() == 3 && TextOf(&(*parts)[0]) != nullptr &&
           DecodePayload(*TextOf(&(*parts)[0])).ok();
  }
  const std::string* text = TextOf(&value);
  return text != nullptr && DecodePayload(*text).ok();
}

absl::StatusOr<LambdaFunction> ReadLambda(const ConfigValue& function,
                                          absl::string_view function_type,
                                          const PythonLimits& limits) {
  if (const std::string* text = TextOf(&function)) {
    const bool is_name = function_type == "function" || !DecodePayload(*text).ok();
    if (is_name) return LambdaFunction{.name = *text};
    return ReadParts(&function, nullptr, nullptr, limits);
  }
  if (const auto* parts = function.As<List>()) {
    if (parts->empty() || parts->size() > 3) {
      return InvalidArgument("expected code, defaults and closure, found a list of ",
                             parts->size());
    }
    const auto part = [&](size_t i) { return i < parts->size() ? &(*parts)[i] : nullptr; };
    return ReadParts(part(0), part(1), part(2), limits);
  }
  if (const auto* fields = function.As<LayerConfig>()) {
    return ReadFields(*fields, limits);
  }
  return InvalidArgument("expected a function");
}

Translation Translate(const LambdaFunction& function, absl::Span<const Value> inputs, bool as_list,
                      const TranslateOptions& options) {
  Translation translation;
  Interpreter interpreter(options);
  if (!function.has_body()) {
    interpreter.AddMissing({MissingItem::Kind::kBody, function.name,
                            absl::StrCat(Shown(function.name), ": the file has its name only")});
    Conclude(interpreter, absl::OkStatus(), translation);
    return translation;
  }
  const PyFunction made = MakeFunction(interpreter, function);
  PyArguments arguments = KeywordsOf(interpreter, function, as_list);
  std::vector<PyValue> values;
  for (const Value& input : inputs) values.push_back(interpreter.arena().Tensor(input));
  const bool one = !as_list && values.size() == 1;
  arguments.positional.push_back(one ? values[0] : interpreter.arena().List(std::move(values)));
  auto result = interpreter.CallFunction(made, std::move(arguments));
  absl::Status status = result.status();
  if (result.ok()) status = ToOutputs(interpreter, *result, translation);
  if (!status.ok()) AddUnresolved(function, interpreter);
  Conclude(interpreter, status, translation);
  return translation;
}

absl::StatusOr<std::vector<PartialShape>> TranslateShape(const LambdaFunction& function,
                                                         absl::Span<const PartialShape> inputs,
                                                         bool as_list,
                                                         const TranslateOptions& options) {
  if (!function.has_body()) {
    return absl::UnimplementedError(
        absl::StrCat(Shown(function.name), ": the file has its name only"));
  }
  Interpreter interpreter(options);
  PyArena& arena = interpreter.arena();
  std::vector<PyValue> shapes;
  for (const PartialShape& shape : inputs) {
    if (!shape.has_rank()) return InvalidArgument("a shape of unknown rank");
    std::vector<PyValue> sizes;
    for (const Dim& dim : shape.dims()) {
      sizes.push_back(dim.known() ? PyValue::Int(dim.size()) : PyValue::None());
    }
    shapes.push_back(arena.Tuple(std::move(sizes)));
  }
  PyArguments arguments;
  const bool one = !as_list && shapes.size() == 1;
  arguments.positional.push_back(one ? shapes[0] : arena.List(std::move(shapes)));
  const PyFunction made = MakeFunction(interpreter, function);
  auto result = interpreter.CallFunction(made, std::move(arguments));
  Translation failed;
  Conclude(interpreter, result.status(), failed);
  NOMO_RETURN_IF_ERROR(failed.status);
  std::vector<PartialShape> results;
  const bool many =
      result->is_sequence() && !result->heap->items.empty() && result->heap->items[0].is_sequence();
  for (const PyValue& shape : many ? result->heap->items : std::vector<PyValue>{*result}) {
    NOMO_ASSIGN_OR_RETURN(PartialShape sizes, ToShape(shape));
    results.push_back(std::move(sizes));
  }
  return results;
}

Translation CallKnown(absl::string_view name, absl::Span<const CallArgument> arguments,
                      const std::vector<std::pair<std::string, CallArgument>>& keywords,
                      const TranslateOptions& options) {
  Translation translation;
  Interpreter interpreter(options);
  PyArguments values;
  for (const CallArgument& argument : arguments) {
    values.positional.push_back(FromArgument(interpreter, argument));
  }
  for (const auto& [keyword, argument] : keywords) {
    values.keywords.emplace_back(keyword, FromArgument(interpreter, argument));
  }
  auto result = interpreter.CallKnown(CanonicalName(name), std::move(values));
  absl::Status status = result.status();
  if (result.ok()) status = ToOutputs(interpreter, *result, translation);
  Conclude(interpreter, status, translation);
  return translation;
}

std::vector<std::string> KnownCallNames() { return CallNames(); }
bool IsKnownCall(absl::string_view name) { return FindCall(CanonicalName(name)) != nullptr; }

}  // namespace nomograph::keras
