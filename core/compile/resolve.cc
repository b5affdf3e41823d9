#include "nomograph/core/compile/resolve.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"

namespace nomograph {
namespace {

absl::Status Missing(const Node& node, const OpRegistry& registry) {
  const absl::Status status = registry.NotFound(node.op, node.version);
  const std::string hint =
      node.provider.empty() ? "" : absl::StrCat("; it is provided by ", Shown(node.provider));
  return absl::Status(status.code(), absl::StrCat(status.message(), hint));
}

absl::Status Forbidden(const OpDef& op, const ResolveOptions& options) {
  if (op.effects != Effects::kIo) return absl::OkStatus();
  const auto& allowed = options.allowed_io;
  if (std::find(allowed.begin(), allowed.end(), op.name) != allowed.end()) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "op ", op.name, " has the effect io, which is refused unless the op is allowed by name"));
}

std::string Where(const Resolution& r) {
  const std::string node = NodePlace(r.node, r.op);
  return r.function.empty() ? node : absl::StrCat("function @", Shown(r.function), ": ", node);
}

}  // namespace

Resolution ResolveNode(const Node& node, const OpRegistry& registry,
                       const ResolveOptions& options) {
  Resolution r{.node = node.name,
               .op = node.op,
               .version = node.version,
               .provider = node.provider,
               .body = node.body};
  r.op_def = registry.Find(node.op, node.version);
  if (r.op_def == nullptr) {
    r.as = node.body.empty() ? ResolvedAs::kNothing : ResolvedAs::kBody;
    if (node.body.empty()) r.status = Missing(node, registry);
    return r;
  }
  const OpDef& op = *r.op_def;
  r.provider = registry.ProviderOf(op);
  r.standard = r.provider == kStandardProvider;
  r.status = Forbidden(op, options);
  if (op.reference || (!options.exact && !op.fast.empty())) {
    r.as = ResolvedAs::kKernel;
  } else if (!node.body.empty()) {
    r.as = ResolvedAs::kBody;
  } else if (op.body) {
    r.as = ResolvedAs::kTracedBody;
  } else {
    r.status = absl::UnimplementedError(absl::StrCat(
        "op ", op.name, " has neither a reference kernel nor a body, which exact mode needs"));
  }
  return r;
}

std::vector<Resolution> ResolveModel(const Model& model, const OpRegistry& registry,
                                     const ResolveOptions& options) {
  std::vector<Resolution> resolutions;
  absl::flat_hash_set<std::string> seen;
  std::vector<std::string> functions;  // still to be visited
  const auto visit = [&](const Graph& graph, const std::string& function) {
    for (const Node& node : graph.nodes) {
      Resolution r = ResolveNode(node, registry, options);
      r.function = function;
      if (r.as == ResolvedAs::kBody && seen.insert(node.body).second)
        functions.push_back(node.body);
      for (const auto& [name, value] : node.attrs) {
        const auto* ref = value.As<FunctionRef>();
        if (ref != nullptr && seen.insert(ref->name).second) functions.push_back(ref->name);
      }
      resolutions.push_back(std::move(r));
    }
  };
  visit(model.graph, "");
  while (!functions.empty()) {
    const std::string name = std::move(functions.back());
    functions.pop_back();
    const auto it = model.functions.find(name);
    if (it != model.functions.end()) visit(it->second.graph, name);
  }
  return resolutions;
}

absl::Status CheckRunnable(const Model& model, const OpRegistry& registry,
                           const ResolveOptions& options, std::set<Effects>* effects) {
  ErrorList errors;
  errors.Add(registry.Faults());
  for (const Resolution& r : ResolveModel(model, registry, options)) {
    if (!r.status.ok()) errors.Add(r.status, Where(r));
    if (effects != nullptr && r.op_def != nullptr) effects->insert(r.op_def->effects);
  }
  Graph graph = model.graph;
  errors.Add(TypeInferrer(model.functions, registry).InferGraph(graph));
  return errors.ToStatus("the model cannot run here");
}

}  // namespace nomograph
