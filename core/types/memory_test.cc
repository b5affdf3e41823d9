// Accounts of memory, tensors of sizes that cannot be had, and the limits that control groups set.
#include "nomograph/core/types/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kTera = int64_t{1} << 40;

TEST(MemoryAccount, CountsTensorsUntilTheyAreFreed) {
  const auto account = std::make_shared<MemoryAccount>(1000);
  const MemoryScope scope(account);
  {
    const auto first = Tensor::Create(DType::kFloat32, {150});
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(account->taken(), 600);
    const auto second = Tensor::Create(DType::kFloat32, {150});
    EXPECT_EQ(second.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(second.status().message(), HasSubstr("a tensor float32[150]: 600 B of memory are "
                                                     "needed, the limit is 1000 B, of which 400 B "
                                                     "are left"));
    const Tensor copy = *first;  // of the reference
    EXPECT_EQ(account->taken(), 600);
  }
  EXPECT_EQ(account->taken(), 0);
  EXPECT_TRUE(Tensor::Create(DType::kFloat32, {250}).ok());
}

TEST(MemoryAccount, BelongsToTheInnermostScopeOfTheThread) {
  const auto outer = std::make_shared<MemoryAccount>(), inner = std::make_shared<MemoryAccount>();
  const MemoryScope outer_scope(outer);
  const Tensor a(DType::kUInt8, {10});
  const auto make_in_inner_scope = [&] {
    const MemoryScope inner_scope(inner);
    return Tensor(DType::kUInt8, {20});
  };
  {
    const Tensor b = make_in_inner_scope();
    const Tensor c(DType::kUInt8, {30});
    EXPECT_EQ(outer->taken(), 40);
    EXPECT_EQ(inner->taken(), 20);
  }
  EXPECT_EQ(outer->taken(), 10);
  EXPECT_EQ(inner->taken(), 0);
}

TEST(TensorPool, WhatIsFreedServesTheNext) {
  const auto account = std::make_shared<MemoryAccount>();
  const MemoryScope scope(account);
  TensorPool pool;
  const auto address = [](const absl::StatusOr<Tensor>& tensor) { return tensor->raw_data(); };
  const std::byte* first = nullptr;
  {
    const auto x = pool.Create(DType::kFloat32, {100, 100});
    const auto y = pool.Create(DType::kFloat32, {100, 100});
    ASSERT_TRUE(x.ok() && y.ok());
    EXPECT_NE(address(x), address(y));
    EXPECT_EQ(x->shape(), Shape({100, 100}));
    EXPECT_TRUE(x->writable());
    EXPECT_EQ(pool.num_bytes(), 0);
    first = address(x);
  }
  EXPECT_EQ(account->taken(), pool.num_bytes());
  EXPECT_GE(pool.num_bytes(), 2 * 40000);
  EXPECT_LE(pool.num_bytes(), 2 * 40000 * 9 / 8);
  {
    // Of a slightly different size and another type.
    const auto x = pool.Create(DType::kFloat64, {4990});
    const auto y = pool.Create(DType::kFloat32, {9999});
    ASSERT_TRUE(x.ok() && y.ok());
    EXPECT_TRUE(address(x) == first || address(y) == first);
    EXPECT_EQ(pool.num_bytes(), 0);
    const Tensor part = x->Reshaped({10, 499});  // holds all of it
  }
  // What a turn did not use is freed at its end.
  pool.Trim();
  const int64_t both = pool.num_bytes();
  EXPECT_EQ(pool.Create(DType::kFloat32, {9999}).status(), absl::OkStatus());
  pool.Trim();
  EXPECT_EQ(pool.num_bytes(), both / 2);
  pool.Trim();
  EXPECT_EQ(pool.num_bytes(), 0);
  EXPECT_EQ(account->taken(), 0);
}

TEST(TensorPool, ItsTensorsOutliveIt) {
  const auto account = std::make_shared<MemoryAccount>();
  const MemoryScope scope(account);
  std::vector<Tensor> kept;
  {
    TensorPool pool;
    const auto made = pool.Create(DType::kInt64, {5000});
    ASSERT_TRUE(made.ok()) << made.status();
    kept.push_back(*made);
  }
  kept[0].mutable_data<int64_t>()[4999] = 7;
  EXPECT_EQ(kept[0].data<int64_t>()[4999], 7);
  kept.clear();
  EXPECT_EQ(account->taken(), 0);
}

TEST(TensorPool, WhatLiesIdleIsTheFirstToGo) {
  const auto account = std::make_shared<MemoryAccount>(100000);
  const MemoryScope scope(account);
  TensorPool pool;
  ASSERT_TRUE(pool.Create(DType::kUInt8, {60000}).ok());
  EXPECT_GE(pool.num_bytes(), 60000);
  EXPECT_TRUE(pool.Create(DType::kUInt8, {100000}).ok());
  EXPECT_EQ(pool.num_bytes(), 0);
  EXPECT_EQ(pool.Create(DType::kUInt8, {100001}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(pool.Create(DType::kFloat32, {int64_t{1} << 62}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TensorPool, WhatLiesIdleGoesWhoeverNeedsMemory) {
  const auto account = std::make_shared<MemoryAccount>(100000);
  const MemoryScope scope(account);
  const Tensor given(DType::kUInt8, {25000});
  const std::pair<const char*, std::function<bool()>> cases[] = {
      {"a tensor", [] { return Tensor::Create(DType::kUInt8, {30000}).ok(); }},
      {"a copy", [&] { return TryClone(given).ok(); }},
      {"a vector", [] { return LargeVector<double>(4000).size() == 4000; }},
      {"what another has taken", [] { return HeldMemory::Take(30000).ok(); }},
      {"a question", [&] { return account->Check(30000).ok(); }},
      {"another pool", [] { return TensorPool().Create(DType::kUInt8, {30000}).ok(); }},
  };
  for (const auto& [name, takes] : cases) {
    SCOPED_TRACE(name);
    TensorPool pool, others;
    ASSERT_TRUE(pool.Create(DType::kUInt8, {60000}).ok());
    {
      // What counts against another account is of no use.
      const MemoryScope other(std::make_shared<MemoryAccount>());
      ASSERT_TRUE(others.Create(DType::kUInt8, {60000}).ok());
    }
    const int64_t idle = others.num_bytes();
    EXPECT_GE(pool.num_bytes(), 60000);
    EXPECT_TRUE(
        CatchBadAlloc([&] { return takes() ? absl::OkStatus() : absl::UnknownError(""); }).ok());
    EXPECT_EQ(pool.num_bytes(), 0);
    EXPECT_EQ(others.num_bytes(), idle);
    EXPECT_EQ(account->taken(), 25000);
  }
  EXPECT_FALSE(Tensor::Create(DType::kUInt8, {75001}).ok());
}

TEST(TensorPool, WhatLaterAccountsUseCountsThereToo) {
  const auto first = std::make_shared<MemoryAccount>(),
             second = std::make_shared<MemoryAccount>(70000),
             third = std::make_shared<MemoryAccount>(50000);
  TensorPool pool;
  const auto create = [&](const std::shared_ptr<MemoryAccount>& account) {
    const MemoryScope scope(account);
    return pool.Create(DType::kFloat32, {15000});
  };
  ASSERT_TRUE(create(first).ok());
  const int64_t bytes = pool.num_bytes();
  EXPECT_EQ(first->taken(), bytes);
  {
    const auto tensor = create(second);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(second->taken(), bytes);
    EXPECT_EQ(pool.num_bytes(), 0);
  }
  EXPECT_EQ(second->taken(), 0);
  EXPECT_EQ(pool.num_bytes(), bytes);
  const absl::Status status = create(third).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("a tensor float32[15000]: 58.6 KB of memory are needed, "
                                          "the limit is 48.8 KB"));
  EXPECT_EQ(third->taken(), 0);
  ASSERT_TRUE(create(first).ok());
  EXPECT_EQ(first->taken(), pool.num_bytes());
}

TEST(Memory, NoSizeEndsTheProcess) {
  const auto resource_exhausted = [](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(status.message(), HasSubstr("this machine has"));
  };
  resource_exhausted(Tensor::Create(DType::kFloat32, {kTera}).status());
  resource_exhausted(TryFull(DType::kFloat64, {kTera, 1000}, 1).status());
  EXPECT_EQ(Tensor::Create(DType::kFloat32, {kTera, kTera}).status().code(),
            absl::StatusCode::kInvalidArgument);
  // Half of what is left is enough for the one, and not for the double.
  const MemoryScope scope(std::make_shared<MemoryAccount>(3000));
  const Tensor tensor(DType::kUInt8, {1000});
  EXPECT_EQ(TryCast(tensor, DType::kFloat64).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(TryClone(tensor).ok());
}

TEST(Memory, WhatIsThrownBecomesAStatus) {
  const auto message = [](auto work) {
    const absl::Status status = CatchBadAlloc([&]() -> absl::Status {
      work();
      return absl::OkStatus();
    });
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    return std::string(status.message());
  };
  const Tensor one = Tensor::Scalar<float>(1);
  EXPECT_THAT(message([] { Tensor(DType::kFloat32, {kTera}); }),
              HasSubstr("float32[1099511627776"));
  EXPECT_THAT(message([] { Tensor::Full(DType::kInt8, {kTera}, 1); }), HasSubstr("int8["));
  EXPECT_THAT(message([] { LargeVector<double>(size_t{1} << 50); }), HasSubstr("8.0 PB"));
  // Not by an allocation: those of AddressSanitizer end the process.
  EXPECT_THAT(message([] { throw std::bad_alloc(); }), HasSubstr("memory ran out"));
  EXPECT_THAT(message([] { std::vector<double>(size_t{1} << 62); }), HasSubstr("memory ran out"));
}

TEST(Memory, FullIsFilled) {
  const auto tensor = TryFull(DType::kFloat16, {3}, 1.5);
  ASSERT_TRUE(tensor.ok());
  EXPECT_EQ(*tensor, Tensor::Vector<Half>({Half(1.5f), Half(1.5f), Half(1.5f)}));
}

TEST(AvailableMemory, IsNoMoreThanTheProcessMayAddress) {
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  ASSERT_TRUE(statm >> pages);
  const rlim_t left = 256 << 20;
  rlimit limited = before;
  limited.rlim_cur = pages * sysconf(_SC_PAGESIZE) + left;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limited), 0);
  const int64_t available = AvailableMemory();
  const absl::Status status = Tensor::Create(DType::kUInt8, {int64_t{300} << 20}).status();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_LE(available, static_cast<int64_t>(left));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("300.0 MB of memory are needed, this machine has"));
}

// A folder that looks like /sys/fs/cgroup.
class ControlGroups : public ::testing::Test {
 protected:
  ControlGroups() : mount_(::testing::TempDir() + "/cgroup") {}
  ~ControlGroups() override { std::filesystem::remove_all(mount_); }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = mount_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  const std::string mount_;
};

TEST_F(ControlGroups, TheTightestOfVersion2Counts) {
  Write("/memory.stat", "");
  Write("/app/memory.max", "10000\n");
  Write("/app/memory.current", "4000\n");
  Write("/app/memory.stat", "anon 3000\ninactive_file 1000\n");
  Write("/app/job/memory.max", "max\n");
  Write("/app/job/memory.current", "4000\n");
  EXPECT_EQ(internal::ControlGroupMemory("0::/app/job\n", mount_), 7000);
  EXPECT_EQ(internal::ControlGroupMemory("0::/other\n", mount_),
            std::numeric_limits<int64_t>::max());
}

TEST_F(ControlGroups, Version1HasAFolderForMemory) {
  Write("/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("/memory/memory.usage_in_bytes", "5000\n");
  Write("/memory/app/memory.limit_in_bytes", "6000\n");
  Write("/memory/app/memory.usage_in_bytes", "2000\n");
  Write("/memory/app/memory.stat", "cache 900\ntotal_inactive_file 500\n");
  EXPECT_EQ(internal::ControlGroupMemory("5:cpu:/x\n4:freezer,memory:/app\n0::/\n", mount_), 4500);
}

}  // namespace
}  // namespace nomograph
