// OptimizerFromText().
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/train/optimizer.h"

namespace nomograph {
namespace {

// The options that a text gives, each of which must be used.
class TextOptions {
 public:
  static absl::StatusOr<TextOptions> Parse(absl::string_view text) {
    TextOptions options;
    for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      const std::pair<absl::string_view, absl::string_view> field =
          absl::StrSplit(part, absl::MaxSplits('=', 1));
      if (field.first == "schedule") {
        options.schedule_ = std::string(field.second);
        continue;
      }
      double number = field.second == "true" ? 1 : 0;
      if (field.second != "true" && field.second != "false" &&
          !absl::SimpleAtod(field.second, &number)) {
        return InvalidArgument("expected NAME=NUMBER, found ", Quoted(part));
      }
      options.values_[std::string(field.first)] = number;
    }
    return options;
  }

  template <typename T>
  void Take(absl::string_view name, T& value) {
    names_.emplace_back(name);
    const auto found = values_.find(name);
    if (found == values_.end()) return;
    if constexpr (std::is_same_v<T, bool>) {
      value = found->second != 0;
    } else if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, std::optional<int64_t>>) {
      const double number = found->second;
      if (std::abs(number) < 1e15 && number == std::floor(number)) {
        value = static_cast<int64_t>(number);
      } else {
        errors_.Add(InvalidArgument(name, ": expected an integer, found ", number));
      }
    } else {
      value = found->second;
    }
    values_.erase(found);
  }

  // "cosine_decay"; empty where the learning rate is a number.
  const std::string& schedule() const { return schedule_; }
  absl::Status CheckAllTaken() const {
    if (values_.empty()) return errors_.ToStatus("options are wrong");
    return InvalidArgument("there is no option ", Quoted(values_.begin()->first),
                           "; the options are ", absl::StrJoin(names_, ", "));
  }

 private:
  std::map<std::string, double, std::less<>> values_;
  std::vector<std::string> names_;
  std::string schedule_;
  ErrorList errors_;
};

// The schedule that the text names, which begins with that learning rate.
absl::StatusOr<LearningRate> ScheduleOf(TextOptions& text, double initial) {
  using namespace schedules;
  const auto decay = [&](auto options, LearningRate (*make)(const decltype(options)&)) {
    text.Take("decay_steps", options.decay_steps);
    if constexpr (requires { options.decay_rate; }) {
      text.Take("decay_rate", options.decay_rate);
      text.Take("staircase", options.staircase);
    }
    return make(options);
  };
  const std::string& name = text.schedule();
  if (name == "exponential_decay")
    return decay(ExponentialDecayOptions{initial, 0, 0}, ExponentialDecay);
  if (name == "inverse_time_decay")
    return decay(InverseTimeDecayOptions{initial, 0, 0}, InverseTimeDecay);
  if (name == "polynomial_decay") {
    PolynomialDecayOptions o{initial, 0};
    text.Take("end_learning_rate", o.end_learning_rate);
    text.Take("power", o.power);
    text.Take("cycle", o.cycle);
    return decay(o, PolynomialDecay);
  }
  if (name == "cosine_decay") {
    CosineDecayOptions o{initial, 0};
    text.Take("alpha", o.alpha);
    text.Take("warmup_target", o.warmup_target);
    text.Take("warmup_steps", o.warmup_steps);
    return decay(o, CosineDecay);
  }
  if (name == "cosine_decay_restarts") {
    CosineDecayRestartsOptions o{initial, 0};
    text.Take("first_decay_steps", o.first_decay_steps);
    text.Take("t_mul", o.t_mul);
    text.Take("m_mul", o.m_mul);
    text.Take("alpha", o.alpha);
    return CosineDecayRestarts(o);
  }
  return InvalidArgument("there is no schedule ", Quoted(name),
                         "; there are exponential_decay, inverse_time_decay, polynomial_decay, "
                         "cosine_decay, cosine_decay_restarts");
}

using MakeFn = Optimizer (*)(TextOptions& text, const OptimizerOptions& common);

Optimizer MakeSgd(TextOptions& text, const OptimizerOptions& common) {
  optimizers::SgdOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("momentum", o.momentum);
  text.Take("nesterov", o.nesterov);
  return optimizers::SGD(o, common);
}

template <Optimizer (*make)(const optimizers::AdamOptions&, const OptimizerOptions&)>
Optimizer MakeAdam(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdamOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_1", o.beta_1);
  text.Take("beta_2", o.beta_2);
  text.Take("epsilon", o.epsilon);
  text.Take("amsgrad", o.amsgrad);
  return make(o, common);
}

template <Optimizer (*make)(const optimizers::AdamaxOptions&, const OptimizerOptions&)>
Optimizer MakeAdamax(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdamaxOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_1", o.beta_1);
  text.Take("beta_2", o.beta_2);
  text.Take("epsilon", o.epsilon);
  return make(o, common);
}

Optimizer MakeRmsprop(TextOptions& text, const OptimizerOptions& common) {
  optimizers::RmspropOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("rho", o.rho);
  text.Take("momentum", o.momentum);
  text.Take("epsilon", o.epsilon);
  text.Take("centered", o.centered);
  return optimizers::RMSprop(o, common);
}

