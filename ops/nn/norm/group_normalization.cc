// nn.GroupNormalization, nn.InstanceNormalization: channels normalised by their own statistics, in
// groups or each by itself.
#include <algorithm>
#include <cmath>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/row_sum.h"
#include "nomograph/ops/nn/norm/groups.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

// Group normalisation, and instance normalisation, where each channel is a group.

absl::StatusOr<std::vector<TensorType>> InferGroupNormalization(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), x.rank()));
    if (axis == 0)
      return InvalidArgument(
          "attribute axis: expected a channel axis behind the batch axis, found 0");
    if (context.attrs().Has("num_groups") && x[axis].known() &&
        x[axis].size() % context.attrs().Int("num_groups") != 0) {
      return InvalidArgument("expected a multiple of ", context.attrs().Int("num_groups"),
                             " (num_groups) channels, found ", x[axis].size());
    }
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 1, "scale", x[axis]));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, 2, "bias", x[axis]));
  }
  return SameAsInput(context);
}

// Calls f(offset in x's row, channel) for each element of a group.
template <typename F>
void ForEachInGroup(const GroupAxes& axes, int64_t group, F f) {
  const int64_t first = group * axes.group_channels();
  for (int64_t i = 0; i < axes.before; ++i) {
    for (int64_t c = first; c < first + axes.group_channels(); ++c) {
      for (int64_t j = 0; j < axes.after; ++j) f((i * axes.channels + c) * axes.after + j, c);
    }
  }
}

template <typename T>
void GroupNormalizationReference(const KernelContext& context) {
  const GroupAxes axes = GetGroupAxes(context.input_shape(0), context.attrs());
  const double epsilon = context.attrs().Float("epsilon");
  const double size = static_cast<double>(axes.before * axes.group_channels() * axes.after);
  for (int64_t n = 0; n < axes.batch; ++n) {
    const T* x = context.input<T>(0).data() + n * axes.row_size();
    T* y = context.output<T>(0).data() + n * axes.row_size();
    for (int64_t g = 0; g < axes.groups; ++g) {
      double sum = 0, squares = 0;
      ForEachInGroup(axes, g, [&](int64_t i, int64_t) { sum += static_cast<double>(x[i]); });
      const double mean = sum / size;
      ForEachInGroup(axes, g, [&](int64_t i, int64_t) {
        const double difference = static_cast<double>(x[i]) - mean;
        squares += difference * difference;
      });
      const double deviation = std::sqrt(squares / size + epsilon);
      ForEachInGroup(axes, g, [&](int64_t i, int64_t c) {
        const double scale =
            context.has_input(1) ? static_cast<double>(context.input<T>(1)[c]) : 1.0;
        const double bias =
            context.has_input(2) ? static_cast<double>(context.input<T>(2)[c]) : 0.0;
        y[i] = static_cast<T>((static_cast<double>(x[i]) - mean) / deviation * scale + bias);
      });
    }
  }
}

absl::Status GroupNormalizationCompute(KernelContext& context) {
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { GroupNormalizationReference<T>(context); });
  return absl::OkStatus();
}

// The fast kernel goes over x twice, each time in the order of memory: it sums up every channel,
// makes of each group's sums a factor and an offset for its channels, and applies them. Sums are
// doubles, so that their squares may be subtracted.

void SumChannels(const GroupAxes& axes, const float* x, double* sums, double* squares) {
  std::fill_n(sums, axes.channels, 0.0);
  std::fill_n(squares, axes.channels, 0.0);
  for (int64_t i = 0; i < axes.before; ++i) {
    if (axes.after == 1) {
      for (int64_t c = 0; c < axes.channels; ++c) {
        const double value = x[c];
        sums[c] += value;
        squares[c] += value * value;
      }
      x += axes.channels;
      continue;
    }
    for (int64_t c = 0; c < axes.channels; ++c, x += axes.after) {
      double sum = 0, square = 0;
#pragma omp simd reduction(+ : sum, square)
      for (int64_t j = 0; j < axes.after; ++j) {
        const double value = x[j];
        sum += value;
        square += value * value;
      }
      sums[c] += sum;
      squares[c] += square;
    }
  }
}

