#include "nomograph/core/graph/symbolic_sizes.h"

#include <algorithm>

namespace nomograph {
namespace {

// Longer ones are data, not shapes.
constexpr int64_t kMaxElements = 256;

// Large sizes are primes, which no product or sum of others is likely to meet.
constexpr int64_t kSmall[] = {5, 7, 11, 13, 17, 19, 23, 29};
constexpr int64_t kLarge[] = {7919, 7927, 7933, 7937, 7949, 7951, 7963, 7993};

bool HasSymbol(const TensorType& type) {
  if (!type.shape.has_rank()) return false;
  for (const Dim& dim : type.shape.dims()) {
    if (!dim.symbol().empty()) return true;
  }
  return false;
}

// Whether nothing of a type is left to find.
bool IsFound(const TensorType& type) {
  if (!type.shape.has_rank()) return false;
  return std::all_of(type.shape.dims().begin(), type.shape.dims().end(),
                     [](const Dim& dim) { return dim.known() || !dim.symbol().empty(); });
}

}  // namespace

int64_t SymbolicSizes::SizeOf(int symbol, int probe) {
  constexpr int kListed = static_cast<int>(std::size(kSmall));
  if (probe == 0) return 1;
  if (probe == 1) return kSmall[symbol % kListed] + 30 * (symbol / kListed);
  return kLarge[symbol % kListed] + 210 * (symbol / kListed);
}

TensorType SymbolicSizes::Concrete(const TensorType& type, int probe) {
  TensorType concrete = type;
  if (!type.shape.has_rank()) return concrete;
  for (int axis = 0; axis < type.shape.rank(); ++axis) {
    const std::string& symbol = type.shape[axis].symbol();
    if (symbol.empty()) continue;
    const auto [known, added] = symbols_.emplace(symbol, static_cast<int>(symbols_.size()));
    const int number = known->second;
    if (added) symbol_of_[{SizeOf(number, 0), SizeOf(number, 1), SizeOf(number, 2)}] = symbol;
    concrete.shape[axis] = Dim(SizeOf(number, probe));
  }
  return concrete;
}

SizeValue SymbolicSizes::Agreed(const std::array<int64_t, kProbes>& sizes) const {
  if (sizes[0] == sizes[1] && sizes[1] == sizes[2]) return {.number = sizes[0]};
  const auto symbol = symbol_of_.find(sizes);
  return symbol == symbol_of_.end() ? SizeValue{} : SizeValue{.symbol = symbol->second};
}

void SymbolicSizes::Follow(const Graph& graph, const Node& node, const TypeInferrer& inferrer,
                           absl::FunctionRef<const Tensor*(ValueId)> constant,
                           std::vector<TensorType>& outputs) {
  if (!NamedFunctions(node).empty()) return;
  bool symbolic = false, of_sizes = false;
  for (const ValueId id : node.inputs) {
    if (id == kNoValue) continue;
    symbolic |= HasSymbol(graph.values[id].type);
    of_sizes |= values_.contains(id);
  }
  if (!symbolic && !of_sizes) return;
  // Most nodes: no sizes come in, none can come out, and the shapes are there.
  const OpDef* op = inferrer.registry().Find(node.op, node.version);
  const bool yields_sizes = of_sizes || op == nullptr || op->fold != nullptr;
  if (!yields_sizes && std::all_of(outputs.begin(), outputs.end(), IsFound)) return;

  std::array<std::vector<TensorType>, kProbes> types;
  std::array<std::vector<Tensor>, kProbes> results;
  for (int probe = 0; probe < kProbes; ++probe) {
    std::vector<TensorType> inputs;
    std::vector<Tensor> values;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? TensorType{} : Concrete(graph.values[id].type, probe));
      values.emplace_back();
      if (id == kNoValue) continue;
      if (const auto found = values_.find(id); found != values_.end()) {
        values.back() = found->second[probe];
        inputs.back() = values.back().type();
      } else if (const Tensor* known = constant(id)) {
        values.back() = *known;
      }
    }
    auto typed = inferrer.TypeNode(node, inputs, values);
    if (!typed.ok() || typed->types.size() != outputs.size()) return;
    types[probe] = std::move(typed->types);
    results[probe] = std::move(typed->constants);
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
      if (size.number && *size.number >= 0) shape[axis] = Dim(*size.number);
      if (!size.symbol.empty()) shape[axis] = Dim::Symbol(size.symbol);
    }
    const auto merged = Merge(outputs[i].shape, shape);
    if (merged.ok()) outputs[i].shape = *merged;
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
