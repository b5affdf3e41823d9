#include "nomograph/examples/ocr/pixel_model.h"

#include <utility>

#include "absl/strings/match.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/layers/model_layer.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/import/import.h"

namespace nomograph::ocr {
namespace {

absl::StatusOr<Model> OpenModel(const std::string& path) {
  return absl::EndsWith(path, ".onnx") ? onnx::Import(path) : Load(path);
}

absl::StatusOr<std::unique_ptr<Session>> MakeSession(Model network,
                                                     const Normalization& normalization) {
  NOMO_ASSIGN_OR_RETURN(Model model, TakingPixels(std::move(network), normalization));
  return Session::Create(std::move(model));
}

}  // namespace

absl::StatusOr<Model> TakingPixels(Model network, const Normalization& normalization) {
  if (network.graph.inputs.size() != 1) {
    return InvalidArgument("expected a model with one input, found ", network.graph.inputs.size());
  }
  const TensorType type = network.graph.value(network.graph.inputs[0]).type;
  if (type.dtype != DType::kFloat32 || !Compatible(type.shape, {Dim(), 3, Dim(), Dim()})) {
    return InvalidArgument("expected an input float32[batch,3,height,width], found ",
                           type.ToString());
  }
  const Value pixels = InputValue(type, "pixels");
  const Value blue_first = Call("array.Reverse", {pixels}, {{"axes", std::vector<int64_t>{1}}});
  const Value normalized = Call("image.Normalize", {blue_first},
                                {{"mean", normalization.mean},
                                 {"std", normalization.deviation},
                                 {"scale", 1 / 255.0},
                                 {"data_format", "channels_first"}});
  const int outputs = static_cast<int>(network.graph.outputs.size());
  return BuildModel({pixels}, ModelLayer(std::move(network)).Apply({normalized}, outputs));
}

absl::StatusOr<std::unique_ptr<Session>> OpenPixelModel(const std::string& path,
                                                        const Normalization& normalization) {
  NOMO_ASSIGN_OR_RETURN(Model network, OpenModel(path));
  auto session = MakeSession(std::move(network), normalization);
  if (!session.ok()) return Annotate(session.status(), path);
  return session;
}

absl::StatusOr<Tensor> RunPixelModel(Session& session, const Tensor& pixels,
                                     absl::string_view network) {
  auto output = session.Run(pixels);
  if (!output.ok()) return Annotate(output.status(), network);
  return output;
}

}  // namespace nomograph::ocr
