// The transformations that choose and order elements and look into none: Repeat, Take, Skip, Shard,
// Concatenate and Zip.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/stage.h"

namespace nomograph {
namespace {

using NodeRef = std::shared_ptr<const DatasetNode>;
using NodeOr = absl::StatusOr<NodeRef>;
using StageOr = absl::StatusOr<std::unique_ptr<Stage>>;

constexpr int64_t kAll = std::numeric_limits<int64_t>::max();

// ---- Repeat ----

int64_t RepeatCardinality(int64_t input, int64_t count) {
  if (input == 0 || count == 0) return 0;
  if (input < 0) return input;
  if (count < 0) return kInfiniteCardinality;
  return input > kAll / count ? kUnknownCardinality : input * count;
}

class RepeatNode : public DatasetNode {
 public:
  RepeatNode(const NodeRef& input, int64_t count)
      : DatasetNode(count < 0 ? "Repeat" : absl::StrCat("Repeat(", count, ")"), {input},
                    input->types(), RepeatCardinality(input->cardinality(), count)),
        count_(count) {}
  StageOr Start(IterationContext context) const override;
  int64_t count() const { return count_; }

 private:
  const int64_t count_;
};

class RepeatStage : public Stage {
 public:
  RepeatStage(IterationContext context, const RepeatNode& node)
      : Stage(std::move(context)), node_(node) {}

 private:
  bool Ended() const { return ended_ || (node_.count() >= 0 && pass_ >= node_.count()); }

  absl::Status StartPass() {
    if (input_ != nullptr) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(input_,
                          node_.StartInput(context_.WithPass(static_cast<uint64_t>(pass_))));
    empty_ = true;
    return absl::OkStatus();
  }

  void EndPass() {
    input_ = nullptr;
    ++pass_;
    ended_ = empty_;  // the others would be empty, too, without end
  }

  StageResult DoNext() override {
    while (!Ended()) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      NOMO_RETURN_IF_ERROR(StartPass());
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
      if (element) {
        empty_ = false;
        return element;
      }
      EndPass();
    }
    return std::nullopt;
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    int64_t done = 0;
    const int64_t a_pass = node_.inputs()[0]->cardinality();
    while (done < count && !Ended()) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      if (input_ == nullptr && a_pass > 0) {  // whole passes need not be walked through
        const int64_t left = node_.count() < 0 ? kAll : node_.count() - pass_;
        const int64_t passes = std::min((count - done) / a_pass, left);
        pass_ += passes;
        done += passes * a_pass;
        if (done == count || Ended()) break;
      }
      NOMO_RETURN_IF_ERROR(StartPass());
      NOMO_ASSIGN_OR_RETURN(const int64_t skipped, PullSkip(*input_, count - done));
      if (skipped > 0) empty_ = false;
      done += skipped;
      if (done < count) EndPass();
    }
    return done;
  }

  const RepeatNode& node_;
  std::unique_ptr<Stage> input_;
  int64_t pass_ = 0;
  bool empty_ = true, ended_ = false;
};

StageOr RepeatNode::Start(IterationContext context) const {
  return std::make_unique<RepeatStage>(std::move(context), *this);
}

// ---- Take and Skip ----

int64_t RangeCardinality(int64_t input, int64_t skip, int64_t take) {
  if (take == 0) return 0;
  if (input == kInfiniteCardinality) return take == kAll ? kInfiniteCardinality : take;
  if (input == kUnknownCardinality) return kUnknownCardinality;
  return std::min(std::max<int64_t>(input - skip, 0), take);
}

// Elements [skip, skip + take).
class RangeOfNode : public DatasetNode {
 public:
  RangeOfNode(std::string name, const NodeRef& input, int64_t skip, int64_t take)
      : DatasetNode(std::move(name), {input}, input->types(),
                    RangeCardinality(input->cardinality(), skip, take)),
        skip_(skip),
        take_(take) {}
  StageOr Start(IterationContext context) const override;
  int64_t skip() const { return skip_; }
  int64_t take() const { return take_; }

