#include "nomograph/tools/testing/models.h"

#include <cmath>
#include <string>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/tools/testing/cli.h"

namespace nomograph {
namespace {

TensorType FloatRows(int64_t columns) {
  return {DType::kFloat32, PartialShape{Dim::Symbol("batch"), columns}};
}

void SaveAs(const std::string& name, const absl::StatusOr<Model>& model) {
  const absl::Status saved = Save(model, TempPath(name));
  ASSERT_TRUE(saved.ok()) << name << ": " << saved;
}

Model Classifier() {
  Model model = *Sequential({Input({16, 16, 1}, {.dtype = DType::kUInt8, .name = "image"}),
                             Lambda("image.Rescale", {{"scale", 1 / 255.0}}, {.name = "rescale"}),
                             Flatten(), Dense(3, {.activation = "softmax", .name = "scores"})},
                            "classifier")
                     .Build();
  Tensor kernel(DType::kFloat32, {256, 3});
  kernel.mutable_data<float>()[1] = std::log(2.0f);
  kernel.mutable_data<float>()[2] = std::log(5.0f);
  EXPECT_TRUE(model.SetWeight("scores/kernel", kernel).ok());
  model.metadata["labels"] = "cat,dog,owl";
  model.doc = "Tells animals apart.";
  Tensor image(DType::kUInt8, {1, 16, 16, 1});
  image.mutable_data<uint8_t>()[0] = 255;
  model.golden_vectors.push_back(
      {.name = "owl",
       .inputs = {{"image", image}},
       .outputs = {{"scores", {Tensor::Of<float>({1, 3}, {0.125f, 0.25f, 0.625f}), 1e-5, 1e-6}}}});
  return model;
}

Model Broken() {
  Model model = Classifier();
  model.golden_vectors[0].outputs["scores"].expected =
      Tensor::Of<float>({1, 3}, {0.125f, 0.625f, 0.25f});
  return model;
}

absl::StatusOr<Model> Affine() {
  return Sequential({Input({3}, {.name = "x"}),
                     Lambda([](Value x) { return 2 * x + 1; }, {.name = "affine"})},
                    "affine")
      .Build();
}

absl::StatusOr<Model> Pair() {
  const Value a = InputValue(FloatRows(2), "a"), b = InputValue(FloatRows(2), "b");
  return BuildModel({a, b}, {a + b, a * b}, {.name = "pair", .output_names = {"sum", "product"}});
}

// One index for each of a batch of two, which the input leaves open.
absl::StatusOr<Model> BatchOfTwo() {
  const Value x = InputValue(FloatRows(3), "x");
  const Value indices = Constant(Tensor::Of<int64_t>({2, 1}, {0, 2}));
  const Value y = Call("array.GatherND", {x, indices}, {{"batch_dims", 1}}, {.name = "y"});
  return BuildModel({x}, {y}, {.name = "batch_of_two"});
}

absl::StatusOr<Model> Missing() {
  const Value x = InputValue(FloatRows(2), "x");
  const Value y = Call(
      "acme.Missing", {x}, {{"strength", 3}},
      {.name = "first", .version = 2, .output_types = {FloatRows(2)}, .provider = "//acme:ops"});
  const Value z =
      Call("nn.Sofplus", {y}, {}, {.name = "second", .version = 1, .output_types = {FloatRows(2)}});
  return BuildModel({x}, {z}, {.name = "missing"});
}

// An op of acme's with a body that multiplies.
absl::StatusOr<Model> WithBody(const std::string& op, double factor) {
  const Value x = InputValue(FloatRows(2), "x");
  const std::vector<Value> y = CallTraced(
      [factor](absl::Span<const Value> in) { return std::vector<Value>{in[0] * factor}; }, {x},
      {.name = "y"}, op);
  return BuildModel({x}, {y[0]}, {.name = "with_body"});
}

absl::StatusOr<Model> WithoutBody(const std::string& op, int64_t columns) {
  const Value x = InputValue(FloatRows(2), "x");
  return BuildModel(
      {x}, {Call(op, {x}, {}, {.name = "y", .version = 1, .output_types = {FloatRows(columns)}})},
      {.name = "without_body"});
}

}  // namespace

void SaveTestModels() {
  static const bool saved = [] {
    SaveAs("classifier.nomo", Classifier());
    SaveAs("affine.nomo", Affine());
    SaveAs("pair.nomo", Pair());
    SaveAs("batch_of_two.nomo", BatchOfTwo());
    SaveAs("broken.nomo", Broken());
    SaveAs(
        "random.nomo",
        Sequential({Input({100}, {.name = "x"}), Dropout(0.5, {.name = "y"})}, "random").Build());
    SaveAs("missing.nomo", Missing());
    SaveAs("tenfold.nomo", WithBody("acme.Tenfold", 10));
    SaveAs("twofold.nomo", WithBody("acme.Twofold", 2));
    SaveAs("ring.nomo", WithoutBody("acme.Ring", 2));
    SaveAs("wide.nomo", WithoutBody("acme.Tenfold", 4));
    return true;
  }();
  EXPECT_TRUE(saved);
}

}  // namespace nomograph
