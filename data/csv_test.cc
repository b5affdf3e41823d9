// CSV: tables that are read and written, among them NumPy's, and errors with their places.
#include "nomograph/data/csv.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/testdata.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CsvTest, ReadsWhatNumpyWrites) {
  EXPECT_EQ(*ReadCsv(TestdataPath("csv/table.csv")), ReadReference("csv/table.npy"));
}

TEST(CsvTest, ReadsTables) {
  const Tensor ints = Tensor::Of<int64_t>({2, 2}, {1, -2, 3, 4});
  const Tensor floats = Tensor::Of<double>({2, 2}, {1.5, -2, 3, 4});
  const double inf = std::numeric_limits<double>::infinity();
  const struct {
    std::string text;
    CsvOptions options;
    Tensor expected;
  } kCases[] = {
      {"1,-2\n3,4\n", {}, ints},
      {"1,-2\n3,4", {}, ints},
      {"1,-2\r\n3,4\r\n\r\n\n", {}, ints},
      {"1,-2\r3,4\r", {}, ints},
      {"\xef\xbb\xbf"
       "1;-2\n3;4\n",
       {},
       ints},
      {"1\t-2\n3\t4\n", {}, ints},
      {" 1 , -2 \n3 , 4\n", {}, ints},
      {"\"1\", \"-2\" \n\"3\",4", {}, ints},
      {"1|-2\n3|4\n", {.delimiter = '|'}, ints},
      {"a,b\n1,-2\n3,4\n", {}, ints},
      {",b\n1,-2\n3,4\n", {}, ints},
      {"\"a;\n\"\"x\"\"\",b\n1,-2\n3,4\n", {}, ints},
      {"9,9\n1,-2\n3,4\n", {.header = CsvHeader::kYes}, ints},
      {"1.5,-2\n3,4\n", {}, floats},
      {"1.5,-2\n3,4\n", {.dtype = DType::kFloat32}, floats.Cast(DType::kFloat32)},
      {"1,-2\n3,4\n", {.dtype = DType::kFloat64}, ints.Cast(DType::kFloat64)},
      {"+1,-2\n3,4\n", {.dtype = DType::kInt64}, ints},
      {"inf,-inf\n1e3,9223372036854775808\n",
       {},
       Tensor::Of<double>({2, 2}, {inf, -inf, 1000, 0x1p63})},
      {"5", {}, Tensor::Of<int64_t>({1, 1}, {5})},
      {"a,b,c\n", {.header = CsvHeader::kYes}, Tensor(DType::kFloat64, {0, 3})},
  };
  for (const auto& c : kCases) {
    const auto table = ParseCsv(c.text, c.options);
    ASSERT_TRUE(table.ok()) << table.status() << " in " << c.text;
    EXPECT_EQ(*table, c.expected) << c.text << " gave " << table->ToString();
  }
  EXPECT_TRUE(std::isnan(ParseCsv("nan,1")->AsDouble(0)));
}

