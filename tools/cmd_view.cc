// nomo view: one HTML page with which people look into a model.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/page/page.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/text/progress.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, output;
};

absl::Status View(const Arguments& arguments) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/false)));
  PageOptions options;
  NOMO_ASSIGN_OR_RETURN(const std::string html, PageHtml(file, OpRegistry::Default(), options));
  return WithExitCode(ExitCode::kUnwritable, WriteFileAtomically(arguments.output, html));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  app.add_option("-o,--output", arguments->output, "The page");
  return [arguments] { return View(*arguments); };
}

const CommandRegistrar kRegistrar({"view", "Write a page to look into a model with a browser",
                                   SetUp});

}  // namespace
}  // namespace nomograph
