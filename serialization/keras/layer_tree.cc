#include "nomograph/serialization/keras/layer_tree.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/derived_networks.h"
#include "nomograph/serialization/keras/layer_forms.h"

namespace nomograph::keras {
namespace {

constexpr int kMaxDepth = 50;

// The names of groups right below `place` in the file, in the order of their numbers, by the name
// without a number: "dense" has "dense", "dense_1", ….
std::map<std::string, std::vector<std::pair<int64_t, std::string>>> NumberedGroups(
    const StoredWeights& stored, const std::string& place) {
  std::map<std::string, std::vector<std::pair<int64_t, std::string>>> numbered;
  const std::string prefix = place + "/";
  std::string last;
  for (auto it = stored.groups.lower_bound(prefix);
       it != stored.groups.end() && absl::StartsWith(it->first, prefix); ++it) {
    const absl::string_view rest = absl::string_view(it->first).substr(prefix.size());
    const std::string name(rest.substr(0, rest.find('/')));
    if (name == last) continue;
    last = name;
    const size_t bar = name.rfind('_');
    int64_t number = 0;
    if (bar != name.npos && absl::SimpleAtoi(name.substr(bar + 1), &number)) {
      numbered[name.substr(0, bar)].emplace_back(number, name);
    }
    numbered[name].emplace_back(0, name);  // "conv2d_1" may be a class's own name
  }
  for (auto& [base, list] : numbered) std::sort(list.begin(), list.end());
  return numbered;
}

// Where the layers of a model at `place` lie; the cells of an RNN of several are such, too.
std::string LayersPlace(const StoredWeights& stored, const std::string& place) {
  for (const char* name : {"layers", "_layer_checkpoint_dependencies", "cell/cells"}) {
    const std::string candidate = Joined(place, name);
    const auto it = stored.groups.lower_bound(candidate + "/");
    if (it != stored.groups.end() && absl::StartsWith(it->first, candidate + "/")) return candidate;
  }
  return Joined(place, "layers");
}

// The class by which Keras names a layer's place.
std::string PlacedClass(const LayerNode& model, const LayerEntry& layer) {
  std::string name = layer.class_name;
  const LayerConfig* cell = FieldOf<LayerConfig>(layer.config, "cell");
  if (model.entry.class_name == "RNN" && cell != nullptr) name = TextField(*cell, "class_name");
  return SnakeCase(name.substr(name.rfind('>') + 1));
}

// Keras numbers the layers of a class in the order of the model's layers. Keras 2.13 and 2.14 leave
// numbers out, so that only their order counts.
void PlaceLayers(const StoredWeights& stored, LayerNode& model) {
  const std::string layers = LayersPlace(stored, model.place);
  const auto groups = NumberedGroups(stored, layers);
  std::map<std::string, std::vector<LayerNode*>> by_class;
  for (const auto& child : model.children) {
    if (!IsOperation(child->entry) || child->entry.module.empty())
      by_class[PlacedClass(model, child->entry)].push_back(child.get());
  }
  for (const auto& [name, nodes] : by_class) {
    const auto found = groups.find(name);
    const bool in_order = found != groups.end() && found->second.size() == nodes.size();
    for (size_t i = 0; i < nodes.size(); ++i) {
      nodes[i]->place = Joined(layers, in_order ? found->second[i].second
                                       : i == 0 ? name
                                                : absl::StrCat(name, "_", i));
    }
  }
}

// A layer around another one, which its configuration holds.
bool IsWrapper(const LayerEntry& entry) {
  const std::string class_name = ClassHere(entry.class_name);
  return (class_name == "TimeDistributed" || class_name == "SpectralNormalization") &&
         !IsUsersClass(entry);
}

// At inference a SpectralNormalization is the layer in it: its kernel is stored as the last step of
// training left it. The vector that is stored beside it serves training.
void DropSpectralNormalization(LayerNode& node) {
  for (const auto& child : node.children) DropSpectralNormalization(*child);
  if (ClassHere(node.entry.class_name) != "SpectralNormalization" || node.children.size() != 1)
    return;
  const std::shared_ptr<LayerNode> inner = node.children.front();
  LayerEntry entry = inner->entry;
  entry.name = node.entry.name;
  entry.calls = node.entry.calls;
  entry.build_config = node.entry.build_config;
  for (const char* field : {"batch_input_shape", "dtype"}) {
    if (const ConfigValue* value = node.entry.config.Find(field)) entry.config.Set(field, *value);
  }
  node.entry = std::move(entry);
  node.network = inner->network;
  node.children = inner->children;
}

class TreeReader {
 public:
  explicit TreeReader(const StoredWeights& stored) : stored_(stored) {}

  absl::StatusOr<std::shared_ptr<LayerNode>> Read(const LayerEntry& entry, std::string full_name,
                                                  int depth) const {
    auto node = std::make_shared<LayerNode>();
    node->entry = entry;
    node->full_name = std::move(full_name);
    NOMO_RETURN_IF_ERROR(Fill(*node, depth));
    return node;
  }

