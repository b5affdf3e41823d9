// Kernels of nodes whose shapes depend on data: runs that find the same prepare none.
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

Tensor Floats(const std::vector<float>& values) {
  return Tensor::Of<float>({static_cast<int64_t>(values.size())}, values);
}

// The elements of x that are not negative.
NOMO_REGISTER_OP(
    OpDef("late.Keep")
        .Doc("The elements of x that are not negative.")
        .TypeVar("T", {DType::kFloat32})
        .Input("x", "T")
        .Output("y", "T")
        .Infer([](const InferContext& context) {
          return absl::StatusOr<std::vector<TensorType>>({{context.dtype(0), {Dim()}}});
        })
        .Reference([](KernelContext& context) {
          std::vector<float> kept;
          for (const float x : context.input<float>(0)) {
            if (x >= 0) kept.push_back(x);
          }
          return context.SetOutput(0, Floats(kept));
        }));

// How often it was prepared, and with which of its inputs known.
int prepared = 0;
std::vector<bool> known;

// y = x * w[0] + b[0], by a kernel that keeps w and b where they are known.
class ScaleKernel : public Kernel {
 public:
  explicit ScaleKernel(std::vector<Tensor> constants) : constants_(std::move(constants)) {}
  absl::Status Run(KernelContext& context) const override {
    const auto of = [&](int i) {
      return constants_[i].valid() ? constants_[i].data<float>()[0] : context.input<float>(i)[0];
    };
    for (int64_t i = 0; i < context.input_shape(0).num_elements(); ++i) {
      context.output<float>(0)[i] = context.input<float>(0)[i] * of(1) + of(2);
    }
    return absl::OkStatus();
  }
  std::string Describe() const override { return "scale"; }

 private:
  const std::vector<Tensor> constants_;
};

NOMO_REGISTER_OP(
    OpDef("late.Scale")
        .Doc("y = x * w[0] + b[0]")
        .TypeVar("T", {DType::kFloat32})
        .Input("x", "T")
        .Input("w", "T")
        .Input("b", "T")
        .Output("y", "T")
        .Infer(SameAsInput)
        .Fast([](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
          ++prepared;
          known.clear();
          for (const Tensor& constant : context.constants) known.push_back(constant.valid());
          return std::make_unique<ScaleKernel>(
              std::vector<Tensor>(context.constants.begin(), context.constants.end()));
        }));

TEST(LateKernel, IsPreparedWhereSomethingDiffers) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n")}}, "x");
  const Value b = InputValue({DType::kFloat32, {Dim::Symbol("m")}}, "b");
  const Value kept = Call("late.Keep", {x});
  const Value scaled =
      Call("late.Scale", {kept, Constant(Tensor::Vector<float>({2})), Call("late.Keep", {b})});
  const auto model = BuildModel({x, b}, {scaled});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  std::vector<float> large(1000, 7.0f);
  large[0] = 0.5f;
  const struct {
    std::vector<float> x, b, y;
    bool prepares;
    std::vector<bool> known = {true, true, true};  // small inputs count as constant
  } runs[] = {
      {{1, -1, 2}, {10}, {12, 14}, true},
      {{1, -1, 2}, {10}, {12, 14}, false},
      {{-1, 1, 2}, {10}, {12, 14}, false},  // the same where it matters
      {{3, -1, 2}, {10}, {16, 14}, true},
      {{3, -1, 2}, {20}, {26, 24}, true},
      {{3, -1, 2}, large, {6.5, 4.5}, true, {true, true, false}},
      {{3, -1, 2}, large, {6.5, 4.5}, false, {true, true, false}},
      {{3, 1, 2}, large, {6.5, 2.5, 4.5}, true, {true, true, false}},
  };
  for (const auto& run : runs) {
    SCOPED_TRACE(testing::PrintToString(run.x) + " " + std::to_string(run.b.size()));
    const int before = prepared;
    const auto y = (*session)->Run({{"x", Floats(run.x)}, {"b", Floats(run.b)}});
    ASSERT_TRUE(y.ok()) << y.status();
    const auto found = y->begin()->second.data<float>();
    EXPECT_EQ(std::vector<float>(found.begin(), found.end()), run.y);
    EXPECT_EQ(prepared - before, run.prepares ? 1 : 0);
    EXPECT_EQ(known, run.known);
  }
  // A large input that differs needs no other kernel.
  large[0] = 0.25f;
  const int before = prepared;
  const auto y = (*session)->Run(NamedTensors{{"x", Floats({3, 1, 2})}, {"b", Floats(large)}});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->begin()->second.data<float>()[0], 6.25f);
  EXPECT_EQ(prepared, before);
}

