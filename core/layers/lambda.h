// Lambda: a layer that names an op, or one's own function as a layer. Keras: keras.layers.Lambda.
//
//   Lambda("image.Rescale", {{"scale", 1 / 255.0}})
//   Lambda([](Value x) { return x + 10; })
//   Lambda([](Value a, Value b) { return a * b + 1; })({x, y})
//
// Neither form puts code into a saved model: the first saves the op's name and arguments, the
// second what the function does, written with the standard ops. It is called once, when the layer
// is, with values that have no numbers yet.
#ifndef NOMOGRAPH_CORE_LAYERS_LAMBDA_H_
#define NOMOGRAPH_CORE_LAYERS_LAMBDA_H_

#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct LambdaOptions {
  // What the output is, without the batch axis, which is the first input's. It is checked against
  // what the op's shape function says, and is needed where the op is not registered in this
  // process.
  std::optional<PartialShape> output_shape = {};
  std::optional<DType> dtype = {};  // of the output; the first input's unless given
  // The outputs' full types, batch included, in place of the two above: for several outputs, or
  // another batch axis.
  std::vector<TensorType> output_types = {};
  int num_outputs = 1;  // of an op; a function yields as many as it does
  int version = 0;      // of the op; 0: the newest that is registered
  // The library that registers the op, as a hint for those who lack it; known by itself where the
  // op is registered.
  std::string provider = {};
  // For a function: the op that it is the portable meaning of. A kernel of that name runs in its
  // place where there is one. Empty: local.<name of the layer>.
  std::string op = {};
  std::string name = {};
};

// The op `op` with these arguments, on any number of inputs.
Layer Lambda(absl::string_view op, Attributes attrs = {}, LambdaOptions options = {});

namespace internal {
// `num_inputs` is -1 where the function takes any number.
Layer TracedLambda(TraceFn function, int num_inputs, LambdaOptions options);

inline std::vector<Value> ToValues(Value value) { return {std::move(value)}; }
inline std::vector<Value> ToValues(std::vector<Value> values) { return values; }

template <typename T>
concept ValueOrValues = std::same_as<T, Value> || std::same_as<T, std::vector<Value>>;
template <typename F, typename... Args>
concept Yields = std::invocable<F, Args...> && ValueOrValues<std::invoke_result_t<F, Args...>>;

template <typename F>
constexpr int NumInputs() {
  if constexpr (Yields<F, Value>) {
    return 1;
  } else if constexpr (Yields<F, Value, Value>) {
    return 2;
  } else {
    return Yields<F, Value, Value, Value> ? 3 : -1;
  }
}
}  // namespace internal

// A function of one, two or three values, or of std::vector<Value>, to Value or std::vector<Value>.
// Values from outside that it uses are captured, constants with what they hold.
template <typename F>
requires(internal::Yields<F&, Value> || internal::Yields<F&, Value, Value> ||
         internal::Yields<F&, Value, Value, Value> ||
         internal::Yields<F&, std::vector<Value>>) Layer
    Lambda(F function, LambdaOptions options = {}) {
  constexpr int kNumInputs = internal::NumInputs<F&>();
  const auto traced = [function = std::move(function)](absl::Span<const Value> x) mutable {
    if constexpr (kNumInputs == 1) {
      return internal::ToValues(function(x[0]));
    } else if constexpr (kNumInputs == 2) {
      return internal::ToValues(function(x[0], x[1]));
    } else if constexpr (kNumInputs == 3) {
      return internal::ToValues(function(x[0], x[1], x[2]));
    } else {
      return internal::ToValues(function(std::vector<Value>(x.begin(), x.end())));
    }
  };
  return internal::TracedLambda(traced, kNumInputs, std::move(options));
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_LAMBDA_H_
