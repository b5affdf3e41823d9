// Quantisation: what is written runs on integers, stays near what it was made of, and means the
// same in exact mode.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/quantize/quantize_model.h"
#include "nomograph/inspect/quantize/quantize_tensor.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// From -1 to 1.
Tensor Random(const Shape& shape, uint64_t key) {
  Tensor tensor(DType::kFloat32, shape);
  auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 40) / (1 << 23) - 1.0f;
  }
  return tensor;
}

Range RangeOf(const std::vector<float>& numbers, RangeMethod method, double percentile = 99) {
  RangeFinder finder;
  finder.Widen(numbers);
  finder.Count(numbers);
  return finder.Find(method, percentile);
}

TEST(Ranges, OfWhatWasSeen) {
  std::vector<float> numbers;
  for (int i = 0; i < 10000; ++i) numbers.push_back(static_cast<float>(i) / 100);  // 0 to 99.99
  const Range all = RangeOf(numbers, RangeMethod::kMinMax);
  EXPECT_FLOAT_EQ(all.low, 0);
  EXPECT_FLOAT_EQ(all.high, 99.99f);
  const Range most = RangeOf(numbers, RangeMethod::kPercentile, 99);
  EXPECT_NEAR(most.low, 1, 0.1);
  EXPECT_NEAR(most.high, 99, 0.1);
  // One number far outside takes the resolution of all others.
  for (int i = 0; i < 10000; ++i) {
    const auto u = [&](uint64_t key) {
      return (static_cast<double>(MixKeys(key, i) >> 11) + 1) / (1ull << 53);
    };
    numbers[i] =
        static_cast<float>(std::sqrt(-2 * std::log(u(1))) * std::cos(2 * std::acos(-1.0) * u(2)));
  }
  numbers.push_back(100);
  EXPECT_FLOAT_EQ(RangeOf(numbers, RangeMethod::kMinMax).high, 100);
  const Range least_lost = RangeOf(numbers, RangeMethod::kEntropy);
  EXPECT_LT(least_lost.high, 20);
  EXPECT_GT(least_lost.high, 2);
}

TEST(Ranges, NanAndInfinityDoNotCount) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const RangeMethod method :
       {RangeMethod::kMinMax, RangeMethod::kPercentile, RangeMethod::kEntropy}) {
    const Range range = RangeOf({-1, std::nanf(""), inf, -inf, 3}, method, 100);
    EXPECT_NEAR(range.low, -1, 1e-2);
    EXPECT_NEAR(range.high, 3, 1e-2);
    const Range none = RangeOf({std::nanf("")}, method);
    EXPECT_EQ(none.low, 0);
    EXPECT_EQ(none.high, 0);
  }
}

TEST(QuantizeTensor, ByHand) {
  const ActivationScale scale = ScaleOf({-1, 3});
  EXPECT_FLOAT_EQ(scale.scale, 4.0f / 255);
  EXPECT_EQ(scale.zero_point, 64);  // 63.75
  EXPECT_EQ(ScaleOf({2, 5}).zero_point, 0);
  EXPECT_EQ(ScaleOf({-5, -2}).zero_point, 255);
  EXPECT_EQ(ScaleOf({0, 0}).scale, 1);

  const Tensor w = Tensor::Of<float>({2, 3}, {1, -2, 0.5, -4, 1, 0});
  EXPECT_THAT(LargestAlong(w, 0), ElementsAre(2, 4));
  EXPECT_THAT(LargestAlong(w, 1), ElementsAre(4, 2, 0.5));
  EXPECT_EQ(*QuantizeAlong(w, 0, {2.0f / 127, 4.0f / 127}, 127),
            Tensor::Of<int8_t>({2, 3}, {64, -127, 32, -127, 32, 0}));

  const auto blocks = QuantizeBlocks(Tensor::Of<float>({1, 5}, {7, -3, 1.4f, 0.2f, -14}), 1, 2);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_EQ(blocks->integers, Tensor::Of<int8_t>({1, 5}, {7, -3, 7, 1, -7}).Cast(DType::kInt4));
  EXPECT_EQ(blocks->scales, Tensor::Of<float>({1, 3}, {1, 1.4f / 7, 2}));
}

Value Conv(const Value& x, const Shape& kernel, uint64_t key, Attributes attrs, bool bias = true) {
  std::vector<Value> inputs = {x, Constant(Random(kernel, key))};
  const bool first = attrs.Has("kernel_layout");
  if (bias) {
    inputs.push_back(Constant(Random({first ? kernel[0] : kernel[kernel.rank() - 1]}, key + 1)));
  }
  return Call("nn.Conv", inputs, std::move(attrs));
}

struct Case {
  std::string name;
  Shape input;
  std::function<Value(const Value& x)> write;
  std::vector<std::string> runs;      // what is in the program
  std::vector<std::string> runs_not;  // what is not
};

