// Opens what keras_lambdas has saved, in a process that has the standard ops and nothing of its
// code.
#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/model_io.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

class KerasLambdas : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(std::system(("examples/keras_lambdas/keras_lambdas " + testing::TempDir()).c_str()),
              0);
  }
  static Model LoadCase(const std::string& name) {
    auto model = Load(testing::TempDir() + "/" + name + ".nomo");
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : Model();
  }
};

TEST_F(KerasLambdas, EveryModelProvesItself) {
  for (const char* name : {"add_ten", "rescale_by_name", "rescale_traced", "softplus",
                           "matmul_with_constant", "reshape", "rotate", "brightness", "regularized",
                           "with_weights", "with_state", "branch", "loop"}) {
    for (const bool exact : {false, true}) {
      const auto session = Session::Create(LoadCase(name), {.exact = exact});
      ASSERT_TRUE(session.ok()) << name << ": " << session.status();
      const absl::Status replayed = ReplayGoldenVectors(**session);
      EXPECT_TRUE(replayed.ok()) << name << (exact ? " exact: " : ": ") << replayed;
    }
  }
}

TEST_F(KerasLambdas, SummariesCountParametersAsKerasDoes) {
  struct Row {
    const char* name;
    int64_t parameters;
  };
  constexpr Row kRows[] = {{"add_ten", 0},
                           {"rescale_by_name", 2352 * 128 + 128 + 128 * 10 + 10},
                           {"softplus", 64 + 64 + 64 + 1},
                           {"random_flip", 3 * 3 * 3 * 32 + 32},
                           {"matmul_with_constant", 0},
                           {"with_weights", 6}};
  for (const Row& row : kRows) {
    const Model model = LoadCase(row.name);
    EXPECT_EQ(CountParameters(model.graph).total(), row.parameters) << row.name;
    EXPECT_THAT(model.Summary(), HasSubstr("Total params")) << row.name;
  }
}

TEST_F(KerasLambdas, RandomFlipActsInTrainingAndIsKeyedBySeedAndStep) {
  const auto session = Session::Create(LoadCase("random_flip"));
  ASSERT_TRUE(session.ok()) << session.status();
  Tensor images(DType::kFloat32, {8, 256, 256, 3});
  for (int64_t i = 0; i < images.num_elements(); ++i)
    images.mutable_data<float>()[i] = static_cast<float>(i % 997);
  const auto run = [&](const RunOptions& options) {
    auto result = (*session)->Run(images, options);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : Tensor();
  };
  const Tensor inference = run({});
  EXPECT_EQ(inference, run({.seed = 5, .step = 9}));
  const Tensor first = run({.training = true, .seed = 1, .step = 0});
  EXPECT_EQ(first, run({.training = true, .seed = 1, .step = 0}));
  EXPECT_FALSE(first == inference);
  EXPECT_FALSE(first == run({.training = true, .seed = 1, .step = 1}));
  EXPECT_FALSE(first == run({.training = true, .seed = 2, .step = 0}));
}

TEST_F(KerasLambdas, StateMovesFromRunToRun) {
  const auto session = Session::Create(LoadCase("with_state"));
  ASSERT_TRUE(session.ok()) << session.status();
  const Tensor x = Tensor::Of<float>({1, 2}, {4, 4});
  EXPECT_EQ(*(*session)->Run(x), Tensor::Of<float>({1, 2}, {2, 2}));
  EXPECT_EQ(*(*session)->Run(x), Tensor::Of<float>({1, 2}, {1, 1}));
  EXPECT_EQ(*(*session)->GetVariable("centered/running_mean"), Tensor::Scalar(3.0f));
  (*session)->ResetVariables();
  EXPECT_EQ(*(*session)->Run(x), Tensor::Of<float>({1, 2}, {2, 2}));
}

TEST_F(KerasLambdas, ControlFlowGoesBothWays) {
  const auto branch = Session::Create(LoadCase("branch"));
  ASSERT_TRUE(branch.ok()) << branch.status();
  EXPECT_EQ(*(*branch)->Run(Tensor::Of<float>({1, 2}, {4, 8})), Tensor::Of<float>({1, 2}, {4, 8}));
  const auto loop = Session::Create(LoadCase("loop"));
  ASSERT_TRUE(loop.ok()) << loop.status();
  EXPECT_EQ(*(*loop)->Run(Tensor::Of<float>({1, 2}, {1, 200})),
            Tensor::Of<float>({1, 2}, {1, 200}));
}

TEST_F(KerasLambdas, AUserOpIsMissedByNameAndFoundInItsLibrary) {
  const Model model = LoadCase("user_op");
  EXPECT_THAT(model.Summary(), HasSubstr("acme.Triple"));
  const auto missing = Session::Create(model);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  const std::string message(missing.status().message());
  EXPECT_THAT(message, HasSubstr("no op acme.Triple is registered"));
  EXPECT_THAT(message, AllOf(HasSubstr("(version 1 is needed; did you mean "),
                             HasSubstr("?); it is provided by //examples/keras_lambdas:acme_ops")));
  const absl::Status loaded =
      OpRegistry::Default().LoadLibrary("examples/keras_lambdas/libacme_ops.so");
  ASSERT_TRUE(loaded.ok()) << loaded;
  const auto session = Session::Create(model);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_TRUE(ReplayGoldenVectors(**session).ok());
}

}  // namespace
}  // namespace nomograph
