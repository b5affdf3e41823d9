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
        options_(std::move(options)) {}

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

}  // namespace

Layer Dense(int64_t units, DenseOptions options) {
  return MakeLayer<DenseLayer>(units, std::move(options));
}

}  // namespace nomograph
