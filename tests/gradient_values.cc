#include "nomograph/tests/gradient_values.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/gradient/gradients.h"

namespace nomograph {
namespace {

// The scalar that the session yields, where element k of input i is moved by `step`.
absl::StatusOr<double> MovedValue(Session& session, std::vector<Tensor> at, size_t i, int64_t k,
                                  double step, const RunOptions& options) {
  NOMO_ASSIGN_OR_RETURN(at[i], TryClone(at[i]));
  at[i].mutable_data<double>()[k] += step;
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, session.Run(at, options));
  return outputs[0].AsDouble(0);
}

// The five-point formula, whose error is of the fourth order in the step.
absl::StatusOr<double> CentralDifference(Session& session, const std::vector<Tensor>& at, size_t i,
                                         int64_t k, const RunOptions& options) {
  constexpr double kStep = 2e-4;
  double sum = 0;
  for (const auto& [steps, weight] :
       {std::pair{1.0, 8.0}, {-1.0, -8.0}, {2.0, -1.0}, {-2.0, 1.0}}) {
    NOMO_ASSIGN_OR_RETURN(const double value,
                          MovedValue(session, at, i, k, steps * kStep, options));
    sum += weight * value;
  }
  return sum / (12 * kStep);
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> Evaluate(const std::vector<Value>& inputs,
                                             const std::vector<Value>& outputs,
                                             const std::vector<Tensor>& tensors,
                                             const RunOptions& options) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel(inputs, outputs));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(model), {.exact = true}));
  return session->Run(tensors, options);
}

void ExpectNear(const Tensor& found, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(found.num_elements(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(found.AsDouble(static_cast<int64_t>(i)), expected[i],
                tolerance * std::max(1.0, std::abs(expected[i])))
        << "element " << i;
  }
}

void ExpectAsCentralDifferences(const std::vector<Value>& inputs, const Value& y,
                                const std::vector<Tensor>& at, const RunOptions& options) {
  const auto gradients = Gradients({y}, inputs);
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  for (const Value& gradient : *gradients) ASSERT_TRUE(gradient.valid());
  const auto found = Evaluate(inputs, *gradients, at, options);
  ASSERT_TRUE(found.ok()) << found.status();
  auto model = BuildModel(inputs, {y});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*std::move(model), {.exact = true});
  ASSERT_TRUE(session.ok()) << session.status();
  for (size_t i = 0; i < at.size(); ++i) {
    ASSERT_EQ((*found)[i].type(), at[i].type());
    for (int64_t k = 0; k < at[i].num_elements(); ++k) {
      const auto expected = CentralDifference(**session, at, i, k, options);
      ASSERT_TRUE(expected.ok()) << expected.status();
      EXPECT_NEAR((*found)[i].AsDouble(k), *expected, 1e-8 * std::max(1.0, std::abs(*expected)))
          << "input " << i << ", element " << k;
    }
  }
}

}  // namespace nomograph
