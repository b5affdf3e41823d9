// Marshal data that is damaged, contradicts itself or costs too much is an error, never a crash.
#include "nomograph/serialization/keras/python/marshal.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/serialization/keras/python/function.h"
#include "nomograph/serialization/keras/python/payload.h"

namespace nomograph::keras {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

std::vector<std::string> StoredPayloads() {
  std::ifstream file("serialization/keras/python/testing/lambdas.json");
  std::vector<std::string> payloads;
  const auto cases = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  for (size_t i = 0; i < cases.size(); i += 19) {
    for (const auto& payload : cases[i]["payloads"]) {
      std::string bytes;
      EXPECT_TRUE(absl::Base64Unescape(payload[0].get<std::string>(), &bytes));
      payloads.push_back(bytes);
    }
  }
  return payloads;
}

// Whatever is read is also shown and translated.
void TryAll(absl::string_view bytes) {
  const auto lambda = ReadPayload(bytes);
  if (!lambda.ok()) {
    EXPECT_FALSE(lambda.status().message().empty());
    return;
  }
  EXPECT_FALSE(lambda->SourceText().empty());
  const Value x = InputValue({DType::kFloat32, PartialShape({Dim(2), Dim(3)})}, "x");
  const Translation translation = Translate(*lambda, {x}, false);
  EXPECT_EQ(translation.status.ok(), translation.missing.empty());
}

TEST(Marshal, SurvivesTruncationAtEveryByte) {
  for (const std::string& payload : StoredPayloads()) {
    for (size_t size = 0; size < payload.size(); ++size) {
      EXPECT_FALSE(ReadPayload(absl::string_view(payload).substr(0, size)).ok()) << size;
    }
  }
}

TEST(Marshal, SurvivesEveryByteFlipped) {
  const std::vector<std::string> payloads = StoredPayloads();
  for (size_t i = 0; i < payloads.size(); i += 5) {
    std::string payload = payloads[i];
    for (char& byte : payload) {
      const char before = byte;
      for (const int flip : {0x01, 0x80, 0xff}) {
        byte = static_cast<char>(before ^ flip);
        TryAll(payload);
      }
      byte = before;
    }
  }
}

struct BadCase {
  std::string bytes;
  std::string message;
};

TEST(Marshal, SaysWhatIsWrong) {
  const BadCase kCases[] = {
      {"", "expected 1 bytes, found 0"},
      {"\x07", "type 7 is not known"},
      {"N!", "expected the end, found 1 bytes more"},
      {"0", "found the end of a dict"},
      {"i\1\2", "expected 4 bytes, found 2"},
      {"s\xff\xff\xff\x7f", "elements in 0 bytes"},
      {"s\xff\xff\xff\xff", "expected -1 elements"},
      {"(\xff\xff\xff\x7fN", "elements in 1 bytes"},
      {"[\x02\0\0\0N"s, "elements in 1 bytes"},
      {"l\xff\xff\xff\x7f", "digits in 0 bytes"},
      {"l\0\0\0\x80"s, "digits in 0 bytes"},
      {"l\1\0\0\0\0\x80"s, "a digit of an integer is 32768"},
      {"r\0\0\0\0"s, "expected one of 0 references, found number 0"},
      {"r\xff\xff\xff\xff", "found number -1"},
      {"R\0\0\0\0"s, "expected one of 0 interned strings"},
      // A tuple and a list that hold themselves.
      {"\xa9\1r\0\0\0\0"s, "an object refers to itself"},
      {"\xdb\1\0\0\0r\0\0\0\0"s, "an object refers to itself"},
      {"{N0", "a key of a dict has no value"},
      {"f\3abc", "expected a number in text"},
  };
  for (const BadCase& bad : kCases) {
    const auto data = ReadMarshal(bad.bytes, CodeLayout::kPositionalOnly, {});
    ASSERT_FALSE(data.ok()) << absl::CHexEscape(bad.bytes);
    EXPECT_THAT(data.status().message(), HasSubstr(bad.message)) << absl::CHexEscape(bad.bytes);
  }
}

// lambda x: x * n, whose variables, free variables and cells are empty but for one cell.
TEST(Marshal, ReadsParametersWithoutVariables) {
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(
      "4wEAAAAAAAAAAQAAAAIAAAATAAAAcwgAAAB8AIgAFABTACkBTqkAKQApAdoBeCkB2gFucgEAAPoACG1vZGVsLnB5"
      "2gg8bGFtYmRhPgMAAABzAAA=",
      &bytes));
  TryAll(bytes);
  const std::string code = "c\1\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0s\1\0\0\0S"s +
                           ")\0)\0)\0)\0)\1z\1nz\1fz\1g\1\0\0\0s\0\0\0\0"s;
  EXPECT_THAT(ReadMarshal(code, CodeLayout::kKeywordOnly, {}).status().message(),
              HasSubstr("more parameters than variables"));
}

