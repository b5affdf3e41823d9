#include "nomograph/serialization/keras/python/frame.h"

#include <algorithm>
#include <utility>

#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/python/names.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;

// Keys of a dict are found one by one.
constexpr size_t kMaxDict = 1000;

}  // namespace

absl::StatusOr<PyValue> Frame::Run() {
  while (!done_) {
    if (next_ < 0 || next_ >= static_cast<int>(code_.instructions.size())) {
      return InvalidArgument(Shown(code_.name), ": it runs past its end");
    }
    const Instruction& instruction = code_.instructions[next_++];
    absl::Status status = interpreter_.Spend(1);
    if (status.ok()) status = Step(instruction);
    if (!status.ok()) {
      const std::string line =
          instruction.line > 0 ? absl::StrCat("line ", instruction.line) : std::string("a line");
      return Annotate(status, code_.name == "<lambda>" || code_.name.empty()
                                  ? line
                                  : absl::StrCat(Shown(code_.name), ", ", line));
    }
  }
  if ((code_.flags & Code::kGenerator) != 0) {
    return interpreter_.arena().Make(Kind::kIterator, std::move(yielded_));
  }
  return Pop();
}

absl::StatusOr<PyValue> Frame::Pop() {
  if (stack_.empty()) return InvalidArgument("the bytecode takes from an empty stack");
  const PyValue value = stack_.back();
  stack_.pop_back();
  return value;
}

absl::StatusOr<std::vector<PyValue>> Frame::PopMany(int count) {
  if (count < 0 || count > static_cast<int>(stack_.size())) {
    return InvalidArgument("the bytecode takes ", count, " values from a stack of ", stack_.size());
  }
  std::vector<PyValue> values(stack_.end() - count, stack_.end());
  stack_.resize(stack_.size() - count);
  return values;
}

absl::StatusOr<PyValue*> Frame::Peek(int place) {
  if (place < 1 || place > static_cast<int>(stack_.size())) {
    return InvalidArgument("the bytecode reads value ", place, " of a stack of ", stack_.size());
  }
  return &stack_[stack_.size() - place];
}

absl::Status Frame::Unsupported(const Instruction& instruction) const {
  const OpcodeTable& table = OpcodesOf(*code_.versions[0]);
  return absl::UnimplementedError(
      absl::StrCat("the instruction ", table[instruction.opcode].name, " is not covered"));
}

absl::Status Frame::Step(const Instruction& instruction) {
  switch (instruction.act) {
    case Act::kNop:
    case Act::kResume:
    case Act::kStoreGlobal:
    case Act::kExtended:
      if (instruction.act == Act::kStoreGlobal) return Pop().status();
      return absl::OkStatus();
    case Act::kPop:
    case Act::kPopLoop:
    case Act::kPushNull:
    case Act::kCopy:
    case Act::kDuplicate:
    case Act::kSwap:
    case Act::kRotate:
    case Act::kConstant:
    case Act::kSmallInt:
    case Act::kCommonConstant:
      return StepStack(instruction);
    case Act::kLoad:
    case Act::kLoadAndClear:
    case Act::kStore:
    case Act::kDelete:
    case Act::kCell:
    case Act::kMakeCell:
    case Act::kGlobal:
    case Act::kImport:
    case Act::kImportFrom:
      return StepVariable(instruction);
    case Act::kAttribute:
    case Act::kSubscript:
    case Act::kSlice:
    case Act::kOldSlice:
    case Act::kStoreSubscript:
    case Act::kBinary:
    case Act::kUnary:
    case Act::kCompare:
    case Act::kIntrinsic:
      return StepOperator(instruction);
    case Act::kTuple:
    case Act::kList:
    case Act::kSet:
    case Act::kDict:
    case Act::kConstKeyDict:
    case Act::kBuildSlice:
    case Act::kText:
    case Act::kFormat:
    case Act::kJoin:
    case Act::kJoinTuple:
    case Act::kJoinDicts:
      return StepBuild(instruction);
    case Act::kExtend:
    case Act::kUpdate:
    case Act::kAppend:
    case Act::kAddToSet:
    case Act::kAddToDictKeyFirst:
    case Act::kAddToDictValueFirst:
    case Act::kStoreMap:
    case Act::kListToTuple:
      return StepAdd(instruction);
    case Act::kUnpack:
      return Unpack(instruction.arg, 0, false);
    case Act::kUnpackRest:
      return Unpack(instruction.arg & 255, instruction.arg >> 8, true);
    case Act::kCall:
    case Act::kCallPlain:
    case Act::kCallOld:
    case Act::kCallOldMore:
    case Act::kCallNames:
    case Act::kCallNamesNull:
    case Act::kCallMore:
    case Act::kCallMoreNull:
    case Act::kKeywordNames:
    case Act::kPrint:
      return StepCall(instruction);
    case Act::kMakeFunction:
    case Act::kMakeFunctionOld:
    case Act::kMakeClosureOld:
    case Act::kSetFunctionPart:
      return MakeFunction(instruction);
    case Act::kRaise:
      return absl::UnimplementedError("it raises an exception");
    case Act::kUnsupported:
      return Unsupported(instruction);
    default:
      return StepJump(instruction);
  }
}

