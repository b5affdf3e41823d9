// image.RoiAlign: regions of interest brought to one size by bilinear samples.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/ops/image/roi_taps.h"

namespace nomograph::image {
namespace {

// The image of one channel.
template <typename T>
struct Plane {
  const T* data;
  int64_t row_step, column_step;
};

// The value of a bin, computed in S.
template <typename S, typename T>
S BinValue(const Plane<T>& x, const RoiTaps& rows, const RoiTaps& columns, int64_t bin_row,
           int64_t bin_column, bool maximum) {
  S sum = 0, greatest = -std::numeric_limits<S>::infinity();
  for (int64_t i = bin_row * rows.per_bin; i < (bin_row + 1) * rows.per_bin; ++i) {
    const T* row = x.data + rows.index[i] * x.row_step;
    S row_sum = 0;
    for (int64_t j = bin_column * columns.per_bin; j < (bin_column + 1) * columns.per_bin; ++j) {
      const S weight = static_cast<S>(columns.weight[j]);
      const S term = weight * static_cast<S>(row[columns.index[j] * x.column_step]);
      row_sum += term;
      if (maximum) greatest = std::max(greatest, term * static_cast<S>(rows.weight[i]));
    }
    sum += row_sum * static_cast<S>(rows.weight[i]);
  }
  const int64_t samples = rows.per_bin / 2 * (columns.per_bin / 2);
  if (samples == 0) return 0;
  return maximum ? greatest : sum / static_cast<S>(samples);
}

// The means of a region's samples in float32: along the columns first, once for each row of the
// image that any sample needs, whatever the number of samples in it.
class RegionMeans {
 public:
  // Elements of x and y lie as these say.
  RegionMeans(const RoiSamples& samples, const VolumeLayout& x, const VolumeLayout& y)
      : rows_(samples.rows),
        columns_(samples.columns),
        row_weights_(rows_.weight.begin(), rows_.weight.end()),
        column_weights_(columns_.weight.begin(), columns_.weight.end()),
        x_(x),
        y_(y),
        samples_(static_cast<float>(rows_.per_bin / 2 * (columns_.per_bin / 2))) {
    if (rows_.index.empty()) return;
    const auto [least, greatest] = std::minmax_element(rows_.index.begin(), rows_.index.end());
    first_ = *least;
    needed_.resize(*greatest - *least + 1);
    for (const int64_t row : rows_.index) needed_[row - first_] = true;
    sums_.resize(needed_.size() * y_.sizes[2] * kPlanes);
  }

  // Those of all channels: x and y are the first one's.
  void Compute(const float* x, float* y) {
    int64_t c = 0;
    for (; c + kPlanes <= x_.channels; c += kPlanes) {
      Planes<kPlanes>(x + c * x_.channel_stride, y + c * y_.channel_stride);
    }
    for (; c < x_.channels; ++c) Planes<1>(x + c * x_.channel_stride, y + c * y_.channel_stride);
  }

 private:
  // So many channels share the places and weights that are read.
  static constexpr int64_t kPlanes = 4;

  template <int64_t kCount>
  void Planes(const float* x, float* y) {
    const int64_t step = x_.position_stride, row_step = x_.sizes[2] * step;
    const int64_t plane = x_.channel_stride, bins = y_.sizes[2];
    for (size_t r = 0; r < needed_.size(); ++r) {
      if (!needed_[r]) continue;
      const float* const row = x + (first_ + static_cast<int64_t>(r)) * row_step;
      float* const sums = sums_.data() + r * bins * kCount;
      for (int64_t bin = 0; bin < bins; ++bin) {
        float sum[kCount] = {};
        for (int64_t j = bin * columns_.per_bin; j < (bin + 1) * columns_.per_bin; ++j) {
          const float* const at = row + columns_.index[j] * step;
          const float weight = column_weights_[j];
          for (int64_t c = 0; c < kCount; ++c) sum[c] += weight * at[c * plane];
        }
        for (int64_t c = 0; c < kCount; ++c) sums[bin * kCount + c] = sum[c];
      }
    }
    for (int64_t bin_row = 0; bin_row < y_.sizes[1]; ++bin_row) {
      for (int64_t bin = 0; bin < bins; ++bin, y += y_.position_stride) {
        float sum[kCount] = {};
        for (int64_t i = bin_row * rows_.per_bin; i < (bin_row + 1) * rows_.per_bin; ++i) {
          const float* const sums =
              sums_.data() + ((rows_.index[i] - first_) * bins + bin) * kCount;
          for (int64_t c = 0; c < kCount; ++c) sum[c] += row_weights_[i] * sums[c];
        }
        for (int64_t c = 0; c < kCount; ++c) {
          y[c * y_.channel_stride] = samples_ == 0 ? 0 : sum[c] / samples_;
        }
      }
    }
  }

