// The way from expressions to results, with ops that are registered here so that core is tested
// without the standard set.
#include "nomograph/core/run/session.h"

#include <atomic>
#include <stdexcept>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/elementwise.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

NOMO_REGISTER_OP(ElementwiseOp("test.Add", NumberTypes{}, [](auto a, auto b) {
                   return a + b;
                 }).Doc("y = a + b"));
NOMO_REGISTER_OP(ElementwiseOp("test.Scale", FloatTypes{},
                               [](const Attributes& attrs) {
                                 return [factor = attrs.Float("factor")](auto x) {
                                   return x * factor;
                                 };
                               })
                     .Doc("y = factor * x")
                     .Attr("factor", 2.0, "the factor"));

// Only a body: y = (x + x) * factor.
OpDef DoubleScaled() {
  return OpDef("test.DoubleScaled")
      .Doc("y = 2 * factor * x")
      .TypeVar("T", kFloats)
      .Input("x", "T")
      .Attr("factor", 3.0, "the factor")
      .Output("y", "T")
      .Infer(SameAsInput)
      .Body([](absl::Span<const Value> in,
               const Attributes& attrs) -> absl::StatusOr<std::vector<Value>> {
        return std::vector<Value>{Call("test.Scale", {Call("test.Add", {in[0], in[0]})},
                                       {{"factor", attrs.Float("factor")}})};
      });
}
NOMO_REGISTER_OP(DoubleScaled());

OpDef Exclaim() {
  return OpDef("test.Exclaim")
      .Doc("y = x, and a word to the world")
      .TypeVar("T", kFloats)
      .Input("x", "T")
      .Output("y", "T")
      .WithEffects(Effects::kIo)
      .Infer(SameAsInput)
      .Reference([](KernelContext& c) { return c.SetOutput(0, c.BorrowInput(0)); });
}
NOMO_REGISTER_OP(Exclaim());

Value FloatInput(const std::string& name = "x") {
  return InputValue({DType::kFloat32, {Dim::Symbol("batch"), 3}}, name);
}

absl::StatusOr<Tensor> RunModel(const absl::StatusOr<Model>& model, const Tensor& input,
                                SessionOptions options = {}) {
  if (!model.ok()) return model.status();
  NOMO_ASSIGN_OR_RETURN(auto session, Session::Create(*model, options));
  return session->Run(input);
}

TEST(Session, RunsAnExpression) {
  const Value x = FloatInput();
  const Value y = Call("test.Scale", {Call("test.Add", {x, x})}, {{"factor", 10}});
  const auto result = RunModel(BuildModel({x}, {y}), Tensor::Of<float>({1, 3}, {1, 2, 3}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, Tensor::Of<float>({1, 3}, {20, 40, 60}));
}

TEST(Session, RunsABodyAndATracedLambdaWithACapturedValue) {
  const Value x = FloatInput();
  const Value doubled = Call("test.Add", {x, x});
  const Value y = CallTraced(
      [&](absl::Span<const Value> in) {
        return std::vector<Value>{Call("test.Add", {in[0], doubled})};
      },
      {x})[0];
  const Value z = Call("test.DoubleScaled", {y});
  const auto model = BuildModel({x}, {z});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->functions.size(), 2u);
  EXPECT_EQ(model->graph.nodes[1].op, "local.lambda");
  const auto result = RunModel(model, Tensor::Of<float>({1, 3}, {1, 2, 3}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, Tensor::Of<float>({1, 3}, {18, 36, 54}));
}

TEST(Session, ReportsAllFaultsOfBuildingTogether) {
  const Value x = FloatInput();
  const Value a = Call("test.Add", {x, InputValue({DType::kFloat32, {4}}, "other")});
  const Value b = Call("test.Scael", {x});
  const Value c = Call("test.Scale", {x}, {{"factr", 3}});
  const auto model = BuildModel({x}, {a, b, c});
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.status().message(), HasSubstr("do not broadcast"));
  EXPECT_THAT(model.status().message(), HasSubstr("did you mean test.Scale?"));
  EXPECT_THAT(model.status().message(), HasSubstr("did you mean factor?"));
  EXPECT_THAT(model.status().message(), HasSubstr("\"other\""));
}

