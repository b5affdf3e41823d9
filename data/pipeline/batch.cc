// Batch, PaddedBatch, Window and Unbatch: elements stacked along a new first axis, and taken apart.
#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/stack.h"
#include "nomograph/data/pipeline/stage.h"
#include "nomograph/data/pipeline/tensor_source.h"

namespace nomograph {
namespace {

using NodeRef = std::shared_ptr<const DatasetNode>;
using NodeOr = absl::StatusOr<NodeRef>;
using StageOr = absl::StatusOr<std::unique_ptr<Stage>>;

constexpr int64_t kMostInBatch = int64_t{1} << 30;

std::vector<TensorType> BatchTypes(const std::vector<TensorType>& types,
                                   const std::vector<PartialShape>& shapes, const Dim& batch) {
  std::vector<TensorType> result;
  for (size_t i = 0; i < types.size(); ++i) {
    const PartialShape& shape = shapes.empty() ? types[i].shape : shapes[i];
    if (!shape.has_rank()) {
      result.push_back({types[i].dtype, PartialShape()});
      continue;
    }
    std::vector<Dim> dims = {batch};
    dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
    result.push_back({types[i].dtype, PartialShape(std::move(dims))});
  }
  return result;
}

int64_t BatchCardinality(int64_t input, int64_t size, bool drop_remainder) {
  if (input < 0) return input;
  return input / size + (input % size != 0 && !drop_remainder ? 1 : 0);
}

// ---- Batch and PaddedBatch ----

struct Padding {
  std::vector<PartialShape> shapes;  // one for each component
  std::vector<double> values;
};

class BatchNode : public DatasetNode {
 public:
  BatchNode(std::string name, const NodeRef& input, std::vector<TensorType> types, int64_t size,
            bool drop_remainder, std::optional<Padding> padding)
      : DatasetNode(std::move(name), {input}, std::move(types),
                    BatchCardinality(input->cardinality(), size, drop_remainder)),
        size_(size),
        drop_remainder_(drop_remainder),
        padding_(std::move(padding)) {}
  StageOr Start(IterationContext context) const override;

  int64_t size() const { return size_; }
  bool drop_remainder() const { return drop_remainder_; }
  absl::StatusOr<Element> Join(absl::Span<const Element> elements) const {
    return padding_ ? StackPadded(elements, padding_->shapes, padding_->values) : Stack(elements);
  }

 private:
  const int64_t size_;
  const bool drop_remainder_;
  const std::optional<Padding> padding_;
};

class BatchStage : public Stage {
 public:
  BatchStage(IterationContext context, const BatchNode& node, std::unique_ptr<Stage> input)
      : Stage(std::move(context)), node_(node), input_(std::move(input)) {}

 private:
  StageResult DoNext() override {
    while (static_cast<int64_t>(elements_.size()) < node_.size()) {
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
      if (!element) break;
      elements_.push_back(*std::move(element));
    }
    const bool full = static_cast<int64_t>(elements_.size()) == node_.size();
    if (elements_.empty() || (!full && node_.drop_remainder())) return std::nullopt;
    absl::StatusOr<Element> batch = node_.Join(elements_);
    elements_.clear();
    if (!batch.ok())
      return Annotate(batch.status(), absl::StrCat(node_.name(), ", batch ", index_));
    ++index_;
    return *std::move(batch);
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    if (count > std::numeric_limits<int64_t>::max() / node_.size()) return Stage::DoSkip(count);
    NOMO_ASSIGN_OR_RETURN(const int64_t passed, PullSkip(*input_, count * node_.size()));
    const int64_t done = BatchCardinality(passed, node_.size(), node_.drop_remainder());
    index_ += done;
    return done;
  }

