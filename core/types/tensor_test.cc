// Tensors from vectors and elements by their indices.
#include "nomograph/core/types/tensor.h"

#include <numeric>

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

}  // namespace
}  // namespace nomograph