TEST(Session, ReportsAllMissingOps) {
  const Value x = FloatInput();
  const TensorType type{DType::kFloat32, {Dim::Symbol("batch"), 3}};
  const Value a = Call("acme.Foo", {x}, {}, {.output_types = {type}, .provider = "//acme:ops"});
  const Value b = Call("test.Ad", {a, a}, {}, {.output_types = {type}});
  const auto model = BuildModel({x}, {b});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto session = Session::Create(*model);
  ASSERT_FALSE(session.ok());
  EXPECT_THAT(
      session.status().message(),
      HasSubstr(
          "no op acme.Foo is registered (version 1 is needed); it is provided by //acme:ops"));
  EXPECT_THAT(session.status().message(), HasSubstr("did you mean test.Add"));
}

// Which are not compared with all that there are.
TEST(Session, ReportsTheFirstOfManyMissingOps) {
  Model model;
  Graph& graph = model.graph;
  graph.inputs = {graph.AddValue("x", {DType::kFloat32, {2}})};
  for (int i = 0; i < 200000; ++i) {
    const ValueId y = graph.AddValue(absl::StrCat("y", i), {DType::kFloat32, {2}});
    const std::string op = i % 2 == 0 ? "acme.Foo" : absl::StrCat("acme.WrittenByNobody", i);
    graph.nodes.push_back({.name = absl::StrCat(i), .op = op, .inputs = {0}, .outputs = {y}});
  }
  const absl::Status status = Session::Create(std::move(model)).status();
  EXPECT_THAT(status.message(), HasSubstr("node \"0\" (acme.Foo): no op acme.Foo is registered"));
  EXPECT_THAT(status.message(), HasSubstr("and 199950 more"));
}

TEST(Session, RefusesASignatureThatDiffers) {
  const Value x = FloatInput();
  auto model = BuildModel({x}, {Call("test.Scale", {x})});
  ASSERT_TRUE(model.ok()) << model.status();
  model->graph.nodes[0].signature->outputs[0] = {DType::kFloat32, {Dim::Symbol("batch"), 5}};
  const auto session = Session::Create(*model);
  EXPECT_THAT(session.status().message(),
              HasSubstr("output 0 is declared as float32[batch,5] but is float32[batch,3] here"));
}

// A file may hold a body that hands on an input, and a node that leaves that input out.
TEST(Session, ABodyThatYieldsAnAbsentInputIsRefused) {
  Model model;
  Graph& graph = model.graph;
  graph.inputs = {graph.AddValue("x", {DType::kFloat32, {2}})};
  graph.outputs = {graph.AddValue("y", {DType::kFloat32, {2}})};
  graph.nodes = {{.name = "node", .op = "acme.Same", .inputs = {kNoValue}, .outputs = {1}}};
  graph.nodes[0].body = "same";
  Function& same = model.functions["same"];
  same.name = "same";
  same.graph.inputs = same.graph.outputs = {same.graph.AddValue("absent", {})};
  EXPECT_EQ(RunModel(model, Tensor(DType::kFloat32, {2})).status().message(),
            "node \"node\" (acme.Same): output \"absent\" is an input that is absent here");
}

TEST(Session, RefusesAnImpossibleNumberOfThreads) {
  const Value x = FloatInput();
  const auto model = BuildModel({x}, {Call("test.Scale", {x})});
  for (const int threads : {-1, 1 << 30}) {
    EXPECT_THAT(Session::Create(*model, {.threads = threads}).status().message(),
                HasSubstr("threads: expected 0 to 1024, found"));
  }
}

TEST(Session, RefusesNoModel) {
  EXPECT_EQ(Session::Create(std::shared_ptr<const Model>()).status().message(),
            "there is no model");
}

NOMO_REGISTER_OP(OpDef("test.Throw")
                     .Doc("Throws, unless x is empty.")
                     .Input("x", "float32")
                     .Output("y", "float32")
                     .Infer(SameAsInput)
                     .Reference([](KernelContext& c) -> absl::Status {
                       if (!c.input<float>(0).empty()) throw std::runtime_error("it is full");
                       return absl::OkStatus();
                     }));

