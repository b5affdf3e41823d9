#include "nomograph/core/layers/regularization.h"

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

absl::Status CheckRate(double rate) {
  // 1 would divide by 0.
  return rate >= 0 && rate < 1 ? absl::OkStatus()
                               : InvalidArgument("rate: expected a number in [0, 1), found ", rate);
}

absl::Status CheckSeed(const std::optional<int64_t>& seed) {
  return internal::AtLeast("seed", 0, seed.value_or(0));
}

Attributes DropoutAttributes(double rate, const std::optional<int64_t>& seed) {
  Attributes attrs = {{"rate", rate}};
  if (seed) attrs.Set("seed", *seed);
  return attrs;
}

}  // namespace

Layer Dropout(double rate, DropoutOptions options) {
  return internal::WeightlessLayer(
      {.class_name = "Dropout",
       .name = options.name,
       .options = internal::AllOf({CheckRate(rate), CheckSeed(options.seed)})},
      [=](const Value& x) -> absl::StatusOr<Value> {
        return internal::Op("nn.Dropout", {x}, DropoutAttributes(rate, options.seed));
      });
}

}  // namespace nomograph
