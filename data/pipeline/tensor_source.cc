// FromTensors, FromTensorSlices, Range and FromGenerator.
#include "nomograph/data/pipeline/tensor_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"

namespace nomograph {
namespace {

using NodeOr = absl::StatusOr<std::shared_ptr<const DatasetNode>>;

std::vector<TensorType> TypesOf(const Element& element) {
  std::vector<TensorType> types;
  for (const Tensor& tensor : element) types.push_back(tensor.type());
  return types;
}

std::vector<TensorType> RowTypes(const Element& element) {
  std::vector<TensorType> types;
  for (const Tensor& tensor : element) {
    types.push_back({tensor.dtype(), Shape(tensor.shape().dims().subspan(1))});
  }
  return types;
}

// A source of which any element can be had.
class IndexedNode : public DatasetNode {
 public:
  absl::StatusOr<std::unique_ptr<Stage>> Start(IterationContext context) const final;
  virtual Element At(int64_t index) const = 0;

 protected:
  using DatasetNode::DatasetNode;
};

class IndexedStage : public Stage {
 public:
  // The node outlives the stage: the iterator holds the outermost node.
  IndexedStage(IterationContext context, const IndexedNode& node)
      : Stage(std::move(context)), node_(node) {}

 private:
  StageResult DoNext() override {
    if (next_ >= node_.cardinality()) return std::nullopt;
    return node_.At(next_++);
  }
  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    const int64_t done = std::min(count, node_.cardinality() - next_);
    next_ += done;
    return done;
  }

  const IndexedNode& node_;
  int64_t next_ = 0;
};

absl::StatusOr<std::unique_ptr<Stage>> IndexedNode::Start(IterationContext context) const {
  return std::make_unique<IndexedStage>(std::move(context), *this);
}

class TensorsNode : public IndexedNode {
 public:
  explicit TensorsNode(Element element)
      : IndexedNode("FromTensors", {}, TypesOf(element), 1), element_(std::move(element)) {
    for (Tensor& tensor : element_) tensor = ReadOnly(tensor);
  }
  Element At(int64_t /*index*/) const override { return element_; }

 private:
  Element element_;
};

class SlicesNode : public IndexedNode {
 public:
  SlicesNode(std::string name, Element components)
      : IndexedNode(std::move(name), {}, RowTypes(components), components[0].shape()[0]),
        components_(std::make_shared<const Element>(std::move(components))) {}

  Element At(int64_t index) const override {
    Element element;
    element.reserve(components_->size());
    for (const Tensor& tensor : *components_) element.push_back(Slice(tensor, index, components_));
    return element;
  }

 private:
  const std::shared_ptr<const Element> components_;
};

class RangeNode : public IndexedNode {
 public:
  RangeNode(int64_t start, int64_t stop, int64_t step, int64_t count)
      : IndexedNode(absl::StrCat("Range(", start, ",", stop, ",", step, ")"), {},
                    {{DType::kInt64, Shape{}}}, count),
        start_(start),
        step_(step) {}
  Element At(int64_t index) const override { return {Tensor::Scalar(start_ + index * step_)}; }

 private:
  const int64_t start_, step_;
};

NodeOr MakeRange(int64_t start, int64_t stop, int64_t step) {
  if (step == 0) return InvalidArgument("Range: the step must not be 0");
  // In 128 bits, so that no difference overflows.
  const __int128 distance = static_cast<__int128>(stop) - start;
  const __int128 count = step > 0 ? (distance + step - 1) / step : (distance + step + 1) / step;
  if (count > INT64_MAX) return InvalidArgument("Range: there are more than 2^63 - 1 integers");
  const int64_t elements =
      (distance > 0) == (step > 0) && distance != 0 ? static_cast<int64_t>(count) : 0;
  return std::make_shared<RangeNode>(start, stop, step, elements);
}

class GeneratorNode : public DatasetNode {
 public:
  GeneratorNode(std::vector<TensorType> types, std::function<GeneratorFn()> make,
                int64_t cardinality)
      : DatasetNode("FromGenerator", {}, std::move(types), cardinality), make_(std::move(make)) {}
  absl::StatusOr<std::unique_ptr<Stage>> Start(IterationContext context) const override;

