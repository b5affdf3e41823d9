#include "nomograph/train/batches.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/random.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {
namespace {

std::string PlaceText(const BatchLayout::Place& place) { return Quoted(place.name); }

// The numbers 0 to n - 1 in the order of a pass (R. Fisher and F. Yates).
std::vector<int64_t> Permutation(int64_t n, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(n);
  for (int64_t i = 0; i < n; ++i) order[i] = i;
  const PhiloxStream stream(seed, StableHash("train/shuffle"), static_cast<uint64_t>(epoch));
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(order[i], order[UniformIndex(stream.At(static_cast<uint64_t>(i)), i + 1)]);
  return order;
}

absl::StatusOr<Tensor> Gather(const Tensor& tensor, absl::Span<const int64_t> rows) {
  std::vector<int64_t> dims(tensor.shape().dims().begin(), tensor.shape().dims().end());
  dims[0] = static_cast<int64_t>(rows.size());
  NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(tensor.dtype(), Shape(dims)));
  const int64_t bytes = rows.empty() ? 0 : result.num_bytes() / dims[0];
  std::byte* to = result.mutable_raw_data();
  for (const int64_t row : rows) {
    std::memcpy(to, tensor.raw_data() + row * bytes, bytes);
    to += bytes;
  }
  return result;
}

// A tensor in the form that a place wants: of its dtype, with or without a last axis of size 1.
absl::StatusOr<Tensor> FitAs(absl::string_view what, const BatchLayout::Place& place,
                             Tensor tensor);

// Sample weights for one output's targets: `given`, or ones, times the weights of the classes.
absl::StatusOr<Tensor> SampleWeights(const BatchLayout::Place& place, const Tensor& target,
                                     const Tensor& given,
                                     const std::map<int64_t, double>& class_weight);

// Arrays in memory.
class ArrayBatches : public BatchSource {
 public:
  ArrayBatches(BatchLayout layout, BatchingOptions options)
      : layout_(std::move(layout)), options_(std::move(options)) {}

  absl::Status Init(const TrainingData& data) {
    ErrorList errors;
    if (options_.batch_size < 1) {
      errors.Add(InvalidArgument("batch_size: expected at least 1, found ", options_.batch_size));
    }
    inputs_ = Find("input", layout_.inputs, data.x(), true, errors);
    if (options_.with_targets) {
      targets_ = Find("target", layout_.targets, data.y(), true, errors);
      weights_ = Find("sample weight", layout_.weights, data.sample_weights(), false, errors);
    }
    CheckRows(errors);
    return errors.ToStatus("the data do not fit the model");
  }

  absl::Status Start(int64_t epoch) override {
    epoch_ = epoch;
    next_ = 0;
    if (options_.shuffle) order_ = Permutation(rows_, options_.seed, epoch);
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<Batch>> Next() override {
    if (next_ >= rows_) return std::nullopt;
    const int64_t begin = next_, end = std::min(rows_, begin + options_.batch_size);
    next_ = end;
    const auto take = [&](const Tensor& tensor) -> absl::StatusOr<Tensor> {
      if (!options_.shuffle) return tensor.Rows(begin, end);
      return Gather(tensor, absl::MakeConstSpan(order_).subspan(begin, end - begin));
    };
    Batch batch;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      NOMO_ASSIGN_OR_RETURN(Tensor rows, take(inputs_[i]));
      NOMO_ASSIGN_OR_RETURN(rows, FitAs("input", layout_.inputs[i], std::move(rows)));
      batch.inputs.push_back(std::move(rows));
    }
    for (size_t i = 0; i < targets_.size(); ++i) {
      NOMO_ASSIGN_OR_RETURN(Tensor rows, take(targets_[i]));
      NOMO_ASSIGN_OR_RETURN(rows, FitAs("target", layout_.targets[i], std::move(rows)));
      Tensor given;
      if (weights_[i].valid()) {
        NOMO_ASSIGN_OR_RETURN(given, take(weights_[i]));
      }
      NOMO_ASSIGN_OR_RETURN(Tensor weight,
                            SampleWeights(layout_.weights[i], rows, given, options_.class_weight));
      batch.targets.push_back(std::move(rows));
      batch.weights.push_back(std::move(weight));
    }
    return batch;
  }

