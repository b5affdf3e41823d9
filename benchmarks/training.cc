// One side of training.py: trains a model on one batch again and again, and tells what a step
// takes.
//
//   training MODEL BATCH.npz OPTIMIZER RATE STEPS [WARMUP [THREADS [float32|bfloat16]]]
//
// The batch has the model's input as "x" and classes as "y"; the model's output is their scores.
// Prints the losses of the first steps, then milliseconds of each of STEPS further ones and the
// largest memory of the process in MB, as JSON.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "nomograph/data/npz.h"
#include "nomograph/inspect/open.h"
#include "nomograph/train/train.h"

namespace nomograph {
namespace {

// So small that it does not matter that Keras and PyTorch add it in different places.
constexpr double kEpsilon = 1e-12;

absl::StatusOr<Optimizer> OptimizerNamed(absl::string_view name, double rate) {
  if (name == "sgd") return optimizers::SGD({.learning_rate = rate, .momentum = 0.9});
  if (name == "adam") return optimizers::Adam({.learning_rate = rate, .epsilon = kEpsilon});
  return InvalidArgument("optimizer: expected sgd or adam, found ", name);
}

absl::StatusOr<Precision> PrecisionNamed(absl::string_view name) {
  if (name == "float32") return Precision::kFloat32;
  if (name == "bfloat16") return Precision::kBFloat16;
  return InvalidArgument("precision: expected float32 or bfloat16, found ", name);
}

double Milliseconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - since)
      .count();
}

// Not getrusage()'s, which counts in the process that started this one.
double PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    double kilobytes = 0;
    if (std::sscanf(line.c_str(), "VmHWM: %lf kB", &kilobytes) == 1) return kilobytes / 1024;
  }
  return 0;
}

absl::Status Run(int argc, char** argv) {
  int steps = 0, warmup = 3, threads = 0;
  double rate = 0;
  if (argc < 6 || !absl::SimpleAtod(argv[4], &rate) || !absl::SimpleAtoi(argv[5], &steps) ||
      (argc > 6 && !absl::SimpleAtoi(argv[6], &warmup)) ||
      (argc > 7 && !absl::SimpleAtoi(argv[7], &threads))) {
    return InvalidArgument(
        "usage: training MODEL BATCH.npz OPTIMIZER RATE STEPS [WARMUP [THREADS [PRECISION]]]");
  }
  NOMO_ASSIGN_OR_RETURN(const Precision precision, PrecisionNamed(argc > 8 ? argv[8] : "float32"));
  NOMO_ASSIGN_OR_RETURN(Model model, Open(argv[1]));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors arrays, ReadNpz(argv[2]));
  NOMO_ASSIGN_OR_RETURN(const Optimizer optimizer, OptimizerNamed(argv[3], rate));
  NOMO_ASSIGN_OR_RETURN(
      const auto trainer,
      Trainer::Create(std::move(model),
                      {.optimizer = optimizer,
                       .loss = losses::SparseCategoricalCrossentropy({.from_logits = true})},
                      {.precision = precision, .threads = threads}));
  const TrainingData batch(arrays.at("x"), arrays.at("y"));
  std::vector<double> losses, times;
  for (int i = 0; i < warmup + steps; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    NOMO_ASSIGN_OR_RETURN(const Logs logs, trainer->TrainOnBatch(batch));
    if (i >= warmup) times.push_back(Milliseconds(begin));
    losses.push_back(logs.at("loss"));
  }
  std::printf("{\"losses\": [%s], \"ms\": [%s], \"mb\": %.1f}\n",
              absl::StrJoin(losses, ", ").c_str(), absl::StrJoin(times, ", ").c_str(),
              PeakMegabytes());
  return absl::OkStatus();
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  const absl::Status status = nomograph::Run(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "training: %s\n", std::string(status.message()).c_str());
  return 1;
}