  const BatchNode& node_;
  const std::unique_ptr<Stage> input_;
  std::vector<Element> elements_;
  int64_t index_ = 0;
};

StageOr BatchNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
  return std::make_unique<BatchStage>(std::move(context), *this, std::move(input));
}

absl::Status CheckSize(absl::string_view name, int64_t size) {
  if (size >= 1 && size <= kMostInBatch) return absl::OkStatus();
  return InvalidArgument(name, ": the size is ", size, "; expected 1 to ", kMostInBatch);
}

NodeOr MakeBatch(const NodeRef& input, int64_t size, const BatchOptions& options) {
  NOMO_RETURN_IF_ERROR(CheckSize("Batch", size));
  std::vector<TensorType> types =
      BatchTypes(input->types(), {}, options.drop_remainder ? Dim(size) : Dim());
  return std::make_shared<BatchNode>(
      absl::StrCat("Batch(", size, options.drop_remainder ? ",full" : "", ")"), input,
      std::move(types), size, options.drop_remainder, std::nullopt);
}

NodeOr MakePaddedBatch(const NodeRef& input, int64_t size, PaddedBatchOptions options) {
  NOMO_RETURN_IF_ERROR(CheckSize("PaddedBatch", size));
  const std::vector<TensorType>& types = input->types();
  Padding padding{std::move(options.padded_shapes), std::move(options.padding_values)};
  if (padding.values.empty()) padding.values.resize(types.size());
  const bool shapes_given = !padding.shapes.empty();
  for (size_t i = 0; !shapes_given && i < types.size(); ++i) {
    // Sizes that differ from element to element are those that are not known.
    padding.shapes.push_back(types[i].shape.has_rank() ? PartialShape::OfRank(types[i].shape.rank())
                                                       : PartialShape());
    for (int axis = 0; axis < types[i].shape.rank(); ++axis) {
      if (types[i].shape[axis].known()) padding.shapes[i][axis] = types[i].shape[axis];
    }
  }
  if (padding.shapes.size() != types.size() || padding.values.size() != types.size()) {
    return InvalidArgument("PaddedBatch: there are ", types.size(), " components, but ",
                           padding.shapes.size(), " shapes and ", padding.values.size(), " values");
  }
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i].shape.has_rank() && padding.shapes[i].has_rank() &&
        types[i].shape.rank() != padding.shapes[i].rank()) {
      return InvalidArgument("PaddedBatch: component ", i, " has the shape ",
                             types[i].shape.ToString(), ", but the padded shape is ",
                             padding.shapes[i].ToString());
    }
  }
  std::string name = absl::StrCat("PaddedBatch(", size, options.drop_remainder ? ",full" : "");
  for (const double value : padding.values) {
    if (value != 0) absl::StrAppend(&name, ",pad=", value);
  }
  std::vector<TensorType> batch_types =
      BatchTypes(types, padding.shapes, options.drop_remainder ? Dim(size) : Dim());
  return std::make_shared<BatchNode>(name + ")", input, std::move(batch_types), size,
                                     options.drop_remainder, std::move(padding));
}

// ---- Window ----

class WindowNode : public DatasetNode {
 public:
  WindowNode(std::string name, const NodeRef& input, int64_t size, WindowOptions options)
      : DatasetNode(std::move(name), {input},
                    BatchTypes(input->types(), {}, options.drop_remainder ? Dim(size) : Dim()),
                    Count(input->cardinality(), size, options)),
        size_(size),
        options_(options) {}
  StageOr Start(IterationContext context) const override;
  int64_t size() const { return size_; }
  const WindowOptions& options() const { return options_; }
  // From a window's first element to its last.
  static int64_t Reach(int64_t size, const WindowOptions& options) {
    return (size - 1) * options.stride;
  }

 private:
  static int64_t Count(int64_t input, int64_t size, const WindowOptions& options) {
    if (input < 0) return input;
    const int64_t starts = options.drop_remainder ? input - Reach(size, options) : input;
    return starts <= 0 ? 0 : 1 + (starts - 1) / options.shift;
  }
  const int64_t size_;
  const WindowOptions options_;
};

class WindowStage : public Stage {
 public:
  WindowStage(IterationContext context, const WindowNode& node, std::unique_ptr<Stage> input)
      : Stage(std::move(context)), node_(node), input_(std::move(input)) {}

 private:
  // Moves to the next window. False at the end.
  absl::StatusOr<bool> Advance() {
    const auto reach = static_cast<size_t>(WindowNode::Reach(node_.size(), node_.options()));
    if (started_) {
      const auto shift = static_cast<size_t>(node_.options().shift);
      const size_t held = std::min(shift, elements_.size());
      elements_.erase(elements_.begin(), elements_.begin() + static_cast<std::ptrdiff_t>(held));
      if (held < shift && !ended_) {
        NOMO_ASSIGN_OR_RETURN(const int64_t passed,
                              PullSkip(*input_, static_cast<int64_t>(shift - held)));
        ended_ = passed < static_cast<int64_t>(shift - held);
      }
    }
    started_ = true;
    while (!ended_ && elements_.size() <= reach) {
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
      ended_ = !element;
      if (element) elements_.push_back(*std::move(element));
    }
    return !elements_.empty() && (elements_.size() > reach || !node_.options().drop_remainder);
  }

  StageResult DoNext() override {
    NOMO_ASSIGN_OR_RETURN(const bool more, Advance());
    if (!more) return std::nullopt;
    std::vector<Element> window;
    for (size_t i = 0; i < elements_.size() && static_cast<int64_t>(window.size()) < node_.size();
         i += static_cast<size_t>(node_.options().stride)) {
      window.push_back(elements_[i]);
    }
    absl::StatusOr<Element> stacked = Stack(window);
    if (!stacked.ok()) return Annotate(stacked.status(), node_.name());
    return *std::move(stacked);
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    int64_t done = 0;
    for (; done < count; ++done) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      NOMO_ASSIGN_OR_RETURN(const bool more, Advance());
      if (!more) break;
    }
    return done;
  }

  const WindowNode& node_;
  const std::unique_ptr<Stage> input_;
  std::deque<Element> elements_;  // from the window's first one to its last
  bool started_ = false, ended_ = false;
};