  int64_t num_batches() const override {
    return (rows_ + options_.batch_size - 1) / options_.batch_size;
  }

  std::string SavePosition() const override { return absl::StrCat(epoch_, " ", next_); }

  absl::Status RestorePosition(absl::string_view position) override {
    const size_t space = position.find(' ');
    int64_t epoch = 0, next = 0;
    if (space == absl::string_view::npos || !absl::SimpleAtoi(position.substr(0, space), &epoch) ||
        !absl::SimpleAtoi(position.substr(space + 1), &next) || next < 0 || next > rows_) {
      return InvalidArgument("the position: expected EPOCH ROW, found ", Quoted(position));
    }
    NOMO_RETURN_IF_ERROR(Start(epoch));
    next_ = next;
    return absl::OkStatus();
  }

 private:
  static std::vector<Tensor> Find(absl::string_view what,
                                  const std::vector<BatchLayout::Place>& places,
                                  const NamedTensors& given, bool needed, ErrorList& errors) {
    std::vector<Tensor> found;
    std::vector<std::string> names;
    for (const BatchLayout::Place& place : places) {
      auto it = given.find(place.name);
      if (it == given.end() && places.size() == 1) it = given.find("");
      found.push_back(it == given.end() ? Tensor() : it->second);
      if (needed && it == given.end())
        errors.Add(InvalidArgument(what, " ", PlaceText(place), " is missing"));
      names.push_back(place.name);
    }
    for (const auto& [name, tensor] : given) {
      if ((name.empty() && places.size() == 1) ||
          std::find(names.begin(), names.end(), name) != names.end()) {
        continue;
      }
      errors.Add(InvalidArgument("there is no ", what, " ", Quoted(name), "; there are ",
                                 absl::StrJoin(names, ", ", AppendShown)));
    }
    return found;
  }

  void CheckRows(ErrorList& errors) {
    const auto check = [&](absl::string_view what, const std::vector<Tensor>& tensors,
                           const std::vector<BatchLayout::Place>& places) {
      for (size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i].valid()) continue;
        const Shape& shape = tensors[i].shape();
        const int64_t rows = shape.rank() == 0 ? -1 : shape[0];
        if (rows_ < 0) rows_ = rows;
        if (rows < 1 || rows != rows_) {
          errors.Add(InvalidArgument(what, " ", PlaceText(places[i]), ": expected ",
                                     rows_ < 1 ? "at least one row" : absl::StrCat(rows_, " rows"),
                                     ", found ", tensors[i].type().ToString()));
        }
      }
    };
    check("input", inputs_, layout_.inputs);
    check("target", targets_, layout_.targets);
    check("sample weight", weights_, layout_.weights);
  }

  const BatchLayout layout_;
  const BatchingOptions options_;
  std::vector<Tensor> inputs_, targets_, weights_;
  std::vector<int64_t> order_;
  int64_t rows_ = -1, next_ = 0, epoch_ = 0;
};

// A pipeline's batches.
class DatasetBatches : public BatchSource {
 public:
  DatasetBatches(Dataset dataset, BatchLayout layout, BatchingOptions options)
      : dataset_(std::move(dataset)), layout_(std::move(layout)), options_(std::move(options)) {}

  absl::Status Init() const {
    NOMO_RETURN_IF_ERROR(dataset_.status());
    const size_t inputs = layout_.inputs.size(), targets = layout_.targets.size();
    const size_t count = dataset_.element_types().size();
    if (count == inputs + targets || count == inputs + 2 * targets ||
        (count == inputs && !options_.with_targets)) {
      return absl::OkStatus();
    }
    return InvalidArgument("the dataset: expected elements of ", inputs, " inputs and ", targets,
                           " targets, perhaps with as many sample weights, found ", count,
                           " components");
  }

