// A model that is built, trained, tested and saved.
#include <cmath>
#include <iostream>

#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

using namespace nomograph;

int main() {
  Tensor x(DType::kFloat32, {1024, 2}), y(DType::kFloat32, {1024, 1});  // inside a circle, or not
  for (int64_t i = 0; i < 1024; ++i) {
    const double a = std::fmod(0.618034 * i, 2) - 1, b = std::fmod(0.414214 * i, 2) - 1;
    x.mutable_data<float>()[2 * i] = a, x.mutable_data<float>()[2 * i + 1] = b;
    y.mutable_data<float>()[i] = a * a + b * b < 0.6;
  }
  const auto model = Sequential({Input({2}), Dense(32, {.activation = "relu"}),
                                 Dense(1, {.activation = "sigmoid"})})
                         .Build();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  const auto trainer =
      Trainer::Create(*model, {.optimizer = optimizers::Adam({.learning_rate = 0.02}),
                               .loss = losses::BinaryCrossentropy(),
                               .metrics = {metrics::Accuracy()}});
  if (!trainer.ok()) return std::cerr << trainer.status() << "\n", 1;
  const auto history = (*trainer)->Fit({x, y}, {.epochs = 20, .validation_split = 0.2});
  if (!history.ok()) return std::cerr << history.status() << "\n", 1;
  const double accuracy = history->metrics.at("val_accuracy").back();
  std::cout << "accuracy " << accuracy << "\n";
  const auto saved = Save((*trainer)->model(), "circle.nomo");
  return saved.ok() && accuracy > 0.95 ? 0 : 1;
}
