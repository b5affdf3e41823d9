// Prefetch: elements read ahead in a thread.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/stage.h"

namespace nomograph {
namespace {

constexpr int64_t kMostPrefetched = 1'000'000;

class PrefetchStage : public Stage {
 public:
  PrefetchStage(IterationContext context, std::unique_ptr<Stage> input, int64_t count)
      : Stage(std::move(context)), input_(std::move(input)), most_(static_cast<size_t>(count)) {}

  ~PrefetchStage() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    space_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  bool Asynchronous() const override { return true; }

  void Work() {
    const MemoryScope scope(context_.state->memory);
    for (bool more = true; more;) {
      {
        std::unique_lock lock(mutex_);
        if (elements_.size() >= most_) {
          waits_for_space_ = true;
          // Being woken for each element would take longer than many an element does.
          space_.wait(lock, [&] { return stop_ || elements_.size() <= most_ / 2; });
          waits_for_space_ = false;
        }
        if (stop_) return;
      }
      StageResult next = Pull(*input_);
      more = next.ok() && next->has_value();
      bool first = false;
      {
        const std::lock_guard lock(mutex_);
        first = elements_.empty();
        elements_.push_back(std::move(next));
      }
      if (first) ready_.notify_one();  // else nobody waits
    }
  }

  StageResult DoNext() override {
    if (!thread_.joinable()) {
      NOMO_ASSIGN_OR_RETURN(thread_, StartThread([this] { Work(); }));
    }
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return !elements_.empty(); });
    // The end, or an error, stays for all further calls.
    if (!elements_.front().ok() || !elements_.front()->has_value()) return elements_.front();
    StageResult next = std::move(elements_.front());
    elements_.pop_front();
    const bool wake = waits_for_space_ && elements_.size() <= most_ / 2;
    lock.unlock();
    if (wake) space_.notify_one();
    return next;
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    return thread_.joinable() ? Stage::DoSkip(count) : PullSkip(*input_, count);
  }

  const std::unique_ptr<Stage> input_;
  const size_t most_;
  std::thread thread_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable ready_, space_;
  std::deque<StageResult> elements_;
  bool stop_ = false, waits_for_space_ = false;
};

class PrefetchNode : public DatasetNode {
 public:
  PrefetchNode(const std::shared_ptr<const DatasetNode>& input, int64_t count)
      : DatasetNode(absl::StrCat("Prefetch(", count, ")"), {input}, input->types(),
                    input->cardinality()),
        count_(count) {}

  absl::StatusOr<std::unique_ptr<Stage>> Start(IterationContext context) const override {
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
    return StartPrefetch(std::move(context), std::move(input), count_);
  }

 private:
  const int64_t count_;
};

absl::StatusOr<std::shared_ptr<const DatasetNode>> MakePrefetch(
    const std::shared_ptr<const DatasetNode>& input, int64_t count) {
  if (count < 1 || count > kMostPrefetched) {
    return InvalidArgument("Prefetch: the count is ", count, "; expected 1 to ", kMostPrefetched);
  }
  return std::make_shared<PrefetchNode>(input, count);
}

}  // namespace

std::unique_ptr<Stage> StartPrefetch(IterationContext context, std::unique_ptr<Stage> input,
                                     int64_t count) {
  return std::make_unique<PrefetchStage>(std::move(context), std::move(input), count);
}

Dataset Dataset::Prefetch(int64_t count) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakePrefetch(node_, count));
}

}  // namespace nomograph
