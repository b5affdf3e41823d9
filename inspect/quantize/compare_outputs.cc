// How far a quantised model is from the one that it was made of.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/compare/tensor_difference.h"
#include "nomograph/inspect/quantize/quantize_model.h"

namespace nomograph {
namespace {

absl::StatusOr<NamedTensors> Outputs(const Model& model, const NamedTensors& samples,
                                     const CalibrationOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const auto session,
                        Session::Create(std::make_shared<const Model>(model), options.session));
  return session->Predict(samples, {.batch_size = options.batch});
}

// How many rows have their greatest number in the same column.
int64_t SameClass(const Tensor& found, const Tensor& expected) {
  const int64_t columns = expected.shape()[1];
  int64_t same = 0;
  for (int64_t row = 0; row < expected.shape()[0]; ++row) {
    const auto best = [&](const Tensor& tensor) {
      const float* begin = tensor.data<float>().data() + row * columns;
      return std::max_element(begin, begin + columns) - begin;
    };
    same += best(found) == best(expected) ? 1 : 0;
  }
  return same;
}

}  // namespace

absl::StatusOr<std::vector<OutputDifference>> CompareOutputs(const Model& found,
                                                             const Model& expected,
                                                             const NamedTensors& samples,
                                                             const CalibrationOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const int64_t examples, CountSamples(samples));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors given, Outputs(expected, samples, options));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors quantized, Outputs(found, samples, options));
  std::vector<OutputDifference> differences;
  for (const ValueId id : expected.graph.outputs) {
    const std::string& name = expected.graph.value(id).name;
    const Tensor& right = given.at(name);
    const auto other = quantized.find(name);
    if (other == quantized.end() || other->second.shape() != right.shape()) {
      return InvalidArgument("output ", Quoted(name), " has another shape, or is missing");
    }
    const TensorDifference measured = MeasureDifference(other->second, right, {});
    OutputDifference difference{.output = name, .max_abs = measured.max_abs, .examples = examples};
    difference.signal_to_noise =
        measured.norm_difference == 0
            ? std::numeric_limits<double>::infinity()
            : 20 * std::log10(measured.norm_expected / measured.norm_difference);
    for (int64_t i = 0; i < right.num_elements(); ++i) {
      difference.largest = std::max(difference.largest, std::abs(right.AsDouble(i)));
    }
    if (right.dtype() == DType::kFloat32 && right.shape().rank() == 2 && right.shape()[1] > 1) {
      difference.same_class = SameClass(other->second, right);
    }
    differences.push_back(std::move(difference));
  }
  return differences;
}

}  // namespace nomograph
