// What is joined or cut is not copied where it can lie in its place from the beginning: programs
// have fewer steps, and yield what exact mode does, which copies all.
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using Values = std::vector<Value>;
using Ints = std::vector<int64_t>;

// Values of their own, in the memory of the run.
Value Reversed(const Value& x) { return Call("array.Reverse", {x}, {{"axes", Ints{2}}}); }
Value Negative(const Value& x) { return Call("math.Neg", {x}); }
Value Joined(const Values& parts) { return Call("array.Concat", parts, {{"axis", 1}}); }
Values Halves(const Value& x) {
  return CallMulti("array.Split", {x}, {{"axis", 1}}, {.num_outputs = 2});
}
Value Channels(const Value& x, int64_t begin, int64_t end) {
  return Call("array.Slice", {x},
              {{"starts", Ints{begin}}, {"ends", Ints{end}}, {"axes", Ints{1}}});
}

struct Case {
  const char* name;
  std::function<Values(const Value& x)> outputs;  // of x [batch, 4, 16]: 64 bytes a channel
  int copies;                                     // steps that copy ranges
  int64_t batch = 1;
};

const Case kCases[] = {
    {"joined",
     [](const Value& x) {
       return Values{Reversed(Joined({Reversed(x), Negative(Reversed(x))}))};
     },
     0},
    {"convolutions, whose weights are packed",
     [](const Value& x) {
       const auto conv = [](const Value& input, int64_t channels) {
         const Tensor kernel = Tensor::Full(DType::kFloat32, {4, channels, 3}, 1);
         return Call(
             "nn.Conv", {input, Constant(kernel)},
             {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}, {"padding", "same"}});
       };
       const Value a = conv(x, 4), b = conv(a, 4);
       return Values{conv(Joined({a, b}), 8)};
     },
     0},
    {"a dense block",
     [](const Value& x) {
       Values parts = {Reversed(x)};
       for (int i = 0; i < 4; ++i) parts.push_back(Reversed(Negative(Joined(parts))));
       return Values{Reversed(Joined(parts))};
     },
     0},
    {"cut, and joined the other way",
     [](const Value& x) {
       const Values halves = Halves(Reversed(x));
       return Values{Reversed(Joined({Reversed(halves[1]), Reversed(halves[0])}))};
     },
     0},
    {"computed in place in a part, beside which another lies",
     [](const Value& x) {
       const Values halves = Halves(Reversed(x));
       return Values{Reversed(Joined({Reversed(halves[1]), Negative(halves[0])}))};
     },
     1},
    {"a part of a part",
     [](const Value& x) {
       const Value part = Channels(Channels(Reversed(x), 1, 4), 1, 3);
       return Values{Reversed(part), Reversed(Negative(part))};
     },
     0},
    {"neighbours are added up",
     [](const Value& x) {
       const Value all = Reversed(x);
       return Values{Reversed(Channels(all, 0, 3) + Channels(all, 1, 4)), Reversed(all)};
     },
     0},
    {"twice the same",
     [](const Value& x) {
       const Value part = Reversed(x);
       return Values{Reversed(Joined({part, part}))};
     },
     1},
    {"in two places",
     [](const Value& x) {
       const Value a = Reversed(x), b = Reversed(Negative(a));
       return Values{Reversed(Joined({a, b})), Reversed(Joined({b, a}))};
     },
     1},
    {"the caller's, and what the caller gets",
     [](const Value& x) {
       return Values{Joined({x, Reversed(x)}), Channels(Reversed(x), 1, 2)};
     },
     2},
    {"parts of two sequences lie apart",
     [](const Value& x) {
       return Values{Reversed(Joined({Reversed(x), Negative(Reversed(x))}))};
     },
     1,
     /*batch=*/2},
};

TEST(Copies, AreLeftOutWhereNothingNeedsThem) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const TensorType type{DType::kFloat32, Shape{c.batch, 4, 16}};
    const Value x = InputValue(type, "x");
    const auto model = BuildModel({x}, c.outputs(x));
    ASSERT_TRUE(model.ok()) << model.status();
    Tensor input(DType::kFloat32, {c.batch, 4, 16});
    const auto elements = input.mutable_data<float>();
    std::iota(elements.begin(), elements.end(), 1.0f);
    const std::vector<Tensor> inputs = {input};

    const auto session = Session::Create(*model);
    const auto exact = Session::Create(*model, {.exact = true});
    ASSERT_TRUE(session.ok() && exact.ok()) << session.status() << exact.status();
    const auto program = (*session)->ProgramFor({{"x", input}});
    ASSERT_TRUE(program.ok()) << program.status();
    int copies = 0;
    for (const Program::Step& step : (*program)->steps()) {
      const std::string& op = (*program)->graph().nodes[step.node].op->name;
      copies += op == "array.Concat" || op == "array.Split" || op == "array.Slice" ? 1 : 0;
    }
    EXPECT_EQ(copies, c.copies) << (*program)->ToString();
    // All shapes are known, and so all places are, those of weights that kernels have packed, too.
    for (const Program::Step& step : (*program)->steps()) {
      for (const ValueId id : (*program)->graph().nodes[step.node].inputs) {
        if (id == kNoValue) continue;
        EXPECT_NE((*program)->plan().values[id].storage, Storage::kDynamic);
      }
    }

    const auto outputs = (*session)->Run(inputs), expected = (*exact)->Run(inputs);
    ASSERT_TRUE(outputs.ok() && expected.ok()) << outputs.status() << expected.status();
    EXPECT_EQ(*outputs, *expected);
  }
}

}  // namespace
}  // namespace nomograph
