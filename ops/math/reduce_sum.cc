// ReduceSum, ReduceMean, ReduceProd.
#include <algorithm>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/reduce.h"
#include "nomograph/ops/math/reduce_examples.h"

namespace nomograph {
namespace {

using math::ExpandLike;
using math::FastReduction;
using math::ReducedLike;
using math::ReduceExamples;
using math::ReduceGradient;
using math::ReduceOp;
using math::SumReducer;
using math::SumResult;
using math::WrappingSum;

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
  void Add(ComputeType<T> x) { product *= static_cast<WrappingSum<T>>(x); }
  void Merge(const ProdReducer& other) { product *= other.product; }
  auto Result(int64_t) const { return product; }

  WrappingSum<T> product = 1;
};

Value MeanGradient(const GradientContext& g, const Value& y, const Value& dy) {
  const Value& x = g.input(0);
  if (x.shape().fully_known() && y.shape().fully_known()) {
    const int64_t results = std::max<int64_t>(y.shape().ToShape().num_elements(), 1);
    const int64_t count = x.shape().ToShape().num_elements() / results;
    return ExpandLike(dy * (1.0 / static_cast<double>(std::max<int64_t>(count, 1))), x);
  }
  const Value count = Call("array.Size", {x}) / Call("array.Size", {y});
  const Value wide = Call("array.Cast", {count}, {{"to", DType::kFloat64}});
  return ExpandLike(dy * CastLike(Call("math.Reciprocal", {wide}), x), x);
}

// dy * y / x. Where x is 0 it is the product of the others, which is 0 where another one is.
Value ProdGradient(const GradientContext& g, const Value& y, const Value& dy) {
  const Value &x = g.input(0), zero = ConstantLike(0, x), is_zero = x == 0;
  const Value others = Call("array.Where", {is_zero, ConstantLike(1, x), x});
  const Value zeros = ReducedLike(g, "math.ReduceSum", CastLike(is_zero, x));
  const Value product =
      Call("array.Where", {zeros == 1, ReducedLike(g, "math.ReduceProd", others), zero});
  return Call("array.Where", {is_zero, dy * product, dy * y / others});
}

// Rows that are long enough for every way of summing: 1, 2, …, 99, and the same doubled.
Example LongRows(float first, float second) {
  std::vector<float> x;
  for (int factor : {1, 2}) {
    for (int i = 1; i < 100; ++i) x.push_back(static_cast<float>(factor * i));
  }
  return {.name = "long rows",
          .attrs = {{"axes", std::vector<int64_t>{-1}}},
          .inputs = {Tensor::Of<float>({2, 99}, x)},
          .outputs = {Tensor::Of<float>({2, 1}, {first, second})}};
}

}  // namespace

NOMO_REGISTER_OP(
    ReduceOp<SumReducer>("math.ReduceSum", NumberTypes{})
        .Doc("The sum over the axes; 0 over no elements. Integers wrap around.")
        .Source("ONNX ReduceSum; NumPy sum")
        .Known({.as = "onnx", .name = "ReduceSum", .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
        .Fast(FastReduction(Reduction::Kind::kSum))
        .Gradient(ReduceGradient([](auto& g, auto&, auto& dy) {
          return ExpandLike(dy, g.input(0));
        }))
        .Examples(ReduceExamples({kFloats,
                                  {1, -2, 3, 4, 0.5, -6},
                                  0.5,
                                  {2, -1.5},
                                  {5, -1.5, -3},
                                  {1, -2, 3, 4, 0.5, -6},
                                  0})
                      .AddForEach(kInts, {.inputs = {Tensor::Vector<double>({5, 0, 7})},
                                          .outputs = {Tensor::Vector<double>({12})}})
                      .Add({.name = "integers wrap around",
                            .inputs = {Tensor::Vector<int8_t>({100, 100, -128})},
                            .outputs = {Tensor::Vector<int8_t>({72})}})
                      .Add(LongRows(4950, 9900))));

NOMO_REGISTER_OP(
    ReduceOp<MeanReducer>("math.ReduceMean", NumberTypes{})
        .Doc("The sum over the axes divided by the number of elements. Integers are rounded toward "
             "zero. The mean of no elements is NaN, or 0 for integers.")
        .Source("ONNX ReduceMean; NumPy mean for floats")
        .Known({.as = "onnx",
                .name = "ReduceMean",
                .since = 18,
                .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
        .Fast(FastReduction(Reduction::Kind::kSum, SumResult::kMean))
        .Gradient(ReduceGradient(MeanGradient))
        .Examples(ReduceExamples({kFloats,
                                  {1, -2, 3, 4, 0.5, -6},
                                  0.08333333333333333,
                                  {0.6666666666666666, -0.5},
                                  {2.5, -0.75, -1.5},
                                  {1, -2, 3, 4, 0.5, -6},
                                  kNaN})
                      .AddForEach(kInts, {.inputs = {Tensor::Vector<double>({5, 0, 6})},
                                          .outputs = {Tensor::Vector<double>({3})}})
                      .AddForEach(kSignedInts, {.inputs = {Tensor::Vector<double>({-5, -6})},
                                                .outputs = {Tensor::Vector<double>({-5})}})
                      .AddForEach(kInts, {.name = "empty",
                                          .inputs = {Tensor::Vector<double>({})},
                                          .outputs = {Tensor::Vector<double>({0})}})
                      .Add(LongRows(50, 100))));

NOMO_REGISTER_OP(ReduceOp<ProdReducer>("math.ReduceProd", NumberTypes{})
                     .Doc("The product over the axes; 1 over no elements. Integers wrap around.")
                     .Source("ONNX ReduceProd; NumPy prod")
                     .Known({.as = "onnx",
                             .name = "ReduceProd",
                             .since = 18,
                             .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
                     .Fast(FastReduction(Reduction::Kind::kProduct))
                     .Gradient(ReduceGradient(ProdGradient))
                     .Examples(ReduceExamples({kFloats,
                                               {1, -2, 3, 4, 0.5, -6},
                                               72,
                                               {-6, -12},
                                               {4, -1, -18},
                                               {1, -2, 3, 4, 0.5, -6},
                                               1})
                                   .AddForEach(kInts,
                                               {.inputs = {Tensor::Vector<double>({5, 2, 7})},
                                                .outputs = {Tensor::Vector<double>({70})}})
                                   .Add({.name = "integers wrap around",
                                         .inputs = {Tensor::Vector<int8_t>({16, 16, 3})},
                                         .outputs = {Tensor::Vector<int8_t>({0})}})));

}  // namespace nomograph
