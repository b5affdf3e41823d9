// random.Multinomial: classes drawn with replacement, from logits.
#include <algorithm>
#include <cmath>
#include <vector>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/random/draw.h"

namespace nomograph::random {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  const Dim samples(context.attrs().Int("sample_size"));
  const DType dtype = context.attrs().Type("dtype");
  if (!x.has_rank()) return Drawn(dtype, {Dim(), samples});
  if (x.rank() != 2 || x[1].size() == 0) {
    return InvalidArgument("x: expected [batch, classes] with at least one class, found shape ",
                           x.ToString());
  }
  return Drawn(dtype, {x[0], samples});
}

// sums[c] = exp(x[0]) + … + exp(x[c]), all divided by the greatest of the terms.
template <typename T>
absl::Status AddUp(const T* x, std::vector<double>& sums) {
  double greatest = static_cast<double>(x[0]), sum = 0;
  for (size_t c = 1; c < sums.size(); ++c) {
    greatest = std::max(greatest, static_cast<double>(x[c]));
  }
  for (size_t c = 0; c < sums.size(); ++c) {
    sum += exact::Exp(static_cast<double>(x[c]) - greatest);
    sums[c] = sum;
  }
  if (std::isfinite(sum)) return absl::OkStatus();
  return InvalidArgument("expected finite logits or -inf, and one that is finite");
}

template <typename T, typename R>
absl::Status Draw(const KernelContext& context) {
  const int64_t samples = context.output_shape(0)[1], classes = context.input_shape(0)[1];
  std::vector<double> sums(classes);
  absl::Status status;
  const absl::Span<R> y = context.output<R>(0);
  ForEachWord(RandomStream(context), static_cast<int64_t>(y.size()), [&](int64_t i, uint32_t word) {
    const int64_t row = i / samples;
    if (i % samples == 0 && status.ok()) {
      status = Annotate(AddUp(context.input<T>(0).data() + row * classes, sums),
                        absl::StrCat("row ", row));
    }
    if (!status.ok()) return;
    const double number = word * 0x1p-32 * sums.back();
    y[i] = static_cast<R>(std::upper_bound(sums.begin(), sums.end(), number) - sums.begin());
  });
  return status;
}

absl::Status Compute(KernelContext& context) {
  absl::Status status;
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    Dispatch(TypeList<int32_t, int64_t>{}, context.output_dtype(0),
             [&]<typename R>() { status = Draw<T, R>(context); });
  });
  return status;
}

std::vector<Example> Examples() {
  const float inf = std::numeric_limits<float>::infinity();
  return {
      {.name = "unnormalised, one class impossible",
       .attrs = {{"sample_size", 6}},
       .inputs = {Tensor::Of<float>({2, 4}, {0, 1, -2, 0.5f, 3, -inf, 3, 2})},
       .outputs = {Tensor::Of<int32_t>({2, 6}, {1, 1, 3, 3, 1, 3, 2, 0, 3, 2, 2, 2})},
       .seed = 8,
       .keyed_by_node = true},
      {.name = "logarithms of probabilities, a seed of its own, int64",
       .attrs = {{"sample_size", 5}, {"dtype", DType::kInt64}, {"seed", 9}},
       .inputs = {Tensor::Of<double>({1, 4}, {-1.3862943611198906, -1.3862943611198906,
                                              -1.3862943611198906, -1.3862943611198906})},
       .outputs = {Tensor::Of<int64_t>({1, 5}, {1, 2, 1, 0, 1})},
       .keyed_by_node = true},
      {.name = "sure",
       .inputs = {Tensor::Of<float>({3, 3}, {-inf, 0, -inf, 7, -inf, -inf, -inf, -inf, -80})},
       .outputs = {Tensor::Of<int32_t>({3, 1}, {1, 0, 2})}},
      {.name = "empty batch",
       .attrs = {{"sample_size", 2}},
       .inputs = {Tensor::Of<Half>({0, 3}, {})},
       .outputs = {Tensor::Of<int32_t>({0, 2}, {})}},
  };
}

NOMO_REGISTER_OP(
    RandomOp(
        OpDef("random.Multinomial")
            .Doc("Draws classes with replacement, the same in training and inference: y[b, s] is c "
                 "with probability exp(x[b, c]) / (exp(x[b, 0]) + …). It is the first class for "
                 "which the sum of the terms up to it exceeds u times the sum of all, where u is "
                 "word b * sample_size + s of the Philox4x32-10 stream of (seed, node, step), "
                 "divided by 2^32. A row without a finite element, or with NaN or inf, is an "
                 "error.")
            .Source("ONNX Multinomial; Keras random.categorical")
            .TypeVar("T", kFloats)
            .TypeVar("R", {DType::kInt32, DType::kInt64})
            .Input("x", "T", "[batch, classes]: logarithms of probabilities, not normalised")
            .Output("y", "R", "[batch, sample_size]")
            .Attr("sample_size", 1, "how many to draw for each row")
            .Min(0)
            .Attr("dtype", DType::kInt32, "the type of y"))
        .Infer(Infer)
        .Reference(Compute)
        .GradientIsZero()
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::random
