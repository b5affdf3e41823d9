// Layers that Keras 1 had and no later Keras has: MaxoutDense, Highway, SReLU, ParametricSoftplus.
// They are made from configurations.
#include <algorithm>
#include <utility>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

const internal::InputNeeds kRows = {
    .min_rank = 2, .max_rank = 2, .axes = "(batch, features)", .dtypes = kFloats};

// The greatest of several linear maps (I. Goodfellow et al., Maxout Networks, 2013). Weights:
// kernel [maps, features, units], bias [maps, units].
class MaxoutDenseLayer : public internal::OneInputLayer {
 public:
  MaxoutDenseLayer(std::string name, int64_t units, int64_t maps, bool use_bias,
                   Initializer initializer)
      : OneInputLayer("MaxoutDense", std::move(name), kRows),
        units_(units),
        maps_(maps),
        use_bias_(use_bias),
        initializer_(std::move(initializer)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf(
        {internal::AtLeast("units", 1, units_), internal::AtLeast("nb_feature", 1, maps_)});
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(const int64_t features, BindAxis(input, -1, "features"));
    kernel_ = Weight("kernel", {maps_, features, units_}, initializer_);
    if (use_bias_) bias_ = Weight("bias", {maps_, units_}, "zeros");
    return absl::OkStatus();
  }
  absl::StatusOr<Value> Apply(const Value& x) override {
    Value y = Op("math.Einsum", {x, kernel_}, {{"equation", "ni,kio->nko"}});
    if (bias_.valid()) y = y + bias_;
    return Op("math.ReduceMax", {y}, {{"axes", Ints{1}}, {"keepdims", false}});
  }

  int64_t units_, maps_;
  bool use_bias_;
  Initializer initializer_;
  Value kernel_, bias_;
};

struct MaxoutDenseSpec {
  std::string name;
  int64_t units = 0, nb_feature = 4;
  bool use_bias = true;
  Initializer kernel_initializer = GlorotUniform();

  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v.Required("units", units, "the size of the result's last axis");
    v("nb_feature", nb_feature, "how many linear maps there are");
    v("use_bias", use_bias, "whether bias is added");
    v.Weight("kernel", kernel_initializer);
  }
  Layer Make() const {
    return MakeLayer<MaxoutDenseLayer>(name, units, nb_feature, use_bias, kernel_initializer);
  }
};
NOMO_REGISTER_LAYER(MaxoutDenseSpec, "MaxoutDense",
                    internal::Sample({{"units", 3}, {"nb_feature", 2}}, {{4}}));

// t activation(x W + b) + (1 - t) x with t = sigmoid(x W' + b') (R. Srivastava et al., Highway
// Networks, 2015). Weights: kernel, carry_kernel [features, features], bias, carry_bias.
class HighwayLayer : public internal::OneInputLayer {
 public:
  HighwayLayer(std::string name, std::string activation, bool use_bias, Initializer initializer)
      : OneInputLayer("Highway", std::move(name), kRows),
        activation_(std::move(activation)),
        use_bias_(use_bias),
        initializer_(std::move(initializer)) {}

  absl::Status CheckOptions() const override { return internal::CheckActivation(activation_); }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(const int64_t features, BindAxis(input, -1, "features"));
    kernel_ = Weight("kernel", {features, features}, initializer_);
    carry_kernel_ = Weight("carry_kernel", {features, features}, initializer_);
    if (!use_bias_) return absl::OkStatus();
    bias_ = Weight("bias", {features}, "zeros");
    carry_bias_ = Weight("carry_bias", {features}, "zeros");
    return absl::OkStatus();
  }
  absl::StatusOr<Value> Apply(const Value& x) override {
    const Value y = internal::Activate(
        internal::AddBias(Op("math.MatMul", {x, kernel_}), bias_, "channels_last"), activation_);
    const Value transform = Op(
        "nn.Sigmoid",
        {internal::AddBias(Op("math.MatMul", {x, carry_kernel_}), carry_bias_, "channels_last")});
    return y * transform + (1.0 - transform) * x;
  }

  std::string activation_;
  bool use_bias_;
  Initializer initializer_;
  Value kernel_, carry_kernel_, bias_, carry_bias_;
};