// Replaces the sums by factors and the squares by offsets.
void SumsToFactors(const KernelContext& context, const GroupAxes& axes, double* sums,
                   double* squares) {
  const double epsilon = context.attrs().Float("epsilon");
  const double size = static_cast<double>(axes.before * axes.group_channels() * axes.after);
  for (int64_t first = 0; first < axes.channels; first += axes.group_channels()) {
    double sum = 0, square = 0;
    for (int64_t c = first; c < first + axes.group_channels(); ++c) {
      sum += sums[c];
      square += squares[c];
    }
    const double mean = sum / size;
    const double deviation = std::sqrt(std::max(square / size - mean * mean, 0.0) + epsilon);
    for (int64_t c = first; c < first + axes.group_channels(); ++c) {
      const double scale =
          context.has_input(1) ? static_cast<double>(context.input<float>(1)[c]) : 1.0;
      const double bias =
          context.has_input(2) ? static_cast<double>(context.input<float>(2)[c]) : 0.0;
      sums[c] = scale / deviation;
      squares[c] = bias - mean * sums[c];
    }
  }
}

void ApplyFactors(const GroupAxes& axes, const float* x, const double* factors,
                  const double* offsets, float* y) {
  for (int64_t i = 0; i < axes.before; ++i) {
    if (axes.after == 1) {
      for (int64_t c = 0; c < axes.channels; ++c)
        y[c] = static_cast<float>(x[c] * factors[c] + offsets[c]);
      x += axes.channels;
      y += axes.channels;
      continue;
    }
    for (int64_t c = 0; c < axes.channels; ++c, x += axes.after, y += axes.after) {
      const double factor = factors[c], offset = offsets[c];
      for (int64_t j = 0; j < axes.after; ++j) y[j] = static_cast<float>(x[j] * factor + offset);
    }
  }
}

absl::Status GroupNormalizationFast(KernelContext& context, int threads) {
  const GroupAxes axes = GetGroupAxes(context.input_shape(0), context.attrs());
  ParallelFor(threads, axes.batch, [&](int64_t n) {
    double* sums = reinterpret_cast<double*>(context.scratch()) + n * 2 * axes.channels;
    double* squares = sums + axes.channels;
    const float* x = context.input<float>(0).data() + n * axes.row_size();
    SumChannels(axes, x, sums, squares);
    SumsToFactors(context, axes, sums, squares);
    ApplyFactors(axes, x, sums, squares, context.output<float>(0).data() + n * axes.row_size());
  });
  return absl::OkStatus();
}

// Where the elements of a channel lie together: in pieces that threads share, whatever the groups.
class ChannelPieces {
 public:
  explicit ChannelPieces(const GroupAxes& axes) : axes_(axes) {}
  int64_t scratch_bytes() const {
    return axes_.batch * axes_.channels *
           static_cast<int64_t>(pieces_ * sizeof(RowMoments) + sizeof(Map));
  }

  void Run(const KernelContext& context, int threads) const {
    const float* const x = context.input<float>(0).data();
    float* const y = context.output<float>(0).data();
    auto* const moments = reinterpret_cast<RowMoments*>(context.scratch());
    const int64_t rows = axes_.batch * axes_.channels;
    auto* const maps = reinterpret_cast<Map*>(moments + rows * pieces_);
    const auto for_each = [&](auto f) {
      ParallelFor(threads, rows * pieces_, [&](int64_t i) {
        const int64_t first = i % pieces_ * kPiece;
        f(i, i / pieces_ * axes_.after + first, std::min(kPiece, axes_.after - first));
      });
    };
    for_each([&](int64_t i, int64_t first, int64_t count) {
      moments[i] = MomentsOfRow(x + first, count);
    });
    for (int64_t row = 0; row < rows; row += axes_.group_channels()) {
      SetMaps(context, row, moments, maps);
    }
    for_each([&](int64_t i, int64_t first, int64_t count) {
      const Map& map = maps[i / pieces_];
      NormalizeRow(x + first, map.center, map.factor, map.offset, y + first, count);
    });
  }

 private:
  static constexpr int64_t kPiece = 1 << 13;
  // y = (x - center) * factor + offset. The center is near the mean, so that x - center has the
  // digits of x, and the offset makes up for what it misses.
  struct Map {
    float center, factor, offset;
  };

