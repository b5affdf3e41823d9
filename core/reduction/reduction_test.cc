// Reductions against their definitions in double.
#include "nomograph/core/reduction/reduction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/philox.h"

namespace nomograph {
namespace {

using Kind = Reduction::Kind;

// y[o, k], of x [outer, reduced, kept, length].
double Defined(const Reduction& r, const std::vector<float>& x, int64_t o, int64_t k) {
  const bool greatest = r.kind == Kind::kGreatest, chooses = greatest || r.kind == Kind::kLeast;
  double sum = 0, product = 1, chosen = greatest ? -INFINITY : INFINITY;
  double exponentials = 0;
  for (int64_t i = 0; i < r.reduced; ++i) {
    for (int64_t l = 0; l < r.length; ++l) {
      const double v = x[((o * r.reduced + i) * r.kept + k) * r.length + l];
      sum += r.kind == Kind::kSumOfMagnitudes ? std::abs(v)
             : r.kind == Kind::kSumOfSquares  ? v * v
                                              : v;
      product *= v;
      exponentials += std::exp(v);
      if (std::isnan(chosen) || std::isnan(v)) {
        chosen = std::nan("");
      } else {
        chosen = greatest ? std::max(chosen, v) : std::min(chosen, v);
      }
    }
  }
  if (chooses) return chosen;
  if (r.kind == Kind::kProduct) return product;
  if (r.kind == Kind::kLogSumExp) return std::log(exponentials);
  return (r.root ? std::sqrt(sum) : sum) * r.factor;
}

void Check(const Reduction& r, const std::vector<float>& x) {
  const int64_t count = r.outer * r.kept;
  std::vector<float> y(count + 16, 7.0f);
  // In two parts, as two threads do it.
  Reduce(r, x.data(), y.data(), 0, count / 3);
  Reduce(r, x.data(), y.data(), count / 3, count);
  for (int64_t i = 0; i < count; ++i) {
    const double right = Defined(r, x, i / r.kept, i % r.kept);
    if (std::isnan(right)) {
      ASSERT_TRUE(std::isnan(y[i])) << i << ": " << y[i];
    } else if (std::isinf(right)) {
      ASSERT_EQ(y[i], right) << i;
    } else {
      // Exponentials are those of float32.
      const double tolerance = r.kind == Kind::kLogSumExp ? 1e-6 : 1e-9;
      ASSERT_NEAR(y[i], right, 1e-7 * std::abs(right) + tolerance) << i;
    }
  }
  if (r.kind < Kind::kGreatest) {  // as they are in double
    std::vector<double> wide(count);
    ReduceToDouble(r, x.data(), wide.data(), 0, count / 3);
    ReduceToDouble(r, x.data(), wide.data() + count / 3, count / 3, count);
    for (int64_t i = 0; i < count; ++i) ASSERT_EQ(static_cast<float>(wide[i]), y[i]) << i;
  }
  for (int64_t i = count; i < count + 16; ++i) ASSERT_EQ(y[i], 7.0f);
}

TEST(Reduction, IsThatOfEachElement) {
  const Reduction shapes[] = {
      {.outer = 7, .length = 1000},
      {.kept = 3, .length = 49},
      {.outer = 2, .reduced = 5, .kept = 3, .length = 9},
      {.outer = 3, .reduced = 17, .kept = 131},
      {.reduced = 1000, .kept = 3},
      {.outer = 70, .reduced = 2, .kept = 1, .length = 2},
      {.outer = 5, .reduced = 1, .kept = 70, .length = 1},
      {.outer = 2, .reduced = 1, .kept = 90, .length = 8},
      {.outer = 2, .reduced = 3, .kept = 64, .length = 3},
  };
  for (const Reduction& shape : shapes) {
    for (int kind = 0; kind <= static_cast<int>(Kind::kLast); ++kind) {
      Reduction r = shape;
      r.kind = static_cast<Kind>(kind);
      r.root = r.kind == Kind::kSumOfSquares;
      if (r.kind == Kind::kSum) r.factor = 0.25;
      SCOPED_TRACE(testing::Message() << kind << " of " << r.outer << ", " << r.reduced << ", "
                                      << r.kept << ", " << r.length);
      std::vector<float> x(r.outer * r.reduced * r.kept * r.length);
      for (size_t i = 0; i < x.size(); ++i) {
        x[i] = static_cast<float>(MixKeys(x.size(), i) >> 40) / (1 << 23) - 0.5f;
        if (r.kind == Kind::kProduct) x[i] = (i % 3 == 0 ? -1.0f : 1.0f) + x[i] / 64;
      }
      Check(r, x);
      x[x.size() / 2] = std::numeric_limits<float>::quiet_NaN();
      x[0] = -std::numeric_limits<float>::infinity();
      if (r.kind >= Kind::kGreatest) Check(r, x);
    }
  }
}

// Rows of all lengths, and columns of all counts, up to some vectors.
TEST(Reduction, HasEachLength) {
  for (int64_t size = 1; size <= 150; ++size) {
    for (const bool rows : {true, false}) {
      for (int kind = 0; kind <= static_cast<int>(Kind::kLast); ++kind) {
        SCOPED_TRACE(testing::Message() << kind << " of " << size << (rows ? ", rows" : ""));
        Reduction r{.kind = static_cast<Kind>(kind), .outer = 3};
        (rows ? r.length : r.kept) = size;
        if (!rows) r.reduced = 5;
        std::vector<float> x(r.outer * r.reduced * size);
        for (size_t i = 0; i < x.size(); ++i) {
          x[i] = static_cast<float>(MixKeys(x.size(), i) % 4001) - 2000;
          if (r.kind == Kind::kProduct) x[i] = std::ldexp(x[i] + 0.5f, -10);
          if (r.kind == Kind::kLogSumExp) x[i] /= 64;
        }
        Check(r, x);
      }
    }
  }
}

TEST(Reduction, LogSumExpOfWhatWouldOverflow) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::nanf("");
  const struct {
    float each, one, result;
  } cases[] = {
      {1000, 1000, 1000 + std::log(40.0f)},
      {-1000, -1000, -1000 + std::log(40.0f)},
      {-1e38f, 3e38f, 3e38f},
      {-3e38f, 3e38f, 3e38f},
      {-kInfinity, -kInfinity, -kInfinity},
      {-kInfinity, 5, 5},
      {1, kInfinity, kInfinity},
      {-kInfinity, kInfinity, kInfinity},
      {kInfinity, kNan, kNan},
      {-kInfinity, kNan, kNan},
      {1, kNan, kNan},
  };
  for (const auto& c : cases) {
    for (const bool rows : {true, false}) {
      for (int64_t at = 0; at < 40; at += 3) {
        Reduction r{.kind = Kind::kLogSumExp};
        (rows ? r.length : r.reduced) = 40;
        if (!rows) r.kept = 5;  // all but one of `each`
        std::vector<float> x(40 * r.kept, c.each), y(r.kept);
        x[at * r.kept + r.kept / 2] = c.one;
        Reduce(r, x.data(), y.data(), 0, r.kept);
        const float found = y[r.kept / 2];
        if (std::isnan(c.result)) {
          EXPECT_TRUE(std::isnan(found)) << c.each << ", " << c.one;
        } else {
          EXPECT_FLOAT_EQ(found, c.result) << c.each << ", " << c.one;
        }
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
