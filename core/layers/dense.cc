#include "nomograph/core/layers/dense.h"

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

class DenseLayer : public internal::OneInputLayer {
 public:
  DenseLayer(int64_t units, DenseOptions options)
      : OneInputLayer("Dense", options.name,
                      {.min_rank = 2, .axes = "(batch, ..., features)", .dtypes = kFloats}),
        units_(units),
        options_(std::move(options)) {
    set_supports_masking();
  }

  absl::Status CheckOptions() const override {
    return internal::AllOf(
        {internal::AtLeast("units", 1, units_), internal::CheckActivation(options_.activation)});
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(const int64_t features, BindAxis(input, -1, "features"));
    kernel_ = Weight("kernel", {features, units_}, options_.kernel_initializer);
    if (options_.use_bias) bias_ = Weight("bias", {units_}, options_.bias_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    const Value y = internal::Op("math.MatMul", {x, kernel_});
    return internal::Activate(internal::AddBias(y, bias_, "channels_last"), options_.activation);
  }

  int64_t units_;
  DenseOptions options_;
  Value kernel_, bias_;
};

struct DenseSpec {
  int64_t units = 0;
  DenseOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("units", units, "the size of the result's last axis");
    v.Activation("activation", options.activation);
    v("use_bias", options.use_bias, "whether bias is added");
    v.Weight("kernel", options.kernel_initializer);
    v.Weight("bias", options.bias_initializer);
  }
  Layer Make() const { return MakeLayer<DenseLayer>(units, options); }
};
NOMO_REGISTER_LAYER(DenseSpec, "Dense",
                    internal::Sample({{"units", 3}, {"activation", "relu"}}, {{4}}));

}  // namespace

Layer Dense(int64_t units, DenseOptions options) {
  return Configured(DenseSpec{units, std::move(options)});
}

}  // namespace nomograph
