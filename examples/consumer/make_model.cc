// make_model FILE: saves a model that uses consumer.Parity, with a golden vector.
#include <iostream>

#include "nomograph/nomograph.h"

using namespace nomograph;

int main(int, char** argv) {
  auto model =
      Sequential({Input({4}, {.dtype = DType::kInt32, .name = "x"}), Lambda("consumer.Parity")})
          .Build();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  model->golden_vectors.push_back(
      {.name = "digits",
       .inputs = {{"x", Tensor::Of<int32_t>({1, 4}, {-3, 0, 7, 8})}},
       .outputs = {{"lambda", {Tensor::Of<int32_t>({1, 4}, {1, 0, 1, 0})}}}});
  if (const auto status = Save(model, argv[1]); !status.ok()) return std::cerr << status << "\n", 1;
}
