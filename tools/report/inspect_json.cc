// What `nomo inspect --json` prints.
#include <string>
#include <vector>

#include "nomograph/tools/report/inspect_print.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/stats_text.h"

namespace nomograph {
namespace {

Json ValueJson(const ValueInfo& value) {
  Json json = {{"name", value.name}};
  json.update(TypeJson(value.type));
  PutText(json, "doc", value.doc);
  return json;
}

// Null for absent ones.
Json ValuesJson(const Graph& graph, const std::vector<ValueId>& ids) {
  Json list = Json::array();
  for (const ValueId id : ids) list.push_back(id == kNoValue ? Json() : ValueJson(graph.value(id)));
  return list;
}

Json NodesJson(const Graph& graph) {
  Json list = Json::array();
  for (const Node& node : graph.nodes) list.push_back(NodeJson(graph, node));
  return list;
}

const char* ResolvedAsName(const Resolution& resolution) {
  if (!resolution.status.ok() && resolution.as != ResolvedAs::kNothing) return "refused";
  switch (resolution.as) {
    case ResolvedAs::kKernel:
      return "kernel";
    case ResolvedAs::kBody:
      return "body";
    case ResolvedAs::kTracedBody:
      return "registered_body";
    case ResolvedAs::kNothing:
      break;
  }
  return "missing";
}

Json LambdaJson(const LambdaReport& lambda) {
  const Resolution& r = lambda.resolution;
  Json json = {
      {"node", r.node}, {"op", r.op}, {"version", r.version}, {"resolves_as", ResolvedAsName(r)}};
  PutText(json, "function", r.function);
  PutText(json, "provider", r.provider);
  PutText(json, "body", lambda.body);
  PutText(json, "message", std::string(r.status.message()));
  return json;
}

const char* KindName(TensorReport::Kind kind) {
  switch (kind) {
    case TensorReport::Kind::kTrainable:
      return "trainable";
    case TensorReport::Kind::kFrozen:
      return "frozen";
    case TensorReport::Kind::kConstant:
      return "constant";
    case TensorReport::Kind::kVariable:
      break;
  }
  return "variable";
}

Json TensorJson(const TensorReport& tensor) {
  Json json = {{"name", tensor.name}, {"kind", KindName(tensor.kind)}};
  PutText(json, "function", tensor.function);
  json.update(TypeJson(tensor.tensor.type()));
  json["bytes"] = tensor.tensor.num_bytes();
  json["offset"] = tensor.offset ? Json(*tensor.offset) : Json();
  if (tensor.stats) {
    json["stats"] = StatsJson(*tensor.stats);
  }
  return json;
}

Json GoldenJson(const GoldenVector& golden) {
  Json inputs = Json::array(), outputs = Json::array();
  for (const auto& [name, tensor] : golden.inputs) {
    inputs.push_back({{"name", name}});
    inputs.back().update(TypeJson(tensor.type()));
  }
  for (const auto& [name, output] : golden.outputs) {
    outputs.push_back({{"name", name}});
    outputs.back().update(TypeJson(output.expected.type()));
    outputs.back()["rtol"] = NumberJson(output.rtol);
    outputs.back()["atol"] = NumberJson(output.atol);
  }
  return {{"name", golden.name},           {"inputs", std::move(inputs)},
          {"outputs", std::move(outputs)}, {"training", golden.training},
          {"seed", golden.seed},           {"step", golden.step}};
}

template <typename T, typename F>
Json ListJson(const T& items, F&& to_json) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(to_json(item));
  return list;
}

void AddFacts(const ModelReport& report, Json& json) {
  const ModelFile& file = *report.file;
  const Model& model = file.model;
  const ParameterCount count = CountParameters(model);
  json["file"] = {{"path", file.path},
                  {"form", ModelFormName(file.form)},
                  {"bytes", file.bytes},
                  {"format_version", file.format_version},
                  {"producer", model.producer}};
  json["model"] = {
      {"name", model.name},
      {"doc", model.doc},
      {"semantic_hash", report.semantic_hash.empty() ? Json() : Json(report.semantic_hash)},
      {"trainable_parameters", count.trainable},
      {"other_parameters", count.other},
      {"tensor_bytes", report.tensor_bytes}};
}

}  // namespace

nlohmann::ordered_json NodeJson(const Graph& graph, const Node& node) {
  Json inputs = Json::array();
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? Json() : Json(graph.value(id).name));
  }
  Json json = {{"name", node.name},
               {"op", node.op},
               {"version", node.version},
               {"inputs", std::move(inputs)},
               {"outputs", ValuesJson(graph, node.outputs)},
               {"attributes", AttrsJson(node.attrs)}};
  PutText(json, "layer", node.layer);
  PutText(json, "body", node.body);
  PutText(json, "provider", node.provider);
  PutText(json, "doc", node.doc);
  return json;
}

nlohmann::ordered_json InspectJson(const ModelReport& report, const InspectSections& sections) {
  const Model& model = report.file->model;
  Json json = {{"schema", "nomograph.inspect.1"}};
  if (sections.facts) AddFacts(report, json);
  if (sections.io) {
    json["inputs"] = ValuesJson(model.graph, model.graph.inputs);
    json["outputs"] = ValuesJson(model.graph, model.graph.outputs);
  }
  if (sections.lambdas) json["lambdas"] = ListJson(report.lambdas, LambdaJson);
  if (sections.golden) json["golden_vectors"] = ListJson(model.golden_vectors, GoldenJson);
  // At once: an ordered object looks keys up one by one.
  if (sections.metadata) json["metadata"] = model.metadata;
  if (sections.nodes) json["nodes"] = NodesJson(model.graph);
  if (sections.functions) {
    json["functions"] = ListJson(model.functions, [](const auto& entry) {
      const Graph& graph = entry.second.graph;
      return Json{{"name", entry.first},
                  {"inputs", ValuesJson(graph, graph.inputs)},
                  {"outputs", ValuesJson(graph, graph.outputs)},
                  {"nodes", NodesJson(graph)}};
    });
  }
  if (sections.tensors) json["tensors"] = ListJson(report.tensors, TensorJson);
  return json;
}

}  // namespace nomograph
