// Builds the classifier that train.cc has trained, embeds golden vectors and saves one file.
//
//   build_model WEIGHTS.npz EXPECTED.npz IMAGES.idx3-ubyte.gz MODEL.nomo
#include <iostream>

#include "nomograph/data/idx.h"
#include "nomograph/data/npz.h"
#include "nomograph/nomograph.h"

namespace nomograph {
namespace {

// How far float32 results may be from those in double precision.
constexpr double kTolerance = 1e-5;
constexpr int64_t kGoldenImages = 8;

absl::StatusOr<Model> BuildClassifier() {
  return Sequential({Input({28, 28, 1}, {.dtype = DType::kUInt8, .name = "image"}),
                     Lambda("image.Rescale", {{"scale", 1 / 255.0}}),
                     Conv2D(16, {3, 3}, {.padding = "same", .activation = "relu"}), MaxPooling2D(),
                     Conv2D(32, {3, 3}, {.padding = "same", .activation = "relu"}), MaxPooling2D(),
                     Flatten(), Dense(64, {.activation = "relu"}),
                     Dense(10, {.activation = "softmax", .name = "probabilities"})},
                    "fashion_mnist")
      .Build();
}

absl::Status Run(const std::string& weights_path, const std::string& expected_path,
                 const std::string& images_path, const std::string& model_path) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildClassifier());
  NOMO_ASSIGN_OR_RETURN(const NamedTensors weights, ReadNpz(weights_path));
  for (const auto& [name, tensor] : weights) NOMO_RETURN_IF_ERROR(model.SetWeight(name, tensor));

  // The golden vectors are predict.py's, which shares no code with this, so that `nomo verify`
  // proves the whole way.
  NOMO_ASSIGN_OR_RETURN(NamedTensors expected, ReadNpz(expected_path));
  NOMO_ASSIGN_OR_RETURN(const Tensor images, ReadIdx(images_path));
  model.golden_vectors.push_back(
      {.name = "test images 0 to 7",
       .inputs = {{"image", images.Rows(0, kGoldenImages).Reshaped({kGoldenImages, 28, 28, 1})}},
       .outputs = {{"probabilities",
                    {expected["predictions"].Rows(0, kGoldenImages), kTolerance, kTolerance}}}});
  model.doc =
      "Fashion-MNIST classifier: uint8 images [batch,28,28,1] to probabilities of ten classes.";
  model.metadata["labels"] =
      "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot";
  NOMO_RETURN_IF_ERROR(Save(model, model_path));
  std::cout << model.Summary() << "saved " << model_path << "\n";
  return absl::OkStatus();
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: build_model WEIGHTS.npz EXPECTED.npz IMAGES.idx3-ubyte.gz MODEL.nomo\n";
    return 2;
  }
  const absl::Status status = nomograph::Run(argv[1], argv[2], argv[3], argv[4]);
  if (!status.ok()) std::cerr << "build_model: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
