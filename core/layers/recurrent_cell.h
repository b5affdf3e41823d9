// What one step of a recurrent layer computes. Not for users.
#ifndef NOMOGRAPH_CORE_LAYERS_RECURRENT_CELL_H_
#define NOMOGRAPH_CORE_LAYERS_RECURRENT_CELL_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nomograph/core/layers/recurrent.h"

namespace nomograph::internal {

struct RecurrentWeight {
  std::string name;
  Shape shape;
  Initializer initializer;
  Value* value;  // where the cell keeps it
};

// As the fused op has them: ONNX's W, R and B for one direction.
struct RecurrentWeights {
  Value kernel, recurrent_kernel, bias;
};

class RecurrentCell {
 public:
  virtual ~RecurrentCell() = default;
  virtual absl::Status CheckActivations() const = 0;
  virtual size_t num_states() const { return 1; }
  // What the layer declares.
  virtual std::vector<RecurrentWeight> Weights(int64_t features, int64_t units) = 0;
  // Those that have been declared: kernel, recurrent_kernel and, where there is one, bias.
  std::vector<Value> weights() const;

  // The states (the first one is the output) after a step with x, [batch, features].
  virtual std::vector<Value> Step(const Value& x, const std::vector<Value>& states,
                                  absl::Span<const Value> weights) const = 0;

  // The op that does all steps, its attributes (none where it lacks the activations) and weights.
  virtual const char* fused_op() const = 0;
  virtual std::optional<Attributes> FusedAttributes() const = 0;
  virtual RecurrentWeights FusedWeights() const = 0;

 protected:
  Value kernel_, recurrent_kernel_, bias_;
};

std::unique_ptr<RecurrentCell> SimpleRNNCell(const SimpleRNNOptions& options);
std::unique_ptr<RecurrentCell> LSTMCell(const LSTMOptions& options);
std::unique_ptr<RecurrentCell> GRUCell(const GRUOptions& options);

}  // namespace nomograph::internal

#endif  // NOMOGRAPH_CORE_LAYERS_RECURRENT_CELL_H_
