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

// Of the two halves of the last axis the second is the first one's gate (Y. Dauphin et al., 2017).
Value Glu(const Value& x) {
  const std::vector<Value> halves =
      CallMulti("array.Split", {x}, {{"axis", -1}}, {.num_outputs = 2});
  return halves[0] * Op("nn.Sigmoid", {halves[1]});
}

// The nearest point of the simplex (A. Martins and R. Astudillo, 2016): max(x - t, 0), where t is
// the greatest of (x_1 + ... + x_k - 1) / k over the k greatest elements, for all k.
Value Sparsemax(const Value& x) {
  if (!x.status().ok() || x.dtype() == DType::kInvalid) return x;
  const int rank = x.shape().rank();
  if (rank == 0 || !x.shape()[rank - 1].known())
    return ErrorValue(InvalidArgument("sparsemax: expected a last axis of known size"));
  const int64_t size = x.shape()[rank - 1].size();
  const Value sorted =
      CallMulti("array.TopK", {x}, {{"axis", -1}, {"k", size}}, {.num_outputs = 2})[0];
  Tensor counts(DType::kFloat32, Shape{size});
  for (int64_t k = 0; k < size; ++k) counts.mutable_data<float>()[k] = static_cast<float>(k + 1);
  const Value sums = Op("math.CumSum", {sorted}, {{"axis", -1}});
  const Value threshold = Op("math.ReduceMax", {(sums - 1.0) / Constant(counts.Cast(x.dtype()))},
                             {{"axes", std::vector<int64_t>{-1}}, {"keepdims", true}});
  return Op("nn.Relu", {x - threshold});
}

// The defaults are those of keras.activations.
constexpr Named kActivations[] = {
    {"celu", [](const Value& x) { return Op("nn.Celu", {x}); }},
    {"elu", [](const Value& x) { return Op("nn.Elu", {x}); }},
    {"exponential", [](const Value& x) { return Op("math.Exp", {x}); }},
    {"gelu", [](const Value& x) { return Op("nn.Gelu", {x}); }},
    {"glu", Glu},
    {"hard_shrink", [](const Value& x) { return Op("nn.Shrink", {x}); }},
    {"hard_sigmoid",
     [](const Value& x) {
       return Op("nn.HardSigmoid", {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
     }},
    // What Keras 1 and 2, and TensorFlow.js, call hard_sigmoid.
    {"hard_sigmoid_0_2",
     [](const Value& x) {
       return Op("nn.HardSigmoid", {x}, {{"alpha", 0.2}, {"beta", 0.5}});
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
    // 0 up to -1, (x + 1)^2 / 4 up to 1, then x.
    {"sparse_plus",
     [](const Value& x) {
       const Value within = Op("math.Clip", {x + 1.0}, {{"min", 0.0}, {"max", 2.0}});
       return within * within * 0.25 + Op("nn.Relu", {x - 1.0});
     }},
    {"sparse_sigmoid",
     [](const Value& x) {
       return Op("nn.HardSigmoid", {x}, {{"alpha", 0.5}, {"beta", 0.5}});
     }},
    {"sparsemax", Sparsemax},
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
        options_(std::move(options)) {
    set_supports_masking();
  }

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

namespace {

// An activation as a layer.
Layer ActivationLayer(const char* class_name, const std::string& name, absl::Status options,
                      internal::ApplyFn apply) {
  return internal::WeightlessLayer({.class_name = class_name,
                                    .name = name,
                                    .options = std::move(options),
                                    .supports_masking = true},
                                   std::move(apply));
}

absl::Status NotNegative(absl::string_view option, double value) {
  return internal::InRange(option, 0, HUGE_VAL, value);
}

struct ActivationSpec {
  std::string activation;
  LayerOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("activation", activation, "its name");
  }
  Layer Make() const {
    return ActivationLayer("Activation", options.name, internal::CheckActivation(activation),
                           [activation = activation](const Value& x) -> absl::StatusOr<Value> {
                             return internal::Activate(x, activation);
                           });
  }
};
NOMO_REGISTER_LAYER(ActivationSpec, "Activation",
                    internal::Sample({{"activation", "softplus"}}, {{4}}));

struct ReLUSpec {
  ReLUOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("max_value", options.max_value, "the limit above; null: none");
    v("negative_slope", options.negative_slope, "the factor below the threshold");
    v("threshold", options.threshold, "above it x stays");
  }
  Layer Make() const {
    return ActivationLayer("ReLU", options.name,
                           internal::AllOf({NotNegative("max_value", options.max_value.value_or(0)),
                                            NotNegative("negative_slope", options.negative_slope),
                                            NotNegative("threshold", options.threshold)}),
                           [options = options](const Value& x) -> absl::StatusOr<Value> {
                             return ApplyReLU(x, options);
                           });
  }
};
NOMO_REGISTER_LAYER(ReLUSpec, "ReLU", internal::Sample({{"max_value", 6.0}}, {{4}}));

struct LeakyReLUSpec {
  LeakyReLUOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("negative_slope", options.negative_slope, "the factor below 0");
  }
  Layer Make() const {
    const double slope = options.negative_slope;
    return ActivationLayer("LeakyReLU", options.name, NotNegative("negative_slope", slope),
                           [slope](const Value& x) -> absl::StatusOr<Value> {
                             return Op("nn.LeakyRelu", {x}, {{"alpha", slope}});
                           });
  }
};
NOMO_REGISTER_LAYER(LeakyReLUSpec, "LeakyReLU", internal::Sample({{"negative_slope", 0.1}}, {{4}}));

struct ELUSpec {
  ELUOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("alpha", options.alpha, "the factor below 0");
  }
  Layer Make() const {
    return ActivationLayer("ELU", options.name, absl::OkStatus(),
                           [alpha = options.alpha](const Value& x) -> absl::StatusOr<Value> {
                             return Op("nn.Elu", {x}, {{"alpha", alpha}});
                           });
  }
};
NOMO_REGISTER_LAYER(ELUSpec, "ELU", internal::Sample({{"alpha", 0.5}}, {{4}}));

struct PReLUSpec {
  PReLUOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Weight("alpha", options.alpha_initializer);
    v("shared_axes", options.shared_axes, "along which there is one slope");
  }
  Layer Make() const { return MakeLayer<PReLULayer>(options); }
};
NOMO_REGISTER_LAYER(PReLUSpec, "PReLU", internal::Sample({{"shared_axes", 1}}, {{3, 4}}));

struct ThresholdedReLUSpec {
  ThresholdedReLUOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("theta", options.theta, "above it x stays");
  }
  Layer Make() const {
    const double theta = options.theta;
    return ActivationLayer("ThresholdedReLU", options.name, NotNegative("theta", theta),
                           [theta](const Value& x) -> absl::StatusOr<Value> {
                             return Op("nn.ThresholdedRelu", {x}, {{"alpha", theta}});
                           });
  }
};
NOMO_REGISTER_LAYER(ThresholdedReLUSpec, "ThresholdedReLU",
                    internal::Sample({{"theta", 0.5}}, {{4}}));

