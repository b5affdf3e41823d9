// Callbacks that write files: ModelCheckpoint, CSVLogger, TensorBoard.
#include <cmath>
#include <cstdio>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/train/callbacks.h"
#include "nomograph/train/event_file.h"
#include "nomograph/train/monitor.h"

namespace nomograph::callbacks {
namespace {

// A number as a field says: "", "02d", "d", ".3f", ".2e".
absl::StatusOr<std::string> FormatNumber(double value, absl::string_view format) {
  if (format.empty()) {
    return value == std::floor(value) ? absl::StrFormat("%.0f", value) : absl::StrCat(value);
  }
  const char kind = format.back();
  std::string flags(format.substr(0, format.size() - 1));
  const bool known = flags.find_first_not_of("0123456789.") == std::string::npos &&
                     flags.size() <= 5 && (kind == 'd' || kind == 'f' || kind == 'e');
  if (!known)
    return InvalidArgument("path: expected a format such as 02d or .3f, found ", Quoted(format));
  const size_t point = flags.find('.');
  const int width = std::atoi(flags.substr(0, point).c_str());
  const int digits = point == std::string::npos ? 6 : std::atoi(flags.substr(point + 1).c_str());
  std::string text = kind == 'd'   ? absl::StrFormat("%.0f", value)
                     : kind == 'f' ? absl::StrFormat("%.*f", std::min(digits, 30), value)
                                   : absl::StrFormat("%.*e", std::min(digits, 30), value);
  const char fill = !flags.empty() && flags[0] == '0' ? '0' : ' ';
  while (static_cast<int>(text.size()) < std::min(width, 100)) text.insert(text.begin(), fill);
  return text;
}

// The path with its fields filled in.
absl::StatusOr<std::string> FillIn(const std::string& path, int64_t epoch, const Logs& logs) {
  std::string result;
  for (size_t at = 0; at < path.size();) {
    if (path[at] != '{') {
      result += path[at++];
      continue;
    }
    const size_t end = path.find('}', at);
    if (end == std::string::npos) return InvalidArgument("path: a { without } in ", Quoted(path));
    const std::string field = path.substr(at + 1, end - at - 1);
    const size_t colon = field.find(':');
    const std::string name = field.substr(0, colon);
    const auto found = logs.find(name);
    if (name != "epoch" && found == logs.end())
      return InvalidArgument("path: there is no ", Quoted(name), " in the logs");
    NOMO_ASSIGN_OR_RETURN(
        const std::string text,
        FormatNumber(name == "epoch" ? static_cast<double>(epoch + 1) : found->second,
                     colon == std::string::npos ? "" : field.substr(colon + 1)));
    result += text;
    at = end + 1;
  }
  return result;
}

class CheckpointCallback : public Callback {
 public:
  explicit CheckpointCallback(const ModelCheckpointOptions& options)
      : options_(options),
        monitor_(options.monitor, options.mode, 0, options.initial_value_threshold) {}
  std::string name() const override { return "ModelCheckpoint"; }

  absl::Status OnTrainBegin(Trainer& /*trainer*/) override {
    if (options_.save_freq && *options_.save_freq < 1)
      return InvalidArgument("save_freq: expected at least 1, found ", *options_.save_freq);
    return absl::OkStatus();
  }
  // Ahead of saving, so that what is saved knows what was best.
  absl::Status OnEpochEnd(Trainer& /*trainer*/, int64_t /*epoch*/, Logs& logs) override {
    due_ = !options_.save_freq;
    return due_ ? Judge(logs) : absl::OkStatus();
  }
  absl::Status OnBatchEnd(Trainer& trainer, int64_t /*batch*/, const Logs& logs) override {
    due_ = options_.save_freq && trainer.step() % *options_.save_freq == 0;
    return due_ ? Judge(logs) : absl::OkStatus();
  }
  absl::Status AfterEpoch(Trainer& trainer, int64_t epoch, const Logs& logs) override {
    return SaveIfDue(trainer, epoch, logs);
  }
  absl::Status AfterBatch(Trainer& trainer, int64_t /*batch*/, const Logs& logs) override {
    return SaveIfDue(trainer, static_cast<int64_t>(trainer.history().epoch.size()), logs);
  }

  NamedTensors SaveState() const override { return {{"best", PackNumbers({monitor_.best()})}}; }
  absl::Status RestoreState(const NamedTensors& state) override {
    double best = 0;
    NOMO_RETURN_IF_ERROR(UnpackNumbers(state, "best", {&best}));
    monitor_.set_best(best);
    return absl::OkStatus();
  }

