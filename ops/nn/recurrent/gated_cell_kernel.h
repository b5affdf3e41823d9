// The loops of gated_cell.cc, which includes this file once for each instruction set.
#if defined(NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_KERNEL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_KERNEL_H_
#undef NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_KERNEL_H_
#else
#define NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_KERNEL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "nomograph/core/types/float16.h"
#include "nomograph/core/vector/vector_steps.h"
#include "nomograph/ops/nn/recurrent/gated_cell.h"

HWY_BEFORE_NAMESPACE();
namespace nomograph {
namespace HWY_NAMESPACE {

// A block of R has as many units as a vector: term after term, and of each term gate after gate.

inline int64_t BlocksOf(int64_t hidden) { return (hidden + kLanes - 1) / kLanes; }

inline int64_t PackedFloatsOfCell(int64_t gates, int64_t hidden) {
  return BlocksOf(hidden) * hidden * gates * kLanes;
}

inline void PackCellRows(const float* r, int64_t gates, int64_t hidden, float* packed) {
  for (int64_t begin = 0; begin < hidden; begin += kLanes) {
    for (int64_t term = 0; term < hidden; ++term) {
      for (int64_t gate = 0; gate < gates; ++gate) {
        for (int64_t u = begin; u < begin + kLanes; ++u) {
          *packed++ = u < hidden ? r[(gate * hidden + u) * hidden + term] : 0.0f;
        }
      }
    }
  }
}

// What follows the sums of one row for a block of units; they lie gate after gate. These are no
// part of the loops over terms, whose sums are to stay in registers.

HWY_NOINLINE void FinishLstm(const GatedCell& cell, const float* sums, const CellRow& row,
                             int64_t unit) {
  const D d;
  const V high = hn::Set(d, cell.clip), low = hn::Neg(high);
  const auto sum = [&](int64_t gate) HWY_ATTR {
    const int64_t at = gate * cell.hidden + unit;
    return hn::Add(hn::Load(d, sums + gate * kLanes),
                   hn::Add(hn::LoadU(d, row.from_input + at), hn::LoadU(d, cell.bias + at)));
  };
  const auto with_peephole = [&](int64_t gate, V state) HWY_ATTR {
    if (cell.peephole == nullptr) return sum(gate);
    return hn::MulAdd(hn::LoadU(d, cell.peephole + gate * cell.hidden + unit), state, sum(gate));
  };
  V c = hn::LoadU(d, row.c + unit);
  V open[] = {Clip(low, high, with_peephole(0, c)), Clip(low, high, with_peephole(2, c)),
              Clip(low, high, sum(1))};
  Sigmoid()(open);
  const V input = open[0], forget = open[1];
  const V candidate = Tanh(d, Clip(low, high, sum(3)));
  c = hn::MulAdd(forget, c, hn::Mul(input, candidate));
  hn::StoreU(c, d, row.c + unit);
  V output = open[2];
  if (cell.peephole != nullptr) {  // it looks at the new state
    V alone[] = {Clip(low, high, with_peephole(1, c))};
    Sigmoid()(alone);
    output = alone[0];
  }
  if (row.gates != nullptr) {
    const V gates[] = {input, output, forget, candidate};
    const int64_t count = std::min<int64_t>(kLanes, cell.hidden - unit);
    for (int64_t gate = 0; gate < 4; ++gate) {
      float lanes[kLanes];  // there is no slack behind a gate's row
      float* const to = row.gates + gate * cell.hidden + unit;
      hn::StoreU(gates[gate], d, count == kLanes ? to : lanes);
      if (count < kLanes) std::copy_n(lanes, count, to);
    }
  }
  hn::StoreU(hn::Mul(output, Tanh(d, c)), d, row.new_h + unit);
}

HWY_NOINLINE void FinishGru(const GatedCell& cell, const float* sums, const CellRow& row,
                            int64_t unit) {
  const D d;
  const V high = hn::Set(d, cell.clip), low = hn::Neg(high);
  const auto from_input = [&](int64_t gate) HWY_ATTR {
    const int64_t at = gate * cell.hidden + unit;
    return hn::Add(hn::LoadU(d, row.from_input + at), hn::LoadU(d, cell.bias + at));
  };
  V open[] = {Clip(low, high, hn::Add(hn::Load(d, sums), from_input(0))),
              Clip(low, high, hn::Add(hn::Load(d, sums + kLanes), from_input(1)))};
  Sigmoid()(open);
  const V update = open[0], reset = open[1];
  const V from_state = hn::Add(hn::Load(d, sums + 2 * kLanes), hn::LoadU(d, cell.last_bias + unit));
  const V hidden = Tanh(d, Clip(low, high, hn::MulAdd(reset, from_state, from_input(2))));
  const V h = hn::LoadU(d, row.h + unit);
  const V kept = hn::Mul(update, h);
  hn::StoreU(hn::MulAdd(hn::Sub(hn::Set(d, 1.0f), update), hidden, kept), d, row.new_h + unit);
}

// The gates' sums for kBlocks blocks of kRows rows, which stay in registers.
template <int64_t kGates, int64_t kBlocks, int64_t kRows>
struct BlockSums {
  HWY_INLINE BlockSums(const GatedCell& cell, const CellRow* rows, int64_t block) {
    Each([&](V& sum, int64_t r, int64_t b, int64_t g) HWY_ATTR {
      sum = hn::Zero(D());
      // Another core may have written it.
      __builtin_prefetch(rows[r].from_input + g * cell.hidden + (block + b) * kLanes);
    });
  }

