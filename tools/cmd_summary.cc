// nomo summary: a table of layers.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/compile/memory_needs.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"

namespace nomograph {
namespace {

Action SetUp(CLI::App& app) {
  const auto path = std::make_shared<std::string>();
  AddModelFile(app, *path);
  return [path]() -> absl::Status {
    NOMO_ASSIGN_OR_RETURN(
        const ModelFile file,
        WithExitCode(ExitCode::kUnreadable, OpenWithProgress(*path, /*upgrade=*/false)));
    Print(file.model.Summary());
    const std::vector<std::string> too_large = ValuesThatDoNotFit(file.model.graph);
    if (!too_large.empty()) Print("Cannot run here\n");
    for (const std::string& line : too_large) Print(absl::StrCat("  ", line, "\n"));
    return absl::OkStatus();
  };
}

const CommandRegistrar kRegistrar({"summary", "Show layers, output shapes and parameters", SetUp});

}  // namespace
}  // namespace nomograph
