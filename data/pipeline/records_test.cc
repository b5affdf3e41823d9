// TFRecord files and Examples, against bytes that were put together by hand
// (testdata/make_testdata.py), whole and damaged.
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/pipeline/crc32c.h"
#include "nomograph/data/pipeline/example.h"
#include "nomograph/data/pipeline/tfrecord.h"

namespace nomograph {
namespace {

std::string Testdata(absl::string_view name) {
  auto bytes = ReadFile(absl::StrCat("data/pipeline/testdata/", name));
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.value_or("");
}

std::string Bytes(int count, int step) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(i * step);
  return bytes;
}

TEST(Crc32c, IsThatOfTheStandard) {
  struct {
    std::string bytes;
    uint32_t crc, masked;
  } const cases[] = {
      {"", 0, 0xa282ead8},
      {"123456789", 0xe3069283, 0xc78ab0e5},
      // RFC 3720, appendix B.4.
      {std::string(32, '\0'), 0x8a9136aa, 0x0fd7fffa},
      {std::string(32, '\xff'), 0x62a8ab43, 0xf909b029},
      {Bytes(32, 1), 0x46dd794e, 0x951f7892},
      // make_testdata.py, bit by bit.
      {"TFRecord", 0x975aaf89, 0x0196198d},
      {Bytes(768, 1), 0x9fa293b3, 0xc9ea2a1d},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Crc32c(c.bytes), c.crc) << c.bytes.size();
    EXPECT_EQ(MaskedCrc32c(c.bytes), c.masked) << c.bytes.size();
  }
}

// All records of a file; "!" and the message in place of one that is damaged.
std::vector<std::string> Records(TfRecordReader reader) {
  std::vector<std::string> records;
  while (true) {
    const auto record = reader.Next();
    if (record.ok() && !*record) return records;
    records.push_back(record.ok() ? std::string(**record)
                                  : absl::StrCat("!", record.status().message()));
    if (!record.ok() && !reader.can_go_on()) return records;
  }
}

std::vector<std::string> Records(absl::string_view bytes, int64_t most = kDefaultMaxRecordBytes) {
  return Records(TfRecordReader(bytes, most));
}

// The same of a source that is read piece by piece, as a gzipped file is.
std::vector<std::string> StreamedRecords(absl::string_view bytes,
                                         int64_t most = kDefaultMaxRecordBytes) {
  auto records = Records(TfRecordReader(std::make_unique<MemorySource>(bytes), most));
  for (std::string& record : records)
    record = absl::StrReplaceAll(record, {{"unpacked byte", "byte"}});
  return records;
}

const std::vector<std::string>& RightRecords() {
  static const auto* const records =
      new std::vector<std::string>{"first", "", std::string(300, '\0'), "last"};
  return *records;
}

TEST(TfRecord, ReadsWhatWasPutTogetherByHand) {
  EXPECT_EQ(Records(Testdata("records.tfrecord")), RightRecords());
  EXPECT_EQ(StreamedRecords(Testdata("records.tfrecord")), RightRecords());
  EXPECT_TRUE(Records("").empty());
}

TEST(TfRecord, WritesTheSameBytes) {
  const std::string path = absl::StrCat(testing::TempDir(), "/records_test.tfrecord");
  auto writer = TfRecordWriter::Create(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const std::string& record : RightRecords()) ASSERT_TRUE(writer->Write(record).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(*ReadFile(path), Testdata("records.tfrecord"));
}

TEST(TfRecord, PassesOverRecords) {
  const std::string bytes = Testdata("records.tfrecord");
  TfRecordReader reader(bytes);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(*reader.SkipRecord());
  EXPECT_EQ(**reader.Next(), "last");
  EXPECT_FALSE(*reader.SkipRecord());
  EXPECT_EQ(reader.offset(), static_cast<int64_t>(bytes.size()));
}

// The length is a uint64; its checksum is right, as a hostile writer would have it.
std::string WithLength(uint64_t length, absl::string_view rest) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i));
  const uint32_t crc = MaskedCrc32c(bytes);
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(crc >> (8 * i));
  return absl::StrCat(bytes, rest);
}

