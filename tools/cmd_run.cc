// nomo run: computes a model's outputs.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/find_non_finite.h"
#include "nomograph/inspect/tensor_stats.h"
#include "nomograph/tools/code_pages.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/run/check_signature.h"
#include "nomograph/tools/run/fit_image.h"
#include "nomograph/tools/run/picture_arguments.h"
#include "nomograph/tools/run/picture_flags.h"
#include "nomograph/tools/run/precision_flag.h"
#include "nomograph/tools/run/read_inputs.h"
#include "nomograph/tools/run/run_batches.h"
#include "nomograph/tools/run/shared_work.h"
#include "nomograph/tools/run/time_runs.h"
#include "nomograph/tools/run/top_k.h"
#include "nomograph/tools/run/tuning_flag.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/note.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/text/tensor_text.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

constexpr char kInputHelp[] =
    "An input; NAME= may be left out where there is only one. VALUE is a number or a list (16000, "
    "[[1,2],[3,4]]), a file (.npy, .npz with arrays by their names, .png or .jpg with one image, "
    ".csv or MNIST's IDX with a row for each example; - is a .npy from standard input), a folder, "
    "whose images are the rows, or "
    "random, with any of :SEED, :2x28x28x1, :LO..HI behind it; random without NAME= is for all "
    "inputs that are not given. Repeated, it "
    "gives more rows";
constexpr char kOutputHelp[] =
    "Write instead of printing: NAME=FILE.npy or .csv (NAME= may be left out where there is only "
    "one output), FILE.npz for all, FOLDER/, or - for standard output, as .npy";

struct Arguments {
  std::string path, labels_path, signing_key, tuning;
  std::vector<std::string> inputs, outputs, allowed_io;
  PictureFlags pictures;
  int64_t batch = 0, top_k = 0;
  TimingPlan timing;
  int threads = 0;
  bool exact = false, cast = false, csv_header = false;
  Precision precision = Precision::kFloat32;
  bool json = false, check_finite = false, verify = false, parents = false;
  RunOptions run;
  bool times() const { return timing.runs > 0 || timing.seconds > 0; }
};

