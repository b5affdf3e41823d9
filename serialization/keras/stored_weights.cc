#include "nomograph/serialization/keras/stored_weights.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/npy.h"
#include "nomograph/serialization/keras/archive.h"
#include "nomograph/serialization/keras/pickled_arrays.h"

namespace nomograph::keras {
namespace {

// Keras nests objects a few deep; a chain of groups that goes further goes round in circles.
constexpr int kMaxDepth = 64;
constexpr int64_t kMaxObjects = 1'000'000;

// Groups of what is no weight of the model's.
bool IsOtherState(absl::string_view name) {
  return name == "optimizer" || name == "metrics" || name == "_metrics" ||
         absl::StrContains(name, "seed_generator") || name == "optimizer_weights";
}

bool IsOtherPlace(absl::string_view place) {
  for (const absl::string_view part : absl::StrSplit(place, '/')) {
    if (IsOtherState(part)) return true;
  }
  return false;
}

// The layers that a weight may be named after: each part of "model/dense_1/kernel:0" but the last,
// and what is ahead of a '_' in the names of Keras 1, which have one part.
std::set<std::string> LayersIn(absl::string_view name) {
  std::set<std::string> layers;
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  // More of them would be no names of layers.
  constexpr size_t kMostParts = 64;
  if (parts.size() == 1) {
    for (size_t bar = name.find('_'); bar != name.npos && layers.size() < kMostParts;
         bar = name.find('_', bar + 1)) {
      layers.emplace(name.substr(0, bar));
    }
  }
  for (size_t i = 0; i < std::min(parts.size(), kMostParts); ++i) layers.insert(parts[i]);
  return layers;
}

StoredWeight Stored(const std::shared_ptr<const Hdf5File>& file, std::string name,
                    const std::string& path, TensorType type) {
  return {.name = std::move(name), .type = std::move(type), .read = [file, path] {
            return file->ReadDataset(path);
          }};
}

absl::StatusOr<StoredWeights> ReadByLayer(const std::shared_ptr<const Hdf5File>& file,
                                          const std::string& root,
                                          const std::vector<std::string>& layers) {
  StoredWeights weights;
  weights.order = StoredWeights::Order::kByLayer;
  std::vector<std::string> groups = layers;
  const std::string top = "top_level_model_weights";
  if (file->HasGroup(Joined(root, top))) groups.push_back(top);
  for (const std::string& layer : groups) {
    const std::string group = Joined(root, layer);
    if (weights.groups.contains(layer)) continue;
    NOMO_ASSIGN_OR_RETURN(const auto names, file->TextListAttribute(group, "weight_names"));
    std::vector<StoredWeight>& list = weights.groups[layer];
    if (!names) continue;
    for (const std::string& name : *names) {
      const std::string path = Joined(group, name);
      NOMO_ASSIGN_OR_RETURN(TensorType type, file->DatasetType(path));
      list.push_back(Stored(file, name, path, std::move(type)));
    }
  }
  return weights;
}

// Walks the groups of a file whose places are those of objects.
class PathReader {
 public:
  explicit PathReader(std::shared_ptr<const Hdf5File> file) : file_(std::move(file)) {
    weights_.order = StoredWeights::Order::kByPath;
  }

  absl::StatusOr<StoredWeights> Read() {
    NOMO_RETURN_IF_ERROR(Walk("", "", 0));
    return std::move(weights_);
  }