// A chain of values with a million elements each, of which all but two would pass the limit.
TEST(LateKernel, ValuesAreFreedBehindTheirLastUse) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n")}}, "x");
  Value y = Call("late.Keep", {x});
  for (int i = 0; i < 20; ++i) {
    y = Call("late.Scale",
             {y, Constant(Tensor::Vector<float>({2})), Constant(Tensor::Vector<float>({-1}))});
  }
  const auto model = BuildModel({x}, {y});
  ASSERT_TRUE(model.ok()) << model.status();
  constexpr int64_t kElements = 1 << 20, kBytes = kElements * sizeof(float);
  const auto session = Session::Create(*model, {.memory_limit_bytes = 6 * kBytes});
  ASSERT_TRUE(session.ok()) << session.status();
  for (const int64_t elements : {kElements, kElements, kElements - 1000, int64_t{3}}) {
    const Tensor ones = Tensor::Full(DType::kFloat32, {elements}, 1);
    for (int run = 0; run < 2; ++run) {
      const auto result = (*session)->Run({{"x", ones}});
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->begin()->second, ones);
    }
  }
}

// y = x, with memory beside it.
class RoomyKernel : public Kernel {
 public:
  absl::Status Run(KernelContext& context) const override {
    return context.SetOutput(0, context.BorrowInput(0));
  }
  int64_t scratch_bytes() const override { return 100000; }
  std::string Describe() const override { return "roomy"; }
};

NOMO_REGISTER_OP(OpDef("late.Roomy")
                     .Doc("y = x")
                     .TypeVar("T", {DType::kFloat32})
                     .Input("x", "T")
                     .Output("y", "T")
                     .Infer(SameAsInput)
                     .Fast([](const PrepareContext&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                       return std::make_unique<RoomyKernel>();
                     }));

TEST(LateKernel, ItsMemoryCountsInEachRun) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n")}}, "x");
  const auto model = BuildModel({x}, {Call("late.Roomy", {Call("late.Keep", {x})})});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  const Tensor ones = Floats({1, 1});
  for (const int64_t limit : {50000, 0, 50000, 150000, 50000, 0}) {
    SCOPED_TRACE(limit);
    const absl::Status status = (*session)->Run(ones, {.memory_limit_bytes = limit}).status();
    EXPECT_EQ(status.code(),
              limit == 50000 ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kOk)
        << status;
  }
}

int viewed = 0;  // how often its kernel ran

NOMO_REGISTER_OP(
    OpDef("late.AsColumn")
        .Doc("The elements of x, each in a row of its own.")
        .TypeVar("T", {DType::kFloat32})
        .Input("x", "T", "[n]")
        .Output("y", "T", "[n, 1]")
        .Infer([](const InferContext& context) {
          const Dim rows = context.shape(0).has_rank() ? context.shape(0)[0] : Dim();
          return absl::StatusOr<std::vector<TensorType>>({{context.dtype(0), {rows, Dim(1)}}});
        })
        .View()
        .Reference([](KernelContext& context) {
          ++viewed;
          const auto x = context.input<float>(0);
          return context.SetOutput(
              0, Floats({x.begin(), x.end()}).Reshaped({context.input_shape(0)[0], 1}));
        }));

TEST(LateKernel, NoneRunsForAView) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n")}}, "x");
  const Value kept = Call("late.Keep", {x}), column = Call("late.AsColumn", {kept});
  const auto model =
      BuildModel({x}, {kept, column, Call("late.AsColumn", {Call("late.Keep", {x})})});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  for (const std::vector<float>& values :
       std::vector<std::vector<float>>{{1, -1, 2}, {3, 4, 5}, {-1}}) {
    auto y = (*session)->Run(std::vector<Tensor>{Floats(values)});
    ASSERT_TRUE(y.ok()) << y.status();
    std::vector<float> right;
    for (const float value : values) {
      if (value >= 0) right.push_back(value);
    }
    const auto count = static_cast<int64_t>(right.size());
    EXPECT_EQ((*y)[0], Floats(right));
    EXPECT_EQ((*y)[1], Floats(right).Reshaped({count, 1}));
    EXPECT_EQ((*y)[2], (*y)[1]);
    // Results are tensors of their own all the same.
    if (count > 0) (*y)[0].mutable_data<float>()[0] += 1;
    EXPECT_EQ((*y)[1], Floats(right).Reshaped({count, 1}));
  }
  EXPECT_EQ(viewed, 0);
}

