// Loops on a caller's pool: what runs where, and how often.
#include "nomograph/core/numeric/threads.h"

#include <atomic>
#include <cfenv>
#include <new>
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

// Calls run(pool) with a pool's threads, and then with helpers: null.
template <typename Run>
void OnPoolAndHelpers(const Run& run) {
  CountingPool pool(2);
  {
    const ThreadPoolScope scope(pool);
    run(&pool);
  }
  run(nullptr);
}

// A loop within a part asks neither the pool, nor helpers, nor OpenMP.
TEST(Threads, LoopsWithinAPartStayOnItsThread) {
  OnPoolAndHelpers([](const CountingPool* pool) {
    ParallelFor(2, 2, [&](int64_t) {
      const std::thread::id own = std::this_thread::get_id();
      int calls = 0;
      ParallelParts(3, [&](int, int) { calls += std::this_thread::get_id() == own; });
      EXPECT_EQ(calls, 3);
      std::atomic<int> team = 0;
#pragma omp parallel num_threads(2)
      ++team;
      EXPECT_EQ(team, 1);
    });
    if (pool != nullptr) {
      EXPECT_EQ(pool->runs(), 1);
    }
  });
}

TEST(Threads, AFlagOfAPartComesToTheCaller) {
  OnPoolAndHelpers([](const CountingPool*) {
    for (const bool raise : {false, true}) {
      std::feclearexcept(FE_INVALID);
      // Two threads: each waits for the other one's part to begin.
      std::atomic<int> begun = 0;
      ParallelParts(2, [&](int part, int) {
        ++begun;
        while (begun < 2) std::this_thread::yield();
        if (raise && part == 1) std::feraiseexcept(FE_INVALID);
      });
      EXPECT_EQ(std::fetestexcept(FE_INVALID) != 0, raise);
    }
    std::feclearexcept(FE_INVALID);
  });
}

TEST(Threads, AnExceptionOfAPartComesToTheCaller) {
  OnPoolAndHelpers([](const CountingPool*) {
    for (int thrower = 0; thrower < 5; ++thrower) {
      std::vector<std::atomic<int>> calls(5);
      EXPECT_THROW(ParallelForDynamic(3, 5,
                                      [&](int64_t i) {
                                        ++calls[i];
                                        if (i == thrower) throw std::bad_alloc();
                                      }),
                   std::bad_alloc);
      for (int i = 0; i < 5; ++i) EXPECT_LE(calls[i], 1);
      EXPECT_EQ(calls[thrower], 1);
    }
    std::atomic<int> parts = 0;
    ParallelParts(3, [&](int, int) { ++parts; });
    EXPECT_EQ(parts, 3);
  });
}

TEST(Threads, RangesMakeUpTheWhole) {
  for (const int threads : {1, 3}) {
    for (const int64_t count : {0, 1, 2, 11, 1000}) {
      EXPECT_EQ(Calls(count,
                      [&](auto f) {
                        ParallelRanges(threads, count, [&](int64_t begin, int64_t end) {
                          for (int64_t i = begin; i < end; ++i) f(i);
                        });
                      }),
                std::vector<int>(count, 1));
    }
  }
}

// Of a loop that calls f(i, part): no two calls of a part at once.
TEST(Threads, CallsOfAPartDoNotOverlap) {
  OnPoolAndHelpers([](const CountingPool*) {
    std::vector<std::atomic<int>> within(3);
    ParallelFor(3, 1000, [&](int64_t, int part) {
      ASSERT_LT(part, 3);
      EXPECT_EQ(++within[part], 1);
      --within[part];
    });
  });
}

// Helpers that do not come are not waited for: here the only one has a part of another thread's,
// which ends after this thread's loops only.
TEST(Threads, ALoopDoesNotWaitForBusyHelpers) {
  std::atomic<int> begun = 0;
  std::atomic<bool> end = false;
  std::thread other([&] {
    ParallelParts(2, [&](int, int) {
      ++begun;
      while (!end) std::this_thread::yield();
    });
  });
  while (begun < 2) std::this_thread::yield();
  const std::vector<int> once(100, 1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Calls(100, [](auto f) { ParallelFor(2, 100, f); }), once);
  }
  end = true;
  other.join();
}

TEST(Threads, ManyThreadsHaveLoopsAtOnce) {
  std::vector<std::thread> callers;
  for (int c = 0; c < 8; ++c) {
    callers.emplace_back([] {
      for (int i = 0; i < 300; ++i) {
        const std::vector<int> once(i % 13, 1);
        ASSERT_EQ(Calls(i % 13, [&](auto f) { ParallelFor(3, i % 13, f); }), once);
        ASSERT_EQ(Calls(i % 13, [&](auto f) { ParallelForDynamic(2, i % 13, f); }), once);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace nomograph
