// ExprWriter: writes expressions into graphs. Serves the builder (the main graph) and tracing
// (functions).
#ifndef NOMOGRAPH_CORE_BUILD_EXPR_WRITER_H_
#define NOMOGRAPH_CORE_BUILD_EXPR_WRITER_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/graph/graph_builder.h"
#include "nomograph/core/types/names.h"

namespace nomograph {

// The names that layers have in one model: their own, or those of their classes in snake case,
// behind their parents'.
class LayerNames {
 public:
  // "dense_1", "encoder/dense"; "" for null.
  const std::string& Of(const std::shared_ptr<const LayerScope>& layer);
  // Keeps the name that the user gave the layer from others. InvalidArgument, once a layer, when
  // another has been given it or when it is no name for a layer. REQUIRES: called for every layer
  // ahead of Of().
  absl::Status Reserve(const std::shared_ptr<const LayerScope>& layer);
  // In the order in which they were named.
  const std::vector<std::shared_ptr<const LayerScope>>& layers() const { return order_; }

 private:
  std::map<std::shared_ptr<const LayerScope>, std::string> names_;
  std::set<std::shared_ptr<const LayerScope>> reserved_;
  std::vector<std::shared_ptr<const LayerScope>> order_;
  UniqueNames unique_;
};

// The expressions that `outputs` need, inputs first. `enter` decides whether an expression and what
// is behind it belong.
std::vector<std::shared_ptr<const Expr>> ReachableExprs(
    absl::Span<const Value> outputs, const std::function<bool(const Expr&)>& enter);

class ExprWriter {
 public:
  // Functions that nodes use go to `library`, variables to `variables`.
  ExprWriter(Graph& graph, LayerNames& layers, FunctionLibrary& library,
             std::vector<Variable>& variables)
      : builder_(graph), layers_(layers), library_(library), variables_(variables) {
    for (const auto& [name, function] : library) function_names_.Reserve(name);
    for (const Variable& variable : variables) variable_names_.Reserve(variable.name);
  }

  // Makes `value`, which is an input expression or (in a function) a captured value, a graph input.
  ValueId AddInput(const Value& value, absl::string_view name);
  // Keeps the name that the user gave the node from names that are made: random numbers go by it.
  // Called ahead of all writing.
  void ReserveName(const std::shared_ptr<const Expr>& expr);
  // Writes one expression. REQUIRES: its inputs have been written.
  absl::Status Write(const std::shared_ptr<const Expr>& expr, uint64_t seed);
  // kNoValue for what has not been written.
  ValueId IdOf(const Value& value) const;
  // A name for `value` that users see, such as an output's.
  void Rename(ValueId id, absl::string_view name) { builder_.Rename(id, name); }
  // Keeps a function's name from those that nodes use.
  void ReserveFunction(absl::string_view name) { function_names_.Reserve(name); }

 private:
  absl::Status WriteWeight(const std::shared_ptr<const Expr>& expr, uint64_t seed);
  absl::Status WriteCall(const std::shared_ptr<const Expr>& expr);
  std::string ImportFunctions(const std::shared_ptr<const TracedFunction>& traced,
                              absl::string_view name);
  std::string VariableName(const Expr& expr);

  GraphBuilder builder_;
  LayerNames& layers_;
  FunctionLibrary& library_;
  std::vector<Variable>& variables_;
  UniqueNames function_names_, variable_names_;
  absl::flat_hash_map<const Expr*, std::string> node_names_;  // those that are reserved
  // By the expression and the output. The expressions are held so that no other takes their address
  // meanwhile.
  absl::flat_hash_map<std::pair<std::shared_ptr<const Expr>, int>, ValueId> ids_;
  std::map<std::shared_ptr<const TracedFunction>, std::string> imported_;
  std::map<std::shared_ptr<const VariableSpec>, std::string> known_variables_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_BUILD_EXPR_WRITER_H_
