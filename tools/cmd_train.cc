// nomo train: fits a model's weights to data.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/open.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/save_model.h"
#include "nomograph/tools/run/precision_flag.h"
#include "nomograph/tools/run/top_k.h"
#include "nomograph/tools/text/note.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/train/learning_flags.h"
#include "nomograph/tools/usage.h"
#include "nomograph/train/callbacks.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path;
  LearningFlags learning;
  std::vector<std::string> validation, freeze, class_weights;
  std::string optimizer = "adam";
  std::string checkpoint, log, tensorboard, monitor;
  int64_t epochs = 1, steps = 0, seed = 0;
  int patience = 0, reduce_patience = 0, threads = 0;
  double split = 0;
  bool exact = false, resume = false, quiet = false, stop_on_nan = false;
  Precision precision = Precision::kFloat32;
  SaveFlags save;
};

std::atomic<bool> interrupted{false};

// The second one ends the program.
void Interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

absl::Status Usage(const absl::Status& status) { return WithExitCode(ExitCode::kUsage, status); }

absl::StatusOr<TrainingGoals> GoalsOf(const Arguments& arguments, const Model& model) {
  TrainingGoals goals{.frozen = arguments.freeze};
  NOMO_ASSIGN_OR_RETURN(goals.optimizer, OptimizerFromText(arguments.optimizer));
  NOMO_ASSIGN_OR_RETURN(goals.outputs, OutputGoalsOf(arguments.learning, model));
  return goals;
}

// "3=0.5": a class, and what its samples weigh.
absl::StatusOr<std::map<int64_t, double>> ClassWeightsOf(const Arguments& arguments) {
  std::map<int64_t, double> weights;
  for (const std::string& argument : arguments.class_weights) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(argument, absl::MaxSplits('=', 1));
    int64_t label = 0;
    double weight = 0;
    if (!absl::SimpleAtoi(parts.first, &label) || !absl::SimpleAtod(parts.second, &weight) ||
        !(weight >= 0) || !std::isfinite(weight)) {
      return InvalidArgument("--class-weight: expected CLASS=WEIGHT, such as 3=0.5, found ",
                             Quoted(argument));
    }
    if (!weights.emplace(label, weight).second)
      return InvalidArgument("--class-weight: class ", label, " has two weights");
  }
  return weights;
}

std::vector<std::shared_ptr<Callback>> CallbacksOf(const Arguments& arguments) {
  std::vector<std::shared_ptr<Callback>> list;
  if (arguments.stop_on_nan) list.push_back(callbacks::TerminateOnNaN());
  const bool validates = arguments.split > 0 || !arguments.validation.empty();
  std::string monitor = arguments.monitor;
  if (monitor.empty()) monitor = validates ? "val_loss" : "loss";
  if (arguments.reduce_patience > 0) {
    list.push_back(
        callbacks::ReduceLROnPlateau({.monitor = monitor, .patience = arguments.reduce_patience}));
  }
  if (arguments.patience > 0) {
    list.push_back(callbacks::EarlyStopping(
        {.monitor = monitor, .patience = arguments.patience, .restore_best_weights = true}));
  }
  if (!arguments.log.empty()) list.push_back(callbacks::CSVLogger(arguments.log));
  if (!arguments.tensorboard.empty()) list.push_back(callbacks::TensorBoard(arguments.tensorboard));
  if (!arguments.checkpoint.empty())
    list.push_back(callbacks::ModelCheckpoint({.path = arguments.checkpoint}));
  return list;
}

// What a user may take for trained is told.
void NoteFixedWeights(const Model& model) {
  int64_t count = 0;
  for (const auto& [name, function] : model.functions) {
    const std::vector<Weight>& weights = function.graph.weights;
    count += std::count_if(weights.begin(), weights.end(), [](const Weight& w) {
      return w.trainable && kFloats.Contains(w.tensor.dtype());
    });
  }
  if (count == 0) return;
  PrintNote("nomo train", absl::StrCat(Counted(count, "weight"),
                                       " in functions, such as the bodies of loops and branches, ",
                                       count == 1 ? "stays as it is" : "stay as they are"));
}

struct Result {
  Model model;
  History history;
  int64_t steps = 0;
};

