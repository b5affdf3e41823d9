// The bytecodes of the Python versions: a row each. What differs between versions is data; nothing
// else in this folder asks which version it deals with.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_OPCODES_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_OPCODES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/serialization/keras/python/code.h"

namespace nomograph::keras {

// The fields of a code object in marshal data.
enum class CodeLayout {
  kPython2,         // no keyword-only parameters
  kKeywordOnly,     // 3.0 to 3.7
  kPositionalOnly,  // 3.8 to 3.10: also their count
  kLocalsPlus,      // from 3.11 on: all variables in one tuple, with their kinds
};

// What instructions do. S is the stack, its top on the right.
enum class Act : uint8_t {
  kNop,
  kResume,  // nothing; a version that has it begins every function with it
  kUnsupported,
  // Moving values about.
  kPop,
  kPopLoop,    // END_FOR: pops as many values as the version's row says
  kPushNull,   // a mark beside a callable that has no receiver
  kCopy,       // pushes the value at `arg` from the top (1: the top)
  kDuplicate,  // pushes the upper `arg` values once more
  kSwap,       // exchanges the top and the value at `arg`
  kRotate,     // moves the top down to place `arg`
  // Constants and variables. `arg`: the index of a constant, variable (Code::variables) or name.
  kConstant,
  kSmallInt,
  kCommonConstant,
  kLoad,
  kLoadAndClear,
  kStore,
  kDelete,
  kCell,         // a variable itself, for a closure
  kMakeCell,     // a new variable in its place, with its value
  kGlobal,       // `arg` is the name's index, times two plus one where a null is wanted
  kStoreGlobal,  // no effect that a graph could have
  // Attributes, elements and operators.
  kAttribute,  // `arg` is the name's index, times two plus one for a method
  kSubscript,
  kSlice,     // S x begin end -> x[begin:end]
  kOldSlice,  // Python 2's, `arg`: bit 0 has a begin, bit 1 an end
  kStoreSubscript,
  kBinary,   // `arg`: a BinaryOperator
  kUnary,    // `arg`: a UnaryOperator
  kCompare,  // `arg`: a Comparison
  // Making things of `arg` values.
  kTuple,
  kList,
  kSet,
  kDict,          // of `arg` pairs
  kConstKeyDict,  // of `arg` values and a tuple of keys
  kBuildSlice,
  kText,    // of `arg` texts
  kFormat,  // bit 2 of `arg`: with a specification
  kJoin,    // of `arg` sequences a list; kJoinTuple: a tuple
  kJoinTuple,
  kJoinDicts,
  // Adding the top to what lies `arg` from the top.
  kExtend,
  kUpdate,
  kAppend,
  kAddToSet,
  kAddToDictKeyFirst,  // a key and, on top, its value; kAddToDictValueFirst: the other way round
  kAddToDictValueFirst,
  kStoreMap,  // S dict value key -> dict
  kListToTuple,
  kUnpack,
  kUnpackRest,  // with a starred target: `arg`: those before it, plus those behind it << 8
  // Calls.
  kCall,           // `arg` arguments above a callable and its null (in either order)
  kCallPlain,      // `arg` arguments above a callable
  kCallOld,        // Python 2.7 to 3.5: `arg`: positional ones, plus keyword pairs << 8
  kCallOldMore,    // the same with *args (bit 16) and **kwargs (bit 17)
  kCallNames,      // a tuple of keyword names on top of kCallPlain's
  kCallNamesNull,  // a tuple of keyword names on top of kCall's
  kCallMore,       // callable, a tuple and (bit 0) a dict; kCallMoreNull with a null
  kCallMoreNull,
  kKeywordNames,     // names the last arguments of the next call: a constant
  kMakeFunction,     // by flags: 1 defaults, 2 keyword defaults, 4 annotations, 8 closure
  kMakeFunctionOld,  // Python 2.7 to 3.5, by counts
  kMakeClosureOld,
  kSetFunctionPart,  // one of kMakeFunction's flags
  // The way of control. `arg`: the instruction to go to.
  kJump,
  kJumpIfFalse,
  kJumpIfTrue,
  kJumpIfFalseOrPop,
  kJumpIfTrueOrPop,
  kJumpIfNone,
  kJumpIfNotNone,
  kIterate,
  kFor,
  kLoop,     // SETUP_LOOP: the loop's end
  kTry,      // a block with a handler, which is never entered
  kWith,     // S manager -> its end, what "as" names; from 3.11 on without a block
  kWithEnd,  // S end x -> x
  kSpecial,  // S manager -> the method of entering (`arg` 0) or leaving (1) it, manager
  kEndBlock,
  kCallFinally,  // to a finally clause, with where to go on behind it on the stack
  kEndFinally,   // S place -> S, going there; nothing else but None is ever there
  kPopFinally,   // S place -> S; where `arg`, beneath the top
  kBreak,
  kReturn,
  kReturnConstant,
  kRaise,
  kYield,
  kImport,
  kImportFrom,
  kIntrinsic,  // `arg`: which; 5 is unary plus, 6 list to tuple
  kPrint,      // Python 2's statement
  kExtended,   // a prefix of the next argument
};

// As BINARY_OP numbers them, from 3.11 on.
enum class BinaryOperator {
  kAdd,
  kAnd,
  kFloorDivide,
  kShiftLeft,
  kMatMul,
  kMultiply,
  kRemainder,
  kOr,
  kPower,
  kShiftRight,
  kSubtract,
  kDivide,
  kXor,
  kOldDivide = 13,  // Python 2's: of two integers it rounds down
};
// "+", "//" and so on.
absl::string_view OperatorText(BinaryOperator op);
// As Python writes it.
enum class UnaryOperator { kNegative, kPositive, kInvert, kNot };
// As COMPARE_OP numbers them.
enum class Comparison {
  kLess,
  kLessOrEqual,
  kEqual,
  kNotEqual,
  kGreater,
  kGreaterOrEqual,
  kIn,
  kNotIn,
  kIs,
  kIsNot,
};
absl::string_view ComparisonText(Comparison comparison);

// How a code object tells the lines of its instructions.
enum class LineTable {
  kPairs,      // co_lnotab: how many bytes, how many lines, the latter signed from 3.6 on
  kRanges,     // 3.10: the bytes of a line, and how it differs from the one before
  kLocations,  // from 3.11 on: the location table of PEP 657
};

struct PythonVersion {
  int number = 0;  // 207, 306, 312: major * 100 + minor
  CodeLayout layout = CodeLayout::kPython2;
  LineTable lines = LineTable::kPairs;
  bool word_code = false;       // every instruction is two bytes, else one or three
  int jump_unit = 1;            // bytes
  bool relative_jumps = false;  // conditional ones, too
  int compare_shift = 0;        // where the comparison stands in COMPARE_OP's argument
  // LOAD_GLOBAL's and LOAD_ATTR's arguments have a bit for the null or receiver that is pushed.
  bool global_null_bit = false, attribute_method_bit = false;
  // LOAD_FAST of a variable that functions share yields the variable, for a closure.
  bool loads_cells = false;
  bool has_blocks = false;  // instructions open and close blocks, up to 3.10
  int end_for_pops = 0;     // 0: FOR_ITER pops the iterator itself
  // NAME=NUMBER, separated by spaces.
  absl::string_view opcodes;
  // Where this is given, `opcodes` are those that differ from the row above, and these are gone or
  // have another number. " " for none.
  absl::string_view as_previous_but_for = {};
  // How many cache entries follow an instruction, NAME=NUMBER. A negative number: so many or none.
  absl::string_view caches = {};

