// Safetensors against files composed byte by byte, and hostile headers.
#include "nomograph/data/safetensors.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string FileOf(absl::string_view header, absl::string_view data, int64_t length = -1) {
  const uint64_t bytes = length < 0 ? header.size() : length;
  std::string file(8, '\0');
  std::memcpy(file.data(), &bytes, 8);
  return absl::StrCat(file, header, data);
}

TEST(Safetensors, ReadsWhatTheFormatSays) {
  // float32 1 and -2 are 0x3f800000 and 0xc0000000, float16 1 is 0x3c00, bfloat16 1 is 0x3f80.
  const std::string file = FileOf(
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"data_offsets":[8,9],"shape":[1],"dtype":"BOOL"},)"
      R"("h":{"dtype":"F16","shape":[],"data_offsets":[9,11]},)"
      R"("bf":{"dtype":"BF16","shape":[1],"data_offsets":[11,13]},)"
      R"("i":{"dtype":"I64","shape":[1],"data_offsets":[13,21]},)"
      R"("none":{"dtype":"U8","shape":[0,3],"data_offsets":[21,21]}}   )",
      absl::string_view("\0\0\x80\x3f\0\0\0\xc0\x01\0\x3c\x80\x3f\xfe\xff\xff\xff\xff\xff\xff\xff",
                        21));
  const auto owner = std::make_shared<std::string>(file);
  for (const auto& keep : {std::shared_ptr<const void>(owner), std::shared_ptr<const void>()}) {
    const auto read = ParseSafetensors(*owner, keep);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->metadata.at("format"), "pt");
    ASSERT_EQ(read->tensors.size(), 6u);
    const auto tensor = [&](const char* name) { return read->tensors.find(name)->second; };
    EXPECT_EQ(tensor("w").type().ToString(), "float32[2,1]");
    EXPECT_THAT(tensor("w").data<float>(), ElementsAre(1, -2));
    EXPECT_EQ(tensor("b").type().ToString(), "bool[1]");
    EXPECT_EQ(tensor("b").AsDouble(0), 1);
    EXPECT_EQ(tensor("h").type().ToString(), "float16[]");
    EXPECT_EQ(tensor("h").AsDouble(0), 1);
    EXPECT_EQ(tensor("bf").AsDouble(0), 1);
    EXPECT_EQ(tensor("i").AsDouble(0), -2);
    EXPECT_EQ(tensor("none").type().ToString(), "uint8[0,3]");
  }
}

TEST(Safetensors, RefusesWhatIsNone) {
  const auto one = [](absl::string_view fields) {
    return FileOf(absl::StrCat(R"({"w":{)", fields, "}}"), "abcd");
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "expected a safetensors file, found 0 bytes"},
      {FileOf("{}", "", int64_t{1} << 62), "the header has 4611686018427387904 bytes, 2 are left"},
      {FileOf("[]", ""), "begins with '{'"},
      {FileOf("{", ""), "the header is no JSON: byte"},
      {FileOf("", ""), "the header is no JSON: byte"},
      {FileOf("{\"a\":1}", ""), "tensor \"a\": a number does not belong here"},
      {FileOf("{\"a\":{}}", ""), "expected dtype, shape and data_offsets"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1)"), "there is no field \"x\""},
      {one(R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])"),
       "a field occurs twice"},
      {one(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])"),
       "the type \"F33\" is not supported"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])"),
       "are not within the 4 that are there"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), "are not within"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
       "F32[2] does not take the 4 bytes"},
      {one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])"), "2^62"},
      {one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), "a number is negative"},
      {one(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), "a number is not whole"},
      {one(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4])"), "too large"},
      {one(R"("dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4])"), "not whole"},
      {one(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), "a list does not belong here"},
      {one(R"("dtype":"F32","shape":{},"data_offsets":[0,4])"), "an object does not belong here"},
      {one(R"("dtype":"F32","shape":null,"data_offsets":[0,4])"), "null does not belong here"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,4])"), "a list is too long"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), "has two numbers"},
      {one(R"("dtype":"U8","shape":[3],"data_offsets":[1,4])"), "it begins at byte 1"},
      {one(R"("dtype":"U8","shape":[3],"data_offsets":[0,3])"), "the tensors end at byte 3 of 4"},
      {one(R"("dtype":"BOOL","shape":[4],"data_offsets":[0,4])"), "a bool is neither 0 nor 1"},
      {FileOf(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}})", "x"),
       "tensor \"a\": the name occurs twice"},
      {FileOf(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
              R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
              "xyz"),
       "tensor \"b\": it begins at byte 1, the one ahead of it ends at 2"},
      {FileOf("{\"\\u001b[31m\":1}", ""), "tensor \"\\x1b[31m\""},
  };
  for (const auto& [file, message] : cases) {
    const auto read = ParseSafetensors(file);
    ASSERT_FALSE(read.ok()) << message;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(message));
  }
  const std::string long_header = FileOf(absl::StrCat("{", std::string(1000, ' '), "}"), "");
  EXPECT_TRUE(absl::IsResourceExhausted(ParseSafetensors(long_header, nullptr, {100}).status()));
  EXPECT_TRUE(ParseSafetensors(long_header).ok());
  // Lists in lists, a million deep, take neither stack nor memory.
  const std::string deep = FileOf(absl::StrCat("{\"a\":", std::string(1'000'000, '[')), "");
  EXPECT_THAT(std::string(ParseSafetensors(deep).status().message()), HasSubstr("a list does not"));
}

