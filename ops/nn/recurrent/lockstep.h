// Steps that several threads take together, each its part of every step.
#ifndef NOMOGRAPH_OPS_NN_RECURRENT_LOCKSTEP_H_
#define NOMOGRAPH_OPS_NN_RECURRENT_LOCKSTEP_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "nomograph/core/numeric/threads.h"

namespace nomograph::nn {

// Whether threads that wait for one another lose their cores to other processes. A wait then lasts
// a time slice of theirs, so that for some time steps are better taken alone: for longer each time,
// if it comes to that again soon.
class LostCores {
 public:
  static bool Lately() { return Now() < alone_until_.load(std::memory_order_relaxed); }
  // Somebody has waited for far longer than a step.
  static void Note() {
    const int64_t now = Now(), until = alone_until_.load(std::memory_order_relaxed);
    if (now < until) return;
    const int64_t period = period_.load(std::memory_order_relaxed);
    const int64_t next = now - until > 10 * period ? kShortest : std::min(2 * period, kLongest);
    period_.store(next, std::memory_order_relaxed);
    alone_until_.store(now + next, std::memory_order_relaxed);
  }

 private:
  static constexpr int64_t kShortest = 100'000'000, kLongest = 3'200'000'000;  // ns

  static int64_t Now() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  }

  static inline std::atomic<int64_t> alone_until_{0}, period_{kShortest};
};

// Where threads meet. Each one tells what it has done in a line of the cache of its own and looks
// at those of the others, so that a step costs a line's way from one core to another once. A loop
// (ParallelParts()) for each step would cost it five times.
class Lockstep {
 public:
  static constexpr int kMostThreads = 16;

  explicit Lockstep(int64_t steps) : steps_(steps) {
    lines_[0].word.store(Next{0, 1, 1}.word(), std::memory_order_relaxed);
  }

  // Takes the steps as the thread that is there from the beginning: calls f(step, part, parts).
  template <typename F>
  void Lead(const F& f) {
    for (Next next{0, 1, 1}; next.step < steps_;) {
      f(next.step, 0, next.parts);
      const Next then{next.step + 1, next.parts, 1 + joined_.load(std::memory_order_relaxed)};
      lines_[0].word.store(then.word(), std::memory_order_release);
      AwaitOthers(0, then);
      next = then;
    }
  }

  // Has this thread take part in what steps there are left.
  template <typename F>
  void Join(const F& f) {
    const int part = 1 + joined_.fetch_add(1, std::memory_order_relaxed);
    for (int64_t done = 0;;) {
      Next next;
      // The first thread may be a step ahead of this one, no more.
      bool behind = false;
      SpinUntil([&] {
        next = Next::Of(lines_[0].word.load(std::memory_order_acquire));
        behind = part < next.parts_before && done < next.step;
        return behind || next.step >= steps_ || (part < next.parts && done <= next.step);
      });
      if (behind) {  // by then the step before that one is done
        f(next.step - 1, part, next.parts_before);
        done = next.step;
      } else if (next.step < steps_) {
        AwaitOthers(part, next);
        f(next.step, part, next.parts);
        done = next.step + 1;
      } else {
        return;
      }
      lines_[part].word.store(done, std::memory_order_release);
    }
  }

 private:
  struct alignas(64) Line {
    // How many steps a thread has done; the first one's: Next::word().
    std::atomic<int64_t> word{0};
  };
  // The step that the first thread begins, and the parts of the one before it and of its own.
  struct Next {
    int64_t step = 0;
    int parts_before = 1, parts = 1;

    static constexpr int kBits = 8;
    static Next Of(int64_t word) {
      constexpr int64_t kMask = (1 << kBits) - 1;
      return {word >> 2 * kBits, static_cast<int>(word >> kBits & kMask),
              static_cast<int>(word & kMask)};
    }
    int64_t word() const {
      return step << 2 * kBits | static_cast<int64_t>(parts_before) << kBits | parts;
    }
  };

  static void Pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  // A thread that loses its core comes back some milliseconds later: whoever waits lets others run.
  template <typename Condition>
  static void SpinUntil(const Condition& condition) {
    constexpr int kSpins = 1 << 13;  // some hundred microseconds
    for (int spins = 0; !condition(); ++spins) {
      if (spins == kSpins) LostCores::Note();
      spins < kSpins ? Pause() : std::this_thread::yield();
    }
  }

  // Until all other threads but the first one have done their parts of the step before `next`.
  void AwaitOthers(int part, const Next& next) const {
    for (int other = 1; other < next.parts_before; ++other) {
      const std::atomic<int64_t>& done = lines_[other].word;
      if (other == part) continue;
      SpinUntil([&] { return done.load(std::memory_order_acquire) >= next.step; });
    }
  }

  const int64_t steps_;
  std::atomic<int> joined_{0};
  std::array<Line, kMostThreads> lines_;
};

// Calls f(step, part, parts) for 0 <= step < steps and all parts of each step, on up to `threads`
// threads, and no more than 16: parts of one step side by side, the steps one after the other.
// Helpers join as they come; until then there is one part. This thread does it all within a loop
// that threads share, where the caller has a pool, whose tasks do not wait for one another, and
// where threads have lost their cores lately. f throws nothing.
template <typename F>
void RunInSteps(int threads, int64_t steps, const F& f) {
  if (threads <= 1 || InParallel() || CurrentThreadPool() != nullptr || LostCores::Lately()) {
    for (int64_t step = 0; step < steps; ++step) f(step, 0, 1);
    return;
  }
  Lockstep together(steps);
  ParallelParts(std::min(threads, Lockstep::kMostThreads),
                [&](int part, int /*parts*/) { part == 0 ? together.Lead(f) : together.Join(f); });
}

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_RECURRENT_LOCKSTEP_H_
