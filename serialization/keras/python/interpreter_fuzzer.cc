// A libFuzzer target: any bytes as a function, translated for one input and for two, and what it
// yields put into a model. It must be a model, or say what stopped it.
#include <cstdint>
#include <cstdlib>

#include "nomograph/core/build/build.h"
#include "nomograph/serialization/keras/python/function.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nomograph;
  using namespace nomograph::keras;
  const auto lambda = ReadPayload({reinterpret_cast<const char*>(data), size});
  if (!lambda.ok()) return 0;
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("batch"), 4, 4, 3}}, "x");
  const Value y = InputValue({DType::kFloat32, {Dim::Symbol("batch"), 4, 4, 3}}, "y");
  TranslateOptions options;
  options.limits.max_steps = 5000;
  options.limits.max_values = 500;
  options.limits.max_elements = 1 << 14;
  for (const bool two : {false, true}) {
    const std::vector<Value> inputs = two ? std::vector<Value>{x, y} : std::vector<Value>{x};
    const Translation translation = Translate(*lambda, inputs, two, options);
    if (translation.status.ok() != translation.missing.empty()) std::abort();
    if (translation.status.ok() && !translation.outputs.empty()) {
      BuildModel(inputs, translation.outputs).status().IgnoreError();
    }
  }
  return 0;
}
