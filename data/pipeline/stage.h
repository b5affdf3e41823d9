// What a pipeline is made of. A node says what a stage does and never changes; each iteration has a
// stage of it, which has threads, buffers and a place in its files.
//
// A stage must yield the same elements in the same order in every iteration of one seed and epoch.
// That is what positions rely on: they count elements, and Skip() passes over them.
#ifndef NOMOGRAPH_DATA_PIPELINE_STAGE_H_
#define NOMOGRAPH_DATA_PIPELINE_STAGE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/data/pipeline/element.h"
#include "nomograph/data/pipeline/stats.h"

namespace nomograph {

using StageResult = absl::StatusOr<std::optional<Element>>;

// What is measured of a stage. Stages of equal name on one input of another (the files of
// Interleave(), the passes of Repeat()) are measured together.
struct StageRecord {
  std::string name;
  std::atomic<int64_t> elements{0}, skipped{0}, busy_ns{0}, waiting_ns{0};
  std::map<std::string, std::unique_ptr<StageRecord>> inputs;  // by name
  std::vector<const StageRecord*> order;                       // of `inputs`, as they came up
};

// What all stages of an iteration share.
struct IterationState {
  explicit IterationState(int64_t memory_limit)
      : memory(std::make_shared<MemoryAccount>(memory_limit)) {}

  std::atomic<bool> cancel{false};  // the iterator is being destroyed
  const std::shared_ptr<MemoryAccount> memory;
  std::mutex records_mutex;  // guards the shape of the tree, not the counters
  StageRecord records;       // of the outermost stage
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

class DatasetNode;

struct IterationContext {
  std::shared_ptr<IterationState> state;
  StageRecord* record = nullptr;
  // Random numbers are keyed by these and by the stage.
  uint64_t seed = 0;
  uint64_t pass = 0;    // the epoch, and which pass of Repeat() in it
  uint64_t branch = 0;  // which inputs of stages that have several lead here

  // Of another pass over what is below, or of one of several inputs. Number 0 changes nothing, so
  // that Repeat(1) does not, nor Concatenate() its first dataset.
  IterationContext WithPass(uint64_t number) const;
  IterationContext WithBranch(uint64_t number) const;
};

class Stage {
 public:
  virtual ~Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // The next element; nullopt at the end, and ever after.
  StageResult Next();
  // Passes over up to `count` elements as if Next() had been called so often. How many there were:
  // fewer only at the end.
  absl::StatusOr<int64_t> Skip(int64_t count);

 protected:
  explicit Stage(IterationContext context) : context_(std::move(context)) {}

  virtual StageResult DoNext() = 0;
  // Calls DoNext() so often.
  virtual absl::StatusOr<int64_t> DoSkip(int64_t count);
  // Whether the stage's work is done by threads of its own, which call AddBusy().
  virtual bool Asynchronous() const { return false; }

  // input.Next(), and the time is this stage's waiting.
  StageResult Pull(Stage& input);
  absl::StatusOr<int64_t> PullSkip(Stage& input, int64_t count);
  // Cancelled when the iterator is being destroyed: for loops that may not end.
  absl::Status CheckCancelled() const;
  void CountSkipped() { context_.record->skipped.fetch_add(1, std::memory_order_relaxed); }
  void AddBusy(int64_t ns) { context_.record->busy_ns.fetch_add(ns, std::memory_order_relaxed); }

  const IterationContext context_;

 private:
  void AddWaiting(int64_t ns);

  int64_t waited_ns_ = 0;  // in this call of Next()
};

class DatasetNode {
 public:
  using Inputs = std::vector<std::shared_ptr<const DatasetNode>>;

  virtual ~DatasetNode() = default;
  DatasetNode(const DatasetNode&) = delete;
  DatasetNode& operator=(const DatasetNode&) = delete;

  // With its parameters: "Batch(32)".
  const std::string& name() const { return name_; }
  const Inputs& inputs() const { return inputs_; }
  const std::vector<TensorType>& types() const { return types_; }
  int64_t cardinality() const { return cardinality_; }
  int depth() const { return depth_; }
  // That an iteration has, this one and those below it; no more than kManyStages are counted.
  static constexpr int64_t kManyStages = 1'000'000;
  int64_t stages() const { return stages_; }
  // The stage's number among those on its way to the source that draw random numbers. Stages that
  // come later in the pipeline, and those that draw none, do not change it.
  uint64_t random_number() const { return random_; }
  // The key of this stage's random numbers.
  uint64_t Key(const IterationContext& context) const;

  // REQUIRES: context.record is this node's.
  virtual absl::StatusOr<std::unique_ptr<Stage>> Start(IterationContext context) const = 0;
  // Starts input `index`.
  absl::StatusOr<std::unique_ptr<Stage>> StartInput(const IterationContext& context,
                                                    size_t index = 0) const;

 protected:
  DatasetNode(std::string name, Inputs inputs, std::vector<TensorType> types, int64_t cardinality,
              bool draws_random_numbers = false);

 private:
  const std::string name_;
  const Inputs inputs_;
  const std::vector<TensorType> types_;
  const int64_t cardinality_;
  int depth_ = 1;
  int64_t stages_ = 1;
  uint64_t random_ = 0;
};

// For input `place` of the stage whose context this is, measured under `name`.
IterationContext InputContext(const IterationContext& context, const std::string& name,
                              size_t place);
// Starts `node` there.
absl::StatusOr<std::unique_ptr<Stage>> StartNode(const DatasetNode& node,
                                                 const IterationContext& context, size_t place);

// InvalidArgument, naming the component, unless the element has these types.
absl::Status CheckElement(const Element& element, const std::vector<TensorType>& types);
// The same tensor, which cannot be written to any more.
Tensor ReadOnly(const Tensor& tensor);
// Of all that makes the elements what they are, as far as it can be seen from outside: what a C++
// function computes cannot.
uint64_t PipelineHash(const DatasetNode& node);
// The types that all inputs of the stage `name` have. InvalidArgument where numbers of components
// or dtypes differ. REQUIRES: there is one.
absl::StatusOr<std::vector<TensorType>> CommonTypes(absl::string_view name,
                                                    const DatasetNode::Inputs& inputs);
// "{uint8[28,28], int64[]}".
std::string TypesText(const std::vector<TensorType>& types);

// A stage of another stage's elements that does its own part in a thread: see prefetch.cc.
std::unique_ptr<Stage> StartPrefetch(IterationContext context, std::unique_ptr<Stage> input,
                                     int64_t count);

// ResourceExhausted where the system has no more threads.
absl::StatusOr<std::thread> StartThread(std::function<void()> work);

class Stopwatch {
 public:
  int64_t Ns() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() -
                                                                start_)
        .count();
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_STAGE_H_
