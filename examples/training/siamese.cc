// A Siamese network: two inputs go through the same layers, and a loss of one's own pulls pairs of
// one kind together and pushes others apart (R. Hadsell et al., 2006).
#include <cmath>
#include <iostream>

#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

using namespace nomograph;

// Point i is of one of three kinds, around corners of a triangle.
void SetPoint(int64_t i, int64_t kind, float* point) {
  const double angle = 2.1 * static_cast<double>(kind),
               wobble = 0.25 * std::sin(3.7 * static_cast<double>(i));
  point[0] = static_cast<float>(std::cos(angle) + wobble);
  point[1] = static_cast<float>(std::sin(angle) - wobble);
}

int main() {
  constexpr int64_t kPairs = 600;
  Tensor a(DType::kFloat32, {kPairs, 2}), b(DType::kFloat32, {kPairs, 2}),
      same(DType::kFloat32, {kPairs, 1});
  for (int64_t i = 0; i < kPairs; ++i) {
    const int64_t kind_a = i % 3, kind_b = i % 2 == 0 ? kind_a : (i / 3) % 3;
    SetPoint(i, kind_a, a.mutable_data<float>().data() + 2 * i);
    SetPoint(2 * i + 1, kind_b, b.mutable_data<float>().data() + 2 * i);
    same.mutable_data<float>()[i] = kind_a == kind_b;
  }

  const Value left = Input({2}, {.name = "left"}), right = Input({2}, {.name = "right"});
  const Layer embed = Sequential({Dense(16, {.activation = "relu"}), Dense(2)}, "embed");
  const Value difference = embed(left) - embed(right);  // one set of weights
  const Value squares =
      Call("math.ReduceSum", {difference * difference}, {{"axes", std::vector<int64_t>{-1}}});
  const Value distance = Call("math.Sqrt", {squares + 1e-6});
  const auto model =
      BuildModel({left, right}, {distance}, {.name = "siamese", .output_names = {"distance"}});
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;

  const Loss contrastive = {
      .name = "contrastive", .function = [](const Value& same, const Value& distance) {
        const Value missing = Call("nn.Relu", {1 - distance});  // of the margin
        return Call("math.ReduceMean",
                    {same * distance * distance + (1 - same) * missing * missing},
                    {{"axes", std::vector<int64_t>{-1}}, {"keepdims", false}});
      }};
  const auto trainer = Trainer::Create(
      *model, {.optimizer = optimizers::Adam({.learning_rate = 0.01}), .loss = contrastive});
  if (!trainer.ok()) return std::cerr << trainer.status() << "\n", 1;
  const NamedTensors inputs = {{"left", a}, {"right", b}};
  const auto history = (*trainer)->Fit({inputs, {{"distance", same}}}, {.epochs = 25});
  if (!history.ok()) return std::cerr << history.status() << "\n", 1;

  const auto distances = (*trainer)->Predict(inputs);
  if (!distances.ok()) return std::cerr << distances.status() << "\n", 1;
  int64_t right_ones = 0;
  for (int64_t i = 0; i < kPairs; ++i)
    right_ones += (distances->at("distance").AsDouble(i) < 0.5) == (same.AsDouble(i) == 1);
  std::cout << right_ones << " of " << kPairs << " pairs are told apart\n";
  return right_ones > 0.95 * kPairs ? 0 : 1;
}
