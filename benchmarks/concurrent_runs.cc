// Several threads that run one Session at once: concurrent_runs.py compares it with ONNX Runtime.
//
//   concurrent_runs MODEL INPUTS.npz CALLERS SECONDS [THREADS]
//
// CALLERS threads call Session::Run() again and again, with THREADS threads each (default all).
// Prints the runs a second of all together, and the median and the 99th percentile of their
// milliseconds, as JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/npz.h"
#include "nomograph/inspect/open.h"

namespace nomograph {
namespace {

using Clock = std::chrono::steady_clock;

struct Caller {
  std::vector<double> milliseconds;
  absl::Status status;

  void RunUntil(Clock::time_point end, Session& session, const NamedTensors& inputs) {
    while (status.ok() && Clock::now() < end) {
      const Clock::time_point begin = Clock::now();
      status = session.Run(inputs).status();
      milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    }
  }
};

absl::Status Run(int argc, char** argv) {
  int callers = 0, threads = 0;
  double seconds = 0;
  if (argc < 5 || argc > 6 || !absl::SimpleAtoi(argv[3], &callers) || callers < 1 ||
      !absl::SimpleAtod(argv[4], &seconds) || !(seconds > 0) ||
      (argc > 5 && !absl::SimpleAtoi(argv[5], &threads))) {
    return InvalidArgument("usage: concurrent_runs MODEL INPUTS.npz CALLERS SECONDS [THREADS]");
  }
  NOMO_ASSIGN_OR_RETURN(Model model, Open(argv[1]));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors inputs, ReadNpz(argv[2]));
  NOMO_ASSIGN_OR_RETURN(const auto session,
                        Session::Create(std::move(model), {.threads = threads}));
  NOMO_RETURN_IF_ERROR(session->Run(inputs).status());
  std::vector<Caller> all(callers);
  std::vector<std::thread> running;
  const Clock::time_point begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (Caller& caller : all) {
    running.emplace_back([&] { caller.RunUntil(end, *session, inputs); });
  }
  for (std::thread& thread : running) thread.join();
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<double> times;
  for (const Caller& caller : all) {
    NOMO_RETURN_IF_ERROR(caller.status);
    times.insert(times.end(), caller.milliseconds.begin(), caller.milliseconds.end());
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"rate\": %.6g, \"median\": %.6g, \"p99\": %.6g}\n",
              static_cast<double>(times.size()) / took, times[times.size() / 2],
              times[times.size() * 99 / 100]);
  return absl::OkStatus();
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  const absl::Status status = nomograph::Run(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "concurrent_runs: %s\n", std::string(status.message()).c_str());
  return 1;
}
