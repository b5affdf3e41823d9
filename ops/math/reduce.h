// What reductions share: ports, axes, shapes, and the walk over the elements.
//
// A reducer is a class template over the element type: constructed, it has seen nothing; Add()
// takes an element (float for the 16-bit types), Merge() what another one has seen, Result() the
// number of elements.
#ifndef NOMOGRAPH_OPS_MATH_REDUCE_H_
#define NOMOGRAPH_OPS_MATH_REDUCE_H_

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/reduction/reduction.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph::math {

// The op without its doc, source, kernels and examples. All reductions have the same attributes.
OpDef ReduceSchema(std::string name, DTypeSet types);

// The axes to reduce, sorted; nothing where they are not known yet. REQUIRES: the rank of x is
// known.
absl::StatusOr<std::optional<std::vector<int>>> ReducedAxes(const InferContext& context);

// The axes to reduce when the node runs. Allocates the output.
absl::StatusOr<std::vector<int>> StartReduction(KernelContext& context);

// For OpDef::Fast: float32 by a loop of vectors, where the axes are known. Of sums the mean or the
// root is taken where that is said.
enum class SumResult { kSum, kMean, kRoot };
PrepareFn FastReduction(Reduction::Kind kind, SumResult result = SumResult::kSum);

// The same reduction with another op, of a value of x's shape. Its axes stay.
Value ReducedLike(const GradientContext& g, absl::string_view op, const Value& value);
// `value` broadcast to x's shape.
Value ExpandLike(const Value& value, const Value& x);

// dx from y and dy, which have the reduced axes with size 1 or are one number.
using ReduceGradientPart =
    std::function<Value(const GradientContext& g, const Value& y, const Value& dy)>;
GradientFn ReduceGradient(ReduceGradientPart dx);
// Of reductions that choose an element: elements that are equal share the gradient, as in PyTorch's
// amax.
GradientFn ReduceExtremeGradient();

// Walks over the elements of x in the order of memory. Of each run, the elements [in, in + count)
// either all go to the output's element `out` (out_step 0), or each to its own, from `out` on
// (out_step 1).
using ReduceRunFn =
    absl::FunctionRef<void(int64_t in, int64_t out, int64_t count, int64_t out_step)>;
void ForEachReduceRun(const Shape& x, absl::Span<const int> axes, ReduceRunFn run);

// Long runs go through sixteen reducers in turn, because processors do several independent
// operations at once. The order of operations is thereby fixed, too.
template <typename T, typename Reducer>
void ReduceRun(const T* x, int64_t count, Reducer& result) {
  constexpr int kLanes = 16;
  int64_t i = 0;
  if (count >= kLanes) {
    std::array<Reducer, kLanes> lanes;
    for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
      for (int lane = 0; lane < kLanes; ++lane) lanes[lane].Add(x[i + lane]);
    }
    for (const Reducer& lane : lanes) result.Merge(lane);
  }
  for (; i < count; ++i) result.Add(x[i]);
}

template <typename T, typename Reducer>
void Reduce(KernelContext& context, absl::Span<const int> axes) {
  const T* x = context.input<T>(0).data();
  const absl::Span<T> y = context.output<T>(0);
  LargeVector<Reducer> results(y.size());
  ForEachReduceRun(context.input_shape(0), axes,
                   [&](int64_t in, int64_t out, int64_t count, int64_t out_step) {
                     if (out_step == 0) return ReduceRun(x + in, count, results[out]);
                     Reducer* own = results.data() + out;
#pragma omp simd
                     for (int64_t i = 0; i < count; ++i) own[i].Add(x[in + i]);
                   });
  int64_t count = 1;
  for (int axis : axes) count *= context.input_shape(0)[axis];
  for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<T>(results[i].Result(count));
}

template <typename T>
struct SumReducer {
  void Add(ComputeType<T> x) { sum += static_cast<WrappingSum<T>>(x); }
  void Merge(const SumReducer& other) { sum += other.sum; }
  auto Result(int64_t) const { return sum; }

  WrappingSum<T> sum = 0;
};

// The op without its doc, source and examples.
template <template <typename> typename Reducer, typename... Ts>
OpDef ReduceOp(std::string name, TypeList<Ts...> types) {
  return ReduceSchema(std::move(name), DTypesOf(types))
      .Reference([types](KernelContext& context) -> absl::Status {
        NOMO_ASSIGN_OR_RETURN(const std::vector<int> axes, StartReduction(context));
        Dispatch(types, context.input_dtype(0),
                 [&]<typename T>() { Reduce<T, Reducer<T>>(context, axes); });
        return absl::OkStatus();
      });
}

}  // namespace nomograph::math

#endif  // NOMOGRAPH_OPS_MATH_REDUCE_H_
