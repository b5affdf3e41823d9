// Calls on the colours of images, whose last axis is the three channels: tf.image's formulas.
#include <array>

#include "absl/types/span.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

Value Channel(const Value& x, int64_t i) { return Slice(x, i, i + 1, -1); }
Value Joined(std::vector<Value> channels) {
  return Op("array.Concat", std::move(channels), {{"axis", -1}});
}
Value Chosen(const Value& condition, const Value& x, const Value& y) {
  return Op("array.Where", {condition, x, y});
}

// x . matrix over the channels; rows of the matrix are those of x.
RuleResult Mixed(CallContext& call, const std::array<double, 9>& matrix) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  const Tensor numbers = Tensor::Of<double>({3, 3}, absl::MakeConstSpan(matrix));
  return call.Result(Op("math.MatMul", {x, nomograph::Constant(numbers.Cast(x.dtype()))}));
}
// The NTSC colour space of 1953, and the one of PAL: luma, then two differences of colours.
RuleResult RgbToYiq(CallContext& call) {
  return Mixed(call, {0.299, 0.59590059, 0.2115,        //
                      0.587, -0.27455667, -0.52273617,  //
                      0.114, -0.32134392, 0.31119955});
}
RuleResult YiqToRgb(CallContext& call) {
  return Mixed(call, {1, 1, 1,                               //
                      0.95598634, -0.27201283, -1.10674021,  //
                      0.6208248, -0.64720424, 1.70423049});
}
RuleResult RgbToYuv(CallContext& call) {
  return Mixed(call, {0.299, -0.14714119, 0.61497538,   //
                      0.587, -0.28886916, -0.51496512,  //
                      0.114, 0.43601035, -0.10001026});
}
RuleResult YuvToRgb(CallContext& call) {
  return Mixed(call, {1, 1, 1,                      //
                      0, -0.394642334, 2.03206185,  //
                      1.13988303, -0.58062185, 0});
}

// Hue, saturation and value, each in [0, 1]: A. R. Smith, Color gamut transform pairs (1978).
Value ToHsv(const Value& x) {
  const Value r = Channel(x, 0), g = Channel(x, 1), b = Channel(x, 2);
  const Value value = Reduce("math.ReduceMax", x, {-1}, true);
  const Value range = value - Reduce("math.ReduceMin", x, {-1}, true);
  const Value one = ConstantLike(1, x), zero = ConstantLike(0, x);
  const Value saturation = Chosen(value > zero, range / Chosen(value > zero, value, one), zero);
  const Value sixth = 1.0 / (6.0 * Chosen(range > zero, range, one));
  const Value of_red = (g - b) * sixth;
  const Value hue = Chosen(
      Op("math.Equal", {r, value}), of_red,
      Chosen(Op("math.Equal", {g, value}), (b - r) * sixth + 2.0 / 6, (r - g) * sixth + 4.0 / 6));
  const Value positive = Chosen(hue < zero, hue + 1.0, hue);
  return Joined({Chosen(range > zero, positive, zero), saturation, value});
}

Value FromHsv(const Value& x) {
  const Value six = Channel(x, 0) * 6.0, saturation = Channel(x, 1), value = Channel(x, 2);
  const auto from = [&](double centre) { return Op("math.Abs", {six - centre}); };
  std::vector<Value> channels;
  for (const Value& share : {from(3) - 1.0, 2.0 - from(2), 2.0 - from(4)}) {
    const Value bounded = Op("math.Clip", {share}, {{"min", 0.0}, {"max", 1.0}});
    channels.push_back(((1.0 - saturation) + saturation * bounded) * value);
  }
  return Joined(std::move(channels));
}

RuleResult RgbToHsv(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  return call.Result(ToHsv(x));
}
RuleResult HsvToRgb(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  return call.Result(FromHsv(x));
}

RuleResult AdjustSaturation(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double factor, call.Number("saturation_factor"));
  const Value hsv = ToHsv(x);
  const Value saturation =
      Op("math.Clip", {Channel(hsv, 1) * factor}, {{"min", 0.0}, {"max", 1.0}});
  return call.Result(FromHsv(Joined({Channel(hsv, 0), saturation, Channel(hsv, 2)})));
}

RuleResult AdjustHue(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double delta, call.Number("delta"));
  const Value hsv = ToHsv(x);
  const Value hue = Channel(hsv, 0) + delta;
  return call.Result(
      FromHsv(Joined({hue - Op("math.Floor", {hue}), Channel(hsv, 1), Channel(hsv, 2)})));
}

// gain * x ^ gamma.
RuleResult AdjustGamma(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double gamma, call.Number("gamma"));
  NOMO_ASSIGN_OR_RETURN(const double gain, call.Number("gain"));
  return call.Result(Op("math.Pow", {x, ConstantLike(gamma, x)}) * gain);
}

