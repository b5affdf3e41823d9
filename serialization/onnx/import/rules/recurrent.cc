// Recurrent layers.
#include "nomograph/serialization/onnx/import/operators.h"

namespace nomograph::onnx {
namespace {

const OperatorRegistrar kRecurrent({
    {"GRU", "nn.GRU", 7},
    {"LSTM", "nn.LSTM", 7},
    {"RNN", "nn.RNN", 7},
});

}  // namespace
}  // namespace nomograph::onnx