struct HighwaySpec {
  std::string name, activation;
  bool use_bias = true;
  Initializer kernel_initializer = GlorotUniform();

  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v.Activation("activation", activation);
    v("use_bias", use_bias, "whether biases are added");
    v.Weight("kernel", kernel_initializer);
  }
  Layer Make() const {
    return MakeLayer<HighwayLayer>(name, activation, use_bias, kernel_initializer);
  }
};
NOMO_REGISTER_LAYER(HighwaySpec, "Highway", internal::Sample({{"activation", "relu"}}, {{4}}));

// Activations with weights of the input's shape without the batch, 1 along shared axes.
class WeightedActivation : public internal::OneInputLayer {
 public:
  struct WeightName {
    const char* name;
    Initializer initial;
  };
  using Function = Value (*)(const Value& x, const std::vector<Value>& weights);

  WeightedActivation(const char* class_name, std::string name, std::vector<int64_t> shared_axes,
                     std::vector<WeightName> names, Function function)
      : OneInputLayer(class_name, std::move(name), {.min_rank = 2, .dtypes = kFloats}),
        shared_axes_(std::move(shared_axes)),
        names_(std::move(names)),
        function_(function) {
    set_supports_masking();
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    Shape shape;
    for (int axis = 1; axis < input.shape.rank(); ++axis) {
      if (std::find(shared_axes_.begin(), shared_axes_.end(), axis) != shared_axes_.end()) {
        shape.Append(1);
        continue;
      }
      NOMO_ASSIGN_OR_RETURN(const int64_t size, BindAxis(input, axis, "elements"));
      shape.Append(size);
    }
    for (const WeightName& weight : names_)
      weights_.push_back(Weight(weight.name, shape, weight.initial));
    return absl::OkStatus();
  }
  absl::StatusOr<Value> Apply(const Value& x) override { return function_(x, weights_); }

  std::vector<int64_t> shared_axes_;
  std::vector<WeightName> names_;
  Function function_;
  std::vector<Value> weights_;
};

// Linear in three pieces (X. Jin et al., Deep Learning with S-shaped Rectified Linear Activation
// Units, 2016): weights t_left, a_left, t_right, a_right, as Keras stores them, where the right
// threshold is t_left + |t_right|.
Value ApplySReLU(const Value& x, const std::vector<Value>& weights) {
  const Value &left = weights[0], &left_slope = weights[1], &right_slope = weights[3];
  const Value width = Op("math.Abs", {weights[2]}), right = left + width;
  const Value below = Op("math.Min", {x - left, Constant(Tensor::Of<float>({}, {0}))});
  const Value middle = Op("math.Min", {Op("nn.Relu", {x - left}), width});
  return left + left_slope * below + middle + right_slope * Op("nn.Relu", {x - right});
}

struct WeightedActivationSpec {
  std::string name;
  std::vector<int64_t> shared_axes;

  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v("shared_axes", shared_axes, "along which weights are the same");
  }
};

struct SReLUSpec : WeightedActivationSpec {
  Layer Make() const {
    return MakeLayer<WeightedActivation>(
        "SReLU", name, shared_axes,
        std::vector<WeightedActivation::WeightName>{{"t_left", "zeros"},
                                                    {"a_left", "glorot_uniform"},
                                                    {"t_right", "glorot_uniform"},
                                                    {"a_right", "ones"}},
        ApplySReLU);
  }
};
NOMO_REGISTER_LAYER(SReLUSpec, "SReLU", internal::Sample({{"shared_axes", 1}}, {{3, 4}}));

struct ParametricSoftplusSpec : WeightedActivationSpec {
  Layer Make() const {
    return MakeLayer<WeightedActivation>(
        "ParametricSoftplus", name, shared_axes,
        std::vector<WeightedActivation::WeightName>{{"alpha", Initializer("ones")},
                                                    {"beta", Initializer("ones")}},
        [](const Value& x, const std::vector<Value>& weights) {
          return weights[0] * Op("nn.Softplus", {weights[1] * x});
        });
  }
};
NOMO_REGISTER_LAYER(ParametricSoftplusSpec, "ParametricSoftplus", internal::Sample({}, {{4}}));

}  // namespace
}  // namespace nomograph
