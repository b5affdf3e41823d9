// nomo dump: values within a model, computed for given inputs.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/dump.h"
#include "nomograph/inspect/selector.h"
#include "nomograph/inspect/tensor_stats.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/stats_text.h"
#include "nomograph/tools/run/model_inputs.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/text/terminal.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, selector, output;
  std::vector<std::string> inputs, allowed_io;
  int64_t batch = 1;
  int threads = 0;
  bool exact = false, json = false, force = false;
};

// "@body a, @body b, 3 more".
std::string ListedNames(const std::vector<std::string>& names) {
  constexpr size_t kListed = 3;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kListed); ++i) {
    absl::StrAppend(&text, i > 0 ? ", " : "", Shown(names[i]));
  }
  if (names.size() > kListed) absl::StrAppend(&text, ", ", names.size() - kListed, " more");
  return text;
}

struct Dumped {
  // The node is empty for inputs and weights; names of values of functions say where they ran.
  std::string name, node;
  Tensor tensor;
  TensorStats stats;
};

absl::Status RunFault(const ModelFile& file, const absl::Status& status) {
  if (status.code() == absl::StatusCode::kInternal) return status;
  return WithExitCode(ExitCode::kCannotRun, AtFile(file.path, status));
}

DumpOptions OptionsOf(const Arguments& arguments) {
  return {.session = {.exact = arguments.exact,
                      .allowed_io = arguments.allowed_io,
                      .threads = arguments.threads}};
}

// Of values of functions, each as often as it was made.
absl::StatusOr<std::vector<Dumped>> DumpBodies(const Arguments& arguments, const ModelFile& file,
                                               const Selection& selection,
                                               const NamedTensors& inputs) {
  std::map<std::string, std::vector<ValueId>> values;
  for (const GraphSelection& graph : selection.graphs) values[graph.function] = graph.WithOutputs();
  auto bodies = ComputeBodyValues(file.model, values, inputs, OptionsOf(arguments));
  if (!bodies.ok()) return RunFault(file, bodies.status());
  if (bodies->values.empty()) {
    return WithExitCode(
        ExitCode::kFailed,
        AtFile(file.path, absl::FailedPreconditionError(absl::StrCat(
                              "no step of this run made ", ListedNames(bodies->not_made)))));
  }
  std::vector<Dumped> dumped;
  for (BodyValue& value : bodies->values) {
    const TensorStats stats = ComputeStats(value.tensor);
    dumped.push_back({value.Name(), value.path.back().node, std::move(value.tensor), stats});
  }
  if (!bodies->not_made.empty()) {
    PrintFault(absl::NotFoundError(
        absl::StrCat("no step of this run made ", ListedNames(bodies->not_made))));
  }
  return dumped;
}

absl::StatusOr<std::vector<Dumped>> Dump(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/true)));
  const Graph& graph = file.model.graph;
  NOMO_ASSIGN_OR_RETURN(const Selection selection,
                        WithExitCode(ExitCode::kUsage, Select(file.model, arguments.selector)));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors inputs,
                        ReadModelInputs(graph, arguments.inputs, {.batch = arguments.batch}));
  // The main graph stands ahead of functions.
  if (selection.graphs[0].graph != &graph) {
    return DumpBodies(arguments, file, selection, inputs);
  }
  const std::vector<ValueId> values = selection.graphs[0].WithOutputs();
  auto tensors = ComputeValues(file.model, values, inputs, OptionsOf(arguments));
  if (!tensors.ok()) return RunFault(file, tensors.status());
  std::vector<std::string> nodes(graph.values.size());
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) nodes[id] = node.name;
    }
  }
  std::vector<Dumped> dumped;
  for (size_t i = 0; i < values.size(); ++i) {
    dumped.push_back({graph.value(values[i]).name, nodes[values[i]], (*tensors)[i],
                      ComputeStats((*tensors)[i])});
  }
  return dumped;
}

// Eight columns fit no terminal: there the statistics stand below the name.
std::string StatisticsBelow(const std::vector<Dumped>& dumped) {
  TextTable table({{""}, {""}});
  for (const Dumped& value : dumped) {
    table.AddRow({value.name, value.tensor.type().ToString()});
    table.AddNote(StatsLine(value.tensor));
  }
  return table.ToString();
}

