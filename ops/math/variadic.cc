// Max, Min, Sum, Mean of any number of tensors.
#include <algorithm>
#include <array>
#include <memory>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/row_sum.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

// The results so far of a few elements at a time. All inputs of a block are read before its output
// is written, which may lie where one of them lies.
template <typename T, typename Accumulator, typename Step, typename Finish>
void FoldRow(const std::byte* const* inputs, int num_inputs, std::byte* output, int64_t count,
             Step step, Finish finish) {
  constexpr int64_t kBlock = 256;
  std::array<Accumulator, kBlock> folded;
  const auto element = [](T x) { return static_cast<Accumulator>(static_cast<ComputeType<T>>(x)); };
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = std::min(kBlock, count - begin);
    const T* first = reinterpret_cast<const T*>(inputs[0]) + begin;
    for (int64_t i = 0; i < size; ++i) folded[i] = element(first[i]);
    for (int k = 1; k < num_inputs; ++k) {
      const T* next = reinterpret_cast<const T*>(inputs[k]) + begin;
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) folded[i] = step(folded[i], element(next[i]));
    }
    T* out = reinterpret_cast<T*>(output) + begin;
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) out[i] = static_cast<T>(finish(folded[i], num_inputs));
  }
}

// `AccumulatorOf<T>` is the type in which `step` folds; `finish` turns it and the number of inputs
// into the result.
template <template <typename> typename AccumulatorOf, typename... Ts, typename Step,
          typename Finish>
OpDef VariadicOp(std::string name, TypeList<Ts...> types, Step step, Finish finish) {
  return OpDef(std::move(name))
      .TypeVar("T", DTypesOf(types))
      .VariadicInput("x", "T", "one or more tensors that broadcast to each other")
      .Output("y", "T", "the shape to which the inputs broadcast")
      .Infer(BroadcastInputs)
      .InPlace()
      .Reference([=](KernelContext& context) -> absl::Status {
        Dispatch(types, context.input_dtype(0), [&]<typename T>() {
          ForEachRow(context, [&](const std::byte* const* inputs, std::byte* output,
                                  int64_t count) {
            FoldRow<T, AccumulatorOf<T>>(inputs, context.num_inputs(), output, count, step, finish);
          });
        });
        return absl::OkStatus();
      });
}

// float32 by a loop of vectors: the sum in double, or the mean.
PrepareFn FastSum(bool mean) {
  return [mean](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
    return MakeComputeKernel(
        [mean, threads = context.threads](KernelContext& run) {
          const int count = run.num_inputs();
          ForEachRow(
              run,
              [&](const std::byte* const* inputs, std::byte* output, int64_t size) {
                SumOfRows(reinterpret_cast<const float* const*>(inputs), count,
                          mean ? 1.0 / count : 1.0, reinterpret_cast<float*>(output), size);
              },
              threads);
          return absl::OkStatus();
        },
        "loop");
  };
}

constexpr auto kItself = [](auto folded, int) { return folded; };

// oneDNN's post-ops have one other operand.
PostOpFn PostOpOfTwo(dnnl_alg_kind_t algorithm) {
  return [post_op = BinaryPostOp(algorithm, /*commutative=*/true)](const FusionQuery& query) {
    return query.inputs.size() == 2 ? post_op(query) : std::nullopt;
  };
}

std::vector<Value> ToAllInputs(const GradientContext& g, const Value& gradient) {
  std::vector<Value> result(g.num_inputs());
  for (int i = 0; i < g.num_inputs(); ++i) {
    if (g.wants(i)) result[i] = SumTo(gradient, g.input(i));
  }
  return result;
}

absl::StatusOr<std::vector<Value>> SumGradient(const GradientContext& g) {
  return ToAllInputs(g, g.gradient(0));
}

absl::StatusOr<std::vector<Value>> MeanGradient(const GradientContext& g) {
  return ToAllInputs(g, g.gradient(0) / g.num_inputs());
}

// Of Max and Min. Inputs that are equal share the gradient, as in PyTorch's maximum.
absl::StatusOr<std::vector<Value>> ExtremeGradient(const GradientContext& g) {
  const Value &y = g.output(0), dy = g.gradient(0);
  const Value zero = ConstantLike(0, y), one = ConstantLike(1, y);
  std::vector<Value> chosen, counts, result(g.num_inputs());
  for (int i = 0; i < g.num_inputs(); ++i) {
    chosen.push_back(g.input(i) == y);
    counts.push_back(Call("array.Where", {chosen[i], one, zero}));
  }
  const Value share = g.num_inputs() == 2
                          ? Call("array.Where", {g.input(0) == g.input(1), dy * 0.5, dy})
                          : dy / Call("math.Sum", counts);
  for (int i = 0; i < g.num_inputs(); ++i) {
    if (!g.wants(i)) continue;
    result[i] = SumTo(Call("array.Where", {chosen[i], share, zero}), g.input(i));
  }
  return result;
}

