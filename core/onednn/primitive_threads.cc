#include "nomograph/core/onednn/primitive_threads.h"

#include <cmath>

#include "nomograph/core/onednn/runtime.h"

namespace nomograph::onednn {

int PrimitiveThreads(const PrepareContext& context) {
  constexpr double kElementsWorth = 1 << 17, kProductsWorth = 1 << 19;
  double elements = 0;
  for (const auto& specs : {context.inputs, context.outputs}) {
    for (const TensorSpec& spec : specs) elements += static_cast<double>(spec.shape.num_elements());
  }
  double products = 0;  // roughly: of matrices exactly, of convolutions by the window's width less
  if (context.inputs.size() > 1 && !context.outputs.empty()) {
    products = std::sqrt(static_cast<double>(context.inputs[0].shape.num_elements()) *
                         static_cast<double>(context.inputs[1].shape.num_elements()) *
                         static_cast<double>(context.outputs[0].shape.num_elements()));
  }
  const bool worth = elements >= kElementsWorth || products >= kProductsWorth;
  return worth ? PrimitiveThreads(context.threads) : 1;
}

}  // namespace nomograph::onednn