absl::StatusOr<Result> Train(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  auto goals = GoalsOf(arguments, file.model);
  if (!goals.ok()) return Usage(goals.status());
  NOMO_ASSIGN_OR_RETURN(TrainingDataOptions options, DataOptionsOf(arguments.learning));
  options.known_classes = LabelsOf(file.model);
  NOMO_ASSIGN_OR_RETURN(NamedTrainingData data, ReadTrainingData(file.model, goals->outputs,
                                                                 arguments.learning.data, options));
  FitOptions fit{.epochs = arguments.epochs,
                 .batch_size = arguments.learning.batch_size,
                 .validation_split = arguments.split,
                 .callbacks = CallbacksOf(arguments),
                 .verbose = arguments.quiet ? Verbose::kSilent : Verbose::kAuto,
                 .cancel = &interrupted};
  if (arguments.steps > 0) fit.steps_per_epoch = arguments.steps;
  auto class_weight = ClassWeightsOf(arguments);
  if (!class_weight.ok()) return Usage(class_weight.status());
  fit.class_weight = *std::move(class_weight);
  if (!arguments.validation.empty()) {
    options.shuffle = false;
    options.known_classes = data.classes;
    options.only_known = !data.classes.empty();
    NOMO_ASSIGN_OR_RETURN(
        NamedTrainingData validation,
        ReadTrainingData(file.model, goals->outputs, arguments.validation, options));
    fit.validation_data = std::move(validation.data);
  }
  if (!data.classes.empty() && data.classes != LabelsOf(file.model))
    file.model.metadata["labels"] = absl::StrCat(absl::StrJoin(data.classes, "\n"), "\n");
  auto trainer = Trainer::Create(file.model, *std::move(goals),
                                 {.seed = static_cast<uint64_t>(arguments.seed),
                                  .exact = arguments.exact,
                                  .precision = arguments.precision,
                                  .threads = arguments.threads});
  if (!trainer.ok()) {
    return WithExitCode(LearningExitCode(trainer.status()),
                        AtFile(arguments.path, trainer.status()));
  }
  if (arguments.resume) {
    const absl::Status restored = (*trainer)->Restore(arguments.checkpoint);
    if (!restored.ok()) return WithExitCode(ExitCode::kUnreadable, restored);
  }
  NoteEmulation("nomo train", arguments.precision);
  NoteFixedWeights(file.model);
  std::signal(SIGINT, Interrupt);
  std::signal(SIGTERM, Interrupt);
  auto history = (*trainer)->Fit(data.data, fit);
  if (absl::IsCancelled(history.status()) && !arguments.checkpoint.empty()) {
    NOMO_RETURN_IF_ERROR(
        WithExitCode(ExitCode::kUnwritable, (*trainer)->Save(arguments.checkpoint)));
    return WithExitCode(
        ExitCode::kCannotRun,
        absl::CancelledError(absl::StrCat(history.status().message(), "; go on with --checkpoint ",
                                          QuotedPath(arguments.checkpoint), " --resume")));
  }
  if (!history.ok()) return WithExitCode(LearningExitCode(history.status()), history.status());
  Result result{.model = (*trainer)->model(), .history = *std::move(history)};
  result.steps = (*trainer)->step();
  return result;
}

std::string ResultText(const Result& result) {
  const History& history = result.history;
  if (history.epoch.empty()) return "no epoch was trained\n";
  TextTable table({{"metric"}, {"first epoch", true}, {"last epoch", true}, {"best", true}});
  for (const auto& [name, values] : history.metrics) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    const bool loss = absl::StrContains(name, "loss") || absl::StrContains(name, "error");
    const auto text = [](double value) {
      return std::isnan(value) ? "nan" : ShortNumber(value);  // whatever its sign
    };
    table.AddRow({name, text(values.front()), text(values.back()),
                  name == "learning_rate" ? "-" : text(loss ? *least : *most)});
  }
  const auto loss = history.metrics.find("loss");
  const bool is_number = loss == history.metrics.end() || std::isfinite(loss->second.back());
  return absl::StrCat(
      "trained ", Counted(static_cast<int64_t>(history.epoch.size()), "epoch"), ", ",
      Counted(result.steps, "step"), "\n", table.ToString(),
      is_number ? ""
                : "the loss is no number any more: --stop-on-nan names the node that made it\n");
}

Json ResultJson(const Arguments& arguments, const Result& result) {
  Json history = Json::object(), epochs = Json::array();
  for (const int64_t epoch : result.history.epoch) epochs.push_back(epoch);
  for (const auto& [name, values] : result.history.metrics) {
    Json numbers = Json::array();
    for (const double value : values) numbers.push_back(NumberJson(value));
    history[name] = std::move(numbers);
  }
  return {{"schema", "nomograph.train.1"},
          {"file", arguments.path},
          {"steps", result.steps},
          {"epochs", std::move(epochs)},
          {"history", std::move(history)}};
}

