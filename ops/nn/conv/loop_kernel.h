// Convolutions of float32 planes by the loops of core/window.
#ifndef NOMOGRAPH_OPS_NN_CONV_LOOP_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_LOOP_KERNEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/conv/depthwise_kernel.h"

namespace nomograph::nn {

// The spans of a node that such loops may serve: there are vectors for them, channels lie ahead of
// the planes, which have one axis or two, and the weights are constant.
inline std::optional<WindowMatrix> SpansForLoops(const WindowOf& window_of,
                                                 const PrepareContext& context) {
  const bool is_float =
      context.inputs[0].dtype == DType::kFloat32 && context.inputs[1].dtype == DType::kFloat32;
  if (BestVectorTarget() == VectorTarget::kBaseline || !is_float || !context.constants[1].valid() ||
      IsChannelsLast(context.attrs)) {
    return std::nullopt;
  }
  const auto window = window_of(context);
  if (!window.ok() || window->size() > 2 || !FitsIn32Bits(*window)) return std::nullopt;
  return SpansOf(*window);
}

// Loop has the type Conv of what it convolves, kName, and Run(conv, part, parts, scratch), each
// part of which has ScratchFloats(conv, parts) floats of its own. kWorthThreads multiplications and
// more are divided: a team of threads costs some microseconds.
template <typename Loop>
class LoopKernel : public Kernel {
 public:
  using Conv = typename Loop::Conv;

  LoopKernel(Conv conv, Tensor packed, std::vector<FusedStep> steps, int64_t work,
             const PrepareContext& context)
      : conv_(std::move(conv)),
        packed_(std::move(packed)),
        steps_(std::move(steps)),
        has_bias_(context.has_input(2)),
        threads_(work < Loop::kWorthThreads ? 1 : context.threads) {}

  absl::Status Run(KernelContext& context) const override {
    Conv conv = conv_;
    conv.input = context.input<float>(0).data();
    conv.packed = packed_.template data<float>().data();
    if (has_bias_) conv.bias = context.input<float>(2).data();
    conv.output = context.output<float>(0).data();
    conv.steps = StepsOfRun(steps_, context);
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    ParallelParts(threads_, [&](int part, int parts) {
      Loop::Run(conv, part, parts, scratch + part * ScratchFloats());
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return threads_ * ScratchFloats() * static_cast<int64_t>(sizeof(float));
  }
  bool ReadsInput(int index) const override { return index != 1; }
  std::string Describe() const override {
    return absl::StrCat(Loop::kName, " ", VectorTargetName(BestVectorTarget()));
  }

 private:
  int64_t ScratchFloats() const { return ApartFloats(Loop::ScratchFloats(conv_, threads_)); }

  const Conv conv_;
  const Tensor packed_;
  const std::vector<FusedStep> steps_;
  const bool has_bias_;
  const int threads_;
};

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_LOOP_KERNEL_H_
