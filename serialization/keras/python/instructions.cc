#include "nomograph/serialization/keras/python/instructions.h"

#include <algorithm>
#include <cstdlib>

#include "nomograph/core/types/status.h"

namespace nomograph::keras {
namespace {

// An instruction where it stands in the bytecode.
struct Placed {
  int opcode = 0;
  int64_t arg = 0;
  int begin = 0, end = 0;  // bytes; the end is behind its cache entries
};

class Decoder {
 public:
  Decoder(const PythonVersion& version, Code& code)
      : version_(version), table_(OpcodesOf(version)), code_(code) {}

  absl::Status Decode() {
    code_.instructions.clear();
    code_.repaired = false;
    NOMO_RETURN_IF_ERROR(Place());
    NOMO_RETURN_IF_ERROR(CheckLines());
    for (const Placed& placed : placed_) {
      NOMO_RETURN_IF_ERROR(Annotate(Add(placed), absl::StrCat("instruction at ", placed.begin)));
    }
    return CheckEnds();
  }

 private:
  static constexpr int kNoInstruction = -1;

  absl::Status Place();
  absl::StatusOr<int> OpcodeAt(size_t position);
  absl::Status CheckLines();
  absl::Status CheckEnds();
  absl::Status Add(const Placed& placed);
  absl::StatusOr<int> Argument(const Opcode& opcode, const Placed& placed);
  absl::StatusOr<int> Target(const Opcode& opcode, const Placed& placed);
  absl::StatusOr<int> Variable(const Opcode& opcode, int64_t index) const;
  absl::StatusOr<int> Within(int64_t index, size_t count, const char* what) const {
    if (index < 0 || index >= static_cast<int64_t>(count)) {
      return InvalidArgument("it uses ", what, " ", index, " of ", count);
    }
    return static_cast<int>(index);
  }

