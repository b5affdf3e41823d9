// What `nomo inspect --json` prints.
#include <string>
#include <vector>

#include "nomograph/tools/report/inspect_print.h"
#include "nomograph/tools/report/json_stream.h"
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

void PrintNodes(const Graph& graph, JsonStream& json) {
  json.OpenList("nodes");
  for (const Node& node : graph.nodes) json.Element(NodeJson(graph, node));
  json.Close();
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

template <typename T, typename F>
void PrintList(absl::string_view key, const T& items, F&& to_json, JsonStream& json) {
  json.OpenList(key);
  for (const auto& item : items) json.Element(to_json(item));
  json.Close();
}

Json KerasLambdaJson(const keras::LambdaOutcome& lambda) {
  static constexpr const char* kHow[] = {"named", "translated", "missing"};
  Json json = {{"layer", lambda.layer},   {"origin", lambda.origin},
               {"source", lambda.source}, {"outcome", kHow[static_cast<int>(lambda.how)]},
               {"op", lambda.op},         {"obstacles", lambda.obstacles}};
  PutText(json, "skeleton", lambda.skeleton);
  return json;
}

Json KerasJson(const keras::KerasImportReport& report) {
  return {{"container", keras::ContainerName(report.container)},
          {"keras_version", report.keras_version},
          {"backend", report.backend},
          {"model_class", report.model_class},
          {"weights_loaded", report.weights_loaded},
          {"lambdas", ListJson(report.lambdas, KerasLambdaJson)},
          {"warnings", report.warnings}};
}

void PrintFacts(const ModelReport& report, JsonStream& json) {
  const ModelFile& file = *report.file;
  const Model& model = file.model;
  const ParameterCount count = CountParameters(model);
  json.Member("file", {{"path", file.path},
                       {"form", ModelFormName(file.form)},
                       {"bytes", file.bytes},
                       {"format_version", file.format_version},
                       {"producer", model.producer}});
  json.Member("model", {{"name", model.name},
                        {"doc", model.doc},
                        {"semantic_hash",
                         report.semantic_hash.empty() ? Json() : Json(report.semantic_hash)},
                        {"trainable_parameters", count.trainable},
                        {"other_parameters", count.other},
                        {"tensor_bytes", report.tensor_bytes}});
  if (file.keras) json.Member("keras", KerasJson(*file.keras));
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

void PrintInspectJson(const ModelReport& report, const InspectSections& sections) {
  const Model& model = report.file->model;
  JsonStream json;
  json.Member("schema", "nomograph.inspect.1");
  if (sections.facts) PrintFacts(report, json);
  if (sections.io) {
    json.Member("inputs", ValuesJson(model.graph, model.graph.inputs));
    json.Member("outputs", ValuesJson(model.graph, model.graph.outputs));
  }
  if (sections.lambdas) PrintList("lambdas", report.lambdas, LambdaJson, json);
  if (sections.golden) PrintList("golden_vectors", model.golden_vectors, GoldenJson, json);
  if (sections.metadata) json.Member("metadata", model.metadata);
  if (sections.nodes) PrintNodes(model.graph, json);
  if (sections.functions) {
    json.OpenList("functions");
    for (const auto& [name, function] : model.functions) {
      json.OpenObject();
      json.Member("name", name);
      json.Member("inputs", ValuesJson(function.graph, function.graph.inputs));
      json.Member("outputs", ValuesJson(function.graph, function.graph.outputs));
      PrintNodes(function.graph, json);
      json.Close();
    }
    json.Close();
  }
  if (sections.tensors) PrintList("tensors", report.tensors, TensorJson, json);
}

}  // namespace nomograph
