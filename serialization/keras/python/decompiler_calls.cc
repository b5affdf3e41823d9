// Decompiler: calls, and what is made of several values.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/keras/python/decompiler.h"
#include "nomograph/serialization/keras/python/decompiler_walk.h"

namespace nomograph::keras::internal {
namespace {

// Names out of a tuple of texts.
std::vector<std::string> Unquoted(std::vector<std::string> texts) {
  for (std::string& text : texts) {
    if (text.size() >= 2 && text[0] == '\'') text = text.substr(1, text.size() - 2);
  }
  return texts;
}

}  // namespace

void Decompiler::Call(Stack& stack, std::vector<std::string> arguments, bool null) {
  Text callable = Pop(stack);
  if (null) {
    const Text first = Pop(stack);
    if (!first.null) {
      // A comprehension's function, and what it iterates over.
      if (!callable.null) arguments.insert(arguments.begin(), callable.text);
      callable = first;
    }
  }
  if (callable.is_function && absl::StartsWith(callable.code->name, "<") &&
      callable.code->name != "<lambda>" && arguments.size() == 1) {
    const auto body = Decompile(*callable.code, limit_, depth_ + 1, arguments[0]);
    if (!body.has_value() || !body->lines.empty()) {
      failed_ = true;
      return;
    }
    return Push(stack, body->result);
  }
  Push(stack, absl::StrCat(In(callable, kAtom), "(", absl::StrJoin(arguments, ", "), ")"));
}

// Arguments of which the last have names.
std::vector<std::string> Decompiler::Named(std::vector<Text> values,
                                           const std::vector<std::string>& names) {
  std::vector<std::string> texts;
  const size_t positional = values.size() - std::min(values.size(), names.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string text = In(values[i], kLambda);
    texts.push_back(i < positional ? text : absl::StrCat(names[i - positional], "=", text));
  }
  // A generator needs no parentheses of its own.
  if (texts.size() == 1 && absl::StrContains(texts[0], " for ") &&
      absl::StartsWith(texts[0], "(")) {
    texts[0] = texts[0].substr(1, texts[0].size() - 2);
  }
  return texts;
}

void Decompiler::StepCall(const Instruction& instruction, Stack& stack) {
  const int arg = instruction.arg;
  switch (instruction.act) {
    case Act::kKeywordNames:
      keyword_names_ = Unquoted(Constant(arg).items);
      return;
    case Act::kCallOld:
    case Act::kCallOldMore: {
      std::vector<std::string> more;
      if (arg & 1 << 17) more.push_back(absl::StrCat("**", In(Pop(stack), kBitOr)));
      if (arg & 1 << 16) {
        more.insert(more.begin(), absl::StrCat("*", In(Pop(stack), kBitOr)));
      }
      std::vector<Text> pairs = PopMany(stack, 2 * (arg >> 8 & 255));
      std::vector<std::string> arguments = Named(PopMany(stack, arg & 255), {});
      for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
        const absl::string_view name = absl::StripPrefix(pairs[i].text, "'");
        arguments.push_back(
            absl::StrCat(absl::StripSuffix(name, "'"), "=", In(pairs[i + 1], kLambda)));
      }
      arguments.insert(arguments.end(), more.begin(), more.end());
      return Call(stack, std::move(arguments), false);
    }
    case Act::kCallNames:
    case Act::kCallNamesNull: {
      const std::vector<std::string> names = Unquoted(Pop(stack).items);
      std::vector<std::string> arguments = Named(PopMany(stack, arg), names);
      return Call(stack, std::move(arguments), instruction.act == Act::kCallNamesNull);
    }
    case Act::kCallMore:
    case Act::kCallMoreNull: {
      std::vector<std::string> arguments;
      if (arg & 1) {
        const Text keywords = Pop(stack);
        const bool only_more =
            !keywords.items.empty() &&
            std::all_of(keywords.items.begin(), keywords.items.end(),
                        [](const std::string& item) { return absl::StartsWith(item, "**"); });
        if (only_more) {
          arguments = keywords.items;
        } else if (!keywords.null) {
          arguments.push_back(absl::StrCat("**", In(keywords, kBitOr)));
        }
      }
      const Text more = Pop(stack);
      if (!more.items.empty()) {
        arguments.insert(arguments.begin(), more.items.begin(), more.items.end());
      } else if (more.text != "()") {
        arguments.insert(arguments.begin(), absl::StrCat("*", In(more, kBitOr)));
      }
      return Call(stack, std::move(arguments), instruction.act == Act::kCallMoreNull);
    }
    default: {
      std::vector<std::string> arguments =
          Named(PopMany(stack, arg), std::exchange(keyword_names_, {}));
      return Call(stack, std::move(arguments), instruction.act == Act::kCall);
    }
  }
}

