// Lambdas that name an op and Lambdas that are traced: what they compute and what is saved of them.
#include "nomograph/core/layers/lambda.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The one node that the layer made.
Node OnlyNode(const Model& model) {
  EXPECT_EQ(model.graph.nodes.size(), 1u);
  return model.graph.nodes.empty() ? Node{} : model.graph.nodes[0];
}

TEST(Lambda, NamesAnOpWithArguments) {
  const auto model =
      Sequential({Input({2}, {.dtype = DType::kUInt8}), Lambda("image.Rescale", {{"scale", 0.5}})})
          .Build();
  ASSERT_TRUE(model.ok()) << model.status();
  const Node node = OnlyNode(*model);
  EXPECT_EQ(node.op, "image.Rescale");
  EXPECT_EQ(node.layer, "lambda");
  EXPECT_EQ(node.attrs, (Attributes{{"scale", 0.5}}));
  EXPECT_TRUE(model->functions.empty());
  EXPECT_EQ(*model->Predict(Tensor::Of<uint8_t>({1, 2}, {2, 5})),
            Tensor::Of<float>({1, 2}, {1, 2.5}));
}

TEST(Lambda, TracesAFunctionIntoTheModel) {
  const auto model = Sequential({Input({1}), Lambda([](Value x) { return x + 10; }),
                                 Lambda([](auto x) { return 2 * x; }, {.name = "double"})})
                         .Build();
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->graph.nodes.size(), 2u);
  EXPECT_EQ(model->graph.nodes[0].op, "local.lambda");
  EXPECT_EQ(model->graph.nodes[1].op, "local.double");
  EXPECT_EQ(model->functions.size(), 2u);
  EXPECT_EQ(CountParameters(model->graph).total(), 0);
  EXPECT_EQ(*model->Predict(Tensor::Of<float>({2, 1}, {1, -10})),
            Tensor::Of<float>({2, 1}, {22, 0}));
}

