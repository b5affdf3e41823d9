// AssignWeights(): which stored weight is which declared one.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/layer_tree.h"
#include "nomograph/serialization/keras/weight_forms.h"

namespace nomograph::keras {
namespace {

using Order = StoredWeights::Order;

// A slot with its layer.
struct Wanted {
  LayerNode* owner;
  WeightSlot* slot;
};

void AppendWanted(LayerNode& node, std::vector<Wanted>& all) {
  for (WeightSlot& slot : node.slots) all.push_back({&node, &slot});
  for (const auto& child : node.children) AppendWanted(*child, all);
}

std::vector<const WeightSlot*> SlotsOf(const std::vector<Wanted>& wanted) {
  std::vector<const WeightSlot*> slots;
  for (const Wanted& want : wanted) slots.push_back(want.slot);
  return slots;
}

bool AllFit(const std::vector<StoredWeight>& stored, const std::vector<Wanted>& wanted) {
  if (stored.size() != wanted.size()) return false;
  for (size_t i = 0; i < stored.size(); ++i) {
    if (!Fits(stored[i], *wanted[i].slot)) return false;
  }
  return true;
}

// Whether they are as many, with as many axes each.
bool SameStructure(const std::vector<StoredWeight>& stored, const std::vector<Wanted>& wanted) {
  if (stored.size() != wanted.size()) return false;
  for (size_t i = 0; i < stored.size(); ++i) {
    if (stored[i].type.shape.rank() != wanted[i].slot->shape.rank()) return false;
  }
  return true;
}

// "kernel" of "dense_1/kernel:0".
absl::string_view LastPart(absl::string_view name) {
  name = name.substr(0, name.rfind(':'));
  return name.substr(name.rfind('/') + 1);
}

// How many stored weights are named as the slots are.
int NamesInCommon(const std::vector<StoredWeight>& stored, const std::vector<Wanted>& wanted) {
  int count = 0;
  for (size_t i = 0; i < stored.size(); ++i)
    count += LastPart(stored[i].name) == LastPart(wanted[i].slot->name);
  return count;
}

// A weight, and no counter or state of a random generator, which layers without weights may have.
bool IsParameter(const StoredWeight& weight) {
  const absl::string_view name = LastPart(weight.name);
  return kFloats.Contains(weight.type.dtype) && name != "total" && name != "count" &&
         !absl::StrContains(weight.name, "StateVar") &&
         !absl::StrContains(weight.name, "seed_generator");
}

std::string Listed(const std::vector<StoredWeight>& stored) {
  std::vector<std::string> texts;
  for (const StoredWeight& weight : stored) {
    texts.push_back(absl::StrCat(Shown(weight.name), " ", weight.type.shape.ToString()));
    if (texts.size() == 12) return absl::StrCat(absl::StrJoin(texts, ", "), ", …");
  }
  return texts.empty() ? "none" : absl::StrJoin(texts, ", ");
}

std::string Listed(const std::vector<Wanted>& wanted) {
  std::vector<std::string> texts;
  for (const Wanted& want : wanted) {
    texts.push_back(absl::StrCat(Shown(want.slot->name), " ", want.slot->shape.ToString()));
    if (texts.size() == 12) return absl::StrCat(absl::StrJoin(texts, ", "), ", …");
  }
  return absl::StrJoin(texts, ", ");
}

// A wrapper declares the weights of the layer in it.
const LayerEntry& InnermostEntry(const LayerNode& node) {
  const LayerNode* inner = &node;
  while (!inner->network && !inner->children.empty()) inner = inner->children.front().get();
  return inner->entry;
}

class Assigner {
 public:
  Assigner(const StoredWeights& stored, absl::string_view backend, Misfits& misfits)
      : stored_(stored), backend_(backend), misfits_(misfits) {}