// What users' ops say and do that contradicts what they said before the run.
OpDef Contradicts(const std::string& name, InferFn infer, std::vector<float> yields) {
  return OpDef(name)
      .Doc("What it yields is not what it says.")
      .Input("x", "float32")
      .Output("y", "float32")
      .Infer(std::move(infer))
      .Reference([yields](KernelContext& context) { return context.SetOutput(0, Floats(yields)); });
}

absl::StatusOr<std::vector<TensorType>> Yields(PartialShape shape) {
  return std::vector<TensorType>{{DType::kFloat32, std::move(shape)}};
}

// Of two elements where they are not counted yet, else of as many as there are.
NOMO_REGISTER_OP(Contradicts("late.Two",
                             [](const InferContext& c) {
                               const bool counted = c.shape(0).fully_known();
                               return Yields(PartialShape{counted ? c.shape(0)[0] : Dim(2)});
                             },
                             {1, 2, 3}));
NOMO_REGISTER_OP(Contradicts("late.Column",
                             [](const InferContext&) {
                               return Yields({Dim(), Dim(1)});
                             },
                             {1, 2, 3}));
NOMO_REGISTER_OP(Contradicts("late.Nothing", [](const InferContext&) { return Yields({Dim()}); },
                             {}));

TEST(LateKernel, WhatWasKnownBeforeTheRunIsNotContradicted) {
  const struct {
    const char* op;
    std::vector<float> x;
    const char* message;
  } cases[] = {
      {"late.Two", {4, 5}, "output 0 has shape [2], the kernel yields [3]"},
      {"late.Two", {4, 5, 6}, "output 0 has shape [2], the shape function yields [3] in this run"},
      {"late.Column", {4}, "output 0 has shape [?,1], the kernel yields [3]"},
      {"late.Nothing", {4}, ""},
  };
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n")}}, "x");
  for (const auto& c : cases) {
    SCOPED_TRACE(c.op);
    // Behind it a kernel that was prepared for what was known.
    const Value y = Call(c.op, {Call("late.Keep", {x})});
    const Value sum = Call("late.Scale", {y, Constant(Floats({2})), Constant(Floats({1}))});
    const auto model = BuildModel({x}, {sum});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto session = Session::Create(*model);
    ASSERT_TRUE(session.ok()) << session.status();
    const absl::Status status = (*session)->Run(Floats(c.x)).status();
    EXPECT_EQ(status.ok(), c.message[0] == 0) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(c.message));
  }
}

// The same of an op that is run by itself, whose kernel sees what is known.
TEST(LateKernel, RunOpShowsAndChecksWhatIsKnown) {
  const auto run = [](auto kernel) {
    const OpDef op = Contradicts("late.Alone",
                                 [](const InferContext&) {
                                   return Yields({Dim(), Dim(3)});
                                 },
                                 {})
                         .Reference(kernel);
    return RunOp(op, {Floats({4})}, {});
  };
  Shape seen;
  const auto right = run([&seen](KernelContext& context) {
    seen = context.output_shape(0);
    return context.AllocateOutput(0, {2, 3});
  });
  ASSERT_TRUE(right.ok()) << right.status();
  EXPECT_EQ(seen, (Shape{0, 3}));
  EXPECT_EQ((*right)[0].shape(), (Shape{2, 3}));
  EXPECT_EQ(
      run([](KernelContext& context) { return context.AllocateOutput(0, {2}); }).status().message(),
      "output 0 has shape [?,3], the kernel yields [2]");
  EXPECT_EQ(run([](KernelContext&) { return absl::OkStatus(); }).status().message(),
            "the kernel did not allocate output 0");
}

}  // namespace
}  // namespace nomograph
