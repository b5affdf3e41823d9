// nn.Softmax, nn.LogSoftmax: exponentials along an axis that add up to 1, and their logarithms.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/example_table.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/row_sum.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> InferSoftmax(const InferContext& context) {
  if (context.shape(0).has_rank()) {
    NOMO_RETURN_IF_ERROR(
        NormalizeAxis(context.attrs().Int("axis"), context.shape(0).rank()).status());
  }
  return SameAsInput(context);
}

// x as [outer, size, inner].
Shape ThreeAxes(const Shape& x, int64_t attr_axis) {
  const int axis = *NormalizeAxis(attr_axis, x.rank());
  Shape result = {1, x[axis], 1};
  for (int i = 0; i < axis; ++i) result[0] *= x[i];
  for (int i = axis + 1; i < x.rank(); ++i) result[2] *= x[i];
  return result;
}

template <typename T>
void SoftmaxReference(const KernelContext& context, bool logarithm) {
  const Shape shape = ThreeAxes(context.input_shape(0), context.attrs().Int("axis"));
  const int64_t size = shape[1], inner = shape[2];
  for (int64_t row = 0; row < shape[0] * inner; ++row) {
    const int64_t first = row / inner * size * inner + row % inner;
    const T* x = context.input<T>(0).data() + first;
    T* y = context.output<T>(0).data() + first;
    double greatest = -std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < size; ++i) {
      greatest = std::max(greatest, static_cast<double>(x[i * inner]));
    }
    double sum = 0;
    for (int64_t i = 0; i < size; ++i)
      sum += exact::Exp(static_cast<double>(x[i * inner]) - greatest);
    for (int64_t i = 0; i < size; ++i) {
      const double shifted = static_cast<double>(x[i * inner]) - greatest;
      y[i * inner] =
          static_cast<T>(logarithm ? shifted - exact::Log(sum) : exact::Exp(shifted) / sum);
    }
  }
}

ComputeFn SoftmaxCompute(bool logarithm) {
  return [logarithm](KernelContext& context) {
    Dispatch(FloatTypes{}, context.input_dtype(0),
             [&]<typename T>() { SoftmaxReference<T>(context, logarithm); });
    return absl::OkStatus();
  };
}

// float32 by loops of vectors.
PrepareFn SoftmaxLoops(bool logarithm) {
  return [=](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    if (context.inputs[0].dtype != DType::kFloat32 || !context.post_ops.empty()) return nullptr;
    const Shape shape = ThreeAxes(context.inputs[0].shape, context.attrs.Int("axis"));
    if (shape[1] < 2) return nullptr;
    const bool last_axis = shape[2] == 1;
    constexpr int64_t kPerThread = 8192;  // elements: less is not worth a thread
    const int64_t worth = std::max<int64_t>(1, shape.num_elements() / kPerThread);
    const int threads = static_cast<int>(std::min<int64_t>(context.threads, worth));
    return MakeComputeKernel(
        [=](KernelContext& run) {
          const float* const x = run.input<float>(0).data();
          float* const y = run.output<float>(0).data();
          const int64_t size = shape[1], inner = shape[2];
          ParallelFor(threads, shape[0], [&](int64_t row) {
            const int64_t first = row * size * inner;
            if (last_axis) {
              SoftmaxOfRow(x + first, y + first, size, logarithm);
            } else {
              SoftmaxOfColumns(x + first, y + first, size, inner, logarithm);
            }
          });
          return absl::OkStatus();
        },
        last_axis ? "rows" : "columns");
  };
}

absl::StatusOr<std::vector<Value>> SoftmaxGradient(const GradientContext& g) {
  return std::vector<Value>{Call("nn.SoftmaxGrad", {g.gradient(0), g.output(0)}, g.attrs())};
}

absl::StatusOr<std::vector<Value>> LogSoftmaxGradient(const GradientContext& g) {
  const Value dy = g.gradient(0);
  const std::vector<int64_t> axes = {g.attrs().Int("axis")};
  const Value sum = Call("math.ReduceSum", {dy}, {{"axes", axes}, {"keepdims", true}});
  return std::vector<Value>{dy - Call("math.Exp", {g.output(0)}) * sum};
}

OpDef SoftmaxSchema(std::string name, std::string doc, std::string source) {
  return OpDef(std::move(name), 1)
      .Doc(std::move(doc))
      .Source(std::move(source))
      .TypeVar("T", kFloats)
      .Input("x", "T", "logits, any shape of at least one axis")
      .Output("y", "T", "as x")
      .Attr("axis", -1, "the axis along which y sums to 1")
      .Infer(InferSoftmax)
      .InPlace();
}

