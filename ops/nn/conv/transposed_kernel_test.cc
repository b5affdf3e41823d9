// Transposed convolutions, and convolutions to few channels, by way of a product and overlapping
// blocks yield what the reference kernels yield.
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;
using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  std::string name, op;
  Shape x, kernel;
  Attributes attrs;
  int64_t channels;
  bool served = true;
};

const Case kCases[] = {
    {"4x4, stride 2, as in many generators",
     "nn.ConvTranspose",
     {1, 20, 8, 9},
     {20, 13, 4, 4},
     {{"strides", Ints{2, 2}}, {"padding", "explicit"}, {"pads", Ints{1, 1, 1, 1}}},
     13},
    {"from one pixel", "nn.ConvTranspose", {2, 30, 1, 1}, {30, 10, 4, 4}, {}, 10},
    {"from one pixel, groups, padding",
     "nn.ConvTranspose",
     {2, 12, 1, 1},
     {12, 13, 5, 4},
     {{"groups", 3}, {"padding", "explicit"}, {"pads", Ints{1, 0, 2, 1}}},
     39},
    {"2x2, stride 2: tiles",
     "nn.ConvTranspose",
     {1, 24, 17, 20},
     {24, 12, 2, 2},
     {{"strides", Ints{2, 2}}},
     12},
    {"3x3, stride 1, dilated",
     "nn.ConvTranspose",
     {2, 7, 12, 33},
     {7, 5, 3, 3},
     {{"dilations", Ints{2, 3}}},
     5},
    {"5x4, strides 3 and 5, an output padding",
     "nn.ConvTranspose",
     {1, 6, 9, 8},
     {6, 4, 5, 4},
     {{"strides", Ints{3, 5}}, {"output_padding", Ints{1, 2}}},
     4},
    {"groups",
     "nn.ConvTranspose",
     {2, 12, 6, 6},
     {12, 5, 3, 3},
     {{"strides", Ints{2, 2}}, {"groups", 3}},
     15},
    {"one axis, far apart",
     "nn.ConvTranspose",
     {2, 16, 50},
     {16, 2, 16},
     {{"strides", Ints{8}}},
     2},
    {"Keras' order of the kernel's axes",
     "nn.ConvTranspose",
     {1, 9, 7, 7},
     {3, 3, 8, 9},
     {{"strides", Ints{2, 2}}, {"kernel_layout", "HWOI"}, {"padding", "same"}},
     8},
    {"planes that are cut into rows",
     "nn.ConvTranspose",
     {1, 8, 90, 88},
     {8, 3, 4, 4},
     {{"strides", Ints{2, 2}}, {"padding", "same"}},
     3},
    {"an output larger than what is reached",
     "nn.ConvTranspose",
     {1, 8, 5, 5},
     {8, 6, 2, 2},
     {{"strides", Ints{3, 3}}, {"output_shape", Ints{20, 21}}},
     6},
    {"one column, far apart",
     "nn.ConvTranspose",
     {1, 2, 40, 1},
     {2, 3, 1, 1},
     {{"strides", Ints{1000, 1000}}},
     3},
    {"most rows are empty: the plan would be larger than the output",
     "nn.ConvTranspose",
     {1, 2, 1025, 1},
     {2, 1, 1, 2},
     {{"strides", Ints{1024, 1024}}},
     1,
     false},
    {"depthwise: left to others",
     "nn.ConvTranspose",
     {1, 6, 8, 8},
     {6, 1, 3, 3},
     {{"groups", 6}},
     6,
     false},
    {"9x9 to three channels",
     "nn.Conv",
     {1, 16, 40, 37},
     {3, 16, 9, 9},
     {{"padding", "explicit"}, {"pads", Ints{4, 4, 4, 4}}},
     3},
    {"3x3 to one channel, no padding", "nn.Conv", {2, 32, 20, 24}, {1, 32, 3, 3}, {}, 1},
    {"uneven pads, dilated",
     "nn.Conv",
     {1, 10, 20, 24},
     {4, 10, 2, 3},
     {{"padding", "explicit"}, {"pads", Ints{0, 3, 2, 1}}, {"dilations", Ints{3, 2}}},
     4},
    {"more padding than the window reaches",
     "nn.Conv",
     {1, 9, 6, 7},
     {2, 9, 2, 2},
     {{"padding", "explicit"}, {"pads", Ints{3, 2, 4, 5}}},
     2},
    {"one axis", "nn.Conv", {3, 12, 100}, {2, 12, 7}, {{"padding", "same"}}, 2},
    {"stride 2: left to others",
     "nn.Conv",
     {1, 16, 20, 20},
     {3, 16, 3, 3},
     {{"strides", Ints{2, 2}}},
     3,
     false},
    {"many channels: left to others", "nn.Conv", {1, 16, 20, 20}, {8, 16, 3, 3}, {}, 8, false},
};

// The node, with what is fused behind it where `fused`.
absl::StatusOr<Model> MakeModel(const Case& c, bool fused) {
  Attributes attrs = c.attrs;
  attrs.Set("data_format", "channels_first");
  if (!attrs.Has("kernel_layout")) {
    attrs.Set("kernel_layout", c.op == "nn.Conv" ? "OIHW" : "IOHW");
  }
  const Value x = InputValue({DType::kFloat32, PartialShape(c.x)}, "x");
  std::vector<Value> inputs = {x, Constant(Numbers(c.kernel, 1))};
  if (fused) inputs.push_back(Constant(Numbers({c.channels}, 2)));
  Value y = Call(c.op, inputs, attrs);
  if (fused) {
    Shape slopes = {c.channels};
    for (int i = 2; i < c.x.rank(); ++i) slopes.Append(1);
    y = Call("nn.PRelu", {y, Constant(Numbers(slopes, 3))});
  }
  return BuildModel({x}, {y});
}

TEST(TransposedProduct, AgreesWithTheReference) {
  for (const Case& c : kCases) {
    for (const bool fused : {false, true}) {
      for (const int threads : {1, 3}) {
        SCOPED_TRACE(testing::Message() << c.name << ", fused " << fused << ", " << threads);
        const auto model = MakeModel(c, fused);
        ASSERT_TRUE(model.ok()) << model.status();
        const Tensor x = Numbers(c.x, 4);
        const auto exact = Session::Create(*model, {.exact = true});
        const auto session = Session::Create(*model, {.threads = threads});
        ASSERT_TRUE(session.ok()) << session.status();
        const std::string program = (*(*session)->ProgramFor({{"x", x}}))->ToString();
        if (BestVectorTarget() != VectorTarget::kBaseline) {
          const auto form = HasSubstr("[transposed product");
          if (c.served) {
            EXPECT_THAT(program, form);
          } else {
            EXPECT_THAT(program, Not(form));
          }
          if (c.served && fused) {
            EXPECT_THAT(program, HasSubstr("with PRelu"));
          }
        }
        const auto right = (*exact)->Run(x);
        const auto found = (*session)->Run(x);
        ASSERT_TRUE(right.ok() && found.ok()) << right.status() << found.status();
        const absl::Status close = AllClose(*found, *right, 1e-5, 1e-5);
        EXPECT_TRUE(close.ok()) << close;
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
