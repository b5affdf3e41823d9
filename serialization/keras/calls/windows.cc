// Calls that move a window over spatial axes: convolutions and pools.
#include <algorithm>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

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

// K.pool2d and tf.nn.pool: the mode is an argument.
RuleResult PoolOfMode(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(std::string mode, call.Text("pool_mode"));
  std::transform(mode.begin(), mode.end(), mode.begin(), [](char c) { return std::tolower(c); });
  if (mode != "max" && mode != "avg") return InvalidArgument("pool_mode ", mode);
  return Pool(call, mode == "max" ? "nn.MaxPool" : "nn.AveragePool");
}

absl::Status SetDilations(CallContext& call, Windows& windows) {
  if (!call.Has("dilation_rate")) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const Ints dilations,
                        Spatial(call, "dilation_rate", windows.axes, windows.first));
  windows.attrs.Set("dilations", dilations);
  return absl::OkStatus();
}

RuleResult Conv(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Windows windows, WindowsOf(call));
  NOMO_ASSIGN_OR_RETURN(const Value kernel,
                        call.interpreter().ToTensor(call.Get("kernel"), windows.x.dtype()));
  NOMO_RETURN_IF_ERROR(SetDilations(call, windows));
  return call.Result(Op("nn.Conv", {windows.x, kernel}, windows.attrs));
}

// A kernel [rows, columns, channels, multiplier]: each channel is a group.
absl::StatusOr<Value> Depthwise(CallContext& call) {
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
  NOMO_RETURN_IF_ERROR(SetDilations(call, windows));
  return Op("nn.Conv", {windows.x, Op("array.Reshape", {kernel}, {{"shape", grouped}})},
            windows.attrs);
}

RuleResult DepthwiseConv(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value y, Depthwise(call));
  return call.Result(y);
}

// Depthwise, then one of 1 by 1 over the channels.
RuleResult SeparableConv(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value y, Depthwise(call));
  NOMO_RETURN_IF_ERROR(y.status());
  NOMO_ASSIGN_OR_RETURN(const Value kernel,
                        call.interpreter().ToTensor(call.Get("pointwise_kernel"), y.dtype()));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  return call.Result(
      Op("nn.Conv", {y, kernel}, {{"data_format", first ? "channels_first" : "channels_last"}}));
}

// A kernel [rows, columns, out, in]. The shape of what comes out, batch and channels included, is
// given or follows from the padding.
RuleResult ConvTranspose(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Windows windows, WindowsOf(call));
  NOMO_ASSIGN_OR_RETURN(const Value kernel,
                        call.interpreter().ToTensor(call.Get("kernel"), windows.x.dtype()));
  NOMO_RETURN_IF_ERROR(SetDilations(call, windows));
  if (call.Has("output_padding")) return absl::UnimplementedError("with an output_padding");
  if (call.Has("output_shape")) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes,
                          call.interpreter().ToSizes(call.Get("output_shape")));
    if (static_cast<int>(sizes.size()) != windows.axes + 2) {
      return InvalidArgument("output_shape: expected ", windows.axes + 2, " sizes");
    }
    Ints spatial;
    for (int i = 0; i < windows.axes; ++i) {
      const PyValue& size = sizes[i + (windows.first ? 2 : 1)];
      if (!size.is_integer()) return absl::UnimplementedError("an output_shape that is computed");
      spatial.push_back(size.number);
    }
    windows.attrs.Set("output_shape", std::move(spatial));
  }
  return call.Result(Op("nn.ConvTranspose", {windows.x, kernel}, windows.attrs));
}

const CallRegistrar kRules[] = {
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
     PoolOfMode},
    {"tf.nn.pool(x|input,pool_size|window_shape,pool_mode|pooling_type,strides=1,padding=VALID,"
     "data_format=None)",
     PoolOfMode},
    {"tf.layers.{max_pooling1d,max_pooling2d,max_pooling3d}(x|inputs,pool_size,strides,"
     "padding=valid,data_format=channels_last)",
     MaxPool},
    {"tf.layers.{average_pooling1d,average_pooling2d,average_pooling3d}(x|inputs,pool_size,strides,"
     "padding=valid,data_format=channels_last)",
     AveragePool},
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
    {"tf.nn.atrous_conv2d(x|value,kernel|filters,dilation_rate|rate,padding,strides=1,"
     "data_format=NHWC)",
     Conv},
    {"tf.nn.separable_conv2d(x|input,kernel|depthwise_filter,pointwise_kernel|pointwise_filter,"
     "strides,padding,rate=None,data_format=NHWC,dilation_rate|dilations=None)",
     SeparableConv},
    {"keras.backend.{separable_conv1d,separable_conv2d},keras.ops.separable_conv(x|inputs,"
     "kernel|depthwise_kernel,pointwise_kernel,strides=1,padding=valid,data_format=None,"
     "dilation_rate=None)",
     SeparableConv},
    {"tf.nn.{conv1d_transpose,conv2d_transpose,conv3d_transpose}(x|input|value,kernel|filter|"
     "filters,output_shape,strides,padding=SAME,data_format=NHWC,dilation_rate|dilations=None,"
     "output_padding=None)",
     ConvTranspose},
    {"keras.backend.{conv2d_transpose,conv3d_transpose,deconv2d,deconv3d}(x,kernel,output_shape,"
     "strides=1,padding|border_mode=valid,data_format|dim_ordering=None,dilation_rate=None,"
     "output_padding=None)",
     ConvTranspose},
    {"keras.ops.conv_transpose(x|inputs,kernel,strides=1,padding=valid,output_padding=None,"
     "data_format=None,dilation_rate=None,output_shape=None)",
     ConvTranspose},
    {"keras.ops.depthwise_conv(x|inputs,kernel,strides=1,padding=valid,data_format=None,"
     "dilation_rate=None)",
     DepthwiseConv},
};

}  // namespace
}  // namespace nomograph::keras
