// Ops made of functions on scalars: broadcasting, attributes, predicates and their examples.
#include "nomograph/core/op/elementwise.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"

namespace nomograph {
namespace {

// Which element of a tensor of `shape` stands at `index` of a shape that it broadcasts to.
int64_t ElementAt(const Shape& shape, const std::vector<int64_t>& index) {
  int64_t element = 0;
  const int offset = static_cast<int>(index.size()) - shape.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    element = element * shape[axis] + (shape[axis] == 1 ? 0 : index[offset + axis]);
  }
  return element;
}

// 0, 1, 2, … times `factor`.
Tensor Counted(const Shape& shape, int64_t factor) {
  Tensor tensor(DType::kInt64, shape);
  int64_t next = 0;
  for (int64_t& element : tensor.mutable_data<int64_t>()) element = factor * next++;
  return tensor;
}

// a + 1000000 * b, by walking over all indices.
Tensor Expected(const Shape& a, const Shape& b, const Shape& output) {
  Tensor expected(DType::kInt64, output);
  std::vector<int64_t> index(output.rank(), 0);
  for (int64_t& element : expected.mutable_data<int64_t>()) {
    element = ElementAt(a, index) + 1000000 * ElementAt(b, index);
    for (int axis = output.rank() - 1; axis >= 0; --axis) {
      if (++index[axis] < output[axis]) break;
      index[axis] = 0;
    }
  }
  return expected;
}

TEST(Elementwise, Broadcasts) {
  const OpDef add = ElementwiseOp("test.Add", IntTypes{}, [](auto a, auto b) { return a + b; });
  const std::vector<std::pair<Shape, Shape>> cases = {
      {{}, {}},
      {{1, 1}, {1}},
      {{7}, {}},
      {{}, {600}},
      {{600}, {1}},
      {{5, 3}, {3}},
      {{400, 3}, {3}},
      {{3}, {400, 3}},
      {{400, 3}, {400, 1}},
      {{400, 1}, {1, 3}},
      {{2, 300, 3}, {300, 3}},
      {{2, 300, 3}, {2, 1, 3}},
      {{2, 300, 3}, {300, 1}},
      {{2, 1, 70}, {5, 70}},
      {{2, 5, 600}, {5, 1}},
      {{4, 1, 3, 1}, {1, 5, 1, 2}},
      {{2, 3, 4, 5}, {3, 1, 5}},
      {{40, 30, 9}, {1, 30, 1}},
      {{30, 20, 3, 3}, {1, 20, 1, 1}},
      {{1, 30, 1, 1}, {20, 30, 3, 3}},
      {{40, 30, 1}, {40, 1, 9}},
      {{7, 50, 5}, {7, 1, 5}},
      {{3, 2, 5, 2, 7}, {2, 1, 2, 1}},
      {{700, 63}, {700, 1}},
      {{6, 2, 3, 2}, {6, 1, 3, 1}},
      {{0, 3}, {3}},
      {{2, 0, 3}, {2, 1, 1}},
  };
  for (const auto& [a, b] : cases) {
    SCOPED_TRACE(a.ToString() + " and " + b.ToString());
    const Shape output = *Broadcast(a, b);
    const auto found = RunOp(add, {Counted(a, 1), Counted(b, 1000000)}, {});
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ((*found)[0].ToString(40), Expected(a, b, output).ToString(40));
    EXPECT_TRUE((*found)[0] == Expected(a, b, output));
  }
}

TEST(Elementwise, RefusesShapesThatDoNotBroadcast) {
  const OpDef add = ElementwiseOp("test.Add", IntTypes{}, [](auto a, auto b) { return a + b; });
  const auto found = RunOp(add, {Counted({2, 3}, 1), Counted({2}, 1)}, {});
  EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Elementwise, TakesAttributesAndYieldsPredicates) {
  const OpDef above = ElementwiseOp("test.Above", NumberTypes{}, [](const Attributes& attrs) {
                        return [limit = attrs.Float("limit")](auto x) { return x > limit; };
                      }).Attr("limit", 0.5, "");
  const auto found = RunOp(above, {Tensor::Vector<Half>({Half(0.25f), Half(0.75f)})}, {});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE((*found)[0] == Tensor::Vector<bool>({false, true}));
}

TEST(ExampleTable, KeepsTheRowsThatADTypeHolds) {
  const auto examples = ExampleTable()
                            .Rows({DType::kFloat32, DType::kUInt8, DType::kBool},
                                  {{1, 0}, {-1, 2}, {0.5, 1}, {0, -3}})
                            .BoolRows({DType::kInt8}, {{200, 1}, {100, 0}})();
  ASSERT_EQ(examples.size(), 4);
  EXPECT_EQ(examples[0].inputs[0].ToString(), "float32[4] [1, -1, 0.5, 0]");
  EXPECT_EQ(examples[1].inputs[0].ToString(), "uint8[1] [1]");
  EXPECT_EQ(examples[2].outputs[0].ToString(), "bool[1] [false]");
  EXPECT_EQ(examples[3].inputs[0].ToString(), "int8[1] [100]");
  EXPECT_EQ(examples[3].outputs[0].ToString(), "bool[1] [false]");
}

}  // namespace
}  // namespace nomograph
