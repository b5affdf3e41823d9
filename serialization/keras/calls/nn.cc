// Calls of neural networks: activations, convolutions, pools and normalisations.
#include <algorithm>
#include <cmath>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

// negative_slope below threshold, x above, at most max_value: Keras' relu in all its forms.
RuleResult Relu(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> values,
                        call.interpreter().Promote({call.Get("x")}, nomograph::kFloats));
  const Value x = values[0];
  NOMO_ASSIGN_OR_RETURN(const double slope, call.Number("negative_slope", 0));
  NOMO_ASSIGN_OR_RETURN(const double threshold, call.Number("threshold", 0));
  Value y;
  if (threshold == 0) {
    y = slope == 0 ? Op("nn.Relu", {x}) : Op("nn.LeakyRelu", {x}, {{"alpha", slope}});
  } else {
    const Value above = Op("math.GreaterOrEqual", {x, ConstantLike(threshold, x)});
    const Value below = (x - threshold) * slope;
    y = Op("array.Where", {above, x, below});
  }
  if (call.Has("max_value")) {
    NOMO_ASSIGN_OR_RETURN(const double max_value, call.Number("max_value"));
    y = Op("math.Min", {y, ConstantLike(max_value, y)});
  }
  return call.Result(y);
}

RuleResult LeakyRelu(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double alpha, call.Number("alpha"));
  return call.Result(Op("nn.LeakyRelu", {x}, {{"alpha", alpha}}));
}

RuleResult Gelu(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const bool approximate, call.Bool("approximate"));
  return call.Result(Op("nn.Gelu", {x}, {{"approximate", approximate ? "tanh" : "none"}}));
}

// Keras up to 2: clip(0.2 x + 0.5, 0, 1). Keras 3: relu6(x + 3) / 6.
RuleResult HardSigmoid(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  const bool sixth = absl::StartsWith(call.name(), "keras.ops.");
  return call.Result(Op("nn.HardSigmoid", {x}, {{"alpha", sixth ? 1.0 / 6 : 0.2}, {"beta", 0.5}}));
}

RuleResult Softmax(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis", -1));
  const bool log = absl::EndsWith(call.name(), "log_softmax");
  return call.Result(Op(log ? "nn.LogSoftmax" : "nn.Softmax", {x}, {{"axis", axis}}));
}

RuleResult Exponential(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  return call.Result(Op("math.Exp", {x}));
}

RuleResult Bias(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xb, Together(call, {"x", "bias"}));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  Value bias = xb[1];
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(xb[0]));
  if (first && rank > 2) {
    Ints shape(rank - 1, 1);
    shape[0] = -1;
    bias = Op("array.Reshape", {bias}, {{"shape", shape}});
  }
  return call.Result(Op("math.Add", {xb[0], bias}));
}

// One number, one for each spatial axis, or TensorFlow's with batch and channels.
absl::StatusOr<Ints> Spatial(const CallContext& call, absl::string_view parameter, int axes,
                             bool first) {
  NOMO_ASSIGN_OR_RETURN(Ints ints, call.Ints(parameter));
  if (ints.size() == 1) return Ints(axes, ints[0]);
  if (static_cast<int>(ints.size()) == axes + 2) {
    const auto begin = ints.begin() + (first ? 2 : 1);
    return Ints(begin, begin + axes);
  }
  if (static_cast<int>(ints.size()) == axes) return ints;
  return InvalidArgument(parameter, ": expected ", axes, " numbers, found ", ints.size());
}

// What windows over spatial axes have in common.
struct Windows {
  Value x;
  int axes = 0;
  Attributes attrs;
  bool first = false;
};

