// A pass: products get their inputs in bfloat16, the rest of the program stays in float32. No value
// is rounded that anything but a product reads, so that all conversions lead from float32 to
// bfloat16, and none leads back. Kernels that round one factor themselves are given the other one,
// a constant, rounded; nodes whose kernels round both are marked (kRoundsFactors). All is float32
// around these.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/compile/dtype_choice.h"
#include "nomograph/core/compile/lower.h"
#include "nomograph/core/compile/specs.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/narrow/bfloat16_product.h"

namespace nomograph {
namespace {

// Which inputs and outputs of a node are bfloat16 where it computes in 16 bits.
struct LowForm {
  std::vector<bool> inputs, outputs;
  bool rounds = false;  // whether its kernel rounds those that are not
};

bool AllFloat32(const NodeSpecs& specs) {
  const auto is = [](const TensorSpec& spec) {
    return spec.dtype == DType::kFloat32 || spec.dtype == DType::kInvalid;
  };
  return std::all_of(specs.inputs.begin(), specs.inputs.end(), is) &&
         std::all_of(specs.outputs.begin(), specs.outputs.end(), is);
}

// None where there are fewer than two inputs, or not all shapes are known.
std::optional<NodeSpecs> SpecsOf(const LoweredGraph& graph, const LoweredNode& node) {
  if (node.inputs.size() < 2 || node.inputs[1] == kNoValue) return std::nullopt;
  NodeSpecs specs(graph, node);
  if (!specs.shapes_known) return std::nullopt;
  return specs;
}

Attributes Marked(Attributes attrs) {
  attrs.Set(kRoundsFactors, true);
  return attrs;
}

bool Ask(const LoweredNode& node, const Attributes& attrs, const NodeSpecs& specs) {
  return node.op->TakesPostOps(
      {attrs, specs.inputs, specs.outputs, specs.constants, {}, /*threads=*/1});
}

class Assigner {
 public:
  Assigner(LoweredGraph& graph, const OpDef& cast)
      : graph_(graph),
        cast_(cast),
        needed_wide_(graph.types.size(), false),
        narrow_(graph.types.size(), kNoValue),
        producer_(graph.types.size(), -1) {}

  absl::StatusOr<bool> Run() {
    for (const LoweredNode& node : graph_.nodes) forms_.push_back(FormOf(node));
    FindNeededWide();
    std::vector<LoweredNode> nodes = std::exchange(graph_.nodes, {});
    for (size_t n = 0; n < nodes.size(); ++n) {
      if (RunsLow(nodes[n], forms_[n])) NOMO_RETURN_IF_ERROR(MakeLow(nodes[n], *forms_[n]));
      for (const ValueId id : nodes[n].outputs) {
        if (id != kNoValue) producer_[id] = static_cast<int>(graph_.nodes.size());
      }
      graph_.nodes.push_back(std::move(nodes[n]));
    }
    DropRoundedConstants();
    return changed_;
  }

 private:
  // What a kernel is given of the factors: all of them rounded; a constant alone, or none, where it
  // rounds what is not; or none, where it is faster in float32.
  enum class Factors { kBFloat16, kConstantRounded, kRounding, kFloat32 };

  // Where the machine multiplies bfloat16, kernels that round factors themselves are faster than to
  // round these beforehand, and those that can but reckon that it does not pay are right.
  Factors FactorsOf(const LoweredNode& node) const {
    if (!HasBFloat16Products() || !node.op->MayTakePostOps()) return Factors::kBFloat16;
    std::optional<NodeSpecs> described = SpecsOf(graph_, node);
    if (!described || !AllFloat32(*described)) return Factors::kBFloat16;
    NodeSpecs& specs = *described;
    const auto ask = [&](const Attributes& attrs) { return Ask(node, attrs, specs); };
    if (specs.constants[1].valid()) {
      specs.inputs[1].dtype = DType::kBFloat16;  // and its elements float32 still: hooks read none
      const FormScope scope(FormScope::Wish::kEstimate);
      if (ask(node.attrs)) return Factors::kConstantRounded;
      if (!scope.offered().empty()) return Factors::kFloat32;
      specs.inputs[1].dtype = DType::kFloat32;
    }
    const FormScope scope(FormScope::Wish::kEstimate);
    ask(Marked(node.attrs));
    if (scope.taken() == kRoundingForm) return Factors::kRounding;
    const auto& offered = scope.offered();
    const bool can = std::find(offered.begin(), offered.end(), kRoundingForm) != offered.end();
    return can ? Factors::kFloat32 : Factors::kBFloat16;
  }

