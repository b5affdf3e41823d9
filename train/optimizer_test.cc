// Optimizers, clipping, accumulation, averages and schedules: twenty steps each against PyTorch and
// NumPy (testdata/make_optimizers.py), and one against the other.
#include "nomograph/train/optimizer.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/data/npz.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

using testing::HasSubstr;

const NamedTensors& Golden() {
  static const auto* const golden = [] {
    auto read = ReadNpz("train/testdata/optimizers.npz");
    EXPECT_TRUE(read.ok()) << read.status();
    return new NamedTensors(read.value_or(NamedTensors()));
  }();
  return *golden;
}

// A model whose output is the sum of x times the weight, of that shape: where the output is the
// loss, the gradient is x.
Model Product(DType dtype, const Shape& shape = {12}) {
  const Tensor initial = Golden().at("weight").Cast(dtype).Reshaped(shape);
  const Value x = InputValue({dtype, PartialShape(std::vector<Dim>{Dim(), Dim(12)})}, "x");
  const Value w =
      WeightValue({.name = "layer/w",
                   .type = initial.type(),
                   .initializer = [initial](const Shape&, DType, uint64_t) { return initial; }},
                  nullptr);
  const Value flat = Call("array.Reshape", {w}, {{"shape", std::vector<int64_t>{12}}});
  auto model =
      BuildModel({x}, {Call("math.ReduceSum", {x * flat}, {{"axes", std::vector<int64_t>{-1}}})});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

const Loss kOutput = {.name = "output",
                      .function = [](const Value& t, const Value& p) { return p + 0.0 * t; }};

absl::StatusOr<Tensor> WeightAfterSteps(const Optimizer& optimizer, DType dtype,
                                        const Shape& shape = {12}) {
  NOMO_ASSIGN_OR_RETURN(
      const auto trainer,
      Trainer::Create(Product(dtype, shape), {.optimizer = optimizer, .loss = kOutput}));
  const Tensor gradients = Golden().at("gradients").Cast(dtype);
  const Tensor none(dtype, {20, 1});
  NOMO_RETURN_IF_ERROR(
      trainer
          ->Fit({gradients, none}, {.batch_size = 1, .shuffle = false, .verbose = Verbose::kSilent})
          .status());
  return trainer->model().GetWeight("layer/w");
}

using namespace optimizers;

struct Case {
  const char* golden;
  Optimizer optimizer;
  Shape shape = {12};
};

class Optimizers : public testing::TestWithParam<Case> {};

TEST_P(Optimizers, TwentySteps) {
  const Tensor expected = Golden().at(absl::StrCat("result/", GetParam().golden));
  for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
    auto found = WeightAfterSteps(GetParam().optimizer, dtype, GetParam().shape);
    ASSERT_TRUE(found.ok()) << found.status();
    *found = found->Reshaped({12});
    const double tolerance = dtype == DType::kFloat64 ? 1e-9 : 1e-5;
    EXPECT_TRUE(AllClose(found->Cast(DType::kFloat64), expected, tolerance, tolerance).ok())
        << AllClose(found->Cast(DType::kFloat64), expected, tolerance, tolerance);
  }
}

constexpr double kRate = 0.05;

