#include "nomograph/serialization/keras/derived_networks.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

// An element of a list of objects.
absl::StatusOr<const LayerConfig*> ObjectIn(const ConfigValue& value, absl::string_view list) {
  if (const LayerConfig* object = value.As<LayerConfig>()) return object;
  return InvalidArgument("expected objects in ", list, ", found ", value.TypeName());
}

class GraphReader {
 public:
  explicit GraphReader(const LayerEntry& entry) : config_(entry.config) {
    network_.name = entry.name;
    network_.class_name = entry.class_name;
  }

  absl::StatusOr<Network> Read() {
    NOMO_RETURN_IF_ERROR(ReadInputs());
    NOMO_RETURN_IF_ERROR(ReadNodes());
    NOMO_RETURN_IF_ERROR(ReadOutputs());
    return std::move(network_);
  }

 private:
  absl::StatusOr<const List*> ListOf(absl::string_view field) const {
    if (const List* list = FieldOf<List>(config_, field)) return list;
    return InvalidArgument("expected a list in field ", field);
  }

  absl::Status ReadInputs() {
    NOMO_ASSIGN_OR_RETURN(const List* inputs, ListOf("input_config"));
    for (const ConfigValue& value : *inputs) {
      NOMO_ASSIGN_OR_RETURN(const LayerConfig* input, ObjectIn(value, "input_config"));
      LayerEntry entry{.name = TextField(*input, "name"), .class_name = "InputLayer"};
      entry.config.Set("name", entry.name);
      for (const char* field : {"batch_input_shape", "input_shape"}) {
        if (const ConfigValue* shape = input->Find(field)) entry.config.Set(field, *shape);
      }
      network_.inputs.push_back({entry.name});
      network_.layers.push_back(std::move(entry));
    }
    return absl::OkStatus();
  }

  // What a node or an output takes: one tensor, or several that a Merge of their own makes one, or
  // that the layer takes as they are ("join").
  absl::StatusOr<std::vector<Argument>> SourcesOf(const LayerConfig& node) {
    if (const std::string* input = FieldOf<std::string>(node, "input");
        input != nullptr && !input->empty()) {
      return std::vector<Argument>{{TensorRef{*input}}};
    }
    const List* names = FieldOf<List>(node, "inputs");
    if (names == nullptr || names->empty())
      return InvalidArgument("node ", Quoted(TextField(node, "name")), " has no input");
    std::vector<Argument> sources;
    for (const ConfigValue& name : *names) {
      if (name.As<std::string>() == nullptr) return InvalidArgument("expected names in inputs");
      sources.push_back({TensorRef{*name.As<std::string>()}});
    }
    const std::string mode = TextField(node, "merge_mode");
    if (mode == "join" || sources.size() == 1) return sources;
    LayerEntry merge{.name = absl::StrCat("merge_inputs_for_", TextField(node, "name")),
                     .class_name = "Merge"};
    merge.config = {{"name", merge.name}, {"mode", mode.empty() ? "concat" : mode}};
    for (const char* field : {"concat_axis", "dot_axes"}) {
      if (const ConfigValue* axis = node.Find(field)) merge.config.Set(field, *axis);
    }
    merge.calls = {{.arguments = {{std::move(sources)}}}};
    network_.layers.push_back(std::move(merge));
    return std::vector<Argument>{{TensorRef{network_.layers.back().name}}};
  }

