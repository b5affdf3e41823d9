// A run that is killed at any moment and begun again ends with the same bits as one that is not.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/train/callbacks.h"
#include "nomograph/train/trainer.h"

namespace nomograph {
namespace {

// Set in the process that is killed: the file of its checkpoint.
constexpr char kChildVariable[] = "NOMO_RESUME_TEST_CHECKPOINT";

Model SmallModel() {
  auto model =
      Sequential({Input({8}), Dense(16, {.activation = "tanh"}), Dropout(0.25), Dense(1)}).Build();
  return *std::move(model);
}

// Samples [begin, end) of 96.
Element Samples(int64_t begin, int64_t end) {
  Tensor x(DType::kFloat32, {96, 8}), y(DType::kFloat32, {96, 1});
  const PhiloxStream stream(3, 0, 0);
  for (int64_t i = 0; i < 96; ++i) {
    float sum = 0;
    for (int64_t k = 0; k < 8; ++k)
      sum += x.mutable_data<float>()[8 * i + k] = UniformFloat(stream.At(8 * i + k)) - 0.5f;
    y.mutable_data<float>()[i] = sum * sum;
  }
  return {x.Rows(begin, end), y.Rows(begin, end)};
}

// The data, from memory or through a pipeline: the end of the checkpoint's path says which.
TrainingData Data(bool pipeline) {
  const Element samples = Samples(0, 72);
  if (!pipeline) return {samples[0], samples[1]};
  const MapWithContextFn noise = [](Element e,
                                    const MapContext& context) -> absl::StatusOr<Element> {
    NOMO_ASSIGN_OR_RETURN(e[0], TryClone(e[0]));
    const PhiloxStream stream(context.seed, 1, static_cast<uint64_t>(context.index));
    e[0].mutable_data<float>()[0] += 0.1f * UniformFloat(stream.At(0));
    return e;
  };
  return TrainingData(
      Dataset::FromTensorSlices(samples).Shuffle(20).Map(noise, {.num_parallel = 2}).Batch(10));
}

bool IsPipeline(const std::string& checkpoint) {
  return checkpoint.find("pipeline") != std::string::npos;
}

std::unique_ptr<Trainer> MakeTrainer() {
  auto trainer = Trainer::Create(
      SmallModel(),
      {.optimizer = optimizers::Nadam({.learning_rate = 0.02}, {.gradient_accumulation_steps = 2}),
       .loss = losses::MeanSquaredError(),
       .metrics = {metrics::R2Score()}},
      {.seed = 5, .exact = true});
  NOMO_CHECK(trainer.ok());
  return *std::move(trainer);
}

// Trains from the checkpoint, where there is one, to the end. Its file is written after each batch.
absl::Status TrainToTheEnd(const std::string& checkpoint, const std::string& result) {
  const auto trainer = MakeTrainer();
  if (access(checkpoint.c_str(), F_OK) == 0) NOMO_RETURN_IF_ERROR(trainer->Restore(checkpoint));
  const auto history = trainer->Fit(
      Data(IsPipeline(checkpoint)),
      {.epochs = 8,
       .batch_size = 12,
       .validation_data = {Samples(72, 96)[0], Samples(72, 96)[1]},
       .callbacks = {callbacks::EarlyStopping({.patience = 5, .restore_best_weights = true}),
                     callbacks::ReduceLROnPlateau(
                         {.monitor = "loss", .factor = 0.5, .patience = 1}),
                     callbacks::ModelCheckpoint({.path = checkpoint, .save_freq = 1})},
       .verbose = Verbose::kSilent});
  NOMO_RETURN_IF_ERROR(history.status());
  return trainer->Save(result);
}

TEST(ResumeTest, Child) {
  const char* const checkpoint = std::getenv(kChildVariable);
  if (checkpoint == nullptr) return;  // what the test below starts
  const absl::Status status = TrainToTheEnd(checkpoint, absl::StrCat(checkpoint, ".end"));
  ASSERT_TRUE(status.ok()) << status;
}

pid_t StartChild(const std::string& checkpoint) {
  const pid_t child = fork();
  if (child != 0) return child;
  setenv(kChildVariable, checkpoint.c_str(), 1);
  execl("/proc/self/exe", "resume_test", "--gtest_filter=ResumeTest.Child", nullptr);
  _exit(127);
}

class Resume : public testing::TestWithParam<const char*> {};

TEST_P(Resume, KilledAtRandomMoments) {
  if (std::getenv(kChildVariable) != nullptr) return;
  const std::string whole = testing::TempDir() + "/resume_" + GetParam() + "_whole.nomo";
  const std::string parts = testing::TempDir() + "/resume_" + GetParam() + "_parts.nomo";
  for (const std::string& path : {whole, parts, parts + ".end"}) unlink(path.c_str());
  const absl::Status trained = TrainToTheEnd(whole, whole + ".end");
  ASSERT_TRUE(trained.ok()) << trained;

  int kills = 0;
  const PhiloxStream moments(static_cast<uint64_t>(getpid()), 0, 0);
  for (int attempt = 0; attempt < 200; ++attempt) {
    const pid_t child = StartChild(parts);
    ASSERT_GT(child, 0);
    int status = 0;
    if (kills < 12) {
      const auto wait = std::chrono::milliseconds(40 + moments.At(attempt) % 160);
      std::this_thread::sleep_for(wait);
      kill(child, SIGKILL);
    }
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
      ++kills;
      continue;
    }
    ASSERT_EQ(WEXITSTATUS(status), 0);
    break;
  }
  EXPECT_GT(kills, 0);
  const auto expected = ReadFile(whole + ".end"), found = ReadFile(parts + ".end");
  ASSERT_TRUE(expected.ok() && found.ok()) << expected.status() << found.status();
  EXPECT_TRUE(*expected == *found) << "after " << kills << " kills the bytes differ";
}

INSTANTIATE_TEST_SUITE_P(Train, Resume, testing::Values("arrays", "pipeline"));

TEST(ResumeTest, WhatDoesNotFitIsTold) {
  const std::string path = testing::TempDir() + "/resume_other.nomo";
  const auto trainer = MakeTrainer();
  ASSERT_TRUE(trainer->Save(path).ok());
  const auto other = Trainer::Create(
      SmallModel(), {.optimizer = optimizers::Adam(), .loss = losses::MeanSquaredError()},
      {.seed = 5, .exact = true});
  ASSERT_TRUE(other.ok()) << other.status();
  const absl::Status seed =
      (*Trainer::Create(SmallModel(), {.loss = losses::MeanSquaredError()}))->Restore(path);
  EXPECT_NE(seed.message().find("seed 5"), std::string::npos) << seed;
  // What a stranger's file may claim.
  const auto saved = Load(path);
  ASSERT_TRUE(saved.ok()) << saved.status();
  const auto restore = [](const Model& checkpoint) { return MakeTrainer()->Restore(checkpoint); };
  EXPECT_TRUE(restore(*saved).ok());
  for (const char* key : {"train.step", "train.epoch", "train.batch", "train.iteration"}) {
    for (const char* value : {"", "-1", "x", "99999999999999999999"}) {
      Model changed = *saved;
      changed.metadata[key] = value;
      EXPECT_NE(restore(changed).message().find(key), std::string::npos) << key << value;
    }
  }
  for (size_t i = 0; i < saved->variables.size(); ++i) {
    Model changed = *saved;
    changed.variables[i].initial = Tensor(DType::kFloat64, {0});
    EXPECT_FALSE(restore(changed).ok()) << changed.variables[i].name;
    changed.variables[i].initial = Tensor(DType::kInt8, {2, 2});
    EXPECT_FALSE(restore(changed).ok()) << changed.variables[i].name;
  }
  const absl::Status plain = Save(SmallModel(), path);
  ASSERT_TRUE(plain.ok());
  const absl::Status status = (*other)->Restore(path);
  EXPECT_NE(status.message().find("no checkpoint of training"), std::string::npos) << status;
}

}  // namespace
}  // namespace nomograph
