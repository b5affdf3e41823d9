// Variables are read where they lie, unless something writes to them before they have been used.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

Value Read() {
  return Call("state.Read", {},
              {{"variable", "v"}, {"dtype", DType::kFloat32}, {"shape", std::vector<int64_t>{2}}});
}
Value Assign(const Value& x) { return Call("state.Assign", {x}, {{"variable", "v"}}); }

struct Case {
  const char* name;
  std::function<std::vector<Value>()> outputs;
  // Of each output's first element, run after run, from v = 1 on.
  std::vector<std::vector<float>> expected;
  bool in_place;  // whether the first read is of the variable's own memory
};

std::vector<Case> Cases() {
  return {
      {"read alone", [] { return std::vector{Read() * 2}; }, {{2}, {2}}, true},
      {"read, then written",
       [] { return std::vector{Assign(Read() + 10)}; },
       {{11}, {21}, {31}},
       true},
      {"used behind the write, too",
       [] {
         const Value old = Read();
         const Value written = Assign(old + 10);
         return std::vector{old * written};
       },
       {{11}, {231}, {651}},
       false},
      {"a view of it used behind the write",
       [] {
         const Value old = Read();
         const Value view = Call("array.Reshape", {old}, {{"shape", std::vector<int64_t>{2, 1}}});
         const Value written = Assign(old + 10);
         return std::vector{
             Call("array.Reshape", {written}, {{"shape", std::vector<int64_t>{2, 1}}}) * view};
       },
       {{11}, {231}},
       false},
      {"written by itself", [] { return std::vector{Assign(Read())}; }, {{1}, {1}}, true},
      {"read behind the write",
       [] {
         const Value written = Assign(Read() + 10);
         return std::vector{written * 1, Call("core.After", {Read(), written}) * 1};
       },
       {{11, 11}, {21, 21}},
       true},
      {"an output", [] { return std::vector{Read()}; }, {{1}, {1}}, false},
      {"ahead of a function, which may write",
       [] {
         const Value old = Read();
         const Value sum = If(
             Constant(Tensor::Scalar<bool>(true)), {old},
             [](absl::Span<const Value> x) { return std::vector{x[0] + 1}; },
             [](absl::Span<const Value> x) { return std::vector{x[0]}; })[0];
         return std::vector{old + sum};
       },
       {{3}, {3}},
       false},
  };
}

TEST(Variables, AreReadInPlaceWhereNothingWritesToThem) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    auto model = BuildModel({}, c.outputs());
    ASSERT_TRUE(model.ok()) << model.status();
    model->variables.push_back({"v", Tensor::Vector<float>({1, 1}), "", ""});
    for (const bool exact : {false, true}) {
      const auto session = Session::Create(*model, {.exact = exact});
      ASSERT_TRUE(session.ok()) << session.status();
      const auto program = (*session)->ProgramFor({});
      ASSERT_TRUE(program.ok()) << program.status();
      EXPECT_EQ(!(*program)->plan().variables.empty(), c.in_place);
      for (const std::vector<float>& expected : c.expected) {
        const auto outputs = (*session)->Run(std::vector<Tensor>());
        ASSERT_TRUE(outputs.ok()) << outputs.status();
        for (size_t i = 0; i < expected.size(); ++i)
          EXPECT_EQ((*outputs)[i].data<float>()[0], expected[i]) << "output " << i;
      }
      // The model's own are as they were.
      EXPECT_EQ(model->variables[0].initial, Tensor::Vector<float>({1, 1}));
      (*session)->ResetVariables();
      const auto bound = (*session)->Bind(std::vector<Tensor>());
      ASSERT_TRUE(bound.ok()) << bound.status();
      for (const std::vector<float>& expected : c.expected) {
        ASSERT_TRUE((*bound)->Run().ok());
        for (size_t i = 0; i < expected.size(); ++i)
          EXPECT_EQ((*bound)->results()[i].data<float>()[0], expected[i]) << "output " << i;
      }
    }
  }
}

// An update whose gradient is the weight itself is that with a copy of it.
TEST(Variables, AreGradientsOfTheirOwnUpdates) {
  const std::pair<const char*, Attributes> updates[] = {
      {"train.SgdUpdate", {}},
      {"train.LambUpdate", {{"m", "m"}, {"v", "s"}}},
      {"train.AdafactorUpdate", {{"v", "s"}}},
  };
  for (const auto& [op, slots] : updates) {
    SCOPED_TRACE(op);
    Attributes attrs = slots;
    attrs.Set("variable", "v");
    attrs.Set("weight_decay", 0.5);
    std::vector<Tensor> weights;
    for (const bool itself : {true, false}) {
      const Value weight = Read(), given = InputValue({DType::kFloat32, {2}}, "gradient");
      const Value done = Call(op,
                              {weight, itself ? weight : given, Constant(Tensor::Scalar(0.125)),
                               Constant(Tensor::Scalar<int64_t>(2))},
                              attrs);
      auto model = BuildModel({given}, {done});
      ASSERT_TRUE(model.ok()) << model.status();
      model->variables.push_back({"v", Tensor::Vector<float>({1, -3}), "", ""});
      model->variables.push_back({"m", Tensor::Vector<float>({0, 0}), "", ""});
      model->variables.push_back({"s", Tensor::Vector<float>({0, 0}), "", ""});
      const auto session = Session::Create(*model);
      ASSERT_TRUE(session.ok()) << session.status();
      for (int run = 0; run < 3; ++run) {
        const Tensor copy = (*session)->GetVariable("v")->Clone();
        const auto outputs = (*session)->Run(std::vector<Tensor>{copy});
        ASSERT_TRUE(outputs.ok()) << outputs.status();
      }
      weights.push_back(*(*session)->GetVariable("v"));
    }
    EXPECT_EQ(weights[0], weights[1]);
  }
}

}  // namespace
}  // namespace nomograph
