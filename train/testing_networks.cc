#include "nomograph/train/testing_networks.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/data/npz.h"

namespace nomograph {
namespace {

absl::StatusOr<Model> Mlp() {
  return Sequential({Input({6}), Dense(16, {.activation = "tanh"}),
                     Dense(16, {.activation = "relu"}), Dense(3)})
      .Build();
}

absl::StatusOr<Model> Cnn() {
  return Sequential({Input({8, 8, 2}), Conv2D(6, {3, 3}, {.padding = "same", .use_bias = false}),
                     BatchNormalization({.momentum = 0.9}), Activation("relu"), MaxPooling2D(),
                     Conv2D(8, {3, 3}, {.activation = "relu"}), GlobalAveragePooling2D(), Dense(3)})
      .Build();
}

absl::StatusOr<Model> Lstm() { return Sequential({Input({7, 4}), LSTM(8), Dense(3)}).Build(); }

absl::StatusOr<Model> Transformer() {
  const Value input = Input({5, 4});
  Value x = Dense(8)(input);
  x = LayerNormalization()(x + MultiHeadAttention(2, 4)({x, x}));
  const Value y = Dense(8)(Dense(16, {.activation = "gelu"})(x));
  x = LayerNormalization()(x + y);
  return BuildModel({input}, {Dense(3)(GlobalAveragePooling1D()(x))});
}

const NamedTensors& Golden(const std::string& file) {
  static auto* const files = new std::map<std::string, NamedTensors>;
  const auto [place, is_new] = files->try_emplace(file);
  if (is_new) {
    auto read = ReadNpz(absl::StrCat("train/testdata/", file));
    NOMO_CHECK(read.ok());
    place->second = *std::move(read);
  }
  return place->second;
}

}  // namespace

std::vector<TestNetwork> TestNetworks() {
  return {{"mlp", Mlp}, {"cnn", Cnn}, {"lstm", Lstm}, {"transformer", Transformer}};
}

NamedTensors GoldenBelow(const std::string& file, const std::string& prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : Golden(file)) {
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  }
  return found;
}

absl::StatusOr<Model> WithWeights(const TestNetwork& network, const NamedTensors& weights) {
  NOMO_ASSIGN_OR_RETURN(Model model, network.build());
  if (weights.size() != model.graph.weights.size())
    return InvalidArgument("expected ", model.graph.weights.size(), " weights, found ",
                           weights.size());
  for (const auto& [name, tensor] : weights) NOMO_RETURN_IF_ERROR(model.SetWeight(name, tensor));
  return model;
}

absl::StatusOr<std::unique_ptr<Trainer>> TrainerOf(const Model& model, const Optimizer& optimizer,
                                                   TrainerOptions options) {
  return Trainer::Create(model,
                         {.optimizer = optimizer,
                          .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
                          .metrics = {metrics::Accuracy()}},
                         std::move(options));
}

absl::StatusOr<std::vector<double>> TrainSteps(const TestNetwork& network, Trainer& trainer) {
  const std::string prefix = absl::StrCat(network.name, "/");
  const Tensor x = Golden("curves.npz").at(prefix + "x"), y = Golden("curves.npz").at(prefix + "y");
  std::vector<double> losses;
  for (int64_t step = 0; step < 100; ++step) {
    const int64_t b = step % x.shape()[0];
    NOMO_ASSIGN_OR_RETURN(const Logs logs, trainer.TrainOnBatch({Slice(x, b), Slice(y, b)}));
    losses.push_back(logs.at("loss"));
  }
  return losses;
}

Tensor Slice(const Tensor& x, int64_t i) {
  const auto rest = x.shape().dims().subspan(1);
  return x.Rows(i, i + 1).Reshaped(Shape(std::vector<int64_t>(rest.begin(), rest.end())));
}

}  // namespace nomograph
