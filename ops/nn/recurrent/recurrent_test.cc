// Recurrent layers: what their shape functions yield and refuse, and the fast kernel against the
// definition for sizes at which it cuts the sequences into chunks.
#include "nomograph/ops/nn/recurrent/recurrent.h"

#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/recurrent/gate_activation.h"

namespace nomograph {
namespace {

using Strings = std::vector<std::string>;
using Floats = std::vector<double>;

const OpDef& Op(absl::string_view name) { return *OpRegistry::Default().Find(name); }

struct ShapeCase {
  std::string op;
  Attributes attrs;
  std::vector<PartialShape> inputs;  // input 4, where it is there, is an int32, the others float32
  // The outputs' shapes, or a part of the error.
  std::string expected;
};

std::string InferredShapes(const ShapeCase& c) {
  const OpDef& op = Op(c.op);
  const auto attrs = ResolveAttributes(op.attrs, c.attrs);
  if (!attrs.ok()) return std::string(attrs.status().message());
  std::vector<TensorType> types;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    types.push_back({i == 4 ? DType::kInt32 : DType::kFloat32, c.inputs[i]});
  }
  const int outputs = static_cast<int>(op.outputs.size());
  const auto inferred = InferNode(op, InferContext(*attrs, types, {}, outputs));
  if (!inferred.ok()) return std::string(inferred.status().message());
  std::string result;
  for (const TensorType& type : *inferred) result += type.shape.ToString();
  return result;
}

TEST(Recurrent, Shapes) {
  const Dim batch = Dim::Symbol("batch"), steps = Dim::Symbol("steps"), unknown;
  const PartialShape x = {steps, batch, 3}, any;
  const ShapeCase cases[] = {
      {"nn.LSTM", {}, {x, {1, 8, 3}, {1, 8, 2}}, "[steps,1,batch,2][1,batch,2][1,batch,2]"},
      {"nn.GRU",
       {{"layout", 1}},
       {{batch, steps, 3}, {1, 6, 3}, {1, 6, 2}},
       "[batch,steps,1,2][batch,1,2]"},
      {"nn.RNN",
       {{"direction", "bidirectional"}, {"hidden_size", 5}},
       {any, any, any},
       "[?,2,?,5][2,?,5]"},
      {"nn.RNN", {}, {x, any, any}, "[steps,1,batch,?][1,batch,?]"},
      {"nn.LSTM", {}, {{7, 2}, any, any}, "input X: expected shape [?,?,?]"},
      {"nn.LSTM",
       {},
       {x, {1, 8, 4}, {1, 8, 2}},
       "input W: expected shape [1,8,3] = [directions, 4 * hidden_size, input], found [1,8,4]"},
      {"nn.GRU", {}, {x, {1, 6, 3}, {2, 6, 2}}, "input R: expected shape [1,6,2]"},
      {"nn.GRU",
       {{"hidden_size", 3}},
       {x, {1, 9, 3}, {1, 6, 2}},
       "input R: expected shape [1,9,3]"},
      {"nn.GRU", {}, {x, {1, 6, 3}, {1, 6, 2}, {1, 6}}, "input B: expected shape [1,12]"},
      {"nn.RNN", {}, {{5, 4, 3}, {1, 2, 3}, {1, 2, 2}, any, {3}}, "input sequence_lens"},
      {"nn.RNN",
       {},
       {{5, 4, 3}, {1, 2, 3}, {1, 2, 2}, any, any, {4, 1, 2}},
       "input initial_h: expected shape [1,4,2] = [directions, batch, hidden_size]"},
      {"nn.LSTM", {}, {x, {1, 8, 3}, {1, 8, 2}, any, any, any, any, {1, 4}}, "input P"},
      {"nn.RNN", {{"activations", Strings{"Tanh", "Tanh"}}}, {x, any, any}, "expected 1 names"},
      {"nn.RNN", {{"activations", Strings{"Sigmoit"}}}, {x, any, any}, "did you mean Sigmoid"},
      {"nn.RNN", {{"activation_alpha", Floats{1.0}}}, {x, any, any}, "at most 0 values"},
      {"nn.RNN", {}, {x, any, {1, unknown, int64_t{1} << 60}}, "hidden units"},
      {"nn.RNN", {{"layout", 2}}, {x, any, any}, "layout"},
  };
  for (const ShapeCase& c : cases) {
    EXPECT_THAT(InferredShapes(c), testing::HasSubstr(c.expected)) << c.op;
  }
}

// Numbers from -1 to 1 times `scale` that look like random ones.
Tensor Numbers(const Shape& shape, double scale) {
  Tensor tensor(DType::kFloat32, shape);
  uint32_t state = 1;
  for (float& value : tensor.mutable_data<float>()) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(scale * (static_cast<double>(state) / 2147483648.0 - 1.0));
  }
  return tensor;
}

