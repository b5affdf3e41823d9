// Cases of ONNX's node suite that came after Debian's libonnx-testdata, in fast and in exact mode
// and there and back; see cases/README.md. A case passes or stands in cases/exceptions.txt with its
// reason. Whatever stands there still opens, or is refused for types that the core does not have.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/tests/onnx/backend_case.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "tests/onnx/cases/";

// Where the archive is unpacked, once.
const fs::path& Suite() {
  static const auto* folder = [] {
    auto* path = new fs::path(fs::path(testing::TempDir()) / "cases");
    fs::create_directories(*path);
    const std::string command =
        absl::StrCat("tar -xzf ", kFolder, "node_v1.21.tar.gz -C ", path->string());
    EXPECT_EQ(std::system(command.c_str()), 0);
    return path;
  }();
  return *folder;
}

std::vector<std::string> AllCases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(Suite())) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

const std::map<std::string, std::string>& Exceptions() {
  static const auto* exceptions =
      new std::map(ReadExceptions(absl::StrCat(kFolder, "exceptions.txt")));
  return *exceptions;
}

class OnnxCases : public testing::TestWithParam<std::string> {};

TEST_P(OnnxCases, Agree) {
  const fs::path folder = Suite() / GetParam();
  const absl::Status status = CheckBackendCase(folder, onnx::kMaxExportOpset, Exceptions());
  EXPECT_TRUE(status.ok()) << status;
  if (!Exceptions().contains(GetParam())) return;
  const auto model = onnx::Import((folder / "model.onnx").string());
  EXPECT_TRUE(model.ok() || absl::IsUnimplemented(model.status())) << model.status();
}

INSTANTIATE_TEST_SUITE_P(Suite, OnnxCases, testing::ValuesIn(AllCases()),
                         [](const auto& info) { return info.param; });

TEST(OnnxCasesSuite, IsComplete) {
  const std::vector<std::string> names = AllCases();
  EXPECT_EQ(names.size(), 480u);
  for (const auto& [name, reason] : Exceptions()) {
    EXPECT_TRUE(std::binary_search(names.begin(), names.end(), name)) << name;
  }
}

}  // namespace
}  // namespace nomograph
