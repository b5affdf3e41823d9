// IDX: every element type, gzipped files, and hostile ones.
#include "nomograph/data/idx.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/testdata.h"

namespace nomograph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(IdxTest, ReadsEveryElementType) {
  for (const char* code : {"u1", "i1", "i2", "i4", "f4", "f8"}) {
    const auto tensor = ReadIdx(TestdataPath(absl::StrCat("idx/", code, "-idx3")));
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(*tensor, ReadReference(absl::StrCat("idx/", code, "-idx3.npy"))) << code;
  }
}

TEST(IdxTest, ReadsGzippedFiles) {
  EXPECT_EQ(*ReadIdx(TestdataPath("idx/u1-idx3.gz")), ReadReference("idx/u1-idx3.npy"));
}

TEST(IdxTest, RefusesHostileFiles) {
  const std::string gzipped = ReadTestdata("idx/u1-idx3.gz");
  const struct {
    std::string bytes;
    const char* error;
  } kCases[] = {
      {"", "4 bytes too early"},
      {"PK\3\4", "no IDX file: its first bytes are 50 4b 03"},
      {std::string("\0\0\x0a\1\0\0\0\0", 8), "no IDX file: its first bytes are 00 00 0a"},
      {std::string("\0\0\x08\2\0\0\0\1", 8), "4 bytes too early"},
      {std::string("\0\0\x08\1\0\0\0\2x", 9), "claims an array uint8[2], but at most 1 bytes"},
      {std::string("\0\0\x08\1\0\0\0\1xy", 10), "more bytes follow"},
      {std::string("\0\0\x0c\1\x3f\0\0\0", 8), "at most 0 bytes follow"},
      {std::string("\0\0\x0c\1\xff\xff\xff\xff", 8), "passes the allowed 4294967296 bytes"},
      {std::string("\0\0\x0e\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16),
       "more than 2^62 elements"},
      {gzipped.substr(0, gzipped.size() - 9), "cannot be unpacked"},
      {gzipped.substr(0, gzipped.size() - 6) + "######", "cannot be unpacked"},
  };
  const std::string path = absl::StrCat(::testing::TempDir(), "/idx_test");
  for (const auto& c : kCases) {
    ASSERT_EQ(WriteFileAtomically(path, c.bytes), absl::OkStatus());
    EXPECT_THAT(ReadIdx(path).status().message(), AllOf(HasSubstr(path), HasSubstr(c.error)));
  }
}

TEST(IdxTest, BoundsWhatIsUnpacked) {
  const std::string path = TestdataPath("idx/u1-idx3.gz");  // 12 bytes
  EXPECT_TRUE(ReadIdx(path, {.max_bytes = 28}).ok());
  EXPECT_EQ(ReadIdx(path, {.max_bytes = 11}).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(IdxTest, NamesWhatCannotBeOpened) {
  EXPECT_EQ(ReadIdx("missing-idx3").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(ReadIdx(TestdataPath("idx")).status().message(), HasSubstr("directory"));
}

}  // namespace
}  // namespace nomograph