  std::string ToString() const;  // "3.6"
};

absl::Span<const PythonVersion> PythonVersions();

enum class JumpKind : uint8_t { kNone, kForward, kBackward, kAbsolute };

// An opcode of a version.
struct Opcode {
  absl::string_view name;  // empty: there is none
  Act act = Act::kUnsupported;
  int fixed = -1;  // the argument, where the name says it
  int plus = 0;    // to be added to the argument
  // The argument is a variable's index, as LOAD_FAST or as LOAD_DEREF counts them.
  bool is_variable = false, is_cell = false;
  // Of an opcode that is two instructions, each with four bits of the argument, the latter.
  Act second = Act::kNop;
  JumpKind jump = JumpKind::kNone;
  // Of kGlobal and kAttribute: the argument's lowest bit says whether a null or receiver is wanted;
  // else `low_bit` says it.
  bool has_low_bit = false;
  int low_bit = 0;
  int shift = 0;  // of the argument, to the right
  int caches = 0;
};
using OpcodeTable = std::array<Opcode, 256>;
// The table of a row of PythonVersions().
const OpcodeTable& OpcodesOf(const PythonVersion& version);

// "Python 3.6 or 3.7".
std::string VersionsText(absl::Span<const PythonVersion* const> versions);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_OPCODES_H_
