#include "nomograph/train/callbacks.h"

#include <dirent.h>
#include <unistd.h>

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/data/pipeline/tfrecord.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/train/event_file.h"
#include "nomograph/train/progress.h"

namespace nomograph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Tensor kX = Tensor::Of<float>({4, 2}, {1, 2, -1, 0.5f, 3, -2, 0.25f, 1});
const Tensor kY = Tensor::Of<float>({4, 1}, {1, -1, 2, 0});

std::unique_ptr<Trainer> MakeTrainer(double learning_rate = 0.05) {
  auto model = Sequential({Input({2}), Dense(1, {.name = "line"})}).Build();
  NOMO_CHECK(model.ok());
  auto trainer =
      Trainer::Create(*model, {.optimizer = optimizers::SGD({.learning_rate = learning_rate}),
                               .loss = losses::MeanSquaredError()});
  NOMO_CHECK(trainer.ok());
  return *std::move(trainer);
}

// Puts numbers in the place of a log, by epoch; the last one stays.
std::shared_ptr<Callback> Script(std::string name, std::vector<double> values) {
  return callbacks::LambdaCallback({.on_epoch_end = [=](Trainer&, int64_t epoch, Logs& logs) {
    logs[name] = values[std::min<size_t>(epoch, values.size() - 1)];
    return absl::OkStatus();
  }});
}

absl::StatusOr<History> FitWith(Trainer& trainer, std::vector<std::shared_ptr<Callback>> list,
                                int64_t epochs) {
  return trainer.Fit({kX, kY}, {.epochs = epochs,
                                .batch_size = 2,
                                .callbacks = std::move(list),
                                .verbose = Verbose::kSilent});
}

struct StopCase {
  const char* name;
  callbacks::EarlyStoppingOptions options;
  std::vector<double> values;
  size_t epochs;
};

TEST(CallbacksTest, EarlyStopping) {
  const StopCase cases[] = {
      {"at once", {.monitor = "x"}, {3, 2, 2, 1}, 3},
      {"patience", {.monitor = "x", .patience = 2}, {3, 2, 2, 1.5, 2, 2, 2}, 6},
      {"less than min_delta",
       {.monitor = "x", .min_delta = 0.5, .patience = 1},
       {3, 2, 1.8, 1.7},
       3},
      {"by its name it grows", {.monitor = "val_accuracy"}, {0.5, 0.6, 0.6}, 3},
      {"told to grow", {.monitor = "x", .mode = callbacks::Mode::kMax}, {1, 2, 3, 2.5}, 4},
      {"later", {.monitor = "x", .start_from_epoch = 3}, {1, 2, 3, 4, 5}, 5},
      {"below the baseline", {.monitor = "x", .patience = 2, .baseline = 1}, {3, 2.5, 2.25}, 4},
  };
  for (const StopCase& c : cases) {
    const auto trainer = MakeTrainer();
    const auto history = FitWith(
        *trainer, {Script(c.options.monitor, c.values), callbacks::EarlyStopping(c.options)}, 9);
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_EQ(history->epoch.size(), c.epochs) << c.name;
  }
  const auto missing = FitWith(*MakeTrainer(), {callbacks::EarlyStopping()}, 2);
  EXPECT_THAT(missing.status().message(),
              HasSubstr("callback EarlyStopping: monitor: there is no \"val_loss\" in the logs, "
                        "which have loss"));
}

TEST(CallbacksTest, EarlyStoppingPutsTheBestWeightsBack) {
  const auto trainer = MakeTrainer();
  Tensor best;
  const auto keep =
      callbacks::LambdaCallback({.on_epoch_end = [&](Trainer& t, int64_t epoch, Logs&) {
        if (epoch == 1) best = t.Weights()->at("line/kernel");
        return absl::OkStatus();
      }});
  const auto history = FitWith(
      *trainer,
      {Script("x", {2, 1, 3}), keep,
       callbacks::EarlyStopping({.monitor = "x", .patience = 3, .restore_best_weights = true})},
      20);
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->epoch.size(), 5u);
  EXPECT_TRUE(*trainer->model().GetWeight("line/kernel") == best);
}

std::unique_ptr<Trainer> TrainerWith(const Optimizer& optimizer) {
  auto model = Sequential({Input({2}), Dense(1, {.name = "line"})}).Build();
  NOMO_CHECK(model.ok());
  auto trainer =
      Trainer::Create(*model, {.optimizer = optimizer, .loss = losses::MeanSquaredError()});
  NOMO_CHECK(trainer.ok());
  return *std::move(trainer);
}

