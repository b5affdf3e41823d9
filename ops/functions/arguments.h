// What the typed functions of ops (nomograph/ops/<domain>.h, written when the library is built)
// take beside tensors.
#ifndef NOMOGRAPH_OPS_FUNCTIONS_ARGUMENTS_H_
#define NOMOGRAPH_OPS_FUNCTIONS_ARGUMENTS_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "nomograph/core/build/value.h"

namespace nomograph {

// The options of an op that has no attribute: math::Exp(x, {.name = "growth"}).
struct NodeOptions {
  std::string name;  // the node's; made from the op's where empty
};

// An argument that is known when the model is written (an attribute) or only when it runs (an
// input).
template <typename T>
class OrValue {
 public:
  OrValue() = default;  // neither
  OrValue(T known) : known_(std::move(known)) {}
  OrValue(Value value) : value_(std::move(value)) {}
  template <typename Element>
  requires std::is_convertible_v<Element, typename T::value_type> OrValue(
      std::initializer_list<Element> known)
      : known_(T(known.begin(), known.end())) {}

  const std::optional<T>& known() const { return known_; }
  const Value& value() const { return value_; }

 private:
  std::optional<T> known_;
  Value value_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_FUNCTIONS_ARGUMENTS_H_
