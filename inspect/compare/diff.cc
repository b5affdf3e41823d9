// Matches graphs, then writes down what is not the same of what is matched.
#include "nomograph/inspect/compare/diff.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/inspect/compare/diff_graphs.h"
#include "nomograph/inspect/compare/find_folds.h"
#include "nomograph/inspect/compare/graph_index.h"
#include "nomograph/inspect/compare/match_graphs.h"

namespace nomograph {
namespace {

std::string TensorText(const Tensor& tensor) {
  return tensor.valid() ? tensor.ToString(/*limit=*/8) : std::string();
}

// What has a name on both sides, name by name: `edits(a, b)` lists what differs.
template <typename T, typename Edits>
std::vector<ItemDiff> DiffByName(const std::map<std::string, T, std::less<>>& a,
                                 const std::map<std::string, T, std::less<>>& b, Edits edits) {
  std::vector<ItemDiff> items;
  for (const auto& [name, value] : a) {
    const auto found = b.find(name);
    if (found == b.end()) {
      items.push_back({Change::kRemoved, name, "", {}});
    } else if (std::vector<Edit> list = edits(value, found->second); !list.empty()) {
      items.push_back({Change::kChanged, name, name, std::move(list)});
    }
  }
  for (const auto& [name, value] : b) {
    if (a.find(name) == a.end()) items.push_back({Change::kAdded, "", name, {}});
  }
  return items;
}

// Which functions of the two libraries are one: by name, what is left by its contents.
class FunctionMatch {
 public:
  FunctionMatch(const Model& a, const Model& b, const OpRegistry& registry)
      : hashes_a_(a, registry), hashes_b_(b, registry) {
    std::multimap<int64_t, std::string> left;
    for (const auto& [name, function] : b.functions) {
      if (a.functions.count(name) > 0) {
        Pair(name, name);
      } else {
        left.emplace(hashes_b_.Of(name), name);
      }
    }
    for (const auto& [name, function] : a.functions) {
      if (b_of_a_.count(name) > 0) continue;
      const auto found = left.find(hashes_a_.Of(name));
      if (found == left.end()) continue;
      Pair(name, found->second);
      left.erase(found);
    }
  }

  bool AreOne(const std::string& a, const std::string& b) const {
    const auto found = b_of_a_.find(a);
    return found == b_of_a_.end() ? a == b && b_names_.count(b) == 0 : found->second == b;
  }
  const std::map<std::string, std::string, std::less<>>& b_of_a() const { return b_of_a_; }
  bool HasB(const std::string& b) const { return b_names_.count(b) > 0; }

  // Of the contents, with those of all that is called.
  uint64_t HashA(absl::string_view name) { return hashes_a_.Of(name); }
  uint64_t HashB(absl::string_view name) { return hashes_b_.Of(name); }

 private:
  class Hashes {
   public:
    Hashes(const Model& model, const OpRegistry& registry)
        : measure_(model.functions, NamedFunctions,
                   [&registry](const Graph& graph, CallGraphMeasure::Of of) {
                     const GraphIndex index(
                         graph, registry,
                         [of](absl::string_view name) { return static_cast<uint64_t>(of(name)); },
                         [](int64_t) {});
                     return static_cast<int64_t>(index.Whole() % (uint64_t{1} << 61));
                   }) {}
    int64_t Of(absl::string_view name) { return measure_.OfFunction(name); }

   private:
    CallGraphMeasure measure_;
  };

  void Pair(const std::string& a, const std::string& b) {
    b_of_a_[a] = b;
    b_names_[b] = a;
  }

