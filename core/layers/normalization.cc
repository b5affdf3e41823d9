#include "nomograph/core/layers/normalization.h"

#include <algorithm>
#include <cmath>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

template <typename Options>
void VisitGammaAndBeta(FieldVisitor& v, Options& options) {
  v("epsilon", options.epsilon, "is added to the variance");
  v("center", options.center, "whether beta is added");
  v("scale", options.scale, "whether gamma is a factor");
  v.Weight("beta", options.beta_initializer);
  v.Weight("gamma", options.gamma_initializer);
}

absl::Status CheckEpsilon(double epsilon) {
  return internal::InRange("epsilon", 0, HUGE_VAL, epsilon);
}

// What the three layers have in common: a factor and a summand.
class NormalizationLayer : public internal::OneInputLayer {
 public:
  NormalizationLayer(const char* class_name, std::string name)
      : OneInputLayer(class_name, std::move(name), {.min_rank = 2, .dtypes = kFloats}) {
    set_supports_masking();
  }

 protected:
  // Adds gamma and beta as the options say.
  template <typename Options>
  void AddGammaAndBeta(const Options& options, const Shape& shape) {
    if (options.scale) gamma_ = Weight("gamma", shape, options.gamma_initializer);
    if (options.center) beta_ = Weight("beta", shape, options.beta_initializer);
  }
  // x, gamma and beta without those at the end that are absent.
  std::vector<Value> Inputs(const Value& x) const {
    if (beta_.valid()) return {x, gamma_, beta_};
    return gamma_.valid() ? std::vector<Value>{x, gamma_} : std::vector<Value>{x};
  }

  Value gamma_, beta_;
};

class BatchNormalizationLayer : public NormalizationLayer {
 public:
  explicit BatchNormalizationLayer(BatchNormalizationOptions options)
      : NormalizationLayer("BatchNormalization", options.name), options_(std::move(options)) {}

  absl::Status CheckOptions() const override { return CheckEpsilon(options_.epsilon); }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(const int64_t channels, BindAxis(input, options_.axis, "channels"));
    AddGammaAndBeta(options_, {channels});
    mean_ =
        Weight("moving_mean", {channels}, options_.moving_mean_initializer, /*trainable=*/false);
    variance_ = Weight("moving_variance", {channels}, options_.moving_variance_initializer,
                       /*trainable=*/false);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    Attributes attrs = {{"axis", options_.axis}, {"epsilon", options_.epsilon}};
    // Of training alone: models say it where it is not the op's default.
    if (options_.momentum != BatchNormalizationOptions().momentum)
      attrs.Set("momentum", options_.momentum);
    return internal::Op("nn.BatchNormalization", {x, gamma_, beta_, mean_, variance_}, attrs);
  }

  BatchNormalizationOptions options_;
  Value mean_, variance_;
};

class LayerNormalizationLayer : public NormalizationLayer {
 public:
  explicit LayerNormalizationLayer(LayerNormalizationOptions options)
      : NormalizationLayer("LayerNormalization", options.name), options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    const absl::Status some = options_.axis.empty()
                                  ? InvalidArgument("axis: expected one or more, found none")
                                  : absl::OkStatus();
    return internal::AllOf({some, CheckEpsilon(options_.epsilon)});
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(const std::vector<int> axes,
                          NormalizeAxes(options_.axis, input.shape.rank()));
    Shape shape;
    for (const int axis : axes) {
      NOMO_ASSIGN_OR_RETURN(const int64_t size,
                            BindAxis(input, axis - input.shape.rank(), "elements"));
      shape.Append(size);
    }
    AddGammaAndBeta(options_, shape);
    return absl::OkStatus();
  }

  // The op normalises the last axes, so that others are moved there.
  absl::StatusOr<Value> Apply(const Value& x) override {
    const int rank = x.shape().rank();
    NOMO_ASSIGN_OR_RETURN(const std::vector<int> axes, NormalizeAxes(options_.axis, rank));
    const Attributes attrs = {{"axis", -static_cast<int64_t>(axes.size())},
                              {"epsilon", options_.epsilon}};
    if (axes[0] + static_cast<int>(axes.size()) == rank)
      return internal::Op("nn.LayerNormalization", Inputs(x), attrs);
    std::vector<int64_t> forth, back(rank);
    for (int i = 0; i < rank; ++i) {
      if (std::find(axes.begin(), axes.end(), i) == axes.end()) forth.push_back(i);
    }
    forth.insert(forth.end(), axes.begin(), axes.end());
    for (int i = 0; i < rank; ++i) back[forth[i]] = i;
    const Value moved = internal::Op("array.Transpose", {x}, {{"perm", forth}});
    const Value y = internal::Op("nn.LayerNormalization", Inputs(moved), attrs);
    return internal::Op("array.Transpose", {y}, {{"perm", back}});
  }

  LayerNormalizationOptions options_;
};

