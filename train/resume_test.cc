// A run that is killed at any moment, a hundred times, and begun again ends with the same bits as
// one that is not.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
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

// Set in the process that is killed: the file of its checkpoint, and the pipe to which it tells
// where it is.
constexpr char kChildVariable[] = "NOMO_RESUME_TEST_CHECKPOINT";
constexpr char kPipeVariable[] = "NOMO_RESUME_TEST_PIPE";

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

// What the process that is killed is at.
enum Moment : char { kStarting = 'b', kTraining = 't', kWriting = 'w' };

// Tells the pipe, if there is one, what follows the saving of a batch or goes ahead of it.
class Reporter : public Callback {
 public:
  Reporter(int pipe, Moment moment) : pipe_(pipe), moment_(moment) {}
  std::string name() const override { return "Reporter"; }
  absl::Status OnTrainBegin(Trainer&) override { return Report(kTraining); }
  absl::Status AfterBatch(Trainer&, int64_t, const Logs&) override { return Report(moment_); }

 private:
  absl::Status Report(Moment moment) {
    const char byte = moment;
    if (pipe_ >= 0 && write(pipe_, &byte, 1) != 1) return absl::InternalError("the pipe is shut");
    return absl::OkStatus();
  }
  int pipe_;
  Moment moment_;
};

// Trains from the checkpoint, where there is one, to the end. Its file is written after each batch.
// The result holds the weights, the optimizer's state and the history of losses.
absl::Status TrainToTheEnd(const std::string& checkpoint, const std::string& result,
                           int pipe = -1) {
  const auto trainer = MakeTrainer();
  if (access(checkpoint.c_str(), F_OK) == 0) NOMO_RETURN_IF_ERROR(trainer->Restore(checkpoint));
  const auto history = trainer->Fit(
      Data(IsPipeline(checkpoint)),
      {.epochs = 20,
       .batch_size = 12,
       .validation_data = {Samples(72, 96)[0], Samples(72, 96)[1]},
       .callbacks = {callbacks::EarlyStopping({.patience = 15, .restore_best_weights = true}),
                     callbacks::ReduceLROnPlateau(
                         {.monitor = "loss", .factor = 0.5, .patience = 1}),
                     std::make_shared<Reporter>(pipe, kWriting),
                     callbacks::ModelCheckpoint({.path = checkpoint, .save_freq = 1}),
                     std::make_shared<Reporter>(pipe, kTraining)},
       .verbose = Verbose::kSilent});
  NOMO_RETURN_IF_ERROR(history.status());
  return trainer->Save(result);
}

TEST(ResumeTest, Child) {
  const char* const checkpoint = std::getenv(kChildVariable);
  if (checkpoint == nullptr) return;  // what the test below starts
  int pipe = -1;
  ASSERT_TRUE(absl::SimpleAtoi(std::getenv(kPipeVariable), &pipe));
  const absl::Status status = TrainToTheEnd(checkpoint, absl::StrCat(checkpoint, ".end"), pipe);
  ASSERT_TRUE(status.ok()) << status;
}

// A process that trains, and what it tells.
class Child {
 public:
  explicit Child(const std::string& checkpoint) {
    int ends[2];
    NOMO_CHECK(pipe(ends) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      setenv(kChildVariable, checkpoint.c_str(), 1);
      setenv(kPipeVariable, absl::StrCat(ends[1]).c_str(), 1);
      execl("/proc/self/exe", "resume_test", "--gtest_filter=ResumeTest.Child", "--gtest_brief=1",
            nullptr);
      _exit(127);
    }
    close(ends[1]);
    pipe_ = FileDescriptor(ends[0]);
  }

  // Waits until it has told of `moment` so many times; false when it ends before.
  bool WaitFor(Moment moment, uint32_t times) {
    while (times > 0) {
      if (!ReadOne()) return false;
      if (last_ == moment) --times;
    }
    return true;
  }
  // Ends it: true when it was killed, false when it had come to its end in good order.
  bool Kill(Moment* at) {
    kill(pid_, SIGKILL);
    return !Wait(at);
  }
  bool Wait(Moment* at) {
    while (ReadOne()) {
    }
    *at = last_;
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    if (!WIFEXITED(status)) return false;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return true;
  }

 private:
  bool ReadOne() {
    char byte = 0;
    if (read(pipe_.get(), &byte, 1) != 1) return false;
    last_ = static_cast<Moment>(byte);
    return true;
  }
  pid_t pid_ = -1;
  FileDescriptor pipe_;
  Moment last_ = kStarting;
};

class Resume : public testing::TestWithParam<const char*> {};

// Half of the kills are aimed at a checkpoint that is being written, a few at the start of the
// process, where the checkpoint is read, the others at any moment of a step.
TEST_P(Resume, KilledAtAnyMoment) {
  if (std::getenv(kChildVariable) != nullptr) return;
  constexpr int kKills = 50;  // of each form of the data: a hundred in all
  const std::string whole = absl::StrCat(testing::TempDir(), "/resume_", GetParam(), "_whole.nomo");
  const std::string parts = absl::StrCat(testing::TempDir(), "/resume_", GetParam(), "_parts.nomo");
  for (const std::string& path : {whole, parts, parts + ".end"}) unlink(path.c_str());
  const absl::Status trained = TrainToTheEnd(whole, whole + ".end");
  ASSERT_TRUE(trained.ok()) << trained;
  const auto expected = ReadFile(whole + ".end");
  ASSERT_TRUE(expected.ok()) << expected.status();

  std::map<Moment, int> kills;
  int killed = 0, runs = 0;
  const PhiloxStream random(static_cast<uint64_t>(getpid()), 0, 0);
  for (uint64_t i = 0; runs == 0 || killed < kKills; ++i) {
    Child child(parts);
    Moment at = kStarting;
    if (killed < kKills) {
      const uint64_t kind = i % 10;
      if (kind > 0) child.WaitFor(kind < 6 ? kWriting : kTraining, 1 + random.At(2 * i) % 6);
      const uint32_t most = kind == 0 ? 40'000 : kind < 6 ? 1'500 : 300;
      std::this_thread::sleep_for(std::chrono::microseconds(random.At(2 * i + 1) % most));
      if (child.Kill(&at)) {
        ++kills[at];
        ++killed;
        continue;
      }
    } else {
      ASSERT_TRUE(child.Wait(&at));
    }
    // To the end, and from the beginning where that came early.
    ++runs;
    const auto found = ReadFile(parts + ".end");
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_TRUE(*expected == *found) << "after " << killed << " kills the bytes differ";
    for (const std::string& path : {parts, parts + ".end"}) unlink(path.c_str());
  }
  std::cout << killed << " kills in " << runs << " runs: " << kills[kWriting]
            << " while a checkpoint was written, " << kills[kTraining] << " in a step, "
            << kills[kStarting] << " while the process began\n";
  EXPECT_EQ(killed, kKills);
  EXPECT_GT(kills[kWriting], kKills / 10);
  EXPECT_GT(kills[kTraining], 0);
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