// Faults of this program stay what they are.
absl::Status CannotRun(const Arguments& arguments, const absl::Status& status) {
  if (status.code() == absl::StatusCode::kInternal) return status;
  absl::Status told = AtFile(arguments.path, status);
  if (absl::IsNotFound(status)) {
    told = absl::Status(
        told.code(),
        absl::StrCat(told.message(), "\n  --op-library FILE.so loads ops; `nomo inspect ",
                     ShellWord(arguments.path), " --lambdas` lists what is needed"));
  }
  return WithExitCode(ExitCode::kCannotRun, told);
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

// The classes' names: those of the file, and the model's own; and those of rows that are pictures.
struct Labels {
  std::vector<std::string> given, own, rows;
};

// The best classes where that is asked for and possible, else the values.
absl::Status PrintOutput(const Arguments& arguments, const Model& model, const std::string& name,
                         const Tensor& tensor, const Labels& labels) {
  Print(absl::StrCat(Escape(name), "  ", tensor.type().ToString(), "\n"));
  if (arguments.top_k > 0) {
    const int rank = tensor.shape().rank();
    const bool own_labels_fit =
        rank > 0 && tensor.shape()[rank - 1] == static_cast<int64_t>(labels.own.size());
    const auto text =
        TopKText(tensor, arguments.top_k,
                 labels.given.empty() && own_labels_fit ? labels.own : labels.given, labels.rows);
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

// Whether an array goes there, so that nothing else may.
bool WantsStandardOutput(const std::vector<OutputFile>& files) {
  return std::any_of(files.begin(), files.end(),
                     [](const OutputFile& file) { return file.path == "-"; });
}

absl::Status CheckStandardOutput(const Arguments& arguments, const std::vector<OutputFile>& files) {
  const char* const other = arguments.json        ? "--json"
                            : arguments.top_k > 0 ? "--top-k"
                            : arguments.times()   ? "the times of runs"
                                                  : nullptr;
  if (other == nullptr || !WantsStandardOutput(files)) return absl::OkStatus();
  return WithExitCode(ExitCode::kUsage,
                      InvalidArgument("an output and ", other, " both want standard output"));
}

// To files where that is asked for, else to standard output.
absl::Status WriteOutputs(const Arguments& arguments, const Model& model,
                          const std::vector<OutputFile>& files, const Labels& labels,
                          const NamedTensors& outputs) {
  const bool reports = !arguments.json && !WantsStandardOutput(files);
  for (const OutputFile& output : files) {
    std::error_code error;
    const bool replaces = std::filesystem::is_regular_file(output.path, error);
    NOMO_RETURN_IF_ERROR(WriteOutput(output, outputs, arguments.parents));
    if (!reports) continue;
    const std::string what =
        output.output.empty() ? "all outputs" : outputs.at(output.output).type().ToString();
    Print(absl::StrCat(replaces ? "replaced " : "wrote ", Escape(output.path), "  ", what, "\n"));
  }
  if (arguments.json || (!files.empty() && arguments.top_k == 0)) return absl::OkStatus();
  for (const ValueId id : model.graph.outputs) {  // in the model's order
    const std::string& name = model.graph.value(id).name;
    NOMO_RETURN_IF_ERROR(PrintOutput(arguments, model, name, outputs.at(name), labels));
  }
  return absl::OkStatus();
}

// The node that yields the first, found by one more run. OK where that fails.
absl::Status FirstNonFinite(const Arguments& arguments, const Model& model,
                            const NamedTensors& inputs) {
  ProgressBar progress("looking for the first that is not finite");
  const auto found =
      FindNonFinite(model, inputs, {.allowed_io = arguments.allowed_io}, arguments.run);
  if (!found.ok()) return absl::OkStatus();
  if (!*found) return InvalidArgument("in exact mode every value is finite");
  const NonFiniteStep& step = **found;
  return InvalidArgument("the first come from ", PathText(step.path), " (",
                         Escape(step.path.back().op), "): ", step.nan, " NaN and ", step.inf,
                         " infinite of ", step.elements, " values",
                         step.from_input ? "; its inputs, the model's or weights, have some" : "");
}

// Values that are no numbers any more, counted for each output.
absl::Status CheckFinite(const Arguments& arguments, const Model& model, const NamedTensors& inputs,
                         const NamedTensors& outputs) {
  ErrorList errors;
  for (const ValueId id : model.graph.outputs) {
    const std::string& name = model.graph.value(id).name;
    const TensorStats stats = ComputeStats(outputs.at(name));
    if (stats.nans + stats.infinities == 0) continue;
    errors.Add(InvalidArgument("output ", Quoted(name), " has ", stats.nans, " NaN and ",
                               stats.infinities, " infinite of ", outputs.at(name).num_elements(),
                               " values"));
  }
  if (errors.empty()) return absl::OkStatus();
  errors.Add(FirstNonFinite(arguments, model, inputs));
  return WithExitCode(ExitCode::kFailed, errors.ToStatus("the outputs are not finite"));
}

// Whether the labels fit, as far as that is known ahead of the run.
absl::Status CheckLabels(const Graph& graph, const Labels& labels) {
  if (labels.given.empty() || graph.outputs.size() != 1) return absl::OkStatus();
  const PartialShape& shape = graph.value(graph.outputs[0]).type.shape;
  if (!shape.has_rank() || shape.rank() == 0 || !shape[shape.rank() - 1].known()) {
    return absl::OkStatus();
  }
  const int64_t classes = shape[shape.rank() - 1].size();
  const auto count = static_cast<int64_t>(labels.given.size());
  if (classes == count) return absl::OkStatus();
  return WithExitCode(ExitCode::kUsage,
                      InvalidArgument("there are ", count, " labels for ", classes, " classes"));
}

// Most classifiers want pixels that are scaled, and answer nonsense to others without a word.
void HintAtPixels(const std::vector<std::string>& given, const Graph& graph,
                  const PixelScaling& pixels) {
  if (pixels.is_set()) return;
  const NamedValues inputs(graph, graph.inputs);
  for (const std::string& argument : given) {
    const NamedArgument named = inputs.Split(argument);
    if (!IsPicturePath(named.rest)) continue;
    const ValueId input = named.value == kNoValue ? graph.inputs[0] : named.value;
    if (!WantsScaledPixels(graph, input)) continue;
    PrintNote("nomo run",
              "pixels went in as 0 to 255, and the model begins with a convolution; most such "
              "models want them scaled (--scale 1/255 --mean ... --std ...)");
    return;
  }
}

nlohmann::ordered_json OutputsJson(const Model& model, const std::vector<OutputFile>& files,
                                   const NamedTensors& outputs) {
  Json list = Json::array();
  for (const ValueId id : model.graph.outputs) {
    const std::string& name = model.graph.value(id).name;
    Json item = {{"name", name}};
    item.update(TypeJson(outputs.at(name).type()));
    if (files.empty()) item["values"] = ElementsJson(outputs.at(name));
    list.push_back(std::move(item));
  }
  return list;
}

// With how many rows a run of the batch is counted.
int64_t RowsOf(const Model& model, const NamedTensors& inputs) {
  if (model.graph.inputs.empty()) return 1;
  const ValueInfo& first = model.graph.value(model.graph.inputs[0]);
  const Shape& shape = inputs.at(first.name).shape();
  const bool has_batch =
      first.type.shape.has_rank() && first.type.shape.rank() > 0 && !first.type.shape[0].known();
  return has_batch ? std::max<int64_t>(shape[0], 1) : 1;
}

std::string TimesText(const RunTimes& times, int64_t rows, double seconds_to_first) {
  std::string text = absl::StrCat("start  ", Milliseconds(seconds_to_first),
                                  " from opening the model to the first outputs\ntime  ",
                                  RunTimesText(times), "\n");
  absl::StrAppendFormat(&text, "rate  %.4g runs a second", 1 / times.mean);
  if (rows > 1) absl::StrAppendFormat(&text, ", %.4g rows", static_cast<double>(rows) / times.mean);
  text += "\n";
  if (const int64_t bytes = PeakMemory(); bytes > 0) {
    absl::StrAppend(&text, "memory  ", ReadableBytes(bytes), " at most\n");
  }
  return text;
}

nlohmann::ordered_json TimesJson(const RunTimes& times, int64_t rows, double seconds_to_first) {
  return {{"runs", times.runs},
          {"rows", rows},
          {"first_seconds", seconds_to_first},
          {"median_seconds", times.median},
          {"mean_seconds", times.mean},
          {"min_seconds", times.least},
          {"max_seconds", times.greatest},
          {"p90_seconds", times.p90},
          {"p99_seconds", times.p99},
          {"runs_per_second", 1 / times.mean},
          {"peak_memory_bytes", PeakMemory()}};
}

absl::Status Verify(const ModelFile& file) {
  ProgressBar progress("checking payloads");
  return WithExitCode(ExitCode::kFailed,
                      AtFile(file.path, VerifyPayloads(file, progress.callback())));
}

absl::StatusOr<SessionOptions> OptionsOf(const Arguments& arguments, const Model& model) {
  SessionOptions options{.exact = arguments.exact,
                         .precision = arguments.precision,
                         .allowed_io = arguments.allowed_io,
                         .threads = arguments.threads,
                         .memory_limit_bytes = arguments.run.memory_limit_bytes};
  if (!arguments.exact) {
    NOMO_ASSIGN_OR_RETURN(options.tuning, TuningFor("nomo run", arguments.tuning, arguments.path,
                                                    model, arguments.threads));
  }
  return options;
}

absl::Status Execute(const Arguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  if (arguments.timing.seconds > 0 && CurrentSharedWork() != nullptr) {
    return WithExitCode(ExitCode::kUsage,
                        InvalidArgument("--duration: several processes run equally often; "
                                        "--repeat says how often"));
  }
  if (!arguments.signing_key.empty()) {
    NOMO_RETURN_IF_ERROR(CheckSignature(arguments.path, "", arguments.signing_key).status());
  }
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  if (arguments.verify) NOMO_RETURN_IF_ERROR(Verify(file));
  const Graph& graph = file.model.graph;
  // The inputs and the joined outputs of batches.
  const MemoryScope memory(std::make_shared<MemoryAccount>(arguments.run.memory_limit_bytes));
  NOMO_ASSIGN_OR_RETURN(const std::vector<OutputFile> files, PlanOutputs(graph, arguments.outputs));
  NOMO_RETURN_IF_ERROR(CheckStandardOutput(arguments, files));
  Labels labels{.given = {}, .own = LabelsOf(file.model)};
  if (!arguments.labels_path.empty()) {
    NOMO_ASSIGN_OR_RETURN(labels.given,
                          WithExitCode(ExitCode::kUnreadable, ReadLabels(arguments.labels_path)));
    NOMO_RETURN_IF_ERROR(CheckLabels(graph, labels));
  }
  NOMO_ASSIGN_OR_RETURN(SessionOptions session_options, OptionsOf(arguments, file.model));
  const auto session = Session::Create(file.model, std::move(session_options));
  if (!session.ok()) return CannotRun(arguments, session.status());
  NOMO_ASSIGN_OR_RETURN(const PixelScaling pixels, PixelsOf(arguments.pictures));
  NOMO_ASSIGN_OR_RETURN(const std::vector<std::string> given,
                        WithExitCode(ExitCode::kUsage, ExpandFolders(arguments.inputs)));
  labels.rows = NamesOfPictures(given);
  NOMO_ASSIGN_OR_RETURN(const NamedTensors inputs,
                        ReadInputs(graph, given,
                                   {.resize = arguments.pictures.resize,
                                    .cast = arguments.cast,
                                    .batch = arguments.batch > 0 ? arguments.batch : 1,
                                    .csv_header = arguments.csv_header,
                                    .pixels = pixels}));
  GiveBackCodePages();
  NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs, Run(arguments, **session, inputs));
  const std::chrono::duration<double> to_first = std::chrono::steady_clock::now() - start;
  // Of several processes the first one writes what all have computed, and tells the times.
  if (CurrentSharedWork() != nullptr && CurrentSharedWork()->rank() > 0) {
    if (!arguments.times()) return absl::OkStatus();
    return TimeRuns(arguments.timing, [&] { return Run(arguments, **session, inputs).status(); })
        .status();
  }
  NOMO_RETURN_IF_ERROR(WriteOutputs(arguments, file.model, files, labels, outputs));
  HintAtPixels(given, graph, pixels);
  NoteEmulation("nomo run", arguments.precision);
  Json json = {{"schema", "nomograph.run.1"}, {"file", arguments.path}};
  if (arguments.json) json["outputs"] = OutputsJson(file.model, files, outputs);
  if (arguments.times()) {
    NOMO_ASSIGN_OR_RETURN(const RunTimes times, TimeRuns(arguments.timing, [&] {
                            return Run(arguments, **session, inputs).status();
                          }));
    const int64_t rows = RowsOf(file.model, inputs);
    if (arguments.json) {
      json["times"] = TimesJson(times, rows, to_first.count());
    } else {
      Print(TimesText(times, rows, to_first.count()));
    }
  }
  if (arguments.json) PrintJson(json);
  return arguments.check_finite ? CheckFinite(arguments, file.model, inputs, outputs)
                                : absl::OkStatus();
}

void AddTiming(CLI::App& app, Arguments& arguments) {
  CLI::Option* repeat = app.add_option("--repeat", arguments.timing.runs,
                                       "Then run N more times and print how long that takes")
                            ->type_name("N")
                            ->check(Between(1, 1'000'000));
  app.add_option("--duration", arguments.timing.seconds, "The same, for so many seconds")
      ->type_name("SECONDS")
      ->check(NumberBetween(0.001, 1e6))
      ->excludes(repeat);
  app.add_option("--warmup", arguments.timing.warmup, "Runs ahead of that which do not count")
      ->type_name("N")
      ->check(Between(0, 1'000'000));
}

void AddLimits(CLI::App& app, RunOptions& run) {
  app.add_option("--memory-limit", run.memory_limit_bytes,
                 "The most memory for a run's tensors, e.g. 512M or 4G (default: what the machine "
                 "has)")
      ->type_name("SIZE")
      ->transform(SizeInBytes());
  app.add_option("--time-limit", run.time_limit_seconds,
                 "End a run that takes longer (default: no limit)")
      ->type_name("SECONDS")
      ->check(NumberBetween(1e-6, 1e8));
}

void AddRandomness(CLI::App& app, RunOptions& run) {
  CLI::Option* training =
      app.add_flag("--training", run.training, "Dropout and random augmentation act");
  app.add_option("--seed", run.seed, "Of random ops (default 0)")
      ->type_name("N")
      ->check(Between(0, INT64_MAX));
  app.add_option("--step", run.step,
                 "The training step: random ops draw anew at each; batches count it up (default 0)")
      ->type_name("N")
      ->check(Between(0, INT64_MAX))
      ->needs(training);
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  AddRepeated(app, "-i,--input", arguments->inputs, "NAME=VALUE", kInputHelp);
  AddRepeated(app, "-o,--output", arguments->outputs, "NAME=FILE", kOutputHelp);
  CLI::Option* top_k = app.add_option("--top-k", arguments->top_k,
                                      "Print the best N classes of each row, not the values");
  top_k->type_name("N")->check(AtLeast(1));
  app.add_option("--labels", arguments->labels_path,
                 "The classes' names, one a line (default: the model's metadata \"labels\")")
      ->type_name("FILE")
      ->needs(top_k);
  app.add_option("--batch", arguments->batch,
                 "Run N rows at a time (default: all); random inputs have N rows")
      ->type_name("N")
      ->check(AtLeast(1));
  AddTiming(app, *arguments);
  AddPictureFlags(app, arguments->pictures);
  app.add_flag("--cast", arguments->cast, "Convert arrays to the input's dtype");
  CLI::Option* exact = app.add_flag("--exact", arguments->exact,
                                    "Reference kernels only: slow, the same bits everywhere");
  AddPrecisionFlag(app, arguments->precision, "Multiply in")->excludes(exact);
  app.add_option("--threads", arguments->threads, "Use N threads (default: as many as processors)")
      ->type_name("N")
      ->check(Between(1, 1024));
  AddTuningFlag(app, arguments->tuning)->excludes(exact);
  app.add_option("--require-signature", arguments->signing_key,
                 "Run only what the owner of this public key has signed (FILE.sig; see nomo sign)")
      ->type_name("FILE.pub");
  app.add_flag("--csv-header", arguments->csv_header,
               "The first line of a .csv names its columns, even if it looks like numbers");
  app.add_flag("--parents", arguments->parents, "Make the folders that outputs are written to");
  app.add_flag("--json", arguments->json, "Outputs and times as JSON (tools/JSON.md)")
      ->excludes(top_k);
  app.add_flag(
      "--check-finite", arguments->check_finite,
      "Fail where an output has a NaN or an infinity, and name the node that has the first");
  app.add_flag("--verify", arguments->verify,
               "Check the file's checksums first: without, damaged weights are computed with");
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