Tensor Kernel(Trainer& trainer) { return *trainer.model().GetWeight("line/kernel"); }

// A run that a callback ends with an error, as a kill would, and one that is begun anew beside it.
TEST(CallbacksTest, BackupAndRestore) {
  const std::string path = testing::TempDir() + "/backup.nomo";
  std::remove(path.c_str());
  for (const std::optional<int64_t> save_freq : {std::optional<int64_t>(), {3}}) {
    const auto whole = TrainerWith(optimizers::Adam());
    ASSERT_TRUE(FitWith(*whole, {}, 6).ok());
    const auto backup = [&] {
      return callbacks::BackupAndRestore({.path = path, .save_freq = save_freq});
    };
    const auto fails = callbacks::LambdaCallback({.on_epoch_begin = [](Trainer&, int64_t epoch) {
      return epoch == 4 ? absl::AbortedError("killed") : absl::OkStatus();
    }});
    const auto first = TrainerWith(optimizers::Adam());
    EXPECT_TRUE(absl::IsAborted(FitWith(*first, {backup(), fails}, 6).status()));
    const auto second = TrainerWith(optimizers::Adam());
    const auto history = FitWith(*second, {backup()}, 6);
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_THAT(history->epoch, ElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_EQ(history->metrics, whole->history().metrics);
    EXPECT_TRUE(Kernel(*second) == Kernel(*whole));
    EXPECT_TRUE(absl::IsNotFound(ReadFile(path).status()));  // training has ended
  }
}

// What an epoch's validation sees, with the averages of the weights by hand.
TEST(CallbacksTest, SwapEMAWeights) {
  const Optimizer sgd = optimizers::SGD({}, {.use_ema = true, .ema_momentum = 0.5});
  for (const bool on_epoch : {false, true}) {
    const auto trainer = TrainerWith(sgd), plain = TrainerWith(optimizers::SGD());
    std::vector<Tensor> own, seen;
    const auto look =
        callbacks::LambdaCallback({.on_epoch_end = [&](Trainer& t, int64_t, Logs& logs) {
          seen.push_back(Kernel(t));
          const auto tested = t.Evaluate({kX, kY});
          EXPECT_TRUE(tested.ok());
          EXPECT_EQ(std::abs(tested->at("loss") - logs.at("val_loss")) < 1e-6, on_epoch);
          return absl::OkStatus();
        }});
    const auto keep =
        callbacks::LambdaCallback({.on_batch_end = [&](Trainer& t, int64_t, const Logs&) {
          own.push_back(Kernel(t));
          return absl::OkStatus();
        }});
    const auto fit = [&](Trainer& t, std::vector<std::shared_ptr<Callback>> list) {
      return t.Fit({kX, kY}, {.epochs = 3,
                              .batch_size = 2,
                              .validation_data = {kX, kY},
                              .callbacks = std::move(list),
                              .verbose = Verbose::kSilent});
    };
    const auto history =
        fit(*trainer, {callbacks::SwapEMAWeights({.swap_on_epoch = on_epoch}), look});
    ASSERT_TRUE(history.ok()) << history.status();
    ASSERT_TRUE(fit(*plain, {keep}).ok());
    ASSERT_EQ(own.size(), 6u);
    double mean = own[0].AsDouble(0);
    for (size_t batch = 0; batch < own.size(); ++batch) {
      if (batch > 0) mean = 0.5 * mean + 0.5 * own[batch].AsDouble(0);
      if (batch % 2 == 0) continue;
      EXPECT_NEAR(seen[batch / 2].AsDouble(0), on_epoch ? mean : own[batch].AsDouble(0), 1e-6);
    }
    EXPECT_NEAR(Kernel(*trainer).AsDouble(0), mean, 1e-6);  // as it ends without the callback
    EXPECT_NE(history->metrics.at("val_loss"), plain->history().metrics.at("val_loss"));
  }
  const auto trainer = TrainerWith(optimizers::SGD());
  const auto none = trainer->Fit({kX, kY}, {.validation_data = {kX, kY},
                                            .callbacks = {callbacks::SwapEMAWeights()},
                                            .verbose = Verbose::kSilent});
  EXPECT_THAT(none.status().message(), HasSubstr("expected use_ema"));
}

// Fit() twice is Fit() once, whose model is the mean all along.
TEST(CallbacksTest, ScheduleFreeGoesOnFromWhereItWas) {
  const Optimizer optimizer = optimizers::ScheduleFreeAdamW({.learning_rate = 0.1});
  const auto once = TrainerWith(optimizer), twice = TrainerWith(optimizer);
  ASSERT_TRUE(FitWith(*once, {}, 4).ok());
  ASSERT_TRUE(FitWith(*twice, {}, 2).ok());
  const std::string path = testing::TempDir() + "/schedule_free.nomo";
  ASSERT_TRUE(twice->Save(path).ok());
  const auto restored = TrainerWith(optimizer);
  ASSERT_TRUE(restored->Restore(path).ok());
  EXPECT_TRUE(Kernel(*restored) == Kernel(*twice));
  // What is saved in the middle of an epoch is the mean, too, and makes no difference to training.
  std::vector<Tensor> saved;
  const auto look =
      callbacks::LambdaCallback({.on_batch_end = [&](Trainer& t, int64_t, const Logs&) {
        saved.push_back(Kernel(t));
        return absl::OkStatus();
      }});
  ASSERT_TRUE(FitWith(*restored, {look}, 4).ok());
  EXPECT_TRUE(Kernel(*restored) == Kernel(*once));
  EXPECT_TRUE(saved.back() == Kernel(*once));
  const auto loss = once->Evaluate({kX, kY});
  ASSERT_TRUE(loss.ok());
  const auto mean = once->Predict(kX);
  ASSERT_TRUE(mean.ok());
  double sum = 0;
  for (int i = 0; i < 4; ++i) sum += std::pow(mean->AsDouble(i) - kY.AsDouble(i), 2) / 4;
  EXPECT_NEAR(loss->at("loss"), sum, 1e-6);
}

TEST(CallbacksTest, ReduceLROnPlateau) {
  const auto trainer = MakeTrainer(0.08);
  const auto history =
      FitWith(*trainer,
              {Script("x", {3, 2, 2, 2, 2, 2, 2}),
               callbacks::ReduceLROnPlateau(
                   {.monitor = "x", .factor = 0.5, .patience = 2, .cooldown = 1, .min_lr = 0.03})},
              8);
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_THAT(history->metrics.at("learning_rate"),
              ElementsAre(0.08, 0.08, 0.08, 0.08, 0.04, 0.04, 0.03, 0.03));
}

TEST(CallbacksTest, LearningRateSchedulerAndOrder) {
  std::vector<std::string> seen;
  const auto note = [&](std::string what) {
    seen.push_back(std::move(what));
    return absl::OkStatus();
  };
  const auto trainer = MakeTrainer();
  const auto history = FitWith(
      *trainer,
      {callbacks::LearningRateScheduler(
           [](int64_t epoch, double rate) { return epoch == 0 ? 0.5 : rate / 2; }),
       callbacks::LambdaCallback(
           {.on_train_begin = [&](Trainer&) { return note("begin"); },
            .on_train_end = [&](Trainer&) { return note("end"); },
            .on_epoch_begin = [&](Trainer&, int64_t e) { return note(absl::StrCat("epoch ", e)); },
            .on_epoch_end = [&](Trainer&, int64_t e,
                                Logs&) { return note(absl::StrCat("ended ", e)); },
            .on_batch_begin = [&](Trainer&, int64_t b) { return note(absl::StrCat("batch ", b)); },
            .on_batch_end =
                [&](Trainer&, int64_t b, const Logs& logs) {
                  return note(absl::StrCat("done ", b, logs.contains("loss") ? "" : "!"));
                }})},
      2);
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_THAT(history->metrics.at("learning_rate"), ElementsAre(0.5, 0.25));
  EXPECT_THAT(seen,
              ElementsAre("begin", "epoch 0", "batch 0", "done 0", "batch 1", "done 1", "ended 0",
                          "epoch 1", "batch 0", "done 0", "batch 1", "done 1", "ended 1", "end"));
}

TEST(CallbacksTest, CsvLogger) {
  const std::string path = testing::TempDir() + "/log.csv";
  unlink(path.c_str());
  const auto trainer = MakeTrainer();
  ASSERT_TRUE(FitWith(*trainer, {Script("x", {0.5, 0.25}), callbacks::CSVLogger(path)}, 2).ok());
  const auto text = ReadFile(path);
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text,
              testing::MatchesRegex("epoch,loss,x\n0,[0-9.e-]+,0\\.5\n1,[0-9.e-]+,0\\.25\n"));
}

