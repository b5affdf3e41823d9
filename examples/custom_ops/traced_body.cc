// An op whose meaning is written with other ops. The body is saved with every model that uses the
// op, so that such a model runs on machines that have never heard of the op.
#include <iostream>

#include "nomograph/core/op/registry.h"
#include "nomograph/nomograph.h"

using namespace nomograph;

OpDef Standardize() {
  return OpDef("acme.Standardize")
      .Doc("y = (x - mean) / deviation")
      .Input("x", "float32", "any shape")
      .Attr("mean", 0.0, "what becomes 0")
      .Attr("deviation", 1.0, "what becomes 1")
      .Min(1e-6)
      .Output("y", "float32", "as x")
      .Infer(SameAsInput)
      .Body([](absl::Span<const Value> in,
               const Attributes& attrs) -> absl::StatusOr<std::vector<Value>> {
        return std::vector<Value>{(in[0] - attrs.Float("mean")) / attrs.Float("deviation")};
      });
}
NOMO_REGISTER_OP(Standardize());

int main() {
  const auto model =
      Sequential({Input({3}), Lambda("acme.Standardize", {{"mean", 10.0}, {"deviation", 2.0}})})
          .Build();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  std::cout << "the file carries " << model->functions.begin()->first << "\n"
            << model->Predict(Tensor::Of<float>({1, 3}, {8, 10, 14}))->ToString() << "\n";
}