absl::StatusOr<Windows> WindowsOf(CallContext& call) {
  Windows windows;
  NOMO_ASSIGN_OR_RETURN(windows.x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(windows.x));
  windows.axes = rank - 2;
  if (windows.axes < 1) return InvalidArgument("expected [batch, spatial..., channels]");
  NOMO_ASSIGN_OR_RETURN(windows.first, ChannelsFirst(call, "data_format"));
  windows.attrs.Set("data_format", windows.first ? "channels_first" : "channels_last");
  NOMO_ASSIGN_OR_RETURN(std::string padding, call.Text("padding", "valid"));
  std::transform(padding.begin(), padding.end(), padding.begin(),
                 [](char c) { return std::tolower(c); });
  if (padding != "valid" && padding != "same") return InvalidArgument("padding ", padding);
  windows.attrs.Set("padding", padding);
  if (call.Has("strides")) {
    NOMO_ASSIGN_OR_RETURN(const Ints strides,
                          Spatial(call, "strides", windows.axes, windows.first));
    windows.attrs.Set("strides", strides);
  }
  return windows;
}

RuleResult Pool(CallContext& call, absl::string_view op) {
  NOMO_ASSIGN_OR_RETURN(Windows windows, WindowsOf(call));
  NOMO_ASSIGN_OR_RETURN(const Ints sizes, Spatial(call, "pool_size", windows.axes, windows.first));
  windows.attrs.Set("kernel_shape", sizes);
  if (!windows.attrs.Has("strides")) windows.attrs.Set("strides", sizes);
  return call.Result(Op(op, {windows.x}, windows.attrs));
}
RuleResult MaxPool(CallContext& call) { return Pool(call, "nn.MaxPool"); }
RuleResult AveragePool(CallContext& call) { return Pool(call, "nn.AveragePool"); }

// K.pool2d with its mode last.
RuleResult KerasPool(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::string mode, call.Text("pool_mode"));
  if (call.Get("strides").is_sequence() || call.Get("strides").is_integer()) {
    return Pool(call, mode == "max" ? "nn.MaxPool" : "nn.AveragePool");
  }
  return absl::UnimplementedError("without strides");
}

RuleResult Conv(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Windows windows, WindowsOf(call));
  NOMO_ASSIGN_OR_RETURN(const Value kernel,
                        call.interpreter().ToTensor(call.Get("kernel"), windows.x.dtype()));
  if (call.Has("dilation_rate")) {
    NOMO_ASSIGN_OR_RETURN(const Ints dilations,
                          Spatial(call, "dilation_rate", windows.axes, windows.first));
    windows.attrs.Set("dilations", dilations);
  }
  return call.Result(Op("nn.Conv", {windows.x, kernel}, windows.attrs));
}

// A kernel [rows, columns, channels, multiplier]: each channel is a group.
RuleResult DepthwiseConv(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Windows windows, WindowsOf(call));
  NOMO_ASSIGN_OR_RETURN(const Value kernel,
                        call.interpreter().ToTensor(call.Get("kernel"), windows.x.dtype()));
  const PartialShape& shape = kernel.shape();
  if (!shape.fully_known() || shape.rank() != windows.axes + 2) {
    return absl::UnimplementedError("a kernel whose shape is not known");
  }
  Ints grouped;
  for (int i = 0; i < windows.axes; ++i) grouped.push_back(shape[i].size());
  const int64_t channels = shape[windows.axes].size();
  grouped.push_back(1);
  grouped.push_back(channels * shape[windows.axes + 1].size());
  windows.attrs.Set("groups", channels);
  if (call.Has("dilation_rate")) {
    NOMO_ASSIGN_OR_RETURN(const Ints dilations,
                          Spatial(call, "dilation_rate", windows.axes, windows.first));
    windows.attrs.Set("dilations", dilations);
  }
  return call.Result(Op("nn.Conv", {windows.x, Op("array.Reshape", {kernel}, {{"shape", grouped}})},
                        windows.attrs));
}

// (x - mean) / sqrt(variance + epsilon) * gamma + beta, all broadcast as they are.
RuleResult BatchNormalization(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  const auto part = [&](absl::string_view parameter) {
    return call.interpreter().ToTensor(call.Get(parameter), x.dtype());
  };
  NOMO_ASSIGN_OR_RETURN(const Value mean, part("mean"));
  NOMO_ASSIGN_OR_RETURN(const Value variance, part("variance"));
  NOMO_ASSIGN_OR_RETURN(const double epsilon, call.Number("epsilon", 1e-3));
  Value y = Op("math.Mul", {x - mean, Op("math.Rsqrt", {variance + epsilon})});
  if (call.Has("gamma")) {
    NOMO_ASSIGN_OR_RETURN(const Value gamma, part("gamma"));
    y = y * gamma;
  }
  if (call.Has("beta")) {
    NOMO_ASSIGN_OR_RETURN(const Value beta, part("beta"));
    y = y + beta;
  }
  return call.Result(y);
}

