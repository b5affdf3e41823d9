#include "nomograph/serialization/keras/python/marshal.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "nomograph/core/types/status.h"

namespace nomograph::keras {
namespace {

class Reader {
 public:
  Reader(absl::string_view bytes, CodeLayout layout, const PythonLimits& limits)
      : bytes_(bytes), layout_(layout), limits_(limits) {}

  absl::StatusOr<MarshalData> Read() {
    NOMO_ASSIGN_OR_RETURN(ObjectRef object, ReadObject(0));
    if (object == nullptr) return Fault("expected an object, found the end of a dict");
    if (position_ != bytes_.size()) {
      return Fault("expected the end, found ", bytes_.size() - position_, " bytes more");
    }
    return MarshalData{std::move(object), std::move(codes_)};
  }

 private:
  template <typename... Args>
  absl::Status Fault(const Args&... args) const {
    return InvalidArgument("marshal data, byte ", position_, ": ", args...);
  }

  absl::StatusOr<absl::string_view> Bytes(int64_t count) {
    if (count < 0 || count > static_cast<int64_t>(bytes_.size() - position_)) {
      return Fault("expected ", count, " bytes, found ", bytes_.size() - position_);
    }
    const absl::string_view bytes = bytes_.substr(position_, count);
    position_ += count;
    return bytes;
  }

