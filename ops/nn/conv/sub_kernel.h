// A kernel inside of another one, whose Run() lays out the inner kernel's tensors in memory itself:
// the matrix product in each step of a recurrent layer, the product of numbers that were converted.
#ifndef NOMOGRAPH_OPS_NN_CONV_SUB_KERNEL_H_
#define NOMOGRAPH_OPS_NN_CONV_SUB_KERNEL_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/op/kernel.h"

namespace nomograph::nn {

class SubKernel {
 public:
  // None where `prepare` does not serve these tensors, at most three inputs. `constants` are the
  // inputs' values where they are known; it may be shorter than `inputs`.
  static absl::StatusOr<std::optional<SubKernel>> Create(const PrepareFn& prepare,
                                                         const Attributes& attrs, int threads,
                                                         std::vector<TensorSpec> inputs,
                                                         TensorSpec output,
                                                         std::vector<Tensor> constants);

  int64_t scratch_bytes() const { return kernel_->scratch_bytes(); }
  std::unique_ptr<KernelState> NewState() const { return kernel_->NewState(); }
  bool ReadsInput(int i) const { return kernel_->ReadsInput(i); }
  std::string Describe() const { return kernel_->Describe(); }
  // `inputs` are the addresses of the tensors, `state` is one of NewState()'s that no other thread
  // uses. `outer` is the run that this one is part of.
  absl::Status Run(const KernelContext& outer, absl::Span<const std::byte* const> inputs,
                   std::byte* output, std::byte* scratch, KernelState* state) const;

 private:
  SubKernel(std::vector<TensorSpec> inputs, TensorSpec output, std::unique_ptr<Kernel> kernel)
      : inputs_(std::move(inputs)), output_(std::move(output)), kernel_(std::move(kernel)) {}

  std::vector<TensorSpec> inputs_;
  TensorSpec output_;
  std::unique_ptr<Kernel> kernel_;
};

// The states of several.
struct SubKernelStates : KernelState {
  std::vector<std::unique_ptr<KernelState>> states;
};

// Lays out a kernel's scratch memory, part after part.
class ScratchPlan {
 public:
  // The part's offset, which is aligned to 64 bytes.
  int64_t Add(int64_t bytes) {
    const int64_t offset = bytes_;
    bytes_ += (bytes + 63) / 64 * 64;
    return offset;
  }
  template <typename T>
  int64_t Add(int64_t count) {
    return Add(count * static_cast<int64_t>(sizeof(T)));
  }
  int64_t bytes() const { return bytes_; }

 private:
  int64_t bytes_ = 0;
};

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_CONV_SUB_KERNEL_H_