  // None where the node has to stay as it is.
  std::optional<LowForm> FormOf(const LoweredNode& node) const {
    const OpDef& op = *node.op;
    const bool gains = op.low_precision == LowPrecision::kGains;
    const bool effect = op.effects != Effects::kPure && op.effects != Effects::kRandom;
    if (effect || CallsFunctions(op) || !node.post_ops.empty()) return std::nullopt;
    LowForm form;
    if (op.low_precision == LowPrecision::kNever) {
      // It reads float32, but may have products inside.
      if (!RoundsItself(graph_, node)) return std::nullopt;
      form.rounds = true;
      form.inputs.resize(node.inputs.size(), false);
      form.outputs.resize(node.outputs.size(), false);
      return form;
    }
    if (gains) {
      switch (FactorsOf(node)) {
        case Factors::kFloat32:
          return std::nullopt;
        case Factors::kConstantRounded:
          form.inputs.resize(node.inputs.size(), false);
          form.inputs[1] = true;
          form.outputs.resize(node.outputs.size(), false);
          return form;
        case Factors::kRounding:
          form.rounds = true;
          form.inputs.resize(node.inputs.size(), false);
          form.outputs.resize(node.outputs.size(), false);
          return form;
        case Factors::kBFloat16:
          break;
      }
    }
    auto [types, constants] = Operands(graph_, node.inputs);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      form.inputs.push_back(types[i].dtype == DType::kFloat32 &&
                            TakesDType(op, i, DType::kBFloat16));
      if (!form.inputs[i]) continue;
      types[i].dtype = DType::kBFloat16;
      constants[i] = Tensor();
    }
    // What has one factor is no product.
    const auto low = std::count(form.inputs.begin(), form.inputs.end(), true);
    if (low < (gains ? 2 : 1)) return std::nullopt;
    const auto inferred = InferNode(
        op, InferContext(node.attrs, types, constants, static_cast<int>(node.outputs.size())));
    if (!inferred.ok() || inferred->size() < node.outputs.size()) return std::nullopt;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const DType found = (*inferred)[i].dtype;
      const DType given = node.outputs[i] == kNoValue ? found : graph_.types[node.outputs[i]].dtype;
      const bool is_low = found == DType::kBFloat16 && given == DType::kFloat32;
      // What follows moves its elements; where it yields their places as well, these are to be
      // those of elements that have not been rounded.
      if (!is_low && (found != given || !gains)) return std::nullopt;
      form.outputs.push_back(is_low);
    }
    return form;
  }

