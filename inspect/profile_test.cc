// Profiles of models whose ops take a known time.
#include "nomograph/inspect/profile.h"

#include <chrono>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;

// y = x, after some milliseconds.
NOMO_REGISTER_OP(OpDef("profiletest.Sleep")
                     .Doc("y = x")
                     .TypeVar("T", kFloats)
                     .Input("x", "T")
                     .Output("y", "T")
                     .Attr("ms", 0, "how long it takes")
                     .Infer(SameAsInput)
                     .Reference([](KernelContext& context) {
                       std::this_thread::sleep_for(
                           std::chrono::milliseconds(context.attrs().Int("ms")));
                       return context.SetOutput(0, context.BorrowInput(0));
                     }));

Value Sleep(const Value& x, int ms, const std::string& name) {
  return Call("profiletest.Sleep", {x}, {{"ms", ms}}, {.name = name});
}

absl::StatusOr<ModelProfile> ProfileOf(const Value& x, const Value& y,
                                       const ProfileOptions& options) {
  NOMO_ASSIGN_OR_RETURN(Model model, BuildModel({x}, {y}));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(std::move(model), {.threads = 1}));
  return ProfileModel(*session, {{"x", Tensor(DType::kFloat32, {4, 8})}}, options);
}

const Value kX = InputValue({DType::kFloat32, {4, 8}}, "x");

TEST(ProfileTest, TimesStepsAndAccountsForTheWholeRun) {
  const Value y = Sleep(Sleep(Sleep(kX, 5, "net/a"), 80, "net/b"), 30, "head/c");
  const auto profile = ProfileOf(kX, y, {.warmup = 1, .runs = 3, .traced_runs = 2});
  ASSERT_TRUE(profile.ok()) << profile.status();
  ASSERT_EQ(profile->steps.size(), 3u);
  double all = profile->outside;
  const double expected[] = {5e-3, 80e-3, 30e-3};
  for (int i = 0; i < 3; ++i) {
    const StepProfile& step = profile->steps[i];
    EXPECT_GE(step.seconds, expected[i]) << step.node;
    EXPECT_LT(step.seconds, expected[i] + 1) << step.node;
    EXPECT_EQ(step.calls, 1);
    EXPECT_EQ(step.bytes, 2 * 4 * 8 * 4);
    EXPECT_EQ(step.caller, -1);
    all += step.seconds;
  }
  EXPECT_NEAR(all, profile->profiled.mean, 1e-6);
  EXPECT_GE(profile->outside, 0);
  EXPECT_EQ(profile->plain.runs, 3);
  EXPECT_EQ(profile->profiled.runs, 3);
  EXPECT_EQ(profile->trace.size(), 2 * 4u);  // the steps, and the run itself
  for (const TraceEvent& event : profile->trace) EXPECT_GE(event.seconds, 5e-3);

  const auto names = [&](ProfileGrouping grouping) {
    std::vector<std::string> list;
    for (const ProfileGroup& group : GroupProfile(*profile, grouping)) list.push_back(group.name);
    return list;
  };
  EXPECT_THAT(names(ProfileGrouping::kNode), ElementsAre("net/b", "head/c", "net/a"));
  EXPECT_THAT(names(ProfileGrouping::kOp), ElementsAre("profiletest.Sleep"));
  EXPECT_THAT(names(ProfileGrouping::kScope), ElementsAre("net", "head"));
}

// The steps of a function count apart from the node that calls it.
TEST(ProfileTest, TellsWhatFunctionsTakeFromTheirCallers) {
  const Value sum = Call(
      "math.Greater", {Call("math.ReduceSum", {kX}, {{"keepdims", false}}), ConstantLike(-1, kX)});
  const auto branch = [](int ms, const std::string& name) {
    return [=](absl::Span<const Value> inputs) {
      return std::vector<Value>{Sleep(inputs[0], ms, name)};
    };
  };
  CallOptions options{.name = "choose"};
  options.functions = {{"then_branch", branch(50, "slow"), {kX.type()}},
                       {"else_branch", branch(1, "quick"), {kX.type()}}};
  const Value y = Call("core.If", {sum, kX}, {}, options);
  ASSERT_TRUE(y.status().ok()) << y.status();
  const auto profile = ProfileOf(kX, y, {.warmup = 0, .runs = 3});
  ASSERT_TRUE(profile.ok()) << profile.status();
  const StepProfile *choose = nullptr, *slow = nullptr;
  for (const StepProfile& step : profile->steps) {
    if (step.node == "choose") choose = &step;
    if (step.node == "slow") slow = &step;
    EXPECT_NE(step.node, "quick");
  }
  ASSERT_TRUE(choose != nullptr && slow != nullptr);
  EXPECT_EQ(profile->steps[slow->caller].node, "choose");
  EXPECT_GE(slow->seconds, 50e-3);
  EXPECT_GE(choose->with_callees, slow->seconds);
  EXPECT_LT(choose->seconds, 40e-3);
}

TEST(ProfileTest, CountsMultiplyAccumulates) {
  const Value y = Call("math.MatMul", {kX, Constant(Tensor::Full(DType::kFloat32, {8, 16}, 0.5))},
                       {}, {.name = "product"});
  const auto profile = ProfileOf(kX, y, {.warmup = 0, .runs = 1});
  ASSERT_TRUE(profile.ok()) << profile.status();
  ASSERT_EQ(profile->steps.size(), 1u);
  EXPECT_EQ(profile->steps[0].macs, 4 * 8 * 16);
}

TEST(ProfileTest, RefusesOptionsThatMakeNoSense) {
  const Value y = Sleep(kX, 0, "a");
  EXPECT_TRUE(absl::IsInvalidArgument(ProfileOf(kX, y, {.runs = -1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ProfileOf(kX, y, {.seconds = 0}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ProfileOf(kX, y, {.percentiles = {0}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ProfileOf(kX, y, {.percentiles = {101}}).status()));
}

TEST(ProfileTest, CutsALongTrace) {
  const auto profile =
      ProfileOf(kX, Sleep(kX, 0, "a"), {.runs = 5, .traced_runs = 5, .max_trace_events = 3});
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->trace.size(), 3u);
  EXPECT_FALSE(profile->trace_is_complete);
}

}  // namespace
}  // namespace nomograph
