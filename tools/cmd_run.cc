// nomo run: computes a model's outputs.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/run/check_signature.h"
#include "nomograph/tools/run/read_inputs.h"
#include "nomograph/tools/run/run_batches.h"
#include "nomograph/tools/run/time_runs.h"
#include "nomograph/tools/run/top_k.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/text/tensor_text.h"

namespace nomograph {
namespace {

constexpr char kInputHelp[] =
    "An input; NAME= may be left out where there is only one. VALUE is a file, .npy, .npz (arrays "
    "by their names), .png or .jpg (one image), .csv or MNIST's IDX (a row for each example); or "
    "random, random:SEED, random:2x28x28x1. Repeated, it gives more rows";
constexpr char kOutputHelp[] =
    "Write instead of printing: NAME=FILE.npy or .csv (NAME= may be left out where there is only "
    "one output), FILE.npz for all, or a folder";

struct Arguments {
  std::string path, labels_path, signing_key;
  std::vector<std::string> inputs, outputs, allowed_io;
  int64_t batch = 0, top_k = 0, repeats = 0;
  int threads = 0;
  bool exact = false, resize = false, cast = false;
  RunOptions run;
};

// Faults of this program stay what they are.
absl::Status CannotRun(const Arguments& arguments, const absl::Status& status) {
  if (status.code() == absl::StatusCode::kInternal) return status;
  return WithExitCode(ExitCode::kCannotRun, AtFile(arguments.path, status));
}

absl::StatusOr<NamedTensors> Run(const Arguments& arguments, Session& session,
                                 const NamedTensors& inputs) {
  ProgressBar progress("running");
  auto outputs = RunInBatches(
      session, inputs,
      {.batch = arguments.batch, .run = arguments.run, .progress = progress.callback()});
  if (!outputs.ok()) return CannotRun(arguments, outputs.status());
  return outputs;
}

// The classes' names: those of the file, and the model's own.
struct Labels {
  std::vector<std::string> given, own;
};

// The best classes where that is asked for and possible, else the values.
absl::Status PrintOutput(const Arguments& arguments, const Model& model, const std::string& name,
                         const Tensor& tensor, const Labels& labels) {
  Print(absl::StrCat(Escape(name), "  ", tensor.type().ToString(), "\n"));
  if (arguments.top_k > 0) {
    const int rank = tensor.shape().rank();
    const bool own_labels_fit =
        rank > 0 && tensor.shape()[rank - 1] == static_cast<int64_t>(labels.own.size());
    const auto text = TopKText(tensor, arguments.top_k,
                               labels.given.empty() && own_labels_fit ? labels.own : labels.given);
    if (text.ok()) {
      Print(*text);
      return absl::OkStatus();
    }
    if (model.graph.outputs.size() == 1) {
      return WithExitCode(ExitCode::kUsage,
                          Annotate(text.status(), absl::StrCat("output ", Quoted(name))));
    }
  }
  Print(TensorText(tensor, 2));
  return absl::OkStatus();
}

// To files where that is asked for, else to standard output.
absl::Status WriteOutputs(const Arguments& arguments, const Model& model,
                          const std::vector<OutputFile>& files, const Labels& labels,
                          const NamedTensors& outputs) {
  for (const OutputFile& output : files) {
    NOMO_RETURN_IF_ERROR(WriteOutput(output, outputs));
    const std::string what =
        output.output.empty() ? "all outputs" : outputs.at(output.output).type().ToString();
    Print(absl::StrCat("wrote ", Escape(output.path), "  ", what, "\n"));
  }
  if (!files.empty() && arguments.top_k == 0) return absl::OkStatus();
  for (const ValueId id : model.graph.outputs) {  // in the model's order
    const std::string& name = model.graph.value(id).name;
    NOMO_RETURN_IF_ERROR(PrintOutput(arguments, model, name, outputs.at(name), labels));
  }
  return absl::OkStatus();
}

absl::Status PrintTimes(const Arguments& arguments, Session& session, const NamedTensors& inputs,
                        double seconds_to_first) {
  NOMO_ASSIGN_OR_RETURN(const RunTimes times, TimeRuns(arguments.repeats, [&] {
                          return Run(arguments, session, inputs).status();
                        }));
  Print(absl::StrCat("start  ", Milliseconds(seconds_to_first),
                     " from opening the model to the first outputs\ntime  ", RunTimesText(times),
                     "\n"));
  if (const int64_t bytes = PeakMemory(); bytes > 0) {
    Print(absl::StrCat("memory  ", ReadableBytes(bytes), " at most\n"));
  }
  return absl::OkStatus();
}

absl::Status Execute(const Arguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  if (!arguments.signing_key.empty()) {
    NOMO_RETURN_IF_ERROR(CheckSignature(arguments.path, "", arguments.signing_key).status());
  }
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  const Graph& graph = file.model.graph;
  // The inputs and the joined outputs of batches.
  const MemoryScope memory(std::make_shared<MemoryAccount>(arguments.run.memory_limit_bytes));
  NOMO_ASSIGN_OR_RETURN(const std::vector<OutputFile> files, PlanOutputs(graph, arguments.outputs));
  Labels labels{.given = {}, .own = LabelsOf(file.model)};
  if (!arguments.labels_path.empty()) {
    NOMO_ASSIGN_OR_RETURN(labels.given,
                          WithExitCode(ExitCode::kUnreadable, ReadLabels(arguments.labels_path)));
  }
  const auto session =
      Session::Create(file.model, {.exact = arguments.exact,
                                   .allowed_io = arguments.allowed_io,
                                   .threads = arguments.threads,
                                   .memory_limit_bytes = arguments.run.memory_limit_bytes});
  if (!session.ok()) return CannotRun(arguments, session.status());
  NOMO_ASSIGN_OR_RETURN(const NamedTensors inputs,
                        ReadInputs(graph, arguments.inputs,
                                   {.resize = arguments.resize,
                                    .cast = arguments.cast,
                                    .batch = arguments.batch > 0 ? arguments.batch : 1}));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs, Run(arguments, **session, inputs));
  const std::chrono::duration<double> to_first = std::chrono::steady_clock::now() - start;
  NOMO_RETURN_IF_ERROR(WriteOutputs(arguments, file.model, files, labels, outputs));
  if (arguments.repeats == 0) return absl::OkStatus();
  return PrintTimes(arguments, **session, inputs, to_first.count());
}

void AddLimits(CLI::App& app, RunOptions& run) {
  app.add_option("--memory-limit", run.memory_limit_bytes,
                 "The most memory for a run's tensors, e.g. 512M or 4G (default: what the machine "
                 "has)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false).description(""))
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 62));
  app.add_option("--time-limit", run.time_limit_seconds,
                 "End a run that takes longer (default: no limit)")
      ->type_name("SECONDS")
      ->check(CLI::Range(1e-6, 1e8));
}

