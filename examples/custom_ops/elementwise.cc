// The shortest way to an op of one's own: a function on scalars. Shapes, dtypes, broadcasting and
// in-place computing come with it.
#include "nomograph/core/op/elementwise.h"

#include <algorithm>
#include <iostream>

#include "nomograph/core/op/registry.h"
#include "nomograph/nomograph.h"

using namespace nomograph;

NOMO_REGISTER_OP(ElementwiseOp("acme.Clamp", FloatTypes{},
                               [](const Attributes& attrs) {
                                 return [limit = attrs.Float("limit")](auto x) {
                                   return std::clamp<double>(x, -limit, limit);
                                 };
                               })
                     .Doc("y = x, limited to [-limit, limit].")
                     .Attr("limit", 1.0, "the greatest magnitude")
                     .Min(0));

int main() {
  const auto model = Sequential({Input({3}), Lambda("acme.Clamp", {{"limit", 2.5}})}).Build();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  std::cout << model->Predict(Tensor::Of<float>({1, 3}, {-7, 1, 7}))->ToString() << "\n";
}
