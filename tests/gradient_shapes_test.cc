// Gradients of models whose sizes are not known when they are written: the examples of ops, with
// inputs whose axes are declared as symbols, as unknown, or not at all, against central
// differences. An op is tested by being registered.
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/tests/central_differences.h"

namespace nomograph {
namespace {

// What is known of the inputs' shapes, less and less.
enum class Known { kSizes, kAllButFirst, kSymbols, kRank, kNothing };

// What must be known at least of some ops. A product's operand may be a vector, an ellipsis stand
// for any number of axes, a scale belong to any axis; where channels lie follows from the rank;
// heads of attention are cut out by their sizes, and what its mask means follows from its own.
Known Needed(const OpDef& op) {
  static const auto& needed = *new std::map<std::string, Known>{
      {"image.AffineGrid", Known::kSizes},
      {"math.Einsum", Known::kRank},
      {"math.FusedMatMul", Known::kRank},
      {"math.MatMul", Known::kRank},
      {"nn.Attention", Known::kSizes},
      {"nn.BatchNormalization", Known::kRank},
      {"nn.BatchNormalizationTraining", Known::kRank},
      {"nn.BatchNormalizationTrainingGrad", Known::kRank},
      {"nn.Conv", Known::kRank},
      {"nn.ConvTranspose", Known::kRank},
      {"nn.DotProductAttention", Known::kAllButFirst},
      {"nn.GatedConv", Known::kRank},
      {"nn.GlobalAveragePool", Known::kRank},
      {"nn.GlobalLpPool", Known::kRank},
      {"nn.GlobalMaxPool", Known::kRank},
      {"nn.GroupNormalization", Known::kRank},
      {"nn.GroupNormalizationGrad", Known::kRank},
      {"nn.InstanceNormalization", Known::kRank},
      {"nn.LayerNormalizationGrad", Known::kRank},
      {"nn.MaxUnpool", Known::kAllButFirst},
      {"nn.NormalizedConv", Known::kRank},
      {"nn.RotaryEmbedding", Known::kAllButFirst},
      {"nn.ScaledDotProductAttention", Known::kAllButFirst},
      {"quant.DequantizeLinear", Known::kRank},
      {"quant.WeightOnlyMatMul", Known::kRank},
      {"signal.Stft", Known::kRank},
  };
  const auto found = needed.find(op.name);
  return found == needed.end() ? Known::kNothing : found->second;
}

// Equal sizes have one symbol. An empty vector may stand for an input that is absent.
PartialShape Declared(const Tensor& input, Known known) {
  if (input.valid() && input.shape() == Shape{0}) return input.shape();
  if (!input.valid() || known == Known::kNothing) return PartialShape();
  PartialShape shape = input.shape();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (known == Known::kAllButFirst && axis > 0) break;
    shape[axis] =
        known == Known::kSymbols ? Dim::Symbol(absl::StrCat("size", input.shape()[axis])) : Dim();
  }
  return shape;
}

class GradientShapes : public testing::TestWithParam<std::tuple<const OpDef*, Known>> {};

TEST_P(GradientShapes, AsCentralDifferences) {
  const auto& [op, known] = GetParam();
  if (!op->examples || !op->no_gradient.empty()) return;
  for (const Example& example : op->examples()) {
    SCOPED_TRACE(example.name);
    Scalar function(*op, example);
    std::vector<PartialShape> shapes;
    for (const Tensor& input : example.inputs) shapes.push_back(Declared(input, known));
    function.set_input_shapes(std::move(shapes));
    const absl::Status built = function.Build();
    ASSERT_TRUE(built.ok()) << built;
    if (!function.HasGradient()) continue;
    ASSERT_TRUE(function.gradient_status().ok()) << function.gradient_status();
    ExpectCentralDifferences(function, /*elements=*/4);
  }
}

std::vector<std::tuple<const OpDef*, Known>> Cases() {
  std::vector<std::tuple<const OpDef*, Known>> cases;
  for (const OpDef* op : OpRegistry::Default().All()) {
    // What functions take is declared with them.
    if (op->name.starts_with("core.")) continue;
    for (const Known known :
         {Known::kAllButFirst, Known::kSymbols, Known::kRank, Known::kNothing}) {
      if (known <= Needed(*op)) cases.emplace_back(op, known);
    }
  }
  return cases;
}

std::string NameOf(const testing::TestParamInfo<std::tuple<const OpDef*, Known>>& info) {
  const auto& [op, known] = info.param;
  const char* const names[] = {"sizes", "all_but_first", "symbols", "rank", "nothing"};
  return absl::StrCat(TestNameOf(*op), "_", names[static_cast<int>(known)]);
}

INSTANTIATE_TEST_SUITE_P(Ops, GradientShapes, testing::ValuesIn(Cases()), NameOf);

}  // namespace
}  // namespace nomograph