TEST(CallbacksTest, ModelCheckpoint) {
  const std::string path = testing::TempDir() + "/best_{epoch:02d}_{x:.2f}.nomo";
  const auto trainer = MakeTrainer();
  ASSERT_TRUE(
      FitWith(*trainer,
              {Script("x", {2, 1.25, 1.5, 0.5}),
               callbacks::ModelCheckpoint({.path = path, .monitor = "x", .save_best_only = true})},
              4)
          .ok());
  for (const auto& [name, there] : {std::pair{"best_01_2.00", true},
                                    {"best_02_1.25", true},
                                    {"best_03_1.50", false},
                                    {"best_04_0.50", true}}) {
    const std::string file = absl::StrCat(testing::TempDir(), "/", name, ".nomo");
    EXPECT_EQ(access(file.c_str(), F_OK) == 0, there) << name;
    unlink(file.c_str());
  }
  const auto fault = FitWith(*trainer, {callbacks::ModelCheckpoint({.path = "{y}.nomo"})}, 1);
  EXPECT_THAT(fault.status().message(), HasSubstr("there is no \"y\" in the logs"));
}

TEST(CallbacksTest, TerminateOnNanNamesTheNode) {
  const Value x = Input({2}, {.name = "x"});
  const Value y = Call("math.Log", {Dense(1, {.name = "line"})(x)}, {}, {.name = "bad_log"});
  auto model = BuildModel({x}, {y});
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_TRUE(model->SetWeight("line/kernel", Tensor::Of<float>({2, 1}, {-1, -1})).ok());
  const auto trainer = Trainer::Create(*model, {.loss = losses::MeanSquaredError()});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto history = FitWith(**trainer, {callbacks::TerminateOnNaN()}, 1);
  EXPECT_THAT(history.status().message(),
              testing::AllOf(HasSubstr("the loss is nan"), HasSubstr("bad_log")));
}