absl::Status Frame::StepStack(const Instruction& instruction) {
  const int arg = instruction.arg;
  switch (instruction.act) {
    case Act::kPop:
      return Pop().status();
    case Act::kPopLoop:
      return PopMany(arg).status();
    case Act::kPushNull:
      Push(PyValue::Null());
      return absl::OkStatus();
    case Act::kCopy: {
      NOMO_ASSIGN_OR_RETURN(const PyValue* value, Peek(arg));
      Push(PyValue(*value));
      return absl::OkStatus();
    }
    case Act::kDuplicate: {
      NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> values, PopMany(arg));
      for (int i = 0; i < 2; ++i) stack_.insert(stack_.end(), values.begin(), values.end());
      return absl::OkStatus();
    }
    case Act::kSwap: {
      NOMO_ASSIGN_OR_RETURN(PyValue * value, Peek(arg));
      std::swap(*value, stack_.back());
      return absl::OkStatus();
    }
    case Act::kRotate: {
      NOMO_RETURN_IF_ERROR(Peek(arg).status());
      NOMO_RETURN_IF_ERROR(interpreter_.Spend(arg / 16));
      std::rotate(stack_.end() - arg, stack_.end() - 1, stack_.end());
      return absl::OkStatus();
    }
    case Act::kConstant:
      Push(interpreter_.Constant(*code_.constants[arg]));
      return absl::OkStatus();
    case Act::kSmallInt:
      Push(PyValue::Int(arg));
      return absl::OkStatus();
    default: {
      constexpr absl::string_view kNames[] = {"AssertionError", "NotImplementedError", "tuple",
                                              "all", "any"};
      if (arg >= 5) return Unsupported(instruction);
      Push(interpreter_.Global(std::string(kNames[arg])));
      return absl::OkStatus();
    }
  }
}

absl::Status Frame::StepVariable(const Instruction& instruction) {
  const int arg = instruction.arg;
  PyArena& arena = interpreter_.arena();
  switch (instruction.act) {
    case Act::kLoad: {
      const PyValue value = variables_[arg].heap->items[0];
      if (value.is(Kind::kNull)) {
        return InvalidArgument("the variable ", Shown(code_.variables[arg]), " has no value yet");
      }
      Push(value);
      return absl::OkStatus();
    }
    case Act::kLoadAndClear:
      // The variable itself, so that functions that have it keep it.
      Push(std::exchange(variables_[arg], arena.Make(Kind::kCell, {PyValue::Null()})));
      return absl::OkStatus();
    case Act::kStore: {
      NOMO_ASSIGN_OR_RETURN(const PyValue value, Pop());
      if (value.is(Kind::kCell)) {
        variables_[arg] = value;
      } else {
        variables_[arg].heap->items[0] = value;
      }
      return absl::OkStatus();
    }
    case Act::kDelete:
      variables_[arg].heap->items[0] = PyValue::Null();
      return absl::OkStatus();
    case Act::kCell:
      Push(variables_[arg]);
      return absl::OkStatus();
    case Act::kMakeCell:
      variables_[arg] = arena.Make(Kind::kCell, {variables_[arg].heap->items[0]});
      return absl::OkStatus();
    case Act::kGlobal:
      if (arg & 1) Push(PyValue::Null());
      Push(interpreter_.Global(code_.names[arg >> 1]));
      return absl::OkStatus();
    case Act::kImport: {
      // S level, names wanted -> module. "import a.b" is a, "import a.b as c" and "from a.b" are
      // told apart by what follows.
      NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> values, PopMany(2));
      std::string name = code_.names[arg];
      const bool from = values[1].is(Kind::kTuple);
      if (!from) name = name.substr(0, name.find('.'));
      // "import tensorflow.keras.backend as K" then takes keras and backend from it.
      Push(arena.Name(CanonicalName(name)));
      return absl::OkStatus();
    }
    default: {
      NOMO_ASSIGN_OR_RETURN(const PyValue* module, Peek(1));
      NOMO_ASSIGN_OR_RETURN(const PyValue value, interpreter_.Attribute(*module, code_.names[arg]));
      Push(value);
      return absl::OkStatus();
    }
  }
}

