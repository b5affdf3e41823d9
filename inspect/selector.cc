#include "nomograph/inspect/selector.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/glob.h"
#include "nomograph/inspect/selector_sets.h"
#include "nomograph/inspect/selector_terms.h"
#include "nomograph/inspect/selector_words.h"

namespace nomograph {
namespace {

using selectors::Place;
using selectors::Places;
using selectors::Set;

// The numbers of what bears a name.
struct Named {
  std::vector<size_t> nodes, values;
  bool empty() const { return nodes.empty() && values.empty(); }
  void AddTo(Set& set) const {
    for (const size_t node : nodes) set.nodes[node] = true;
    for (const size_t value : values) set.values[value] = true;
  }
};

class Selecting {
 public:
  Selecting(const Model& model, absl::string_view selector, const OpRegistry& registry)
      : model_(model), selector_(selector), registry_(registry), places_(model) {}

  absl::StatusOr<Selection> Run() {
    if (selector_.size() <= kMaxSelectorBytes) {
      exact_.try_emplace(std::string(selector_));
      FindExact();
      if (const Named* whole = Exact(selector_)) return ToSelection(ToSet(*whole));
    }
    NOMO_ASSIGN_OR_RETURN(const SelectorWords alternatives, ParseSelectorWords(selector_));
    CollectNames(alternatives);
    FindExact();
    Set all = places_.Nothing();
    for (const std::vector<SelectorWord>& words : alternatives) {
      if (const Named* name = words.size() == 1 ? Exact(words[0].text) : nullptr) {
        name->AddTo(all);
        continue;
      }
      Set both = places_.Everything();
      for (const SelectorWord& word : words) {
        NOMO_ASSIGN_OR_RETURN(const Set one, EvaluatePath(word));
        both.And(one);
      }
      all.Or(both);
    }
    if (all.empty()) {
      return first_empty_.ok() ? At(0, absl::NotFoundError("no node and no value fits all of it"))
                               : first_empty_;
    }
    return ToSelection(all);
  }

 private:
  using Result = absl::StatusOr<Set>;

  absl::Status At(size_t at, const absl::Status& status) const {
    return AtSelector(selector_, at, status);
  }

  // Every text that could be a name as it stands: whole words, and what is left of them without
  // steps and paths.
  void CollectNames(const SelectorWords& alternatives) {
    const auto add = [&](const SelectorWord& word) {
      exact_.try_emplace(word.text);
      const auto steps = SplitSteps(word);
      if (steps) exact_.try_emplace(steps->first.text);
      for (const SelectorWord& part : SplitChain(steps ? steps->first : word)) {
        exact_.try_emplace(part.text);
      }
    };
    for (const std::vector<SelectorWord>& words : alternatives) {
      for (const SelectorWord& word : words) {
        add(word);
        const auto path = SplitPath(word);
        if (!path) continue;
        add(path->first);
        add(path->second);
      }
    }
  }

  // One look at each name, however many are asked for.
  void FindExact() {
    for (auto& [name, named] : exact_) named = {};
    for (const Place& place : places_) {
      for (size_t i = 0; i < place.graph->nodes.size(); ++i) {
        const auto found = exact_.find(place.graph->nodes[i].name);
        if (found != exact_.end()) found->second.nodes.push_back(place.first_node + i);
      }
      for (size_t i = 0; i < place.graph->values.size(); ++i) {
        const auto found = exact_.find(place.graph->values[i].name);
        if (found != exact_.end()) found->second.values.push_back(place.first_value + i);
      }
    }
  }

  const Named* Exact(absl::string_view name) const {
    const auto found = exact_.find(name);
    return found == exact_.end() || found->second.empty() ? nullptr : &found->second;
  }

  Set ToSet(const Named& named) const {
    Set set = places_.Nothing();
    named.AddTo(set);
    return set;
  }

  // "A..B"
  Result EvaluatePath(const SelectorWord& word) {
    const auto path = Exact(word.text) ? std::nullopt : SplitPath(word);
    if (!path) return EvaluateSteps(word);
    const auto& [from, to] = *path;
    if (from.text.empty() && to.text.empty()) {
      return At(word.at, InvalidArgument("a path is written A..B, without spaces, or A.. or ..B"));
    }
    Set on_path = places_.Everything();
    if (!from.text.empty()) {
      NOMO_ASSIGN_OR_RETURN(Set set, EvaluateSteps(from));
      on_path = places_.Reach(std::move(set), INT64_MAX);
    }
    if (!to.text.empty()) {
      NOMO_ASSIGN_OR_RETURN(Set set, EvaluateSteps(to));
      on_path.And(places_.Reach(std::move(set), -INT64_MAX));
    }
    std::fill(on_path.values.begin(), on_path.values.end(), false);
    return Noted(word, std::move(on_path), [&] {
      return absl::StrCat("no path leads from ", Quoted(from.text), " to ", Quoted(to.text));
    });
  }

