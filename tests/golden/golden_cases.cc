#include "nomograph/tests/golden/golden_cases.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/npz.h"

namespace nomograph {
namespace {

template <typename T, typename Parse>
std::vector<T> ParseList(absl::string_view text, Parse parse) {
  std::vector<T> values;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    T value{};
    EXPECT_TRUE(parse(part, &value)) << part;
    values.push_back(value);
  }
  return values;
}

std::vector<int64_t> ParseInts(absl::string_view text) {
  return ParseList<int64_t>(text, [](auto part, int64_t* v) { return absl::SimpleAtoi(part, v); });
}

std::vector<double> ParseFloats(absl::string_view text) {
  return ParseList<double>(text, [](auto part, double* v) { return absl::SimpleAtod(part, v); });
}

// The tensor of "float32[2,3]@17", invalid for "absent".
Tensor ParseTensor(const NamedTensors& pools, absl::string_view text) {
  if (text == "absent") return Tensor();
  const std::vector<std::string> parts = absl::StrSplit(text, absl::ByAnyChar("[]"));
  const DType dtype = DTypeFromName(parts.at(0));
  Tensor tensor(dtype, Shape(ParseInts(parts.at(1))));
  const Tensor& pool = pools.at(parts[0]);
  EXPECT_EQ(DTypeSize(pool.dtype()), DTypeSize(dtype));
  const int64_t offset = ParseInts(parts.at(2).substr(1)).at(0);
  EXPECT_LE(offset + tensor.num_elements(), pool.num_elements());
  if (tensor.num_bytes() > 0) {
    std::memcpy(tensor.mutable_raw_data(), pool.raw_data() + offset * DTypeSize(dtype),
                tensor.num_bytes());
  }
  return tensor;
}

std::vector<Tensor> ParseTensors(const NamedTensors& pools, absl::string_view text) {
  std::vector<Tensor> tensors;
  if (text == "none") return tensors;
  for (absl::string_view part : absl::StrSplit(text, ';'))
    tensors.push_back(ParseTensor(pools, part));
  return tensors;
}

AttrValue ParseAttr(const NamedTensors& pools, absl::string_view type, absl::string_view text) {
  if (type == "bool") return text == "true";
  if (type == "int") return ParseInts(text).at(0);
  if (type == "float") return ParseFloats(text).at(0);
  if (type == "ints") return ParseInts(text);
  if (type == "floats") return ParseFloats(text);
  if (type == "dtype") return DTypeFromName(text);
  if (type == "tensor") return ParseTensor(pools, text);
  EXPECT_EQ(type, "string");
  return text;
}

std::pair<std::string, GoldenCase> ParseCase(const NamedTensors& pools, absl::string_view line) {
  const std::vector<std::string> fields = absl::StrSplit(line, ' ');
  GoldenCase c{.name = fields.at(0),
               .rounding = fields.at(2),
               .inputs = ParseTensors(pools, fields.at(3)),
               .outputs = ParseTensors(pools, fields.at(4))};
  for (size_t i = 5; i < fields.size(); ++i) {
    const std::pair<std::string, std::string> attr =
        absl::StrSplit(fields[i], absl::MaxSplits('=', 1));
    const std::pair<std::string, std::string> value =
        absl::StrSplit(attr.second, absl::MaxSplits(':', 1));
    c.attrs.Set(attr.first, ParseAttr(pools, value.first, value.second));
  }
  return {fields.at(1), std::move(c)};
}

struct Tolerance {
  double rtol, atol;
};

// The expected values are computed in float64 and rounded once.
//
// exact: the op chooses elements, or IEEE 754 says how it rounds.
// float32: an elementary function of float arithmetic is off by a few units in the last place (6e-8
// relative each), the polynomials of fast kernels by up to about 1e-6, and where the result is near
// 0 by as much of the operands, which are of the order of 1. A sum of n rounded numbers of that
// order in any order of addition is off by about sqrt(n) such errors: they are as often up as down.
// float16 and bfloat16: computed in float and rounded once, so that the result may be the neighbour
// of the expected one, at a distance of 2^-10 or 2^-7 of it; sums as above.
// float64: as float32 with its own unit.
// All other types: equal.
Tolerance ToleranceOf(const GoldenCase& c, DType dtype) {
  if (c.rounding == "exact") return {0, 0};
  double scale = 0.1;
  if (absl::string_view terms = c.rounding; absl::ConsumePrefix(&terms, "sum:")) {
    scale = std::sqrt(static_cast<double>(ParseInts(terms).at(0)));
  }
  switch (dtype) {
    case DType::kFloat32:
      return {1e-5, 1e-5 * scale};
    case DType::kFloat64:
      return {1e-13, 1e-13 * scale};
    case DType::kFloat16:
      return {0x1p-10, 1e-5 * scale};
    case DType::kBFloat16:
      return {0x1p-7, 1e-5 * scale};
    default:
      return {0, 0};
  }
}

}  // namespace

std::map<std::string, std::vector<GoldenCase>> ReadGoldenCases(const std::string& folder) {
  std::map<std::string, std::vector<GoldenCase>> result;
  const auto pools = ReadNpz(folder + "goldens.npz");
  EXPECT_TRUE(pools.ok()) << pools.status();
  const auto index = ReadFile(folder + "index.txt");
  EXPECT_TRUE(index.ok()) << index.status();
  if (!pools.ok() || !index.ok()) return result;
  for (absl::string_view line : absl::StrSplit(*index, '\n', absl::SkipEmpty())) {
    auto [op, parsed] = ParseCase(*pools, line);
    result[op].push_back(std::move(parsed));
  }
  return result;
}

absl::Status CheckGolden(const GoldenCase& c, const Tensor& actual, const Tensor& expected) {
  if (actual.dtype() != expected.dtype()) {
    return InvalidArgument("expected ", DTypeName(expected.dtype()), ", found ",
                           DTypeName(actual.dtype()));
  }
  const Tolerance tolerance = ToleranceOf(c, expected.dtype());
  const absl::Status close = AllClose(actual, expected, tolerance.rtol, tolerance.atol);
  return Annotate(close,
                  absl::StrCat("expected ", expected.ToString(), ", found ", actual.ToString()));
}

}  // namespace nomograph
