// Expr: what a Value points at. Only the builder and layers look inside.
#ifndef NOMOGRAPH_CORE_BUILD_EXPR_H_
#define NOMOGRAPH_CORE_BUILD_EXPR_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/build/value.h"
#include "nomograph/core/graph/graph.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/op.h"

namespace nomograph {

// A function that was traced, with the functions that it calls. `main` is a key of `functions`.
struct TracedFunction {
  std::string main;
  std::map<std::string, Function, std::less<>> functions;
  // Values of the surrounding program that the function uses: its last inputs.
  std::vector<Value> captured;
};
using TracedFunctionPtr = std::shared_ptr<const TracedFunction>;

// A weight that a layer declared. Its value is made when a model is built, from the name that it
// then has.
struct WeightSpec {
  std::string name;  // in its layer: "kernel"
  TensorType type;
  // Yields the initial value for a key (seed, full name).
  std::function<absl::StatusOr<Tensor>(const Shape& shape, DType dtype, uint64_t key)> initializer;
  bool trainable = true;
};

struct VariableSpec {
  std::string name;
  Tensor initial;
};

// A model's metadata has the rules for a weight under these and its name:
// "regularizer/dense/kernel".
inline constexpr absl::string_view kRegularizerKey = "regularizer/";
inline constexpr absl::string_view kConstraintKey = "constraint/";

// The layer in whose call an expression was written.
struct LayerScope {
  std::string name;  // as the user gave it; empty: named after the class when a model is built
  std::string class_name;
  std::shared_ptr<const LayerScope> parent;  // the layer in whose call this one was called, if any
  // What the layer's first call yields: ids of expressions, and which of their outputs.
  std::vector<std::pair<uint64_t, int>> first_outputs;
  // What the layer asks of its weights in training, by Keras' argument, "kernel_regularizer": the
  // texts that the model's metadata will have (core/layers/weight_rules.h).
  std::map<std::string, std::string, std::less<>> rules;
};

struct Expr {
  enum class Kind { kInput, kWeight, kCall, kError };
  explicit Expr(Kind expr_kind);
  Expr(const Expr&) = default;
  // Without recursion: what a value was made of may be longer than the call stack is deep.
  ~Expr();
  Kind kind;
  uint64_t id;  // ascending in the order of creation in this process
  // kCall: the node as a graph will have it, but for what only the graph gives it: ids of values,
  // its body's name, and where they are empty its own name and (an anonymous lambda's) op. kInput:
  // the input's name.
  Node node;
  std::vector<Value> inputs;
  std::vector<TensorType> outputs;
  // This expression's own fault; those of its inputs are theirs.
  absl::Status status;
  std::shared_ptr<const LayerScope> layer;
  std::shared_ptr<const WeightSpec> weight;  // kWeight
  std::shared_ptr<const VariableSpec>
      variable;  // calls of state ops: what the attribute "variable" means
  std::vector<std::pair<std::string, std::shared_ptr<const TracedFunction>>>
      functions;  // by attribute
  std::shared_ptr<const TracedFunction> body;
  // Of output 0 of a layer's call: see MaskOf(). Set when the layer is done, so never where others
  // read it meanwhile.
  mutable std::shared_ptr<const Value> mask;
};

// While one lives, expressions written by this thread belong to the layer.
class ScopedLayer {
 public:
  explicit ScopedLayer(std::shared_ptr<const LayerScope> layer);
  ~ScopedLayer();
  ScopedLayer(const ScopedLayer&) = delete;
  ScopedLayer& operator=(const ScopedLayer&) = delete;
  static const std::shared_ptr<const LayerScope>& Current();

 private:
  std::shared_ptr<const LayerScope> previous_;
};

Value WeightValue(WeightSpec spec, std::shared_ptr<const LayerScope> layer);
// The variable's value now, and its change to `value` (which is also the result).
Value ReadVariable(const std::shared_ptr<const VariableSpec>& variable);
Value AssignVariable(const std::shared_ptr<const VariableSpec>& variable, const Value& value);

// Runs `function` on inputs of these types and writes down what it does. Constants that it uses are
// copied into it; other values from outside become further inputs. InvalidArgument lists every
// fault in it.
absl::StatusOr<std::shared_ptr<const TracedFunction>> Trace(
    const TraceFn& function, absl::Span<const TensorType> input_types, absl::string_view name);

// As CallMulti() without them: `functions`, by attribute, have been traced already. For callers
// that must know what a function yields before they can write the call.
std::vector<Value> CallMulti(absl::string_view op, std::vector<Value> inputs, Attributes attrs,
                             CallOptions options,
                             std::vector<std::pair<std::string, TracedFunctionPtr>> functions);

// Traces the body that is registered with an op, for resolved attributes.
absl::StatusOr<std::shared_ptr<const TracedFunction>> TraceOpBody(
    const OpDef& op, const Attributes& attrs, absl::Span<const TensorType> input_types);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_BUILD_EXPR_H_