 private:
  absl::Status Judge(const Logs& logs) {
    if (!options_.save_best_only) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(const double value, monitor_.Read(logs));
    due_ = monitor_.IsBetter(value);
    if (due_) monitor_.set_best(value);
    return absl::OkStatus();
  }

  absl::Status SaveIfDue(Trainer& trainer, int64_t epoch, const Logs& logs) {
    if (!std::exchange(due_, false) || !trainer.is_first()) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(const std::string path, FillIn(options_.path, epoch, logs));
    return options_.save_weights_only ? Save(trainer.model(), path) : trainer.Save(path);
  }

  const ModelCheckpointOptions options_;
  Monitor monitor_;
  bool due_ = false;
};

// The file is written anew each time, so that it is whole whenever the process ends.
class CsvCallback : public Callback {
 public:
  CsvCallback(std::string path, CsvLoggerOptions options)
      : path_(std::move(path)), options_(options) {}
  std::string name() const override { return "CSVLogger"; }

  absl::Status OnTrainBegin(Trainer& trainer) override {
    text_.clear();
    columns_.clear();
    if (options_.append || !trainer.history().epoch.empty()) {
      auto before = ReadFile(path_);
      if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
      if (before.ok()) text_ = *std::move(before);
    }
    return absl::OkStatus();
  }

  absl::Status OnEpochEnd(Trainer& trainer, int64_t epoch, Logs& logs) override {
    if (!trainer.is_first()) return absl::OkStatus();
    if (columns_.empty()) {
      for (const auto& [name, value] : logs) columns_.push_back(name);
      if (text_.empty()) {
        const std::string separator(1, options_.separator);
        absl::StrAppend(&text_, "epoch", separator, absl::StrJoin(columns_, separator), "\n");
      }
    }
    absl::StrAppend(&text_, epoch);
    for (const std::string& column : columns_) {
      text_ += options_.separator;
      const auto found = logs.find(column);
      text_ += found == logs.end() ? "NA" : absl::StrFormat("%.17g", found->second);
    }
    text_ += '\n';
    return WriteFileAtomically(path_, text_);
  }

 private:
  const std::string path_;
  const CsvLoggerOptions options_;
  std::string text_;
  std::vector<std::string> columns_;
};

class TensorBoardCallback : public Callback {
 public:
  TensorBoardCallback(std::string folder, TensorBoardOptions options)
      : folder_(std::move(folder)), options_(options) {}
  std::string name() const override { return "TensorBoard"; }

  absl::Status OnBatchEnd(Trainer& trainer, int64_t /*batch*/, const Logs& logs) override {
    if (!options_.update_freq || trainer.step() % *options_.update_freq != 0 ||
        !trainer.is_first()) {
      return absl::OkStatus();
    }
    for (const auto& [name, value] : logs)
      NOMO_RETURN_IF_ERROR(
          Write(train_, "train", absl::StrCat("batch_", name), value, trainer.step()));
    return absl::OkStatus();
  }

  absl::Status OnEpochEnd(Trainer& trainer, int64_t epoch, Logs& logs) override {
    if (!trainer.is_first()) return absl::OkStatus();
    Logs all = logs;
    all.emplace("learning_rate", trainer.learning_rate());
    for (const auto& [name, value] : all) {
      const bool validation = name.compare(0, 4, "val_") == 0;
      NOMO_RETURN_IF_ERROR(
          Write(validation ? validation_ : train_, validation ? "validation" : "train",
                absl::StrCat("epoch_", validation ? name.substr(4) : name), value, epoch));
    }
    for (auto* file : {&train_, &validation_}) {
      if (*file) NOMO_RETURN_IF_ERROR((*file)->Flush());
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Write(std::optional<EventFile>& file, absl::string_view part, std::string tag,
                     double value, int64_t step) {
    if (!file) {
      NOMO_ASSIGN_OR_RETURN(file, EventFile::Create(absl::StrCat(folder_, "/", part)));
    }
    return file->AddScalar(tag, value, step);
  }

  const std::string folder_;
  const TensorBoardOptions options_;
  std::optional<EventFile> train_, validation_;
};

}  // namespace

std::shared_ptr<Callback> ModelCheckpoint(const ModelCheckpointOptions& options) {
  return std::make_shared<CheckpointCallback>(options);
}

std::shared_ptr<Callback> CSVLogger(std::string path, CsvLoggerOptions options) {
  return std::make_shared<CsvCallback>(std::move(path), options);
}

std::shared_ptr<Callback> TensorBoard(std::string log_dir, TensorBoardOptions options) {
  return std::make_shared<TensorBoardCallback>(std::move(log_dir), options);
}

}  // namespace nomograph::callbacks
