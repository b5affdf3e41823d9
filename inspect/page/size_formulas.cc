#include "nomograph/inspect/page/size_formulas.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace nomograph {
namespace {

constexpr int kMaxSymbols = 6;
// Sizes are multiples of what networks divide by, but for the second half of a symbol's probes.
constexpr int64_t kGrain = 64;

std::string Symbol(int symbol) { return absl::StrCat("$", symbol); }

// "a + 3", "a - 3", "a".
std::string Plus(const std::string& text, int64_t number) {
  if (number == 0) return text;
  return number > 0 ? absl::StrCat(text, "+", number) : absl::StrCat(text, "-", -number);
}

std::string Times(int64_t factor, const std::string& text) {
  return factor == 1 ? text : absl::StrCat(factor, "*", text);
}

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

// outer * ((factor * s + shift) // divisor) + offset
struct Stairs {
  int64_t outer, factor, shift, divisor, offset;
  int64_t At(int64_t s) const { return outer * FloorDiv(factor * s + shift, divisor) + offset; }
  std::string ToString(const std::string& s) const {
    const std::string inner = Plus(Times(factor, s), shift);
    if (divisor == 1) return Plus(inner, offset);
    return Plus(Times(outer, absl::StrCat("((", inner, ")//", divisor, ")")), offset);
  }
};

}  // namespace

int64_t SizeProbes::Size(int symbol, int probe) const {
  const int64_t base = kGrain * (3 + 2 * symbol);
  if (probe == 0) return base;
  if (probe == count() - 1) return kGrain * (5 + 3 * (symbols_ - symbol));
  if ((probe - 1) / kPerSymbol != symbol) return base;
  // The odd ones tell in which direction, and to multiples of what, sizes are rounded.
  constexpr int64_t kMore[kPerSymbol] = {2 * kGrain, kGrain, 1, 17, 31};
  return base + kMore[(probe - 1) % kPerSymbol];
}

bool SizeProbes::DependsOn(int symbol, absl::Span<const int64_t> results) const {
  for (int i = 0; i < kPerSymbol; ++i) {
    const int64_t result = results[1 + kPerSymbol * symbol + i];
    if (result >= 0 && result != results[0]) return true;
  }
  return false;
}

std::optional<std::string> SizeProbes::FitOne(int symbol, absl::Span<const int64_t> results) const {
  const int64_t doubled = results[1 + kPerSymbol * symbol];
  if (doubled < 0) return std::nullopt;
  const int64_t step = 2 * kGrain, rise = doubled - results[0];
  const int64_t common = std::gcd(std::abs(rise), step);
  const int64_t factor = rise / common, divisor = step / common;
  const auto fits = [&](const Stairs& stairs) {
    for (int p = 0; p < count(); ++p) {
      if (results[p] >= 0 && stairs.At(Size(symbol, p)) != results[p]) return false;
    }
    return true;
  };
  // Downsampled by `divisor` in one go, or further and up again by `outer`.
  for (int64_t outer = 1; outer <= kGrain; outer *= 2) {
    for (int64_t shift = 0; shift < outer * divisor; ++shift) {
      Stairs stairs{outer, factor, shift, outer * divisor, 0};
      stairs.offset = results[0] - stairs.At(Size(symbol, 0));
      if (!fits(stairs)) continue;
      if (stairs.divisor > 1 && outer == 1 && stairs.offset != 0) {  // one fraction is enough
        const Stairs joined{1, factor, shift + stairs.offset * divisor, divisor, 0};
        if (joined.shift >= 0) stairs = joined;
      }
      return stairs.ToString(Symbol(symbol));
    }
  }
  return std::nullopt;
}

std::optional<std::string> SizeProbes::FitSum(absl::Span<const int> symbols,
                                              absl::Span<const int64_t> results) const {
  std::vector<int64_t> factors;
  int64_t offset = results[0];
  for (const int s : symbols) {
    const int64_t rise = results[1 + kPerSymbol * s] - results[0];
    if (results[1 + kPerSymbol * s] < 0 || rise % (2 * kGrain) != 0) return std::nullopt;
    factors.push_back(rise / (2 * kGrain));
    offset -= factors.back() * Size(s, 0);
  }
  for (int p = 0; p < count(); ++p) {
    int64_t sum = offset;
    for (size_t i = 0; i < symbols.size(); ++i) sum += factors[i] * Size(symbols[i], p);
    if (results[p] >= 0 && sum != results[p]) return std::nullopt;
  }
  std::string text;
  for (size_t i = 0; i < symbols.size(); ++i) {
    const std::string term = Times(std::abs(factors[i]), Symbol(symbols[i]));
    absl::StrAppend(&text, factors[i] < 0 ? (text.empty() ? "0-" : "-") : (text.empty() ? "" : "+"),
                    term);
  }
  return Plus(text, offset);
}