  // Whether the form's outputs are read by nothing but what takes them in bfloat16.
  bool OutputsMayBeLow(const LoweredNode& node, const LowForm& form) const {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (form.outputs[i] && id != kNoValue && needed_wide_[id]) return false;
    }
    return true;
  }

  void FindNeededWide() {
    for (const ValueId id : graph_.outputs) needed_wide_[id] = true;
    for (size_t n = graph_.nodes.size(); n-- > 0;) {
      const LoweredNode& node = graph_.nodes[n];
      const std::optional<LowForm>& form = forms_[n];
      const bool low =
          form && (node.op->low_precision == LowPrecision::kGains || OutputsMayBeLow(node, *form));
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] != kNoValue && !(low && form->inputs[i])) {
          needed_wide_[node.inputs[i]] = true;
        }
      }
    }
  }

  bool RunsLow(const LoweredNode& node, const std::optional<LowForm>& form) const {
    if (!form || form->rounds || node.op->low_precision == LowPrecision::kGains) {
      return form.has_value();
    }
    if (!OutputsMayBeLow(node, *form)) return false;
    // It rounds what it moves no earlier than a product needs it.
    return std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      return id != kNoValue && graph_.types[id].dtype == DType::kBFloat16;
    });
  }

  absl::Status MakeLow(LoweredNode& node, const LowForm& form) {
    if (form.rounds) node.attrs = Marked(node.attrs);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!form.inputs[i]) continue;
      NOMO_ASSIGN_OR_RETURN(node.inputs[i], Narrow(node.inputs[i], node.name));
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (form.outputs[i] && id != kNoValue && !needed_wide_[id]) {
        graph_.types[id].dtype = DType::kBFloat16;
      }
    }
    changed_ = true;
    return absl::OkStatus();
  }

  // The value in bfloat16, which is made once for all that read it.
  absl::StatusOr<ValueId> Narrow(ValueId id, const std::string& reader) {
    if (graph_.types[id].dtype == DType::kBFloat16) return id;
    if (narrow_[id] != kNoValue) return narrow_[id];
    const LoweredNode* producer = producer_[id] < 0 ? nullptr : &graph_.nodes[producer_[id]];
    if (producer != nullptr && producer->op == &cast_ &&
        graph_.types[producer->inputs[0]].dtype == DType::kBFloat16) {
      return narrow_[id] = producer->inputs[0];
    }
    const Tensor wide = graph_.constants[id];
    const ValueId narrow = AddValue({DType::kBFloat16, graph_.types[id].shape});
    if (wide.valid()) {
      NOMO_ASSIGN_OR_RETURN(Tensor rounded, Tensor::Create(DType::kBFloat16, wide.shape()));
      ConvertElements(DType::kFloat32, wide.raw_data(), DType::kBFloat16,
                      rounded.mutable_raw_data(), wide.num_elements());
      graph_.constants[narrow] = std::move(rounded);
    } else {
      LoweredNode cast;
      cast.name = absl::StrCat(producer == nullptr ? reader : producer->name, "/bfloat16");
      cast.op = &cast_;
      NOMO_ASSIGN_OR_RETURN(cast.attrs, ResolveAttributes(cast_.attrs, {{"to", DType::kBFloat16}}));
      cast.inputs = {id};
      cast.outputs = {narrow};
      producer_[narrow] = static_cast<int>(graph_.nodes.size());
      graph_.nodes.push_back(std::move(cast));
    }
    return narrow_[id] = narrow;
  }

  ValueId AddValue(TensorType type) {
    needed_wide_.push_back(false);
    narrow_.push_back(kNoValue);
    producer_.push_back(-1);
    return graph_.AddValue(std::move(type));
  }

  // Of constants that products alone read the rounded ones are enough.
  void DropRoundedConstants() {
    const std::vector<int> uses = graph_.UseCounts();
    for (size_t id = 0; id < narrow_.size(); ++id) {
      Tensor& constant = graph_.constants[id];
      if (narrow_[id] == kNoValue || uses[id] > 0 || !constant.valid()) continue;
      MappedFile::GiveBack(constant.raw_data(), static_cast<size_t>(constant.num_bytes()));
      constant = Tensor();
    }
  }

  LoweredGraph& graph_;
  const OpDef& cast_;
  std::vector<std::optional<LowForm>> forms_;  // by node
  // By ValueId: whether something reads the value in float32, its value in bfloat16, and the node
  // that yields it.
  std::vector<bool> needed_wide_;
  std::vector<ValueId> narrow_;
  std::vector<int> producer_;
  bool changed_ = false;
};

}  // namespace

bool RoundsItself(const LoweredGraph& graph, const LoweredNode& node) {
  if (!node.op->MayTakePostOps()) return false;
  const std::optional<NodeSpecs> specs = SpecsOf(graph, node);
  if (!specs) return false;
  const FormScope scope(FormScope::Wish::kEstimate);
  Ask(node, Marked(node.attrs), *specs);
  return scope.taken() == kRoundingForm;
}

absl::StatusOr<bool> AssignPrecision(LoweredGraph& graph, const OpRegistry& registry) {
  const bool any = std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const LoweredNode& node) {
    return node.op->low_precision == LowPrecision::kGains || node.op->MayTakePostOps();
  });
  if (!any) return false;
  const OpDef* cast = registry.Find("array.Cast");
  if (cast == nullptr) {
    return absl::FailedPreconditionError("bfloat16: there is no op array.Cast to round with");
  }
  return Assigner(graph, *cast).Run();
}

}  // namespace nomograph
