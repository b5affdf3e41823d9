// Runs every standard op on the cases of index.txt and goldens.npz, which make_goldens.py has
// computed with NumPy and PyTorch, with the reference kernel and with the fast one.
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/data/npz.h"

namespace nomograph {
namespace {

constexpr char kFolder[] = "tests/golden/";

struct Case {
  std::string name;
  std::string rounding;  // "exact", "close" or "sum:<terms>"
  std::vector<Tensor> inputs, outputs;
  Attributes attrs = {};
};

const NamedTensors& Goldens() {
  static const auto& goldens = *new NamedTensors([] {
    auto tensors = ReadNpz(std::string(kFolder) + "goldens.npz");
    EXPECT_TRUE(tensors.ok()) << tensors.status();
    return tensors.ok() ? *std::move(tensors) : NamedTensors();
  }());
  return goldens;
}

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
Tensor ParseTensor(absl::string_view text) {
  if (text == "absent") return Tensor();
  const std::vector<std::string> parts = absl::StrSplit(text, absl::ByAnyChar("[]"));
  const DType dtype = DTypeFromName(parts.at(0));
  Tensor tensor(dtype, Shape(ParseInts(parts.at(1))));
  const Tensor& pool = Goldens().at(parts[0]);
  EXPECT_EQ(DTypeSize(pool.dtype()), DTypeSize(dtype));
  const int64_t offset = ParseInts(parts.at(2).substr(1)).at(0);
  EXPECT_LE(offset + tensor.num_elements(), pool.num_elements());
  if (tensor.num_bytes() > 0) {
    std::memcpy(tensor.mutable_raw_data(), pool.raw_data() + offset * DTypeSize(dtype),
                tensor.num_bytes());
  }
  return tensor;
}

std::vector<Tensor> ParseTensors(absl::string_view text) {
  std::vector<Tensor> tensors;
  if (text == "none") return tensors;
  for (absl::string_view part : absl::StrSplit(text, ';')) tensors.push_back(ParseTensor(part));
  return tensors;
}

AttrValue ParseAttr(absl::string_view type, absl::string_view text) {
  if (type == "bool") return text == "true";
  if (type == "int") return ParseInts(text).at(0);
  if (type == "float") return ParseFloats(text).at(0);
  if (type == "ints") return ParseInts(text);
  if (type == "floats") return ParseFloats(text);
  if (type == "dtype") return DTypeFromName(text);
  if (type == "tensor") return ParseTensor(text);
  EXPECT_EQ(type, "string");
  return text;
}

std::pair<std::string, Case> ParseCase(absl::string_view line) {
  const std::vector<std::string> fields = absl::StrSplit(line, ' ');
  Case c{.name = fields.at(0),
         .rounding = fields.at(2),
         .inputs = ParseTensors(fields.at(3)),
         .outputs = ParseTensors(fields.at(4))};
  for (size_t i = 5; i < fields.size(); ++i) {
    const std::pair<std::string, std::string> attr =
        absl::StrSplit(fields[i], absl::MaxSplits('=', 1));
    const std::pair<std::string, std::string> value =
        absl::StrSplit(attr.second, absl::MaxSplits(':', 1));
    c.attrs.Set(attr.first, ParseAttr(value.first, value.second));
  }
  return {fields.at(1), std::move(c)};
}

const std::map<std::string, std::vector<Case>>& CasesByOp() {
  static const auto& cases = *new std::map<std::string, std::vector<Case>>([] {
    std::map<std::string, std::vector<Case>> result;
    const auto index = ReadFile(std::string(kFolder) + "index.txt");
    EXPECT_TRUE(index.ok()) << index.status();
    for (absl::string_view line : absl::StrSplit(index.value_or(""), '\n', absl::SkipEmpty())) {
      auto [op, parsed] = ParseCase(line);
      result[op].push_back(std::move(parsed));
    }
    return result;
  }());
  return cases;
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
Tolerance ToleranceOf(const Case& c, DType dtype) {
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

void ExpectGolden(const OpDef& op, const Case& c, bool fast) {
  SCOPED_TRACE(c.name + (fast ? " fast " : " reference ") + c.attrs.ToString());
  RunOpOptions options;
  options.num_outputs = static_cast<int>(c.outputs.size());
  options.fast = fast;
  const auto outputs = RunOp(op, c.inputs, c.attrs, options);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_EQ(outputs->size(), c.outputs.size());
  for (size_t i = 0; i < outputs->size(); ++i) {
    const Tensor &actual = (*outputs)[i], &expected = c.outputs[i];
    ASSERT_EQ(DTypeName(actual.dtype()), DTypeName(expected.dtype())) << "output " << i;
    const Tolerance tolerance = ToleranceOf(c, expected.dtype());
    const absl::Status close = AllClose(actual, expected, tolerance.rtol, tolerance.atol);
    EXPECT_TRUE(close.ok()) << "output " << i << ": " << close.message() << "\n  expected "
                            << expected.ToString() << "\n  found " << actual.ToString();
  }
}

class GoldenOps : public testing::TestWithParam<std::string> {};

TEST_P(GoldenOps, AgreesWithNumPyAndPyTorch) {
  const OpDef* op = OpRegistry::Default().Find(GetParam());
  ASSERT_NE(op, nullptr);
  for (const Case& c : CasesByOp().at(GetParam())) {
    ExpectGolden(*op, c, /*fast=*/false);
    if (!op->fast.empty()) ExpectGolden(*op, c, /*fast=*/true);
  }
}

std::vector<std::string> OpsWithCases() {
  std::vector<std::string> names;
  for (const auto& [name, cases] : CasesByOp()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Ops, GoldenOps, testing::ValuesIn(OpsWithCases()),
                         [](const auto& param_info) {
                           return absl::StrReplaceAll(param_info.param, {{".", "_"}});
                         });

// Examples, too, have their results from elsewhere.
TEST(GoldenOpsCoverage, EveryStandardOpHasCasesOrExamples) {
  for (const OpDef* op : OpRegistry::Default().All()) {
    EXPECT_TRUE(CasesByOp().contains(op->name) || (op->examples && !op->examples().empty()))
        << op->name << " has neither examples nor a case in make_goldens.py";
  }
}

}  // namespace
}  // namespace nomograph
