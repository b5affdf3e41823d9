// Tiny models whose outputs no machine holds, and loops that never end: each yields a status.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

using Ints = std::vector<int64_t>;
using Values = absl::Span<const Value>;

constexpr int64_t kTera = int64_t{1} << 40;
constexpr int64_t kSmallLimit = int64_t{1} << 20;

struct Case {
  std::string op;
  std::vector<Tensor> inputs;
  Attributes attrs = {};
  // Its outputs may have some gigabytes at most, so only a limit refuses them everywhere.
  bool gigabytes = false;
};

std::vector<Case> Cases() {
  const Tensor one = Tensor::Vector<float>({1}), two = Tensor::Vector<float>({1, 2});
  const Tensor image = Tensor::Of<float>({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor image_sizes = Tensor::Vector<int64_t>({1, 1, 1 << 21, 1 << 21});
  const Tensor signal = Tensor::Of<float>({1, 2, 1}, {1, 2});
  const Tensor window = Tensor::Scalar<int32_t>(2147483647);
  return {
      {"array.Expand", {one, Tensor::Vector<int64_t>({kTera})}},
      {"array.Expand", {one}, {{"shape", Ints{1 << 20, 1 << 20}}}},
      {"array.Range",
       {Tensor::Scalar<int64_t>(0), Tensor::Scalar(kTera), Tensor::Scalar<int64_t>(1)}},
      {"array.Range", {Tensor::Scalar(0.0), Tensor::Scalar(1.0), Tensor::Scalar(1e-13)}},
      {"array.ConstantOfShape", {Tensor::Vector<int64_t>({1 << 20, 1 << 21})}},
      {"array.ConstantOfShape",
       {Tensor::Vector<int64_t>({kTera})},
       {{"value", Tensor::Vector<double>({2})}}},
      {"array.OneHot", {Tensor::Vector<int64_t>({0, 1}), Tensor::Scalar(kTera)}},
      {"array.Pad", {one, Tensor::Vector<int64_t>({0, kTera})}},
      {"array.Pad", {two, Tensor::Vector<int64_t>({kTera, 0})}, {{"mode", "edge"}}},
      {"array.Tile", {two, Tensor::Vector<int64_t>({kTera})}},
      {"array.Tile", {two}, {{"repeats", Ints{kTera}}}},
      {"array.Resize", {image, Tensor(), Tensor(), image_sizes}},
      {"array.Resize", {image, Tensor(), Tensor(), image_sizes}, {{"mode", "linear"}}},
      {"array.Resize", {image}, {{"scales", std::vector<double>{1, 1, 1e6, 1e6}}}},
      {"signal.HannWindow", {window}, {}, true},
      {"signal.HammingWindow", {window}, {{"periodic", false}}, true},
      {"signal.BlackmanWindow", {}, {{"size", 2147483647}}, true},
      {"signal.Dft",
       {signal, Tensor::Scalar<int64_t>(1 << 26), Tensor::Scalar<int64_t>(1)},
       {},
       true},
      {"random.Normal", {}, {{"shape", Ints{1 << 13, 1 << 20}}}, true},
      {"random.Uniform", {Tensor::Vector<int64_t>({1 << 13, 1 << 20})}, {}, true},
  };
}

// Each input a constant of the model, or an input of it whose sizes are known.
struct Built {
  absl::StatusOr<Model> model;
  NamedTensors inputs;
};
Built Build(const Case& c, bool constant) {
  Built built{absl::InternalError("not built"), {}};
  std::vector<Value> arguments, inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Tensor& tensor = c.inputs[i];
    if (!tensor.valid()) {
      arguments.emplace_back();
    } else if (constant) {
      arguments.push_back(Constant(tensor));
    } else {
      const std::string name = absl::StrCat("input", i);
      arguments.push_back(InputValue(tensor.type(), name));
      inputs.push_back(arguments.back());
      built.inputs[name] = tensor;
    }
  }
  built.model = BuildModel(inputs, {Call(c.op, arguments, c.attrs)});
  return built;
}

TEST(MemoryLimits, NoOutputIsTooLargeToBeRefused) {
  for (const Case& c : Cases()) {
    for (const bool constant : {true, false}) {
      for (const bool exact : {true, false}) {
        for (const int64_t limit : {int64_t{0}, kSmallLimit}) {
          if (c.gigabytes && limit == 0) continue;
          SCOPED_TRACE(absl::StrCat(c.op, constant ? " constant" : "", exact ? " exact" : "",
                                    " limit ", limit));
          const Built built = Build(c, constant);
          ASSERT_TRUE(built.model.ok()) << built.model.status();
          const auto session =
              Session::Create(*built.model, {.exact = exact, .memory_limit_bytes = limit});
          ASSERT_TRUE(session.ok()) << session.status();
          const absl::Status status =
              (*session)->Run(built.inputs, {.memory_limit_bytes = limit}).status();
          EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
          EXPECT_THAT(status.message(), HasSubstr(absl::StrCat("(", c.op, "): ")));
          EXPECT_THAT(status.message(),
                      HasSubstr(limit == 0 ? "this machine has" : "the limit is 1.0 MB"));
        }
      }
    }
  }
}

TEST(MemoryLimits, ManyValuesThatFitOneByOne) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n")}}, "x");
  const Value y = Call("math.Add", {Call("math.Exp", {x}), Call("math.Log", {x})});
  const auto session = Session::Create(*BuildModel({x}, {y}));
  ASSERT_TRUE(session.ok()) << session.status();
  const Tensor input = Tensor::Full(DType::kFloat32, {100000}, 1);
  const absl::Status status = (*session)->Run(input, {.memory_limit_bytes = 500000}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("float32[100000]"));
  EXPECT_THAT(status.message(), HasSubstr("the limit is 488.3 KB"));
  EXPECT_TRUE((*session)->Run(input, {.memory_limit_bytes = 2000000}).ok());
}

