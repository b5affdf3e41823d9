#include "nomograph/ops/nn/conv/sub_kernel.h"

#include <array>
#include <utility>

#include "nomograph/core/op/eager.h"

namespace nomograph::nn {
namespace {

constexpr size_t kMaxInputs = 3;

}  // namespace

absl::StatusOr<std::optional<SubKernel>> SubKernel::Create(const PrepareFn& prepare,
                                                           const Attributes& attrs, int threads,
                                                           std::vector<TensorSpec> inputs,
                                                           TensorSpec output,
                                                           std::vector<Tensor> constants) {
  NOMO_CHECK(inputs.size() <= kMaxInputs);
  constants.resize(inputs.size());
  const PrepareContext context{attrs,     inputs, absl::MakeConstSpan(&output, 1),
                               constants, {},     threads};
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, prepare(context));
  if (kernel == nullptr) return std::optional<SubKernel>();
  return std::optional<SubKernel>(
      SubKernel(std::move(inputs), std::move(output), std::move(kernel)));
}

absl::Status SubKernel::Run(const KernelContext& outer, absl::Span<const std::byte* const> inputs,
                            std::byte* output, std::byte* scratch, KernelState* state) const {
  std::array<TensorView, kMaxInputs> views;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    views[i] = {inputs_[i].dtype, &inputs_[i].shape, const_cast<std::byte*>(inputs[i])};
  }
  TensorView result{output_.dtype, &output_.shape, output};
  KernelContextBuilder builder(absl::MakeConstSpan(views).first(inputs_.size()),
                               absl::MakeSpan(&result, 1), {}, outer.attrs(), outer.run(),
                               outer.node_key());
  builder.SetMemory(scratch, state);
  return kernel_->Run(builder.context());
}

}  // namespace nomograph::nn
