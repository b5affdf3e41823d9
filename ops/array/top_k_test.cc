// TopK against a stable sort, for numbers that are sorted by keys and such that are not.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

// Few values, so that many are equal; both zeros, the extremes and NaN are among them.
template <typename T>
T Value(uint64_t random) {
  using Limits = std::numeric_limits<T>;
  switch (random % 16) {
    case 0:
      return Limits::lowest();
    case 1:
      return Limits::max();
    case 2:
      return T{0};
  }
  if constexpr (std::is_floating_point_v<T>) {
    if (random % 16 == 3) return -T{0};
    if (random % 16 == 4) return Limits::quiet_NaN();
    if (random % 16 == 5) return -Limits::infinity();
    return static_cast<T>(static_cast<double>(random >> 40 & 255) - 127.5);
  } else {
    return static_cast<T>(random >> 40 & 255);
  }
}

template <typename T>
bool Before(T a, T b, bool largest) {
  if (a != a || b != b) return largest ? a != a && b == b : a == a && b != b;
  return largest ? a > b : a < b;
}

template <typename T>
class TopK : public testing::Test {};
using Types = testing::Types<float, double, int8_t, uint8_t, int16_t, int32_t, uint32_t, int64_t>;
TYPED_TEST_SUITE(TopK, Types);

TYPED_TEST(TopK, AgreesWithAStableSort) {
  using T = TypeParam;
  for (const int64_t size : {1, 2, 17, 1000, 3001}) {
    for (const int64_t k : {int64_t{0}, int64_t{1}, size / 300, size / 3, size}) {
      for (const bool largest : {false, true}) {
        // Lines along the axis in the middle, which may be the last.
        const int64_t lines = 2, step = size % 2 == 0 ? 3 : 1;
        SCOPED_TRACE(testing::Message() << k << " of " << size << ", largest " << largest);
        std::vector<T> x(lines * size * step);
        for (size_t i = 0; i < x.size(); ++i) x[i] = Value<T>(MixKeys(size, i));
        const auto found = RunOp(*OpRegistry::Default().Find("array.TopK"),
                                 {Tensor::Of<T>({lines, size, step}, x)},
                                 {{"k", k}, {"axis", 1}, {"largest", largest}}, {.num_outputs = 2});
        ASSERT_TRUE(found.ok()) << found.status();
        for (int64_t line = 0; line < lines * step; ++line) {
          const int64_t outer = line / step, inner = line % step;
          const auto at = [&](int64_t i) { return x[(outer * size + i) * step + inner]; };
          std::vector<int64_t> order(size);
          std::iota(order.begin(), order.end(), 0);
          std::stable_sort(order.begin(), order.end(),
                           [&](int64_t a, int64_t b) { return Before(at(a), at(b), largest); });
          for (int64_t n = 0; n < k; ++n) {
            const int64_t place = (outer * k + n) * step + inner;
            ASSERT_EQ((*found)[1].template data<int64_t>()[place], order[n]) << line << ", " << n;
            const T value = (*found)[0].template data<T>()[place], right = at(order[n]);
            ASSERT_TRUE(value == right || (value != value && right != right));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
