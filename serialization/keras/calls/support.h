// What rules of known calls share.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_CALLS_SUPPORT_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_CALLS_SUPPORT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/calls/known_call.h"
#include "nomograph/serialization/keras/python/interpreter.h"

namespace nomograph::keras {

using Kind = PyValue::Kind;
using Ints = std::vector<int64_t>;
using RuleResult = absl::StatusOr<PyValue>;

// The rank, or Unimplemented where it is not known.
absl::StatusOr<int> RankOf(const Value& x);
// Axes from 0 on. InvalidArgument where one is outside of [-rank, rank).
absl::StatusOr<Ints> NormalAxes(const Value& x, Ints axes);
// Channels first where the argument says so, or where it is absent and Keras does.
absl::StatusOr<bool> ChannelsFirst(const CallContext& call, absl::string_view parameter);
// An argument as a tensor of floating point.
absl::StatusOr<Value> FloatTensor(CallContext& call, absl::string_view parameter);
// Several arguments as tensors of one dtype.
absl::StatusOr<std::vector<Value>> Together(CallContext& call,
                                            std::initializer_list<absl::string_view> parameters,
                                            DTypeSet allowed = kAnyType);

// The elements in another shape, of sizes that may be scalar tensors. A size that is not known
// becomes the one that the others leave, where there is only one, or is the input's own size.
absl::StatusOr<Value> ReshapeTo(Interpreter& interpreter, const Value& x,
                                const std::vector<PyValue>& sizes);
// A shape for ops that take one as the attribute `attr` or else as input `inputs.size()`.
absl::Status SetShape(Interpreter& interpreter, const std::vector<PyValue>& sizes,
                      absl::string_view attr, std::vector<Value>& inputs, Attributes& attrs);
// A constant, or a value of unknown sizes, that is `value` everywhere.
absl::StatusOr<Value> Filled(Interpreter& interpreter, const std::vector<PyValue>& sizes,
                             const Tensor& value);

inline Value Op(absl::string_view op, std::vector<Value> inputs, Attributes attrs = {}) {
  return Call(op, std::move(inputs), std::move(attrs));
}
inline Value Cast(const Value& x, DType type) {
  return x.dtype() == type ? x : Op("array.Cast", {x}, {{"to", type}});
}
inline Value Reduce(absl::string_view op, const Value& x, Ints axes, bool keepdims) {
  return Op(op, {x}, {{"axes", std::move(axes)}, {"keepdims", keepdims}});
}

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_CALLS_SUPPORT_H_