TEST(TfRecord, DamagedFiles) {
  const std::string good = Testdata("records.tfrecord");
  std::string wrong_data = good;
  wrong_data[12] = 'F';
  std::string wrong_length = good;
  wrong_length[21 + 9] ^= 1;
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  struct {
    std::string bytes;
    std::vector<std::string> records;
  } const cases[] = {
      // Damaged bytes: the next record is known, so that who skips errors goes on there.
      {wrong_data,
       {"!record at byte 0: the checksum of its bytes does not hold", "", RightRecords()[2],
        "last"}},
      {wrong_length, {"first", "!record at byte 21: the checksum of its length does not hold"}},
      {good.substr(0, 5),
       {"!record at byte 0: the file ends 7 bytes before the end of the record's length"}},
      {good.substr(0, 20),
       {"!record at byte 0: it has 5 bytes and a checksum, but only 8 bytes follow in the file"}},
      {WithLength(kMost, "abcdefgh"),
       {"!record at byte 0: it has 18446744073709551615 bytes and a checksum, but only 8 bytes "
        "follow in the file"}},
      {WithLength(kMost - 3, "abcdefgh"),
       {"!record at byte 0: it has 18446744073709551612 bytes and a checksum, but only 8 bytes "
        "follow in the file"}},
      {WithLength(uint64_t{1} << 63, ""),
       {"!record at byte 0: it has 9223372036854775808 bytes and a checksum, but only 0 bytes "
        "follow in the file"}},
      {WithLength(0, "abc"),
       {"!record at byte 0: it has 0 bytes and a checksum, but only 3 bytes follow in the file"}},
      {"PNG or something else",
       {"!record at byte 0: the checksum of its length does not hold (is this a TFRecord file?)"}},
      {std::string("\x1f\x8b\x08\0\0\0\0\0\0\0\0\0\0", 13),
       {"!record at byte 0: the checksum of its length does not hold (the file is gzipped)"}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Records(c.bytes), c.records);
    if (absl::StartsWith(c.bytes, "\x1f")) continue;
    EXPECT_EQ(StreamedRecords(c.bytes), c.records);
  }
  const std::vector<std::string> without_long = {
      "first", "", "!record at byte 37: it has 300 bytes; at most 299 are allowed", "last"};
  EXPECT_EQ(Records(good, 299), without_long);
  EXPECT_EQ(StreamedRecords(good, 299), without_long);
}

TEST(TfRecord, EveryChangedBitAndEveryCutIsFound) {
  const std::string good = Testdata("records.tfrecord");
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      const auto records = Records(bytes);
      int errors = 0;
      for (const std::string& record : records) errors += absl::StartsWith(record, "!") ? 1 : 0;
      EXPECT_EQ(errors, 1) << i << " " << bit;
    }
    const std::string cut = good.substr(0, i);
    const auto records = Records(cut);
    const bool at_a_record = i == 0 || i == 21 || i == 37 || i == 353;
    EXPECT_EQ(!records.empty() && absl::StartsWith(records.back(), "!"), !at_a_record) << i;
  }
}

std::vector<std::string> ExampleBytes() { return Records(Testdata("examples.tfrecord")); }

ExampleParser Parser(std::vector<ExampleFeature> features) {
  auto parser = ExampleParser::Create(std::move(features));
  EXPECT_TRUE(parser.ok()) << parser.status();
  return *std::move(parser);
}

const std::vector<ExampleFeature>& Features() {
  static const auto* const features = new std::vector<ExampleFeature>{
      {"image", DType::kUInt8, Shape{2, 3}},
      {"label", DType::kInt64, Shape{}, Tensor::Scalar<int64_t>(-5)},
      {"weights", DType::kFloat32}};
  return *features;
}

TEST(Example, ReadsWhatWasPutTogetherByHand) {
  const auto bytes = ExampleBytes();
  ASSERT_EQ(bytes.size(), 4u);
  const auto image = [](std::initializer_list<uint8_t> pixels) {
    return Tensor::Of<uint8_t>({2, 3}, pixels);
  };
  const Element expected[] = {
      {image({0, 1, 2, 3, 4, 5}), Tensor::Scalar<int64_t>(7),
       Tensor::Vector<float>({0.5f, -1.25f, 3e38f})},
      {image({5, 4, 3, 2, 1, 0}), Tensor::Scalar<int64_t>(-1), Tensor::Vector<float>({2})},
      {image({0, 1, 2, 3, 4, 5}), Tensor::Scalar<int64_t>(2), Tensor::Vector<float>({1, 2, 3})},
      {image({'a', 'b', 'c', 'd', 'e', 'f'}), Tensor::Scalar<int64_t>(-5),
       Tensor(DType::kFloat32, {0})},
  };
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto element = Parser(Features()).Parse(bytes[i]);
    ASSERT_TRUE(element.ok()) << element.status();
    for (size_t c = 0; c < 3; ++c) EXPECT_EQ((*element)[c], expected[i][c]) << i << " " << c;
  }
}

TEST(Example, WritesTheSameBytes) {
  const std::string image("\0\1\2\3\4\5", 6);
  EXPECT_EQ(SerializeExample({{"weights", std::vector<float>{0.5f, -1.25f, 3e38f}},
                              {"image", std::vector<std::string>{image}},
                              {"label", std::vector<int64_t>{7}}}),
            ExampleBytes()[0]);
}

