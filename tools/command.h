// Commands of `nomo`. Each is one file, cmd_NAME.cc, that registers itself:
//
//   Action SetUp(CLI::App& app) {
//     auto file = std::make_shared<std::string>();
//     AddModelFile(app, *file);
//     return [file]() -> absl::Status { ... };
//   }
//   const CommandRegistrar kRegistrar({"summary", "Print a table of the model's layers", SetUp});
#ifndef NOMOGRAPH_TOOLS_COMMAND_H_
#define NOMOGRAPH_TOOLS_COMMAND_H_

#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace nomograph {

// What a command does once its arguments are known. A status that is not OK carries its exit code
// (exit_code.h).
using Action = std::function<absl::Status()>;

struct Command {
  const char* name;
  const char* help;  // one line
  // Declares arguments; they are filled in by the time that the action is called.
  Action (*set_up)(CLI::App& app);
};

struct CommandRegistrar {
  explicit CommandRegistrar(Command command);
};

// Every command, by name.
std::vector<Command> AllCommands();

// The positional argument FILE of most commands, or several of them.
void AddModelFile(CLI::App& app, std::string& path);
void AddModelFiles(CLI::App& app, std::vector<std::string>& paths);
// A flag that may be given several times, each time with one value.
CLI::Option* AddRepeated(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                         const std::string& value_name, const std::string& help);

// Calls act(path) for each, also where an earlier one failed: whose status is returned, after those
// of later ones were printed.
absl::Status ForEachFile(const std::vector<std::string>& paths,
                         const std::function<absl::Status(const std::string& path)>& act);

// A line on standard error, as the program ends with for the status that a command returns.
void PrintFault(const absl::Status& status);
// Writes to standard output. What a terminal would obey is escaped but for line ends: names of
// files go through Escape() (core/types/escape.h) or a TextTable first.
void Print(absl::string_view text);
// The same, but for the colours that Colored() (text/terminal.h) has put there. What comes from
// files must have been escaped before it was coloured.
void PrintStyled(absl::string_view text);
// Indented, with a line end.
void PrintJson(const nlohmann::ordered_json& json);

// Prints what a command tells of its files as one JSON text: of one file its object, of several a
// list, which is whole also where some of them cannot be read.
class JsonOfFiles {
 public:
  // Prints nothing where not `json`.
  JsonOfFiles(bool json, size_t files) : list_(json && files > 1) {}
  ~JsonOfFiles();
  JsonOfFiles(const JsonOfFiles&) = delete;
  void Print(const nlohmann::ordered_json& json);

 private:
  const bool list_;
  bool first_ = true;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_COMMAND_H_
