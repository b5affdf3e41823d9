// image.RoiAlignGrad: what flows back through image.RoiAlign.
#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/image/roi_taps.h"

namespace nomograph::image {
namespace {

enum Input { kX, kRois, kBatchIndices, kDy };

absl::StatusOr<std::vector<TensorType>> InferGrad(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> y, InferRoiAlign(context));
  if (!Compatible(context.shape(kDy), y[0].shape)) {
    return InvalidArgument("input dy: expected the shape ", y[0].shape.ToString(), " of y, found ",
                           context.shape(kDy).ToString());
  }
  std::vector<TensorType> types = {context.input(kX)};
  if (context.num_outputs() == 2) types.push_back(context.input(kRois));
  return types;
}

// The gradients of the weights that one region's samples have along one axis.
using WeightGradients = std::vector<double>;

// One region on its way back.
template <typename T>
class RegionGradient {
 public:
  RegionGradient(const RoiSamples& samples, const T* x, int64_t row_step, int64_t column_step)
      : samples_(samples),
        x_(x),
        row_step_(row_step),
        column_step_(column_step),
        rows_(samples.rows.index.size()),
        columns_(samples.columns.index.size()) {}

  // Of the plane of x that begins `offset` elements behind the first, and the bin (row, column):
  // adds to the sums of dx.
  void AddBin(int64_t offset, int64_t row, int64_t column, double dy, bool maximum, double* sums) {
    const int64_t count = samples_.rows.per_bin / 2 * (samples_.columns.per_bin / 2);
    if (count == 0) return;
    int64_t best_i = 0, best_j = 0;
    double greatest = -std::numeric_limits<double>::infinity();
    for (int64_t i = row * samples_.rows.per_bin; i < (row + 1) * samples_.rows.per_bin; ++i) {
      for (int64_t j = column * samples_.columns.per_bin;
           j < (column + 1) * samples_.columns.per_bin; ++j) {
        if (!maximum) {
          AddTerm(offset, i, j, dy / static_cast<double>(count), sums);
          continue;
        }
        const double term = samples_.rows.weight[i] * samples_.columns.weight[j] *
                            static_cast<double>(x_[offset + Position(i, j)]);
        if (!(term > greatest)) continue;
        greatest = term;
        best_i = i;
        best_j = j;
      }
    }
    if (maximum) AddTerm(offset, best_i, best_j, dy, sums);
  }

  // The gradients of x1, y1, x2 and y2.
  template <typename Out>
  void WriteRoi(Out* roi) const {
    double sums[4] = {};
    Sum(samples_.columns, columns_, sums[0], sums[2]);
    Sum(samples_.rows, rows_, sums[1], sums[3]);
    for (int i = 0; i < 4; ++i) roi[i] = static_cast<Out>(sums[i]);
  }

 private:
  int64_t Position(int64_t i, int64_t j) const {
    return samples_.rows.index[i] * row_step_ + samples_.columns.index[j] * column_step_;
  }

  void AddTerm(int64_t offset, int64_t i, int64_t j, double dy, double* sums) {
    const int64_t position = offset + Position(i, j);
    const double row = samples_.rows.weight[i], column = samples_.columns.weight[j];
    const double x = static_cast<double>(x_[position]);
    sums[position] += dy * row * column;
    rows_[i] += dy * column * x;
    columns_[j] += dy * row * x;
  }

  static void Sum(const RoiTaps& taps, const WeightGradients& weights, double& start, double& end) {
    for (size_t i = 0; i < weights.size(); ++i) {
      start += weights[i] * taps.slope[i] * taps.from_start[i];
      end += weights[i] * taps.slope[i] * taps.from_end[i];
    }
  }

