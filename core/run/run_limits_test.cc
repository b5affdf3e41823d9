// Limits of runs, with ops that are registered here so that core is tested without the standard
// set.
#include "nomograph/core/run/run_limits.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/compile/memory_needs.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

// y has as many rows as n says.
OpDef Rows() {
  return OpDef("test.Rows")
      .Doc("y = zeros of [n, 1024]")
      .Input("n", "int64")
      .Output("y", "float32")
      .Infer([](const InferContext&) -> absl::StatusOr<std::vector<TensorType>> {
        return std::vector<TensorType>{{DType::kFloat32, {Dim(), 1024}}};
      })
      .Reference([](KernelContext& c) {
        return c.AllocateOutput(0, {c.input<int64_t>(0)[0], 1024});
      });
}
NOMO_REGISTER_OP(Rows());

// Its kernel keeps a vector that no account counts.
OpDef Careless() {
  return OpDef("test.Careless")
      .Doc("y = x")
      .Input("x", "float32")
      .Output("y", "float32")
      .Infer(SameAsInput)
      .Reference([](KernelContext& c) {
        const std::vector<double> copies(size_t{1} << 59, c.input<float>(0)[0]);
        c.output<float>(0)[0] = static_cast<float>(copies.back());
        return absl::OkStatus();
      });
}
NOMO_REGISTER_OP(Careless());

OpDef Sum() {
  return OpDef("test.Sum")
      .Doc("y = a + b, element by element, repeating neither")
      .Input("a", "float32")
      .Input("b", "float32")
      .Output("y", "float32")
      .Infer(SameAsInput)
      .Reference([](KernelContext& c) {
        for (size_t i = 0; i < c.output<float>(0).size(); ++i) {
          c.output<float>(0)[i] = c.input<float>(0)[i] + c.input<float>(1)[i];
        }
        return absl::OkStatus();
      });
}
NOMO_REGISTER_OP(Sum());

// Sets the flag, so that the step behind it is one step too many.
std::atomic<bool> stop = false;
OpDef Stop() {
  return OpDef("test.Stop")
      .Doc("y = x, and the flag is set")
      .Input("x", "float32")
      .Output("y", "float32")
      .Infer(SameAsInput)
      .Reference([](KernelContext& c) {
        stop = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        return c.SetOutput(0, c.BorrowInput(0));
      });
}
NOMO_REGISTER_OP(Stop());

// y = x, once there are as many runs as the barrier is for. It counts the states that programs
// have.
std::unique_ptr<std::barrier<>> meeting;
std::atomic<int> states = 0;
class MeetKernel : public Kernel {
 public:
  absl::Status Run(KernelContext& context) const override {
    meeting->arrive_and_wait();
    std::copy_n(context.input<float>(0).data(), context.input<float>(0).size(),
                context.output<float>(0).data());
    return absl::OkStatus();
  }
  std::unique_ptr<KernelState> NewState() const override { return std::make_unique<State>(); }
  std::string Describe() const override { return "meet"; }

 private:
  struct State : KernelState {
    State() { ++states; }
    ~State() override { --states; }
  };
};
OpDef Meet() {
  return OpDef("test.Meet")
      .Doc("y = x, once enough runs are here")
      .Input("x", "float32")
      .Output("y", "float32")
      .Infer(SameAsInput)
      .Fast([](const PrepareContext&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
        return std::make_unique<MeetKernel>();
      });
}
NOMO_REGISTER_OP(Meet());

std::unique_ptr<Session> MakeSession(const Value& x, const Value& y, SessionOptions options = {}) {
  auto session = Session::Create(*BuildModel({x}, {y}), options);
  EXPECT_TRUE(session.ok()) << session.status();
  return *std::move(session);
}

Value FloatInput() { return InputValue({DType::kFloat32, {Dim::Symbol("batch")}}, "x"); }

