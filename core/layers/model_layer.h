// A finished model as a layer: imported from ONNX, loaded from a file, or built. Keras: a Model
// that is called.
//
//   const auto network = onnx::Import("resnet50.onnx");
//   const Input pixels({3, 224, 224}, {.dtype = DType::kUInt8});
//   const Value scores = ModelLayer(*network)(Lambda("image.Rescale", {{"scale", 1 /
//   255.0}})(pixels));
#ifndef NOMOGRAPH_CORE_LAYERS_MODEL_LAYER_H_
#define NOMOGRAPH_CORE_LAYERS_MODEL_LAYER_H_

#include <string>

#include "nomograph/core/graph/model.h"
#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct ModelLayerOptions {
  // False: the model's weights count as not trainable.
  bool trainable = true;
  std::string name = {};
};

// Takes the model's inputs and yields its outputs, in their order. The model's nodes keep their
// names, its weights and variables theirs behind the layer's name; its golden vectors and metadata
// stay behind. All calls share the weights, whose memory is the model's.
//
// Inputs that do not fit those of the model are a fault, and so is a function of the model that
// uses state variables: those cannot be renamed there.
Layer ModelLayer(Model model, ModelLayerOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_MODEL_LAYER_H_
