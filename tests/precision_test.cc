// Every example of every registered op in bfloat16: products come as near to what is expected as
// rounded factors let them, everything else is as in float32, and keeps its dtype.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/float16.h"

namespace nomograph {
namespace {

// Half of the distance between neighbours, relative to them: bfloat16 has 8 bits of precision, and
// rounding is to the nearest.
constexpr double kRounding = 0x1p-9;

class InBFloat16 : public testing::TestWithParam<const OpDef*> {
 protected:
  const OpDef& op() const { return *GetParam(); }
};

Tensor Absolute(const Tensor& tensor) {
  if (!tensor.valid() || tensor.dtype() != DType::kFloat32) return tensor;
  Tensor result(DType::kFloat32, tensor.shape());
  const auto from = tensor.data<float>();
  const auto to = result.mutable_data<float>();
  for (size_t i = 0; i < from.size(); ++i) to[i] = std::fabs(from[i]);
  return result;
}

bool HasFloat32(const Example& example) {
  for (const Tensor& input : example.inputs) {
    if (input.valid() && input.dtype() == DType::kFloat32) return true;
  }
  return false;
}

struct Built {
  Model model;
  NamedTensors inputs;
};

// The node between products by 1, which are to hand it bfloat16 and to take that from it, or alone.
absl::StatusOr<Built> BuildExample(const OpDef& op, const Example& example, bool between) {
  const auto scaled = [](const Value& x, const Shape& shape) {
    const auto reshape = [](const Value& v, const Shape& to) {
      return Call("array.Reshape", {v},
                  {{"shape", std::vector<int64_t>(to.dims().begin(), to.dims().end())}});
    };
    const Value one = Constant(Tensor::Of<float>({1, 1}, {1}));
    return reshape(Call("math.MatMul", {reshape(x, {shape.num_elements(), 1}), one}), shape);
  };
  Built built;
  std::vector<Value> arguments, present;
  for (size_t i = 0; i < example.inputs.size(); ++i) {
    const Tensor& tensor = example.inputs[i];
    if (!tensor.valid()) {
      arguments.emplace_back();
      continue;
    }
    const std::string name = absl::StrCat("in", i);
    present.push_back(InputValue(tensor.type(), name));
    built.inputs[name] = tensor;
    arguments.push_back(between && tensor.dtype() == DType::kFloat32
                            ? scaled(present.back(), tensor.shape())
                            : present.back());
  }
  CallOptions options{.name = "node", .num_outputs = static_cast<int>(example.outputs.size())};
  for (const ExampleFunction& function : example.functions) {
    options.functions.push_back({function.attr, function.function, function.input_types});
  }
  std::vector<Value> outputs = CallMulti(op.name, arguments, example.attrs, options);
  if (between) {
    for (size_t i = 0; i < outputs.size(); ++i)
      outputs[i] = scaled(outputs[i], example.outputs[i].shape());
  }
  NOMO_ASSIGN_OR_RETURN(built.model, BuildModel(present, outputs));
  for (const auto& [name, initial] : example.variables)
    built.model.variables.push_back({name, initial, "", ""});
  return built;
}

absl::StatusOr<std::vector<Tensor>> RunInBFloat16(const Built& built, const Example& example) {
  NOMO_ASSIGN_OR_RETURN(const auto session,
                        Session::Create(built.model, {.precision = Precision::kBFloat16}));
  NOMO_ASSIGN_OR_RETURN(
      const NamedTensors outputs,
      session->Run(built.inputs,
                   {.training = example.training, .seed = example.seed, .step = example.step}));
  std::vector<Tensor> ordered;
  for (const ValueId id : built.model.graph.outputs)
    ordered.push_back(outputs.at(built.model.graph.values[id].name));
  return ordered;
}

// How far rounded factors can take the sums of a product from those of the factors as they are: by
// 2u + u^2 of the sum of the absolute products, which is what the op makes of absolute values, and
// by the u of what is added. (N. Higham, Accuracy and Stability of Numerical Algorithms, 3.1)
absl::StatusOr<Tensor> ProductBound(const OpDef& op, Example example) {
  for (Tensor& input : example.inputs) input = Absolute(input);
  Attributes attrs;
  for (const auto& [name, value] : example.attrs) {
    const double* number = value.As<double>();
    attrs.Set(name, number != nullptr ? AttrValue(std::fabs(*number)) : value);
  }
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> sums,
                        RunOp(op, example.inputs, attrs, {.num_outputs = 1}));
  return sums[0];
}

TEST_P(InBFloat16, ComesNearOrStays) {
  if (!op().examples) return;
  for (const Example& example : op().examples()) {
    SCOPED_TRACE(example.name);
    const auto built = BuildExample(op(), example, /*between=*/false);
    ASSERT_TRUE(built.ok()) << built.status();
    const auto outputs = RunInBFloat16(*built, example);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    ASSERT_EQ(outputs->size(), example.outputs.size());
    for (size_t i = 0; i < outputs->size(); ++i) {
      const Tensor& expected = example.outputs[i];
      ASSERT_EQ((*outputs)[i].type(), expected.type());
      if (example.keyed_by_node) continue;
      if (AllClose((*outputs)[i], expected, example.rtol, example.atol).ok()) continue;
      ASSERT_EQ(expected.dtype(), DType::kFloat32);
      ASSERT_TRUE(HasFloat32(example));
      const auto found = (*outputs)[i].data<float>(), right = expected.data<float>();
      if (op().low_precision == LowPrecision::kGains) {
        const auto sums = ProductBound(op(), example);
        ASSERT_TRUE(sums.ok()) << sums.status();
        for (size_t k = 0; k < right.size(); ++k) {
          const double bound = (2 + kRounding) * kRounding * sums->data<float>()[k];
          ASSERT_NEAR(found[k], right[k], 1.01 * bound + example.atol) << k;
        }
        continue;
      }
      // Of the ops that are written with others attention alone has products in it: up to three in
      // a row, each of which rounds two factors, measured by the largest element.
      EXPECT_TRUE(absl::StrContains(op().name, "Attention"));
      double largest = 0;
      for (const float y : right) largest = std::max(largest, std::fabs(static_cast<double>(y)));
      for (size_t k = 0; k < right.size(); ++k) {
        ASSERT_NEAR(found[k], right[k], 3 * 2 * kRounding * largest) << k;
      }
    }
  }
}

// Whether all outputs are float32, and there is something to multiply by 1 everywhere.
bool CanStandBetween(const Example& example) {
  const auto has_elements = [](const Tensor& tensor) {
    return !tensor.valid() || tensor.num_elements() > 0;
  };
  return std::all_of(example.inputs.begin(), example.inputs.end(), has_elements) &&
         std::all_of(example.outputs.begin(), example.outputs.end(), [&](const Tensor& output) {
           return output.dtype() == DType::kFloat32 && has_elements(output);
         });
}

TEST_P(InBFloat16, FollowsBetweenProducts) {
  if (op().low_precision != LowPrecision::kFollows) return;
  int examples = 0, runs = 0;
  for (const Example& example : op().examples()) {
    SCOPED_TRACE(example.name);
    if (!HasFloat32(example) || !CanStandBetween(example)) continue;
    ++examples;
    const auto built = BuildExample(op(), example, /*between=*/true);
    ASSERT_TRUE(built.ok()) << built.status();
    std::vector<TensorType> types;
    for (const ValueId id : built->model.graph.inputs)
      types.push_back(built->model.graph.values[id].type);
    const auto program =
        Program::Compile(built->model, built->model.graph, types, OpRegistry::Default(),
                         {.keep_nan = true, .precision = Precision::kBFloat16});
    ASSERT_TRUE(program.ok()) << program.status();
    for (const LoweredNode& node : (*program)->graph().nodes) {
      if (node.name != "node") continue;
      ++runs;
      for (const ValueId id : node.outputs)
        EXPECT_EQ((*program)->graph().types[id].dtype, DType::kBFloat16);
    }
    const auto outputs = RunInBFloat16(*built, example);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    for (size_t i = 0; i < outputs->size() && !example.keyed_by_node; ++i) {
      const absl::Status close =
          AllClose((*outputs)[i], example.outputs[i], 3 * kRounding, example.atol);
      EXPECT_TRUE(close.ok()) << close;
    }
  }
  EXPECT_EQ(runs, examples);
}

Tensor Thirds(const Shape& shape) {
  Tensor tensor(DType::kFloat32, shape);
  const auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7 + 1) / 3;
  return tensor;
}

