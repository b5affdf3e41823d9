#include "nomograph/inspect/selector_terms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/glob.h"
#include "nomograph/inspect/regex.h"

namespace nomograph {
namespace {

using Term = absl::StatusOr<SelectorTerm>;

void ForEachGraph(const Model& model, absl::FunctionRef<void(const Graph&)> visit) {
  visit(model.graph);
  for (const auto& [name, function] : model.functions) visit(function.graph);
}

absl::string_view BehindDomain(absl::string_view op) { return op.substr(op.rfind('.') + 1); }

std::vector<std::string> OpsOf(const Model& model, bool with_domain) {
  std::set<std::string, std::less<>> ops;
  ForEachGraph(model, [&](const Graph& graph) {
    for (const Node& node : graph.nodes) {
      ops.emplace(with_domain ? absl::string_view(node.op) : BehindDomain(node.op));
    }
  });
  return {ops.begin(), ops.end()};
}

Term ParseOp(const SelectorWord& rest, const Model& model) {
  const bool with_domain = absl::StrContains(rest.text, '.');
  const Glob glob(rest.text, rest.quoted, /*ignore_case=*/true);
  SelectorTerm term;
  term.node = [glob, with_domain](const Node& node) {
    return glob.Matches(with_domain ? absl::string_view(node.op) : BehindDomain(node.op));
  };
  term.did_you_mean = [&model, with_domain, op = rest.text] {
    return DidYouMean(op, OpsOf(model, with_domain));
  };
  return term;
}

Term ParseDType(const SelectorWord& rest) {
  std::vector<std::string> names;
  std::array<bool, kNumDTypes> taken{};
  const Glob glob(rest.text, rest.quoted);
  for (int i = 0; i < kNumDTypes; ++i) {
    const absl::string_view name = DTypeName(static_cast<DType>(i));
    taken[i] = glob.Matches(name);
    names.emplace_back(name);
  }
  if (std::find(taken.begin(), taken.end(), true) == taken.end()) {
    return InvalidArgument("there is no dtype ", Quoted(rest.text), DidYouMean(rest.text, names));
  }
  SelectorTerm term{.producers = true};
  term.value = [taken](const Graph& graph, ValueId id) {
    return taken[static_cast<int>(graph.value(id).type.dtype)];
  };
  return term;
}

// An axis of a shape as it is written in a selector.
struct DimPattern {
  enum { kAny, kSize, kSymbol, kUnknown } kind = kAny;
  int64_t size = 0;
  std::string symbol;

  bool Fits(const Dim& dim) const {
    switch (kind) {
      case kSize:
        return dim.size() == size;
      case kSymbol:
        return !dim.known() && dim.symbol() == symbol;
      case kUnknown:
        return !dim.known() && dim.symbol().empty();
      case kAny:
        break;
    }
    return true;
  }
};

absl::StatusOr<DimPattern> ParseDim(absl::string_view text) {
  if (text == "*") return DimPattern{};
  if (text == "?") return DimPattern{DimPattern::kUnknown};
  int64_t size = 0;
  if (absl::SimpleAtoi(text, &size) && size >= 0) return DimPattern{DimPattern::kSize, size};
  if (text.empty() || absl::ascii_isdigit(text[0]) || text[0] == '-') {
    return InvalidArgument(Quoted(text),
                           " is no size: write a number, the name of a symbolic size, "
                           "* for any, ? for one that is not known");
  }
  return DimPattern{DimPattern::kSymbol, 0, std::string(text)};
}

Term ParseShapePattern(const SelectorWord& rest) {
  absl::string_view text = rest.text;
  if (!absl::ConsumePrefix(&text, "[") || !absl::ConsumeSuffix(&text, "]")) {
    return InvalidArgument("a shape is written in brackets, as in shape:[*,64,...]; found ",
                           Quoted(rest.text));
  }
  std::vector<DimPattern> head, tail;
  bool open = false;
  std::vector<absl::string_view> parts;
  if (!absl::StripAsciiWhitespace(text).empty()) parts = absl::StrSplit(text, ',');
  for (absl::string_view part : parts) {
    part = absl::StripAsciiWhitespace(part);
    if (part == "..." && open) return InvalidArgument("... can stand once in a shape");
    if (part == "...") {
      open = true;
      continue;
    }
    NOMO_ASSIGN_OR_RETURN(DimPattern dim, ParseDim(part));
    (open ? tail : head).push_back(std::move(dim));
  }
  SelectorTerm term{.producers = true};
  term.value = [head, tail, open](const Graph& graph, ValueId id) {
    const PartialShape& shape = graph.value(id).type.shape;
    if (!shape.has_rank()) return open && head.empty() && tail.empty();
    const size_t rank = shape.rank(), written = head.size() + tail.size();
    if (open ? rank < written : rank != written) return false;
    for (size_t i = 0; i < head.size(); ++i) {
      if (!head[i].Fits(shape[i])) return false;
    }
    for (size_t i = 0; i < tail.size(); ++i) {
      if (!tail[i].Fits(shape[rank - tail.size() + i])) return false;
    }
    return true;
  };
  return term;
}

// One element of an attribute against what is written.
class Operand {
 public:
  Operand(absl::string_view text, const std::vector<bool>& literal)
      : text_(text), glob_(text, literal) {
    int64_t integer = 0;
    double number = 0;
    if (absl::SimpleAtoi(text, &integer)) integer_ = integer;
    if (absl::SimpleAtod(text, &number)) number_ = number;
  }