class GroupNormalizationLayer : public NormalizationLayer {
 public:
  explicit GroupNormalizationLayer(GroupNormalizationOptions options)
      : NormalizationLayer("GroupNormalization", options.name), options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    const absl::Status groups =
        options_.groups == -1 ? absl::OkStatus() : internal::AtLeast("groups", 1, options_.groups);
    return internal::AllOf({groups, CheckEpsilon(options_.epsilon)});
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(const int64_t channels, BindAxis(input, options_.axis, "channels"));
    groups_ = options_.groups == -1 ? channels : options_.groups;
    if (groups_ == 0 || channels % groups_ != 0) {
      return InvalidArgument("groups: expected a divisor of the ", channels, " channels, found ",
                             groups_);
    }
    AddGammaAndBeta(options_, {channels});
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    return internal::Op(
        "nn.GroupNormalization", Inputs(x),
        {{"num_groups", groups_}, {"axis", options_.axis}, {"epsilon", options_.epsilon}});
  }

  GroupNormalizationOptions options_;
  int64_t groups_ = 1;
};

struct BatchNormalizationSpec {
  BatchNormalizationOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("axis", options.axis, "the channels'");
    v("momentum", options.momentum,
      "how much of the moving averages stays at each step of training");
    VisitGammaAndBeta(v, options);
    v("moving_mean_initializer", options.moving_mean_initializer,
      "what weight moving_mean holds at first");
    v("moving_variance_initializer", options.moving_variance_initializer,
      "what weight moving_variance holds at first");
    v.Only("synchronized", false, "concerns training on several machines");
  }
  Layer Make() const { return MakeLayer<BatchNormalizationLayer>(options); }
};
NOMO_REGISTER_LAYER(BatchNormalizationSpec, "BatchNormalization",
                    internal::Sample({{"scale", false}, {"axis", 1}}, {{3, 2}}));

struct LayerNormalizationSpec {
  LayerNormalizationOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("axis", options.axis, "over which mean and variance are taken");
    VisitGammaAndBeta(v, options);
  }
  Layer Make() const { return MakeLayer<LayerNormalizationLayer>(options); }
};
NOMO_REGISTER_LAYER(LayerNormalizationSpec, "LayerNormalization",
                    internal::Sample({{"axis", std::vector<int64_t>{1, 2}}}, {{3, 2}}));

struct GroupNormalizationSpec {
  GroupNormalizationOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("groups", options.groups, "divides the channels; -1: each channel is a group");
    v("axis", options.axis, "the channels'");
    VisitGammaAndBeta(v, options);
  }
  Layer Make() const { return MakeLayer<GroupNormalizationLayer>(options); }
};
NOMO_REGISTER_LAYER(GroupNormalizationSpec, "GroupNormalization",
                    internal::Sample({{"groups", 2}}, {{3, 4}}));

struct UnitNormalizationSpec {
  UnitNormalizationOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("axis", options.axis, "over which the squares sum to 1");
  }
  Layer Make() const {
    return internal::WeightlessLayer(
        {.class_name = "UnitNormalization",
         .name = options.name,
         .needs = {.dtypes = kFloats},
         .supports_masking = true},
        [axes = options.axis](const Value& x) -> absl::StatusOr<Value> {
          const Value length = internal::Op("math.ReduceL2", {x}, {{"axes", axes}});
          return x / internal::Op("math.Max", {length, ConstantLike(1e-12, x)});
        });
  }
};
NOMO_REGISTER_LAYER(UnitNormalizationSpec, "UnitNormalization",
                    internal::Sample({{"axis", std::vector<int64_t>{1, 2}}}, {{3, 2}}));

}  // namespace

Layer BatchNormalization(BatchNormalizationOptions options) {
  return Configured(BatchNormalizationSpec{std::move(options)});
}
Layer LayerNormalization(LayerNormalizationOptions options) {
  return Configured(LayerNormalizationSpec{std::move(options)});
}
Layer GroupNormalization(GroupNormalizationOptions options) {
  return Configured(GroupNormalizationSpec{std::move(options)});
}
Layer UnitNormalization(UnitNormalizationOptions options) {
  return Configured(UnitNormalizationSpec{std::move(options)});
}

}  // namespace nomograph