// The rows of a by b, both rounded first.
std::vector<double> RoundedProduct(const Tensor& a, const Tensor& b) {
  const int64_t rows = a.shape()[0], inner = a.shape()[1], columns = b.shape()[1];
  const auto rounded = [](float x) { return static_cast<double>(static_cast<float>(BFloat16(x))); };
  std::vector<double> y(static_cast<size_t>(rows * columns), 0.0);
  for (int64_t i = 0; i < rows * columns; ++i) {
    for (int64_t k = 0; k < inner; ++k) {
      y[i] += rounded(a.data<float>()[i / columns * inner + k]) *
              rounded(b.data<float>()[k * columns + i % columns]);
    }
  }
  return y;
}

TEST(BFloat16Programs, ComputeFunctionsAndLateShapesLikeTheRest) {
  const Tensor a = Thirds({4, 6}), b = Thirds({6, 5});
  const Tensor keep = Tensor::Vector<bool>({true, true, true, true});
  const TraceFn product = [&](absl::Span<const Value> in) {
    return std::vector<Value>{Call("math.MatMul", {in[0], Constant(b)})};
  };
  const auto late = [&](const Value& x, const Value& condition) {
    const Value rows = Call("array.Compress", {x, condition}, {{"axis", 0}});
    return Call("math.MatMul", {rows, Constant(b)});
  };
  const Value x = InputValue({DType::kFloat32, {4, 6}}, "x");
  const Value condition = InputValue({DType::kBool, {4}}, "condition");
  const Value first = Call("array.Reshape",
                           {Call("array.Slice", {condition, Constant(Tensor::Vector<int64_t>({0})),
                                                 Constant(Tensor::Vector<int64_t>({1}))})},
                           {{"shape", std::vector<int64_t>{}}});
  const std::pair<const char*, Value> cases[] = {
      {"where it stands", product({x})[0]},
      {"in a function", CallTraced(product, {x})[0]},
      {"in a branch", If(first, {x}, product, product)[0]},
      {"for rows that are known when it runs", late(x, condition)},
  };
  const std::vector<double> expected = RoundedProduct(a, b);
  for (const auto& [name, y] : cases) {
    SCOPED_TRACE(name);
    const auto model = BuildModel({x, condition}, {y});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto session = Session::Create(*model, {.precision = Precision::kBFloat16});
    ASSERT_TRUE(session.ok()) << session.status();
    const auto outputs = (*session)->Run({{"x", a}, {"condition", keep}});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    const Tensor& found = outputs->begin()->second;
    ASSERT_EQ(found.type().ToString(), "float32[4,5]");
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(found.data<float>()[i], expected[i], 1e-5) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllOps, InBFloat16, testing::ValuesIn(OpRegistry::Default().All()),
                         [](const testing::TestParamInfo<const OpDef*>& info) {
                           std::string name =
                               absl::StrCat(info.param->name, "_v", info.param->version);
                           for (char& c : name) {
                             if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace nomograph
