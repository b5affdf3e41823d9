// ReduceMax, ReduceMin.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/reduce.h"
#include "nomograph/ops/math/reduce_examples.h"

namespace nomograph {
namespace {

using math::FastReduction;
using math::ReduceExamples;
using math::ReduceExtremeGradient;
using math::ReduceOp;

// The least value of the type, and the greatest.
template <typename T, bool kGreatest>
constexpr T Bound() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>)
    return kGreatest ? Limits::infinity() : -Limits::infinity();
  else
    return kGreatest ? Limits::max() : Limits::lowest();
}

template <typename T>
struct MaxReducer {
  void Add(ComputeType<T> x) { max = x > max || x != x ? x : max; }  // NaN differs from itself
  void Merge(const MaxReducer& other) { Add(other.max); }
  auto Result(int64_t) const { return max; }

  ComputeType<T> max = Bound<ComputeType<T>, false>();
};

template <typename T>
struct MinReducer {
  void Add(ComputeType<T> x) { min = x < min || x != x ? x : min; }
  void Merge(const MinReducer& other) { Add(other.min); }
  auto Result(int64_t) const { return min; }

  ComputeType<T> min = Bound<ComputeType<T>, true>();
};

// 40 times 1, but for three elements.
Example Long(std::string name, float third, float seventeenth, float last, float expected) {
  std::vector<float> x(40, 1.0f);
  x[2] = third;
  x[16] = seventeenth;
  x[39] = last;
  return {.name = std::move(name),
          .inputs = {Tensor::Of<float>({40}, x)},
          .outputs = {Tensor::Vector<float>({expected})}};
}

Example Empty(Tensor result) {
  return {.name = "integers, empty",
          .inputs = {Tensor(result.dtype(), {0})},
          .outputs = {std::move(result)}};
}

constexpr float kNaNf = std::numeric_limits<float>::quiet_NaN();

}  // namespace

NOMO_REGISTER_OP(
    ReduceOp<MaxReducer>("math.ReduceMax", AllTypes{})
        .Doc("The greatest element over the axes, NaN where one is NaN; whether any is true, for "
             "bool. Over no elements it is the least value of the type: -inf for floats, false for "
             "bool.")
        .Source("ONNX ReduceMax; NumPy max and any")
        .Known({.as = "onnx",
                .name = "ReduceMax",
                .since = 18,
                .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
        .Fast(FastReduction(Reduction::Kind::kGreatest))
        .Gradient(ReduceExtremeGradient())
        .Examples(ReduceExamples({kFloats,
                                  {1, -2, 3, 4, 0.5, -6},
                                  4,
                                  {3, 4},
                                  {4, 0.5, 3},
                                  {1, -2, 3, 4, 0.5, -6},
                                  -kInf})
                      .AddForEach(kInts, {.inputs = {Tensor::Vector<double>({5, 0, 7})},
                                          .outputs = {Tensor::Vector<double>({7})}})
                      .AddForEach(kSigned, {.inputs = {Tensor::Vector<double>({-5, -3})},
                                            .outputs = {Tensor::Vector<double>({-3})}})
                      .AddForEach(kBools, {.inputs = {Tensor::Vector<double>({0, 1, 0})},
                                           .outputs = {Tensor::Vector<double>({1})}})
                      .Add(Empty(Tensor::Vector<int8_t>({-128})))
                      .Add(Empty(Tensor::Vector<bool>({false})))
                      .Add(Long("long", -3, 7, 2, 7))
                      .Add(Long("NaN", 3, kNaNf, 2, kNaNf))));

NOMO_REGISTER_OP(
    ReduceOp<MinReducer>("math.ReduceMin", AllTypes{})
        .Doc("The least element over the axes, NaN where one is NaN; whether all are true, for "
             "bool. Over no elements it is the greatest value of the type: inf for floats, true "
             "for bool.")
        .Source("ONNX ReduceMin; NumPy min and all")
        .Known({.as = "onnx",
                .name = "ReduceMin",
                .since = 18,
                .attrs = {{"axes", KnownAttr::kInput, "", 1}}})
        .Fast(FastReduction(Reduction::Kind::kLeast))
        .Gradient(ReduceExtremeGradient())
        .Examples(ReduceExamples({kFloats,
                                  {1, -2, 3, 4, 0.5, -6},
                                  -6,
                                  {-2, -6},
                                  {1, -2, -6},
                                  {1, -2, 3, 4, 0.5, -6},
                                  kInf})
                      .AddForEach(kInts, {.inputs = {Tensor::Vector<double>({5, 3, 7})},
                                          .outputs = {Tensor::Vector<double>({3})}})
                      .AddForEach(kSigned, {.inputs = {Tensor::Vector<double>({5, -3})},
                                            .outputs = {Tensor::Vector<double>({-3})}})
                      .AddForEach(kBools, {.inputs = {Tensor::Vector<double>({1, 0, 1})},
                                           .outputs = {Tensor::Vector<double>({0})}})
                      .Add(Empty(Tensor::Vector<uint8_t>({255})))
                      .Add(Empty(Tensor::Vector<bool>({true})))
                      .Add(Long("long", -3, 7, 2, -3))
                      .Add(Long("NaN", 3, 2, kNaNf, kNaNf))));

}  // namespace nomograph
