// What runs in every process of a job; mpi_test.sh starts it.
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"
#include "nomograph/mpi/replicas.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/train/train.h"

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

// Two clusters that a small network tells apart.
TrainingData Samples(int64_t rows) {
  Tensor x(DType::kFloat32, {rows, 4}), y(DType::kInt64, {rows});
  for (int64_t i = 0; i < rows; ++i) {
    y.mutable_data<int64_t>()[i] = i % 3;
    for (int64_t k = 0; k < 4; ++k) {
      x.mutable_data<float>()[i * 4 + k] =
          static_cast<float>(std::sin(static_cast<double>(7 * i + k)) + (k == i % 3 ? 1.0 : 0.0));
    }
  }
  return TrainingData(x, y);
}

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const Replicas* replicas) {
  NOMO_ASSIGN_OR_RETURN(
      const Model model,
      Sequential({Input({4}), Dense(8, {.activation = "tanh"}), Dense(3)}).Build());
  return Trainer::Create(model,
                         {.optimizer = optimizers::Adam({.learning_rate = 0.05}),
                          .loss = losses::SparseCategoricalCrossentropy({.from_logits = true}),
                          .metrics = {metrics::Accuracy()},
                          .regularizers = {{.weights = "dense", .regularizer = {.l2 = 0.01}}}},
                         {.replicas = replicas});
}

// 27 rows in batches of 12, 12 and 3: of the last one a process may have no row.
constexpr int64_t kRows = 27, kBatch = 12;

TEST(Trainer, HasTheLossesOfOneProcess) {
  const MpiReplicas replicas(Joined(), {.bucket_bytes = 100});
  std::vector<History> histories;
  for (const Replicas* of :
       {static_cast<const Replicas*>(&replicas), static_cast<const Replicas*>(nullptr)}) {
    const auto trainer = MakeTrainer(of);
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    const auto history = (*trainer)->Fit(Samples(kRows), {.epochs = 8,
                                                          .batch_size = kBatch,
                                                          .validation_data = Samples(5),
                                                          .verbose = Verbose::kSilent});
    ASSERT_TRUE(history.ok()) << history.status();
    histories.push_back(*history);
  }
  ASSERT_EQ(histories[0].metrics.size(), 4u);
  for (const auto& [name, values] : histories[1].metrics) {
    ASSERT_EQ(histories[0].metrics[name].size(), 8u);
    for (size_t epoch = 0; epoch < values.size(); ++epoch)
      EXPECT_NEAR(histories[0].metrics[name][epoch], values[epoch], 1e-5) << name << ", " << epoch;
  }
  EXPECT_LT(histories[0].metrics["loss"].back(), histories[0].metrics["loss"].front());
}

// Sums, means by sample weights, and masks: of the first rows nearly no word counts, of others all.
TEST(Trainer, HasTheLossesOfOneProcessWithMasksAndWeights) {
  const MpiReplicas replicas(Joined());
  Tensor x(DType::kInt64, {kRows, 5}), y(DType::kFloat32, {kRows, 5, 1});
  Tensor weights(DType::kFloat32, {kRows});
  for (int64_t i = 0; i < kRows; ++i) {
    weights.mutable_data<float>()[i] = static_cast<float>(i % 4);
    for (int64_t k = 0; k < 5; ++k) {
      x.mutable_data<int64_t>()[i * 5 + k] = k <= i % 7 ? 1 + (i + k) % 3 : 0;
      y.mutable_data<float>()[i * 5 + k] = static_cast<float>(std::cos(static_cast<double>(i + k)));
    }
  }
  for (const Reduction reduction :
       {Reduction::kSumOverBatchSize, Reduction::kMeanWithSampleWeight, Reduction::kSum}) {
    std::vector<History> histories;
    std::vector<Tensor> kernels;
    for (const Replicas* of :
         {static_cast<const Replicas*>(&replicas), static_cast<const Replicas*>(nullptr)}) {
      const Value words = Input({5}, {.dtype = DType::kInt64, .name = "x"});
      const auto model = BuildModel(
          {words}, {Dense(1, {.name = "line"})(Embedding(4, 3, {.mask_zero = true})(words))});
      ASSERT_TRUE(model.ok()) << model.status();
      Loss loss = losses::MeanSquaredError();
      loss.reduction = reduction;
      const auto trainer = Trainer::Create(
          *model,
          {.optimizer = optimizers::SGD({.learning_rate = 0.01}),
           .outputs = {{.loss = loss, .weighted_metrics = {metrics::RootMeanSquaredError()}}}},
          {.replicas = of});
      ASSERT_TRUE(trainer.ok()) << trainer.status();
      const auto history =
          (*trainer)->Fit({x, y, weights}, {.epochs = 3,
                                            .batch_size = kBatch,
                                            .validation_data = {x.Rows(0, 5), y.Rows(0, 5)},
                                            .verbose = Verbose::kSilent});
      ASSERT_TRUE(history.ok()) << history.status();
      histories.push_back(*history);
      kernels.push_back(*(*trainer)->model().GetWeight("line/kernel"));
    }
    EXPECT_TRUE(AllClose(kernels[0], kernels[1], 1e-5, 1e-6).ok());
    for (const auto& [name, values] : histories[1].metrics) {
      for (size_t epoch = 0; epoch < values.size(); ++epoch) {
        EXPECT_NEAR(histories[0].metrics[name][epoch], values[epoch], 1e-5 * (1 + values[epoch]))
            << name << ", " << epoch;
      }
    }
  }
}

