// What runs in every process of a job; mpi_test.sh starts it.
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/run/session.h"
#include "nomograph/mpi/data_parallel.h"
#include "nomograph/mpi/world.h"

namespace nomograph::mpi {
namespace {

World& Joined() { return **World::Join(); }

// The sum of 1 to n.
float Triangle(int n) { return static_cast<float>(n * (n + 1)) / 2; }

TEST(World, SumsInTheOrderInWhichSumsAreStarted) {
  World& world = Joined();
  const auto own = static_cast<float>(world.rank() + 1);
  std::vector<int64_t> started;
  for (int i = 0; i < 20; ++i)
    started.push_back(world.StartSum(Tensor::Vector<float>({own, own * static_cast<float>(i)})));
  // They may be waited for in any order.
  for (int i = 19; i >= 0; --i) {
    const auto sum = world.FinishSum(started[i]);
    ASSERT_TRUE(sum.ok()) << sum.status();
    EXPECT_EQ(*sum, Tensor::Vector<float>(
                        {Triangle(world.size()), Triangle(world.size()) * static_cast<float>(i)}));
  }
  EXPECT_EQ(*world.Sum(Tensor::Scalar<double>(0.5)), Tensor::Scalar<double>(0.5 * world.size()));
  EXPECT_EQ(world.FinishSum(started[0]).status().message(),
            absl::StrCat("no sum ", started[0], " has been started"));
  EXPECT_EQ(world.Sum(Tensor::Scalar<int64_t>(1)).status().message(),
            "a sum over processes: expected float32 or float64, found int64");
}

TEST(World, GathersBytesOfAnySize) {
  World& world = Joined();
  const std::string own(static_cast<size_t>(world.rank()) * 1000,
                        static_cast<char>('a' + world.rank()));
  const auto all = world.Gather(own);
  ASSERT_TRUE(all.ok()) << all.status();
  if (world.rank() != 0) {
    EXPECT_TRUE(all->empty());
    return;
  }
  ASSERT_EQ(static_cast<int>(all->size()), world.size());
  for (int rank = 0; rank < world.size(); ++rank) {
    EXPECT_EQ((*all)[rank],
              std::string(static_cast<size_t>(rank) * 1000, static_cast<char>('a' + rank)));
  }
}

TEST(World, BroadcastsFromAnyProcess) {
  World& world = Joined();
  for (int root = 0; root < world.size(); ++root) {
    std::vector<std::byte> bytes(100, static_cast<std::byte>(world.rank() + 1));
    ASSERT_TRUE(world.Broadcast(absl::MakeSpan(bytes), root).ok());
    EXPECT_EQ(bytes, std::vector<std::byte>(100, static_cast<std::byte>(root + 1)));
  }
  EXPECT_TRUE(world.Barrier().ok());
}

TEST(MeanOverProcesses, IsThatOfAllGradients) {
  World& world = Joined();
  const Value x = InputValue({DType::kFloat32, {2}}, "x");
  const Value half = Call("array.Cast", {x}, {{"to", DType::kFloat16}});
  const Value wide = Call("array.Cast", {x}, {{"to", DType::kFloat64}});
  const std::vector<Value> gradients = {x * 2, Value(), half + 1, wide * x.shape()[0].size(),
                                        At(x, 0) * 1};
  for (const int64_t bucket_bytes : {int64_t{1}, int64_t{1} << 20}) {
    const std::vector<Value> means = MeanOverProcesses(gradients, {.bucket_bytes = bucket_bytes});
    ASSERT_EQ(means.size(), gradients.size());
    EXPECT_FALSE(means[1].valid());
    const auto model = BuildModel({x}, {means[0], means[2], means[3], means[4]});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto session = Session::Create(*model);
    ASSERT_TRUE(session.ok()) << session.status();
    const auto own = static_cast<float>(world.rank() + 1);
    const float mean = Triangle(world.size()) / static_cast<float>(world.size());
    for (int run = 0; run < 3; ++run) {
      const auto found = (*session)->Run(std::vector{Tensor::Vector<float>({own, 0.5f})});
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ((*found)[0], Tensor::Vector<float>({2 * mean, 1}));
      EXPECT_EQ((*found)[1], Tensor::Vector<Half>({Half(mean + 1), Half(1.5f)}));
      EXPECT_EQ((*found)[2], Tensor::Vector<double>({2.0 * mean, 1}));
      EXPECT_EQ((*found)[3], Tensor::Scalar<float>(mean));
    }
  }
}

// Here the last process fails, while the others wait for it.
void Fail() {
  World& world = Joined();
  if (world.rank() == world.size() - 1)
    world.Abort(InvalidArgument("the record at byte 12 is damaged"));
  (void)world.Barrier();
  (void)world.Sum(Tensor::Scalar<float>(1));
}

}  // namespace
}  // namespace nomograph::mpi

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const auto world = nomograph::mpi::World::Join();
  if (!world.ok()) {
    fprintf(stderr, "%s\n", std::string(world.status().message()).c_str());
    return 1;
  }
  if (argc > 1 && std::strcmp(argv[1], "--fail") == 0) nomograph::mpi::Fail();
  if ((*world)->rank() != 0) {
    delete testing::UnitTest::GetInstance()->listeners().Release(
        testing::UnitTest::GetInstance()->listeners().default_result_printer());
  }
  return RUN_ALL_TESTS();
}
