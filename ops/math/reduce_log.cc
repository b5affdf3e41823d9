// ReduceLogSum, ReduceLogSumExp.
#include <limits>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/reduce.h"
#include "nomograph/ops/math/reduce_examples.h"

namespace nomograph {
namespace {

using math::ExpandLike;
using math::FastReduction;
using math::ReduceExamples;
using math::ReduceGradient;
using math::ReduceOp;

template <typename T>
struct LogSumReducer {
  void Add(double x) { sum += x; }
  void Merge(const LogSumReducer& other) { sum += other.sum; }
  double Result(int64_t) const { return exact::Log(sum); }

  double sum = 0;
};

// The sum so far is scaled * e^max, so that no exponential overflows.
template <typename T>
struct LogSumExpReducer {
  void Add(double x) { AddScaled(1, x); }
  void Merge(const LogSumExpReducer& other) { AddScaled(other.scaled, other.max); }
  double Result(int64_t) const { return max + exact::Log(scaled); }

  // Adds scale * e^x.
  void AddScaled(double scale, double x) {
    if (x == max) {  // also where both are infinite
      scaled += scale;
    } else if (x > max) {
      scaled = scaled * exact::Exp(max - x) + scale;
      max = x;
    } else {  // also where x is NaN
      scaled += scale * exact::Exp(x - max);
    }
  }

  double max = -std::numeric_limits<double>::infinity();
  double scaled = 0;
};

// dy * e^(x - y), at most dy. Where all of x is -inf, so is y, and nothing flows back.
Value LogSumExpGradient(const GradientContext& g, const Value& y, const Value& dy) {
  const Value nothing = Call("math.IsInf", {y}, {{"detect_positive", false}});
  const Value finite = Call("array.Where", {nothing, ConstantLike(0, y), y});
  return dy * Call("math.Exp", {g.input(0) - finite});
}

}  // namespace

NOMO_REGISTER_OP(
    ReduceOp<LogSumReducer>("math.ReduceLogSum", FloatTypes{})
        .Doc("The natural logarithm of the sum over the axes: NaN where the sum is negative, -inf "
             "over no elements.")
        .Source("ONNX ReduceLogSum")
        .Known({.as = "onnx",
                .name = "ReduceLogSum",
                .since = 18,
                .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
        .Gradient(ReduceGradient([](auto& g, auto& y, auto& dy) {
          return ExpandLike(dy * Call("math.Exp", {-y}), g.input(0));
        }))
        .Examples(ReduceExamples({kFloats,
                                  {1, 2, 3, 4, 0.5, 6},
                                  2.803360380906535,
                                  {1.791759469228055, 2.3513752571634776},
                                  {1.6094379124341003, 0.9162907318741551, 2.1972245773362196},
                                  {0, 0.6931471805599453, 1.0986122886681098, 1.3862943611198906,
                                   -0.6931471805599453, 1.791759469228055},
                                  -kInf})));

NOMO_REGISTER_OP(
    ReduceOp<LogSumExpReducer>("math.ReduceLogSumExp", FloatTypes{})
        .Doc("The natural logarithm of the sum of e^x over the axes, also where e^x would "
             "overflow; -inf over no elements.")
        .Source("ONNX ReduceLogSumExp; Keras ops.logsumexp")
        .Known({.as = "onnx",
                .name = "ReduceLogSumExp",
                .since = 18,
                .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
        .Fast(FastReduction(Reduction::Kind::kLogSumExp))
        .Gradient(ReduceGradient(LogSumExpGradient))
        .Examples(
            ReduceExamples({kFloats,
                            {1, -2, 3, 4, 0.5, -6},
                            4.371831137917677,
                            {3.1328452337275756, 4.029794486458149},
                            {4.048587351573742, 0.5788897342925498, 3.000123402189723},
                            {1, -2, 3, 4, 0.5, -6},
                            -kInf})
                .AddForEach(kFloats, {.name = "large",
                                      .inputs = {Tensor::Vector<double>({1000, 1000, -1000})},
                                      .outputs = {Tensor::Vector<double>({1000.6931471805599})}})
                .AddForEach(kFloats,
                            {.name = "infinite",
                             .attrs = {{"axes", std::vector<int64_t>{1}}, {"keepdims", false}},
                             .inputs = {Tensor::Of<double>({4, 2}, {kInf, kInf, -kInf, -kInf, kInf,
                                                                    -kInf, kNaN, 1})},
                             .outputs = {Tensor::Vector<double>({kInf, -kInf, kInf, kNaN})}})));

}  // namespace nomograph
