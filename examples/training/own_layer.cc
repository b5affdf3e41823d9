// A layer of one's own, with a weight that learns and a state that runs change: inputs are divided
// by the running mean of their size, then scaled.
#include <cmath>
#include <iostream>

#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

using namespace nomograph;

class RunningScale : public LayerBase {
 public:
  RunningScale() : LayerBase("RunningScale") {}

  absl::Status Build(absl::Span<const TensorType> inputs) override {
    const PartialShape& x = inputs[0].shape;
    gain_ = AddWeight({.name = "gain", .shape = {x[x.rank() - 1].size()}, .initializer = Ones()});
    size_ = AddVariable("size", Tensor::Scalar<float>(1));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    const Value& x = inputs[0];
    const Value now = nomograph::Call("math.ReduceMean", {nomograph::Call("math.Abs", {x})},
                                      {{"keepdims", false}});
    // What it is after this run; statistics are not learned.
    const Value size = AssignVariable(size_, ReadVariable(size_) * 0.9 + now * 0.1);
    return std::vector<Value>{x / nomograph::Call("core.StopGradient", {size}) * gain_};
  }

 private:
  Value gain_;
  std::shared_ptr<const VariableSpec> size_;
};

int main() {
  constexpr int64_t kRows = 512;
  Tensor x(DType::kFloat32, {kRows, 2}), y(DType::kFloat32, {kRows, 1});
  for (int64_t i = 0; i < kRows; ++i) {  // large numbers, of which only the first counts
    const double a = 100 * std::sin(1.3 * static_cast<double>(i)),
                 b = 100 * std::cos(0.7 * static_cast<double>(i));
    x.mutable_data<float>()[2 * i] = static_cast<float>(a);
    x.mutable_data<float>()[2 * i + 1] = static_cast<float>(b);
    y.mutable_data<float>()[i] = static_cast<float>(a / 50);
  }
  const auto model =
      Sequential({Input({2}), MakeLayer<RunningScale>(), Dense(1)}, "own_layer").Build();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  const auto trainer = Trainer::Create(
      *model,
      {.optimizer = optimizers::Adam({.learning_rate = 0.02}), .loss = losses::MeanSquaredError()});
  if (!trainer.ok()) return std::cerr << trainer.status() << "\n", 1;
  const auto history = (*trainer)->Fit({x, y}, {.epochs = 30});
  if (!history.ok()) return std::cerr << history.status() << "\n", 1;
  const Model& trained = (*trainer)->model();
  const auto gain = trained.GetWeight("running_scale/gain");
  if (!gain.ok()) return std::cerr << gain.status() << "\n", 1;
  const double size = trained.variables[0].initial.AsDouble(0);
  std::cout << "size " << size << ", gain " << gain->ToString() << ", loss "
            << history->metrics.at("loss").back() << "\n";
  return history->metrics.at("loss").back() < 0.05 && std::abs(size - 64) < 10 ? 0 : 1;
}