  absl::Status ReadNodes() {
    NOMO_ASSIGN_OR_RETURN(const List* nodes, ListOf("node_config"));
    const LayerConfig* layers = FieldOf<LayerConfig>(config_, "nodes");
    if (layers == nullptr) return InvalidArgument("expected an object in field nodes");
    for (const ConfigValue& value : *nodes) {
      NOMO_ASSIGN_OR_RETURN(const LayerConfig* node, ObjectIn(value, "node_config"));
      const std::string name = TextField(*node, "name");
      const ConfigValue* layer = layers->Find(name);
      if (layer == nullptr) return InvalidArgument("nodes has no ", Quoted(name));
      NOMO_ASSIGN_OR_RETURN(LayerEntry entry, ReadLayerEntry(*layer));
      entry.name = name;
      NOMO_ASSIGN_OR_RETURN(std::vector<Argument> sources, SourcesOf(*node));
      entry.calls = {{.arguments = std::move(sources)}};
      const bool* is_output = FieldOf<bool>(*node, "create_output");
      if (is_output != nullptr && *is_output) network_.outputs.push_back({name});
      network_.layers.push_back(std::move(entry));
    }
    return absl::OkStatus();
  }

  absl::Status ReadOutputs() {
    NOMO_ASSIGN_OR_RETURN(const List* outputs, ListOf("output_config"));
    for (const ConfigValue& value : *outputs) {
      NOMO_ASSIGN_OR_RETURN(const LayerConfig* output, ObjectIn(value, "output_config"));
      NOMO_ASSIGN_OR_RETURN(const std::vector<Argument> sources, SourcesOf(*output));
      const TensorRef ref = std::get<TensorRef>(sources.front().value);
      // An output of a node that says itself that it is one stands there already.
      bool known = false;
      for (const TensorRef& other : network_.outputs) known |= other.layer == ref.layer;
      if (!known) network_.outputs.push_back(ref);
    }
    if (network_.outputs.empty()) return InvalidArgument("output_config is empty");
    return absl::OkStatus();
  }

  const LayerConfig& config_;
  Network network_;
};

// The cells of an RNN of StackedRNNCells; null where it is none.
const List* StackedCells(const LayerEntry& layer) {
  const LayerConfig* cell = FieldOf<LayerConfig>(layer.config, "cell");
  if (cell == nullptr || TextField(*cell, "class_name") != "StackedRNNCells") return nullptr;
  const LayerConfig* config = FieldOf<LayerConfig>(*cell, "config");
  return config == nullptr ? nullptr : FieldOf<List>(*config, "cells");
}

absl::StatusOr<Network> FromCells(const LayerEntry& layer, const List& cells) {
  Network network{.name = layer.name, .class_name = layer.class_name, .sequential = true};
  for (size_t i = 0; i < cells.size(); ++i) {
    auto cell = ReadLayerEntry(cells[i]);
    if (!cell.ok()) return Annotate(cell.status(), absl::StrCat("cell ", i));
    LayerEntry entry = layer;
    entry.calls.clear();
    entry.name = absl::StrCat(cell->name.empty() ? "cell" : cell->name, "_", i);
    entry.config.Set("name", entry.name);
    entry.config.Set("cell", cells[i]);
    if (i + 1 < cells.size()) entry.config.Set("return_sequences", true);
    // Only the first one goes backwards: its results lie so for the others.
    if (i > 0) entry.config.Set("go_backwards", false);
    network.layers.push_back(std::move(entry));
  }
  return network;
}

bool IsSet(const LayerConfig& config, absl::string_view field) {
  const bool* flag = FieldOf<bool>(config, field);
  return flag != nullptr && *flag;
}

}  // namespace

absl::StatusOr<std::optional<Network>> DerivedNetwork(const LayerEntry& layer) {
  if (layer.class_name == "Graph" && layer.config.Find("node_config") != nullptr) {
    NOMO_ASSIGN_OR_RETURN(Network network, GraphReader(layer).Read());
    return std::optional(std::move(network));
  }
  if (layer.class_name == "RNN" && !IsSet(layer.config, "return_state")) {
    const List* cells = StackedCells(layer);
    if (cells == nullptr || cells->empty()) return std::optional<Network>();
    NOMO_ASSIGN_OR_RETURN(Network network, FromCells(layer, *cells));
    return std::optional(std::move(network));
  }
  return std::optional<Network>();
}

}  // namespace nomograph::keras