std::vector<Example> SoftmaxExamples() {
  return {
      {.name = "logits",
       .inputs = {Tensor::Of<float>({2, 3}, {1, 2, 3, 0, 0, 0})},
       .outputs = {Tensor::Of<float>({2, 3}, {0.0900305733, 0.244728476, 0.665240943, 0.333333343,
                                              0.333333343, 0.333333343})}},
      {.name = "the first of three axes",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {-1.5, -1, 1, 1, -1, -1.5, -0.5, -1})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 2}, {0.377540678, 0.622459352, 0.817574501, 0.880797088, 0.622459352, 0.377540678,
                       0.182425529, 0.119202919})}},
      {.name = "a middle axis",
       .attrs = {{"axis", -2}},
       .inputs = {Tensor::Of<float>({1, 3, 2}, {-1.5, -1, 1, 1, -1, -1.5})},
       .outputs = {Tensor::Of<float>({1, 3, 2}, {0.0674253553, 0.11116562, 0.821409047, 0.821409047,
                                                 0.11116562, 0.0674253553})}},
      {.name = "far apart, and -infinity",
       .inputs = {Tensor::Of<float>(
           {2, 3}, {1000, -1000, 999, -std::numeric_limits<float>::infinity(), 1, 0})},
       .outputs = {Tensor::Of<float>({2, 3},
                                     {0.731058598, 0, 0.268941432, 0, 0.731058598, 0.268941432})}},
      {.name = "one element",
       .inputs = {Tensor::Of<float>({1}, {5})},
       .outputs = {Tensor::Of<float>({1}, {1})}},
      {.name = "float64",
       .inputs = {Tensor::Of<double>(
           {3}, {0.10000000149011612, 0.20000000298023224, 0.40000000596046448})},
       .outputs = {Tensor::Of<double>(
           {3}, {0.28943310975080111, 0.31987305610143052, 0.39069383414776837})},
       .rtol = 1e-15},
      {.name = "float16",
       .inputs = {Tensor::Of<Half>({3}, {Half(0.5), Half(1.5), Half(-2)})},
       .outputs = {Tensor::Of<Half>({3},
                                    {Half(0.263183594), Half(0.715332031), Half(0.0216064453)})},
       .rtol = 1e-3},
  };
}

std::vector<Example> LogSoftmaxExamples() {
  return {
      {.name = "logits",
       .inputs = {Tensor::Of<float>({2, 3}, {1, 2, 3, 0, 0, 0})},
       .outputs = {Tensor::Of<float>({2, 3}, {-2.40760589, -1.40760601, -0.407605976, -1.09861231,
                                              -1.09861231, -1.09861231})}},
      {.name = "the first of three axes",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {-1.5, -1, 1, 1, -1, -1.5, -0.5, -1})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 2}, {-0.974076986, -0.474076986, -0.201413274, -0.126928017, -0.474076986,
                       -0.974076986, -1.70141327, -2.12692809})}},
      {.name = "a middle axis",
       .attrs = {{"axis", -2}},
       .inputs = {Tensor::Of<float>({1, 3, 2}, {-1.5, -1, 1, 1, -1, -1.5})},
       .outputs = {Tensor::Of<float>({1, 3, 2}, {-2.69673419, -2.19673419, -0.196734101,
                                                 -0.196734101, -2.19673419, -2.69673419})}},
      {.name = "far apart, and -infinity",
       .inputs = {Tensor::Of<float>(
           {2, 3}, {1000, -1000, 999, -std::numeric_limits<float>::infinity(), 1, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 3}, {-0.313261688, -2000.31323, -1.31326163, -std::numeric_limits<float>::infinity(),
                    -0.313261688, -1.31326163})}},
      {.name = "one element",
       .inputs = {Tensor::Of<float>({1}, {5})},
       .outputs = {Tensor::Of<float>({1}, {0})}},
      {.name = "float64",
       .inputs = {Tensor::Of<double>(
           {3}, {0.10000000149011612, 0.20000000298023224, 0.40000000596046448})},
       .outputs = {Tensor::Of<double>(
           {3}, {-1.2398310630676455, -1.1398310615775293, -0.93983105859729721})},
       .rtol = 1e-15},
      {.name = "float16",
       .inputs = {Tensor::Of<Half>({3}, {Half(0.5), Half(1.5), Half(-2)})},
       .outputs = {Tensor::Of<Half>({3},
                                    {Half(-1.33496094), Half(-0.335205078), Half(-3.8359375)})},
       .rtol = 1e-3},
  };
}

// What both say of infinities.
constexpr char kNotANumber[] = "Where all are -infinity, or one is NaN or +infinity, y is NaN.";

NOMO_REGISTER_OP(
    SoftmaxSchema("nn.Softmax",
                  absl::StrCat("y[i] = exp(x[i]) / sum over j of exp(x[j]) along axis, computed "
                               "with x - max(x) so that it does not overflow. ",
                               kNotANumber),
                  "ONNX Softmax since version 13; Keras Softmax")
        .Known({.as = "onnx", .name = "Softmax", .since = 13})
        .Reference(SoftmaxCompute(false))
        .Fast(SoftmaxLoops(/*logarithm=*/false))
        .Gradient(SoftmaxGradient)
        .Examples(SoftmaxExamples));
NOMO_REGISTER_OP(
    SoftmaxSchema(
        "nn.LogSoftmax",
        absl::StrCat("y[i] = log(softmax(x)[i]) along axis, computed as x - max(x) - log(sum(exp(x "
                     "- max(x)))), which is accurate where the softmax itself is 0. ",
                     kNotANumber),
        "ONNX LogSoftmax since version 13; tf.nn.log_softmax")
        .Known({.as = "onnx", .name = "LogSoftmax", .since = 13})
        .Reference(SoftmaxCompute(true))
        .Fast(SoftmaxLoops(/*logarithm=*/true))
        .Gradient(LogSoftmaxGradient)
        .Examples(LogSoftmaxExamples));

}  // namespace
}  // namespace nomograph::nn