INSTANTIATE_TEST_SUITE_P(
    Train, Optimizers,
    testing::Values(
        Case{"sgd", SGD({.learning_rate = kRate})},
        Case{"momentum", SGD({.learning_rate = kRate, .momentum = 0.8})},
        Case{"nesterov", SGD({.learning_rate = kRate, .momentum = 0.8, .nesterov = true})},
        Case{"adam", Adam({.learning_rate = kRate})},
        Case{"adam_torch", Adam({.learning_rate = kRate, .epsilon = 1e-14})},
        Case{"amsgrad", Adam({.learning_rate = kRate, .amsgrad = true})},
        Case{"amsgrad_torch", Adam({.learning_rate = kRate, .epsilon = 1e-14, .amsgrad = true})},
        Case{"adamw_torch",
             AdamW({.learning_rate = kRate, .epsilon = 1e-14}, {.weight_decay = 0.1})},
        Case{"adamax_torch", Adamax({.learning_rate = kRate, .epsilon = 1e-14})},
        Case{"nadam", Nadam({.learning_rate = kRate})},
        Case{"rmsprop", RMSprop({.learning_rate = kRate})},
        Case{"rmsprop_torch", RMSprop({.learning_rate = kRate, .epsilon = 1e-14})},
        Case{"rmsprop_centered",
             RMSprop({.learning_rate = kRate, .momentum = 0.7, .centered = true})},
        Case{"adagrad", Adagrad({.learning_rate = kRate})},
        Case{"adagrad_torch", Adagrad({.learning_rate = kRate, .epsilon = 1e-14})},
        Case{"adadelta", Adadelta({.learning_rate = kRate})},
        Case{"adadelta_torch", Adadelta({.learning_rate = kRate})},
        Case{"ftrl", Ftrl({.learning_rate = kRate})},
        Case{"ftrl_penalties", Ftrl({.learning_rate = kRate,
                                     .l1_regularization_strength = 0.3,
                                     .l2_regularization_strength = 0.2})},
        Case{"lion", Lion({.learning_rate = kRate})}, Case{"lamb", Lamb({.learning_rate = kRate})},
        Case{"adafactor", Adafactor({.learning_rate = kRate})},
        Case{"adafactor_3x4", Adafactor({.learning_rate = kRate}), {3, 4}},
        Case{"adafactor_2x3x2", Adafactor({.learning_rate = kRate}), {2, 3, 2}},
        Case{"muon", Muon({.learning_rate = kRate})},
        Case{"muon_3x4", Muon({.learning_rate = kRate}), {3, 4}},
        Case{"muon_6x2", Muon({.learning_rate = kRate}), {6, 2}},
        Case{"muon_2x3x2", Muon({.learning_rate = kRate}), {2, 3, 2}},
        Case{"muon_plain",
             Muon({.learning_rate = kRate, .orthogonal = {.nesterov = false}}, {.weight_decay = 0}),
             {4, 3}},
        Case{"muon",  // it is no matrix there
             Muon({.learning_rate = kRate, .orthogonal = {.exclude_layers = {"layer"}}}),
             {3, 4}},
        Case{"schedule_free", ScheduleFreeAdamW({.learning_rate = kRate})},
        Case{"schedule_free_decay",
             ScheduleFreeAdamW({.learning_rate = kRate, .warmup_steps = 7}, {.weight_decay = 0.1})},
        Case{"clipvalue", SGD({.learning_rate = kRate}, {.clipvalue = 0.5})},
        Case{"clipnorm", SGD({.learning_rate = kRate}, {.clipnorm = 2})},
        Case{"clipnorm", SGD({.learning_rate = kRate}, {.global_clipnorm = 2})},
        Case{"cosine_decay", SGD({.learning_rate = schedules::CosineDecay(
                                      {.initial_learning_rate = kRate, .decay_steps = 15})})},
        Case{"accumulated", SGD({.learning_rate = kRate}, {.gradient_accumulation_steps = 4})},
        Case{"ema", SGD({.learning_rate = kRate}, {.use_ema = true, .ema_momentum = 0.9})},
        Case{"ema_overwrite",
             SGD({.learning_rate = kRate},
                 {.use_ema = true, .ema_momentum = 0.9, .ema_overwrite_frequency = 6})}),
    [](const auto& info) { return absl::StrCat(info.param.golden, "_", info.index); });

TEST(OptimizerTest, WeightsThatAreExcludedDoNotDecay) {
  const auto plain = WeightAfterSteps(SGD(), DType::kFloat64);
  const auto kept = WeightAfterSteps(
      SGD({}, {.weight_decay = 0.5, .exclude_from_weight_decay = {"/w"}}), DType::kFloat64);
  const auto decayed = WeightAfterSteps(SGD({}, {.weight_decay = 0.5}), DType::kFloat64);
  ASSERT_TRUE(plain.ok() && kept.ok() && decayed.ok());
  EXPECT_TRUE(*plain == *kept);
  EXPECT_FALSE(*plain == *decayed);
}

TEST(OptimizerTest, Texts) {
  for (const std::string& name : OptimizerNames()) {
    const auto optimizer = OptimizerFromText(absl::StrCat(name, ":learning_rate=0.25,clipnorm=1"));
    ASSERT_TRUE(optimizer.ok()) << optimizer.status();
    EXPECT_EQ(optimizer->name, name);
    EXPECT_EQ(optimizer->learning_rate.At(0), 0.25);
    EXPECT_EQ(optimizer->options.clipnorm, 1);
  }
  const auto scheduled = OptimizerFromText(
      "sgd:learning_rate=0.2,schedule=inverse_time_decay,decay_steps=10,decay_rate=0.5");
  ASSERT_TRUE(scheduled.ok()) << scheduled.status();
  EXPECT_NEAR(scheduled->learning_rate.At(20), 0.2 / 2, 1e-12);
  const auto warm = OptimizerFromText(
      "adam:learning_rate=0,schedule=cosine_decay,decay_steps=8,warmup_target=1,warmup_steps=4");
  ASSERT_TRUE(warm.ok()) << warm.status();
  EXPECT_NEAR(warm->learning_rate.At(1), 0.25, 1e-12);
  EXPECT_NEAR(warm->learning_rate.At(8), 0.5, 1e-12);
  const std::pair<const char*, const char*> faults[] = {
      {"adams", "there are sgd, adam"},
      {"adam:learning_rate", "NAME=NUMBER"},
      {"adam:momentum=1", "no option \"momentum\""},
      {"adam:beta_1=2", "beta_1"},
      {"sgd:momentum=-1", "momentum"},
      {"sgd:clipnorm=0", "clipnorm: expected a number greater than 0"},
      {"sgd:clipnorm=1,clipvalue=1", "at most one"},
      {"sgd:gradient_accumulation_steps=0", "at least 1"},
      {"adam:schedule=cosine", "there is no schedule \"cosine\"; there are exponential_decay"},
      {"adam:schedule=cosine_decay", "decay_steps: expected a number greater than 0"},
      {"adam:schedule=cosine_decay,decay_steps=9,t_mul=2", "there is no option \"t_mul\""},
      {"muon:ns_steps=1e300", "ns_steps: expected an integer"},
      {"muon:ns_steps=2.5", "ns_steps: expected an integer, found 2.5"},
      {"adam:learning_rate=nan", "learning_rate: expected a number that is not negative"},
      {"adam:learning_rate=inf", "learning_rate: expected a number that is not negative"},
      {"adam:learning_rate=-1", "learning_rate: expected a number that is not negative"},
      {"schedule_free_adamw:use_ema=true", "use_ema: expected false"},
  };
  for (const auto& [text, message] : faults) {
    EXPECT_THAT(OptimizerFromText(text).status().message(), HasSubstr(message)) << text;
  }
}

