// NPZ: archives that NumPy has written, archives that are damaged or hostile, and those written
// here.
#include "nomograph/data/npz.h"

#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/testdata.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

NamedTensors Sample() {
  return {{"images", Tensor::Of<uint8_t>({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})},
          {"scores/a", Tensor::Vector<float>({0.5f, -2.0f})}};
}

TEST(NpzTest, ReadsWhatNumpyWrites) {
  for (const char* file : {"npz/stored.npz", "npz/deflated.npz"}) {
    const auto from_file = ReadNpz(TestdataPath(file));
    ASSERT_TRUE(from_file.ok()) << from_file.status();
    EXPECT_EQ(*from_file, Sample());
    EXPECT_EQ(*ParseNpz(ReadTestdata(file)), Sample());
  }
  const auto empty = ReadNpz(TestdataPath("npz/empty.npz"));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_TRUE(empty->empty());
}

TEST(NpzTest, RefusesWhatIsNoSetOfArrays) {
  const struct {
    const char* file;
    const char* error;
  } kCases[] = {
      {"npz/refused_bzip2.npz", "member \"x.npy\": its compression method is 12"},
      {"npz/refused_text.npz", "member \"notes.txt\": it is no array"},
      {"npz/refused_member.npz", "member \"x.npy\": it is no NPY file"},
      {"npz/refused_duplicate.npz", "member \"x.npy\": there are two members of that name"},
      {"npy/f4.npy", "no zip archive"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ReadNpz(TestdataPath(c.file)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(TestdataPath(c.file)), HasSubstr(c.error)));
    EXPECT_THAT(ParseNpz(ReadTestdata(c.file)).status().message(), HasSubstr(c.error));
  }
  EXPECT_THAT(ParseNpz("").status().message(), HasSubstr("no zip archive"));
  EXPECT_EQ(ReadNpz("missing.npz").status().code(), absl::StatusCode::kNotFound);
}

TEST(NpzTest, BoundsWhatIsUnpacked) {
  const std::string bytes = ReadTestdata("npz/zeros.npz");  // 2^20 zeros and the header's 128 bytes
  const auto whole = ParseNpz(bytes, {.max_bytes = (1 << 20) + 128});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->at("x"), Tensor(DType::kUInt8, {1 << 20}));
  const absl::Status status = ParseNpz(bytes, {.max_bytes = (1 << 20) + 127}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("pass the allowed 1048703 bytes"));
}

// A megabyte from a kilobyte.
TEST(NpzTest, BoundsHowFarAnArchiveGrows) {
  const std::string bytes = ReadTestdata("npz/zeros.npz");
  const auto packed = static_cast<int64_t>(bytes.size());
  const int64_t needed = ((1 << 20) + 128 + packed - 1) / packed;
  EXPECT_TRUE(ParseNpz(bytes, {.growth = {.factor = needed, .free_bytes = 0}}).ok());
  EXPECT_TRUE(ParseNpz(bytes, {.growth = {.factor = 1, .free_bytes = 2 << 20}}).ok());
  const absl::Status status =
      ParseNpz(bytes, {.growth = {.factor = needed - 1, .free_bytes = 0}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(),
              HasSubstr(absl::StrCat("the allowed ", (needed - 1) * packed, " bytes")));
}

// The four bytes of a number in a zip's records.
std::string Little(uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), 4); }

TEST(NpzTest, RefusesSizesThatCannotBe) {
  const uint32_t size = (1 << 20) + 128;
  const std::string more =
      absl::StrReplaceAll(ReadTestdata("npz/zeros.npz"), {{Little(size), Little(0xfffffff0)}});
  EXPECT_THAT(ParseNpz(more).status().message(), HasSubstr("it claims 4294967280 bytes"));
  const std::string fewer =
      absl::StrReplaceAll(ReadTestdata("npz/zeros.npz"), {{Little(size), Little(1 << 10)}});
  EXPECT_THAT(ParseNpz(fewer).status().message(),
              HasSubstr("uint8[1048576], but at most 896 bytes follow"));
}

