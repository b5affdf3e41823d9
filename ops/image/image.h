// What the ops on images share. An image is [height, width, channels], or [channels, height, width]
// where data_format is "channels_first"; with one more axis ahead of these it is a batch of images.
//
// Most ops apply a filter, a function object that reads one image and writes another:
//
//   struct FlipLeftRight {
//     template <typename T>
//     void operator()(const Image<const T>& x, const Image<T>& y) const { ... }
//   };
//   ImageOp("image.FlipLeftRight", kAnyType)
//       .Doc(...)
//       .Reference(FilterImages(AllTypes{}, [](const Attributes&) { return FlipLeftRight{}; }))
#ifndef NOMOGRAPH_OPS_IMAGE_IMAGE_H_
#define NOMOGRAPH_OPS_IMAGE_IMAGE_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/op/random.h"

namespace nomograph::image {

// One image in memory.
template <typename T>
struct Image {
  T* data;
  int64_t height, width, channels;
  int64_t row, column, channel;  // the steps from one to the next, in elements

  int64_t size() const { return height * width * channels; }
  T& at(int64_t r, int64_t c, int64_t k) const { return data[r * row + c * column + k * channel]; }
  // All elements in the order of memory.
  T* begin() const { return data; }
  T* end() const { return data + size(); }
};

// Where height, width and channels are among the axes of a tensor of images.
struct ImageAxes {
  ImageAxes(int rank, absl::string_view data_format);
  int height, width, channels;
};

// The images of a tensor.
class Images {
 public:
  // REQUIRES: the rank is 3 or 4.
  Images(const Shape& shape, const Attributes& attrs);
  // None where an image has no elements.
  int64_t count() const { return count_; }
  template <typename T>
  Image<T> Get(T* tensor, int64_t index) const {
    return {tensor + index * layout_.size(),
            layout_.height,
            layout_.width,
            layout_.channels,
            layout_.row,
            layout_.column,
            layout_.channel};
  }

 private:
  int64_t count_;
  Image<const std::byte> layout_;  // sizes and steps only
};

// The data_format attribute, where the op has one.
absl::string_view DataFormat(const Attributes& attrs);

// InvalidArgument unless the input can be an image or a batch of them.
absl::Status CheckImages(const PartialShape& shape);
// The shape function of ops that keep the shape.
absl::StatusOr<std::vector<TensorType>> InferImages(const InferContext& context);

// The schema of an op from images to images of type T, as InferImages has it. Left to add: Doc,
// Attr, Reference, Examples.
OpDef ImageOp(std::string name, DTypeSet types, std::string y_doc = "the shape of x");
// Adds the attribute data_format.
OpDef WithDataFormat(OpDef op);
// ImageOp for an op that draws random numbers, with the attribute `seed`. Rows of a batch are no
// longer alike.
OpDef RandomImageOp(std::string name, DTypeSet types, std::string y_doc = "the shape of x");

// For results: rounded to the nearest (of integers ties go to even, and those out of range become
// its nearest end).
template <typename T>
T Rounded(double value) {
  if constexpr (std::is_integral_v<T>) {
    if (std::isnan(value)) return T{0};
    const double past_maximum = std::ldexp(1.0, std::numeric_limits<T>::digits);
    const double rounded = std::nearbyint(value);
    if (rounded >= past_maximum) return std::numeric_limits<T>::max();
    if (rounded <= static_cast<double>(std::numeric_limits<T>::min())) {
      return std::numeric_limits<T>::min();
    }
    return static_cast<T>(rounded);
  } else {
    return static_cast<T>(value);
  }
}

// For random ops in inference.
struct Copy {
  template <typename T>
  void operator()(const Image<const T>& x, const Image<T>& y) const {
    if (x.data != y.data) std::copy(x.begin(), x.end(), y.begin());
  }
};

// Calls `filter_of(i)(x, y)` for each image i of input 0 and output 0, images side by side.
template <typename... Ts, typename FilterOf>
void ForEachImage(TypeList<Ts...> types, KernelContext& context, int threads,
                  const FilterOf& filter_of) {
  const Images inputs(context.input_shape(0), context.attrs());
  const Images outputs(context.output_shape(0), context.attrs());
  Dispatch(types, context.input_dtype(0), [&]<typename T>() {
    ParallelFor(threads, outputs.count(), [&](int64_t i) {
      filter_of(i)(inputs.Get(context.input<T>(0).data(), i),
                   outputs.Get(context.output<T>(0).data(), i));
    });
  });
}

// A loop over the images of a node: by itself a reference kernel.
template <typename Run>
struct ImageLoop {
  Run run;
  absl::Status operator()(KernelContext& context, int threads = 1) const {
    return run(context, threads);
  }
};
template <typename Run>
ImageLoop(Run) -> ImageLoop<Run>;

// The fast kernel of the same loop, for filters that take their time: images side by side. Each
// image is computed as in the reference kernel.
template <typename Run>
PrepareFn SideBySide(ImageLoop<Run> loop) {
  return [loop](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    const Shape& shape = context.outputs[0].shape;
    const int64_t images = shape.rank() == 4 ? shape[0] : 1;
    const auto threads = static_cast<int>(std::min<int64_t>(images, context.threads));
    if (threads <= 1) return nullptr;
    return MakeComputeKernel(
        [loop, threads](KernelContext& kernel) { return loop(kernel, threads); },
        "images side by side");
  };
}

// Applies the filter `make(attributes)` to every image.
template <typename... Ts, typename MakeFilter>
auto FilterImages(TypeList<Ts...> types, MakeFilter make) {
  return ImageLoop{[types, make](KernelContext& context, int threads) {
    ForEachImage(types, context, threads,
                 [filter = make(context.attrs())](int64_t) { return filter; });
    return absl::OkStatus();
  }};
}

// Four random words for each image. Image i has the stream's block i, so that what happens to it
// does not depend on how many images there are.
using Words = std::array<uint32_t, 4>;

// In training applies to every image its own filter `make(attributes, words)`, and otherwise the
// filter `inference`.
template <typename... Ts, typename MakeFilter, typename Inference = Copy>
auto AugmentImages(TypeList<Ts...> types, MakeFilter make, Inference inference = {}) {
  return ImageLoop{[=](KernelContext& context, int threads) {
    if (!context.run().training) {
      ForEachImage(types, context, threads, [&](int64_t) { return inference; });
      return absl::OkStatus();
    }
    const PhiloxStream stream = RandomStream(context);
    ForEachImage(types, context, threads,
                 [&](int64_t i) { return make(context.attrs(), stream.Block(i)); });
    return absl::OkStatus();
  }};
}

// A number in [low, high] from random bits.
inline double Between(double low, double high, uint32_t bits) {
  return low + (high - low) * UniformFloat(bits);
}

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_IMAGE_H_
