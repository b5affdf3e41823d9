// Value: a tensor that does not exist yet. Applying ops to values writes down an expression; a
// graph is built from its outputs (core/build/build.h). Values are cheap to copy and immutable.
//
// A fault (a wrong shape, an unknown op) does not interrupt the program that writes the model: the
// value carries it, and building reports all faults together.
#ifndef NOMOGRAPH_CORE_BUILD_VALUE_H_
#define NOMOGRAPH_CORE_BUILD_VALUE_H_

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

struct Expr;
class OpRegistry;

class Value {
 public:
  Value() = default;  // absent: for optional inputs
  Value(std::shared_ptr<const Expr> expr, int output) : expr_(std::move(expr)), output_(output) {}

  bool valid() const { return expr_ != nullptr; }
  // REQUIRES (here and below): valid(). After a fault the type is unknown.
  const TensorType& type() const;
  DType dtype() const { return type().dtype; }
  const PartialShape& shape() const { return type().shape; }
  const absl::Status& status() const;
  const std::shared_ptr<const Expr>& expr() const { return expr_; }
  int output() const { return output_; }

 private:
  std::shared_ptr<const Expr> expr_;
  int output_ = 0;
};

// A C++ function over values, which can be traced into a function of the model.
using TraceFn = std::function<std::vector<Value>(absl::Span<const Value> inputs)>;

// Leaves. An input is named; where `name` is empty the graph names it.
Value InputValue(TensorType type, std::string name = "");
Value Constant(Tensor tensor);

// Options of a node.
struct CallOptions {
  std::string name = {};  // the node's name; made from the op's where empty
  int version = 0;        // 0: the newest that is registered
  int num_outputs = 1;
  // The declared types of the outputs. Needed where the op is not registered here; checked against
  // the op's shape function where it is.
  std::vector<TensorType> output_types = {};
  std::string provider = {};  // where the op is not registered here
  // Attributes of type function, as C++ functions that are traced with the types beside them.
  struct FunctionArg {
    std::string attr = {};
    TraceFn function;
    std::vector<TensorType> input_types = {};
  };
  std::vector<FunctionArg> functions = {};
};

// While one lives, this thread writes values with the ops of `registry`, in place of
// OpRegistry::Default()'s.
class ScopedRegistry {
 public:
  explicit ScopedRegistry(const OpRegistry& registry);
  ~ScopedRegistry();
  ScopedRegistry(const ScopedRegistry&) = delete;
  ScopedRegistry& operator=(const ScopedRegistry&) = delete;
  static const OpRegistry& Current();

 private:
  const OpRegistry* previous_;
};

// Applies an op, e.g. Call("nn.Softplus", {x}) or Call("array.Concat", {a, b}, {{"axis", -1}}).
Value Call(absl::string_view op, std::vector<Value> inputs, Attributes attrs = {},
           CallOptions options = {});
std::vector<Value> CallMulti(absl::string_view op, std::vector<Value> inputs, Attributes attrs,
                             CallOptions options);

// Applies `function` as a Lambda: it is traced once with these inputs' types into a function of the
// model. `op` names the node's op ("acme.Tenfold"); where empty it is local.NAME.
std::vector<Value> CallTraced(TraceFn function, std::vector<Value> inputs, CallOptions options = {},
                              absl::string_view op = "");

// A value that carries a fault. `inputs` may carry others, which are reported with it; `status` is
// OK where only they do.
Value ErrorValue(absl::Status status, std::vector<Value> inputs = {});

// A number as a constant of `like`'s dtype. The value carries a fault when the dtype cannot
// represent it.
Value ConstantLike(double value, const Value& like);

// Arithmetic and comparison with NumPy broadcasting. Numbers take the other operand's dtype.
template <typename T>
concept Number = std::is_arithmetic_v<T>;

#define NOMO_VALUE_OPERATOR(symbol, op)                                                     \
  inline Value operator symbol(const Value& a, const Value& b) { return Call(op, {a, b}); } \
  template <Number T>                                                                       \
  Value operator symbol(const Value& a, T b) {                                              \
    return Call(op, {a, ConstantLike(static_cast<double>(b), a)});                          \
  }                                                                                         \
  template <Number T>                                                                       \
  Value operator symbol(T a, const Value& b) {                                              \
    return Call(op, {ConstantLike(static_cast<double>(a), b), b});                          \
  }
NOMO_VALUE_OPERATOR(+, "math.Add")
NOMO_VALUE_OPERATOR(-, "math.Sub")
NOMO_VALUE_OPERATOR(*, "math.Mul")
NOMO_VALUE_OPERATOR(/, "math.Div")
NOMO_VALUE_OPERATOR(%, "math.Mod")
NOMO_VALUE_OPERATOR(<, "math.Less")
NOMO_VALUE_OPERATOR(<=, "math.LessOrEqual")
NOMO_VALUE_OPERATOR(>, "math.Greater")
NOMO_VALUE_OPERATOR(>=, "math.GreaterOrEqual")
NOMO_VALUE_OPERATOR(==, "math.Equal")
NOMO_VALUE_OPERATOR(!=, "math.NotEqual")
#undef NOMO_VALUE_OPERATOR
inline Value operator-(const Value& a) { return Call("math.Neg", {a}); }
// Of booleans, element by element: both sides are always computed.
inline Value operator!(const Value& a) { return Call("math.Not", {a}); }
inline Value operator&&(const Value& a, const Value& b) { return Call("math.And", {a, b}); }
inline Value operator||(const Value& a, const Value& b) { return Call("math.Or", {a, b}); }

// What is written as a += b is another value than a was before.
template <typename T>
Value& operator+=(Value& a, const T& b) {
  return a = a + b;
}
template <typename T>
Value& operator-=(Value& a, const T& b) {
  return a = a - b;
}
template <typename T>
Value& operator*=(Value& a, const T& b) {
  return a = a * b;
}
template <typename T>
Value& operator/=(Value& a, const T& b) {
  return a = a / b;
}

// x[begin:end] along `axis`, as NumPy has it: negative numbers count from the end, and numbers past
// it mean the end. Op array.Slice.
Value Slice(const Value& x, int64_t begin, int64_t end, int64_t axis = 0);
// Element `index` along `axis`, which goes: x[index].
Value At(const Value& x, int64_t index, int64_t axis = 0);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_BUILD_VALUE_H_
