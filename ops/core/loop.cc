// core.Loop: a body called up to a number of times or while a condition holds, its scan outputs
// stacked.
#include <algorithm>
#include <limits>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/core/control_flow.h"
#include "nomograph/ops/core/loop_body.h"
#include "nomograph/ops/core/loop_gradient.h"

namespace nomograph {
namespace {

// The node's inputs, and the body's: what is ahead of the values.
constexpr int kTrips = 0, kCondition = 1, kValues = 2;

Carried CarriedOf(const Attributes& attrs) {
  return {.count = static_cast<int>(attrs.Int("num_carried")),
          .first_input = kValues,
          .first_output = 1};
}

absl::Status CheckInputs(const InferContext& context) {
  if (!context.has_input(kTrips) && !context.has_input(kCondition)) {
    return InvalidArgument(
        "max_trip_count or condition is required: without both the loop would never end");
  }
  if (context.has_input(kCondition)) {
    NOMO_RETURN_IF_ERROR(CheckCondition(context.input(kCondition), "condition"));
  }
  const int64_t carried = context.attrs().Int("num_carried");
  const int values = context.num_inputs() - kValues;
  if (carried <= values) return absl::OkStatus();
  return InvalidArgument("num_carried: ", carried, " of ", values, " values");
}

absl::Status CheckTrips(const PartialShape& shape) {
  if (Compatible(shape, Shape{}) || Compatible(shape, Shape{1})) return absl::OkStatus();
  return InvalidArgument("max_trip_count: expected one integer, found shape ", shape.ToString());
}

// How many iterations there are, where that is known.
absl::StatusOr<Dim> Iterations(const InferContext& context) {
  if (!context.has_input(kTrips)) return Dim();
  NOMO_RETURN_IF_ERROR(CheckTrips(context.shape(kTrips)));
  const Tensor* trips = context.constant(kTrips);
  if (trips == nullptr || context.has_input(kCondition)) return Dim();
  return Dim(std::max<int64_t>(trips->ToInts()[0], 0));
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckInputs(context));
  NOMO_ASSIGN_OR_RETURN(const Dim iterations, Iterations(context));
  std::vector<TensorType> inputs = {{DType::kInt64, Shape{}}, {DType::kBool, Shape{}}};
  for (int i = kValues; i < context.num_inputs(); ++i) inputs.push_back(context.input(i));
  const Carried carried = CarriedOf(context.attrs());
  NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types, InferLoopBody(context, carried, inputs));
  NOMO_RETURN_IF_ERROR(CheckCondition(types[0], "body: output 0, the condition"));
  types.erase(types.begin());
  if (static_cast<int>(types.size()) < context.num_outputs()) {
    return InvalidArgument("expected ", context.num_outputs(), " outputs, the body yields ",
                           types.size(), " behind the condition");
  }
  for (int i = 0; i < static_cast<int>(types.size()); ++i) {
    if (i < carried.count) {
      types[i] = inputs[kValues + i];
    } else if (types[i].shape.has_rank()) {
      std::vector<Dim> dims = types[i].shape.dims();
      dims.insert(dims.begin(), iterations);
      types[i].shape = PartialShape(std::move(dims));
    }
  }
  return types;
}

// The running loop.
class LoopRun {
 public:
  explicit LoopRun(KernelContext& context)
      : context_(context), carried_(CarriedOf(context.attrs()).count) {
    arguments_ = {Tensor(), Tensor::Scalar(true)};
    for (Tensor& value : BorrowInputs(context, kValues)) arguments_.push_back(std::move(value));
    stacked_.resize(std::max(context.num_outputs() - carried_, 0));
  }

  absl::Status Run() {
    int64_t trips = std::numeric_limits<int64_t>::max();
    if (context_.has_input(kTrips)) {
      NOMO_RETURN_IF_ERROR(CheckTrips(context_.input_shape(kTrips)));
      trips = context_.input<int64_t>(kTrips)[0];
    }
    bool condition = true;
    const bool conditional = context_.has_input(kCondition);
    if (conditional) {
      NOMO_ASSIGN_OR_RETURN(condition,
                            ConditionValue(context_.BorrowInput(kCondition), "condition"));
    }
    for (int64_t i = 0; i < trips && (condition || !conditional); ++i) {
      NOMO_ASSIGN_OR_RETURN(condition, Iterate(i, condition));
    }
    for (int i = 0; i < std::min(carried_, context_.num_outputs()); ++i) {
      NOMO_RETURN_IF_ERROR(context_.SetOutput(i, arguments_[kValues + i]));
    }
    for (size_t i = 0; i < stacked_.size(); ++i) {
      NOMO_RETURN_IF_ERROR(stacked_[i].Write(context_, carried_ + static_cast<int>(i)));
    }
    return absl::OkStatus();
  }

