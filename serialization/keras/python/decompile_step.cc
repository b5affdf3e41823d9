// The decompiler's way through one instruction.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/keras/python/decompiler.h"
#include "nomograph/serialization/keras/python/decompiler_walk.h"
#include "nomograph/serialization/keras/python/literals.h"
#include "nomograph/serialization/keras/python/opcodes.h"

namespace nomograph::keras::internal {
namespace {

Binding BindingOf(BinaryOperator op) {
  using B = BinaryOperator;
  switch (op) {
    case B::kAdd:
    case B::kSubtract:
      return kSum;
    case B::kPower:
      return kPower;
    case B::kAnd:
      return kBitAnd;
    case B::kOr:
      return kBitOr;
    case B::kXor:
      return kBitXor;
    case B::kShiftLeft:
    case B::kShiftRight:
      return kShift;
    default:
      return kProduct;
  }
}

}  // namespace

Text Decompiler::Constant(int index) {
  const Object& object = *code_.constants[index];
  Text text;
  text.text = Literal(object, std::min<int64_t>(limit_, 4000));
  if (object.kind == Object::Kind::kCode) text.code = object.code.get();
  if ((object.kind == Object::Kind::kInt && object.number < 0) ||
      (object.kind == Object::Kind::kFloat && absl::StartsWith(text.text, "-"))) {
    text.binding = kSign;
  }
  if (object.kind == Object::Kind::kTuple) {
    for (const ObjectRef& item : object.items) {
      text.items.push_back(Literal(*item, 1000));
      if (text.items.size() > 1000) break;
    }
  }
  return text;
}

void Decompiler::Store(const std::string& name, const Text& value, Way& way) {
  if (value.saved || value.null) return;
  if (!value.module.empty()) {
    const std::string what = value.member.empty()
                                 ? absl::StrCat("import ", value.module)
                                 : absl::StrCat("from ", value.module, " import ", value.member);
    const bool same = name == (value.member.empty() ? value.module : value.member);
    way.lines.push_back(same ? what : absl::StrCat(what, " as ", name));
  } else if (value.is_function && value.code->name != "<lambda>") {
    const FunctionText function = WriteFunction(*value.code, value.items, limit_, depth_ + 1);
    way.lines.push_back(function.head);
    for (const std::string& line : function.lines) {
      way.lines.push_back(absl::StrCat(kIndent, line));
    }
  } else {
    way.lines.push_back(absl::StrCat(name, " = ", value.text));
  }
}

void Decompiler::StepValue(const Instruction& instruction, Stack& stack, Way& way) {
  const int arg = instruction.arg;
  const auto variable = [&] { return Shown(code_.variables[arg]); };
  switch (instruction.act) {
    case Act::kConstant:
      stack.push_back(Constant(arg));
      return;
    case Act::kSmallInt:
      return Push(stack, absl::StrCat(arg));
    case Act::kLoad:
      if (arg == 0 && !first_argument_.empty()) {
        const bool loose = absl::StrContains(first_argument_, " if ") ||
                           absl::StartsWith(first_argument_, "lambda");
        return Push(stack, first_argument_, loose ? kLambda : kOr);
      }
      return Push(stack, variable());
    case Act::kLoadAndClear:
      Push(stack, variable());
      stack.back().saved = true;
      return;
    case Act::kCell:
      return Push(stack, variable());
    case Act::kStore:
      return Store(variable(), Pop(stack), way);
    case Act::kStoreGlobal:
      return Store(Shown(code_.names[arg]), Pop(stack), way);
    case Act::kMakeCell:
    case Act::kDelete:
      return;
    case Act::kGlobal:
      if (arg & 1) {
        Push(stack, "");
        stack.back().null = true;
      }
      return Push(stack, Shown(code_.names[arg >> 1]));
    case Act::kAttribute: {
      Text x = Pop(stack);
      const std::string name = Shown(code_.names[arg >> 1]);
      if (!x.module.empty()) {  // "import a.b as c"
        stack.push_back(std::move(x));
        return;
      }
      if (arg & 1) {
        Push(stack, "");
        stack.back().null = true;
      }
      return Push(stack, absl::StrCat(In(x, kAtom), ".", name));
    }
    case Act::kImport: {
      const std::vector<Text> values = PopMany(stack, 2);
      const std::string name = Shown(code_.names[arg]);
      Push(stack, name);
      stack.back().module = name;
      stack.back().whole = values[1].text == "None";
      return;
    }
    case Act::kImportFrom: {
      const Text* module = Peek(stack, 1);
      if (module == nullptr) return;
      Text made = *module;
      if (!made.whole) made.member = Shown(code_.names[arg]);
      made.text = made.member;
      stack.push_back(std::move(made));
      return;
    }
    case Act::kBinary: {
      const std::vector<Text> x = PopMany(stack, 2);
      const auto op = static_cast<BinaryOperator>(arg);
      const Binding binding = BindingOf(op);
      const bool power = op == BinaryOperator::kPower;
      // Of equals the left one comes first, of powers the right one.
      const Binding left = power ? kAtom : binding, right = static_cast<Binding>(binding + !power);
      return Push(
          stack,
          absl::StrCat(In(x[0], left), " ", OperatorText(op), " ", In(x[1], power ? kSign : right)),
          binding);
    }
    case Act::kUnary: {
      constexpr absl::string_view kSigns[] = {"-", "+", "~", "not "};
      const Text x = Pop(stack);
      const Binding binding = arg == static_cast<int>(UnaryOperator::kNot) ? kNot : kSign;
      return Push(stack, absl::StrCat(kSigns[arg], In(x, binding)), binding);
    }
    case Act::kCompare: {
      const std::vector<Text> x = PopMany(stack, 2);
      return Push(stack,
                  absl::StrCat(In(x[0], kBitOr), " ", ComparisonText(static_cast<Comparison>(arg)),
                               " ", In(x[1], kBitOr)),
                  kCompare);
    }
    case Act::kSubscript: {
      const std::vector<Text> x = PopMany(stack, 2);
      std::string index = x[1].text;
      const bool tuple = x[1].binding == kTuple || absl::StartsWith(index, "(");
      if (tuple && x[1].items.size() > 1) index = absl::StrJoin(x[1].items, ", ");
      return Push(stack, absl::StrCat(In(x[0], kAtom), "[", index, "]"));
    }
    case Act::kSlice:
    case Act::kOldSlice: {
      const bool old = instruction.act == Act::kOldSlice;
      std::string begin, end;
      if (!old || (arg & 2)) end = Pop(stack).text;
      if (!old || (arg & 1)) begin = Pop(stack).text;
      if (begin == "None") begin.clear();
      if (end == "None") end.clear();
      return Push(stack, absl::StrCat(In(Pop(stack), kAtom), "[", begin, ":", end, "]"));
    }
    case Act::kStoreSubscript: {
      const std::vector<Text> x = PopMany(stack, 3);
      way.lines.push_back(absl::StrCat(x[1].text, "[", x[2].text, "] = ", x[0].text));
      return;
    }
    default:
      return;
  }
}

void Decompiler::Step(const Instruction& instruction, Stack& stack, Way& way) {
  const int arg = instruction.arg;
  switch (instruction.act) {
    case Act::kNop:
    case Act::kResume:
    case Act::kLoop:
    case Act::kTry:
    case Act::kEndBlock:
    case Act::kListToTuple:
    case Act::kExtended:
      return;
    case Act::kIterate:
      if (Text* value = Peek(stack, 1)) value->spare = true;
      return;
    case Act::kIntrinsic: {
      constexpr int kUnaryPlus = 5;
      if (arg != kUnaryPlus) return;
      const Text x = Pop(stack);
      return Push(stack, absl::StrCat("+", In(x, kSign)), kSign);
    }
    case Act::kPushNull:
      Push(stack, "");
      stack.back().null = true;
      return;
    case Act::kEndFinally:
    case Act::kPop: {
      const Text value = Pop(stack);
      const bool call = absl::EndsWith(value.text, ")") && value.binding == kAtom;
      if (call && value.module.empty() && !value.null && !value.spare)
        way.lines.push_back(value.text);
      return;
    }
    case Act::kPopLoop:
      PopMany(stack, arg);
      return;
    case Act::kCopy:
      if (Text* value = Peek(stack, arg)) {
        value->spare = true;
        stack.push_back(Text(*value));
      }
      return;
    case Act::kDuplicate: {
      std::vector<Text> values = PopMany(stack, arg);
      for (Text& value : values) value.spare = true;
      for (int i = 0; i < 2; ++i) stack.insert(stack.end(), values.begin(), values.end());
      return;
    }
    case Act::kSwap:
      if (Text* value = Peek(stack, arg)) std::swap(*value, stack.back());
      return;
    case Act::kRotate:
      if (Peek(stack, arg) != nullptr) {
        std::rotate(stack.end() - arg, stack.end() - 1, stack.end());
      }
      return;
    case Act::kPrint:
      way.lines.push_back(absl::StrCat("print ", Pop(stack).text));
      return;
    case Act::kUnpack: {
      const Text value = Pop(stack);
      for (int i = std::min(arg, 1000); i-- > 0;) {
        const bool item = value.items.size() == static_cast<size_t>(arg);
        Push(stack, item ? value.items[i] : absl::StrCat(In(value, kAtom), "[", i, "]"));
      }
      return;
    }
    case Act::kUnpackRest: {
      const Text value = Pop(stack);
      const int before = arg & 255, after = arg >> 8;
      const std::string text = In(value, kAtom);
      if (after > 1000) failed_ = true;
      for (int i = 1; i <= after && !failed_; ++i) Push(stack, absl::StrCat(text, "[-", i, "]"));
      Push(stack, absl::StrCat(text, "[", before > 0 ? absl::StrCat(before) : "", ":",
                               after > 0 ? absl::StrCat("-", after) : "", "]"));
      for (int i = before; i-- > 0;) Push(stack, absl::StrCat(text, "[", i, "]"));
      return;
    }
    case Act::kConstant:
    case Act::kSmallInt:
    case Act::kLoad:
    case Act::kLoadAndClear:
    case Act::kCell:
    case Act::kStore:
    case Act::kStoreGlobal:
    case Act::kMakeCell:
    case Act::kDelete:
    case Act::kGlobal:
    case Act::kAttribute:
    case Act::kImport:
    case Act::kImportFrom:
    case Act::kBinary:
    case Act::kUnary:
    case Act::kCompare:
    case Act::kSubscript:
    case Act::kSlice:
    case Act::kOldSlice:
    case Act::kStoreSubscript:
      return StepValue(instruction, stack, way);
    case Act::kMakeFunction:
    case Act::kMakeFunctionOld:
    case Act::kMakeClosureOld:
    case Act::kSetFunctionPart:
      return MakeFunction(instruction, stack);
    case Act::kCall:
    case Act::kCallPlain:
    case Act::kCallOld:
    case Act::kCallOldMore:
    case Act::kCallNames:
    case Act::kCallNamesNull:
    case Act::kCallMore:
    case Act::kCallMoreNull:
    case Act::kKeywordNames:
      return StepCall(instruction, stack);
    default:
      return StepBuild(instruction, stack);
  }
}

}  // namespace nomograph::keras::internal