absl::Status Execute(const Arguments& arguments) {
  if (arguments.resume && arguments.checkpoint.empty())
    return Usage(InvalidArgument("--resume: expected --checkpoint FILE, too"));
  if (arguments.split > 0 && !arguments.validation.empty())
    return Usage(InvalidArgument("--validation-split and --validation-data: expected one of them"));
  NOMO_RETURN_IF_ERROR(CheckDestination(arguments.save, arguments.path));
  for (const std::string* path : {&arguments.checkpoint, &arguments.log})
    if (!path->empty()) NOMO_RETURN_IF_ERROR(CheckWritable(*path));
  NOMO_ASSIGN_OR_RETURN(const Result result, Train(arguments));
  if (arguments.save.path != "-" && !arguments.save.json) Print(ResultText(result));
  return SaveModel(result.model, arguments.save, arguments.path, ResultJson(arguments, result));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  AddDataFlags(app, arguments->learning);
  AddRepeated(app, "--validation-data", arguments->validation, "[NAME=]FILE",
              "What to evaluate on after each epoch, in the same forms");
  app.add_option(
         "--validation-split", arguments->split,
         "Evaluate on this last part of the arrays instead, as 0.1, and train on the others")
      ->type_name("PART")
      ->check(NumberBetween(0, 0.99));
  app.add_option("--steps-per-epoch", arguments->steps, "End epochs after N steps")
      ->type_name("N")
      ->check(AtLeast(1));
  AddGoalFlags(app, arguments->learning);
  app.add_option(
         "--optimizer", arguments->optimizer,
         absl::StrCat("With options as adam:learning_rate=0.01,clipnorm=1, or a schedule as "
                      "adam:schedule=cosine_decay,decay_steps=1000 (default adam): ",
                      absl::StrJoin(OptimizerNames(), ", ")))
      ->type_name("NAME[:OPTION=NUMBER,...]");
  AddRepeated(app, "--class-weight", arguments->class_weights, "CLASS=WEIGHT",
              "What the samples of a class weigh in the loss, as 3=0.5 (default 1)");
  AddRepeated(app, "--freeze", arguments->freeze, "NAME",
              "A weight, or all weights of a layer, that stay as they are");
  app.add_option("--epochs", arguments->epochs, "How often the data is gone through (default 1)")
      ->type_name("N")
      ->check(AtLeast(0));
  app.add_option("--early-stopping", arguments->patience,
                 "End after N epochs without improvement, and take the best weights")
      ->type_name("N")
      ->check(Between(1, 1 << 30));
  app.add_option("--reduce-lr", arguments->reduce_patience,
                 "Divide the learning rate by 10 after N epochs without improvement")
      ->type_name("N")
      ->check(Between(1, 1 << 30));
  app.add_option("--monitor", arguments->monitor,
                 "Of what (default val_loss, without validation loss)")
      ->type_name("NAME");
  app.add_flag("--stop-on-nan", arguments->stop_on_nan,
               "End when the loss is no number, and name the node that made it");
  app.add_option("--checkpoint", arguments->checkpoint,
                 "Write a file after each epoch, and when interrupted, from which training can go "
                 "on")
      ->type_name("FILE");
  app.add_flag("--resume", arguments->resume, "Go on from --checkpoint");
  app.add_option("--log", arguments->log, "Write a row an epoch to this .csv")->type_name("FILE");
  app.add_option("--tensorboard", arguments->tensorboard, "Write event files to this folder")
      ->type_name("FOLDER");
  app.add_option("--seed", arguments->seed, "Of the order of samples and of dropout (default 0)")
      ->type_name("N")
      ->check(AtLeast(0));
  CLI::Option* exact =
      app.add_flag("--exact", arguments->exact, "The same bits on every machine, slower");
  AddPrecisionFlag(app, arguments->precision, "Multiply, the weights staying float32, in")
      ->excludes(exact);
  app.add_option("--threads", arguments->threads, "Use N threads (default: as many as processors)")
      ->type_name("N")
      ->check(Between(1, 1024));
  app.add_flag("-q,--quiet", arguments->quiet, "Show no progress");
  app.add_option("-o,--output", arguments->save.path, "The file to write; - is standard output")
      ->required()
      ->type_name("FILE");
  AddSaveFlags(app, arguments->save);
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"train", "Fit a model's weights to data", SetUp});

}  // namespace
}  // namespace nomograph
