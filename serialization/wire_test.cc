// The wire format read, checked and appended, well-formed and not.
#include "nomograph/serialization/wire.h"

#include <gtest/gtest.h>

#include <string>

#include "google/protobuf/unknown_field_set.h"
#include "nomograph/proto/model.pb.h"
#include "nomograph/serialization/wire_check.h"

namespace nomograph {
namespace {

std::string Bytes(std::initializer_list<int> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

TEST(WireTest, ReadsEachWireType) {
  // The first is the example of protobuf's own documentation.
  const std::string message = Bytes({0x08, 0x96, 0x01,                               //
                                     0x12, 0x03, 'a',  'b',  'c',                    //
                                     0x1d, 0x04, 0x03, 0x02, 0x01,                   //
                                     0x21, 1,    0,    0,    0,    0,   0, 0, 0x80,  //
                                     0xf8, 0xff, 0xff, 0xff, 0x0f, 0x7f});
  WireReader reader(message);
  const WireField varint = reader.Next().value();
  EXPECT_EQ(varint.number, 1u);
  EXPECT_EQ(varint.value, 150u);
  EXPECT_EQ(varint.whole, message.substr(0, 3));
  const WireField bytes = reader.Next().value();
  EXPECT_EQ(bytes.type, WireType::kBytes);
  EXPECT_EQ(bytes.bytes, "abc");
  EXPECT_EQ(reader.position(), 8u);
  EXPECT_EQ(reader.Next().value().value, 0x01020304u);
  EXPECT_EQ(reader.Next().value().value, 0x8000000000000001u);
  const WireField last = reader.Next().value();
  EXPECT_EQ(last.number, (1u << 29) - 1);
  EXPECT_EQ(last.value, 0x7fu);
  EXPECT_TRUE(reader.done());
}

TEST(WireTest, RefusesWhatIsNoField) {
  const struct {
    std::string bytes, message;
  } cases[] = {
      {Bytes({0x80}), "byte 1: the bytes end within a varint"},
      {Bytes({0x00, 0x01}), "there is no such field"},
      {Bytes({0x0b}), "field 1 has wire type 3, which is not used"},
      {Bytes({0x0e}), "field 1 has wire type 6"},
      {Bytes({0x0a, 0x05, 'a'}), "field 1 needs 5 bytes, 1 are left"},
      {Bytes({0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
       "field 1 needs 18446744073709551615 bytes, 0 are left"},
      {Bytes({0x09, 1, 2, 3}), "the bytes end within a number of 8 bytes"},
      {Bytes({0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}), "more than 10 bytes"},
      {Bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x01}), "there is no such field"},
  };
  for (const auto& c : cases) {
    const auto field = WireReader(c.bytes).Next();
    ASSERT_FALSE(field.ok());
    EXPECT_EQ(field.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_NE(field.status().message().find(c.message), absl::string_view::npos) << field.status();
  }
}

TEST(WireTest, AppendsWhatItReads) {
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 35, ~uint64_t{0}}) {
    std::string bytes;
    AppendTag(15, WireType::kVarint, bytes);
    AppendVarint(value, bytes);
    EXPECT_EQ(bytes.size(), 1u + VarintSize(value));
    AppendTag(16, WireType::kFixed64, bytes);
    AppendFixed64(value, bytes);
    WireReader reader(bytes);
    EXPECT_EQ(reader.Next().value().value, value);
    EXPECT_EQ(reader.Next().value().value, value);
  }
}

TEST(WireTest, Utf8) {
  const struct {
    std::string text;
    bool valid;
  } cases[] = {
      {"", true},
      {"plain", true},
      {std::string("\0", 1), true},
      {"π Ω 漢 🎉", true},
      {"\xed\x9f\xbf", true},       // the last before the surrogates
      {"\xed\xa0\x80", false},      // a surrogate
      {"\xf4\x8f\xbf\xbf", true},   // the last code point
      {"\xf4\x90\x80\x80", false},  // past it
      {"\xc0\x80", false},          // overlong
      {"\xe0\x9f\xbf", false},      // overlong
      {"\xf0\x8f\xbf\xbf", false},  // overlong
      {"\x80", false},
      {"a\xc3", false},
      {"\xe2\x82", false},
      {"\xff", false},
  };
  for (const auto& c : cases) EXPECT_EQ(IsUtf8(c.text), c.valid) << testing::PrintToString(c.text);
}

TEST(WireCheckTest, NamesThePlace) {
  const struct {
    std::string bytes, message;
  } cases[] = {
      // A graph with an empty node and a node with an attribute of this name.
      {"\x1a" + Bytes({0}) + "\x1a\x05\x32\x03\x0a\x01\xff",
       "nodes[1]: attributes[0]: name: the text is not UTF-8; bytes belong into a uint8 tensor"},
      {"\x12\x01\x08", "values[0]: byte 1: the bytes end within a varint"},
      {Bytes({0x08, 0x01}), "name: expected wire type 2, found 0"},
      {Bytes({0x2a, 0x02, 0x01, 0x80}), "inputs[0]: the bytes end within a varint"},
  };
  for (const auto& c : cases) {
    const auto result = CheckWire(c.bytes, *GraphProto::descriptor());
    EXPECT_EQ(std::string(result.status().message()), c.message);
  }
}

TEST(WireCheckTest, SeesUnknownFields) {
  GraphProto graph;
  graph.add_nodes()->set_name("n");
  EXPECT_FALSE(CheckWire(graph.SerializeAsString(), *GraphProto::descriptor()).value());
  EXPECT_TRUE(CheckNoUnknownFields(graph).ok());
  NodeProto& node = *graph.mutable_nodes(0);
  node.GetReflection()->MutableUnknownFields(&node)->AddVarint(1000, 5);
  EXPECT_TRUE(CheckWire(graph.SerializeAsString(), *GraphProto::descriptor()).value());
  EXPECT_EQ(std::string(CheckNoUnknownFields(graph).message()),
            "nodes[0]: field 1000 is of a newer version of the format");
}

TEST(WireCheckTest, ChecksStringsAheadOfWriting) {
  NodeProto node;
  node.add_attributes()->mutable_strings()->add_values("fine");
  EXPECT_TRUE(CheckStrings(node).ok());
  node.mutable_attributes(0)->mutable_strings()->add_values("\xfe");
  EXPECT_EQ(
      std::string(CheckStrings(node).message()),
      "attributes[0]: strings: values[1]: the text is not UTF-8; bytes belong into a uint8 tensor");
}

}  // namespace
}  // namespace nomograph
