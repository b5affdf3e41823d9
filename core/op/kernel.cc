#include "nomograph/core/op/kernel.h"

#include <cstring>
#include <utility>

#include "nomograph/core/types/memory.h"

namespace nomograph {
namespace {

class ComputeKernel : public Kernel {
 public:
  ComputeKernel(ComputeFn compute, std::string description, int64_t scratch_bytes)
      : compute_(std::move(compute)),
        description_(std::move(description)),
        scratch_bytes_(scratch_bytes) {}
  absl::Status Run(KernelContext& context) const override { return compute_(context); }
  int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::string Describe() const override { return description_; }

 private:
  ComputeFn compute_;
  std::string description_;
  int64_t scratch_bytes_;
};

}  // namespace

absl::StatusOr<VariableStore*> VariablesOf(const RunContext& run) {
  if (run.variables != nullptr) return run.variables;
  return absl::FailedPreconditionError("variables belong to a session, and none runs this node");
}

Tensor KernelContext::BorrowInput(int i) const {
  return Tensor::FromBuffer(inputs_[i].dtype, *inputs_[i].shape, inputs_[i].data, nullptr);
}

absl::Status KernelContext::AllocateOutput(int i, const Shape& shape) {
  TensorView& view = outputs_[i];
  if (view.data != nullptr) {
    if (*view.shape == shape) return absl::OkStatus();
    return InvalidArgument("output ", i, " has shape ", view.shape->ToString(),
                           ", the kernel yields ", shape.ToString());
  }
  NOMO_ASSIGN_OR_RETURN(owned_outputs_[i], pool_ != nullptr ? pool_->Create(view.dtype, shape)
                                                            : Tensor::Create(view.dtype, shape));
  view.shape = &owned_outputs_[i].shape();
  view.data = owned_outputs_[i].mutable_raw_data();
  return absl::OkStatus();
}

absl::Status KernelContext::SetOutput(int i, const Tensor& value) {
  if (value.dtype() != outputs_[i].dtype) {
    return InvalidArgument("output ", i, " is ", DTypeName(outputs_[i].dtype),
                           ", the kernel yields ", DTypeName(value.dtype()));
  }
  NOMO_RETURN_IF_ERROR(AllocateOutput(i, value.shape()));
  std::memcpy(outputs_[i].data, value.raw_data(), value.num_bytes());
  return absl::OkStatus();
}

std::unique_ptr<Kernel> MakeComputeKernel(ComputeFn compute, std::string description,
                                          int64_t scratch_bytes) {
  return std::make_unique<ComputeKernel>(std::move(compute), std::move(description), scratch_bytes);
}

}  // namespace nomograph
