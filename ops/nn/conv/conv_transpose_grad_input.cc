// nn.ConvTransposeGradInput: the gradient of a transposed convolution for its input.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/conv/conv_gradient.h"

namespace nomograph::nn {
namespace {

std::vector<Example> Examples() {
  return {
      {.name = "2-D",
       .inputs = {Tensor::Of<float>({1, 4, 4, 1},
                                    {-2, -2, 1, 0, 2, 1, 2, -1, -1, 2, 1, 3, 2, 3, 0, 0}),
                  Tensor::Of<float>({3, 3, 1, 2},
                                    {-2, 1, 1, 3, 0, 2, 2, 3, 1, 0, 2, 0, -1, 3, -1, 2, 2, -3}),
                  Tensor::Of<float>({1, 2, 2, 2}, {-3, -2, -2, -3, 2, -1, 2, -2})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 2}, {12, -2, 10, 3, -6, 18, 8, 20})}},
      {.name = "strides, dilations, pads",
       .attrs = {{"strides", std::vector<int64_t>{2, 1}},
                 {"dilations", std::vector<int64_t>{1, 2}},
                 {"padding", "explicit"},
                 {"pads", std::vector<int64_t>{1, 0, 0, 1}}},
       .inputs = {Tensor::Of<float>({1, 5, 3, 3},
                                    {-2, 0,  -2, -2, 3,  -3, 1,  2,  -1, 0,  -3, -2, 2, 3, -1,
                                     1,  -3, 3,  2,  1,  3,  -1, 1,  -1, -1, -3, -2, 2, 3, 0,
                                     1,  -2, -1, 3,  -3, 0,  2,  -2, -3, 3,  2,  -3, 0, 2, 0}),
                  Tensor::Of<float>({2, 2, 3, 2}, {-2, 3, 1,  2, 2, 1,  1, 0, 2,  -3, 1, 1,
                                                   0,  0, -1, 3, 3, -3, 2, 3, -1, -3, 2, 3}),
                  Tensor::Of<float>({1, 3, 2, 2}, {-3, -1, -2, -2, 2, -1, 2, 3, -2, 3, -3, -1})},
       .outputs = {Tensor::Of<float>({1, 3, 2, 2},
                                     {-8, 0, -12, 18, -4, -2, -7, 17, -13, 18, -17, 13})}},
      {.name = "groups, as ONNX lays them out",
       .attrs = {{"groups", 2}, {"data_format", "channels_first"}, {"kernel_layout", "IOHW"}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 4}, {-2, -2, 1, 0, 2, 1, 2,  -1, -1, 2, 1, 3,
                                                   2,  3,  0, 0, 3, 2, -3, 3,  -3, 1, 1, -3}),
                  Tensor::Of<float>({4, 1, 2, 2},
                                    {2, -3, 3, -3, 1, 1, -3, 3, -2, -3, -2, 2, 2, -2, -3, -1}),
                  Tensor::Of<float>({1, 4, 2, 3}, {-3, -2, 2,  2, -2, -3, -1, -2, -1, 3, 3, -1,
                                                   -2, 0,  -1, 0, -3, -3, 0,  -1, 1,  0, 1, -2})},
       .outputs = {Tensor::Of<float>({1, 4, 2, 3},
                                     {5,   -10, 11, -8, -1, 1,   -7,  2, -8, 12, 0, 7,
                                      -15, -16, 12, -4, 5,  -11, -13, 3, 6,  10, 6, -12})}},
      {.name = "1-D",
       .attrs = {{"strides", std::vector<int64_t>{3}}},
       .inputs = {Tensor::Of<float>({1, 8, 1}, {-2, -2, 1, 0, 2, 1, 2, -1}),
                  Tensor::Of<float>({2, 1, 1}, {2, -3}), Tensor::Of<float>({1, 3, 1}, {-3, -2, 2})},
       .outputs = {Tensor::Of<float>({1, 3, 1}, {2, -6, 7})}},
      {.name = "3-D",
       .attrs = {{"strides", std::vector<int64_t>{1, 2, 1}}},
       .inputs = {Tensor::Of<float>({1, 2, 4, 3, 1}, {-2, -2, 1, 0, 2, 1, 2,  -1, -1, 2, 1, 3,
                                                      2,  3,  0, 0, 3, 2, -3, 3,  -3, 1, 1, -3}),
                  Tensor::Of<float>({2, 2, 2, 1, 1}, {-2, -3, -2, 2, 2, -2, -3, -1}),
                  Tensor::Of<float>({1, 1, 2, 2, 1}, {-3, -2, 2, 2})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 2, 1}, {9, -6, -19, 21})}},

  };
}

NOMO_REGISTER_OP(WithConvTransposeAttributes(
                     ConvGradInputOp(TransposedConv())
                         .Doc("The gradient of nn.ConvTranspose, which has the same attributes, "
                              "for x, a convolution: dx[n, p, i] = sum over outputs o and taps t "
                              "of dy[n, p * strides + t * dilations - pads, o] * kernel[t, o, i].")
                         .Source("torch.nn.ConvTranspose2d"))
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
