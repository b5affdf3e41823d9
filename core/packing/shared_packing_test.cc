// Nodes that have one constant in common share its packed copy.
#include "nomograph/core/packing/shared_packing.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

TEST(SharedPacking, PacksOnceForEachForm) {
  const Tensor shared = Numbers({4}, 1), other = Numbers({4}, 2);
  std::atomic<int> packed = 0;
  const auto pack = [&]() -> absl::StatusOr<Tensor> { return Numbers({4}, 10 + packed++); };
  SharedPacking packing;
  packing.Add(shared);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const SharedPackingScope scope(&packing);
      for (const char* form : {"rows", "columns"}) {
        const auto first = PackedOnce(shared, form, pack), second = PackedOnce(shared, form, pack);
        ASSERT_TRUE(first.ok() && second.ok());
        EXPECT_EQ(first->raw_data(), second->raw_data());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(packed, 2);
  // What was not added may be freed, and something else lie at its place.
  const SharedPackingScope scope(&packing);
  EXPECT_NE(PackedOnce(other, "rows", pack)->raw_data(),
            PackedOnce(other, "rows", pack)->raw_data());
  EXPECT_EQ(packed, 4);
  {
    const SharedPackingScope none(nullptr);
    EXPECT_NE(PackedOnce(shared, "rows", pack)->raw_data(),
              PackedOnce(shared, "rows", pack)->raw_data());
  }
  EXPECT_EQ(PackedOnce(shared, "rows", pack)->raw_data(),
            PackedOnce(shared, "rows", pack)->raw_data());
}

// Rows of a tensor, and what lies in one file, may begin at one place and be of different lengths.
TEST(SharedPacking, ConstantsAtOnePlaceHaveACopyEach) {
  const Tensor whole = Numbers({512, 64}, 1), part = whole.Rows(0, 64);
  ASSERT_EQ(part.raw_data(), whole.raw_data());
  const auto pack = [&]() -> absl::StatusOr<Tensor> { return Numbers({4}, 1); };
  SharedPacking packing;
  packing.Add(part);
  {
    const SharedPackingScope scope(&packing);
    EXPECT_NE(PackedOnce(part, "rows", pack)->raw_data(),
              PackedOnce(whole, "rows", pack)->raw_data());
  }
  const Value x = InputValue({DType::kFloat32, {Dim(20), Dim(64)}}, "x");
  std::vector<Value> products;
  for (const Tensor& matrix : {part, whole}) {
    const Value constant = Constant(matrix);
    // Twice, so that the copy is shared.
    for (const Value& left : {x, x * 2.0}) {
      products.push_back(Call("math.MatMul", {left, constant}, {{"transpose_b", true}}));
    }
  }
  const auto model = BuildModel({x}, products);
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<Tensor> inputs = {Numbers({20, 64}, 2)};
  const auto right = (*Session::Create(*model, {.exact = true}))->Run(inputs);
  const auto found = (*Session::Create(*model, {.threads = 3}))->Run(inputs);
  ASSERT_TRUE(right.ok() && found.ok()) << right.status() << found.status();
  for (size_t i = 0; i < right->size(); ++i) {
    const absl::Status close = AllClose((*found)[i], (*right)[i], 1e-4, 1e-4);
    EXPECT_TRUE(close.ok()) << i << ": " << close;
  }
}

// A chain of convolutions, with one kernel or one each.
absl::StatusOr<Model> Chain(const Shape& kernel, int count, bool shared) {
  const Value x = InputValue({DType::kFloat32, {Dim(1), kernel[0], Dim(20), Dim(20)}}, "x");
  const Value common = Constant(Numbers(kernel, 1, 0.125f));
  Value y = x;
  for (int i = 0; i < count; ++i) {
    const Value own = shared ? common : Constant(Numbers(kernel, 1 + i, 0.125f));
    y = Call("nn.Conv", {y, own},
             {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}, {"padding", "same"}});
  }
  return BuildModel({x}, {y});
}

TEST(SharedPacking, ProgramsKeepOneCopy) {
  constexpr int kCount = 8;
  for (const Shape& kernel : {Shape{64, 64, 3, 3}, Shape{96, 96, 1, 1}}) {
    SCOPED_TRACE(kernel.ToString());
    int64_t bytes[2];
    for (const bool shared : {false, true}) {
      const auto model = Chain(kernel, kCount, shared);
      ASSERT_TRUE(model.ok()) << model.status();
      const auto account = std::make_shared<MemoryAccount>();
      const auto program =
          Program::Compile(*model, model->graph, {{DType::kFloat32, {1, kernel[0], 20, 20}}},
                           OpRegistry::Default(), {.threads = 3, .memory = account});
      ASSERT_TRUE(program.ok()) << program.status();
      bytes[shared] = account->taken();
    }
    if (bytes[0] > 0) {  // where kernels pack
      EXPECT_LT(bytes[1] * 4, bytes[0]);
    }
    const auto model = Chain(kernel, kCount, true);
    const Tensor x = Numbers({1, kernel[0], 20, 20}, 99, 0.125f);
    const auto right = (*Session::Create(*model, {.exact = true}))->Run(x);
    const auto found = (*Session::Create(*model, {.threads = 3}))->Run(x);
    ASSERT_TRUE(right.ok() && found.ok()) << right.status() << found.status();
    const absl::Status close = AllClose(*found, *right, 1e-4, 1e-4);
    EXPECT_TRUE(close.ok()) << close;
  }
}

}  // namespace
}  // namespace nomograph
