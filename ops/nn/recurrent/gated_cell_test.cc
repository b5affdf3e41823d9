// Steps of LSTM and GRU cells against the formulas in double, for sizes around those of vectors and
// of rows that are taken together.
#include "nomograph/ops/nn/recurrent/gated_cell.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/dtype.h"

namespace nomograph {
namespace {

using Kind = GatedCell::Kind;

std::vector<float> Random(int64_t count, uint64_t key, float scale = 1.0f) {
  std::vector<float> values(count + kCellSlack, std::nanf(""));
  for (int64_t i = 0; i < count; ++i) {
    values[i] = scale * (static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f);
  }
  return values;
}

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

double Rounded(float x) { return static_cast<float>(BFloat16(x)); }

struct Case {
  Kind kind;
  int64_t hidden, rows;
  bool peephole = false;
  float clip = std::numeric_limits<float>::infinity();
  int parts = 1;
};

const Case kCases[] = {
    {Kind::kLstm, 1, 1},
    {Kind::kLstm, 7, 2},
    {Kind::kLstm, 8, 3},
    {Kind::kLstm, 16, 4},
    {Kind::kLstm, 33, 5, true},
    {Kind::kLstm, 128, 1},
    {Kind::kLstm, 40, 7},
    {Kind::kGru, 1, 4},
    {Kind::kGru, 9, 1},
    {Kind::kGru, 24, 2},
    {Kind::kGru, 47, 3},
    {Kind::kGru, 64, 8},
    {Kind::kGru, 5, 1, false, 0.25f},
    {Kind::kLstm, 17, 4, true, 0.25f},
    {.kind = Kind::kLstm, .hidden = 128, .rows = 1, .parts = 2},
    {.kind = Kind::kLstm, .hidden = 130, .rows = 4, .parts = 3},
    {.kind = Kind::kGru, .hidden = 70, .rows = 2, .parts = 2},
    {.kind = Kind::kGru, .hidden = 5, .rows = 1, .parts = 4},  // more than there are vectors
};

// A step by these factors.
void ExpectFormula(const Case& c, CellFactors factors) {
  const int64_t n = c.hidden;
  GatedCell cell{.kind = c.kind, .factors = factors, .hidden = n, .clip = c.clip};
  const int64_t gates = cell.gates();
  const auto r = Random(gates * n * n, 1), bias = Random(gates * n, 2), last = Random(n, 3);
  const auto peephole = Random(3 * n, 4);
  const bool rounds = factors == CellFactors::kBFloat16;
  const bool rounds_h = rounds && HasBFloat16Products();
  std::vector<float> packed(PackedCellFloats(factors, gates, n) + 16);
  float* const aligned =
      packed.data() + (64 - reinterpret_cast<uintptr_t>(packed.data()) % 64) % 64 / sizeof(float);
  PackCell(factors, r.data(), gates, n, aligned);
  cell.packed = aligned;
  cell.bias = bias.data();
  cell.last_bias = last.data();
  if (c.peephole) cell.peephole = peephole.data();
  std::vector<std::vector<float>> x, h, new_h, states, rounded;
  std::vector<CellRow> rows;
  for (int64_t b = 0; b < c.rows; ++b) {
    x.push_back(Random(gates * n, 10 + b, 4));
    h.push_back(Random(n, 30 + b));
    states.push_back(Random(n, 50 + b));
    new_h.emplace_back(n + kCellSlack);
    rounded.emplace_back(CellRoundedFloats(factors, n), std::nanf(""));
  }
  const auto old_states = states;
  for (int64_t b = 0; b < c.rows; ++b) {
    rows.push_back(
        {x[b].data(), h[b].data(), new_h[b].data(), states[b].data(), nullptr, rounded[b].data()});
  }
  for (int part = 0; part < c.parts; ++part) {
    StepCell(cell, rows.data(), c.rows, part, c.parts);
  }
  for (int64_t b = 0; b < c.rows; ++b) {
    for (int64_t u = 0; u < n; ++u) {
      const auto from_state = [&](int64_t gate) {
        double sum = 0;
        for (int64_t k = 0; k < n; ++k) {
          const float state = h[b][k], weight = r[(gate * n + u) * n + k];
          sum += (rounds_h ? Rounded(state) : state) * (rounds ? Rounded(weight) : double{weight});
        }
        return sum;
      };
      const auto from_input = [&](int64_t gate) {
        return static_cast<double>(x[b][gate * n + u]) + bias[gate * n + u];
      };
      const auto clip = [&](double v) { return std::clamp<double>(v, -c.clip, c.clip); };
      double expected;
      if (c.kind == Kind::kLstm) {
        const auto sum = [&](int64_t gate, double state) {
          const double p = c.peephole ? peephole[gate * n + u] * state : 0.0;
          return clip(from_input(gate) + from_state(gate) + p);
        };
        double state = old_states[b][u];
        const double input = Sigmoid(sum(0, state)), forget = Sigmoid(sum(2, state));
        state = forget * state + input * std::tanh(clip(from_input(3) + from_state(3)));
        EXPECT_NEAR(states[b][u], state, 4e-6) << b << ", " << u;
        expected = Sigmoid(sum(1, state)) * std::tanh(state);
      } else {
        const double update = Sigmoid(clip(from_input(0) + from_state(0)));
        const double reset = Sigmoid(clip(from_input(1) + from_state(1)));
        const double hidden = std::tanh(clip(from_input(2) + reset * (from_state(2) + last[u])));
        expected = (1.0 - update) * hidden + update * h[b][u];
      }
      EXPECT_NEAR(new_h[b][u], expected, 4e-6) << b << ", " << u;
    }
  }
}

TEST(GatedCell, FollowsTheFormula) {
  for (const Case& c : kCases) {
    for (const CellFactors factors : {CellFactors::kFloat32, CellFactors::kBFloat16}) {
      SCOPED_TRACE(testing::Message() << (c.kind == Kind::kLstm ? "LSTM " : "GRU ") << c.hidden
                                      << " x" << c.rows << " clip " << c.clip << " in " << c.parts
                                      << (factors == CellFactors::kBFloat16 ? " in bfloat16" : ""));
      ExpectFormula(c, factors);
    }
  }
}

// By way of an LSTM cell without weights, whose input and output gates are open.
TEST(GatedCell, FunctionsHoldForAllNumbers) {
  const int64_t n = 1;
  const std::vector<float> r(4, 0.0f), bias(4 + kCellSlack, 0.0f);
  std::vector<float> packed(PackedCellFloats(CellFactors::kFloat32, 4, n) + 16);
  float* const aligned =
      packed.data() + (64 - reinterpret_cast<uintptr_t>(packed.data()) % 64) % 64 / sizeof(float);
  PackCell(CellFactors::kFloat32, r.data(), 4, n, aligned);
  const float inf = std::numeric_limits<float>::infinity();
  const GatedCell cell{
      Kind::kLstm, CellFactors::kFloat32, n, aligned, bias.data(), nullptr, nullptr, inf};
  const auto run = [&](float input, float forget, float candidate, float state) {
    std::vector<float> x(4 + kCellSlack, 0.0f), h(1 + kCellSlack), new_h(1 + kCellSlack),
        c(1 + kCellSlack);
    x[0] = input, x[2] = forget, x[3] = candidate, c[0] = state;
    const CellRow row{x.data(), h.data(), new_h.data(), c.data()};
    StepCell(cell, &row, 1);
    return c[0];
  };
  for (double magnitude = 1e-6; magnitude < 1e3; magnitude *= 1.1) {
    for (const double v : {magnitude, -magnitude}) {
      const float x = static_cast<float>(v);
      EXPECT_NEAR(run(inf, -inf, x, 1), std::tanh(double{x}), 5e-7 * std::fabs(std::tanh(x))) << x;
      const double sigmoid = Sigmoid(x);
      EXPECT_NEAR(run(-inf, x, 0, 1), sigmoid, 5e-7 * sigmoid + 1e-37) << x;
    }
  }
  EXPECT_EQ(run(inf, -inf, inf, 1), 1.0f);
  EXPECT_EQ(run(inf, -inf, -inf, 1), -1.0f);
  const float nan = std::nanf("");
  EXPECT_TRUE(std::isnan(run(nan, 0, 1, 1)) && std::isnan(run(0, nan, 1, 1)) &&
              std::isnan(run(0, 0, nan, 1)));
}

}  // namespace
}  // namespace nomograph