  // Those of the group whose first channel is number `first` of all images.
  void SetMaps(const KernelContext& context, int64_t first, const RowMoments* moments,
               Map* maps) const {
    double sum = 0, squares = 0;
    for (int64_t i = first * pieces_; i < (first + axes_.group_channels()) * pieces_; ++i) {
      sum += moments[i].sum;
      squares += moments[i].squares;
    }
    const double size = static_cast<double>(axes_.group_channels() * axes_.after);
    const double mean = sum / size;
    const double deviation =
        std::sqrt(std::max(squares / size - mean * mean, 0.0) + context.attrs().Float("epsilon"));
    for (int64_t row = first; row < first + axes_.group_channels(); ++row) {
      const int64_t c = row % axes_.channels;
      const double scale =
          context.has_input(1) ? static_cast<double>(context.input<float>(1)[c]) : 1.0;
      const double bias =
          context.has_input(2) ? static_cast<double>(context.input<float>(2)[c]) : 0.0;
      const auto center = static_cast<float>(mean);
      const double factor = scale / deviation;
      maps[row] = {center, static_cast<float>(factor),
                   static_cast<float>(bias - (mean - static_cast<double>(center)) * factor)};
    }
  }

  const GroupAxes axes_;
  const int64_t pieces_ = (axes_.after + kPiece - 1) / kPiece;
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareChannelPieces(const PrepareContext& context) {
  constexpr int64_t kShortRow = 16, kWorthThreads = 1 << 15;
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const GroupAxes axes = GetGroupAxes(context.inputs[0].shape, context.attrs);
  if (axes.before != 1 || axes.after < kShortRow || axes.batch * axes.channels == 0) return nullptr;
  const ChannelPieces pieces(axes);
  const int threads = axes.batch * axes.row_size() < kWorthThreads ? 1 : context.threads;
  return MakeComputeKernel(
      [=](KernelContext& kernel) {
        pieces.Run(kernel, threads);
        return absl::OkStatus();
      },
      "channels in pieces", pieces.scratch_bytes());
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareGroupNormalization(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const GroupAxes axes = GetGroupAxes(context.inputs[0].shape, context.attrs);
  const int64_t scratch_bytes =
      axes.batch * axes.channels * 2 * static_cast<int64_t>(sizeof(double));
  const int threads = context.threads;
  return MakeComputeKernel(
      [threads](KernelContext& kernel) { return GroupNormalizationFast(kernel, threads); },
      "group loop", scratch_bytes);
}

absl::StatusOr<std::vector<Value>> GroupNormalizationGradient(const GradientContext& g) {
  return CallMulti("nn.GroupNormalizationGrad",
                   {g.gradient(0), g.input(0), g.has_input(1) ? g.input(1) : Value()}, g.attrs(),
                   {.num_outputs = g.wants(2)   ? 3
                                   : g.wants(1) ? 2
                                                : 1});
}

OpDef GroupNormalizationSchema(std::string name, std::string doc, std::string source) {
  return OpDef(std::move(name), 1)
      .Doc(std::move(doc))
      .Source(std::move(source))
      .TypeVar("T", kFloats)
      .Input("x", "T", "[batch, ...], one of the axes behind being the channels")
      .OptionalInput("scale", "T", "[channels]; 1 where it is absent")
      .OptionalInput("bias", "T", "[channels]; 0 where it is absent")
      .Output("y", "T", "as x")
      .Attr("axis", -1, "the channel axis; not the first (ONNX: 1)")
      .Attr("epsilon", 1e-5, "is added to the variance (Keras' GroupNormalization gives 1e-3)")
      .Min(0)
      .Infer(InferGroupNormalization)
      .Reference(GroupNormalizationCompute)
      .Fast(PrepareChannelPieces)
      .Fast(PrepareGroupNormalization)
      .Gradient(GroupNormalizationGradient)
      .InPlace();
}

std::vector<Example> GroupNormalizationExamples() {
  return {
      {.name = "channels last",
       .attrs = {{"num_groups", 2}},
       .inputs = {Tensor::Of<float>({1, 1, 3, 4}, {-3, 2, -1, 3, -2, -2, -2, 3, 2, -3, -1, -1}),
                  Tensor::Of<float>({4}, {-0.5, 1.5, 1.5, -0.5}),
                  Tensor::Of<float>({4}, {-3, -3, 0, -1})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 3, 4},
           {-2.53709054, -0.916907012, -0.860192478, -1.69634628, -2.76854515, -3.69436431,
            -1.59750032, -1.69634628, -3.69436431, -4.38872862, -0.860192478, -0.713269174})}},
      {.name = "channels first, Keras' epsilon",
       .attrs = {{"num_groups", 2}, {"axis", 1}, {"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({2, 4, 2},
                                    {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1, -2, 0, -1, 0}),
                  Tensor::Of<float>({4}, {-0.5, 1.5, 1.5, -0.5}),
                  Tensor::Of<float>({4}, {-3, -3, 0, -1})},
       .outputs = {Tensor::Of<float>(
           {2, 4, 2}, {-2.39635468, -2.61586213, -1.51832533, -1.51832533, 0, -2.11920214,
                       -1.70640075, -1, -2.50006247, -3.49993753, -1.50018752, -4.4998126,
                       -2.25969219, 1.35581541, -0.84935385, -1.45193851})}},
      {.name = "one group, without scale and bias",
       .attrs = {{"num_groups", 1}},
       .inputs = {Tensor::Of<float>({1, 2, 3}, {-3, 2, -2, -2, 2, -3})},
       .outputs = {Tensor::Of<float>({1, 2, 3}, {-0.925819099, 1.38872862, -0.462909549,
                                                 -0.462909549, 1.38872862, -0.925819099})}},
      {.name = "rows without positions",
       .attrs = {{"num_groups", 2}},
       .inputs = {Tensor::Of<float>({2, 4}, {-3, -2, 2, 2, -2, -3, -1, -2})},
       .outputs = {Tensor::Of<float>({2, 4}, {-0.999979973, 0.999979973, 0, 0, 0.999979973,
                                              -0.999979973, 0.999979973, -0.999979973})}},
  };
}

