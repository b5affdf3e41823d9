// Places of extremes against a loop over the elements.
#include "nomograph/core/reduction/arg_reduction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

// y[o, i], of x [outer, count, inner].
int64_t Defined(const ArgReduction& r, const std::vector<float>& x, int64_t o, int64_t i) {
  const auto at = [&](int64_t c) { return x[(o * r.count + c) * r.inner + i]; };
  int64_t best = 0;
  for (int64_t c = 1; c < r.count; ++c) {
    const float next = at(c), now = at(best);
    const bool equal = next == now || (std::isnan(next) && std::isnan(now));
    const bool ahead = std::isnan(now)    ? false
                       : std::isnan(next) ? true
                       : r.greatest       ? next > now
                                          : next < now;
    if (ahead || (r.last && equal)) best = c;
  }
  return best;
}

void Check(ArgReduction r, const std::vector<float>& x) {
  const int64_t results = r.outer * r.inner;
  for (const bool greatest : {false, true}) {
    for (const bool last : {false, true}) {
      r.greatest = greatest;
      r.last = last;
      std::vector<int64_t> y(results + 16, -7);
      // In two parts, as two threads do it.
      const int64_t middle = results / 3;
      ArgReduce(r, x.data(), y.data(), 0, middle);
      ArgReduce(r, x.data(), y.data() + middle, middle, results);
      for (int64_t i = 0; i < results; ++i) {
        ASSERT_EQ(y[i], Defined(r, x, i / r.inner, i % r.inner))
            << i << ", greatest " << greatest << ", last " << last;
      }
      for (int64_t i = results; i < results + 16; ++i) ASSERT_EQ(y[i], -7);
    }
  }
}

// Rows of all lengths, and columns of all counts, up to some vectors: of few values, so that many
// are equal, of both zeros, with NaN and without.
TEST(ArgReduction, HasEachLength) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (int64_t size = 1; size <= 150; ++size) {
    for (const bool rows : {true, false}) {
      ArgReduction r{.outer = 3, .count = size};
      if (!rows) {
        r.count = 7;
        r.inner = size;
      }
      SCOPED_TRACE(testing::Message() << size << (rows ? ", rows" : ", columns"));
      std::vector<float> x(r.outer * r.count * r.inner);
      for (const float special : {0.0f, kInfinity, -kInfinity, std::nanf("")}) {
        for (size_t i = 0; i < x.size(); ++i) {
          const uint64_t random = MixKeys(size, i);
          x[i] = static_cast<float>(random % 7) - 3;
          if (x[i] == 0 && (random >> 20) % 2 == 0) x[i] = -0.0f;
          if ((random >> 32) % 40 == 0) x[i] = special;
        }
        Check(r, x);
      }
      std::fill(x.begin(), x.end(), -kInfinity);
      Check(r, x);
      std::fill(x.begin(), x.end(), std::nanf(""));
      Check(r, x);
    }
  }
}

TEST(ArgReduction, OfLongRowsAndColumns) {
  for (const ArgReduction& shape : {ArgReduction{.outer = 5, .count = 10'000},
                                    ArgReduction{.outer = 2, .count = 1000, .inner = 333}}) {
    std::vector<float> x(shape.outer * shape.count * shape.inner);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<float>(MixKeys(x.size(), i) >> 40) / (1 << 23) - 1;
    }
    Check(shape, x);
    x[x.size() / 2] = std::nanf("");
    Check(shape, x);
  }
}

}  // namespace
}  // namespace nomograph
