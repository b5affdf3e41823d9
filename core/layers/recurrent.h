// Recurrent layers. Keras: keras.layers.LSTM, GRU, SimpleRNN.
//
// Inputs are floating-point, [batch, steps, features]; behind them may come the states to begin
// with (LSTM: h and c), each [batch, units], in place of zeros. The result is the last step's
// output, [batch, units]. Steps that a mask leaves out (see Masking()) keep the state.
//
// Layers with ONNX's activations, no mask and no recurrent_dropout are one op (nn.LSTM, nn.GRU,
// nn.RNN); others are a core.Scan, which is slower.
#ifndef NOMOGRAPH_CORE_LAYERS_RECURRENT_H_
#define NOMOGRAPH_CORE_LAYERS_RECURRENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "nomograph/core/layers/layer.h"

namespace nomograph {

struct SimpleRNNOptions {
  std::string activation = "tanh";  // see Activation(); "" is none
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer recurrent_initializer = "orthogonal";
  Initializer bias_initializer = "zeros";
  double dropout = 0, recurrent_dropout = 0;  // in [0, 1): of the features, and of the state
  std::optional<int64_t> seed = {};           // of both
  bool return_sequences = false;              // every step's output: [batch, steps, units]
  bool return_state = false;                  // the last states are further outputs
  bool go_backwards = false;                  // from the last step on; so are return_sequences
  bool unroll = false;                        // without meaning here
  bool zero_output_for_mask = false;          // of return_sequences; else the output before it
  std::string name = {};
};
// h' = activation(x · kernel + bias + h · recurrent_kernel), which is also the output.
// Weights: kernel [features, units], recurrent_kernel [units, units], bias [units].
Layer SimpleRNN(int64_t units, SimpleRNNOptions options = {});

struct LSTMOptions {
  std::string activation = "tanh";
  std::string recurrent_activation = "sigmoid";  // of the gates
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer recurrent_initializer = "orthogonal";
  Initializer bias_initializer = "zeros";
  bool unit_forget_bias = true;  // the forget gate's bias starts as 1
  double dropout = 0, recurrent_dropout = 0;
  std::optional<int64_t> seed = {};
  bool return_sequences = false, return_state = false, go_backwards = false, unroll = false,
       zero_output_for_mask = false;
  std::string name = {};
};
// Long short-term memory (S. Hochreiter & J. Schmidhuber, 1997). The states are h, the output, and
// c. Weights, the gates i, f, c, o side by side: kernel [features, 4 units], recurrent_kernel
// [units, 4 units], bias [4 units].
Layer LSTM(int64_t units, LSTMOptions options = {});

struct GRUOptions {
  std::string activation = "tanh";
  std::string recurrent_activation = "sigmoid";
  bool use_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer recurrent_initializer = "orthogonal";
  Initializer bias_initializer = "zeros";
  double dropout = 0, recurrent_dropout = 0;
  std::optional<int64_t> seed = {};
  bool return_sequences = false, return_state = false, go_backwards = false, unroll = false,
       zero_output_for_mask = false;
  bool reset_after = true;  // the reset gate is applied behind the product with h, as in CuDNN
  std::string name = {};
};
// Gated recurrent units (K. Cho et al., 2014). Weights, the gates z, r, h side by side: kernel
// [features, 3 units], recurrent_kernel [units, 3 units], bias [2, 3 units] (of the products with x
// and with h), without reset_after [3 units].
Layer GRU(int64_t units, GRUOptions options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_RECURRENT_H_
