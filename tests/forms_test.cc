// Every form of every op (core/form/form.h): a measurement may choose any of them, also where an
// estimate never would, so each computes what the op's examples say and, for sizes at which loops
// have more than a beginning, what the reference kernel does.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/inspect/random_tensor.h"

namespace nomograph {
namespace {

using ::testing::IsSupersetOf;

// Of the node with these inputs, all of which are constant.
std::vector<std::string> FormsOf(const OpDef& op, absl::Span<const Tensor> inputs,
                                 const Attributes& attrs, const RunOpOptions& options) {
  const FormScope scope(FormScope::Wish::kNone);
  RunOp(op, inputs, attrs, options).status().IgnoreError();
  return scope.offered();
}

bool RunsAlone(const OpDef& op) {
  return !op.fast.empty() && op.reference && op.effects == Effects::kPure;
}

void ExpectClose(const absl::StatusOr<std::vector<Tensor>>& found, absl::Span<const Tensor> right,
                 double rtol, double atol) {
  ASSERT_TRUE(found.ok()) << found.status();
  for (size_t i = 0; i < right.size(); ++i) {
    const absl::Status close = AllClose((*found)[i], right[i], rtol, atol);
    EXPECT_TRUE(close.ok()) << "output " << i << ": " << close.message();
  }
}

// Leaves signaling NaNs of float32 where the next functions have their variables.
__attribute__((noinline)) void PoisonStack() {
  volatile uint32_t words[1 << 15];
  for (volatile uint32_t& word : words) word = 0x7fa00000;
}

TEST(FormsTest, EveryFormPassesTheExamples) {
  int tried = 0;
  for (const OpDef* op : OpRegistry::Default().All()) {
    if (!RunsAlone(*op) || !op->examples) continue;
    for (const Example& example : op->examples()) {
      if (!example.functions.empty() || example.keyed_by_node) continue;
      RunOpOptions options{.num_outputs = static_cast<int>(example.outputs.size()), .fast = true};
      options.run = {.training = example.training, .seed = example.seed, .step = example.step};
      for (const std::string& form : FormsOf(*op, example.inputs, example.attrs, options)) {
        SCOPED_TRACE(absl::StrCat(op->ToString(), ", ", example.name, ", ", form));
        const FormScope scope(FormScope::Wish::kForm, form);
        ExpectClose(RunOp(*op, example.inputs, example.attrs, options), example.outputs,
                    example.rtol, example.atol);
        tried += scope.taken() == form ? 1 : 0;
      }
    }
  }
  EXPECT_GT(tried, 20);
}

bool AllFinite(absl::Span<const Tensor> tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const Tensor& tensor) {
    if (!tensor.valid() || !kFloats.Contains(tensor.dtype())) return true;
    for (int64_t i = 0; i < tensor.num_elements(); ++i) {
      if (!std::isfinite(tensor.AsDouble(i))) return false;
    }
    return true;
  });
}

// Or runs would be repeated in vain (core/op/keep_nan.h).
TEST(FormsTest, FiniteExamplesRaiseNoFlag) {
  for (const OpDef* op : OpRegistry::Default().All()) {
    if (!RunsAlone(*op) || !op->examples) continue;
    for (const Example& example : op->examples()) {
      if (!example.functions.empty() || example.keyed_by_node || !AllFinite(example.inputs) ||
          !AllFinite(example.outputs)) {
        continue;
      }
      SCOPED_TRACE(absl::StrCat(op->ToString(), ", ", example.name));
      RunOpOptions options{.num_outputs = static_cast<int>(example.outputs.size()),
                           .fast = true,
                           .run = {},
                           .poison_scratch = true};
      options.run = {.training = example.training, .seed = example.seed, .step = example.step};
      std::feclearexcept(FE_INVALID);
      RunOp(*op, example.inputs, example.attrs, options).status().IgnoreError();
      EXPECT_EQ(std::fetestexcept(FE_INVALID), 0);
    }
  }
}

Attributes ConvAttributes(std::vector<std::pair<std::string, AttrValue>> more) {
  Attributes attrs{{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}};
  for (auto& [name, value] : more) attrs.Set(name, std::move(value));
  return attrs;
}

using Ints = std::vector<int64_t>;

