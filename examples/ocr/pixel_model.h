// PaddleOCR's networks as models that take pixels.
#ifndef NOMOGRAPH_EXAMPLES_OCR_PIXEL_MODEL_H_
#define NOMOGRAPH_EXAMPLES_OCR_PIXEL_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/run/session.h"

namespace nomograph::ocr {

// What a network's training did to pixels from 0 to 1: (x - mean) / deviation, a number for each
// channel or one for all.
struct Normalization {
  std::vector<double> mean, deviation;
};

// The network behind two ops, for one that takes float32[batch,3,height,width], blue, green and
// red, normalised. The model takes the input "pixels": red, green and blue from 0 to 255, of the
// same shape. InvalidArgument for a network with other inputs.
absl::StatusOr<Model> TakingPixels(Model network, const Normalization& normalization);

// A session for the model in a .nomo or .onnx file, which takes pixels. Errors name the file.
absl::StatusOr<std::unique_ptr<Session>> OpenPixelModel(const std::string& path,
                                                        const Normalization& normalization);

// The output for a batch of images. Errors begin with `network`, e.g. "the detector".
absl::StatusOr<Tensor> RunPixelModel(Session& session, const Tensor& pixels,
                                     absl::string_view network);

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_PIXEL_MODEL_H_
