// Map and Filter: functions of elements, in this thread or in several.
#include "nomograph/data/pipeline/map.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"

namespace nomograph {
namespace {

using NodeRef = std::shared_ptr<const DatasetNode>;
using NodeOr = absl::StatusOr<NodeRef>;

constexpr int kMaxParallel = 256;
// Places in the queue for each thread: so many that threads seldom wait for one another, because
// being woken takes longer than many a function.
constexpr int kPlacesPerThread = 8;

class MapNode : public DatasetNode {
 public:
  MapNode(std::string name, const NodeRef& input, MapWithContextFn function, MapOptions options)
      : DatasetNode(std::move(name), {input}, std::move(options.types),
                    options.on_error == OnError::kFail || input->cardinality() <= 0
                        ? input->cardinality()
                        : kUnknownCardinality,
                    /*draws_random_numbers=*/true),
        function_(std::move(function)),
        num_parallel_(options.num_parallel),
        on_error_(options.on_error) {}

  absl::StatusOr<std::unique_ptr<Stage>> Start(IterationContext context) const override;

  int num_parallel() const { return num_parallel_; }
  bool skips_errors() const { return on_error_ == OnError::kSkip; }
  absl::StatusOr<Element> Apply(Element element, const MapContext& context) const;

 private:
  const MapWithContextFn function_;
  const int num_parallel_;
  const OnError on_error_;
};

absl::StatusOr<Element> MapNode::Apply(Element element, const MapContext& context) const {
  absl::StatusOr<Element> result =
      CatchExceptions([&] { return function_(std::move(element), context); });
  absl::Status status = result.status();
  if (status.ok()) status = CheckElement(*result, types());
  if (status.ok()) return result;
  return Annotate(status, absl::StrCat(name(), ", element ", context.index));
}

class MapStage : public Stage {
 public:
  MapStage(IterationContext context, const MapNode& node, std::unique_ptr<Stage> input)
      : Stage(std::move(context)),
        node_(node),
        key_(node.Key(context_)),
        input_(std::move(input)) {}

 private:
  StageResult DoNext() override {
    while (true) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
      if (!element) return std::nullopt;
      absl::StatusOr<Element> result =
          node_.Apply(*std::move(element), {key_, index_++, &context_.state->cancel});
      if (result.ok()) return *std::move(result);
      if (!node_.skips_errors()) return result.status();
      CountSkipped();
    }
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    if (node_.skips_errors()) return Stage::DoSkip(count);
    NOMO_ASSIGN_OR_RETURN(const int64_t done, PullSkip(*input_, count));
    index_ += done;
    return done;
  }

  const MapNode& node_;
  const uint64_t key_;
  const std::unique_ptr<Stage> input_;
  int64_t index_ = 0;
};

// Each thread takes the next element of the input, under a lock, with a place in a queue, and puts
// its result there; the queue's front is what comes next, whoever is ready first. Who waits is
// woken only when there is enough to do: a thread when half of the places are free, the reader when
// the front is ready, and then it takes all that are.
class ParallelMapStage : public Stage {
 public:
  ParallelMapStage(IterationContext context, const MapNode& node, std::unique_ptr<Stage> input)
      : Stage(std::move(context)),
        node_(node),
        key_(node.Key(context_)),
        input_(std::move(input)) {}
  ~ParallelMapStage() override;

 private:
  struct Place {
    bool ready = false, skipped = false;
    bool last = false;  // the input has ended, or failed
    absl::Status status;
    Element element;
  };

  StageResult DoNext() override;
  absl::StatusOr<int64_t> DoSkip(int64_t count) override;
  bool Asynchronous() const override { return true; }

  void Work();
  // Takes a place and the element that belongs there. False when the thread is to end.
  bool TakeElement(Element& element, int64_t& index);
  void Deliver(int64_t index, Place place);
  // Waits for the front, and moves all that is ready from there on to taken_.
  void TakeReady();
  size_t most_places() const {
    return static_cast<size_t>(kPlacesPerThread) * static_cast<size_t>(node_.num_parallel());
  }