 private:
  // Yields the body's condition.
  absl::StatusOr<bool> Iterate(int64_t iteration, bool condition) {
    arguments_[0] = Tensor::Scalar(iteration);
    arguments_[1] = Tensor::Scalar(condition);
    NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> results,
                          CallFunction(context_, "body", arguments_, iteration));
    for (int i = 0; i < carried_; ++i) arguments_[kValues + i] = std::move(results[1 + i]);
    for (size_t i = 0; i < stacked_.size(); ++i) {
      NOMO_RETURN_IF_ERROR(Annotate(stacked_[i].Add(std::move(results[1 + carried_ + i])),
                                    absl::StrCat("scan output ", i)));
    }
    return ConditionValue(results[0], "body: output 0, the condition");
  }

  KernelContext& context_;
  const int carried_;
  std::vector<Tensor> arguments_;  // of the body
  std::vector<StackedOutput> stacked_;
};

absl::Status Compute(KernelContext& context) { return LoopRun(context).Run(); }

// The loop once more, which yields for each iteration its number, its condition and those carried
// values that change.
absl::StatusOr<std::vector<Value>> SavedIterations(const GradientContext& g,
                                                   const std::vector<bool>& unchanged) {
  const int carried = CarriedOf(g.attrs()).count;
  Attributes attrs = KeyOf(g);
  attrs.Set("num_carried", carried);
  std::vector<Value> inputs;
  std::vector<TensorType> types = {{DType::kInt64, Shape{}}, {DType::kBool, Shape{}}};
  for (int i = 0; i < g.num_inputs(); ++i) {
    inputs.push_back(g.has_input(i) ? g.input(i) : Value());
    if (i >= kValues)
      types.push_back(i < kValues + carried ? g.output(i - kValues).type() : g.input(i).type());
  }
  const auto body = [&](absl::Span<const Value> in) -> std::vector<Value> {
    auto outputs = g.Inline("body", in);
    if (!outputs.ok()) return {ErrorValue(outputs.status())};
    outputs->resize(1 + carried);
    for (int i = 0; i < kValues + carried; ++i) {
      if (i < kValues || !unchanged[i - kValues]) outputs->push_back(in[i]);
    }
    return *std::move(outputs);
  };
  CallOptions options;
  options.num_outputs =
      carried + kValues + static_cast<int>(std::count(unchanged.begin(), unchanged.end(), false));
  options.functions = {{"body", body, types}};
  std::vector<Value> outputs = CallMulti("core.Loop", inputs, attrs, options);
  NOMO_RETURN_IF_ERROR(outputs[0].status());
  outputs.erase(outputs.begin(), outputs.begin() + carried);
  return outputs;
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const int carried = CarriedOf(g.attrs()).count;
  NOMO_RETURN_IF_ERROR(CheckKeptShapes(g, kValues, carried));
  const std::vector<bool> unchanged = Unchanged(g, carried, kValues, 1);
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> saved, SavedIterations(g, unchanged));
  DifferentiatedLoop loop;
  loop.key = KeyOf(g);
  loop.slices = {{saved[kTrips]}, {saved[kCondition]}};
  loop.wants_slice = {false, false};
  loop.carried = CarriedValues(g, kValues, unchanged, absl::MakeConstSpan(saved).subspan(kValues));
  for (int i = kValues + carried; i < g.num_inputs(); ++i) {
    loop.captured.push_back(g.input(i));
    loop.wants_captured.push_back(g.wants(i));
  }
  for (int i = carried; i < g.num_outputs(); ++i)
    loop.stacked_gradients.push_back({g.has_gradient(i) ? g.gradient(i) : Value()});
  loop.step = [&g](const Iteration& iteration) -> absl::StatusOr<std::vector<Value>> {
    std::vector<Value> inputs;
    for (const absl::Span<const Value> values :
         {iteration.slices, absl::MakeConstSpan(iteration.carried), iteration.captured})
      inputs.insert(inputs.end(), values.begin(), values.end());
    NOMO_ASSIGN_OR_RETURN(std::vector<Value> outputs, g.Inline("body", inputs));
    outputs.erase(outputs.begin());  // the condition
    return outputs;
  };
  const LoopGradients gradients = GradientsOfLoop(loop);
  std::vector<Value> result(kValues);
  result.insert(result.end(), gradients.carried.begin(), gradients.carried.end());
  result.insert(result.end(), gradients.captured.begin(), gradients.captured.end());
  return result;
}

