// NaN and infinity through kernels of oneDNN that make numbers of NaN, by themselves and fused.
#include "nomograph/core/op/keep_nan.h"

#include <cfenv>
#include <cmath>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

NOMO_REGISTER_OP(ElementwiseOp("nan.Relu", FloatTypes{},
                               [](auto x) { return x < 0 ? decltype(x){0} : x; })
                     .Doc("y = max(x, 0)")
                     .Fast(OneDnnEltwise(dnnl_eltwise_relu))
                     .AsPostOp(EltwisePostOp(dnnl_eltwise_relu)));
NOMO_REGISTER_OP(ElementwiseOp("nan.Clip", FloatTypes{},
                               [](auto x) {
                                 return x < 0 ? decltype(x){0} : x > 6 ? decltype(x){6} : x;
                               })
                     .Doc("y = min(max(x, 0), 6)")
                     .Fast(OneDnnEltwise(dnnl_eltwise_clip, 0, 6))
                     .AsPostOp(EltwisePostOp(dnnl_eltwise_clip, 0, 6)));
NOMO_REGISTER_OP(ElementwiseOp("nan.Max", FloatTypes{},
                               [](auto a, auto b) { return b > a || b != b ? b : a; })
                     .Doc("y = max(a, b)")
                     .Fast(FastBinary(dnnl_binary_max)));
NOMO_REGISTER_OP(ElementwiseOp("nan.Add", FloatTypes{}, [](auto a, auto b) { return a + b; })
                     .Doc("y = a + b")
                     .Fast(FastBinary(dnnl_binary_add)));

// A maximum as x86 has it.
class MaximumWithZero : public Kernel, public LossyKernel {
 public:
  absl::Status Run(KernelContext& context) const override {
    for (size_t i = 0; i < context.output<float>(0).size(); ++i) {
      const float x = context.input<float>(0)[i];
      if (std::isnan(x)) std::feraiseexcept(FE_INVALID);
      context.output<float>(0)[i] = std::isnan(x) || x < 0 ? 0 : x;
    }
    return absl::OkStatus();
  }
  bool MayLoseNan() const override { return true; }
  std::string Describe() const override { return "maximum with 0"; }
};
NOMO_REGISTER_OP(ElementwiseOp("nan.Lossy", FloatTypes{},
                               [](auto x) { return x < 0 ? decltype(x){0} : x; })
                     .Doc("y = max(x, 0), whose fast kernel makes 0 of NaN")
                     .Fast([](const PrepareContext&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                       return std::make_unique<MaximumWithZero>();
                     }));

// Its shape depends on data.
OpDef NonZero() {
  return OpDef("nan.NonZero")
      .Doc("y = the elements of x that are not 0")
      .TypeVar("T", kFloats)
      .Input("x", "T")
      .Output("y", "T")
      .Infer([](const InferContext& context) -> absl::StatusOr<std::vector<TensorType>> {
        return std::vector<TensorType>{{context.dtype(0), {Dim()}}};
      })
      .Reference([](KernelContext& c) {
        std::vector<float> kept;
        for (const float x : c.input<float>(0)) {
          if (x != 0) kept.push_back(x);
        }
        return c.SetOutput(0, Tensor::Of<float>({static_cast<int64_t>(kept.size())}, kept));
      });
}
NOMO_REGISTER_OP(NonZero());

// How often the op has run is its state.
int notes = 0;
OpDef Note() {
  return OpDef("nan.Note")
      .Doc("y = x")
      .TypeVar("T", kFloats)
      .Input("x", "T")
      .Output("y", "T")
      .WithEffects(Effects::kStateful)
      .Infer(SameAsInput)
      .Reference([](KernelContext& c) {
        ++notes;
        return c.SetOutput(0, c.BorrowInput(0));
      });
}
NOMO_REGISTER_OP(Note());

constexpr int64_t kLarge = 1 << 21;  // enough for several threads

Value Input(const char* name) { return InputValue({DType::kFloat32, {Dim::Symbol("n")}}, name); }

// Numbers, and NaN and infinities at both ends and in the middle.
Tensor Numbers(int64_t size) {
  Tensor tensor(DType::kFloat32, {size});
  const auto x = tensor.mutable_data<float>();
  for (int64_t i = 0; i < size; ++i) x[i] = static_cast<float>(i % 17 - 8);
  for (const int64_t i : {int64_t{0}, size / 2, size - 3}) {
    x[i] = std::nanf("");
    x[i + 1] = INFINITY;
    x[i + 2] = -INFINITY;
  }
  return tensor;
}

struct Case {
  const char* name;
  std::function<Value(const Value& a, const Value& b)> function;
};

const Case kCases[] = {
    {"relu", [](const Value& a, const Value&) { return Call("nan.Relu", {a}); }},
    {"clip", [](const Value& a, const Value&) { return Call("nan.Clip", {a}); }},
    {"max",
     [](const Value& a, const Value& b) {
       return Call("nan.Max", {a, b});
     }},
    {"max, the other way",
     [](const Value& a, const Value& b) {
       return Call("nan.Max", {b, a});
     }},
    {"a kernel that loses them",
     [](const Value& a, const Value&) { return Call("nan.Lossy", {a}); }},
    {"fused relu",
     [](const Value& a, const Value& b) {
       return Call("nan.Relu", {Call("nan.Add", {a, b})});
     }},
    {"fused clip",
     [](const Value& a, const Value& b) {
       return Call("nan.Clip", {Call("nan.Add", {a, b})});
     }},
};

