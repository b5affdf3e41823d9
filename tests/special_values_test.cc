// NaN, infinities and large numbers through every example of every op, and through what fuses
// behind it: fast mode has them where exact mode has them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

class SpecialValues : public testing::TestWithParam<const OpDef*> {
 protected:
  const OpDef& op() const { return *GetParam(); }
  std::vector<Example> Examples() const {
    std::vector<Example> examples;
    for (Example& example : op().examples ? op().examples() : std::vector<Example>()) {
      const bool in_float =
          std::any_of(example.inputs.begin(), example.inputs.end(),
                      [](const Tensor& input) { return kFloats.Contains(input.dtype()); });
      if (in_float && example.functions.empty() && example.variables.empty()) {
        examples.push_back(std::move(example));
      }
    }
    return examples;
  }
};

// Attributes with which the op can be called.
Attributes RequiredAttributes(const OpDef& op) {
  const bool any = absl::c_any_of(
      op.attrs, [](const AttrDef& attr) { return !attr.default_value && !attr.optional; });
  return any ? op.examples()[0].attrs : Attributes();
}

// The model of one node, and of `behind` after it where that is not null.
absl::StatusOr<Model> OneNodeModel(const OpDef& op, const Example& example, const OpDef* behind) {
  std::vector<Value> inputs, present;
  for (size_t i = 0; i < example.inputs.size(); ++i) {
    const Tensor& tensor = example.inputs[i];
    inputs.push_back(tensor.valid() ? InputValue(tensor.type(), absl::StrCat("in", i)) : Value());
    if (tensor.valid()) present.push_back(inputs.back());
  }
  std::vector<Value> outputs =
      CallMulti(op.name, inputs, example.attrs,
                {.name = "node", .num_outputs = static_cast<int>(example.outputs.size())});
  if (behind != nullptr) {
    outputs = {Call(behind->name, {outputs[0]}, RequiredAttributes(*behind))};
  }
  return BuildModel(present, outputs);
}

absl::StatusOr<std::vector<Tensor>> Run(Session& session, const Example& example) {
  std::vector<Tensor> inputs;
  for (const Tensor& input : example.inputs) {
    if (input.valid()) inputs.push_back(input);
  }
  return session.Run(inputs,
                     {.training = example.training, .seed = example.seed, .step = example.step});
}

// How the two differ in what is no finite number; "" where they do not.
std::string Difference(const Tensor& fast, const Tensor& exact) {
  if (fast.type() != exact.type()) return "other types";
  if (!kFloats.Contains(exact.dtype())) return "";
  for (int64_t i = 0; i < exact.num_elements(); ++i) {
    const double found = fast.AsDouble(i), expected = exact.AsDouble(i);
    const bool alike = std::isfinite(expected) ? std::isfinite(found)
                       : std::isnan(expected)  ? std::isnan(found)
                                               : found == expected;
    if (!alike) {
      return absl::StrCat("element ", i, ": exact ", expected, ", fast ", found);
    }
  }
  return "";
}

// `input` with `value` at one end or the other.
Tensor With(const Tensor& input, double value, bool at_end) {
  Tensor changed = input.Clone();
  const int64_t place = at_end ? input.num_elements() - 1 : 0;
  Dispatch(FloatTypes{}, input.dtype(),
           [&]<typename T>() { changed.mutable_data<T>()[place] = T(value); });
  return changed;
}

// Large numbers are such that float32 holds their squares: sums of what it does not hold differ,
// as exact mode sums in float64.
constexpr double kValues[] = {std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity(),
                              -std::numeric_limits<double>::infinity(), 1e15, -1e15};

// Ops whose fast kernels add the same products up in another order, or weigh with 0 what the
// reference leaves out: where infinities meet there is NaN in one and not in the other. For them
// only this holds: a NaN is never lost.
constexpr absl::string_view kOtherSums[] = {
    "array.Resize",
    "image.GridSample",
    "image.Resize",
    "math.Einsum",
    "nn.BatchNormalizationTraining",
    "nn.BatchNormalizationTrainingGrad",
    "nn.ConvGradKernel",
    "nn.ConvTransposeGradKernel",
    "nn.GRU",
    "nn.GRUGrad",
    "nn.GroupNormalization",
    "nn.InstanceNormalization",
    "nn.LSTM",
    "nn.LSTMGrad",
    "nn.LSTMTraining",
    "signal.Dft",
    "signal.Stft",
};

// Their kernels take nothing over: FastKernel::takes_post_ops is where they say whether they round.
// What float32 does not hold of the difference of two large scores decides which value they yield,
// and so whether its root is a number.
constexpr absl::string_view kFuseNothing[] = {"nn.DotProductAttention"};

// The one has no elements where it has floats in its examples, the other refuses all such numbers.
constexpr absl::string_view kNothingToCompare[] = {"array.EyeLike", "signal.MelWeightMatrix"};

bool AnyNan(const std::vector<Tensor>& tensors) {
  for (const Tensor& tensor : tensors) {
    for (int64_t i = 0; i < tensor.num_elements(); ++i) {
      if (std::isnan(tensor.AsDouble(i))) return true;
    }
  }
  return false;
}

