// ReduceL1, ReduceL2, ReduceSumSquare.
#include <cmath>
#include <utility>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/reduce.h"
#include "nomograph/ops/math/reduce_examples.h"

namespace nomograph {
namespace {

using math::FastReduction;
using math::ReduceExamples;
using math::ReduceGradient;
using math::ReduceOp;
using math::SumResult;
using math::WrappingSum;

template <typename T>
struct L1Reducer {
  void Add(ComputeType<T> x) {
    const auto wide = static_cast<WrappingSum<T>>(x);
    sum += x < 0 ? 0 - wide : wide;
  }
  void Merge(const L1Reducer& other) { sum += other.sum; }
  auto Result(int64_t) const { return sum; }

  WrappingSum<T> sum = 0;
};

template <typename T>
struct SumSquareReducer {
  void Add(ComputeType<T> x) {
    const auto wide = static_cast<WrappingSum<T>>(x);
    sum += wide * wide;
  }
  void Merge(const SumSquareReducer& other) { sum += other.sum; }
  auto Result(int64_t) const { return sum; }

  WrappingSum<T> sum = 0;
};

template <typename T>
struct L2Reducer : SumSquareReducer<T> {
  auto Result(int64_t) const { return std::sqrt(this->sum); }
};

// dy * x / y; 0 where all of x is 0.
Value L2Gradient(const GradientContext& g, const Value& y, const Value& dy) {
  const Value length = Call("array.Where", {y == 0, ConstantLike(1, y), y});
  return g.input(0) * (dy / length);
}

// A sum of squares that were computed before, with axes as an input or not.
std::vector<Pattern> SumSquarePatterns() {
  const Pattern x = Pattern::Input(0);
  const Pattern square =
      Pattern::Either({Pattern::Op("math.Pow", {x, Pattern::Number(2)}),
                       Pattern::Op("math.Square", {x}), Pattern::Op("math.Mul", {x, x})});
  const auto of_floats = [](bool axes_are_input) {
    return [=](const InferContext& node, const TensorType&) {
      return kFloats.Contains(node.dtype(0)) && node.has_input(1) == axes_are_input;
    };
  };
  return {Pattern::Op("math.ReduceSum", {square, Pattern::Input(1)})
              .Where(of_floats(true))
              .GivesAttributes(),
          Pattern::Op("math.ReduceSum", {square}).Where(of_floats(false)).GivesAttributes()};
}

Example SmallInts(float expected) {
  return {.inputs = {Tensor::Vector<double>({5, 0, 7})},
          .outputs = {Tensor::Vector<double>({expected})}};
}

OpDef SumSquare() {
  OpDef op =
      ReduceOp<SumSquareReducer>("math.ReduceSumSquare", NumberTypes{})
          .Doc("The sum of x * x over the axes; 0 over no elements. Integers wrap around.")
          .Source("ONNX ReduceSumSquare")
          .Known({.as = "onnx",
                  .name = "ReduceSumSquare",
                  .since = 18,
                  .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
          .Fast(FastReduction(Reduction::Kind::kSumOfSquares))
          .Gradient(ReduceGradient([](auto& g, auto&, auto& dy) { return g.input(0) * (dy * 2); }))
          .Examples(ReduceExamples({kFloats,
                                    {1, -2, 3, 4, 0.5, -6},
                                    66.25,
                                    {14, 52.25},
                                    {17, 4.25, 45},
                                    {1, 4, 9, 16, 0.25, 36},
                                    0})
                        .AddForEach(kInts, SmallInts(74))
                        .Add({.name = "integers wrap around",
                              .inputs = {Tensor::Vector<int8_t>({-128, 12})},
                              .outputs = {Tensor::Vector<int8_t>({-112})}}));
  for (Pattern& pattern : SumSquarePatterns()) op.Written(std::move(pattern));
  return op;
}

}  // namespace

NOMO_REGISTER_OP(ReduceOp<L1Reducer>("math.ReduceL1", NumberTypes{})
                     .Doc("The sum of |x| over the axes; 0 over no elements. Integers wrap around.")
                     .Source("ONNX ReduceL1; NumPy linalg.norm with ord 1 for one axis")
                     .Known({.as = "onnx",
                             .name = "ReduceL1",
                             .since = 18,
                             .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
                     .Fast(FastReduction(Reduction::Kind::kSumOfMagnitudes))
                     .Gradient(ReduceGradient([](auto& g, auto&, auto& dy) {
                       return dy * Call("math.Sign", {g.input(0)});
                     }))
                     .Examples(ReduceExamples({kFloats,
                                               {1, -2, 3, 4, 0.5, -6},
                                               16.5,
                                               {6, 10.5},
                                               {5, 2.5, 9},
                                               {1, 2, 3, 4, 0.5, 6},
                                               0})
                                   .AddForEach(kInts, SmallInts(12))
                                   .Add({.name = "the least integer",
                                         .inputs = {Tensor::Vector<int8_t>({-128, -128, -1})},
                                         .outputs = {Tensor::Vector<int8_t>({1})}})));

NOMO_REGISTER_OP(ReduceOp<L2Reducer>("math.ReduceL2", FloatTypes{})
                     .Doc("The square root of the sum of x * x over the axes; 0 over no elements.")
                     .Source("ONNX ReduceL2 for floats; NumPy linalg.norm for one axis")
                     .Known({.as = "onnx",
                             .name = "ReduceL2",
                             .since = 18,
                             .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
                     .Fast(FastReduction(Reduction::Kind::kSumOfSquares, SumResult::kRoot))
                     .Gradient(ReduceGradient(L2Gradient))
                     .Examples(ReduceExamples({kFloats,
                                               {1, -2, 3, 4, 0.5, -6},
                                               8.13941029804985,
                                               {3.7416573867739413, 7.228416147400481},
                                               {4.123105625617661, 2.0615528128088303,
                                                6.708203932499369},
                                               {1, 2, 3, 4, 0.5, 6},
                                               0})));

NOMO_REGISTER_OP(SumSquare());

}  // namespace nomograph
