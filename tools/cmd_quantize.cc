// nomo quantize: a model of floats becomes one of 8-bit integers.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/quantize/quantize_model.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/save_model.h"
#include "nomograph/tools/run/picture_flags.h"
#include "nomograph/tools/run/read_inputs.h"
#include "nomograph/tools/text/note.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, method = "minmax";
  std::vector<std::string> inputs;
  std::string exclude;
  PictureFlags pictures;
  double percentile = CalibrationOptions().percentile;
  int64_t batch = CalibrationOptions().batch, samples = 0;
  int bits = 8, weights_only = 0, threads = 0;
  int64_t block = QuantizeWeightsOptions().block_size;
  SaveFlags save;
};

struct Result {
  Quantized quantized;
  std::vector<OutputDifference> differences;  // none where there are no examples
  int64_t examples = 0;
};

absl::StatusOr<NamedTensors> ReadSamples(const Arguments& arguments, const Graph& graph) {
  ReadInputsOptions options{.resize = arguments.pictures.resize, .batch = arguments.batch};
  NOMO_ASSIGN_OR_RETURN(options.pixels, PixelsOf(arguments.pictures));
  NOMO_ASSIGN_OR_RETURN(NamedTensors samples, ReadInputs(graph, arguments.inputs, options));
  for (auto& [name, tensor] : samples) {
    const bool more = tensor.shape().rank() > 0 && tensor.shape()[0] > arguments.samples;
    if (arguments.samples > 0 && more) tensor = tensor.Rows(0, arguments.samples);
  }
  return samples;
}

// What a fault of quantising is: of the command line where it comes from the examples or the
// selector.
absl::Status Classified(const std::string& path, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInternal:
      return status;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return WithExitCode(ExitCode::kUsage, AtFile(path, status));
    default:
      return WithExitCode(ExitCode::kCannotRun, AtFile(path, status));
  }
}

absl::StatusOr<Result> Quantize(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  ProgressBar progress("quantizing");
  const CalibrationOptions calibration{.method = *RangeMethodFromName(arguments.method),
                                       .percentile = arguments.percentile,
                                       .batch = arguments.batch,
                                       .session = {.threads = arguments.threads},
                                       .progress = progress.callback()};
  NamedTensors samples;
  Result result;
  if (!arguments.inputs.empty()) {
    NOMO_ASSIGN_OR_RETURN(samples, ReadSamples(arguments, file.model.graph));
    const auto examples = CountSamples(samples);
    if (!examples.ok()) return WithExitCode(ExitCode::kUsage, examples.status());
    result.examples = *examples;
  }
  auto quantized = arguments.weights_only > 0
                       ? QuantizeWeights(file.model, {.bits = arguments.weights_only,
                                                      .block_size = arguments.block,
                                                      .exclude = arguments.exclude})
                       : QuantizeModel(file.model, {.samples = samples,
                                                    .calibration = calibration,
                                                    .weight_bits = arguments.bits,
                                                    .exclude = arguments.exclude});
  if (!quantized.ok()) return Classified(arguments.path, quantized.status());
  result.quantized = *std::move(quantized);
  if (result.examples > 0) {
    auto differences = CompareOutputs(result.quantized.model, file.model, samples, calibration);
    if (!differences.ok()) return Classified(arguments.path, differences.status());
    result.differences = *std::move(differences);
  }
  return result;
}

std::string Decibels(double decibels) {
  return std::isinf(decibels) ? "equal" : absl::StrFormat("%.1f dB", decibels);
}

std::string ResultText(const Result& result) {
  const Quantized& quantized = result.quantized;
  std::string text = absl::StrCat(
      "quantized ", Counted(quantized.nodes, "node"), ", ",
      Counted(quantized.weights, "weight tensor"),
      quantized.values > 0 ? absl::StrCat(", ", Counted(quantized.values, "activation")) : "",
      "\n");
  absl::StrAppend(&text, "weights    ", ReadableBytes(quantized.weight_bytes_before), " -> ",
                  ReadableBytes(quantized.weight_bytes_after), "\n");
  for (const Quantized::Left& left : quantized.left) {
    absl::StrAppend(&text, "left       ", Escape(left.node), " (", Escape(left.op), "): ", left.why,
                    "\n");
  }
  if (result.differences.empty()) return text;
  absl::StrAppend(&text, "on ", Counted(result.examples, "example"),
                  ", against the model of floats:\n");
  TextTable table({{"output"},
                   {"signal to noise", true},
                   {"largest difference", true},
                   {"of at most", true},
                   {"same class", true}});
  for (const OutputDifference& difference : result.differences) {
    const double share = 100.0 * static_cast<double>(difference.same_class) /
                         static_cast<double>(difference.examples);
    table.AddRow({difference.output, Decibels(difference.signal_to_noise),
                  ShortNumber(difference.max_abs), ShortNumber(difference.largest),
                  difference.same_class < 0 ? "-" : absl::StrFormat("%.2f %%", share)});
  }
  return absl::StrCat(text, table.ToString());
}