TEST(CsvTest, ErrorsNameThePlace) {
  const struct {
    const char* text;
    CsvOptions options;
    const char* error;
  } kCases[] = {
      {"", {}, "it is empty"},
      {"\n\n", {}, "it is empty"},
      {"1,2\n3,x\n", {}, "line 2, column 2: expected a number, found \"x\""},
      {"1,2\n3,\n", {}, "line 2, column 2: the cell is empty"},
      {"1,2\n,4\n", {}, "line 2, column 1: the cell is empty"},
      {"1,2\n\"\",4\n", {}, "line 2, column 1: the cell is empty"},
      {"a,b\n1,2\n3\n", {}, "line 3 has 1 columns; expected 2"},
      {"1,2\n3,4,5\n", {}, "line 2 has 3 columns; expected 2"},
      {"1,2\n\n3,4\n", {}, "line 2 is empty"},
      {"\n1,2\n", {.header = CsvHeader::kNo}, "line 1 is empty"},
      {"a,1\n2,3\n",
       {},
       "line 1, column 1: expected a number, found \"a\" (if the first line names the columns"},
      {"a,b\n2,3\n",
       {.header = CsvHeader::kNo},
       "line 1, column 1: expected a number, found \"a\""},
      {"1,5;2,5\n", {}, "line 1, column 1: expected a number, found \"1,5\""},
      {"1.5,2\n",
       {.dtype = DType::kInt64},
       "line 1, column 1: expected an integer of 64 bits, found \"1.5\""},
      {"1,2\n1e999,2\n", {}, "line 2, column 1: expected a number, found \"1e999\""},
      {"1,2\n1e39,2\n",
       {.dtype = DType::kFloat32},
       "line 2, column 1: expected a number, found \"1e39\""},
      {"1,2\n3,\"4\n", {}, "line 2, column 2: the quotes are not closed"},
      {"1,2\n\"3\"4,5\n", {}, "line 2, column 1: expected the cell's end after its quotes"},
      {"\"a\nb\",c\n1,2\n3,x", {}, "line 4, column 2"},
      {"1,2\n", {.dtype = DType::kInt8}, "found int8"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ParseCsv(c.text, c.options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(status.message(), HasSubstr(c.error));
  }
  EXPECT_THAT(ReadCsv(TestdataPath("png/rgb.png")).status().message(),
              AllOf(HasSubstr(TestdataPath("png/rgb.png")), HasSubstr("line 2, column 1")));
}

TEST(CsvTest, ReadsNamesOfClasses) {
  const struct {
    const char* text;
    const char* column;
    std::vector<std::string> classes;
    std::vector<int64_t> values;
    const char* error;
  } kCases[] = {
      {"x,kind\n7,owl\n8,cat\n9,owl\n", "last", {"cat", "owl"}, {7, 1, 8, 0, 9, 1}, ""},
      {"kind,x\n\"b, c\",7\na,8\n", "kind", {"a", "b, c"}, {1, 7, 0, 8}, ""},
      {"owl,7\ncat,8\n", "first", {"cat", "owl"}, {1, 7, 0, 8}, ""},
      {"7,3\n8,4\n", "last", {}, {7, 3, 8, 4}, ""},
      {"x,kind\n7,owl\n8,4\n", "last", {}, {}, "line 3, column 2: expected a name as in the rows"},
      {"x,kind\n7,4\n8,owl\n",
       "last",
       {},
       {},
       "line 3, column 2: expected a number, found \"owl\""},
      {"x,kind\n7,owl\n8,\n", "last", {}, {}, "line 3, column 2: the cell is empty"},
      {"x,kind\n7,owl\n8,cat\n", "x", {}, {}, "line 2, column 2: expected a number, found \"owl\""},
  };
  const std::string path = absl::StrCat(::testing::TempDir(), "/classes.csv");
  for (const auto& c : kCases) {
    std::ofstream(path) << c.text;
    const auto table = ReadCsvTable(path, {.dtype = DType::kFloat64, .class_column = c.column});
    EXPECT_EQ(table.ok(), *c.error == '\0') << c.text << table.status();
    EXPECT_THAT(table.status().message(), HasSubstr(c.error));
    if (!table.ok()) continue;
    EXPECT_EQ(table->classes, c.classes) << c.text;
    const auto rows = static_cast<int64_t>(c.values.size()) / 2;
    EXPECT_EQ(table->values, Tensor::Of<int64_t>({rows, 2}, c.values).Cast(DType::kFloat64));
  }
}

TEST(CsvTest, WritesTables) {
  const struct {
    Tensor tensor;
    WriteCsvOptions options;
    const char* expected;
  } kCases[] = {
      {Tensor::Of<int64_t>({2, 2}, {1, -2, 3, 4}), {}, "1,-2\n3,4\n"},
      {Tensor::Of<float>({1, 3}, {0.1f, 1e20f, -0.0f}), {.delimiter = ';'}, "0.1;1e+20;-0\n"},
      {Tensor::Vector<double>({0.1, 1.0 / 3}), {}, "0.1\n0.3333333333333333\n"},
      {Tensor::Vector<bool>({true, false}), {{"on"}}, "on\n1\n0\n"},
      {Tensor::Scalar<uint8_t>(200), {}, "200\n"},
      {Tensor(DType::kFloat16, {1, 2}), {{"a,b", "say \"x\""}}, "\"a,b\",\"say \"\"x\"\"\"\n0,0\n"},
      {Tensor(DType::kInt8, {0, 2}), {}, ""},
  };
  for (const auto& c : kCases) EXPECT_EQ(*FormatCsv(c.tensor, c.options), c.expected);
}

TEST(CsvTest, ReadsTheSameNumbersAgain) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/csv_test.csv");
  const Tensor table = ReadReference("csv/table.npy");
  ASSERT_EQ(WriteCsv(path, table, {.header = {"a", "b", "c"}}), absl::OkStatus());
  EXPECT_EQ(*ReadCsv(path), table);
}

TEST(CsvTest, RefusesToWriteWhatIsNoTable) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/csv_test_refused.csv");
  EXPECT_THAT(WriteCsv(path, Tensor(DType::kFloat32, {2, 2, 2})).message(),
              AllOf(HasSubstr(path), HasSubstr("float32[2,2,2]")));
  EXPECT_THAT(FormatCsv(Tensor(DType::kFloat32, {2, 2}), {.header = {"a"}}).status().message(),
              HasSubstr("1 names for 2 columns"));
  EXPECT_FALSE(FormatCsv(Tensor()).ok());
}

}  // namespace
}  // namespace nomograph