TEST(Session, SaysWhatAKernelHasThrown) {
  const Value x = FloatInput();
  const auto model = BuildModel({x}, {Call("test.Throw", {x})});
  for (const bool exact : {false, true}) {
    const auto session = Session::Create(*model, {.exact = exact});
    ASSERT_TRUE(session.ok()) << session.status();
    const absl::Status status = (*session)->Run(Tensor(DType::kFloat32, {1, 3})).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_EQ(status.message(), "node \"Throw\" (test.Throw): an exception was thrown: it is full");
    EXPECT_TRUE((*session)->Run(Tensor(DType::kFloat32, {0, 3})).ok());  // the session goes on
  }
}

NOMO_REGISTER_OP(OpDef("test.ThrowToPasses")
                     .Doc("y = x, of which a pass asks something.")
                     .Input("x", "float32")
                     .Output("y", "float32")
                     .Infer(SameAsInput)
                     .Reference([](KernelContext& c) { return c.SetOutput(0, c.BorrowInput(0)); })
                     .AbsorbsAffine([](const PrepareContext&, const ChannelAffine&) {
                       return std::vector<Tensor>();
                     })
                     .AsAffine([](const FusionQuery&) -> std::optional<ChannelAffine> {
                       throw std::runtime_error("it is full");
                     }));
NOMO_REGISTER_OP(OpDef("test.ThrowingBody")
                     .Doc("y = x, by a body that throws.")
                     .Input("x", "float32")
                     .Output("y", "float32")
                     .Infer(SameAsInput)
                     .Body([](absl::Span<const Value>,
                              const Attributes&) -> absl::StatusOr<std::vector<Value>> {
                       throw std::runtime_error("it is full");
                     }));

TEST(Session, SaysWhatAHookHasThrown) {
  const Value x = FloatInput();
  const auto model =
      BuildModel({x}, {Call("test.ThrowToPasses", {Call("test.ThrowToPasses", {x})})});
  const absl::Status status = RunModel(model, Tensor(DType::kFloat32, {1, 3})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "an exception was thrown: it is full");
  EXPECT_THAT(Call("test.ThrowingBody", {x}).status().message(),
              HasSubstr("body: an exception was thrown: it is full"));
}

TEST(Values, FaultsOfWhatIsMissing) {
  const Value x = FloatInput();
  const auto is_true = [](absl::Span<const Value>) {
    return std::vector<Value>{Constant(Tensor::Scalar(true))};
  };
  const struct {
    Value value;
    const char* message;
  } cases[] = {
      {Constant(Tensor()), "a constant needs a tensor"},
      {Call("", {x}), "the name of an op is empty"},
      {At(x, 3, 1), "At: index 3 is outside of [-3, 3) for axis 1 of [batch,3]"},
      {At(x, -4, -1), "At: index -4 is outside of [-3, 3) for axis -1 of [batch,3]"},
      {While({x}, nullptr, is_true)[0], "there is no function"},
      {While({x}, is_true, nullptr)[0], "there is no function"},
      {CallTraced(nullptr, {x})[0], "there is no function"},
  };
  for (const auto& [value, message] : cases) {
    EXPECT_THAT(BuildModel({x}, {value}).status().message(), HasSubstr(message));
  }
}

TEST(Values, InputsAndNamesOfOutputsAreGivenOnce) {
  const Value x = FloatInput();
  const Value a = Call("test.Scale", {x}), b = Call("test.Scale", {a});
  EXPECT_EQ(BuildModel({x, x}, {a}).status().message(), "input 1 is input 0 once more");
  EXPECT_EQ(BuildModel({x}, {a, b}, {.output_names = {"y", "y"}}).status().message(),
            "two outputs are named \"y\"");
  EXPECT_TRUE(BuildModel({x}, {a, b}, {.output_names = {"", ""}}).ok());
}