TEST(NpzTest, FindsDamageByTheChecksum) {
  std::string bytes = ReadTestdata("npz/stored.npz");
  const size_t place = bytes.find(std::string("\0\1\2\3\4\5\6", 7));
  ASSERT_NE(place, std::string::npos);
  bytes[place + 1] ^= 0x40;
  EXPECT_THAT(ParseNpz(bytes).status().message(),
              AllOf(HasSubstr("member \"images.npy\""), HasSubstr("CRC")));
}

template <typename T>
T Field(const std::string& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// Walks the archive's local headers as the ZIP specification (APPNOTE 4.3.7) has them, without
// libzip.
TEST(NpzTest, WritesStoredMembersOfAFixedTime) {
  const std::string bytes = *FormatNpz(Sample());
  size_t at = 0;
  for (const auto& [name, tensor] : Sample()) {
    const std::string array = *FormatNpy(tensor);
    EXPECT_EQ(bytes.substr(at, 4), "PK\x03\x04");
    EXPECT_EQ(Field<uint16_t>(bytes, at + 8), 0) << "method";
    EXPECT_EQ(Field<uint16_t>(bytes, at + 10), 0) << "time";
    EXPECT_EQ(Field<uint16_t>(bytes, at + 12), 0x21) << "date";
    EXPECT_EQ(Field<uint32_t>(bytes, at + 14),
              crc32(0, reinterpret_cast<const Bytef*>(array.data()), array.size()));
    EXPECT_EQ(Field<uint32_t>(bytes, at + 18), array.size());
    EXPECT_EQ(Field<uint32_t>(bytes, at + 22), array.size());
    const size_t name_size = Field<uint16_t>(bytes, at + 26);
    const size_t extra_size = Field<uint16_t>(bytes, at + 28);
    EXPECT_EQ(bytes.substr(at + 30, name_size), name + ".npy");
    EXPECT_EQ(bytes.substr(at + 30 + name_size + extra_size, array.size()), array);
    at += 30 + name_size + extra_size + array.size();
  }
  EXPECT_EQ(bytes.substr(at, 4), "PK\x01\x02");
}

TEST(NpzTest, WritesTheSameBytesInEveryTimeZone) {
  const std::string here = *FormatNpz(Sample());
  setenv("TZ", "Asia/Tokyo", 1);
  tzset();
  EXPECT_EQ(*FormatNpz(Sample()), here);
}

TEST(NpzTest, ReadsWhatItHasWritten) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/npz_test.npz");
  const NamedTensors kCases[] = {
      Sample(),
      {},
      {{"", Tensor::Scalar(1.0)},
       {"größe", Tensor(DType::kFloat16, {0, 2})},
       {"b", Tensor::Vector<bool>({true})}},
  };
  for (const NamedTensors& tensors : kCases) {
    ASSERT_EQ(WriteNpz(path, tensors), absl::OkStatus());
    const auto again = ReadNpz(path);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, tensors);
  }
}

TEST(NpzTest, RefusesToWriteWhatZipOrNumpyLack) {
  const struct {
    std::string name;
    DType dtype;
    const char* error;
  } kCases[] = {
      {"weights", DType::kBFloat16, "array \"weights\": NumPy has no bfloat16"},
      {std::string("a\0b", 3), DType::kInt8, "zero byte"},
      {"\xff\xfe", DType::kInt8, "array \"\\xff\\xfe.npy\": a member's name is UTF-8 text"},
  };
  const std::string path = absl::StrCat(::testing::TempDir(), "/npz_test_refused.npz");
  for (const auto& c : kCases) {
    const absl::Status status = WriteNpz(path, {{c.name, Tensor(c.dtype, {2})}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(path), HasSubstr(c.error)));
    EXPECT_FALSE(ReadFile(path).ok());
  }
}

}  // namespace
}  // namespace nomograph