  bool is_number() const { return number_.has_value(); }

  // Less than 0, 0 and more than 0 as the element is; none where they cannot be compared.
  std::optional<int> Compare(int64_t element) const {
    if (integer_) return element < *integer_ ? -1 : element > *integer_;
    return Compare(static_cast<double>(element));
  }
  std::optional<int> Compare(double element) const {
    if (!number_ || std::isnan(element) || std::isnan(*number_)) return std::nullopt;
    return element < *number_ ? -1 : element > *number_;
  }

  bool Equals(bool element) const { return text_ == (element ? "true" : "false"); }
  bool Equals(int64_t element) const { return Compare(element) == 0; }
  bool Equals(double element) const {
    return Compare(element) == 0 || (std::isnan(element) && number_ && std::isnan(*number_));
  }
  bool Equals(DType element) const { return glob_.Matches(DTypeName(element)); }
  bool Equals(const std::string& element) const { return glob_.Matches(element); }
  bool Equals(const FunctionRef& element) const {
    return glob_.Matches(element.name) || glob_.Matches(absl::StrCat("@", element.name));
  }

 private:
  std::string text_;
  Glob glob_;
  std::optional<int64_t> integer_;
  std::optional<double> number_;
};

// "=" and what stands behind it; of a list also "[2, 2]".
class AttrTest {
 public:
  enum Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

  static absl::StatusOr<AttrTest> Parse(Comparison comparison, const SelectorWord& word) {
    AttrTest test;
    test.comparison_ = comparison;
    absl::string_view text = word.text;
    test.whole_list_ = word.Find("[") == 0 && absl::EndsWith(text, "]");
    if (test.whole_list_) {
      text = text.substr(1, text.size() - 2);
      if (!absl::StripAsciiWhitespace(text).empty()) {
        for (const absl::string_view part : absl::StrSplit(text, ',')) {
          test.operands_.emplace_back(absl::StripAsciiWhitespace(part), std::vector<bool>());
        }
      }
    } else {
      test.operands_.emplace_back(text, word.quoted);
    }
    const bool ordered = comparison != kEqual && comparison != kNotEqual;
    if (ordered && (test.whole_list_ || !test.operands_[0].is_number())) {
      return InvalidArgument("only numbers are less or greater; found ", Quoted(word.text));
    }
    return test;
  }

  bool Holds(const AttrValue& value) const {
    if (comparison_ == kNotEqual) return !std::visit(EqualTo{*this}, value.variant());
    if (comparison_ == kEqual) return std::visit(EqualTo{*this}, value.variant());
    return std::visit(OrderedAs{*this}, value.variant());
  }

