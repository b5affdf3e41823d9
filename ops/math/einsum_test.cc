// Equations of math.Einsum, well-formed and not, and what is known of their results.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using testing::HasSubstr;
using Shapes = std::vector<PartialShape>;

const Dim kBatch = Dim::Symbol("batch");
const PartialShape kUnknownRank;

struct Case {
  std::string equation;
  Shapes shapes;
  std::string expected;
};

// The shape that the op infers, or its error.
std::string Infer(const Case& c) {
  const OpDef& op = *OpRegistry::Default().Find("math.Einsum");
  const auto attrs = ResolveAttributes(op.attrs, {{"equation", c.equation}});
  std::vector<TensorType> inputs;
  for (const PartialShape& shape : c.shapes) inputs.push_back({DType::kFloat32, shape});
  const auto types = InferNode(op, InferContext(*attrs, inputs, {}, 1));
  return types.ok() ? (*types)[0].shape.ToString() : std::string(types.status().message());
}

TEST(Einsum, KeepsWhatIsKnown) {
  const Case cases[] = {
      {"bij,bjk->bik", {{kBatch, 2, Dim()}, {kBatch, 3, 4}}, "[batch,2,4]"},
      {"ij,jk", {{2, 3}, {3, Dim()}}, "[2,?]"},
      {"ij,jk->ki", {kUnknownRank, {3, 4}}, "[4,?]"},
      {"...i,...i", {{kBatch, 5, 3}, {1, 3}}, "[batch,5]"},
      {"...i->...", {kUnknownRank}, "[...]"},
      {"...i,ij->j", {{3}, {3, 4}}, "[4]"},
      {"ba...", {{2, 3, 4}}, "[4,3,2]"},
      {"ii->i", {{Dim(), 3}}, "[3]"},
      {"i,i->i", {{1}, {7}}, "[7]"},
      {"->", {Shape{}}, "[]"},
  };
  for (const Case& c : cases) EXPECT_EQ(Infer(c), c.expected) << c.equation;
}

TEST(Einsum, SaysWhatDoesNotFit) {
  const Case cases[] = {
      {"i.j->i", {{2, 2}}, "equation \"i.j->i\": operand 0: expected letters and ..., found \".\""},
      {"ij->i->j", {{2, 2}}, "output: expected letters and ..., found \"-\""},
      {"ij->i1", {{2, 2}}, "output: expected letters and ..., found \"1\""},
      {"...i...", {{2, 2}}, "operand 0: expected one ellipsis, found two"},
      {"ij->ii", {{2, 2}}, "output: i occurs twice"},
      {"ij->k", {{2, 2}}, "output: k occurs in no operand"},
      {"ij,jk", {{2, 2}}, "the equation has 2 operands, the node 1"},
      {"ij", {{2, 2, 2}}, "operand 0: expected 2 axes, found shape [2,2,2]"},
      {"ij...", {{2}}, "operand 0: expected at least 2 axes, found shape [2]"},
      {"ij,jk", {{2, 3}, {4, 2}}, "operand 1: j: expected size 3, found 4"},
      {"ii", {{2, 3}}, "operand 0: i: expected size 2, found 3"},
      {"ii", {{1, 3}}, "operand 0: i: expected size 1, found 3"},
      {"...,...", {{2, 3}, {3, 3}}, "operand 1: axis -2 of the ellipsis: expected size 2, found 3"},
      {"...i->i", {{2, 3}}, "output: expected an ellipsis for the 1 axes"},
  };
  for (const Case& c : cases) EXPECT_THAT(Infer(c), HasSubstr(c.expected)) << c.equation;
}

}  // namespace
}  // namespace nomograph
