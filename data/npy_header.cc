#include "nomograph/data/npy_header.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/storage_types.h"

namespace nomograph {
namespace {

// NumPy's codes, without the byte order.
struct TypeCode {
  absl::string_view code;
  DType dtype;
};
constexpr TypeCode kTypeCodes[] = {
    {"f4", DType::kFloat32}, {"f8", DType::kFloat64}, {"f2", DType::kFloat16},
    {"i1", DType::kInt8},    {"i2", DType::kInt16},   {"i4", DType::kInt32},
    {"i8", DType::kInt64},   {"u1", DType::kUInt8},   {"u2", DType::kUInt16},
    {"u4", DType::kUInt32},  {"u8", DType::kUInt64},  {"b1", DType::kBool},
};

constexpr char kNativeOrder = std::endian::native == std::endian::little ? '<' : '>';

// What the elements of a type that tensors lack are.
absl::string_view DescribeUnsupported(absl::string_view code) {
  // The way in which bfloat16 arrays of Python's ml_dtypes are saved.
  if (code == "V2")
    return "raw 2-byte elements (if they are bfloat16, cast them to float32 before saving)";
  switch (code.empty() ? ' ' : code[0]) {
    case 'O':
      return "Python objects, which only Python can read";
    case 'U':
    case 'S':
    case 'a':
      return "text";
    case 'V':
      return "raw bytes";
    case 'c':
      return "complex numbers";
    case 'm':
    case 'M':
      return "dates or times";
  }
  return "elements of an unknown type";
}

absl::Status SetType(absl::string_view descr, NpyHeader& header) {
  absl::string_view code = descr;
  if (absl::ConsumePrefix(&code, ">")) {
    header.order = std::endian::big;
  } else if (absl::ConsumePrefix(&code, "<")) {
    header.order = std::endian::little;
  } else if (!absl::ConsumePrefix(&code, "=")) {
    absl::ConsumePrefix(&code, "|");
  }
  const auto* found = std::find_if(std::begin(kTypeCodes), std::end(kTypeCodes),
                                   [&](const TypeCode& t) { return t.code == code; });
  if (found == std::end(kTypeCodes)) {
    return InvalidArgument("it holds ", DescribeUnsupported(code), ", dtype '",
                           absl::CHexEscape(descr.substr(0, 40)),
                           "'; expected one of NumPy's float16, float32, float64, signed and "
                           "unsigned integers, or bool");
  }
  header.dtype = found->dtype;
  return absl::OkStatus();
}

// A parser of the few Python literals that a header is made of.
class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text), rest_(text) {}

  absl::StatusOr<NpyHeader> Header();

 private:
  // Takes `token` if it comes next, after white space.
  bool Accept(absl::string_view token);
  absl::Status Unexpected(absl::string_view expected) const;
  absl::StatusOr<std::string> String();
  absl::Status Entry(NpyHeader& header);
  absl::Status Descr(NpyHeader& header);
  absl::Status FortranOrder(NpyHeader& header);
  absl::Status ShapeTuple(NpyHeader& header);
  absl::StatusOr<int64_t> Integer();

  absl::string_view text_;
  absl::string_view rest_;
  bool has_descr_ = false, has_fortran_order_ = false, has_shape_ = false;
};

bool Parser::Accept(absl::string_view token) {
  rest_ = absl::StripLeadingAsciiWhitespace(rest_);
  return absl::ConsumePrefix(&rest_, token);
}

absl::Status Parser::Unexpected(absl::string_view expected) const {
  return InvalidArgument(
      "byte ", text_.size() - rest_.size(), " of its header: expected ", expected, ", found ",
      rest_.empty() ? "the end" : absl::StrCat("\"", absl::CHexEscape(rest_.substr(0, 20)), "\""));
}