  const RoiTaps &rows_, &columns_;
  const std::vector<float> row_weights_, column_weights_;
  const VolumeLayout &x_, &y_;
  const float samples_;
  int64_t first_ = 0;  // of the rows of the image
  std::vector<bool> needed_;
  LargeVector<float> sums_;  // by row, bin, channel
};

// A concrete node.
struct RoiAlignNode {
  explicit RoiAlignNode(const KernelContext& context)
      : x(context.input_shape(0), context.attrs()), y(context.output_shape(0), context.attrs()) {}

  // Cuts out region `index`.
  template <typename S, typename T>
  absl::Status Align(const KernelContext& context, int64_t index) const {
    NOMO_ASSIGN_OR_RETURN(const RoiSamples samples, RegionSamples<T>(context, x, y, index));
    const auto& [image, rows, columns] = samples;
    const bool maximum = context.attrs().String("mode") == "max";
    if constexpr (std::is_same_v<S, float>) {
      if (!maximum) {
        RegionMeans(samples, x, y)
            .Compute(context.input<float>(0).data() + x.Offset(image, 0),
                     context.output<float>(0).data() + y.Offset(index, 0));
        return absl::OkStatus();
      }
    }
    for (int64_t c = 0; c < x.channels; ++c) {
      const Plane<T> plane{context.input<T>(0).data() + x.Offset(image, c),
                           x.sizes[2] * x.position_stride, x.position_stride};
      T* out = context.output<T>(0).data() + y.Offset(index, c);
      for (int64_t r = 0; r < y.sizes[1]; ++r) {
        for (int64_t k = 0; k < y.sizes[2]; ++k, out += y.position_stride) {
          *out = static_cast<T>(BinValue<S>(plane, rows, columns, r, k, maximum));
        }
      }
    }
    return absl::OkStatus();
  }

  VolumeLayout x, y;
};

template <typename S, typename T>
absl::Status AlignRegions(const KernelContext& context, int threads) {
  const RoiAlignNode node(context);
  absl::Status first_fault;
  std::mutex mutex;
  ParallelFor(threads, node.y.batches, [&](int64_t i) {
    const absl::Status status = node.Align<S, T>(context, i);
    if (status.ok()) return;
    const std::lock_guard lock(mutex);
    if (first_fault.ok()) first_fault = Annotate(status, absl::StrCat("region ", i));
  });
  return first_fault;
}

absl::Status RoiAlignCompute(KernelContext& context) {
  absl::Status status;
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { status = AlignRegions<double, T>(context, 1); });
  return status;
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareRoiAlign(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const int threads = context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) { return AlignRegions<float, float>(kernel, threads); },
      "roi align loops");
}

