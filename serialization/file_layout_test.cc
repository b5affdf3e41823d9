// The bytes of a .nomo file as FORMAT.md specifies them, and errors for those that are damaged.
#include "nomograph/serialization/file_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "nomograph/serialization/wire.h"

namespace nomograph {
namespace {

constexpr size_t kHeaderBytes = 31;

ModelProto Proto() {
  ModelProto proto;
  proto.set_name("m");
  proto.mutable_graph();
  return proto;
}

std::string File(const ModelProto& proto, const std::vector<Tensor>& payloads) {
  std::string file;
  const auto write = [&](absl::string_view piece, uint64_t) {
    file.append(piece.data(), piece.size());
    return absl::OkStatus();
  };
  EXPECT_TRUE(WriteFileLayout(HeaderAndGraphPart(proto).value(), payloads, write).ok());
  return file;
}

// The error that splitting yields.
std::string SplitError(const std::string& file) {
  const auto parts = SplitFile(file);
  return parts.ok() ? "" : std::string(parts.status().message());
}

TEST(FileLayoutTest, HeaderIsAsSpecified) {
  const std::string bytes = HeaderAndGraphPart(Proto()).value();
  // name = "m", an empty graph
  const std::string graph_part("\x32\x01m\x42\x00", 5);
  EXPECT_EQ(bytes.substr(kHeaderBytes), graph_part);
  EXPECT_EQ(bytes.substr(0, 14), "\n\x09nomograph\x10\x01\x19");
  EXPECT_EQ(bytes.substr(14, 9), std::string("\x05\0\0\0\0\0\0\0\x21", 9));
  std::string checksum;
  AppendFixed64(Checksum(graph_part), checksum);
  EXPECT_EQ(bytes.substr(23, 8), checksum);
}

TEST(FileLayoutTest, ChecksumIsXxh3) {
  // From xxHash's own test vectors: of nothing, with seed 0.
  EXPECT_EQ(Checksum(""), 0x2d06800538d394c2u);
}

TEST(FileLayoutTest, PayloadsAreAligned) {
  for (uint64_t position = 31; position < 31 + 130; ++position) {
    for (const uint64_t bytes : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 40}) {
      const std::string prefix = PayloadPrefix(position, bytes);
      EXPECT_EQ((position + prefix.size()) % 64, 0u);
      EXPECT_LT(prefix.size(), 64u + 2 + 1 + 10);
      EXPECT_EQ(WireReader(prefix).Next().value().number, 14u);
    }
  }
}

TEST(FileLayoutTest, SplitsWhatItWrites) {
  const std::vector<Tensor> payloads = {Tensor::Vector<uint8_t>({1, 2, 3}),
                                        Tensor(DType::kFloat64, {9}), Tensor(DType::kInt8, {0})};
  const std::string file = File(Proto(), payloads);
  const FileParts parts = SplitFile(file).value();
  ASSERT_EQ(parts.payloads.size(), 3u);
  EXPECT_EQ(parts.payloads[0], "\1\2\3");
  EXPECT_EQ(parts.payloads[1].size(), 72u);
  EXPECT_EQ(parts.payloads[2].size(), 0u);
  for (const absl::string_view payload : parts.payloads)
    EXPECT_EQ((payload.data() - file.data()) % 64, 0);
  EXPECT_TRUE(CheckPadding(parts).ok());
  ModelProto read;
  ASSERT_TRUE(read.ParseFromString(parts.graph));
  EXPECT_EQ(read.name(), "m");
}

TEST(FileLayoutTest, HandsOverPiecesAndTheSize) {
  const Tensor large(DType::kUInt8, {(int64_t{16} << 20) + 1});
  uint64_t sum = 0;
  uint64_t total = 0;
  size_t largest = 0;
  const auto write = [&](absl::string_view piece, uint64_t size) {
    sum += piece.size();
    largest = std::max(largest, piece.size());
    total = size;
    return absl::OkStatus();
  };
  ASSERT_TRUE(WriteFileLayout("head", {large}, write).ok());
  EXPECT_EQ(largest, size_t{16} << 20);
  EXPECT_EQ(sum, total);
}

TEST(FileLayoutTest, TakesPlainMessages) {
  ModelProto proto = Proto();
  proto.set_magic("nomograph");
  proto.set_format_version(1);
  proto.add_payload("one");
  proto.add_padding("");
  // Another field of the graph part behind the payloads.
  ModelProto rest;
  rest.set_doc("late");
  const std::string file = proto.SerializeAsString() + rest.SerializeAsString();
  const FileParts parts = SplitFile(file).value();
  ASSERT_EQ(parts.payloads.size(), 1u);
  EXPECT_EQ(parts.payloads[0], "one");
  ModelProto read;
  ASSERT_TRUE(read.ParseFromString(parts.graph));
  EXPECT_EQ(read.doc(), "late");
  EXPECT_EQ(read.payload_size(), 0);
}

TEST(FileLayoutTest, NamesWhatIsDamaged) {
  const std::string file = File(Proto(), {Tensor::Vector<uint8_t>({1, 2, 3})});
  std::string flipped = file;
  flipped[kHeaderBytes + 2] ^= 4;
  EXPECT_EQ(SplitError(flipped), "the graph part is damaged: its checksum differs");
  EXPECT_EQ(SplitError(file.substr(0, kHeaderBytes + 3)),
            "the file is truncated: its graph part has 5 bytes, 3 are left");
  EXPECT_EQ(SplitError(file.substr(0, 5)), "the file is truncated");
  EXPECT_EQ(SplitError(file.substr(0, 11)), "the file is truncated");
  EXPECT_EQ(SplitError(file.substr(0, 22)), "the file is truncated in its header");
  EXPECT_EQ(SplitError(file.substr(0, file.size() - 1)),
            "the payload part, at byte 36, is truncated or damaged: byte 28: field 15 needs 3 "
            "bytes, 2 are left");
  EXPECT_EQ(SplitError(file + Proto().SerializeAsString()),
            "the payload part, at byte 36, is damaged: field 6 cannot stand there");
  std::string padding = file;
  padding[kHeaderBytes + 5 + 2] = 1;
  EXPECT_EQ(CheckPadding(SplitFile(padding).value()).message(),
            "padding 0 is damaged: its bytes are not zero");
}

TEST(FileLayoutTest, NamesTheVersionThatIsNeeded) {
  std::string file = File(Proto(), {});
  file[12] = 3;
  EXPECT_EQ(SplitFile(file).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(SplitError(file), "the file has format version 3; this build reads versions up to 1");
  file[12] = 0;
  EXPECT_EQ(SplitError(file), "there is no format version");
}

TEST(FileLayoutTest, TellsOtherKindsOfFiles) {
  const struct {
    std::string bytes, kind;
  } cases[] = {
      {"", "the file is empty"},
      {"\x89HDF\r\n\x1a\n....", "it looks like HDF5, as Keras' .h5 files are"},
      {"PK\x03\x04....", "a zip archive, as .keras, .npz and PyTorch's files are"},
      {"\x93NUMPY\x01", "a NumPy array (.npy)"},
      {"\x80\x04\x95....", "a Python pickle"},
      {std::string("\x1c\0\0\0TFL3", 8), "a TensorFlow Lite model"},
      // ONNX: ir_version 8, producer_name "pytorch"
      {"\x08\x08\x12\x07pytorch", "an ONNX model"},
      {std::string("\x40\0\0\0\0\0\0\0{\"weight\"", 17), "a safetensors file"},
      {"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"},
      {"{\"class_name\": \"Sequential\", \"é\"}", "it looks like text"},
      {"# a model\nmagic: \"nomograph\"\n", "whose name must end with .txtpb"},
      {std::string("\x7f\x45LF", 4), "a program or shared library"},
  };
  for (const auto& c : cases) {
    const std::string error = SplitError(c.bytes);
    EXPECT_NE(error.find(c.kind), std::string::npos) << error;
    EXPECT_EQ(SplitFile(c.bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(SplitError(std::string("\xfe\xed\xfa\xce\0\0", 6)), "this is not a Nomograph model");
}

}  // namespace
}  // namespace nomograph