Value SoftmaxOver(const Value& x, const std::vector<int64_t>& axes) {
  if (axes.size() == 1) return Op("nn.Softmax", {x}, {{"axis", axes[0]}});
  const Attributes over = {{"axes", axes}, {"keepdims", true}};
  const Value powers = Op("math.Exp", {x - Op("math.ReduceMax", {x}, over)});
  return powers / Op("math.ReduceSum", {powers}, over);
}

struct SoftmaxSpec {
  std::string name;
  std::vector<int64_t> axes = {-1};

  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v("axis", axes, "along which, together, the result sums to 1");
  }
  Layer Make() const {
    return ActivationLayer(
        "Softmax", name,
        axes.empty() ? InvalidArgument("axis: expected at least one") : absl::OkStatus(),
        [axes = axes](const Value& x) -> absl::StatusOr<Value> { return SoftmaxOver(x, axes); });
  }
};
NOMO_REGISTER_LAYER(SoftmaxSpec, "Softmax", internal::Sample({{"axis", 1}}, {{3, 4}}));

}  // namespace

Layer Activation(std::string activation, LayerOptions options) {
  return Configured(ActivationSpec{std::move(activation), std::move(options)});
}
Layer ReLU(ReLUOptions options) { return Configured(ReLUSpec{std::move(options)}); }
Layer LeakyReLU(LeakyReLUOptions options) { return Configured(LeakyReLUSpec{std::move(options)}); }
Layer ELU(ELUOptions options) { return Configured(ELUSpec{std::move(options)}); }
Layer PReLU(PReLUOptions options) { return Configured(PReLUSpec{std::move(options)}); }
Layer ThresholdedReLU(ThresholdedReLUOptions options) {
  return Configured(ThresholdedReLUSpec{std::move(options)});
}
Layer Softmax(SoftmaxOptions options) {
  return Configured(SoftmaxSpec{std::move(options.name), {options.axis}});
}

}  // namespace nomograph
