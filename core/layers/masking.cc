#include "nomograph/core/layers/masking.h"

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

class MaskingLayer : public internal::OneInputLayer {
 public:
  explicit MaskingLayer(MaskingOptions options)
      : OneInputLayer(
            "Masking", options.name,
            {.min_rank = 3, .max_rank = 3, .axes = "(batch, steps, features)", .dtypes = kNumbers}),
        options_(std::move(options)) {}

 private:
  // Which steps count.
  Value MaskFor(const Value& x, bool keepdims) const {
    const Value differs =
        internal::Op("array.Cast", {x != options_.mask_value}, {{"to", DType::kInt32}});
    return internal::Op("math.ReduceMax", {differs}, {{"axes", 2}, {"keepdims", keepdims}}) != 0;
  }

  absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs) override {
    return MaskFor(inputs[0], /*keepdims=*/false);
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    return x * internal::Op("array.Cast", {MaskFor(x, /*keepdims=*/true)}, {{"to", x.dtype()}});
  }

  MaskingOptions options_;
};

struct MaskingSpec {
  MaskingOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("mask_value", options.mask_value, "of every element of a step that is left out");
  }
  Layer Make() const { return MakeLayer<MaskingLayer>(options); }
};
NOMO_REGISTER_LAYER(MaskingSpec, "Masking", internal::Sample({{"mask_value", -1}}, {{3, 2}}));

}  // namespace

Layer Masking(MaskingOptions options) { return Configured(MaskingSpec{std::move(options)}); }

}  // namespace nomograph
