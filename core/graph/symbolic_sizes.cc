#include "nomograph/core/graph/symbolic_sizes.h"

#include <algorithm>

namespace nomograph {
namespace {

// Longer ones are data, not shapes.
constexpr int64_t kMaxElements = 256;

// Unknown sizes that nothing is computed from (a model's inputs, what depends on data) are followed
// up to this many: a model has few, and the sizes of the probes stay small.
constexpr int kMaxUnnamed = 64;

// Large sizes are primes, which no product or sum of others is likely to meet.
constexpr int64_t kSmall[] = {5, 7, 11, 13, 17, 19, 23, 29};
constexpr int64_t kLarge[] = {7919, 7927, 7933, 7937, 7949, 7951, 7963, 7993};

bool IsUnknown(const Dim& dim) { return !dim.known() && dim.symbol().empty(); }

// Whether a size of a type is a symbol's, or unknown.
bool IsOpen(const TensorType& type) {
  if (!type.shape.has_rank()) return false;
  return !std::all_of(type.shape.dims().begin(), type.shape.dims().end(),
                      [](const Dim& dim) { return dim.known(); });
}

bool HasUnknown(const PartialShape& shape) {
  return shape.has_rank() && std::any_of(shape.dims().begin(), shape.dims().end(), IsUnknown);
}

// Whether nothing of a type is left to find.
bool IsFound(const TensorType& type) { return type.shape.has_rank() && !HasUnknown(type.shape); }

}  // namespace

int64_t SymbolicSizes::SizeOf(int symbol, int probe) {
  constexpr int kListed = static_cast<int>(std::size(kSmall));
  if (probe == 0) return 1;
  if (probe == 1) return kSmall[symbol % kListed] + 30 * (symbol / kListed);
  return kLarge[symbol % kListed] + 210 * (symbol / kListed);
}

void SymbolicSizes::Forget(ValueId first) {
  values_.erase(values_.lower_bound(first), values_.end());
  if (shape_of_.size() > static_cast<size_t>(first)) shape_of_.resize(first);
}

void SymbolicSizes::NumberUnknown(ValueId value, const PartialShape& shape) {
  if (!HasUnknown(shape)) return;
  if (static_cast<size_t>(value) >= shape_of_.size()) shape_of_.resize(value + 1);
  const std::vector<int64_t>* known = shape_of_[value];
  std::vector<int64_t> sizes =
      known == nullptr ? std::vector<int64_t>(kProbes * shape.rank(), -1) : *known;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!IsUnknown(shape[axis]) || sizes[axis] >= 0 || unnamed_ >= kMaxUnnamed) continue;
    ++unnamed_;
    const int number = numbers_++;
    for (int probe = 0; probe < kProbes; ++probe) {
      sizes[probe * shape.rank() + axis] = SizeOf(number, probe);
    }
  }
  if (known != nullptr && sizes == *known) return;
  shape_of_[value] = &*shapes_.insert(std::move(sizes)).first;
}

TensorType SymbolicSizes::Concrete(const TensorType& type, ValueId value, int probe, bool unnamed) {
  TensorType concrete = type;
  if (!type.shape.has_rank()) return concrete;
  const int rank = type.shape.rank();
  const std::vector<int64_t>* shape =
      static_cast<size_t>(value) < shape_of_.size() ? shape_of_[value] : nullptr;
  if (shape != nullptr && shape->size() != static_cast<size_t>(kProbes * rank)) shape = nullptr;
  for (int axis = 0; axis < rank; ++axis) {
    const Dim& dim = type.shape[axis];
    if (IsUnknown(dim) && unnamed && shape != nullptr && (*shape)[probe * rank + axis] >= 0) {
      concrete.shape[axis] = Dim((*shape)[probe * rank + axis]);
    }
    const std::string& symbol = dim.symbol();
    if (symbol.empty()) continue;
    const auto [known, added] = symbols_.emplace(symbol, numbers_);
    const int number = known->second;
    if (added) {
      ++numbers_;
      symbol_of_[{SizeOf(number, 0), SizeOf(number, 1), SizeOf(number, 2)}] = symbol;
    }
    concrete.shape[axis] = Dim(SizeOf(number, probe));
  }
  return concrete;
}

SizeValue SymbolicSizes::Agreed(const std::array<int64_t, kProbes>& sizes) const {
  if (sizes[0] == sizes[1] && sizes[1] == sizes[2]) return {.number = sizes[0]};
  const auto symbol = symbol_of_.find(sizes);
  return symbol == symbol_of_.end() ? SizeValue{} : SizeValue{.symbol = symbol->second};
}

