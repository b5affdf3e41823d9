// Attention in tiles against the formula in double.
#include "nomograph/core/attention/tiled_attention.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/dtype.h"

namespace nomograph {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Aligned as scratch memory is.
std::unique_ptr<float, decltype(&std::free)> Aligned(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(float) + 127) / 64 * 64;
  return {static_cast<float*>(std::aligned_alloc(64, bytes)), &std::free};
}

std::vector<float> Random(int64_t count, uint64_t key, float range) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    values[i] = (static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f) * range;
  }
  return values;
}

// Which sizes of the scores a mask has: the others are 1.
enum MaskAxes { kOfKeys = 1, kOfQueries = 2, kOfHeads = 4, kOfBatch = 8, kOfAll = 15 };

struct Case {
  int64_t batch, heads, key_heads, queries, keys, size, value_size;
  ScoreMask::Kind kind = ScoreMask::kNone;
  int axes = 0;
  bool causal = false;        // else the mask is random
  bool heads_inside = false;  // [batch, position, head, element] instead of heads in front
  bool key_columns = false;   // the elements of a key lie apart
  float range = 1;
  int parts = 1;
};

const Case kCases[] = {
    {1, 1, 1, 1, 1, 1, 1},
    {2, 3, 3, 5, 7, 8, 4},
    {1, 2, 2, 64, 64, 64, 64, ScoreMask::kAdd, kOfKeys | kOfBatch},
    {2, 2, 1, 37, 211, 40, 24, ScoreMask::kNone, 0, false, true, false, 1, 3},
    {1, 4, 2, 300, 97, 16, 20, ScoreMask::kAdd, kOfAll, false, true, true, 4, 2},
    {1, 1, 1, 530, 530, 8, 6, ScoreMask::kAdd, kOfKeys | kOfQueries, true, false, false, 30, 4},
    {1, 2, 2, 290, 290, 12, 13, ScoreMask::kShow, kOfKeys | kOfQueries, true},
    {2, 4, 2, 9, 400, 24, 17, ScoreMask::kHide, kOfAll, true, true},
    {2, 6, 3, 1, 333, 64, 64, ScoreMask::kShow, kOfKeys | kOfBatch | kOfHeads, false, false},
    {1, 8, 8, 1, 65, 64, 80, ScoreMask::kAdd, kOfAll, false, true, false, 20, 2},
    {1, 4, 1, 1, 192, 19, 5, ScoreMask::kHide, kOfKeys},
    {2, 2, 2, 3, 100, 32, 32, ScoreMask::kHide, 0},
    {1, 3, 1, 2, 50, 33, 70, ScoreMask::kNone, 0, false, true, true},
    {1, 1, 1, 20, 500, 4, 4, ScoreMask::kNone, 0, false, false, false, 100},  // far apart
};

// `rounds`: in bfloat16. All numbers are bfloat16 then, and so are they times the scale, so that
// what is rounded are the weights of values.
class Problem {
 public:
  explicit Problem(const Case& c, bool rounds = false)
      : c_(c),
        scale_(rounds ? 0.25f : 0.3f),
        q_(Random(c.batch * c.heads * c.queries * c.size, 1, c.range)),
        k_(Random(c.batch * c.key_heads * c.keys * c.size, 2, c.range)),
        v_(Random(c.batch * c.key_heads * c.keys * c.value_size, 3, 1)),
        y_(c.batch * c.heads * c.queries * c.value_size, 9.0f) {
    a_ = {.batch = c.batch,
          .heads = c.heads,
          .key_heads = c.key_heads,
          .queries = c.queries,
          .keys = c.keys,
          .size = c.size,
          .value_size = c.value_size,
          .query = q_.data(),
          .key = k_.data(),
          .value = v_.data(),
          .output = y_.data(),
          .query_strides = Strides(c.heads, c.queries, c.size),
          .key_strides = Strides(c.key_heads, c.keys, c.size),
          .value_strides = Strides(c.key_heads, c.keys, c.value_size),
          .output_strides = Strides(c.heads, c.queries, c.value_size),
          .scale = scale_,
          .mask = {},
          .rounds = rounds};
    if (rounds) {
      for (std::vector<float>* values : {&q_, &k_, &v_}) {
        for (float& x : *values) x = static_cast<float>(BFloat16(x));
      }
    }
    if (c.key_columns) a_.key_strides = {c.key_heads * c.keys * c.size, c.keys * c.size, 1, c.keys};
    SetMask();
  }

  void Run() {
    const int64_t floats = AttentionScratchFloats(a_);
    for (int part = 0; part < c_.parts; ++part) {
      AttendPart(a_, part, c_.parts, Aligned(floats).get());
    }
  }

  // Compares all outputs with the formula.
  void Check() const {
    for (int64_t b = 0; b < c_.batch; ++b) {
      for (int64_t h = 0; h < c_.heads; ++h) {
        for (int64_t s = 0; s < c_.queries; ++s) CheckQuery(b, h, s);
      }
    }
  }

