#include "nomograph/examples/ocr/pixel_model.h"

#include <utility>

#include "absl/strings/match.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/import.h"

namespace nomograph::ocr {
namespace {

absl::StatusOr<Model> OpenModel(const std::string& path) {
  return absl::EndsWith(path, ".onnx") ? onnx::Import(path) : Load(path);
}

absl::StatusOr<std::unique_ptr<Session>> MakeSession(Model model,
                                                     const Normalization& normalization) {
  NOMO_RETURN_IF_ERROR(TakePixels(normalization, model));
  return Session::Create(std::move(model));
}

}  // namespace

absl::Status TakePixels(const Normalization& normalization, Model& model) {
  Graph& graph = model.graph;
  const PartialShape image = {Dim(), 3, Dim(), Dim()};
  if (graph.inputs.size() != 1) {
    return InvalidArgument("expected a model with one input, found ", graph.inputs.size());
  }
  const ValueId network_input = graph.inputs[0];
  const TensorType type = graph.value(network_input).type;
  if (type.dtype != DType::kFloat32 || !Compatible(type.shape, image)) {
    return InvalidArgument("expected an input float32[batch,3,height,width], found ",
                           type.ToString());
  }

  const ValueId pixels = graph.AddValue("pixels", type);
  const ValueId reversed = graph.AddValue("pixels_bgr", type);
  const Node reverse = {.name = "reverse_channels",
                        .op = "array.Reverse",
                        .attrs = {{"axes", std::vector<int64_t>{1}}},
                        .inputs = {pixels},
                        .outputs = {reversed}};
  // What was the input is now this node's output.
  const Node normalize = {.name = "normalize",
                          .op = "image.Normalize",
                          .attrs = {{"mean", normalization.mean},
                                    {"std", normalization.deviation},
                                    {"scale", 1 / 255.0},
                                    {"data_format", "channels_first"}},
                          .inputs = {reversed},
                          .outputs = {network_input}};
  graph.nodes.insert(graph.nodes.begin(), {reverse, normalize});
  graph.inputs[0] = pixels;
  model.golden_vectors.clear();  // they were the network's
  return VerifyModel(model);
}

absl::StatusOr<std::unique_ptr<Session>> OpenPixelModel(const std::string& path,
                                                        const Normalization& normalization) {
  NOMO_ASSIGN_OR_RETURN(Model model, OpenModel(path));
  auto session = MakeSession(std::move(model), normalization);
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
