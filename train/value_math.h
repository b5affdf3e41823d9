// Arithmetic of values that losses and metrics have in common.
#ifndef NOMOGRAPH_TRAIN_VALUE_MATH_H_
#define NOMOGRAPH_TRAIN_VALUE_MATH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/build/value.h"

namespace nomograph::train_internal {

// What keeps logarithms and divisors from 0: Keras' epsilon().
inline constexpr double kEpsilon = 1e-7;

// Behind "there is no loss "x"": those that were perhaps meant, or all that there are.
std::string NamesThatThereAre(absl::string_view name, const std::vector<std::string>& names);

// Along an axis, which goes; of all elements where there is none.
Value Sum(const Value& x, std::optional<int64_t> axis = std::nullopt, bool keep = false);
Value Mean(const Value& x, std::optional<int64_t> axis = std::nullopt);
Value MaxOf(const Value& x, int64_t axis);
// int64, of the first that is greatest.
Value ArgMax(const Value& x, int64_t axis = -1);

Value Maximum(const Value& x, double least);
Value Clip(const Value& x, double least, double greatest);
Value Log(const Value& x);
Value Abs(const Value& x);
Value Square(const Value& x);
Value Cast(const Value& x, DType dtype);
// One row of all elements.
Value Flat(const Value& x);
// x with axes of size 1 behind its own, up to `rank`.
Value WithRank(const Value& x, int rank);

}  // namespace nomograph::train_internal

#endif  // NOMOGRAPH_TRAIN_VALUE_MATH_H_
