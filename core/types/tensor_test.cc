// Tensors from vectors, elements by their indices, and the memory that tensors lie in.
#include "nomograph/core/types/tensor.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace nomograph {
namespace {

TEST(Tensor, FromVectorKeepsItsMemory) {
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const float* memory = values.data();
  auto tensor = Tensor::FromVector({2, 3}, std::move(values));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->data<float>().data(), memory);
  EXPECT_EQ(*tensor, Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  tensor->mutable_data<float>()[5] = 7;
  EXPECT_EQ((tensor->at<float>(1, 2)), 7);
}

TEST(Tensor, NoTensorIsCopiedAsNone) {
  EXPECT_FALSE(Tensor().Clone().valid());
  EXPECT_EQ(Tensor().Clone(), Tensor());
}

TEST(Tensor, MovedFromIsNoTensor) {
  Tensor from(DType::kFloat32, {2, 3});
  Tensor to = std::move(from);
  EXPECT_FALSE(from.valid());
  EXPECT_EQ(from, Tensor());
  EXPECT_EQ(from.ToString(), "no tensor");
  from = std::move(to);
  EXPECT_EQ(from.shape(), (Shape{2, 3}));
  EXPECT_FALSE(to.valid());
  Tensor& same = from;
  from = std::move(same);
  EXPECT_EQ(from.shape(), (Shape{2, 3}));
}

TEST(Tensor, FromVectorOfAnotherSize) {
  EXPECT_EQ(Tensor::FromVector<int64_t>({2, 2}, {1, 2, 3}).status().message(),
            "shape [2,2] has 4 elements, found 3");
}

TEST(Tensor, AtAndIteration) {
  Tensor tensor(DType::kInt32, {2, 3, 4});
  auto data = tensor.mutable_data<int32_t>();
  std::iota(data.begin(), data.end(), 0);
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 4; ++k) EXPECT_EQ((tensor.at<int32_t>(i, j, k)), 12 * i + 4 * j + k);
    }
  }
  int64_t sum = 0;
  for (const int32_t value : tensor.data<int32_t>()) sum += value;
  EXPECT_EQ(sum, 23 * 24 / 2);
  EXPECT_EQ((Tensor::Scalar<float>(3).at<float>()), 3);
}

TEST(TensorDeathTest, AtOutside) {
  const Tensor tensor(DType::kFloat32, {2, 3});
  EXPECT_DEATH((void)(tensor.at<float>(0, 3)), "");
  EXPECT_DEATH((void)(tensor.at<float>(0)), "");
}

constexpr int64_t kMega = int64_t{1} << 20;

// Makes and frees tensors of all sizes in an order of its own.
void MakeAndFree(int seed) {
  std::mt19937 random(seed);
  std::vector<Tensor> tensors(24);
  for (int turn = 0; turn < 400; ++turn) {
    Tensor& tensor = tensors[random() % tensors.size()];
    const auto bytes = tensor.valid() ? tensor.data<uint8_t>() : absl::Span<const uint8_t>();
    ASSERT_TRUE(std::all_of(bytes.begin(), bytes.end(), [&](uint8_t b) { return b == bytes[0]; }));
    const int64_t most = int64_t{1} << (8 + random() % 16);  // 256 B to 8 MB
    tensor = Tensor(DType::kUInt8, {1 + static_cast<int64_t>(random()) % most});
    const auto data = tensor.mutable_data<uint8_t>();
    ASSERT_EQ(reinterpret_cast<uintptr_t>(data.data()) % 64, 0u);
    ASSERT_TRUE(std::all_of(data.begin(), data.end(), [](uint8_t b) { return b == 0; }));
    std::fill(data.begin(), data.end(), static_cast<uint8_t>(1 + random() % 255));
  }
}

TEST(TensorMemory, IsZeroAndNobodyElses) {
  std::vector<std::thread> threads;
  for (int seed = 0; seed < 4; ++seed) threads.emplace_back(MakeAndFree, seed);
  for (std::thread& thread : threads) thread.join();
}

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t PageFaults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Whether it has them, and some are to be had: memory may be in too many pieces.
bool SystemHasHugePages() {
  constexpr size_t kHugePage = size_t{1} << 21, kSize = 64 * kMega;
  void* const memory =
      mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
#ifdef MADV_HUGEPAGE
  madvise(memory, kSize, MADV_HUGEPAGE);
#endif
  const int64_t before = PageFaults();
  std::memset(memory, 1, kSize);
  const int64_t faults = PageFaults() - before;
  munmap(memory, kSize);
  // All but what is in front of the first and behind the last one.
  return faults < static_cast<int64_t>(kSize / kHugePage + 2 * kHugePage / sysconf(_SC_PAGESIZE));
}

TEST(TensorMemory, OfManyTensorsIsInHugePages) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "tensors lie in malloc's memory";
#endif
  if (!SystemHasHugePages()) GTEST_SKIP() << "the system has no huge pages";
  std::vector<Tensor> tensors;
  const auto make = [&](int count) {
    for (int i = 0; i < count; ++i) {
      tensors.emplace_back(DType::kUInt8, Shape{kMega});
      const auto data = tensors.back().mutable_data<uint8_t>();
      std::fill(data.begin(), data.end(), uint8_t{1});
    }
  };
  make(32);  // as long as there are few they are in small pages
  const int64_t before = PageFaults();
  make(64);
  EXPECT_LT(PageFaults() - before, 64 * kMega / sysconf(_SC_PAGESIZE) / 2);
  // Pages of which nothing is taken go back, though others of the same piece stay.
  const int64_t resident = ResidentBytes();
  tensors.erase(tensors.begin() + 36, tensors.end() - 1);
  EXPECT_LT(ResidentBytes(), resident - 48 * kMega);
  EXPECT_EQ(tensors.back().at<uint8_t>(kMega - 1), 1);
}

TEST(TensorMemory, OfLargeOnesGoesBack) {
  const int64_t before = ResidentBytes();
  {
    const Tensor large = Tensor::Full(DType::kUInt8, {64 * kMega + 1}, 1);
    EXPECT_GE(ResidentBytes() - before, 64 * kMega);
  }
  EXPECT_LT(ResidentBytes() - before, 8 * kMega);
}

}  // namespace
}  // namespace nomograph
