// What is added to a sum lies where the sum is written, if nothing needs it any more: programs need
// less memory, and yield what exact mode does.
#include <algorithm>
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

Value Conv(const Value& x, int64_t out, int64_t size, uint64_t key, Attributes more = {}) {
  Attributes attrs{
      {"data_format", "channels_first"}, {"kernel_layout", "OIHW"}, {"padding", "same"}};
  for (const auto& [name, value] : more) attrs.Set(name, value);
  Shape kernel = {out, x.shape()[1].size()};
  for (int axis = 2; axis < x.shape().rank(); ++axis) kernel.Append(size);
  return Call("nn.Conv",
              {x, Constant(Numbers(kernel, key, 0.1f)), Constant(Numbers({out}, key + 1))}, attrs);
}
Value Relu(const Value& x) { return Call("nn.Relu", {x}); }
Value Dense(const Value& x, int64_t out, uint64_t key) {
  return Call("math.MatMul", {x, Constant(Numbers({x.shape()[1].size(), out}, key, 0.1f))});
}

struct Case {
  const char* name;
  Shape shape;
  std::function<Value(const Value& x)> build;
  int overwrites;  // nodes whose output lies where an operand of theirs lay
};

// A block whose shortcut is a value of the run, not the caller's.
Value Block(const Value& x, int64_t size) {
  const Value shortcut = Relu(Conv(x, x.shape()[1].size(), 1, 1));
  return Relu(Conv(Relu(Conv(shortcut, 16, 1, 3)), x.shape()[1].size(), size, 5) + shortcut);
}

const Case kCases[] = {
    {"pointwise", {1, 24, 20, 21}, [](const Value& x) { return Block(x, 1); }, 1},
    {"pointwise, several images", {3, 24, 9, 9}, [](const Value& x) { return Block(x, 1); }, 1},
    {"pointwise, more terms than are summed up at a time",
     {1, 600, 8, 9},
     [](const Value& x) {
       const Value shortcut = Relu(x);
       return Relu(Conv(Relu(Conv(x, 600, 1, 1)), 600, 1, 3) + shortcut);
     },
     1},
    {"Winograd's algorithm", {1, 64, 40, 40}, [](const Value& x) { return Block(x, 3); }, 1},
    {"blocks one behind the other",
     {1, 24, 20, 21},
     [](const Value& x) { return Block(Block(x, 1), 1); },
     2},
    {"a gate",
     {1, 24, 20, 21},
     [](const Value& x) {
       const Value shortcut = Relu(Conv(x, 24, 1, 1)), y = Relu(Conv(shortcut, 32, 1, 3));
       const Value gate =
           Call("nn.Sigmoid", {Call("nn.GlobalAveragePool", {y},
                                    {{"data_format", "channels_first"}, {"keepdims", true}})});
       return Conv(y * gate, 24, 1, 5) + shortcut;
     },
     1},
    {"another function ahead of the sum",
     {1, 24, 20, 21},
     [](const Value& x) {
       const Value shortcut = Relu(Conv(x, 24, 1, 1));
       return Relu(Conv(Relu(Conv(shortcut, 16, 1, 3)), 24, 1, 5)) + shortcut;
     },
     0},
    {"needed later",
     {1, 24, 20, 21},
     [](const Value& x) {
       const Value shortcut = Relu(Conv(x, 24, 1, 1));
       const Value sum = Conv(Relu(Conv(shortcut, 16, 1, 3)), 24, 1, 5) + shortcut;
       return Conv(sum, 24, 1, 7) + shortcut;
     },
     1},
    {"what is convolved, too",
     {1, 24, 20, 21},
     [](const Value& x) {
       const Value y = Relu(Conv(x, 24, 1, 1));
       return Relu(Conv(y, 24, 1, 3) + y);
     },
     0},
    {"the caller's",
     {1, 24, 20, 21},
     [](const Value& x) { return Relu(Conv(Relu(Conv(x, 16, 1, 1)), 24, 1, 3) + x); },
     0},
};

int Overwrites(const Program& program) {
  int count = 0;
  for (const Program::Step& step : program.steps()) {
    const LoweredNode& node = program.graph().nodes[step.node];
    if (node.post_ops.empty()) continue;
    const ValueId root = program.plan().values[node.outputs[0]].root;
    count += std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      return id != kNoValue && program.plan().values[id].root == root;
    });
  }
  return count;
}

TEST(Overwrites, YieldWhatTheyYieldElsewhere) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const Value x = InputValue({DType::kFloat32, PartialShape(c.shape)}, "x");
    // Behind what is looked at: results are tensors of their own.
    const Value y = c.build(x);
    const auto model =
        BuildModel({x}, {Call("array.Transpose", {y}, {{"perm", Ints{0, 2, 3, 1}}})});
    ASSERT_TRUE(model.ok()) << model.status();
    const std::vector<Tensor> inputs = {Numbers(c.shape, 9)};
    const auto exact = Session::Create(*model, {.exact = true});
    ASSERT_TRUE(exact.ok()) << exact.status();
    const auto expected = (*exact)->Run(inputs);
    ASSERT_TRUE(expected.ok()) << expected.status();
    for (const int threads : {1, 2, 3}) {
      const auto session = Session::Create(*model, {.threads = threads});
      ASSERT_TRUE(session.ok()) << session.status();
      const auto program = (*session)->ProgramFor({{"x", inputs[0]}});
      ASSERT_TRUE(program.ok()) << program.status();
      if (BestVectorTarget() != VectorTarget::kBaseline) {
        EXPECT_EQ(Overwrites(**program), c.overwrites) << (*program)->ToString();
      }
      for (int run = 0; run < 2; ++run) {
        const auto found = (*session)->Run(inputs);
        ASSERT_TRUE(found.ok()) << found.status();
        const absl::Status close = AllClose((*found)[0], (*expected)[0], 1e-5, 1e-5);
        EXPECT_TRUE(close.ok()) << close;
      }
    }
  }
}

// Rows of a left matrix: the constant is the right one.
TEST(Overwrites, OfProductsByARightMatrix) {
  const Value x = InputValue({DType::kFloat32, {Dim(50), Dim(300)}}, "x");
  const Value shortcut = Relu(Dense(x, 300, 1));
  const Value y = Relu(Dense(Relu(Dense(shortcut, 200, 2)), 300, 3) + shortcut);
  const auto model = BuildModel({x}, {Call("array.Transpose", {y}, {{"perm", Ints{1, 0}}})});
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<Tensor> inputs = {Numbers({50, 300}, 4)};
  const auto expected = (*Session::Create(*model, {.exact = true}))->Run(inputs);
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (const int threads : {1, 2}) {
    const auto found = (*Session::Create(*model, {.threads = threads}))->Run(inputs);
    ASSERT_TRUE(found.ok()) << found.status();
    const absl::Status close = AllClose((*found)[0], (*expected)[0], 1e-5, 1e-5);
    EXPECT_TRUE(close.ok()) << close;
  }
}

}  // namespace
}  // namespace nomograph