// What MakeProgress() writes in two epochs of two batches.
std::string Shown(Verbose verbose) {
  std::FILE* const file = std::tmpfile();
  const auto trainer = MakeTrainer();
  NOMO_CHECK(
      FitWith(*trainer, {Script("x\x1b[2J", {0.5, 1234567}), MakeProgress(verbose, file)}, 2).ok());
  std::rewind(file);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

TEST(CallbacksTest, Progress) {
  EXPECT_THAT(
      Shown(Verbose::kEpochs),
      testing::MatchesRegex(
          "Epoch 1/2 - 0s - [0-9]+[mu]s/step - loss: [0-9.]+ - x\\\\x1b\\[2J: 0.5000\n"
          "Epoch 2/2 - 0s - [0-9]+[mu]s/step - loss: [0-9.]+ - x\\\\x1b\\[2J: 1.2346e\\+06\n"));
  const std::string bar = Shown(Verbose::kBar);
  EXPECT_THAT(bar, testing::StartsWith("Epoch 1/2\n\r2/2 ━━━━━━━━━━━━━━━━━━━━ 0s "));
  EXPECT_THAT(bar, HasSubstr("\nEpoch 2/2\n\r2/2 ━"));
  EXPECT_EQ(MakeProgress(Verbose::kSilent), nullptr);
}

// The records are read by the reader of TFRecord, and the event's bytes are those that protoc gives
// for: wall_time: 1.5 step: 300 summary { value { tag: "loss" simple_value: 0.25 } }
TEST(CallbacksTest, TensorBoard) {
  const std::string expected(
      "\x09\0\0\0\0\0\0\xf8\x3f\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\x80\x3e", 27);
  EXPECT_EQ(ScalarEvent(1.5, "loss", 0.25, 300), expected);
  const std::string folder = absl::StrCat(testing::TempDir(), "/board_", getpid());
  const auto trainer = MakeTrainer();
  const auto history = trainer->Fit({kX, kY}, {.epochs = 3,
                                               .validation_data = {kX, kY},
                                               .callbacks = {callbacks::TensorBoard(folder)},
                                               .verbose = Verbose::kSilent});
  ASSERT_TRUE(history.ok()) << history.status();
  for (const auto& [part, count] : {std::pair{"train", 1 + 2 * 3}, {"validation", 1 + 3}}) {
    const std::string place = absl::StrCat(folder, "/", part);
    DIR* const listing = opendir(place.c_str());
    ASSERT_NE(listing, nullptr);
    std::string file;
    while (const dirent* const entry = readdir(listing)) {
      if (entry->d_name[0] != '.') file = absl::StrCat(place, "/", entry->d_name);
    }
    closedir(listing);
    const auto bytes = ReadFile(file);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    TfRecordReader reader(*bytes);
    int records = 0;
    while (true) {
      const auto record = reader.Next();
      ASSERT_TRUE(record.ok()) << record.status();
      if (!*record) break;
      if (records++ == 0) {
        EXPECT_THAT(std::string(**record), HasSubstr("brain.Event:2"));
      }
    }
    EXPECT_EQ(records, count);
  }
}

}  // namespace
}  // namespace nomograph
