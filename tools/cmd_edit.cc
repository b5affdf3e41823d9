// nomo edit: weights, names, shapes, outputs, ops, attributes, metadata.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/npz.h"
#include "nomograph/data/safetensors.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/edit/edit_model.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/save_model.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string from, cast, weights;
  std::vector<std::string> renames, inputs, ops, attributes, metadata;
  EditOptions edit;
  SaveFlags save;
};

// "A=B" at the first or at the last '=': names may hold some.
absl::Status Split(const char* flag, const std::vector<std::string>& texts, bool at_last,
                   EditOptions::Pairs& pairs) {
  for (const std::string& text : texts) {
    const size_t equals = at_last ? text.rfind('=') : text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return WithExitCode(ExitCode::kUsage,
                          InvalidArgument(flag, " ", ShellWord(text),
                                          ": there is no '=' with something ahead of it"));
    }
    pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<EditOptions> OptionsOf(const Arguments& arguments) {
  EditOptions options = arguments.edit;
  NOMO_RETURN_IF_ERROR(Split("--rename", arguments.renames, true, options.renames));
  NOMO_RETURN_IF_ERROR(Split("--input", arguments.inputs, true, options.inputs));
  NOMO_RETURN_IF_ERROR(Split("--op", arguments.ops, true, options.ops));
  NOMO_RETURN_IF_ERROR(Split("--attr", arguments.attributes, true, options.attributes));
  NOMO_RETURN_IF_ERROR(Split("--metadata", arguments.metadata, false, options.metadata));
  if (!arguments.cast.empty()) {
    const DType dtype = DTypeFromName(arguments.cast);
    if (dtype != DType::kFloat16 && dtype != DType::kBFloat16 && dtype != DType::kFloat64) {
      return WithExitCode(ExitCode::kUsage,
                          InvalidArgument("--cast ", ShellWord(arguments.cast),
                                          ": expected float16, bfloat16 or float64"));
    }
    options.cast = dtype;
  }
  return options;
}

absl::StatusOr<NamedTensors> ReadWeights(const std::string& path) {
  if (absl::EndsWith(path, ".npz")) return ReadNpz(path);
  NOMO_ASSIGN_OR_RETURN(Safetensors file, ReadSafetensors(path));
  return std::move(file.tensors);
}

absl::Status Execute(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(EditOptions options, OptionsOf(arguments));
  NOMO_RETURN_IF_ERROR(CheckDestination(arguments.save, arguments.from));
  if (!arguments.weights.empty()) {
    NOMO_ASSIGN_OR_RETURN(options.weights,
                          WithExitCode(ExitCode::kUnreadable, ReadWeights(arguments.weights)));
    if (options.weights.empty()) {
      return WithExitCode(ExitCode::kUsage,
                          AtFile(arguments.weights, InvalidArgument("there are no tensors in it")));
    }
  }
  NOMO_ASSIGN_OR_RETURN(
      ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.from, /*upgrade=*/true)));
  const size_t nodes = file.model.graph.nodes.size();
  const auto edited = EditModel(std::move(file.model), options);
  if (!edited.ok()) {
    return WithExitCode(ExitCode::kUsage, AtFile(arguments.from, edited.status()));
  }
  if (arguments.save.path != "-" && !arguments.save.json) {
    for (const std::string& change : edited->changes) Print(absl::StrCat(change, "\n"));
    if (edited->changes.empty()) Print("nothing was changed\n");
    const size_t now = edited->model.graph.nodes.size();
    if (now != nodes) Print(absl::StrCat("nodes  ", nodes, " -> ", now, "\n"));
  }
  return SaveModel(edited->model, arguments.save, arguments.from,
                   {{"schema", "nomograph.edit.1"},
                    {"file", arguments.from},
                    {"changes", edited->changes},
                    {"nodes_before", nodes}});
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->from);
  app.add_option("-o,--output", arguments->save.path, "The file to write; - is standard output")
      ->required()
      ->type_name("FILE");
  AddRepeated(app, "--rename", arguments->renames, "A=B", "Give a value or a node another name");
  AddRepeated(app, "--input", arguments->inputs, "NAME=TYPE",
              "The type of an input, as x=[batch,3,224,224] or x=uint8[1,28,28]");
  app.add_option("--batch", arguments->edit.batch,
                 "The size of axis 0 of inputs that leave it open")
      ->type_name("N")
      ->check(AtLeast(0));
  AddRepeated(app, "--add-output", arguments->edit.add_outputs, "SEL",
              "Make values outputs, those of nodes too");
  AddRepeated(app, "--drop-output", arguments->edit.drop_outputs, "NAME",
              "Make an output none, and leave out what it alone needed");
  AddRepeated(app, "--op", arguments->ops, "SEL=OP",
              "Let nodes name another op, as 'kind:lambda=acme.Foo'");
  AddRepeated(app, "--attr", arguments->attributes, "SEL:NAME=VALUE",
              "Set an attribute of nodes; without VALUE it has its default");
  AddRepeated(app, "--metadata", arguments->metadata, "KEY=VALUE",
              "Set metadata; without VALUE it is taken away");
  app.add_option("--weights", arguments->weights,
                 "Weights by their names, which take the place of the model's (as inspect "
                 "kind:weight -o writes them)")
      ->type_name("FILE.safetensors|.npz");
  app.add_flag("--fold", arguments->edit.fold, "Compute what follows from constants alone");
  app.add_option("--cast", arguments->cast,
                 "Weights and values of float32 become float16, bfloat16 or float64; inputs and "
                 "outputs stay")
      ->type_name("DTYPE");
  AddSaveFlags(app, arguments->save);
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar(
    {"edit", "Change names, shapes, outputs, ops, attributes, metadata, dtypes", SetUp});

}  // namespace
}  // namespace nomograph
