// What became of the nodes of both models, for the page: web/src/merge.ts reads it.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/inspect/page/page_columns.h"

namespace nomograph {
namespace {

constexpr size_t kMaxEditBytes = 200;

std::string Text(const std::string& text) {
  if (text.size() <= kMaxEditBytes) return Escape(text);
  return Escape(absl::StrCat(text.substr(0, kMaxEditBytes), "..."));
}

PageJson EditJson(const std::string& what, const std::string& a, const std::string& b) {
  return PageJson::array({Text(what), Text(a), Text(b)});
}

const Graph& GraphOf(const Model& model, const std::string& function) {
  return function.empty() ? model.graph : model.functions.find(function)->second.graph;
}

// The page's number of a function's graph: 0 is the main graph, then functions by name.
int NumberOf(const Model& model, const std::string& function) {
  if (function.empty()) return 0;
  return 1 +
         static_cast<int>(std::distance(model.functions.begin(), model.functions.find(function)));
}

// Weights have no boxes: how one changed is told of the nodes of B that read it.
std::map<int, PageJson> WeightEdits(const GraphDiff& diff, const Graph& b) {
  absl::flat_hash_map<ValueId, PageJson> changed;
  for (const WeightDiff& weight : diff.weights) {
    if (weight.change != Change::kChanged || weight.b == kNoValue) continue;
    PageJson& edits = changed[weight.b] = PageJson::array();
    const std::string what = absl::StrCat("weight ", b.value(weight.b).name);
    for (const Edit& edit : weight.edits) {
      edits.push_back(EditJson(absl::StrCat(what, ": ", edit.what), edit.a, edit.b));
    }
    if (weight.values && weight.values->differing > 0) {
      edits.push_back(
          EditJson(what, "",
                   absl::StrFormat("%d of %d elements differ, by up to %.3g; %.3g %% of "
                                   "its norm",
                                   weight.values->differing, weight.values->elements,
                                   weight.values->max_abs, 100 * weight.values->relative())));
    }
  }
  std::map<int, PageJson> of_node;
  if (changed.empty()) return of_node;
  for (size_t n = 0; n < b.nodes.size(); ++n) {
    for (const ValueId input : b.nodes[n].inputs) {
      const auto found = changed.find(input);
      if (found == changed.end()) continue;
      PageJson& edits = of_node.emplace(n, PageJson::array()).first->second;
      for (const PageJson& edit : found->second) edits.push_back(edit);
    }
  }
  return of_node;
}

PageJson GraphJson(const GraphDiff& diff, const Model& a, const Model& b) {
  PageJson json = {{"a", NumberOf(a, diff.function_a)}, {"b", NumberOf(b, diff.function_b)}};
  json["edits"] = PageJson::object();
  for (const char* column : {"node_a", "node_b", "change"}) json[column] = PageJson::array();
  const std::map<int, PageJson> weights = WeightEdits(diff, GraphOf(b, diff.function_b));
  for (size_t i = 0; i < diff.nodes.size(); ++i) {
    const NodeDiff& node = diff.nodes[i];
    Change change = node.change;
    PageJson edits = PageJson::array();
    for (const Edit& edit : node.edits) edits.push_back(EditJson(edit.what, edit.a, edit.b));
    if (const auto found = weights.find(node.b); node.b >= 0 && found != weights.end()) {
      for (const PageJson& edit : found->second) edits.push_back(edit);
      if (change == Change::kSame || change == Change::kRenamed) change = Change::kChanged;
    }
    if (node.change == Change::kFolded && node.into >= 0) {
      const Graph& graph = GraphOf(b, diff.function_b);
      edits.push_back(EditJson("folded into", "", graph.nodes[node.into].name));
    }
    json["node_a"].push_back(node.a);
    json["node_b"].push_back(node.b);
    json["change"].push_back(static_cast<int>(change));
    if (!edits.empty()) json["edits"][absl::StrCat(i)] = std::move(edits);
  }
  return json;
}

void AddNotes(const std::string& what, const std::vector<ItemDiff>& items, PageJson& notes) {
  for (const ItemDiff& item : items) {
    if (item.change == Change::kSame) continue;
    std::string text =
        absl::StrCat(what, " ", item.b.empty() ? item.a : item.b, " ", ChangeName(item.change));
    for (const Edit& edit : item.edits) {
      absl::StrAppend(&text, "; ", edit.what, ": ", edit.a, " → ", edit.b);
    }
    notes.push_back(Text(text));
  }
}

}  // namespace

PageJson DiffColumns(const ModelDiff& diff, const Model& a, const Model& b) {
  static_assert(static_cast<int>(Change::kFolded) == 5, "merge.ts knows the changes by number");
  PageJson json = {{"graphs", PageJson::array()}, {"notes", PageJson::array()}};
  for (const GraphDiff& graph : diff.graphs) {
    json["graphs"].push_back(GraphJson(graph, a, b));
    AddNotes("input", graph.inputs, json["notes"]);
    AddNotes("output", graph.outputs, json["notes"]);
  }
  AddNotes("function", diff.functions, json["notes"]);
  AddNotes("variable", diff.variables, json["notes"]);
  AddNotes("golden vector", diff.golden_vectors, json["notes"]);
  AddNotes("metadata", diff.metadata, json["notes"]);
  AddNotes("the model's", diff.about, json["notes"]);
  return json;
}

}  // namespace nomograph
