// NPY: every dtype, version and order, against the bytes that NumPy writes, and hostile headers.
#include "nomograph/data/npy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <numeric>
#include <thread>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/testdata.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// What make_testdata.py's sample() is for this type.
template <typename T>
Tensor Sample() {
  constexpr bool kFraction = std::is_floating_point_v<ComputeType<T>>;
  constexpr bool kSign = kFraction || std::is_signed_v<T>;
  Tensor sample(kDTypeOf<T>, {2, 3});
  const double values[] = {
      0, kSign ? -1.0 : 1.0, kFraction ? 2.5 : 2.0, 3, 4, sizeof(T) > 1 ? 1000.0 : 100.0};
  for (int i = 0; i < 6; ++i) sample.mutable_data<T>()[i] = static_cast<T>(values[i]);
  return sample;
}

using NpyTypes = TypeList<float, double, Half, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
                          uint32_t, uint64_t, bool>;

std::string NumpyCode(DType dtype) {
  if (dtype == DType::kBool) return "b1";
  const char kind = kFloats.Contains(dtype) ? 'f' : kSignedInts.Contains(dtype) ? 'i' : 'u';
  return absl::StrCat(std::string(1, kind), DTypeSize(dtype));
}

template <typename T>
void CheckType() {
  const std::string code = NumpyCode(kDTypeOf<T>);
  SCOPED_TRACE(code);
  const Tensor sample = Sample<T>();
  EXPECT_EQ(*ReadNpy(TestdataPath(absl::StrCat("npy/", code, ".npy"))), sample);
  EXPECT_EQ(*ReadNpy(TestdataPath(absl::StrCat("npy/", code, "_big_endian.npy"))), sample);
  if (std::endian::native == std::endian::little) {
    EXPECT_EQ(*FormatNpy(sample), ReadTestdata(absl::StrCat("npy/", code, ".npy")));
  }
}

TEST(NpyTest, ReadsAndWritesEveryTypeAsNumpy) {
  [&]<typename... Ts>(TypeList<Ts...>) { (CheckType<Ts>(), ...); }(NpyTypes{});
}

TEST(NpyTest, ReadsEveryVersionAndOrder) {
  Tensor arange(DType::kInt32, {2, 3, 2});
  const auto values = arange.mutable_data<int32_t>();
  std::iota(values.begin(), values.end(), 0);
  const struct {
    const char* file;
    Tensor expected;
  } kCases[] = {
      {"version1.npy", arange},
      {"version2.npy", arange},
      {"version3.npy", arange},
      {"fortran.npy", arange},
      {"fortran_big_endian.npy", arange.Cast(DType::kFloat64)},
      {"scalar.npy", Tensor::Scalar(1.5f)},
      {"vector.npy", Tensor::Vector<uint8_t>({1, 2, 3})},
      {"empty.npy", Tensor(DType::kFloat32, {0, 3})},
  };
  for (const auto& c : kCases) {
    const auto tensor = ReadNpy(TestdataPath(absl::StrCat("npy/", c.file)));
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(*tensor, c.expected) << c.file;
    EXPECT_TRUE(tensor->writable());
  }
}

TEST(NpyTest, WritesWhatNumpyWrites) {
  for (const char* file : {"version1.npy", "scalar.npy", "vector.npy", "empty.npy"}) {
    EXPECT_EQ(*FormatNpy(ReadReference(absl::StrCat("npy/", file))),
              ReadTestdata(absl::StrCat("npy/", file)));
  }
}

TEST(NpyTest, RefusesOtherElements) {
  const struct {
    const char* file;
    const char* error;
  } kCases[] = {
      {"object", "Python objects"},
      {"unicode", "text, dtype '<U2'"},
      {"bytes", "text, dtype '|S2'"},
      {"fields", "named fields"},
      {"complex", "complex numbers"},
      {"date", "dates or times"},
      {"raw", "bfloat16"},
      {"long_double", "dtype '<f16'"},
  };
  for (const auto& c : kCases) {
    const std::string path = TestdataPath(absl::StrCat("npy/refused_", c.file, ".npy"));
    const absl::Status status = ReadNpy(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(path), HasSubstr(c.error)));
  }
}

// A file of version 1.0 with this header and payload.
std::string File(absl::string_view header, absl::string_view payload) {
  return absl::StrCat(absl::string_view("\x93NUMPY\x01\x00", 8),
                      std::string(1, static_cast<char>(header.size() & 0xff)),
                      std::string(1, static_cast<char>(header.size() >> 8)), header, payload);
}