  const RoiSamples& samples_;
  const T* x_;
  const int64_t row_step_, column_step_;
  WeightGradients rows_, columns_;
};

// Of the channels [begin, end), all regions.
template <typename T>
absl::Status SpreadChannels(const KernelContext& context, int64_t begin, int64_t end,
                            double* sums) {
  const VolumeLayout x(context.input_shape(kX), context.attrs());
  const VolumeLayout y(context.input_shape(kDy), context.attrs());
  const bool maximum = context.attrs().String("mode") == "max";
  for (int64_t index = 0; index < y.batches; ++index) {
    auto samples = RegionSamples<T>(context, x, y, index);
    NOMO_RETURN_IF_ERROR(Annotate(samples.status(), absl::StrCat("region ", index)));
    RegionGradient<T> region(*samples, context.input<T>(kX).data(), x.sizes[2] * x.position_stride,
                             x.position_stride);
    for (int64_t c = begin; c < end; ++c) {
      const T* dy = context.input<T>(kDy).data() + y.Offset(index, c);
      for (int64_t r = 0; r < y.sizes[1]; ++r) {
        for (int64_t k = 0; k < y.sizes[2]; ++k, dy += y.position_stride) {
          region.AddBin(x.Offset(samples->image, c), r, k, static_cast<double>(*dy), maximum, sums);
        }
      }
    }
    if (context.num_outputs() == 2) region.WriteRoi(context.output<T>(1).data() + index * 4);
  }
  return absl::OkStatus();
}

// Each thread takes some of the channels. REQUIRES: one thread where the gradient of the regions is
// an output, to which all channels add.
template <typename T>
absl::Status Spread(const KernelContext& context, int threads) {
  const VolumeLayout x(context.input_shape(kX), context.attrs());
  const absl::Span<T> dx = context.output<T>(0);
  std::vector<double> sums(dx.size());
  absl::Status status;
  ParallelParts(threads, [&](int part, int parts) {
    const absl::Status spread = SpreadChannels<T>(context, x.channels * part / parts,
                                                  x.channels * (part + 1) / parts, sums.data());
    if (part == 0) status = spread;  // the same for all
  });
  for (size_t i = 0; i < sums.size(); ++i) dx[i] = static_cast<T>(sums[i]);
  return status;
}

absl::Status SpreadAny(KernelContext& context, int threads) {
  absl::Status status;
  Dispatch(FloatTypes{}, context.input_dtype(kX),
           [&]<typename T>() { status = Spread<T>(context, threads); });
  return status;
}

absl::Status Compute(KernelContext& context) { return SpreadAny(context, 1); }

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  const VolumeLayout x(context.inputs[kX].shape, context.attrs);
  const auto threads = static_cast<int>(std::min<int64_t>(x.channels, context.threads));
  if (threads <= 1 || context.outputs.size() == 2) return nullptr;
  return MakeComputeKernel([threads](KernelContext& kernel) { return SpreadAny(kernel, threads); },
                           "channels side by side");
}

