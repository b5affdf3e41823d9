// A variational autoencoder: a Lambda draws the code, and a loss of its own keeps the codes near
// the standard normal distribution (D. Kingma and M. Welling, 2013).
#include <cmath>
#include <iostream>

#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

using namespace nomograph;

// Curves of 16 points, each a sine of some phase.
Tensor Curves(int64_t rows) {
  Tensor x(DType::kFloat32, {rows, 16});
  for (int64_t i = 0; i < x.num_elements(); ++i)
    x.mutable_data<float>()[i] = std::sin(0.4f * static_cast<float>(i % 16 + 5 * (i / 16 % 7)));
  return x;
}

absl::StatusOr<Model> BuildVae() {
  const Value x = Input({16}, {.name = "curve"});
  const Value hidden = Dense(32, {.activation = "tanh"})(x);
  const Value mean = Dense(2, {.name = "mean"})(hidden);
  const Value log_variance = Dense(2, {.name = "log_variance"})(hidden);
  // The draw is keyed by seed, node and step: equal seeds train equal models.
  Value code = Lambda(
      [](Value mean, Value log_variance) {
        const Value noise = Call("random.NormalLike", {mean});
        return mean + Call("math.Exp", {log_variance * 0.5}) * noise;
      },
      {.name = "sample"})({mean, log_variance});
  const Value divergence =
      (Call("math.Exp", {log_variance}) + mean * mean - 1 - log_variance) * 0.5;
  const Value per_batch = Call("math.ReduceMean", {divergence}, {{"keepdims", false}});
  code = Call("train.AddLoss", {code, per_batch * 0.01});
  const Value decoded = Dense(32, {.activation = "tanh"})(code);
  const Value y = Dense(16, {.name = "decoded"})(decoded);
  return BuildModel({x}, {y}, {.name = "vae"});
}

int main() {
  const auto model = BuildVae();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  const auto trainer = Trainer::Create(
      *model,
      {.optimizer = optimizers::Adam({.learning_rate = 0.01}), .loss = losses::MeanSquaredError()});
  if (!trainer.ok()) return std::cerr << trainer.status() << "\n", 1;
  const Tensor x = Curves(512);
  const auto history = (*trainer)->Fit({x, x}, {.epochs = 30});
  if (!history.ok()) return std::cerr << history.status() << "\n", 1;
  const std::vector<double>& loss = history->metrics.at("loss");
  std::cout << "loss " << loss.front() << " at first, " << loss.back() << " at last\n";
  const auto saved = Save((*trainer)->model(), "vae.nomo");
  return saved.ok() && loss.back() < 0.3 * loss.front() ? 0 : 1;
}