absl::Status Frame::StepOperator(const Instruction& instruction) {
  const int arg = instruction.arg;
  PyArena& arena = interpreter_.arena();
  switch (instruction.act) {
    case Act::kAttribute: {
      NOMO_ASSIGN_OR_RETURN(const PyValue x, Pop());
      NOMO_ASSIGN_OR_RETURN(const PyValue value, interpreter_.Attribute(x, code_.names[arg >> 1]));
      if (arg & 1) Push(PyValue::Null());
      Push(value);
      return absl::OkStatus();
    }
    case Act::kSubscript: {
      NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> x, PopMany(2));
      NOMO_ASSIGN_OR_RETURN(const PyValue value, interpreter_.Subscript(x[0], x[1]));
      Push(value);
      return absl::OkStatus();
    }
    case Act::kSlice:
    case Act::kOldSlice: {
      const bool has_end = instruction.act == Act::kSlice || (arg & 2) != 0;
      const bool has_begin = instruction.act == Act::kSlice || (arg & 1) != 0;
      PyValue begin = PyValue::None(), end = PyValue::None();
      if (has_end) {
        NOMO_ASSIGN_OR_RETURN(end, Pop());
      }
      if (has_begin) {
        NOMO_ASSIGN_OR_RETURN(begin, Pop());
      }
      NOMO_ASSIGN_OR_RETURN(const PyValue x, Pop());
      const PyValue slice = arena.Make(Kind::kSlice, {begin, end, PyValue::None()});
      NOMO_ASSIGN_OR_RETURN(const PyValue value, interpreter_.Subscript(x, slice));
      Push(value);
      return absl::OkStatus();
    }
    case Act::kStoreSubscript: {
      NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> x, PopMany(3));  // value, container, index
      return interpreter_.StoreSubscript(x[1], x[2], x[0]);
    }
    case Act::kUnary: {
      NOMO_ASSIGN_OR_RETURN(const PyValue x, Pop());
      NOMO_ASSIGN_OR_RETURN(const PyValue value,
                            interpreter_.Unary(static_cast<UnaryOperator>(arg), x));
      Push(value);
      return absl::OkStatus();
    }
    case Act::kIntrinsic: {
      constexpr int kUnaryPlus = 5, kListToTuple = 6;
      NOMO_ASSIGN_OR_RETURN(PyValue * x, Peek(1));
      if (arg == kListToTuple && x->is(Kind::kList)) {
        *x = arena.Tuple(x->heap->items);
      } else if (arg == kUnaryPlus) {
        NOMO_ASSIGN_OR_RETURN(*x, interpreter_.Unary(UnaryOperator::kPositive, PyValue(*x)));
      } else {
        return Unsupported(instruction);
      }
      return absl::OkStatus();
    }
    default: {
      NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> x, PopMany(2));
      NOMO_ASSIGN_OR_RETURN(const PyValue value,
                            instruction.act == Act::kBinary
                                ? interpreter_.Binary(static_cast<BinaryOperator>(arg), x[0], x[1])
                                : interpreter_.Compare(static_cast<Comparison>(arg), x[0], x[1]));
      Push(value);
      return absl::OkStatus();
    }
  }
}

absl::Status Frame::StepBuild(const Instruction& instruction) {
  PyArena& arena = interpreter_.arena();
  const int arg = instruction.arg;
  const bool pairs = instruction.act == Act::kDict;
  const bool keys = instruction.act == Act::kConstKeyDict;
  const int count = instruction.act == Act::kFormat ? ((arg & 4) != 0 ? 2 : 1)
                    : pairs                         ? std::min(arg, 1 << 20) * 2
                                                    : arg + keys;
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> values, PopMany(count));
  NOMO_RETURN_IF_ERROR(interpreter_.SpendElements(count));
  switch (instruction.act) {
    case Act::kTuple:
      Push(arena.Tuple(std::move(values)));
      return absl::OkStatus();
    case Act::kList:
      Push(arena.List(std::move(values)));
      return absl::OkStatus();
    case Act::kSet:
      Push(arena.Make(Kind::kSet, std::move(values)));
      return absl::OkStatus();
    case Act::kDict:
      Push(arena.Make(Kind::kDict, std::move(values)));
      return absl::OkStatus();
    case Act::kConstKeyDict: {
      const PyValue names = values.back();
      if (!names.is(Kind::kTuple) || static_cast<int>(names.heap->items.size()) != arg) {
        return InvalidArgument("a dict has other numbers of keys and values");
      }
      std::vector<PyValue> items;
      for (int i = 0; i < arg; ++i) {
        items.push_back(names.heap->items[i]);
        items.push_back(values[i]);
      }
      Push(arena.Make(Kind::kDict, std::move(items)));
      return absl::OkStatus();
    }
    case Act::kBuildSlice:
      if (arg < 2 || arg > 3) return InvalidArgument("a slice of ", arg, " parts");
      values.resize(3, PyValue::None());
      Push(arena.Make(Kind::kSlice, std::move(values)));
      return absl::OkStatus();
    case Act::kText:
    case Act::kFormat:
      // Texts made of values name things or are printed: what they say makes no difference.
      for (const PyValue& value : values) {
        if (value.is(Kind::kUnknown)) return Push(value), absl::OkStatus();
      }
      if (instruction.act == Act::kFormat && values[0].is(Kind::kText)) {
        Push(values[0]);
        return absl::OkStatus();
      }
      Push(arena.Text("..."));
      return absl::OkStatus();
    default: {
      std::vector<PyValue> joined;
      for (const PyValue& value : values) {
        if (instruction.act == Act::kJoinDicts) {
          if (!value.is(Kind::kDict)) return InvalidArgument("** of ", Describe(value));
          joined.insert(joined.end(), value.heap->items.begin(), value.heap->items.end());
        } else {
          NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> elements, interpreter_.Elements(value));
          joined.insert(joined.end(), elements.begin(), elements.end());
        }
        NOMO_RETURN_IF_ERROR(interpreter_.SpendElements(joined.size()));
      }
      const Kind kind = instruction.act == Act::kJoinDicts   ? Kind::kDict
                        : instruction.act == Act::kJoinTuple ? Kind::kTuple
                                                             : Kind::kList;
      Push(arena.Make(kind, std::move(joined)));
      return absl::OkStatus();
    }
  }
}