  absl::Status Start(int64_t epoch) override {
    NOMO_ASSIGN_OR_RETURN(iterator_, dataset_.Iterate({.epoch = epoch, .seed = options_.seed}));
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<Batch>> Next() override {
    NOMO_ASSIGN_OR_RETURN(std::optional<Element> element, iterator_->Next());
    if (!element) return std::nullopt;
    Batch batch;
    size_t next = 0;
    for (const BatchLayout::Place& place : layout_.inputs) {
      NOMO_ASSIGN_OR_RETURN(Tensor tensor, FitAs("input", place, std::move((*element)[next++])));
      batch.inputs.push_back(std::move(tensor));
    }
    if (!options_.with_targets) return batch;
    for (const BatchLayout::Place& place : layout_.targets) {
      NOMO_ASSIGN_OR_RETURN(Tensor tensor, FitAs("target", place, std::move((*element)[next++])));
      batch.targets.push_back(std::move(tensor));
    }
    for (size_t i = 0; i < layout_.weights.size(); ++i) {
      const Tensor given = next < element->size() ? (*element)[next++] : Tensor();
      NOMO_ASSIGN_OR_RETURN(Tensor weight, SampleWeights(layout_.weights[i], batch.targets[i],
                                                         given, options_.class_weight));
      batch.weights.push_back(std::move(weight));
    }
    return batch;
  }

  int64_t num_batches() const override { return std::max<int64_t>(dataset_.Cardinality(), -1); }
  std::string SavePosition() const override {
    return iterator_ == nullptr ? "" : iterator_->SavePosition();
  }
  absl::Status RestorePosition(absl::string_view position) override {
    NOMO_RETURN_IF_ERROR(Start(0));
    return iterator_->RestorePosition(position);
  }

 private:
  const Dataset dataset_;
  const BatchLayout layout_;
  const BatchingOptions options_;
  std::unique_ptr<DatasetIterator> iterator_;
};

}  // namespace

absl::StatusOr<TrainingData> TrainingData::Rows(int64_t begin, int64_t end) const {
  if (dataset_) return InvalidArgument("a pipeline cannot be split by rows: use Take() and Skip()");
  TrainingData result;
  ErrorList errors;
  const auto cut = [&](const NamedTensors& from, NamedTensors& to) {
    for (const auto& [name, tensor] : from) {
      if (tensor.shape().rank() == 0 || tensor.shape()[0] < end) {
        errors.Add(InvalidArgument(Quoted(name), ": expected at least ", end, " rows, found ",
                                   tensor.type().ToString()));
      } else {
        to[name] = tensor.Rows(begin, end);
      }
    }
  };
  cut(x_, result.x_);
  cut(y_, result.y_);
  cut(weights_, result.weights_);
  NOMO_RETURN_IF_ERROR(errors.ToStatus("the data cannot be split"));
  return result;
}

int64_t TrainingData::num_rows() const {
  if (x_.empty()) return 0;
  const Shape& shape = x_.begin()->second.shape();
  return shape.rank() == 0 ? 0 : shape[0];
}