StageOr WindowNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
  return std::make_unique<WindowStage>(std::move(context), *this, std::move(input));
}

NodeOr MakeWindow(const NodeRef& input, int64_t size, WindowOptions options) {
  NOMO_RETURN_IF_ERROR(CheckSize("Window", size));
  if (options.shift == 0) options.shift = size;
  NOMO_RETURN_IF_ERROR(CheckSize("Window, shift", options.shift));
  NOMO_RETURN_IF_ERROR(CheckSize("Window, stride", options.stride));
  if (WindowNode::Reach(size, options) >= kMostInBatch) {
    return InvalidArgument("Window: it reaches over ", WindowNode::Reach(size, options),
                           " elements; expected fewer than ", kMostInBatch);
  }
  std::string name = absl::StrCat("Window(", size, ",", options.shift, ",", options.stride,
                                  options.drop_remainder ? ",full" : "", ")");
  return std::make_shared<WindowNode>(std::move(name), input, size, options);
}

// ---- Unbatch ----

class UnbatchNode : public DatasetNode {
 public:
  UnbatchNode(const NodeRef& input, std::vector<TensorType> types, int64_t cardinality)
      : DatasetNode("Unbatch", {input}, std::move(types), cardinality) {}
  StageOr Start(IterationContext context) const override;
};

class UnbatchStage : public Stage {
 public:
  UnbatchStage(IterationContext context, std::unique_ptr<Stage> input)
      : Stage(std::move(context)), input_(std::move(input)) {}

 private:
  // Takes elements until there are rows. False at the end.
  absl::StatusOr<bool> NextRows() {
    while (row_ == rows_) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, Pull(*input_));
      if (!element) return false;
      rows_ = row_ = 0;
      for (size_t i = 0; i < element->size(); ++i) {
        const Shape& shape = (*element)[i].shape();
        if (i == 0 && shape.rank() > 0) rows_ = shape[0];
        if (shape.rank() > 0 && shape[0] == rows_) continue;
        return InvalidArgument("Unbatch, element ", index_, ": component ", i, " has the shape ",
                               shape.ToString(), "; expected ", rows_, " rows");
      }
      ++index_;
      element_ = std::make_shared<const Element>(*std::move(element));
    }
    return true;
  }

  StageResult DoNext() override {
    NOMO_ASSIGN_OR_RETURN(const bool more, NextRows());
    if (!more) return std::nullopt;
    Element result;
    for (const Tensor& tensor : *element_) result.push_back(Slice(tensor, row_, element_));
    ++row_;
    return result;
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    int64_t done = 0;
    while (done < count) {
      NOMO_ASSIGN_OR_RETURN(const bool more, NextRows());
      if (!more) break;
      const int64_t rows = std::min(count - done, rows_ - row_);
      row_ += rows;
      done += rows;
    }
    return done;
  }

  const std::unique_ptr<Stage> input_;
  std::shared_ptr<const Element> element_;
  int64_t row_ = 0, rows_ = 0, index_ = 0;
};

StageOr UnbatchNode::Start(IterationContext context) const {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Stage> input, StartInput(context));
  return std::make_unique<UnbatchStage>(std::move(context), std::move(input));
}

NodeOr MakeUnbatch(const NodeRef& input) {
  std::vector<TensorType> types;
  int64_t rows = -1;
  for (const TensorType& type : input->types()) {
    if (type.shape.has_rank() && type.shape.rank() == 0) {
      return InvalidArgument("Unbatch: component ", types.size(),
                             " is a scalar; expected at least one axis");
    }
    types.push_back({type.dtype, PartialShape()});
    if (!type.shape.has_rank()) continue;
    rows = type.shape[0].size();
    const std::vector<Dim>& dims = type.shape.dims();
    types.back().shape = PartialShape(std::vector<Dim>(dims.begin() + 1, dims.end()));
  }
  const int64_t batches = input->cardinality();
  int64_t cardinality = batches <= 0 ? batches : kUnknownCardinality;
  if (batches == kInfiniteCardinality && rows <= 0) cardinality = kUnknownCardinality;
  const bool fits =
      rows > 0 && batches > 0 && batches <= std::numeric_limits<int64_t>::max() / rows;
  if (fits) cardinality = batches * rows;
  return std::make_shared<UnbatchNode>(input, std::move(types), cardinality);
}

}  // namespace

Dataset Dataset::Batch(int64_t size, BatchOptions options) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeBatch(node_, size, options));
}
Dataset Dataset::PaddedBatch(int64_t size, PaddedBatchOptions options) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakePaddedBatch(node_, size, std::move(options)));
}
Dataset Dataset::Window(int64_t size, WindowOptions options) const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeWindow(node_, size, options));
}
Dataset Dataset::Unbatch() const {
  if (node_ == nullptr) return *this;
  return Dataset(MakeUnbatch(node_));
}

}  // namespace nomograph
