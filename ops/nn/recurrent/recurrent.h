// What the recurrent layers (LSTM, GRU, RNN) share: their attributes, inputs and shapes, which are
// ONNX's, and the walk along the sequences. An op adds what one step computes.
//
// A layer has `gates` sums of `hidden` units each. W and R hold the gates' weights one below the
// other, B the biases that go with W and then those that go with R.
#ifndef NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_H_
#define NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_H_

#include <functional>
#include <string>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/nn/recurrent/gate_activation.h"

namespace nomograph::nn {

// The inputs: initial_c and P are LSTM's alone.
enum RecurrentInput { kX, kW, kR, kB, kSequenceLens, kInitialH, kInitialC, kP };

// What kind of layer an op is.
struct RecurrentKind {
  int gates;
  std::vector<std::string> activations;  // the default ones, in the order of ONNX's f, g, h
  bool has_cell = false;                 // a second state, c
};

// A node with known shapes.
struct RecurrentNode {
  int64_t steps, batch, input, hidden, directions;
  bool batch_first;                         // attribute layout
  bool reverse_first;                       // attribute direction is "reverse"
  std::vector<GateActivation> activations;  // of every direction

  // REQUIRES: the shape function has passed them.
  RecurrentNode(const RecurrentKind& kind, const Attributes& attrs, const Shape& x, const Shape& r);

  bool reverse(int64_t direction) const { return reverse_first || direction == 1; }
  // The activation number `i` of a direction.
  const GateActivation& activation(int64_t direction, int i) const {
    return activations[direction * (activations.size() / directions) + i];
  }
  // Where the vectors of X, of Y, and of the states begin, as numbers of vectors.
  int64_t x_row(int64_t t, int64_t b) const { return batch_first ? b * steps + t : t * batch + b; }
  int64_t y_row(int64_t t, int64_t d, int64_t b) const {
    return batch_first ? (b * steps + t) * directions + d : (t * directions + d) * batch + b;
  }
  int64_t state_row(int64_t d, int64_t b) const {
    return batch_first ? b * directions + d : d * batch + b;
  }
};

// The length of each sequence of the batch.
class SequenceLengths {
 public:
  // InvalidArgument when one is negative or longer than X.
  static absl::StatusOr<SequenceLengths> Of(const KernelContext& context,
                                            const RecurrentNode& node);
  int64_t operator[](int64_t b) const { return given_ == nullptr ? steps_ : given_[b]; }

 private:
  SequenceLengths(const int32_t* given, int64_t steps) : given_(given), steps_(steps) {}
  const int32_t* given_;
  int64_t steps_;
};

// One step of one sequence in one direction, for reference kernels.
class ReferenceStep {
 public:
  ReferenceStep(const KernelContext& context, const RecurrentNode& node, int gates);
  void MoveTo(int64_t direction, int64_t t, int64_t b);

  int64_t hidden() const { return node_.hidden; }
  // What X (with W and its bias), and a state (with R and its bias), add to a gate's unit.
  double FromInput(int gate, int64_t unit) const;
  double FromState(int gate, int64_t unit, const std::vector<double>& state) const;
  // P, or 0 where it is absent.
  double Peephole(int gate, int64_t unit) const;
  // Activation number `i` of a sum that the attribute clip limits, and of any other number.
  double Gate(int i, double sum) const;
  double Activation(int i, double x) const { return node_.activation(direction_, i)(x); }

 private:
  const RecurrentNode& node_;
  const int gates_;
  const double clip_;
  Tensor x_, w_, r_, b_, p_;  // float64
  int64_t direction_ = 0, x_row_ = 0;
};

struct ReferenceState {
  std::vector<double> h, c;
  std::vector<double> gates;  // of the last step, of cells that tell them
};
// Takes the states from one step to the next.
using ReferenceCell =
    std::function<void(const ReferenceStep&, const Attributes& attrs, ReferenceState&)>;

// The shape function: the types of Y, Y_h and, of a layer that has it, Y_c. A fourth output is that
// of LstmTraining: the gates' values.
absl::StatusOr<std::vector<TensorType>> InferRecurrent(const InferContext& context,
                                                       const RecurrentKind& kind);

// Declares the inputs and attributes that all layers have; of layers with a cell, its inputs, too.
void AddLayerInputs(const RecurrentKind& kind, OpDef& op);
void AddLayerAttributes(const RecurrentKind& kind, OpDef& op);

// The op without Doc, Fast and Examples. Attributes of its own may be added.
OpDef RecurrentOp(std::string name, RecurrentKind kind, ReferenceCell cell);

// Whether the node is marked to have its products with W and, of all steps at once, with R round
// their factors to bfloat16 (kRoundsFactors), and that pays. It asks for kRoundingForm.
bool TakesRounding(const RecurrentNode& node, int64_t gates, const PrepareContext& context);

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_RECURRENT_H_