 private:
  const int64_t skip_, take_;
};

class RangeOfStage : public Stage {
 public:
  RangeOfStage(IterationContext context, const RangeOfNode& node, std::unique_ptr<Stage> input)
      : Stage(std::move(context)),
        input_(std::move(input)),
        lead_(node.skip()),
        left_(node.take()) {}

 private:
  absl::Status PassLead() {
    if (lead_ == 0) return absl::OkStatus();
    NOMO_RETURN_IF_ERROR(PullSkip(*input_, std::exchange(lead_, 0)).status());
    return absl::OkStatus();
  }
  StageResult DoNext() override {
    if (left_ == 0) return std::nullopt;
    NOMO_RETURN_IF_ERROR(PassLead());
    if (left_ != kAll) --left_;
    return Pull(*input_);
  }
  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    NOMO_RETURN_IF_ERROR(PassLead());
    count = std::min(count, left_);
    if (left_ != kAll) left_ -= count;
    return PullSkip(*input_, count);
  }

  const std::unique_ptr<Stage> input_;
  int64_t lead_, left_;
};

StageOr RangeOfNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
  return std::make_unique<RangeOfStage>(std::move(context), *this, std::move(input));
}

// ---- Shard ----

int64_t ShardCardinality(int64_t input, int64_t shards, int64_t index) {
  if (input < 0) return input;
  return input <= index ? 0 : 1 + (input - index - 1) / shards;
}

class ShardNode : public DatasetNode {
 public:
  ShardNode(const NodeRef& input, int64_t shards, int64_t index)
      : DatasetNode(absl::StrCat("Shard(", shards, ",", index, ")"), {input}, input->types(),
                    ShardCardinality(input->cardinality(), shards, index)),
        shards_(shards),
        index_(index) {}
  StageOr Start(IterationContext context) const override;
  int64_t shards() const { return shards_; }
  int64_t index() const { return index_; }

 private:
  const int64_t shards_, index_;
};

class ShardStage : public Stage {
 public:
  ShardStage(IterationContext context, const ShardNode& node, std::unique_ptr<Stage> input)
      : Stage(std::move(context)), node_(node), input_(std::move(input)), gap_(node.index()) {}

 private:
  StageResult DoNext() override {
    const int64_t gap = std::exchange(gap_, node_.shards() - 1);
    NOMO_ASSIGN_OR_RETURN(const int64_t passed, PullSkip(*input_, gap));
    if (passed < gap) return std::nullopt;
    return Pull(*input_);
  }
  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    const int64_t gap = std::exchange(gap_, node_.shards() - 1);
    if (count - 1 > (kAll - gap - 1) / node_.shards()) {
      return InvalidArgument("Shard: cannot pass over ", count, " elements");
    }
    NOMO_ASSIGN_OR_RETURN(const int64_t passed,
                          PullSkip(*input_, gap + (count - 1) * node_.shards() + 1));
    return passed <= gap ? 0 : 1 + (passed - gap - 1) / node_.shards();
  }

  const ShardNode& node_;
  const std::unique_ptr<Stage> input_;
  int64_t gap_;  // to the next element that is yielded
};

StageOr ShardNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
  return std::make_unique<ShardStage>(std::move(context), *this, std::move(input));
}

// ---- Concatenate ----

DatasetNode::Inputs NodesOf(const std::vector<Dataset>& datasets) {
  DatasetNode::Inputs nodes;
  for (const Dataset& dataset : datasets) nodes.push_back(dataset.node());
  return nodes;
}

int64_t SumOfCardinalities(const DatasetNode::Inputs& inputs) {
  int64_t sum = 0;
  bool unknown = false;
  for (const NodeRef& input : inputs) {
    const int64_t count = input->cardinality();
    if (count == kInfiniteCardinality) return kInfiniteCardinality;
    unknown = unknown || count < 0 || sum > kAll - count;
    if (!unknown) sum += count;
  }
  return unknown ? kUnknownCardinality : sum;
}

