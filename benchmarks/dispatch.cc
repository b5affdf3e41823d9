// What a node costs beside its work, and what a small model costs a call: chains of tiny
// elementwise ops, node by node and fused, and perceptrons of three layers.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/run/executor.h"
#include "nomograph/core/run/session.h"
#include "nomograph/ops/math.h"
#include "nomograph/ops/nn.h"

namespace nomograph {
namespace {

constexpr int kNodes = 1000;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// The least time of a call, in nanoseconds.
template <typename F>
double Measure(F call) {
  using Clock = std::chrono::steady_clock;
  double best = 1e18;
  for (int round = 0; round < 30; ++round) {
    const Clock::time_point begin = Clock::now();
    int calls = 0;
    do {
      call();
      ++calls;
    } while (Clock::now() - begin < std::chrono::milliseconds(10));
    const std::chrono::duration<double, std::nano> time = Clock::now() - begin;
    best = std::min(best, time.count() / calls);
  }
  return best;
}

Model Chain(int64_t size) {
  const Value x = InputValue({DType::kFloat32, Shape{1, size}}, "x");
  Value y = x;
  for (int i = 0; i < kNodes / 4; ++i) {
    y = math::Add(y, Constant(Tensor::Scalar<float>(0.25f)));
    y = math::Mul(y, Constant(Tensor::Scalar<float>(0.5f)));
    y = nn::Relu(y);
    y = math::Sub(y, x);
  }
  absl::StatusOr<Model> model = BuildModel({x}, {y});
  if (!model.ok()) Fail(model.status());
  return *std::move(model);
}

Model Perceptron(const std::vector<int64_t>& sizes) {
  const Value x = InputValue({DType::kFloat32, Shape{1, sizes[0]}}, "x");
  Value y = x;
  for (size_t i = 1; i < sizes.size(); ++i) {
    Tensor weights(DType::kFloat32, {sizes[i - 1], sizes[i]});
    for (float& w : weights.mutable_data<float>()) w = 0.01f;
    y = math::MatMul(y, Constant(weights));
    y = math::Add(y, Constant(Tensor(DType::kFloat32, {sizes[i]})));
    if (i + 1 < sizes.size()) y = nn::Relu(y);
  }
  absl::StatusOr<Model> model = BuildModel({x}, {y});
  if (!model.ok()) Fail(model.status());
  return *std::move(model);
}

double BoundRunTime(const Model& model, const SessionOptions& options) {
  auto session = Session::Create(model, options);
  if (!session.ok()) Fail(session.status());
  std::vector<Shape> shapes;
  for (const ValueId id : model.graph.inputs) {
    shapes.push_back(model.graph.values[id].type.shape.ToShape());
  }
  auto bound = (*session)->Bind(shapes);
  if (!bound.ok()) Fail(bound.status());
  for (const Tensor& input : (*bound)->inputs()) {
    Tensor writable = input;
    std::fill_n(reinterpret_cast<float*>(writable.mutable_raw_data()), input.num_elements(), 0.5f);
  }
  return Measure([&] {
    const absl::Status status = (*bound)->Run();
    if (!status.ok()) Fail(status);
  });
}

// Node by node: nothing is fused.
double UnfusedTime(const Model& model) {
  const TensorType type = model.graph.values[model.graph.inputs[0]].type;
  auto program = Program::Compile(model, model.graph, {type}, OpRegistry::Default(),
                                  {.keep_nan = true, .threads = 1});
  if (!program.ok()) Fail(program.status());
  auto state = ProgramState::Create(**program);
  if (!state.ok()) Fail(state.status());
  Tensor input(type.dtype, type.shape.ToShape()), result(type.dtype, type.shape.ToShape());
  const RunContext run;
  return Measure([&] {
    const absl::Status status =
        Executor(**program, run, **state).RunInto({input}, absl::MakeSpan(&result, 1));
    if (!status.ok()) Fail(status);
  });
}

}  // namespace
}  // namespace nomograph

int main() {
  using namespace nomograph;
  for (const int64_t size : {1, 16, 64, 256}) {
    const Model chain = Chain(size);
    std::printf("chain of %d nodes, %4d floats: %6.1f ns a node; fused %6.1f\n", kNodes,
                static_cast<int>(size), UnfusedTime(chain) / kNodes,
                BoundRunTime(chain, {.threads = 1}) / kNodes);
  }
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{64, 64, 64, 10}, std::vector<int64_t>{784, 512, 512, 10}}) {
    for (const int threads : {1, 2}) {
      std::printf("perceptron %d-%d-%d-%d, %d threads: %8.0f ns a call\n",
                  static_cast<int>(sizes[0]), static_cast<int>(sizes[1]),
                  static_cast<int>(sizes[2]), static_cast<int>(sizes[3]), threads,
                  BoundRunTime(Perceptron(sizes), {.threads = threads}));
    }
  }
}