std::optional<SymbolicSizes::Probed> SymbolicSizes::Probe(
    const Graph& graph, const Node& node, const TypeInferrer& inferrer,
    absl::FunctionRef<const Tensor*(ValueId)> constant, bool unnamed) {
  Probed probed;
  for (int probe = 0; probe < kProbes; ++probe) {
    std::vector<TensorType> inputs;
    std::vector<Tensor> values;
    for (const ValueId id : node.inputs) {
      values.emplace_back();
      if (id == kNoValue) {
        inputs.emplace_back();
        continue;
      }
      inputs.push_back(Concrete(graph.values[id].type, id, probe, unnamed));
      if (const auto found = values_.find(id); found != values_.end()) {
        values.back() = found->second[probe];
        inputs.back() = values.back().type();
      } else if (const Tensor* known = constant(id)) {
        values.back() = *known;
      }
    }
    auto typed = inferrer.TypeNode(node, inputs, values);
    if (!typed.ok()) return std::nullopt;
    probed.types[probe] = std::move(typed->types);
    probed.constants[probe] = std::move(typed->constants);
  }
  return probed;
}

void SymbolicSizes::Follow(const Graph& graph, const Node& node, const TypeInferrer& inferrer,
                           absl::FunctionRef<const Tensor*(ValueId)> constant,
                           std::vector<TensorType>& outputs) {
  if (!NamedFunctions(node).empty()) return;
  bool open = false, unknown = false, of_sizes = false;
  for (const ValueId id : node.inputs) {
    if (id == kNoValue) continue;
    const TensorType& type = graph.values[id].type;
    open |= IsOpen(type);
    of_sizes |= values_.contains(id);
    if (!HasUnknown(type.shape)) continue;
    unknown = true;
    NumberUnknown(id, type.shape);
  }
  if (!open && !of_sizes) return;
  // Most nodes: no sizes come in, none can come out, and the shapes are there.
  const OpDef* op = inferrer.registry().Find(node.op, node.version);
  const bool yields_sizes = of_sizes || op == nullptr || op->fold != nullptr;
  if (!yields_sizes && std::all_of(outputs.begin(), outputs.end(), IsFound)) return;

  // Two unknown sizes may have to be the same one, which their sizes in the probes are not.
  std::optional<Probed> probed = Probe(graph, node, inferrer, constant, /*unnamed=*/true);
  if (!probed && unknown) probed = Probe(graph, node, inferrer, constant, /*unnamed=*/false);
  if (!probed) return;
  const auto& [types, results] = *probed;
  for (const std::vector<TensorType>& of_probe : types) {
    if (of_probe.size() != outputs.size()) return;
  }

  for (size_t i = 0; i < outputs.size(); ++i) {
    const PartialShape& first = types[0][i].shape;
    if (!first.has_rank() || types[1][i].shape.rank() != first.rank() ||
        types[2][i].shape.rank() != first.rank()) {
      continue;
    }
    PartialShape shape = PartialShape::OfRank(first.rank());
    for (int axis = 0; axis < first.rank(); ++axis) {
      const SizeValue size = Agreed({types[0][i].shape[axis].size(), types[1][i].shape[axis].size(),
                                     types[2][i].shape[axis].size()});
      // An axis that is empty in all of them may be a part that none of their sizes reaches.
      if (size.number && *size.number >= (open ? 1 : 0)) shape[axis] = Dim(*size.number);
      if (!size.symbol.empty()) shape[axis] = Dim::Symbol(size.symbol);
    }
    const auto merged = Merge(outputs[i].shape, shape);
    if (merged.ok()) outputs[i].shape = *merged;
    if (i >= node.outputs.size() || node.outputs[i] == kNoValue) continue;
    if (!HasUnknown(outputs[i].shape) || outputs[i].shape.rank() != first.rank()) continue;
    std::vector<int64_t> sizes;
    for (const std::vector<TensorType>& of_probe : types) {
      for (const Dim& dim : of_probe[i].shape.dims()) sizes.push_back(dim.size());
    }
    const auto value = static_cast<size_t>(node.outputs[i]);
    if (value >= shape_of_.size()) shape_of_.resize(value + 1);
    shape_of_[value] = &*shapes_.insert(std::move(sizes)).first;
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kNoValue) continue;
    Tensors values;
    bool all = true;
    for (int probe = 0; probe < kProbes && all; ++probe) {
      all = i < results[probe].size() && results[probe][i].valid() &&
            results[probe][i].num_elements() <= kMaxElements;
      if (all) values[probe] = results[probe][i];
    }
    if (all) values_[node.outputs[i]] = std::move(values);
  }
}

std::optional<std::vector<SizeValue>> SymbolicSizes::Sizes(ValueId value) const {
  const auto found = values_.find(value);
  if (found == values_.end()) return std::nullopt;
  const Tensors& tensors = found->second;
  for (const Tensor& tensor : tensors) {
    if (!kInts.Contains(tensor.dtype()) || tensor.shape() != tensors[0].shape() ||
        tensor.shape().rank() > 1) {
      return std::nullopt;
    }
  }
  std::array<std::vector<int64_t>, kProbes> numbers;
  for (int probe = 0; probe < kProbes; ++probe) numbers[probe] = tensors[probe].ToInts();
  std::vector<SizeValue> sizes;
  for (size_t i = 0; i < numbers[0].size(); ++i) {
    sizes.push_back(Agreed({numbers[0][i], numbers[1][i], numbers[2][i]}));
  }
  return sizes;
}

}  // namespace nomograph
