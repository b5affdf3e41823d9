#include "nomograph/core/gradient/picked.h"

#include <utility>

#include "nomograph/core/build/expr.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

CallOptions Typed(TensorType type) {
  CallOptions options;
  options.output_types.push_back(std::move(type));
  return options;
}

Value Flat(const Value& x) { return Call("array.Reshape", {x}, {{"shape", Ints{-1}}}); }

Value SizeOf(const Value& x) {
  if (x.status().ok() && x.shape().fully_known())
    return Constant(Tensor::Scalar(x.shape().ToShape().num_elements()));
  return Call("array.Size", {x});
}

Value Integer(int64_t value) { return Constant(Tensor::Scalar(value)); }

// `x` as a vector's shape.
Value AsVector(const Value& x) { return Call("array.Reshape", {x}, {{"shape", Ints{1}}}); }

// Elements [begin, end) of a vector, under the shape of `like`.
Value Part(const Value& vector, const Value& begin, const Value& end, const Value& like) {
  return ReshapeLike(Call("array.Slice", {vector, AsVector(begin), AsVector(end)}), like);
}

}  // namespace

std::vector<Value> PickedGradients(
    const Value& dy, absl::Span<const Value> inputs,
    const std::function<Value(absl::Span<const Value> numbers)>& pick) {
  std::vector<Value> numbers, ends;
  for (const Value& input : inputs) {
    const Value begin = ends.empty() ? Integer(0) : ends.back();
    ends.push_back(ends.empty() ? SizeOf(input) : begin + SizeOf(input));
    const Value range = Call("array.Range", {begin, ends.back(), Integer(1)});
    numbers.push_back(Call("array.Reshape", {range, ShapeOf(input)}, {{"allowzero", true}},
                           Typed({DType::kInt64, input.shape()})));
  }
  const Value zeros = Call("array.Expand", {ConstantLike(0, dy), AsVector(ends.back())});
  const Value sums = Call("array.ScatterElements", {zeros, Flat(pick(numbers)), Flat(dy)},
                          {{"axis", 0}, {"reduction", "add"}});
  if (inputs.size() == 1) return {ReshapeLike(sums, inputs[0])};
  std::vector<Value> gradients;
  for (size_t i = 0; i < inputs.size(); ++i)
    gradients.push_back(Part(sums, i == 0 ? Integer(0) : ends[i - 1], ends[i], inputs[i]));
  return gradients;
}

GradientFn PickingGradient() {
  return [](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    if (!g.wants(0)) return std::vector<Value>();
    std::vector<Value> inputs;
    for (int i = 0; i < g.num_inputs(); ++i) inputs.push_back(g.input(i));
    return PickedGradients(g.gradient(0), {g.input(0)}, [&](absl::Span<const Value> numbers) {
      inputs[0] = numbers[0];
      return CallMulti(g.op().name, inputs, g.attrs(),
                       {.version = g.op().version, .num_outputs = g.num_outputs()})[0];
    });
  };
}

}  // namespace nomograph
