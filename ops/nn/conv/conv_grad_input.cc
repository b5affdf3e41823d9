// nn.ConvGradInput: the gradient of a convolution for its input.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/conv/conv_gradient.h"

namespace nomograph::nn {
namespace {

std::vector<Example> Examples() {
  return {
      {.name = "2-D",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, 2, -2, 1, 1, 2, 0, -1}),
                  Tensor::Of<float>({3, 2, 2, 2}, {2, 1, 0,  -2, 1, 1,  3, 2,  3, -3, 2,  2,
                                                   2, 3, -3, -2, 3, -2, 3, -3, 0, -3, -3, -1}),
                  Tensor::Of<float>({1, 4, 3, 2}, {-3, -2, -2, 0,  2,  -1, 2, 0, -2, -3, -3, -3,
                                                   -1, 0,  -2, -1, -1, 1,  3, 0, 3,  1,  -1, -2})},
       .outputs = {Tensor::Of<float>({1, 4, 3, 2},
                                     {-2,  -4, -3, -4,  -1, -4, -8, -4, -5, 9,  -2, 2,
                                      -13, -6, -3, -14, -6, 7,  -1, -3, -4, -2, 3,  1})}},
      {.name = "strides, dilations, pads",
       .attrs = {{"strides", std::vector<int64_t>{1, 2}},
                 {"dilations", std::vector<int64_t>{2, 1}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 0, 0, 2}}},
       .inputs = {Tensor::Of<float>({1, 4, 3, 3}, {-2, 2,  3,  -2, 3, -2, 1, 0,  -3, 0,  0,  -2,
                                                   2,  3,  2,  1,  2, 2,  2, -3, -2, -1, 3,  -3,
                                                   -1, -3, -1, 2,  1, -2, 1, 1,  -1, 3,  -3, 3}),
                  Tensor::Of<float>({2, 2, 2, 3}, {-1, -3, -2, -2, 1, 1,  3,  -3, 1, 0, 0,  2,
                                                   3,  0,  0,  -1, 1, -1, -1, -1, 2, 0, -2, -1}),
                  Tensor::Of<float>(
                      {1, 5, 4, 2},
                      {-3, 1,  -2, 0,  2,  1, 2, -2, -2, -2, -3, 1, -1, 0, -2, 2, -1, 1, 3,  2,
                       3,  -1, -1, -1, -2, 2, 0, 1,  -1, 3,  0,  2, -3, 3, -3, 0, 0,  0, -1, 3})},
       .outputs = {Tensor::Of<float>(
           {1, 5, 4, 2},
           {4, -2, -2, -4,  -15, 1,  -1, 4, 5,  -8, 19, -11, -8, 9, -20, -10, -1, -3, -3, -2,
            4, -3, -2, -10, 6,   -3, -3, 8, -3, 7,  -8, -3,  6,  1, -7,  0,   3,  1,  -4, -1})}},
      {.name = "input that no window reaches",
       .attrs = {{"strides", std::vector<int64_t>{4, 1}}},
       .inputs = {Tensor::Of<float>({1, 2, 1, 1}, {-2, -2}),
                  Tensor::Of<float>({2, 1, 1, 1}, {-1, 3}),
                  Tensor::Of<float>({1, 6, 1, 1}, {-3, -2, 2, 2, -2, -3})},
       .outputs = {Tensor::Of<float>({1, 6, 1, 1}, {2, -6, 0, 0, 2, -6})}},
      {.name = "groups, as ONNX lays them out",
       .attrs = {{"groups", 2}, {"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<float>({2, 2, 2, 2},
                                    {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3, 2, 3, 0, 0}),
                  Tensor::Of<float>({2, 2, 1, 2}, {2, -3, 3, -3, 1, 1, -3, 3}),
                  Tensor::Of<float>({2, 4, 2, 3},
                                    {-3, -2, 2, 2,  -2, -3, -1, -2, -1, 3,  3, -1, -2, 0, -1, 0,
                                     -3, -3, 0, -1, 1,  0,  1,  -2, -2, 1,  0, 2,  1,  2, -1, -1,
                                     2,  1,  3, 2,  3,  0,  0,  3,  2,  -3, 3, -3, 1,  1, -3, 3})},
       .outputs = {Tensor::Of<float>(
           {2, 4, 2, 3},
           {-4, 2, 6,  2, -3, 0,  -6, 0, 6,  3, -3, 0,  2, 3, 1, 2, 1, -1, -6, 3,  3, -6, 9, -3,
            -2, 7, -6, 2, 3,  -9, -3, 9, -6, 3, 6,  -9, 2, 5, 3, 0, 0, 0,  -6, -3, 9, 0,  0, 0})}},
      {.name = "1-D, as ONNX lays it out",
       .attrs = {{"padding", "explicit"},
                 {"pads", std::vector<int64_t>{2, 0}},
                 {"data_format", "channels_first"},
                 {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<float>({2, 1, 5}, {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2}),
                  Tensor::Of<float>({1, 2, 3}, {-3, -3, 0, -1, 1, 0}),
                  Tensor::Of<float>({2, 2, 5}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3,
                                                3,  -1, -2, 0, -1, 0,  -3, -3, 0,  -1})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 5}, {3, -3, -6, -6, 0, -3, 1, -2, 2, 0, -3, 6, -3, -6, 0, 3, 0, -3, 2, 0})}},
      {.name = "3-D",
       .attrs = {{"strides", std::vector<int64_t>{1, 2, 1}}},
       .inputs = {Tensor::Of<float>({1, 1, 1, 2, 2}, {-2, 1, -2, 0}),
                  Tensor::Of<float>({2, 2, 2, 1, 2},
                                    {-2, -2, -3, -1, -2, 3, 2, 3, 2, -1, -2, -2, -3, 0, -1, -1}),
                  Tensor::Of<float>({1, 2, 3, 3, 1}, {-3, -2, 2, 2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                      -2, 0, -1, 0, -3, -3})},
       .outputs = {Tensor::Of<float>({1, 2, 3, 3, 1},
                                     {2, 9, 6, 7, 3, -4, 0, 0, 0, -5, -2, 4, 6, 7, 2, 0, 0, 0})}},
      {.name = "1x1",
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, 2, -2, 1, 1, 2, 0, -1}),
                  Tensor::Of<float>({1, 1, 3, 2}, {-1, -1, 3, -2, 3, 0}),
                  Tensor::Of<float>({1, 2, 2, 3}, {-3, -2, -1, -2, -3, 3, 2, -1, 3, 2, -2, -1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 3}, {0, -10, -6, 1, -8, -6, -3, -1, 3, 1, 2, 0})}},

  };
}

NOMO_REGISTER_OP(
    WithConvAttributes(
        ConvGradInputOp(PlainConv())
            .Doc("The gradient of nn.Conv, which has the same attributes, for x: dx[n, q, i] = sum "
                 "over outputs o, positions p and taps t with p * strides + t * dilations - pads = "
                 "q of dy[n, p, o] * kernel[t, i, o].")
            .Source("torch.nn.grad.conv2d_input"))
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
