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
  Assigner(const StoredWeights& stored, absl::string_view backend, std::set<std::string>& misfits)
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
    Wrong(node, stored, wanted);
  }

  // Of a model's layer, all of whose weights are in one list: those of a layer in the order of
  // declaration, those of a model with the trainable ones first. Where the model is not as it was
  // when its weights were saved, the names decide.
  void AssignTree(LayerNode& node, const std::vector<StoredWeight>& stored) {
    std::vector<Wanted> wanted;
    AppendWanted(node, wanted);
    if (wanted.empty()) return;
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
    Wrong(node, stored, wanted);
  }

  // Whether layers within may have weights in an older form, which shapes alone do not always show.
  bool IsOld(const LayerNode& node) const {
    if (backend_ == "theano" || node.entry.config.Find("nb_filter") != nullptr) return true;
    return std::any_of(node.children.begin(), node.children.end(),
                       [&](const auto& child) { return IsOld(*child); });
  }

  // Gives each layer those that are named after it.
  bool TakeByName(const std::vector<Wanted>& wanted, const std::vector<StoredWeight>& stored) {
    StoredWeights one;
    one.order = Order::kByName;
    one.groups[""] = stored;
    one.Number();
    std::vector<std::pair<std::vector<StoredWeight>, std::vector<Wanted>>> parts;
    size_t count = 0;
    for (size_t i = 0; i < wanted.size();) {
      LayerNode& owner = *wanted[i].owner;
      std::vector<Wanted> own;
      for (; i < wanted.size() && wanted[i].owner == &owner; ++i) own.push_back(wanted[i]);
      const std::vector<StoredWeight> named = one.NamedAfter(owner.entry.name);
      count += named.size();
      parts.emplace_back(ModernWeights(InnermostEntry(owner), backend_, SlotsOf(own), named), own);
      if (!AllFit(parts.back().first, own)) return false;
    }
    if (count != stored.size()) return false;
    for (const auto& [weights, own] : parts) {
      if (!Take(weights, own)) return false;
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
    misfits_.insert(node.full_name);
    errors_.Add(InvalidArgument("layer ", Quoted(node.full_name), ": expected weights ",
                                Listed(wanted), "; the file has ", Listed(stored)));
  }

  const StoredWeights& stored_;
  const absl::string_view backend_;
  std::set<std::string>& misfits_;
  WeightReport report_;
  ErrorList errors_;
  absl::flat_hash_set<int64_t> used_;
};

}  // namespace

absl::StatusOr<WeightReport> AssignWeights(LayerNode& root, const StoredWeights& stored,
                                           absl::string_view backend,
                                           std::set<std::string>& misfits) {
  if (stored.order == Order::kNone) return WeightReport{};
  return Assigner(stored, backend, misfits).Assign(root);
}

}  // namespace nomograph::keras
