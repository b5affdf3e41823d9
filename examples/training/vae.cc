// A variational autoencoder (D. Kingma and M. Welling, ICLR 2014): a Lambda draws the latent
// vector, and train.AddLoss brings the divergence of its distribution from the standard normal one.
#include <cmath>
#include <iostream>
#include <numbers>

#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

namespace nomograph {
namespace {

constexpr int64_t kCount = 512, kSamples = 16;

// Sine waves of all phases and of amplitudes from 0.5 to 1.5: two numbers tell each of them.
Tensor Waves() {
  Tensor waves(DType::kFloat32, {kCount, kSamples});
  for (int64_t i = 0; i < kCount; ++i) {
    const double amplitude = 0.5 + std::fmod(0.618034 * i, 1), phase = std::fmod(0.414214 * i, 1);
    for (int64_t j = 0; j < kSamples; ++j)
      waves.mutable_data<float>()[i * kSamples + j] = static_cast<float>(
          amplitude * std::sin(2 * std::numbers::pi * (phase + double(j) / kSamples)));
  }
  return waves;
}

// The draw is a function of mean and variance, and of noise that is none of theirs: so gradients
// reach both.
Value Draw(const Value& mean, const Value& log_variance) {
  return mean + Call("math.Exp", {0.5 * log_variance}) * Call("random.NormalLike", {mean});
}

// KL(N(mean, variance) || N(0, 1)), the mean of the batch.
Value Divergence(const Value& mean, const Value& log_variance) {
  const Value each = 1 + log_variance - mean * mean - Call("math.Exp", {log_variance});
  const Value rows =
      Call("math.ReduceSum", {each}, {{"axes", std::vector<int64_t>{-1}}, {"keepdims", false}});
  return -0.5 * Call("math.ReduceMean", {rows}, {{"keepdims", false}});
}

absl::StatusOr<Model> BuildVae() {
  const Value wave = Input({kSamples}, {.name = "wave"});
  const Value hidden = Dense(32, {.activation = "relu"})(wave);
  const Value mean = Dense(2, {.name = "mean"})(hidden);
  const Value log_variance = Dense(2, {.name = "log_variance"})(hidden);
  const Value z = Call("train.AddLoss", {Lambda(Draw, {.name = "draw"})({mean, log_variance}),
                                         0.01 * Divergence(mean, log_variance)});
  const Value decoded = Dense(kSamples, {.name = "decoded"})(Dense(32, {.activation = "relu"})(z));
  return BuildModel({wave}, {decoded});
}

absl::Status Run() {
  const Tensor waves = Waves();
  NOMO_ASSIGN_OR_RETURN(const Model model, BuildVae());
  NOMO_ASSIGN_OR_RETURN(
      const auto trainer,
      Trainer::Create(model, {.optimizer = optimizers::Adam({.learning_rate = 0.005}),
                              .loss = losses::MeanSquaredError()}));
  NOMO_ASSIGN_OR_RETURN(const History history, trainer->Fit({waves, waves}, {.epochs = 40}));
  const auto& loss = history.metrics.at("loss");
  std::cout << "loss " << loss.front() << " -> " << loss.back() << "\n";

  // The draws, and so the waves, follow from the seed.
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(trainer->model()));
  NOMO_ASSIGN_OR_RETURN(const Tensor first, session->Run(waves, {.seed = 1}));
  NOMO_ASSIGN_OR_RETURN(const Tensor again, session->Run(waves, {.seed = 1}));
  NOMO_ASSIGN_OR_RETURN(const Tensor other, session->Run(waves, {.seed = 2}));
  int64_t finite = 0, same = 0, different = 0;
  for (int64_t i = 0; i < first.num_elements(); ++i) {
    finite += std::isfinite(first.data<float>()[i]);
    same += first.data<float>()[i] == again.data<float>()[i];
    different += first.data<float>()[i] != other.data<float>()[i];
  }
  std::cout << "of " << first.num_elements() << " samples " << finite << " are finite, " << same
            << " equal with the same seed, " << different << " differ with another\n";
  if (loss.back() > 0.5 * loss.front() || finite != first.num_elements() || same != finite ||
      different < finite / 2)
    return absl::InternalError("it has not learned, or does not draw by the seed");
  return absl::OkStatus();
}

}  // namespace
}  // namespace nomograph

int main() {
  const absl::Status status = nomograph::Run();
  if (!status.ok()) std::cerr << "vae: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
