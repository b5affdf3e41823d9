// Asks libgomp itself, by the list of its settings that OMP_DISPLAY_ENV makes it print.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What this program prints when it starts with that environment.
std::string Settings(const std::string& environment) {
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
  if (length < 0) return "";
  self[length] = '\0';
  const std::string command =
      "env -i OMP_DISPLAY_ENV=verbose " + environment + " '" + self + "' --gtest_list_tests 2>&1";
  std::string text;
  FILE* const output = popen(command.c_str(), "r");
  if (output == nullptr) return "";
  for (int c = std::fgetc(output); c != EOF; c = std::fgetc(output)) text += static_cast<char>(c);
  pclose(output);
  return text;
}

TEST(OpenMpWait, IsShortUnlessTheUserSaysOtherwise) {
  EXPECT_THAT(Settings("PATH=/bin"), HasSubstr("GOMP_SPINCOUNT = '1000'"));
  EXPECT_THAT(Settings("HOME=/ SHLVL=1"), HasSubstr("GOMP_SPINCOUNT = '1000'"));
  EXPECT_THAT(Settings("PATH=/bin GOMP_SPINCOUNT=7"), HasSubstr("GOMP_SPINCOUNT = '7'"));
  EXPECT_THAT(Settings("PATH=/bin OMP_WAIT_POLICY=active"), HasSubstr("GOMP_SPINCOUNT = "));
  EXPECT_THAT(Settings("PATH=/bin OMP_WAIT_POLICY=active"),
              Not(HasSubstr("GOMP_SPINCOUNT = '1000'")));
}

TEST(OpenMpWait, LeavesTheEnvironmentAsItWas) {
  ASSERT_EQ(setenv("SHLVL", "3", 1), 0);
  EXPECT_THAT(Settings("SHLVL=3"), HasSubstr("OpenMpWait."));
  EXPECT_EQ(std::getenv("GOMP_SPINCOUNT"), nullptr);
  EXPECT_NE(std::getenv("PATH"), nullptr);
}

}  // namespace
}  // namespace nomograph