  absl::StatusOr<uint64_t> Unsigned(int size) {
    NOMO_ASSIGN_OR_RETURN(const absl::string_view bytes, Bytes(size));
    uint64_t value = 0;
    for (int i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return value;
  }

  absl::StatusOr<int32_t> Int32() {
    NOMO_ASSIGN_OR_RETURN(const uint64_t value, Unsigned(4));
    return static_cast<int32_t>(static_cast<uint32_t>(value));
  }

  // How many elements follow; each needs a byte at least.
  absl::StatusOr<int64_t> Count(int size) {
    NOMO_ASSIGN_OR_RETURN(const uint64_t value, Unsigned(size));
    const int64_t count = size == 4 ? static_cast<int32_t>(value) : static_cast<int64_t>(value);
    if (count < 0 || count > static_cast<int64_t>(bytes_.size() - position_)) {
      return Fault("expected ", count, " elements in ", bytes_.size() - position_, " bytes");
    }
    return count;
  }

  // Null: the mark that ends a dict.
  absl::StatusOr<ObjectRef> ReadObject(int depth);
  absl::StatusOr<ObjectRef> ReadReference(const std::vector<ObjectRef>& from, const char* what);
  absl::Status Fill(char type, int depth, Object& object);
  absl::Status FillText(Object::Kind kind, int count_size, Object& object);
  absl::Status FillItems(Object::Kind kind, int64_t count, int depth, Object& object);
  absl::Status FillDict(int depth, Object& object);
  absl::Status FillLong(Object& object);
  absl::StatusOr<double> ReadFloat(bool binary);

  absl::Status FillCode(int depth, Code& code);
  absl::StatusOr<std::string> Text(int depth, const char* what);
  absl::StatusOr<std::string> ByteString(int depth, const char* what);
  absl::StatusOr<std::vector<std::string>> Names(int depth, const char* what);
  absl::Status ReadVariables(int depth, Code& code);
  absl::Status ReadLocalsPlus(int depth, Code& code);

  const absl::string_view bytes_;
  const CodeLayout layout_;
  const PythonLimits& limits_;
  size_t position_ = 0;
  int64_t objects_ = 0;
  std::vector<ObjectRef> references_;  // null: not complete yet
  std::vector<ObjectRef> interned_;    // Python 2
  std::vector<std::shared_ptr<Code>> codes_;
};

absl::StatusOr<ObjectRef> Reader::ReadReference(const std::vector<ObjectRef>& from,
                                                const char* what) {
  NOMO_ASSIGN_OR_RETURN(const int32_t index, Int32());
  if (index < 0 || index >= static_cast<int64_t>(from.size())) {
    return Fault("expected one of ", from.size(), " ", what, ", found number ", index);
  }
  if (from[index] == nullptr) return Fault("an object refers to itself");
  return from[index];
}

absl::StatusOr<ObjectRef> Reader::ReadObject(int depth) {
  if (depth > limits_.max_nesting) {
    return absl::ResourceExhaustedError(absl::StrCat("marshal data, byte ", position_,
                                                     ": objects lie more than ",
                                                     limits_.max_nesting, " deep in one another"));
  }
  if (++objects_ > limits_.max_objects) {
    return absl::ResourceExhaustedError(
        absl::StrCat("marshal data: more than ", limits_.max_objects, " objects"));
  }
  NOMO_ASSIGN_OR_RETURN(const uint64_t byte, Unsigned(1));
  const bool remembered = (byte & 0x80) != 0;
  const char type = static_cast<char>(byte & 0x7f);
  if (type == '0') return ObjectRef();
  if (type == 'r') return ReadReference(references_, "references");
  if (type == 'R') return ReadReference(interned_, "interned strings");
  const size_t index = references_.size();
  if (remembered) references_.push_back(nullptr);
  auto object = std::make_shared<Object>();
  NOMO_RETURN_IF_ERROR(Fill(type, depth, *object));
  ObjectRef done = std::move(object);
  if (remembered) references_[index] = done;
  if (type == 't' && layout_ == CodeLayout::kPython2) interned_.push_back(done);
  return done;
}

absl::Status Reader::Fill(char type, int depth, Object& object) {
  using Kind = Object::Kind;
  const auto set = [&](Kind kind, int64_t number = 0) {
    object.kind = kind;
    object.number = number;
    return absl::OkStatus();
  };
  // A string of Python 2 is text and bytes in one.
  const Kind bytes = layout_ == CodeLayout::kPython2 ? Kind::kText : Kind::kBytes;
  switch (type) {
    case 'N':
      return set(Kind::kNone);
    case 'F':
      return set(Kind::kBool, 0);
    case 'T':
      return set(Kind::kBool, 1);
    case 'S':
      return set(Kind::kStopIteration);
    case '.':
      return set(Kind::kEllipsis);
    case 'i': {
      NOMO_ASSIGN_OR_RETURN(const int32_t value, Int32());
      return set(Kind::kInt, value);
    }
    case 'I': {
      NOMO_ASSIGN_OR_RETURN(const uint64_t value, Unsigned(8));
      return set(Kind::kInt, static_cast<int64_t>(value));
    }
    case 'l':
      return FillLong(object);
    case 'f':
    case 'g': {
      object.kind = Kind::kFloat;
      NOMO_ASSIGN_OR_RETURN(object.real, ReadFloat(type == 'g'));
      return absl::OkStatus();
    }
    case 'x':
    case 'y': {
      object.kind = Kind::kComplex;
      NOMO_ASSIGN_OR_RETURN(object.real, ReadFloat(type == 'y'));
      NOMO_ASSIGN_OR_RETURN(object.imaginary, ReadFloat(type == 'y'));
      return absl::OkStatus();
    }
    case 's':
      return FillText(bytes, 4, object);
    case 't':
    case 'u':
    case 'a':
    case 'A':
      return FillText(Kind::kText, 4, object);
    case 'z':
    case 'Z':
      return FillText(Kind::kText, 1, object);
    case '(':
    case '[':
    case '<':
    case '>':
    case ')': {
      NOMO_ASSIGN_OR_RETURN(const int64_t count, Count(type == ')' ? 1 : 4));
      const Kind kind = type == '['   ? Kind::kList
                        : type == '<' ? Kind::kSet
                        : type == '>' ? Kind::kFrozenSet
                                      : Kind::kTuple;
      return FillItems(kind, count, depth, object);
    }
    case '{':
      return FillDict(depth, object);
    case ':':
      return FillItems(Kind::kSlice, 3, depth, object);
    case 'c': {
      object.kind = Kind::kCode;
      auto code = std::make_shared<Code>();
      NOMO_RETURN_IF_ERROR(FillCode(depth, *code));
      codes_.push_back(code);
      object.code = std::move(code);
      return absl::OkStatus();
    }
    default:
      return Fault("type ", static_cast<int>(type), " is not known");
  }
}

absl::Status Reader::FillText(Object::Kind kind, int count_size, Object& object) {
  NOMO_ASSIGN_OR_RETURN(const int64_t count, Count(count_size));
  NOMO_ASSIGN_OR_RETURN(const absl::string_view bytes, Bytes(count));
  object.kind = kind;
  object.text = std::string(bytes);
  return absl::OkStatus();
}

absl::Status Reader::FillItems(Object::Kind kind, int64_t count, int depth, Object& object) {
  object.kind = kind;
  for (int64_t i = 0; i < count; ++i) {
    NOMO_ASSIGN_OR_RETURN(ObjectRef item, ReadObject(depth + 1));
    if (item == nullptr) return Fault("expected an object, found the end of a dict");
    object.items.push_back(std::move(item));
  }
  return absl::OkStatus();
}

absl::Status Reader::FillDict(int depth, Object& object) {
  object.kind = Object::Kind::kDict;
  while (true) {
    NOMO_ASSIGN_OR_RETURN(ObjectRef key, ReadObject(depth + 1));
    if (key == nullptr) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(ObjectRef value, ReadObject(depth + 1));
    if (value == nullptr) return Fault("a key of a dict has no value");
    object.items.push_back(std::move(key));
    object.items.push_back(std::move(value));
  }
}

// Digits of 15 bits, the least first; a negative count makes the number negative.
absl::Status Reader::FillLong(Object& object) {
  NOMO_ASSIGN_OR_RETURN(const int32_t signed_count, Int32());
  const int64_t count = std::abs(static_cast<int64_t>(signed_count));
  if (count > static_cast<int64_t>(bytes_.size() - position_) / 2) {
    return Fault("expected ", count, " digits in ", bytes_.size() - position_, " bytes");
  }
  uint64_t value = 0;
  int64_t bits = 0;
  for (int64_t i = 0; i < count; ++i) {
    NOMO_ASSIGN_OR_RETURN(const uint64_t digit, Unsigned(2));
    if (digit >= 1 << 15) return Fault("a digit of an integer is ", digit);
    if (i * 15 < 64) value |= digit << (i * 15);
    if (digit != 0) bits = i * 15 + std::bit_width(digit);
  }
  const bool fits = bits <= 63;
  object.kind = fits ? Object::Kind::kInt : Object::Kind::kBigInt;
  object.number = !fits ? bits : signed_count < 0 ? -static_cast<int64_t>(value) : value;
  return absl::OkStatus();
}

absl::StatusOr<double> Reader::ReadFloat(bool binary) {
  if (binary) {
    NOMO_ASSIGN_OR_RETURN(const uint64_t bits, Unsigned(8));
    return std::bit_cast<double>(bits);
  }
  NOMO_ASSIGN_OR_RETURN(const int64_t count, Count(1));
  NOMO_ASSIGN_OR_RETURN(const absl::string_view text, Bytes(count));
  double value = 0;
  if (!absl::SimpleAtod(text, &value)) return Fault("expected a number in text");
  return value;
}

absl::StatusOr<std::string> Reader::Text(int depth, const char* what) {
  NOMO_ASSIGN_OR_RETURN(const ObjectRef object, ReadObject(depth + 1));
  if (object == nullptr || object->kind != Object::Kind::kText) {
    return Fault("expected text (", what, " of a code object)");
  }
  return object->text;
}

absl::StatusOr<std::string> Reader::ByteString(int depth, const char* what) {
  NOMO_ASSIGN_OR_RETURN(const ObjectRef object, ReadObject(depth + 1));
  const bool bytes =
      object != nullptr && object->kind == (layout_ == CodeLayout::kPython2 ? Object::Kind::kText
                                                                            : Object::Kind::kBytes);
  if (!bytes) return Fault("expected bytes (", what, " of a code object)");
  return object->text;
}

absl::StatusOr<std::vector<std::string>> Reader::Names(int depth, const char* what) {
  NOMO_ASSIGN_OR_RETURN(const ObjectRef object, ReadObject(depth + 1));
  if (object == nullptr || object->kind != Object::Kind::kTuple) {
    return Fault("expected a tuple of names (", what, " of a code object)");
  }
  // A tuple may be shared by code objects: what copies of it cost counts as objects.
  objects_ += object->items.size();
  std::vector<std::string> names;
  for (const ObjectRef& item : object->items) {
    if (item->kind != Object::Kind::kText || item->text.size() > 1000) {
      return Fault("expected names of at most 1000 bytes (", what, " of a code object)");
    }
    names.push_back(item->text);
  }
  return names;
}

// The tuples of local variables, free ones and cells up to 3.10.
absl::Status Reader::ReadVariables(int depth, Code& code) {
  NOMO_ASSIGN_OR_RETURN(code.variables, Names(depth, "variables"));
  NOMO_ASSIGN_OR_RETURN(code.free, Names(depth, "free variables"));
  NOMO_ASSIGN_OR_RETURN(std::vector<std::string> cells, Names(depth, "cells"));
  const size_t num_fast = code.variables.size();
  for (size_t i = 0; i < num_fast; ++i) code.fast.push_back(static_cast<int>(i));
  // A parameter that an inner function uses is a local variable and a cell.
  const size_t num_parameters = std::min<size_t>(num_fast, code.num_parameters());
  const auto index = [&](const std::string& name) {
    for (size_t i = 0; i < num_parameters; ++i) {
      if (code.variables[i] == name) return static_cast<int>(i);
    }
    code.variables.push_back(name);
    return static_cast<int>(code.variables.size()) - 1;
  };
  for (const std::string& name : cells) code.cells.push_back(index(name));
  for (const std::string& name : code.free) {
    code.variables.push_back(name);
    code.cells.push_back(static_cast<int>(code.variables.size()) - 1);
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadLocalsPlus(int depth, Code& code) {
  constexpr uint8_t kFree = 0x80, kCell = 0x40;
  NOMO_ASSIGN_OR_RETURN(code.variables, Names(depth, "variables"));
  NOMO_ASSIGN_OR_RETURN(const std::string kinds, ByteString(depth, "kinds of variables"));
  if (kinds.size() != code.variables.size()) {
    return Fault("expected ", code.variables.size(), " kinds of variables, found ", kinds.size());
  }
  for (size_t i = 0; i < kinds.size(); ++i) {
    code.fast.push_back(static_cast<int>(i));
    code.cells.push_back(static_cast<int>(i));
    code.shared.push_back((static_cast<uint8_t>(kinds[i]) & (kFree | kCell)) != 0);
    if ((static_cast<uint8_t>(kinds[i]) & kFree) != 0) code.free.push_back(code.variables[i]);
  }
  return absl::OkStatus();
}

absl::Status Reader::FillCode(int depth, Code& code) {
  const bool locals_plus = layout_ == CodeLayout::kLocalsPlus;
  const auto count = [&](int& value) -> absl::Status {
    NOMO_ASSIGN_OR_RETURN(value, Int32());
    return value < 0 || value > 1000 ? Fault("a code object has ", value, " parameters")
                                     : absl::OkStatus();
  };
  NOMO_RETURN_IF_ERROR(count(code.num_args));
  if (locals_plus || layout_ == CodeLayout::kPositionalOnly) {
    NOMO_RETURN_IF_ERROR(count(code.num_positional_only));
  }
  if (layout_ != CodeLayout::kPython2) NOMO_RETURN_IF_ERROR(count(code.num_keyword_only));
  if (!locals_plus) NOMO_RETURN_IF_ERROR(Int32().status());  // how many local variables
  NOMO_RETURN_IF_ERROR(Int32().status());                    // the depth of the stack
  NOMO_ASSIGN_OR_RETURN(code.flags, Unsigned(4));
  NOMO_ASSIGN_OR_RETURN(code.bytecode, ByteString(depth, "bytecode"));
  NOMO_ASSIGN_OR_RETURN(const ObjectRef constants, ReadObject(depth + 1));
  if (constants == nullptr || constants->kind != Object::Kind::kTuple) {
    return Fault("expected a tuple of constants");
  }
  code.constants = constants->items;
  objects_ += code.constants.size();
  NOMO_ASSIGN_OR_RETURN(code.names, Names(depth, "names"));
  NOMO_RETURN_IF_ERROR(locals_plus ? ReadLocalsPlus(depth, code) : ReadVariables(depth, code));
  NOMO_ASSIGN_OR_RETURN(code.file, Text(depth, "file"));
  NOMO_ASSIGN_OR_RETURN(code.name, Text(depth, "name"));
  if (locals_plus) NOMO_RETURN_IF_ERROR(Text(depth, "qualified name").status());
  NOMO_ASSIGN_OR_RETURN(code.first_line, Int32());
  NOMO_ASSIGN_OR_RETURN(code.line_table, ByteString(depth, "lines"));
  if (locals_plus) NOMO_RETURN_IF_ERROR(ByteString(depth, "exceptions").status());
  if (code.num_parameters() > static_cast<int>(code.fast.size()) ||
      code.num_positional_only > code.num_args) {
    return Fault("a code object has more parameters than variables");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MarshalData> ReadMarshal(absl::string_view bytes, CodeLayout layout,
                                        const PythonLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.max_payload) {
    return absl::ResourceExhaustedError(
        absl::StrCat("marshal data of ", bytes.size(), " bytes: more than ", limits.max_payload));
  }
  return Reader(bytes, layout, limits).Read();
}

}  // namespace nomograph::keras
