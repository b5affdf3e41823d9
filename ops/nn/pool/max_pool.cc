// nn.MaxPool: the greatest element of each window, and where it was found.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/example_table.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/pool/pool.h"
#include "nomograph/ops/nn/pool/pool_gradient.h"
#include "nomograph/ops/nn/pool/pool_planes.h"

namespace nomograph::nn {
namespace {

absl::StatusOr<std::vector<TensorType>> InferMaxPool(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, InferPooled(context));
  return std::vector<TensorType>{{context.dtype(0), shape}, {DType::kInt64, shape}};
}

template <typename T>
T Least() {
  if constexpr (std::numeric_limits<T>::has_infinity) {
    return static_cast<T>(-static_cast<ComputeType<T>>(std::numeric_limits<T>::infinity()));
  } else {
    return std::numeric_limits<T>::lowest();
  }
}

// NaN is greater than all else, and the first of equals wins.
template <typename T>
bool IsGreater(T a, T b) {
  const ComputeType<T> left = a, right = b;
  return (left > right) | ((left != left) & (right == right));
}

// The number of a position when the first spatial axis counts fastest.
int64_t ColumnMajor(const Window& window, int64_t position) {
  int64_t result = 0;
  for (size_t i = window.size(); i-- > 0;) {
    const int64_t size = window[i].input.size();
    int64_t step = 1;
    for (size_t k = 0; k < i; ++k) step *= window[k].input.size();
    result += position % size * step;
    position /= size;
  }
  return result;
}

template <typename T>
void MaxPoolReference(const KernelContext& context, const Window& window) {
  const bool column_major = context.attrs().Int("storage_order") == 1;
  const ActivationLayout x(context.input_shape(0), context.attrs()),
      y(context.output_shape(0), context.attrs());
  const auto in = context.input<T>(0);
  const auto out = context.output<T>(0);
  const Taps taps(window);
  for (int64_t n = 0; n < y.batches; ++n) {
    for (int64_t c = 0; c < y.channels; ++c) {
      int64_t y_offset = y.Offset(n, c);
      ForEachIndex(taps.output_sizes(), [&](const Index3& at) {
        T greatest = Least<T>();
        int64_t found = -1;
        taps.ForEach(at, [&](int64_t, int64_t position) {
          const T value = in[x.Offset(n, c) + position * x.position_stride];
          if (found >= 0 && !IsGreater(value, greatest)) return;
          greatest = value;
          found = position;
        });
        out[y_offset] = greatest;
        if (context.num_outputs() > 1) {
          const int64_t place = column_major && found >= 0 ? ColumnMajor(window, found) : found;
          context.output<int64_t>(1)[y_offset] =
              found < 0 ? -1 : x.Offset(n, c) + place * x.position_stride;
        }
        y_offset += y.position_stride;
      });
    }
  }
}

absl::Status MaxPoolCompute(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attrs(), context.input_shape(0)));
  Dispatch(NumberTypes{}, context.input_dtype(0),
           [&]<typename T>() { MaxPoolReference<T>(context, window); });
  return absl::OkStatus();
}

// The input's elements under a window along one axis: the first one, and how many.
struct Covered {
  int64_t first, count;
};

// For each place of the window; a single one for an axis that there is not.
std::vector<Covered> CoveredAlong(const Window& window, size_t axis_from_last) {
  if (axis_from_last >= window.size()) return {{0, 1}};
  const WindowAxis& axis = window[window.size() - 1 - axis_from_last];
  std::vector<Covered> covered;
  for (int64_t p = 0; p < axis.output.size(); ++p) {
    const int64_t at = p * axis.stride - axis.pad_begin;
    const auto taps_before = [&](int64_t place) {
      return std::clamp<int64_t>((place - at + axis.dilation - 1) / axis.dilation, 0,
                                 axis.kernel.size());
    };
    const int64_t outside = taps_before(0);
    covered.push_back({at + outside * axis.dilation, taps_before(axis.input.size()) - outside});
  }
  return covered;
}