Example ThreeFloats(float first, float second) {
  return {.name = "three inputs",
          .inputs = {Tensor::Vector<float>({1, -5}), Tensor::Of<float>({1, 1}, {3}),
                     Tensor::Vector<float>({-1, 4})},
          .outputs = {Tensor::Of<float>({1, 2}, {first, second})}};
}

}  // namespace

NOMO_REGISTER_OP(
    VariadicOp<ComputeType>(
        "math.Max", NumberTypes{}, [](auto a, auto b) { return b > a || b != b ? b : a; }, kItself)
        .Doc("y = the greatest of the inputs' elements, with NumPy broadcasting; NaN where one is "
             "NaN.")
        .Source("ONNX Max; NumPy maximum; Keras Maximum")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,tf,tf.math,np}.maximum(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "Max"})
        .InLowPrecision(LowPrecision::kFollows)
        .AsPostOp(PostOpOfTwo(dnnl_binary_max))
        .Gradient(ExtremeGradient)
        .Examples(ExampleTable()
                      .Rows(kNumbers, {{3, 5, 5}, {7, -2, 7}, {4, 4, 4}, {0.5, 0.25, 0.5}})
                      .Rows(kFloats,
                            {{kNaN, 1, kNaN}, {1, kNaN, kNaN}, {kInf, 3, kInf}, {-kInf, 3, 3}})
                      .Rows(kInts, {{5, 5}})
                      .Add(ThreeFloats(3, 4))));

NOMO_REGISTER_OP(
    VariadicOp<ComputeType>(
        "math.Min", NumberTypes{}, [](auto a, auto b) { return b < a || b != b ? b : a; }, kItself)
        .Doc(
            "y = the least of the inputs' elements, with NumPy broadcasting; NaN where one is NaN.")
        .Source("ONNX Min; NumPy minimum; Keras Minimum")
        .Known({.as = "python",
                .name = "{keras.backend,keras.ops,tf,tf.math,np}.minimum(x|x1,y|x2)"})
        .Known({.as = "onnx", .name = "Min"})
        .InLowPrecision(LowPrecision::kFollows)
        .AsPostOp(PostOpOfTwo(dnnl_binary_min))
        .Gradient(ExtremeGradient)
        .Examples(ExampleTable()
                      .Rows(kNumbers, {{3, 5, 3}, {7, -2, -2}, {4, 4, 4}, {0.5, 0.25, 0.25}})
                      .Rows(kFloats,
                            {{kNaN, 1, kNaN}, {1, kNaN, kNaN}, {kInf, 3, 3}, {-kInf, 3, -kInf}})
                      .Rows(kInts, {{5, 5}})
                      .Add(ThreeFloats(-1, -5))));

NOMO_REGISTER_OP(
    VariadicOp<math::WrappingSum>(
        "math.Sum", NumberTypes{}, [](auto a, auto b) { return a + b; }, kItself)
        .Doc("y = the sum of the inputs' elements, with NumPy broadcasting. Integers wrap around.")
        .Source("ONNX Sum; Keras Add")
        .Known({.as = "onnx", .name = "Sum"})
        .AsPostOp(PostOpOfTwo(dnnl_binary_add))
        .Fast(FastSum(/*mean=*/false))
        .Gradient(SumGradient)
        .Examples(ExampleTable()
                      .Rows(kNumbers, {{1, 2, 3, 6}, {-5, 2, 1, -2}, {0.5, 0.25, 8, 8.75}})
                      .Rows({DType::kInt8}, {{100, 100, -56}, {-128, -128, 0}})
                      .Rows({DType::kUInt64}, {{5, 5}})
                      .Add(ThreeFloats(3, 2))));

NOMO_REGISTER_OP(VariadicOp<SumType>(
                     "math.Mean", FloatTypes{}, [](double a, double b) { return a + b; },
                     [](double sum, int count) { return sum / count; })
                     .Doc("y = the sum of the inputs' elements divided by the number of inputs, "
                          "with NumPy broadcasting.")
                     .Source("ONNX Mean; Keras Average")
                     .Known({.as = "onnx", .name = "Mean"})
                     .Fast(FastSum(/*mean=*/true))
                     .Gradient(MeanGradient)
                     .Examples(ExampleTable()
                                   .Rows(kFloats, {{1, 2, 3, 2},
                                                   {-5, 2, 1, -0.6666666666666666},
                                                   {kInf, 0, 0, kInf}})
                                   .Rows(kFloats, {{0.5, 0.5}})
                                   .Add(ThreeFloats(1, 0.6666667f))));

}  // namespace nomograph