// Adds to `compared` how many outputs were: none of runs that fail in both modes.
void ExpectAlike(const OpDef& op, const Example& example, const OpDef* behind, int& compared) {
  const auto model = OneNodeModel(op, example, behind);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto exact_session = Session::Create(*model, {.exact = true});
  const auto fast_session = Session::Create(*model);
  ASSERT_TRUE(exact_session.ok()) << exact_session.status();
  ASSERT_TRUE(fast_session.ok()) << fast_session.status();
  const bool other_sums = absl::c_linear_search(kOtherSums, op.name);
  for (size_t i = 0; i < example.inputs.size(); ++i) {
    const Tensor& input = example.inputs[i];
    if (!kFloats.Contains(input.dtype()) || input.num_elements() == 0) continue;
    for (const double value : kValues) {
      for (const bool at_end : {false, true}) {
        Example special = example;
        special.inputs[i] = With(input, value, at_end);
        SCOPED_TRACE(absl::StrCat(value, at_end ? " at the end" : " at the beginning", " of input ",
                                  i, behind != nullptr ? ", then " + behind->name : ""));
        const auto exact = Run(**exact_session, special);
        const auto fast = Run(**fast_session, special);
        ASSERT_EQ(fast.status().code(), exact.status().code())
            << fast.status() << "\n  exact " << exact.status();
        const int outputs = exact.ok() ? static_cast<int>(exact->size()) : 0;
        if (!other_sums || std::isnan(value)) compared += outputs;
        if (other_sums && exact.ok()) {
          if (std::isnan(value)) {
            EXPECT_GE(AnyNan(*fast), AnyNan(*exact));
          }
          continue;
        }
        for (size_t o = 0; exact.ok() && o < exact->size(); ++o) {
          EXPECT_EQ(Difference((*fast)[o], (*exact)[o]), "") << "output " << o;
        }
      }
    }
  }
}

TEST_P(SpecialValues, StayWhatTheyAre) {
  int compared = 0;
  for (const Example& example : Examples()) {
    SCOPED_TRACE(example.name);
    ExpectAlike(op(), example, nullptr, compared);
  }
  if (Examples().empty() || absl::c_linear_search(kNothingToCompare, op().name)) return;
  EXPECT_GT(compared, 0);
}

// The elementwise ops of one input that other ops' kernels can take over.
std::vector<const OpDef*> OpsThatFuse() {
  std::vector<const OpDef*> ops;
  for (const OpDef* op : OpRegistry::Default().All()) {
    const bool one_input =
        std::count_if(op->inputs.begin(), op->inputs.end(),
                      [](const Port& port) { return port.kind == Port::Kind::kRequired; }) == 1;
    if (op->as_post_op && one_input && op->inputs[0].kind == Port::Kind::kRequired)
      ops.push_back(op);
  }
  return ops;
}

TEST_P(SpecialValues, StayWhatTheyAreBeforeWhatFuses) {
  if (!op().MayTakePostOps() || absl::c_linear_search(kFuseNothing, op().name)) return;
  int compared = 0;
  for (const Example& example : Examples()) {
    if (example.outputs[0].dtype() != DType::kFloat32) continue;  // oneDNN fuses no other
    SCOPED_TRACE(example.name);
    for (const OpDef* behind : OpsThatFuse()) ExpectAlike(op(), example, behind, compared);
  }
  EXPECT_GE(OpsThatFuse().size(), 40);
  EXPECT_GE(compared, 2 * 40);  // a NaN at either end
}

// Loops of whole vectors compute more channels than these: what is left there from before is no
// NaN that is lost, for which the run would be repeated with other kernels, and other digits.
TEST(ManyLanes, HoldNoNanThatIsLost) {
  const auto input = [](PartialShape shape) { return InputValue({DType::kFloat32, shape}); };
  const Value x = input({1, 3, 7, 7}), row = input({1, 2, 1, 17});
  const Value depthwise =
      Call("nn.Relu",
           {Call("nn.Conv", {x, Constant(Numbers({3, 3, 1, 7}, 5)), Constant(Numbers({7}, 6))},
                 {{"groups", 7}, {"padding", "same_lower"}})});
  const Value conv = Call(
      "nn.Conv", {depthwise, Constant(Numbers({24, 7, 3, 3}, 7))},
      {{"dilations", std::vector<int64_t>{1, 2}}, {"kernel_layout", "OIHW"}, {"padding", "same"}});
  // Its comparisons leave masks in registers, and the product has other digits where it is
  // repeated.
  const Value product =
      Call("nn.Sigmoid", {Call("math.MatMul", {row, Constant(Numbers({2, 17, 1}, 1))})});
  const auto model = BuildModel({x, row}, {product, Call("nn.Softplus", {conv})});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model, {.threads = 1});
  ASSERT_TRUE(session.ok()) << session.status();
  const std::vector<Tensor> inputs = {Numbers({1, 3, 7, 7}, 4), Numbers({1, 2, 1, 17}, 3)};
  const auto first = (*session)->Run(inputs), second = (*session)->Run(inputs);
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  EXPECT_EQ(*first, *second);
}

std::string TestName(const testing::TestParamInfo<const OpDef*>& info) {
  std::string name = info.param->name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, SpecialValues, testing::ValuesIn(OpRegistry::Default().All()),
                         TestName);

}  // namespace
}  // namespace nomograph