TEST(FormsTest, EveryFormComputesTheSame) {
  const struct {
    const char* name;
    const char* op;
    Attributes attrs;
    std::vector<Shape> inputs;
    std::vector<std::string> forms;  // that are there on a machine with AVX2 or AVX-512
  } kCases[] = {
      {"3x3",
       "nn.Conv",
       ConvAttributes({{"padding", "same"}}),
       {{2, 9, 13, 11}, {20, 9, 3, 3}, {20}},
       {"Winograd", "products of taps", "packed product", "oneDNN loop in blocks",
        "oneDNN product"}},
      {"3x3 of few elements",
       "nn.Conv",
       ConvAttributes({}),
       {{1, 3, 3, 3}, {5, 3, 3, 3}},
       {"Winograd", "products of taps", "packed product"}},
      {"5x5, strides, dilations",
       "nn.Conv",
       ConvAttributes({{"strides", Ints{2, 1}}, {"dilations", Ints{1, 3}}, {"padding", "same"}}),
       {{1, 33, 17, 30}, {12, 33, 5, 5}, {12}},
       {"products of taps", "packed product"}},
      {"pointwise",
       "nn.Conv",
       ConvAttributes({}),
       {{2, 37, 5, 9}, {19, 37, 1, 1}, {19}},
       {"packed product", "oneDNN loop in blocks", "oneDNN product"}},
      {"pointwise, a column behind whole vectors",
       "nn.Conv",
       ConvAttributes({}),
       {{1, 300, 7, 7}, {22, 300, 1, 1}, {22}},
       {"packed product", "oneDNN loop in blocks", "oneDNN product"}},
      {"3x3, short rows",
       "nn.Conv",
       ConvAttributes({{"padding", "same"}}),
       {{1, 24, 14, 7}, {17, 24, 3, 3}, {17}},
       {"Winograd", "products of taps", "packed product"}},
      {"depthwise, a row of three",
       "nn.Conv",
       ConvAttributes({{"groups", 5}}),
       {{1, 5, 9, 5}, {5, 1, 3, 3}, {5}},
       {"depthwise loop", "packed product"}},
      {"pointwise, a pixel",
       "nn.Conv",
       ConvAttributes({}),
       {{3, 40, 1, 1}, {6, 40, 1, 1}, {6}},
       {"product of rows", "packed product"}},
      {"depthwise",
       "nn.Conv",
       ConvAttributes({{"groups", 10}, {"padding", "same"}}),
       {{2, 10, 12, 12}, {10, 1, 3, 3}, {10}},
       {"depthwise loop", "direct sums", "packed product"}},
      {"depthwise, short rows, many kernels of each channel",
       "nn.Conv",
       ConvAttributes({{"groups", 4}, {"strides", Ints{2, 2}}, {"padding", "same"}}),
       {{1, 4, 7, 5}, {24, 1, 3, 3}},
       {"depthwise loop", "packed product"}},
      {"groups",
       "nn.Conv",
       ConvAttributes({{"groups", 3}, {"padding", "same"}}),
       {{1, 12, 9, 9}, {24, 4, 3, 3}, {24}},
       {"direct sums", "packed product"}},
      {"wide groups, a line under the window",
       "nn.Conv",
       ConvAttributes({{"groups", 6}, {"padding", "same"}}),
       {{1, 96, 9, 9}, {192, 16, 1, 7}, {192}},
       {"packed product"}},
      {"a line under the window",
       "nn.Conv",
       ConvAttributes({{"padding", "same"}}),
       {{1, 24, 17, 17}, {72, 24, 7, 1}, {72}},
       {"packed product"}},
      {"1-D",
       "nn.Conv",
       ConvAttributes({{"padding", "same"}}),
       {{2, 16, 50}, {24, 16, 7}, {24}},
       {"products of taps", "packed product"}},
      {"3x3x3, steps of two frames",
       "nn.Conv",
       ConvAttributes({{"strides", Ints{2, 1, 1}}, {"padding", "same"}}),
       {{2, 9, 6, 13, 11}, {20, 9, 3, 3, 3}, {20}},
       {"Winograd", "packed product", "oneDNN loop in blocks"}},
      {"1x3x3",
       "nn.Conv",
       ConvAttributes({{"padding", "same"}}),
       {{1, 5, 3, 9, 10}, {7, 5, 1, 3, 3}, {7}},
       {"Winograd", "packed product"}},
      {"3x1x1, dilated",
       "nn.Conv",
       ConvAttributes({{"dilations", Ints{2, 1, 1}}, {"padding", "same"}}),
       {{2, 6, 9, 5, 4}, {10, 6, 3, 1, 1}, {10}},
       {"packed product", "oneDNN loop in blocks"}},
      {"3 axes, strides, dilations",
       "nn.Conv",
       ConvAttributes({{"strides", Ints{1, 2, 3}},
                       {"dilations", Ints{2, 1, 2}},
                       {"padding", "explicit"},
                       {"pads", Ints{1, 0, 2, 0, 3, 1}}}),
       {{2, 6, 9, 10, 40}, {11, 6, 4, 3, 5}, {11}},
       {"packed product"}},
      {"3 axes, groups",
       "nn.Conv",
       ConvAttributes({{"groups", 3}, {"padding", "same"}}),
       {{2, 12, 4, 9, 9}, {24, 4, 3, 3, 3}, {24}},
       {"packed product"}},
      {"channels last",
       "nn.Conv",
       {{"padding", "same"}},
       {{2, 9, 8, 16}, {3, 3, 16, 24}, {24}},
       {"oneDNN loop in blocks"}},
      {"channels last, pointwise",
       "nn.Conv",
       {},
       {{2, 3, 5, 31}, {1, 1, 31, 17}, {17}},
       {"packed product"}},
      {"rows",
       "math.MatMul",
       {},
       {{3, 50}, {50, 33}},
       {"product of rows", "packed product", "oneDNN product"}},
      {"a batch of products", "math.MatMul", {}, {{3, 4, 20, 30}, {4, 30, 17}}, {"oneDNN product"}},
      {"two products of many rows, transposed",
       "math.MatMul",
       {{"transpose_a", true}, {"transpose_b", true}},
       {{2, 30, 70}, {2, 17, 30}},
       {"oneDNN product"}},
      {"a product of many columns",
       "math.MatMul",
       {},
       {{2, 1, 30}, {1, 30, 133}},
       {"oneDNN product"}},
      {"a small product",
       "math.MatMul",
       {},
       {{20, 3}, {3, 2}},
       {"packed product", "oneDNN product"}},
      {"scaled, with a column",
       "math.Gemm",
       {{"alpha", 0.5}, {"beta", 2.0}, {"transpose_a", true}},
       {{30, 70}, {30, 40}, {70, 1}},
       {"oneDNN product"}},
      {"columns, with a whole matrix",
       "math.Gemm",
       {{"alpha", 0.5}},
       {{3, 30}, {30, 140}, {3, 140}},
       {"oneDNN product"}},
      {"a dense layer",
       "math.Gemm",
       {{"transpose_b", true}},
       {{2, 70}, {30, 70}, {30}},
       {"product of rows", "packed product", "oneDNN product"}},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const OpDef* op = OpRegistry::Default().Find(c.op);
    ASSERT_NE(op, nullptr);
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      const auto tensor =
          RandomTensor(DType::kFloat32, c.inputs[i], i, c.name, {.low = -1, .high = 1});
      ASSERT_TRUE(tensor.ok()) << tensor.status();
      inputs.push_back(*tensor);
    }
    const auto right = RunOp(*op, inputs, c.attrs);
    ASSERT_TRUE(right.ok()) << right.status();
    for (const int threads : {1, 3}) {
      const RunOpOptions fast{.fast = true, .run = {}, .poison_scratch = true, .threads = threads};
      const std::vector<std::string> forms = FormsOf(*op, inputs, c.attrs, fast);
      if (BestVectorTarget() != VectorTarget::kBaseline) {
        EXPECT_THAT(forms, IsSupersetOf(c.forms));
      }
      for (const std::string& form : forms) {
        SCOPED_TRACE(absl::StrCat(form, ", threads: ", threads));
        const FormScope scope(FormScope::Wish::kForm, form);
        PoisonStack();
        std::feclearexcept(FE_INVALID);
        ExpectClose(RunOp(*op, inputs, c.attrs, fast), *right, 1e-4, 1e-4);
        // With numbers that are finite nothing raises it, or runs would be repeated in vain.
        EXPECT_EQ(std::fetestexcept(FE_INVALID), 0);
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
