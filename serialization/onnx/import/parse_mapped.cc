#include "nomograph/serialization/onnx/import/parse_mapped.h"

#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/types/status.h"
#include "nomograph/serialization/wire.h"

namespace nomograph::onnx {
namespace {

// Smaller ones are copied sooner than they are left out.
constexpr size_t kMinLeftOutBytes = 4096;

// The bytes of a message without those that are left out.
struct Slim {
  std::string bytes;
  std::vector<std::pair<int, absl::string_view>> raw_data;  // an initializer's number and its bytes
};

void AppendBytes(int number, absl::string_view bytes, std::string& out) {
  AppendTag(number, WireType::kBytes, out);
  AppendVarint(bytes.size(), out);
  out.append(bytes.data(), bytes.size());
}

absl::Status SlimTensor(absl::string_view tensor, int initializer, Slim& out) {
  std::string bytes;
  for (WireReader reader(tensor); !reader.done();) {
    NOMO_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    const bool is_raw_data =
        field.number == TensorProto::kRawDataFieldNumber && field.type == WireType::kBytes;
    // Of a field that occurs twice the last counts.
    const bool is_first = out.raw_data.empty() || out.raw_data.back().first != initializer;
    if (is_raw_data && !is_first) out.raw_data.pop_back();
    if (is_raw_data && field.bytes.size() >= kMinLeftOutBytes) {
      out.raw_data.emplace_back(initializer, field.bytes);
    } else {
      bytes.append(field.whole.data(), field.whole.size());
    }
  }
  AppendBytes(GraphProto::kInitializerFieldNumber, bytes, out.bytes);
  return absl::OkStatus();
}

absl::Status SlimGraph(absl::string_view graph, Slim& out) {
  int initializers = 0;
  for (WireReader reader(graph); !reader.done();) {
    NOMO_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    if (field.number == GraphProto::kInitializerFieldNumber && field.type == WireType::kBytes) {
      NOMO_RETURN_IF_ERROR(SlimTensor(field.bytes, initializers++, out));
    } else {
      out.bytes.append(field.whole.data(), field.whole.size());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Slim> SlimModel(absl::string_view model) {
  Slim slim;
  bool has_graph = false;
  for (WireReader reader(model); !reader.done();) {
    NOMO_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    const bool is_graph =
        field.number == ModelProto::kGraphFieldNumber && field.type == WireType::kBytes;
    // Protobuf joins messages of one field: the numbers of the second's initializers go on from the
    // first's.
    if (is_graph && has_graph) return InvalidArgument("there are two graphs");
    if (!is_graph) {
      slim.bytes.append(field.whole.data(), field.whole.size());
      continue;
    }
    has_graph = true;
    Slim graph;
    NOMO_RETURN_IF_ERROR(SlimGraph(field.bytes, graph));
    AppendBytes(ModelProto::kGraphFieldNumber, graph.bytes, slim.bytes);
    slim.raw_data = std::move(graph.raw_data);
  }
  return slim;
}

// Whether an initializer can have bytes that are left out. A copy of the message without them
// would be in vain else.
bool HasLargeInitializer(absl::string_view model) {
  const auto any = [](absl::string_view message, uint32_t number, auto&& test) {
    for (WireReader reader(message); !reader.done();) {
      const auto field = reader.Next();
      if (!field.ok()) return false;
      if (field->number == number && field->type == WireType::kBytes && test(field->bytes)) {
        return true;
      }
    }
    return false;
  };
  return any(model, ModelProto::kGraphFieldNumber, [&any](absl::string_view graph) {
    return any(graph, GraphProto::kInitializerFieldNumber, [](absl::string_view initializer) {
      return initializer.size() >= kMinLeftOutBytes;
    });
  });
}

bool ParseWhole(absl::string_view bytes, ModelProto& model) {
  return bytes.size() <= INT_MAX &&
         model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

bool ParseMapped(absl::string_view bytes, ModelProto& model, RawData& raw_data) {
  if (!HasLargeInitializer(bytes)) return ParseWhole(bytes, model);
  const auto slim = SlimModel(bytes);
  if (!slim.ok()) return ParseWhole(bytes, model);
  if (!ParseWhole(slim->bytes, model)) return false;
  for (const auto& [initializer, data] : slim->raw_data) {
    raw_data.emplace(&model.graph().initializer(initializer), data);
  }
  return true;
}

}  // namespace nomograph::onnx