TEST(RunLimits, MemoryOfAKnownShape) {
  const Value x = FloatInput();
  const Value sum = Call("test.Sum", {x, x});
  const auto session = MakeSession(x, Call("test.Sum", {sum, x}));
  const Tensor input(DType::kFloat32, {1000});
  const absl::Status status = session->Run(input, {.memory_limit_bytes = 5000}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("(test.Sum)"));
  EXPECT_THAT(status.message(), HasSubstr("float32[1000]"));
  EXPECT_THAT(status.message(), HasSubstr("the limit is 4.9 KB"));
  // The arena of one value and the result.
  EXPECT_TRUE(session->Run(input, {.memory_limit_bytes = 9000}).ok());
  // A state that an earlier run has left counts in a later one as well.
  const absl::Status later = session->Run(input, {.memory_limit_bytes = 5000}).status();
  EXPECT_EQ(later.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(later.message(), status.message());
  EXPECT_TRUE(session->Run(input).ok());
}

// Large tensors are left to the next run, whose limit they count against, too.
TEST(RunLimits, MemoryOfLargeResultsOfEarlierRuns) {
  const Value x = FloatInput();
  const auto session = MakeSession(x, Call("test.Sum", {x, x}));
  const Tensor input = Tensor::Full(DType::kFloat32, {100000}, 1);
  const auto run = [&](int64_t limit) {
    return session->Run(input, {.memory_limit_bytes = limit}).status();
  };
  EXPECT_EQ(run(200000).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(run(0).ok());
  const absl::Status status = run(200000);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("(test.Sum)"));
  EXPECT_TRUE(run(500000).ok());
  EXPECT_TRUE(run(500000).ok());  // left by one with a limit
  EXPECT_EQ(run(200000).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*session->Run(input), Tensor::Full(DType::kFloat32, {100000}, 2));
}

TEST(RunLimits, MemoryOfAShapeThatDependsOnData) {
  const Value n = InputValue({DType::kInt64, Shape{}}, "n");
  const auto session = MakeSession(n, Call("test.Rows", {n}));
  const auto run = [&](int64_t rows, int64_t limit) {
    return session->Run(Tensor::Scalar<int64_t>(rows), {.memory_limit_bytes = limit}).status();
  };
  EXPECT_TRUE(run(3, 20000).ok());
  EXPECT_THAT(run(30, 20000).message(),
              HasSubstr("(test.Rows): a tensor float32[30,1024]: 120.0 KB of memory are needed, "
                        "the limit is 19.5 KB"));
  EXPECT_THAT(run(int64_t{1} << 30, 0).message(), HasSubstr("4.0 TB of memory are needed"));
  EXPECT_EQ(run(int64_t{1} << 30, 0).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(run(int64_t{1} << 61, 0).ok());
  EXPECT_FALSE(run(-1, 0).ok());
}

TEST(RunLimits, MemoryOfManyRunsAtOneTimeIsNotKept) {
  const Value x = FloatInput();
  const auto session = MakeSession(x, Call("test.Meet", {x}));
  const Tensor input = Tensor::Vector<float>({1, 2});
  const int processors = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  for (const int runs : {1, processors, 2 * processors + 1, 1}) {
    meeting = std::make_unique<std::barrier<>>(runs);
    std::vector<std::thread> threads;
    for (int i = 0; i < runs; ++i) {
      threads.emplace_back([&] { EXPECT_EQ(*session->Run(input), input); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GE(states, std::min(runs, processors));
    EXPECT_LE(states, processors);
  }
}

TEST(RunLimits, AKernelThatRunsOutOfMemoryIsNamed) {
  const Value x = FloatInput();
  for (const bool exact : {false, true}) {
    const auto session = MakeSession(x, Call("test.Careless", {x}), {.exact = exact});
    const absl::Status status = session->Run(Tensor(DType::kFloat32, {1})).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(status.message(), HasSubstr("(test.Careless): memory ran out"));
  }
}

TEST(RunLimits, ValuesThatNoMachineHoldsAreRefusedBeforeTheRun) {
  const Value x = FloatInput();
  const Model model = *BuildModel({x}, {Call("test.Sum", {x, x})});
  const auto program = Program::Compile(model, model.graph, {{DType::kFloat32, Shape{1LL << 40}}},
                                        OpRegistry::Default(), {});
  EXPECT_EQ(program.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(program.status().message(),
              HasSubstr("(test.Sum): its output float32[1099511627776] is too large: 4.0 TB of "
                        "memory are needed"));
  const auto limited =
      Program::Compile(model, model.graph, {{DType::kFloat32, Shape{1000}}}, OpRegistry::Default(),
                       {.memory = std::make_shared<MemoryAccount>(3999)});
  EXPECT_EQ(limited.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(RunLimits, ValuesOfAGraphAreToldBefore) {
  const Value x = InputValue({DType::kFloat32, Shape{1LL << 40}}, "x");
  const Model model = *BuildModel({x}, {Call("test.Sum", {x, x})});
  const auto lines = ValuesThatDoNotFit(model.graph);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("(test.Sum)"));
  EXPECT_THAT(lines[0], HasSubstr("4.0 TB"));
}

TEST(RunLimits, BytesNeededDoNotOverflow) {
  const int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(BytesNeeded({DType::kFloat32, Shape{2, 3}}), 24);
  EXPECT_EQ(BytesNeeded({DType::kFloat32, {Dim(), 3}}), -1);
  EXPECT_EQ(BytesNeeded({DType::kFloat64, Shape{1LL << 62}}), most);
  EXPECT_EQ(BytesNeeded({DType::kUInt8, Shape{1LL << 40, 1LL << 40}}), most);
}

TEST(RunLimits, ARunIsCancelledBeforeItsNextStep) {
  const Value x = FloatInput();
  const Value stopped = Call("test.Stop", {x});
  const auto session = MakeSession(x, Call("test.Sum", {stopped, stopped}));
  const Tensor input = Tensor::Vector<float>({1, 2});
  stop = false;
  const absl::Status status = session->Run(input, {.cancel = &stop}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(status.message(), HasSubstr("(test.Sum): the run was cancelled"));
  EXPECT_EQ(*session->Run(input), Tensor::Vector<float>({2, 4}));
}

TEST(RunLimits, ARunHasATimeLimit) {
  const Value x = FloatInput();
  const Value slow = Call("test.Stop", {x});
  const auto session = MakeSession(x, Call("test.Sum", {slow, slow}));
  const Tensor input = Tensor::Vector<float>({1, 2});
  const absl::Status status = session->Run(input, {.time_limit_seconds = 0.001}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("its limit of 0.001 s"));
  EXPECT_TRUE(session->Run(input, {.time_limit_seconds = 100}).ok());
}

TEST(RunLimits, WhatIsNoLimitIsRefused) {
  const Value x = FloatInput();
  const auto session = MakeSession(x, Call("test.Sum", {x, x}));
  const Tensor input(DType::kFloat32, {1});
  EXPECT_THAT(session->Run(input, {.memory_limit_bytes = -1}).status().message(),
              HasSubstr("memory limit: expected at least 0 bytes, found -1"));
  for (const double seconds : {-1.0, std::nan(""), 1e300}) {
    EXPECT_THAT(session->Run(input, {.time_limit_seconds = seconds}).status().message(),
                HasSubstr("time limit: expected 0 to"));
  }
  EXPECT_FALSE(Session::Create(*BuildModel({x}, {x}), {.memory_limit_bytes = -1}).ok());
}

}  // namespace
}  // namespace nomograph
