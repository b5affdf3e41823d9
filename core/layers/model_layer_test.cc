// Models as layers of others: what they compute, and what stays of them.
#include "nomograph/core/layers/model_layer.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Model Must(absl::StatusOr<Model> model) {
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : Model();
}

// y = relu(x W + b) with W = [[1, -1], [2, 3]], b = [10, 0].
Model Network() {
  Model model =
      Must(Sequential({Input({2}), Dense(2, {.activation = "relu", .name = "top"})}).Build());
  EXPECT_TRUE(model.SetWeight("top/kernel", Tensor::Of<float>({2, 2}, {1, -1, 2, 3})).ok());
  EXPECT_TRUE(model.SetWeight("top/bias", Tensor::Of<float>({2}, {10, 0})).ok());
  return model;
}

std::vector<std::string> WeightNames(const Model& model) {
  std::vector<std::string> names;
  for (const Weight& weight : model.graph.weights)
    names.push_back(model.graph.value(weight.value).name);
  return names;
}

TEST(ModelLayer, StandsBetweenOtherLayers) {
  const Model model = Must(
      Sequential({Input({2}, {.dtype = DType::kUInt8}), Lambda("image.Rescale", {{"scale", 0.5}}),
                  ModelLayer(Network()), Lambda([](Value x) { return x + 1; })})
          .Build());
  EXPECT_EQ(*model.Predict(Tensor::Of<uint8_t>({1, 2}, {2, 4})),
            Tensor::Of<float>({1, 2}, {16, 6}));
  EXPECT_THAT(WeightNames(model), ElementsAre("model/top/kernel", "model/top/bias"));
  EXPECT_EQ(CountParameters(model.graph).trainable, 6);
  EXPECT_THAT(model.Summary(), HasSubstr(" model (Model)"));
}

TEST(ModelLayer, SharesItsWeightsAmongCalls) {
  const Layer network = ModelLayer(Network(), {.trainable = false, .name = "twice"});
  const Input a({2}, {.name = "a"}), b({2}, {.name = "b"});
  const Model model = Must(BuildModel({a, b}, {network(a) - network(b)}));
  EXPECT_EQ(CountParameters(model.graph).trainable, 0);
  EXPECT_EQ(CountParameters(model.graph).other, 6);
  const auto outputs = model.Predict(
      {{"a", Tensor::Of<float>({1, 2}, {1, 2})}, {"b", Tensor::Of<float>({1, 2}, {0, 1})}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ(outputs->begin()->second, Tensor::Of<float>({1, 2}, {3, 2}));
}

// What a model calls functions for comes along, however deep, under names that are free.
TEST(ModelLayer, BringsItsFunctions) {
  const Value x = Input({1}, {.name = "x"});
  const Value small = Call("math.ReduceMax", {x}, {{"keepdims", false}}) < 10;
  const std::vector<Value> branched = If(
      small, {x},
      [](absl::Span<const Value> in) {
        return CallTraced([](absl::Span<const Value> in) { return std::vector<Value>{in[0] * 2}; },
                          {in[0]});
      },
      [](absl::Span<const Value> in) { return std::vector<Value>{in[0] - 1}; });
  const Model inner = Must(BuildModel({x}, {Lambda([](Value y) { return y + 100; })(branched[0])}));
  const Model outer =
      Must(Sequential({Input({1}), Lambda([](Value y) { return y + 3; }), ModelLayer(inner),
                       ModelLayer(inner), Lambda([](Value y) { return y * 10; })})
               .Build());
  // (1 + 3) * 2 + 100 = 108, and 108 - 1 + 100 = 207.
  EXPECT_EQ(*outer.Predict(Tensor::Of<float>({1, 1}, {1})), Tensor::Of<float>({1, 1}, {2070}));
  EXPECT_TRUE(VerifyModel(outer).ok());
}

TEST(ModelLayer, KeepsState) {
  class Counter : public LayerBase {
   public:
    Counter() : LayerBase("Counter") {}
    absl::Status Build(absl::Span<const TensorType>) override {
      count_ = AddVariable("count", Tensor::Scalar(5.0f));
      return absl::OkStatus();
    }
    absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
      return std::vector<Value>{inputs[0] + AssignVariable(count_, ReadVariable(count_) + 1)};
    }

   private:
    std::shared_ptr<const VariableSpec> count_;
  };
  const Model counter = Must(Sequential({Input({1}), MakeLayer<Counter>()}).Build());
  const Model outer = Must(Sequential({Input({1}), ModelLayer(counter)}).Build());
  ASSERT_EQ(outer.variables.size(), 1u);
  EXPECT_EQ(outer.variables[0].name, "model/counter/count");
  const auto session = Session::Create(outer);
  ASSERT_TRUE(session.ok()) << session.status();
  for (const float expected : {6.0f, 7.0f}) {
    EXPECT_EQ(*(*session)->Run(Tensor::Of<float>({1, 1}, {0})),
              Tensor::Of<float>({1, 1}, {expected}));
  }
}

// Random ops are keyed by their nodes' names, which stay.
TEST(ModelLayer, DrawsTheSameNumbers) {
  const Model noisy = Must(Sequential({Input({64}), Dropout(0.5)}).Build());
  const Model outer = Must(Sequential({Input({64}), ModelLayer(noisy)}).Build());
  const RunOptions training = {.training = true, .seed = 3};
  const Tensor ones = Tensor::Full(DType::kFloat32, {1, 64}, 1);
  const auto alone = Session::Create(noisy), inside = Session::Create(outer);
  ASSERT_TRUE(alone.ok() && inside.ok());
  EXPECT_EQ(*(*alone)->Run(ones, training), *(*inside)->Run(ones, training));
}

// Shapes are those for the inputs of the call, also where integers decide on them.
TEST(ModelLayer, IsTypedAnew) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n"), Dim::Symbol("m")}}, "x");
  const Value sizes =
      Call("array.Concat",
           {Call("array.Slice", {Call("array.Shape", {x}), Constant(Tensor::Of<int64_t>({1}, {0})),
                                 Constant(Tensor::Of<int64_t>({1}, {1}))}),
            Constant(Tensor::Of<int64_t>({2}, {2, -1}))},
           {{"axis", 0}});
  const Model inner = Must(BuildModel({x}, {Call("array.Reshape", {x, sizes})}));
  const Value y = ModelLayer(inner)(InputValue({DType::kFloat32, {3, 8}}, "y"));
  EXPECT_EQ(y.type().ToString(), "float32[3,2,4]");
}

