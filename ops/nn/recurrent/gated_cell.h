// Steps of LSTM and GRU layers with their usual activations: the product of the states with R, the
// gates and the new states in one pass over R, which has been packed beforehand.
#ifndef NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_H_
#define NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_H_

#include <cstdint>

namespace nomograph {

// What follows arrays of floats that are read below, so that whole vectors of them are there.
constexpr int64_t kCellSlack = 16;

// What R and h are multiplied as. Rounded to bfloat16 R takes half of the memory, whose reading is
// what a step of a few sequences takes; h is rounded where the machine multiplies bfloat16 (core/
// narrow/bfloat16_product.h). Sums and all else are float32.
enum class CellFactors { kFloat32, kBFloat16 };

// The gates are in ONNX's order.
struct GatedCell {
  enum class Kind {
    // i = s(x_i + h R_i), o = s(…), f = s(…), g = tanh(…); c' = f c + i g, h' = o tanh(c'),
    // s being the sigmoid function
    kLstm,
    // z = s(x_z + h R_z), r = s(…), n = tanh(x_n + r (h R_n)); h' = (1 - z) n + z h
    kGru,
  };
  Kind kind;
  CellFactors factors;
  int64_t hidden;
  const float* packed;  // R, by PackCell() on this machine for these factors
  // A row of `hidden` floats for each gate, then slack. All biases, but for GRU that of the last
  // gate that goes with R, which is a row of its own and is added within r (…).
  const float* bias;
  const float* last_bias;
  const float* peephole;  // LSTM: rows for i, o and f, then slack; or null
  float clip;             // sums are brought into [-clip, clip] ahead of their functions

  int64_t gates() const { return kind == Kind::kLstm ? 4 : 3; }
};

// One sequence. Behind each row there is slack, in which may be written.
struct CellRow {
  const float* from_input;  // x W for all gates
  const float* h;
  float* new_h;  // elsewhere
  float* c;      // LSTM's, which is changed in place
  // LSTM: where its gates' values go, rows of `hidden` floats without slack; null: nowhere.
  float* gates = nullptr;
  float* rounded_h = nullptr;  // memory for CellRoundedFloats()
};

// How many floats' memory PackCell() fills. It lies best at a multiple of 64 bytes.
int64_t PackedCellFloats(CellFactors factors, int64_t gates, int64_t hidden);
// `r` is [gates, hidden, hidden]: the factors of a sum lie side by side.
void PackCell(CellFactors factors, const float* r, int64_t gates, int64_t hidden, float* packed);
// Of memory in which h is rounded.
int64_t CellRoundedFloats(CellFactors factors, int64_t hidden);
// Whether factors in bfloat16 are reckoned to be faster for so many sequences.
bool CellRoundingPays(int64_t hidden, int64_t num_rows);

// Takes each of the rows one step further, or of `parts` of their units the one with this number:
// the parts write to different lines of the cache. NaN stays NaN.
void StepCell(const GatedCell& cell, const CellRow* rows, int64_t num_rows, int part = 0,
              int parts = 1);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_GATED_CELL_H_