// As the reference kernel, for channels [begin, end) of all the batches' channels, with what is the
// same for all of them reckoned before.
template <typename T>
void MaxPoolChannels(const KernelContext& context, const Window& window, int64_t begin,
                     int64_t end) {
  const bool column_major = context.attrs().Int("storage_order") == 1;
  const ActivationLayout x(context.input_shape(0), context.attrs()),
      y(context.output_shape(0), context.attrs());
  const std::vector<Covered> planes = CoveredAlong(window, 2), rows = CoveredAlong(window, 1),
                             columns = CoveredAlong(window, 0);
  const auto axis = [&](size_t from_last) {
    return from_last < window.size() ? window[window.size() - 1 - from_last]
                                     : WindowAxis{.input = 1, .kernel = 1, .output = 1};
  };
  const int64_t width = axis(0).input.size(), height = axis(1).input.size();
  const int64_t across = axis(0).dilation, down = axis(1).dilation, behind = axis(2).dilation;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t x_offset = x.Offset(i / y.channels, i % y.channels);
    const int64_t y_offset = y.Offset(i / y.channels, i % y.channels);
    const T* const in = context.input<T>(0).data() + x_offset;
    T* out = context.output<T>(0).data() + y_offset;
    int64_t* index = context.output<int64_t>(1).data() + y_offset;
    for (const Covered& plane : planes) {
      for (const Covered& row : rows) {
        for (const Covered& column : columns) {
          const bool meets = plane.count > 0 && row.count > 0 && column.count > 0;
          int64_t found = (plane.first * height + row.first) * width + column.first;
          for (int64_t p = 0; p < plane.count; ++p) {
            for (int64_t r = 0; r < row.count; ++r) {
              int64_t position =
                  ((plane.first + p * behind) * height + row.first + r * down) * width +
                  column.first;
              for (int64_t c = 0; c < column.count; ++c, position += across) {
                // Without a branch, which would be a matter of chance.
                const bool greater =
                    IsGreater(in[position * x.position_stride], in[found * x.position_stride]);
                found = greater ? position : found;
              }
            }
          }
          *out = meets ? in[found * x.position_stride] : Least<T>();
          if (meets && column_major) found = ColumnMajor(window, found);
          *index = meets ? x_offset + found * x.position_stride : -1;
          out += y.position_stride;
          index += y.position_stride;
        }
      }
    }
  }
}

// With indices, which oneDNN does not have.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareWithIndices(const PrepareContext& context) {
  if (context.outputs.size() < 2) return nullptr;
  NOMO_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attrs, context.inputs[0].shape));
  const ActivationLayout y(context.outputs[0].shape, context.attrs);
  // A team of threads costs some microseconds.
  constexpr int64_t kWorthThreads = 1 << 15;
  const int threads = context.inputs[0].shape.num_elements() < kWorthThreads ? 1 : context.threads;
  return MakeComputeKernel(
      [window, threads, channels = y.batches * y.channels](KernelContext& kernel) {
        Dispatch(NumberTypes{}, kernel.input_dtype(0), [&]<typename T>() {
          ParallelRanges(threads, channels, [&](int64_t begin, int64_t end) {
            MaxPoolChannels<T>(kernel, window, begin, end);
          });
        });
        return absl::OkStatus();
      },
      "loop");
}

bool BuildMaxPool(onednn::Builder& b) { return BuildPool(b, dnnl::algorithm::pooling_max); }

