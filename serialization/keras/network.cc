#include "nomograph/serialization/keras/network.h"

#include <algorithm>
#include <functional>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

// Reads how layers are called. Knows their names, since a list such as ["dense_1", 0, 0] among
// arguments is a tensor only where there is such a layer.
class CallReader {
 public:
  using Names = std::vector<std::string>;

  explicit CallReader(const std::vector<LayerEntry>& layers) {
    for (const LayerEntry& layer : layers) names_.insert(layer.name);
  }

  // `inputs` are the names of what the called layer takes, if it is a model.
  absl::StatusOr<std::vector<LayerCall>> ReadCalls(const ConfigValue& inbound,
                                                   const Names& inputs) const {
    std::vector<LayerCall> calls;
    const List* nodes = inbound.As<List>();
    if (nodes == nullptr) return InvalidArgument("inbound_nodes is no list");
    for (const ConfigValue& node : *nodes) {
      NOMO_ASSIGN_OR_RETURN(LayerCall call, ReadCall(node, inputs));
      calls.push_back(std::move(call));
    }
    return calls;
  }

  absl::StatusOr<TensorRef> ReadRef(const ConfigValue& value) const {
    TensorRef ref;
    if (ReadTensor(value, ref)) return ref;
    return InvalidArgument("expected a layer's output such as [\"dense\", 0, 0], found ",
                           Quoted(value.ToString()));
  }

  // Of a model's inputs or outputs: one, a list, or an object of them.
  absl::Status ReadRefs(const ConfigValue& value, std::vector<TensorRef>& refs) const {
    TensorRef ref;
    if (ReadTensor(value, ref)) {
      refs.push_back(ref);
      return absl::OkStatus();
    }
    if (const LayerConfig* object = value.As<LayerConfig>()) {
      for (const ConfigValue* element : Flattened(*object, {}))
        NOMO_RETURN_IF_ERROR(ReadRefs(*element, refs));
      return absl::OkStatus();
    }
    const List* list = value.As<List>();
    if (list == nullptr) return ReadRef(value).status();
    for (const ConfigValue& element : *list) NOMO_RETURN_IF_ERROR(ReadRefs(element, refs));
    return absl::OkStatus();
  }

  // The names of a model's inputs, in their order; none for other layers.
  static Names InputsOf(const LayerEntry& entry) {
    const ConfigValue* value = entry.config.Find("input_layers");
    Names names;
    if (value == nullptr) return names;
    if (const LayerConfig* object = value->As<LayerConfig>()) {
      for (const auto& [name, input] : *object) names.push_back(name);
      std::sort(names.begin(), names.end());
    } else if (const List* list = value->As<List>()) {
      for (const ConfigValue& input : *list) {
        const List* ref = input.As<List>();
        if (ref == nullptr || ref->empty() || ref->front().As<std::string>() == nullptr) return {};
        names.push_back(*ref->front().As<std::string>());
      }
    }
    return names;
  }

 private:
  // An object's elements as Keras flattens it: those that a model's inputs are named, in their
  // order, where it has them all; else all by name.
  static std::vector<const ConfigValue*> Flattened(const LayerConfig& object, const Names& inputs) {
    std::map<absl::string_view, const ConfigValue*> by_name;
    for (const auto& [name, element] : object) by_name[name] = &element;
    std::vector<const ConfigValue*> elements;
    const auto has = [&](const std::string& name) { return by_name.contains(name); };
    if (!inputs.empty() && inputs.size() <= by_name.size() &&
        std::all_of(inputs.begin(), inputs.end(), has)) {
      for (const std::string& name : inputs) elements.push_back(by_name[name]);
    } else {
      for (const auto& [name, element] : by_name) elements.push_back(element);
    }
    return elements;
  }