struct SizeCase {
  std::string op;
  Attributes attrs;
  int64_t steps, batch, input, hidden;
  bool lengths;
};

std::vector<Tensor> Inputs(const SizeCase& c, int gates, bool batch_first, int64_t directions) {
  const auto batched = [&](int64_t other, int64_t size) {
    return batch_first ? Shape{c.batch, other, size} : Shape{other, c.batch, size};
  };
  Tensor lengths;
  if (c.lengths) {
    lengths = Tensor(DType::kInt32, {c.batch});
    for (int64_t b = 0; b < c.batch; ++b) {
      const int64_t all = c.steps + 1;
      lengths.mutable_data<int32_t>()[b] =
          static_cast<int32_t>(((c.steps - b * 11) % all + all) % all);
    }
  }
  const double scale = 1.0 / std::sqrt(static_cast<double>(c.hidden));
  return {Numbers(batched(c.steps, c.input), 1),
          Numbers({directions, gates * c.hidden, c.input}, 0.5),
          Numbers({directions, gates * c.hidden, c.hidden}, scale),
          Numbers({directions, 2 * gates * c.hidden}, 0.5),
          lengths,
          Numbers(batched(directions, c.hidden), 1)};
}

TEST(Recurrent, FastKernelsFollowTheDefinition) {
  struct OpCase {
    std::string op;
    int gates;
    int64_t steps;  // few: R that is no constant is not packed
  };
  for (const auto& [op, gates, steps] : std::vector<OpCase>{{"nn.LSTM", 4, 70},
                                                            {"nn.LSTM", 4, 12},
                                                            {"nn.LSTMTraining", 4, 70},
                                                            {"nn.LSTMTraining", 4, 12},
                                                            {"nn.GRU", 3, 70},
                                                            {"nn.GRU", 3, 12},
                                                            {"nn.RNN", 1, 70}}) {
    for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
      for (const int layout : {0, 1}) {
        const int64_t directions = direction == "bidirectional" ? 2 : 1;
        SizeCase c{op,         {{"direction", direction}, {"layout", layout}}, steps, 5, 7, 33,
                   layout == 0};
        if (op == "nn.GRU") c.attrs.Set("linear_before_reset", layout == 0);
        SCOPED_TRACE(c.op + " " + c.attrs.ToString());
        const auto inputs = Inputs(c, gates, layout == 1, directions);
        const int outputs = static_cast<int>(Op(op).outputs.size());
        const auto expected = RunOp(Op(op), inputs, c.attrs, {.num_outputs = outputs});
        const auto fast = RunOp(Op(op), inputs, c.attrs, {.num_outputs = outputs, .fast = true});
        ASSERT_TRUE(expected.ok() && fast.ok()) << expected.status() << fast.status();
        for (int i = 0; i < outputs; ++i) {
          const absl::Status close = AllClose((*fast)[i], (*expected)[i], 1e-4, 1e-5);
          EXPECT_TRUE(close.ok()) << "output " << i << ": " << close.message();
        }
      }
    }
  }
}