std::vector<Example> InstanceNormalizationExamples() {
  return {
      {.name = "channels last",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-3, -2, -2, -3, 2, -1, 2, -2}),
                  Tensor::Of<float>({2}, {1, 2}), Tensor::Of<float>({2}, {0, -1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 2}, {-1.20740569, -1, -0.768349051, -3.82839894,
                                                    0.987877369, 1.82839882, 0.987877369, -1})}},
      {.name = "channels first, Keras' epsilon",
       .attrs = {{"axis", 1}, {"epsilon", 0.001}},
       .inputs = {Tensor::Of<float>({2, 2, 3}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1}),
                  Tensor::Of<float>({2}, {1, 2})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3}, {-0.92572093, -0.462860465, 1.3885814, 2.77716279, -0.92572093, -1.85144186,
                       0.705521166, -1.41104233, 0.705521166, 1.4140147, 1.4140147, -2.82802939})}},
      {.name = "without scale and bias",
       .inputs = {Tensor::Of<float>({1, 4, 2}, {-3, -2, -2, -3, 2, -1, 2, -2})},
       .outputs = {Tensor::Of<float>({1, 4, 2}, {-1.20740569, 0, -0.768349051, -1.41419947,
                                                 0.987877369, 1.41419947, 0.987877369, 0})}},
  };
}

NOMO_REGISTER_OP(
    GroupNormalizationSchema(
        "nn.GroupNormalization",
        "y = (x - mean) / sqrt(variance + epsilon) * scale + bias. The channels are cut into "
        "num_groups groups; the mean and the (population) variance are those of one row of the "
        "batch and one group, over its channels and all positions. It is an error when num_groups "
        "does not divide the channels, or scale or bias has not one element per channel.",
        "ONNX GroupNormalization since version 21; Keras GroupNormalization; Y. Wu & K. He, 2018")
        .RequiredAttr("num_groups", AttrType::kInt, "the number of groups; it divides the channels")
        .Min(1)
        .Examples(GroupNormalizationExamples));
NOMO_REGISTER_OP(
    GroupNormalizationSchema(
        "nn.InstanceNormalization",
        "y = (x - mean) / sqrt(variance + epsilon) * scale + bias, with the mean and the "
        "(population) variance of one row of the batch and one channel, over all positions. It is "
        "an error when scale or bias has not one element per channel.",
        "ONNX InstanceNormalization; D. Ulyanov et al., 2016")
        .Examples(InstanceNormalizationExamples));

}  // namespace
}  // namespace nomograph::nn