  // f(sum, row, block, gate) for each of them.
  template <typename F>
  HWY_INLINE void Each(F f) {
#pragma GCC unroll 4
    for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int64_t b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 4
        for (int64_t g = 0; g < kGates; ++g) f(of[r][b][g], r, b, g);
      }
    }
  }

  HWY_INLINE void Finish(const GatedCell& cell, const CellRow* rows, int64_t block) {
    alignas(64) float sums[kRows][kBlocks][kGates * kLanes];
    Each([&](V sum, int64_t r, int64_t b, int64_t g)
             HWY_ATTR { hn::Store(sum, D(), sums[r][b] + g * kLanes); });
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t b = 0; b < kBlocks; ++b) {
        (kGates == 4 ? FinishLstm : FinishGru)(cell, sums[r][b], rows[r], (block + b) * kLanes);
      }
    }
  }

  V of[kRows][kBlocks][kGates];
};

// Steps by factors in float32.
struct Float32Steps {
  // Those of kBlocks blocks from number `block` on, of kRows rows.
  template <int64_t kGates, int64_t kBlocks, int64_t kRows>
  static void Run(const GatedCell& cell, const CellRow* rows, int64_t block) {
    const D d;
    const int64_t hidden = cell.hidden, block_floats = hidden * kGates * kLanes;
    const float* HWY_RESTRICT w = cell.packed + block * block_floats;
    const float* h[kRows];
    for (int64_t r = 0; r < kRows; ++r) h[r] = rows[r].h;
    BlockSums<kGates, kBlocks, kRows> sums(cell, rows, block);
    for (int64_t k = 0; k < hidden; ++k, w += kGates * kLanes) {
      sums.Each([&](V& sum, int64_t r, int64_t b, int64_t g) HWY_ATTR {
        const V terms = hn::Load(d, w + b * block_floats + g * kLanes);
        sum = hn::MulAdd(hn::Set(d, h[r][k]), terms, sum);
      });
    }
    sums.Finish(cell, rows, block);
  }
};

// Three rows at a time go through a block, which stays in the first cache. One row takes two blocks
// at a time, so that the sums do not wait for one another.
template <typename Steps, int64_t kGates>
void StepGates(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part, int parts) {
  const int64_t blocks = BlocksOf(cell.hidden), last = num_rows - num_rows % 3;
  const int64_t pairs = (blocks + 1) / 2;
  for (int64_t block = pairs * part / parts * 2; block < pairs * (part + 1) / parts * 2;
       block += 2) {
    const bool both = block + 1 < blocks;
    for (int64_t b = block; b < std::min(block + 2, blocks); ++b) {
      for (int64_t r = 0; r < last; r += 3) Steps::template Run<kGates, 1, 3>(cell, rows + r, b);
      if (num_rows - last == 2) Steps::template Run<kGates, 1, 2>(cell, rows + last, b);
    }
    if (num_rows - last != 1) continue;
    (both ? Steps::template Run<kGates, 2, 1>
          : Steps::template Run<kGates, 1, 1>)(cell, rows + last, block);
  }
}

template <typename Steps>
void StepRowsBy(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part, int parts) {
  (cell.kind == GatedCell::Kind::kLstm ? StepGates<Steps, 4>
                                       : StepGates<Steps, 3>)(cell, rows, num_rows, part, parts);
}

inline void StepRows(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part,
                     int parts) {
  StepRowsBy<Float32Steps>(cell, rows, num_rows, part, parts);
}

// R rounded to bfloat16: pairs of terms lie where terms lie otherwise, the first one in the lower
// half. What follows the last term of an odd number is 0.
inline int64_t PairsOfTerms(int64_t hidden) { return (hidden + 1) / 2; }

