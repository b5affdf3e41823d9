// How building, compiling and running grow with a graph: chains and wide graphs of a thousand to a
// million nodes. Each is measured in a process of its own, so that its memory is its own.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/run/executor.h"
#include "nomograph/ops/math.h"
#include "nomograph/ops/nn.h"

namespace nomograph {
namespace {

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

template <typename F>
double Seconds(F call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double PeakMegabytes() {
  double kilobytes = 0;
  if (std::FILE* file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::sscanf(line, "VmHWM: %lf kB", &kilobytes) == 1) break;
    }
    std::fclose(file);
  }
  return kilobytes / 1024;
}

// Elementwise ops, one behind the other.
Value Chain(const Value& x, int nodes) {
  const Value half = Constant(Tensor::Scalar<float>(0.5f));
  Value y = x;
  for (int i = 0; i < nodes; i += 4) {
    y = math::Mul(math::Add(y, half), half);
    y = math::Sub(nn::Relu(y), x);
  }
  return y;
}

// Dense layers, one behind the other, which share their weights.
Value Layers(const Value& x, int nodes) {
  Tensor matrix(DType::kFloat32, {16, 16});
  for (float& weight : matrix.mutable_data<float>()) weight = 0.05f;
  const Value weights = Constant(matrix), bias = Constant(Tensor::Scalar<float>(0.1f));
  Value y = x;
  for (int i = 0; i < nodes; i += 3) y = nn::Relu(math::Add(math::MatMul(y, weights), bias));
  return y;
}

// One value with half of the nodes as its readers, and one node with as many inputs.
Value Wide(const Value& x, int nodes) {
  std::vector<Value> parts;
  for (int i = 0; i < nodes / 2; ++i) {
    parts.push_back(nn::Relu(math::Mul(x, Constant(Tensor::Scalar<float>(i * 1e-6f)))));
  }
  return math::Sum(std::move(parts));
}

struct GraphForm {
  const char* name;
  Value (*make)(const Value& x, int nodes);
  bool fuse;  // whether nodes may be fused
};
constexpr GraphForm kForms[] = {
    {"chain", Chain, true}, {"chain, unfused", Chain, false}, {"layers", Layers, true},
    {"wide", Wide, true},   {"wide, unfused", Wide, false},
};

void Measure(const GraphForm& form, int nodes) {
  const TensorType type{DType::kFloat32, {1, 16}};
  absl::StatusOr<Model> model = absl::UnknownError("not built");
  const double build = Seconds([&] {
    const Value x = InputValue(type, "x");
    model = BuildModel({x}, {form.make(x, nodes)});
  });
  if (!model.ok()) Fail(model.status());
  absl::StatusOr<std::unique_ptr<const Program>> program = absl::UnknownError("not compiled");
  const double compile = Seconds([&] {
    program = Program::Compile(*model, model->graph, {type}, OpRegistry::Default(),
                               {.keep_nan = !form.fuse, .threads = 1});
  });
  if (!program.ok()) Fail(program.status());
  auto state = ProgramState::Create(**program);
  if (!state.ok()) Fail(state.status());
  const Tensor input(type.dtype, type.shape.ToShape());
  Tensor result(type.dtype, type.shape.ToShape());
  const RunContext run;
  double best = 1e18;
  for (int i = 0; i < 5; ++i) {
    best = std::min(
        best, Seconds([&] {
          const absl::Status status =
              Executor(**program, run, **state).RunInto({input}, absl::MakeSpan(&result, 1));
          if (!status.ok()) Fail(status);
        }));
  }
  const double count = static_cast<double>(model->graph.nodes.size());
  std::printf("| %s | %d | %.2f | %.2f | %.1f | %.0f | %.2f |\n", form.name,
              static_cast<int>(count), build / count * 1e6, compile / count * 1e6,
              best / count * 1e9, PeakMegabytes(),
              static_cast<double>((*program)->arena_bytes()) /
                  static_cast<double>(std::max<int64_t>(1, (*program)->peak_bytes())));
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  using namespace nomograph;
  std::printf(
      "| graph | nodes | build, us/node | compile, us/node | run, ns/node | MB | arena |\n");
  std::printf("|---|---:|---:|---:|---:|---:|---:|\n");
  for (const GraphForm& form : kForms) {
    if (argc > 1 && std::strcmp(argv[1], form.name) != 0) continue;
    for (int nodes = 1000; nodes <= 1'000'000; nodes *= 10) {
      std::fflush(stdout);
      const pid_t child = fork();
      if (child < 0) return std::perror("fork"), 1;
      if (child == 0) {
        Measure(form, nodes);
        std::fflush(stdout);
        _exit(0);
      }
      int status = 0;
      if (waitpid(child, &status, 0) < 0 || status != 0) return 1;
    }
  }
}
