// Writes an ONNX message whose large tensors never lie in it: their elements go from where they are
// straight to the file.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_MESSAGE_WRITER_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_MESSAGE_WRITER_H_

#include <functional>
#include <map>
#include <string>

#include "nomograph/core/types/tensor.h"
#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph::onnx {

// The elements of initializers of the main graph that have none in the message, by name.
using Payloads = std::map<std::string, Tensor>;

// Smaller tensors lie in the message.
inline constexpr int64_t kMinPayloadBytes = 1024;

// Takes the bytes, in order.
using Sink = std::function<absl::Status(absl::string_view bytes)>;

// The bytes of the message with the payloads in their places.
int64_t MessageBytes(const ModelProto& proto, const Payloads& payloads);

// Writes it. The graph comes last, and in it the initializers with a payload. Deterministic.
absl::Status WriteMessage(const ModelProto& proto, const Payloads& payloads, const Sink& sink);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_MESSAGE_WRITER_H_
