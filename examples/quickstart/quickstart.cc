// A model that is built, saved, loaded and asked.
#include <iostream>

#include "nomograph/nomograph.h"

using namespace nomograph;

int main() {
  const Sequential layers({Input({4}), Lambda([](Value x) {
                             return x / 255.0;
                           }),  // traced: saved as data, never as code
                           Dense(8, {.activation = "relu"}),
                           Lambda("nn.Softplus"),  // named: any machine knows what it means
                           Dense(3, {.activation = "softmax"})});
  if (auto status = Save(layers.Build(), "model.nomo"); !status.ok())
    return std::cerr << status << "\n", 1;

  const auto model = Load("model.nomo");
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  std::cout << model->Summary()
            << model->Predict(Tensor::Of<float>({1, 4}, {0, 64, 128, 255}))->ToString() << "\n";
}
