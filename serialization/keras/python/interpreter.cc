#include "nomograph/serialization/keras/python/interpreter.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/calls/complex.h"
#include "nomograph/serialization/keras/calls/known_call.h"
#include "nomograph/serialization/keras/calls/numbers.h"
#include "nomograph/serialization/keras/python/frame.h"
#include "nomograph/serialization/keras/python/names.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;

constexpr size_t kMaxMissing = 100;

absl::Status Passed(absl::string_view what, int64_t limit) {
  return absl::ResourceExhaustedError(absl::StrCat("more than ", limit, " ", what));
}

bool IsUnknown(const PyArguments& arguments) {
  const auto unknown = [](const PyValue& value) { return value.is(Kind::kUnknown); };
  return std::any_of(arguments.positional.begin(), arguments.positional.end(), unknown) ||
         std::any_of(arguments.keywords.begin(), arguments.keywords.end(),
                     [&](const auto& keyword) { return unknown(keyword.second); });
}

}  // namespace

void Interpreter::AddMissing(MissingItem item) {
  const auto same = [&](const MissingItem& other) {
    return other.kind == item.kind && other.name == item.name && !item.name.empty();
  };
  if (missing_.size() >= kMaxMissing || std::any_of(missing_.begin(), missing_.end(), same)) return;
  missing_.push_back(std::move(item));
}

absl::Status Interpreter::Spend(int64_t steps) {
  steps_ += steps;
  if (steps_ <= options_.limits.max_steps) return absl::OkStatus();
  return Passed("steps", options_.limits.max_steps);
}

absl::Status Interpreter::SpendElements(int64_t elements) {
  elements_ = SaturatingAdd(elements_, elements);
  if (elements_ <= options_.limits.max_elements) return absl::OkStatus();
  return Passed("elements of lists", options_.limits.max_elements);
}

absl::Status Interpreter::SpendValue() {
  if (++values_ <= options_.limits.max_values) return absl::OkStatus();
  return Passed("operations on tensors", options_.limits.max_values);
}

absl::StatusOr<PyValue> Interpreter::Call(const PyValue& callable, PyArguments arguments) {
  switch (callable.kind) {
    case Kind::kUnknown:
      return callable;
    case Kind::kFunction:
      return CallFunction(callable.heap->function, std::move(arguments));
    case Kind::kName:
      return CallKnown(callable.heap->text, std::move(arguments));
    case Kind::kMethod:
      arguments.positional.insert(arguments.positional.begin(), callable.heap->items[0]);
      return CallKnown(callable.heap->text, std::move(arguments));
    default:
      return InvalidArgument(Describe(callable), " is called");
  }
}

absl::StatusOr<PyValue> Interpreter::CallKnown(const std::string& name, PyArguments arguments) {
  if (arguments.keywords.empty()) {
    if (const auto number = ApplyToNumbers(name, arguments.positional)) return *number;
  }
  if (HasComplex(arguments)) {
    if (const auto result = ApplyToComplex(*this, name, arguments)) return *result;
  }
  const KnownCall* call = FindCall(name);
  if (call == nullptr) {
    AddMissing(
        {MissingItem::Kind::kCall, name, absl::StrCat(Shown(name), ": this call is not known")});
    return PyValue::Unknown();
  }
  if (IsUnknown(arguments)) return PyValue::Unknown();
  NOMO_RETURN_IF_ERROR(SpendValue());
  return ApplyCall(*this, *call, name, std::move(arguments));
}