  // ["dense", 0, 0], with or without keyword arguments behind it.
  bool ReadListTensor(const ConfigValue& value, TensorRef& ref) const {
    const List* list = value.As<List>();
    if (list == nullptr || list->size() < 3 || list->size() > 4) return false;
    const std::string* layer = (*list)[0].As<std::string>();
    const int64_t *call = (*list)[1].As<int64_t>(), *output = (*list)[2].As<int64_t>();
    if (layer == nullptr || call == nullptr || output == nullptr || !names_.contains(*layer))
      return false;
    ref = {*layer, *call, *output};
    return true;
  }

  bool ReadTensor(const ConfigValue& value, TensorRef& ref) const {
    if (const LayerConfig* object = value.As<LayerConfig>()) {
      const LayerConfig* config = FieldOf<LayerConfig>(*object, "config");
      const ConfigValue* history = config == nullptr ? nullptr : config->Find("keras_history");
      return TextField(*object, "class_name") == "__keras_tensor__" && history != nullptr &&
             ReadListTensor(*history, ref);
    }
    return ReadListTensor(value, ref);
  }

  Argument ReadArgument(const ConfigValue& value, const Names& inputs = {}) const {
    TensorRef ref;
    if (ReadTensor(value, ref)) return {ref};
    const ConfigValue plain = Unwrapped(value);
    if (const LayerConfig* object = plain.As<LayerConfig>())
      return ReadObject(*object, plain, inputs);
    const List* list = plain.As<List>();
    if (list == nullptr) return {plain};
    // ["_CONSTANT_VALUE", -1, 1.0, {}]: a number where a tensor might stand.
    if (list->size() >= 3 && (*list)[0] == ConfigValue("_CONSTANT_VALUE"))
      return ReadArgument((*list)[2]);
    std::vector<Argument> elements;
    bool has_tensor = false;
    for (const ConfigValue& element : *list) {
      elements.push_back(ReadArgument(element));
      has_tensor |= !std::holds_alternative<ConfigValue>(elements.back().value);
    }
    if (!has_tensor) return {plain};
    return {std::move(elements)};
  }

  // An object of tensors is a list of them.
  Argument ReadObject(const LayerConfig& object, const ConfigValue& plain,
                      const Names& inputs) const {
    std::vector<Argument> list;
    bool has_tensor = false;
    for (const ConfigValue* element : Flattened(object, inputs)) {
      list.push_back(ReadArgument(*element));
      has_tensor |= !std::holds_alternative<ConfigValue>(list.back().value);
    }
    if (!has_tensor) return {plain};
    return {std::move(list)};
  }

  void ReadKeywords(const ConfigValue& value, const Names& inputs, LayerCall& call) const {
    const LayerConfig* object = value.As<LayerConfig>();
    if (object == nullptr) return;
    for (const auto& [name, argument] : *object) {
      // Not every compiler captures a structured binding.
      const auto same = [&given = name](const auto& known) { return known.first == given; };
      if (std::none_of(call.keywords.begin(), call.keywords.end(), same))
        call.keywords.emplace_back(name,
                                   ReadArgument(argument, name == "inputs" ? inputs : Names()));
    }
  }

  // One of [layer, call, output, keywords], possibly a constant.
  bool IsEntry(const ConfigValue& value) const {
    const List* list = value.As<List>();
    return list != nullptr && list->size() >= 3 && (*list)[0].As<std::string>() != nullptr &&
           (*list)[1].As<int64_t>() != nullptr;
  }