TEST(KeepNan, AsInExactMode) {
  for (const Case& c : kCases) {
    const Value a = Input("a"), b = Input("b");
    const auto model = BuildModel({a, b}, {c.function(a, b)});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto fast = Session::Create(*model, {.threads = 2});
    const auto exact = Session::Create(*model, {.exact = true});
    for (const int64_t size : {int64_t{16}, kLarge}) {
      SCOPED_TRACE(absl::StrCat(c.name, ", ", size, " elements"));
      const std::vector<Tensor> inputs = {Numbers(size), Tensor::Full(DType::kFloat32, {size}, 1)};
      const auto found = (*fast)->Run(inputs);
      const auto expected = (*exact)->Run(inputs);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_TRUE(expected.ok()) << expected.status();
      EXPECT_TRUE(std::isnan((*expected)[0].data<float>()[0]));
      const absl::Status close = AllClose((*found)[0], (*expected)[0], 0, 0);
      EXPECT_TRUE(close.ok()) << close;
    }
  }
}

TEST(KeepNan, FoldedConstantsDoToo) {
  for (const bool repeatable : {true, false}) {
    const Value a = Input("a"), weight = Input("weight");
    const Value sum = Call("nan.Add", {a, Call("nan.Lossy", {weight})});
    auto model = BuildModel({a, weight}, {repeatable ? sum : Call("nan.Note", {sum})});
    ASSERT_TRUE(model.ok()) << model.status();
    Graph& graph = model->graph;
    graph.values[graph.inputs[1]].type.shape = {4};
    graph.weights.push_back(
        {graph.inputs[1], Tensor::Vector<float>({std::nanf(""), INFINITY, -3, 4})});
    graph.inputs.pop_back();
    const auto session = Session::Create(*std::move(model));
    ASSERT_TRUE(session.ok()) << session.status();
    const auto found = (*session)->Run(Tensor::Full(DType::kFloat32, {4}, 1));
    ASSERT_TRUE(found.ok()) << found.status();
    const Tensor expected = Tensor::Vector<float>({std::nanf(""), INFINITY, 1, 5});
    const absl::Status close = AllClose(*found, expected, 0, 0);
    EXPECT_TRUE(close.ok()) << close;
  }
}

TEST(KeepNan, ABoundRunDoesToo) {
  const Value a = Input("a");
  const auto model = BuildModel({a}, {Call("nan.Relu", {a})});
  const auto session = Session::Create(*model);
  const auto run = (*session)->Bind({Numbers(16)});
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE((*run)->Run().ok());
  EXPECT_TRUE(std::isnan((*run)->results()[0].data<float>()[0]));
}

// With the kernel that loses the NaN there are two elements, with the one that keeps it three:
// these are the right ones, whatever the first run finds.
TEST(KeepNan, TheRepeatedRunDecidesAboutShapes) {
  const Value a = Input("a");
  const auto model = BuildModel({a}, {Call("nan.NonZero", {Call("nan.Lossy", {a})})});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  std::vector<float> numbers(16, -1.0f);
  numbers[3] = 5;
  numbers[4] = 6;
  numbers[9] = std::nanf("");
  for (const int64_t size : {2, 3, 4}) {
    const Tensor result(DType::kFloat32, {size});
    const auto run = (*session)->Bind(std::vector<Tensor>{Tensor::Of<float>({16}, numbers)},
                                      {.results = {result}});
    ASSERT_TRUE(run.ok()) << run.status();
    const absl::Status status = (*run)->Run();
    if (size == 3) {
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_TRUE(std::isnan((*run)->results()[0].data<float>()[2]));
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    }
  }
}

TEST(KeepNan, WhatHasAnEffectIsNotRepeated) {
  const Value a = Input("a");
  const auto model = BuildModel({a}, {Call("nan.Relu", {Call("nan.Note", {a})})});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  notes = 0;
  const auto result = (*session)->Run(Numbers(16));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(std::isnan(result->data<float>()[0]));
  EXPECT_EQ(notes, 1);
}

TEST(InvalidFlagScope, LeavesTheCallersFlagAsItWas) {
  std::feclearexcept(FE_INVALID);
  {
    const InvalidFlagScope scope;
    EXPECT_FALSE(scope.raised());
    std::feraiseexcept(FE_INVALID);
    EXPECT_TRUE(scope.raised());
    const InvalidFlagScope inner;
    EXPECT_FALSE(inner.raised());
  }
  EXPECT_NE(std::fetestexcept(FE_INVALID), 0);
  std::feclearexcept(FE_INVALID);
}

TEST(InvalidFlagScope, SeesWhatOtherThreadsRaised) {
  const InvalidFlagScope scope;
#pragma omp parallel num_threads(2)
  {
#pragma omp single nowait
    std::feraiseexcept(FE_INVALID);
  }
  NoteTeam(2);
  EXPECT_TRUE(scope.raised());
}

}  // namespace
}  // namespace nomograph
