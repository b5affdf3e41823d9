// nn.ConvTransposeGradKernel: the gradient of a transposed convolution for its kernel.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/conv/conv_gradient.h"

namespace nomograph::nn {
namespace {

std::vector<Example> Examples() {
  return {
      {.name = "2-D",
       .inputs = {Tensor::Of<float>({1, 4, 4, 1},
                                    {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3, 2, 3, 0, 0}),
                  Tensor::Of<float>({1, 2, 2, 2}, {-3, -2, -2, -3, 2, -1, 2, -2}),
                  Tensor::Of<float>({3, 3, 1, 2},
                                    {-2, 1, 1, 3, 0, 2, 2, 3, 1, 0, 2, 0, -1, 3, -1, 2, 2, -3})},
       .outputs = {Tensor::Of<float>({3, 3, 1, 2}, {16, 6, 10, -4, -1, -2, -6, -10, -1, -12, 4, -8,
                                                    9, -12, -2, -10, -9, -11})}},
      {.name = "strides, dilations, pads",
       .attrs = {{"strides", std::vector<int64_t>{2, 1}},
                 {"dilations", std::vector<int64_t>{1, 2}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 0, 0, 1}}},
       .inputs = {Tensor::Of<float>({1, 5, 3, 3},
                                    {-2, 0,  -2, -2, 3,  -3, 1,  2,  -1, 0,  -3, -2, 2, 3, -1,
                                     1,  -3, 3,  2,  1,  3,  -1, 1,  -1, -1, -3, -2, 2, 3, 0,
                                     1,  -2, -1, 3,  -3, 0,  2,  -2, -3, 3,  2,  -3, 0, 2, 0}),
                  Tensor::Of<float>({1, 3, 2, 2}, {-3, -1, -2, -2, 2, -1, 2, 3, -2, 3, -3, -1}),
                  Tensor::Of<float>({2, 2, 3, 2}, {-2, 3, 1,  2, 2, 1,  1, 0, 2,  -3, 1, 1,
                                                   0,  0, -1, 3, 3, -3, 2, 3, -1, -3, 2, 3})},
       .outputs = {Tensor::Of<float>({2, 2, 3, 2},
                                     {-3, 11, 0,  23,  -3, 0,  -4, 8, 0,   -6, 6,  -3,
                                      -1, 4,  -4, -12, 31, -4, -5, 0, -16, 7,  -1, 3})}},
      {.name = "groups, as ONNX lays them out",
       .attrs = {{"groups", 2}, {"data_format", "channels_first"}, {"kernel_layout", "IOHW"}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 4}, {-2, -2, 1, 0, 2, 1, 2,  -1, -1, 2, 1, 3,
                                                   2,  3,  0, 0, 3, 2, -3, 3,  -3, 1, 1, -3}),
                  Tensor::Of<float>({1, 4, 2, 3}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                   -2, 0,  -1, 0, -3, -3, 0,  -1, 1,  0, 1, -2}),
                  Tensor::Of<float>({4, 1, 2, 2},
                                    {2, -3, 3, -3, 1, 1, -3, 3, -2, -3, -2, 2, 2, -2, -3, -1})},
       .outputs = {Tensor::Of<float>(
           {4, 1, 2, 2}, {8, 5, -13, -16, 12, 10, -4, 2, -1, -6, -9, -1, 5, -9, -6, 13})}},
      {.name = "1-D",
       .attrs = {{"strides", std::vector<int64_t>{3}}},
       .inputs = {Tensor::Of<float>({1, 8, 1}, {-2, -2, 1, 0, 2, 1, 2, -1}),
                  Tensor::Of<float>({1, 3, 1}, {-3, -2, 2}), Tensor::Of<float>({2, 1, 1}, {2, -3})},
       .outputs = {Tensor::Of<float>({2, 1, 1}, {10, 0})}},
      {.name = "3-D",
       .attrs = {{"strides", std::vector<int64_t>{1, 2, 1}}},
       .inputs = {Tensor::Of<float>({1, 2, 4, 3, 1}, {-2, -2, 1, 0, 2, 1, 2,  -1, -1, 2, 1, 3,
                                                      2,  3,  0, 0, 3, 2, -3, 3,  -3, 1, 1, -3}),
                  Tensor::Of<float>({1, 1, 2, 2, 1}, {-3, -2, 2, 2}),
                  Tensor::Of<float>({2, 2, 2, 1, 1}, {-2, -3, -2, 2, 2, -2, -3, -1})},
       .outputs = {Tensor::Of<float>({2, 2, 2, 1, 1}, {12, 0, 2, 0, -12, -9, -2, -17})}},

  };
}

NOMO_REGISTER_OP(
    WithConvTransposeAttributes(
        ConvGradKernelOp(TransposedConv())
            .Doc("The gradient of nn.ConvTranspose, which has the same attributes, for the kernel: "
                 "dkernel[t, o, i] = sum over the batch n and positions p of x[n, p, i] * dy[n, p "
                 "* strides + t * dilations - pads, o], where dy is 0 outside.")
            .Source("torch.nn.ConvTranspose2d"))
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
