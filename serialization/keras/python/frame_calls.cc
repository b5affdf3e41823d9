// Frame: calls, and the functions that code makes.
#include <utility>

#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/python/frame.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;

}  // namespace

absl::StatusOr<std::vector<std::string>> Frame::NamesOf(const PyValue& tuple) const {
  std::vector<std::string> names;
  if (!tuple.is(Kind::kTuple)) return InvalidArgument("the names of arguments are no tuple");
  for (const PyValue& name : tuple.heap->items) {
    if (!name.is(Kind::kText)) return InvalidArgument("the name of an argument is no text");
    names.push_back(name.heap->text);
  }
  return names;
}

// The upper `count` values, of which the last have names.
absl::StatusOr<PyArguments> Frame::PopArguments(int count, const std::vector<std::string>& names) {
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> values, PopMany(count));
  if (names.size() > values.size()) return InvalidArgument("more names than arguments");
  PyArguments arguments;
  const size_t positional = values.size() - names.size();
  for (size_t i = 0; i < names.size(); ++i) {
    arguments.keywords.emplace_back(names[i], values[positional + i]);
  }
  values.resize(positional);
  arguments.positional = std::move(values);
  return arguments;
}

// The callable is on top, with a null or a receiver where `null`: either (null, callable),
// (callable, null) or (callable, receiver).
absl::Status Frame::CallWith(PyArguments arguments, bool null) {
  NOMO_ASSIGN_OR_RETURN(PyValue callable, Pop());
  if (null) {
    NOMO_ASSIGN_OR_RETURN(const PyValue first, Pop());
    if (!first.is(Kind::kNull)) {
      if (!callable.is(Kind::kNull)) {
        arguments.positional.insert(arguments.positional.begin(), callable);
      }
      callable = first;
    }
  }
  NOMO_ASSIGN_OR_RETURN(const PyValue result, interpreter_.Call(callable, std::move(arguments)));
  Push(result);
  return absl::OkStatus();
}

// Python 2.7 to 3.5: keyword arguments are pairs of a name and a value, above the positional ones;
// above them a sequence and a dict of more, where there are such.
absl::Status Frame::CallOld(int arg) {
  PyValue more = PyValue::Null(), more_keywords = PyValue::Null();
  if ((arg & 1 << 17) != 0) {
    NOMO_ASSIGN_OR_RETURN(more_keywords, Pop());
  }
  if ((arg & 1 << 16) != 0) {
    NOMO_ASSIGN_OR_RETURN(more, Pop());
  }
  PyArguments arguments;
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> pairs, PopMany(2 * (arg >> 8 & 255)));
  NOMO_ASSIGN_OR_RETURN(arguments.positional, PopMany(arg & 255));
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (!pairs[i].is(Kind::kText)) return InvalidArgument("the name of an argument is no text");
    arguments.keywords.emplace_back(pairs[i].heap->text, pairs[i + 1]);
  }
  NOMO_RETURN_IF_ERROR(AddMore(more, more_keywords, arguments));
  return CallWith(std::move(arguments), false);
}

// The elements of `*more` and `**keywords`, where they are not null.
absl::Status Frame::AddMore(const PyValue& more, const PyValue& keywords, PyArguments& arguments) {
  if (!more.is(Kind::kNull)) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, interpreter_.Elements(more));
    arguments.positional.insert(arguments.positional.end(), elements.begin(), elements.end());
  }
  if (keywords.is(Kind::kNull)) return absl::OkStatus();
  if (!keywords.is(Kind::kDict)) return InvalidArgument("** of ", Describe(keywords));
  const std::vector<PyValue>& items = keywords.heap->items;
  NOMO_RETURN_IF_ERROR(interpreter_.SpendElements(items.size()));
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (!items[i].is(Kind::kText)) return InvalidArgument("the name of an argument is no text");
    arguments.keywords.emplace_back(items[i].heap->text, items[i + 1]);
  }
  return absl::OkStatus();
}

