#include "nomograph/serialization/onnx/export/message_writer.h"

#include <algorithm>
#include <vector>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kLengthDelimited = 2;

int64_t HeadBytes(int field, int64_t length) {
  return static_cast<int64_t>(
      CodedOutputStream::VarintSize32(static_cast<uint32_t>(field) << 3 | kLengthDelimited) +
      CodedOutputStream::VarintSize64(static_cast<uint64_t>(length)));
}
int64_t FieldBytes(int field, int64_t length) { return HeadBytes(field, length) + length; }

// The tag and the length ahead of a field of `length` bytes.
std::string Head(int field, int64_t length) {
  std::string head;
  google::protobuf::io::StringOutputStream stream(&head);
  CodedOutputStream coded(&stream);
  coded.WriteTag(static_cast<uint32_t>(field) << 3 | kLengthDelimited);
  coded.WriteVarint64(static_cast<uint64_t>(length));
  coded.Trim();
  return head;
}

std::string Serialize(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

// An initializer that is written after the others.
struct Large {
  const TensorProto* proto;
  const Tensor* payload;
  int64_t bytes() const {
    return static_cast<int64_t>(proto->ByteSizeLong()) +
           FieldBytes(TensorProto::kRawDataFieldNumber, RawBytes(*payload));
  }
};

std::vector<Large> LargeTensors(const GraphProto& graph, const Payloads& payloads) {
  std::vector<Large> large;
  for (const TensorProto& tensor : graph.initializer()) {
    const auto found = payloads.find(tensor.name());
    if (found != payloads.end() && tensor.data_location() != TensorProto::EXTERNAL) {
      large.push_back({&tensor, &found->second});
    }
  }
  return large;
}

}  // namespace

int64_t MessageBytes(const ModelProto& proto, const Payloads& payloads) {
  int64_t bytes = static_cast<int64_t>(proto.ByteSizeLong());
  for (const Large& tensor : LargeTensors(proto.graph(), payloads)) {
    bytes += FieldBytes(TensorProto::kRawDataFieldNumber, RawBytes(*tensor.payload));
  }
  return bytes;
}

absl::Status WriteMessage(const ModelProto& proto, const Payloads& payloads, const Sink& sink) {
  const std::vector<Large> large = LargeTensors(proto.graph(), payloads);
  GraphProto small = proto.graph();
  auto& initializers = *small.mutable_initializer();
  initializers.erase(std::remove_if(initializers.begin(), initializers.end(),
                                    [&](const TensorProto& tensor) {
                                      return payloads.contains(tensor.name()) &&
                                             tensor.data_location() != TensorProto::EXTERNAL;
                                    }),
                     initializers.end());
  ModelProto rest = proto;
  rest.clear_graph();
  const std::string small_bytes = Serialize(small);
  int64_t graph_bytes = static_cast<int64_t>(small_bytes.size());
  for (const Large& tensor : large) {
    graph_bytes += FieldBytes(GraphProto::kInitializerFieldNumber, tensor.bytes());
  }
  NOMO_RETURN_IF_ERROR(sink(Serialize(rest)));
  NOMO_RETURN_IF_ERROR(sink(Head(ModelProto::kGraphFieldNumber, graph_bytes)));
  NOMO_RETURN_IF_ERROR(sink(small_bytes));
  for (const Large& tensor : large) {
    NOMO_RETURN_IF_ERROR(sink(Head(GraphProto::kInitializerFieldNumber, tensor.bytes())));
    NOMO_RETURN_IF_ERROR(sink(Serialize(*tensor.proto)));
    NOMO_RETURN_IF_ERROR(sink(Head(TensorProto::kRawDataFieldNumber, RawBytes(*tensor.payload))));
    NOMO_RETURN_IF_ERROR(WriteRaw(*tensor.payload, sink));
  }
  return absl::OkStatus();
}

}  // namespace nomograph::onnx