TEST(Session, RefusesEffectsUnlessAllowed) {
  const Value x = FloatInput();
  const auto model = BuildModel({x}, {Call("test.Exclaim", {x})});
  const Tensor input(DType::kFloat32, {1, 3});
  EXPECT_THAT(RunModel(model, input).status().message(), HasSubstr("effect io"));
  EXPECT_TRUE(RunModel(model, input, {.allowed_io = {"test.Exclaim"}}).ok());
}

TEST(Session, SaysWhatIsWrongWithInputs) {
  const Value x = FloatInput("pixels");
  const auto model = BuildModel({x}, {Call("test.Scale", {x})});
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  const auto message = [&](const NamedTensors& inputs) {
    return std::string((*session)->Run(inputs).status().message());
  };
  EXPECT_THAT(message({{"image", Tensor(DType::kFloat32, {1, 3})}}),
              HasSubstr("the model's inputs are pixels"));
  EXPECT_THAT(message({{"pixels", Tensor(DType::kFloat64, {1, 3})}}),
              HasSubstr("expected float32[batch,3], found float64[1,3]"));
  EXPECT_THAT(message({{"pixels", Tensor(DType::kFloat32, {1, 4})}}),
              HasSubstr("expected float32[batch,3], found float32[1,4]"));
  NamedTensors absent;
  absent["pixels"];
  EXPECT_THAT(message(absent), HasSubstr("expected float32[batch,3], found no tensor"));
}

TEST(Session, NamesOfSizesAreShownAsNames) {
  const Value a = InputValue({DType::kFloat32, {Dim::Symbol("n\x1b[2J")}}, "a");
  const Value b = InputValue({DType::kFloat32, {Dim::Symbol("n\x1b[2J")}}, "b");
  const auto session = Session::Create(*BuildModel({a, b}, {Call("test.Add", {a, b})}));
  ASSERT_TRUE(session.ok()) << session.status();
  const Tensor two(DType::kFloat32, {2}), three(DType::kFloat32, {3});
  EXPECT_EQ((*session)->Run(NamedTensors{{"a", two}, {"b", three}}).status().message(),
            "input \"b\": axis 0 (n\\x1b[2J) is 3, but input \"a\" has 2");
}

TEST(Session, SharesNothingBetweenThreads) {
  const Value x = FloatInput();
  Value y = x;
  for (int i = 0; i < 20; ++i)
    y = Call("test.Add", {Call("test.Scale", {y}, {{"factor", 0.5}}), x});
  const auto model = BuildModel({x}, {y});
  const auto session = Session::Create(*model);
  ASSERT_TRUE(session.ok()) << session.status();
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int run = 0; run < 50; ++run) {
        const int64_t rows = 1 + run % 3;
        const auto result = (*session)->Run(Tensor::Full(DType::kFloat32, {rows, 3}, t));
        // x * (1 + 1/2 + 1/4 + …) = 2x, to 20 bits.
        if (!result.ok() ||
            !AllClose(*result, Tensor::Full(DType::kFloat32, {rows, 3}, 2 * t), 1e-5, 0).ok())
          ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Session, PlansMemoryInPlaceAndWithinThePeak) {
  const Value x = FloatInput();
  Value y = x;
  for (int i = 0; i < 10; ++i) y = Call("test.Scale", {y});
  const auto model = BuildModel({x}, {y});
  const auto session = Session::Create(*model);
  const auto program = (*session)->ProgramFor({{"x", Tensor(DType::kFloat32, {100, 3})}});
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ((*program)->arena_bytes(), 1216);  // one buffer of 1200 bytes, aligned
  EXPECT_LE((*program)->arena_bytes(), (*program)->peak_bytes());
}

// x + x and 2 * x, named sum and twice.
absl::StatusOr<Model> TwoOutputs() {
  const Value x = FloatInput();
  return BuildModel({x}, {Call("test.Add", {x, x}, {}, {.name = "sum"}),
                          Call("test.Scale", {x}, {{"factor", 10}}, {.name = "tenfold"})});
}

