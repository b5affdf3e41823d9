// ONNX's own checker, with its shape inference, accepts every file that is exported: the models of
// ONNX's backend suite, written to each opset that Debian's onnx knows.
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/serialization/onnx/import/import.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;

constexpr char kSuite[] = "/usr/share/libonnx-testdata/data";
constexpr char kCheck[] = "/usr/bin/python3 tests/onnx/check_exports.py";

// Those of the suite that can be imported, by name. They are imported once for all opsets.
const std::map<std::string, Model>& Models() {
  static const auto* models = [] {
    auto* imported = new std::map<std::string, Model>;
    for (const char* group : {"node", "simple", "pytorch-converted", "pytorch-operator"}) {
      for (const auto& entry : fs::directory_iterator(fs::path(kSuite) / group)) {
        auto model = onnx::Import((entry.path() / "model.onnx").string());
        if (model.ok()) imported->emplace(entry.path().filename().string(), *std::move(model));
      }
    }
    return imported;
  }();
  return *models;
}

class Checker : public testing::TestWithParam<int> {};

TEST_P(Checker, AcceptsWhatIsExported) {
  const fs::path folder = fs::path(testing::TempDir()) / absl::StrCat("opset", GetParam());
  fs::create_directories(folder);
  int written = 0;
  for (const auto& [name, model] : Models()) {
    const std::string path = (folder / absl::StrCat(name, ".onnx")).string();
    const absl::Status status = onnx::Export(model, path, {.opset = GetParam()});
    written += status.ok();
    if (absl::IsUnimplemented(status) || absl::IsFailedPrecondition(status)) {
      EXPECT_FALSE(fs::exists(path)) << name;
      continue;
    }
    EXPECT_TRUE(status.ok()) << name << ": " << status;
  }
  EXPECT_GT(written, 900);
  EXPECT_EQ(std::system(absl::StrCat(kCheck, " ", folder.string()).c_str()), 0);
}

INSTANTIATE_TEST_SUITE_P(Opsets, Checker, testing::Range(onnx::kMinExportOpset, 18),
                         [](const auto& info) { return absl::StrCat("Opset", info.param); });

}  // namespace
}  // namespace nomograph
