// Numbers, tables and tensors as text.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/tools/text/html.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/text/tensor_text.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(NumbersTest, Separators) {
  EXPECT_EQ(WithSeparators(0), "0");
  EXPECT_EQ(WithSeparators(999), "999");
  EXPECT_EQ(WithSeparators(105866), "105,866");
  EXPECT_EQ(WithSeparators(-1234567), "-1,234,567");
  EXPECT_EQ(WithSeparators(-123), "-123");
  EXPECT_EQ(WithSeparators(std::numeric_limits<int64_t>::max()), "9,223,372,036,854,775,807");
}

TEST(NumbersTest, Bytes) {
  EXPECT_EQ(ReadableBytes(0), "0 B");
  EXPECT_EQ(ReadableBytes(1023), "1023 B");
  EXPECT_EQ(ReadableBytes(1024), "1.0 KB");
  EXPECT_EQ(ReadableBytes(423464), "413.5 KB");
  EXPECT_EQ(ReadableBytes(int64_t{5} << 30), "5.0 GB");
  EXPECT_EQ(ReadableBytes(std::numeric_limits<int64_t>::max()), "8.0 EB");
}

TEST(NumbersTest, Counts) {
  EXPECT_EQ(Counted(1, "fault"), "1 fault");
  EXPECT_EQ(Counted(1200, "fault"), "1,200 faults");
}

const TextStyle kWide = {.width = 0, .aligned = true};

TEST(TableTest, AlignsColumns) {
  TextTable table({{"name"}, {"size", true}, {"note"}});
  table.AddRow({"größe", "7", "x"});
  table.AddRow({"b", "1,000"});
  table.AddNote("below\nthe row");
  EXPECT_EQ(table.ToString(kWide),
            "  name    size  note\n"
            "  größe      7  x\n"
            "  b      1,000\n"
            "      below\\nthe row\n");
}

// A long cell moves its own row, not the others.
TEST(TableTest, LongCellsDoNotWidenOtherRows) {
  TextTable table({{"a"}, {"b"}});
  const std::string longest(TextTable::kMaxColumn, 'x');
  table.AddRow({longest + "y", "1"});
  table.AddRow({"z", "2"});
  EXPECT_EQ(table.ToString(kWide),
            absl::StrCat("  a", std::string(TextTable::kMaxColumn + 1, ' '), "b\n  ", longest,
                         "y  1\n  z", std::string(TextTable::kMaxColumn + 1, ' '), "2\n"));
}

TEST(TableTest, HasNoHeadLineWithoutTitles) {
  TextTable table({{""}, {""}}, 0);
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.ToString(kWide), "");
  table.AddRow({"a\x1b", "b"});
  EXPECT_EQ(table.ToString(kWide), "a\\x1b  b\n");
}

// Every line fits, numbers and the ends of names stay.
TEST(TableTest, FitsAWidth) {
  TextTable table({{"name"}, {"inputs", false, /*wrap=*/true}, {"size", true}});
  table.AddRow({"/layer1/layer1.0/conv1/Conv", "input, weight, bias, one more", "1,000"});
  table.AddNote("pads=[1, 1, 1, 1] and more that goes on for long");
  EXPECT_EQ(table.ToString({.width = 40, .aligned = true}),
            "  name            inputs           size\n"
            "  /laye…nv1/Conv  input, weight,  1,000\n"
            "                  bias, one more\n"
            "      pads=[1, 1, 1, 1] and more that\n"
            "      goes on for long\n");
}

// Fields that can be counted.
TEST(TableTest, IsPlainInAPipe) {
  TextTable table({{"name"}, {"note"}, {"size", true}});
  table.AddRow({"a", "", "1"});
  table.AddRow({"longer", "x", "1,000"});
  EXPECT_EQ(table.ToString({.aligned = false}),
            "  name  note  size\n"
            "  a  -  1\n"
            "  longer  x  1,000\n");
}

TEST(TerminalTest, CutsAndWrapsCharactersNotBytes) {
  EXPECT_EQ(CutMiddle("größe", 5), "größe");
  EXPECT_EQ(CutMiddle("größenordnung", 7), "gr…nung");
  EXPECT_EQ(CutMiddle("ab", 1), "…");
  EXPECT_THAT(WrappedLines("aä b c", 2), ::testing::ElementsAre("aä", "b", "c"));
  EXPECT_THAT(WrappedLines("äöüab", 2), ::testing::ElementsAre("äö", "üa", "b"));
  EXPECT_THAT(WrappedLines("a b", 0), ::testing::ElementsAre("a b"));
  EXPECT_EQ(Colored("x", Color::kRed, {.color = true}), "\033[31mx\033[0m");
  EXPECT_EQ(Colored("x", Color::kRed, {.color = false}), "x");
}