TEST(Trainer, SaysWhichLossesCannotBeDivided) {
  const MpiReplicas replicas(Joined());
  const auto model = Sequential({Input({4}), Dense(3)}).Build();
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(
      Trainer::Create(*model, {.loss = losses::Dice()}, {.replicas = &replicas}).status().message(),
      "loss \"dice\": it is one number for the whole batch, which several processes cannot divide "
      "among themselves");
}

TEST(Trainer, SeesThatAProcessHasAnotherModel) {
  World& world = Joined();
  if (world.size() == 1) return;
  const MpiReplicas replicas(world);
  const auto model =
      Sequential({Input({4}), Dense(3)}).Build(static_cast<uint64_t>(world.rank() == 1));
  ASSERT_TRUE(model.ok());
  const auto trainer =
      Trainer::Create(*model, {.loss = losses::MeanSquaredError()}, {.replicas = &replicas});
  EXPECT_EQ(trainer.status().message(),
            absl::StrCat("process ", world.rank(),
                         " has another model than others: expected the same in all"));
}

// Trains to an epoch, from the checkpoint if there is one, which it writes after each epoch. With
// `dies` the last process is killed meanwhile.
absl::Status TrainTo(const MpiReplicas& replicas, const std::string& checkpoint, int64_t epochs,
                     bool dies) {
  NOMO_ASSIGN_OR_RETURN(const auto trainer, MakeTrainer(&replicas));
  if (const absl::Status restored = trainer->Restore(checkpoint); !absl::IsNotFound(restored))
    NOMO_RETURN_IF_ERROR(restored);
  class Die : public Callback {
   public:
    explicit Die(int64_t step) : step_(step) {}
    std::string name() const override { return "Die"; }
    absl::Status OnBatchEnd(Trainer& of, int64_t, const Logs&) override {
      if (of.step() == step_) raise(SIGKILL);
      return absl::OkStatus();
    }

   private:
    const int64_t step_;
  };
  const bool last = replicas.rank() == replicas.size() - 1;
  NOMO_ASSIGN_OR_RETURN(
      const History history,
      trainer->Fit(Samples(kRows), {.epochs = epochs,
                                    .batch_size = kBatch,
                                    .callbacks = {callbacks::ModelCheckpoint({.path = checkpoint}),
                                                  std::make_shared<Die>(dies && last ? 8 : -1)},
                                    .verbose = Verbose::kSilent}));
  if (replicas.rank() == 0)
    std::printf("%zu epochs, loss %.4f\n", history.epoch.size(), history.metrics.at("loss").back());
  return absl::OkStatus();
}

int WriteModel(const std::string& path) {
  const auto model = Sequential({Input({2}), Dense(3), GaussianNoise(0.1)}).Build();
  const absl::Status status = model.ok() ? Save(*model, path) : model.status();
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
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
  if (argc > 2 && std::strcmp(argv[1], "--write-model") == 0)
    return nomograph::mpi::WriteModel(argv[2]);
  if (argc > 1 && std::strcmp(argv[1], "--fail") == 0) nomograph::mpi::Fail();
  if (argc > 3) {  // CHECKPOINT EPOCHS, and whether a process dies
    return nomograph::mpi::RunJob([&](const nomograph::mpi::MpiReplicas& replicas) {
      return nomograph::mpi::TrainTo(replicas, argv[1], std::atoi(argv[2]), argv[3][0] == 'y');
    });
  }
  if ((*world)->rank() != 0) {
    delete testing::UnitTest::GetInstance()->listeners().Release(
        testing::UnitTest::GetInstance()->listeners().default_result_printer());
  }
  return RUN_ALL_TESTS();
}
