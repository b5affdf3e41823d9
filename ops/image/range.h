// Attributes that are ranges of numbers.
#ifndef NOMOGRAPH_OPS_IMAGE_RANGE_H_
#define NOMOGRAPH_OPS_IMAGE_RANGE_H_

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/op.h"

namespace nomograph::image {

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  double Clamp(double value) const { return std::clamp(value, low, high); }
};

// The attribute's [low, high]; of one number f it is [-|f|, |f|]; without the attribute it has no
// limits.
Range RangeOf(const Attributes& attrs, absl::string_view name);

// The shape function of ops on images that keep the shape and whose attributes `names`, where they
// are given, are such ranges. InvalidArgument for another count of numbers, and unless low <= high.
InferFn InferWithRanges(std::vector<std::string> names);

// Whether elements of y lie within the attribute value_range, not at its ends. REQUIRES: there is
// one.
Value WithinRange(const Attributes& attrs, const Value& y);

}  // namespace nomograph::image

#endif  // NOMOGRAPH_OPS_IMAGE_RANGE_H_