// The first step's gates from the sums, and gradients with and without what was kept of gates.
TEST(Recurrent, KeptGates) {
  const SizeCase c{"nn.LSTMTraining", {}, 6, 3, 4, 5, false};
  std::vector<Tensor> inputs = Inputs(c, 4, false, 1);
  const auto outputs = RunOp(Op(c.op), inputs, c.attrs, {.num_outputs = 4});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t g = 0; g < 4 * c.hidden; ++g) {
      double sum = inputs[3].AsDouble(g) + inputs[3].AsDouble(4 * c.hidden + g);
      for (int64_t k = 0; k < c.input; ++k)
        sum += inputs[0].AsDouble(b * c.input + k) * inputs[1].AsDouble(g * c.input + k);
      for (int64_t k = 0; k < c.hidden; ++k)
        sum += inputs[5].AsDouble(b * c.hidden + k) * inputs[2].AsDouble(g * c.hidden + k);
      const double gate = g < 3 * c.hidden ? 1 / (1 + std::exp(-sum)) : std::tanh(sum);
      EXPECT_NEAR((*outputs)[3].AsDouble(b * 4 * c.hidden + g), gate, 1e-6);
    }
  }
  inputs.resize(8);  // neither initial_c nor peepholes
  inputs.push_back((*outputs)[0]);
  for (int i = 0; i < 3; ++i) inputs.push_back(Numbers((*outputs)[i].shape(), 1));
  for (const bool fast : {false, true}) {
    std::vector<Tensor> with = inputs;
    with.push_back((*outputs)[3]);
    const auto expected = RunOp(Op("nn.LSTMGrad"), inputs, c.attrs, {.num_outputs = 7});
    const auto found = RunOp(Op("nn.LSTMGrad"), with, c.attrs, {.num_outputs = 7, .fast = fast});
    ASSERT_TRUE(expected.ok() && found.ok()) << expected.status() << found.status();
    for (int i = 0; i < 7; ++i) {
      const absl::Status close = AllClose((*found)[i], (*expected)[i], 1e-4, 1e-5);
      EXPECT_TRUE(close.ok()) << "output " << i << ": " << close.message();
    }
  }
  EXPECT_THAT(
      InferredShapes({"nn.LSTMTraining", {{"clip", 1.0}}, {{6, 3, 4}, {1, 20, 4}, {1, 20, 5}}}),
      testing::HasSubstr("expected no activations, clip and input_forget"));
}

// NaN that lies in memory beside the numbers does not make the flag that repeats a program's run.
TEST(Recurrent, FiniteNumbersRaiseNoFlag) {
  for (const auto& [op, gates] : {std::pair("nn.LSTM", 4), std::pair("nn.GRU", 3)}) {
    SizeCase c{op, {}, 70, 5, 7, 33, false};
    if (gates == 3) c.attrs.Set("linear_before_reset", true);
    const Attributes attrs = *ResolveAttributes(Op(op).attrs, c.attrs);
    const std::vector<Tensor> inputs = Inputs(c, gates, false, 1);
    Tensor y(DType::kFloat32, {c.steps, 1, c.batch, c.hidden});
    std::vector<TensorSpec> specs;
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) {
      specs.push_back({input.dtype(), input.shape()});
      views.push_back({input.dtype(), &input.shape(), const_cast<std::byte*>(input.raw_data())});
    }
    const TensorSpec y_spec{y.dtype(), y.shape()};
    TensorView y_view{y.dtype(), &y.shape(), y.mutable_raw_data()};
    const auto kernel =
        PrepareKernel(Op(op), {attrs, specs, {&y_spec, 1}, inputs, {}, 1}, KernelChoice::kFast);
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    ASSERT_THAT((*kernel)->Describe(), testing::StartsWith("recurrent pass"));
    EXPECT_FALSE((*kernel)->ReadsInput(nn::kR));
    Tensor scratch(DType::kUInt8, {(*kernel)->scratch_bytes()});
    std::memset(scratch.mutable_raw_data(), 0xff, scratch.num_bytes());
    const auto state = (*kernel)->NewState();
    const RunContext run;
    KernelContextBuilder builder(views, {&y_view, 1}, {}, attrs, run, 0);
    builder.SetMemory(scratch.mutable_raw_data(), state.get());
    std::feclearexcept(FE_INVALID);
    ASSERT_TRUE(RunKernel(**kernel, builder.context()).ok());
    EXPECT_EQ(std::fetestexcept(FE_INVALID), 0) << op;
  }
}

