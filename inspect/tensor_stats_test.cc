// Statistics of tensors of every dtype, against numbers that are known.
#include "nomograph/inspect/tensor_stats.h"

#include <cmath>

#include "gtest/gtest.h"

namespace nomograph {
namespace {

TEST(TensorStatsTest, OfFiniteElements) {
  // numpy: min, max, mean, std of [3, 0, -1, 2].
  const TensorStats stats =
      ComputeStats(Tensor::Vector<float>({3, NAN, 0, -1, INFINITY, 2, -INFINITY}));
  EXPECT_EQ(stats.min, -1);
  EXPECT_EQ(stats.max, 3);
  EXPECT_EQ(stats.mean, 1);
  EXPECT_NEAR(stats.stddev, 1.5811388300841898, 1e-15);
  EXPECT_EQ(stats.zeros, 1);
  EXPECT_EQ(stats.nans, 1);
  EXPECT_EQ(stats.infinities, 2);
}

TEST(TensorStatsTest, JoinsChunksWithoutLosingDigits) {
  // 0 to n - 1 on a large offset: the mean is offset + (n - 1) / 2, the variance (n² - 1) / 12. A
  // plain sum of squares in double would be off by more than the result.
  constexpr int64_t kCount = 100000;
  constexpr double kOffset = 1e9;
  Tensor tensor(DType::kFloat64, {kCount});
  for (int64_t i = 0; i < kCount; ++i)
    tensor.mutable_data<double>()[i] = kOffset + static_cast<double>(i);
  const TensorStats stats = ComputeStats(tensor);
  EXPECT_NEAR(stats.mean, kOffset + (kCount - 1) / 2.0, 1e-6);
  EXPECT_NEAR(stats.stddev, std::sqrt((1e10 - 1) / 12), 1e-6);
}

TEST(TensorStatsTest, OfEveryDType) {
  const Tensor values = Tensor::Vector<float>({1, 0, 1, 1});
  for (int i = 1; i < kNumDTypes; ++i) {
    const TensorStats stats = ComputeStats(values.Cast(static_cast<DType>(i)));
    EXPECT_EQ(stats.mean, 0.75) << i;
    EXPECT_EQ(stats.zeros, 1) << i;
    EXPECT_NEAR(stats.stddev, 0.4330127018922193, 1e-15) << i;
  }
}

TEST(TensorStatsTest, OfNothing) {
  const TensorStats stats = ComputeStats(Tensor(DType::kFloat32, {0}));
  EXPECT_TRUE(std::isnan(stats.min) && std::isnan(stats.max) && std::isnan(stats.mean) &&
              std::isnan(stats.stddev));
  EXPECT_TRUE(std::isnan(ComputeStats(Tensor::Scalar(NAN)).mean));
}

TEST(TensorStatsTest, ReportsEveryByteOnce) {
  int64_t bytes = 0;
  ComputeStats(Tensor(DType::kInt16, {5000, 3}), [&](int64_t count) { bytes += count; });
  EXPECT_EQ(bytes, 30000);
}

}  // namespace
}  // namespace nomograph
