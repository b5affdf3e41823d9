// array.GatherElements: elements picked along an axis, by an index for each.
#include <algorithm>
#include <memory>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/element_index.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckElementIndices(context));
  return std::vector<TensorType>{{context.dtype(0), context.shape(1)}};
}

// Threads share the rows of the indices.
absl::Status GatherRows(KernelContext& context, int threads) {
  std::vector<absl::Status> statuses(threads);
  Dispatch(AllTypes{}, context.input_dtype(0), [&]<typename T>() {
    const T* const data = context.input<T>(0).data();
    T* const y = context.output<T>(0).data();
    ParallelParts(threads, [&](int part, int parts) {
      const auto gather = [&](auto row) {
        T* const to = y + row.first;
        if (row.NamesRun()) {
          std::copy_n(data + row.Element(0), row.size, to);
        } else {
          for (int64_t i = 0; i < row.size; ++i) to[i] = data[row.Element(i)];
        }
      };
      statuses[part] = ForEachIndexRow(context, gather, part, parts);
    });
  });
  for (const absl::Status& status : statuses) NOMO_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

absl::Status Compute(KernelContext& context) { return GatherRows(context, 1); }

absl::StatusOr<std::unique_ptr<Kernel>> PrepareGather(const PrepareContext& context) {
  constexpr int64_t kWorthThreads = 1 << 16;
  if (context.threads == 1 || context.inputs[1].shape.num_elements() < kWorthThreads) {
    return nullptr;
  }
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& run) { return GatherRows(run, threads); },
      "rows by parts");
}

std::vector<Example> Examples() {
  const Tensor data = Tensor::Of<int32_t>({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  return {
      {.name = "ONNX gather_elements_0",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Of<float>({2, 2}, {1, 2, 3, 4}),
                  Tensor::Of<int32_t>({2, 2}, {0, 0, 1, 0})},
       .outputs = {Tensor::Of<float>({2, 2}, {1, 1, 4, 3})}},
      {.name = "ONNX gather_elements_1",
       .inputs = {data, Tensor::Of<int64_t>({2, 3}, {1, 2, 0, 2, 0, 0})},
       .outputs = {Tensor::Of<int32_t>({2, 3}, {4, 8, 3, 7, 2, 3})}},
      {.name = "ONNX gather_elements_negative_indices",
       .inputs = {data, Tensor::Of<int64_t>({2, 3}, {-1, -2, 0, -2, 0, 0})},
       .outputs = {Tensor::Of<int32_t>({2, 3}, {7, 5, 3, 4, 2, 3})}},
      {.name = "an index for each row",
       .inputs = {data, Tensor::Of<int64_t>({4, 2}, {2, 2, -3, -3, 1, 1, 0, 1})},
       .outputs = {Tensor::Of<int32_t>({4, 2}, {7, 8, 1, 2, 4, 5, 1, 5})}},
      {.name = "no indices",
       .attrs = {{"axis", -1}},
       .inputs = {data, Tensor::Of<int64_t>({0, 2}, {})},
       .outputs = {Tensor::Of<int32_t>({0, 2}, {})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  return std::vector<Value>{Call("array.ScatterElements",
                                 {ZerosLike(g.input(0)), g.input(1), g.gradient(0)},
                                 {{"axis", g.attrs().Int("axis")}, {"reduction", "add"}})};
}

NOMO_REGISTER_OP(
    OpDef("array.GatherElements")
        .Doc("Picks elements of `data` along `axis`: for axis 0, y[i, j] = data[indices[i, j], j]. "
             "Negative indices count from the end; one outside of [-n, n) is an error.")
        .Source("ONNX GatherElements; torch.gather")
        .Known({.as = "python",
                .name = "{keras.ops,np}.take_along_axis(x|arr,indices,axis=axis:-1)"})
        .Known({.as = "onnx", .name = "GatherElements"})
        .TypeVar("T", kAnyType)
        .TypeVar("I", kIndexTypes)
        .Input("data", "T", "of rank 1 or more")
        .Input("indices", "I",
               "of the rank of data, and no larger along the axes other than `axis`")
        .Output("y", "T", "the shape of indices")
        .Attr("axis", 0, "in [-rank, rank)")
        .Infer(Infer)
        .Reference(Compute)
        .Fast(PrepareGather)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