RuleResult AdjustBrightness(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double delta, call.Number("delta"));
  return call.Result(x + delta);
}

// Distances from each channel's mean over rows and columns, times the factor.
RuleResult AdjustContrast(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double factor, call.Number("contrast_factor"));
  const Value mean = Reduce("math.ReduceMean", x, {-3, -2}, true);
  return call.Result((x - mean) * factor + mean);
}

RuleResult Grayscale(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("image.RgbToGrayscale", {x}));
}

RuleResult GrayscaleToRgb(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Joined({x, x, x}));
}

RuleResult Standardize(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("image.PerImageStandardization", {x}));
}

// Integers are taken as parts of their greatest number.
RuleResult ConvertDtype(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", DType::kFloat32));
  if (x.dtype() == type) return call.Result(x);
  if (!nomograph::kFloats.Contains(type)) return absl::UnimplementedError("to integers");
  const Value y = Cast(x, type);
  if (x.dtype() == DType::kUInt8) return call.Result(y * (1 / 255.0));
  if (nomograph::kFloats.Contains(x.dtype())) return call.Result(y);
  return absl::UnimplementedError("from integers other than uint8");
}

// Keras' three ways of preparing ImageNet's pictures: channels scaled to [-1, 1] (tf), blue first
// and the mean subtracted (caffe), or each scaled to mean 0 and deviation 1 (torch).
RuleResult Preprocess(CallContext& call, absl::string_view usual) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const std::string mode, call.Text("mode", usual));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  if (first) return absl::UnimplementedError("channels first");
  const auto vector = [&](std::initializer_list<double> numbers) {
    return nomograph::Constant(Tensor::Vector<double>(numbers).Cast(x.dtype()));
  };
  if (mode == "tf") return call.Result(x / 127.5 - 1.0);
  if (mode == "none") return call.Result(x);
  if (mode == "caffe") {
    const Value bgr = Op("array.Reverse", {x}, {{"axes", Ints{-1}}});
    return call.Result(bgr - vector({103.939, 116.779, 123.68}));
  }
  if (mode != "torch") return InvalidArgument("the mode ", mode);
  return call.Result((x / 255.0 - vector({0.485, 0.456, 0.406})) / vector({0.229, 0.224, 0.225}));
}
RuleResult PreprocessTf(CallContext& call) { return Preprocess(call, "tf"); }
RuleResult PreprocessCaffe(CallContext& call) { return Preprocess(call, "caffe"); }
RuleResult PreprocessTorch(CallContext& call) { return Preprocess(call, "torch"); }
// These models scale by themselves.
RuleResult PreprocessNone(CallContext& call) { return Preprocess(call, "none"); }

const CallRegistrar kRules[] = {
    {"tf.image.rgb_to_grayscale,keras.ops.image.rgb_to_grayscale(x|images)", Grayscale},
    {"tf.image.grayscale_to_rgb(x|images)", GrayscaleToRgb},
    {"tf.image.per_image_standardization,tf.image.per_image_whitening(x|image)", Standardize},
    {"{tf.image,keras.ops.image}.rgb_to_hsv(x|images)", RgbToHsv},
    {"{tf.image,keras.ops.image}.hsv_to_rgb(x|images)", HsvToRgb},
    {"tf.image.rgb_to_yiq(x|images)", RgbToYiq},
    {"tf.image.yiq_to_rgb(x|images)", YiqToRgb},
    {"tf.image.rgb_to_yuv(x|images)", RgbToYuv},
    {"tf.image.yuv_to_rgb(x|images)", YuvToRgb},
    {"tf.image.convert_image_dtype(x|image,dtype,saturate=False)", ConvertDtype},
    {"tf.image.adjust_brightness(x|image,delta)", AdjustBrightness},
    {"tf.image.adjust_contrast(x|images,contrast_factor)", AdjustContrast},
    {"tf.image.adjust_saturation(x|image,saturation_factor)", AdjustSaturation},
    {"tf.image.adjust_hue(x|image,delta)", AdjustHue},
    {"tf.image.adjust_gamma(x|image,gamma=1,gain=1)", AdjustGamma},
    {"keras.applications.{inception_v3,inception_resnet_v2,mobilenet,mobilenet_v2,resnet_v2,nasnet,"
     "xception}.preprocess_input(x,data_format=None,mode=None)",
     PreprocessTf},
    {"keras.applications.{imagenet_utils,resnet,resnet50,vgg16,vgg19}.preprocess_input("
     "x,data_format=None,mode=None)",
     PreprocessCaffe},
    {"keras.applications.densenet.preprocess_input(x,data_format=None,mode=None)", PreprocessTorch},
    {"keras.applications.{convnext,efficientnet,efficientnet_v2,mobilenet_v3,regnet,resnet_rs}."
     "preprocess_input(x,data_format=None,mode=None)",
     PreprocessNone},
};

}  // namespace
}  // namespace nomograph::keras
