// What `nomo ops --json` prints.
#include <string>
#include <vector>

#include "nomograph/core/types/memory.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/op_doc.h"

namespace nomograph {
namespace {

constexpr int64_t kMaxValues = 1000;

Json PortsJson(const std::vector<Port>& ports) {
  static constexpr const char* kKinds[] = {"required", "optional", "variadic"};
  Json list = Json::array();
  for (const Port& port : ports) {
    Json json = {
        {"name", port.name}, {"type", port.type}, {"kind", kKinds[static_cast<int>(port.kind)]}};
    PutText(json, "doc", port.doc);
    list.push_back(std::move(json));
  }
  return list;
}

Json TypesJson(const OpDef& op) {
  Json types = Json::object();
  for (const auto& [name, set] : op.type_vars) {
    types[name] = Json::array();
    for (int i = 1; i < kNumDTypes; ++i) {
      const DType dtype = static_cast<DType>(i);
      if (set.Contains(dtype)) types[name].push_back(std::string(DTypeName(dtype)));
    }
  }
  return types;
}

Json AttrDefsJson(const OpDef& op) {
  Json list = Json::array();
  for (const AttrDef& attr : op.attrs) {
    Json json = {{"name", attr.name},
                 {"type", std::string(AttrTypeName(attr.type))},
                 {"required", !attr.default_value && !attr.optional}};
    if (attr.default_value) json["default"] = AttrJson(*attr.default_value);
    if (attr.min) json["min"] = NumberJson(*attr.min);
    if (attr.max) json["max"] = NumberJson(*attr.max);
    if (!attr.choices.empty()) json["choices"] = attr.choices;
    PutText(json, "doc", attr.doc);
    list.push_back(std::move(json));
  }
  return list;
}

Json KnownJson(const OpDef& op) {
  Json list = Json::array();
  for (const KnownName& known : op.known) {
    if (known.as == "python") continue;
    list.push_back({{"as", known.as}, {"name", known.name}, {"since", known.since}});
  }
  for (const std::string& name : OpPythonNames(op)) {
    list.push_back({{"as", "python"}, {"name", name}, {"since", 1}});
  }
  return list;
}

// Null for an absent one. Values in row-major order.
Json TensorJson(const Tensor& tensor) {
  if (!tensor.valid()) return nullptr;
  Json json = TypeJson(tensor.type());
  if (tensor.num_elements() > kMaxValues) return json;
  json["values"] = ElementsJson(tensor);
  return json;
}

Json ExampleJson(const Example& example) {
  Json inputs = Json::array(), outputs = Json::array();
  for (const Tensor& tensor : example.inputs) inputs.push_back(TensorJson(tensor));
  for (const Tensor& tensor : example.outputs) outputs.push_back(TensorJson(tensor));
  return {{"inputs", std::move(inputs)},
          {"attributes", AttrsJson(example.attrs)},
          {"outputs", std::move(outputs)}};
}

Json OneOp(const OpRegistry& registry, const OpDef& op) {
  Json json = {{"name", op.name},
               {"version", op.version},
               {"versions", OpVersions(registry, op)},
               {"signature", OpSignature(op)},
               {"doc", op.doc}};
  PutText(json, "source", op.source);
  PutText(json, "provider", registry.ProviderOf(op));
  json["known_as"] = KnownJson(op);
  json["effects"] = std::string(EffectsName(op.effects));
  json["types"] = TypesJson(op);
  json["inputs"] = PortsJson(op.inputs);
  json["outputs"] = PortsJson(op.outputs);
  json["attributes"] = AttrDefsJson(op);
  json["reference_kernel"] = op.reference != nullptr;
  json["fast_kernels"] = op.fast.size();
  json["body"] = op.body != nullptr;
  return json;
}

}  // namespace

nlohmann::ordered_json OpListJson(const OpRegistry& registry,
                                  const std::vector<const OpDef*>& ops) {
  Json list = Json::array();
  for (const OpDef* op : ops) list.push_back(OneOp(registry, *op));
  return {
      {"schema", "nomograph.ops.1"}, {"memory_bytes", AvailableMemory()}, {"ops", std::move(list)}};
}

nlohmann::ordered_json OpJson(const OpRegistry& registry, const OpDef& op) {
  Json json = OneOp(registry, op);
  if (const std::optional<Example> example = PickExample(op))
    json["example"] = ExampleJson(*example);
  Json list = Json::array();
  list.push_back(std::move(json));
  return {{"schema", "nomograph.ops.1"}, {"ops", std::move(list)}};
}

}  // namespace nomograph
