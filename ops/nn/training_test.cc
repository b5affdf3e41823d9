// What ops of nn are in training: dropout's gradient goes by the same draws, and batch
// normalisation becomes the op that moves its statistics.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/gradient/training_form.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

Tensor Ramp(const Shape& shape) {
  Tensor tensor(DType::kFloat32, shape);
  float value = 0;
  for (float& element : tensor.mutable_data<float>()) element = ++value;
  return tensor;
}

absl::StatusOr<std::vector<Tensor>> RunTraining(const std::vector<Value>& inputs,
                                                const std::vector<Value>& outputs,
                                                const std::vector<Tensor>& values) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel(inputs, outputs));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(model)));
  return session->Run(values, {.training = true, .seed = 3, .step = 5});
}

// y = x * factor, and so the gradient is y / x.
TEST(Training, GradientsGoByTheSameDraws) {
  const struct {
    std::string op;
    Attributes attrs;
  } cases[] = {{"nn.Dropout", {{"rate", 0.5}}},
               {"nn.Dropout", {{"rate", 0.25}, {"seed", 11}}},
               {"nn.SpatialDropout", {{"rate", 0.5}, {"axes", std::vector<int64_t>{1}}}},
               {"nn.GaussianDropout", {{"rate", 0.5}}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.op);
    const Tensor x = Ramp({4, 50});
    const Value input = InputValue(x.type(), "x");
    const Value y = Call(c.op, {input}, c.attrs, {.name = "drop"});
    const auto gradients = Gradients({y}, {input});
    ASSERT_TRUE(gradients.ok()) << gradients.status();
    const auto found = RunTraining({input}, {y, (*gradients)[0]}, {x});
    ASSERT_TRUE(found.ok()) << found.status();
    int zeros = 0;
    for (int64_t i = 0; i < x.num_elements(); ++i) {
      const double factor = (*found)[0].AsDouble(i) / x.AsDouble(i);
      EXPECT_NEAR((*found)[1].AsDouble(i), factor, 1e-5) << "element " << i;
      zeros += factor == 0 ? 1 : 0;
    }
    EXPECT_LT(zeros, x.num_elements());
    EXPECT_EQ(zeros > 0, c.op != "nn.GaussianDropout");
  }
}

TEST(Training, DrawsWithoutANameHaveNoGradient) {
  const Value input = InputValue({DType::kFloat32, {4}}, "x");
  const auto gradients = Gradients({Call("nn.Dropout", {input})}, {input});
  ASSERT_FALSE(gradients.ok());
  EXPECT_NE(std::string(gradients.status().message()).find("name"), std::string::npos)
      << gradients.status();
}

TEST(Training, BatchNormalizationMovesItsStatistics) {
  const OpDef* op = OpRegistry::Default().Find("nn.BatchNormalization", 1);
  ASSERT_NE(op, nullptr);
  const Tensor x = Tensor::Of<float>({4, 1}, {1, 2, 3, 6});
  const Tensor mean = Tensor::Vector<float>({10}), variance = Tensor::Vector<float>({2});
  const Value input = InputValue(x.type(), "x");
  const auto attrs = ResolveAttributes(op->attrs, {{"momentum", 0.75}, {"epsilon", 0.5}});
  ASSERT_TRUE(attrs.ok()) << attrs.status();
  const std::vector<Value> inputs = {input, Value(), Value(), Constant(mean), Constant(variance)};
  const auto form = op->in_training(inputs, *attrs);
  ASSERT_TRUE(form.ok()) << form.status();
  ASSERT_EQ(form->outputs.size(), 1u);
  ASSERT_EQ(form->updates.size(), 2u);
  EXPECT_EQ(form->updates[0].first, 3);
  EXPECT_EQ(form->updates[1].first, 4);
  const auto found = RunTraining(
      {input}, {form->outputs[0], form->updates[0].second, form->updates[1].second}, {x});
  ASSERT_TRUE(found.ok()) << found.status();
  // The mean is 3, the biased variance 3.5, and the deviation with epsilon 2.
  const Tensor expected[] = {Tensor::Of<float>({4, 1}, {-1, -0.5, 0, 1.5}),
                             Tensor::Vector<float>({10 * 0.75f + 3 * 0.25f}),
                             Tensor::Vector<float>({2 * 0.75f + 3.5f * 0.25f})};
  for (int i = 0; i < 3; ++i) {
    const absl::Status close = AllClose((*found)[i], expected[i], 1e-5, 1e-6);
    EXPECT_TRUE(close.ok()) << i << ": " << close;
  }
}

}  // namespace
}  // namespace nomograph