// x / (bias + alpha * sum of squares of 2 * radius + 1 channels) ^ beta. Ours divides alpha by the
// number of channels.
RuleResult LocalResponse(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t radius, call.Int("depth_radius", 5));
  NOMO_ASSIGN_OR_RETURN(const double bias, call.Number("bias", 1));
  NOMO_ASSIGN_OR_RETURN(const double alpha, call.Number("alpha", 1));
  NOMO_ASSIGN_OR_RETURN(const double beta, call.Number("beta", 0.5));
  if (radius < 0 || radius > 1'000'000) return InvalidArgument("a radius of ", radius);
  const int64_t size = 2 * radius + 1;
  return call.Result(Op("nn.LRN", {x},
                        {{"size", size},
                         {"alpha", alpha * static_cast<double>(size)},
                         {"beta", beta},
                         {"bias", bias},
                         {"data_format", "channels_last"}}));
}

RuleResult SoftShrink(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double lambd, call.Number("threshold", 0.5));
  const bool soft = absl::EndsWith(call.name(), "soft_shrink");
  return call.Result(Op("nn.Shrink", {x}, {{"lambd", lambd}, {"bias", soft ? lambd : 0.0}}));
}

// Losses that appear within models.
RuleResult BinaryCrossentropy(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tp,
                        Together(call, {"target", "output"}, nomograph::kFloats));
  NOMO_ASSIGN_OR_RETURN(const bool from_logits, call.Bool("from_logits"));
  Value loss;
  if (from_logits) {
    // max(x, 0) - x * t + log(1 + exp(-|x|))
    const Value& x = tp[1];
    loss =
        Op("nn.Relu", {x}) - x * tp[0] + Op("math.Log1p", {Op("math.Exp", {-Op("math.Abs", {x})})});
  } else {
    constexpr double kEpsilon = 1e-7;
    const Value p = Op("math.Clip", {tp[1]}, {{"min", kEpsilon}, {"max", 1 - kEpsilon}});
    loss = -(tp[0] * Op("math.Log", {p + kEpsilon}) +
             (1 - tp[0]) * Op("math.Log", {1 - p + kEpsilon}));
  }
  return call.Result(loss);
}

// -sum of target * log(output) along an axis. Probabilities are scaled to sum 1 and kept off 0.
RuleResult CategoricalCrossentropy(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tp,
                        Together(call, {"target", "output"}, nomograph::kFloats));
  NOMO_ASSIGN_OR_RETURN(const bool from_logits, call.Bool("from_logits"));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis"));
  Value log;
  if (from_logits) {
    log = Op("nn.LogSoftmax", {tp[1]}, {{"axis", axis}});
  } else {
    constexpr double kEpsilon = 1e-7;
    const Value p = Op("math.Div", {tp[1], Reduce("math.ReduceSum", tp[1], {axis}, true)});
    log = Op("math.Log", {Op("math.Clip", {p}, {{"min", kEpsilon}, {"max", 1 - kEpsilon}})});
  }
  return call.Result(-Reduce("math.ReduceSum", tp[0] * log, {axis}, false));
}

