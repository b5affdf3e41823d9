#include "nomograph/core/elementwise.h"

#include <numeric>
#include <vector>

namespace nomograph::internal {
namespace {

constexpr int kMaxInputs = 4;

// One axis of the output, with every input's step along it in bytes (0 where it is broadcast).
struct Axis {
  int64_t size;
  std::array<int64_t, kMaxInputs> steps;
  int64_t output_step;
};

// The axes that count, outermost first: those of size 1 are left out, and neighbours along which every input runs on
// evenly become one.
std::vector<Axis> CollapsedAxes(const KernelContext& context) {
  const Shape& shape = context.output_shape(0);
  const auto output_strides = shape.Strides();
  std::vector<Axis> axes;
  for (int a = 0; a < shape.rank(); ++a) {
    if (shape[a] == 1) continue;
    Axis axis{shape[a], {}, output_strides[a] * DTypeSize(context.output_dtype(0))};
    for (int i = 0; i < context.num_inputs(); ++i) {
      const Shape& input = context.input_shape(i);
      const int own = a - (shape.rank() - input.rank());
      if (own >= 0 && input[own] != 1) axis.steps[i] = input.Strides()[own] * DTypeSize(context.input_dtype(i));
    }
    if (!axes.empty()) {
      const Axis& outer = axes.back();
      bool even = true;
      for (int i = 0; i < context.num_inputs(); ++i) even &= outer.steps[i] == axis.steps[i] * axis.size;
      if (even) {
        axis.size *= outer.size;
        axes.pop_back();
      }
    }
    axes.push_back(axis);
  }
  return axes;
}

}  // namespace

void ForEachRow(KernelContext& context, const RowFn& row) {
  if (context.output_shape(0).num_elements() == 0) return;
  const std::vector<Axis> axes = CollapsedAxes(context);
  std::array<const std::byte*, kMaxInputs> inputs = {};
  for (int i = 0; i < context.num_inputs(); ++i) inputs[i] = context.input_view(i).data;
  std::byte* output = context.output_view(0).data;

  std::array<int64_t, kMaxInputs> strides = {};
  if (axes.empty()) {
    row(inputs.data(), strides.data(), output, 1);
    return;
  }
  const Axis& inner = axes.back();
  for (int i = 0; i < context.num_inputs(); ++i) strides[i] = inner.steps[i] != 0 ? 1 : 0;

  // Counts through the outer axes like an odometer.
  std::vector<int64_t> index(axes.size() - 1, 0);
  while (true) {
    row(inputs.data(), strides.data(), output, inner.size);
    int a = static_cast<int>(index.size()) - 1;
    for (; a >= 0; --a) {
      const int64_t back = ++index[a] == axes[a].size ? axes[a].size : 0;
      for (int i = 0; i < context.num_inputs(); ++i) inputs[i] += axes[a].steps[i] * (1 - back);
      output += axes[a].output_step * (1 - back);
      if (back == 0) break;
      index[a] = 0;
    }
    if (a < 0) return;
  }
}

OpDef ElementwiseSchema(std::string name, int version, int arity, DTypeSet types, absl::string_view result) {
  OpDef op(std::move(name), version);
  op.TypeVar("T", types);
  if (arity == 1) {
    op.Input("x", "T", "any shape");
  } else {
    for (int i = 0; i < arity; ++i) op.Input(std::string(1, static_cast<char>('a' + i)), "T", "broadcast to the others");
  }
  op.Output("y", std::string(result), arity == 1 ? "the shape of x" : "the shape to which the inputs broadcast");
  const bool predicate = result == "bool";
  op.Infer([predicate](const InferContext& context) -> absl::StatusOr<std::vector<TensorType>> {
    NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types, BroadcastInputs(context));
    if (predicate) types[0].dtype = DType::kBool;
    return types;
  });
  op.InPlace();
  // With one input every row stands for itself. With more, a batch along axis 0 is one for all of equal rank, which
  // only the author knows.
  if (arity == 1) op.BatchInputs({0});
  return op;
}

}  // namespace nomograph::internal