  // "A+2"
  Result EvaluateSteps(const SelectorWord& word) {
    const auto steps = Exact(word.text) ? std::nullopt : SplitSteps(word);
    if (!steps) return EvaluateChain(word);
    NOMO_ASSIGN_OR_RETURN(Set set, EvaluateChain(steps->first));
    return places_.Reach(std::move(set), steps->second);
  }

  // "A->B->C": what is on whole chains alone, so that there are two passes. One forwards takes of
  // each part what can be reached from the part ahead; one backwards leaves of that what leads on.
  Result EvaluateChain(const SelectorWord& word) {
    const std::vector<SelectorWord> parts =
        Exact(word.text) ? std::vector<SelectorWord>{word} : SplitChain(word);
    if (parts.size() == 1) return EvaluateTerm(word);
    std::vector<Set> chain;
    for (const SelectorWord& part : parts) {
      if (part.text.empty()) {
        return At(word.at, InvalidArgument("nodes in a row are written A->B, without spaces"));
      }
      NOMO_ASSIGN_OR_RETURN(Set set, EvaluateTerm(part));
      if (!chain.empty()) set.nodes = And(set.nodes, places_.NextTo(chain.back().nodes, 1));
      std::fill(set.values.begin(), set.values.end(), false);
      chain.push_back(std::move(set));
    }
    Set all = chain.back();
    for (size_t i = chain.size() - 1; i-- > 0;) {
      chain[i].nodes = And(chain[i].nodes, places_.NextTo(chain[i + 1].nodes, -1));
      all.Or(chain[i]);
    }
    return Noted(word, std::move(all), [&] {
      return absl::StrCat("there are no nodes in a row that fit ", Quoted(word.text));
    });
  }

  Result EvaluateTerm(const SelectorWord& word) {
    if (const Named* exact = Exact(word.text)) return ToSet(*exact);
    if (IsPropertyTerm(word)) return EvaluateProperty(word);
    if (word.Find("@") == 0) return EvaluateFunctions(word.Part(1));
    if (word.HasWildcard()) return EvaluateGlob(word);
    return At(word.at, absl::NotFoundError(absl::StrCat("no node and no value is named ",
                                                        Quoted(word.text), NearNames(word))));
  }

  Result EvaluateProperty(const SelectorWord& word) {
    const auto term = ParsePropertyTerm(word, model_, registry_);
    if (!term.ok()) return At(word.at, term.status());
    Set set = places_.Nothing();
    for (const Place& place : places_) {
      const Graph& graph = *place.graph;
      for (size_t i = 0; term->value && i < graph.values.size(); ++i) {
        set.values[place.first_value + i] = term->value(graph, static_cast<ValueId>(i));
      }
      for (size_t i = 0; i < graph.nodes.size(); ++i) {
        const Node& node = graph.nodes[i];
        const bool produces = term->producers &&
                              std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) {
                                return v != kNoValue && set.values[place.first_value + v];
                              });
        set.nodes[place.first_node + i] = produces || (term->node && term->node(node));
      }
    }
    return Noted(word, std::move(set), [&] {
      return absl::StrCat("nothing fits ", Quoted(word.text),
                          term->did_you_mean ? term->did_you_mean() : "");
    });
  }

  Result EvaluateFunctions(const SelectorWord& pattern) {
    const Glob glob(pattern.text, pattern.quoted);
    Set set = places_.Nothing();
    for (const Place& place : places_) {
      const bool taken =
          place.function == nullptr ? pattern.text.empty() : glob.Matches(*place.function);
      if (!taken) continue;
      std::fill_n(set.nodes.begin() + place.first_node, place.graph->nodes.size(), true);
      std::fill_n(set.values.begin() + place.first_value, place.graph->values.size(), true);
    }
    return Noted(pattern, std::move(set), [&] {
      std::vector<std::string> names;
      for (const auto& [name, function] : model_.functions) names.push_back(name);
      return absl::StrCat("there is no function @", Shown(pattern.text),
                          DidYouMean(pattern.text, names));
    });
  }

  Result EvaluateGlob(const SelectorWord& word) {
    const Glob glob(word.text, word.quoted);
    Set set = places_.Nothing();
    for (const Place& place : places_) {
      for (size_t i = 0; i < place.graph->nodes.size(); ++i) {
        set.nodes[place.first_node + i] = glob.Matches(place.graph->nodes[i].name);
      }
      for (size_t i = 0; i < place.graph->values.size(); ++i) {
        set.values[place.first_value + i] = glob.Matches(place.graph->values[i].name);
      }
    }
    return Noted(word, std::move(set), [&] {
      return absl::StrCat("no name fits ", Quoted(word.text), DeeperGlob(word));
    });
  }