const CallRegistrar kRules[] = {
    {"keras.backend.categorical_crossentropy,keras.ops.categorical_crossentropy,"
     "keras.losses.categorical_crossentropy(target|y_true,output|y_pred,from_logits=False,"
     "axis=-1)",
     CategoricalCrossentropy},
    {"tf.nn.sigmoid_cross_entropy_with_logits(target|labels,output|logits,from_logits=True)",
     BinaryCrossentropy},
    {"{keras.backend,keras.activations}.relu(x,negative_slope|alpha=0,max_value=None,threshold=0)",
     Relu},
    {"{tf.nn,keras.ops}.relu(x|features,negative_slope=0,max_value=None,threshold=0)", Relu},
    {"tf.nn.leaky_relu(x|features,alpha=0.2)", LeakyRelu},
    {"{keras.ops,keras.activations}.leaky_relu(x,alpha|negative_slope=0.2)", LeakyRelu},
    {"tf.nn.gelu(x|features,approximate=False)", Gelu},
    {"keras.activations.gelu(x,approximate=False)", Gelu},
    {"keras.ops.gelu(x,approximate=True)", Gelu},
    {"{keras.backend,keras.activations,keras.ops}.hard_sigmoid(x)", HardSigmoid},
    {"{keras.backend,keras.ops,keras.activations}.softmax,tf.nn.softmax,"
     "{keras.ops,keras.activations}.log_softmax,tf.nn.log_softmax,tf.math.{softmax,log_softmax}("
     "x|logits,axis|dim=-1)",
     Softmax},
    {"keras.activations.exponential(x)", Exponential},
    {"tf.nn.bias_add,keras.backend.bias_add(x|value,bias,data_format=None)", Bias},
    {"tf.nn.{max_pool,max_pool1d,max_pool2d,max_pool3d}(x|value|input,pool_size|ksize,strides,"
     "padding,data_format=NHWC)",
     MaxPool},
    {"tf.nn.{avg_pool,avg_pool1d,avg_pool2d,avg_pool3d}(x|value|input,pool_size|ksize,strides,"
     "padding,data_format=NHWC)",
     AveragePool},
    {"keras.ops.max_pool(x|inputs,pool_size,strides=None,padding=valid,data_format=None)", MaxPool},
    {"keras.ops.average_pool(x|inputs,pool_size,strides=None,padding=valid,data_format=None)",
     AveragePool},
    {"keras.backend.{pool2d,pool3d}(x,pool_size,strides=1,padding|border_mode=valid,"
     "data_format|dim_ordering=None,pool_mode=max)",
     KerasPool},
    {"tf.nn.{conv1d,conv2d,conv3d,convolution}(x|input|value,kernel|filter|filters,strides|stride="
     "1,padding=VALID,use_cudnn_on_gpu=True,data_format=NHWC,dilation_rate|dilations=None)",
     Conv},
    {"keras.backend.{conv1d,conv2d,conv3d}(x,kernel,strides=1,padding|border_mode=valid,"
     "data_format|dim_ordering=None,dilation_rate=None)",
     Conv},
    {"keras.ops.conv(x|inputs,kernel,strides=1,padding=valid,data_format=None,"
     "dilation_rate=None)",
     Conv},
    {"tf.nn.depthwise_conv2d(x|input,kernel|filter,strides,padding,rate=None,data_format=NHWC,"
     "dilation_rate|dilations=None)",
     DepthwiseConv},
    {"keras.backend.depthwise_conv2d(x,kernel|depthwise_kernel,strides=1,padding=valid,"
     "data_format=None,dilation_rate=None)",
     DepthwiseConv},
    {"keras.ops.depthwise_conv(x|inputs,kernel,strides=1,padding=valid,data_format=None,"
     "dilation_rate=None)",
     DepthwiseConv},
    {"keras.backend.batch_normalization(x,mean,variance|var,beta=None,gamma=None,axis=-1,"
     "epsilon=0.001)",
     BatchNormalization},
    {"tf.nn.batch_normalization(x,mean,variance,beta|offset,gamma|scale,epsilon|variance_epsilon)",
     BatchNormalization},
    {"tf.nn.{local_response_normalization,lrn}(x|input,depth_radius=5,bias=1,alpha=1,beta=0.5)",
     LocalResponse},
    {"{keras.ops,keras.activations}.{soft_shrink,hard_shrink}(x,threshold=0.5)", SoftShrink},
    {"keras.backend.binary_crossentropy(target,output,from_logits=False)", BinaryCrossentropy},
};

}  // namespace
}  // namespace nomograph::keras