 private:
  struct EqualTo {
    const AttrTest& test;
    template <typename T>
    bool operator()(const std::vector<T>& list) const {
      const auto& operands = test.operands_;
      if (!test.whole_list_) {
        return std::any_of(list.begin(), list.end(),
                           [&](const T& element) { return operands[0].Equals(element); });
      }
      return std::equal(list.begin(), list.end(), operands.begin(), operands.end(),
                        [](const T& element, const Operand& o) { return o.Equals(element); });
    }
    bool operator()(const Tensor&) const { return false; }
    template <typename T>
    bool operator()(const T& value) const {
      return !test.whole_list_ && test.operands_[0].Equals(value);
    }
  };

  bool InOrder(std::optional<int> order) const {
    if (!order) return false;
    switch (comparison_) {
      case kLess:
        return *order < 0;
      case kLessOrEqual:
        return *order <= 0;
      case kGreater:
        return *order > 0;
      default:
        return *order >= 0;
    }
  }

  struct OrderedAs {
    const AttrTest& test;
    bool operator()(int64_t value) const { return test.InOrder(test.operands_[0].Compare(value)); }
    bool operator()(double value) const { return test.InOrder(test.operands_[0].Compare(value)); }
    bool operator()(const std::vector<int64_t>& list) const {
      return std::any_of(list.begin(), list.end(), *this);
    }
    bool operator()(const std::vector<double>& list) const {
      return std::any_of(list.begin(), list.end(), *this);
    }
    template <typename T>
    bool operator()(const T&) const {
      return false;
    }
  };