std::optional<std::string> SizeProbes::FitProduct(absl::Span<const int> symbols,
                                                  absl::Span<const int64_t> results) const {
  const auto product = [&](int p) {
    int64_t value = 1;
    for (const int s : symbols) value = SaturatingMultiply(value, Size(s, p));
    return value;
  };
  const int64_t common = std::gcd(results[0], product(0));
  if (common == 0) return std::nullopt;
  const int64_t factor = results[0] / common, divisor = product(0) / common;
  for (int p = 0; p < count(); ++p) {
    if (results[p] >= 0 && SaturatingMultiply(factor, product(p)) / divisor != results[p]) {
      return std::nullopt;
    }
  }
  const std::string text = Times(
      factor, absl::StrJoin(symbols, "*", [](std::string* out, int s) { *out += Symbol(s); }));
  return divisor == 1 ? text : absl::StrCat("(", text, ")//", divisor);
}

std::optional<std::string> SizeProbes::Fit(absl::Span<const int64_t> results) const {
  if (results.empty() || results[0] < 0) return std::nullopt;
  std::vector<int> symbols;
  for (int s = 0; s < symbols_; ++s) {
    if (DependsOn(s, results)) symbols.push_back(s);
  }
  if (symbols.empty()) {
    const bool constant = results.back() < 0 || results.back() == results[0];
    return constant ? std::optional(absl::StrCat(results[0])) : std::nullopt;
  }
  if (symbols.size() == 1) return FitOne(symbols[0], results);
  if (auto sum = FitSum(symbols, results)) return sum;
  return FitProduct(symbols, results);
}

std::optional<std::string> ProbedGraph::SizeOf(ValueId value, int axis) const {
  std::vector<int64_t> results;
  for (const std::vector<TensorType>& probe : types) {
    const bool known = !probe.empty() && probe[value].shape.rank() > axis;
    results.push_back(known ? probe[value].shape[axis].size() : -1);
  }
  return probes.Fit(results);
}

namespace {

// Where a symbol stands in the inputs.
struct OpenSize {
  ValueId input;
  int axis;
  int symbol;
};

// `join_first`: the first open size of each input, where none has a name, is one and the same, as
// the rows of a batch are.
std::vector<OpenSize> OpenSizes(const Graph& graph, size_t limit, bool join_first,
                                std::vector<std::string>& symbols) {
  absl::flat_hash_map<std::string, int> numbers;
  std::vector<OpenSize> open;
  std::string first_name;
  for (const ValueId input : graph.inputs) {
    const PartialShape& shape = graph.value(input).type.shape;
    bool is_first = true;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis].known()) continue;
      std::string name = shape[axis].symbol();
      if (name.empty()) name = absl::StrCat(graph.value(input).name, ".", axis);
      if (std::exchange(is_first, false) && join_first && shape[axis].symbol().empty()) {
        if (first_name.empty()) first_name = name;
        name = first_name;
      }
      const auto [found, is_new] = numbers.emplace(name, static_cast<int>(symbols.size()));
      if (is_new && symbols.size() == limit) {
        numbers.erase(found);
        continue;
      }
      if (is_new) symbols.push_back(name);
      open.push_back({input, axis, found->second});
    }
  }
  return open;
}

ProbedGraph Probe(const Graph& graph, const FunctionLibrary& functions, const OpRegistry& registry,
                  size_t limit, bool join_first) {
  ProbedGraph result;
  const std::vector<OpenSize> open = OpenSizes(graph, limit, join_first, result.symbols);
  if (open.empty()) return result;
  result.probes = SizeProbes(static_cast<int>(result.symbols.size()));

  // What was declared of values between the inputs and the outputs may hold for one size only.
  Graph probed = graph;
  for (const Node& node : probed.nodes) {
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) probed.values[id].type.shape = PartialShape();
    }
  }
  const std::vector<ValueInfo> unknown = probed.values;
  const TypeInferrer inferrer(functions, registry);
  for (int p = 0; p < result.probes.count(); ++p) {
    probed.values = unknown;
    for (const OpenSize& size : open) {
      probed.values[size.input].type.shape[size.axis] = result.probes.Size(size.symbol, p);
    }
    std::vector<TensorType>& types = result.types.emplace_back();
    if (!inferrer.InferGraph(probed).ok()) {
      if (p == 0) return result;
      continue;
    }
    types.reserve(probed.values.size());
    for (ValueInfo& value : probed.values) types.push_back(std::move(value.type));
  }
  return result;
}

}  // namespace

ProbedGraph ProbeSizes(const Graph& graph, const FunctionLibrary& functions,
                       const OpRegistry& registry, int64_t max_typed_nodes) {
  const int64_t nodes = std::max<int64_t>(1, static_cast<int64_t>(graph.nodes.size()));
  int limit = kMaxSymbols;
  while (limit > 0 && SizeProbes(limit).count() * nodes > max_typed_nodes) --limit;
  ProbedGraph result = Probe(graph, functions, registry, limit, /*join_first=*/false);
  if (result.ok() || result.symbols.size() < 2) return result;
  ProbedGraph joined = Probe(graph, functions, registry, limit, /*join_first=*/true);
  return joined.ok() ? joined : result;
}

}  // namespace nomograph