  absl::StatusOr<LayerCall> ReadCall(const ConfigValue& node, const Names& names) const {
    LayerCall call;
    if (const LayerConfig* object = node.As<LayerConfig>()) {
      if (const List* arguments = FieldOf<List>(*object, "args")) {
        for (const ConfigValue& argument : *arguments) {
          call.arguments.push_back(
              ReadArgument(argument, call.arguments.empty() ? names : Names()));
        }
        if (const ConfigValue* keywords = object->Find("kwargs"))
          ReadKeywords(*keywords, names, call);
        return call;
      }
      // tf.keras with an object of inputs.
      std::vector<Argument> inputs;
      for (const ConfigValue* entry : Flattened(*object, names)) {
        NOMO_ASSIGN_OR_RETURN(Argument input, ReadEntry(*entry, call));
        inputs.push_back(std::move(input));
      }
      call.arguments.push_back({std::move(inputs)});
      return call;
    }
    const List* list = node.As<List>();
    if (list == nullptr)
      return InvalidArgument("a call in inbound_nodes is neither list nor object");
    if (IsEntry(node) || (list->size() == 1 && IsEntry(list->front()))) {
      NOMO_ASSIGN_OR_RETURN(Argument input, ReadEntry(IsEntry(node) ? node : list->front(), call));
      call.arguments.push_back(std::move(input));
    } else {
      std::vector<Argument> inputs;
      for (const ConfigValue& entry : *list) {
        if (!IsEntry(entry) && entry.As<List>() == nullptr)
          return InvalidArgument("a call in inbound_nodes has ", Quoted(entry.ToString()));
        NOMO_ASSIGN_OR_RETURN(Argument input, ReadEntry(entry, call));
        inputs.push_back(std::move(input));
      }
      call.arguments.push_back({std::move(inputs)});
    }
    return call;
  }

  // The tensor, and the call's keywords, which Keras 2 writes behind each of its tensors.
  absl::StatusOr<Argument> ReadEntry(const ConfigValue& entry, LayerCall& call) const {
    if (!IsEntry(entry)) return ReadArgument(entry);
    const List& list = *entry.As<List>();
    const std::string& layer = *list[0].As<std::string>();
    if (layer != "_CONSTANT_VALUE" && !names_.contains(layer))
      return InvalidArgument("there is no layer ", Quoted(layer));
    if (list.size() > 3) ReadKeywords(list[3], {}, call);
    return ReadArgument(ConfigValue(List(list.begin(), list.begin() + 3)));
  }

  absl::flat_hash_set<std::string> names_;
};

absl::Status ReadLayers(const List& list, Network& network) {
  absl::flat_hash_map<std::string, int> names;
  for (const ConfigValue& value : list) {
    auto entry = ReadLayerEntry(value);
    if (!entry.ok()) return Annotate(entry.status(), absl::StrCat("layer ", network.layers.size()));
    if (entry->name.empty()) entry->name = absl::StrCat("layer_", network.layers.size());
    if (names[entry->name]++ > 0) {
      // A Sequential's layers are not told apart by name.
      if (!network.sequential) return InvalidArgument("two layers are named ", Quoted(entry->name));
      entry->name = absl::StrCat(entry->name, "_", network.layers.size());
    }
    network.layers.push_back(*std::move(entry));
  }
  return absl::OkStatus();
}

// All tensors among an argument, to be changed.
void ForEachRef(Argument& argument, const std::function<void(TensorRef&)>& visit) {
  if (TensorRef* ref = std::get_if<TensorRef>(&argument.value)) visit(*ref);
  if (auto* list = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (Argument& element : *list) ForEachRef(element, visit);
  }
}
void ForEachRef(Network& network, const std::function<void(TensorRef&)>& visit) {
  for (LayerEntry& layer : network.layers) {
    for (LayerCall& call : layer.calls) {
      for (Argument& argument : call.arguments) ForEachRef(argument, visit);
      for (auto& [name, argument] : call.keywords) ForEachRef(argument, visit);
    }
  }
  for (TensorRef& ref : network.inputs) visit(ref);
  for (TensorRef& ref : network.outputs) visit(ref);
}

// Keras counts the making of a model as its first call, which the file leaves out, so that the
// calls of models within models are counted from 1. Calls that nothing takes are not in a file.
void CountCallsFromZero(Network& network) {
  absl::flat_hash_map<std::string, int64_t> first;
  ForEachRef(network, [&](TensorRef& ref) {
    const auto [it, is_new] = first.emplace(ref.layer, ref.call);
    it->second = std::min(it->second, ref.call);
  });
  ForEachRef(network, [&](TensorRef& ref) { ref.call -= std::max<int64_t>(first[ref.layer], 0); });
}

