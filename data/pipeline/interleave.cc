// Interleave: several datasets in turn.
#include <algorithm>
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
using MakeDataset = std::function<absl::StatusOr<Dataset>(const Element&)>;

constexpr int64_t kMostInCycle = 10'000;
constexpr int64_t kMostInBlock = 1'000'000;
constexpr int kMostThreads = 256;

class InterleaveNode : public DatasetNode {
 public:
  // Without `function` the inputs are what is interleaved, else it is what `function` makes of the
  // one input's elements.
  InterleaveNode(std::string name, Inputs inputs, std::vector<TensorType> types,
                 int64_t cardinality, MakeDataset function, InterleaveOptions options)
      : DatasetNode(std::move(name), std::move(inputs), std::move(types), cardinality),
        function_(std::move(function)),
        options_(options) {}
  StageOr Start(IterationContext context) const override;
  const MakeDataset& function() const { return function_; }
  const InterleaveOptions& options() const { return options_; }

 private:
  const MakeDataset function_;
  const InterleaveOptions options_;
};

class InterleaveStage : public Stage {
 public:
  InterleaveStage(IterationContext context, const InterleaveNode& node,
                  std::unique_ptr<Stage> outer)
      : Stage(std::move(context)),
        node_(node),
        outer_(std::move(outer)),
        cycle_(static_cast<size_t>(node.options().cycle_length)) {}

 private:
  // A place in the cycle. The node outlives its stage.
  struct Place {
    NodeRef node;
    std::unique_ptr<Stage> stage;
  };

  // The next dataset; null when there are no more.
  absl::StatusOr<NodeRef> NextDataset() {
    if (no_more_) return nullptr;
    if (outer_ == nullptr) {
      no_more_ = opened_ == node_.inputs().size();
      return no_more_ ? nullptr : node_.inputs()[opened_];
    }
    NOMO_ASSIGN_OR_RETURN(const std::optional<Element> element, Pull(*outer_));
    no_more_ = !element;
    if (no_more_) return nullptr;
    const absl::StatusOr<Dataset> dataset = node_.function()(*element);
    absl::Status status = dataset.ok() ? dataset->status() : dataset.status();
    if (status.ok()) status = CheckTypes(dataset->element_types());
    if (!status.ok()) return Annotate(status, absl::StrCat("Interleave, element ", opened_));
    return dataset->node();
  }

  absl::Status CheckTypes(const std::vector<TensorType>& types) const {
    bool fits = types.size() == node_.types().size();
    for (size_t i = 0; fits && i < types.size(); ++i) {
      fits = types[i].dtype == node_.types()[i].dtype &&
             Compatible(types[i].shape, node_.types()[i].shape);
    }
    if (fits) return absl::OkStatus();
    return InvalidArgument("the dataset has elements ", TypesText(types), "; expected ",
                           TypesText(node_.types()));
  }

  // Fills the cycle's current place, if there is something to fill it with.
  absl::Status Open() {
    NOMO_ASSIGN_OR_RETURN(NodeRef node, NextDataset());
    if (node == nullptr) return absl::OkStatus();
    const InterleaveOptions& options = node_.options();
    // Branch 0 is the input that says which datasets there are.
    const size_t branch = outer_ == nullptr ? opened_ : opened_ + 1;
    const bool ahead =
        options.num_parallel > 1 && current_ < static_cast<size_t>(options.num_parallel);
    const IterationContext outer = ahead ? InputContext(context_, "read ahead", 0) : context_;
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> stage, StartNode(*node, outer, branch));
    if (ahead) stage = StartPrefetch(outer, std::move(stage), options.block_length);
    ++opened_;
    cycle_[current_] = {std::move(node), std::move(stage)};
    ++open_;
    return absl::OkStatus();
  }

  void Advance() {
    taken_ = 0;
    current_ = (current_ + 1) % cycle_.size();
  }

  StageResult DoNext() override {
    while (true) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      Place& place = cycle_[current_];
      if (place.stage == nullptr) NOMO_RETURN_IF_ERROR(Open());
      if (place.stage == nullptr) {
        if (open_ == 0) return std::nullopt;
        Advance();
        continue;
      }
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*place.stage));
      if (element) {
        if (outer_ != nullptr) NOMO_RETURN_IF_ERROR(CheckElement(*element, node_.types()));
        if (++taken_ == node_.options().block_length) Advance();
        return element;
      }
      place.stage = nullptr;
      place.node = nullptr;
      --open_;
      Advance();
    }
  }

  const InterleaveNode& node_;
  const std::unique_ptr<Stage> outer_;
  std::vector<Place> cycle_;
  size_t current_ = 0, opened_ = 0, open_ = 0;
  int64_t taken_ = 0;  // from the current place in this turn
  bool no_more_ = false;
};

StageOr InterleaveNode::Start(IterationContext context) const {
  std::unique_ptr<Stage> outer;
  if (function_ != nullptr) {
    NOMO_ASSIGN_OR_RETURN(outer, StartInput(context));
  }
  return std::make_unique<InterleaveStage>(std::move(context), *this, std::move(outer));
}

absl::StatusOr<std::string> CheckedName(const InterleaveOptions& options) {
  if (options.cycle_length < 1 || options.cycle_length > kMostInCycle || options.block_length < 1 ||
      options.block_length > kMostInBlock || options.num_parallel < 1 ||
      options.num_parallel > kMostThreads) {
    return InvalidArgument(
        "Interleave: expected cycle_length from 1 to ", kMostInCycle, ", block_length from 1 to ",
        kMostInBlock, " and num_parallel from 1 to ", kMostThreads, "; found ",
        options.cycle_length, ", ", options.block_length, " and ", options.num_parallel);
  }
  return absl::StrCat("Interleave(", options.cycle_length, ",", options.block_length, ")");
}

NodeOr MakeStatic(const std::vector<Dataset>& datasets, const InterleaveOptions& options) {
  NOMO_ASSIGN_OR_RETURN(std::string name, CheckedName(options));
  // The same elements in another order.
  const Dataset all = Dataset::Concatenate(datasets);
  if (!all.status().ok()) return Annotate(all.status(), "Interleave");
  return std::make_shared<InterleaveNode>(std::move(name), all.node()->inputs(),
                                          all.element_types(), all.Cardinality(), nullptr, options);
}

NodeOr MakeDynamic(const NodeRef& input, std::vector<TensorType> types, MakeDataset function,
                   const InterleaveOptions& options) {
  NOMO_ASSIGN_OR_RETURN(std::string name, CheckedName(options));
  if (types.empty() || function == nullptr) {
    return InvalidArgument("Interleave: expected the components' types and a function");
  }
  const int64_t cardinality = input->cardinality() == 0 ? 0 : kUnknownCardinality;
  return std::make_shared<InterleaveNode>(std::move(name), DatasetNode::Inputs{input},
                                          std::move(types), cardinality, std::move(function),
                                          options);
}

}  // namespace

Dataset Dataset::Interleave(const std::vector<Dataset>& datasets,
                            const InterleaveOptions& options) {
  return Dataset(MakeStatic(datasets, options));
}

Dataset Dataset::Interleave(std::vector<TensorType> types, MakeDataset function,
                            InterleaveOptions options) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeDynamic(node_, std::move(types), std::move(function), options));
}

}  // namespace nomograph