void Decompiler::MakeFunction(const Instruction& instruction, Stack& stack) {
  constexpr int kDefaults = 1;
  const int arg = instruction.arg;
  std::vector<std::string> defaults;
  Text function;
  if (instruction.act == Act::kSetFunctionPart) {
    function = Pop(stack);
    const Text part = Pop(stack);
    if (arg == kDefaults) defaults = part.items;
  } else {
    function = Pop(stack);
    if (function.code == nullptr) function = Pop(stack);  // below its qualified name
    if (instruction.act == Act::kMakeFunction) {
      for (int flag = 8; flag > 0; flag >>= 1) {
        if ((arg & flag) == 0) continue;
        const Text part = Pop(stack);
        if (flag == kDefaults) defaults = part.items;
      }
    } else {
      if (instruction.act == Act::kMakeClosureOld) Pop(stack);
      for (const Text& value : PopMany(stack, arg & 255)) defaults.push_back(value.text);
    }
  }
  if (function.code == nullptr) {
    failed_ = true;
    return;
  }
  if (static_cast<int>(defaults.size()) > function.code->num_args) {
    defaults.resize(function.code->num_args);
  }
  Text made;
  made.is_function = true;
  made.code = function.code;
  made.items = defaults.empty() ? function.items : defaults;
  made.text = Shown(function.code->name);
  if (function.code->name == "<lambda>") {
    if (depth_ > 6) {
      failed_ = true;
      return;
    }
    made.text = WriteFunction(*made.code, made.items, limit_, depth_ + 1).ToString();
    made.binding = kLambda;
  }
  if (static_cast<int64_t>(made.text.size()) > limit_) failed_ = true;
  stack.push_back(std::move(made));
}

