// Layers that hand on what they are given: what they add concerns training. Keras:
// keras.layers.Identity, ActivityRegularization. They are made from configurations; to write one is
// of no use here.
#include <cmath>
#include <utility>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

Layer HandsOn(const char* class_name, std::string name, absl::Status options = absl::OkStatus()) {
  return internal::WeightlessLayer({.class_name = class_name,
                                    .name = std::move(name),
                                    .options = std::move(options),
                                    .supports_masking = true},
                                   [](const Value& x) -> absl::StatusOr<Value> { return x; });
}

struct IdentitySpec {
  std::string name;
  void VisitFields(FieldVisitor& v) { v.Name(name); }
  Layer Make() const { return HandsOn("Identity", name); }
};
NOMO_REGISTER_LAYER(IdentitySpec, "Identity", internal::Sample({}, {{3}}));

struct ActivityRegularizationSpec {
  std::string name;
  double l1 = 0, l2 = 0;
  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v("l1", l1, "of the sum of magnitudes, in the loss");
    v("l2", l2, "of the sum of squares, in the loss");
  }
  Layer Make() const {
    return HandsOn("ActivityRegularization", name,
                   internal::AllOf({internal::InRange("l1", 0, HUGE_VAL, l1),
                                    internal::InRange("l2", 0, HUGE_VAL, l2)}));
  }
};
NOMO_REGISTER_LAYER(ActivityRegularizationSpec, "ActivityRegularization",
                    internal::Sample({{"l1", 0.25}}, {{3}}));

}  // namespace
}  // namespace nomograph
