#include "nomograph/ops/image/range.h"

#include "nomograph/ops/image/image.h"

namespace nomograph::image {
namespace {

absl::Status CheckRange(const Attributes& attrs, absl::string_view name) {
  if (!attrs.Has(name)) return absl::OkStatus();
  const std::vector<double>& values = attrs.Floats(name);
  if (values.size() == 1 && !std::isnan(values[0])) return absl::OkStatus();
  if (values.size() == 2 && values[0] <= values[1]) return absl::OkStatus();
  return InvalidArgument(name, ": expected [low, high] with low <= high, or one number, found ",
                         AttrValue(values).ToString());
}

}  // namespace

Range RangeOf(const Attributes& attrs, absl::string_view name) {
  if (!attrs.Has(name)) return {};
  const std::vector<double>& values = attrs.Floats(name);
  if (values.size() == 1) return {-std::abs(values[0]), std::abs(values[0])};
  return {values[0], values[1]};
}

InferFn InferWithRanges(std::vector<std::string> names) {
  return [names = std::move(names)](
             const InferContext& context) -> absl::StatusOr<std::vector<TensorType>> {
    for (const std::string& name : names) {
      NOMO_RETURN_IF_ERROR(CheckRange(context.attrs(), name));
    }
    return InferImages(context);
  };
}

Value WithinRange(const Attributes& attrs, const Value& y) {
  const Range range = RangeOf(attrs, "value_range");
  return y > range.low && y < range.high;
}

}  // namespace nomograph::image