void Decompiler::StepBuild(const Instruction& instruction, Stack& stack) {
  const int arg = instruction.arg;
  const auto joined = [](const std::vector<Text>& values) {
    std::vector<std::string> texts;
    for (const Text& value : values) texts.push_back(In(value, kLambda));
    return texts;
  };
  const auto push = [&](absl::string_view open, std::vector<std::string> items,
                        absl::string_view close) {
    const bool single = open == "(" && items.size() == 1;
    Push(stack, absl::StrCat(open, absl::StrJoin(items, ", "), single ? "," : "", close));
    stack.back().items = std::move(items);
  };
  switch (instruction.act) {
    case Act::kTuple: {
      push("(", joined(PopMany(stack, arg)), ")");
      // In brackets of an element a tuple needs no parentheses.
      if (arg > 0) stack.back().binding = kTuple;
      if (arg > 0) stack.back().text = stack.back().text.substr(1, stack.back().text.size() - 2);
      return;
    }
    case Act::kList:
      return push("[", joined(PopMany(stack, arg)), "]");
    case Act::kSet:
      if (arg == 0) return Push(stack, "{}");
      return push("{", joined(PopMany(stack, arg)), "}");
    case Act::kDict: {
      const std::vector<std::string> items = joined(PopMany(stack, std::min(arg, 1000) * 2));
      std::vector<std::string> pairs;
      for (size_t i = 0; i + 1 < items.size(); i += 2) {
        pairs.push_back(absl::StrCat(items[i], ": ", items[i + 1]));
      }
      return push("{", pairs, "}");
    }
    case Act::kConstKeyDict: {
      const Text keys = Pop(stack);
      std::vector<std::string> pairs = joined(PopMany(stack, arg));
      for (size_t i = 0; i < pairs.size() && i < keys.items.size(); ++i) {
        pairs[i] = absl::StrCat(keys.items[i], ": ", pairs[i]);
      }
      return push("{", pairs, "}");
    }
    case Act::kBuildSlice: {
      std::vector<Text> parts = PopMany(stack, arg);
      for (Text& part : parts) {
        if (part.text == "None") part.text.clear();
      }
      return Push(stack, absl::StrJoin(joined(parts), ":"));
    }
    case Act::kText: {
      std::string text = "f'";
      for (const Text& part : PopMany(stack, arg)) {
        absl::string_view inner = part.text;
        const bool quoted = absl::ConsumePrefix(&inner, "f'") || absl::ConsumePrefix(&inner, "'");
        if (quoted) absl::ConsumeSuffix(&inner, "'");
        absl::StrAppend(&text, inner);
      }
      return Push(stack, text + "'");
    }
    case Act::kFormat: {
      if (arg & 4) Pop(stack);
      return Push(stack, absl::StrCat("f'{", Pop(stack).text, "}'"));
    }
    case Act::kJoin:
    case Act::kJoinTuple:
    case Act::kJoinDicts: {
      std::vector<std::string> items = joined(PopMany(stack, arg));
      const bool dicts = instruction.act == Act::kJoinDicts;
      for (std::string& item : items) item = absl::StrCat(dicts ? "**" : "*", item);
      return push(dicts ? "{" : "[", items, dicts ? "}" : "]");
    }
    case Act::kExtend:
    case Act::kUpdate: {
      const Text more = Pop(stack);
      Text* list = Peek(stack, arg);
      if (list == nullptr) return;
      std::vector<std::string> items = list->items;
      if (!more.items.empty() && instruction.act == Act::kExtend && more.binding == kAtom &&
          items.empty()) {
        items = more.items;
      } else {
        items.push_back(
            absl::StrCat(instruction.act == Act::kUpdate ? "**" : "*", In(more, kBitOr)));
      }
      const bool braces = absl::StartsWith(list->text, "{");
      list->items = items;
      list->text = absl::StrCat(braces ? "{" : "[", absl::StrJoin(items, ", "), braces ? "}" : "]");
      if (static_cast<int64_t>(list->text.size()) > limit_) failed_ = true;
      return;
    }
    case Act::kAppend:
    case Act::kAddToSet: {
      const Text item = Pop(stack);
      Text* list = Peek(stack, arg);
      if (list == nullptr) return;
      if (loops_ == 0 && instruction.act == Act::kAppend) {  // behind "*more"
        list->items.push_back(In(item, kLambda));
        list->text = absl::StrCat("[", absl::StrJoin(list->items, ", "), "]");
        if (static_cast<int64_t>(list->text.size()) > limit_) failed_ = true;
        return;
      }
      list->item = In(item, kLambda);
      if (instruction.act == Act::kAddToSet) list->text = "{";
      return;
    }
    case Act::kAddToDictKeyFirst:
    case Act::kAddToDictValueFirst: {
      std::vector<Text> pair = PopMany(stack, 2);
      if (instruction.act == Act::kAddToDictValueFirst) std::swap(pair[0], pair[1]);
      Text* dict = Peek(stack, arg);
      if (dict == nullptr) return;
      dict->item = absl::StrCat(pair[0].text, ": ", pair[1].text);
      dict->text = "{";
      return;
    }
    case Act::kStoreMap: {
      const std::vector<Text> pair = PopMany(stack, 2);
      Text* dict = Peek(stack, 1);
      if (dict == nullptr) return;
      dict->items.push_back(absl::StrCat(pair[1].text, ": ", pair[0].text));
      dict->text = absl::StrCat("{", absl::StrJoin(dict->items, ", "), "}");
      if (static_cast<int64_t>(dict->text.size()) > limit_) failed_ = true;
      return;
    }
    default:
      failed_ = true;
  }
}

}  // namespace nomograph::keras::internal
