// Calls on images: [batch, rows, columns, channels], the batch perhaps missing.
#include <algorithm>
#include <limits>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

absl::string_view FormatText(bool first) { return first ? "channels_first" : "channels_last"; }

// To [rows, columns]. Half-pixel centres, as TensorFlow 2 and Keras 3 have them; TensorFlow 1's
// resize_images without align_corners takes asymmetric ones.
RuleResult Resize(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const Ints size, call.Ints("size"));
  if (size.size() != 2) return InvalidArgument("expected two sizes");
  std::string method = "bilinear";
  const PyValue& given = call.Get("method");
  if (given.is(Kind::kText) || given.is(Kind::kName)) {
    method = given.heap->text;
  } else if (given.is_integer()) {
    method = given.number == 0 ? "bilinear" : given.number == 1 ? "nearest" : "bicubic";
  }
  std::transform(method.begin(), method.end(), method.begin(),
                 [](char c) { return std::tolower(c); });
  const size_t dot = method.rfind('.');
  if (dot != std::string::npos) method = method.substr(dot + 1);
  if (method == "nearest_neighbor") method = "nearest";
  if (method != "bilinear" && method != "nearest") {
    return absl::UnimplementedError(absl::StrCat("the method ", method));
  }
  NOMO_ASSIGN_OR_RETURN(const bool align, call.Bool("align_corners"));
  NOMO_ASSIGN_OR_RETURN(const bool antialias, call.Bool("antialias"));
  if (align || antialias) return absl::UnimplementedError("align_corners or antialias");
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  const bool old = absl::StrContains(call.name(), "resize_");
  Value image = x;
  if (method == "bilinear" && !nomograph::kFloats.Contains(x.dtype())) {
    image = Cast(x, call.interpreter().options().floatx);
  }
  Attributes attrs = {{"mode", method},
                      {"sizes", size},
                      {"data_format", std::string(FormatText(first))},
                      {"coordinates", old ? "asymmetric" : "half_pixel"}};
  if (old && method == "nearest") attrs.Set("nearest_mode", "floor");
  return call.Result(Op("image.Resize", {image}, attrs));
}

// K.resize_images(x, height_factor, width_factor, data_format, interpolation): as UpSampling2D.
RuleResult ResizeBy(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t height, call.Int("height_factor"));
  NOMO_ASSIGN_OR_RETURN(const int64_t width, call.Int("width_factor"));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  NOMO_ASSIGN_OR_RETURN(const std::string method, call.Text("interpolation", "nearest"));
  if (method != "nearest" && method != "bilinear") {
    return absl::UnimplementedError(absl::StrCat("the interpolation ", method));
  }
  const double rows = static_cast<double>(height), columns = static_cast<double>(width);
  return call.Result(Op("image.Resize", {x},
                        {{"mode", method},
                         {"scales", std::vector<double>{rows, columns}},
                         {"data_format", std::string(FormatText(first))}}));
}

RuleResult BlockMove(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t size, call.Int("block_size"));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  const bool to_depth = absl::EndsWith(call.name(), "space_to_depth");
  return call.Result(Op(to_depth ? "array.SpaceToDepth" : "array.DepthToSpace", {x},
                        {{"blocksize", size}, {"data_format", std::string(FormatText(first))}}));
}

RuleResult Grayscale(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("image.RgbToGrayscale", {x}));
}

RuleResult GrayscaleToRgb(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("array.Concat", {x, x, x}, {{"axis", -1}}));
}

RuleResult Standardize(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(Op("image.PerImageStandardization", {x}));
}

RuleResult Flip(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  const bool sideways = absl::EndsWith(call.name(), "left_right");
  return call.Result(Op("array.Reverse", {x}, {{"axes", Ints{sideways ? -2 : -3}}}));
}

// Quarter turns counterclockwise.
RuleResult Rotate90(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t given, call.Int("k", 1));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 3) return InvalidArgument("an image has three axes");
  const int64_t turns = ((given % 4) + 4) % 4;
  Ints perm(rank);
  for (int i = 0; i < rank; ++i) perm[i] = i;
  std::swap(perm[rank - 2], perm[rank - 3]);
  if (turns == 0) return call.Result(x);
  if (turns == 2) return call.Result(Op("array.Reverse", {x}, {{"axes", Ints{-3, -2}}}));
  const Value turned = Op("array.Transpose", {x}, {{"perm", perm}});
  return call.Result(Op("array.Reverse", {turned}, {{"axes", Ints{turns == 1 ? -3 : -2}}}));
}

