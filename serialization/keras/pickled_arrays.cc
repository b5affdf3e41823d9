#include "nomograph/serialization/keras/pickled_arrays.h"

#include <bit>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/byte_source.h"
#include "nomograph/data/npy_header.h"

namespace nomograph::keras {
namespace {

constexpr absl::string_view kMagic = "\x93NUMPY";
// Of one pickle. Keras nests a few objects for each layer.
constexpr size_t kMaxObjects = 100'000;

// What stands on the pickle's stack. Parts are shared, as memos share them.
struct Object {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kText,
    kBytes,
    kTuple,
    kList,
    kDict,
    kName,
    kDType,
    kArray
  };
  Kind kind = Kind::kNone;
  int64_t number = 0;
  absl::string_view bytes;  // kText, kBytes, kName: in the file
  std::string owned;        // of a kName that two texts make, and kBytes that were text
  std::vector<std::shared_ptr<Object>> items;  // kDict: keys and values in turn
  DType dtype = DType::kInvalid;
  std::endian order = std::endian::little;
  Tensor tensor;

  absl::string_view text() const { return owned.empty() ? bytes : absl::string_view(owned); }
};
using ObjectPtr = std::shared_ptr<Object>;
using Kind = Object::Kind;

// "module name" of the functions that arrays are made with.
bool EndsInOneOf(absl::string_view name, std::initializer_list<absl::string_view> ends) {
  for (const absl::string_view end : ends) {
    if (name == end) return true;
  }
  return false;
}

class Unpickler {
 public:
  explicit Unpickler(absl::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<ObjectPtr> Read() {
    while (true) {
      const size_t start = at_;
      const absl::StatusOr<bool> stop = Step();
      if (!stop.ok()) return Annotate(stop.status(), absl::StrCat("byte ", start));
      if (*stop) break;
    }
    if (stack_.size() != 1) return InvalidArgument("the pickle yields ", stack_.size(), " objects");
    return stack_[0];
  }

 private:
  absl::StatusOr<absl::string_view> Take(uint64_t count) {
    if (count > bytes_.size() - at_) return InvalidArgument("the pickle ends too early");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  absl::StatusOr<uint64_t> TakeNumber(int size) {
    NOMO_ASSIGN_OR_RETURN(const absl::string_view digits, Take(size));
    uint64_t number = 0;
    for (int i = size - 1; i >= 0; --i) number = number << 8 | static_cast<uint8_t>(digits[i]);
    return number;
  }
  absl::StatusOr<absl::string_view> TakeLine() {
    const size_t end = bytes_.find('\n', at_);
    if (end == bytes_.npos) return InvalidArgument("the pickle ends too early");
    NOMO_ASSIGN_OR_RETURN(const absl::string_view line, Take(end - at_));
    ++at_;
    return line;
  }

  absl::Status Push(Object object) {
    if (++count_ > kMaxObjects)
      return absl::ResourceExhaustedError(
          absl::StrCat("the pickle has more than ", kMaxObjects, " objects"));
    stack_.push_back(std::make_shared<Object>(std::move(object)));
    return absl::OkStatus();
  }
  absl::StatusOr<ObjectPtr> Pop() {
    if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back()))
      return InvalidArgument("the pickle takes more than it has put down");
    ObjectPtr object = std::move(stack_.back());
    stack_.pop_back();
    return object;
  }
  // All since the last mark.
  absl::StatusOr<std::vector<ObjectPtr>> PopToMark() {
    if (marks_.empty()) return InvalidArgument("the pickle has no mark here");
    std::vector<ObjectPtr> items(stack_.begin() + marks_.back(), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  absl::Status PushTuple(int size) {
    Object tuple{.kind = Kind::kTuple};
    tuple.items.resize(size);
    for (int i = size - 1; i >= 0; --i) {
      NOMO_ASSIGN_OR_RETURN(tuple.items[i], Pop());
    }
    return Push(std::move(tuple));
  }
  absl::Status AddTo(Kind kind, std::vector<ObjectPtr> items) {
    if (stack_.empty() || stack_.back()->kind != kind)
      return InvalidArgument("the pickle adds to what is no list or dictionary");
    for (ObjectPtr& item : items) stack_.back()->items.push_back(std::move(item));
    return absl::OkStatus();
  }
  absl::Status Recall(uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) return InvalidArgument("the pickle recalls what it never kept");
    if (++count_ > kMaxObjects) return absl::ResourceExhaustedError("the pickle recalls too much");
    // What is not complete may yet come to lie in itself.
    const Object& object = *found->second;
    if (object.kind == Kind::kList || object.kind == Kind::kDict ||
        (object.kind == Kind::kArray && !object.tensor.valid())) {
      return InvalidArgument("the pickle recalls a list, a dictionary or an unfinished array");
    }
    stack_.push_back(found->second);
    return absl::OkStatus();
  }
  absl::Status Keep(uint64_t key) {
    if (stack_.empty()) return InvalidArgument("the pickle keeps nothing");
    memo_[key] = stack_.back();
    return absl::OkStatus();
  }

  // An instruction of those that arrays need. Codes and names are those of Python's pickletools.
  struct Instruction {
    uint8_t code;
    const char* name;
    absl::Status (*run)(Unpickler&);
  };
  static const Instruction kInstructions[];

  // Whether it was the last instruction.
  absl::StatusOr<bool> Step();
  absl::Status Skip(int size) { return Take(size).status(); }
  absl::Status PushSized(Kind kind, int size_bytes) {
    NOMO_ASSIGN_OR_RETURN(const uint64_t size, TakeNumber(size_bytes));
    NOMO_ASSIGN_OR_RETURN(const absl::string_view text, Take(size));
    return Push({.kind = kind, .bytes = text});
  }
  absl::Status PushInt(int size_bytes, bool is_signed = false) {
    NOMO_ASSIGN_OR_RETURN(uint64_t number, TakeNumber(size_bytes));
    if (is_signed && size_bytes < 8 && number >> (8 * size_bytes - 1) & 1)
      number |= ~uint64_t{0} << 8 * size_bytes;
    return Push({.kind = Kind::kInt, .number = static_cast<int64_t>(number)});
  }
  absl::Status PushLong() {
    NOMO_ASSIGN_OR_RETURN(const uint64_t size, TakeNumber(1));
    if (size > 8) return InvalidArgument("a number of ", size, " bytes");
    return PushInt(static_cast<int>(size), /*is_signed=*/true);
  }
  absl::Status Mark() {
    marks_.push_back(stack_.size());
    return absl::OkStatus();
  }
  absl::Status PushTupleToMark() {
    NOMO_ASSIGN_OR_RETURN(std::vector<ObjectPtr> items, PopToMark());
    return Push({.kind = Kind::kTuple, .items = std::move(items)});
  }
  // Adds the uppermost objects to what lies below them.
  absl::Status Append(Kind kind, int count) {
    std::vector<ObjectPtr> items(count);
    for (size_t i = items.size(); i-- > 0;) {
      NOMO_ASSIGN_OR_RETURN(items[i], Pop());
    }
    return AddTo(kind, std::move(items));
  }
  absl::Status AppendToMark(Kind kind) {
    NOMO_ASSIGN_OR_RETURN(std::vector<ObjectPtr> items, PopToMark());
    if (kind == Kind::kDict && items.size() % 2 != 0)
      return InvalidArgument("a key without a value");
    return AddTo(kind, std::move(items));
  }
  absl::Status PushNameOfLines() {
    NOMO_ASSIGN_OR_RETURN(const absl::string_view module, TakeLine());
    NOMO_ASSIGN_OR_RETURN(const absl::string_view name, TakeLine());
    return PushName(module, name);
  }
  absl::Status PushNameOfTexts() {
    NOMO_ASSIGN_OR_RETURN(const ObjectPtr name, Pop());
    NOMO_ASSIGN_OR_RETURN(const ObjectPtr module, Pop());
    return PushName(module->text(), name->text());
  }
  absl::Status KeepAt(int size_bytes) {
    NOMO_ASSIGN_OR_RETURN(const uint64_t key, TakeNumber(size_bytes));
    return Keep(key);
  }
  absl::Status RecallFrom(int size_bytes) {
    NOMO_ASSIGN_OR_RETURN(const uint64_t key, TakeNumber(size_bytes));
    return Recall(key);
  }
  absl::Status PushName(absl::string_view module, absl::string_view name);
  absl::Status CallName();
  absl::Status Build();
  static absl::StatusOr<Object> DTypeNamed(absl::string_view name);
  static absl::StatusOr<Tensor> ArrayOf(const Object& shape, const Object& dtype,
                                        const Object& data, bool fortran);

  const absl::string_view bytes_;
  size_t at_ = 0, count_ = 0;
  std::vector<ObjectPtr> stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, ObjectPtr> memo_;
};

absl::Status Unpickler::PushName(absl::string_view module, absl::string_view name) {
  const std::string full = absl::StrCat(module, ".", name);
  if (!EndsInOneOf(full,
                   {"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
                    "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer",
                    "numpy.ndarray", "numpy.dtype", "_codecs.encode"})) {
    return InvalidArgument("the pickle calls ", Quoted(full), ", which makes no array");
  }
  return Push({.kind = Kind::kName, .owned = full});
}

absl::StatusOr<Object> Unpickler::DTypeNamed(absl::string_view name) {
  static constexpr std::pair<absl::string_view, DType> kNames[] = {
      {"f2", DType::kFloat16}, {"f4", DType::kFloat32}, {"f8", DType::kFloat64},
      {"i1", DType::kInt8},    {"i2", DType::kInt16},   {"i4", DType::kInt32},
      {"i8", DType::kInt64},   {"u1", DType::kUInt8},   {"u2", DType::kUInt16},
      {"u4", DType::kUInt32},  {"u8", DType::kUInt64},  {"b1", DType::kBool},
      {"O8", DType::kInvalid}, {"O", DType::kInvalid}};
  for (const auto& [known, dtype] : kNames) {
    if (known == name) return Object{.kind = Kind::kDType, .dtype = dtype};
  }
  return InvalidArgument("arrays of dtype ", Quoted(name));
}

absl::StatusOr<Tensor> Unpickler::ArrayOf(const Object& shape, const Object& dtype,
                                          const Object& data, bool fortran) {
  Shape sizes;
  for (const ObjectPtr& size : shape.items) {
    if (size->kind != Kind::kInt || sizes.rank() >= kNpyMaxRank)
      return InvalidArgument("an array whose shape is none");
    sizes.Append(size->number);
  }
  NOMO_RETURN_IF_ERROR(sizes.CheckedNumElements().status());
  if (dtype.kind != Kind::kDType || dtype.dtype == DType::kInvalid || data.kind != Kind::kBytes)
    return InvalidArgument("an array of no numbers");
  if (fortran && sizes.rank() > 1)
    return absl::UnimplementedError("an array in Fortran's order of axes");
  MemorySource source(data.text());
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, ReadElements(source, dtype.dtype, sizes, dtype.order));
  NOMO_RETURN_IF_ERROR(source.ExpectEnd());
  return tensor;
}

// R: calls the function below its arguments.
absl::Status Unpickler::CallName() {
  NOMO_ASSIGN_OR_RETURN(const ObjectPtr arguments, Pop());
  NOMO_ASSIGN_OR_RETURN(const ObjectPtr function, Pop());
  if (function->kind != Kind::kName || arguments->kind != Kind::kTuple)
    return InvalidArgument("the pickle calls what is no function");
  const std::vector<ObjectPtr>& items = arguments->items;
  const absl::string_view name = function->text();
  if (absl::EndsWith(name, "._reconstruct")) return Push({.kind = Kind::kArray});
  if (name == "numpy.dtype" && !items.empty()) {
    NOMO_ASSIGN_OR_RETURN(Object dtype, DTypeNamed(items[0]->text()));
    return Push(std::move(dtype));
  }
  if (name == "_codecs.encode" && items.size() == 2) {
    // Bytes as protocol 2 writes them: text in Latin-1.
    std::string bytes;
    const absl::string_view text = items[0]->text();
    for (size_t i = 0; i < text.size(); ++i) {
      const uint8_t c = static_cast<uint8_t>(text[i]);
      if (c < 0x80) {
        bytes.push_back(text[i]);
      } else if ((c & 0xFC) == 0xC0 && i + 1 < text.size()) {
        bytes.push_back(static_cast<char>((c & 3) << 6 | (static_cast<uint8_t>(text[++i]) & 0x3F)));
      } else {
        return InvalidArgument("text that is not in Latin-1");
      }
    }
    return Push({.kind = Kind::kBytes, .owned = std::move(bytes)});
  }
  if (absl::EndsWith(name, "._frombuffer") && items.size() == 4) {
    Object array{.kind = Kind::kArray};
    NOMO_ASSIGN_OR_RETURN(array.tensor,
                          ArrayOf(*items[2], *items[1], *items[0], items[3]->text() == "F"));
    return Push(std::move(array));
  }
  return InvalidArgument("the pickle calls ", Quoted(name), " in another way than NumPy does");
}

// b: gives the object below a state.
absl::Status Unpickler::Build() {
  NOMO_ASSIGN_OR_RETURN(const ObjectPtr state, Pop());
  if (stack_.empty() || state->kind != Kind::kTuple)
    return InvalidArgument("the pickle builds nothing");
  Object& object = *stack_.back();
  if (object.kind == Kind::kDType && state->items.size() >= 2) {
    object.order = state->items[1]->text() == ">" ? std::endian::big : std::endian::little;
    return absl::OkStatus();
  }
  if (object.kind != Kind::kArray || state->items.size() != 5)
    return InvalidArgument("the pickle builds what is no array");
  const ObjectPtr& data = state->items[4];
  if (data->kind == Kind::kList) {  // of objects: the outermost, which holds the dictionary
    object.items = data->items;
    return absl::OkStatus();
  }
  NOMO_ASSIGN_OR_RETURN(object.tensor, ArrayOf(*state->items[1], *state->items[2], *data,
                                               state->items[3]->number != 0));
  return absl::OkStatus();
}

const Unpickler::Instruction Unpickler::kInstructions[] = {
    {0x80, "PROTO", [](Unpickler& u) { return u.Skip(1); }},
    {0x95, "FRAME", [](Unpickler& u) { return u.Skip(8); }},
    {0x8c, "SHORT_BINUNICODE", [](Unpickler& u) { return u.PushSized(Kind::kText, 1); }},
    {'X', "BINUNICODE", [](Unpickler& u) { return u.PushSized(Kind::kText, 4); }},
    {0x8d, "BINUNICODE8", [](Unpickler& u) { return u.PushSized(Kind::kText, 8); }},
    {'C', "SHORT_BINBYTES", [](Unpickler& u) { return u.PushSized(Kind::kBytes, 1); }},
    {'B', "BINBYTES", [](Unpickler& u) { return u.PushSized(Kind::kBytes, 4); }},
    {0x8e, "BINBYTES8", [](Unpickler& u) { return u.PushSized(Kind::kBytes, 8); }},
    {'U', "SHORT_BINSTRING", [](Unpickler& u) { return u.PushSized(Kind::kBytes, 1); }},
    {'T', "BINSTRING", [](Unpickler& u) { return u.PushSized(Kind::kBytes, 4); }},
    {'K', "BININT1", [](Unpickler& u) { return u.PushInt(1); }},
    {'M', "BININT2", [](Unpickler& u) { return u.PushInt(2); }},
    {'J', "BININT", [](Unpickler& u) { return u.PushInt(4, /*is_signed=*/true); }},
    {0x8a, "LONG1", [](Unpickler& u) { return u.PushLong(); }},
    {0x88, "NEWTRUE", [](Unpickler& u) { return u.Push({.kind = Kind::kBool, .number = 1}); }},
    {0x89, "NEWFALSE", [](Unpickler& u) { return u.Push({.kind = Kind::kBool}); }},
    {'N', "NONE", [](Unpickler& u) { return u.Push({}); }},
    {')', "EMPTY_TUPLE", [](Unpickler& u) { return u.PushTuple(0); }},
    {0x85, "TUPLE1", [](Unpickler& u) { return u.PushTuple(1); }},
    {0x86, "TUPLE2", [](Unpickler& u) { return u.PushTuple(2); }},
    {0x87, "TUPLE3", [](Unpickler& u) { return u.PushTuple(3); }},
    {'(', "MARK", [](Unpickler& u) { return u.Mark(); }},
    {'t', "TUPLE", [](Unpickler& u) { return u.PushTupleToMark(); }},
    {']', "EMPTY_LIST", [](Unpickler& u) { return u.Push({.kind = Kind::kList}); }},
    {'a', "APPEND", [](Unpickler& u) { return u.Append(Kind::kList, 1); }},
    {'e', "APPENDS", [](Unpickler& u) { return u.AppendToMark(Kind::kList); }},
    {'}', "EMPTY_DICT", [](Unpickler& u) { return u.Push({.kind = Kind::kDict}); }},
    {'s', "SETITEM", [](Unpickler& u) { return u.Append(Kind::kDict, 2); }},
    {'u', "SETITEMS", [](Unpickler& u) { return u.AppendToMark(Kind::kDict); }},
    {'c', "GLOBAL", [](Unpickler& u) { return u.PushNameOfLines(); }},
    {0x93, "STACK_GLOBAL", [](Unpickler& u) { return u.PushNameOfTexts(); }},
    {'R', "REDUCE", [](Unpickler& u) { return u.CallName(); }},
    {'b', "BUILD", [](Unpickler& u) { return u.Build(); }},
    {0x94, "MEMOIZE", [](Unpickler& u) { return u.Keep(u.memo_.size()); }},
    {'q', "BINPUT", [](Unpickler& u) { return u.KeepAt(1); }},
    {'r', "LONG_BINPUT", [](Unpickler& u) { return u.KeepAt(4); }},
    {'h', "BINGET", [](Unpickler& u) { return u.RecallFrom(1); }},
    {'j', "LONG_BINGET", [](Unpickler& u) { return u.RecallFrom(4); }},
};

absl::StatusOr<bool> Unpickler::Step() {
  NOMO_ASSIGN_OR_RETURN(const absl::string_view code, Take(1));
  if (code == ".") return true;  // STOP
  for (const Instruction& instruction : kInstructions) {
    if (instruction.code != static_cast<uint8_t>(code[0])) continue;
    NOMO_RETURN_IF_ERROR(Annotate(instruction.run(*this), instruction.name));
    return false;
  }
  return InvalidArgument("instruction ", Quoted(code), " is none that arrays need");
}

// The header's text and what comes behind it.
absl::StatusOr<std::pair<absl::string_view, absl::string_view>> SplitNpy(absl::string_view npy) {
  if (!absl::StartsWith(npy, kMagic) || npy.size() < 12) return InvalidArgument("it is no array");
  const bool wide = npy[6] != 1;
  size_t size = 0;
  for (int i = wide ? 3 : 1; i >= 0; --i) size = size << 8 | static_cast<uint8_t>(npy[8 + i]);
  const size_t start = wide ? 12 : 10;
  if (size > npy.size() - start) return InvalidArgument("its header ends too early");
  return std::pair(npy.substr(start, size), npy.substr(start + size));
}

}  // namespace

bool HoldsObjects(absl::string_view npy) {
  const auto parts = SplitNpy(npy);
  return parts.ok() && absl::StrContains(parts->first, "'|O'");
}

absl::StatusOr<NamedTensors> ReadPickledArrays(absl::string_view npy) {
  NOMO_ASSIGN_OR_RETURN(const auto parts, SplitNpy(npy));
  NOMO_ASSIGN_OR_RETURN(ObjectPtr object, Unpickler(parts.second).Read());
  if (object->kind == Kind::kArray && object->items.size() == 1) object = object->items[0];
  if (object->kind != Kind::kDict)
    return InvalidArgument("the pickle holds no dictionary of arrays");
  NamedTensors tensors;
  for (size_t i = 0; i + 1 < object->items.size(); i += 2) {
    const Object &key = *object->items[i], &value = *object->items[i + 1];
    if (key.kind != Kind::kText || value.kind != Kind::kArray || !value.tensor.valid())
      return InvalidArgument("the pickle's dictionary has other things than arrays");
    tensors[std::string(key.text())] = value.tensor;
  }
  return tensors;
}

}  // namespace nomograph::keras