TEST(Session, RunsInTheModelsOrder) {
  const auto session = Session::Create(*TwoOutputs());
  const auto results = (*session)->Run(std::vector<Tensor>{Tensor::Of<float>({1, 3}, {1, 2, 3})});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0], Tensor::Of<float>({1, 3}, {2, 4, 6}));
  EXPECT_EQ((*results)[1], Tensor::Of<float>({1, 3}, {10, 20, 30}));
  const std::vector<Tensor> two(2, Tensor(DType::kFloat32, {1, 3}));
  EXPECT_THAT((*session)->Run(two).status().message(),
              HasSubstr("the model has 1 inputs, found 2"));
  const std::vector<Tensor> wide = {Tensor(DType::kFloat64, {1, 3})};
  EXPECT_THAT((*session)->Run(wide).status().message(),
              HasSubstr("expected float32[batch,3], found float64[1,3]"));
}

// What is let go serves the next run; what is held nobody writes to.
TEST(Session, ReusesTheMemoryOfOutputs) {
  const Value x = FloatInput();
  const auto session = Session::Create(*BuildModel({x}, {Call("test.Add", {x, x})}));
  ASSERT_TRUE(session.ok()) << session.status();
  const Shape shape = {5000, 3};
  const auto run = [&](double value) {
    return *(*session)->Run(Tensor::Full(DType::kFloat32, shape, value));
  };
  const std::byte* const first = run(1).raw_data();
  const Tensor held = run(2);
  EXPECT_EQ(held.raw_data(), first);
  const Tensor other = run(3);
  EXPECT_NE(other.raw_data(), first);
  EXPECT_EQ(held, Tensor::Full(DType::kFloat32, shape, 4));
  EXPECT_EQ(other, Tensor::Full(DType::kFloat32, shape, 6));
}

TEST(Session, RunsOnlyWhatTheChosenOutputsNeed) {
  const auto model = TwoOutputs();
  const std::string name = model->graph.values[model->graph.outputs[1]].name;
  const auto session = Session::Create(*model);
  const Tensor x = Tensor::Of<float>({1, 3}, {1, 2, 3});
  const auto one = (*session)->Run(NamedTensors{{"x", x}}, {.outputs = {name}});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(*one, (NamedTensors{{name, Tensor::Of<float>({1, 3}, {10, 20, 30})}}));
  const auto all = (*session)->Run(NamedTensors{{"x", x}});
  EXPECT_EQ(all->size(), 2u);
  const auto bound = (*session)->Bind({x}, {.outputs = {name}});
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_EQ((*bound)->results().size(), 1u);
  EXPECT_THAT((*session)->Run(std::vector<Tensor>{x}, {.outputs = {"y"}}).status().message(),
              HasSubstr("there is no output \"y\"; the model's outputs are "));
}

TEST(Session, NamesEveryInputThatIsNotThere) {
  const auto session = Session::Create(*TwoOutputs());
  const Tensor x = Tensor::Of<float>({1, 3}, {1, 2, 3});
  const std::string one((*session)->Run(NamedTensors{{"x", x}, {"z", x}}).status().message());
  EXPECT_EQ(one, "there is no input \"z\"; the model's inputs are x");
  // The list of those that there are stands there once.
  const std::string two((*session)->Run(NamedTensors{{"y", x}, {"z", x}}).status().message());
  EXPECT_EQ(two,
            "the inputs do not fit:\n  input \"x\" (float32[batch,3]) is missing\n"
            "  there is no input \"y\"; the model's inputs are x\n  there is no input \"z\"");
}

TEST(BoundRun, ReadsAndWritesTheCallersMemory) {
  const auto session = Session::Create(*TwoOutputs());
  Tensor x(DType::kFloat32, {2, 3});
  std::vector<Tensor> memory = {Tensor(DType::kFloat32, {2, 3}), Tensor(DType::kFloat32, {2, 3})};
  const auto run = (*session)->Bind({x}, {.results = memory});
  ASSERT_TRUE(run.ok()) << run.status();
  for (const float value : {1.0f, -3.0f}) {
    for (float& element : x.mutable_data<float>()) element = value;
    ASSERT_TRUE((*run)->Run().ok());
    EXPECT_EQ(memory[0], Tensor::Full(DType::kFloat32, {2, 3}, 2 * value));
    EXPECT_EQ(memory[1], Tensor::Full(DType::kFloat32, {2, 3}, 10 * value));
  }
  EXPECT_EQ((*run)->results()[0].raw_data(), memory[0].raw_data());
}