  Hashes hashes_a_, hashes_b_;
  std::map<std::string, std::string, std::less<>> b_of_a_, b_names_;
};

std::vector<Edit> DiffGoldenVector(const GoldenVector& a, const GoldenVector& b) {
  std::vector<Edit> edits;
  for (const auto& [name, tensor] : a.inputs) {
    const auto found = b.inputs.find(name);
    if (found == b.inputs.end()) {
      edits.push_back({absl::StrCat("input ", name), TensorText(tensor), ""});
    } else if (!(tensor == found->second)) {
      edits.push_back(
          {absl::StrCat("input ", name), TensorText(tensor), TensorText(found->second)});
    }
  }
  for (const auto& [name, output] : a.outputs) {
    const auto found = b.outputs.find(name);
    const std::string what = absl::StrCat("expected ", name);
    if (found == b.outputs.end()) {
      edits.push_back({what, TensorText(output.expected), ""});
      continue;
    }
    if (!(output.expected == found->second.expected)) {
      edits.push_back({what, TensorText(output.expected), TensorText(found->second.expected)});
    }
    AddEdit(absl::StrCat("tolerance of ", name), Tolerance{output.rtol, output.atol}.ToString(),
            Tolerance{found->second.rtol, found->second.atol}.ToString(), edits);
  }
  for (const auto& [name, tensor] : b.inputs) {
    if (a.inputs.count(name) == 0) {
      edits.push_back({absl::StrCat("input ", name), "", TensorText(tensor)});
    }
  }
  for (const auto& [name, output] : b.outputs) {
    if (a.outputs.count(name) == 0) {
      edits.push_back({absl::StrCat("expected ", name), "", TensorText(output.expected)});
    }
  }
  AddEdit("training", a.training ? "yes" : "no", b.training ? "yes" : "no", edits);
  AddEdit("seed", absl::StrCat(a.seed), absl::StrCat(b.seed), edits);
  AddEdit("step", absl::StrCat(a.step), absl::StrCat(b.step), edits);
  return edits;
}

// Lists of what has a name, by it; of two with one name the first counts.
template <typename T>
std::map<std::string, const T*, std::less<>> ByName(const std::vector<T>& items) {
  std::map<std::string, const T*, std::less<>> by_name;
  for (const T& item : items) by_name.emplace(item.name, &item);
  return by_name;
}

void DiffLists(const Model& a, const Model& b, const DiffOptions& options, ModelDiff& diff) {
  diff.variables = DiffByName(
      ByName(a.variables), ByName(b.variables), [](const Variable* a, const Variable* b) {
        std::vector<Edit> edits;
        if (!(a->initial == b->initial)) {
          edits.push_back({"initial value", TensorText(a->initial), TensorText(b->initial)});
        }
        return edits;
      });
  diff.golden_vectors = DiffByName(
      ByName(a.golden_vectors), ByName(b.golden_vectors),
      [](const GoldenVector* a, const GoldenVector* b) { return DiffGoldenVector(*a, *b); });
  if (!options.descriptions) return;
  diff.metadata =
      DiffByName(a.metadata, b.metadata, [](const std::string& a, const std::string& b) {
        std::vector<Edit> edits;
        AddEdit("value", a, b, edits);
        return edits;
      });
  const auto about = [&diff](const char* what, const std::string& a, const std::string& b) {
    std::vector<Edit> edits;
    AddEdit("value", a, b, edits);
    if (!edits.empty()) diff.about.push_back({Change::kChanged, what, what, std::move(edits)});
  };
  about("name", a.name, b.name);
  about("documentation", a.doc, b.doc);
  about("producer", a.producer, b.producer);
}

int64_t WeightBytes(const Model& model) {
  int64_t bytes = 0;
  const auto add = [&bytes](const Graph& graph) {
    for (const Weight& weight : graph.weights) {
      if (weight.tensor.valid()) bytes += weight.tensor.num_bytes();
    }
  };
  add(model.graph);
  for (const auto& [name, function] : model.functions) add(function.graph);
  return bytes;
}

class ModelDiffer {
 public:
  ModelDiffer(const Model& a, const Model& b, const OpRegistry& registry,
              const DiffOptions& options)
      : a_(a),
        b_(b),
        registry_(registry),
        options_(options),
        functions_(a, b, registry),
        total_(WeightBytes(a) + WeightBytes(b)) {}

  ModelDiff Run() {
    ModelDiff diff;
    diff.graphs.push_back(DiffGraphs(a_.graph, b_.graph));
    for (const auto& [name, function] : a_.functions) {
      const auto other = functions_.b_of_a().find(name);
      if (other == functions_.b_of_a().end()) {
        diff.functions.push_back({Change::kRemoved, name, "", {}});
        continue;
      }
      if (options_.names && name != other->second) {
        diff.functions.push_back({Change::kRenamed, name, other->second, {}});
      }
      diff.graphs.push_back(
          DiffGraphs(function.graph, b_.functions.find(other->second)->second.graph));
      diff.graphs.back().function_a = name;
      diff.graphs.back().function_b = other->second;
    }
    for (const auto& [name, function] : b_.functions) {
      if (!functions_.HasB(name)) diff.functions.push_back({Change::kAdded, "", name, {}});
    }
    DiffLists(a_, b_, options_, diff);
    return diff;
  }

 private:
  GraphDiff DiffGraphs(const Graph& graph_a, const Graph& graph_b) {
    const auto read = [this](int64_t bytes) {
      done_ += bytes;
      if (options_.progress) options_.progress(done_, total_);
    };
    const GraphIndex a(
        graph_a, registry_, [this](absl::string_view name) { return functions_.HashA(name); },
        read);
    const GraphIndex b(
        graph_b, registry_, [this](absl::string_view name) { return functions_.HashB(name); },
        read);
    GraphMatch match = MatchGraphs(a, b);
    const auto folds = FindFolds(a_, a, b_, b, registry_, match);
    return DiffMatchedGraphs(
        a, b, match, folds,
        [this](const std::string& a, const std::string& b) { return functions_.AreOne(a, b); },
        registry_, options_);
  }

  const Model& a_;
  const Model& b_;
  const OpRegistry& registry_;
  const DiffOptions& options_;
  FunctionMatch functions_;
  const int64_t total_;
  int64_t done_ = 0;
};

template <typename T>
bool AllSame(const std::vector<T>& items) {
  return std::all_of(items.begin(), items.end(),
                     [](const T& item) { return item.change == Change::kSame; });
}

}  // namespace

const char* ChangeName(Change change) {
  switch (change) {
    case Change::kSame:
      return "same";
    case Change::kRenamed:
      return "renamed";
    case Change::kChanged:
      return "changed";
    case Change::kAdded:
      return "added";
    case Change::kRemoved:
      return "removed";
    case Change::kFolded:
      return "folded";
  }
  return "";
}

bool GraphDiff::same() const {
  return AllSame(inputs) && AllSame(outputs) && AllSame(nodes) && AllSame(weights);
}

bool ModelDiff::same() const {
  return std::all_of(graphs.begin(), graphs.end(), [](const GraphDiff& g) { return g.same(); }) &&
         functions.empty() && variables.empty() && golden_vectors.empty() && metadata.empty() &&
         about.empty();
}

ModelDiff DiffModels(const Model& a, const Model& b, const OpRegistry& registry,
                     const DiffOptions& options) {
  return ModelDiffer(a, b, registry, options).Run();
}

}  // namespace nomograph