void AddRandomness(CLI::App& app, RunOptions& run) {
  CLI::Option* training =
      app.add_flag("--training", run.training, "Dropout and random augmentation act");
  app.add_option("--seed", run.seed, "Of random ops (default 0)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--step", run.step,
                 "The training step: random ops draw anew at each; batches count it up (default 0)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->needs(training);
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  AddRepeated(app, "-i,--input", arguments->inputs, "NAME=VALUE", kInputHelp);
  AddRepeated(app, "-o,--output", arguments->outputs, "NAME=FILE", kOutputHelp);
  CLI::Option* top_k = app.add_option("--top-k", arguments->top_k,
                                      "Print the best N classes of each row, not the values");
  top_k->type_name("N")->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app.add_option("--labels", arguments->labels_path,
                 "The classes' names, one a line (default: the model's metadata \"labels\")")
      ->type_name("FILE")
      ->needs(top_k);
  app.add_option("--batch", arguments->batch,
                 "Run N rows at a time (default: all); random inputs have N rows")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app.add_option("--repeat", arguments->repeats,
                 "Then run N more times and print how long that takes")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  app.add_flag("--resize", arguments->resize, "Make images fit the input's size");
  app.add_flag("--cast", arguments->cast, "Convert arrays to the input's dtype");
  app.add_flag("--exact", arguments->exact,
               "Reference kernels only: slow, the same bits everywhere");
  app.add_option("--threads", arguments->threads, "Use N threads (default: as many as processors)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  app.add_option("--require-signature", arguments->signing_key,
                 "Run only what the owner of this public key has signed (FILE.sig; see nomo sign)")
      ->type_name("FILE.pub");
  AddLimits(app, arguments->run);
  AddRandomness(app, arguments->run);
  AddRepeated(app, "--allow-io", arguments->allowed_io, "OP",
              "Let an op with the effect io run, by its name");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"run", "Compute a model's outputs from files or random numbers",
                                   SetUp});

}  // namespace
}  // namespace nomograph
