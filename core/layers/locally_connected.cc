// Convolutions whose every place has weights of its own. Keras 2: keras.layers.LocallyConnected1D
// and LocallyConnected2D, in the form that they have without padding (implementation 1). They are
// made from configurations.
#include <utility>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

// As many weights a layer may have.
constexpr int64_t kMaxWeights = int64_t{1} << 31;
// As many elements a window may have: each is a node.
constexpr int64_t kMaxWindow = 4096;

struct LocallyConnectedOptions {
  int64_t filters = 0;
  Sizes kernel_size, strides = 1;
  std::string name, data_format = "channels_last", activation;
  bool use_bias = true;
  Initializer kernel_initializer = GlorotUniform(), bias_initializer = "zeros";
};

// Weights: kernel [places, window elements x channels, filters] and bias [places..., filters].
class LocallyConnectedLayer : public internal::OneInputLayer {
 public:
  LocallyConnectedLayer(int spatial_rank, LocallyConnectedOptions options)
      : OneInputLayer(absl::StrCat("LocallyConnected", spatial_rank, "D"), options.name,
                      internal::ImagesOfRank(spatial_rank, options.data_format, kFloats)),
        rank_(spatial_rank),
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    const auto window = options_.kernel_size.For("kernel_size", rank_);
    int64_t elements = 1;
    for (const int64_t size : window.ok() ? *window : Ints()) {
      if (size > kMaxWindow || (elements *= size) > kMaxWindow)
        return InvalidArgument("kernel_size: expected at most ", kMaxWindow, " elements");
    }
    return internal::AllOf({internal::AtLeast("filters", 1, options_.filters), window.status(),
                            options_.strides.For("strides", rank_).status(),
                            internal::CheckDataFormat(options_.data_format),
                            internal::CheckActivation(options_.activation)});
  }

 private:
  absl::Status BuildFor(const TensorType& input) override {
    window_ = *options_.kernel_size.For("kernel_size", rank_);
    strides_ = *options_.strides.For("strides", rank_);
    NOMO_ASSIGN_OR_RETURN(
        const int64_t channels,
        BindAxis(input, internal::ChannelsAxis(options_.data_format), "channels"));
    int64_t places = 1, elements = channels;
    Shape bias;
    for (int i = 0; i < rank_; ++i) {
      NOMO_ASSIGN_OR_RETURN(const int64_t size, BindAxis(input, FirstAxis() + i, "elements"));
      if (size < window_[i])
        return InvalidArgument("kernel_size: ", window_[i], " is more than the input's ", size);
      outputs_.push_back((size - window_[i]) / strides_[i] + 1);
      places *= outputs_.back();
      elements *= window_[i];
      bias.Append(outputs_.back());
    }
    const double weights = static_cast<double>(places) * static_cast<double>(elements) *
                           static_cast<double>(options_.filters);
    if (weights > kMaxWeights)
      return InvalidArgument("it would have ", weights, " weights; at most ", kMaxWeights,
                             " are taken");
    kernel_ = Weight("kernel", {places, elements, options_.filters}, options_.kernel_initializer);
    bias.Append(options_.filters);
    if (options_.data_format == "channels_first") {
      bias = Shape{options_.filters};
      for (const int64_t size : outputs_) bias.Append(size);
    }
    // Keras' one-dimensional layer has it with channels last always.
    if (rank_ == 1) bias = Shape{outputs_[0], options_.filters};
    if (options_.use_bias) bias_ = Weight("bias", bias, options_.bias_initializer);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    const bool first = options_.data_format == "channels_first";
    // [batch, channels, elements, places...] or [batch, places..., elements, channels]
    const std::vector<Value> parts = WindowElements(x);
    const int64_t elements_axis = first ? 2 : 1 + rank_;
    std::vector<Value> columns;
    for (const Value& part : parts)
      columns.push_back(Op("array.Unsqueeze", {part}, {{"axes", Ints{elements_axis}}}));
    Value windows =
        columns.size() == 1 ? columns[0] : Op("array.Concat", columns, {{"axis", elements_axis}});
    const int64_t places = kernel_.shape()[0].size(), elements = kernel_.shape()[1].size();
    windows = Op("array.Reshape", {windows},
                 {{"shape", first ? Ints{0, elements, places} : Ints{0, places, elements}}});
    Value y = Op("math.Einsum", {windows, kernel_},
                 {{"equation", first ? "nep,pef->nfp" : "npe,pef->npf"}});
    Ints shape = {0};
    if (first) shape.push_back(options_.filters);
    shape.insert(shape.end(), outputs_.begin(), outputs_.end());
    if (!first) shape.push_back(options_.filters);
    y = Op("array.Reshape", {y}, {{"shape", shape}});
    if (bias_.valid()) {
      const bool swap = first && rank_ == 1;
      y = y + (swap ? Op("array.Transpose", {bias_}, {{"perm", Ints{1, 0}}}) : bias_);
    }
    return internal::Activate(y, options_.activation);
  }

  int64_t FirstAxis() const { return internal::FirstSpatialAxis(options_.data_format); }

  // Of each element of the window, in its order, what lies there at all places.
  std::vector<Value> WindowElements(const Value& x) const {
    std::vector<Value> parts;
    Ints at(rank_, 0);
    while (true) {
      Ints starts, ends, axes, steps;
      for (int i = 0; i < rank_; ++i) {
        starts.push_back(at[i]);
        ends.push_back(at[i] + (outputs_[i] - 1) * strides_[i] + 1);
        axes.push_back(FirstAxis() + i);
        steps.push_back(strides_[i]);
      }
      parts.push_back(Op("array.Slice", {x},
                         {{"starts", starts}, {"ends", ends}, {"axes", axes}, {"steps", steps}}));
      int axis = rank_ - 1;
      while (axis >= 0 && ++at[axis] == window_[axis]) at[axis--] = 0;
      if (axis < 0) return parts;
    }
  }

  const int rank_;
  LocallyConnectedOptions options_;
  Ints window_, strides_, outputs_;
  Value kernel_, bias_;
};

template <int kRank>
struct LocallyConnectedSpec {
  LocallyConnectedOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("filters", options.filters, "the result's channels");
    v.Required("kernel_size", options.kernel_size, "of the window, along each spatial axis");
    v("strides", options.strides, "the steps of the window");
    v.Only("padding", "valid", "windows lie within the input");
    internal::VisitDataFormat(v, options.data_format);
    v.Only("implementation", 1, "the form in which weights are stored");
    v.Activation("activation", options.activation);
    v("use_bias", options.use_bias, "whether bias is added");
    v.Weight("kernel", options.kernel_initializer);
    v.Weight("bias", options.bias_initializer);
  }
  Layer Make() const { return MakeLayer<LocallyConnectedLayer>(kRank, options); }
};
NOMO_REGISTER_LAYER(LocallyConnectedSpec<1>, "LocallyConnected1D",
                    internal::Sample({{"filters", 3}, {"kernel_size", 2}, {"strides", 2}},
                                     {{5, 2}}));
NOMO_REGISTER_LAYER(LocallyConnectedSpec<2>, "LocallyConnected2D",
                    internal::Sample({{"filters", 3}, {"kernel_size", Ints{2, 3}}}, {{4, 4, 2}}));

}  // namespace
}  // namespace nomograph
