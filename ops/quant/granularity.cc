#include "nomograph/ops/quant/granularity.h"

#include <algorithm>
#include <utility>

#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

constexpr int64_t kTensorRun = 1 << 14;  // elements

int64_t CeilDiv(int64_t a, int64_t b) { return a / b + (a % b != 0); }

absl::Status CheckAxis(const PartialShape& x, const Dim& size, int64_t axis,
                       absl::string_view name) {
  if (!x.has_rank() || !size.known()) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const int normalized, NormalizeAxis(axis, x.rank()));
  const Dim& expected = x[normalized];
  if (!expected.known() || expected == size) return absl::OkStatus();
  return InvalidArgument("input ", name, ": expected ", expected.ToString(),
                         " numbers, one for each index of axis ", axis, " of x, found ",
                         size.ToString());
}

absl::Status CheckBlocks(const PartialShape& x, const PartialShape& scale, int64_t axis,
                         int64_t block_size, absl::string_view name) {
  if (!x.has_rank()) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const int normalized, NormalizeAxis(axis, x.rank()));
  PartialShape expected = x;
  if (x[normalized].known()) expected[normalized] = CeilDiv(x[normalized].size(), block_size);
  if (!x[normalized].known()) expected[normalized] = Dim();
  if (Compatible(scale, expected)) return absl::OkStatus();
  return InvalidArgument("input ", name, ": expected shape ", expected.ToString(),
                         " for blocks of ", block_size, " along axis ", axis, " of x, found ",
                         scale.ToString());
}

}  // namespace

OpDef WithGranularity(OpDef op) {
  return op
      .Attr("axis", 1,
            "the axis along which scales differ; without meaning where there is one scale")
      .Attr("block_size", 0,
            "0: one scale for all of x, or one for each index of axis; else how many neighbouring "
            "indices of axis share a scale (the last block may have fewer)")
      .Min(0);
}

absl::Status CheckGranularity(const InferContext& context, absl::string_view scale_name,
                              absl::string_view zero_point_name) {
  const PartialShape &x = context.shape(0), &scale = context.shape(1);
  if (context.has_input(2)) {
    const PartialShape& zero_point = context.shape(2);
    if (!Compatible(scale, zero_point) && !(IsSingle(scale) && IsSingle(zero_point))) {
      return InvalidArgument("input ", zero_point_name, ": expected shape ", scale.ToString(),
                             " like ", scale_name, ", found ", zero_point.ToString());
    }
  }
  if (!scale.has_rank()) return absl::OkStatus();
  const int64_t axis = context.attrs().Int("axis");
  const int64_t block_size = context.attrs().Int("block_size");
  if (block_size > 0) return CheckBlocks(x, scale, axis, block_size, scale_name);
  if (IsSingle(scale)) return absl::OkStatus();
  if (scale.rank() == 1) return CheckAxis(x, scale[0], axis, scale_name);
  return InvalidArgument("input ", scale_name,
                         ": expected one number, or a vector with one for each index of an axis, "
                         "or block_size, found shape ",
                         scale.ToString(), " without block_size");
}

Granularity::Granularity(const Shape& x, const Shape& scale, const Attributes& attrs)
    : elements_(x.num_elements()) {
  const int64_t block_size = attrs.Int("block_size");
  if (block_size == 0 && scale.num_elements() == 1) {
    kind_ = Kind::kTensor;
    runs_ = CeilDiv(elements_, kTensorRun);
    return;
  }
  const int axis = *NormalizeAxis(attrs.Int("axis"), x.rank());
  axis_ = x[axis];
  for (int i = axis + 1; i < x.rank(); ++i) inner_ *= x[i];
  kind_ = block_size == 0 ? Kind::kAxis : Kind::kBlocks;
  block_ = std::max<int64_t>(block_size, 1);
  blocks_ = CeilDiv(axis_, block_);
  const int64_t outer = elements_ == 0 ? 0 : elements_ / (axis_ * inner_);
  // A run goes along the axes behind the axis, or where there are none along the axis itself.
  const bool along_axis = inner_ == 1;
  runs_ = outer * (!along_axis ? axis_ : kind_ == Kind::kAxis ? 1 : blocks_);
}

Run Granularity::run(int64_t i) const {
  if (kind_ == Kind::kTensor) {
    const int64_t first = i * kTensorRun;
    return {first, std::min(kTensorRun, elements_ - first), 0, 0};
  }
  if (kind_ == Kind::kAxis) {
    if (inner_ == 1) return {i * axis_, axis_, 0, 1};
    return {i * inner_, inner_, i % axis_, 0};
  }
  if (inner_ == 1) {
    const int64_t begin = i % blocks_ * block_;
    return {i / blocks_ * axis_ + begin, std::min(block_, axis_ - begin), i, 0};
  }
  return {i * inner_, inner_, (i / axis_ * blocks_ + i % axis_ / block_) * inner_, 1};
}

}  // namespace nomograph::quant
