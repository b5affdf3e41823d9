// Convolutions whose weights a run is given.
#include <cmath>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

absl::StatusOr<Tensor> Computed(const Model& model, const NamedTensors& inputs, bool exact,
                                int threads, std::string* program = nullptr) {
  NOMO_ASSIGN_OR_RETURN(const auto session,
                        Session::Create(model, {.exact = exact, .threads = threads}));
  if (program != nullptr) {
    NOMO_ASSIGN_OR_RETURN(const auto compiled, session->ProgramFor(inputs));
    *program = compiled->ToString();
  }
  NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs, session->Run(inputs));
  return outputs.begin()->second;
}

TEST(ComputedWeights, ArePackedInEachRun) {
  const Attributes same = {{"padding", "same"}}, twice = {{"strides", std::vector<int64_t>{2, 2}}};
  const struct {
    std::string op;
    Shape x, weights;
    Attributes attrs;
    std::string form;  // "": none that packs
  } cases[] = {
      {"nn.Conv", {1, 48, 40, 40}, {33, 48, 3, 3}, same, "Winograd"},
      {"nn.Conv", {1, 32, 3, 40, 40}, {48, 32, 3, 3, 3}, same, "Winograd"},
      // To pack them takes longer than sums of so few pixels.
      {"nn.Conv", {1, 64, 4, 4}, {64, 64, 3, 3}, same, ""},
      {"nn.Conv", {1, 8, 20, 20}, {8, 8, 5, 5}, same, ""},
      {"nn.ConvTranspose", {1, 40, 9, 9}, {40, 24, 3, 3}, twice, "transposed product"},
      {"nn.ConvTranspose", {2, 6, 5, 7}, {6, 5, 4, 2}, twice, "transposed product"},
      {"nn.ConvTranspose",
       {1, 6, 30},
       {6, 7, 5},
       {{"strides", std::vector<int64_t>{3}}, {"groups", 2}},
       "transposed product"},
      {"nn.ConvTranspose", {1, 40, 3, 3}, {40, 24, 3, 3}, twice, ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.op + c.weights.ToString());
    // Rounding grows with the terms of a sum, each of which is at most 1.
    const double tolerance = 5e-7 * static_cast<double>(c.weights.num_elements() / c.weights[0]);
    const Value x = InputValue({DType::kFloat32, PartialShape(c.x)}, "x");
    const Value w = InputValue({DType::kFloat32, PartialShape(c.weights)}, "w");
    Attributes attrs = c.attrs;
    attrs.Set("data_format", "channels_first");
    attrs.Set("kernel_layout", c.op == "nn.Conv" ? "OIHW" : "IOHW");
    const auto model = BuildModel({x, w}, {Call(c.op, {x, w}, attrs)});
    ASSERT_TRUE(model.ok()) << model.status();
    for (const int threads : {1, 3}) {
      for (const bool has_infinity : {false, true}) {
        Tensor weights = Numbers(c.weights, 2);
        if (has_infinity) weights.mutable_data<float>()[5] = std::numeric_limits<float>::infinity();
        const NamedTensors inputs = {{"x", Numbers(c.x, 1)}, {"w", weights}};
        std::string program;
        const auto found = Computed(*model, inputs, /*exact=*/false, threads, &program);
        const auto expected = Computed(*model, inputs, /*exact=*/true, 1);
        ASSERT_TRUE(found.ok()) << found.status();
        ASSERT_TRUE(expected.ok()) << expected.status();
        if (BestVectorTarget() != VectorTarget::kBaseline) {
          for (const char* const form : {"Winograd", "transposed product"}) {
            EXPECT_EQ(program.find(form) != std::string::npos, form == c.form) << program;
          }
        }
        for (int64_t i = 0; i < expected->num_elements(); ++i) {
          const float a = found->data<float>()[i], b = expected->data<float>()[i];
          if (std::isfinite(b)) {
            ASSERT_NEAR(a, b, tolerance) << i;
          } else {
            ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << i << ": " << a << ", " << b;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
