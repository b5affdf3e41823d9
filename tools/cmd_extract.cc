// nomo extract: a part of a model as a model of its own.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/edit/subgraph.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/save_model.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string from, selector;
  SaveFlags save;
};

std::string ValuesText(const Graph& graph, const std::vector<ValueId>& ids) {
  return absl::StrJoin(ids, ", ", [&](std::string* out, ValueId id) {
    absl::StrAppend(out, Escape(graph.value(id).name), " ",
                    Escape(graph.value(id).type.ToString()));
  });
}

Json ValuesJson(const Graph& graph, const std::vector<ValueId>& ids) {
  Json values = Json::array();
  for (const ValueId id : ids) {
    Json value = {{"name", graph.value(id).name}};
    value.update(TypeJson(graph.value(id).type));
    values.push_back(std::move(value));
  }
  return values;
}

absl::Status Execute(const Arguments& arguments) {
  NOMO_RETURN_IF_ERROR(CheckDestination(arguments.save, arguments.from));
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.from, /*upgrade=*/false)));
  const auto selection = Select(file.model, arguments.selector);
  if (!selection.ok()) {
    return WithExitCode(ExitCode::kUsage, AtFile(arguments.from, selection.status()));
  }
  const auto extraction = ExtractModel(file.model, *selection);
  if (!extraction.ok()) {
    return WithExitCode(ExitCode::kUsage, AtFile(arguments.from, extraction.status()));
  }
  const Graph& graph = extraction->model.graph;
  if (arguments.save.path != "-" && !arguments.save.json) {
    Print(absl::StrCat("took ", graph.nodes.size(), " of ",
                       selection->graphs[0].graph->nodes.size(), " nodes\n",
                       Paragraph(absl::StrCat("inputs   ", ValuesText(graph, graph.inputs)), 2),
                       Paragraph(absl::StrCat("outputs  ", ValuesText(graph, graph.outputs)), 2)));
    for (const std::string& note : extraction->notes) Print(Paragraph(note, 2));
  }
  return SaveModel(extraction->model, arguments.save, arguments.from,
                   {{"schema", "nomograph.extract.1"},
                    {"file", arguments.from},
                    {"nodes", graph.nodes.size()},
                    {"nodes_in_all", selection->graphs[0].graph->nodes.size()},
                    {"inputs", ValuesJson(graph, graph.inputs)},
                    {"outputs", ValuesJson(graph, graph.outputs)},
                    {"notes", extraction->notes}});
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->from);
  app.add_option("SEL", arguments->selector,
                 "The nodes to take, as '/encoder/**' or 'A..B' (tools/README.md)")
      ->required()
      ->type_name("");
  app.add_option("-o,--output", arguments->save.path, "The file to write; - is standard output")
      ->required()
      ->type_name("FILE");
  AddSaveFlags(app, arguments->save);
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"extract", "Cut a part out of a model, as a model of its own",
                                   SetUp});

}  // namespace
}  // namespace nomograph
