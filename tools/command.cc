#include "nomograph/tools/command.h"

#include <algorithm>
#include <cstdio>

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

void AddModelFile(CLI::App& app, std::string& path) {
  app.add_option("FILE", path, "The model: .nomo, .nomo.txtpb (the text form), .onnx or Keras'")
      ->required()
      ->type_name("");
  AddKerasFlags(app);
}

CLI::Option* AddRepeated(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                         const std::string& value_name, const std::string& help) {
  return app.add_option(flag, values, help)->allow_extra_args(false)->type_name(value_name);
}

void Print(absl::string_view text) {
  const std::string printable = EscapeLines(text);
  std::fwrite(printable.data(), 1, printable.size(), stdout);
}

void PrintJson(const nlohmann::ordered_json& json) {
  // Strings of files are UTF-8 where they come from protobuf; the rest is replaced.
  const std::string text =
      json.dump(2, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
  Print(EscapeJson(text) + "\n");
}

}  // namespace nomograph
