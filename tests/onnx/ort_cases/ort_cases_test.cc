// Models of one operator each, with outputs of ONNX Runtime's (cases.npz, index.txt): imported and
// run in fast and in exact mode; and again when exported to the lowest opset, where that has a form
// for them, and to the highest, and imported.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/npz.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"

namespace nomograph {
namespace {

constexpr char kFolder[] = "tests/onnx/ort_cases/";
// Of float outputs, beside what is relative to their largest magnitude.
constexpr double kAtol = 1e-6;

struct Case {
  std::string name, model, inputs, outputs;  // tensors as index.txt writes them
  double tolerance = 0;
};

// The vectors of all elements, by dtype.
const NamedTensors& Pools() {
  static const auto& pools = *new NamedTensors([] {
    auto tensors = ReadNpz(absl::StrCat(kFolder, "cases.npz"));
    EXPECT_TRUE(tensors.ok()) << tensors.status();
    return tensors.ok() ? *std::move(tensors) : NamedTensors();
  }());
  return pools;
}

int64_t ParseInt(absl::string_view text) {
  int64_t value = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &value)) << text;
  return value;
}

// The tensor of "float32[2,3]@17".
Tensor ParseTensor(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::ByAnyChar("[]@"));
  const Tensor& pool = Pools().at(std::string(parts.at(0)));
  std::vector<int64_t> sizes;
  for (const absl::string_view size : absl::StrSplit(parts.at(1), ',', absl::SkipEmpty())) {
    sizes.push_back(ParseInt(size));
  }
  Tensor tensor(pool.dtype(), Shape(sizes));
  const int64_t offset = ParseInt(parts.at(3));
  EXPECT_LE(offset + tensor.num_elements(), pool.num_elements()) << text;
  if (tensor.num_bytes() > 0) {
    std::memcpy(tensor.mutable_raw_data(), pool.raw_data() + offset * DTypeSize(pool.dtype()),
                tensor.num_bytes());
  }
  return tensor;
}

// The tensors of "x0=float32[2,3]@17;x1=int64[2]@0", or of "none".
NamedTensors ParseTensors(absl::string_view text) {
  NamedTensors tensors;
  if (text == "none") return tensors;
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const std::pair<std::string, absl::string_view> entry = absl::StrSplit(part, '=');
    tensors[entry.first] = ParseTensor(entry.second);
  }
  return tensors;
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  const auto index = ReadFile(absl::StrCat(kFolder, "index.txt"));
  EXPECT_TRUE(index.ok()) << index.status();
  for (const absl::string_view line : absl::StrSplit(index.value_or(""), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    Case& c = cases.emplace_back(Case{.name = fields.at(0),
                                      .model = fields.at(3),
                                      .inputs = fields.at(4),
                                      .outputs = fields.at(5)});
    EXPECT_TRUE(absl::SimpleAtod(fields[2], &c.tolerance)) << line;
  }
  return cases;
}

double LargestMagnitude(const Tensor& tensor) {
  double largest = 0;
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const double value = std::abs(tensor.AsDouble(i));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return largest;
}

// Numbers that are not floats must be equal.
absl::Status CheckOutput(const Tensor& found, const Tensor& expected, double tolerance) {
  const bool exact = !kFloats.Contains(expected.dtype());
  const double atol = exact ? 0 : tolerance * LargestMagnitude(expected) + kAtol;
  return AllClose(found, expected, 0, atol);
}

absl::Status Run(const Model& model, bool exact, const Case& c) {
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, {.exact = exact}));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors found, session->Run(ParseTensors(c.inputs)));
  const NamedTensors expected = ParseTensors(c.outputs);
  if (found.size() != expected.size()) {
    return InvalidArgument("expected ", expected.size(), " outputs, found ", found.size());
  }
  for (const auto& [name, tensor] : expected) {
    const auto output = found.find(name);
    if (output == found.end()) return InvalidArgument("there is no output \"", name, "\"");
    NOMO_RETURN_IF_ERROR(Annotate(CheckOutput(output->second, tensor, c.tolerance),
                                  absl::StrCat("output \"", name, "\"")));
  }
  return absl::OkStatus();
}

absl::Status RunBothModes(const Model& model, const Case& c) {
  NOMO_RETURN_IF_ERROR(Annotate(Run(model, false, c), "fast"));
  return Annotate(Run(model, true, c), "exact");
}

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class OrtCases : public testing::TestWithParam<Case> {};

TEST_P(OrtCases, Agrees) {
  const Tensor bytes = ParseTensor(GetParam().model);
  const auto model = onnx::ImportFromBytes(std::string(
      reinterpret_cast<const char*>(bytes.raw_data()), static_cast<size_t>(bytes.num_bytes())));
  ASSERT_TRUE(model.ok()) << model.status();
  const absl::Status status = RunBothModes(*model, GetParam());
  EXPECT_TRUE(status.ok()) << status;

  for (const int opset : {onnx::kMinExportOpset, onnx::kMaxExportOpset}) {
    SCOPED_TRACE(absl::StrCat("exported to opset ", opset));
    const auto exported = onnx::ExportToString(*model, {.opset = opset});
    if (opset < onnx::kMaxExportOpset && absl::IsUnimplemented(exported.status())) continue;
    ASSERT_TRUE(exported.ok()) << exported.status();
    const auto again = onnx::ImportFromBytes(*exported);
    ASSERT_TRUE(again.ok()) << again.status();
    const absl::Status back = RunBothModes(*again, GetParam());
    EXPECT_TRUE(back.ok()) << back;
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, OrtCases, testing::ValuesIn(AllCases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace nomograph
