#include "nomograph/core/layers/activation.h"

#include <algorithm>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;

struct Named {
  const char* name;
  Value (*apply)(const Value& x);
};

// The defaults are those of keras.activations.
constexpr Named kActivations[] = {
    {"celu", [](const Value& x) { return Op("nn.Celu", {x}); }},
    {"elu", [](const Value& x) { return Op("nn.Elu", {x}); }},
    {"exponential", [](const Value& x) { return Op("math.Exp", {x}); }},
    {"gelu", [](const Value& x) { return Op("nn.Gelu", {x}); }},
    {"hard_shrink", [](const Value& x) { return Op("nn.Shrink", {x}); }},
    {"hard_sigmoid",
     [](const Value& x) {
       return Op("nn.HardSigmoid", {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
     }},
    {"hard_silu", [](const Value& x) { return Op("nn.HardSwish", {x}); }},
    {"hard_swish", [](const Value& x) { return Op("nn.HardSwish", {x}); }},
    {"hard_tanh",
     [](const Value& x) {
       return Op("math.Clip", {x}, {{"min", -1.0}, {"max", 1.0}});
     }},
    {"leaky_relu",
     [](const Value& x) {
       return Op("nn.LeakyRelu", {x}, {{"alpha", 0.2}});
     }},
    {"linear", [](const Value& x) { return x; }},
    {"log_sigmoid", [](const Value& x) { return Op("nn.LogSigmoid", {x}); }},
    {"log_softmax", [](const Value& x) { return Op("nn.LogSoftmax", {x}); }},
    {"mish", [](const Value& x) { return Op("nn.Mish", {x}); }},
    {"relu", [](const Value& x) { return Op("nn.Relu", {x}); }},
    {"relu6", [](const Value& x) { return Op("nn.Relu6", {x}); }},
    {"selu", [](const Value& x) { return Op("nn.Selu", {x}); }},
    {"sigmoid", [](const Value& x) { return Op("nn.Sigmoid", {x}); }},
    {"silu", [](const Value& x) { return Op("nn.Swish", {x}); }},
    {"soft_shrink",
     [](const Value& x) {
       return Op("nn.Shrink", {x}, {{"bias", 0.5}});
     }},
    {"softmax", [](const Value& x) { return Op("nn.Softmax", {x}); }},
    {"softplus", [](const Value& x) { return Op("nn.Softplus", {x}); }},
    {"softsign", [](const Value& x) { return Op("nn.Softsign", {x}); }},
    {"squareplus", [](const Value& x) { return Op("nn.SquarePlus", {x}); }},
    {"swish", [](const Value& x) { return Op("nn.Swish", {x}); }},
    {"tanh", [](const Value& x) { return Op("math.Tanh", {x}); }},
    {"tanh_shrink", [](const Value& x) { return Op("nn.TanhShrink", {x}); }},
};

const Named* Find(const std::string& name) {
  const auto* found = std::find_if(std::begin(kActivations), std::end(kActivations),
                                   [&](const Named& named) { return named.name == name; });
  return found == std::end(kActivations) ? nullptr : found;
}

Value ApplyReLU(const Value& x, const ReLUOptions& options) {
  const double slope = options.negative_slope;
  if (slope == 0 && options.threshold == 0) {
    return options.max_value ? Op("math.Clip", {x}, {{"min", 0.0}, {"max", *options.max_value}})
                             : Op("nn.Relu", {x});
  }
  Value y;
  if (options.threshold == 0) {
    y = Op("nn.LeakyRelu", {x}, {{"alpha", slope}});
  } else if (slope == 0) {
    y = Op("nn.ThresholdedRelu", {x}, {{"alpha", options.threshold}});
  } else {
    y = Op("array.Where", {x > options.threshold, x, (x - options.threshold) * slope});
  }
  return options.max_value ? Op("math.Clip", {y}, {{"max", *options.max_value}}) : y;
}

class PReLULayer : public internal::OneInputLayer {
 public:
  explicit PReLULayer(PReLUOptions options)
      : OneInputLayer("PReLU", options.name, {.min_rank = 2, .dtypes = kFloats}),
        options_(std::move(options)) {}

 private:
  bool IsShared(int axis) const {
    return std::find(options_.shared_axes.begin(), options_.shared_axes.end(), axis) !=
           options_.shared_axes.end();
  }

  absl::Status BuildFor(const TensorType& input) override {
    const int rank = input.shape.rank();
    for (const int64_t axis : options_.shared_axes) {
      if (axis >= 1 && axis < rank) continue;
      return InvalidArgument("shared_axes: expected axes from 1 to ", rank - 1, ", found ", axis);
    }
    Shape shape;
    for (int axis = 1; axis < rank; ++axis) {
      if (IsShared(axis)) {
        shape.Append(1);
      } else {
        NOMO_ASSIGN_OR_RETURN(const int64_t size, BindAxis(input, axis, "elements"));
        shape.Append(size);
      }
    }
    alpha_ = Weight("alpha", shape, options_.alpha_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override { return Op("nn.PRelu", {x, alpha_}); }

  PReLUOptions options_;
  Value alpha_;
};

}  // namespace

std::vector<std::string> ActivationNames() {
  std::vector<std::string> names;
  for (const Named& named : kActivations) names.push_back(named.name);
  return names;
}

namespace internal {

absl::Status CheckActivation(const std::string& activation) {
  if (activation.empty() || Find(activation) != nullptr) return absl::OkStatus();
  return InvalidArgument("activation: there is no \"", activation, "\"",
                         DidYouMean(activation, ActivationNames()));
}

Value Activate(const Value& x, const std::string& activation) {
  return activation.empty() ? x : Find(activation)->apply(x);
}

}  // namespace internal

Layer Activation(std::string activation, LayerOptions options) {
  absl::Status valid = internal::CheckActivation(activation);
  return internal::WeightlessLayer(
      {.class_name = "Activation", .name = options.name, .options = std::move(valid)},
      [=](const Value& x) -> absl::StatusOr<Value> { return internal::Activate(x, activation); });
}

Layer ReLU(ReLUOptions options) {
  const absl::Status valid =
      internal::AllOf({internal::InRange("max_value", 0, HUGE_VAL, options.max_value.value_or(0)),
                       internal::InRange("negative_slope", 0, HUGE_VAL, options.negative_slope),
                       internal::InRange("threshold", 0, HUGE_VAL, options.threshold)});
  return internal::WeightlessLayer(
      {.class_name = "ReLU", .name = options.name, .options = valid},
      [=](const Value& x) -> absl::StatusOr<Value> { return ApplyReLU(x, options); });
}

Layer LeakyReLU(LeakyReLUOptions options) {
  return internal::WeightlessLayer(
      {.class_name = "LeakyReLU",
       .name = options.name,
       .options = internal::InRange("negative_slope", 0, HUGE_VAL, options.negative_slope)},
      [=](const Value& x) -> absl::StatusOr<Value> {
        return Op("nn.LeakyRelu", {x}, {{"alpha", options.negative_slope}});
      });
}

Layer ELU(ELUOptions options) {
  return internal::WeightlessLayer({.class_name = "ELU", .name = options.name},
                                   [=](const Value& x) -> absl::StatusOr<Value> {
                                     return Op("nn.Elu", {x}, {{"alpha", options.alpha}});
                                   });
}

Layer PReLU(PReLUOptions options) { return MakeLayer<PReLULayer>(std::move(options)); }

Layer Softmax(SoftmaxOptions options) {
  return internal::WeightlessLayer({.class_name = "Softmax", .name = options.name},
                                   [=](const Value& x) -> absl::StatusOr<Value> {
                                     return Op("nn.Softmax", {x}, {{"axis", options.axis}});
                                   });
}

}  // namespace nomograph