  Comparison comparison_ = kEqual;
  bool whole_list_ = false;
  std::vector<Operand> operands_;
};

std::vector<std::string> AttrsOf(const Model& model, const OpRegistry& registry) {
  std::set<std::string> names, ops;
  ForEachGraph(model, [&](const Graph& graph) {
    for (const Node& node : graph.nodes) {
      for (const auto& [name, value] : node.attrs) names.insert(name);
      if (!ops.insert(node.op).second) continue;
      const OpDef* op = registry.Find(node.op, node.version);
      if (op == nullptr) continue;
      for (const AttrDef& attr : op->attrs) names.insert(attr.name);
    }
  });
  return {names.begin(), names.end()};
}

Term ParseAttr(const SelectorWord& rest, const Model& model, const OpRegistry& registry) {
  static constexpr std::pair<absl::string_view, AttrTest::Comparison> kComparisons[] = {
      {"!=", AttrTest::kNotEqual},
      {"<=", AttrTest::kLessOrEqual},
      {">=", AttrTest::kGreaterOrEqual},
      {"=", AttrTest::kEqual},
      {"<", AttrTest::kLess},
      {">", AttrTest::kGreater}};
  size_t at = std::string::npos;
  for (const auto& [mark, comparison] : kComparisons) at = std::min(at, rest.Find(mark));
  std::optional<AttrTest> test;
  const std::string name = rest.text.substr(0, at);
  if (name.empty()) return InvalidArgument("the name of an attribute is missing");
  for (const auto& [mark, comparison] : kComparisons) {
    if (at == std::string::npos || !absl::StartsWith(absl::string_view(rest.text).substr(at), mark))
      continue;
    const SelectorWord operand = rest.Part(at + mark.size());
    if (operand.text.empty()) return InvalidArgument("nothing stands behind ", mark);
    NOMO_ASSIGN_OR_RETURN(test, AttrTest::Parse(comparison, operand));
    break;
  }
  SelectorTerm term;
  term.node = [name, test, &registry](const Node& node) {
    const AttrValue* value = node.attrs.Find(name);
    if (value == nullptr) {
      const OpDef* op = registry.Find(node.op, node.version);
      const AttrDef* def = op == nullptr ? nullptr : op->FindAttr(name);
      if (def == nullptr || !def->default_value) return false;
      value = &*def->default_value;
    }
    return !test || test->Holds(*value);
  };
  term.did_you_mean = [&model, &registry, name] {
    return DidYouMean(name, AttrsOf(model, registry));
  };
  return term;
}

Term ParseKind(const SelectorWord& rest, const Model& model, const OpRegistry& registry) {
  const auto one_of = [](std::vector<ValueId> Graph::*list) {
    // A graph's list as a set, made when the graph is met.
    struct State {
      const Graph* graph = nullptr;
      absl::flat_hash_set<ValueId> ids;
    };
    return [list, state = std::make_shared<State>()](const Graph& graph, ValueId id) {
      if (state->graph != &graph) {
        state->graph = &graph;
        state->ids = {(graph.*list).begin(), (graph.*list).end()};
      }
      return state->ids.contains(id);
    };
  };
  SelectorTerm term;
  const std::string& kind = rest.text;
  if (kind == "lambda") {
    term.node = LambdaTest(model, registry);
  } else if (kind == "constant") {
    term.node = [](const Node& node) { return node.op == "core.Constant"; };
  } else if (kind == "function") {
    term.node = [](const Node& node) { return !NamedFunctions(node).empty(); };
  } else if (kind == "input") {
    term.value = one_of(&Graph::inputs);
  } else if (kind == "output") {
    term.value = one_of(&Graph::outputs);
  } else if (kind == "weight") {
    absl::flat_hash_set<std::pair<const Graph*, ValueId>> weights;
    ForEachGraph(model, [&](const Graph& graph) {
      for (const Weight& weight : graph.weights) weights.emplace(&graph, weight.value);
    });
    term.value = [weights = std::move(weights)](const Graph& graph, ValueId id) {
      return weights.contains({&graph, id});
    };
  } else {
    const std::vector<std::string> kinds = {"lambda", "constant", "function",
                                            "input",  "output",   "weight"};
    return InvalidArgument("there is no kind ", Quoted(kind), DidYouMean(kind, kinds),
                           "; kinds are lambda, constant and function of nodes, input, output and "
                           "weight of values");
  }
  return term;
}

Term ParseRegex(const SelectorWord& rest) {
  NOMO_ASSIGN_OR_RETURN(const Regex regex, Regex::Compile(rest.text));
  const auto shared = std::make_shared<const Regex>(regex);
  SelectorTerm term;
  term.node = [shared](const Node& node) { return shared->Search(node.name); };
  term.value = [shared](const Graph& graph, ValueId id) {
    return shared->Search(graph.values[id].name);
  };
  return term;
}

size_t KeyEnd(const SelectorWord& word) {
  static constexpr absl::string_view kKeys[] = {
      "op:", "dtype:", "shape:", "attr:", "kind:", kRegexKey};
  for (const absl::string_view key : kKeys) {
    if (word.Find(key) == 0) return key.size();
  }
  return 0;
}

}  // namespace

bool IsPropertyTerm(const SelectorWord& word) { return KeyEnd(word) > 0; }

Term ParsePropertyTerm(const SelectorWord& word, const Model& model, const OpRegistry& registry) {
  const SelectorWord rest = word.Part(KeyEnd(word));
  const absl::string_view key = absl::string_view(word.text).substr(0, KeyEnd(word));
  if (rest.text.empty()) return InvalidArgument("nothing stands behind ", key);
  if (key == "op:") return ParseOp(rest, model);
  if (key == "dtype:") return ParseDType(rest);
  if (key == "shape:") return ParseShapePattern(rest);
  if (key == "attr:") return ParseAttr(rest, model, registry);
  if (key == kRegexKey) return ParseRegex(rest);
  return ParseKind(rest, model, registry);
}

LambdaTest::LambdaTest(const Model& model, const OpRegistry& registry) : registry_(&registry) {
  for (const LayerInfo& layer : model.layers) {
    if (layer.class_name == "Lambda") layers_.insert(layer.name);
  }
}

bool LambdaTest::operator()(const Node& node) const {
  if (!node.body.empty() || layers_.contains(node.layer)) return true;
  const OpDef* op = registry_->Find(node.op, node.version);
  return op == nullptr || !registry_->IsStandard(*op);
}

}  // namespace nomograph