  absl::StatusOr<WeightReport> Assign(LayerNode& root) {
    UseTaken(root);
    if (stored_.order == Order::kByLayer && root.network) {
      for (const auto& child : root.children) AssignGroup(*child);
    } else {
      AssignLeaves(root);
    }
    NOMO_RETURN_IF_ERROR(errors_.ToStatus("weights do not fit their layers"));
    for (const auto& [group, list] : stored_.groups) {
      for (const StoredWeight& weight : list) {
        if (used_.contains(weight.id)) continue;
        report_.leftover.push_back(stored_.order == Order::kByLayer
                                       ? absl::StrCat(group, ": ", weight.name)
                                       : weight.name);
      }
    }
    return std::move(report_);
  }

 private:
  void Use(const std::vector<StoredWeight>& stored) {
    for (const StoredWeight& weight : stored) used_.insert(weight.id);
  }

  void UseTaken(const LayerNode& node) {
    used_.insert(node.taken.begin(), node.taken.end());
    for (const auto& child : node.children) UseTaken(*child);
  }

  // Of a model's layer. Where a model in it has no group of its own, its layers have them, as those
  // of a Sequential in Keras 1's Merge.
  void AssignGroup(LayerNode& node) {
    const auto group = stored_.groups.find(node.entry.name);
    if (group != stored_.groups.end()) return AssignTree(node, group->second);
    if (node.children.empty()) return AssignTree(node, {});
    for (const auto& child : node.children) AssignGroup(*child);
  }

  // Of a layer's own group, or a place.
  void AssignLeaves(LayerNode& node) {
    if (!node.slots.empty()) {
      std::vector<Wanted> wanted;
      for (WeightSlot& slot : node.slots) wanted.push_back({&node, &slot});
      AssignLeaf(node, wanted, StoredFor(node, stored_));
    }
    for (const auto& child : node.children) AssignLeaves(*child);
  }

  void AssignLeaf(LayerNode& node, const std::vector<Wanted>& wanted,
                  std::vector<StoredWeight> stored) {
    if (stored.empty()) return Missing(node, wanted);
    const std::vector<StoredWeight> modern =
        ModernWeights(InnermostEntry(node), backend_, SlotsOf(wanted), stored);
    if (Take(modern, wanted)) return Use(stored);
    NoteOther(node, modern, wanted);
    Wrong(node, stored, wanted);
  }

  // Of a model's layer, all of whose weights are in one list: those of a layer in the order of
  // declaration, those of a model with the trainable ones first. Where the model is not as it was
  // when its weights were saved, the names decide.
  void AssignTree(LayerNode& node, const std::vector<StoredWeight>& stored) {
    std::vector<Wanted> wanted;
    AppendWanted(node, wanted);
    if (wanted.empty()) {
      const auto is_left = [&](const StoredWeight& weight) {
        return IsParameter(weight) && !used_.contains(weight.id);
      };
      if (node.children.empty() && std::any_of(stored.begin(), stored.end(), is_left))
        NoteOther(node, stored, wanted);
      return;
    }
    if (stored.empty()) return Missing(node, wanted);
    if (!node.slots.empty() && wanted.size() == node.slots.size())
      return AssignLeaf(node, wanted, stored);
    std::vector<std::vector<Wanted>> orders(3, wanted);
    const auto trainable = [](const Wanted& want) { return want.slot->trainable; };
    const auto not_moving = [](const Wanted& want) {
      return !absl::StartsWith(want.slot->name, "moving_");
    };
    std::stable_partition(orders[0].begin(), orders[0].end(), trainable);
    std::stable_partition(orders[1].begin(), orders[1].end(), not_moving);
    const std::vector<Wanted>* best = nullptr;
    int most = -1;
    for (const std::vector<Wanted>& order : orders) {
      if (!AllFit(stored, order)) continue;
      const int common = NamesInCommon(stored, order);
      if (common > most) {
        most = common;
        best = &order;
      }
    }
    if (best != nullptr && !IsOld(node) && Take(stored, *best)) return Use(stored);
    if (TakeByName(wanted, stored)) return Use(stored);
    if (best != nullptr && Take(stored, *best)) return Use(stored);
    for (const Part& part : PartsByName(wanted, stored)) {
      if (!part.named.empty()) NoteOther(*part.owner, part.modern, part.wanted);
    }
    Wrong(node, stored, wanted);
  }

