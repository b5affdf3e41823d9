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

// The gates' sums for one block of units of one row.
template <int64_t kGates>
struct Sums {
  V of[kGates];
};

// 1 / (1 + e^-x).
HWY_INLINE V Open(D d, V x) {
  const V bounded = Clip(hn::Set(d, -87.0f), hn::Set(d, 89.0f), hn::Neg(x));
  return hn::Div(hn::Set(d, 1.0f), hn::Add(hn::Set(d, 1.0f), Exp(d, bounded)));
}

HWY_INLINE void FinishLstm(const GatedCell& cell, const Sums<4>& sums, const CellRow& row,
                           int64_t unit) {
  const D d;
  const V high = hn::Set(d, cell.clip), low = hn::Neg(high);
  const auto sum = [&](int64_t gate) HWY_ATTR {
    const int64_t at = gate * cell.hidden + unit;
    return hn::Add(sums.of[gate],
                   hn::Add(hn::LoadU(d, row.from_input + at), hn::LoadU(d, cell.bias + at)));
  };
  const auto with_peephole = [&](int64_t gate, V state) HWY_ATTR {
    if (cell.peephole == nullptr) return sum(gate);
    return hn::MulAdd(hn::LoadU(d, cell.peephole + gate * cell.hidden + unit), state, sum(gate));
  };
  V c = hn::LoadU(d, row.c + unit);
  const V input = Open(d, Clip(low, high, with_peephole(0, c)));
  const V forget = Open(d, Clip(low, high, with_peephole(2, c)));
  const V candidate = Tanh(d, Clip(low, high, sum(3)));
  c = hn::MulAdd(forget, c, hn::Mul(input, candidate));
  hn::StoreU(c, d, row.c + unit);
  const V output = Open(d, Clip(low, high, with_peephole(1, c)));
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

HWY_INLINE void FinishGru(const GatedCell& cell, const Sums<3>& sums, const CellRow& row,
                          int64_t unit) {
  const D d;
  const V high = hn::Set(d, cell.clip), low = hn::Neg(high);
  const auto from_input = [&](int64_t gate) HWY_ATTR {
    const int64_t at = gate * cell.hidden + unit;
    return hn::Add(hn::LoadU(d, row.from_input + at), hn::LoadU(d, cell.bias + at));
  };
  const V update = Open(d, Clip(low, high, hn::Add(sums.of[0], from_input(0))));
  const V reset = Open(d, Clip(low, high, hn::Add(sums.of[1], from_input(1))));
  const V from_state = hn::Add(sums.of[2], hn::LoadU(d, cell.last_bias + unit));
  const V hidden = Tanh(d, Clip(low, high, hn::MulAdd(reset, from_state, from_input(2))));
  const V h = hn::LoadU(d, row.h + unit);
  const V kept = hn::Mul(update, h);
  hn::StoreU(hn::MulAdd(hn::Sub(hn::Set(d, 1.0f), update), hidden, kept), d, row.new_h + unit);
}

// kBlocks blocks from number `block` on, of kRows rows. All sums stay in registers.
template <int64_t kGates, int64_t kBlocks, int64_t kRows>
void StepBlocks(const GatedCell& cell, const CellRow* rows, int64_t block) {
  const D d;
  const int64_t hidden = cell.hidden, block_floats = hidden * kGates * kLanes;
  const float* HWY_RESTRICT w = cell.packed + block * block_floats;
  const float* h[kRows];
  Sums<kGates> sums[kRows][kBlocks];
#pragma GCC unroll 4
  for (int64_t r = 0; r < kRows; ++r) {
    h[r] = rows[r].h;
#pragma GCC unroll 4
    for (int64_t b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 4
      for (int64_t g = 0; g < kGates; ++g) {
        sums[r][b].of[g] = hn::Zero(d);
        // Another core may have written it.
        __builtin_prefetch(rows[r].from_input + g * hidden + (block + b) * kLanes);
      }
    }
  }
  for (int64_t k = 0; k < hidden; ++k, w += kGates * kLanes) {
#pragma GCC unroll 4
    for (int64_t r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, h[r][k]);
#pragma GCC unroll 4
      for (int64_t b = 0; b < kBlocks; ++b) {
#pragma GCC unroll 4
        for (int64_t g = 0; g < kGates; ++g) {
          V& sum = sums[r][b].of[g];
          sum = hn::MulAdd(x, hn::Load(d, w + b * block_floats + g * kLanes), sum);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int64_t b = 0; b < kBlocks; ++b) {
      const int64_t unit = (block + b) * kLanes;
      if constexpr (kGates == 4) {
        FinishLstm(cell, sums[r][b], rows[r], unit);
      } else {
        FinishGru(cell, sums[r][b], rows[r], unit);
      }
    }
  }
}

// Three rows at a time go through a block, which stays in the first cache. One row takes two blocks
// at a time, so that the sums do not wait for one another.
template <int64_t kGates>
void StepGates(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part, int parts) {
  const int64_t blocks = BlocksOf(cell.hidden), last = num_rows - num_rows % 3;
  const int64_t pairs = (blocks + 1) / 2;
  for (int64_t block = pairs * part / parts * 2; block < pairs * (part + 1) / parts * 2;
       block += 2) {
    const bool both = block + 1 < blocks;
    for (int64_t b = block; b < std::min(block + 2, blocks); ++b) {
      for (int64_t r = 0; r < last; r += 3) StepBlocks<kGates, 1, 3>(cell, rows + r, b);
      if (num_rows - last == 2) StepBlocks<kGates, 1, 2>(cell, rows + last, b);
    }
    if (num_rows - last != 1) continue;
    (both ? StepBlocks<kGates, 2, 1> : StepBlocks<kGates, 1, 1>)(cell, rows + last, block);
  }
}

inline void StepRows(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part,
                     int parts) {
  (cell.kind == GatedCell::Kind::kLstm ? StepGates<4> : StepGates<3>)(cell, rows, num_rows, part,
                                                                      parts);
}

}  // namespace HWY_NAMESPACE
}  // namespace nomograph
HWY_AFTER_NAMESPACE();

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_KERNEL_H_
