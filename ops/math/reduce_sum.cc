// ReduceSum, ReduceMean, ReduceProd.
#include "nomograph/core/onednn_kernel.h"
#include "nomograph/core/registry.h"
#include "nomograph/ops/math/reduce.h"
#include "nomograph/ops/math/reduce_examples.h"

namespace nomograph {
namespace {

template <typename T>
struct SumReducer {
  void Add(ComputeType<T> x) { sum += static_cast<math::WrappingSum<T>>(x); }
  void Merge(const SumReducer& other) { sum += other.sum; }
  auto Result(int64_t) const { return sum; }

  math::WrappingSum<T> sum = 0;
};

template <typename T>
struct MeanReducer : SumReducer<T> {
  auto Result(int64_t count) const {
    using S = SumType<T>;
    if (std::is_integral_v<T> && count == 0) return S{0};
    return static_cast<S>(this->sum) / static_cast<S>(count);
  }
};

template <typename T>
struct ProdReducer {
  void Add(ComputeType<T> x) { product *= static_cast<math::WrappingSum<T>>(x); }
  void Merge(const ProdReducer& other) { product *= other.product; }
  auto Result(int64_t) const { return product; }

  math::WrappingSum<T> product = 1;
};

// oneDNN is fast only where the last axes are reduced. It sums in float32, so that its error grows with the number of
// elements; the reference kernel is nearly as fast and sums in float64.
PrepareFn OneDnnRowReduction(dnnl::algorithm algorithm) {
  return onednn::Prepare([algorithm](onednn::Builder& b) {
    constexpr int64_t kMinRow = 64, kMaxRow = 4096;
    const PrepareContext& context = b.context();
    const Shape& x = context.inputs[0].shape;
    if (context.inputs[0].dtype != DType::kFloat32 || context.has_input(1)) return false;
    const int64_t rows = context.outputs[0].shape.num_elements();
    const int64_t row = x.num_elements() / rows;
    if (row < kMinRow || row > kMaxRow) return false;
    int64_t last_axes = 1;
    for (int axis = x.rank() - 1; axis >= 0 && last_axes < row; --axis) last_axes *= x[axis];
    if (last_axes != row || !math::ReducesLastAxes(context)) return false;
    const onednn::Desc from = onednn::RowMajor(DType::kFloat32, {rows, row});
    const onednn::Desc to = onednn::RowMajor(DType::kFloat32, {rows, 1});
    const dnnl::reduction::primitive_desc pd({algorithm, from, to, 0, 0}, b.Attr(), onednn::Engine());
    b.Add<dnnl::reduction>(pd, {{DNNL_ARG_SRC, b.Input(0, from)}, {DNNL_ARG_DST, b.Output(0, to)}});
    return true;
  });
}

}  // namespace
}  // namespace nomograph
