// Optimizers: how gradients change weights. Names, formulas and defaults are Keras'
// (keras.optimizers).
#ifndef NOMOGRAPH_TRAIN_OPTIMIZER_H_
#define NOMOGRAPH_TRAIN_OPTIMIZER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/train/learning_rate.h"

namespace nomograph {

// What every optimizer can do.
struct OptimizerOptions {
  // Ahead of each step the weights are multiplied with 1 - weight_decay * learning_rate.
  std::optional<double> weight_decay = {};
  // Weights whose names contain one of these do not decay.
  std::vector<std::string> exclude_from_weight_decay = {};
  // Gradients are scaled down to this Euclidean norm: each by itself, or all together; or their
  // elements are cut to [-clipvalue, clipvalue]. At most one of them.
  std::optional<double> clipnorm = {}, global_clipnorm = {}, clipvalue = {};
  // The optimizer makes a step with the mean gradient of so many batches.
  int64_t gradient_accumulation_steps = 1;
  // A moving mean of each weight, ema_momentum * mean + (1 - ema_momentum) * weight, takes the
  // weight's place every `ema_overwrite_frequency` steps and when Fit() ends.
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::optional<int64_t> ema_overwrite_frequency = {};
};

struct Optimizer {
  std::string name;  // "adam"
  LearningRate learning_rate = 0.001;
  std::string op;    // "train.AdamUpdate"
  Attributes attrs;  // of each node of it, without the names of variables
  // State of each weight: the attribute of `op` that names it, and its initial value.
  struct Slot {
    enum class Form {
      kWeight,   // the weight's shape
      kCopy,     // the same, and its first value in place of `initial`
      kScalar,   // one float64, whatever the weight's type
      kRows,     // the shape without its last axis, and
      kColumns,  // without its last axis but one: of weights of two axes or more
      kVector,   // the shape, of weights of fewer axes
    };
    std::string attr;
    double initial = 0;
    Form form = Form::kWeight;
  };
  std::vector<Slot> slots;
  OptimizerOptions options;
  // Where it is there, matrices have steps along their gradients made orthogonal (Muon()), and
  // `op` serves the other weights.
  struct Orthogonal {
    double momentum = 0.95;
    bool nesterov = true;
    int64_t ns_steps = 6;
    double a = 3.4445, b = -4.775, c = 2.0315;  // of a Newton-Schulz step
    // The learning rate of the other weights is so many times that of matrices.
    double adam_lr_ratio = 0.1;
    // Weights whose names contain one of these are no matrices here.
    std::vector<std::string> exclude_layers = {};
    bool exclude_embeddings = true;  // as if "embedding", in any case of letters, were among them
  };
  std::optional<Orthogonal> orthogonal = {};
  // The slot that is the model's weight wherever the model is used, rather than trained further
  // (ScheduleFreeAdamW()).
  std::string model_slot = {};
};

namespace optimizers {

struct SgdOptions {
  LearningRate learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
};
Optimizer SGD(const SgdOptions& options = {}, const OptimizerOptions& common = {});

struct AdamOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  bool amsgrad = false;
};
Optimizer Adam(const AdamOptions& options = {}, const OptimizerOptions& common = {});
// Adam with a weight_decay of 0.004, unless `common` has another.
Optimizer AdamW(const AdamOptions& options = {}, const OptimizerOptions& common = {});

struct AdamaxOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
};
Optimizer Adamax(const AdamaxOptions& options = {}, const OptimizerOptions& common = {});
Optimizer Nadam(const AdamaxOptions& options = {}, const OptimizerOptions& common = {});

struct RmspropOptions {
  LearningRate learning_rate = 0.001;
  double rho = 0.9, momentum = 0, epsilon = 1e-7;
  bool centered = false;
};
Optimizer RMSprop(const RmspropOptions& options = {}, const OptimizerOptions& common = {});

struct AdagradOptions {
  LearningRate learning_rate = 0.001;
  double initial_accumulator_value = 0.1, epsilon = 1e-7;
};
Optimizer Adagrad(const AdagradOptions& options = {}, const OptimizerOptions& common = {});

struct AdadeltaOptions {
  LearningRate learning_rate = 0.001;
  double rho = 0.95, epsilon = 1e-7;
};
Optimizer Adadelta(const AdadeltaOptions& options = {}, const OptimizerOptions& common = {});

struct FtrlOptions {
  LearningRate learning_rate = 0.001;
  double initial_accumulator_value = 0.1;
  double l1_regularization_strength = 0, l2_regularization_strength = 0;
  double l2_shrinkage_regularization_strength = 0, beta = 0;
};
// With the learning_rate_power -0.5, which is the default.
Optimizer Ftrl(const FtrlOptions& options = {}, const OptimizerOptions& common = {});

struct LionOptions {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9, beta_2 = 0.99;
};
Optimizer Lion(const LionOptions& options = {}, const OptimizerOptions& common = {});

// Its steps of a weight have the length of the weight, times the learning rate.
Optimizer Lamb(const AdamaxOptions& options = {}, const OptimizerOptions& common = {});

struct AdafactorOptions {
  LearningRate learning_rate = 0.001;
  double beta_2_decay = -0.8, epsilon_1 = 1e-30, epsilon_2 = 1e-3, clip_threshold = 1;
};
// State of a matrix are means by row and by column, not of each element.
Optimizer Adafactor(const AdafactorOptions& options = {}, const OptimizerOptions& common = {});

struct MuonOptions {
  LearningRate learning_rate = 0.001;
  double adam_beta_1 = 0.9, adam_beta_2 = 0.999, epsilon = 1e-7;
  Optimizer::Orthogonal orthogonal = {};
};
// Weights of two and three axes take steps along the mean of their gradients, made nearly
// orthogonal by ns_steps of a Newton-Schulz iteration (K. Jordan et al., "Muon", 2024); others take
// Adam's. With a weight_decay of 0.1, unless `common` has another.
Optimizer Muon(const MuonOptions& options = {}, const OptimizerOptions& common = {});

struct ScheduleFreeAdamWOptions {
  LearningRate learning_rate = 0.0025;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
  int64_t warmup_steps = 0;  // in which the learning rate grows to its value
};
// Adam without a schedule: the model's weights are the mean of where the steps have led (A. Defazio
// et al., 2024). Gradients are taken between that and the last step; validation, checkpoints and
// the trainer's model have the mean, for which Keras' users call swap_to_eval().
Optimizer ScheduleFreeAdamW(const ScheduleFreeAdamWOptions& options = {},
                            const OptimizerOptions& common = {});

}  // namespace optimizers

// "adam", "sgd:learning_rate=0.1,momentum=0.9,clipnorm=1": a name in lower case, and options as
// above. "adam:learning_rate=0.01,schedule=cosine_decay,decay_steps=1000": a schedule that begins
// with the learning rate, and its options (train/learning_rate.h). InvalidArgument lists the names
// that there are.
absl::StatusOr<Optimizer> OptimizerFromText(absl::string_view text);
// "sgd", "adam", ... in their order above.
std::vector<std::string> OptimizerNames();

// What cannot be, such as a clipnorm of -1 or an attribute that the op does not allow.
absl::Status CheckOptimizer(const Optimizer& optimizer);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_OPTIMIZER_H_
