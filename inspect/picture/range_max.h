// The greatest value of ranges of an array, which rises range by range. Private to the layout.
#ifndef NOMOGRAPH_INSPECT_PICTURE_RANGE_MAX_H_
#define NOMOGRAPH_INSPECT_PICTURE_RANGE_MAX_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

namespace nomograph::picture {

// A segment tree: both calls take logarithmic time.
class RangeMax {
 public:
  explicit RangeMax(const std::vector<double>& values) {
    while (size_ < values.size()) size_ *= 2;
    max_.assign(2 * size_, -std::numeric_limits<double>::infinity());
    floor_ = max_;
    for (size_t i = 0; i < values.size(); ++i) max_[size_ + i] = values[i];
    for (size_t i = size_ - 1; i > 0; --i) max_[i] = std::max(max_[2 * i], max_[2 * i + 1]);
  }
  double Get(size_t begin, size_t end) const { return Get(1, 0, size_, begin, end); }
  // Raises all values of the range to at least `value`.
  void Raise(size_t begin, size_t end, double value) { Raise(1, 0, size_, begin, end, value); }

 private:
  double Get(size_t at, size_t from, size_t to, size_t begin, size_t end) const {
    if (end <= from || to <= begin) return -std::numeric_limits<double>::infinity();
    if (begin <= from && to <= end) return max_[at];
    const size_t middle = (from + to) / 2;
    return std::max(floor_[at], std::max(Get(2 * at, from, middle, begin, end),
                                         Get(2 * at + 1, middle, to, begin, end)));
  }
  void Raise(size_t at, size_t from, size_t to, size_t begin, size_t end, double value) {
    if (end <= from || to <= begin) return;
    max_[at] = std::max(max_[at], value);
    if (begin <= from && to <= end) {
      floor_[at] = std::max(floor_[at], value);
      return;
    }
    const size_t middle = (from + to) / 2;
    Raise(2 * at, from, middle, begin, end, value);
    Raise(2 * at + 1, middle, to, begin, end, value);
  }

  size_t size_ = 1;
  std::vector<double> max_, floor_;  // floor_: what holds of all beneath
};

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_RANGE_MAX_H_
