// Threads that want programs at one time: each is compiled once, and those that are there run
// meanwhile.
#include "nomograph/core/run/program_cache.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

// What the hook below does for tensors of 7 elements: it waits until it may go on.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    waiting_ = 0;
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void WaitUntilSomebodyWaits() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
};

Gate gate;
std::atomic<int> prepared = 0;  // for 7 elements
std::atomic<bool> fails = false, throws = false;

NOMO_REGISTER_OP(OpDef("cache.Same")
                     .Doc("y = x")
                     .Input("x", "float32")
                     .Output("y", "float32")
                     .Infer(SameAsInput)
                     .Reference([](KernelContext& c) { return c.SetOutput(0, c.BorrowInput(0)); })
                     .Fast([](const PrepareContext& c) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                       if (c.inputs[0].shape.num_elements() != 7) return nullptr;
                       ++prepared;
                       gate.Wait();
                       if (fails) return absl::ResourceExhaustedError("not yet");
                       if (throws) throw 7;
                       return nullptr;  // the reference serves
                     }));

std::unique_ptr<Session> NewSession(SessionOptions options = {}) {
  const Value x = InputValue({DType::kFloat32, {Dim::Symbol("n")}}, "x");
  auto session = Session::Create(*BuildModel({x}, {Call("cache.Same", {x})}), options);
  EXPECT_TRUE(session.ok()) << session.status();
  return *std::move(session);
}

TEST(ProgramCache, CompilesOnceAndKeepsNobodyElseWaiting) {
  for (const int max_programs : {1, 4}) {
    const auto session = NewSession({.max_programs = max_programs});
    const Tensor seven = Tensor::Full(DType::kFloat32, {7}, 1);
    const Tensor two = Tensor::Full(DType::kFloat32, {2}, 2);
    ASSERT_TRUE(session->Run(two).ok());
    gate.Close();
    prepared = 0;
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const auto result = session->Run(seven);
        right += result.ok() && *result == seven;
      });
    }
    gate.WaitUntilSomebodyWaits();
    EXPECT_EQ(*session->Run(two), two);
    // Another shape is compiled meanwhile.
    const Tensor three = Tensor::Full(DType::kFloat32, {3}, 3);
    EXPECT_EQ(*session->Run(three), three);
    EXPECT_EQ(right, 0);
    gate.Open();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(right, 4);
    // A thread that came late may have found that it had been dropped again.
    if (max_programs > 1) {
      EXPECT_EQ(prepared, 1);
    }
  }
}

TEST(ProgramCache, WhatFailsIsTriedAgain) {
  const auto session = NewSession({.max_programs = 1});
  const Tensor seven = Tensor::Full(DType::kFloat32, {7}, 1);
  const Tensor two = Tensor::Full(DType::kFloat32, {2}, 2);
  const auto program = session->ProgramFor({{"x", two}});
  gate.Close();
  prepared = 0;
  fails = true;
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      failed += session->Run(seven).status().code() == absl::StatusCode::kResourceExhausted;
    });
  }
  gate.WaitUntilSomebodyWaits();
  gate.Open();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 4);
  EXPECT_EQ(prepared, 4);
  EXPECT_EQ(*session->ProgramFor({{"x", two}}), *program) << "a failure takes no other's place";
  fails = false;
  const auto result = session->Run(seven);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, seven);
}

TEST(ProgramCache, WhatIsNoExceptionLetsNobodyWaitForEver) {
  const auto session = NewSession();
  const Tensor seven = Tensor::Full(DType::kFloat32, {7}, 1);
  gate.Close();
  throws = true;
  std::vector<std::thread> threads;
  std::atomic<int> thrown = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      try {
        EXPECT_FALSE(session->Run(seven).ok());
      } catch (int) {
        ++thrown;
      }
    });
  }
  gate.WaitUntilSomebodyWaits();
  gate.Open();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(thrown, 4);
  throws = false;
}

}  // namespace
}  // namespace nomograph
