#include "nomograph/inspect/inspect_model.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace nomograph {
namespace {

void AddWeights(const Graph& graph, const std::string& function, ModelReport& report) {
  for (const Weight& weight : graph.weights) {
    report.tensors.push_back(
        {.function = function,
         .name = graph.value(weight.value).name,
         .kind = weight.trainable ? TensorReport::Kind::kTrainable : TensorReport::Kind::kFrozen,
         .tensor = weight.tensor});
  }
}

// A constant has the name of its node, a tensor among other attributes that of node and attribute.
void AddConstants(const Graph& graph, const std::string& function, ModelReport& report) {
  for (const Node& node : graph.nodes) {
    for (const auto& [name, value] : node.attrs) {
      const auto* tensor = value.As<Tensor>();
      if (tensor == nullptr) continue;
      report.tensors.push_back(
          {.function = function,
           .name = node.attrs.size() == 1 ? node.name : absl::StrCat(node.name, ".", name),
           .kind = TensorReport::Kind::kConstant,
           .tensor = *tensor});
    }
  }
}

void AddTensors(const Model& model, ModelReport& report) {
  const auto visit = [&](const Graph& graph, const std::string& function) {
    AddWeights(graph, function, report);
    AddConstants(graph, function, report);
  };
  visit(model.graph, "");
  for (const auto& [name, function] : model.functions) visit(function.graph, name);
  for (const Variable& variable : model.variables) {
    report.tensors.push_back(
        {.name = variable.name, .kind = TensorReport::Kind::kVariable, .tensor = variable.initial});
  }
  for (TensorReport& tensor : report.tensors) {
    tensor.offset = report.file->OffsetOf(tensor.tensor);
    report.tensor_bytes += tensor.tensor.num_bytes();
  }
}

void AddLambdas(const Model& model, const OpRegistry& registry, ModelReport& report) {
  absl::flat_hash_set<std::string> lambda_layers;
  for (const LayerInfo& layer : model.layers) {
    if (layer.class_name == "Lambda") lambda_layers.insert(layer.name);
  }
  const auto visit = [&](const Graph& graph, const std::string& function) {
    for (const Node& node : graph.nodes) {
      Resolution resolution = ResolveNode(node, registry, {});
      resolution.function = function;
      if (!resolution.standard || !node.body.empty() || lambda_layers.contains(node.layer)) {
        report.lambdas.push_back({std::move(resolution), node.body});
      }
    }
  };
  visit(model.graph, "");
  for (const auto& [name, function] : model.functions) visit(function.graph, name);
}

void AddStats(const InspectOptions& options, ModelReport& report) {
  int64_t done = 0;
  for (TensorReport& tensor : report.tensors) {
    tensor.stats = ComputeStats(tensor.tensor, [&](int64_t bytes) {
      done += bytes;
      if (options.progress) options.progress(done, report.tensor_bytes);
    });
  }
}

std::string From(const std::string& provider) {
  return provider.empty() ? "registered here" : absl::StrCat("from ", provider);
}

}  // namespace

ModelReport InspectModel(const ModelFile& file, const OpRegistry& registry,
                         const InspectOptions& options) {
  ModelReport report{.file = &file};
  AddTensors(file.model, report);
  AddLambdas(file.model, registry, report);
  if (options.stats) AddStats(options, report);
  if (options.stats || report.tensor_bytes <= options.max_hashed_bytes) {
    report.semantic_hash = SemanticHash(file.model);
  }
  return report;
}

std::string ResolutionText(const LambdaReport& lambda) {
  const Resolution& r = lambda.resolution;
  if (!r.status.ok()) {
    return absl::StrCat(r.as == ResolvedAs::kNothing ? "missing: " : "refused: ",
                        r.status.message());
  }
  switch (r.as) {
    case ResolvedAs::kKernel:
      return absl::StrCat(
          "kernel ", From(r.provider),
          lambda.body.empty() ? "" : absl::StrCat("; elsewhere body @", lambda.body));
    case ResolvedAs::kBody:
      return absl::StrCat("body @", lambda.body, " in the file");
    case ResolvedAs::kTracedBody:
      return absl::StrCat("body ", From(r.provider));
    case ResolvedAs::kNothing:
      break;
  }
  return "missing";
}

}  // namespace nomograph
