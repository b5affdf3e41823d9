// Losses, written as values: how far predictions are from what is true. Names, formulas and
// defaults are Keras' (keras.losses).
#ifndef NOMOGRAPH_TRAIN_LOSS_H_
#define NOMOGRAPH_TRAIN_LOSS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/build/value.h"

namespace nomograph {

// What becomes of the losses of the samples, each multiplied with its sample weight.
enum class Reduction {
  kSumOverBatchSize,      // the sum divided by their number
  kMeanWithSampleWeight,  // the sum divided by the sum of the sample weights
  kSum,
};

// What the targets of a loss are.
enum class Targets : uint8_t {
  kLikePredictions,  // of the predictions' type
  kClasses,          // int64[batch, ...] for predictions [batch, ..., classes]
  kSequences,        // classes one after another, int64[batch, any], for [batch, steps, classes]
};

struct Loss {
  std::string name = {};  // "mean_squared_error"
  // The losses of the samples, [batch, ...], of targets and predictions [batch, ..., classes].
  std::function<Value(const Value& y_true, const Value& y_pred)> function = {};
  Targets targets = Targets::kLikePredictions;
  Reduction reduction = Reduction::kSumOverBatchSize;
  // Which samples count, if not all: bool[batch, ...] from the targets.
  std::function<Value(const Value& y_true)> mask = nullptr;

  // The type of the targets for predictions of this type. InvalidArgument where it has no axis of
  // classes, but needs one.
  absl::StatusOr<TensorType> TargetType(const TensorType& prediction) const;
};

// The loss of a batch is `sum / count`, scalars, of which only the sum depends on the predictions:
// so the parts of a batch add up. `count` is 0 where nothing counts, and so then is the sum.
struct LossParts {
  Value sum, count;
};

// `sample_weight` is absent, [batch], or of the shape of the losses. `mask`, which may be absent,
// says which samples count: bool, of the first axes of the losses. A mean is that over them, as
// Keras has it (keras/src/losses/loss.py).
LossParts SumLoss(const Loss& loss, const Value& y_true, const Value& y_pred,
                  const Value& sample_weight = {}, const Value& mask = {});
// The loss of a batch, a scalar; 0 where nothing counts.
Value ReduceLoss(const LossParts& parts);
Value ReduceLoss(const Loss& loss, const Value& y_true, const Value& y_pred,
                 const Value& sample_weight = {}, const Value& mask = {});

namespace losses {

struct BinaryCrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0;
  int64_t axis = -1;  // along which it is averaged
};
Loss BinaryCrossentropy(const BinaryCrossentropyOptions& options = {});

struct BinaryFocalOptions {
  bool apply_class_balancing = false;
  double alpha = 0.25, gamma = 2;
  bool from_logits = false;
  double label_smoothing = 0;
  int64_t axis = -1;
};
// T. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
Loss BinaryFocalCrossentropy(const BinaryFocalOptions& options = {});

struct CategoricalCrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0;
  int64_t axis = -1;  // of the classes
};
Loss CategoricalCrossentropy(const CategoricalCrossentropyOptions& options = {});

struct CategoricalFocalOptions {
  double alpha = 0.25, gamma = 2;
  bool from_logits = false;
  double label_smoothing = 0;
  int64_t axis = -1;
};
Loss CategoricalFocalCrossentropy(const CategoricalFocalOptions& options = {});

struct SparseCategoricalCrossentropyOptions {
  bool from_logits = false;
  std::optional<int64_t> ignore_class = {};  // targets that do not count; it need be no class
};
// The classes are the predictions' last axis.
Loss SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& options = {});

// Means over the last axis.
Loss MeanSquaredError();
Loss MeanAbsoluteError();
Loss MeanAbsolutePercentageError();
Loss MeanSquaredLogarithmicError();
Loss Huber(double delta = 1);
Loss LogCosh();
Loss Hinge();
Loss SquaredHinge();
Loss CategoricalHinge();
// Sum over the last axis.
Loss KLDivergence();
Loss Poisson();
// -1 for vectors of one direction, along the axis.
Loss CosineSimilarity(int64_t axis = -1);
// Along the axes, by default all, so that the batch has one loss.
Loss Dice(std::vector<int64_t> axes = {});
struct TverskyOptions {
  double alpha = 0.5, beta = 0.5;
  std::vector<int64_t> axes = {};
};
Loss Tversky(const TverskyOptions& options = {});

// Of probabilities and classes: (1 - p^q) / q (Z. Zhang and M. Sabuncu, "Generalized Cross Entropy
// Loss", NeurIPS 2018).
Loss CategoricalGeneralizedCrossEntropy(double q = 0.5);

struct CircleOptions {
  double gamma = 80, margin = 0.4;
  bool remove_diagonal = true;  // a sample is no pair with itself
};
// Of vectors of length 1, [batch, features], and their classes: similar ones of one class, and
// others of different classes (Y. Sun et al., "Circle Loss", CVPR 2020). Samples that are without a
// pair of one kind do not count.
Loss Circle(const CircleOptions& options = {});

// Connectionist temporal classification, of logits [batch, steps, classes] and the classes of a
// sequence without their times, [batch, labels], of which 0 is none (A. Graves et al., ICML 2006):
// zeros stand behind the shorter ones.
Loss CTC();

}  // namespace losses

// "mean_squared_error", "mse", "MeanSquaredError"; behind a colon options that are true, such as
// "sparse_categorical_crossentropy:from_logits". InvalidArgument lists the names that there are.
absl::StatusOr<Loss> LossFromText(absl::string_view text);
std::vector<std::string> LossNames();

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_LOSS_H_