  // Whether layers within may have weights in an older form, which shapes alone do not always show.
  bool IsOld(const LayerNode& node) const {
    if (backend_ == "theano" || node.entry.config.Find("nb_filter") != nullptr) return true;
    return std::any_of(node.children.begin(), node.children.end(),
                       [&](const auto& child) { return IsOld(*child); });
  }

  // The weights of one layer, and what is named after it.
  struct Part {
    LayerNode* owner;
    std::vector<Wanted> wanted;
    std::vector<StoredWeight> named, modern;
  };
  std::vector<Part> PartsByName(const std::vector<Wanted>& wanted,
                                const std::vector<StoredWeight>& stored) const {
    StoredWeights one;
    one.order = Order::kByName;
    one.groups[""] = stored;
    one.Number();
    std::vector<Part> parts;
    for (size_t i = 0; i < wanted.size();) {
      Part part{.owner = wanted[i].owner};
      for (; i < wanted.size() && wanted[i].owner == part.owner; ++i)
        part.wanted.push_back(wanted[i]);
      part.named = one.NamedAfter(part.owner->entry.name);
      part.modern =
          ModernWeights(InnermostEntry(*part.owner), backend_, SlotsOf(part.wanted), part.named);
      parts.push_back(std::move(part));
    }
    return parts;
  }

  // Gives each layer those that are named after it.
  bool TakeByName(const std::vector<Wanted>& wanted, const std::vector<StoredWeight>& stored) {
    const std::vector<Part> parts = PartsByName(wanted, stored);
    size_t count = 0;
    for (const Part& part : parts) {
      count += part.named.size();
      if (!AllFit(part.modern, part.wanted)) return false;
    }
    if (count != stored.size()) return false;
    for (const Part& part : parts) {
      if (!Take(part.modern, part.wanted)) return false;
    }
    return true;
  }

  // False where they do not fit.
  bool Take(const std::vector<StoredWeight>& stored, const std::vector<Wanted>& wanted) {
    if (!AllFit(stored, wanted)) return false;
    for (size_t i = 0; i < stored.size(); ++i) {
      auto tensor = ReadFor(stored[i], *wanted[i].slot);
      if (tensor.ok()) {
        *wanted[i].slot->value = *std::move(tensor);
        ++report_.loaded;
      } else {
        errors_.Add(tensor.status(), absl::StrCat("layer ", Quoted(wanted[i].owner->full_name)));
      }
    }
    return true;
  }

  void Missing(const LayerNode& node, const std::vector<Wanted>& wanted) {
    report_.missing.push_back(absl::StrCat(node.full_name, ": ", Listed(wanted)));
  }

  void Wrong(const LayerNode& node, const std::vector<StoredWeight>& stored,
             const std::vector<Wanted>& wanted) {
    const std::string why =
        absl::StrCat("expected weights ", Listed(wanted), "; the file has ", Listed(stored));
    misfits_.all[node.full_name] = absl::StrCat(
        "its weights do not fit what comes ahead of it, whose shape is not known: ", why);
    errors_.Add(InvalidArgument("layer ", Quoted(node.full_name), ": ", why));
  }

  // Of a layer that is no model.
  void NoteOther(const LayerNode& node, const std::vector<StoredWeight>& stored,
                 const std::vector<Wanted>& wanted) {
    if (SameStructure(stored, wanted)) return;
    misfits_.others[node.full_name] =
        absl::StrCat("its weights are not those of Keras' ", Escape(node.entry.class_name),
                     ", but of another class of that name: expected ",
                     wanted.empty() ? "none" : Listed(wanted), "; the file has ", Listed(stored));
  }

  const StoredWeights& stored_;
  const absl::string_view backend_;
  Misfits& misfits_;
  WeightReport report_;
  ErrorList errors_;
  absl::flat_hash_set<int64_t> used_;
};

}  // namespace

absl::StatusOr<WeightReport> AssignWeights(LayerNode& root, const StoredWeights& stored,
                                           absl::string_view backend, Misfits& misfits) {
  if (stored.order == Order::kNone) return WeightReport{};
  return Assigner(stored, backend, misfits).Assign(root);
}

}  // namespace nomograph::keras
