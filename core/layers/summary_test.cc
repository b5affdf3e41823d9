// Model::Summary() against tables written by hand. The figures of the first are those of Keras'
// example "Simple MNIST convnet".
#include <algorithm>
#include <string>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

std::string Summary(const absl::StatusOr<Model>& model) {
  return model.ok() ? model->Summary() : std::string(model.status().message());
}

TEST(Summary, ASequential) {
  EXPECT_EQ(Summary(Sequential({Input({28, 28, 1}, {.dtype = DType::kUInt8}),
                                Lambda("image.Rescale", {{"scale", 1 / 255.0}}),
                                Conv2D(32, 3, {.activation = "relu"}), MaxPooling2D(),
                                Conv2D(64, 3, {.activation = "relu"}), MaxPooling2D(), Flatten(),
                                Dropout(0.5), Dense(10, {.activation = "softmax"})})
                        .Build()),
            R"(Model: "sequential"
____________________________________________________________________
 Layer (type)                    Output Shape               Param #
====================================================================
 lambda (Lambda: image.Rescale)  (batch, 28, 28, 1)               0
 conv2d (Conv2D)                 (batch, 26, 26, 32)            320
 max_pooling2d (MaxPooling2D)    (batch, 13, 13, 32)              0
 conv2d_1 (Conv2D)               (batch, 11, 11, 64)         18,496
 max_pooling2d_1 (MaxPooling2D)  (batch, 5, 5, 64)                0
 flatten (Flatten)               (batch, 1600)                    0
 dropout (Dropout)               (batch, 1600)                    0
 dense (Dense)                   (batch, 10)                 16,010
====================================================================
 Total params: 34,826 (136.04 KB)
 Trainable params: 34,826 (136.04 KB)
 Non-trainable params: 0 (0.00 B)
____________________________________________________________________
)");
}

// Lambda(lambda x: x + 10, input_shape=(1,))
TEST(Summary, ATracedLambda) {
  EXPECT_EQ(Summary(Sequential({Input({1}), Lambda([](Value x) { return x + 10; })}).Build()),
            R"(Model: "sequential"
___________________________________________________________________
 Layer (type)                   Output Shape               Param #
===================================================================
 lambda (Lambda: local.lambda)  (batch, 1)                       0
===================================================================
 Total params: 0 (0.00 B)
 Trainable params: 0 (0.00 B)
 Non-trainable params: 0 (0.00 B)
___________________________________________________________________
)");
}

TEST(Summary, AGraph) {
  const Input image({8, 8, 3}, {.name = "image"}), other({8, 8, 3}, {.name = "other"});
  const Layer conv = Conv2D(4, 3, {.name = "shared"});
  const Value sum = Add()({conv(image), conv(other)});
  const Value normal = BatchNormalization({.name = "norm"})(sum);
  const std::vector<Value> parts =
      Lambda("array.Split", {{"axis", -1}}, {.num_outputs = 2, .name = "split"}).Apply({normal}, 2);
  const Value left = Flatten()(parts[0]), right = parts[1] * 2;
  EXPECT_EQ(Summary(BuildModel({image, other}, {left, right}, {.name = "two_images"})),
            R"(Model: "two_images"
__________________________________________________________________________________________________
 Layer (type)                    Output Shape            Param #  Connected to
==================================================================================================
 image (InputLayer)              (batch, 8, 8, 3)              0  -
 other (InputLayer)              (batch, 8, 8, 3)              0  -
 shared (Conv2D)                 (batch, 6, 6, 4)            112  image,
                                                                  other
 add (Add)                       (batch, 6, 6, 4)              0  shared
 norm (BatchNormalization)       (batch, 6, 6, 4)             16  add
 split (Lambda: array.Split)     [(batch, 6, 6, 2),            0  norm
                                  (batch, 6, 6, 2)]
 flatten (Flatten)               (batch, 72)                   0  split[0]
 Mul (math.Mul)                  (batch, 6, 6, 2)              0  split[1]
==================================================================================================
 Total params: 128 (512.00 B)
 Trainable params: 120 (480.00 B)
 Non-trainable params: 8 (32.00 B)
__________________________________________________________________________________________________
)");
}

TEST(Summary, InLinesOfALength) {
  const Input image({8, 8, 3}, {.name = "image"});
  const Layer conv =
      Conv2D(4, 3, {.name = "größe_of_a_convolution_whose_name_has_no_end_in_sight"});
  const auto model = BuildModel({image}, {conv(image), Flatten()(image)}, {.name = "long"});
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string text = model->Summary(70);
  EXPECT_THAT(text, ::testing::HasSubstr(
                        " größe_of_…sight (Conv2D)  (batch, 6, 6, 4)         112  image\n"));
  for (int length = 60; length < 120; ++length) {
    for (const absl::string_view line : absl::StrSplit(model->Summary(length), '\n')) {
      EXPECT_LE(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }),
                length)
          << line;
    }
  }
}

TEST(Summary, LongNamesAreCut) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n")}}, "x");
  const std::string name(1 << 20, 'a');
  const Value first = Call("nn.Relu", {x}, {}, {.name = name});
  std::vector<Value> outputs;
  for (int i = 0; i < 1000; ++i) outputs.push_back(Call("nn.Relu", {first}));
  const std::string text = Summary(BuildModel({x}, outputs));
  const std::string part(100, 'a');
  EXPECT_THAT(text, HasSubstr(part + "..." + part.substr(10) + " (nn.Relu)"));
  EXPECT_THAT(text, HasSubstr(part + "..." + part + "\n"));
  EXPECT_LT(text.size(), size_t{1} << 20);
}

TEST(Summary, StateAndLargeNumbers) {
  class Counter : public LayerBase {
   public:
    Counter() : LayerBase("Counter") {}
    absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
      const auto count = AddVariable("count", Tensor::Scalar(0.0f));
      return std::vector<Value>{inputs[0] + AssignVariable(count, ReadVariable(count) + 1)};
    }
  };
  const std::string text =
      Summary(Sequential({Input({1024}), Dense(1024, {.kernel_initializer = "zeros"}),
                          MakeLayer<Counter>()})
                  .Build());
  EXPECT_THAT(text, HasSubstr("Total params: 1,049,600 (4.00 MB)\n"));
  EXPECT_THAT(text, HasSubstr("State variables: 1 (4.00 B)\n"));
}

TEST(Summary, AModelWithoutLayers) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n"), Dim()}}, "x");
  const Value y = Call("nn.Relu", {x + 1}, {}, {.name = "top"});
  EXPECT_EQ(Summary(BuildModel({x}, {y})),
            R"(Model: "model"
_________________________________________________________________
 Node (op)                    Output Shape               Param #
=================================================================
 Add (math.Add)               (n, None)                        0
 top (nn.Relu)                (n, None)                        0
=================================================================
 Total params: 0 (0.00 B)
 Trainable params: 0 (0.00 B)
 Non-trainable params: 0 (0.00 B)
_________________________________________________________________
)");
}

}  // namespace
}  // namespace nomograph