inline int64_t PairFloatsOfCell(int64_t gates, int64_t hidden) {
  return BlocksOf(hidden) * PairsOfTerms(hidden) * gates * kLanes;
}

inline void PackCellPairs(const float* r, int64_t gates, int64_t hidden, float* packed) {
  for (int64_t begin = 0; begin < hidden; begin += kLanes) {
    for (int64_t term = 0; term < hidden; term += 2) {
      for (int64_t gate = 0; gate < gates; ++gate, packed += kLanes) {
        float pairs[2 * kLanes] = {};
        for (int64_t u = begin; u < std::min(begin + kLanes, hidden); ++u) {
          const float* const from = r + (gate * hidden + u) * hidden + term;
          std::copy_n(from, std::min<int64_t>(2, hidden - term), pairs + 2 * (u - begin));
        }
        ConvertFloats(pairs, reinterpret_cast<BFloat16*>(packed), 2 * kLanes);
      }
    }
  }
}

// Steps by such an R, which becomes float32 in registers.
struct WidenedSteps {
  template <int64_t kGates, int64_t kBlocks, int64_t kRows>
  static void Run(const GatedCell& cell, const CellRow* rows, int64_t block) {
    const D d;
    const hn::RebindToUnsigned<D> du;
    const int64_t hidden = cell.hidden, pairs = PairsOfTerms(hidden),
                  block_floats = pairs * kGates * kLanes;
    const float* HWY_RESTRICT w = cell.packed + block * block_floats;
    const float* h[kRows];
    for (int64_t r = 0; r < kRows; ++r) h[r] = rows[r].h;
    BlockSums<kGates, kBlocks, kRows> sums(cell, rows, block);
    const auto upper = hn::Set(du, 0xffff0000u);
    for (int64_t k = 0; k < hidden; k += 2, w += kGates * kLanes) {
      sums.Each([&](V& sum, int64_t r, int64_t b, int64_t g) HWY_ATTR {
        const auto two = hn::BitCast(du, hn::Load(d, w + b * block_floats + g * kLanes));
        sum = hn::MulAdd(hn::Set(d, h[r][k]), hn::BitCast(d, hn::ShiftLeft<16>(two)), sum);
        const V second = hn::BitCast(d, hn::And(two, upper));
        sum = hn::MulAdd(hn::Set(d, k + 1 < hidden ? h[r][k + 1] : 0.0f), second, sum);
      });
    }
    sums.Finish(cell, rows, block);
  }
};

inline void StepRowsWidened(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part,
                            int parts) {
  StepRowsBy<WidenedSteps>(cell, rows, num_rows, part, parts);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#if HWY_TARGET == HWY_AVX3

#include <immintrin.h>

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace nomograph {
namespace HWY_NAMESPACE {

// Steps by such an R and rounded states.
struct PairSteps {
  template <int64_t kGates, int64_t kBlocks, int64_t kRows>
  static void Run(const GatedCell& cell, const CellRow* rows, int64_t block) {
    const int64_t pairs = PairsOfTerms(cell.hidden), block_floats = pairs * kGates * kLanes;
    const float* HWY_RESTRICT w = cell.packed + block * block_floats;
    const float* h[kRows];
    for (int64_t r = 0; r < kRows; ++r) h[r] = rows[r].rounded_h;
    BlockSums<kGates, kBlocks, kRows> sums(cell, rows, block);
    for (int64_t p = 0; p < pairs; ++p, w += kGates * kLanes) {
#pragma GCC unroll 4
      for (int64_t r = 0; r < kRows; ++r) {
        const auto states = (__m512bh)_mm512_set1_ps(h[r][p]);
#pragma GCC unroll 4
        for (int64_t b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 4
          for (int64_t g = 0; g < kGates; ++g) {
            const auto terms = (__m512bh)_mm512_load_ps(w + b * block_floats + g * kLanes);
            V& sum = sums.of[r][b][g];
            sum = V{_mm512_dpbf16_ps(sum.raw, terms, states)};
          }
        }
      }
    }
    sums.Finish(cell, rows, block);
  }
};

inline void StepRowsOfPairs(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part,
                            int parts) {
  for (int64_t r = 0; r < num_rows; ++r) {
    auto* const rounded = reinterpret_cast<BFloat16*>(rows[r].rounded_h);
    ConvertFloats(rows[r].h, rounded, cell.hidden);
    if (cell.hidden % 2 != 0) rounded[cell.hidden] = BFloat16(0.0f);
  }
  StepRowsBy<PairSteps>(cell, rows, num_rows, part, parts);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_POP_ATTRIBUTES

#endif  // HWY_TARGET == HWY_AVX3

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_KERNEL_H_
