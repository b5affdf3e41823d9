// Sessions on a caller's pool: its threads do the work, OpenMP starts none, the results are those
// of one thread.
#include <filesystem>
#include <iterator>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/numeric/testing/counting_pool.h"
#include "nomograph/core/numeric/testing/numbers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {
namespace {

// Large enough for several threads: a convolution, a pool, products of rows and of matrices, a
// softmax, elementwise ops and a bidirectional LSTM.
Model SomeModel() {
  const Value x = InputValue({DType::kFloat32, Shape{1, 16, 64, 64}}, "x");
  const Value convolved =
      Call("nn.Conv", {x, Constant(Numbers({32, 16, 3, 3}, 1, 0.1f))},
           {{"kernel_layout", "OIHW"}, {"padding", "same"}, {"data_format", "channels_first"}});
  const Value pooled = Call("nn.MaxPool", {Call("nn.Relu", {convolved})},
                            {{"kernel_shape", std::vector<int64_t>{2, 2}},
                             {"strides", std::vector<int64_t>{2, 2}},
                             {"data_format", "channels_first"}});
  const Value rows = Call("array.Reshape", {pooled}, {{"shape", std::vector<int64_t>{64, 1, 512}}});
  const Value flat = Call("array.Reshape", {rows}, {{"shape", std::vector<int64_t>{64, 512}}});
  const Value product = Call("math.MatMul", {flat, Constant(Numbers({512, 512}, 2, 0.1f))});
  const Value weights = Call("nn.Softmax", {product});
  const std::vector<Value> layer = CallMulti(
      "nn.LSTM",
      {rows, Constant(Numbers({2, 512, 512}, 3, 0.05f)), Constant(Numbers({2, 512, 128}, 4, 0.1f))},
      {{"direction", "bidirectional"}}, {.num_outputs = 3});
  absl::StatusOr<Model> model = BuildModel({x}, {Call("nn.Sigmoid", {weights}), layer[0]});
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : Model();
}

std::vector<Tensor> Outputs(const Model& model, int threads) {
  const auto session = Session::Create(model, {.threads = threads});
  if (!session.ok()) return {};
  const std::vector<Tensor> inputs = {Numbers({1, 16, 64, 64}, 5)};
  auto outputs = (*session)->Run(inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return outputs.ok() ? *outputs : std::vector<Tensor>();
}

#ifdef __linux__
int64_t ThreadsOfProcess() {
  using Iterator = std::filesystem::directory_iterator;
  return std::distance(Iterator("/proc/self/task"), Iterator());
}
#else
int64_t ThreadsOfProcess() { return 0; }
#endif

// Ahead of what starts OpenMP's threads, in the only test of this program.
TEST(ThreadPool, DoesASessionsWork) {
  const Model model = SomeModel();
  const int64_t before = ThreadsOfProcess();
  CountingPool pool(3);
  std::vector<Tensor> on_pool;
  {
    const ThreadPoolScope scope(pool);
    on_pool = Outputs(model, 0);
  }
  EXPECT_EQ(ThreadsOfProcess(), before);
  EXPECT_GE(pool.runs(), 4);
  const int runs = pool.runs();

  const std::vector<Tensor> alone = Outputs(model, 1);
  EXPECT_EQ(pool.runs(), runs);
  ASSERT_EQ(on_pool.size(), alone.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    const absl::Status close = AllClose(on_pool[i], alone[i], 1e-5, 1e-6);
    EXPECT_TRUE(close.ok()) << "output " << i << ": " << close.message();
  }
}

}  // namespace
}  // namespace nomograph
