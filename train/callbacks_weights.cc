// BackupAndRestore, SwapEMAWeights.
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/train/callbacks.h"

namespace nomograph::callbacks {
namespace {

class BackupCallback : public Callback {
 public:
  explicit BackupCallback(const BackupAndRestoreOptions& options) : options_(options) {}
  std::string name() const override { return "BackupAndRestore"; }

  absl::Status BeforeTrain(Trainer& trainer) override {
    if (options_.path.empty()) return InvalidArgument("path: expected a file, found none");
    if (options_.save_freq && *options_.save_freq < 1)
      return InvalidArgument("save_freq: expected at least 1, found ", *options_.save_freq);
    const bool none = absl::IsNotFound(InputFile::Open(options_.path).status());
    return none ? absl::OkStatus() : trainer.Restore(options_.path);
  }
  absl::Status AfterBatch(Trainer& trainer, int64_t /*batch*/, const Logs& /*logs*/) override {
    const bool due = options_.save_freq && trainer.step() % *options_.save_freq == 0;
    return due ? trainer.Save(options_.path) : absl::OkStatus();
  }
  absl::Status AfterEpoch(Trainer& trainer, int64_t /*epoch*/, const Logs& /*logs*/) override {
    return options_.save_freq ? absl::OkStatus() : trainer.Save(options_.path);
  }
  absl::Status OnTrainEnd(Trainer& trainer) override {
    if (!options_.delete_checkpoint || !trainer.is_first()) return absl::OkStatus();
    if (std::remove(options_.path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("deleting ", QuotedPath(options_.path)));
  }

 private:
  const BackupAndRestoreOptions options_;
};

class SwapCallback : public Callback {
 public:
  explicit SwapCallback(SwapEMAWeightsOptions options) : options_(options) {}
  std::string name() const override { return "SwapEMAWeights"; }

  absl::Status OnTestBegin(Trainer& trainer) override { return trainer.UseAverages(true); }
  absl::Status OnTestEnd(Trainer& trainer) override { return trainer.UseAverages(false); }
  // The next step takes them away again.
  absl::Status OnEpochEnd(Trainer& trainer, int64_t /*epoch*/, Logs& /*logs*/) override {
    return options_.swap_on_epoch ? trainer.UseAverages(true) : absl::OkStatus();
  }

 private:
  const SwapEMAWeightsOptions options_;
};

}  // namespace

std::shared_ptr<Callback> BackupAndRestore(const BackupAndRestoreOptions& options) {
  return std::make_shared<BackupCallback>(options);
}

std::shared_ptr<Callback> SwapEMAWeights(SwapEMAWeightsOptions options) {
  return std::make_shared<SwapCallback>(options);
}

}  // namespace nomograph::callbacks
