#include "nomograph/serialization/keras/training_rules.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/layers/weight_rules.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/serialization/keras/ready_layer.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

// A regularizer or constraint: {"class_name": "L2", "config": {"l2": 0.01}}, in Keras 1
// {"name": "WeightRegularizer", "l1": 0, "l2": 0.01}, or its name alone.
struct Rule {
  std::string name;  // in snake case: "l2", "max_norm"
  LayerConfig config;
};

std::optional<Rule> RuleIn(const ConfigValue& value) {
  if (const std::string* name = value.As<std::string>()) return Rule{SnakeCase(*name), {}};
  const LayerConfig* object = value.As<LayerConfig>();
  if (object == nullptr) return std::nullopt;
  const LayerConfig* config = FieldOf<LayerConfig>(*object, "config");
  const std::string class_name = TextField(*object, "class_name");
  if (!class_name.empty())
    return Rule{SnakeCase(class_name), config == nullptr ? LayerConfig() : *config};
  const std::string name = TextField(*object, "name");
  if (name.empty()) return std::nullopt;
  return Rule{SnakeCase(name), *object};
}

// A number of the configuration, or of the array of one that Keras 3 may write it as.
double NumberOf(const LayerConfig& config, absl::string_view name, double otherwise) {
  const ConfigValue* found = config.Find(name);
  ConfigValue value = found == nullptr ? ConfigValue() : Unwrapped(*found);
  if (const List* list = value.As<List>(); list != nullptr && list->size() == 1) {
    const ConfigValue only = list->front();
    value = only;
  }
  if (const double* number = value.As<double>()) return *number;
  if (const int64_t* number = value.As<int64_t>()) return static_cast<double>(*number);
  return otherwise;
}

// Axes, by default the first.
constraints::Axes AxesOf(const LayerConfig& config) {
  const ConfigValue* found = config.Find("axis");
  const ConfigValue value = found == nullptr ? ConfigValue(0) : Unwrapped(*found);
  constraints::Axes axes;
  if (const int64_t* axis = value.As<int64_t>()) axes.push_back(*axis);
  if (const List* list = value.As<List>()) {
    for (const ConfigValue& axis : *list) {
      if (const int64_t* number = axis.As<int64_t>()) axes.push_back(*number);
    }
  }
  return axes.empty() ? constraints::Axes{0} : axes;
}

// L1 and L2 alone, and both: Keras' defaults are 0.01 where one is named, 0 where both are.
struct Penalties {
  double l1 = 0, l2 = 0;
};
std::optional<Penalties> PenaltiesIn(const Rule& rule) {
  const LayerConfig& c = rule.config;
  if (rule.name == "l1") return Penalties{.l1 = NumberOf(c, "l1", 0.01)};
  if (rule.name == "l2") return Penalties{.l2 = NumberOf(c, "l2", 0.01)};
  const double plain = c.empty() ? 0.01 : 0;  // "l1_l2"
  for (const char* both : {"l1l2", "l1_l2", "weight_regularizer", "activity_regularizer"}) {
    if (rule.name == both) return Penalties{NumberOf(c, "l1", plain), NumberOf(c, "l2", plain)};
  }
  return std::nullopt;
}

std::optional<std::string> RegularizerText(const Rule& rule) {
  if (const auto penalties = PenaltiesIn(rule)) {
    return regularizers::L1L2(penalties->l1, penalties->l2).ToString();
  }
  if (rule.name != "orthogonal_regularizer" && rule.name != "orthogonal") return std::nullopt;
  const bool columns = TextField(rule.config, "mode") == "columns";
  return regularizers::OrthogonalRegularizer(NumberOf(rule.config, "factor", 0.01),
                                             columns ? "columns" : "rows")
      .ToString();
}

std::optional<std::string> ConstraintText(const Rule& rule) {
  const LayerConfig& c = rule.config;
  if (rule.name == "non_neg" || rule.name == "nonneg") return constraints::NonNeg().ToString();
  if (rule.name == "unit_norm" || rule.name == "unitnorm")
    return constraints::UnitNorm(AxesOf(c)).ToString();
  if (rule.name == "max_norm" || rule.name == "maxnorm") {
    return constraints::MaxNorm(NumberOf(c, "max_value", NumberOf(c, "m", 2)), AxesOf(c))
        .ToString();
  }
  if (rule.name != "min_max_norm") return std::nullopt;
  return constraints::MinMaxNorm({.min_value = NumberOf(c, "min_value", 0),
                                  .max_value = NumberOf(c, "max_value", 1),
                                  .rate = NumberOf(c, "rate", 1),
                                  .axes = AxesOf(c)})
      .ToString();
}

