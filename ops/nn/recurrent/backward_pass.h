// One direction of a recurrent layer backward through time, on arrays: the arithmetic of
// recurrent_gradient.h, for float and double.
#ifndef NOMOGRAPH_OPS_NN_RECURRENT_BACKWARD_PASS_H_
#define NOMOGRAPH_OPS_NN_RECURRENT_BACKWARD_PASS_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "nomograph/ops/nn/recurrent/recurrent_gradient.h"

namespace nomograph::nn {

// The arrays of one direction. Rows are (step, sequence) in the order in which the layer goes
// through them, a row of `input`, `hidden` or gates * hidden elements each; rows behind a
// sequence's end are zeros. Those of weights lie as in the layer's inputs.
template <typename Real>
struct BackwardArrays {
  int64_t steps, batch, input, hidden, gates;
  int threads;
  bool rounds;  // whether factors of large products are rounded to bfloat16; in float32 alone
  const std::vector<int64_t>* lengths;  // of the sequences

  const Real *x, *w, *r;
  const Real* b;         // both biases; null: 0
  const Real* peephole;  // null: 0
  const Real* h;         // [steps + 1, batch, hidden]: before each step, and the last
  const Real* c0;        // [batch, hidden]; null: 0
  const Real* dy;        // [steps, batch, hidden]
  Real* kept;            // of an LSTM: the gates' values, which were kept; null: to be computed
  Real *dh, *dc;         // [batch, hidden]: of the last state; becomes the first one's
  Real *dx, *dw, *dr, *db, *dpeephole;  // db: both biases; dpeephole may be null
};

struct BackwardOptions {
  RecurrentCell cell;
  const GateActivation* activation;  // f, g, h
  double clip = std::numeric_limits<double>::infinity();
  bool input_forget = false, linear_before_reset = false;
};

// How many elements of memory RunBackward() needs.
template <typename Real>
int64_t BackwardScratch(const BackwardArrays<Real>& arrays);

template <typename Real>
absl::Status RunBackward(const BackwardOptions& options, const BackwardArrays<Real>& arrays,
                         Real* scratch);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_BACKWARD_PASS_H_
