// Fine-tuning: a network from a file gets a new head, which is trained first, while the network
// keeps its weights; then all of it is trained, in small steps.
//
//   fine_tune [MODEL.onnx|MODEL.keras|MODEL.h5|MODEL.nomo]
//
// Without a file it writes an ONNX one itself: a small network that tells lying from standing
// stripes. The new task is to tell four directions of them.
#include <cmath>
#include <iostream>
#include <numbers>
#include <random>

#include "nomograph/nomograph.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/train/train.h"

namespace nomograph {
namespace {

// Noisy stripes of every wavelength and place, whose direction is the class.
TrainingData Stripes(const Shape& image, int64_t count, int64_t directions, uint32_t seed) {
  std::mt19937 random(seed);
  const auto uniform = [&] { return random() * 0x1p-32; };
  Tensor x(DType::kFloat32, {count, image[0], image[1], image[2]}), y(DType::kInt64, {count});
  float* pixel = x.mutable_data<float>().data();
  for (int64_t i = 0; i < count; ++i) {
    y.mutable_data<int64_t>()[i] = i % directions;
    const double angle = std::numbers::pi * (i % directions) / directions;
    const double phase = 6.28 * uniform(), pitch = 1 + 0.8 * uniform();
    for (int64_t row = 0; row < image[0]; ++row)
      for (int64_t column = 0; column < image[1]; ++column)
        for (int64_t channel = 0; channel < image[2]; ++channel)
          *pixel++ = static_cast<float>(
              std::sin(phase + pitch * (row * std::cos(angle) + column * std::sin(angle))) +
              uniform() - 0.5);
  }
  return {x, y};
}

TrainingGoals Goals(double learning_rate) {
  return {.optimizer = optimizers::Adam({.learning_rate = learning_rate}),
          .loss = losses::SparseCategoricalCrossentropy(),
          .metrics = {metrics::Accuracy()}};
}

// Trained on two directions and saved as ONNX, without its head.
absl::Status WriteBackbone(const std::string& path) {
  const Input image({16, 16, 1}, {.name = "image"});
  const Value features =
      GlobalAveragePooling2D()(MaxPooling2D()(Conv2D(8, {3, 3}, {.activation = "relu"})(image)));
  NOMO_ASSIGN_OR_RETURN(const Model model,
                        BuildModel({image}, {Dense(2, {.activation = "softmax"})(features)}));
  NOMO_ASSIGN_OR_RETURN(const auto trainer, Trainer::Create(model, Goals(0.01)));
  NOMO_RETURN_IF_ERROR(trainer->Fit(Stripes({16, 16, 1}, 512, 2, 1), {.epochs = 5}).status());
  NOMO_ASSIGN_OR_RETURN(Model backbone, BuildModel({image}, {features}));
  for (const Weight& weight : backbone.graph.weights) {
    const std::string& name = backbone.graph.values[weight.value].name;
    NOMO_ASSIGN_OR_RETURN(const Tensor trained, trainer->model().GetWeight(name));
    NOMO_RETURN_IF_ERROR(backbone.SetWeight(name, trained));
  }
  return onnx::Export(backbone, path);
}

absl::Status Run(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const Model backbone, Open(path));
  const TensorType& type = backbone.graph.values[backbone.graph.inputs[0]].type;
  if (type.shape.rank() != 4) return absl::InvalidArgumentError(path + " takes no images");
  const Input image({type.shape[1], type.shape[2], type.shape[3]}, {.name = "image"});
  const Value features = Flatten()(ModelLayer(backbone, {.name = "backbone"})(image));
  NOMO_ASSIGN_OR_RETURN(
      const Model model,
      BuildModel({image}, {Dense(4, {.activation = "softmax", .name = "head"})(features)}));
  const Shape size = {type.shape[1].size(), type.shape[2].size(), type.shape[3].size()};
  const TrainingData train = Stripes(size, 512, 4, 2), test = Stripes(size, 256, 4, 3);

  TrainingGoals head_only = Goals(0.02);
  head_only.frozen = {"backbone"};
  NOMO_ASSIGN_OR_RETURN(const auto first, Trainer::Create(model, head_only));
  NOMO_RETURN_IF_ERROR(first->Fit(train, {.epochs = 10}).status());
  NOMO_ASSIGN_OR_RETURN(const Logs with_head, first->Evaluate(test));

  NOMO_ASSIGN_OR_RETURN(const auto second, Trainer::Create(first->model(), Goals(0.005)));
  NOMO_RETURN_IF_ERROR(second->Fit(train, {.epochs = 15}).status());
  NOMO_ASSIGN_OR_RETURN(const Logs with_all, second->Evaluate(test));
  std::cout << "accuracy on new images: " << with_head.at("accuracy") << " with a new head, "
            << with_all.at("accuracy") << " when all of it is trained\n";

  // The frozen weights are those of the file; the others are not.
  for (const Weight& weight : backbone.graph.weights) {
    const std::string name = "backbone/" + backbone.graph.values[weight.value].name;
    NOMO_ASSIGN_OR_RETURN(const Tensor frozen, first->model().GetWeight(name));
    const Tensor& given = weight.tensor;
    if (given.dtype() == DType::kFloat32 && frozen.data<float>() != given.data<float>())
      return absl::InternalError(name + " was frozen and has changed");
  }
  return with_all.at("accuracy") > 0.9 && with_all.at("loss") < with_head.at("loss")
             ? absl::OkStatus()
             : absl::InternalError("it has not learned");
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  absl::Status status = argc > 1 ? absl::OkStatus() : nomograph::WriteBackbone("backbone.onnx");
  if (status.ok()) status = nomograph::Run(argc > 1 ? argv[1] : "backbone.onnx");
  if (!status.ok()) std::cerr << "fine_tune: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
