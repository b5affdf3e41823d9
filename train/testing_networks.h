// Four small networks, with the data and weights with which PyTorch trained them:
// testdata/make_curves.py.
#ifndef NOMOGRAPH_TRAIN_TESTING_NETWORKS_H_
#define NOMOGRAPH_TRAIN_TESTING_NETWORKS_H_

#include <string>
#include <vector>

#include "nomograph/core/graph/model.h"
#include "nomograph/train/trainer.h"

namespace nomograph {

struct TestNetwork {
  const char* name;
  absl::StatusOr<Model> (*build)();
};

// A perceptron, a convolutional network with batch normalisation, an LSTM and a transformer.
std::vector<TestNetwork> TestNetworks();

// What a file beside make_curves.py has below `prefix`, by the rest of the name.
NamedTensors GoldenBelow(const std::string& file, const std::string& prefix);

// The network with these weights, all of which it must have.
absl::StatusOr<Model> WithWeights(const TestNetwork& network, const NamedTensors& weights);

// A trainer of it that minimises the cross-entropy of logits.
absl::StatusOr<std::unique_ptr<Trainer>> TrainerOf(const Model& model, const Optimizer& optimizer,
                                                   TrainerOptions options = {});

// The losses of a hundred steps on the network's batches.
absl::StatusOr<std::vector<double>> TrainSteps(const TestNetwork& network, Trainer& trainer);

// Element `i` of the first axis.
Tensor Slice(const Tensor& x, int64_t i);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_TESTING_NETWORKS_H_
