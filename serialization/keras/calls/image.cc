// Calls that resize, turn, cut and fill images: [batch, rows, columns, channels], the batch perhaps
// missing.
#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

absl::string_view FormatText(bool first) { return first ? "channels_first" : "channels_last"; }

struct ResizeMethod {
  std::string mode;  // of array.Resize: nearest, linear or cubic
  bool aligned = false, old = false, antialias = false;
};

// What a method is named: a text, a member of tf.image.ResizeMethod, or TensorFlow 1's number.
absl::StatusOr<std::string> MethodName(const PyValue& given) {
  std::string method = "bilinear";
  if (given.is(Kind::kText) || given.is(Kind::kName)) {
    method = absl::AsciiStrToLower(given.heap->text);
  } else if (given.is_integer()) {
    method = given.number == 0   ? "bilinear"
             : given.number == 1 ? "nearest"
             : given.number == 2 ? "bicubic"
                                 : "area";
  }
  method = method.substr(method.rfind('.') + 1);
  if (method == "nearest_neighbor") method = "nearest";
  for (const auto& [name, mode] :
       {std::pair("bilinear", "linear"), {"nearest", "nearest"}, {"bicubic", "cubic"}}) {
    if (method == name) return std::string(mode);
  }
  return absl::UnimplementedError(absl::StrCat("the method ", Shown(method)));
}

// Resizes rows and columns to sizes that the model computes, or by cubic interpolation.
absl::StatusOr<Value> ResizeAnyhow(CallContext& call, const Value& x, bool first,
                                   const std::vector<PyValue>& sizes, const ResizeMethod& method) {
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 3) return InvalidArgument("an image has three axes");
  NOMO_ASSIGN_OR_RETURN(const PyValue shape, call.interpreter().ShapeOf(x));
  std::vector<PyValue> all = shape.heap->items;
  all[first ? rank - 2 : rank - 3] = sizes[0];
  all[first ? rank - 1 : rank - 2] = sizes[1];
  Attributes attrs = {
      {"mode", method.mode},
      {"coordinate_transformation_mode", method.aligned ? "align_corners"
                                         : method.old   ? "asymmetric"
                                                        : "half_pixel"},
      {"nearest_mode", method.aligned || !method.old ? "round_prefer_ceil" : "floor"}};
  if (method.mode == "cubic") attrs.Set("cubic_coeff_a", method.old ? -0.75 : -0.5);
  if (method.antialias && method.mode != "nearest") attrs.Set("antialias", true);
  // TensorFlow 2 leaves out what lies outside of the image; TensorFlow 1 repeats its edge.
  const bool wide = method.mode == "cubic" || attrs.Has("antialias");
  if (wide && !method.old) attrs.Set("exclude_outside", true);
  std::vector<Value> inputs = {x};
  const bool known =
      std::all_of(all.begin(), all.end(), [](const PyValue& size) { return size.is_integer(); });
  if (!known) inputs = {x, Value(), Value()};
  NOMO_RETURN_IF_ERROR(SetShape(call.interpreter(), all, "sizes", inputs, attrs));
  return Op("array.Resize", std::move(inputs), std::move(attrs));
}

// To [rows, columns]. Half-pixel centres, as TensorFlow 2 and Keras 3 have them; TensorFlow 1's
// calls take asymmetric ones.
RuleResult ResizeBy(CallContext& call, bool old) {
  Interpreter& interpreter = call.interpreter();
  PyValue size = call.Get("size"), given = call.Get("method"), align = call.Get("align_corners");
  // TensorFlow 0 had rows, columns and then the method.
  if (size.is_integer() && given.is_integer()) {
    size = interpreter.arena().List({size, given});
    given = align.is(Kind::kBool) ? PyValue::None() : align;
    align = PyValue::Bool(false);
  }
  ResizeMethod method{.old = old};
  NOMO_ASSIGN_OR_RETURN(method.mode, MethodName(given));
  NOMO_ASSIGN_OR_RETURN(const bool half_pixel, call.Bool("half_pixel_centers"));
  if (half_pixel) method.old = false;
  NOMO_ASSIGN_OR_RETURN(method.aligned, interpreter.Truth(align));
  NOMO_ASSIGN_OR_RETURN(method.antialias, call.Bool("antialias"));
  NOMO_ASSIGN_OR_RETURN(const bool keep, call.Bool("preserve_aspect_ratio"));
  if (keep) return absl::UnimplementedError("preserve_aspect_ratio");
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes, interpreter.ToSizes(size));
  if (sizes.size() != 2) return InvalidArgument("size: expected two numbers");
  NOMO_ASSIGN_OR_RETURN(Value image, call.Tensor("x"));
  if (method.mode != "nearest") {
    NOMO_ASSIGN_OR_RETURN(image, FloatTensor(call, "x"));
  }
  if (!sizes[0].is_integer() || !sizes[1].is_integer() || method.mode == "cubic" ||
      method.antialias) {
    NOMO_ASSIGN_OR_RETURN(const Value y, ResizeAnyhow(call, image, first, sizes, method));
    return call.Result(y);
  }
  Attributes attrs = {{"mode", method.mode == "linear" ? "bilinear" : "nearest"},
                      {"sizes", Ints{sizes[0].number, sizes[1].number}},
                      {"data_format", std::string(FormatText(first))},
                      {"coordinates", method.aligned ? "align_corners"
                                      : method.old   ? "asymmetric"
                                                     : "half_pixel"}};
  if (method.old && !method.aligned) attrs.Set("nearest_mode", "floor");
  return call.Result(Op("image.Resize", {image}, attrs));
}
RuleResult Resize(CallContext& call) { return ResizeBy(call, false); }
RuleResult ResizeOld(CallContext& call) { return ResizeBy(call, true); }