absl::StatusOr<std::vector<PyValue>> Interpreter::Bind(const PyFunction& function,
                                                       PyArguments arguments) {
  const Code& code = *function.code;
  const std::string where = absl::StrCat(Shown(code.name), "()");
  const int num_args = code.num_args, num_named = num_args + code.num_keyword_only;
  std::vector<PyValue> values(code.variables.size());
  const int given = static_cast<int>(arguments.positional.size());
  for (int i = 0; i < std::min(given, num_args); ++i) values[i] = arguments.positional[i];
  if ((code.flags & Code::kVarArgs) != 0) {
    std::vector<PyValue> rest;
    if (given > num_args) {
      rest.assign(arguments.positional.begin() + num_args, arguments.positional.end());
    }
    values[num_named] = arena_.Tuple(std::move(rest));
  } else if (given > num_args) {
    return InvalidArgument(where, " takes ", num_args, " arguments, found ", given);
  }
  std::vector<PyValue> more;
  for (auto& [name, value] : arguments.keywords) {
    const auto begin = code.variables.begin();
    const auto found = std::find(begin + code.num_positional_only, begin + num_named, name);
    if (found != begin + num_named) {
      PyValue& place = values[found - begin];
      if (!place.is(Kind::kNull)) return InvalidArgument(where, ": two values of ", Shown(name));
      place = value;
    } else if ((code.flags & Code::kVarKeywords) != 0) {
      more.push_back(arena_.Text(name));
      more.push_back(value);
    } else {
      return InvalidArgument(where, " has no parameter ", Shown(name));
    }
  }
  if ((code.flags & Code::kVarKeywords) != 0) {
    values[num_named + ((code.flags & Code::kVarArgs) != 0)] =
        arena_.Make(Kind::kDict, std::move(more));
  }
  const int num_defaults = static_cast<int>(function.defaults.size());
  for (int i = 0; i < num_named; ++i) {
    if (!values[i].is(Kind::kNull)) continue;
    if (i < num_args && i >= num_args - num_defaults) {
      values[i] = function.defaults[i - (num_args - num_defaults)];
    } else if (i >= num_args && function.keyword_defaults.is(Kind::kDict)) {
      const std::vector<PyValue>& items = function.keyword_defaults.heap->items;
      for (size_t k = 0; k + 1 < items.size(); k += 2) {
        if (items[k].is(Kind::kText) && items[k].heap->text == code.variables[i]) {
          values[i] = items[k + 1];
        }
      }
    }
    if (values[i].is(Kind::kNull)) {
      return InvalidArgument(where, ": the argument ", Shown(code.variables[i]), " is missing");
    }
  }
  return values;
}

absl::StatusOr<PyValue> Interpreter::CallFunction(const PyFunction& function,
                                                  PyArguments arguments) {
  const Code& code = *function.code;
  if (depth_ >= options_.limits.max_calls) {
    return Passed("calls inside of one another", options_.limits.max_calls);
  }
  NOMO_RETURN_IF_ERROR(SpendElements(code.variables.size() + arguments.positional.size()));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> values, Bind(function, std::move(arguments)));
  std::vector<PyValue> variables;
  for (const PyValue& value : values) variables.push_back(arena_.Make(Kind::kCell, {value}));
  if (function.closure.size() != code.free.size()) {
    return InvalidArgument(Shown(code.name), ": expected values of ", code.free.size(),
                           " variables from around it, found ", function.closure.size());
  }
  const size_t first_free = variables.size() - code.free.size();
  for (size_t i = 0; i < code.free.size(); ++i) {
    if (!function.closure[i].is(Kind::kCell)) return InvalidArgument("a closure without variables");
    variables[first_free + i] = function.closure[i];
  }
  ++depth_;
  const absl::Cleanup leave = [this] { --depth_; };
  return Frame(*this, code, std::move(variables)).Run();
}

PyValue Interpreter::Global(const std::string& name) {
  if (const auto define = options_.defines.find(name); define != options_.defines.end()) {
    const auto* text = define->second.As<std::string>();
    if (text != nullptr) {
      const std::string canonical = CanonicalName(*text);
      if (IsModule(canonical) || FindCall(canonical) != nullptr) return arena_.Name(canonical);
      if (const absl::string_view module = UsualModule(*text); !module.empty()) {
        return arena_.Name(std::string(module));
      }
    }
    return FromConfig(define->second);
  }
  if (FindCall(absl::StrCat("builtins.", name)) != nullptr) return arena_.Name("builtins." + name);
  if (name == "Ellipsis") return {.kind = Kind::kEllipsis};
  if (name == "None" || name == "True" || name == "False") {  // Python 2
    return name == "None" ? PyValue::None() : PyValue::Bool(name == "True");
  }
  if (const absl::string_view module = UsualModule(name); !module.empty()) {
    return arena_.Name(std::string(module));
  }
  AddMissing({MissingItem::Kind::kGlobal, name,
              absl::StrCat(Shown(name), ": this global name has no value; --define ", Shown(name),
                           "=VALUE gives it one")});
  return PyValue::Unknown();
}

