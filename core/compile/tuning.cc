#include "nomograph/core/compile/tuning.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nomograph {
namespace {

// The inputs that the op itself has: operands of what is fused behind it come after them, and what
// is absent in between has no name.
size_t NumOwnInputs(const LoweredNode& node) {
  size_t count = node.inputs.size();
  for (const PostOp& op : node.post_ops) {
    if (op.input >= 0) count = std::min(count, static_cast<size_t>(op.input));
  }
  while (count > 0 && node.inputs[count - 1] == kNoValue) --count;
  return count;
}

// False where the shape is not known.
bool AppendTypes(const LoweredGraph& graph, absl::Span<const ValueId> ids, std::string& text) {
  for (const ValueId id : ids) {
    if (id == kNoValue) {
      absl::StrAppend(&text, " -");
      continue;
    }
    if (!graph.types[id].shape.fully_known()) return false;
    // Symbols name sizes that are not known.
    absl::StrAppend(&text, graph.constants[id].valid() ? " constant " : " ",
                    graph.types[id].ToString());
  }
  return true;
}

}  // namespace

const NodeForm* Tuning::Find(absl::string_view key) const {
  if (key.empty()) return nullptr;
  const auto it = forms.find(key);
  return it == forms.end() ? nullptr : &it->second;
}

std::string FormKey(const LoweredGraph& graph, const LoweredNode& node, int threads) {
  if (node.op->fast.empty()) return "";
  std::string key = absl::StrCat(node.op->ToString(), " (", node.attrs.ToString(), ")");
  const auto inputs = absl::MakeConstSpan(node.inputs).first(NumOwnInputs(node));
  if (!AppendTypes(graph, inputs, key)) return "";
  absl::StrAppend(&key, " ->");
  if (!AppendTypes(graph, node.outputs, key)) return "";
  absl::StrAppend(&key, ", ", threads, threads == 1 ? " thread" : " threads");
  return key.size() > kMaxFormKeyBytes ? "" : key;
}

}  // namespace nomograph