absl::StatusOr<std::string> Parser::String() {
  for (absl::string_view quote : {"'", "\""}) {
    if (!Accept(quote)) continue;
    const size_t end = rest_.find(quote);
    if (end == absl::string_view::npos) return Unexpected(absl::StrCat("text up to ", quote));
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  return Unexpected("quoted text");
}

absl::Status Parser::Descr(NpyHeader& header) {
  if (Accept("[") || Accept("(")) {
    return InvalidArgument(
        "it holds structures with named fields; save each field as an array of its own");
  }
  NOMO_ASSIGN_OR_RETURN(const std::string descr, String());
  return SetType(descr, header);
}

absl::Status Parser::FortranOrder(NpyHeader& header) {
  if (Accept("True")) {
    header.fortran_order = true;
  } else if (!Accept("False")) {
    return Unexpected("True or False");
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Parser::Integer() {
  size_t length = 0;
  while (length < rest_.size() && (absl::ascii_isdigit(rest_[length]) || rest_[length] == '-'))
    ++length;
  int64_t value = 0;
  if (!absl::SimpleAtoi(rest_.substr(0, length), &value) || value < 0) {
    return Unexpected("a size from 0 to 2^63 - 1");
  }
  rest_.remove_prefix(length);
  absl::ConsumePrefix(&rest_, "L");  // Python 2's long integers
  return value;
}

absl::Status Parser::ShapeTuple(NpyHeader& header) {
  if (!Accept("(")) return Unexpected("a tuple of sizes");
  while (!Accept(")")) {
    NOMO_ASSIGN_OR_RETURN(const int64_t size, Integer());
    header.shape.Append(size);
    if (header.shape.rank() > kNpyMaxRank)
      return Unexpected(absl::StrCat("at most ", kNpyMaxRank, " sizes"));
    if (Accept(",")) continue;
    // A tuple of one has a comma.
    if (header.shape.rank() == 1 || !Accept(")")) return Unexpected("\",\" or \")\"");
    break;
  }
  return header.shape.CheckedNumElements().status();
}

absl::Status Parser::Entry(NpyHeader& header) {
  NOMO_ASSIGN_OR_RETURN(const std::string key, String());
  if (!Accept(":")) return Unexpected("\":\"");
  if (key == "descr" && !std::exchange(has_descr_, true)) return Descr(header);
  if (key == "fortran_order" && !std::exchange(has_fortran_order_, true))
    return FortranOrder(header);
  if (key == "shape" && !std::exchange(has_shape_, true)) return ShapeTuple(header);
  return InvalidArgument("its header has the key '", absl::CHexEscape(key.substr(0, 40)),
                         "'; expected 'descr', 'fortran_order' and 'shape', each once");
}

absl::StatusOr<NpyHeader> Parser::Header() {
  NpyHeader header;
  if (!Accept("{")) return Unexpected("\"{\"");
  while (!Accept("}")) {
    NOMO_RETURN_IF_ERROR(Entry(header));
    if (Accept(",")) continue;
    if (!Accept("}")) return Unexpected("\",\" or \"}\"");
    break;
  }
  if (!has_descr_ || !has_fortran_order_ || !has_shape_) {
    return InvalidArgument("its header lacks one of 'descr', 'fortran_order' and 'shape'");
  }
  if (!absl::StripAsciiWhitespace(rest_).empty()) return Unexpected("the end");
  return header;
}

}  // namespace

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view text) { return Parser(text).Header(); }

absl::StatusOr<std::string> FormatNpyHeader(const Tensor& tensor) {
  const DType dtype = tensor.dtype();
  if (dtype == DType::kBFloat16 || WideType(dtype) != dtype) {
    const DType wide = dtype == DType::kBFloat16 ? DType::kFloat32 : WideType(dtype);
    return InvalidArgument("NumPy has no ", DTypeName(dtype), ": cast the tensor to ",
                           DTypeName(wide), " first");
  }
  const auto* code = std::find_if(std::begin(kTypeCodes), std::end(kTypeCodes),
                                  [&](const TypeCode& t) { return t.dtype == tensor.dtype(); });
  if (code == std::end(kTypeCodes)) return InvalidArgument("there is no tensor to write");
  const Shape& shape = tensor.shape();
  if (shape.rank() > kNpyMaxRank) {
    return InvalidArgument("NumPy arrays have at most ", kNpyMaxRank, " axes; the tensor has ",
                           shape.rank());
  }
  const char order = DTypeSize(tensor.dtype()) == 1 ? '|' : kNativeOrder;
  std::string text =
      absl::StrCat("{'descr': '", absl::string_view(&order, 1), code->code,
                   "', 'fortran_order': False, 'shape': (", absl::StrJoin(shape.dims(), ", "),
                   shape.rank() == 1 ? ",), }" : "), }");
  // NumPy leaves room for the first axis to grow to 21 digits in place.
  if (shape.rank() > 0) text.append(21 - absl::StrCat(shape[0]).size(), ' ');
  constexpr size_t kPrefix = 10;  // magic bytes, version, and the header's length as two bytes
  text.append(64 - (kPrefix + text.size() + 1) % 64, ' ');
  text += '\n';
  return absl::StrCat(absl::string_view("\x93NUMPY\x01\x00", 8),
                      std::string(1, static_cast<char>(text.size() & 0xff)),
                      std::string(1, static_cast<char>(text.size() >> 8)), text);
}

}  // namespace nomograph