std::vector<Case> Cases() {
  const Attributes first = {
      {"data_format", "channels_first"}, {"kernel_layout", "OIHW"}, {"padding", "same"}};
  return {
      {"a residual block, channels first",
       {4, 8, 12, 12},
       [=](const Value& x) {
         const Value a = Call("nn.Relu", {Conv(x, {16, 8, 3, 3}, 10, first)});
         const Value b = Call("nn.Relu", {Conv(a, {16, 16, 1, 1}, 20, first, false)});
         const Value sum = Call("nn.Relu", {a + b});
         return Call("nn.GlobalAveragePool", {sum}, {{"data_format", "channels_first"}});
       },
       {"quant.QLinearConv", "quant.QLinearAdd"},
       {"nn.Conv", "nn.Relu"}},
      {"batch normalisation, channels last",
       {4, 9, 9, 3},
       [](const Value& x) {
         const Value y = Conv(x, {3, 3, 3, 8}, 30, {{"padding", "same"}}, false);
         const Value normal =
             Call("nn.BatchNormalization",
                  {y, Constant(Random({8}, 31)), Constant(Random({8}, 32)),
                   Constant(Random({8}, 33)), Constant(Tensor::Full(DType::kFloat32, {8}, 0.5))});
         return Call("nn.MaxPool", {Call("math.Clip", {normal}, {{"min", 0.0}, {"max", 6.0}})},
                     {{"kernel_shape", std::vector<int64_t>{2, 2}}});
       },
       {"quant.QLinearConv"},
       {"nn.Conv", "BatchNormalization", "math.Clip"}},
      {"depthwise, then another activation",
       {2, 6, 10, 10},
       [=](const Value& x) {
         Attributes depthwise = first;
         depthwise.Set("groups", 6);
         const Value y = Call("nn.Swish", {Conv(x, {6, 1, 3, 3}, 40, depthwise)});
         return Call("nn.Sigmoid", {Conv(y, {5, 6, 1, 1}, 42, first)});
       },
       {"quant.QLinearConv"},
       {"nn.Conv"}},
      {"matrices",
       {6, 20},
       [](const Value& x) {
         const auto dense = [](const Value& v, int64_t in, int64_t out, uint64_t key) {
           return Call("math.MatMul", {v, Constant(Random({in, out}, key))}) +
                  Constant(Random({out}, key + 1));
         };
         const Value y = Call("nn.Relu", {dense(x, 20, 32, 50)});
         const Value z =
             Call("math.Gemm", {y, Constant(Random({32, 24}, 52)), Constant(Random({24}, 53))});
         return Call("nn.LeakyRelu", {dense(z, 24, 7, 54)});
       },
       {"quant.QLinearMatMul"},
       {"math.MatMul", "math.Gemm", "math.Add"}},
      {"two activations",
       {3, 8, 8},
       [](const Value& x) {
         const Value y = Call("math.MatMul", {x, Call("math.Neg", {x})});
         return Call("math.ReduceMean", {y}, {{"axes", std::vector<int64_t>{1}}});
       },
       {"quant.QLinearMatMul"},
       {"math.MatMul"}},
  };
}

