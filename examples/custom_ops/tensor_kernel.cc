// An op with a kernel over whole tensors, and a shape function that is also its validator.
#include <algorithm>
#include <iostream>

#include "nomograph/core/op/registry.h"
#include "nomograph/nomograph.h"

using namespace nomograph;

// The difference between the largest and the smallest element of each row.
OpDef RowRange() {
  return OpDef("acme.RowRange")
      .Doc("y[i] = max(x[i]) - min(x[i])")
      .Input("x", "float32", "[rows, columns], columns >= 1")
      .Output("y", "float32", "[rows]")
      .Infer([](const InferContext& c) -> absl::StatusOr<std::vector<TensorType>> {
        if (c.shape(0).has_rank() && c.shape(0).rank() != 2) {
          return InvalidArgument("expected [rows, columns], found ", c.shape(0).ToString());
        }
        return std::vector<TensorType>{
            {DType::kFloat32, {c.shape(0).has_rank() ? c.shape(0)[0] : Dim()}}};
      })
      .Reference([](KernelContext& c) {
        const int64_t columns = c.input_shape(0)[1];
        for (int64_t i = 0; i < c.input_shape(0)[0]; ++i) {
          const auto row = c.input<float>(0).subspan(i * columns, columns);
          const auto [least, greatest] = std::minmax_element(row.begin(), row.end());
          c.output<float>(0)[i] = *greatest - *least;
        }
        return absl::OkStatus();
      });
}
NOMO_REGISTER_OP(RowRange());

int main() {
  const auto model = Sequential({Input({4}), Lambda("acme.RowRange")}).Build();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  std::cout << model->Predict(Tensor::Of<float>({2, 4}, {1, 5, 2, 3, 10, 10, 10, 10}))->ToString()
            << "\n";
}