PyValue Interpreter::Constant(const Object& object) {
  if (const auto found = constants_.find(&object); found != constants_.end()) return found->second;
  using O = Object::Kind;
  PyValue value = PyValue::Unknown();
  switch (object.kind) {
    case O::kNone:
      value = PyValue::None();
      break;
    case O::kEllipsis:
      value = {.kind = Kind::kEllipsis};
      break;
    case O::kBool:
      value = PyValue::Bool(object.number != 0);
      break;
    case O::kInt:
      value = PyValue::Int(object.number);
      break;
    case O::kFloat:
      value = PyValue::Float(object.real);
      break;
    case O::kText:
      value = arena_.Text(object.text);
      break;
    case O::kBytes:
      value = arena_.Make(Kind::kBytes, {}, object.text);
      break;
    case O::kTuple:
    case O::kList:
    case O::kSet:
    case O::kFrozenSet:
    case O::kSlice:
    case O::kDict: {
      // Not deeper than the marshal reader allows.
      std::vector<PyValue> items;
      for (const ObjectRef& item : object.items) items.push_back(Constant(*item));
      const Kind kind = object.kind == O::kTuple   ? Kind::kTuple
                        : object.kind == O::kList  ? Kind::kList
                        : object.kind == O::kSlice ? Kind::kSlice
                        : object.kind == O::kDict  ? Kind::kDict
                                                   : Kind::kSet;
      value = arena_.Make(kind, std::move(items));
      break;
    }
    case O::kCode:
      value = arena_.Make(Kind::kCode);
      value.heap->code = object.code.get();
      break;
    case O::kBigInt:
      AddMissing({MissingItem::Kind::kUnsupported, "",
                  absl::StrCat("an integer of ", object.number, " bits")});
      break;
    case O::kComplex:
      AddMissing({MissingItem::Kind::kUnsupported, "", "a complex number"});
      break;
    case O::kStopIteration:
      AddMissing({MissingItem::Kind::kUnsupported, "", "StopIteration as a value"});
      break;
  }
  constants_[&object] = value;
  return value;
}

PyValue Interpreter::FromConfig(const ConfigValue& value) {
  if (const auto* v = value.As<bool>()) return PyValue::Bool(*v);
  if (const auto* v = value.As<int64_t>()) return PyValue::Int(*v);
  if (const auto* v = value.As<double>()) return PyValue::Float(*v);
  if (const auto* v = value.As<std::string>()) return arena_.Text(*v);
  if (const auto* v = value.As<LayerConfig>()) return FromFields(*v);
  const auto* list = value.As<ConfigValue::List>();
  if (list == nullptr) return PyValue::None();
  std::vector<PyValue> items;
  for (const ConfigValue& item : *list) items.push_back(FromConfig(item));
  return arena_.List(std::move(items));
}

// Keras 3 writes tuples and the like as {"class_name": "__tuple__", "items": [...]}.
PyValue Interpreter::FromFields(const LayerConfig& fields) {
  const ConfigValue* class_name = fields.Find("class_name");
  const ConfigValue* items = fields.Find("items");
  const auto* name = class_name == nullptr ? nullptr : class_name->As<std::string>();
  if (name != nullptr && *name == "__tuple__" && items != nullptr) {
    PyValue tuple = FromConfig(*items);
    if (tuple.is(Kind::kList)) tuple.kind = Kind::kTuple;
    return tuple;
  }
  std::vector<PyValue> pairs;
  for (const auto& [key, value] : fields) {
    pairs.push_back(arena_.Text(key));
    pairs.push_back(FromConfig(value));
  }
  return arena_.Make(Kind::kDict, std::move(pairs));
}

std::string Describe(const PyValue& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kComplex:
      return "a complex tensor";
    case Kind::kUnknown:
      return "what is not known";
    case Kind::kNone:
      return "None";
    case Kind::kEllipsis:
      return "...";
    case Kind::kBool:
      return value.number != 0 ? "True" : "False";
    case Kind::kInt:
      return absl::StrCat("the integer ", value.number);
    case Kind::kFloat:
      return absl::StrCat("the number ", value.real);
    case Kind::kText:
      return absl::StrCat("the text ", Quoted(value.heap->text));
    case Kind::kBytes:
      return "bytes";
    case Kind::kTuple:
      return absl::StrCat("a tuple of ", value.heap->items.size());
    case Kind::kList:
      return absl::StrCat("a list of ", value.heap->items.size());
    case Kind::kSet:
      return "a set";
    case Kind::kDict:
      return "a dict";
    case Kind::kSlice:
      return "a slice";
    case Kind::kIterator:
      return "an iterator";
    case Kind::kTensor:
      return absl::StrCat("a tensor ", value.heap->tensor.type().ToString());
    case Kind::kName:
      return Shown(value.heap->text);
    case Kind::kFunction:
      return absl::StrCat("the function ", Shown(value.heap->function.code->name));
    case Kind::kMethod:
      return absl::StrCat("the method ", Shown(value.heap->text));
    case Kind::kCode:
      return "code";
    case Kind::kCell:
      return "a variable";
  }
  return "a value";
}

}  // namespace nomograph::keras
