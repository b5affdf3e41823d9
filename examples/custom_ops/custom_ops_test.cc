// Each program prints what its op is meant to yield.
#include <array>
#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

struct Case {
  const char* program;
  const char* printed;
};

constexpr Case kCases[] = {
    {"elementwise", "[-2.5, 1, 2.5]"},
    {"tensor_kernel", "[4, 0]"},
    {"traced_body", "the file carries acme.Standardize\nfloat32[1,3] [-1, 0, 2]"},
    // 100 / (1 + 1e-4 / 3 * 2 * 100²)^0.75 = 68.17316 at the edge; with 3 * 100² inside it
    // is 59.46036.
    {"onednn_op",
     "oneDNN    float32[1,2,2,8] [68.1732, 59.4604, 59.4604, 59.4604, ...]\n"
     "reference float32[1,2,2,8] [68.1732, 59.4604, 59.4604, 59.4604, ...]"},
};

std::string Output(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), count);
  pclose(pipe);
  return text;
}

TEST(CustomOps, ProgramsPrintTheirResults) {
  for (const Case& c : kCases) {
    EXPECT_THAT(Output(std::string("examples/custom_ops/") + c.program),
                testing::HasSubstr(c.printed))
        << c.program;
  }
}

}  // namespace