absl::Status Frame::StepCall(const Instruction& instruction) {
  const Act act = instruction.act;
  const int arg = instruction.arg;
  switch (act) {
    case Act::kKeywordNames: {
      NOMO_ASSIGN_OR_RETURN(keyword_names_, NamesOf(interpreter_.Constant(*code_.constants[arg])));
      return absl::OkStatus();
    }
    case Act::kPrint:
      return Pop().status();
    case Act::kCallOld:
    case Act::kCallOldMore:
      return CallOld(arg);
    case Act::kCallNames:
    case Act::kCallNamesNull: {
      NOMO_ASSIGN_OR_RETURN(const PyValue tuple, Pop());
      NOMO_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesOf(tuple));
      NOMO_ASSIGN_OR_RETURN(PyArguments arguments, PopArguments(arg, names));
      return CallWith(std::move(arguments), act == Act::kCallNamesNull);
    }
    case Act::kCallMore:
    case Act::kCallMoreNull: {
      PyValue keywords = PyValue::Null();
      if ((arg & 1) != 0) {
        NOMO_ASSIGN_OR_RETURN(keywords, Pop());
      }
      NOMO_ASSIGN_OR_RETURN(const PyValue more, Pop());
      PyArguments arguments;
      NOMO_RETURN_IF_ERROR(AddMore(more, keywords, arguments));
      return CallWith(std::move(arguments), act == Act::kCallMoreNull);
    }
    default: {
      NOMO_ASSIGN_OR_RETURN(PyArguments arguments,
                            PopArguments(arg, std::exchange(keyword_names_, {})));
      return CallWith(std::move(arguments), act == Act::kCall);
    }
  }
}

absl::Status Frame::MakeFunction(const Instruction& instruction) {
  constexpr int kDefaults = 1, kKeywordDefaults = 2, kAnnotations = 4, kClosure = 8;
  const int arg = instruction.arg;
  const Act act = instruction.act;
  PyArena& arena = interpreter_.arena();
  if (act == Act::kSetFunctionPart) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> values, PopMany(2));  // the part, the function
    if (!values[1].is(Kind::kFunction)) return InvalidArgument("a part of no function");
    PyFunction& function = values[1].heap->function;
    if (arg == kDefaults) {
      NOMO_ASSIGN_OR_RETURN(function.defaults, interpreter_.Elements(values[0]));
    }
    if (arg == kKeywordDefaults) function.keyword_defaults = values[0];
    if (arg == kClosure) {
      NOMO_ASSIGN_OR_RETURN(function.closure, interpreter_.Elements(values[0]));
    }
    Push(values[1]);
    return absl::OkStatus();
  }
  NOMO_ASSIGN_OR_RETURN(PyValue code, Pop());
  // From 3.3 to 3.10 the qualified name is above the code.
  if (code.is(Kind::kText)) {
    NOMO_ASSIGN_OR_RETURN(code, Pop());
  }
  if (!code.is(Kind::kCode)) return InvalidArgument("a function is made of ", Describe(code));
  PyFunction function{.code = code.heap->code};
  const auto take = [&](bool there, std::vector<PyValue>& part) -> absl::Status {
    if (!there) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(const PyValue tuple, Pop());
    NOMO_ASSIGN_OR_RETURN(part, interpreter_.Elements(tuple));
    return absl::OkStatus();
  };
  if (act == Act::kMakeFunction) {
    NOMO_RETURN_IF_ERROR(take((arg & kClosure) != 0, function.closure));
    if ((arg & kAnnotations) != 0) NOMO_RETURN_IF_ERROR(Pop().status());
    if ((arg & kKeywordDefaults) != 0) {
      NOMO_ASSIGN_OR_RETURN(function.keyword_defaults, Pop());
    }
    NOMO_RETURN_IF_ERROR(take((arg & kDefaults) != 0, function.defaults));
  } else {
    if ((arg >> 8) != 0) {
      return absl::UnimplementedError("an inner function has keyword-only defaults or annotations");
    }
    NOMO_RETURN_IF_ERROR(take(act == Act::kMakeClosureOld, function.closure));
    NOMO_ASSIGN_OR_RETURN(function.defaults, PopMany(arg));
  }
  PyValue made = arena.Make(Kind::kFunction);
  made.heap->function = std::move(function);
  Push(made);
  return absl::OkStatus();
}

}  // namespace nomograph::keras