  absl::Status Place(LayerNode& node) const {
    if (stored_.order != StoredWeights::Order::kByPath) return absl::OkStatus();
    if (node.network) PlaceLayers(stored_, node);
    for (const auto& child : node.children) {
      if (!node.network) child->place = Joined(node.place, "layer");
      NOMO_RETURN_IF_ERROR(Place(*child));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Fill(LayerNode& node, int depth) const {
    if (depth > kMaxDepth)
      return InvalidArgument("models lie in models more than ", kMaxDepth, " deep");
    if (IsNetwork(node.entry.class_name, node.entry.config)) {
      auto network = ReadNetwork(node.entry);
      if (!network.ok()) return At(node, network.status());
      node.network = *std::move(network);
    } else if (!IsUsersClass(node.entry)) {
      auto network = DerivedNetwork(node.entry);
      if (!network.ok()) return At(node, network.status());
      node.network = *std::move(network);
    }
    if (node.network) {
      UniqueNames names;
      for (const LayerEntry& layer : node.network->layers) {
        NOMO_ASSIGN_OR_RETURN(
            auto child,
            Read(layer, Joined(node.full_name, names.Take(LayerNameHere(layer.name))), depth + 1));
        node.children.push_back(std::move(child));
      }
      return absl::OkStatus();
    }
    if (!IsWrapper(node.entry)) return absl::OkStatus();
    const ConfigValue* inner = node.entry.config.Find("layer");
    if (inner == nullptr) return At(node, InvalidArgument("field layer is missing"));
    auto entry = ReadLayerEntry(*inner);
    if (!entry.ok()) return At(node, entry.status());
    NOMO_ASSIGN_OR_RETURN(
        auto child, Read(*entry, Joined(node.full_name, LayerNameHere(entry->name)), depth + 1));
    node.children.push_back(std::move(child));
    return absl::OkStatus();
  }

  static absl::Status At(const LayerNode& node, const absl::Status& status) {
    return node.full_name.empty()
               ? status
               : Annotate(status, absl::StrCat("layer ", Quoted(node.full_name)));
  }

  const StoredWeights& stored_;
};

// The order in which Keras lists the parts of a layer: that of its attributes' creation.
int RankOf(absl::string_view part) {
  static constexpr absl::string_view kOrder[] = {"forward_layer", "query_dense", "backward_layer",
                                                 "key_dense",     "value_dense", "output_dense"};
  const absl::string_view name = absl::StripPrefix(part, "_");
  const auto found = std::find(std::begin(kOrder), std::end(kOrder), name);
  return found == std::end(kOrder) ? 100 : static_cast<int>(found - std::begin(kOrder));
}

std::vector<StoredWeight> BelowPlace(const StoredWeights& stored, const std::string& place) {
  std::vector<std::pair<std::pair<int, std::string>, const std::vector<StoredWeight>*>> parts;
  // The model itself, if it is one layer.
  if (place.empty()) {
    std::vector<StoredWeight> all;
    for (const auto& [group, list] : stored.groups) all.insert(all.end(), list.begin(), list.end());
    return all;
  }
  if (const auto own = stored.groups.find(place); own != stored.groups.end())
    parts.push_back({{-1, ""}, &own->second});
  for (auto it = stored.groups.lower_bound(place + "/");
       it != stored.groups.end() && absl::StartsWith(it->first, place + "/"); ++it) {
    const absl::string_view rest = absl::string_view(it->first).substr(place.size() + 1);
    parts.push_back({{RankOf(rest.substr(0, rest.find('/'))), std::string(rest)}, &it->second});
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<StoredWeight> all;
  for (const auto& [rank, list] : parts) all.insert(all.end(), list->begin(), list->end());
  return all;
}

}  // namespace

std::string NameHere(const LayerNode& node) {
  if (node.full_name.empty()) return LayerNameHere(node.entry.name);
  return node.full_name.substr(node.full_name.rfind('/') + 1);
}

absl::StatusOr<std::shared_ptr<LayerNode>> ReadLayerTree(const LayerEntry& model,
                                                         const StoredWeights& stored) {
  const TreeReader reader(stored);
  NOMO_ASSIGN_OR_RETURN(std::shared_ptr<LayerNode> root, reader.Read(model, "", 0));
  NOMO_RETURN_IF_ERROR(reader.Place(*root));
  DropSpectralNormalization(*root);
  return root;
}

std::vector<StoredWeight> StoredFor(const LayerNode& node, const StoredWeights& stored) {
  if (stored.order == StoredWeights::Order::kByPath) return BelowPlace(stored, node.place);
  if (stored.order == StoredWeights::Order::kByLayer) {
    const auto group = stored.groups.find(node.entry.name);
    if (group != stored.groups.end() && !absl::StrContains(node.full_name, '/'))
      return group->second;
  }
  return stored.NamedAfter(node.entry.name);
}

SlotCollector::SlotCollector(std::vector<WeightSlot>& slots)
    : source_([&slots](const DeclaredWeight& weight) -> std::optional<Initializer> {
        slots.push_back({.layer = weight.layer,
                         .name = weight.name,
                         .shape = weight.shape,
                         .dtype = weight.dtype,
                         .trainable = weight.trainable});
        return Initializer(
            [value = slots.back().value, initializer = weight.initializer](
                const Shape& shape, DType dtype, uint64_t key) -> absl::StatusOr<Tensor> {
              if (value->valid()) return *value;
              return initializer(shape, dtype, key);
            });
      }) {}

}  // namespace nomograph::keras