  const PythonVersion& version_;
  const OpcodeTable& table_;
  Code& code_;
  std::vector<Placed> placed_;
  // By byte: the first instruction (of code_.instructions) of what begins there.
  std::vector<int> index_at_;
  std::vector<int> line_at_;  // by byte; 0: not known
};

absl::StatusOr<int> Decoder::OpcodeAt(size_t position) {
  // On Windows Keras replaced the byte 92, UNPACK_SEQUENCE, by 47, which is no opcode wherever 92
  // is that one.
  constexpr int kBackslash = 92, kSlash = 47;
  int opcode = static_cast<uint8_t>(code_.bytecode[position]);
  if (opcode == kSlash && table_[kSlash].name.empty() && !table_[kBackslash].name.empty()) {
    code_.repaired = true;
    opcode = kBackslash;
  }
  if (table_[opcode].name.empty()) {
    return InvalidArgument("opcode ", opcode, " at ", position, " is not known");
  }
  return opcode;
}

// Finds the instructions' places and arguments, prefixes and cache entries included.
absl::Status Decoder::Place() {
  constexpr int kHasArgument = 90;  // before word code
  const std::string& bytes = code_.bytecode;
  index_at_.assign(bytes.size() + 1, kNoInstruction);
  int64_t extended = 0;
  int begin = 0, count = 0;
  for (size_t at = 0; at < bytes.size();) {
    NOMO_ASSIGN_OR_RETURN(const int opcode, OpcodeAt(at));
    const auto byte = [&](size_t i) {
      return static_cast<int64_t>(static_cast<uint8_t>(bytes[i]));
    };
    const size_t size = version_.word_code ? 2 : opcode >= kHasArgument ? 3 : 1;
    if (size > bytes.size() - at) return InvalidArgument("the last instruction breaks off");
    const int64_t arg = size == 1 ? 0 : size == 2 ? byte(at + 1) : byte(at + 1) | byte(at + 2) << 8;
    const int64_t whole = extended << (version_.word_code ? 8 : 16) | arg;
    if (whole > 0x7fffffff) return InvalidArgument("an argument passes 31 bits");
    index_at_[begin] = count;
    at += size;
    if (table_[opcode].act == Act::kExtended) {
      extended = whole;
      continue;
    }
    for (int i = 0; i < std::abs(table_[opcode].caches); ++i, at += 2) {
      if (bytes.size() - at < 2 || bytes[at] != 0 || bytes[at + 1] != 0) {
        if (table_[opcode].caches < 0) break;
        return InvalidArgument("cache entries of ", table_[opcode].name, " are missing at ", at);
      }
    }
    placed_.push_back({opcode, whole, begin, static_cast<int>(at)});
    count += table_[opcode].second != Act::kNop ? 2 : 1;
    begin = static_cast<int>(at);
    extended = 0;
  }
  if (begin != static_cast<int>(bytes.size())) return InvalidArgument("it ends with a prefix");
  return absl::OkStatus();
}

// Reads the table of lines, which also tells versions apart: it must fit the bytecode.
absl::Status Decoder::CheckLines() {
  const std::string& table = code_.line_table;
  line_at_.assign(code_.bytecode.size() + 1, 0);
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(table[i]); };
  const auto signed_byte = [&](size_t i) { return static_cast<int8_t>(table[i]); };
  int64_t at = 0, line = code_.first_line;
  const int64_t size = static_cast<int64_t>(code_.bytecode.size());
  const auto fill = [&](int64_t bytes, int64_t shown) {
    const int64_t end = std::min(at + bytes, size);
    const bool plausible = shown > 0 && shown < 1 << 30;
    if (plausible) std::fill(line_at_.begin() + std::min(at, size), line_at_.begin() + end, shown);
    at += bytes;
  };
  if (version_.lines == LineTable::kLocations) {
    size_t i = 0;
    // A number of six bits a byte, the least first.
    const auto number = [&]() {
      int64_t value = 0;
      for (int shift = 0; i < table.size(); shift += 6) {
        const uint8_t part = byte(i++);
        if (shift < 36) value |= static_cast<int64_t>(part & 63) << shift;
        if ((part & 64) == 0) break;
      }
      return value;
    };
    while (i < table.size()) {
      const uint8_t head = byte(i++);
      if ((head & 128) == 0) return InvalidArgument("the table of lines is damaged");
      const int kind = head >> 3 & 15, bytes = 2 * ((head & 7) + 1);
      if (kind == 13 || kind == 14) {
        const int64_t delta = number();
        line += (delta & 1) != 0 ? -(delta >> 1) : delta >> 1;
        for (int k = 0; kind == 14 && k < 3; ++k) number();
      } else if (kind >= 10 && kind <= 12) {
        line += kind - 10;
        i += 2;
      } else if (kind < 10) {
        i += 1;
      }
      fill(bytes, kind == 15 ? 0 : line);
    }
    if (at != size) return InvalidArgument("the table of lines is for ", at, " bytes of ", size);
    return absl::OkStatus();
  }
  if (table.size() % 2 != 0) return InvalidArgument("the table of lines is damaged");
  const bool ranges = version_.lines == LineTable::kRanges;
  for (size_t i = 0; i + 1 < table.size(); i += 2) {
    const bool none = ranges && signed_byte(i + 1) == -128;
    if (ranges && !none) line += signed_byte(i + 1);
    fill(byte(i), none ? 0 : line);
    if (!ranges) line += signed_byte(i + 1);
  }
  const bool fits = ranges ? at == size : at < size;
  if (!fits) return InvalidArgument("the table of lines is for ", at, " bytes of ", size);
  if (!ranges) fill(size - at, line);
  return absl::OkStatus();
}

absl::Status Decoder::CheckEnds() {
  const auto resumes = [](const auto& x) { return x.act == Act::kResume; };
  const std::vector<Instruction>& all = code_.instructions;
  if (std::any_of(table_.begin(), table_.end(), resumes) &&
      std::none_of(all.begin(), all.end(), resumes)) {
    return InvalidArgument("it does not begin as functions of that version do");
  }
  // Where pairs are put into a dict one by one, making it says how many come: else it is a later
  // version's bytecode, which makes it of the pairs.
  int64_t pairs = 0, stored = 0;
  for (const Placed& placed : placed_) {
    const Opcode& opcode = table_[placed.opcode];
    if (opcode.act == Act::kDict && opcode.fixed == 0) pairs += placed.arg;
    stored += opcode.act == Act::kStoreMap;
  }
  if (pairs != stored) return InvalidArgument("it makes dicts of ", pairs, " pairs, not ", stored);
  const Act last = all.empty() ? Act::kNop : all.back().act;
  if (last != Act::kReturn && last != Act::kReturnConstant && last != Act::kJump &&
      last != Act::kRaise) {
    return InvalidArgument("it does not end with a return");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Decoder::Variable(const Opcode& opcode, int64_t index) const {
  const std::vector<int>& indices = opcode.is_cell ? code_.cells : code_.fast;
  NOMO_ASSIGN_OR_RETURN(const int at, Within(index, indices.size(), "variable"));
  return indices[at];
}

absl::StatusOr<int> Decoder::Target(const Opcode& opcode, const Placed& placed) {
  const int64_t bytes = placed.arg * version_.jump_unit;
  const int64_t target = opcode.jump == JumpKind::kAbsolute  ? bytes
                         : opcode.jump == JumpKind::kForward ? placed.end + bytes
                                                             : placed.end - bytes;
  if (target < 0 || target >= static_cast<int64_t>(code_.bytecode.size()) ||
      index_at_[target] == kNoInstruction) {
    return InvalidArgument("it jumps to ", target, ", where no instruction begins");
  }
  return index_at_[target];
}

absl::StatusOr<int> Decoder::Argument(const Opcode& opcode, const Placed& placed) {
  if (opcode.jump != JumpKind::kNone) return Target(opcode, placed);
  if (opcode.is_variable) {
    return Variable(opcode, opcode.second != Act::kNop ? placed.arg >> 4 : placed.arg);
  }
  const int64_t arg = opcode.fixed >= 0 ? opcode.fixed : (placed.arg >> opcode.shift) + opcode.plus;
  switch (opcode.act) {
    case Act::kConstant:
    case Act::kReturnConstant:
    case Act::kKeywordNames:
      return Within(arg, code_.constants.size(), "constant");
    case Act::kImport:
    case Act::kImportFrom:
    case Act::kStoreGlobal:
      return Within(arg, code_.names.size(), "name");
    case Act::kGlobal:
    case Act::kAttribute: {
      const int64_t index = opcode.has_low_bit ? arg >> 1 : arg;
      NOMO_ASSIGN_OR_RETURN(const int name, Within(index, code_.names.size(), "name"));
      return name * 2 + (opcode.has_low_bit ? static_cast<int>(arg & 1) : opcode.low_bit);
    }
    case Act::kCompare:
      return Within(arg, static_cast<int>(Comparison::kIsNot) + 3, "comparison");
    default:
      if (arg > 1 << 28) return InvalidArgument("its argument is ", arg);
      return static_cast<int>(arg);
  }
}

absl::Status Decoder::Add(const Placed& placed) {
  constexpr int kInPlace = 13, kSubscript = 26;  // of BINARY_OP
  const Opcode& opcode = table_[placed.opcode];
  NOMO_ASSIGN_OR_RETURN(const int arg, Argument(opcode, placed));
  Instruction instruction{opcode.act, arg, line_at_[placed.begin], placed.opcode};
  if (opcode.act == Act::kLoad && !opcode.is_cell && version_.loads_cells && code_.shared[arg]) {
    instruction.act = Act::kCell;
  }
  // Comparisons behind the last one are those of exceptions.
  if (opcode.act == Act::kCompare && arg > static_cast<int>(Comparison::kIsNot)) {
    instruction.act = Act::kUnsupported;
  }
  if (opcode.act == Act::kBinary && opcode.fixed < 0) {
    if (arg > kSubscript) return InvalidArgument("it uses operator ", arg);
    if (arg >= kInPlace) instruction.arg = arg - kInPlace;
    if (arg == kSubscript) instruction = {Act::kSubscript, 0, instruction.line, placed.opcode};
  }
  code_.instructions.push_back(instruction);
  if (opcode.second == Act::kNop) return absl::OkStatus();
  instruction.act = opcode.second;
  NOMO_ASSIGN_OR_RETURN(instruction.arg, Variable(opcode, placed.arg & 15));
  code_.instructions.push_back(instruction);
  return absl::OkStatus();
}

}  // namespace

absl::Status DecodeInstructions(const PythonVersion& version, Code& code) {
  return Decoder(version, code).Decode();
}

}  // namespace nomograph::keras
