// A pass: what kernels for float32 compute in place of 16-bit ones stays in float32 between nodes.
//
// Each kernel for 16 bits would convert its inputs, compute in float32 and round its outputs
// (core/op/widened_kernel.h). Here nodes become nodes of float32, with casts where such a region
// begins and ends, so that all that is done for float32 models (fusion, packing, affine maps that
// go into weights) is done for these. Results are rounded to 16 bits once, at the end, instead of
// behind each node, and what is past the range of 16 bits in between is no infinity. Casts that a
// model has itself round as ever.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/compile/dtype_choice.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/compile/specs.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/float16.h"

namespace nomograph {
namespace {

class Widener {
 public:
  Widener(LoweredGraph& graph, const OpDef& cast)
      : graph_(graph), cast_(cast), wide_(graph.types.size(), kNoValue) {
    narrow_exists_.assign(graph.types.size(), true);
  }

  absl::StatusOr<bool> Run() {
    std::vector<LoweredNode> nodes = std::exchange(graph_.nodes, {});
    for (LoweredNode& node : nodes) {
      if (const std::optional<std::vector<bool>> outputs = WideOutputs(node)) {
        NOMO_RETURN_IF_ERROR(Widen(node, *outputs));
      } else {
        for (const ValueId id : node.inputs) NOMO_RETURN_IF_ERROR(MakeNarrow(id, node.name));
      }
      graph_.nodes.push_back(std::move(node));
    }
    for (const ValueId id : graph_.outputs) NOMO_RETURN_IF_ERROR(MakeNarrow(id, "output"));
    return changed_;
  }

 private:
  bool Is16Bit(ValueId id) const { return id != kNoValue && Is16BitFloat(graph_.types[id].dtype); }

  bool HasWide(ValueId id) const {
    return static_cast<size_t>(id) < wide_.size() && wide_[id] != kNoValue;
  }

  // Which of the node's outputs become float32; none where the node stays as it is. Tables that are
  // only looked up in, say, stay narrow.
  std::optional<std::vector<bool>> WideOutputs(const LoweredNode& node) const {
    const OpDef& op = *node.op;
    if (&op == &cast_ || op.effects != Effects::kPure || op.inputs.empty() || CallsFunctions(op))
      return std::nullopt;
    bool any = false;
    auto [types, constants] = Operands(graph_, node.inputs);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!Is16Bit(node.inputs[i])) continue;
      if (!TakesDType(op, i, DType::kFloat32)) return std::nullopt;
      any = any || !constants[i].valid() || op.folds_late;
      types[i].dtype = DType::kFloat32;
      // Shapes may follow from a constant's numbers, but from none that is a fraction.
      constants[i] = Tensor();
    }
    if (!any) return std::nullopt;
    const auto inferred = InferNode(
        op, InferContext(node.attrs, types, constants, static_cast<int>(node.outputs.size())));
    if (!inferred.ok() || inferred->size() < node.outputs.size()) return std::nullopt;
    std::vector<bool> wide;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      const TensorType& found = (*inferred)[i];
      wide.push_back(Is16Bit(id) && found.dtype == DType::kFloat32);
      if (id == kNoValue) continue;
      const TensorType& given = graph_.types[id];
      if (!wide.back() && found.dtype != given.dtype) return std::nullopt;
      if (!Compatible(found.shape, given.shape)) return std::nullopt;
    }
    return wide;
  }

  absl::Status Widen(LoweredNode& node, const std::vector<bool>& outputs) {
    changed_ = true;
    for (ValueId& id : node.inputs) {
      if (!Is16Bit(id)) continue;
      NOMO_ASSIGN_OR_RETURN(id, Wide(id, node.name));
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (!outputs[i]) continue;
      const ValueId id = node.outputs[i];
      narrow_exists_[id] = false;
      wide_[id] = graph_.AddValue({DType::kFloat32, graph_.types[id].shape});
      node.outputs[i] = wide_[id];
    }
    return absl::OkStatus();
  }

  // The value in float32.
  absl::StatusOr<ValueId> Wide(ValueId id, const std::string& reader) {
    if (HasWide(id)) return wide_[id];
    const Tensor narrow = graph_.constants[id];
    const ValueId wide = graph_.AddValue({DType::kFloat32, graph_.types[id].shape});
    if (narrow.valid()) {
      NOMO_ASSIGN_OR_RETURN(graph_.constants[wide],
                            Tensor::Create(DType::kFloat32, narrow.shape()));
      ConvertElements(narrow.dtype(), narrow.raw_data(), DType::kFloat32,
                      graph_.constants[wide].mutable_raw_data(), narrow.num_elements());
      MappedFile::GiveBack(narrow.raw_data(), static_cast<size_t>(narrow.num_bytes()));
    } else {
      NOMO_RETURN_IF_ERROR(AddCast(id, wide, absl::StrCat(reader, "/ToFloat32")));
    }
    wide_[id] = wide;
    return wide;
  }

  // Sees to it that the value exists as it was.
  absl::Status MakeNarrow(ValueId id, const std::string& reader) {
    if (!Is16Bit(id) || narrow_exists_[id]) return absl::OkStatus();
    narrow_exists_[id] = true;
    return AddCast(
        wide_[id], id,
        absl::StrCat(reader, "/To",
                     graph_.types[id].dtype == DType::kFloat16 ? "Float16" : "BFloat16"));
  }

  absl::Status AddCast(ValueId from, ValueId to, std::string name) {
    NOMO_ASSIGN_OR_RETURN(Attributes attrs,
                          ResolveAttributes(cast_.attrs, {{"to", graph_.types[to].dtype}}));
    graph_.nodes.push_back({.name = std::move(name),
                            .op = &cast_,
                            .attrs = std::move(attrs),
                            .inputs = {from},
                            .outputs = {to},
                            .post_ops = {},
                            .fused = {}});
    return absl::OkStatus();
  }

  LoweredGraph& graph_;
  const OpDef& cast_;
  std::vector<ValueId> wide_;        // by the graph's own values: the same in float32
  std::vector<bool> narrow_exists_;  // by the graph's own values
  bool changed_ = false;
};

}  // namespace

absl::StatusOr<bool> WidenHalves(LoweredGraph& graph, const OpRegistry& registry) {
  const OpDef* cast = registry.Find("array.Cast");
  if (!Has16BitFloats(graph) || cast == nullptr) return false;
  return Widener(graph, *cast).Run();
}

}  // namespace nomograph
