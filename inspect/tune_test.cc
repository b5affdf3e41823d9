// Tuning of a model whose op has a slow form, which is the estimate, and a quick one.
#include "nomograph/inspect/tune.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Computes for a time in proportion to `amount`.
void Compute(int amount) {
  volatile uint32_t state = 1;
  for (int64_t i = 0; i < int64_t{50'000} * amount; ++i) state = state * 1664525u + 1u;
}

// A kernel that adds `addend` to x after some `work`, in a form of its own.
PrepareFn Adds(const char* form, bool estimate, int work, float addend) {
  return [=](const PrepareContext&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    if (!TakesForm(form, estimate)) return nullptr;
    return MakeComputeKernel(
        [=](KernelContext& context) {
          Compute(work);
          const auto x = context.input<float>(0);
          const auto y = context.output<float>(0);
          for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] + addend;
          return absl::OkStatus();
        },
        form);
  };
}

OpDef AddsOne(const char* name) {
  return OpDef(name)
      .Doc("y = x + 1")
      .TypeVar("T", {DType::kFloat32})
      .Input("x", "T")
      .Output("y", "T")
      .Attr("n", 0, "nothing")
      .Infer(SameAsInput)
      .Reference([](KernelContext& context) {
        const auto x = context.input<float>(0);
        const auto y = context.output<float>(0);
        for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] + 1;
        return absl::OkStatus();
      });
}

NOMO_REGISTER_OP(AddsOne("tunetest.Slow")
                     .Fast(Adds("slow", true, 8, 1))
                     .Fast(Adds("quick", false, 1, 1))
                     .Fast(Adds("slower", true, 12, 1)));
NOMO_REGISTER_OP(
    AddsOne("tunetest.Right").Fast(Adds("slow", false, 8, 1)).Fast(Adds("quick", true, 1, 1)));
NOMO_REGISTER_OP(
    AddsOne("tunetest.Wrong").Fast(Adds("right", true, 8, 1)).Fast(Adds("wrong", false, 1, 2)));

Value Adder(const std::string& op, const Value& x, const std::string& name, int64_t n = 0) {
  return Call(op, {x}, {{"n", n}}, {.name = name});
}

const Value kX = InputValue({DType::kFloat32, {4}}, "x");

std::shared_ptr<const Model> ModelOf(const Value& y) {
  auto model = BuildModel({kX}, {y});
  EXPECT_TRUE(model.ok()) << model.status();
  return std::make_shared<const Model>(*std::move(model));
}

NamedTensors Inputs() { return {{"x", Tensor::Of<float>({4}, {1, 2, 3, 4})}}; }

TuneOptions OneThread(double seconds = 0.3) {
  TuneOptions options;
  options.seconds = seconds;
  options.session.threads = 1;
  return options;
}

TEST(TuneTest, FindsTheQuickForm) {
  const auto model = ModelOf(
      Adder("tunetest.Right", Adder("tunetest.Slow", Adder("tunetest.Slow", kX, "a"), "b"), "c"));
  const auto report = TuneModel(model, Inputs(), OneThread(1.5));
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->forms.size(), 2u);
  const TunedForm& slow = report->forms[0];
  EXPECT_EQ(slow.op, "tunetest.Slow");
  EXPECT_THAT(slow.nodes, ElementsAre("a", "b"));
  EXPECT_EQ(slow.estimated, (NodeForm{"slow", 1}));
  EXPECT_EQ(slow.chosen, (NodeForm{"quick", 1}));
  EXPECT_GT(slow.estimated_seconds, 0);
  EXPECT_LT(slow.seconds, slow.estimated_seconds / 2);
  ASSERT_EQ(slow.others.size(), 2u);
  EXPECT_GT(slow.others[1].ratio, 1);  // the slower one
  const TunedForm& right = report->forms[1];
  EXPECT_TRUE(right.measured);
  EXPECT_FALSE(right.changed());
  EXPECT_EQ(right.chosen, (NodeForm{"quick", 1}));
  EXPECT_EQ(report->choices, 2);
  EXPECT_EQ(report->tried, 2);
  EXPECT_EQ(report->left_out, 0);
  EXPECT_LT(report->tuned_seconds, report->estimated_seconds / 2);
  EXPECT_EQ(report->difference, 0);
  EXPECT_EQ(report->file.key, TuningKeyOf(*model, 1));
  EXPECT_EQ(report->file.forms.size(), 2u);
}