TEST(BoundRun, HasMemoryOfItsOwn) {
  const auto session = Session::Create(*TwoOutputs());
  const auto run = (*session)->Bind({Shape{1, 3}});
  ASSERT_TRUE(run.ok()) << run.status();
  Tensor x = (*run)->inputs()[0];
  x.mutable_data<float>()[2] = 5;
  ASSERT_TRUE((*run)->Run().ok());
  EXPECT_EQ((*run)->results()[0], Tensor::Of<float>({1, 3}, {0, 0, 10}));
}

TEST(BoundRun, SaysWhatIsWrongWithResults) {
  const auto session = Session::Create(*TwoOutputs());
  const Tensor x(DType::kFloat32, {2, 3});
  const auto message = [&](std::vector<Tensor> results) {
    return std::string((*session)->Bind({x}, {.results = results}).status().message());
  };
  EXPECT_THAT(message({x}), HasSubstr("expected 2 results, found 1"));
  EXPECT_THAT(message({x.Clone(), Tensor(DType::kFloat32, {1, 3})}),
              HasSubstr("result 1: expected float32[2,3], found float32[1,3]"));
  EXPECT_THAT(message({Tensor(), x.Clone()}),
              HasSubstr("result 0: expected float32[2,3], found no tensor"));
  const Tensor four(DType::kFloat32, {4, 3});
  EXPECT_EQ(message({x, x.Clone()}), "result 0 shares memory with input 0");
  EXPECT_EQ(message({four.Rows(0, 2), four.Rows(1, 3)}), "result 1 shares memory with result 0");
  EXPECT_EQ(message({four.Rows(0, 2), four.Rows(2, 4)}), "");
  EXPECT_THAT((*session)->Bind({Shape{2, 4}}).status().message(),
              HasSubstr("expected float32[batch,3], found float32[2,4]"));
  const auto run = (*session)->Bind({x});
  EXPECT_THAT((*run)->Run({.outputs = {"sum"}}).message(), HasSubstr("chosen when it is bound"));
}

// How often a kernel for test.Prepared was asked for.
std::atomic<int> prepared = 0;
NOMO_REGISTER_OP(OpDef("test.Prepared")
                     .Doc("y = x")
                     .TypeVar("T", kFloats)
                     .Input("x", "T")
                     .Output("y", "T")
                     .Infer(SameAsInput)
                     .Reference([](KernelContext& c) { return c.SetOutput(0, c.BorrowInput(0)); })
                     .Fast([](const PrepareContext&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                       ++prepared;
                       return nullptr;  // the reference serves
                     }));

TEST(Predict, AModelIsCompiledOnceUntilItChanges) {
  const Value x = FloatInput();
  auto model = BuildModel({x}, {Call("test.Prepared", {x})});
  ASSERT_TRUE(model.ok()) << model.status();
  const Tensor input = Tensor::Full(DType::kFloat32, {2, 3}, 4);
  const auto compiled_for = [&](const Model& m) {
    const int before = prepared;
    EXPECT_EQ(*m.Predict(input), input);
    return prepared != before;
  };
  EXPECT_TRUE(compiled_for(*model));
  EXPECT_FALSE(compiled_for(*model));
  EXPECT_TRUE(compiled_for(Model(*model)));  // a copy has a session of its own
  EXPECT_FALSE(compiled_for(*model));
  model->doc = "what it computes is the same";
  EXPECT_FALSE(compiled_for(*model));
  model->graph.nodes.back().attrs.Set("extra", 1);
  EXPECT_FALSE(model->Predict(input).ok());  // no such attribute: the old session does not serve
  Model renamed(*BuildModel({x}, {Call("test.Prepared", {x})}));
  EXPECT_TRUE(compiled_for(renamed));
  renamed.graph.values[renamed.graph.inputs[0]].name = "image";
  EXPECT_TRUE(compiled_for(renamed));
  EXPECT_TRUE(renamed.Predict({{"image", input}}).ok());
  EXPECT_FALSE(renamed.Predict({{"x", input}}).ok());
}

