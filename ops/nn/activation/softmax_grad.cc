// nn.SoftmaxGrad: the gradient of nn.Softmax from its result.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/example_table.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/row_sum.h"
#include "nomograph/ops/nn/lines.h"

namespace nomograph::nn {
namespace {

absl::Status Compute(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    ForEachLine(context.input_shape(0), context.attrs().Int("axis"),
                [&](int64_t first, int64_t size, int64_t step) {
                  const T* dy = context.input<T>(0).data() + first;
                  const T* y = context.input<T>(1).data() + first;
                  T* dx = context.output<T>(0).data() + first;
                  double sum = 0;
                  for (int64_t i = 0; i < size; ++i)
                    sum += static_cast<double>(dy[i * step]) * static_cast<double>(y[i * step]);
                  for (int64_t i = 0; i < size; ++i) {
                    dx[i * step] = static_cast<T>(static_cast<double>(y[i * step]) *
                                                  (static_cast<double>(dy[i * step]) - sum));
                  }
                });
  });
  return absl::OkStatus();
}

// Lines that lie in one piece each.
absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  const Shape& shape = context.inputs[0].shape;
  const int axis = *NormalizeAxis(context.attrs.Int("axis"), shape.rank());
  if (context.inputs[0].dtype != DType::kFloat32 || shape.num_elements() == 0) return nullptr;
  for (int i = axis + 1; i < shape.rank(); ++i) {
    if (shape[i] != 1) return nullptr;
  }
  const int64_t size = shape[axis], lines = shape.num_elements() / size;
  // A team of threads costs some microseconds.
  constexpr int64_t kWorthThreads = 1 << 15;
  const int threads = lines * size < kWorthThreads ? 1 : context.threads;
  return MakeComputeKernel(
      [size, lines, threads](KernelContext& kernel) {
        ParallelFor(threads, lines, [&](int64_t line) {
          SoftmaxGradOfRow(kernel.input<float>(0).data() + line * size,
                           kernel.input<float>(1).data() + line * size,
                           kernel.output<float>(0).data() + line * size, size);
        });
        return absl::OkStatus();
      },
      "line loop");
}

// dx = y (dy - sum(dy y)): the gradient of dy is that of the same map, that of y is g (dy - sum(dy
// y)) - dy sum(g y).
absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value dy = g.input(0), y = g.input(1), gradient = g.gradient(0);
  const auto sum = [&](const Value& x) {
    return Call("math.ReduceSum", {x},
                {{"axes", std::vector<int64_t>{g.attrs().Int("axis")}}, {"keepdims", true}});
  };
  std::vector<Value> result(2);
  if (g.wants(0)) result[0] = Call("nn.SoftmaxGrad", {gradient, y}, g.attrs());
  if (g.wants(1)) result[1] = gradient * (dy - sum(dy * y)) - dy * sum(gradient * y);
  return result;
}

std::vector<Example> Examples() {
  return {
      {.name = "the last axis",
       .inputs = {Tensor::Of<float>({2, 3}, {-2, -2, 1, 0, 2, 1}),
                  Tensor::Of<float>({2, 3}, {0.0674253553, 0.11116562, 0.821409047, 0.821409047,
                                             0.11116562, 0.0674253553})},
       .outputs = {Tensor::Of<float>({2, 3}, {-0.166151389, -0.273937345, 0.440088719, -0.238008693,
                                              0.190120265, 0.0478884168})}},
      {.name = "a middle axis",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Of<float>({2, 3, 2}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3}),
                  Tensor::Of<float>(
                      {2, 3, 2}, {0.0674253553, 0.11116562, 0.821409047, 0.821409047, 0.11116562,
                                  0.0674253553, 0.106506981, 0.0674253553, 0.106506981, 0.821409047,
                                  0.786986053, 0.11116562})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 2},
           {-0.196132913, -0.205111042, 0.0748389438, 0.12724109, 0.121293969, 0.0778699443,
            0.117850713, -0.196132913, -0.201670215, 0.0748389438, 0.0838195086, 0.121293969})}},
      {.name = "one element",
       .inputs = {Tensor::Of<float>({2, 1}, {-2, -2}), Tensor::Of<float>({2, 1}, {1, 1})},
       .outputs = {Tensor::Of<float>({2, 1}, {0, 0})}},

  };
}

NOMO_REGISTER_OP(OpDef("nn.SoftmaxGrad")
                     .Doc("The gradient of nn.Softmax from its result: dx[i] = y[i] (dy[i] - sum "
                          "over j of dy[j] y[j]) along axis.")
                     .Source("torch.nn.functional.softmax")
                     .TypeVar("T", kFloats)
                     .Input("dy", "T", "any shape of at least one axis")
                     .Input("y", "T", "as dy: what nn.Softmax yielded")
                     .Output("dx", "T", "as dy")
                     .Attr("axis", -1, "as nn.Softmax has it")
                     .Infer(InferGradLines)
                     .Reference(Compute)
                     .Fast(Prepare)
                     .Gradient(Gradient)
                     .InPlace()
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
