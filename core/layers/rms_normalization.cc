// RMSNormalization (B. Zhang & R. Sennrich, 2019). Keras: keras.layers.RMSNormalization. It is made
// from configurations.
#include <utility>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

struct RMSNormalizationOptions {
  int64_t axis = -1;
  double epsilon = 1e-6;
  std::string name;
};

class RMSNormalizationLayer : public internal::OneInputLayer {
 public:
  explicit RMSNormalizationLayer(RMSNormalizationOptions options)
      : OneInputLayer("RMSNormalization", options.name, {.min_rank = 1, .dtypes = kFloats}),
        options_(std::move(options)) {
    set_supports_masking();
  }

  absl::Status CheckOptions() const override {
    return internal::InRange("epsilon", 0, 1e30, options_.epsilon);
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(options_.axis, input.shape.rank()));
    if (axis != input.shape.rank() - 1) {
      return InvalidArgument("axis: expected the last one of ", input.ToString(), ", found ",
                             options_.axis);
    }
    NOMO_ASSIGN_OR_RETURN(const int64_t size, BindAxis(input, -1, "elements"));
    scale_ = Weight("scale", {size}, Ones());
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    return internal::Op("nn.RmsNormalization", {x, scale_},
                        {{"axis", -1}, {"epsilon", options_.epsilon}});
  }

  RMSNormalizationOptions options_;
  Value scale_;
};

struct RMSNormalizationSpec {
  RMSNormalizationOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("axis", options.axis, "over which the squares are averaged: the last one");
    v("epsilon", options.epsilon, "is added to the mean square");
  }
  Layer Make() const { return MakeLayer<RMSNormalizationLayer>(options); }
};
NOMO_REGISTER_LAYER(RMSNormalizationSpec, "RMSNormalization",
                    internal::Sample({{"epsilon", 0.001}}, {{3, 2}}));

}  // namespace
}  // namespace nomograph