// Keras 1's W, U and b.
std::string WeightWord(absl::string_view prefix) {
  if (prefix == "W") return "kernel";
  if (prefix == "U") return "recurrent";
  if (prefix == "b") return "bias";
  return std::string(prefix);
}

class RuleWriter {
 public:
  RuleWriter(Model& model, std::vector<std::string>& warnings)
      : model_(model), warnings_(warnings) {
    for (const Weight& weight : model.graph.weights)
      weights_.insert(model.graph.value(weight.value).name);
  }

  void Add(const LayerNode& node) {
    if (!node.network) AddFields(node.full_name, node.entry.config, /*depth=*/0);
    for (const auto& child : node.children) Add(*child);
  }

 private:
  void AddFields(const std::string& layer, const LayerConfig& config, int depth) {
    for (const auto& [field, value] : config) {
      absl::string_view prefix = field;
      if (value.is_null() || absl::StartsWith(field, "activity_")) continue;
      if (absl::ConsumeSuffix(&prefix, "_regularizer")) {
        AddRule(layer, field, prefix, kRegularizerKey, value, RegularizerText);
      } else if (absl::ConsumeSuffix(&prefix, "_constraint")) {
        AddRule(layer, field, prefix, kConstraintKey, value, ConstraintText);
      } else if ((field == "layer" || field == "cell") && depth == 0) {
        // What a wrapper wraps has its weights within those of the wrapper.
        const LayerConfig* inner = value.As<LayerConfig>();
        const LayerConfig* inner_config =
            inner == nullptr ? nullptr : FieldOf<LayerConfig>(*inner, "config");
        if (inner_config != nullptr) AddFields(layer, *inner_config, depth + 1);
      }
    }
  }

  void AddRule(const std::string& layer, absl::string_view field, absl::string_view prefix,
               absl::string_view key, const ConfigValue& value,
               std::optional<std::string> (*text_of)(const Rule&)) {
    const std::optional<Rule> rule = RuleIn(value);
    const std::optional<std::string> text = rule ? text_of(*rule) : std::nullopt;
    if (!text) {
      warnings_.push_back(absl::StrCat("layer ", Quoted(layer), ": its ", field,
                                       " is of a class that is not known here, and is left out"));
      return;
    }
    if (text->empty()) return;  // nothing times nothing
    const std::string word = WeightWord(prefix), start = absl::StrCat(layer, "/");
    for (auto it = weights_.lower_bound(start);
         it != weights_.end() && absl::StartsWith(*it, start); ++it) {
      const absl::string_view name = absl::string_view(*it).substr(it->rfind('/') + 1);
      if (name == word || name == absl::StrCat(word, "_kernel"))
        model_.metadata[absl::StrCat(key, *it)] = *text;
    }
  }

  Model& model_;
  std::vector<std::string>& warnings_;
  std::set<std::string> weights_;
};

}  // namespace

void AddWeightRules(const LayerNode& root, Model& model, std::vector<std::string>& warnings) {
  RuleWriter(model, warnings).Add(root);
}

Value WithActivityPenalty(const LayerEntry& layer, const Era& era, const Value& output) {
  std::optional<Penalties> penalties;
  if (layer.class_name == "ActivityRegularization") {
    penalties = {NumberOf(layer.config, "l1", 0), NumberOf(layer.config, "l2", 0)};
  } else if (const ConfigValue* value = layer.config.Find("activity_regularizer")) {
    if (const auto rule = RuleIn(*value)) penalties = PenaltiesIn(*rule);
  }
  if (!penalties || (penalties->l1 == 0 && penalties->l2 == 0)) return output;
  if (!output.status().ok() || !kFloats.Contains(output.dtype())) return output;
  const ScopedLayer scope(output.expr()->layer);
  Value cost = Penalty({.l1 = penalties->l1, .l2 = penalties->l2}, output);
  if (era.major < 3) {
    const Value sizes = Call("array.Shape", {output}, {{"start", 0}, {"end", 1}});
    cost = cost / Call("array.Cast", {sizes}, {{"to", output.dtype()}});
  }
  const Value with_loss = Call("train.AddLoss", {output, cost});
  const Value mask = MaskOf(output);
  return mask.valid() ? WithMask(with_loss, mask) : with_loss;
}

}  // namespace nomograph::keras
