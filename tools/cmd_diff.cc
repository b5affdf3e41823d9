// nomo diff: how two models differ in what they are.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/compare/diff.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/diff_print.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/run/new_file.h"
#include "nomograph/tools/text/html.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string a, b, html;
  bool force = false, json = false, all = false, ignore_names = false, ignore_descriptions = false;
  DiffOptions options;
};

absl::Status Execute(const Arguments& arguments) {
  const auto a = OpenWithProgress(arguments.a, /*upgrade=*/false);
  if (!a.ok()) return WithExitCode(ExitCode::kUnreadable, a.status());
  const auto b = OpenWithProgress(arguments.b, /*upgrade=*/false);
  if (!b.ok()) return WithExitCode(ExitCode::kUnreadable, b.status());

  DiffOptions options = arguments.options;
  options.names = !arguments.ignore_names;
  options.descriptions = !arguments.ignore_descriptions;
  ModelDiff diff;
  {
    ProgressBar progress("comparing weights");
    options.progress = progress.callback();
    diff = DiffModels(a->model, b->model, OpRegistry::Default(), options);
  }
  if (!arguments.html.empty()) {
    const DiffTextOptions text = {.style = {.color = true}, .max_entries = 0};
    const std::string title = absl::StrCat(arguments.a, " → ", arguments.b);
    NOMO_RETURN_IF_ERROR(WriteNewFile(arguments.html, HtmlPage(title, DiffText(diff, *a, *b, text)),
                                      arguments.force));
    Print(absl::StrCat("wrote ", Escape(arguments.html), "\n"));
  } else if (arguments.json) {
    PrintJson(DiffJson(diff, *a, *b));
  } else {
    DiffTextOptions text;
    if (arguments.all) text.max_entries = 0;
    PrintStyled(DiffText(diff, *a, *b, text));
  }
  if (diff.same()) return absl::OkStatus();
  return WithExitCode(ExitCode::kFailed,
                      absl::FailedPreconditionError(absl::StrCat(
                          QuotedPath(arguments.a), " and ", QuotedPath(arguments.b), " differ")));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("A", arguments->a, "A model")->required()->type_name("");
  app.add_option("B", arguments->b, "The model that came of it")->required()->type_name("");
  CLI::Option* json = app.add_flag("--json", arguments->json, "As JSON (tools/JSON.md)");
  CLI::Option* html = app.add_option("--html", arguments->html,
                                     "Write every difference as a page for a browser, instead");
  html->type_name("FILE.html")->excludes(json);
  app.add_flag("--force", arguments->force, "Write over a page that is there")->needs(html);
  app.add_flag("--all", arguments->all,
               "Every difference by itself: else lists end after 50, and what is alike is joined");
  app.add_flag("--ignore-names", arguments->ignore_names,
               "Other names of nodes, values, weights and functions are no difference");
  app.add_flag("--ignore-descriptions", arguments->ignore_descriptions,
               "Nor are metadata, documentation, layers, the model's name and its producer");
  app.add_option("--rtol", arguments->options.tolerance.rtol,
                 "Weights within atol + rtol * |a| are the same (0 by default: equal)")
      ->check(NumberBetween(0, 1e300))
      ->type_name("X");
  app.add_option("--atol", arguments->options.tolerance.atol, "As --rtol")
      ->check(NumberBetween(0, 1e300))
      ->type_name("X");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"diff", "Tell how two models differ: exit code 1 where they do",
                                   SetUp});

}  // namespace
}  // namespace nomograph