class ConcatenateNode : public DatasetNode {
 public:
  ConcatenateNode(Inputs inputs, std::vector<TensorType> types)
      : DatasetNode(absl::StrCat("Concatenate(", inputs.size(), ")"), inputs, std::move(types),
                    SumOfCardinalities(inputs)) {}
  StageOr Start(IterationContext context) const override;
};

class ConcatenateStage : public Stage {
 public:
  ConcatenateStage(IterationContext context, const DatasetNode& node)
      : Stage(std::move(context)), node_(node) {}

 private:
  bool Ended() const { return next_ == node_.inputs().size() && input_ == nullptr; }
  absl::Status StartInput() {
    if (input_ != nullptr) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(input_, node_.StartInput(context_, next_));
    ++next_;
    return absl::OkStatus();
  }
  StageResult DoNext() override {
    while (!Ended()) {
      NOMO_RETURN_IF_ERROR(StartInput());
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
      if (element) return element;
      input_ = nullptr;
    }
    return std::nullopt;
  }
  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    int64_t done = 0;
    while (done < count && !Ended()) {
      const int64_t known = input_ == nullptr ? node_.inputs()[next_]->cardinality() : -1;
      if (known >= 0 && known <= count - done) {  // it need not even be opened
        ++next_;
        done += known;
        continue;
      }
      NOMO_RETURN_IF_ERROR(StartInput());
      NOMO_ASSIGN_OR_RETURN(const int64_t skipped, PullSkip(*input_, count - done));
      done += skipped;
      if (done < count) input_ = nullptr;
    }
    return done;
  }

  const DatasetNode& node_;
  size_t next_ = 0;
  std::unique_ptr<Stage> input_;
};

StageOr ConcatenateNode::Start(IterationContext context) const {
  return std::make_unique<ConcatenateStage>(std::move(context), *this);
}

// ---- Zip ----

std::vector<TensorType> AllTypesOf(const DatasetNode::Inputs& inputs) {
  std::vector<TensorType> types;
  for (const NodeRef& input : inputs) {
    types.insert(types.end(), input->types().begin(), input->types().end());
  }
  return types;
}

// Of the shortest. An unknown one may be shorter than all others.
int64_t LeastCardinality(const DatasetNode::Inputs& inputs) {
  int64_t least = kInfiniteCardinality;
  bool unknown = false;
  for (const NodeRef& input : inputs) {
    const int64_t count = input->cardinality();
    if (count == 0) return 0;
    unknown = unknown || count == kUnknownCardinality;
    if (count >= 0) least = least < 0 ? count : std::min(least, count);
  }
  return unknown ? kUnknownCardinality : least;
}

class ZipNode : public DatasetNode {
 public:
  explicit ZipNode(Inputs inputs)
      : DatasetNode(absl::StrCat("Zip(", inputs.size(), ")"), inputs, AllTypesOf(inputs),
                    LeastCardinality(inputs)) {}
  StageOr Start(IterationContext context) const override;
};

class ZipStage : public Stage {
 public:
  ZipStage(IterationContext context, std::vector<std::unique_ptr<Stage>> inputs)
      : Stage(std::move(context)), inputs_(std::move(inputs)) {}

 private:
  StageResult DoNext() override {
    Element all;
    if (ended_) return std::nullopt;
    for (const auto& input : inputs_) {
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input));
      ended_ = !element;
      if (ended_) return std::nullopt;
      for (Tensor& tensor : *element) all.push_back(std::move(tensor));
    }
    return all;
  }
  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    int64_t least = count;
    for (const auto& input : inputs_) {
      NOMO_ASSIGN_OR_RETURN(const int64_t skipped, PullSkip(*input, count));
      least = std::min(least, skipped);
    }
    ended_ = ended_ || least < count;
    return least;
  }

  const std::vector<std::unique_ptr<Stage>> inputs_;
  bool ended_ = false;
};