// K.resize_images(x, height_factor, width_factor, data_format, interpolation): as UpSampling2D.
RuleResult UpSample(CallContext& call) {
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

// K.resize_volumes: every element so many times along each of three axes.
RuleResult UpSample3(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  std::vector<double> scales;
  for (const char* factor : {"depth_factor", "height_factor", "width_factor"}) {
    NOMO_ASSIGN_OR_RETURN(const int64_t times, call.Int(factor));
    scales.push_back(static_cast<double>(times));
  }
  return call.Result(Op("image.Resize", {x},
                        {{"mode", "nearest"},
                         {"scales", std::move(scales)},
                         {"data_format", std::string(FormatText(first))}}));
}

RuleResult TransposeImage(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 3) return InvalidArgument("an image has three axes");
  Ints perm(rank);
  for (int i = 0; i < rank; ++i) perm[i] = i;
  std::swap(perm[rank - 2], perm[rank - 3]);
  return call.Result(Op("array.Transpose", {x}, {{"perm", perm}}));
}

// Zeros around an image of known sizes: negative numbers cut off.
Value PadImage(const Value& x, int64_t top, int64_t bottom, int64_t left, int64_t right) {
  return Op("array.Pad", {x}, {{"pads", Ints{top, left, bottom, right}}, {"axes", Ints{-3, -2}}});
}

RuleResult PadToBox(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t top, call.Int("offset_height"));
  NOMO_ASSIGN_OR_RETURN(const int64_t left, call.Int("offset_width"));
  NOMO_ASSIGN_OR_RETURN(const int64_t height, call.Int("target_height"));
  NOMO_ASSIGN_OR_RETURN(const int64_t width, call.Int("target_width"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  const int64_t rows = rank < 3 ? -1 : x.shape()[rank - 3].size();
  const int64_t columns = rank < 3 ? -1 : x.shape()[rank - 2].size();
  if (rows < 0 || columns < 0) return absl::UnimplementedError("an image of unknown size");
  const int64_t bottom = height - top - rows, right = width - left - columns;
  if (top < 0 || left < 0 || bottom < 0 || right < 0) {
    return InvalidArgument("an image of ", rows, " by ", columns, " in a box of ", height, " by ",
                           width);
  }
  return call.Result(PadImage(x, top, bottom, left, right));
}

// The middle of an image, or the image amid zeros: an odd row or column is at the end.
RuleResult CropOrPad(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 3) return InvalidArgument("an image has three axes");
  Ints ahead, behind;
  for (const auto& [parameter, axis] :
       {std::pair("target_height", rank - 3), {"target_width", rank - 2}}) {
    NOMO_ASSIGN_OR_RETURN(const int64_t target, call.Int(parameter));
    const int64_t size = x.shape()[axis].size();
    if (size < 0) return absl::UnimplementedError("an image of unknown size");
    if (target < 0 || target > 1 << 30) return InvalidArgument("a size of ", target);
    const int64_t less = std::max<int64_t>(size - target, 0) / 2;
    const int64_t more = std::max<int64_t>(target - size, 0) / 2;
    ahead.push_back(more - less);
    behind.push_back(target - size - (more - less));
  }
  return call.Result(PadImage(x, ahead[0], behind[0], ahead[1], behind[1]));
}

// Differences to the next row and column.
std::pair<Value, Value> Gradients(const Value& x) {
  constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
  return {Slice(x, 1, kEnd, -3) - Slice(x, 0, -1, -3), Slice(x, 1, kEnd, -2) - Slice(x, 0, -1, -2)};
}

RuleResult ImageGradients(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  auto [rows, columns] = Gradients(x);
  rows = Op("array.Pad", {rows}, {{"pads", Ints{0, 1}}, {"axes", Ints{-3}}});
  columns = Op("array.Pad", {columns}, {{"pads", Ints{0, 1}}, {"axes", Ints{-2}}});
  NOMO_ASSIGN_OR_RETURN(const PyValue first, call.Result(rows));
  NOMO_ASSIGN_OR_RETURN(const PyValue second, call.Result(columns));
  return call.interpreter().arena().Tuple({first, second});
}

RuleResult TotalVariation(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  const auto [rows, columns] = Gradients(x);
  const auto sum = [](const Value& differences) {
    return Reduce("math.ReduceSum", Op("math.Abs", {differences}), {-3, -2, -1}, false);
  };
  return call.Result(sum(rows) + sum(columns));
}

