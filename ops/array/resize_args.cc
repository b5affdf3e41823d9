#include "nomograph/ops/array/resize_args.h"

#include <algorithm>
#include <cmath>

#include "nomograph/core/op/int_args.h"

namespace nomograph {
namespace {

using Floats = std::vector<double>;
using Ints = std::vector<int64_t>;

constexpr int64_t kMaxSize = 2147483647;

// A list of numbers that is an attribute or an input. An empty one counts as absent, as in ONNX.
template <typename List>
struct Argument {
  bool given = false;
  std::optional<List> values;  // where they are known
};

absl::Status CheckCount(absl::string_view name, const Dim& found, size_t expected) {
  if (!found.known() || found.size() == static_cast<int64_t>(expected)) return absl::OkStatus();
  return InvalidArgument(name, ": expected ", expected, " values, found ", found.size());
}

absl::StatusOr<Argument<Floats>> GetFloats(const InferContext& context, absl::string_view name,
                                           int input, size_t count) {
  const AttrValue* attr = context.attrs().Find(name);
  if (attr != nullptr && context.has_input(input)) {
    return InvalidArgument(name, " is given twice, as an attribute and as input ", input);
  }
  Floats values;
  if (attr != nullptr) values = *attr->As<Floats>();
  if (context.has_input(input)) {
    const Tensor* constant = context.constant(input);
    const PartialShape shape = constant != nullptr ? constant->shape() : context.shape(input);
    if (shape.has_rank() && shape.rank() != 1) {
      return InvalidArgument(name, ": expected a vector, found shape ", shape.ToString());
    }
    if (constant == nullptr) {
      const Dim found = shape.has_rank() ? shape[0] : Dim();
      if (found == Dim(0)) return Argument<Floats>{};
      NOMO_RETURN_IF_ERROR(CheckCount(name, found, count));
      return Argument<Floats>{true, std::nullopt};
    }
    for (int64_t i = 0; i < shape[0].size(); ++i) values.push_back(constant->AsDouble(i));
  }
  if (values.empty()) return Argument<Floats>{};
  NOMO_RETURN_IF_ERROR(CheckCount(name, static_cast<int64_t>(values.size()), count));
  return Argument<Floats>{true, std::move(values)};
}

absl::StatusOr<Argument<Ints>> GetSizes(const InferContext& context, size_t count) {
  NOMO_ASSIGN_OR_RETURN(IntsArg arg, GetInts(context, "sizes", 3));
  if (!arg.given || arg.count == Dim(0)) return Argument<Ints>{};
  NOMO_RETURN_IF_ERROR(CheckCount("sizes", arg.count, count));
  if (!arg.known) return Argument<Ints>{true, std::nullopt};
  return Argument<Ints>{true, std::move(arg.values)};
}

// The arguments of a node, each with one value (roi two) for each of `axes`.
struct Arguments {
  Ints axes;
  Argument<Floats> roi, scales;
  Argument<Ints> sizes;
};

// REQUIRES: the rank of x is known.
absl::StatusOr<Arguments> GetArguments(const InferContext& context) {
  const int rank = context.shape(0).rank();
  Arguments arguments;
  if (const AttrValue* axes = context.attrs().Find("axes")) {
    NOMO_RETURN_IF_ERROR(Annotate(NormalizeAxes(*axes->As<Ints>(), rank).status(), "axes"));
    for (const int64_t axis : *axes->As<Ints>()) {
      arguments.axes.push_back(axis < 0 ? axis + rank : axis);
    }
  } else {
    for (int i = 0; i < rank; ++i) arguments.axes.push_back(i);
  }
  const size_t count = arguments.axes.size();
  NOMO_ASSIGN_OR_RETURN(arguments.roi, GetFloats(context, "roi", 1, 2 * count));
  NOMO_ASSIGN_OR_RETURN(arguments.scales, GetFloats(context, "scales", 2, count));
  NOMO_ASSIGN_OR_RETURN(arguments.sizes, GetSizes(context, count));
  const bool crop =
      context.attrs().String("coordinate_transformation_mode") == "tf_crop_and_resize";
  if (crop && !arguments.roi.given && count > 0) {
    return InvalidArgument("roi is required for tf_crop_and_resize");
  }
  if (count > 0 && arguments.scales.given == arguments.sizes.given) {
    return InvalidArgument("expected scales or sizes, found ",
                           arguments.scales.given ? "both" : "none");
  }
  return arguments;
}

// What is known of an axis of the output: its size, and `length` as in ResizeAxis.
struct Resized {
  Dim size;
  double length = 0;
};

absl::StatusOr<Resized> Scale(const Dim& input, double given) {
  const float scale = static_cast<float>(given);
  if (!(scale > 0) || std::isinf(scale)) {
    return InvalidArgument("scales: expected positive numbers, found ", given);
  }
  if (scale == 1) return Resized{input, static_cast<double>(input.size())};
  if (!input.known()) return Resized{};
  // In float32, so that e.g. a third of 9 is 3, not 3.0000001.
  const float rounded = static_cast<float>(input.size()) * scale;
  if (!(rounded <= static_cast<float>(kMaxSize))) {
    return InvalidArgument("scales: expected sizes up to ", kMaxSize, ", found ", rounded);
  }
  const int64_t size = std::min(static_cast<int64_t>(rounded), kMaxSize);
  const bool whole = rounded == std::floor(rounded);
  return Resized{size, whole ? static_cast<double>(rounded)
                             : static_cast<double>(input.size()) * static_cast<double>(scale)};
}

// The axis among `axes` whose ratio of sizes is the scale of all of them; nothing where it is not
// known yet.
absl::StatusOr<std::optional<size_t>> LeadingAxis(const PartialShape& x, const Arguments& args,
                                                  bool largest) {
  std::optional<size_t> leading;
  double best = 0;
  for (size_t i = 0; i < args.axes.size(); ++i) {
    const Dim& input = x[static_cast<int>(args.axes[i])];
    if (!input.known()) return std::nullopt;
    if (input.size() == 0) {
      return InvalidArgument("keep_aspect_ratio_policy: expected no empty axes, found shape ",
                             x.ToString());
    }
    const double ratio =
        static_cast<double>((*args.sizes.values)[i]) / static_cast<double>(input.size());
    if (leading && (largest ? ratio <= best : ratio >= best)) continue;
    leading = i;
    best = ratio;
  }
  return leading;
}

// For each of the axes.
absl::StatusOr<std::vector<Resized>> Resize(const InferContext& context, const Arguments& args) {
  const PartialShape& x = context.shape(0);
  std::vector<Resized> resized(args.axes.size());
  const std::string& policy = context.attrs().String("keep_aspect_ratio_policy");
  std::optional<size_t> leading;
  if (args.sizes.values && policy != "stretch") {
    NOMO_ASSIGN_OR_RETURN(leading, LeadingAxis(x, args, policy == "not_smaller"));
    if (!leading) return resized;
  }
  for (size_t i = 0; i < args.axes.size(); ++i) {
    const Dim& input = x[static_cast<int>(args.axes[i])];
    if (args.scales.values) {
      NOMO_ASSIGN_OR_RETURN(resized[i], Scale(input, (*args.scales.values)[i]));
    } else if (leading) {
      resized[i].length = static_cast<double>((*args.sizes.values)[*leading]) *
                          static_cast<double>(input.size()) /
                          static_cast<double>(x[static_cast<int>(args.axes[*leading])].size());
      if (resized[i].length < static_cast<double>(kMaxSize)) {
        resized[i].size = static_cast<int64_t>(std::floor(resized[i].length + 0.5));
      } else {
        return InvalidArgument("sizes: expected up to ", kMaxSize, ", found ", resized[i].length);
      }
    } else if (args.sizes.values) {
      const int64_t size = (*args.sizes.values)[i];
      resized[i] = {Dim(size), static_cast<double>(size)};
    }
  }
  return resized;
}

}  // namespace

OpDef WithResizeAttributes(OpDef op) {
  op.Attr("mode", "nearest", "how elements are computed")
      .Choices({"nearest", "linear", "cubic"})
      .OptionalAttr("roi", AttrType::kFloats, "as the input")
      .OptionalAttr("scales", AttrType::kFloats, "as the input")
      .OptionalAttr("sizes", AttrType::kInts, "as the input")
      .OptionalAttr("axes", AttrType::kInts,
                    "the axes that roi, scales and sizes are for, in [-rank, rank); absent: all")
      .Attr("coordinate_transformation_mode", "half_pixel",
            "where elements of the output lie in the input")
      .Choices({"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"})
      .Attr("nearest_mode", "round_prefer_floor", "how mode nearest rounds coordinates")
      .Choices({"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
      .Attr("cubic_coeff_a", -0.75, "Keys' parameter of mode cubic; TensorFlow has -0.5")
      .Min(-1e6)
      .Max(1e6)
      .Attr("exclude_outside", false,
            "modes linear and cubic: neighbours outside of the input have weight 0, and the "
            "others' weights are scaled to the sum 1")
      .Attr("extrapolation_value", 0.0, "for tf_crop_and_resize")
      .Attr("antialias", false, "modes linear and cubic: smooths images that shrink")
      .Attr("keep_aspect_ratio_policy", "stretch",
            "\"stretch\": sizes are taken as they are; \"not_larger\", \"not_smaller\": all axes "
            "get the least, or the greatest, of the scales that sizes stand for, and the "
            "output's sizes are rounded, ties up")
      .Choices({"stretch", "not_larger", "not_smaller"});
  return op;
}

absl::StatusOr<std::vector<TensorType>> InferResize(const InferContext& context) {
  PartialShape shape = context.shape(0);
  if (context.dtype(0) == DType::kBool && context.attrs().String("mode") != "nearest") {
    return InvalidArgument("bool has no mean: expected mode nearest, found ",
                           context.attrs().String("mode"));
  }
  if (!shape.has_rank()) return std::vector<TensorType>{context.input(0)};
  NOMO_ASSIGN_OR_RETURN(const Arguments arguments, GetArguments(context));
  if (arguments.sizes.values) {
    for (const int64_t size : *arguments.sizes.values) {
      if (size < 0 || size > kMaxSize) {
        return InvalidArgument("sizes: expected 0 to ", kMaxSize, ", found ", size);
      }
    }
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<Resized> resized, Resize(context, arguments));
  for (size_t i = 0; i < resized.size(); ++i) {
    Dim& size = shape[static_cast<int>(arguments.axes[i])];
    if (size.known() && size.size() > kMaxSize) {
      return InvalidArgument("x: expected sizes up to ", kMaxSize, ", found ", size.size());
    }
    if (size == Dim(0) && resized[i].size.known() && resized[i].size != Dim(0)) {
      return InvalidArgument("x: an empty axis cannot become one of ", resized[i].size.size(),
                             " elements");
    }
    size = resized[i].size;
  }
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

absl::StatusOr<std::optional<std::vector<ResizeTaps>>> GetResizeTaps(const InferContext& context) {
  const Shape x = context.shape(0).ToShape();
  NOMO_ASSIGN_OR_RETURN(const Arguments args, GetArguments(context));
  const bool crop =
      context.attrs().String("coordinate_transformation_mode") == "tf_crop_and_resize";
  const size_t count = args.axes.size();
  if (count > 0 && !args.scales.values && !args.sizes.values) return std::nullopt;
  if (count > 0 && crop && !args.roi.values) return std::nullopt;
  NOMO_ASSIGN_OR_RETURN(const std::vector<Resized> resized, Resize(context, args));
  std::vector<ResizeAxis> axes;
  for (const int64_t size : x.dims()) axes.push_back({size, size, static_cast<double>(size)});
  for (size_t i = 0; i < count; ++i) {
    ResizeAxis& axis = axes[args.axes[i]];
    axis.output = resized[i].size.size();
    axis.length = resized[i].length;
    if (crop) {
      axis.roi_start = (*args.roi.values)[i];
      axis.roi_end = (*args.roi.values)[count + i];
    }
  }
  std::vector<ResizeTaps> taps;
  for (const ResizeAxis& axis : axes) taps.push_back(MakeResizeTaps(context.attrs(), axis));
  return taps;
}

}  // namespace nomograph