// One sequence, or two, on more threads: these share the units of each step.
TEST(Recurrent, ThreadsShareUnits) {
  struct Case {
    std::string op;
    int gates;
    std::string direction;
    int64_t batch;
    bool lengths;
  };
  for (const auto& [op, gates, direction, batch, lengths] :
       std::vector<Case>{{"nn.LSTM", 4, "forward", 1, false},
                         {"nn.LSTM", 4, "reverse", 2, true},
                         {"nn.LSTMTraining", 4, "forward", 2, false},
                         {"nn.GRU", 3, "reverse", 1, false}}) {
    SizeCase c{op, {{"direction", direction}}, 90, batch, 7, 150, lengths};
    if (op == "nn.GRU") c.attrs.Set("linear_before_reset", true);
    SCOPED_TRACE(c.op + " " + c.attrs.ToString());
    const Attributes attrs = *ResolveAttributes(Op(op).attrs, c.attrs);
    const std::vector<Tensor> inputs = Inputs(c, gates, false, 1);
    const int outputs = static_cast<int>(Op(op).outputs.size());
    const auto expected = RunOp(Op(op), inputs, c.attrs, {.num_outputs = outputs});
    ASSERT_TRUE(expected.ok()) << expected.status();
    std::vector<TensorSpec> specs, output_specs;
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) {
      specs.emplace_back();
      views.emplace_back();
      if (!input.valid()) continue;
      specs.back() = TensorSpec{input.dtype(), input.shape()};
      views.back() = {input.dtype(), &input.shape(), const_cast<std::byte*>(input.raw_data())};
    }
    for (const Tensor& output : *expected) output_specs.push_back({output.dtype(), output.shape()});
    for (const int threads : {1, 2, 3, 4}) {
      const auto kernel = PrepareKernel(Op(op), {attrs, specs, output_specs, inputs, {}, threads},
                                        KernelChoice::kFast);
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      ASSERT_THAT((*kernel)->Describe(), testing::StartsWith("recurrent pass"));
      Tensor scratch(DType::kUInt8, {(*kernel)->scratch_bytes()});
      const auto state = (*kernel)->NewState();
      for (int run = 0; run < 20; ++run) {  // helpers join at any step
        std::vector<Tensor> found;
        std::vector<TensorView> found_views;
        for (const TensorSpec& spec : output_specs) found.emplace_back(spec.dtype, spec.shape);
        for (Tensor& output : found) {
          found_views.push_back({output.dtype(), &output.shape(), output.mutable_raw_data()});
        }
        const RunContext context;
        KernelContextBuilder builder(views, absl::MakeSpan(found_views), {}, attrs, context, 0);
        builder.SetMemory(scratch.mutable_raw_data(), state.get());
        ASSERT_TRUE(RunKernel(**kernel, builder.context()).ok());
        for (int i = 0; i < outputs; ++i) {
          const absl::Status close = AllClose(found[i], (*expected)[i], 1e-4, 1e-5);
          ASSERT_TRUE(close.ok()) << threads << " threads, output " << i << ": " << close.message();
        }
      }
    }
  }
}

TEST(Recurrent, RefusesLengthsThatXDoesNotHave) {
  for (const int32_t length : {-1, 3}) {
    for (const bool fast : {false, true}) {
      const auto result =
          RunOp(Op("nn.RNN"),
                {Numbers({2, 1, 1}, 1), Numbers({1, 1, 1}, 1), Numbers({1, 1, 1}, 1), Tensor(),
                 Tensor::Vector<int32_t>({length})},
                {}, {.fast = fast});
      EXPECT_THAT(std::string(result.status().message()),
                  testing::HasSubstr("expected lengths from 0 to the 2 steps of X"));
    }
  }
}

TEST(GateActivation, FastFunctionsFollowTheDefinition) {
  using Kind = nn::GateActivation::Kind;
  std::vector<float> x;
  for (double v = 1e-6; v < 1e3; v *= 1.01) {
    x.push_back(static_cast<float>(v));
    x.push_back(static_cast<float>(-v));
  }
  for (int kind = 0; kind <= static_cast<int>(Kind::kSoftplus); ++kind) {
    const nn::GateActivation function{static_cast<Kind>(kind), 0.75, 0.5};
    std::vector<float> y = x;
    y.push_back(std::numeric_limits<float>::quiet_NaN());
    function.Apply(y.data(), static_cast<int64_t>(y.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = function(x[i]);
      // Where beta is added, the sum may be much smaller than its parts.
      const bool adds = function.kind == Kind::kAffine || function.kind == Kind::kHardSigmoid;
      EXPECT_NEAR(y[i], expected, 1e-6 * std::fabs(expected) + (adds ? 1e-7 : 1e-37))
          << kind << ": " << x[i];
    }
    EXPECT_TRUE(std::isnan(y.back())) << kind;
  }
}

}  // namespace
}  // namespace nomograph
