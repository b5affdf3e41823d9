// What VerifyModel() finds in golden vectors.
#include "nomograph/core/graph/model.h"

#include <functional>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

// c = a, b, with a golden vector that is right.
Model TwoInputs() {
  Model model;
  for (const char* name : {"b", "a", "c"}) model.graph.AddValue(name, {DType::kFloat32, {2}});
  model.graph.nodes = {{.name = "add", .op = "math.Add", .inputs = {1, 0}, .outputs = {2}}};
  model.graph.inputs = {0, 1};
  model.graph.outputs = {2};
  const Tensor two = Tensor::Vector<float>({1, 2});
  model.golden_vectors = {
      {.name = "g", .inputs = {{"a", two}, {"b", two}}, .outputs = {{"c", {.expected = two}}}}};
  return model;
}

TEST(VerifyModel, GoldenVectors) {
  struct Case {
    std::function<void(GoldenVector&)> change;
    const char* message;
  };
  const Tensor ints = Tensor::Vector<int32_t>({1, 2});
  const Case cases[] = {
      {[](GoldenVector&) {}, ""},
      {[](GoldenVector& g) { g.inputs.erase("b"); }, "golden vector \"g\": input \"b\" is missing"},
      {[](GoldenVector& g) { g.inputs.clear(); },
       "golden vector \"g\": input \"a\" is missing, and 1 more"},
      {[&](GoldenVector& g) { g.inputs["d"] = ints; },
       "golden vector \"g\": the model has no input \"d\""},
      // A wrong name is no right one.
      {[&](GoldenVector& g) {
         g.inputs.erase("a");
         g.inputs["d"] = ints;
       },
       "input \"a\" is missing"},
      {[&](GoldenVector& g) { g.inputs["b"] = ints; },
       "golden vector \"g\": input \"b\": expected float32[2], found int32[2]"},
      {[](GoldenVector& g) { g.outputs.clear(); }, "golden vector \"g\" has no outputs"},
      {[](GoldenVector& g) { g.outputs["a"] = g.outputs["c"]; },
       "golden vector \"g\": the model has no output \"a\""},
      {[&](GoldenVector& g) { g.outputs["c"].expected = ints; },
       "golden vector \"g\": output \"c\": expected float32[2], found int32[2]"},
      {[](GoldenVector& g) {
         g.outputs["c"].expected =
             Tensor::Vector<float>({1, std::numeric_limits<float>::quiet_NaN()});
       },
       "golden vector \"g\": output \"c\": element 1 is NaN"},
      {[](GoldenVector& g) { g.outputs["c"].rtol = -1; },
       "expected rtol to be finite and not negative, found -1"},
  };
  for (const Case& c : cases) {
    Model model = TwoInputs();
    c.change(model.golden_vectors[0]);
    EXPECT_THAT(std::string(VerifyModel(model).message()), HasSubstr(c.message));
    EXPECT_EQ(VerifyModel(model).ok(), c.message[0] == 0) << c.message;
  }
}

}  // namespace
}  // namespace nomograph