TEST(Marshal, KeepsItsLimits) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += ")\1"s;
  deep += 'N';
  const auto nested = ReadMarshal(deep, CodeLayout::kPositionalOnly, {});
  EXPECT_TRUE(absl::IsResourceExhausted(nested.status())) << nested.status();
  EXPECT_THAT(nested.status().message(), HasSubstr("more than 40 deep"));
  std::string many = "(\x50\xc3\0\0"s + std::string(50000, 'N');
  EXPECT_TRUE(ReadMarshal(many, CodeLayout::kPositionalOnly, {}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(
      ReadMarshal(many, CodeLayout::kPositionalOnly, {.max_objects = 100}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(
      ReadMarshal(many, CodeLayout::kPositionalOnly, {.max_payload = 100}).status()));
}

// Each tuple holds the one before twice: 2^40 objects on 40 levels if they were not shared.
TEST(Marshal, SharesWhatIsReferredTo) {
  std::string bytes = "(\x29\0\0\0"s + "\xa9\1N"s;
  for (int i = 0; i < 40; ++i) {
    const std::string last = "r"s + static_cast<char>(i) + "\0\0\0"s;
    bytes += "\xa9\2"s + last + last;
  }
  const auto data = ReadMarshal(bytes, CodeLayout::kPositionalOnly, {});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->object->items.size(), 41u);
}

// The values are those that Python 3.11 and, of slices, the format's description give.
TEST(Marshal, ReadsEveryType) {
  const auto read = [](const std::string& bytes) {
    const auto data = ReadMarshal(bytes, CodeLayout::kLocalsPlus, {});
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? data->object : std::make_shared<const Object>();
  };
  using Kind = Object::Kind;
  EXPECT_EQ(read("N")->kind, Kind::kNone);
  EXPECT_EQ(read("T")->number, 1);
  EXPECT_EQ(read(".")->kind, Kind::kEllipsis);
  EXPECT_EQ(read("S")->kind, Kind::kStopIteration);
  EXPECT_EQ(read("i\xfe\xff\xff\xff")->number, -2);
  EXPECT_EQ(read("I\0\0\0\0\1\0\0\0"s)->number, int64_t{1} << 32);
  // marshal.dumps(2**40) and marshal.dumps(-2**40)
  EXPECT_EQ(read("l\3\0\0\0\0\0\0\0\0\4"s)->number, int64_t{1} << 40);
  EXPECT_EQ(read("l\xfd\xff\xff\xff\0\0\0\0\0\4"s)->number, -(int64_t{1} << 40));
  EXPECT_EQ(read("l\5\0\0\0\0\0\0\0\0\0\0\0\x20\0"s)->kind, Kind::kBigInt);
  EXPECT_EQ(read("g\0\0\0\0\0\0\xe0\x3f"s)->real, 0.5);
  EXPECT_EQ(read("f\3"s + "1.5")->real, 1.5);
  EXPECT_EQ(read("y\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0"s)->imaginary, -2);
  EXPECT_EQ(read("u\2\0\0\0\xc3\xa9"s)->text, "é");
  EXPECT_EQ(read("s\2\0\0\0ab"s)->kind, Kind::kBytes);
  EXPECT_EQ(read("z\2ab")->text, "ab");
  EXPECT_EQ(read("<\1\0\0\0N"s)->kind, Kind::kSet);
  EXPECT_EQ(read(">\1\0\0\0N"s)->kind, Kind::kFrozenSet);
  EXPECT_EQ(read("[\1\0\0\0N"s)->kind, Kind::kList);
  EXPECT_EQ(read("{NT0")->items.size(), 2u);
  EXPECT_EQ(read(":NNN")->kind, Kind::kSlice);
}

}  // namespace
}  // namespace nomograph::keras
