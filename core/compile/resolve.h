// Resolution: what each node's op name means on this machine.
#ifndef NOMOGRAPH_CORE_COMPILE_RESOLVE_H_
#define NOMOGRAPH_CORE_COMPILE_RESOLVE_H_

#include <set>
#include <string>
#include <vector>

#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {

struct ResolveOptions {
  // Reference kernels only.
  bool exact = false;
  // Ops with the effect io that may run, by name.
  std::vector<std::string> allowed_io;
};

// How a node's op is run.
enum class ResolvedAs {
  kKernel,      // a kernel that is registered here
  kBody,        // the function that the model carries for it
  kTracedBody,  // the body of the op that is registered here
  kNothing,
};

struct Resolution {
  std::string function;  // the function that the node is in; empty: the main graph
  std::string node;
  std::string op;
  int version = 0;
  std::string provider;  // the library that registers the op: here if it is registered, else as the
                         // file hints
  std::string body;      // the function that the file carries for the node; may be empty
  bool standard = false;
  ResolvedAs as = ResolvedAs::kNothing;
  const OpDef* op_def = nullptr;  // null when the op is not registered here
  absl::Status status;            // why the node cannot run
};

// Which node it is, for messages: "function @f: node "n" (acme.Foo)".
std::string PlaceOf(const Resolution& r);

Resolution ResolveNode(const Node& node, const OpRegistry& registry, const ResolveOptions& options);

// All nodes of the main graph and of the functions that it reaches.
std::vector<Resolution> ResolveModel(const Model& model, const OpRegistry& registry,
                                     const ResolveOptions& options);

// Everything that keeps the model from being compiled, in one status: ops that are missing (name,
// version, node, provider, nearest names) or forbidden, and types that do not fit, a declared
// signature that differs included. `effects`, where given, becomes those of all nodes.
absl::Status CheckRunnable(const Model& model, const OpRegistry& registry,
                           const ResolveOptions& options, std::set<Effects>* effects = nullptr);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_COMPILE_RESOLVE_H_