// As numpy.array2string() lays them out, but for the number of digits.
TEST(TensorTextTest, NestsBrackets) {
  EXPECT_EQ(TensorText(Tensor::Scalar(2.5f), 2), "  2.5\n");
  EXPECT_EQ(TensorText(Tensor::Vector<float>({1, -0.5f, 1e-9f})), "[    1,  -0.5, 1e-09]\n");
  EXPECT_EQ(TensorText(Tensor::Of<int64_t>({2, 2}, {1, 20, 300, -4})),
            "[[  1,  20],\n [300,  -4]]\n");
  EXPECT_EQ(TensorText(Tensor::Of<uint8_t>({2, 1, 2}, {1, 2, 3, 4})), "[[[1, 2]],\n\n [[3, 4]]]\n");
  EXPECT_EQ(TensorText(Tensor::Vector<bool>({true, false})), "[ true, false]\n");
  EXPECT_EQ(TensorText(Tensor(DType::kFloat32, {0})), "[]\n");
  EXPECT_EQ(TensorText(Tensor(DType::kFloat32, {2, 0})), "[[],\n []]\n");
}

// As numpy.array2string(max_line_width=…) breaks them: brackets count.
TEST(TensorTextTest, FitsATerminal) {
  const Tensor tensor = Tensor::Of<int32_t>({1, 12}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_EQ(TensorText(tensor, 2, {.width = 25}),
            "  [[ 0,  1,  2,  3,  4,\n     5,  6,  7,  8,  9,\n    10, 11]]\n");
  for (size_t width = 24; width < 70; ++width) {
    const std::string text = TensorText(tensor, 2, {.width = width});
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      EXPECT_LE(line.size(), width) << text;
    }
  }
}

TEST(TensorTextTest, RoundsFloatsOnly) {
  EXPECT_EQ(TensorText(Tensor::Vector<float>({0.333333343f})), "[0.333333]\n");
  EXPECT_EQ(TensorText(Tensor::Vector<int32_t>({1234567890})), "[1234567890]\n");
  EXPECT_EQ(TensorText(Tensor::Vector<int64_t>({9007199254740993})), "[9007199254740993]\n");
  EXPECT_EQ(TensorText(Tensor::Vector<uint64_t>({18446744073709551615u})),
            "[18446744073709551615]\n");
  EXPECT_EQ(TensorText(Tensor::Vector<float>({NAN, INFINITY, -INFINITY})), "[ nan,  inf, -inf]\n");
}

TEST(TensorTextTest, LeavesOutTheMiddleOfLargeTensors) {
  Tensor tensor(DType::kInt32, {1000, 2});
  for (int i = 0; i < 2000; ++i) tensor.mutable_data<int32_t>()[i] = i;
  EXPECT_EQ(TensorText(tensor),
            "[[   0,    1],\n [   2,    3],\n [   4,    5],\n ...,\n"
            " [1994, 1995],\n [1996, 1997],\n [1998, 1999]]\n");
}

TEST(TensorTextTest, WrapsLongRows) {
  const std::string text = TensorText(Tensor(DType::kInt32, {100}), 1);
  EXPECT_THAT(text, StartsWith(" [0, 0, "));
  EXPECT_THAT(text, HasSubstr(",\n  0, "));
  EXPECT_THAT(text, EndsWith("0]\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '0'), 100);
}

TEST(TensorTextTest, IsShortForManyAxes) {
  Shape shape;
  for (int i = 0; i < 20; ++i) shape.Append(2);
  EXPECT_LT(TensorText(Tensor(DType::kBool, shape)).size(), 100000u);
  shape[19] = 0;
  EXPECT_LT(TensorText(Tensor(DType::kBool, shape)).size(), 100000u);
}

TEST(HtmlPage, KeepsColoursAndNothingThatABrowserObeys) {
  const TextStyle style = {.color = true};
  const std::string page = HtmlPage(
      "a <b>\n",
      absl::StrCat("x < y & z\n", Colored("+ new", Color::kGreen, style), "\033[2J", "<script>"));
  EXPECT_THAT(page, HasSubstr("<title>a &lt;b&gt;\\n</title>"));
  EXPECT_THAT(page, HasSubstr("x &lt; y &amp; z\n<span class=\"c32\">+ new</span>"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("\033")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

}  // namespace
}  // namespace nomograph
