// A pool of threads for tests, which tells how it was used.
#ifndef NOMOGRAPH_CORE_NUMERIC_TESTING_COUNTING_POOL_H_
#define NOMOGRAPH_CORE_NUMERIC_TESTING_COUNTING_POOL_H_

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "nomograph/core/numeric/threads.h"

namespace nomograph {

// Starts threads for each Run(), and takes no task itself.
class CountingPool : public ThreadPool {
 public:
  explicit CountingPool(int threads) : threads_(threads) {}

  int num_threads() const override { return threads_; }
  void Run(int count, const std::function<void(int)>& task) override {
    ++runs_;
    std::atomic<int> next = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < threads_; ++t) {
      threads.emplace_back([&] {
        for (int i = next++; i < count; i = next++) task(i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  int runs() const { return runs_; }

 private:
  const int threads_;
  std::atomic<int> runs_ = 0;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_NUMERIC_TESTING_COUNTING_POOL_H_
