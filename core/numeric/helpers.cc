#include "nomograph/core/numeric/helpers.h"

#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "nomograph/core/numeric/threads.h"

namespace nomograph::internal {
namespace {

using Clock = std::chrono::steady_clock;

// A thread that sleeps must be woken, which takes some 30 microseconds, and 70 in a virtual
// machine: longer than many a loop. One that spins takes a core from others. So threads spin for a
// while where the cores are idle, and where they are not, which a thread notices by having lost its
// core meanwhile, only for as long as kSpins take, some twenty microseconds.
constexpr int kSpins = 1000;
constexpr std::chrono::microseconds kIdleSpinning{500}, kLostCore{200};
constexpr std::chrono::milliseconds kBusyAfterLoss{100};
std::atomic<Clock::rep> busy_until{0};

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <typename Condition>
bool SpinUntil(const Condition& condition) {
  const Clock::time_point begin = Clock::now();
  Clock::time_point before = begin, now;
  do {
    for (int i = 0; i < kSpins; ++i) {
      if (condition()) return true;
      Pause();
    }
    now = Clock::now();
    if (now - before > kLostCore) busy_until = (now + kBusyAfterLoss).time_since_epoch().count();
    before = now;
  } while (now - begin < kIdleSpinning && now.time_since_epoch().count() > busy_until);
  return condition();
}

// The parts of a loop that nobody has claimed, [front, back), in one word that is exchanged as a
// whole. The caller claims from the front, helpers from the back, so that in loops over the same
// elements each finds in its cache what it has worked on before. `turn` tells one loop in a place
// from the next.
struct Unclaimed {
  uint32_t turn = 0;
  uint16_t front = 0, back = 0;

  static Unclaimed Of(uint64_t word) {
    return {static_cast<uint32_t>(word >> 32), static_cast<uint16_t>(word >> 16),
            static_cast<uint16_t>(word)};
  }
  uint64_t word() const {
    return static_cast<uint64_t>(turn) << 32 | static_cast<uint64_t>(front) << 16 | back;
  }
};
constexpr int kMaxParts = UINT16_MAX;

// Where a caller has its loop while it runs. What stands here is the loop's from the successful
// claim of a part until `done` counts that part.
struct alignas(64) Place {
  std::atomic<bool> taken{false};
  std::atomic<uint64_t> unclaimed{0};
  std::atomic<uint32_t> done{0};  // parts, by helpers
  PartFn call = nullptr;
  const void* loop = nullptr;
  std::atomic<bool> invalid{false};  // a helper's part has raised the flag
  std::atomic<bool> failed{false};   // who sets it sets `exception`, too
  std::exception_ptr exception;

  // -1: there is none.
  int Claim(bool from_front) {
    uint64_t word = unclaimed.load(std::memory_order_acquire);
    for (;;) {
      Unclaimed parts = Unclaimed::Of(word);
      if (parts.front == parts.back) return -1;
      const int part = from_front ? parts.front++ : --parts.back;
      if (unclaimed.compare_exchange_weak(word, parts.word(), std::memory_order_acq_rel)) {
        return part;
      }
    }
  }

  void Begin(int parts, PartFn the_call, const void* the_loop) {
    call = the_call;
    loop = the_loop;
    done.store(0, std::memory_order_relaxed);
    invalid.store(false, std::memory_order_relaxed);
    failed.store(false, std::memory_order_relaxed);
    const uint32_t turn = Unclaimed::Of(unclaimed.load(std::memory_order_relaxed)).turn + 1;
    unclaimed.store(Unclaimed{turn, 0, static_cast<uint16_t>(parts)}.word(),
                    std::memory_order_release);
  }

  void Call(int part) {
    try {
      call(loop, part);
    } catch (...) {
      if (!failed.exchange(true)) exception = std::current_exception();
      while (Claim(true) >= 0) continue;  // what is left is not begun
    }
  }

  // By a helper: all parts that it gets.
  void Help() {
    for (int part; (part = Claim(false)) >= 0;) {
      Call(part);
      if (std::fetestexcept(FE_INVALID) != 0) {
        std::feclearexcept(FE_INVALID);
        invalid.store(true, std::memory_order_relaxed);
      }
      done.fetch_add(1, std::memory_order_release);
      done.notify_one();
    }
  }

  // Once no part is unclaimed.
  void AwaitHelpers(int parts) {
    const uint32_t begun = static_cast<uint32_t>(parts) -
                           Unclaimed::Of(unclaimed.load(std::memory_order_relaxed)).back;
    uint32_t now;
    const auto all = [&] { return (now = done.load(std::memory_order_acquire)) == begun; };
    if (SpinUntil(all)) return;
    while (!all()) done.wait(now);
  }
};

class Helpers {
 public:
  // Never destroyed: helpers may run while the process ends.
  static Helpers& Get() {
    static Helpers* const helpers = new Helpers;
    return *helpers;
  }

  void Run(int parts, PartFn call, const void* loop) {
    Place* const place = parts <= kMaxParts ? Take() : nullptr;
    if (place == nullptr) {  // hundreds of callers at once
      for (int part = 0; part < parts; ++part) call(loop, part);
      return;
    }
    Start(parts - 1);
    place->Begin(parts, call, loop);
    posted_.fetch_add(1);
    parts == 2 ? posted_.notify_one() : posted_.notify_all();
    for (int part; (part = place->Claim(true)) >= 0;) place->Call(part);
    place->AwaitHelpers(parts);
    const bool invalid = place->invalid.load(std::memory_order_relaxed);
    const std::exception_ptr exception = std::move(place->exception);
    place->exception = nullptr;
    place->taken.store(false, std::memory_order_release);
    if (invalid) std::feraiseexcept(FE_INVALID);
    if (exception != nullptr) std::rethrow_exception(exception);
  }

 private:
  static constexpr int kPlaces = 256;

  // A place of nobody's, the one that this thread had before where that is free.
  Place* Take() {
    thread_local int before = 0;
    for (int i = 0; i < kPlaces; ++i) {
      const int p = (before + i) % kPlaces;
      if (places_[p].taken.load(std::memory_order_relaxed) || places_[p].taken.exchange(true)) {
        continue;
      }
      before = p;
      for (int used = used_; used <= p && !used_.compare_exchange_weak(used, p + 1);) continue;
      return &places_[p];
    }
    return nullptr;
  }

  void Start(int count) {
    if (started_.load(std::memory_order_acquire) >= count) return;
    const std::lock_guard lock(starting_);
    while (started_ < count) {
      try {
        std::thread([this] { Help(); }).detach();
      } catch (const std::exception&) {  // no more threads: those that there are do it
        return;
      }
      ++started_;
    }
  }

  [[noreturn]] void Help() {
    StayOnThisThread();
    std::feclearexcept(FE_INVALID);  // inherited from the thread that started this one
    for (;;) {
      const uint32_t seen = posted_.load();
      const int used = used_;
      for (int p = 0; p < used; ++p) places_[p].Help();
      const auto posted = [&] { return posted_.load(std::memory_order_relaxed) != seen; };
      if (!SpinUntil(posted)) posted_.wait(seen);
    }
  }

  Place places_[kPlaces];
  std::atomic<int> used_{0};  // places ahead of this one have had a loop
  std::atomic<uint32_t> posted_{0};
  std::atomic<int> started_{0};
  std::mutex starting_;
};

}  // namespace

void RunWithHelpers(int parts, PartFn call, const void* loop) {
  Helpers::Get().Run(parts, call, loop);
}

}  // namespace nomograph::internal