// torchvision 0.14: the gradients of torchvision.ops.roi_align for the given dy; those of the
// regions by central differences of it.
std::vector<Example> Examples() {
  return {
      {.name = "samples by number, both gradients",
       .attrs = {{"data_format", "channels_first"},
                 {"sampling_ratio", 2},
                 {"output_height", 2},
                 {"output_width", 2}},
       .inputs = {Tensor::Of<float>(
                      {2, 1, 4, 5},
                      {-0.5, 1.5,  1,  0, 3,   -2,   -1,   -1.5, 3,   2.5,  0.5, -1,   -2.5, 1.5,
                       0,    0.5,  0,  0, 2.5, -3,   -3,   0,    2.5, -0.5, 3,   -0.5, 3,    -3,
                       -2,   -2.5, -3, 3, 1.5, -2.5, -2.5, 3,    -3,  1,    3,   2}),
                  Tensor::Of<float>({2, 4}, {0.300000012, 0.400000006, 3.0999999, 2.70000005,
                                             1.20000005, -0.400000006, 4.5999999, 3.29999995}),
                  Tensor::Vector<int64_t>({1, 0}),
                  Tensor::Of<float>({2, 1, 2, 2}, {-3, 2, -1, -2, -2, -2, 0, 3})},
       .outputs = {Tensor::Of<float>({2, 1, 4, 5}, {0,
                                                    -0.680624992,
                                                    -0.964218813,
                                                    -0.869687539,
                                                    -0.510468699,
                                                    0,
                                                    -0.219374984,
                                                    -0.233671855,
                                                    0.226406297,
                                                    0.132890633,
                                                    0,
                                                    0,
                                                    0.141093785,
                                                    0.927187538,
                                                    0.544218693,
                                                    0,
                                                    0,
                                                    0.04429688,
                                                    0.291093722,
                                                    0.170859334,
                                                    -0.787499999,
                                                    -0.55124993,
                                                    0.682499993,
                                                    0.131249953,
                                                    0,
                                                    -0.900000033,
                                                    -0.854999949,
                                                    0.130000072,
                                                    0.0250000052,
                                                    0,
                                                    -0.312500028,
                                                    -0.593750061,
                                                    -0.812500065,
                                                    -0.156249958,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0}),
                   Tensor::Of<float>({2, 4}, {-10.3343752, -11.9374999, -1.765625, -6.96250005,
                                              2.19140631, -0.32343745, -0.660156076, -1.53281222})},
       .atol = 1e-5},
      {.name = "samples by the size of the bins, channels last",
       .attrs = {{"sampling_ratio", 0}, {"output_height", 1}, {"output_width", 2}},
       .inputs = {Tensor::Of<float>({1, 4, 4, 2},
                                    {0,    3,   -0.5, -3,   2.5,  -1,   1.5, 0.5,  -2,   -0.5, -1,
                                     -1.5, 2.5, -1.5, -0.5, -0.5, -3,   -3,  -0.5, -1.5, 1.5,  2,
                                     -3,   2.5, 0.5,  -1,   0,    -2.5, 3,   1,    -1.5, -1.5}),
                  Tensor::Of<float>({1, 4}, {0.300000012, 0.400000006, 3.0999999, 2.70000005}),
                  Tensor::Vector<int64_t>({0}), Tensor::Of<float>({1, 1, 2, 2}, {-2, -2, 0, -3})},
       .outputs = {Tensor::Of<float>({1, 4, 4, 2}, {-0.238888892,
                                                    -0.238888892,
                                                    -0.238888877,
                                                    -0.400138894,
                                                    0,
                                                    -0.465833335,
                                                    0,
                                                    -0.0895833024,
                                                    -0.472222218,
                                                    -0.472222218,
                                                    -0.47222219,
                                                    -0.790972217,
                                                    0,
                                                    -0.920833317,
                                                    0,
                                                    -0.177083268,
                                                    -0.28888892,
                                                    -0.28888892,
                                                    -0.288888903,
                                                    -0.483888942,
                                                    0,
                                                    -0.563333389,
                                                    0,
                                                    -0.108333306,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0})},
       .atol = 1e-5},
      {.name = "scaled, output_half_pixel, both gradients",
       .attrs = {{"coordinate_transformation_mode", "output_half_pixel"},
                 {"spatial_scale", 0.5},
                 {"sampling_ratio", 1},
                 {"output_height", 2},
                 {"output_width", 1}},
       .inputs = {Tensor::Of<float>({1, 4, 4, 1}, {2.5, -2.5, -2.5, 2.5, 1.5, -1, -0.5, 1.5, 0.5, 0,
                                                   -2.5, 1.5, 0, -2, -3, 0}),
                  Tensor::Of<float>({2, 4}, {0.600000024, 1.39999998, 5.0999999, 6.69999981,
                                             2.20000005, 2.0999999, 2.5, 2.5999999}),
                  Tensor::Vector<int64_t>({0, 0}), Tensor::Of<float>({2, 2, 1, 1}, {3, 3, -1, -3})},
       .outputs = {Tensor::Of<float>({1, 4, 4, 1},
                                     {0, 0, 0, 0, 0, 0.579687545, 0.0328123622, 0, 0, 0.0843752488,
                                      -0.759374933, 0, 0, 1.18593741, 0.876562368, 0}),
                   Tensor::Of<float>({2, 4}, {-1.54218751, -0.82031245, -1.54218751, -1.63593751,
                                              3.04999971, 1.60000014, 0, 0})},
       .atol = 1e-5},
      // By hand: of the one sample, 0.75 * 0.75 * 8 is the greatest of the weighted neighbours.
      {.name = "max",
       .attrs = {{"mode", "max"}, {"sampling_ratio", 1}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 1}, {1, 2, 8, 4}),
                  Tensor::Of<float>({1, 4}, {0.25, 0.75, 1.25, 1.75}), Tensor::Vector<int32_t>({0}),
                  Tensor::Of<float>({1, 1, 1, 1}, {10})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {0, 0, 5.625, 0}),
                   Tensor::Of<float>({1, 4}, {-30, 30, -30, 30})}},
  };
}

NOMO_REGISTER_OP(
    WithRoiSampling(
        OpDef("image.RoiAlignGrad")
            .Doc("What flows back through image.RoiAlign, whose attributes these are: to the "
                 "images each bin's dy by the weights of the elements that its samples are made "
                 "of (with mode \"max\" that of the greatest), to the regions what the samples "
                 "change by when they move. Where two elements meet, that is the change towards "
                 "the second. Sums are computed in float64.")
            .Source("torchvision.ops.roi_align, differentiated; PyTorch's regions have no gradient")
            .TypeVar("T", kFloats)
            .TypeVar("I", {DType::kInt32, DType::kInt64})
            .Input("x", "T", "as image.RoiAlign has it")
            .Input("rois", "T", "[regions, 4]")
            .Input("batch_indices", "I", "[regions], the image of each")
            .Input("dy", "T", "the shape of y")
            .Output("dx", "T", "the shape of x")
            .OptionalOutput("drois", "T", "[regions, 4]"))
        .Infer(InferGrad)
        .Reference(Compute)
        .Fast(Prepare)
        .NoGradient("what flows back through image.RoiAlign is not differentiated once more")
        .Work(AllCombinationsWork)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::image