absl::Status Frame::StepAdd(const Instruction& instruction) {
  const Act act = instruction.act;
  if (act == Act::kListToTuple) {
    NOMO_ASSIGN_OR_RETURN(const PyValue list, Pop());
    NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> elements, interpreter_.Elements(list));
    Push(interpreter_.arena().Tuple(std::move(elements)));
    return absl::OkStatus();
  }
  if (act == Act::kAddToDictKeyFirst || act == Act::kAddToDictValueFirst || act == Act::kStoreMap) {
    NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> pair, PopMany(2));
    if (act != Act::kAddToDictKeyFirst) std::swap(pair[0], pair[1]);
    NOMO_ASSIGN_OR_RETURN(const PyValue* dict, Peek(act == Act::kStoreMap ? 1 : instruction.arg));
    return interpreter_.StoreSubscript(*dict, pair[0], pair[1]);
  }
  NOMO_ASSIGN_OR_RETURN(const PyValue added, Pop());
  NOMO_ASSIGN_OR_RETURN(const PyValue* place, Peek(instruction.arg));
  if (place->is(Kind::kUnknown)) return absl::OkStatus();
  const bool dict = act == Act::kUpdate;
  if (!(dict ? place->is(Kind::kDict) : place->is(Kind::kList) || place->is(Kind::kSet))) {
    return InvalidArgument("something is added to ", Describe(*place));
  }
  std::vector<PyValue>& items = place->heap->items;
  if (act == Act::kAppend || act == Act::kAddToSet) {
    NOMO_RETURN_IF_ERROR(interpreter_.SpendElements(1));
    items.push_back(added);
    return absl::OkStatus();
  }
  if (dict) {
    if (!added.is(Kind::kDict)) return InvalidArgument("** of ", Describe(added));
    const std::vector<PyValue> more = added.heap->items;
    const PyValue target = *place;
    for (size_t i = 0; i + 1 < more.size(); i += 2) {
      NOMO_RETURN_IF_ERROR(interpreter_.StoreSubscript(target, more[i], more[i + 1]));
    }
    return absl::OkStatus();
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> more, interpreter_.Elements(added));
  items.insert(items.end(), more.begin(), more.end());
  return absl::OkStatus();
}

absl::Status Frame::Unpack(int before, int after, bool rest) {
  NOMO_ASSIGN_OR_RETURN(const PyValue value, Pop());
  if (value.is(Kind::kUnknown)) {
    NOMO_RETURN_IF_ERROR(interpreter_.SpendElements(int64_t{before} + after + rest));
    for (int i = 0; i < before + after + rest; ++i) Push(value);
    return absl::OkStatus();
  }
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> elements, interpreter_.Elements(value));
  const int count = static_cast<int>(elements.size());
  if (rest ? count < before + after : count != before) {
    return InvalidArgument("expected ", rest ? "at least " : "", before + after,
                           " values to unpack, found ", count);
  }
  if (rest) {
    const auto first = elements.begin() + before, last = elements.end() - after;
    const PyValue middle = interpreter_.arena().List(std::vector<PyValue>(first, last));
    elements.insert(elements.erase(first, last), middle);
  }
  stack_.insert(stack_.end(), elements.rbegin(), elements.rend());
  return absl::OkStatus();
}

}  // namespace nomograph::keras
