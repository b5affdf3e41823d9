#include "nomograph/serialization/keras/python/opcodes.h"

#include <iterator>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/python/python_versions.h"

namespace nomograph::keras {
namespace {

// What follows from an opcode's name in every version.
struct Meaning {
  absl::string_view name;
  Act act;
  int fixed = -1;               // the argument, where the name says it
  int plus = 0;                 // what to add to the argument
  int since = 0, until = 9999;  // the versions in which it means that
};

template <typename E>
constexpr int N(E value) {
  return static_cast<int>(value);
}
using B = BinaryOperator;
using C = Comparison;
using U = UnaryOperator;

constexpr Meaning kMeanings[] = {
    {"NOP", Act::kNop},
    {"CACHE", Act::kNop},
    {"RESUME", Act::kResume},
    {"PRECALL", Act::kNop},
    {"COPY_FREE_VARS", Act::kNop},
    {"GEN_START", Act::kNop},
    {"RETURN_GENERATOR", Act::kPushNull},
    {"NOT_TAKEN", Act::kNop},
    {"TO_BOOL", Act::kNop},
    {"SETUP_ANNOTATIONS", Act::kNop},
    {"EXTENDED_ARG", Act::kExtended},
    {"POP_TOP", Act::kPop},
    {"POP_ITER", Act::kPop},
    {"END_FOR", Act::kPopLoop},
    {"PUSH_NULL", Act::kPushNull},
    {"COPY", Act::kCopy},
    {"DUP_TOP", Act::kCopy, 1},
    {"DUP_TOP_TWO", Act::kDuplicate, 2},
    {"SWAP", Act::kSwap},
    {"ROT_TWO", Act::kSwap, 2},
    {"ROT_THREE", Act::kRotate, 3},
    {"ROT_FOUR", Act::kRotate, 4},
    {"ROT_N", Act::kRotate},
    {"LOAD_CONST", Act::kConstant},
    {"LOAD_SMALL_INT", Act::kSmallInt},
    {"LOAD_COMMON_CONSTANT", Act::kCommonConstant},
    {"LOAD_FAST", Act::kLoad},
    {"LOAD_FAST_CHECK", Act::kLoad},
    {"LOAD_FAST_BORROW", Act::kLoad},
    {"LOAD_FAST_LOAD_FAST", Act::kLoad},
    {"LOAD_FAST_BORROW_LOAD_FAST_BORROW", Act::kLoad},
    {"LOAD_FAST_AND_CLEAR", Act::kLoadAndClear},
    {"STORE_FAST", Act::kStore},
    {"STORE_FAST_STORE_FAST", Act::kStore},
    {"STORE_FAST_LOAD_FAST", Act::kStore},
    {"DELETE_FAST", Act::kDelete},
    {"LOAD_DEREF", Act::kLoad},
    {"LOAD_CLASSDEREF", Act::kLoad},
    {"STORE_DEREF", Act::kStore},
    {"DELETE_DEREF", Act::kDelete},
    {"LOAD_CLOSURE", Act::kCell},
    {"MAKE_CELL", Act::kMakeCell},
    {"LOAD_GLOBAL", Act::kGlobal},
    {"LOAD_NAME", Act::kGlobal},
    {"STORE_GLOBAL", Act::kStoreGlobal},
    {"LOAD_ATTR", Act::kAttribute},
    {"LOAD_METHOD", Act::kAttribute},
    {"BINARY_SUBSCR", Act::kSubscript},
    {"BINARY_SLICE", Act::kSlice},
    {"SLICE+0", Act::kOldSlice, 0},
    {"SLICE+1", Act::kOldSlice, 1},
    {"SLICE+2", Act::kOldSlice, 2},
    {"SLICE+3", Act::kOldSlice, 3},
    {"STORE_SUBSCR", Act::kStoreSubscript},
    {"BINARY_OP", Act::kBinary},
    {"BINARY_POWER", Act::kBinary, N(B::kPower)},
    {"BINARY_MULTIPLY", Act::kBinary, N(B::kMultiply)},
    {"BINARY_MATRIX_MULTIPLY", Act::kBinary, N(B::kMatMul)},
    {"BINARY_MODULO", Act::kBinary, N(B::kRemainder)},
    {"BINARY_ADD", Act::kBinary, N(B::kAdd)},
    {"BINARY_SUBTRACT", Act::kBinary, N(B::kSubtract)},
    {"BINARY_FLOOR_DIVIDE", Act::kBinary, N(B::kFloorDivide)},
    {"BINARY_TRUE_DIVIDE", Act::kBinary, N(B::kDivide)},
    {"BINARY_DIVIDE", Act::kBinary, N(B::kOldDivide)},
    {"BINARY_LSHIFT", Act::kBinary, N(B::kShiftLeft)},
    {"BINARY_RSHIFT", Act::kBinary, N(B::kShiftRight)},
    {"BINARY_AND", Act::kBinary, N(B::kAnd)},
    {"BINARY_XOR", Act::kBinary, N(B::kXor)},
    {"BINARY_OR", Act::kBinary, N(B::kOr)},
    {"INPLACE_POWER", Act::kBinary, N(B::kPower)},
    {"INPLACE_MULTIPLY", Act::kBinary, N(B::kMultiply)},
    {"INPLACE_MATRIX_MULTIPLY", Act::kBinary, N(B::kMatMul)},
    {"INPLACE_MODULO", Act::kBinary, N(B::kRemainder)},
    {"INPLACE_ADD", Act::kBinary, N(B::kAdd)},
    {"INPLACE_SUBTRACT", Act::kBinary, N(B::kSubtract)},
    {"INPLACE_FLOOR_DIVIDE", Act::kBinary, N(B::kFloorDivide)},
    {"INPLACE_TRUE_DIVIDE", Act::kBinary, N(B::kDivide)},
    {"INPLACE_DIVIDE", Act::kBinary, N(B::kOldDivide)},
    {"INPLACE_LSHIFT", Act::kBinary, N(B::kShiftLeft)},
    {"INPLACE_RSHIFT", Act::kBinary, N(B::kShiftRight)},
    {"INPLACE_AND", Act::kBinary, N(B::kAnd)},
    {"INPLACE_XOR", Act::kBinary, N(B::kXor)},
    {"INPLACE_OR", Act::kBinary, N(B::kOr)},
    {"UNARY_POSITIVE", Act::kUnary, N(U::kPositive)},
    {"UNARY_NEGATIVE", Act::kUnary, N(U::kNegative)},
    {"UNARY_INVERT", Act::kUnary, N(U::kInvert)},
    {"UNARY_NOT", Act::kUnary, N(U::kNot)},
    {"COMPARE_OP", Act::kCompare},
    {"IS_OP", Act::kCompare, -1, N(C::kIs)},
    {"CONTAINS_OP", Act::kCompare, -1, N(C::kIn)},
    {"BUILD_TUPLE", Act::kTuple},
    {"BUILD_LIST", Act::kList},
    {"BUILD_SET", Act::kSet},
    {"BUILD_MAP", Act::kDict, 0, 0, 0, 304},
    {"BUILD_MAP", Act::kDict, -1, 0, 305},
    {"BUILD_CONST_KEY_MAP", Act::kConstKeyDict},
    {"BUILD_SLICE", Act::kBuildSlice},
    {"BUILD_STRING", Act::kText},
    {"FORMAT_VALUE", Act::kFormat},
    {"FORMAT_SIMPLE", Act::kFormat, 0},
    {"FORMAT_WITH_SPEC", Act::kFormat, 4},
    {"CONVERT_VALUE", Act::kNop},
    {"BUILD_LIST_UNPACK", Act::kJoin},
    {"BUILD_TUPLE_UNPACK", Act::kJoinTuple},
    {"BUILD_TUPLE_UNPACK_WITH_CALL", Act::kJoinTuple},
    {"BUILD_MAP_UNPACK", Act::kJoinDicts},
    {"BUILD_MAP_UNPACK_WITH_CALL", Act::kJoinDicts},
    {"LIST_EXTEND", Act::kExtend},
    {"SET_UPDATE", Act::kExtend},
    {"DICT_UPDATE", Act::kUpdate},
    {"DICT_MERGE", Act::kUpdate},
    {"LIST_APPEND", Act::kAppend},
    {"SET_ADD", Act::kAddToSet},
    {"MAP_ADD", Act::kAddToDictKeyFirst, -1, 0, 308},
    {"MAP_ADD", Act::kAddToDictValueFirst, -1, 0, 0, 307},
    {"STORE_MAP", Act::kStoreMap},
    {"LIST_TO_TUPLE", Act::kListToTuple},
    {"UNPACK_SEQUENCE", Act::kUnpack},
    {"UNPACK_EX", Act::kUnpackRest},
    {"CALL", Act::kCall},
    {"CALL_METHOD", Act::kCall},
    {"CALL_FUNCTION", Act::kCallOld, -1, 0, 0, 305},
    {"CALL_FUNCTION", Act::kCallPlain, -1, 0, 306},
    {"CALL_FUNCTION_KW", Act::kCallOldMore, -1, 1 << 17, 0, 305},
    {"CALL_FUNCTION_KW", Act::kCallNames, -1, 0, 306},
    {"CALL_KW", Act::kCallNamesNull},
    {"CALL_FUNCTION_EX", Act::kCallMore, -1, 0, 0, 310},
    {"CALL_FUNCTION_EX", Act::kCallMoreNull, -1, 0, 311, 313},
    {"CALL_FUNCTION_EX", Act::kCallMoreNull, 1, 0, 314},
    {"CALL_FUNCTION_VAR", Act::kCallOldMore, -1, 1 << 16},
    {"CALL_FUNCTION_VAR_KW", Act::kCallOldMore, -1, 3 << 16},
    {"KW_NAMES", Act::kKeywordNames},
    {"MAKE_FUNCTION", Act::kMakeFunctionOld, -1, 0, 0, 305},
    {"MAKE_FUNCTION", Act::kMakeFunction, -1, 0, 306, 312},
    {"MAKE_FUNCTION", Act::kMakeFunction, 0, 0, 313},
    {"MAKE_CLOSURE", Act::kMakeClosureOld},
    {"SET_FUNCTION_ATTRIBUTE", Act::kSetFunctionPart},
    {"JUMP_FORWARD", Act::kJump},
    {"JUMP_ABSOLUTE", Act::kJump},
    {"JUMP_BACKWARD", Act::kJump},
    {"JUMP_BACKWARD_NO_INTERRUPT", Act::kJump},
    {"CONTINUE_LOOP", Act::kJump},
    {"POP_JUMP_IF_FALSE", Act::kJumpIfFalse},
    {"POP_JUMP_IF_TRUE", Act::kJumpIfTrue},
    {"POP_JUMP_FORWARD_IF_FALSE", Act::kJumpIfFalse},
    {"POP_JUMP_FORWARD_IF_TRUE", Act::kJumpIfTrue},
    {"POP_JUMP_BACKWARD_IF_FALSE", Act::kJumpIfFalse},
    {"POP_JUMP_BACKWARD_IF_TRUE", Act::kJumpIfTrue},
    {"POP_JUMP_IF_NONE", Act::kJumpIfNone},
    {"POP_JUMP_IF_NOT_NONE", Act::kJumpIfNotNone},
    {"POP_JUMP_FORWARD_IF_NONE", Act::kJumpIfNone},
    {"POP_JUMP_FORWARD_IF_NOT_NONE", Act::kJumpIfNotNone},
    {"POP_JUMP_BACKWARD_IF_NONE", Act::kJumpIfNone},
    {"POP_JUMP_BACKWARD_IF_NOT_NONE", Act::kJumpIfNotNone},
    {"JUMP_IF_FALSE_OR_POP", Act::kJumpIfFalseOrPop},
    {"JUMP_IF_TRUE_OR_POP", Act::kJumpIfTrueOrPop},
    {"GET_ITER", Act::kIterate},
    {"FOR_ITER", Act::kFor},
    {"SETUP_LOOP", Act::kLoop},
    {"POP_BLOCK", Act::kEndBlock},
    {"SETUP_EXCEPT", Act::kTry},
    {"SETUP_FINALLY", Act::kTry},
    {"BEGIN_FINALLY", Act::kPushNull},
    {"POP_EXCEPT", Act::kNop},
    {"BREAK_LOOP", Act::kBreak},
    {"RETURN_VALUE", Act::kReturn},
    {"RAISE_VARARGS", Act::kRaise},
    {"RERAISE", Act::kRaise},
    {"END_FINALLY", Act::kEndFinally},
    {"CALL_FINALLY", Act::kCallFinally},
    {"POP_FINALLY", Act::kPopFinally},
    {"SETUP_WITH", Act::kWith},
    {"BEFORE_WITH", Act::kWith},
    {"LOAD_SPECIAL", Act::kSpecial},
    {"WITH_CLEANUP", Act::kWithEnd},
    {"WITH_CLEANUP_START", Act::kWithEnd},
    {"WITH_CLEANUP_FINISH", Act::kNop},
    {"RETURN_CONST", Act::kReturnConstant},
    {"YIELD_VALUE", Act::kYield},
    {"IMPORT_NAME", Act::kImport},
    {"IMPORT_FROM", Act::kImportFrom},
    {"CALL_INTRINSIC_1", Act::kIntrinsic},
    {"PRINT_ITEM", Act::kPrint},
    {"PRINT_NEWLINE", Act::kNop},
    {"DUP_TOPX", Act::kDuplicate},
};

constexpr absl::string_view kOperators[] = {"+", "&",  "//", "<<", "@", "*", "%",
                                            "|", "**", ">>", "-",  "/", "^", "/"};
constexpr absl::string_view kComparisons[] = {"<",  "<=", "==",     "!=", ">",
                                              ">=", "in", "not in", "is", "is not"};

using Numbers = std::map<absl::string_view, int>;

// What follows from the opcode's name and the version.
Opcode MakeOpcode(absl::string_view name, const PythonVersion& version, const Numbers& caches) {
  Opcode opcode{.name = name};
  for (const Meaning& meaning : kMeanings) {
    if (meaning.name != name || version.number < meaning.since || version.number > meaning.until) {
      continue;
    }
    opcode.act = meaning.act;
    opcode.fixed = meaning.fixed;
    opcode.plus = meaning.plus;
  }
  const auto has = [&](absl::string_view part) { return absl::StrContains(name, part); };
  switch (opcode.act) {
    case Act::kLoad:
    case Act::kStore:
    case Act::kDelete:
    case Act::kCell:
    case Act::kMakeCell:
    case Act::kLoadAndClear:
      opcode.is_cell = has("DEREF") || has("CLOSURE") || has("CELL");
      opcode.is_variable = true;
      if (has("_LOAD_FAST") || has("_STORE_FAST")) {
        opcode.second = has("_LOAD_FAST") ? Act::kLoad : Act::kStore;
      }
      break;
    case Act::kJumpIfFalse:
    case Act::kJumpIfTrue:
    case Act::kJumpIfFalseOrPop:
    case Act::kJumpIfTrueOrPop:
    case Act::kJumpIfNone:
    case Act::kJumpIfNotNone:
      opcode.jump = has("BACKWARD")          ? JumpKind::kBackward
                    : version.relative_jumps ? JumpKind::kForward
                                             : JumpKind::kAbsolute;
      break;
    case Act::kJump:
      opcode.jump = has("BACKWARD")  ? JumpKind::kBackward
                    : has("FORWARD") ? JumpKind::kForward
                                     : JumpKind::kAbsolute;
      break;
    case Act::kGlobal:
      opcode.has_low_bit = name == "LOAD_GLOBAL" && version.global_null_bit;
      break;
    case Act::kAttribute:
      opcode.has_low_bit = name == "LOAD_ATTR" && version.attribute_method_bit;
      opcode.low_bit = name == "LOAD_METHOD";
      break;
    case Act::kPopLoop:
      opcode.fixed = version.end_for_pops;
      break;
    case Act::kCompare:
      opcode.shift = name == "COMPARE_OP" ? version.compare_shift : 0;
      break;
    case Act::kFor:
    case Act::kLoop:
    case Act::kTry:
    case Act::kCallFinally:
    case Act::kWith:
      if (name == "BEFORE_WITH") break;
      opcode.jump = JumpKind::kForward;
      break;
    default:
      break;
  }
  if (const auto found = caches.find(name); found != caches.end()) opcode.caches = found->second;
  return opcode;
}

Numbers ParseNumbers(absl::string_view text) {
  Numbers numbers;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const size_t equals = word.rfind('=');
    int number = 0;
    NOMO_CHECK(equals != absl::string_view::npos &&
               absl::SimpleAtoi(word.substr(equals + 1), &number) && number < 256);
    numbers[word.substr(0, equals)] = number;
  }
  return numbers;
}

std::vector<OpcodeTable> MakeTables() {
  std::vector<OpcodeTable> tables;
  Numbers numbers;
  for (const PythonVersion& version : kVersions) {
    if (version.as_previous_but_for.empty()) numbers.clear();
    for (const absl::string_view name :
         absl::StrSplit(version.as_previous_but_for, ' ', absl::SkipEmpty())) {
      numbers.erase(name);
    }
    for (const auto& [name, number] : ParseNumbers(version.opcodes)) numbers[name] = number;
    const Numbers caches = ParseNumbers(version.caches);
    OpcodeTable& table = tables.emplace_back();
    for (const auto& [name, number] : numbers) table[number] = MakeOpcode(name, version, caches);
  }
  return tables;
}

}  // namespace

absl::string_view OperatorText(BinaryOperator op) { return kOperators[static_cast<int>(op)]; }
absl::string_view ComparisonText(Comparison comparison) {
  return kComparisons[static_cast<int>(comparison)];
}

std::string PythonVersion::ToString() const {
  return absl::StrCat(number / 100, ".", number % 100);
}

absl::Span<const PythonVersion> PythonVersions() { return kVersions; }

const OpcodeTable& OpcodesOf(const PythonVersion& version) {
  static const auto* const tables = new std::vector<OpcodeTable>(MakeTables());
  return (*tables)[&version - kVersions];
}

std::string VersionsText(absl::Span<const PythonVersion* const> versions) {
  std::vector<std::string> names;
  for (const PythonVersion* version : versions) names.push_back(version->ToString());
  if (names.size() <= 1) return names.empty() ? "" : "Python " + names[0];
  const std::string last = names.back();
  names.pop_back();
  return absl::StrCat("Python ", absl::StrJoin(names, ", "), " or ", last);
}

}  // namespace nomograph::keras
