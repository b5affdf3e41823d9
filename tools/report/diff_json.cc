// nomograph.diff.1: tools/JSON.md documents it.
#include <map>

#include "nomograph/tools/report/diff_print.h"
#include "nomograph/tools/report/json_values.h"

namespace nomograph {
namespace {

Json EditsJson(const std::vector<Edit>& edits) {
  Json list = Json::array();
  for (const Edit& edit : edits) {
    Json json = {{"what", edit.what}};
    PutText(json, "a", edit.a);
    PutText(json, "b", edit.b);
    list.push_back(std::move(json));
  }
  return list;
}

void PutEdits(Json& json, const std::vector<Edit>& edits) {
  if (!edits.empty()) json["edits"] = EditsJson(edits);
}

// Those that differ.
Json ItemsJson(const std::vector<ItemDiff>& items) {
  Json list = Json::array();
  for (const ItemDiff& item : items) {
    if (item.change == Change::kSame) continue;
    Json json = {{"change", ChangeName(item.change)}};
    PutText(json, "a", item.a);
    PutText(json, "b", item.b);
    PutEdits(json, item.edits);
    list.push_back(std::move(json));
  }
  return list;
}

template <typename T>
Json CountsJson(const std::vector<T>& items) {
  std::map<Change, int64_t> counts;
  for (const T& item : items) ++counts[item.change];
  Json json = Json::object();
  for (const auto& [change, count] : counts) json[ChangeName(change)] = count;
  return json;
}

Json NodesJson(const GraphDiff& diff, const Graph& a, const Graph& b) {
  Json list = Json::array();
  for (const NodeDiff& node : diff.nodes) {
    if (node.change == Change::kSame) continue;
    Json json = {{"change", ChangeName(node.change)},
                 {"op", node.b >= 0 ? b.nodes[node.b].op : a.nodes[node.a].op}};
    if (node.a >= 0) json["a"] = a.nodes[node.a].name;
    if (node.b >= 0) json["b"] = b.nodes[node.b].name;
    if (node.into >= 0) json["into"] = b.nodes[node.into].name;
    PutEdits(json, node.edits);
    list.push_back(std::move(json));
  }
  return list;
}

Json WeightsJson(const GraphDiff& diff, const Graph& a, const Graph& b) {
  Json list = Json::array();
  for (const WeightDiff& weight : diff.weights) {
    if (weight.change == Change::kSame) continue;
    Json json = {{"change", ChangeName(weight.change)}};
    if (weight.a != kNoValue) json["a"] = a.value(weight.a).name;
    if (weight.b != kNoValue) json["b"] = b.value(weight.b).name;
    PutEdits(json, weight.edits);
    if (weight.values) {
      json["max_abs"] = NumberJson(weight.values->max_abs);
      json["relative"] = NumberJson(weight.values->relative());
      json["cosine"] = NumberJson(weight.values->cosine);
      json["differing"] = weight.values->differing;
      json["elements"] = weight.values->elements;
    }
    list.push_back(std::move(json));
  }
  return list;
}

const Graph& GraphOf(const Model& model, const std::string& function) {
  return function.empty() ? model.graph : model.functions.find(function)->second.graph;
}

Json GraphJson(const GraphDiff& diff, const Model& model_a, const Model& model_b) {
  const Graph &a = GraphOf(model_a, diff.function_a), &b = GraphOf(model_b, diff.function_b);
  Json json = Json::object();
  PutText(json, "function_a", diff.function_a);
  PutText(json, "function_b", diff.function_b);
  json["inputs"] = ItemsJson(diff.inputs);
  json["outputs"] = ItemsJson(diff.outputs);
  json["node_counts"] = CountsJson(diff.nodes);
  json["nodes"] = NodesJson(diff, a, b);
  json["weight_counts"] = CountsJson(diff.weights);
  json["weights"] = WeightsJson(diff, a, b);
  return json;
}

}  // namespace

nlohmann::ordered_json DiffJson(const ModelDiff& diff, const ModelFile& a, const ModelFile& b) {
  Json graphs = Json::array();
  for (const GraphDiff& graph : diff.graphs) {
    graphs.push_back(GraphJson(graph, a.model, b.model));
  }
  return {{"schema", "nomograph.diff.1"},
          {"a", a.path},
          {"b", b.path},
          {"same", diff.same()},
          {"graphs", std::move(graphs)},
          {"functions", ItemsJson(diff.functions)},
          {"variables", ItemsJson(diff.variables)},
          {"golden_vectors", ItemsJson(diff.golden_vectors)},
          {"metadata", ItemsJson(diff.metadata)},
          {"about", ItemsJson(diff.about)}};
}

}  // namespace nomograph