// How the steps of the model's program run.
std::vector<std::pair<std::string, bool>> StepsOf(const Model& model, SessionOptions options) {
  std::vector<std::pair<std::string, bool>> steps;
  const auto session = Session::Create(model, std::move(options));
  EXPECT_TRUE(session.ok()) << session.status();
  const auto outputs = (*session)->Run(Inputs());
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  const auto program = (*session)->ProgramFor(Inputs());
  EXPECT_TRUE(program.ok()) << program.status();
  for (const Program::Step& step : (*program)->steps()) {
    steps.emplace_back(step.kernel->Describe(), step.measured());
  }
  return steps;
}

using Described = std::pair<std::string, bool>;

TEST(TuneTest, SessionsRunWhatWasMeasured) {
  const auto model =
      ModelOf(Adder("tunetest.Slow", Adder("tunetest.Slow", kX, "a", /*n=*/1), "b", /*n=*/2));
  SessionOptions options{.threads = 1};
  EXPECT_THAT(StepsOf(*model, options),
              ElementsAre(Described("slow", false), Described("slow", false)));

  const auto report = TuneModel(model, Inputs(), OneThread());
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->file.forms.size(), 2u);  // their attributes differ
  options.tuning = report->file.ToTuning();
  EXPECT_THAT(StepsOf(*model, options),
              ElementsAre(Described("quick", true), Described("quick", true)));

  // Of one node a form that there was once, of the other none.
  Tuning old = *options.tuning;
  old.forms.begin()->second.name = "gone";
  old.forms.erase(std::prev(old.forms.end()));
  options.tuning = std::make_shared<const Tuning>(old);
  EXPECT_THAT(StepsOf(*model, options),
              ElementsAre(Described("slow", false), Described("slow", false)));

  options.tuning = report->file.ToTuning();
  options.exact = true;
  EXPECT_THAT(StepsOf(*model, options),
              ElementsAre(Described("reference", false), Described("reference", false)));

  // What is measured for two threads says nothing of one.
  options.exact = false;
  old = *report->file.ToTuning();
  for (auto node = old.forms.extract(old.forms.begin()); !node.empty();
       node = old.forms.extract("none")) {
    node.key() += "s";
    old.forms.insert(std::move(node));
  }
  options.tuning = std::make_shared<const Tuning>(old);
  EXPECT_THAT(StepsOf(*model, options),
              ElementsAre(Described("slow", false), Described("quick", true)));
}

TEST(TuneTest, AFormThatComputesSomethingElseIsLeftOut) {
  const auto report = TuneModel(ModelOf(Adder("tunetest.Wrong", kX, "a")), Inputs(), OneThread());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->left_out, 1);
  ASSERT_EQ(report->forms.size(), 1u);
  EXPECT_EQ(report->forms[0].chosen.name, "right");
  EXPECT_FALSE(report->forms[0].measured);
  EXPECT_EQ(report->tuned_seconds, report->estimated_seconds);
  EXPECT_TRUE(report->file.forms.empty());
}

TEST(TuneTest, KeepsToItsTime) {
  const auto model = ModelOf(Adder("tunetest.Slow", kX, "a"));
  int64_t last = -1;
  TuneOptions options = OneThread(1e-4);
  options.progress = [&](int64_t done, int64_t total) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, total);
    last = done;
  };
  const auto report = TuneModel(model, Inputs(), options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->choices, 2);
  EXPECT_EQ(report->tried, 1);
  EXPECT_EQ(last, 1000);
  EXPECT_LT(report->forms[0].others[1].seconds, 0);
}

TEST(TuneTest, NothingToChoose) {
  const auto report = TuneModel(ModelOf(kX), Inputs(), OneThread());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->forms.empty());
  EXPECT_EQ(report->choices, 0);
}

TEST(TuneTest, OptionsMakeSense) {
  const auto model = ModelOf(Adder("tunetest.Right", kX, "a"));
  TuneOptions exact = OneThread(), no_time = OneThread(0), gain = OneThread();
  exact.session.exact = true;
  gain.min_gain = 1;
  for (const TuneOptions& options : {exact, no_time, gain}) {
    EXPECT_EQ(TuneModel(model, Inputs(), options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_THAT(TuneModel(model, {}, OneThread()).status().message(), HasSubstr("\"x\""));
}

}  // namespace
}  // namespace nomograph