TEST(Example, ReadsWhatItWrites) {
  const std::vector<int64_t> integers = {
      0, -1, 127, 128, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  const std::string name = "a name\n\xff with anything in it";
  const std::string bytes =
      SerializeExample({{name, integers}, {"", std::vector<std::string>{"\x01\x02\x03\x04"}}});
  const auto element = Parser({{name, DType::kInt64}, {"", DType::kInt16, Shape{2}}}).Parse(bytes);
  ASSERT_TRUE(element.ok()) << element.status();
  EXPECT_EQ((*element)[0].ToInts(), integers);
  EXPECT_EQ((*element)[1], Tensor::Vector<int16_t>({0x0201, 0x0403}));
}

TEST(Example, FeaturesThatAreNotThere) {
  const std::string bytes = ExampleBytes()[0];
  struct {
    ExampleFeature feature;
    const char* message;
  } const cases[] = {
      {{"label", DType::kFloat32, Shape{}},
       "feature \"label\": it is a int64_list; expected a float_list for float32"},
      {{"weights", DType::kUInt8},
       "feature \"weights\": it is a float_list; expected a bytes_list for uint8"},
      {{"weights", DType::kFloat32, Shape{2}},
       "feature \"weights\": it has 3 values; expected 2 of shape [2]"},
      {{"image", DType::kUInt8, Shape{7}},
       "feature \"image\": it has 6 bytes; expected 7 of shape [7]"},
      {{"image", DType::kFloat32},
       "feature \"image\": it is a bytes_list; expected a float_list "
       "for float32"},
      {{"image", DType::kFloat64},
       "feature \"image\": it has 6 bytes, which are no whole elements of float64"},
      {{"no\nsuch", DType::kInt64, Shape{}},
       "feature \"no\\nsuch\": it is missing, and has no default"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Parser({c.feature}).Parse(bytes).status().message(), c.message);
  }
  const auto several = Parser({{"x", DType::kUInt8}})
                           .Parse(SerializeExample({{"x", std::vector<std::string>{"a", "b"}}}));
  EXPECT_EQ(several.status().message(), "feature \"x\": it has 2 strings; one is read");
}

TEST(Example, FeaturesThatCannotBe) {
  struct {
    std::vector<ExampleFeature> features;
    const char* message;
  } const cases[] = {
      {{}, "there are no features"},
      {{{"x"}}, "feature \"x\": it has no dtype"},
      {{{"x", DType::kInt64}, {"x", DType::kInt64}}, "feature \"x\" occurs twice"},
      {{{"x", DType::kInt64, Shape{2}, Tensor::Scalar<int64_t>(1)}},
       "feature \"x\": its default is int64[]; expected int64[2]"},
      {{{"x", DType::kInt64, {Dim(), 2}}},
       "feature \"x\": its shape is [?,2]; expected known sizes, or none for any number of values"},
      {{{"x", DType::kInt64, PartialShape(), Tensor::Vector<float>({1})}},
       "feature \"x\": its default is float32[1]; expected int64[?]"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ExampleParser::Create(c.features).status().message(), c.message);
  }
}

// Bytes that are no Example, in each of the layers of messages.
TEST(Example, DamagedMessages) {
  struct {
    std::string bytes;
    const char* message;
  } const cases[] = {
      {std::string("\x0a\xff", 2), "byte 2: the Example is damaged: no field is read there"},
      {std::string("\x00\x01", 2), "byte 1: the Example is damaged: no field is read there"},
      {std::string("\x0b\x0c", 2), "byte 1: the Example is damaged: no field is read there"},
      // A length of 2^63 - 1, and one of -1.
      {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
       "byte 10: the Example is damaged: no field is read there"},
      {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
       "byte 11: the Example is damaged: no field is read there"},
      // Eleven bytes of a number.
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
       "byte 11: the Example is damaged: no field is read there"},
      {"\x0a\x02\x0a\x7f", "byte 4: the map of features is damaged: no field is read there"},
      {"\x0a\x04\x0a\x02\x0a\x09",
       "byte 6: the entry of the map of features is damaged: no field is read there"},
      {"\x0a\x09\x0a\x07\x0a\x01x\x12\x02\x1a\x05",
       "byte 11: the Feature is damaged: no field is read there"},
      {"\x0a\x0b\x0a\x09\x0a\x01x\x12\x04\x1a\x02\x0a\x7f", "feature \"x\": its list is damaged"},
      {"\x0a\x0c\x0a\x0a\x0a\x01x\x12\x05\x1a\x03\x0a\x01\x80",
       "feature \"x\": its list is damaged"},
  };
  for (const auto& c : cases) {
    const auto element = Parser({{"x", DType::kInt64}}).Parse(c.bytes);
    EXPECT_EQ(element.status().message(), c.message);
  }
}

TEST(Example, EveryCutIsAnErrorOrAnExample) {
  for (const std::string& bytes : ExampleBytes()) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const int change : {-1, 0x01, 0x80, 0xff}) {
        std::string damaged = change < 0 ? bytes.substr(0, i) : bytes;
        if (change >= 0) damaged[i] = static_cast<char>(damaged[i] ^ change);
        const auto element = Parser(Features()).Parse(damaged);
        if (element.ok()) {
          EXPECT_EQ(element->size(), 3u);
        } else {
          EXPECT_NE(element.status().message(), "");
        }
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
