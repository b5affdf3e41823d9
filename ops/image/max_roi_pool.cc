// image.MaxRoiPool: the greatest elements of regions of interest, in a grid of bins.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/roi.h"

namespace nomograph::image {
namespace {

using Ints = std::vector<int64_t>;

absl::StatusOr<std::vector<TensorType>> InferMaxRoiPool(const InferContext& context) {
  const Ints& pooled = context.attrs().Ints("pooled_shape");
  if (pooled.size() != 2) {
    return InvalidArgument("attribute pooled_shape: expected a height and a width, found ",
                           pooled.size(), " values");
  }
  NOMO_ASSIGN_OR_RETURN(const Dim count, CheckRois(context, 5));
  return RoiOutput(context, count, pooled[0], pooled[1]);
}

// A range of elements along one axis.
struct Range {
  int64_t begin, end;
};

// The elements of each bin along one axis of a region whose corners are elements.
std::vector<Range> Bins(double first, double last, int64_t bins, int64_t size) {
  const double bin = std::max(last - first + 1, 1.0) / static_cast<double>(bins);
  const auto element = [&](double at) {
    return static_cast<int64_t>(std::clamp(at + first, 0.0, static_cast<double>(size)));
  };
  std::vector<Range> ranges;
  for (int64_t b = 0; b < bins; ++b) {
    const double i = static_cast<double>(b);
    ranges.push_back({element(std::floor(i * bin)), element(std::ceil((i + 1) * bin))});
  }
  return ranges;
}

// Region `index`: [image, x1, y1, x2, y2].
template <typename T>
absl::Status PoolRegion(const KernelContext& context, const VolumeLayout& x, const VolumeLayout& y,
                        int64_t index) {
  const auto roi = context.input<T>(1).subspan(index * 5, 5);
  std::array<double, 5> numbers;
  for (int i = 0; i < 5; ++i) {
    const double scale = i == 0 ? 1.0 : context.attrs().Float("spatial_scale");
    numbers[i] = std::round(static_cast<double>(roi[i]) * scale);
    if (!(std::abs(numbers[i]) < 1e15)) {
      return InvalidArgument("expected finite numbers, found ", static_cast<double>(roi[i]));
    }
  }
  const int64_t image = static_cast<int64_t>(numbers[0]);
  NOMO_RETURN_IF_ERROR(CheckImage(image, x.batches));
  const std::vector<Range> columns = Bins(numbers[1], numbers[3], y.sizes[2], x.sizes[2]);
  const std::vector<Range> rows = Bins(numbers[2], numbers[4], y.sizes[1], x.sizes[1]);
  for (int64_t c = 0; c < x.channels; ++c) {
    const T* in = context.input<T>(0).data() + x.Offset(image, c);
    T* out = context.output<T>(0).data() + y.Offset(index, c);
    for (const Range& row : rows) {
      for (const Range& column : columns) {
        const bool empty = row.begin >= row.end || column.begin >= column.end;
        T greatest = empty ? T{} : in[(row.begin * x.sizes[2] + column.begin) * x.position_stride];
        for (int64_t r = row.begin; r < row.end; ++r) {
          for (int64_t k = column.begin; k < column.end; ++k) {
            const T value = in[(r * x.sizes[2] + k) * x.position_stride];
            if (static_cast<ComputeType<T>>(value) > static_cast<ComputeType<T>>(greatest)) {
              greatest = value;
            }
          }
        }
        *out = greatest;
        out += y.position_stride;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status MaxRoiPoolCompute(KernelContext& context) {
  const VolumeLayout x(context.input_shape(0), context.attrs());
  const VolumeLayout y(context.output_shape(0), context.attrs());
  absl::Status status;
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    for (int64_t i = 0; i < y.batches && status.ok(); ++i) {
      status = Annotate(PoolRegion<T>(context, x, y, i), absl::StrCat("region ", i));
    }
  });
  return status;
}

std::vector<Example> MaxRoiPoolExamples() {
  return {
      {.name = "bins of two rows and three columns",
       .attrs = {{"pooled_shape", Ints{2, 3}}},
       .inputs = {Tensor::Of<float>(
                      {2, 4, 3, 2},
                      {0.5,  -0.5, 1.5,  0,    -1,   0.5,  2.5, 2,    -1.5, -2.5, -1,   0,
                       -4.5, -0.5, -2.5, -1.5, -1,   -0.5, 1,   2,    -0.5, 2.5,  -1.5, 0.5,
                       2,    0,    -1.5, -2,   -1,   0.5,  -2,  -0.5, -0.5, 1,    0.5,  0.5,
                       -1.5, -0.5, 1.5,  3,    -2.5, 3,    2.5, 1.5,  0.5,  -0.5, 3,    4}),
                  Tensor::Of<float>(
                      {4, 5}, {1, 0.5, 0, 2.4, 3, 0, -2, -3, 1, 2, 1, 1, 1, 1, 1, 0, 5, 5, 6, 6})},
       .outputs = {Tensor::Of<float>(
           {4, 2, 3, 2},
           {-0.5, 1, 0.5,  1, 0.5, 0.5, 1.5, 3, 3,    4, 3,    4, 0,    0, 0,    0,
            0,    0, 0,    0, 2.5, 2,   2.5, 2, -0.5, 1, -0.5, 1, -0.5, 1, -0.5, 1,
            -0.5, 1, -0.5, 1, 0,   0,   0,   0, 0,    0, 0,    0, 0,    0, 0,    0})}},
      {.name = "scaled, channels first",
       .attrs = {{"data_format", "channels_first"},
                 {"pooled_shape", Ints{1, 2}},
                 {"spatial_scale", 0.5}},
       .inputs = {Tensor::Of<float>(
                      {2, 2, 4, 3},
                      {0.5,  1.5,  -1,  2.5,  -1.5, -1,  -4.5, -2.5, -1,   1,   -0.5, -1.5,
                       -0.5, 0,    0.5, 2,    -2.5, 0,   -0.5, -1.5, -0.5, 2,   2.5,  0.5,
                       2,    -1.5, -1,  -2,   -0.5, 0.5, -1.5, 1.5,  -2.5, 2.5, 0.5,  3,
                       0,    -2,   0.5, -0.5, 1,    0.5, -0.5, 3,    3,    1.5, -0.5, 4}),
                  Tensor::Of<float>({2, 5}, {1, 0.5, 0, 2.4, 3, 0, -2, -3, 1, 2})},
       .outputs = {Tensor::Of<float>({2, 2, 1, 2}, {2, 1.5, 0, 3, 2.5, 2.5, 2, 2})}},
      {.name = "float16",
       .attrs = {{"pooled_shape", Ints{1, 1}}},
       .inputs = {Tensor::Of<Half>(
                      {2, 4, 3, 2},
                      {Half(0.5),  Half(-0.5), Half(1.5),  Half(0),    Half(-1),   Half(0.5),
                       Half(2.5),  Half(2),    Half(-1.5), Half(-2.5), Half(-1),   Half(0),
                       Half(-4.5), Half(-0.5), Half(-2.5), Half(-1.5), Half(-1),   Half(-0.5),
                       Half(1),    Half(2),    Half(-0.5), Half(2.5),  Half(-1.5), Half(0.5),
                       Half(2),    Half(0),    Half(-1.5), Half(-2),   Half(-1),   Half(0.5),
                       Half(-2),   Half(-0.5), Half(-0.5), Half(1),    Half(0.5),  Half(0.5),
                       Half(-1.5), Half(-0.5), Half(1.5),  Half(3),    Half(-2.5), Half(3),
                       Half(2.5),  Half(1.5),  Half(0.5),  Half(-0.5), Half(3),    Half(4)}),
                  Tensor::Of<Half>({1, 5}, {Half(1), Half(1), Half(1), Half(1), Half(1)})},
       .outputs = {Tensor::Of<Half>({1, 1, 1, 2}, {Half(-0.5), Half(1)})}},
  };
}

NOMO_REGISTER_OP(
    WithRoiFormat(
        OpDef("image.MaxRoiPool")
            .Doc("The greatest elements of regions of images, in a grid of bins.\n\n"
                 "A region is [image, x1, y1, x2, y2]; its corners, times spatial_scale and "
                 "rounded (ties away from 0), are elements that belong to it, and it is at least "
                 "one element wide and high. Bin (i, j) of pooled_shape has the rows from floor(i "
                 "height / bins) to ceil((i + 1) height / bins) and columns likewise, as far as "
                 "they lie in the image; y is their greatest element, 0 where there is none. It is "
                 "an error when a region is not finite or names an image that is not there.")
            .Source("ONNX MaxRoiPool; Girshick, Fast R-CNN (2015)")
            .TypeVar("T", kFloats)
            .Input("x", "T", "[batch, height, width, channels], see data_format")
            .Input("rois", "T", "[regions, 5]")
            .Output("y", "T", "[regions, bins..., channels], see data_format")
            .RequiredAttr("pooled_shape", AttrType::kInts, "the bins' number: rows and columns")
            .Min(1)
            .Max(1 << 20))
        .Infer(InferMaxRoiPool)
        .Reference(MaxRoiPoolCompute)
        .Work(AllCombinationsWork)
        .NoGradient("regions of whole elements have none: image.RoiAlign, which replaced it, has")
        .Examples(MaxRoiPoolExamples));

}  // namespace
}  // namespace nomograph::image
