// What the budget of constant folding lets through, at its edges.
#include "nomograph/core/graph/fold.h"

#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/elementwise.h"

namespace nomograph {
namespace {

using ::testing::IsEmpty;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

struct Taken {
  int64_t bytes, work;
  bool ok;
};

TEST(FoldBudget, TakesWhatIsLeft) {
  struct Case {
    const char* what;
    FoldLimits limits;
    std::vector<Tensor> own;
    std::vector<Taken> takes;
  };
  const FoldLimits small = {.max_bytes = 100, .max_work = 1000};
  const Tensor floats(DType::kFloat32, {8});
  const std::vector<Case> cases = {
      {"all of it", small, {}, {{100, 1000, true}, {0, 0, true}, {1, 0, false}, {0, 1, false}}},
      {"in parts", small, {}, {{60, 1, true}, {41, 1, false}, {40, 1, true}, {1, 1, false}}},
      // What is refused takes nothing, whichever of the two was too much.
      {"too many bytes", small, {}, {{101, 1, false}, {100, 1000, true}}},
      {"too much work", small, {}, {{1, 1001, false}, {100, 1000, true}}},
      {"nothing",
       {.max_bytes = 0, .max_work = 0},
       {},
       {{0, 0, true}, {1, 0, false}, {0, 1, false}}},
      // 8 elements of 4 bytes: 4 bytes for each byte and 16 operations for each element.
      {"own constants", small, {floats}, {{229, 0, false}, {0, 1129, false}, {228, 1128, true}}},
      {"own constants, each time", small, {floats, floats}, {{356, 1256, true}, {1, 0, false}}},
      {"own bytes",
       small,
       {Tensor(DType::kUInt8, {8})},
       {{133, 0, false}, {0, 1129, false}, {132, 1128, true}}},
      {"own factors",
       {.max_bytes = 0, .max_work = 0, .bytes_per_byte = 1, .work_per_element = 3},
       {floats},
       {{33, 0, false}, {0, 25, false}, {32, 24, true}}},
      {"no tensor, or an empty one",
       small,
       {Tensor(), Tensor(DType::kFloat32, {0, 5})},
       {{101, 0, false}, {0, 1001, false}, {100, 1000, true}}},
      // Sums stop at 2^62; they do not begin anew below 0.
      {"own constants beyond all numbers",
       {.max_bytes = int64_t{1} << 62,
        .max_work = int64_t{1} << 62,
        .bytes_per_byte = kMost / 2,
        .work_per_element = kMost / 2},
       {floats, floats},
       {{int64_t{1} << 61, int64_t{1} << 61, true}, {int64_t{1} << 61, int64_t{1} << 61, true}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    FoldBudget budget(c.limits);
    for (const Tensor& tensor : c.own) budget.AddOwn(tensor);
    for (size_t i = 0; i < c.takes.size(); ++i) {
      const Taken& take = c.takes[i];
      EXPECT_EQ(budget.Take(take.bytes, take.work), take.ok) << "take " << i;
    }
  }
}

// 16 bytes, of which 4 elements are read and 4 are written.
OpDef Twice() {
  return ElementwiseOp("test.Twice", FloatTypes{}, [](auto x) { return x + x; }).Doc("y = 2 x");
}
const Tensor kX = Tensor::Vector<float>({1, 2, 3, 4});
const Tensor kY = Tensor::Vector<float>({2, 4, 6, 8});

std::vector<Tensor> Fold(const OpDef& op, const Tensor& constant, FoldBudget& budget) {
  const Attributes attrs;
  const std::vector<TensorType> types = {kX.type()};
  const std::vector<Tensor> constants = {constant};
  return FoldNode(op, InferContext(attrs, types, constants, 1), types, budget);
}

TEST(FoldNode, StaysWithinTheBudget) {
  struct Case {
    const char* what;
    FoldLimits limits;
    bool folds;
  };
  const Case cases[] = {
      {"the defaults", {}, true},
      {"just enough", {.max_bytes = 16, .max_work = 8, .max_elements = 4}, true},
      {"a byte less", {.max_bytes = 15, .max_work = 8, .max_elements = 4}, false},
      {"an operation less", {.max_bytes = 16, .max_work = 7, .max_elements = 4}, false},
      {"an element less", {.max_bytes = 16, .max_work = 8, .max_elements = 3}, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    FoldBudget budget(c.limits);
    EXPECT_EQ(Fold(Twice(), kX, budget), c.folds ? std::vector<Tensor>{kY} : std::vector<Tensor>{});
    EXPECT_EQ(budget.refused(), c.folds ? 0 : 1);
    // Twice the same is beyond the four small budgets; a node that is not folded takes nothing.
    const bool all_left = budget.Take(c.limits.max_bytes, c.limits.max_work);
    EXPECT_EQ(all_left, !c.folds);
  }
}

TEST(FoldNode, TakesNothingForWhatItDoesNotCompute) {
  FoldBudget budget({.max_bytes = 16, .max_work = 8});
  EXPECT_THAT(Fold(Twice(), Tensor(), budget), IsEmpty()) << "no constant";
  for (const Effects effects : {Effects::kRandom, Effects::kStateful, Effects::kIo}) {
    EXPECT_THAT(Fold(Twice().WithEffects(effects), kX, budget), IsEmpty());
  }
  OpDef no_kernel = Twice();
  no_kernel.reference = nullptr;
  EXPECT_THAT(Fold(no_kernel, kX, budget), IsEmpty());
  // By its own hook, which computes nothing.
  const auto hook = [](const InferContext&) { return absl::StatusOr<std::vector<Tensor>>({kY}); };
  EXPECT_EQ(Fold(Twice().Fold(hook), Tensor(), budget), std::vector<Tensor>{kY});
  EXPECT_TRUE(budget.Take(16, 8));
}

// A fault in computing it is no fault of the model yet: the node may never run.
TEST(FoldNode, LeavesFaultsToTheRun) {
  FoldBudget budget;
  OpDef fails = Twice();
  fails.reference = [](KernelContext&) { return absl::InvalidArgumentError("not with these"); };
  EXPECT_THAT(Fold(fails, kX, budget), IsEmpty());
  // What is thrown is a fault as well.
  EXPECT_EQ(Fold(Twice().Fold([](const InferContext&) -> absl::StatusOr<std::vector<Tensor>> {
              throw std::runtime_error("not with these");
            }),
                 kX, budget),
            std::vector<Tensor>{kY})
      << "the kernel serves";
  EXPECT_THAT(Fold(Twice().Work([](const InferContext&, const WorkSizes&) -> int64_t {
                throw std::runtime_error("not with these");
              }),
                   kX, budget),
              IsEmpty());
}

}  // namespace
}  // namespace nomograph