nlohmann::ordered_json ResultJson(const Arguments& arguments, const Result& result) {
  const Quantized& quantized = result.quantized;
  Json left = Json::array(), outputs = Json::array();
  for (const Quantized::Left& node : quantized.left) {
    left.push_back({{"node", node.node}, {"op", node.op}, {"why", node.why}});
  }
  for (const OutputDifference& difference : result.differences) {
    Json json = {{"name", difference.output},
                 {"signal_to_noise_db", NumberJson(difference.signal_to_noise)},
                 {"max_abs", NumberJson(difference.max_abs)},
                 {"largest", NumberJson(difference.largest)}};
    if (difference.same_class >= 0) json["same_class"] = difference.same_class;
    outputs.push_back(std::move(json));
  }
  return {{"schema", "nomograph.quantize.1"},
          {"file", arguments.path},
          {"nodes", quantized.nodes},
          {"weights", quantized.weights},
          {"activations", quantized.values},
          {"weight_bytes",
           {{"before", quantized.weight_bytes_before}, {"after", quantized.weight_bytes_after}}},
          {"left", std::move(left)},
          {"examples", result.examples},
          {"outputs", std::move(outputs)}};
}

// Below which an output's values are off by a third of their size and more.
constexpr double kNoisyDecibels = 10;

void HintAtNoise(const Result& result) {
  for (const OutputDifference& difference : result.differences) {
    if (difference.signal_to_noise >= kNoisyDecibels) continue;
    PrintNote("nomo quantize",
              absl::StrCat("output ", Quoted(difference.output), " has a signal to noise of ",
                           Decibels(difference.signal_to_noise),
                           ": see with nomo compare which nodes it comes from, leave them out "
                           "(--exclude), or try more examples or another --method"));
    return;
  }
}

absl::Status CheckFlags(const Arguments& arguments) {
  if (arguments.weights_only > 0 || !arguments.inputs.empty()) return absl::OkStatus();
  return WithExitCode(
      ExitCode::kUsage,
      InvalidArgument("there are no examples to calibrate on: give them as --input NAME=FILE, some "
                      "hundred of what the model will see, or quantize --weights-only"));
}

absl::Status Execute(const Arguments& arguments) {
  NOMO_RETURN_IF_ERROR(CheckFlags(arguments));
  NOMO_RETURN_IF_ERROR(CheckDestination(arguments.save, arguments.path));
  NOMO_ASSIGN_OR_RETURN(const Result result, Quantize(arguments));
  if (arguments.save.path != "-" && !arguments.save.json) Print(ResultText(result));
  HintAtNoise(result);
  return SaveModel(result.quantized.model, arguments.save, arguments.path,
                   ResultJson(arguments, result));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  app.add_option("-o,--output", arguments->save.path, "The file to write; - is standard output")
      ->required()
      ->type_name("FILE");
  AddRepeated(app, "-i,--input", arguments->inputs, "NAME=VALUE",
              "Examples to calibrate on, as for `nomo run`, with one row each: .npy, .npz, .csv, "
              "IDX, pictures (repeat it for more)");
  app.add_option("--method", arguments->method,
                 "Ranges of activations take in all that was seen (minmax, the default), all but "
                 "the outermost (percentile), or what loses the least information (entropy)")
      ->type_name("METHOD")
      ->check(CLI::IsMember({"minmax", "percentile", "entropy"}));
  app.add_option("--percentile", arguments->percentile,
                 "Of --method percentile: what lies within (default 99.99)")
      ->type_name("P")
      ->check(NumberBetween(90, 100));
  app.add_option("--bits", arguments->bits,
                 "Bits of weights: 8 (default), or 7, which is faster on processors without VNNI")
      ->type_name("N")
      ->check(Between(7, 8));
  app.add_option("--weights-only", arguments->weights_only,
                 "Weights alone, in N bits: 8, or 4 (matrices, in blocks); needs no examples, and "
                 "computes with floats")
      ->type_name("N")
      ->check(CLI::IsMember({4, 8}));
  app.add_option("--block", arguments->block,
                 "Of --weights-only 4: how many numbers share a scale (default 32)")
      ->type_name("N")
      ->check(Between(2, 1 << 20));
  app.add_option("--exclude", arguments->exclude, "Nodes that stay as they are")->type_name("SEL");
  app.add_option("--samples", arguments->samples, "Take the first N examples (default: all)")
      ->type_name("N")
      ->check(AtLeast(1));
  app.add_option("--batch", arguments->batch,
                 "Examples that are run at once, where the model does not fix it (default 8)")
      ->type_name("N")
      ->check(AtLeast(1));
  AddPictureFlags(app, arguments->pictures);
  app.add_option("--threads", arguments->threads, "Use N threads (default: as many as processors)")
      ->type_name("N")
      ->check(Between(1, 1024));
  AddSaveFlags(app, arguments->save);
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"quantize", "Make weights and activations 8-bit integers",
                                   SetUp});

}  // namespace
}  // namespace nomograph