std::string FileOfShape(absl::string_view shape) {
  return File(absl::StrCat("{'descr': '|u1', 'fortran_order': False, 'shape': ", shape, "}"), "12");
}

TEST(NpyTest, RefusesHostileHeaders) {
  const struct {
    std::string bytes;
    const char* error;
  } kCases[] = {
      {"", "8 bytes too early"},
      {"text that is no array", "no NPY file"},
      {absl::StrCat("\x93NUMPY\x04", std::string(20, '\0')), "format version is 4.0"},
      {std::string("\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12), "header of 2147483647 bytes"},
      {File("", "12"), "expected \"{\", found the end"},
      {FileOfShape("(3,)"), "claims an array uint8[3], but at most 2 bytes follow"},
      {FileOfShape("(1,)"), "more bytes follow"},
      {FileOfShape("(-1,)"), "expected a size from 0 to 2^63 - 1, found \"-1,)}\""},
      {FileOfShape("(4611686018427387904, 4)"), "more than 2^62 elements"},
      {FileOfShape("(0, 4611686018427387904, 4)"), "more than 2^62 elements"},
      {FileOfShape("(99999999999999999999,)"), "2^63 - 1"},
      {FileOfShape("(1099511627776,)"), "at most 2 bytes follow"},
      {FileOfShape("2"), "a tuple of sizes"},
      {FileOfShape("(2)"), "expected \",\""},
      {FileOfShape(absl::StrCat("(2, ", std::string(32 * 3, '1'), ",)")), "2^63 - 1"},
      {FileOfShape("(2,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"),
       "at most 32 sizes"},
      {File("{'descr': '|u1', 'shape': (2,)}", "12"), "lacks one of"},
      {File("{'descr': '|u1', 'descr': '|u1'}", "12"), "the key 'descr'; expected"},
      {File("{'descr': '|u1', 'colour': 1}", "12"), "the key 'colour'; expected"},
      {File("{'descr': '|u1', 'fortran_order': 1}", "12"), "expected True or False"},
      {File("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)} import os", "12"),
       "expected the end"},
      {File("{'descr': '|u1", "12"), "expected text up to '"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ParseNpy(c.bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(c.error));
  }
}

TEST(NpyTest, ReadsHeadersThatOtherProgramsWrite) {
  const char* const kHeaders[] = {
      "{\"shape\":(2L,),\"fortran_order\":True,\"descr\":\"u1\"}",
      "  { 'descr' : '=u1' , 'fortran_order' : False , 'shape' : ( 2 , ) , } \n",
  };
  for (const char* header : kHeaders) {
    const auto tensor = ParseNpy(File(header, "12"));
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(*tensor, Tensor::Vector<uint8_t>({'1', '2'}));
  }
}

TEST(NpyTest, BytesOtherThanZeroAreTrue) {
  const auto tensor = ParseNpy(
      File("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", std::string("\0\1\x7f", 3)));
  EXPECT_EQ(*tensor, Tensor::Vector<bool>({false, true, true}));
}

TEST(NpyTest, WritesAFileAndReadsItAgain) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/npy_test.npy");
  ASSERT_EQ(WriteNpy(path, Sample<float>()), absl::OkStatus());
  EXPECT_EQ(*ReadFile(path), ReadTestdata("npy/f4.npy"));
  EXPECT_EQ(*ReadNpy(path), Sample<float>());
}

TEST(NpyTest, ReadsFromAPipe) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/npy_test_pipe_", getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { EXPECT_EQ(WriteNpy(path, Sample<float>()), absl::OkStatus()); });
  const auto tensor = ReadNpy(path);
  writer.join();
  unlink(path.c_str());
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(*tensor, Sample<float>());
}

TEST(NpyTest, RefusesToWriteWhatNumpyLacks) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/npy_test_refused.npy");
  const absl::Status status = WriteNpy(path, Tensor(DType::kBFloat16, {2}));
  EXPECT_THAT(status.message(), AllOf(HasSubstr(path), HasSubstr("cast the tensor to float32")));
  EXPECT_FALSE(ReadFile(path).ok());
  EXPECT_THAT(
      FormatNpy(Tensor(DType::kInt8, Shape(std::vector<int64_t>(33, 1)))).status().message(),
      HasSubstr("at most 32 axes"));
  EXPECT_FALSE(FormatNpy(Tensor()).ok());
}

TEST(NpyTest, ADeviceWithoutEndIsNotReadThrough) {
  EXPECT_THAT(ReadNpy("/dev/zero").status().message(), HasSubstr("it is no NPY file"));
}

}  // namespace
}  // namespace nomograph
