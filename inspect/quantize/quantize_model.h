// Quantisation after training: what models hold and compute becomes 8-bit integers with scales,
// written as DequantizeLinear and QuantizeLinear around the ops of floats (ONNX calls the form
// QDQ). Any machine runs that; compiled in fast mode, the ops between them become those of integers
// (ops/quant).
#ifndef NOMOGRAPH_INSPECT_QUANTIZE_QUANTIZE_MODEL_H_
#define NOMOGRAPH_INSPECT_QUANTIZE_QUANTIZE_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/inspect/quantize/calibrate.h"

namespace nomograph {

struct QuantizeOptions {
  // By input, with a row for each example along axis 0: what the model is calibrated on.
  NamedTensors samples = {};
  CalibrationOptions calibration = {};
  // 8, or 7: then no sum of two products passes 16 bits, which the fast kernels of processors
  // without VNNI instructions need.
  int weight_bits = 8;
  std::string exclude = {};  // a selector of nodes that stay as they are; none where it is empty
};

struct QuantizeWeightsOptions {
  int bits = 8;              // or 4, of matrices only: other weights have 8 all the same
  int64_t block_size = 32;   // of 4 bits: so many neighbours along the inner axis share a scale
  std::string exclude = {};  // as above
};

struct Quantized {
  Model model;
  int64_t nodes = 0;   // that compute on quantised numbers, or whose weights are
  int64_t values = 0;  // activations that are quantised
  int64_t weights = 0;
  int64_t weight_bytes_before = 0, weight_bytes_after = 0;  // of all weights of the model
  // Nodes whose op could be quantised, and why they are not.
  struct Left {
    std::string node, op, why;
  };
  std::vector<Left> left;
};

// Nodes of the main graph whose ops say that they can (OpDef::Quantizes()), with affine maps of
// channels (batch normalisation) put into the weights ahead of them, and bounds (ReLU) into the
// scales behind them. Activations are uint8 with one scale and zero point each; weights are int8
// with a scale for each output channel; biases are int32. Golden vectors, which no longer hold, are
// left out. InvalidArgument where nothing can be quantised, the model is quantised already, or the
// examples do not fit; else errors as those of sessions.
absl::StatusOr<Quantized> QuantizeModel(Model model, const QuantizeOptions& options,
                                        const OpRegistry& registry = OpRegistry::Default());

// The weights of the same nodes alone, which needs no examples. Models become smaller; they compute
// with floats as before.
absl::StatusOr<Quantized> QuantizeWeights(Model model, const QuantizeWeightsOptions& options,
                                          const OpRegistry& registry = OpRegistry::Default());

// How far the outputs of a quantised model are from those of the one that it was made of, over
// all examples.
struct OutputDifference {
  std::string output;
  double signal_to_noise = 0;  // decibels: 20 log10(|expected| / |found - expected|)
  double max_abs = 0;          // the greatest |found - expected|
  double largest = 0;          // the greatest |expected|
  // Of outputs [examples, classes], float: how many examples have their greatest number in the same
  // place; -1 for others.
  int64_t same_class = -1;
  int64_t examples = 0;
};
absl::StatusOr<std::vector<OutputDifference>> CompareOutputs(const Model& found,
                                                             const Model& expected,
                                                             const NamedTensors& samples,
                                                             const CalibrationOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_QUANTIZE_QUANTIZE_MODEL_H_