std::vector<Example> MaxPoolExamples() {
  return {
      {.name = "2x2, stride 2",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 4, 4, 2},
                                    {-3, -3, -2, -3, 2, 0, 2,  -1, -2, 1, -3, 0, -1, 1,  -2, -2,
                                     -1, -2, 3,  1,  3, 0, -1, 2,  -2, 1, 0,  2, -1, -1, 0,  -1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, 1, 2, 1, 3, 2, 3, 2})}},
      {.name = "stride 1 unless told otherwise",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}}},
       .inputs = {Tensor::Of<float>({1, 3, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {2, 2, 2, -1})}},
      {.name = "same, stride 2: pads at the end only",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}},
                 {"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 3, 4, 1},
                                    {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {-1, -3, -9, -11})}},
      {.name = "same_lower",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 1}},
                 {"padding", "same_lower"}},
       .inputs = {Tensor::Of<float>({1, 3, 4, 1},
                                    {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12})},
       .outputs = {Tensor::Of<float>({1, 2, 4, 1}, {-1, -1, -2, -3, -5, -5, -6, -7})}},
      {.name = "pads and dilation",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"dilations", std::vector<int64_t>{2, 1}},
                 {"pads", std::vector<int64_t>{1, 0, 0, 1}},
                 {"padding", "explicit"}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>({1, 4, 4, 1}, {-1.75, -0.75, -0.75, -2.5, 3.25, 3.25, 3, 1.75,
                                                    0.5, 0.5, -0.25, -0.25, 3.25, 3.25, 3, -0.5})}},
      {.name = "ceil_mode",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 3}},
                 {"strides", std::vector<int64_t>{2, 3}},
                 {"ceil_mode", true}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>({1, 3, 2, 1}, {2, 1.75, 3.25, -0.25, 0.75, -0.5})}},
      {.name = "ceil_mode: no window begins in the padding",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 3}},
                 {"pads", std::vector<int64_t>{0, 0, 1, 1}},
                 {"padding", "explicit"},
                 {"ceil_mode", true}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>({1, 3, 2, 1}, {-1.75, 1.75, 3.25, -0.25, -2.5, -0.5})}},
      {.name = "a window of padding only",
       .attrs = {{"kernel_shape", std::vector<int64_t>{1}},
                 {"pads", std::vector<int64_t>{1, 0}},
                 {"padding", "explicit"}},
       .inputs = {Tensor::Of<float>({1, 2, 1}, {1, 2})},
       .outputs = {Tensor::Of<float>({1, 3, 1}, {-std::numeric_limits<float>::infinity(), 1, 2})}},
      {.name = "1-D, ONNX",
       .attrs = {{"kernel_shape", std::vector<int64_t>{3}}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({2, 2, 4},
                                    {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1, -2, 0, -1, 0})},
       .outputs = {Tensor::Of<float>({2, 2, 2}, {2, 2, -1, -1, 3, 3, 0, 0})}},
      {.name = "3-D",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2, 2}}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 2, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 1, 1}, {3, 3})}},
      {.name = "indices",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}}},
       .inputs = {Tensor::Of<float>(
           {1, 5, 4, 1}, {-3.75, -2.75, 2,     1.75, -1.75, -3,    -0.75, -2.5,  -1.5, 3.25,
                          3,     -0.5,  -1.75, 0.5,  -1.25, -0.25, -2.5,  -2.75, 0.75, -0.5})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 1}, {-1.75, 2, 3.25, 3}),
                   Tensor::Of<int64_t>({1, 2, 2, 1}, {4, 2, 9, 10})}},
      {.name = "indices of two channels",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2}}, {"strides", std::vector<int64_t>{2}}},
       .inputs = {Tensor::Of<float>({1, 4, 2}, {-3, -2, -2, -3, 2, -1, 2, -2})},
       .outputs = {Tensor::Of<float>({1, 2, 2}, {-2, -2, 2, -1}),
                   Tensor::Of<int64_t>({1, 2, 2}, {2, 1, 4, 5})}},
      {.name = "indices, ONNX",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2}},
                 {"strides", std::vector<int64_t>{2}},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({2, 2, 4},
                                    {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1, -2, 0, -1, 0})},
       .outputs = {Tensor::Of<float>({2, 2, 2}, {-2, 2, -2, -1, 3, 3, 0, 0}),
                   Tensor::Of<int64_t>({2, 2, 2}, {1, 2, 4, 6, 9, 10, 13, 15})}},
      {.name = "indices in column-major order, ONNX",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                 {"strides", std::vector<int64_t>{2, 2}},
                 {"storage_order", 1},
                 {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 1, 5, 5},
                                    {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
                                     14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 2}, {7, 9, 17, 19}),
                   Tensor::Of<int64_t>({1, 1, 2, 2}, {6, 16, 8, 18})}},
      {.name = "uint8",
       .attrs = {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"padding", "same"}},
       .inputs = {Tensor::Of<uint8_t>({1, 2, 3, 1}, {0, 40, 200, 200, 40, 0})},
       .outputs = {Tensor::Of<uint8_t>({1, 2, 3, 1}, {200, 200, 200, 200, 40, 0})}},
  };
}

NOMO_REGISTER_OP(
    WithPoolWindow(
        OpDef("nn.MaxPool", 1)
            .Doc("The greatest element in each window, channel by channel.\n\n"
                 "y[n, p, c] = max over taps t of x[n, p * strides + t * dilations - pads, c], "
                 "padding left out. Without strides windows move by 1, as in ONNX (Keras' layers "
                 "move them by their size and say so here). A window that meets only padding "
                 "yields the type's least value (-infinity for floating point) and the index -1. "
                 "NaN counts as greatest.\n\n"
                 "indices tells where each maximum was found: its place in x in row-major order "
                 "over all of x's axes (see storage_order), the first of equals. It is an error "
                 "when the window is larger than the padded input.")
            .Source("ONNX MaxPool; Keras MaxPooling1D, MaxPooling2D, MaxPooling3D")
            .TypeVar("T", kNumbers)
            .Input("x", "T", "[batch, spatial..., channels], see data_format")
            .Output("y", "T", "like x with other spatial sizes")
            .OptionalOutput("indices", "int64", "the shape of y")
            .Attr("storage_order", 0,
                  "how indices count the positions of a channel: 0: row-major; 1: column-major, "
                  "the first spatial axis fastest")
            .Min(0)
            .Max(1))
        .Infer(InferMaxPool)
        .Reference(MaxPoolCompute)
        .AbsorbsPadding(MaximumWithPadding)
        .Fast(PrepareMaxPlanes)
        .Fast(PrepareWithIndices)
        .Fast(PrepareMaximum(BuildMaxPool, MaxPoolCompute))
        .InLowPrecision(LowPrecision::kFollows)
        .Quantizes([](const InferContext&) -> std::optional<QuantizedInputs> {
          return QuantizedInputs{.activations = {0}, .only_between = true};
        })
        .Work(AllCombinationsWork)
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          return std::vector<Value>{Call("nn.MaxPoolGrad", {g.gradient(0), g.input(0)},
                                         Without(g.attrs(), {"storage_order"}))};
        })
        .Examples(MaxPoolExamples));

}  // namespace
}  // namespace nomograph::nn