TEST(Values, AChainLongerThanTheStackIsDeep) {
  Value x = FloatInput();
  for (int i = 0; i < 300000; ++i) x = ErrorValue(absl::OkStatus(), {x});
}

TEST(Values, AreWrittenWithTheRegistryThatIsGiven) {
  OpRegistry registry;
  ASSERT_TRUE(
      registry
          .Register(
              ElementwiseOp("acme.Twice", FloatTypes{}, [](auto a) { return a + a; }).Doc("y = 2x"),
              "acme")
          .ok());
  const Value x = FloatInput();
  EXPECT_FALSE(Call("acme.Twice", {x}).status().ok());
  absl::StatusOr<Model> model;
  {
    const ScopedRegistry scope(registry);
    model = BuildModel({x}, {Call("acme.Twice", {x})});
    EXPECT_FALSE(Call("test.Add", {x, x}).status().ok());
  }
  ASSERT_TRUE(model.ok()) << model.status();
  const auto result =
      RunModel(model, Tensor::Full(DType::kFloat32, {1, 3}, 4), {.registry = &registry});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, Tensor::Full(DType::kFloat32, {1, 3}, 8));
}

TEST(Predict, RunsOneProgramAndReportsEachBatch) {
  const Value x = FloatInput();
  const auto session =
      Session::Create(*BuildModel({x}, {Call("test.Add", {x, x})}), {.max_programs = 1});
  std::vector<int64_t> done;
  const PredictOptions options{.progress = [&](int64_t rows, int64_t total) {
    done.push_back(rows);
    EXPECT_EQ(total, 70);
  }};
  // With room for one program, that of 32 rows is still there only where no other was compiled.
  const NamedTensors batch = {{"x", Tensor(DType::kFloat32, {32, 3})}};
  const auto program = (*session)->ProgramFor(batch);
  Tensor input(DType::kFloat32, {70, 3});
  for (int i = 0; i < 210; ++i) input.mutable_data<float>()[i] = static_cast<float>(i);
  const auto result = (*session)->Predict(input, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->shape(), (Shape{70, 3}));
  for (int i = 0; i < 210; ++i) EXPECT_EQ(result->data<float>()[i], 2 * i);
  EXPECT_EQ(done, (std::vector<int64_t>{32, 64, 70}));
  EXPECT_EQ(*(*session)->ProgramFor(batch), *program);
}

TEST(Predict, FillsUpTheRowsThatAModelFixes) {
  const Value x = InputValue({DType::kFloat32, {4, 3}}, "x");
  const auto session = Session::Create(*BuildModel({x}, {Call("test.Add", {x, x})}));
  const auto result = (*session)->Predict(Tensor::Full(DType::kFloat32, {3, 3}, 4));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, Tensor::Full(DType::kFloat32, {3, 3}, 8));
}

// The file says how many rows there are; the memory is asked for once, and counted.
TEST(Predict, RowsThatNoMemoryHoldsAreRefused) {
  for (const int64_t rows : {int64_t{1} << 38, int64_t{1} << 58}) {
    const Value x = InputValue({DType::kFloat32, {rows, 3}}, "x");
    const auto model = BuildModel({x}, {Call("test.Add", {x, x})});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto session = Session::Create(*model);
    ASSERT_TRUE(session.ok()) << session.status();
    const absl::Status status = (*session)->Predict(Tensor(DType::kFloat32, {2, 3})).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  }
}

TEST(Predict, BatchesArraysOfAnyLength) {
  const Value x = FloatInput();
  const auto model = BuildModel({x}, {Call("test.Add", {x, x})});
  for (const int64_t rows : {0, 1, 31, 32, 33, 100}) {
    const auto result = model->Predict(Tensor::Full(DType::kFloat32, {rows, 3}, 4));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, Tensor::Full(DType::kFloat32, {rows, 3}, 8));
  }
}

}  // namespace
}  // namespace nomograph