// Windows of an image, each as the channels of one place: rows, columns, then its own channels.
RuleResult ExtractPatches(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank != 4 || !x.shape()[3].known()) {
    return absl::UnimplementedError("other than images of known channels");
  }
  const auto two = [&](absl::string_view parameter) -> absl::StatusOr<Ints> {
    NOMO_ASSIGN_OR_RETURN(const Ints all, call.Ints(parameter));
    if (all.size() == 1) return Ints{all[0], all[0]};
    if (all.size() == 2) return all;
    if (all.size() == 4) return Ints{all[1], all[2]};
    return InvalidArgument(parameter, ": expected 4 numbers");
  };
  NOMO_ASSIGN_OR_RETURN(const Ints sizes, two("sizes"));
  Ints strides = sizes;
  if (call.Has("strides")) {
    NOMO_ASSIGN_OR_RETURN(strides, two("strides"));
  }
  NOMO_ASSIGN_OR_RETURN(const Ints rates, two("rates"));
  NOMO_ASSIGN_OR_RETURN(const std::string padding, call.Text("padding"));
  // A convolution whose kernel is the identity.
  const int64_t channels = x.shape()[3].size();
  if (sizes[0] < 1 || sizes[1] < 1) return InvalidArgument("a window of ", sizes[0], " rows");
  const int64_t elements =
      SaturatingMultiply(SaturatingMultiply(sizes[0], sizes[1]), std::max<int64_t>(channels, 1));
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(SaturatingMultiply(elements, channels)));
  Tensor kernel = Tensor::Full(DType::kFloat32, {sizes[0], sizes[1], channels, elements}, 0);
  for (int64_t i = 0; i < elements; ++i) {
    // The kernel's first three axes count as what comes out does.
    kernel.mutable_data<float>()[i * elements + i] = 1;
  }
  return call.Result(Op(
      "nn.Conv", {x, nomograph::Constant(kernel.Cast(x.dtype()))},
      {{"padding", absl::AsciiStrToLower(padding)}, {"strides", strides}, {"dilations", rates}}));
}

const CallRegistrar kRules[] = {
    {"tf.image.resize,keras.ops.image.resize(x|images|image,size,method|interpolation=bilinear,"
     "preserve_aspect_ratio|crop_to_aspect_ratio=False,antialias=False,align_corners=False,"
     "data_format=None,half_pixel_centers=False)",
     Resize},
    {"tf.image.{resize_images,resize_bilinear}(x|images|image,size|new_height,"
     "method|new_width=bilinear,align_corners=False,preserve_aspect_ratio=False,antialias=False,"
     "data_format=None,half_pixel_centers=False)",
     ResizeOld},
    {"tf.image.resize_nearest_neighbor(x|images,size,align_corners=False,"
     "half_pixel_centers=False,method=nearest,preserve_aspect_ratio=False,antialias=False,"
     "data_format=None)",
     ResizeOld},
    {"tf.image.resize_bicubic(x|images,size,align_corners=False,"
     "half_pixel_centers=False,method=bicubic,preserve_aspect_ratio=False,antialias=False,"
     "data_format=None)",
     ResizeOld},
    {"keras.backend.resize_images(x|X,height_factor,width_factor,data_format|dim_ordering=None,"
     "interpolation=nearest)",
     UpSample},
    {"keras.backend.resize_volumes(x|X,depth_factor,height_factor,width_factor,"
     "data_format|dim_ordering=None)",
     UpSample3},
    {"{tf,tf.nn}.{space_to_depth,depth_to_space}(x|input,block_size,data_format=NHWC)", BlockMove},
    {"tf.image.{flip_left_right,flip_up_down}(x|image)", Flip},
    {"tf.image.rot90(x|image,k=1)", Rotate90},
    {"tf.image.crop_to_bounding_box(x|image,offset_height,offset_width,target_height,"
     "target_width)",
     CropToBox},
    {"tf.image.central_crop(x|image,central_fraction)", CentralCrop},
    {"tf.image.{transpose,transpose_image}(x|image)", TransposeImage},
    {"tf.image.pad_to_bounding_box(x|image,offset_height,offset_width,target_height,"
     "target_width)",
     PadToBox},
    {"tf.image.{resize_with_crop_or_pad,resize_image_with_crop_or_pad}(x|image,target_height,"
     "target_width)",
     CropOrPad},
    {"tf.image.image_gradients(x|image)", ImageGradients},
    {"tf.image.total_variation(x|images)", TotalVariation},
    {"tf.image.{extract_patches,extract_image_patches},tf.extract_image_patches(x|images,"
     "sizes|ksizes,strides,rates,padding)",
     ExtractPatches},
    {"keras.ops.image.extract_patches(x|images,sizes|size,strides=None,rates|dilation_rate=1,"
     "padding=valid)",
     ExtractPatches},
};

}  // namespace
}  // namespace nomograph::keras
