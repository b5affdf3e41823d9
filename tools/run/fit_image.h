// Images as inputs of models.
#ifndef NOMOGRAPH_TOOLS_RUN_FIT_IMAGE_H_
#define NOMOGRAPH_TOOLS_RUN_FIT_IMAGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/graph.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// Where an input has the axes of an image; -1: it has none.
struct ImageAxes {
  int batch = -1, height = -1, width = -1, channels = -1;
};

// Takes [batch,height,width,channels], [batch,channels,height,width], the same without batch (all
// sizes known) or without channels (grey), and [height,width]. Channels are the last axis unless
// only axis 1 (behind a batch; else 0) has a size of 1, 3 or 4. InvalidArgument for other types.
absl::StatusOr<ImageAxes> FindImageAxes(const TensorType& type);

// Reads a PNG or JPEG file as an input of this type: one image, in the input's channels and order
// of axes. Pixels are 0 to 255 in the input's dtype; scaling them is the model's business. An image
// of another size is an InvalidArgument that says what is expected, unless `resize`, which makes it
// fit (bilinear).
absl::StatusOr<Tensor> ReadImageFor(const TensorType& type, const std::string& path, bool resize);

// An image uint8[height,width,channels] in the shape and the order of axes of an input of this
// type, with a batch of 1 where it has one, and in its dtype. InvalidArgument where it does not
// fit.
absl::StatusOr<Tensor> ArrangeImage(const TensorType& type, const Tensor& image);

// What becomes of the pixels of a picture: (pixel * scale - mean) / std for each channel.
struct PixelScaling {
  double scale = 1;
  std::vector<double> mean, std;  // for each channel, or one for all; empty: 0 and 1
  bool bgr = false;               // blue comes first
  bool is_set() const { return scale != 1 || !mean.empty() || !std.empty() || bgr; }
};
// "0.485,0.456,0.406", "1/255". InvalidArgument for what is no number.
absl::StatusOr<std::vector<double>> ParseNumbers(absl::string_view text);
// InvalidArgument where there is not a mean or std for each channel, a std is 0, or the dtype is
// one of integers.
absl::StatusOr<Tensor> ScalePixels(const TensorType& type, Tensor image,
                                   const PixelScaling& scaling);
// Whether a model seems to want pixels scaled that come as they are: the input holds floating-point
// numbers, and a convolution reads it first of all.
bool WantsScaledPixels(const Graph& graph, ValueId input);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_FIT_IMAGE_H_
