// nomo layers: the layers that programs write models with, and their options.
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/keras/forms_page.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string name;
  bool json = false, keras = false;
};

std::string DefaultOf(const LayerOption& option) {
  if (option.required) return "required";
  return option.fixed ? "always " + option.default_value : option.default_value;
}

void PrintLayer(const LayerClass& layer) {
  TextTable table({{"option"}, {"type"}, {"default"}, {"meaning"}}, /*indent=*/2);
  for (const LayerOption& option : layer.options()) {
    table.AddRow({option.name, option.type, DefaultOf(option), option.doc});
  }
  Print(layer.name + "\n" + table.ToString());
}

Json LayerJson(const LayerClass& layer) {
  Json options = Json::array();
  for (const LayerOption& option : layer.options()) {
    options.push_back({{"name", option.name},
                       {"type", option.type},
                       {"doc", option.doc},
                       {"required", option.required},
                       {"default", option.required ? Json() : Json(option.default_value)},
                       {"fixed", option.fixed}});
  }
  return {{"class_name", layer.name}, {"options", std::move(options)}};
}

absl::Status Execute(const Arguments& arguments) {
  if (arguments.keras) {
    Print(keras::FormsPage());
    return absl::OkStatus();
  }
  const LayerRegistry& registry = LayerRegistry::Default();
  std::vector<std::string> names = registry.Names();
  if (!arguments.name.empty()) {
    if (registry.Find(arguments.name) == nullptr) {
      return WithExitCode(ExitCode::kUsage, absl::NotFoundError(absl::StrCat(
                                                "there is no layer ", Shown(arguments.name),
                                                DidYouMean(arguments.name, names))));
    }
    names = {arguments.name};
  }
  if (arguments.json) {
    Json layers = Json::array();
    for (const std::string& name : names) layers.push_back(LayerJson(*registry.Find(name)));
    PrintJson({{"schema", "nomograph.layers.1"}, {"layers", std::move(layers)}});
  } else if (!arguments.name.empty()) {
    PrintLayer(*registry.Find(arguments.name));
  } else {
    for (const std::string& name : names) Print(name + "\n");
  }
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("NAME", arguments->name, "A layer, as Dense; the list of all without it")
      ->type_name("");
  app.add_flag("--json", arguments->json, "As JSON (tools/JSON.md)");
  app.add_flag("--keras", arguments->keras, "What is read of Keras models, as Markdown, instead");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"layers",
                                   "List Keras' layers that are here, or the options of one",
                                   SetUp});

}  // namespace
}  // namespace nomograph
