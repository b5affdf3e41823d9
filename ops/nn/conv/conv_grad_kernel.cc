// nn.ConvGradKernel: the gradient of a convolution for its kernel.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/conv/conv_gradient.h"

namespace nomograph::nn {
namespace {

std::vector<Example> Examples() {
  return {
      {.name = "2-D",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, 2, -2, 1, 1, 2, 0, -1}),
                  Tensor::Of<float>({1, 4, 3, 2}, {-3, -2, -2, 0,  2,  -1, 2, 0, -2, -3, -3, -3,
                                                   -1, 0,  -2, -1, -1, 1,  3, 0, 3,  1,  -1, -2}),
                  Tensor::Of<float>({3, 2, 2, 2}, {2, 1, 0,  -2, 1, 1,  3, 2,  3, -3, 2,  2,
                                                   2, 3, -3, -2, 3, -2, 3, -3, 0, -3, -3, -1})},
       .outputs = {Tensor::Of<float>({3, 2, 2, 2},
                                     {12, -2,  4,  -1,  -2, -3, -1, -4, -1, 2, 6, -2,
                                      8,  -10, 11, -12, 9,  -1, 2,  -2, 9,  2, 1, 3})}},
      {.name = "strides, dilations, pads",
       .attrs = {{"strides", std::vector<int64_t>{1, 2}},
                 {"dilations", std::vector<int64_t>{2, 1}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 0, 0, 2}}},
       .inputs = {Tensor::Of<float>({1, 4, 3, 3}, {-2, 2,  3,  -2, 3, -2, 1, 0,  -3, 0,  0,  -2,
                                                   2,  3,  2,  1,  2, 2,  2, -3, -2, -1, 3,  -3,
                                                   -1, -3, -1, 2,  1, -2, 1, 1,  -1, 3,  -3, 3}),
                  Tensor::Of<float>(
                      {1, 5, 4, 2},
                      {-3, 1,  -2, 0,  2,  1, 2, -2, -2, -2, -3, 1, -1, 0, -2, 2, -1, 1, 3,  2,
                       3,  -1, -1, -1, -2, 2, 0, 1,  -1, 3,  0,  2, -3, 3, -3, 0, 0,  0, -1, 3}),
                  Tensor::Of<float>({2, 2, 2, 3}, {-1, -3, -2, -2, 1, 1,  3,  -3, 1, 0, 0,  2,
                                                   3,  0,  0,  -1, 1, -1, -1, -1, 2, 0, -2, -1})},
       .outputs = {Tensor::Of<float>({2, 2, 2, 3},
                                     {2, 11, 16, -1, 9,  3,   5, 11,  15, -1, -2, -15,
                                      3, 2,  17, 9,  -1, -29, 1, -19, -6, -5, 11, -18})}},
      {.name = "input that no window reaches",
       .attrs = {{"strides", std::vector<int64_t>{4, 1}}},
       .inputs = {Tensor::Of<float>({1, 2, 1, 1}, {-2, -2}),
                  Tensor::Of<float>({1, 6, 1, 1}, {-3, -2, 2, 2, -2, -3}),
                  Tensor::Of<float>({2, 1, 1, 1}, {-1, 3})},
       .outputs = {Tensor::Of<float>({2, 1, 1, 1}, {10, 10})}},
      {.name = "groups, as ONNX lays them out",
       .attrs = {{"groups", 2}, {"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<float>({2, 2, 2, 2},
                                    {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3, 2, 3, 0, 0}),
                  Tensor::Of<float>({2, 4, 2, 3},
                                    {-3, -2, 2, 2,  -2, -3, -1, -2, -1, 3,  3, -1, -2, 0, -1, 0,
                                     -3, -3, 0, -1, 1,  0,  1,  -2, -2, 1,  0, 2,  1,  2, -1, -1,
                                     2,  1,  3, 2,  3,  0,  0,  3,  2,  -3, 3, -3, 1,  1, -3, 3}),
                  Tensor::Of<float>({2, 2, 1, 2}, {2, -3, 3, -3, 1, 1, -3, 3})},
       .outputs = {Tensor::Of<float>({2, 2, 1, 2}, {21, 4, 18, 23, 5, -4, -5, 0})}},
      {.name = "1-D, as ONNX lays it out",
       .attrs = {{"padding", "explicit"},
                 {"pads", std::vector<int64_t>{2, 0}},
                 {"data_format", "channels_first"},
                 {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<float>({2, 1, 5}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2}),
                  Tensor::Of<float>({2, 2, 5}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3,
                                                3,  -1, -2, 0, -1, 0,  -3, -3, 0,  -1}),
                  Tensor::Of<float>({1, 2, 3}, {-3, -3, 0, -1, 1, 0})},
       .outputs = {Tensor::Of<float>({1, 2, 3}, {-5, 17, 9, -10, 9, 7})}},
      {.name = "3-D",
       .attrs = {{"strides", std::vector<int64_t>{1, 2, 1}}},
       .inputs = {Tensor::Of<float>({1, 1, 1, 2, 2}, {-2, 1, -2, 0}),
                  Tensor::Of<float>({1, 2, 3, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                      -2, 0, -1, 0, -3, -3}),
                  Tensor::Of<float>({2, 2, 2, 1, 2},
                                    {-2, -2, -3, -1, -2, 3, 2, 3, 2, -1, -2, -2, -3, 0, -1, -1})},
       .outputs = {Tensor::Of<float>({2, 2, 2, 1, 2},
                                     {10, -3, 0, -2, 0, 2, 10, -2, -12, 3, -4, 3, 4, -2, 2, 0})}},
      {.name = "1x1",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, 2, -2, 1, 1, 2, 0, -1}),
                  Tensor::Of<float>({1, 2, 2, 3}, {-3, -2, -1, -2, -3, 3, 2, -1, 3, 2, -2, -1}),
                  Tensor::Of<float>({1, 1, 3, 2}, {-1, -1, 3, -2, 3, 0})},
       .outputs = {Tensor::Of<float>({1, 1, 3, 2}, {12, -6, 9, -7, -1, 8})}},

  };
}

NOMO_REGISTER_OP(
    WithConvAttributes(
        ConvGradKernelOp(PlainConv())
            .Doc("The gradient of nn.Conv, which has the same attributes, for the kernel: "
                 "dkernel[t, i, o] = sum over the batch n and positions p of dy[n, p, o] * x[n, p "
                 "* strides + t * dilations - pads, i], where x is 0 outside.")
            .Source("torch.nn.grad.conv2d_weight"))
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