Optimizer MakeAdagrad(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdagradOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("initial_accumulator_value", o.initial_accumulator_value);
  text.Take("epsilon", o.epsilon);
  return optimizers::Adagrad(o, common);
}

Optimizer MakeAdadelta(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdadeltaOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("rho", o.rho);
  text.Take("epsilon", o.epsilon);
  return optimizers::Adadelta(o, common);
}

Optimizer MakeFtrl(TextOptions& text, const OptimizerOptions& common) {
  optimizers::FtrlOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("initial_accumulator_value", o.initial_accumulator_value);
  text.Take("l1_regularization_strength", o.l1_regularization_strength);
  text.Take("l2_regularization_strength", o.l2_regularization_strength);
  text.Take("l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength);
  text.Take("beta", o.beta);
  return optimizers::Ftrl(o, common);
}

Optimizer MakeLion(TextOptions& text, const OptimizerOptions& common) {
  optimizers::LionOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_1", o.beta_1);
  text.Take("beta_2", o.beta_2);
  return optimizers::Lion(o, common);
}

Optimizer MakeAdafactor(TextOptions& text, const OptimizerOptions& common) {
  optimizers::AdafactorOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_2_decay", o.beta_2_decay);
  text.Take("epsilon_1", o.epsilon_1);
  text.Take("epsilon_2", o.epsilon_2);
  text.Take("clip_threshold", o.clip_threshold);
  return optimizers::Adafactor(o, common);
}

Optimizer MakeMuon(TextOptions& text, const OptimizerOptions& common) {
  optimizers::MuonOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("adam_beta_1", o.adam_beta_1);
  text.Take("adam_beta_2", o.adam_beta_2);
  text.Take("epsilon", o.epsilon);
  text.Take("momentum", o.orthogonal.momentum);
  text.Take("nesterov", o.orthogonal.nesterov);
  text.Take("ns_steps", o.orthogonal.ns_steps);
  text.Take("adam_lr_ratio", o.orthogonal.adam_lr_ratio);
  text.Take("exclude_embeddings", o.orthogonal.exclude_embeddings);
  return optimizers::Muon(o, common);
}

Optimizer MakeScheduleFreeAdamW(TextOptions& text, const OptimizerOptions& common) {
  optimizers::ScheduleFreeAdamWOptions o;
  text.Take("learning_rate", o.learning_rate);
  text.Take("beta_1", o.beta_1);
  text.Take("beta_2", o.beta_2);
  text.Take("epsilon", o.epsilon);
  text.Take("warmup_steps", o.warmup_steps);
  return optimizers::ScheduleFreeAdamW(o, common);
}

constexpr std::pair<const char*, MakeFn> kOptimizers[] = {
    {"sgd", MakeSgd},
    {"adam", MakeAdam<optimizers::Adam>},
    {"adamw", MakeAdam<optimizers::AdamW>},
    {"adamax", MakeAdamax<optimizers::Adamax>},
    {"nadam", MakeAdamax<optimizers::Nadam>},
    {"rmsprop", MakeRmsprop},
    {"adagrad", MakeAdagrad},
    {"adadelta", MakeAdadelta},
    {"ftrl", MakeFtrl},
    {"lion", MakeLion},
    {"lamb", MakeAdamax<optimizers::Lamb>},
    {"adafactor", MakeAdafactor},
    {"muon", MakeMuon},
    {"schedule_free_adamw", MakeScheduleFreeAdamW},
};

}  // namespace

std::vector<std::string> OptimizerNames() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kOptimizers) names.emplace_back(name);
  return names;
}

absl::StatusOr<Optimizer> OptimizerFromText(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  for (const auto& [name, make] : kOptimizers) {
    if (parts.first != name) continue;
    const std::string place = absl::StrCat("optimizer ", name);
    auto options = TextOptions::Parse(parts.second);
    if (!options.ok()) return Annotate(options.status(), place);
    OptimizerOptions common;
    options->Take("weight_decay", common.weight_decay);
    options->Take("clipnorm", common.clipnorm);
    options->Take("global_clipnorm", common.global_clipnorm);
    options->Take("clipvalue", common.clipvalue);
    options->Take("gradient_accumulation_steps", common.gradient_accumulation_steps);
    options->Take("use_ema", common.use_ema);
    options->Take("ema_momentum", common.ema_momentum);
    options->Take("ema_overwrite_frequency", common.ema_overwrite_frequency);
    Optimizer optimizer = make(*options, common);
    if (!options->schedule().empty()) {
      auto schedule = ScheduleOf(*options, optimizer.learning_rate.At(0));
      NOMO_RETURN_IF_ERROR(Annotate(schedule.status(), place));
      optimizer.learning_rate = *std::move(schedule);
    }
    NOMO_RETURN_IF_ERROR(Annotate(options->CheckAllTaken(), place));
    NOMO_RETURN_IF_ERROR(CheckOptimizer(optimizer));
    return optimizer;
  }
  return InvalidArgument("there is no optimizer ", Quoted(parts.first), "; there are ",
                         absl::StrJoin(OptimizerNames(), ", "));
}

}  // namespace nomograph