// Cut at every byte, and with every byte changed: an error or tensors.
TEST(Safetensors, TakesDamage) {
  const std::string file = FileOf(
      R"({"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]}})",
      std::string(9, '\0'));
  int refused = 0;
  const auto check = [&](const std::string& bytes) {
    const auto read = ParseSafetensors(bytes);
    if (!read.ok()) return void(++refused);
    for (const auto& [name, tensor] : read->tensors) {
      for (int64_t i = 0; i < tensor.num_elements(); ++i) tensor.AsDouble(i);
    }
  };
  for (size_t i = 0; i < file.size(); ++i) {
    check(file.substr(0, i));
    for (int change = 1; change < 256; change += 3) {
      std::string damaged = file;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      check(damaged);
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Safetensors, WritesWhatOthersRead) {
  const std::string path = ::testing::TempDir() + "/written.safetensors";
  NamedTensors tensors;
  tensors.emplace("half", *Tensor::FromVector<Half>({1}, {Half(1)}));
  tensors.emplace("a \"quoted\" name", *Tensor::FromVector<int64_t>({1}, {-2}));
  tensors.emplace("byte", *Tensor::FromVector<uint8_t>({3}, {1, 2, 3}));
  tensors.emplace("float", *Tensor::FromVector<float>({1, 2}, {1, -2}));
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"by", "me"}}).ok());
  const auto bytes = ReadFile(path);
  ASSERT_TRUE(bytes.ok());
  uint64_t length = 0;
  std::memcpy(&length, bytes->data(), 8);
  EXPECT_EQ(length % 8, 0u);
  const auto header = nlohmann::json::parse(bytes->substr(8, length));
  EXPECT_EQ(header, nlohmann::json::parse(R"({"__metadata__": {"by": "me"},
      "a \"quoted\" name": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
      "float": {"dtype": "F32", "shape": [1, 2], "data_offsets": [8, 16]},
      "half": {"dtype": "F16", "shape": [1], "data_offsets": [16, 18]},
      "byte": {"dtype": "U8", "shape": [3], "data_offsets": [18, 21]}})"));
  EXPECT_EQ(bytes->substr(8 + length),
            std::string("\xfe\xff\xff\xff\xff\xff\xff\xff\0\0\x80\x3f\0\0\0\xc0\0\x3c\1\2\3", 21));
  const auto read = ReadSafetensors(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->tensors.size(), 4u);

  const NamedTensors odd = {{"x", *Tensor::Create(DType::kInt4, {2})}};
  EXPECT_THAT(std::string(WriteSafetensors(path, odd).message()), HasSubstr("no type for int4"));
  const NamedTensors named = {{"__metadata__", tensors.begin()->second}};
  EXPECT_FALSE(WriteSafetensors(path, named).ok());
  const NamedTensors bytes_name = {{"\xff", tensors.begin()->second}};
  EXPECT_THAT(std::string(WriteSafetensors(path, bytes_name).message()), HasSubstr("no UTF-8"));
}

}  // namespace
}  // namespace nomograph
