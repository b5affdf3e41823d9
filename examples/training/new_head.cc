// Fine-tuning: a model of another format gets a new head, which is trained while the rest is
// frozen; then all of it is trained, with smaller steps.
//
//   new_head MODEL    an ONNX or a Keras model with one input of images or vectors
#include <cmath>
#include <iostream>

#include "nomograph/core/build/reopen.h"
#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

using namespace nomograph;

// Rows of the model's input, of two kinds that differ in how fast they waver.
TrainingData Samples(const TensorType& input, int64_t rows) {
  std::vector<int64_t> dims = {rows};
  for (int axis = 1; axis < input.shape.rank(); ++axis) dims.push_back(input.shape[axis].size());
  Tensor x(DType::kFloat32, Shape(dims)), y(DType::kInt64, {rows});
  const int64_t width = x.num_elements() / rows;
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    const int64_t row = i / width;
    y.mutable_data<int64_t>()[row] = row % 2;
    x.mutable_data<float>()[i] = static_cast<float>(
        std::sin((row % 2 == 0 ? 0.2 : 0.9) * static_cast<double>(i % width + row)));
  }
  return TrainingData(x, y);
}

absl::StatusOr<Model> WithNewHead(const Model& base) {
  NOMO_ASSIGN_OR_RETURN(const ReopenedModel opened, Reopen(base));
  Value features = opened.outputs[0];
  if (features.shape().rank() > 2) features = Flatten()(features);
  return BuildModel(opened.inputs, {Dense(2, {.name = "head"})(features)}, {.name = "new_head"});
}

// Trains some epochs; the accuracy that is reached.
absl::StatusOr<double> Train(Model& model, std::vector<std::string> frozen, double rate,
                             const TrainingData& data) {
  NOMO_ASSIGN_OR_RETURN(
      const auto trainer,
      Trainer::Create(model, {.optimizer = optimizers::Adam({.learning_rate = rate}),
                              .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
                              .metrics = {metrics::Accuracy()},
                              .frozen = std::move(frozen)}));
  NOMO_ASSIGN_OR_RETURN(const History history, trainer->Fit(data, {.epochs = 8}));
  model = trainer->model();
  return history.metrics.at("accuracy").back();
}

absl::Status Run(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const Model base, Open(path));
  NOMO_ASSIGN_OR_RETURN(Model model, WithNewHead(base));
  const TrainingData data = Samples(base.graph.value(base.graph.inputs[0]).type, 128);
  std::vector<std::string> frozen;
  for (const Weight& weight : base.graph.weights)
    frozen.push_back(base.graph.value(weight.value).name);
  NOMO_ASSIGN_OR_RETURN(const double head, Train(model, frozen, 0.01, data));
  NOMO_ASSIGN_OR_RETURN(const double whole, Train(model, {}, 0.001, data));
  std::cout << "accuracy " << head << " with a new head, " << whole << " when all was trained\n";
  if (whole < 0.9) return InvalidArgument("expected an accuracy of 0.9, found ", whole);
  return Save(model, "new_head.nomo");
}

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: new_head MODEL\n", 2;
  const absl::Status status = Run(argv[1]);
  if (!status.ok()) std::cerr << "new_head: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
