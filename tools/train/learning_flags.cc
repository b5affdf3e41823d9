#include "nomograph/tools/train/learning_flags.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

bool HasOutput(const Graph& graph, absl::string_view name) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](ValueId id) { return graph.value(id).name == name; });
}

}  // namespace

void AddDataFlags(CLI::App& app, LearningFlags& flags) {
  AddRepeated(app, "-d,--data", flags.data, "[NAME=]FILE",
              "The samples: NAME=FILE for each input and output of the model (.npy, .csv, "
              "IDX); or an .npz of arrays of those names, or x and y; a .csv, whose last column is "
              "the target, or with a column of the name of each; a .tfrecord of Examples with "
              "features of those names; or a folder with "
              "a folder of pictures for each class")
      ->required();
  app.add_option("--csv-target", flags.csv_target,
                 "Which column of a .csv is the target: first, last (the default) or its name")
      ->type_name("COLUMN");
  AddPixelFlags(app, flags.pictures);
  app.add_option("--batch-size", flags.batch_size, "Samples of a batch (default 32)")
      ->type_name("N")
      ->check(AtLeast(1));
}

void AddGoalFlags(CLI::App& app, LearningFlags& flags) {
  AddRepeated(app, "--loss", flags.losses, "[OUTPUT=]LOSS",
              absl::StrCat("The loss of the model's output, or of each that has one; "
                           ":from_logits behind a name where the output is logits. ",
                           absl::StrJoin(LossNames(), ", ")))
      ->required();
  app.add_option("--metrics", flags.metrics,
                 absl::StrCat("What else to tell: ", absl::StrJoin(MetricNames(), ", "),
                              ", and all losses"))
      ->type_name("NAME,...");
}

absl::StatusOr<std::vector<OutputGoal>> OutputGoalsOf(const LearningFlags& flags,
                                                      const Model& model) {
  std::vector<OutputGoal> goals;
  std::vector<Metric> metrics;
  for (const absl::string_view name : absl::StrSplit(flags.metrics, ',', absl::SkipEmpty())) {
    NOMO_ASSIGN_OR_RETURN(Metric metric, MetricFromText(name));
    metrics.push_back(std::move(metric));
  }
  const Graph& graph = model.graph;
  for (const std::string& argument : flags.losses) {
    const size_t equals = argument.find('=');
    OutputGoal goal{.metrics = metrics};
    if (equals != std::string::npos) {
      goal.output = argument.substr(0, equals);
      if (!HasOutput(graph, goal.output)) {
        return InvalidArgument("--loss ", Quoted(argument), ": the model has no output ",
                               Quoted(goal.output));
      }
    } else if (graph.outputs.size() == 1) {
      goal.output = graph.value(graph.outputs[0]).name;
    } else {
      return InvalidArgument("--loss ", Quoted(argument),
                             ": expected OUTPUT=LOSS, because the "
                             "model has ",
                             graph.outputs.size(), " outputs");
    }
    NOMO_ASSIGN_OR_RETURN(
        goal.loss,
        LossFromText(equals == std::string::npos ? argument : argument.substr(equals + 1)));
    goals.push_back(std::move(goal));
  }
  return goals;
}

absl::StatusOr<TrainingDataOptions> DataOptionsOf(const LearningFlags& flags) {
  TrainingDataOptions options{.batch_size = flags.batch_size, .csv_target = flags.csv_target};
  NOMO_ASSIGN_OR_RETURN(options.pixels, PixelsOf(flags.pictures));
  return options;
}

ExitCode LearningExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInternal:
      return ExitCode::kInternal;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return ExitCode::kUsage;
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kUnwritable;
    case absl::StatusCode::kFailedPrecondition:
      return ExitCode::kFailed;
    default:
      return ExitCode::kCannotRun;
  }
}

}  // namespace nomograph