std::vector<Example> RoiAlignExamples() {
  const Tensor image = Tensor::Of<float>(
      {1, 1, 10, 10},
      {0.2764, 0.715,  0.1958, 0.3416, 0.4638, 0.0259, 0.2963, 0.6518, 0.4856, 0.725,
       0.9637, 0.0895, 0.2919, 0.6753, 0.0234, 0.6132, 0.8085, 0.5324, 0.8992, 0.4467,
       0.3265, 0.8479, 0.9698, 0.2471, 0.9336, 0.1878, 0.4766, 0.4308, 0.34,   0.2162,
       0.0206, 0.172,  0.2155, 0.4394, 0.0653, 0.3406, 0.7724, 0.3921, 0.2541, 0.5799,
       0.4062, 0.2194, 0.4473, 0.4687, 0.7109, 0.9327, 0.9815, 0.632,  0.1728, 0.6119,
       0.3097, 0.1283, 0.4984, 0.5068, 0.4279, 0.0173, 0.4388, 0.043,  0.4671, 0.7119,
       0.1011, 0.8477, 0.4726, 0.1777, 0.9923, 0.4042, 0.1869, 0.7795, 0.9946, 0.9689,
       0.1366, 0.3671, 0.7011, 0.6234, 0.9867, 0.5585, 0.6985, 0.5609, 0.8788, 0.9928,
       0.5697, 0.8511, 0.6711, 0.9406, 0.8751, 0.7496, 0.165,  0.1049, 0.1559, 0.2514,
       0.7012, 0.4056, 0.7879, 0.3461, 0.0415, 0.2998, 0.5094, 0.3727, 0.5482, 0.0502});
  const Tensor regions = Tensor::Of<float>({3, 4}, {0, 0, 9, 9, 0, 5, 4, 9, 5, 5, 9, 9});
  const Tensor images = Tensor::Of<float>(
      {2, 4, 3, 2},
      {0.5,  -0.5, 1.5, 0,   -1,   0.5,  2.5,  2,   -1.5, -2.5, -1,   0,   -4.5, -0.5, -2.5, -1.5,
       -1,   -0.5, 1,   2,   -0.5, 2.5,  -1.5, 0.5, 2,    0,    -1.5, -2,  -1,   0.5,  -2,   -0.5,
       -0.5, 1,    0.5, 0.5, -1.5, -0.5, 1.5,  3,   -2.5, 3,    2.5,  1.5, 0.5,  -0.5, 3,    4});
  const Tensor four =
      Tensor::Of<float>({4, 4}, {0.5, 0, 2.5, 4, -2, -3, 2, 2.5, 1, 1, 1, 1, 2, 3, 1, 2});
  return {
      {.name = "ONNX roialign_aligned_true",
       .attrs = {{"output_height", 5},
                 {"output_width", 5},
                 {"sampling_ratio", 2},
                 {"data_format", "channels_first"}},
       .inputs = {image, regions, Tensor::Vector<int64_t>({0, 0, 0})},
       .outputs = {Tensor::Of<float>(
           {3, 1, 5, 5},
           {0.5178, 0.3434, 0.3229, 0.4474, 0.6344, 0.4031, 0.5366, 0.4428, 0.4861, 0.4023, 0.2512,
            0.4002, 0.5155, 0.6954, 0.3465, 0.335,  0.4601, 0.5881, 0.3439, 0.6849, 0.4932, 0.7141,
            0.8217, 0.4719, 0.4039, 0.307,  0.2187, 0.3337, 0.488,  0.487,  0.1871, 0.4914, 0.5561,
            0.4192, 0.3686, 0.1433, 0.4608, 0.5971, 0.531,  0.4982, 0.2788, 0.4386, 0.6022, 0.7,
            0.7524, 0.5774, 0.7024, 0.7251, 0.7338, 0.8163, 0.2393, 0.4075, 0.3379, 0.2525, 0.4743,
            0.3671, 0.2702, 0.4105, 0.6419, 0.8308, 0.5556, 0.4543, 0.5564, 0.7502, 0.93,   0.6626,
            0.5617, 0.4813, 0.4954, 0.6663, 0.6636, 0.3721, 0.2056, 0.1928, 0.2478})},
       .atol = 1e-4},
      {.name = "ONNX roialign_aligned_false",
       .attrs = {{"output_height", 5},
                 {"output_width", 5},
                 {"sampling_ratio", 2},
                 {"data_format", "channels_first"},
                 {"coordinate_transformation_mode", "output_half_pixel"}},
       .inputs = {image, regions, Tensor::Vector<int64_t>({0, 0, 0})},
       .outputs = {Tensor::Of<float>(
           {3, 1, 5, 5},
           {0.4664, 0.4466, 0.3405, 0.5688, 0.6068, 0.3714, 0.4296, 0.3835, 0.5562, 0.351,  0.2768,
            0.4883, 0.5222, 0.5528, 0.4171, 0.4713, 0.4844, 0.6904, 0.492,  0.8774, 0.6239, 0.7125,
            0.6289, 0.3355, 0.3495, 0.3022, 0.4305, 0.4696, 0.3978, 0.5423, 0.3656, 0.705,  0.5165,
            0.3172, 0.7015, 0.2912, 0.5059, 0.6476, 0.6235, 0.8299, 0.5916, 0.7389, 0.7048, 0.8372,
            0.8893, 0.6227, 0.6153, 0.7097, 0.6154, 0.4585, 0.2384, 0.3379, 0.3717, 0.61,   0.7601,
            0.3767, 0.3785, 0.7147, 0.9243, 0.9727, 0.5749, 0.5826, 0.5709, 0.7619, 0.877,  0.5355,
            0.2566, 0.2141, 0.2796, 0.36,   0.4365, 0.3504, 0.2887, 0.3661, 0.2349})},
       .atol = 1e-4},
      {.name = "samples by the size of the bins, channels last",
       .attrs = {{"output_height", 2}, {"output_width", 1}},
       .inputs = {images, four, Tensor::Vector<int64_t>({1, 0, 1, 0})},
       .outputs = {Tensor::Of<float>(
           {4, 2, 1, 2}, {-0.5625, -0.1875, 0.6875, 1.625, 0, 0, 0.083333336, -0.09201389, 0, 0, 0,
                          0, 0, 0, 0, 0})}},
      {.name = "max",
       .attrs = {{"output_height", 2}, {"output_width", 2}, {"mode", "max"}, {"sampling_ratio", 2}},
       .inputs = {images, four, Tensor::Vector<int32_t>({1, 0, 1, 0})},
       .outputs = {Tensor::Of<float>(
           {4, 2, 2, 2},
           {1.5,        0.75,      0.375,    0.75,      1.875,     2.25,  2.25,      3,
            0,          0,         0,        0,         1.71875,   1.375, 1.71875,   1.375,
            0.5,        0.25,      0.5,      0.25,      0.5,       0.25,  0.5,       0.25,
            -0.0234375, 0.8203125, 0.140625, 0.8203125, -0.015625, 0,     0.3515625, 0.28125})}},
      {.name = "max, by size, scaled",
       .attrs = {{"mode", "max"},
                 {"spatial_scale", 0.5},
                 {"coordinate_transformation_mode", "output_half_pixel"}},
       .inputs = {images, four, Tensor::Vector<int64_t>({1, 0, 1, 0})},
       .outputs = {Tensor::Of<float>({4, 1, 1, 2},
                                     {0.5625, 1.125, 1.9791666, 1.5833334, 0, 1, 0, 0})}},
      {.name = "float64, no regions",
       .inputs = {Tensor::Of<double>(
                      {2, 4, 3, 2},
                      {0.5,  -0.5, 1.5,  0,    -1,   0.5,  2.5, 2,    -1.5, -2.5, -1,   0,
                       -4.5, -0.5, -2.5, -1.5, -1,   -0.5, 1,   2,    -0.5, 2.5,  -1.5, 0.5,
                       2,    0,    -1.5, -2,   -1,   0.5,  -2,  -0.5, -0.5, 1,    0.5,  0.5,
                       -1.5, -0.5, 1.5,  3,    -2.5, 3,    2.5, 1.5,  0.5,  -0.5, 3,    4}),
                  Tensor::Of<double>({0, 4}, {}), Tensor::Of<int64_t>({0}, {})},
       .outputs = {Tensor::Of<double>({0, 1, 1, 2}, {})}},
  };
}