  const MapNode& node_;
  const uint64_t key_;
  const std::unique_ptr<Stage> input_;
  std::vector<std::thread> threads_;

  std::deque<Place> taken_;  // by the reader, and not yet yielded

  std::mutex input_mutex_;  // held while an element is taken; locked ahead of mutex_
  std::mutex mutex_;        // guards what follows
  std::condition_variable ready_, space_;
  std::deque<Place> places_;
  int64_t first_ = 0;  // the front's index
  bool stop_ = false;  // no more elements are taken
  bool waits_for_space_ = false;
};

ParallelMapStage::~ParallelMapStage() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  space_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool ParallelMapStage::TakeElement(Element& element, int64_t& index) {
  const std::lock_guard input_lock(input_mutex_);
  {
    std::unique_lock lock(mutex_);
    if (places_.size() >= most_places()) {
      waits_for_space_ = true;
      space_.wait(lock, [&] { return stop_ || places_.size() <= most_places() / 2; });
      waits_for_space_ = false;
    }
    if (stop_) return false;
    index = first_ + static_cast<int64_t>(places_.size());
    places_.emplace_back();
  }
  StageResult next = Pull(*input_);
  if (next.ok() && next->has_value()) {
    element = **std::move(next);
    return true;
  }
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  Deliver(index, {.last = true, .status = next.status()});
  return false;
}

void ParallelMapStage::Deliver(int64_t index, Place place) {
  bool front = false;
  {
    const std::lock_guard lock(mutex_);
    place.ready = true;
    places_[static_cast<size_t>(index - first_)] = std::move(place);
    front = index == first_;
  }
  if (front) ready_.notify_one();
}

void ParallelMapStage::Work() {
  const MemoryScope scope(context_.state->memory);
  Element element;
  int64_t index = 0;
  while (TakeElement(element, index)) {
    const Stopwatch watch;
    absl::StatusOr<Element> result =
        node_.Apply(std::move(element), {key_, index, &context_.state->cancel});
    AddBusy(watch.Ns());
    Place place;
    place.status = result.status();
    place.skipped = !result.ok() && node_.skips_errors();
    if (place.skipped) CountSkipped();
    if (result.ok()) place.element = *std::move(result);
    Deliver(index, std::move(place));
  }
}

StageResult ParallelMapStage::DoNext() {
  while (threads_.size() < static_cast<size_t>(node_.num_parallel())) {
    NOMO_ASSIGN_OR_RETURN(std::thread thread, StartThread([this] { Work(); }));
    threads_.push_back(std::move(thread));
  }
  while (true) {
    NOMO_RETURN_IF_ERROR(CheckCancelled());
    if (taken_.empty()) TakeReady();
    if (taken_.front().last) {  // for all further calls
      NOMO_RETURN_IF_ERROR(taken_.front().status);
      return std::nullopt;
    }
    Place place = std::move(taken_.front());
    taken_.pop_front();
    if (place.skipped) continue;
    NOMO_RETURN_IF_ERROR(place.status);
    return std::move(place.element);
  }
}

void ParallelMapStage::TakeReady() {
  bool wake = false;
  {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return !places_.empty() && places_.front().ready; });
    while (!places_.empty() && places_.front().ready) {
      taken_.push_back(std::move(places_.front()));
      places_.pop_front();
      ++first_;
    }
    wake = waits_for_space_ && places_.size() <= most_places() / 2;
  }
  if (wake) space_.notify_one();
}

absl::StatusOr<int64_t> ParallelMapStage::DoSkip(int64_t count) {
  if (node_.skips_errors() || !threads_.empty()) return Stage::DoSkip(count);
  NOMO_ASSIGN_OR_RETURN(const int64_t done, PullSkip(*input_, count));
  first_ += done;
  return done;
}