std::string StatisticsBeside(const std::vector<Dumped>& dumped) {
  TextTable table({{"value"},
                   {"type"},
                   {"min", true},
                   {"max", true},
                   {"mean", true},
                   {"std", true},
                   {"nan", true},
                   {"inf", true}});
  for (const Dumped& value : dumped) {
    const TensorStats& s = value.stats;
    table.AddRow({value.name, value.tensor.type().ToString(), ShortNumber(s.min),
                  ShortNumber(s.max), ShortNumber(s.mean), ShortNumber(s.stddev),
                  WithSeparators(s.nans), WithSeparators(s.infinities)});
  }
  return table.ToString();
}

std::string DumpText(const std::vector<Dumped>& dumped) {
  std::string text = OutputStyle().width > 0 ? StatisticsBelow(dumped) : StatisticsBeside(dumped);
  const auto first = std::find_if(dumped.begin(), dumped.end(), [](const Dumped& value) {
    return value.stats.nans + value.stats.infinities > 0;
  });
  if (first != dumped.end()) {
    absl::StrAppend(&text, "first NaN or infinity: ", Escape(first->name),
                    first->node.empty() ? "" : absl::StrCat(", of node ", Escape(first->node)),
                    "\n");
  }
  return text;
}

nlohmann::ordered_json DumpJson(const std::string& path, const std::vector<Dumped>& dumped) {
  Json values = Json::array();
  for (const Dumped& value : dumped) {
    Json json = {{"name", value.name}};
    PutText(json, "node", value.node);
    json.update(TypeJson(value.tensor.type()));
    json["stats"] = {
        {"min", NumberJson(value.stats.min)},   {"max", NumberJson(value.stats.max)},
        {"mean", NumberJson(value.stats.mean)}, {"std", NumberJson(value.stats.stddev)},
        {"zeros", value.stats.zeros},           {"nan", value.stats.nans},
        {"inf", value.stats.infinities}};
    values.push_back(std::move(json));
  }
  return {{"schema", "nomograph.dump.1"}, {"file", path}, {"values", std::move(values)}};
}

absl::Status Execute(const Arguments& arguments) {
  if (!arguments.output.empty()) {
    if (!absl::EndsWith(arguments.output, ".npz") &&
        !absl::EndsWith(arguments.output, ".safetensors")) {
      return WithExitCode(ExitCode::kUsage,
                          InvalidArgument("--output ", QuotedPath(arguments.output),
                                          ": values are written as .npz or .safetensors"));
    }
    NOMO_RETURN_IF_ERROR(CheckNotThere(arguments.output, arguments.force));
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<Dumped> dumped, Dump(arguments));
  if (arguments.json) {
    PrintJson(DumpJson(arguments.path, dumped));
  } else if (arguments.output.empty()) {
    Print(DumpText(dumped));
  }
  if (arguments.output.empty()) return absl::OkStatus();
  NamedTensors tensors;
  int64_t bytes = 0;
  for (const Dumped& value : dumped) {
    tensors[value.name] = value.tensor;
    bytes += value.tensor.num_bytes();
  }
  NOMO_RETURN_IF_ERROR(WriteTensorsTo(arguments.output, tensors, arguments.force));
  if (arguments.json) return absl::OkStatus();
  Print(absl::StrCat("wrote ", Escape(arguments.output), ": ",
                     Counted(static_cast<int64_t>(tensors.size()), "value"), ", ",
                     ReadableBytes(bytes), "\n"));
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  app.add_option("SEL", arguments->selector,
                 "Which values, or outputs of which nodes: a name, '/layer1/**', op:nn.Conv, ...; "
                 "where it selects none in the main graph, those in bodies of If, Loop and Scan, "
                 "in each iteration ('@body', '@body op:math.Tanh'), in exact mode")
      ->required()
      ->type_name("");
  app.add_option("-o,--output", arguments->output,
                 "Write them, by name (default: print their statistics)")
      ->type_name("FILE.npz|.safetensors");
  AddRepeated(app, "-i,--input", arguments->inputs, "NAME=VALUE", kModelInputsHelp);
  app.add_option("--batch", arguments->batch, "Random inputs have N rows (default 1)")
      ->type_name("N")
      ->check(AtLeast(1));
  app.add_flag("--json", arguments->json, "Statistics as JSON (tools/JSON.md)");
  app.add_flag("--force", arguments->force, "Write over a file that is there");
  app.add_flag("--exact", arguments->exact, "Compute them in exact mode");
  app.add_option("--threads", arguments->threads, "Use N threads (default: as many as processors)")
      ->type_name("N")
      ->check(Between(1, 1024));
  AddRepeated(app, "--allow-io", arguments->allowed_io, "OP",
              "Let an op with the effect io run, by its name");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"dump", "Compute values within a model", SetUp});

}  // namespace
}  // namespace nomograph
