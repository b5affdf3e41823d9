#include "nomograph/core/compile/memory_needs.h"

#include <algorithm>
#include <limits>

#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/names.h"

namespace nomograph {
namespace {

absl::Status CheckFits(const TensorType& type) {
  const absl::Status status = CurrentMemoryAccount()->Check(BytesNeeded(type));
  return Annotate(status, absl::StrCat("its output ", type.ToString(), " is too large"));
}

}  // namespace

int64_t BytesNeeded(const TensorType& type) {
  if (!type.shape.fully_known() || type.dtype == DType::kInvalid) return -1;
  const auto count = type.shape.ToShape().CheckedNumElements();
  const int64_t most = std::numeric_limits<int64_t>::max();
  if (!count.ok() || *count > most / DTypeSize(type.dtype)) return most;
  return *count * DTypeSize(type.dtype);
}

absl::Status CheckValuesFit(const LoweredGraph& graph) {
  ErrorList errors;
  for (const LoweredNode& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (id == kNoValue) continue;
      const absl::Status status = CheckFits(graph.types[id]);
      if (!status.ok()) errors.Add(status, NodePlace(node.name, node.op->name));
    }
  }
  return errors.ToStatus("values do not fit into memory");
}

std::vector<std::string> ValuesThatDoNotFit(const Graph& graph) {
  std::vector<std::string> lines;
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (id == kNoValue) continue;
      const absl::Status status = CheckFits(graph.values[id].type);
      if (status.ok()) continue;
      lines.push_back(absl::StrCat(NodePlace(node.name, node.op), ": ", status.message()));
    }
  }
  return lines;
}

std::string LargestValue(const LoweredGraph& graph) {
  const LoweredNode* largest = nullptr;
  ValueId value = kNoValue;
  for (const LoweredNode& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (id == kNoValue) continue;
      if (largest != nullptr && BytesNeeded(graph.types[id]) <= BytesNeeded(graph.types[value])) {
        continue;
      }
      largest = &node;
      value = id;
    }
  }
  if (largest == nullptr) return "";
  const TensorType& type = graph.types[value];
  return absl::StrCat("the largest is ", NodePlace(largest->name, largest->op->name), ": ",
                      type.ToString(), ", ",
                      ReadableBytes(std::max<int64_t>(BytesNeeded(type), 0)));
}

}  // namespace nomograph
