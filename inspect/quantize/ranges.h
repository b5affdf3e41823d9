// Ranges of numbers that 8 bits are to stand for, found from what values were seen to hold.
#ifndef NOMOGRAPH_INSPECT_QUANTIZE_RANGES_H_
#define NOMOGRAPH_INSPECT_QUANTIZE_RANGES_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace nomograph {

struct Range {
  double low = 0, high = 0;
};

// How much of what was seen the range takes in; the rest becomes its ends.
enum class RangeMethod {
  kMinMax,      // all
  kPercentile,  // all but the outermost at either end
  kEntropy,     // what loses the least information (Migacz, 8-bit inference with TensorRT, 2017)
};
// "minmax", "percentile", "entropy".
std::optional<RangeMethod> RangeMethodFromName(absl::string_view name);

// The range of one value. All numbers are shown to it once, and for methods other than kMinMax once
// more. NaN and infinities do not count.
class RangeFinder {
 public:
  void Widen(absl::Span<const float> numbers);
  // REQUIRES: all have been shown to Widen().
  void Count(absl::Span<const float> numbers);

  // `percentile`, above 50 and up to 100: so many hundredths of the numbers lie below the upper
  // end, and as many above the lower one, within the width of a bin (1/2048 of all). Where nothing
  // was seen it is [0, 0].
  Range Find(RangeMethod method, double percentile) const;

 private:
  static constexpr int kBins = 2048;
  Range Percentile(double percentile) const;
  Range Entropy() const;

  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
  std::vector<int64_t> bins_;  // from low_ to high_
};

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_QUANTIZE_RANGES_H_
