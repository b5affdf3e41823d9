// nomo: the command line. Commands are in cmd_*.cc and register themselves.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/serialization/format.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/help.h"
#include "nomograph/tools/text/terminal.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

constexpr char kEveryCommand[] =
    "Every command also takes --op-library FILE and --wide (see nomo --help).\n";

// Of help that goes into a pipe.
constexpr size_t kPipeWidth = 100;

class CommandLine {
 public:
  CommandLine() : app_("Looks into Nomograph models, proves them and runs them.", "nomo") {
    app_.fallthrough();  // --op-library may stand behind the command
    app_.require_subcommand(1);
    app_.set_help_flag("-h,--help", "Print this help");
    app_.set_version_flag("--version", absl::StrCat("nomo ", kLibraryVersion,
                                                    ", model format version ", kFormatVersion));
    AddRepeated(app_, "--op-library", op_libraries_, "FILE",
                "A shared library of ops; loading it runs its code");
    app_.add_flag("--wide", wide_, "Cut and wrap nothing, and align columns in a pipe, too");
    const size_t width = OutputStyle().width;
    app_.formatter(std::make_shared<HelpFormatter>(width == 0 ? kPipeWidth : width));
    for (const Command& command : AllCommands()) {
      CLI::App* sub = app_.add_subcommand(command.name, command.help);
      sub->group("Commands");
      sub->footer(kEveryCommand);
      actions_[command.name] = command.set_up(*sub);
    }
    app_.footer(absl::StrCat("`nomo COMMAND --help` tells more of a command.\n\n", kExitCodesHelp));
  }

  int Run(std::vector<std::string> arguments) {
    // `nomo help run` is `nomo run --help`.
    if (!arguments.empty() && arguments[0] == "help") {
      arguments.erase(arguments.begin());
      arguments.push_back("--help");
    }
    if (!arguments.empty() && arguments[0] == "version") arguments[0] = "--version";
    const absl::Status status = WithExitCode(ExitCode::kUsage, Parse(std::move(arguments)));
    if (!status.ok()) return Fail(EscapeLines(status.message()), status);
    if (done_) return 0;
    const absl::Status done = Act();
    return Fail(EscapeMessage(done.message()), done);
  }

 private:
  absl::Status Parse(std::vector<std::string> arguments) {
    if (!MaxVectorTargetIsValid()) {
      return absl::InvalidArgumentError(
          absl::StrCat(kMaxTargetVariable, " in the environment is \"",
                       std::getenv(kMaxTargetVariable), "\"; expected baseline, avx2 or avx512"));
    }
    if (arguments.empty()) {
      return InvalidArgument("a command is missing\n\n", app_.help());
    }
    const std::vector<std::string> in_order = arguments;
    if (absl::Status status = CheckCommand(arguments); !status.ok()) return status;
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::Success& success) {  // --help, --version
      done_ = true;
      app_.exit(success);
    } catch (const CLI::ParseError& error) {
      return absl::InvalidArgumentError(
          absl::StrCat(ExplainUsage(app_, error, in_order), "\nSee `", Name(), " --help`."));
    }
    return absl::OkStatus();
  }

  absl::Status CheckCommand(const std::vector<std::string>& arguments) const {
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i] == "--op-library") {
        ++i;
      } else if (!absl::StartsWith(arguments[i], "-")) {
        if (actions_.contains(arguments[i])) break;
        std::vector<std::string> names;
        for (const auto& [name, action] : actions_) names.push_back(name);
        std::error_code error;
        std::string hint = DidYouMean(arguments[i], names);
        if (hint.empty() && std::filesystem::exists(arguments[i], error)) {
          hint = absl::StrCat("; to look at a file: nomo summary ", ShellWord(arguments[i]));
        }
        return InvalidArgument("there is no command ", Quoted(arguments[i]), hint,
                               "\nSee `nomo --help`.");
      }
    }
    return absl::OkStatus();
  }

  absl::Status Act() {
    if (wide_) UseWideOutput();
    for (const std::string& library : op_libraries_) {
      const absl::Status loaded = OpRegistry::Default().LoadLibrary(library);
      if (!loaded.ok()) return WithExitCode(ExitCode::kUnreadable, loaded);
    }
    const Action& action = actions_.at(app_.get_subcommands()[0]->get_name());
    absl::Status status = CatchBadAlloc([&] { return action(); });
    if (absl::IsResourceExhausted(status)) status = WithExitCode(ExitCode::kCannotRun, status);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      return WithExitCode(ExitCode::kUnwritable,
                          absl::UnavailableError("standard output cannot be written to"));
    }
    return status;
  }

  // "nomo run"
  std::string Name() const {
    const auto subcommands = app_.get_subcommands();
    return subcommands.empty() ? "nomo" : absl::StrCat("nomo ", subcommands[0]->get_name());
  }

  // `message` is the status' own, escaped.
  int Fail(const std::string& message, const absl::Status& status) const {
    if (status.ok()) return 0;
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", Name().c_str(), message.c_str());
    return static_cast<int>(ExitCodeOf(status));
  }

  CLI::App app_;
  std::vector<std::string> op_libraries_;
  std::map<std::string, Action> actions_;
  bool wide_ = false;
  bool done_ = false;
};

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  nomograph::RemoveUnfinishedFilesOnSignals();
  try {
    return nomograph::CommandLine().Run({argv + 1, argv + argc});
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "nomo: memory ran out\n");
    return static_cast<int>(nomograph::ExitCode::kCannotRun);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "nomo: internal error: %s\n", exception.what());
  }
  return static_cast<int>(nomograph::ExitCode::kInternal);
}
