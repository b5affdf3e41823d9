// ONNX's own conformance suite, Debian's package libonnx-testdata: every case is imported and run
// by a Session, in fast and in exact mode, with the suite's tolerances. A case passes or stands in
// backend_exceptions.txt with its reason; one that stands there and passes is a failure, too.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/file.h"
#include "nomograph/core/session.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export.h"
#include "nomograph/serialization/onnx/import.h"
#include "nomograph/serialization/onnx/tensor.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;

constexpr char kSuite[] = "/usr/share/libonnx-testdata/data";
constexpr char kExceptions[] = "tests/onnx/backend_exceptions.txt";
// Those of the suite's own runner.
constexpr double kRtol = 1e-3, kAtol = 1e-7;

struct Case {
  std::string group, name;
  fs::path folder() const { return fs::path(kSuite) / group / name; }
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const char* group : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fs::path(kSuite) / group, error)) {
      cases.push_back({group, entry.path().filename().string()});
    }
  }
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) {
    return std::pair(a.group, a.name) < std::pair(b.group, b.name);
  });
  return cases;
}

// Name -> reason. Lines that begin with # are comments.
std::map<std::string, std::string> Exceptions() {
  std::map<std::string, std::string> exceptions;
  std::ifstream file(kExceptions);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t space = line.find(' ');
    exceptions[line.substr(0, space)] =
        space == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', space));
  }
  return exceptions;
}

absl::StatusOr<Tensor> ReadTensor(const fs::path& path) {
  NOMO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path.string()));
  auto proto = std::make_shared<onnx::TensorProto>();
  if (!proto->ParseFromString(bytes)) return InvalidArgument(path.string(), ": no tensor");
  return onnx::TensorReader(proto, "").Read(*proto);
}

// Tensors STEM_0.pb, STEM_1.pb, ….
absl::StatusOr<std::vector<Tensor>> ReadTensors(const fs::path& folder, const std::string& stem) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const fs::path path = folder / absl::StrCat(stem, "_", i, ".pb");
    if (!fs::exists(path)) return tensors;
    NOMO_ASSIGN_OR_RETURN(tensors.emplace_back(), ReadTensor(path));
  }
}

// The suite holds the bits of bfloat16 as uint16, and its runner compares them so.
Tensor AsBits(const Tensor& tensor, DType from, DType to) {
  if (tensor.dtype() != from) return tensor;
  return Tensor::FromBuffer(to, tensor.shape(), tensor.raw_data(),
                            std::make_shared<Tensor>(tensor));
}

absl::Status RunDataSet(Session& session, const fs::path& folder) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> inputs, ReadTensors(folder, "input"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> expected, ReadTensors(folder, "output"));
  const Graph& graph = session.model().graph;
  if (inputs.size() != graph.inputs.size() || expected.size() != graph.outputs.size()) {
    return InvalidArgument("expected ", inputs.size(), " inputs and ", expected.size(),
                           " outputs, found ", graph.inputs.size(), " and ", graph.outputs.size());
  }
  NamedTensors given;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ValueInfo& input = graph.values[graph.inputs[i]];
    given[input.name] = input.type.dtype == DType::kBFloat16
                            ? AsBits(inputs[i], DType::kUInt16, DType::kBFloat16)
                            : inputs[i];
  }
  NOMO_ASSIGN_OR_RETURN(const NamedTensors results, session.Run(given));
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string& name = graph.values[graph.outputs[i]].name;
    Tensor found = results.at(name);
    if (expected[i].dtype() == DType::kUInt16) {
      found = AsBits(found, DType::kBFloat16, DType::kUInt16);
    }
    NOMO_RETURN_IF_ERROR(Annotate(AllClose(found, expected[i], kRtol, kAtol),
                                  absl::StrCat("output \"", name, "\"")));
  }
  return absl::OkStatus();
}

absl::Status RunModel(const Model& model, bool exact, const fs::path& folder) {
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model, {.exact = exact}));
  for (int i = 0;; ++i) {
    const fs::path data = folder / absl::StrCat("test_data_set_", i);
    if (!fs::exists(data)) {
      return i == 0 ? absl::NotFoundError("the case has no data") : absl::OkStatus();
    }
    NOMO_RETURN_IF_ERROR(RunDataSet(*session, data));
  }
}

absl::StatusOr<Model> ThereAndBack(const Model& model) {
  NOMO_ASSIGN_OR_RETURN(const std::string saved, SaveToString(model));
  const auto bytes = std::make_shared<const std::string>(saved);
  NOMO_ASSIGN_OR_RETURN(const Model loaded, LoadFromBytes(*bytes, bytes));
  NOMO_ASSIGN_OR_RETURN(const std::string exported, onnx::ExportToString(loaded));
  return onnx::ImportFromBytes(exported);
}

absl::Status RunCase(const Case& c) {
  NOMO_ASSIGN_OR_RETURN(const Model model, onnx::Import((c.folder() / "model.onnx").string()));
  NOMO_RETURN_IF_ERROR(Annotate(RunModel(model, false, c.folder()), "fast"));
  NOMO_RETURN_IF_ERROR(Annotate(RunModel(model, true, c.folder()), "exact"));
  const auto back = ThereAndBack(model);
  NOMO_RETURN_IF_ERROR(Annotate(back.status(), "there and back"));
  return Annotate(RunModel(*back, false, c.folder()), "there and back");
}

void PrintTo(const Case& c, std::ostream* out) { *out << c.group << "/" << c.name; }

class OnnxBackend : public testing::TestWithParam<Case> {};

TEST_P(OnnxBackend, Agrees) {
  static const auto* exceptions = new std::map(Exceptions());
  const absl::Status status = RunCase(GetParam());
  const auto listed = exceptions->find(GetParam().name);
  if (listed == exceptions->end()) {
    EXPECT_TRUE(status.ok()) << status;
    return;
  }
  EXPECT_FALSE(status.ok()) << "it passes, but stands in " << kExceptions;
  EXPECT_FALSE(listed->second.empty()) << "it stands in " << kExceptions << " without a reason";
  RecordProperty("exception", listed->second);
}

std::string TestName(const testing::TestParamInfo<Case>& info) {
  std::string name = absl::StrCat(info.param.group, "_", info.param.name);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Suite, OnnxBackend, testing::ValuesIn(AllCases()), TestName);

// The suite is there, and the exceptions are few and name cases of it.
TEST(OnnxBackendSuite, IsComplete) {
  std::map<std::string, int> groups;
  std::map<std::string, std::string> exceptions = Exceptions();
  const size_t listed = exceptions.size();
  for (const Case& c : AllCases()) {
    ++groups[c.group];
    exceptions.erase(c.name);
  }
  EXPECT_EQ(
      groups,
      (std::map<std::string, int>{
          {"node", 932}, {"pytorch-converted", 82}, {"pytorch-operator", 35}, {"simple", 23}}))
      << "install Debian's package libonnx-testdata";
  for (const auto& [name, reason] : exceptions) ADD_FAILURE() << name << " is no case of the suite";
  EXPECT_LE(listed, 75u);
  std::cout << "ONNX backend suite: " << AllCases().size() - listed << " cases pass, " << listed
            << " are exceptions" << std::endl;
}

}  // namespace
}  // namespace nomograph