absl::StatusOr<std::vector<Value>> RoiAlignGradient(const GradientContext& g) {
  std::vector<Value> result =
      CallMulti("image.RoiAlignGrad", {g.input(0), g.input(1), g.input(2), g.gradient(0)},
                g.attrs(), {.num_outputs = g.wants(1) ? 2 : 1});
  result.resize(3);
  return result;
}

NOMO_REGISTER_OP(
    WithRoiSampling(
        OpDef("image.RoiAlign")
            .Doc("Cuts regions out of images and brings them to one size.\n\n"
                 "A region is [x1, y1, x2, y2] times spatial_scale, in elements; \"half_pixel\" "
                 "subtracts 0.5 from its coordinates, \"output_half_pixel\" does not, and makes it "
                 "at least 1 wide and high. It is divided into output_height by output_width bins, "
                 "each of these into sampling_ratio by sampling_ratio cells (0: as many as the "
                 "bin has elements, rounded up), in whose middles samples are taken by bilinear "
                 "interpolation; more than one element outside of the image they are 0. y is the "
                 "mean of the samples, or with mode \"max\" the greatest of the four weighted "
                 "neighbours of all samples (not of the samples), as ONNX has it. It is an error "
                 "when a region is not finite, has more than 2^20 samples along an axis or 2^26 in "
                 "all, or names an image that is not there.")
            .Source("ONNX RoiAlign; torchvision.ops.roi_align; He et al., Mask R-CNN (2017)")
            .TypeVar("T", kFloats)
            .TypeVar("I", {DType::kInt32, DType::kInt64})
            .Input("x", "T", "[batch, height, width, channels], see data_format")
            .Input("rois", "T", "[regions, 4]")
            .Input("batch_indices", "I", "[regions], the image of each")
            .Output("y", "T", "[regions, output_height, output_width, channels], see data_format"))
        .Infer(InferRoiAlign)
        .Reference(RoiAlignCompute)
        .Fast(PrepareRoiAlign)
        .Work(AllCombinationsWork)
        .Gradient(RoiAlignGradient)
        .Examples(RoiAlignExamples));

}  // namespace
}  // namespace nomograph::image
