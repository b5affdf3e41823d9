#include "nomograph/tools/command.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/keras_flags.h"

namespace nomograph {
namespace {

// Filled before main() begins.
std::vector<Command>& Registered() {
  static auto* commands = new std::vector<Command>;
  return *commands;
}

}  // namespace

CommandRegistrar::CommandRegistrar(Command command) { Registered().push_back(command); }

std::vector<Command> AllCommands() {
  std::vector<Command> commands = Registered();
  std::sort(commands.begin(), commands.end(), [](const Command& a, const Command& b) {
    return absl::string_view(a.name) < absl::string_view(b.name);
  });
  return commands;
}

namespace {

constexpr char kModelHelp[] =
    "The model: .nomo, .nomo.txtpb (the text form), .onnx or Keras', whatever its name; - is "
    "standard input";

}  // namespace

void AddModelFile(CLI::App& app, std::string& path) {
  app.add_option("FILE", path, kModelHelp)->required()->type_name("");
  AddKerasFlags(app);
}

void AddModelFiles(CLI::App& app, std::vector<std::string>& paths) {
  app.add_option("FILE", paths, kModelHelp)->required()->type_name("...");
  AddKerasFlags(app);
}

CLI::Option* AddRepeated(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                         const std::string& value_name, const std::string& help) {
  return app.add_option(flag, values, help)->allow_extra_args(false)->type_name(value_name);
}

absl::Status ForEachFile(const std::vector<std::string>& paths,
                         const std::function<absl::Status(const std::string& path)>& act) {
  absl::Status first;
  for (const std::string& path : paths) {
    const absl::Status status = act(path);
    if (status.ok()) continue;
    if (first.ok()) {
      first = status;
    } else {
      PrintFault(status);
    }
  }
  return first;
}

void PrintFault(const absl::Status& status) {
  std::fflush(stdout);
  const std::string message = EscapeMessage(status.message());
  std::fprintf(stderr, "nomo: %s\n", message.c_str());
}

void Print(absl::string_view text) {
  const std::string printable = EscapeLines(text);
  std::fwrite(printable.data(), 1, printable.size(), stdout);
}

void PrintStyled(absl::string_view text) {
  // Colored() writes "\033[", digits and "m".
  while (!text.empty()) {
    const size_t begin = std::min(text.find("\033["), text.size());
    Print(text.substr(0, begin));
    text.remove_prefix(begin);
    size_t end = 2;
    while (end < text.size() && absl::ascii_isdigit(text[end])) ++end;
    if (end < text.size() && text[end] == 'm') {
      std::fwrite(text.data(), 1, end + 1, stdout);
      text.remove_prefix(end + 1);
    } else {
      Print(text.substr(0, end));
      text.remove_prefix(std::min(end, text.size()));
    }
  }
}

void PrintJson(const nlohmann::ordered_json& json) {
  // Strings of files are UTF-8 where they come from protobuf; the rest is replaced.
  const std::string text =
      json.dump(2, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
  Print(EscapeJson(text) + "\n");
}

void JsonOfFiles::Print(const nlohmann::ordered_json& json) {
  if (list_) nomograph::Print(first_ ? "[\n" : ",\n");
  first_ = false;
  PrintJson(json);
}

JsonOfFiles::~JsonOfFiles() {
  if (list_) nomograph::Print(first_ ? "[]\n" : "]\n");
}

}  // namespace nomograph
