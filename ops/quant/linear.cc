#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {

absl::Status CheckSingle(const InferContext& context, int i, absl::string_view name) {
  if (!context.has_input(i) || !context.shape(i).has_rank() || IsSingle(context.shape(i)) ||
      Compatible(context.shape(i), {1})) {
    return absl::OkStatus();
  }
  return InvalidArgument("input ", name, ": expected one number, shape [] or [1], found shape ",
                         context.shape(i).ToString());
}

absl::Status CheckSingleOrVector(const InferContext& context, int i, absl::string_view name,
                                 const Dim& size) {
  if (!context.has_input(i) || Compatible(context.shape(i), {size}) ||
      CheckSingle(context, i, name).ok()) {
    return absl::OkStatus();
  }
  return InvalidArgument("input ", name, ": expected one number, or shape [", size.ToString(),
                         "] (one for each output channel), found shape ",
                         context.shape(i).ToString());
}

absl::Status CheckFloat8ZeroPoint(const KernelContext& context, absl::string_view name) {
  if (!context.has_input(2) || !kFloat8s.Contains(context.input_dtype(2))) return absl::OkStatus();
  const Tensor zeros = context.BorrowInput(2);
  for (int64_t i = 0; i < zeros.num_elements(); ++i) {
    if (zeros.AsDouble(i) == 0) continue;
    return InvalidArgument("input ", name, ": expected 0 for ", DTypeName(zeros.dtype()),
                           ", found ", zeros.AsDouble(i));
  }
  return absl::OkStatus();
}

std::vector<int64_t> IntsOf(const KernelContext& context, int i) {
  return context.has_input(i) ? context.BorrowInput(i).ToInts() : std::vector<int64_t>{0};
}

std::vector<float> FloatsOf(const KernelContext& context, int i) {
  const Tensor floats = context.BorrowInput(i).Cast(DType::kFloat32);
  const auto data = floats.data<float>();
  return std::vector<float>(data.begin(), data.end());
}

}  // namespace nomograph::quant
