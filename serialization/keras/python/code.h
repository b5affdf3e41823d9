// Python objects as marshal data holds them, and code objects among them.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_CODE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_CODE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nomograph::keras {

struct Code;
struct Object;
using ObjectRef = std::shared_ptr<const Object>;

// A constant. Objects form no cycles, but may be shared.
struct Object {
  enum class Kind {
    kNone,
    kEllipsis,
    kStopIteration,
    kBool,
    kInt,
    kBigInt,  // past 64 bits: `number` says how many bits
    kFloat,
    kComplex,  // `real` and `imaginary`
    kText,     // UTF-8, as far as the file is right
    kBytes,
    kTuple,
    kList,
    kSet,
    kFrozenSet,
    kDict,   // `items`: key, value, key, value, ...
    kSlice,  // `items`: start, stop, step
    kCode,
  };
  Kind kind = Kind::kNone;
  int64_t number = 0;
  double real = 0, imaginary = 0;
  std::string text;  // of kText and kBytes
  std::vector<ObjectRef> items;
  std::shared_ptr<const Code> code;
};

struct PythonVersion;  // python/opcodes.h

// What an instruction does, in the same terms for every Python version (python/opcodes.h).
enum class Act : uint8_t;

struct Instruction {
  Act act;
  int arg = 0;     // an index, a count, flags, an operator, or the instruction to which it jumps
  int line = 0;    // of the source; 0 where it is not known
  int opcode = 0;  // as the file has it, for messages
};

// A code object: the body of a function.
struct Code {
  int num_args = 0, num_positional_only = 0, num_keyword_only = 0;
  uint32_t flags = 0;
  std::string bytecode;
  std::vector<ObjectRef> constants;
  std::vector<std::string> names;
  // Local variables: parameters first, then the others, then those of cells and of functions
  // around. Each name once.
  std::vector<std::string> variables;
  // By the indices that instructions have: of LOAD_FAST and of LOAD_DEREF, to `variables`.
  std::vector<int> fast, cells;
  // Of `variables`: whether functions within or around share it.
  std::vector<bool> shared;
  std::vector<std::string> free;  // variables of functions around, in the order of the closure
  std::string file, name;
  int first_line = 0;
  std::string line_table;

  // Which Python versions the whole payload may be from, the likeliest first. They agree on what
  // the instructions mean.
  std::vector<const PythonVersion*> versions;
  std::vector<Instruction> instructions;
  // Backslashes that Keras had made slashes on Windows were found and put back.
  bool repaired = false;

  static constexpr uint32_t kVarArgs = 4, kVarKeywords = 8, kGenerator = 32;
  // Parameters, *args and **kwargs included.
  int num_parameters() const {
    return num_args + num_keyword_only + ((flags & kVarArgs) != 0) + ((flags & kVarKeywords) != 0);
  }
};

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_CODE_H_
