// Loops on a caller's pool: what runs where, and how often.
#include "nomograph/core/numeric/threads.h"

#include <atomic>
#include <cfenv>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/numeric/testing/counting_pool.h"

namespace nomograph {
namespace {

// How often f(i) was called, by i.
template <typename Loop>
std::vector<int> Calls(int64_t count, const Loop& loop) {
  std::vector<std::atomic<int>> calls(count);
  loop([&](int64_t i) { ++calls[i]; });
  return {calls.begin(), calls.end()};
}

TEST(Threads, EachCallIsMadeOnce) {
  CountingPool pool(3);
  for (const bool on_pool : {false, true}) {
    for (const int threads : {1, 2, 5}) {
      for (const int64_t count : {0, 1, 4, 17}) {
        std::optional<ThreadPoolScope> scope;
        if (on_pool) scope.emplace(pool);
        const std::vector<int> once(count, 1);
        EXPECT_EQ(Calls(count, [&](auto f) { ParallelFor(threads, count, f); }), once);
        EXPECT_EQ(Calls(count, [&](auto f) { ParallelForDynamic(threads, count, f); }), once);
        std::atomic<int> parts = 0;
        ParallelParts(threads, [&](int part, int of) {
          EXPECT_LT(part, of);
          EXPECT_LE(of, threads);
          ++parts;
        });
        EXPECT_GE(parts, 1);
      }
    }
  }
  EXPECT_GT(pool.runs(), 0);
}

TEST(Threads, OnlyTheScopesThreadUsesThePool) {
  CountingPool pool(2);
  EXPECT_EQ(CurrentThreadPool(), nullptr);
  {
    const ThreadPoolScope scope(pool);
    EXPECT_EQ(CurrentThreadPool(), &pool);
    EXPECT_EQ(DefaultThreads(), 2);
    std::thread([] { EXPECT_EQ(CurrentThreadPool(), nullptr); }).join();
    CountingPool inner(4);
    {
      const ThreadPoolScope inner_scope(inner);
      EXPECT_EQ(DefaultThreads(), 4);
    }
    EXPECT_EQ(CurrentThreadPool(), &pool);
  }
  EXPECT_EQ(CurrentThreadPool(), nullptr);
}

// A loop within a task asks neither the pool nor OpenMP.
TEST(Threads, LoopsWithinATaskStayOnItsThread) {
  CountingPool pool(2);
  const ThreadPoolScope scope(pool);
  ParallelFor(2, 2, [&](int64_t) {
    const std::thread::id own = std::this_thread::get_id();
    ParallelParts(3, [&](int, int) { EXPECT_EQ(std::this_thread::get_id(), own); });
    int team = 0;
#pragma omp parallel num_threads(2)
    if (ThreadNumber() == 0) team = TeamSize();
    EXPECT_EQ(team, 1);
  });
  EXPECT_EQ(pool.runs(), 1);
}

TEST(Threads, AFlagOfATaskComesToTheCaller) {
  CountingPool pool(2);
  const ThreadPoolScope scope(pool);
  for (const bool raise : {false, true}) {
    std::feclearexcept(FE_INVALID);
    ParallelFor(2, 2, [&](int64_t i) {
      if (raise && i == 1) std::feraiseexcept(FE_INVALID);
    });
    EXPECT_EQ(std::fetestexcept(FE_INVALID) != 0, raise);
  }
  std::feclearexcept(FE_INVALID);
}

}  // namespace
}  // namespace nomograph
