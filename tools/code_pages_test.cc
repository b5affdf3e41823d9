// The memory of code goes back, and the code still runs.
#include "nomograph/tools/code_pages.h"

#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "gtest/gtest.h"

namespace nomograph {
namespace {

// In KB: what is resident of files.
int64_t FilePages() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kilobytes = 0;
    if (word == "RssFile:" && status >> kilobytes) return kilobytes;
  }
  return -1;
}

class Shape {
 public:
  virtual ~Shape() = default;
  virtual int sides() const = 0;
};
class Square : public Shape {
  int sides() const override { return 4; }
};

// A string constant, a virtual function, an exception and locale tables.
std::string Work() {
  const std::unique_ptr<Shape> shape = std::make_unique<Square>();
  try {
    if (shape->sides() == 4) throw std::runtime_error("sides: " + std::to_string(shape->sides()));
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(CodePages, GoBackAndAreReadAgain) {
  EXPECT_EQ(Work(), "sides: 4");
  const int64_t before = FilePages();
  ASSERT_GT(before, 0);
  GiveBackCodePages();
  const int64_t after = FilePages();
  EXPECT_LT(after, before / 2 + 512) << "KB of " << before;
  EXPECT_EQ(Work(), "sides: 4");
}

}  // namespace
}  // namespace nomograph
