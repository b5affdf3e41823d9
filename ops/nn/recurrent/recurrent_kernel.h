// The fast kernel of recurrent layers, for float32: one matrix product of the inputs and W for many
// steps at once; then, step by step, one of the states and R for the whole batch, and loops over
// the gates' units that an op gives for one sequence. Where the layer is one of those of
// ops/nn/recurrent/gated_cell.h, and R is constant or there are many steps, a step is one pass over
// R, packed.
#ifndef NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_KERNEL_H_
#define NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_KERNEL_H_

#include <functional>
#include <optional>
#include <vector>

#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/nn/recurrent/gated_cell.h"
#include "nomograph/ops/nn/recurrent/recurrent.h"

namespace nomograph::nn {

// One sequence in one step. All arrays have rows of `hidden` floats, a row for each gate.
struct RecurrentRow {
  int64_t hidden;
  const float* from_input;  // of all gates, without biases
  const float* from_state;  // of the phase's gates, without biases
  const float* bias;        // of all gates, both biases (but see separate_last_bias)
  const float* last_bias;   // of the last gate, the one that goes with R
  const float* peephole;    // P, or null
  float* gates;             // memory for all gates, which lasts through the phases of a step
  float *h, *c;             // the states; c also where the layer has none
  // What a phase with of_product multiplies R with; of plans without one memory for a row.
  float* product;

  const GateActivation* activation;
  float clip;
  // Activation number `i` of `count` sums in place, which are clipped first.
  void Activate(int i, float* sums, int64_t count) const;
  // gates = from_input + from_state + bias for the first `count` gates.
  void Add(int count) const;
};

// A part of a step, for which R is multiplied with h, or with what the phase before left in
// `product`.
struct RecurrentPhase {
  int first_gate, gates;  // of which the phase needs the product
  bool of_product;
  std::function<void(const RecurrentRow&)> compute;
};

struct RecurrentPlan {
  std::vector<RecurrentPhase> phases;
  // The last gate's bias that goes with R is not in `bias`.
  bool separate_last_bias = false;
  // What the phases compute with the activations Sigmoid, Tanh and, for LSTM, Tanh.
  std::optional<GatedCell::Kind> cell = std::nullopt;
};
using RecurrentPlanFn = std::function<RecurrentPlan(const Attributes& attrs)>;

// A product of a layer's rows with W or R: y[m, n] = sum over k of x[m, k] w[n, k].
struct RecurrentProduct {
  int input;  // w's in the layer's node
  int64_t first, width,
      columns;          // w: its rows from `first` on, `width` of them, of so many columns
  int64_t rows;         // of x
  bool rounds = false;  // whether factors are rounded to bfloat16 where that pays
  int threads = 1;
};
// Its kernel, whose inputs are x and w. None where no kernel serves it. `context` is the node's.
absl::StatusOr<std::optional<SubKernel>> PrepareProduct(const RecurrentProduct& product,
                                                        const PrepareContext& context);

// For OpDef::Fast. It takes no post-ops, but says of marked nodes whether they round.
FastKernel FastRecurrent(RecurrentKind kind, RecurrentPlanFn plan);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_KERNEL_H_