// While x < 0, which never ends, with what the body makes of x.
Model EndlessLoop(TraceFn body) {
  const Value x = InputValue({DType::kFloat32, {Dim()}}, "x");
  const auto negative = [](Values in) {
    return std::vector<Value>{Call(
        "math.Less",
        {Call("math.ReduceMax", {in[0]}, {{"keepdims", false}}), Constant(Tensor::Scalar(0.0f))})};
  };
  return *BuildModel({x}, {While({x}, negative, std::move(body))[0]});
}

TEST(MemoryLimits, ALoopThatDoublesItsTensorEnds) {
  const Model model = EndlessLoop([](Values in) {
    return std::vector<Value>{Call("array.Concat", {in[0], in[0]}, {{"axis", 0}})};
  });
  for (const bool exact : {true, false}) {
    const auto session = Session::Create(model, {.exact = exact});
    ASSERT_TRUE(session.ok()) << session.status();
    const absl::Status status =
        (*session)->Run(Tensor::Vector<float>({-1}), {.memory_limit_bytes = kSmallLimit}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(status.message(), HasSubstr("(core.While): "));
    EXPECT_THAT(status.message(), HasSubstr("the limit is 1.0 MB"));
  }
}

TEST(MemoryLimits, AnEndlessLoopHasATimeLimitAndIsCancelled) {
  const auto session =
      Session::Create(EndlessLoop([](Values in) { return std::vector<Value>{in[0]}; }));
  ASSERT_TRUE(session.ok()) << session.status();
  const Tensor input = Tensor::Vector<float>({-1});
  EXPECT_EQ((*session)->Run(input, {.time_limit_seconds = 0.005}).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  std::atomic<bool> cancel = false;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    cancel = true;
  });
  EXPECT_EQ((*session)->Run(input, {.cancel = &cancel}).status().code(),
            absl::StatusCode::kCancelled);
  other.join();
}

}  // namespace
}  // namespace nomograph
