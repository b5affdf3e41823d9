// Losses, their gradients and metrics against PyTorch and NumPy: testdata/make_losses.py.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/gradient/gradients.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/npz.h"
#include "nomograph/train/loss.h"
#include "nomograph/train/metric.h"

namespace nomograph {
namespace {

const NamedTensors& Golden(const std::string& name) {
  static auto* const files = new std::map<std::string, NamedTensors>;
  if (!files->contains(name)) {
    auto read = ReadNpz(absl::StrCat("train/testdata/", name, ".npz"));
    EXPECT_TRUE(read.ok()) << read.status();
    (*files)[name] = *std::move(read);
  }
  return files->at(name);
}

std::vector<Tensor> RunValues(const std::vector<Value>& inputs, const std::vector<Value>& outputs,
                              const std::vector<Tensor>& tensors) {
  const auto model = BuildModel(inputs, outputs);
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return {};
  const auto session = Session::Create(*model);
  EXPECT_TRUE(session.ok()) << session.status();
  if (!session.ok()) return {};
  auto results = (*session)->Run(tensors);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<Tensor>();
}

struct LossCase {
  const char* golden;
  Loss loss;
};

class Losses : public testing::TestWithParam<LossCase> {};

TEST_P(Losses, AsPyTorch) {
  const NamedTensors& golden = Golden("losses");
  const std::string prefix = absl::StrCat(GetParam().golden, "/");
  const auto get = [&](const char* name) { return golden.at(absl::StrCat(prefix, name)); };
  const Tensor y_true = get("y_true"), y_pred = get("y_pred");
  const Tensor weight = golden.at("sample_weight");
  Loss mean = GetParam().loss, sum = mean;
  sum.reduction = Reduction::kSum;
  const auto type = mean.TargetType(y_pred.type());
  ASSERT_TRUE(type.ok()) << type.status();
  EXPECT_EQ(type->dtype, y_true.dtype());
  EXPECT_TRUE(Matches(y_true.shape(), type->shape)) << type->ToString();
  const Value t = InputValue(y_true.type(), "t"), p = InputValue(y_pred.type(), "p");
  const Value w = InputValue(weight.type(), "w");
  const Value loss = ReduceLoss(mean, t, p);
  const auto gradients = Gradients({loss}, {p});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  ASSERT_TRUE((*gradients)[0].valid());
  const bool weighted = golden.contains(prefix + "weighted");
  const auto found = RunValues(
      {t, p, w},
      {loss, ReduceLoss(sum, t, p), (*gradients)[0], weighted ? ReduceLoss(mean, t, p, w) : loss},
      {y_true, y_pred, weight});
  ASSERT_EQ(found.size(), 4u);
  EXPECT_NEAR(found[0].AsDouble(0), get("loss").AsDouble(0),
              3e-6 * (1 + std::abs(found[0].AsDouble(0))));
  if (!mean.mask) {  // whose sum is another
    EXPECT_NEAR(found[1].AsDouble(0), get("sum").AsDouble(0),
                2e-5 * (1 + std::abs(found[1].AsDouble(0))));
  }
  const Tensor expected = get("gradient");
  for (int64_t i = 0; i < expected.num_elements(); ++i) {
    const double e = expected.AsDouble(i);
    EXPECT_NEAR(found[2].AsDouble(i), e, 2e-6 + 2e-5 * std::abs(e)) << "gradient " << i;
  }
  if (weighted) {
    EXPECT_NEAR(found[3].AsDouble(0), get("weighted").AsDouble(0),
                3e-6 * (1 + std::abs(found[3].AsDouble(0))));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Train, Losses,
    testing::Values(
        LossCase{"bce", losses::BinaryCrossentropy()},
        LossCase{"bce_logits", losses::BinaryCrossentropy({.from_logits = true})},
        LossCase{"bce_smooth",
                 losses::BinaryCrossentropy({.from_logits = true, .label_smoothing = 0.2})},
        LossCase{"cce", losses::CategoricalCrossentropy()},
        LossCase{"cce_logits", losses::CategoricalCrossentropy({.from_logits = true})},
        LossCase{"cce_smooth",
                 losses::CategoricalCrossentropy({.from_logits = true, .label_smoothing = 0.2})},
        LossCase{"scce", losses::SparseCategoricalCrossentropy()},
        LossCase{"scce_logits", losses::SparseCategoricalCrossentropy({.from_logits = true})},
        LossCase{"scce_ignore",
                 losses::SparseCategoricalCrossentropy({.from_logits = true, .ignore_class = 2})},
        LossCase{"mse", losses::MeanSquaredError()}, LossCase{"mae", losses::MeanAbsoluteError()},
        LossCase{"mape", losses::MeanAbsolutePercentageError()},
        LossCase{"msle", losses::MeanSquaredLogarithmicError()},
        LossCase{"huber", losses::Huber(1.5)}, LossCase{"log_cosh", losses::LogCosh()},
        LossCase{"hinge", losses::Hinge()}, LossCase{"hinge_signs", losses::Hinge()},
        LossCase{"squared_hinge", losses::SquaredHinge()},
        LossCase{"categorical_hinge", losses::CategoricalHinge()},
        LossCase{"kld", losses::KLDivergence()}, LossCase{"poisson", losses::Poisson()},
        LossCase{"cosine", losses::CosineSimilarity()}, LossCase{"dice", losses::Dice()},
        LossCase{"tversky", losses::Tversky({.alpha = 0.3, .beta = 0.7})},
        LossCase{"binary_focal", losses::BinaryFocalCrossentropy({.apply_class_balancing = true})},
        LossCase{"categorical_focal", losses::CategoricalFocalCrossentropy()},
        LossCase{"circle", losses::Circle()}, LossCase{"ctc", losses::CTC()},
        LossCase{"gce", losses::CategoricalGeneralizedCrossEntropy(0.7)},
        LossCase{"dice_axis", losses::Dice({1})},
        LossCase{"tversky_axis", losses::Tversky({.alpha = 0.3, .beta = 0.7, .axes = {1}})}),
    [](const auto& info) { return std::string(info.param.golden); });

struct MetricCase {
  const char* golden;
  const char *y_true, *y_pred;
  Metric metric;
  bool weighted = false;
};

class Metrics : public testing::TestWithParam<MetricCase> {};

// Over batches of unequal sizes, the same as over all at once.
TEST_P(Metrics, AsNumPy) {
  const MetricCase& c = GetParam();
  const NamedTensors& golden = Golden("metrics");
  const Tensor y_true = golden.at(c.y_true), y_pred = golden.at(c.y_pred);
  const Tensor weight = golden.at("weight");
  const auto open = [](const Tensor& tensor) {
    std::vector<Dim> dims = tensor.type().shape.dims();
    dims[0] = Dim();
    return TensorType{tensor.dtype(), PartialShape(dims)};
  };
  const Value t = InputValue(open(y_true), "t"), p = InputValue(open(y_pred), "p");
  const Value w = InputValue(open(weight), "w");
  MetricState state(c.metric);
  EXPECT_TRUE(std::isnan(state.Result()));
  const std::vector<Value> statistics = c.metric.statistics(t, p, c.weighted ? w : Value());
  for (const auto& [begin, end] : {std::pair{0, 5}, {5, 44}, {44, 61}}) {
    const auto found =
        RunValues({t, p, w}, statistics,
                  {y_true.Rows(begin, end), y_pred.Rows(begin, end), weight.Rows(begin, end)});
    ASSERT_FALSE(found.empty());
    ASSERT_TRUE(state.Add(found).ok());
  }
  const double expected = golden.at(absl::StrCat("result/", c.golden)).AsDouble(0);
  EXPECT_NEAR(state.Result(), expected, 1e-6 * (1 + std::abs(expected)));
}

INSTANTIATE_TEST_SUITE_P(
    Train, Metrics,
    testing::Values(
        MetricCase{"binary_accuracy", "truth", "scores", metrics::BinaryAccuracy()},
        MetricCase{"weighted_binary_accuracy", "truth", "scores", metrics::BinaryAccuracy(), true},
        MetricCase{"true_positives", "truth", "scores", metrics::TruePositives()},
        MetricCase{"true_negatives", "truth", "scores", metrics::TrueNegatives()},
        MetricCase{"false_positives", "truth", "scores", metrics::FalsePositives()},
        MetricCase{"false_negatives", "truth", "scores", metrics::FalseNegatives()},
        MetricCase{"precision", "truth", "scores", metrics::Precision()},
        MetricCase{"weighted_precision", "truth", "scores", metrics::Precision(), true},
        MetricCase{"recall", "truth", "scores", metrics::Recall()},
        MetricCase{"auc", "truth", "scores", metrics::AUC()},
        MetricCase{"weighted_auc", "truth", "scores", metrics::AUC(), true},
        MetricCase{"auc_pr", "truth", "scores", metrics::AUC({.precision_recall = true})},
        MetricCase{"precision_at_recall", "truth", "scores", metrics::PrecisionAtRecall(0.6)},
        MetricCase{"recall_at_precision", "truth", "scores", metrics::RecallAtPrecision(0.7)},
        MetricCase{"sensitivity_at_specificity", "truth", "scores",
                   metrics::SensitivityAtSpecificity(0.5)},
        MetricCase{"specificity_at_sensitivity", "truth", "scores",
                   metrics::SpecificityAtSensitivity(0.5)},
        MetricCase{"categorical_accuracy", "one_hot", "many", metrics::CategoricalAccuracy()},
        MetricCase{"categorical_accuracy", "classes", "many", metrics::SparseCategoricalAccuracy()},
        MetricCase{"top_2", "one_hot", "many", metrics::TopKCategoricalAccuracy(2)},
        MetricCase{"weighted_top_2", "classes", "many", metrics::SparseTopKCategoricalAccuracy(2),
                   true},
        MetricCase{"f1_macro", "one_hot", "many", metrics::F1Score()},
        MetricCase{"f1_micro", "classes", "many", metrics::F1Score({.average = "micro"})},
        MetricCase{"f2_weighted", "one_hot", "many",
                   metrics::FBetaScore({.beta = 2, .average = "weighted"})},
        MetricCase{"mean_iou", "segments", "segment_guess", metrics::MeanIoU({.num_classes = 3})},
        MetricCase{"mean_iou_ignore", "segments", "segment_guess",
                   metrics::MeanIoU({.num_classes = 3, .ignore_class = 1})},
        MetricCase{"iou", "segments", "segment_guess",
                   metrics::MeanIoU({.num_classes = 3, .target_class_ids = {0, 2}})},
        MetricCase{
            "one_hot_iou", "one_hot", "many",
            metrics::MeanIoU({.num_classes = 6, .sparse_y_pred = false, .sparse_y_true = false})},
        MetricCase{"binary_iou", "truth", "scores", metrics::BinaryIoU({.threshold = 0.6})},
        MetricCase{"weighted_binary_iou", "truth", "scores",
                   metrics::BinaryIoU({.target_class_ids = {1}}), true},
        MetricCase{"pearson", "real", "guess", metrics::PearsonCorrelation()},
        MetricCase{"concordance", "real", "guess", metrics::ConcordanceCorrelation()},
        MetricCase{"rmse", "real", "guess", metrics::RootMeanSquaredError()},
        MetricCase{"r2", "real", "guess", metrics::R2Score()},
        MetricCase{"cosine", "real", "guess", metrics::CosineSimilarity()},
        MetricCase{"mse", "real", "guess", metrics::MeanOf(losses::MeanSquaredError())}),
    [](const auto& info) {
      return absl::StrCat(info.param.golden, "_", info.param.y_true, "_", info.index);
    });

// Two equal labels need a blank between them, for which two steps have no room.
TEST(LossTest, AnImpossibleSequenceIsInfinitelyFarAndPullsNowhere) {
  const Tensor labels = Tensor::Of<int64_t>({1, 2}, {1, 1}), scores(DType::kFloat32, {1, 2, 3});
  const Value t = InputValue(labels.type(), "t"), p = InputValue(scores.type(), "p");
  const Value loss = ReduceLoss(losses::CTC(), t, p);
  const auto gradients = Gradients({loss}, {p});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  const auto found = RunValues({t, p}, {loss, (*gradients)[0]}, {labels, scores});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(std::isinf(found[0].AsDouble(0)));
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(found[1].AsDouble(i), 0);
}

TEST(LossNamesTest, EveryNameIsALoss) {
  for (const std::string& name : LossNames()) {
    const auto loss = LossFromText(name);
    ASSERT_TRUE(loss.ok()) << loss.status();
    EXPECT_EQ(loss->name, name);
  }
  for (const char* text : {"mse", "MeanSquaredError", "KLDivergence", "CosineSimilarity",
                           "binary_crossentropy:from_logits", "kld"})
    EXPECT_TRUE(LossFromText(text).ok()) << text;
  for (const char* text : {"", "mean", "mse:from_logits", "binary_crossentropy:logits"})
    EXPECT_FALSE(LossFromText(text).ok()) << text;
  for (const std::string& name : MetricNames()) EXPECT_TRUE(MetricFromText(name).ok()) << name;
  EXPECT_TRUE(MetricFromText("mae").ok());
  EXPECT_FALSE(MetricFromText("accurate").ok());
}

}  // namespace
}  // namespace nomograph
