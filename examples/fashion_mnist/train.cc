// Trains the classifier that build_model.cc saves, from random weights, and writes them to
// weights.npz. After it predict.py writes what the classifier should say of the test images.
//
//   train [--epochs=28] [--images=60000] [--data=/usr/share/datasets/fashion-mnist] [--out=.]
#include "nomograph/train/train.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/data/idx.h"
#include "nomograph/data/npz.h"
#include "nomograph/nomograph.h"

namespace nomograph {
namespace {

constexpr int64_t kBatch = 128;

using Flags = std::map<std::string, std::string>;

// Lambdas augment the images: each is mirrored or not, and moved by up to a pixel either way. They
// and dropout hand on their input when the model predicts, so the weights are those of the network
// without them.
absl::StatusOr<Model> BuildForTraining() {
  const std::vector<double> pixel = {-1.0 / 28, 1.0 / 28};
  return Sequential({Input({28, 28, 1}, {.dtype = DType::kUInt8, .name = "image"}),
                     Lambda("image.Rescale", {{"scale", 1 / 255.0}}),
                     Lambda("image.RandomFlip", {{"mode", "horizontal"}}),
                     Lambda("image.RandomTranslation", {{"height_factor", pixel},
                                                        {"width_factor", pixel},
                                                        {"fill_mode", "constant"},
                                                        {"interpolation", "nearest"}}),
                     Conv2D(16, {3, 3}, {.padding = "same", .activation = "relu"}), MaxPooling2D(),
                     Conv2D(32, {3, 3}, {.padding = "same", .activation = "relu"}), MaxPooling2D(),
                     Flatten(), Dropout(0.1), Dense(64, {.activation = "relu"}), Dropout(0.1),
                     Dense(10, {.activation = "softmax", .name = "probabilities"})},
                    "fashion_mnist")
      .Build(/*seed=*/1);
}

struct Part {
  Tensor images, labels;
};
absl::StatusOr<Part> ReadPart(const std::string& path, int64_t most) {
  NOMO_ASSIGN_OR_RETURN(Tensor images, ReadIdx(absl::StrCat(path, "-images-idx3-ubyte.gz")));
  NOMO_ASSIGN_OR_RETURN(Tensor labels, ReadIdx(absl::StrCat(path, "-labels-idx1-ubyte.gz")));
  const int64_t count = std::min(images.shape()[0], most);
  return Part{images.Rows(0, count).Reshaped({count, 28, 28, 1}), labels.Rows(0, count)};
}

absl::Status Run(Flags flags) {
  int64_t epochs = 0, images = 0;
  if (!absl::SimpleAtoi(flags["epochs"], &epochs) || epochs < 1 ||
      !absl::SimpleAtoi(flags["images"], &images) || images < 1)
    return absl::InvalidArgumentError("--epochs and --images are numbers from 1 on");
  NOMO_ASSIGN_OR_RETURN(const Part train, ReadPart(absl::StrCat(flags["data"], "/train"), images));
  NOMO_ASSIGN_OR_RETURN(const Part test, ReadPart(absl::StrCat(flags["data"], "/t10k"), images));

  // Up in the first tenth of the steps, then down to nothing along a cosine.
  const int64_t steps = epochs * ((train.images.shape()[0] + kBatch - 1) / kBatch);
  const LearningRate rate = schedules::CosineDecay({.initial_learning_rate = 4e-4,
                                                    .decay_steps = steps - steps / 10,
                                                    .warmup_target = 4e-3,
                                                    .warmup_steps = steps / 10});
  if (!std::filesystem::is_directory(flags["out"]))
    return InvalidArgument("--out: there is no folder ", flags["out"]);
  NOMO_ASSIGN_OR_RETURN(const Model model, BuildForTraining());
  NOMO_ASSIGN_OR_RETURN(
      const auto trainer,
      Trainer::Create(model, {.optimizer = optimizers::AdamW({.learning_rate = rate}),
                              .loss = losses::SparseCategoricalCrossentropy(),
                              .metrics = {metrics::Accuracy()}}));
  NOMO_RETURN_IF_ERROR(
      trainer->Fit({train.images, train.labels}, {.epochs = epochs, .batch_size = kBatch})
          .status());

  // The test images are used once, here.
  NOMO_ASSIGN_OR_RETURN(const Logs logs,
                        trainer->Evaluate({test.images, test.labels}, {.batch_size = 1000}));
  std::cout << "test accuracy " << logs.at("accuracy") << "\n";
  NamedTensors weights;
  const Graph& graph = trainer->model().graph;
  for (const Weight& weight : graph.weights)
    weights[graph.values[weight.value].name] = weight.tensor;
  return WriteNpz(absl::StrCat(flags["out"], "/weights.npz"), weights);
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  nomograph::Flags flags = {{"epochs", "28"},
                            {"images", "60000"},
                            {"data", "/usr/share/datasets/fashion-mnist"},
                            {"out", "."}};
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    bool known = false;
    for (auto& [name, value] : flags) {
      if (!known && absl::ConsumePrefix(&argument, absl::StrCat("--", name, "="))) {
        value.assign(argument.data(), argument.size());
        known = true;
      }
    }
    if (!known) {
      std::cerr << "usage: train [--epochs=N] [--images=N] [--data=FOLDER] [--out=FOLDER]\n";
      return 2;
    }
  }
  const absl::Status status = nomograph::Run(flags);
  if (!status.ok()) std::cerr << "train: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
