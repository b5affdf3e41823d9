// Gradients of models whose sizes are not known when they are written: the examples of ops, with
// inputs whose axes are declared as symbols, as unknown, or not at all, against central
// differences. An op is tested by being registered in one of the domains.
#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/tests/central_differences.h"

namespace nomograph {
namespace {

// What is known of the inputs' shapes.
enum class Known { kSymbols, kRank, kNothing };

constexpr const char* kDomains[] = {"math.", "quant.", "random.", "state."};

// What cannot be differentiated without a rank: a product's operand may be a vector, an ellipsis
// stand for any number of axes, and a scale belong to any axis.
bool NeedsRank(const OpDef& op) {
  static const auto& ops = *new std::set<std::string>{"math.Einsum", "math.FusedMatMul",
                                                      "math.MatMul", "quant.DequantizeLinear"};
  return ops.contains(op.name);
}

// Equal sizes have one symbol.
PartialShape Declared(const Tensor& input, Known known) {
  if (!input.valid() || known == Known::kNothing) return PartialShape();
  PartialShape shape = PartialShape::OfRank(input.shape().rank());
  for (int axis = 0; known == Known::kSymbols && axis < shape.rank(); ++axis)
    shape[axis] = Dim::Symbol(absl::StrCat("size", input.shape()[axis]));
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
    const bool covered =
        std::any_of(std::begin(kDomains), std::end(kDomains),
                    [&](const char* domain) { return op->name.starts_with(domain); });
    if (!covered) continue;
    for (const Known known : {Known::kSymbols, Known::kRank, Known::kNothing}) {
      if (known != Known::kNothing || !NeedsRank(*op)) cases.emplace_back(op, known);
    }
  }
  return cases;
}

std::string NameOf(const testing::TestParamInfo<std::tuple<const OpDef*, Known>>& info) {
  const auto& [op, known] = info.param;
  const char* const names[] = {"symbols", "rank", "nothing"};
  return absl::StrCat(TestNameOf(*op), "_", names[static_cast<int>(known)]);
}

INSTANTIATE_TEST_SUITE_P(Ops, GradientShapes, testing::ValuesIn(Cases()), NameOf);

}  // namespace
}  // namespace nomograph
