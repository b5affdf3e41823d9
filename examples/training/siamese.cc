// A Siamese network: one encoder looks at two inputs, and a loss of one's own draws what belongs
// together close and pushes the rest apart (R. Hadsell, S. Chopra and Y. LeCun, CVPR 2006).
#include <cmath>
#include <iostream>

#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

namespace nomograph {
namespace {

constexpr int64_t kPairs = 1024;

// Points of three rings; pairs belong together, 1, where both are of one ring.
struct Pairs {
  Tensor left{DType::kFloat32, {kPairs, 2}}, right{DType::kFloat32, {kPairs, 2}};
  Tensor same{DType::kFloat32, {kPairs, 1}};
};
Pairs MakePairs(double offset) {
  Pairs pairs;
  for (int64_t i = 0; i < kPairs; ++i) {
    const int64_t ring[] = {i % 3, i % 2 == 0 ? i % 3 : (i + 1 + i / 2 % 2) % 3};
    for (int64_t side : {0, 1}) {
      const double angle = 2.39996 * (i + offset) * (1 + 0.7 * side), radius = 0.4 + ring[side];
      float* const point =
          (side == 0 ? pairs.left : pairs.right).mutable_data<float>().data() + 2 * i;
      point[0] = static_cast<float>(radius * std::cos(angle));
      point[1] = static_cast<float>(radius * std::sin(angle));
    }
    pairs.same.mutable_data<float>()[i] = ring[0] == ring[1];
  }
  return pairs;
}

// Of [batch, 1] distances. Pairs that do not belong together cost nothing from a distance of 1 on.
Loss Contrastive() {
  return {.name = "contrastive", .function = [](const Value& same, const Value& distance) {
            const Value near = Call("nn.Relu", {1 - distance});
            const Value loss = same * distance * distance + (1 - same) * near * near;
            return Call("math.ReduceMean", {loss},
                        {{"axes", std::vector<int64_t>{-1}}, {"keepdims", false}});
          }};
}

// Calls of one layer share its weights. The little sum keeps the root's slope finite at 0.
absl::StatusOr<Model> BuildSiamese() {
  const Layer encoder = Sequential(
      {Dense(32, {.activation = "relu"}), Dense(32, {.activation = "relu"}), Dense(2)}, "encoder");
  const Value left = Input({2}, {.name = "left"}), right = Input({2}, {.name = "right"});
  const Value distance = Lambda(
      [](Value a, Value b) {
        const Value squares = (a - b) * (a - b);
        return Call(
            "math.Sqrt",
            {Call("math.ReduceSum", {squares}, {{"axes", std::vector<int64_t>{-1}}}) + 1e-6});
      },
      {.name = "distance"})({encoder(left), encoder(right)});
  return BuildModel({left, right}, {distance});
}

absl::Status Run() {
  NOMO_ASSIGN_OR_RETURN(const Model model, BuildSiamese());
  std::cout << model.Summary();
  const auto near_is_same = [](const Value& same, const Value& distance) {
    const Value near = Call("array.Cast", {distance < 0.5}, {{"to", DType::kFloat32}});
    return Call("array.Cast", {near == same}, {{"to", DType::kFloat32}});
  };
  NOMO_ASSIGN_OR_RETURN(
      const auto trainer,
      Trainer::Create(model, {.optimizer = optimizers::Adam({.learning_rate = 0.005}),
                              .loss = Contrastive(),
                              .metrics = {metrics::MeanOf("pairs", near_is_same)}}));
  const auto data = [](const Pairs& pairs) {
    return TrainingData(NamedTensors{{"left", pairs.left}, {"right", pairs.right}},
                        NamedTensors{{"distance", pairs.same}});
  };
  NOMO_RETURN_IF_ERROR(trainer->Fit(data(MakePairs(0)), {.epochs = 30}).status());
  NOMO_ASSIGN_OR_RETURN(const Logs logs, trainer->Evaluate(data(MakePairs(0.37))));
  std::cout << "of new pairs " << logs.at("pairs") << " are told right\n";
  return logs.at("pairs") > 0.95 ? absl::OkStatus() : absl::InternalError("it has not learned");
}

}  // namespace
}  // namespace nomograph

int main() {
  const absl::Status status = nomograph::Run();
  if (!status.ok()) std::cerr << "siamese: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
