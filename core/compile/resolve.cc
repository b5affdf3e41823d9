#include "nomograph/core/compile/resolve.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"

namespace nomograph {
namespace {

// What is said of ops that are not there, once for each. A file may name any number of them: near
// names are looked for of the first ones, which are more than a list of errors shows.
class MissingOps {
 public:
  explicit MissingOps(const OpRegistry& registry) : registry_(registry) {}

  absl::Status Say(const Node& node) {
    const auto [said, first] = said_.try_emplace(std::pair(node.op, node.version));
    if (first) {
      said->second =
          said_.size() <= kMostCompared || registry_.Find(node.op) != nullptr
              ? registry_.NotFound(node.op, node.version)
              : absl::NotFoundError(absl::StrCat("no op ", Shown(node.op), " is registered"));
    }
    const std::string hint =
        node.provider.empty() ? "" : absl::StrCat("; it is provided by ", Shown(node.provider));
    return absl::Status(said->second.code(), absl::StrCat(said->second.message(), hint));
  }

 private:
  static constexpr size_t kMostCompared = 100;

  const OpRegistry& registry_;
  absl::flat_hash_map<std::pair<std::string, int>, absl::Status> said_;
};

absl::Status Forbidden(const OpDef& op, const ResolveOptions& options) {
  if (op.effects != Effects::kIo) return absl::OkStatus();
  const auto& allowed = options.allowed_io;
  if (std::find(allowed.begin(), allowed.end(), op.name) != allowed.end()) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "op ", op.name, " has the effect io, which is refused unless the op is allowed by name"));
}

Resolution Resolve(const Node& node, const OpRegistry& registry, const ResolveOptions& options,
                   MissingOps& missing) {
  Resolution r{.node = node.name,
               .op = node.op,
               .version = node.version,
               .provider = node.provider,
               .body = node.body};
  r.op_def = registry.Find(node.op, node.version);
  if (r.op_def == nullptr) {
    r.as = node.body.empty() ? ResolvedAs::kNothing : ResolvedAs::kBody;
    if (node.body.empty()) r.status = missing.Say(node);
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

}  // namespace

std::string PlaceOf(const Resolution& r) {
  const std::string node = NodePlace(r.node, r.op);
  return r.function.empty() ? node : absl::StrCat("function @", Shown(r.function), ": ", node);
}

Resolution ResolveNode(const Node& node, const OpRegistry& registry,
                       const ResolveOptions& options) {
  MissingOps missing(registry);
  return Resolve(node, registry, options, missing);
}

std::vector<Resolution> ResolveModel(const Model& model, const OpRegistry& registry,
                                     const ResolveOptions& options) {
  std::vector<Resolution> resolutions;
  MissingOps missing(registry);
  absl::flat_hash_set<std::string> seen;
  std::vector<std::string> functions;  // still to be visited
  const auto visit = [&](const Graph& graph, const std::string& function) {
    for (const Node& node : graph.nodes) {
      Resolution r = Resolve(node, registry, options, missing);
      r.function = function;
      if (r.as == ResolvedAs::kBody && seen.insert(node.body).second)
        functions.push_back(node.body);
      ForEachFunction(node.attrs, [&](const std::string&, const std::string& callee) {
        if (seen.insert(callee).second) functions.push_back(callee);
      });
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
    if (!r.status.ok()) errors.Add(r.status, PlaceOf(r));
    if (effects != nullptr && r.op_def != nullptr) effects->insert(r.op_def->effects);
  }
  Graph graph = model.graph;
  errors.Add(TypeInferrer(model.functions, registry).InferGraph(graph));
  return errors.ToStatus("the model cannot run here");
}

}  // namespace nomograph