  // "; * stops at '/': /layer3/conv2** fits" where that is so.
  std::string DeeperGlob(const SelectorWord& word) const {
    if (absl::StrContains(word.text, "**")) return "";
    SelectorWord deeper{.at = word.at};
    for (size_t i = 0; i < word.text.size(); ++i) {
      const size_t times = word.text[i] == '*' && !word.quoted[i] ? 2 : 1;
      deeper.text.append(times, word.text[i]);
      deeper.quoted.insert(deeper.quoted.end(), times, word.quoted[i]);
    }
    const Glob glob(deeper.text, deeper.quoted);
    for (const Place& place : places_) {
      for (const Node& node : place.graph->nodes) {
        if (glob.Matches(node.name)) {
          return absl::StrCat("; * stops at '/', ", Shown(deeper.text), " does not");
        }
      }
    }
    return "";
  }

  // The set, with a note of why it is empty where it is.
  template <typename Why>
  Set Noted(const SelectorWord& word, Set set, const Why& why) {
    if (first_empty_.ok() && set.empty()) first_empty_ = At(word.at, absl::NotFoundError(why()));
    return set;
  }

  // Names that end like the one that is not there, else those that are spelled like it.
  std::string NearNames(const SelectorWord& word) const {
    std::vector<std::string> ending, near;
    const std::string inner = absl::StrCat(word.text, absl::EndsWith(word.text, "/") ? "" : "/");
    const std::string rooted = absl::StrCat("/", inner);
    std::string scope;
    const std::string end = absl::StrCat("/", word.text);
    constexpr size_t kMaxShown = 3, kMaxNear = 10'000;
    const auto consider = [&](const std::string& name) {
      if (absl::StartsWith(name, inner)) scope = inner;
      if (scope.empty() && absl::StartsWith(name, rooted)) scope = rooted;
      if (ending.size() < kMaxShown && absl::EndsWith(name, end)) ending.push_back(name);
      const size_t longer = std::max(name.size(), word.text.size());
      const size_t shorter = std::min(name.size(), word.text.size());
      if (near.size() < kMaxNear && longer - shorter <= 1 + shorter / 3) near.push_back(name);
    };
    for (const Place& place : places_) {
      for (const Node& node : place.graph->nodes) consider(node.name);
      for (const ValueInfo& value : place.graph->values) consider(value.name);
    }
    std::sort(near.begin(), near.end());
    near.erase(std::unique(near.begin(), near.end()), near.end());
    if (!scope.empty()) return absl::StrCat("; it is a scope: write ", Shown(scope), "**");
    if (!ending.empty()) {
      return absl::StrCat(" (did you mean ", absl::StrJoin(ending, ", ", AppendShown), "?)");
    }
    return DidYouMean(word.text, near);
  }

  static std::vector<bool> And(std::vector<bool> a, const std::vector<bool>& b) {
    for (size_t i = 0; i < a.size(); ++i) a[i] = a[i] && b[i];
    return a;
  }

  Selection ToSelection(const Set& set) const {
    Selection selection;
    for (const Place& place : places_) {
      GraphSelection part{.graph = place.graph,
                          .function = place.function == nullptr ? "" : *place.function};
      for (size_t i = 0; i < place.graph->nodes.size(); ++i) {
        if (set.nodes[place.first_node + i]) part.nodes.push_back(static_cast<int>(i));
      }
      for (size_t i = 0; i < place.graph->values.size(); ++i) {
        if (set.values[place.first_value + i]) part.values.push_back(static_cast<ValueId>(i));
      }
      if (!part.nodes.empty() || !part.values.empty()) selection.graphs.push_back(std::move(part));
    }
    return selection;
  }

  const Model& model_;
  const absl::string_view selector_;
  const OpRegistry& registry_;
  Places places_;
  absl::flat_hash_map<std::string, Named> exact_;  // texts that are names, perhaps
  absl::Status first_empty_;
};

std::vector<int> Sorted(std::vector<int> ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace

std::vector<int> GraphSelection::WithProducers() const {
  std::vector<bool> wanted(graph->values.size());
  for (const ValueId value : values) wanted[value] = true;
  std::vector<int> all = nodes;
  for (size_t i = 0; i < graph->nodes.size(); ++i) {
    for (const ValueId output : graph->nodes[i].outputs) {
      if (output != kNoValue && wanted[output]) all.push_back(static_cast<int>(i));
    }
  }
  return Sorted(std::move(all));
}

std::vector<ValueId> GraphSelection::WithOutputs() const {
  std::vector<ValueId> all = values;
  for (const int node : nodes) {
    for (const ValueId output : graph->nodes[node].outputs) {
      if (output != kNoValue) all.push_back(output);
    }
  }
  return Sorted(std::move(all));
}

absl::StatusOr<Selection> Select(const Model& model, absl::string_view selector,
                                 const OpRegistry& registry) {
  return Selecting(model, selector, registry).Run();
}

}  // namespace nomograph