namespace {

// A tensor in the form that a place wants.
absl::StatusOr<Tensor> Fit(const BatchLayout::Place& place, Tensor tensor) {
  const TensorType& type = place.type;
  const PartialShape& wanted = type.shape;
  if (wanted.has_rank()) {
    std::vector<int64_t> dims(tensor.shape().dims().begin(), tensor.shape().dims().end());
    const int rank = tensor.shape().rank();
    if (wanted.rank() + 1 == rank && dims.back() == 1) {
      dims.pop_back();
      tensor = tensor.Reshaped(Shape(dims));
    } else if (wanted.rank() == rank + 1 && wanted[rank] == Dim(1)) {
      dims.push_back(1);
      tensor = tensor.Reshaped(Shape(dims));
    }
  }
  if (!Matches(tensor.shape(), wanted)) {
    return InvalidArgument(PlaceText(place), ": expected ", type.ToString(), ", found ",
                           tensor.type().ToString());
  }
  if (tensor.dtype() == type.dtype) return tensor;
  // A class that is no whole number would silently become another.
  if (kInts.Contains(type.dtype) && kFloats.Contains(tensor.dtype())) {
    for (int64_t i = 0; i < tensor.num_elements(); ++i) {
      const double value = tensor.AsDouble(i);
      if (value != static_cast<double>(static_cast<int64_t>(value))) {
        return InvalidArgument(PlaceText(place), ": expected whole numbers (", type.ToString(),
                               "), found ", value);
      }
    }
  }
  return TryCast(tensor, type.dtype);
}

absl::StatusOr<Tensor> FitAs(absl::string_view what, const BatchLayout::Place& place,
                             Tensor tensor) {
  // Classes, where the loss expects a row of probabilities of each.
  const bool classes = what == "target" && kInts.Contains(tensor.dtype()) &&
                       kFloats.Contains(place.type.dtype) && place.type.shape.has_rank() &&
                       place.type.shape.rank() == tensor.shape().rank() + 1;
  auto fitted = Fit(place, std::move(tensor));
  if (!fitted.ok()) {
    return absl::Status(
        fitted.status().code(),
        absl::StrCat(what, " ", fitted.status().message(),
                     classes ? " (sparse_categorical_crossentropy takes classes)" : ""));
  }
  return fitted;
}

// Of each sample: the target itself, or the place of its greatest element.
absl::StatusOr<std::vector<int64_t>> ClassesOf(const Tensor& target) {
  const int64_t rows = target.shape()[0];
  const int64_t width = rows == 0 ? 1 : target.num_elements() / rows;
  std::vector<int64_t> classes(rows);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t best = 0;
    for (int64_t k = 1; k < width; ++k) {
      if (target.AsDouble(row * width + k) > target.AsDouble(row * width + best)) best = k;
    }
    const double value = target.AsDouble(row);
    if (width == 1) best = std::abs(value) < 1e15 ? static_cast<int64_t>(value) : -1;  // no class
    classes[row] = best;
  }
  return classes;
}

absl::StatusOr<Tensor> SampleWeights(const BatchLayout::Place& place, const Tensor& target,
                                     const Tensor& given,
                                     const std::map<int64_t, double>& class_weight) {
  const int rank = place.type.shape.has_rank() ? place.type.shape.rank() : 1;
  Tensor weights = given;
  if (weights.valid()) {
    NOMO_ASSIGN_OR_RETURN(weights, FitAs("sample weight", place, weights));
  } else {
    std::vector<int64_t> dims(
        target.shape().dims().begin(),
        target.shape().dims().begin() + std::min(rank, target.shape().rank()));
    NOMO_ASSIGN_OR_RETURN(weights, TryFull(DType::kFloat32, Shape(dims), 1));
  }
  if (class_weight.empty()) return weights;
  if (target.shape().rank() == 0)
    return InvalidArgument("class weights are for targets of samples");
  NOMO_ASSIGN_OR_RETURN(weights, TryClone(weights));
  NOMO_ASSIGN_OR_RETURN(const std::vector<int64_t> classes, ClassesOf(target));
  const absl::Span<float> values = weights.mutable_data<float>();
  const size_t each = classes.empty() ? 1 : values.size() / classes.size();
  for (size_t i = 0; i < values.size(); ++i) {
    const auto found = class_weight.find(classes[i / each]);
    if (found != class_weight.end()) values[i] *= static_cast<float>(found->second);
  }
  return weights;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BatchSource>> MakeBatches(const TrainingData& data,
                                                         const BatchLayout& layout,
                                                         const BatchingOptions& options) {
  if (!options.class_weight.empty() && layout.targets.size() != 1) {
    return InvalidArgument("class weights are for models with one output; this one has losses of ",
                           layout.targets.size());
  }
  if (data.dataset()) {
    auto batches = std::make_unique<DatasetBatches>(*data.dataset(), layout, options);
    NOMO_RETURN_IF_ERROR(batches->Init());
    return batches;
  }
  auto batches = std::make_unique<ArrayBatches>(layout, options);
  NOMO_RETURN_IF_ERROR(batches->Init(data));
  return batches;
}

}  // namespace nomograph