 private:
  const std::function<GeneratorFn()> make_;
};

class GeneratorStage : public Stage {
 public:
  GeneratorStage(IterationContext context, const GeneratorNode& node, GeneratorFn next)
      : Stage(std::move(context)), node_(node), next_(std::move(next)) {}

 private:
  absl::Status Fault(const absl::Status& status) const {
    return Annotate(status, absl::StrCat("FromGenerator, element ", index_));
  }
  StageResult DoNext() override {
    if (ended_) return std::nullopt;
    StageResult result = CatchExceptions([this] { return next_(); });
    if (!result.ok()) return Fault(result.status());
    ended_ = !result->has_value();
    if (ended_ && node_.cardinality() >= 0 && index_ != node_.cardinality()) {
      return Fault(
          InvalidArgument("the generator has ended; expected ", node_.cardinality(), " elements"));
    }
    if (ended_) return std::nullopt;
    if (const absl::Status status = CheckElement(**result, node_.types()); !status.ok()) {
      return Fault(status);
    }
    if (node_.cardinality() >= 0 && index_ >= node_.cardinality()) {
      return Fault(InvalidArgument("expected no more than ", node_.cardinality(), " elements"));
    }
    ++index_;
    return result;
  }

  const GeneratorNode& node_;
  const GeneratorFn next_;
  int64_t index_ = 0;
  bool ended_ = false;
};

absl::StatusOr<std::unique_ptr<Stage>> GeneratorNode::Start(IterationContext context) const {
  GeneratorFn next = make_();
  if (next == nullptr) return InvalidArgument("FromGenerator: expected a function, found none");
  return std::make_unique<GeneratorStage>(std::move(context), *this, std::move(next));
}

NodeOr MakeGenerator(std::vector<TensorType> types, std::function<GeneratorFn()> make,
                     const FromGeneratorOptions& options) {
  if (types.empty() || make == nullptr) {
    return InvalidArgument("FromGenerator: expected the components' types and a function");
  }
  if (options.cardinality < kUnknownCardinality) {
    return InvalidArgument("FromGenerator: the cardinality is ", options.cardinality);
  }
  return std::make_shared<GeneratorNode>(std::move(types), std::move(make), options.cardinality);
}

NodeOr MakeTensors(Element components) {
  for (size_t i = 0; i < components.size(); ++i) {
    if (!components[i].valid())
      return InvalidArgument("FromTensors: component ", i, " is no tensor");
  }
  if (components.empty()) return InvalidArgument("FromTensors: there are no components");
  return std::make_shared<TensorsNode>(std::move(components));
}

}  // namespace

Tensor Slice(const Tensor& tensor, int64_t index, const std::shared_ptr<const void>& owner) {
  const Shape shape(tensor.shape().dims().subspan(1));
  const int64_t bytes = shape.num_elements() * DTypeSize(tensor.dtype());
  return Tensor::FromBuffer(tensor.dtype(), shape, tensor.raw_data() + index * bytes, owner);
}

NodeOr TensorSlices(std::string name, Element components) {
  if (components.empty()) return InvalidArgument(name, ": there are no components");
  for (size_t i = 0; i < components.size(); ++i) {
    if (!components[i].valid() || components[i].shape().rank() == 0) {
      return InvalidArgument(name, ": component ", i,
                             " has no rows: expected a tensor with at least one axis, found ",
                             components[i].valid() ? components[i].type().ToString() : "none");
    }
    const int64_t rows = components[i].shape()[0], expected = components[0].shape()[0];
    if (rows != expected) {
      return InvalidArgument(name, ": component ", i, " has ", rows, " rows; expected ", expected,
                             " as component 0 has");
    }
  }
  return std::make_shared<SlicesNode>(std::move(name), std::move(components));
}

Dataset Dataset::FromTensors(Element components) {
  return Dataset(MakeTensors(std::move(components)));
}
Dataset Dataset::FromTensorSlices(Element components) {
  return Dataset(TensorSlices("FromTensorSlices", std::move(components)));
}
Dataset Dataset::Range(int64_t stop) { return Range(0, stop); }
Dataset Dataset::Range(int64_t start, int64_t stop, int64_t step) {
  return Dataset(MakeRange(start, stop, step));
}
Dataset Dataset::FromGenerator(std::vector<TensorType> types, std::function<GeneratorFn()> make,
                               FromGeneratorOptions options) {
  return Dataset(MakeGenerator(std::move(types), std::move(make), options));
}

}  // namespace nomograph