RuleResult CropToBox(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t top, call.Int("offset_height"));
  NOMO_ASSIGN_OR_RETURN(const int64_t left, call.Int("offset_width"));
  NOMO_ASSIGN_OR_RETURN(const int64_t height, call.Int("target_height"));
  NOMO_ASSIGN_OR_RETURN(const int64_t width, call.Int("target_width"));
  return call.Result(Op("array.Slice", {x},
                        {{"starts", Ints{top, left}},
                         {"ends", Ints{SaturatingAdd(top, height), SaturatingAdd(left, width)}},
                         {"axes", Ints{-3, -2}}}));
}

RuleResult CentralCrop(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const double fraction, call.Number("central_fraction"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 3 || !(fraction > 0 && fraction <= 1)) return InvalidArgument("this fraction");
  Ints starts, ends;
  for (const int axis : {rank - 3, rank - 2}) {
    const int64_t size = x.shape()[axis].size();
    if (size < 0) return absl::UnimplementedError("an image of unknown size");
    const auto margin = static_cast<int64_t>((size - size * fraction) / 2);
    starts.push_back(margin);
    ends.push_back(size - margin);
  }
  return call.Result(
      Op("array.Slice", {x}, {{"starts", starts}, {"ends", ends}, {"axes", Ints{-3, -2}}}));
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

// Keras' three ways of preparing ImageNet's pictures.
RuleResult PreprocessInput(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const std::string mode,
                        call.Text("mode", absl::StrContains(call.name(), "imagenet_utils") ||
                                                  absl::StrContains(call.name(), "vgg") ||
                                                  absl::StrContains(call.name(), "resnet50.")
                                              ? "caffe"
                                              : "tf"));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  if (first) return absl::UnimplementedError("channels first");
  if (mode == "tf") return call.Result(x / 127.5 - 1.0);
  if (mode != "caffe") return absl::UnimplementedError(absl::StrCat("the mode ", mode));
  const Value bgr = Op("array.Reverse", {x}, {{"axes", Ints{-1}}});
  const Value mean =
      nomograph::Constant(Tensor::Vector<double>({103.939, 116.779, 123.68}).Cast(x.dtype()));
  return call.Result(bgr - mean);
}

const CallRegistrar kRules[] = {
    {"tf.image.resize,tf.image.resize_with_size(x|images,size,method=bilinear,"
     "preserve_aspect_ratio=False,antialias=False,align_corners=False,data_format=None)",
     Resize},
    {"tf.image.{resize_images,resize_bilinear}(x|images|image,size,method=bilinear,"
     "align_corners=False,antialias=False,data_format=None)",
     Resize},
    {"tf.image.resize_nearest_neighbor(x|images,size,align_corners=False,method=nearest,"
     "antialias=False,data_format=None)",
     Resize},
    {"keras.ops.image.resize(x|images,size,method|interpolation=bilinear,antialias=False,"
     "align_corners=False,data_format=None)",
     Resize},
    {"keras.backend.resize_images(x|X,height_factor,width_factor,data_format|dim_ordering,"
     "interpolation=nearest)",
     ResizeBy},
    {"{tf,tf.nn}.{space_to_depth,depth_to_space}(x|input,block_size,data_format=NHWC)", BlockMove},
    {"tf.image.rgb_to_grayscale,keras.ops.image.rgb_to_grayscale(x|images)", Grayscale},
    {"tf.image.grayscale_to_rgb(x|images)", GrayscaleToRgb},
    {"tf.image.per_image_standardization,tf.image.per_image_whitening(x|image)", Standardize},
    {"tf.image.{flip_left_right,flip_up_down}(x|image)", Flip},
    {"tf.image.rot90(x|image,k=1)", Rotate90},
    {"tf.image.crop_to_bounding_box(x|image,offset_height,offset_width,target_height,"
     "target_width)",
     CropToBox},
    {"tf.image.central_crop(x|image,central_fraction)", CentralCrop},
    {"tf.image.convert_image_dtype(x|image,dtype,saturate=False)", ConvertDtype},
    {"tf.image.adjust_brightness(x|image,delta)", AdjustBrightness},
    {"tf.image.adjust_contrast(x|images,contrast_factor)", AdjustContrast},
    {"keras.applications.{imagenet_utils,vgg16,vgg19,inception_v3,mobilenet,mobilenet_v2,"
     "xception}.preprocess_input(x,data_format=None,mode=None)",
     PreprocessInput},
};

}  // namespace
}  // namespace nomograph::keras