TEST(Lambda, TakesAndYieldsAnyNumberOfValues) {
  const Input a({2}, {.name = "a"}), b({2}, {.name = "b"}), c({2}, {.name = "c"});
  const Value product = Lambda([](Value x, Value y) { return x * y; })({a, b});
  const Value sum =
      Lambda([](const Value& x, const Value& y, const Value& z) { return x + y + z; })({a, b, c});
  const Value all =
      Lambda([](std::vector<Value> x) { return Call("math.Max", std::move(x)); })({a, b, c});
  const std::vector<Value> both = Lambda([](Value x) {
                                    return std::vector<Value>{x - 1, x + 1};
                                  }).Apply({a}, 2);
  const auto model = BuildModel({a, b, c}, {product, sum, all, both[0], both[1]},
                                {.output_names = {"product", "sum", "max", "less", "more"}});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto outputs = model->Predict({{"a", Tensor::Of<float>({1, 2}, {1, 2})},
                                       {"b", Tensor::Of<float>({1, 2}, {3, 4})},
                                       {"c", Tensor::Of<float>({1, 2}, {5, 0})}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ(outputs->at("product"), Tensor::Of<float>({1, 2}, {3, 8}));
  EXPECT_EQ(outputs->at("sum"), Tensor::Of<float>({1, 2}, {9, 6}));
  EXPECT_EQ(outputs->at("max"), Tensor::Of<float>({1, 2}, {5, 4}));
  EXPECT_EQ(outputs->at("less"), Tensor::Of<float>({1, 2}, {0, 1}));
  EXPECT_EQ(outputs->at("more"), Tensor::Of<float>({1, 2}, {2, 3}));
}

TEST(Lambda, AnOpWithSeveralOutputs) {
  const Input x({4});
  const auto parts = Lambda("array.Split", {{"axis", 1}}, {.num_outputs = 2}).Apply({x}, 2);
  const auto model = BuildModel({x}, {parts[0], parts[1]});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(parts[1].shape().ToString(), "[batch,2]");
}

TEST(Lambda, CapturesConstantsAndValues) {
  const Value constant = Constant(Tensor::Of<float>({1, 5}, {1, 2, 3, 4, 5}));
  const auto dot = [constant](Value x) {
    return Call("math.MatMul", {x, constant}, {{"transpose_b", true}});
  };
  const auto model =
      Sequential({Input({5}), Lambda(dot, {.output_shape = PartialShape{1}})}).Build();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(OnlyNode(*model).inputs.size(), 1u);
  EXPECT_EQ(*model->Predict(Tensor::Of<float>({1, 5}, {1, 1, 1, 1, 1})),
            Tensor::Of<float>({1, 1}, {15}));

  const Input a({1}), b({1});
  const Value b_value = b;
  const auto two = BuildModel({a, b}, {Lambda([&](Value x) { return x + b_value; })(a)});
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(OnlyNode(*two).inputs.size(), 2u);
}

TEST(Lambda, IsTracedForEachCall) {
  const Input a({2}), b({3});
  const Layer lambda = Lambda([](Value x) { return x * x; });
  const auto model = BuildModel({a, b}, {lambda(a), lambda(b)});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->functions.size(), 2u);
}

TEST(Lambda, CarriesTheMeaningOfAnOp) {
  const auto model =
      Sequential({Input({1}), Lambda([](Value x) { return 10 * x; },
                                     {.provider = "//acme:ops", .op = "acme.Tenfold"})})
          .Build();
  ASSERT_TRUE(model.ok()) << model.status();
  const Node node = OnlyNode(*model);
  EXPECT_EQ(node.op, "acme.Tenfold");
  EXPECT_EQ(node.provider, "//acme:ops");
  EXPECT_EQ(*model->Predict(Tensor::Of<float>({1, 1}, {2})), Tensor::Of<float>({1, 1}, {20}));
}

TEST(Lambda, AnOpThatIsNotRegisteredHere) {
  const LambdaOptions options = {.output_shape = PartialShape{7},
                                 .dtype = DType::kInt64,
                                 .version = 2,
                                 .provider = "//acme:ops"};
  const auto model =
      Sequential({Input({2}), Lambda("acme.Sort", {{"descending", true}}, options)}).Build();
  ASSERT_TRUE(model.ok()) << model.status();
  const Node node = OnlyNode(*model);
  EXPECT_EQ(node.version, 2);
  ASSERT_TRUE(node.signature.has_value());
  EXPECT_EQ(node.signature->outputs[0].ToString(), "int64[batch,7]");
  EXPECT_EQ(node.provider, "//acme:ops");
}

struct ErrorCase {
  Layer layer;
  const char* message;
};

TEST(Lambda, Errors) {
  const LambdaOptions wrong_shape = {.output_shape = PartialShape{3}},
                      wrong_dtype = {.dtype = DType::kInt32};
  const std::vector<ErrorCase> cases = {
      {Lambda("image.Rescael", {{"scale", 1.0}}), "did you mean image.Rescale"},
      {Lambda("acme.Sort"), "declare its output types"},
      {Lambda("image.Rescale", {{"scal", 1.0}}), "layer \"lambda\": image.Rescale"},
      {Lambda("image.Rescale", {{"scale", "big"}}), "layer \"lambda\": image.Rescale"},
      {Lambda("nn.Softplus", {}, wrong_shape),
       "declared as float32[batch,3] but the op's shape function yields float32[batch,2]"},
      {Lambda([](Value x) { return x + 1; }, wrong_dtype), "output 0 is declared as int32[...]"},
      {Lambda("nn.Softplus", {},
              {.dtype = DType::kFloat32, .output_types = {{DType::kFloat32, {}}}}),
       "found both"},
      {Lambda([](Value x, Value y) { return x + y; }),
       "layer \"lambda\": the function takes 2 inputs, found 1"},
      {Lambda([](Value) { return Value(); }), "output 0 of the function is absent"},
      {Lambda([](Value) { return std::vector<Value>{}; }), "the function yields no output"},
      {Lambda([](Value x) {
         return Call("array.Transpose", {x}, {{"perm", std::vector<int64_t>{0}}});
       }),
       "layer \"lambda\": array.Transpose"},
      {Lambda([](Value x) {
         return std::vector<Value>{x, x};
       }),
       "the layer yields 2 outputs, but 1 are taken"}};
  for (const ErrorCase& c : cases) {
    const absl::Status status = Sequential({Input({2}), c.layer}).Build().status();
    EXPECT_FALSE(status.ok()) << c.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace nomograph