absl::Status ReadWiring(const LayerConfig& config, const List& list, Network& network) {
  const CallReader reader(network.layers);
  for (size_t i = 0; i < list.size(); ++i) {
    const ConfigValue* inbound = list[i].As<LayerConfig>()->Find("inbound_nodes");
    if (inbound == nullptr) continue;
    auto calls = reader.ReadCalls(*inbound, CallReader::InputsOf(network.layers[i]));
    if (!calls.ok())
      return Annotate(calls.status(), absl::StrCat("layer ", Quoted(network.layers[i].name)));
    network.layers[i].calls = *std::move(calls);
  }
  for (const auto& [field, refs] :
       {std::pair("input_layers", &network.inputs), std::pair("output_layers", &network.outputs)}) {
    const ConfigValue* value = config.Find(field);
    if (value == nullptr) return InvalidArgument("field ", field, " is missing");
    NOMO_RETURN_IF_ERROR(Annotate(reader.ReadRefs(*value, *refs), field));
  }
  if (network.outputs.empty()) return InvalidArgument("output_layers is empty");
  return absl::OkStatus();
}

// The shape that goes into a model's first layer.
const ConfigValue* FirstInputShape(const LayerConfig& config) {
  for (const char* field : {"batch_input_shape", "batch_shape"}) {
    if (const ConfigValue* shape = config.Find(field)) return shape;
  }
  const List* layers = FieldOf<List>(config, "layers");
  const LayerConfig* first =
      layers == nullptr || layers->empty() ? nullptr : layers->front().As<LayerConfig>();
  if (first == nullptr) return nullptr;
  if (const List* inner = FieldOf<List>(*first, "config")) {
    // A Sequential before Keras 2.2.3.
    const LayerConfig* entry = inner->empty() ? nullptr : inner->front().As<LayerConfig>();
    const LayerConfig* inner_config =
        entry == nullptr ? nullptr : FieldOf<LayerConfig>(*entry, "config");
    return inner_config == nullptr ? nullptr : FirstInputShape(*inner_config);
  }
  const LayerConfig* inner = FieldOf<LayerConfig>(*first, "config");
  return inner == nullptr ? nullptr : FirstInputShape(*inner);
}

// Keras 1 has Sequential models that begin with a Merge of other models. Written as a model of
// layers: an input for each of those, the Merge of their results, and the rest behind one another.
absl::Status ExpandMerge(Network& network) {
  const List branches = *FieldOf<List>(network.layers.front().config, "layers");
  std::vector<LayerEntry> layers;
  std::vector<Argument> merged;
  for (size_t i = 0; i < branches.size(); ++i) {
    NOMO_ASSIGN_OR_RETURN(LayerEntry branch, ReadLayerEntry(branches[i]));
    if (branch.name.empty()) branch.name = absl::StrCat("branch_", i);
    const ConfigValue* shape = FirstInputShape(branch.config);
    if (shape == nullptr)
      return InvalidArgument("branch ", i,
                             " of the Merge: its first layer has no batch_input_shape");
    LayerEntry input{.name = absl::StrCat(branch.name, "_input_", i), .class_name = "InputLayer"};
    input.config = {{"name", input.name}, {"batch_input_shape", *shape}};
    branch.calls = {{.arguments = {{TensorRef{input.name}}}}};
    network.inputs.push_back({input.name});
    merged.push_back({TensorRef{branch.name}});
    layers.push_back(std::move(input));
    layers.push_back(std::move(branch));
  }
  network.layers.front().calls = {{.arguments = {{std::move(merged)}}}};
  for (size_t i = 1; i < network.layers.size(); ++i)
    network.layers[i].calls = {{.arguments = {{TensorRef{network.layers[i - 1].name}}}}};
  network.outputs = {{network.layers.back().name}};
  network.layers.insert(network.layers.begin(), std::make_move_iterator(layers.begin()),
                        std::make_move_iterator(layers.end()));
  network.sequential = false;
  return absl::OkStatus();
}

}  // namespace

