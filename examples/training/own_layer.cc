// A layer of one's own, with weights that are trained and a variable that training moves on: it
// scales its input by a running mean of squares.
#include <cmath>
#include <iostream>

#include "nomograph/core/build/expr.h"
#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

namespace nomograph {
namespace {

// y = scale * x / sqrt(running + 1e-3), where running follows the mean square of each feature, and
// a quadratic term with a weight of its own.
class ScaledSquares : public LayerBase {
 public:
  ScaledSquares() : LayerBase("ScaledSquares") {}

  absl::Status Build(absl::Span<const TensorType> inputs) override {
    const Dim& features = inputs[0].shape.dims().back();
    if (!features.known())
      return absl::InvalidArgumentError("the number of features must be known");
    const Shape shape = {features.size()};
    scale_ = AddWeight({.name = "scale", .shape = shape, .initializer = "ones"});
    square_ = AddWeight({.name = "square", .shape = shape, .initializer = "zeros"});
    running_ = AddVariable("running", Tensor::Full(DType::kFloat32, shape, 1));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    const Value mean_square =
        nomograph::Call("math.ReduceMean", {inputs[0] * inputs[0]},
                        {{"axes", std::vector<int64_t>{0}}, {"keepdims", false}});
    const Value running =
        AssignVariable(running_, 0.9 * ReadVariable(running_) +
                                     0.1 * nomograph::Call("core.StopGradient", {mean_square}));
    const Value x = inputs[0] / nomograph::Call("math.Sqrt", {running + 1e-3});
    return std::vector<Value>{scale_ * x + square_ * x * x};
  }

 private:
  Value scale_, square_;
  std::shared_ptr<const VariableSpec> running_;
};

// y = a² - b, of features whose sizes are far apart.
TrainingData Parabolas() {
  Tensor x(DType::kFloat32, {1024, 2}), y(DType::kFloat32, {1024, 1});
  for (int64_t i = 0; i < 1024; ++i) {
    const double a = std::fmod(0.618034 * i, 2) - 1, b = std::fmod(0.414214 * i, 2) - 1;
    x.mutable_data<float>()[2 * i] = static_cast<float>(30 * a);
    x.mutable_data<float>()[2 * i + 1] = static_cast<float>(0.1 * b);
    y.mutable_data<float>()[i] = static_cast<float>(a * a - b);
  }
  return {x, y};
}

absl::Status Run() {
  NOMO_ASSIGN_OR_RETURN(
      const Model model,
      Sequential({Input({2}), MakeLayer<ScaledSquares>(), Dense(1)}, "parabolas").Build());
  std::cout << model.Summary();
  NOMO_ASSIGN_OR_RETURN(
      const auto trainer,
      Trainer::Create(model, {.optimizer = optimizers::Adam({.learning_rate = 0.02}),
                              .loss = losses::MeanSquaredError()}));
  NOMO_ASSIGN_OR_RETURN(const History history, trainer->Fit(Parabolas(), {.epochs = 20}));
  const auto& loss = history.metrics.at("loss");
  std::cout << "loss " << loss.front() << " -> " << loss.back() << "\n";
  for (const auto& variable : trainer->model().variables)
    std::cout << variable.name << ": " << variable.initial.at<float>(0) << ", "
              << variable.initial.at<float>(1) << "\n";
  return loss.back() < 0.01 ? absl::OkStatus() : absl::InternalError("it has not learned");
}

}  // namespace
}  // namespace nomograph

int main() {
  const absl::Status status = nomograph::Run();
  if (!status.ok()) std::cerr << "own_layer: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
