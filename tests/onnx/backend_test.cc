// ONNX's own conformance suite, Debian's package libonnx-testdata: every case is imported and run
// by a Session, in fast and in exact mode, with the suite's tolerances. A case passes or stands in
// backend_exceptions.txt with its reason; one that stands there and passes is a failure, too.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/tests/onnx/backend_case.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;

constexpr char kSuite[] = "/usr/share/libonnx-testdata/data";
constexpr char kExceptions[] = "tests/onnx/backend_exceptions.txt";

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

void PrintTo(const Case& c, std::ostream* out) { *out << c.group << "/" << c.name; }

class OnnxBackend : public testing::TestWithParam<Case> {};

TEST_P(OnnxBackend, Agrees) {
  static const auto* exceptions = new std::map(ReadExceptions(kExceptions));
  const absl::Status status = CheckBackendCase(GetParam().folder(), 17, *exceptions);
  EXPECT_TRUE(status.ok()) << status;
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
  std::map<std::string, std::string> exceptions = ReadExceptions(kExceptions);
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