// Values that Keras' documentation and formulas give, computed by hand.
TEST(ScheduleTest, Values) {
  using namespace schedules;
  struct Row {
    const char* name;
    LearningRate rate;
    std::vector<std::pair<int64_t, double>> values;
  };
  const std::vector<Row> rows = {
      {"exponential",
       ExponentialDecay({.initial_learning_rate = 0.1, .decay_steps = 10, .decay_rate = 0.25}),
       {{0, 0.1}, {5, 0.05}, {20, 0.00625}}},
      {"staircase",
       ExponentialDecay(
           {.initial_learning_rate = 0.1, .decay_steps = 10, .decay_rate = 0.5, .staircase = true}),
       {{9, 0.1}, {10, 0.05}, {29, 0.025}}},
      {"inverse",
       InverseTimeDecay({.initial_learning_rate = 0.1, .decay_steps = 10, .decay_rate = 0.5}),
       {{0, 0.1}, {10, 0.1 / 1.5}, {20, 0.05}}},
      {"piecewise", PiecewiseConstantDecay({5, 9}, {1, 0.5, 0.1}), {{5, 1}, {6, 0.5}, {10, 0.1}}},
      {"polynomial",
       PolynomialDecay(
           {.initial_learning_rate = 1, .decay_steps = 4, .end_learning_rate = 0.2, .power = 2}),
       {{0, 1}, {2, 0.4}, {4, 0.2}, {9, 0.2}}},
      {"cycle",
       PolynomialDecay(
           {.initial_learning_rate = 1, .decay_steps = 4, .end_learning_rate = 0, .cycle = true}),
       {{0, 1}, {3, 0.25}, {4, 0}, {5, 0.375}, {8, 0}}},
      {"cosine",
       CosineDecay({.initial_learning_rate = 1, .decay_steps = 8, .alpha = 0.5}),
       {{0, 1}, {4, 0.75}, {8, 0.5}, {100, 0.5}}},
      {"warmup",
       CosineDecay(
           {.initial_learning_rate = 0, .decay_steps = 8, .warmup_target = 1, .warmup_steps = 4}),
       {{0, 0}, {1, 0.25}, {4, 1}, {8, 0.5}, {12, 0}, {20, 0}}},
      {"restarts",
       CosineDecayRestarts({.initial_learning_rate = 1, .first_decay_steps = 4, .m_mul = 0.5}),
       {{0, 1}, {2, 0.5}, {4, 0.5}, {8, 0.25}, {12, 0.25}, {20, 0.125}}},
      {"equal restarts",
       CosineDecayRestarts({.initial_learning_rate = 1, .first_decay_steps = 4, .t_mul = 1}),
       {{0, 1}, {2, 0.5}, {4, 1}, {8, 1}, {400'000'002, 0.5}}},
  };
  for (const Row& row : rows) {
    ASSERT_TRUE(row.rate.status().ok()) << row.name << row.rate.status();
    for (const auto& [step, value] : row.values)
      EXPECT_NEAR(row.rate.At(step), value, 1e-12) << row.name << ", step " << step;
  }
  EXPECT_FALSE(PiecewiseConstantDecay({5}, {1}).status().ok());
  EXPECT_FALSE(ExponentialDecay({.initial_learning_rate = 1, .decay_steps = 0, .decay_rate = 1})
                   .status()
                   .ok());
}

}  // namespace
}  // namespace nomograph