absl::StatusOr<std::unique_ptr<Stage>> MapNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
  if (num_parallel_ == 1)
    return std::make_unique<MapStage>(std::move(context), *this, std::move(input));
  return std::make_unique<ParallelMapStage>(std::move(context), *this, std::move(input));
}

class FilterNode : public DatasetNode {
 public:
  FilterNode(const NodeRef& input, FilterFn predicate)
      : DatasetNode("Filter", {input}, input->types(),
                    input->cardinality() == 0 ? 0 : kUnknownCardinality),
        predicate_(std::move(predicate)) {}
  absl::StatusOr<std::unique_ptr<Stage>> Start(IterationContext context) const override;
  const FilterFn& predicate() const { return predicate_; }

 private:
  const FilterFn predicate_;
};

class FilterStage : public Stage {
 public:
  FilterStage(IterationContext context, const FilterNode& node, std::unique_ptr<Stage> input)
      : Stage(std::move(context)), node_(node), input_(std::move(input)) {}

 private:
  StageResult DoNext() override {
    while (true) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
      if (!element) return std::nullopt;
      const absl::StatusOr<bool> keep =
          CatchExceptions([&] { return node_.predicate()(*element); });
      if (!keep.ok()) return Annotate(keep.status(), absl::StrCat("Filter, element ", index_));
      ++index_;
      if (*keep) return element;
    }
  }

  const FilterNode& node_;
  const std::unique_ptr<Stage> input_;
  int64_t index_ = 0;
};

absl::StatusOr<std::unique_ptr<Stage>> FilterNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
  return std::make_unique<FilterStage>(std::move(context), *this, std::move(input));
}

NodeOr MakeFilter(const NodeRef& input, FilterFn predicate) {
  if (predicate == nullptr) return InvalidArgument("Filter: there is no function");
  return std::make_shared<FilterNode>(input, std::move(predicate));
}

NodeOr MakeParseExample(const NodeRef& input, std::vector<ExampleFeature> features,
                        MapOptions options) {
  const std::vector<TensorType>& types = input->types();
  if (types[0].dtype != DType::kUInt8) {
    return InvalidArgument("ParseExample: expected a serialized Example, uint8[bytes]; found ",
                           types[0].ToString());
  }
  absl::StatusOr<ExampleParser> parser = ExampleParser::Create(std::move(features));
  if (!parser.ok()) return Annotate(parser.status(), "ParseExample");
  options.types = parser->types();
  auto parse = [parser = *std::move(parser)](Element element, const MapContext&) {
    return parser.Parse({reinterpret_cast<const char*>(element[0].raw_data()),
                         static_cast<size_t>(element[0].num_bytes())});
  };
  return MakeMap("ParseExample", input, std::move(parse), std::move(options));
}

}  // namespace

NodeOr MakeMap(std::string name, const NodeRef& input, MapWithContextFn function,
               MapOptions options) {
  if (function == nullptr) return InvalidArgument(name, ": there is no function");
  if (options.num_parallel < 1 || options.num_parallel > kMaxParallel) {
    return InvalidArgument(name, ": num_parallel is ", options.num_parallel, "; expected 1 to ",
                           kMaxParallel);
  }
  if (options.types.empty()) options.types = input->types();
  return std::make_shared<MapNode>(std::move(name), input, std::move(function), std::move(options));
}

Dataset Dataset::Map(MapFn function, MapOptions options) const {
  if (node_ == nullptr) return *this;
  MapWithContextFn with_context;
  if (function != nullptr) {
    with_context = [function = std::move(function)](Element element, const MapContext&) {
      return function(std::move(element));
    };
  }
  return Map(std::move(with_context), std::move(options));
}

Dataset Dataset::Map(MapWithContextFn function, MapOptions options) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeMap("Map", node_, std::move(function), std::move(options)));
}

Dataset Dataset::Filter(FilterFn predicate) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeFilter(node_, std::move(predicate)));
}

Dataset Dataset::ParseExample(std::vector<ExampleFeature> features, MapOptions options) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeParseExample(node_, std::move(features), std::move(options)));
}

}  // namespace nomograph