TEST(ModelLayer, SaysWhatDoesNotFit) {
  const auto message = [](const Layer& layer, std::vector<Value> inputs, int outputs = 1) {
    const std::vector<Value> values = layer.Apply(inputs, outputs);
    return std::string(BuildModel(inputs, {values[0]}).status().message());
  };
  const Value two = Input({2}, {.name = "a"}), three = Input({3}, {.name = "b"});
  const Value bytes = Input({2}, {.dtype = DType::kUInt8, .name = "c"});
  const Layer network = ModelLayer(Network());
  EXPECT_THAT(message(network, {three}),
              HasSubstr("layer \"model\": input \"input_layer\": expected float32[batch,2], found "
                        "float32[batch,3]"));
  EXPECT_THAT(message(network, {bytes}), HasSubstr("found uint8[batch,2]"));
  EXPECT_THAT(message(network, {two, three}), HasSubstr("the model takes 1 inputs, found 2"));
  EXPECT_THAT(message(network, {two}, 2), HasSubstr("the layer yields 1 outputs, but 2 are taken"));
  EXPECT_THAT(message(ModelLayer(Model()), {two}), HasSubstr("layer \"model\": "));

  Model unreached = Network();
  unreached.variables.push_back({"count", Tensor::Scalar(0.0f), "", ""});
  const ValueId unused = unreached.graph.AddValue("unused", {DType::kFloat32, PartialShape{}});
  unreached.graph.nodes.push_back({.name = "reader",
                                   .op = "state.Read",
                                   .attrs = {{"variable", "count"},
                                             {"dtype", DType::kFloat32},
                                             {"shape", std::vector<int64_t>{}}},
                                   .outputs = {unused}});
  EXPECT_THAT(message(ModelLayer(unreached), {two}),
              HasSubstr("node \"reader\" uses a state variable, but none of the model's outputs "
                        "needs it"));
}

}  // namespace
}  // namespace nomograph