std::string LayerNameHere(absl::string_view name) {
  return absl::StrReplaceAll(name, {{"/", "_"}});
}

ConfigValue Unwrapped(const ConfigValue& value) {
  if (const List* list = value.As<List>()) {
    List plain;
    for (const ConfigValue& element : *list) plain.push_back(Unwrapped(element));
    return ConfigValue(std::move(plain));
  }
  const LayerConfig* object = value.As<LayerConfig>();
  if (object == nullptr) return value;
  const std::string class_name = TextField(*object, "class_name");
  const ConfigValue* items = object->Find("items");
  if (items != nullptr && (class_name == "__tuple__" || class_name == "TensorShape"))
    return Unwrapped(*items);
  if (TextField(*object, "type") == "ndarray" && object->Find("value") != nullptr)
    return Unwrapped(*object->Find("value"));
  const LayerConfig* config = FieldOf<LayerConfig>(*object, "config");
  const ConfigValue* held = config == nullptr ? nullptr : config->Find("value");
  if (held != nullptr && (class_name == "__numpy__" || class_name == "__tensor__"))
    return Unwrapped(*held);
  if (class_name == "__complex__" || class_name == "__bytes__" || class_name == "__ellipsis__")
    return value;
  LayerConfig::Fields fields;
  for (const auto& [name, field] : *object) fields.emplace_back(name, Unwrapped(field));
  return ConfigValue(LayerConfig(std::move(fields)));
}

bool IsNetwork(absl::string_view class_name, const LayerConfig& config) {
  const ConfigValue* layers = config.Find("layers");
  if (layers == nullptr || layers->As<List>() == nullptr) return false;
  // A subclass of Model that was made of layers has their list all the same.
  return class_name == "Sequential" || class_name == "Pipeline" ||
         config.Find("output_layers") != nullptr;
}

absl::StatusOr<LayerEntry> ReadLayerEntry(const ConfigValue& value) {
  const LayerConfig* object = value.As<LayerConfig>();
  if (object == nullptr) return InvalidArgument("expected an object, found ", value.TypeName());
  LayerEntry entry;
  entry.class_name = TextField(*object, "class_name");
  if (entry.class_name.empty()) return InvalidArgument("expected field class_name");
  entry.module = TextField(*object, "module");
  entry.registered_name = TextField(*object, "registered_name");
  if (const LayerConfig* config = FieldOf<LayerConfig>(*object, "config")) {
    entry.config = *config;
  } else if (const List* layers = FieldOf<List>(*object, "config")) {
    entry.config.Set("layers", *layers);  // a Sequential before Keras 2.2.3
  } else {
    return InvalidArgument("class ", Quoted(entry.class_name), ": expected field config");
  }
  if (const LayerConfig* build = FieldOf<LayerConfig>(*object, "build_config"))
    entry.build_config = *build;
  entry.name = TextField(*object, "name");
  if (entry.name.empty()) entry.name = TextField(entry.config, "name");
  return entry;
}

absl::StatusOr<Network> ReadNetwork(const LayerEntry& model) {
  Network network;
  network.name = model.name;
  network.class_name = model.class_name;
  network.sequential = model.config.Find("output_layers") == nullptr;
  const List* layers = FieldOf<List>(model.config, "layers");
  if (layers == nullptr) return InvalidArgument("expected a list in field layers");
  NOMO_RETURN_IF_ERROR(ReadLayers(*layers, network));
  if (network.sequential) {
    const bool merges = !network.layers.empty() && network.layers.front().class_name == "Merge" &&
                        FieldOf<List>(network.layers.front().config, "layers") != nullptr;
    if (merges) NOMO_RETURN_IF_ERROR(ExpandMerge(network));
    return network;
  }
  NOMO_RETURN_IF_ERROR(ReadWiring(model.config, *layers, network));
  CountCallsFromZero(network);
  return network;
}

}  // namespace nomograph::keras
