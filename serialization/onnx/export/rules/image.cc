// Ops on images, and random numbers. Augmentation, which acts in training only, is left out: an
// exported model infers.
#include <bit>
#include <cmath>
#include <limits>

#include "nomograph/serialization/onnx/export/graph_exporter.h"
#include "nomograph/serialization/onnx/export/rules/layout.h"
#include "nomograph/serialization/onnx/export/rules/mean.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {
namespace {

using Names = absl::StatusOr<std::vector<std::string>>;

std::string CastTo(NodeExporter& n, const std::string& x, DType dtype) {
  if (n.type(0).dtype == dtype) return x;
  return n.Emit("Cast", {x}, {IntAttr("to", DTypeToOnnx(dtype))});
}

Names Rescale(NodeExporter& n) {
  const DType dtype = n.attrs().Type("dtype");
  const auto scalar = [&](const char* attr) {
    return n.graph().Constant(Tensor::Full(dtype, Shape{}, n.attrs().Float(attr)));
  };
  std::string y = n.Emit("Mul", {CastTo(n, n.input(0), dtype), scalar("scale")});
  if (n.attrs().Float("offset") != 0) y = n.Emit("Add", {y, scalar("offset")});
  return {{y}};
}

// (x * scale - mean) / std
Names Normalize(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  const DType dtype = n.attrs().Type("dtype");
  const bool last = n.attrs().String("data_format") == "channels_last";
  const auto per_channel = [&](const char* attr) {
    const std::vector<double>& values = n.attrs().Floats(attr);
    Shape shape = {static_cast<int64_t>(values.size())};
    if (!last && values.size() > 1) {
      shape.Append(1);
      shape.Append(1);
    }
    return n.graph().Constant(Tensor::Of<double>(shape, absl::MakeConstSpan(values)).Cast(dtype));
  };
  if (rank < 3) return absl::UnimplementedError("expected an image or a batch of images");
  const std::string scale =
      n.graph().Constant(Tensor::Full(dtype, Shape{}, n.attrs().Float("scale")));
  const std::string scaled = n.Emit("Mul", {CastTo(n, n.input(0), dtype), scale});
  return {{n.Emit("Div", {n.Emit("Sub", {scaled, per_channel("mean")}), per_channel("std")})}};
}

// Height and width are axes -3 and -2, or channels-first -2 and -1.
int64_t AxisOf(const NodeExporter& n, bool width) {
  const bool last = n.attrs().String("data_format") == "channels_last";
  return (last ? -3 : -2) + (width ? 1 : 0);
}

Names Flip(NodeExporter& n) {
  const bool width = n.op().name == "image.FlipLeftRight";
  return {{n.Emit("Slice", {n.input(0), n.graph().Ints({-1}),
                            n.graph().Ints({std::numeric_limits<int64_t>::min()}),
                            n.graph().Ints({AxisOf(n, width)}), n.graph().Ints({-1})})}};
}

Names Crop(NodeExporter& n) {
  const int64_t top = n.attrs().Int("top"), left = n.attrs().Int("left");
  return {{n.Emit("Slice",
                  {n.input(0), n.graph().Ints({top, left}),
                   n.graph().Ints({top + n.attrs().Int("height"), left + n.attrs().Int("width")}),
                   n.graph().Ints({AxisOf(n, false), AxisOf(n, true)})})}};
}

// Scales or sizes of the spatial axes, 1 or the input's own for the others.
Names Resize(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  const std::vector<int64_t>& sizes = n.attrs().Ints("sizes");
  const std::vector<double>& scales = n.attrs().Floats("scales");
  const int spatial = static_cast<int>(sizes.empty() ? scales.size() : sizes.size());
  const bool last = n.attrs().String("data_format") == "channels_last";
  const int first = last ? rank - 1 - spatial : rank - spatial;
  std::vector<float> factors(rank, 1);
  std::vector<int64_t> lengths(rank, -1);
  for (int i = 0; i < spatial; ++i) {
    if (sizes.empty()) {
      factors[first + i] = static_cast<float>(scales[i]);
    } else {
      lengths[first + i] = sizes[i];
    }
  }
  std::vector<std::string> inputs = {n.input(0), ""};
  if (sizes.empty()) {
    inputs.push_back(n.graph().Constant(Tensor::Of<float>({rank}, absl::MakeConstSpan(factors))));
  } else {
    inputs.push_back("");
    // Sizes of the axes that stay are read off the input: its batch may be any.
    std::vector<std::string> parts;
    const std::string shape = n.Emit("Shape", {n.input(0)});
    for (int axis = 0; axis < rank; ++axis) {
      parts.push_back(lengths[axis] >= 0 ? n.graph().Ints({lengths[axis]})
                                         : n.Emit("Gather", {shape, n.graph().Ints({axis})}));
    }
    inputs.push_back(n.Emit("Concat", parts, {IntAttr("axis", 0)}));
  }
  std::vector<AttributeProto> attrs = {
      StringAttr("mode", n.attrs().String("mode") == "nearest" ? "nearest" : "linear"),
      StringAttr("nearest_mode", n.attrs().String("nearest_mode")),
      StringAttr("coordinate_transformation_mode", n.attrs().String("coordinates"))};
  return {{n.Emit("Resize", inputs, std::move(attrs))}};
}

// The middle; the smaller margin is above and to the left.
Names CenterCrop(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  std::vector<int64_t> starts, ends;
  for (const bool width : {false, true}) {
    const Dim& size = n.type(0).shape[static_cast<int>(rank + AxisOf(n, width))];
    if (!size.known()) return absl::UnimplementedError("expected images of a known size");
    const int64_t part = n.attrs().Int(width ? "width" : "height");
    starts.push_back((size.size() - part) / 2);
    ends.push_back(starts.back() + part);
  }
  return {{n.Emit("Slice", {n.input(0), n.graph().Ints(starts), n.graph().Ints(ends),
                            n.graph().Ints({AxisOf(n, false), AxisOf(n, true)})})}};
}

// Integers are rounded by these ops, and would have to be clamped.
absl::Status OnlyFloats(const NodeExporter& n) {
  return kFloats.Contains(n.type(0).dtype)
             ? absl::OkStatus()
             : absl::UnimplementedError("for integers it has no form in ONNX");
}

std::string Limited(NodeExporter& n, const std::string& x) {
  if (!n.attrs().Has("value_range")) return x;
  const std::vector<double>& range = n.attrs().Floats("value_range");
  return n.Emit("Clip", {x, n.Scalar(range[0]), n.Scalar(range[1])});
}

Names Grayscale(NodeExporter& n) {
  NOMO_RETURN_IF_ERROR(OnlyFloats(n));
  const bool last = n.attrs().String("data_format") == "channels_last";
  const Tensor weights =
      Tensor::Of<double>(last ? Shape{3} : Shape{3, 1, 1}, {0.2989, 0.587, 0.114});
  const std::string parts =
      n.Emit("Mul", {n.input(0), n.graph().Constant(weights.Cast(n.type(0).dtype))});
  return {{n.Emit("ReduceSum", {parts, n.graph().Ints({last ? -1 : -3})})}};
}

Names AdjustBrightness(NodeExporter& n) {
  NOMO_RETURN_IF_ERROR(OnlyFloats(n));
  return {{Limited(n, n.Emit("Add", {n.input(0), n.Scalar(n.attrs().Float("delta"))}))}};
}

Names AdjustContrast(NodeExporter& n) {
  NOMO_RETURN_IF_ERROR(OnlyFloats(n));
  const std::string mean = Mean(n, n.input(0), {AxisOf(n, false), AxisOf(n, true)});
  const std::string apart = n.Emit("Sub", {n.input(0), mean});
  return {{Limited(
      n, n.Emit("Add", {n.Emit("Mul", {apart, n.Scalar(n.attrs().Float("factor"))}), mean}))}};
}

Names Standardize(NodeExporter& n) {
  NOMO_ASSIGN_OR_RETURN(const int rank, n.rank(0));
  int64_t count = 1;
  for (int axis = rank - 3; axis < rank; ++axis) {
    if (!n.type(0).shape[axis].known())
      return absl::UnimplementedError("expected images of a known size");
    count *= n.type(0).shape[axis].size();
  }
  const DType dtype = n.attrs().Type("dtype");
  const std::string x = CastTo(n, n.input(0), dtype);
  const std::string apart = n.Emit("Sub", {x, Mean(n, x, {-3, -2, -1})});
  const std::string deviation =
      n.Emit("Sqrt", {Mean(n, n.Emit("Mul", {apart, apart}), {-3, -2, -1})});
  const double least = 1 / std::sqrt(static_cast<double>(count));
  const std::string limit = n.graph().Constant(Tensor::Full(dtype, Shape{}, least));
  return {{n.Emit("Div", {apart, n.Emit("Max", {deviation, limit})})}};
}

Names Augmentation(NodeExporter& n) {
  if (n.output_type(0) != n.type(0)) {
    return absl::UnimplementedError(
        "it changes types also in inference, which has no form in ONNX");
  }
  return {{n.Emit("Identity", {n.input(0)})}};
}

const ExportRegistrar kImages({
    {.op = "image.Rescale", .op_type = "Mul", .function = Rescale},
    {.op = "image.Normalize", .op_type = "Sub", .function = Normalize},
    {.op = "image.FlipLeftRight", .op_type = "Slice", .function = Flip},
    {.op = "image.FlipUpDown", .op_type = "Slice", .function = Flip},
    {.op = "image.Crop", .op_type = "Slice", .function = Crop},
    {.op = "image.Resize", .op_type = "Resize", .function = Resize},
    {.op = "image.CenterCrop", .op_type = "Slice", .function = CenterCrop},
    {.op = "image.RandomCrop", .op_type = "Slice", .function = CenterCrop},
    {.op = "image.RgbToGrayscale", .op_type = "ReduceSum", .function = Grayscale},
    {.op = "image.AdjustBrightness", .op_type = "Add", .function = AdjustBrightness},
    {.op = "image.AdjustContrast", .op_type = "ReduceMean", .function = AdjustContrast},
    {.op = "image.PerImageStandardization", .op_type = "ReduceMean", .function = Standardize},
    {.op = "image.RandomFlip", .op_type = "Identity", .function = Augmentation},
    {.op = "image.RandomRotation", .op_type = "Identity", .function = Augmentation},
    {.op = "image.RandomBrightness", .op_type = "Identity", .function = Augmentation},
    {.op = "image.RandomContrast", .op_type = "Identity", .function = Augmentation},
    {.op = "image.RandomTranslation", .op_type = "Identity", .function = Augmentation},
    {.op = "image.RandomZoom", .op_type = "Identity", .function = Augmentation},
    {.op = "nn.AlphaDropout", .op_type = "Identity", .function = Augmentation},
    {.op = "nn.GaussianDropout", .op_type = "Identity", .function = Augmentation},
    {.op = "nn.GaussianNoise", .op_type = "Identity", .function = Augmentation},
    {.op = "nn.SpatialDropout", .op_type = "Identity", .function = Augmentation},
});

// Random numbers. Ours and those of an ONNX runtime are different ones of the same distribution.
Names Random(NodeExporter& n) {
  std::vector<AttributeProto> attrs;
  const auto add = [&](const char* name, const char* onnx_name) -> absl::Status {
    if (!n.attrs().Has(name)) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(AttributeProto attr, n.Attr(name, onnx_name));
    attrs.push_back(std::move(attr));
    return absl::OkStatus();
  };
  for (const auto& [name, onnx_name] : {std::pair{"mean", "mean"},
                                        {"stddev", "scale"},
                                        {"minval", "low"},
                                        {"maxval", "high"},
                                        {"dtype", "dtype"},
                                        {"shape", "shape"},
                                        {"sample_size", "sample_size"}}) {
    NOMO_RETURN_IF_ERROR(add(name, onnx_name));
  }
  if (const int64_t seed = n.attrs().Int("seed"); seed >= 0) {
    attrs.push_back(FloatAttr("seed", std::bit_cast<float>(static_cast<uint32_t>(seed))));
  }
  const std::string name = n.op().name;
  std::string op_type = name.substr(name.rfind('.') + 1);
  if (op_type != "Bernoulli" && op_type != "Multinomial") op_type = absl::StrCat("Random", op_type);
  if (name == "random.Normal" || name == "random.Uniform") {
    if (n.has_input(0)) {  // a computed shape: like a tensor that has it
      const Tensor zero = Tensor::Full(n.attrs().Type("dtype"), {1}, 0);
      const std::string like = n.Emit("ConstantOfShape", {n.input(0)}, {TensorAttr("value", zero)});
      return {{n.Emit(absl::StrCat(op_type, "Like"), {like}, std::move(attrs))}};
    }
    return {{n.Emit(op_type, {}, std::move(attrs))}};
  }
  return {{n.Emit(op_type, n.inputs(), std::move(attrs))}};
}

const ExportRegistrar kRandom({
    {.op = "random.Bernoulli", .op_type = "Bernoulli", .function = Random},
    {.op = "random.Multinomial", .op_type = "Multinomial", .function = Random},
    {.op = "random.Normal", .op_type = "RandomNormal", .function = Random},
    {.op = "random.NormalLike", .op_type = "RandomNormalLike", .function = Random},
    {.op = "random.Uniform", .op_type = "RandomUniform", .function = Random},
    {.op = "random.UniformLike", .op_type = "RandomUniformLike", .function = Random},
});

}  // namespace
}  // namespace nomograph::onnx