using Values = absl::Span<const Value>;
const TensorType kCount = {DType::kInt64, Shape{}}, kFlag = {DType::kBool, Shape{}};

// Adds up the first elements of a captured vector, and yields each sum.
Example PartialSums(const char* name, Tensor trips, Tensor condition, float sum,
                    std::vector<float> sums) {
  const auto body = [](Values in) {
    const Value element =
        Call("array.Gather",
             {in[3], Call("array.Reshape", {in[0]}, {{"shape", std::vector<int64_t>{1}}})});
    const Value total = in[2] + element;
    return std::vector<Value>{Call("array.Squeeze", {total}) < 5, total, total};
  };
  const TensorType total = {DType::kFloat32, Shape{1}};
  const int64_t count = static_cast<int64_t>(sums.size());
  return {.name = name,
          .attrs = {{"num_carried", 1}},
          .inputs = {std::move(trips), std::move(condition), Tensor::Vector<float>({-2}),
                     Tensor::Vector<float>({1, 2, 3, 4, 5})},
          .outputs = {Tensor::Vector<float>({sum}), Tensor::Of<float>({count, 1}, sums)},
          .functions = {
              {"body", body, {kCount, kFlag, total, {DType::kFloat32, PartialShape::OfRank(1)}}}}};
}

// Doubles a vector three times, and stacks what the body is told of the iteration.
Example Grow() {
  const auto body = [](Values in) {
    return std::vector<Value>{!in[1], Call("array.Concat", {in[2], in[2]}), in[0], in[1]};
  };
  return {
      .name = "a carried shape that changes",
      .attrs = {{"num_carried", 1}},
      .inputs = {Tensor::Scalar<int64_t>(3), Tensor(), Tensor::Vector<int32_t>({7})},
      .outputs = {Tensor::Vector<int32_t>({7, 7, 7, 7, 7, 7, 7, 7}),
                  Tensor::Vector<int64_t>({0, 1, 2}), Tensor::Vector<bool>({true, false, true})},
      .functions = {{"body", body, {kCount, kFlag, {DType::kInt32, PartialShape::OfRank(1)}}}}};
}

std::vector<Example> Examples() {
  const Tensor five = Tensor::Scalar<int64_t>(5), hundred = Tensor::Vector<int64_t>({100});
  const Tensor yes = Tensor::Scalar(true);
  return {
      PartialSums("as often as max_trip_count", five, Tensor(), 13, {-1, 1, 4, 8, 13}),
      PartialSums("as long as the condition", Tensor(), yes, 8, {-1, 1, 4, 8}),
      PartialSums("both, the condition is first", hundred, yes, 8, {-1, 1, 4, 8}),
      PartialSums("both, max_trip_count is first", Tensor::Scalar<int64_t>(2),
                  Tensor::Vector<bool>({true}), 1, {-1, 1}),
      PartialSums("not once", Tensor::Scalar<int64_t>(-1), yes, -2, {}),
      PartialSums("the condition is false", five, Tensor::Scalar(false), -2, {}),
      Grow(),
  };
}

NOMO_REGISTER_OP(
    WithKey(OpDef("core.Loop"))
        .Doc(
            "Calls a function of the model over and over: (condition, carried..., scan outputs...) "
            "= body(iteration, condition, carried..., captured...), at most max_trip_count times "
            "and, where the input condition is given, as long as the condition is true, both "
            "looked at ahead of each iteration. At least one of the two is required; where "
            "condition is absent, the first iteration is told true, and false does not end the "
            "loop. The iteration is a scalar that counts from 0.\n\n"
            "The first num_carried of the values are carried from one iteration to the next; they "
            "keep their dtypes, and their shapes may change. The others are captured: they are "
            "the same in each iteration. The outputs are the carried values at the end, then the "
            "scan outputs, each of which has the body's values of all iterations along a new "
            "first axis; those must have one shape. Random ops in the body draw other numbers in "
            "each iteration.")
        .Source("ONNX Loop, whose captured outer values are inputs here; tf.while_loop")
        .OptionalInput("max_trip_count", "int64", "one integer; of -1 and 0 there is no iteration")
        .OptionalInput("condition", "bool", "one element")
        .VariadicInput("values", "any", "the carried values' first ones, then the captured ones", 0)
        .VariadicOutput("outputs", "any", "the carried values' last ones, then the scan outputs")
        .RequiredAttr("body", AttrType::kFunction, "yields the condition, one bool, then the rest")
        .RequiredAttr("num_carried", AttrType::kInt, "how many of the values are carried")
        .Min(0)
        .Max(1 << 20)
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