 private:
  // `place` is `path` as Keras writes it on systems whose paths have slashes.
  absl::Status Walk(const std::string& path, const std::string& place, int depth) {
    if (depth > kMaxDepth) {
      return InvalidArgument("group ", Quoted(path), " lies more than ", kMaxDepth,
                             " groups deep, or contains itself");
    }
    NOMO_ASSIGN_OR_RETURN(const std::vector<std::string> members, file_->Members(path));
    for (const std::string& member : members) {
      if (++objects_ > kMaxObjects) {
        return absl::ResourceExhaustedError(
            absl::StrCat("there are more than ", kMaxObjects,
                         " groups and data sets, or groups contain themselves"));
      }
      if (IsOtherState(member)) continue;
      const std::string child = Joined(path, member);
      const std::string child_place = Joined(place, absl::StrReplaceAll(member, {{"\\", "/"}}));
      if (absl::EndsWith("/" + child_place, "/vars")) {
        NOMO_RETURN_IF_ERROR(ReadVars(child, child_place));
      } else if (file_->HasGroup(child)) {
        NOMO_RETURN_IF_ERROR(Walk(child, child_place, depth + 1));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadVars(const std::string& path, const std::string& place) {
    const std::string owner(absl::StripSuffix(absl::StripSuffix(place, "vars"), "/"));
    NOMO_ASSIGN_OR_RETURN(const auto name, file_->TextAttribute(path, "name"));
    if (name) weights_.layer_names[owner] = *name;
    NOMO_ASSIGN_OR_RETURN(std::vector<std::string> members, file_->Members(path));
    // "10" comes behind "9".
    std::sort(members.begin(), members.end(), [](const std::string& a, const std::string& b) {
      return a.size() != b.size() ? a.size() < b.size() : a < b;
    });
    std::vector<StoredWeight>& list = weights_.groups[owner];
    for (const std::string& member : members) {
      const std::string child = Joined(path, member);
      NOMO_ASSIGN_OR_RETURN(TensorType type, file_->DatasetType(child));
      list.push_back(Stored(file_, Joined(place, member), child, std::move(type)));
    }
    objects_ += static_cast<int64_t>(members.size());
    return absl::OkStatus();
  }

  const std::shared_ptr<const Hdf5File> file_;
  StoredWeights weights_;
  int64_t objects_ = 0;
};

}  // namespace

int64_t StoredWeights::count() const {
  int64_t count = 0;
  for (const auto& [group, list] : groups) count += static_cast<int64_t>(list.size());
  return count;
}

void StoredWeights::Number() {
  int64_t next = 0;
  for (auto& [group, list] : groups) {
    for (size_t i = 0; i < list.size(); ++i) {
      list[i].id = next++;
      if (order == Order::kByPath) continue;
      for (const std::string& part : LayersIn(list[i].name)) by_part_[part].emplace_back(group, i);
    }
  }
}

std::vector<StoredWeight> StoredWeights::NamedAfter(absl::string_view layer) const {
  std::vector<StoredWeight> named;
  const auto found = by_part_.find(layer);
  if (found == by_part_.end()) return named;
  for (const auto& [group, index] : found->second) named.push_back(groups.at(group)[index]);
  return named;
}

absl::StatusOr<StoredWeights> ReadHdf5Weights(const std::shared_ptr<const Hdf5File>& file) {
  for (const char* root : {"model_weights", ""}) {
    if (!file->HasGroup(root)) continue;
    NOMO_ASSIGN_OR_RETURN(const auto layers, file->TextListAttribute(root, "layer_names"));
    if (layers) return ReadByLayer(file, root, *layers);
  }
  return PathReader(file).Read();
}

absl::StatusOr<StoredWeights> ReadNpzWeights(absl::string_view bytes) {
  NOMO_ASSIGN_OR_RETURN(const auto members, ReadArchive(bytes));
  StoredWeights weights;
  weights.order = StoredWeights::Order::kByPath;
  for (const auto& [member, npy] : members) {
    // "layers/dense/vars" of a dictionary, "layers/dense/vars/0" of an array.
    std::string place = absl::StrReplaceAll(absl::StripSuffix(member, ".npy"), {{"\\", "/"}});
    NamedTensors tensors;
    if (HoldsObjects(npy)) {
      auto read = ReadPickledArrays(npy);
      if (!read.ok()) return Annotate(read.status(), absl::StrCat("array ", Quoted(member)));
      tensors = *std::move(read);
    } else {
      auto read = ParseNpy(npy);
      if (!read.ok()) return Annotate(read.status(), absl::StrCat("array ", Quoted(member)));
      const size_t slash = place.rfind('/');
      if (slash == place.npos)
        return InvalidArgument("array ", Quoted(member),
                               ": expected a name such as layers/dense/vars/0");
      tensors[place.substr(slash + 1)] = *std::move(read);
      place.resize(slash);
    }
    if (IsOtherPlace(place)) continue;
    const std::string owner(absl::StripSuffix(absl::StripSuffix(place, "vars"), "/"));
    for (const auto& [name, tensor] : tensors) {
      weights.groups[owner].push_back({.name = Joined(place, name),
                                       .type = tensor.type(),
                                       .read = [tensor = tensor] { return tensor; }});
    }
  }
  for (auto& [owner, list] : weights.groups) {
    std::sort(list.begin(), list.end(), [](const StoredWeight& a, const StoredWeight& b) {
      return a.name.size() != b.name.size() ? a.name.size() < b.name.size() : a.name < b.name;
    });
  }
  return weights;
}

}  // namespace nomograph::keras