Model Written(const Case& c) {
  PartialShape shape(c.input);
  shape[0] = Dim::Symbol("n");
  const Value x = InputValue({DType::kFloat32, shape}, "x");
  auto model = BuildModel({x}, {c.write(x)});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

NamedTensors Samples(const Case& c) {
  Shape shape = c.input;
  shape[0] = 40;
  return {{"x", Random(shape, 7)}};
}

std::string ProgramOf(Session& session, const NamedTensors& inputs) {
  const auto program = session.ProgramFor(inputs);
  EXPECT_TRUE(program.ok()) << program.status();
  return program.ok() ? (*program)->ToString() : "";
}

TEST(QuantizeModel, RunsOnIntegersNearTheModelOfFloats) {
  for (const Case& c : Cases()) {
    for (const RangeMethod method : {RangeMethod::kMinMax, RangeMethod::kPercentile}) {
      for (const int bits : {8, 7}) {
        SCOPED_TRACE(absl::StrCat(c.name, ", ", bits, " bits"));
        const Model model = Written(c);
        const QuantizeOptions options{
            .samples = Samples(c), .calibration = {.method = method}, .weight_bits = bits};
        const auto quantized = QuantizeModel(model, options);
        ASSERT_TRUE(quantized.ok()) << quantized.status();
        EXPECT_GT(quantized->nodes, 0);
        if (quantized->weights > 0) {
          EXPECT_LT(quantized->weight_bytes_after, quantized->weight_bytes_before);
        }
        const auto differences =
            CompareOutputs(quantized->model, model, options.samples, options.calibration);
        ASSERT_TRUE(differences.ok()) << differences.status();
        // Eight bits are worth some 50 dB, of which each layer takes a few.
        EXPECT_GT((*differences)[0].signal_to_noise, bits == 8 ? 28 : 24);

        const auto fast = Session::Create(quantized->model),
                   exact = Session::Create(quantized->model, {.exact = true});
        ASSERT_TRUE(fast.ok() && exact.ok()) << fast.status() << exact.status();
        const std::string program = ProgramOf(**fast, options.samples);
        for (const std::string& op : c.runs) EXPECT_THAT(program, HasSubstr(op));
        for (const std::string& op : c.runs_not) EXPECT_THAT(program, Not(HasSubstr(op)));
        // Integers are what floats between QuantizeLinear and DequantizeLinear mean: they differ
        // where a number lies between two integers.
        const auto y = (*fast)->Run(options.samples), right = (*exact)->Run(options.samples);
        ASSERT_TRUE(y.ok() && right.ok()) << y.status() << right.status();
        const Tensor &found = y->begin()->second, &expected = right->begin()->second;
        ASSERT_EQ(found.shape(), expected.shape());
        double largest = 0, apart = 0;
        for (int64_t i = 0; i < expected.num_elements(); ++i) {
          largest = std::max(largest, std::abs(expected.AsDouble(i)));
          apart = std::max(apart, std::abs(expected.AsDouble(i) - found.AsDouble(i)));
        }
        EXPECT_LT(apart, 0.03 * largest);
      }
    }
  }
}

// Also where the graph moves to more memory meanwhile.
TEST(QuantizeModel, NamesWeightsAfterWhatTheyStandFor) {
  for (int count = 1; count <= 24; ++count) {
    const Case chain{
        .name = "a chain of convolutions", .input = {2, 5, 5, 3}, .write = [count](const Value& x) {
          Value y = x;
          for (int i = 0; i < count; ++i) y = Conv(y, {1, 1, 3, 3}, 2 * i, {});
          return y;
        }};
    Model model = Written(chain);
    for (const Node& node : model.graph.nodes) {  // too long to stand in a string itself
      if (node.op == "core.Constant") model.graph.values[node.outputs[0]].name += "_of_a_long_name";
    }
    for (const Weight& weight : model.graph.weights) {
      model.graph.values[weight.value].name += "_of_a_long_name";
    }
    const auto quantized = QuantizeModel(std::move(model), {.samples = Samples(chain)});
    ASSERT_TRUE(quantized.ok()) << quantized.status();
    EXPECT_EQ(quantized->nodes, count);
    const Graph& graph = quantized->model.graph;
    for (const Node& node : graph.nodes) {
      if (node.op != "quant.DequantizeLinear") continue;
      const auto named = [&](int input, const std::string& suffix) {
        const std::string name = graph.value(node.inputs[input]).name;
        return name.substr(0, name.rfind(suffix));
      };
      EXPECT_EQ(named(1, "_scale"), named(0, "_quantized"));
      EXPECT_EQ(named(2, "_zero_point"), named(0, "_quantized"));
    }
  }
}

TEST(QuantizeModel, LeavesOutWhatItIsTold) {
  const Case c = Cases()[0];
  const auto quantized =
      QuantizeModel(Written(c), {.samples = Samples(c), .exclude = "attr:padding=same op:nn.Conv"});
  EXPECT_THAT(std::string(quantized.status().message()), HasSubstr("nothing to quantise"));
}

TEST(QuantizeModel, SaysWhatIsWrong) {
  const Case c = Cases()[3];
  const Model model = Written(c);
  const struct {
    QuantizeOptions options;
    std::string message;
  } cases[] = {
      {{}, "there are no examples to calibrate on"},
      {{.samples = {{"y", Random({4, 20}, 1)}}}, "examples of input \"x\" are missing"},
      {{.samples = {{"x", Random({4, 19}, 1)}}}, "19"},
      {{.samples = Samples(c), .weight_bits = 4}, "weight_bits: expected 7 or 8, found 4"},
      {{.samples = Samples(c), .exclude = "op:nn.Nothing"}, "nn.Nothing"},
  };
  for (const auto& wrong : cases) {
    const auto quantized = QuantizeModel(model, wrong.options);
    EXPECT_THAT(std::string(quantized.status().message()), HasSubstr(wrong.message));
  }
  const auto once = QuantizeModel(model, {.samples = Samples(c)});
  ASSERT_TRUE(once.ok()) << once.status();
  const auto twice = QuantizeModel(once->model, {.samples = Samples(c)});
  EXPECT_THAT(std::string(twice.status().message()), HasSubstr("quantised already"));
}

TEST(QuantizeWeights, KeepsTheModelNear) {
  for (const Case& c : Cases()) {
    const Model model = Written(c);
    for (const int bits : {8, 4}) {
      SCOPED_TRACE(absl::StrCat(c.name, ", ", bits, " bits"));
      const auto quantized = QuantizeWeights(model, {.bits = bits, .block_size = 8});
      ASSERT_TRUE(quantized.ok()) << quantized.status();
      if (c.name == "two activations") {
        EXPECT_EQ(quantized->weights, 0);
        continue;
      }
      const double share = static_cast<double>(quantized->weight_bytes_after) /
                           static_cast<double>(quantized->weight_bytes_before);
      EXPECT_LT(share, 0.75);
      const auto differences = CompareOutputs(quantized->model, model, Samples(c), {});
      ASSERT_TRUE(differences.ok()) << differences.status();
      EXPECT_GT((*differences)[0].signal_to_noise, bits == 8 ? 35 : 15);
    }
  }
}

}  // namespace
}  // namespace nomograph
