// nn.Dropout: elements set to 0 at random in training.
#include <algorithm>
#include <array>
#include <utility>

#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/random.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::nn {
namespace {

// Elements from `begin`, a multiple of 4, up to `end`.
template <typename T>
void Drop(const PhiloxStream& stream, double rate, absl::Span<const T> x, absl::Span<T> y,
          size_t begin, size_t end) {
  std::array<uint32_t, 4> words = {};
  for (size_t i = begin; i < end; ++i) {
    if (i % 4 == 0) words = stream.Block(i / 4);
    y[i] = UniformFloat(words[i % 4]) < rate
               ? T(0.0f)
               : static_cast<T>(static_cast<double>(x[i]) / (1 - rate));
  }
}

absl::Status Compute(KernelContext& context, int threads) {
  const double rate = context.attrs().Float("rate");
  const bool drops = context.run().training && rate > 0;
  const PhiloxStream stream = RandomStream(context);
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    const auto x = context.input<T>(0);
    const auto y = context.output<T>(0);
    if (!drops) {
      if (x.data() != y.data()) std::copy(x.begin(), x.end(), y.begin());
      return;
    }
    constexpr size_t kPart = 4096;
    const auto parts = static_cast<int64_t>((x.size() + kPart - 1) / kPart);
    ParallelFor(threads, parts, [&](int64_t part) {
      const size_t begin = static_cast<size_t>(part) * kPart;
      Drop<T>(stream, rate, x, y, begin, std::min(begin + kPart, x.size()));
    });
  });
  return absl::OkStatus();
}

absl::Status DropoutCompute(KernelContext& context) { return Compute(context, 1); }

// The same on several threads: each element's number follows from its place.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareDropout(const PrepareContext& context) {
  constexpr int64_t kWorthThreads = 1 << 14;
  if (context.inputs[0].shape.num_elements() < kWorthThreads) return nullptr;
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& kernel) { return Compute(kernel, threads); },
      "loop");
}

std::vector<Example> DropoutExamples() {
  return {
      {.name = "the run's seed",
       .attrs = {{"rate", 0.5}},
       .inputs = {Tensor::Of<float>({10}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})},
       .outputs = {Tensor::Of<float>({10}, {0, 0, 6, 8, 0, 12, 14, 16, 0, 20})},
       .training = true,
       .seed = 7,
       .step = 3,
       .keyed_by_node = true},
      {.name = "a seed of its own",
       .attrs = {{"rate", 0.25}, {"seed", 11}},
       .inputs = {Tensor::Of<float>({2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})},
       .outputs = {Tensor::Of<float>({2, 5}, {1.33333337, 2.66666675, 4, 5.33333349, 0, 8,
                                              9.33333302, 10.666667, 12, 13.333333})},
       .training = true,
       .keyed_by_node = true},
  };
}

NOMO_REGISTER_OP(
    RandomOp(
        OpDef("nn.Dropout", 1)
            .Doc("In training sets each element to 0 with probability rate, independently, and "
                 "divides the others by 1 - rate, so that the expected sum stays. In inference y = "
                 "x.\n\n"
                 "Element i is dropped where u < rate, u being the uniform number in [0, 1) of the "
                 "upper 24 bits of word i of the Philox4x32-10 stream of (seed, node, step).")
            .Source("ONNX Dropout; Keras Dropout; N. Srivastava et al., 2014")
            .TypeVar("T", kFloats)
            .Input("x", "T", "any shape")
            .Output("y", "T", "as x")
            .Attr("rate", 0.5, "the probability with which an element is dropped")
            .Min(0)
            .Max(1))
        .Infer(SameAsInput)
        .Reference(DropoutCompute)
        .InLowPrecision(LowPrecision::kFollows)
        .Fast(PrepareDropout)
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          NOMO_ASSIGN_OR_RETURN(Attributes attrs, AttributesOfSameDraws(g));
          return std::vector<Value>{Call("nn.Dropout", {g.gradient(0)}, std::move(attrs))};
        })
        .InPlace()
        .Examples(DropoutExamples));

}  // namespace
}  // namespace nomograph::nn