 private:
  HeadStrides Strides(int64_t heads, int64_t positions, int64_t size) const {
    const int64_t batch = heads * positions * size;
    if (c_.heads_inside) return {batch, size, heads * size, 1};
    return {batch, positions * size, size, 1};
  }

  void SetMask() {
    const auto has = [&](MaskAxes axis) { return (c_.axes & axis) != 0; };
    const int64_t keys = has(kOfKeys) ? c_.keys : 1, queries = has(kOfQueries) ? c_.queries : 1;
    const int64_t heads = has(kOfHeads) ? c_.heads : 1, batch = has(kOfBatch) ? c_.batch : 1;
    a_.mask.kind = c_.kind;
    a_.mask.hidden = -kInfinity;
    a_.mask.strides = {has(kOfBatch) ? heads * queries * keys : 0,
                       has(kOfHeads) ? queries * keys : 0, has(kOfQueries) ? keys : 0,
                       has(kOfKeys) ? 1 : 0};
    for (int64_t i = 0; i < batch * heads * queries * keys; ++i) {
      const uint64_t random = MixKeys(4, i);
      const bool on = c_.causal ? i % keys <= i / keys % queries : random % 3 != 0;
      bools_.push_back(on);
      const float noise = static_cast<float>(random % 7) - 3.0f;
      floats_.push_back(!on ? -kInfinity : c_.causal ? 0.0f : noise);
    }
    a_.mask.data = c_.kind == ScoreMask::kAdd ? static_cast<const void*>(floats_.data())
                                              : static_cast<const void*>(bools_.data());
  }

  static int64_t At(const HeadStrides& s, int64_t b, int64_t h, int64_t position, int64_t element) {
    return b * s.batch + h * s.head + position * s.position + element * s.element;
  }

  double Score(int64_t b, int64_t h, int64_t s, int64_t k) const {
    double score = 0;
    const int64_t key_head = h / (c_.heads / c_.key_heads);
    for (int64_t e = 0; e < c_.size; ++e) {
      score += static_cast<double>(q_[At(a_.query_strides, b, h, s, e)]) *
               k_[At(a_.key_strides, b, key_head, k, e)];
    }
    score *= double{scale_};
    const int64_t at = At(a_.mask.strides, b, h, s, k);
    switch (c_.kind) {
      case ScoreMask::kNone:
        return score;
      case ScoreMask::kAdd:
        return score + floats_[at];
      case ScoreMask::kShow:
        return bools_[at] != 0 ? score : -kInfinity;
      case ScoreMask::kHide:
        return bools_[at] == 0 ? score : -kInfinity;
    }
    return score;
  }

  void CheckQuery(int64_t b, int64_t h, int64_t s) const {
    std::vector<double> weights;
    double greatest = -kInfinity, total = 0;
    for (int64_t k = 0; k < c_.keys; ++k) {
      weights.push_back(Score(b, h, s, k));
      greatest = std::max(greatest, weights.back());
    }
    for (double& weight : weights) total += weight = std::exp(weight - greatest);
    for (int64_t e = 0; e < c_.value_size; ++e) {
      double right = 0;
      for (int64_t k = 0; k < c_.keys; ++k) {
        right += weights[k] * v_[At(a_.value_strides, b, h / (c_.heads / c_.key_heads), k, e)];
      }
      right /= total;
      const float found = y_[At(a_.output_strides, b, h, s, e)];
      if (std::isnan(right)) {
        EXPECT_TRUE(std::isnan(found)) << b << " " << h << " " << s << " " << e << ": " << found;
      } else {
        // Scores of some hundreds are off by some 1e-5, and exponentials by as much.
        const double weights_off = a_.rounds ? 0x1p-9 : 0.0;
        ASSERT_NEAR(found, right, weights_off + (c_.range < 50 ? 2e-5 : 2e-4))
            << b << " " << h << " " << s << " " << e;
      }
    }
  }

  const Case& c_;
  const float scale_;
  std::vector<float> q_, k_, v_, y_, floats_;
  std::vector<uint8_t> bools_;
  TiledAttention a_;
};

TEST(TiledAttention, IsTheFormula) {
  for (size_t i = 0; i < std::size(kCases); ++i) {
    SCOPED_TRACE(i);
    Problem problem(kCases[i]);
    problem.Run();
    problem.Check();
  }
}

TEST(TiledAttention, InBFloat16) {
  if (!HasBFloat16Products()) GTEST_SKIP() << "this machine does not multiply bfloat16";
  for (size_t i = 0; i < std::size(kCases); ++i) {
    SCOPED_TRACE(i);
    Problem problem(kCases[i], /*rounds=*/true);
    problem.Run();
    problem.Check();
  }
}

}  // namespace
}  // namespace nomograph
