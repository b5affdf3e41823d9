// What `nomo summary` tells of a model: its scopes with what they hold and cost, and totals.
#ifndef NOMOGRAPH_INSPECT_SUMMARIZE_H_
#define NOMOGRAPH_INSPECT_SUMMARIZE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/costs.h"

namespace nomograph {

// A scope of names, equal scopes in a row, or nodes that stand side by side in no scope of their
// own.
struct ScopeRow {
  int depth = 1;     // 1: outermost
  std::string name;  // without the scopes around it; several nodes are separated by commas
  bool is_scope = false;
  int64_t repeats = 1;  // how many equal scopes it stands for; the numbers are those of all
  int64_t nodes = 0;
  int64_t parameters = 0;
  std::optional<TensorType> output;  // of its last node, as the file has it
  NodeCost cost;                     // without sizes: parameters only
};

struct SummaryOptions {
  // How deep scopes are opened; none: as deep as some 24 rows allow.
  std::optional<int> depth = {};
  // The shapes of inputs by name, and the batch of those that are not named. Costs are those for
  // these sizes.
  std::map<std::string, Shape> shapes = {};
  int64_t batch = 1;
};

struct ModelSummary {
  ParameterCount parameters;  // of the main graph and of all functions
  // Of weights, constants and state variables, and of those of them that are not the same memory as
  // an earlier one: what a file stores.
  int64_t tensor_bytes = 0, stored_bytes = 0;
  int64_t nodes = 0;                                 // of the main graph
  int64_t function_nodes = 0;                        // of all functions
  std::vector<std::pair<std::string, int64_t>> ops;  // how often each is called, most often first
  int depth = 0;                                     // to which scopes are opened
  std::vector<ScopeRow> rows;
  std::vector<TensorType> inputs;   // with which costs were found
  std::optional<ModelCosts> costs;  // none where `costs_status` says why
  absl::Status costs_status;
};

// InvalidArgument and NotFound where a shape does not fit its input. Linear in nodes.
absl::StatusOr<ModelSummary> Summarize(const Model& model, const SummaryOptions& options = {},
                                       const OpRegistry& registry = OpRegistry::Default());

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_SUMMARIZE_H_
