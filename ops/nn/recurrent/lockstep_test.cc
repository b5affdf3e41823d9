// Steps that threads share: each part once, one step after the other, however many threads come.
#include "nomograph/ops/nn/recurrent/lockstep.h"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace nomograph::nn {
namespace {

// Each step adds up what all parts of the step before have left.
void CheckSteps(int threads, int64_t steps, std::set<int>& parts_seen) {
  constexpr int64_t kItems = 64;
  std::vector<int64_t> before(kItems, 1), after(kItems);
  std::vector<std::atomic<int>> taken(steps);
  std::vector<int> parts_of(steps);
  RunInSteps(threads, steps, [&](int64_t step, int part, int parts) {
    ++taken[step];
    if (part == 0) parts_of[step] = parts;
    const std::vector<int64_t>& from = step % 2 == 0 ? before : after;
    std::vector<int64_t>& to = step % 2 == 0 ? after : before;
    for (int64_t i = kItems * part / parts; i < kItems * (part + 1) / parts; ++i) {
      to[i] = (from[i] + from[(i + 7) % kItems] + from[kItems - 1 - i]) % 1000003;
    }
  });
  std::vector<int64_t> expected(kItems, 1), next(kItems);
  for (int64_t step = 0; step < steps; ++step) {
    for (int64_t i = 0; i < kItems; ++i) {
      next[i] = (expected[i] + expected[(i + 7) % kItems] + expected[kItems - 1 - i]) % 1000003;
    }
    expected = next;
    ASSERT_EQ(taken[step], parts_of[step]) << "step " << step;
    ASSERT_LE(parts_of[step], threads);
    parts_seen.insert(parts_of[step]);
  }
  EXPECT_EQ(steps % 2 == 0 ? before : after, expected);
}

TEST(Lockstep, TakesEachPartOfEachStepOnce) {
  std::set<int> parts_seen;
  for (const int threads : {1, 2, 3, 5, 40}) {
    for (const int64_t steps : {0, 1, 2, 200, 3000}) {
      SCOPED_TRACE(testing::Message() << threads << " threads, " << steps << " steps");
      for (int run = 0; run < 10; ++run) CheckSteps(threads, steps, parts_seen);
    }
  }
  EXPECT_TRUE(parts_seen.count(1));
}

// Until f() says so, which is called with what may be many steps; for a minute at most, because
// other processes may have the cores.
template <typename F>
bool Until(const F& f) {
  const auto begin = std::chrono::steady_clock::now();
  while (!f()) {
    if (std::chrono::steady_clock::now() - begin > std::chrono::minutes(1)) return false;
  }
  return true;
}

TEST(Lockstep, HelpersJoin) {
  std::set<int> parts_seen;
  EXPECT_TRUE(Until([&] {
    CheckSteps(2, 20000, parts_seen);
    return parts_seen.count(2) > 0;
  }));
}

TEST(Lockstep, StepsAreTakenAloneOnceAThreadHasLostItsCore) {
  bool late = false;
  ASSERT_TRUE(Until([&] {
    RunInSteps(2, 20000, [&](int64_t /*step*/, int part, int /*parts*/) {
      if (part == 0 || late) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      late = true;
    });
    return late;
  }));
  std::set<int> parts_seen;
  CheckSteps(2, 2000, parts_seen);
  EXPECT_EQ(parts_seen, std::set<int>{1});
}

TEST(Lockstep, SeveralCallersAtOnce) {
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([] {
      std::set<int> parts_seen;
      for (int run = 0; run < 20; ++run) CheckSteps(3, 100, parts_seen);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// Tasks of a pool do not wait for one another: here each runs to its end before the next one.
TEST(Lockstep, PoolsHaveOnePart) {
  class OneByOne : public ThreadPool {
   public:
    int num_threads() const override { return 4; }
    void Run(int count, const std::function<void(int)>& task) override {
      for (int i = count; i-- > 0;) task(i);
    }
  } pool;
  const ThreadPoolScope scope(pool);
  std::set<int> parts_seen;
  CheckSteps(4, 50, parts_seen);
  EXPECT_EQ(parts_seen, std::set<int>{1});
  ParallelParts(2,
                [&](int /*part*/, int /*parts*/) { RunInSteps(2, 3, [](int64_t, int, int) {}); });
}

}  // namespace
}  // namespace nomograph::nn