StageOr ZipNode::Start(IterationContext context) const {
  std::vector<std::unique_ptr<Stage>> stages;
  for (size_t i = 0; i < inputs().size(); ++i) {
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context, i));
    stages.push_back(std::move(input));
  }
  return std::make_unique<ZipStage>(std::move(context), std::move(stages));
}

// ---- Checks ----

// What is true of both.
PartialShape WhatBothSay(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank() || !b.has_rank() || a.rank() != b.rank()) return PartialShape();
  PartialShape shape = a;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!(a[axis] == b[axis])) shape[axis] = Dim();
  }
  return shape;
}

absl::Status CheckDatasets(absl::string_view name, const std::vector<Dataset>& datasets) {
  if (datasets.empty()) return InvalidArgument(name, ": there are no datasets");
  for (size_t i = 0; i < datasets.size(); ++i) {
    if (datasets[i].node() != nullptr) continue;
    return Annotate(datasets[i].status(), absl::StrCat(name, ", dataset ", i));
  }
  return absl::OkStatus();
}

NodeOr MakeZip(const std::vector<Dataset>& datasets) {
  NOMO_RETURN_IF_ERROR(CheckDatasets("Zip", datasets));
  return std::make_shared<ZipNode>(NodesOf(datasets));
}

NodeOr MakeConcatenate(const std::vector<Dataset>& datasets) {
  NOMO_RETURN_IF_ERROR(CheckDatasets("Concatenate", datasets));
  NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types,
                        CommonTypes("Concatenate", NodesOf(datasets)));
  return std::make_shared<ConcatenateNode>(NodesOf(datasets), std::move(types));
}

}  // namespace

absl::StatusOr<std::vector<TensorType>> CommonTypes(absl::string_view name,
                                                    const DatasetNode::Inputs& inputs) {
  std::vector<TensorType> types = inputs[0]->types();
  for (size_t i = 1; i < inputs.size(); ++i) {
    const std::vector<TensorType>& others = inputs[i]->types();
    bool equal = others.size() == types.size();
    for (size_t c = 0; equal && c < types.size(); ++c) {
      equal = others[c].dtype == types[c].dtype;
      types[c].shape = WhatBothSay(types[c].shape, others[c].shape);
    }
    if (equal) continue;
    return InvalidArgument(name, ": dataset ", i, " has elements ", TypesText(others),
                           "; expected ", TypesText(inputs[0]->types()), " as dataset 0 has");
  }
  return types;
}

Dataset Dataset::Repeat(int64_t count) const {
  if (node_ == nullptr) return *this;
  return Dataset(NodeOr(std::make_shared<RepeatNode>(node_, count)));
}

Dataset Dataset::Take(int64_t count) const {
  if (node_ == nullptr) return *this;
  return Dataset(NodeOr(std::make_shared<RangeOfNode>(absl::StrCat("Take(", count, ")"), node_, 0,
                                                      count < 0 ? kAll : count)));
}

Dataset Dataset::Skip(int64_t count) const {
  if (node_ == nullptr) return *this;
  if (count < 0) return Dataset(NodeOr(InvalidArgument("Skip: the count is ", count)));
  return Dataset(
      NodeOr(std::make_shared<RangeOfNode>(absl::StrCat("Skip(", count, ")"), node_, count, kAll)));
}

Dataset Dataset::Shard(int64_t num_shards, int64_t index) const {
  if (node_ == nullptr) return *this;
  if (num_shards < 1 || index < 0 || index >= num_shards) {
    return Dataset(NodeOr(InvalidArgument(
        "Shard: expected an index from 0 to num_shards - 1, found ", index, " of ", num_shards)));
  }
  return Dataset(NodeOr(std::make_shared<ShardNode>(node_, num_shards, index)));
}

Dataset Dataset::Concatenate(const std::vector<Dataset>& datasets) {
  return Dataset(MakeConcatenate(datasets));
}
Dataset Dataset::Concatenate(const Dataset& other) const { return Concatenate({*this, other}); }
Dataset Dataset::Zip(const std::vector<Dataset>& datasets) { return Dataset(MakeZip(datasets)); }

}  // namespace nomograph
