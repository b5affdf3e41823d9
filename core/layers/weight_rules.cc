#include "nomograph/core/layers/weight_rules.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/layers/layer_fields.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"

namespace nomograph {
namespace {

constexpr double kEpsilon = 1e-7;  // Keras' epsilon()

// All its digits.
std::string Digits(double value) { return AttrValue(value).ToString(); }

Value Sum(const Value& x) { return Call("math.ReduceSum", {x}, {{"keepdims", false}}); }
Value Abs(const Value& x) { return Call("math.Abs", {x}); }
Value Clip(const Value& x, double least, double greatest) {
  return Call("math.Clip", {x}, {{"min", least}, {"max", greatest}});
}

// The sum of the absolute cosines between different rows, divided by twice the number of pairs.
Value NotOrthogonal(const Value& rows) {
  if (!rows.status().ok() || rows.shape().rank() != 2 || !rows.shape()[0].known()) {
    return ErrorValue(
        InvalidArgument("an orthogonal penalty: expected a matrix, found ", rows.type().ToString()),
        {rows});
  }
  const int64_t size = rows.shape()[0].size();
  const Value squares = Call("math.ReduceSum", {rows * rows},
                             {{"axes", std::vector<int64_t>{1}}, {"keepdims", true}});
  const Value unit = rows / Call("math.Sqrt", {Call("math.Clip", {squares}, {{"min", 1e-12}})});
  const Value cosines = Call("math.Gemm", {unit, unit}, {{"transpose_b", true}});
  const Value diagonal = Sum(unit * unit);  // each row's cosine with itself
  return (Sum(Abs(cosines)) - diagonal) /
         static_cast<double>(std::max<int64_t>(1, size * (size - 1)));
}

}  // namespace

Value Penalty(const Regularizer& r, const Value& weight) {
  Value sum;
  const auto add = [&](double factor, const auto& penalty) {
    if (factor == 0) return;
    const Value part = factor * penalty();
    sum = sum.valid() ? sum + part : part;
  };
  add(r.l1, [&] { return Sum(Abs(weight)); });
  add(r.l2, [&] { return Sum(weight * weight); });
  add(r.orthogonal_rows, [&] { return NotOrthogonal(weight); });
  add(r.orthogonal_columns, [&] { return NotOrthogonal(Call("array.Transpose", {weight})); });
  return sum;
}

std::string Regularizer::ToString() const {
  std::vector<std::string> parts;
  const auto add = [&](absl::string_view name, double factor) {
    if (factor != 0) parts.push_back(absl::StrCat(name, "=", Digits(factor)));
  };
  add("l1", l1);
  add("l2", l2);
  add("orthogonal_rows", orthogonal_rows);
  add("orthogonal_columns", orthogonal_columns);
  return absl::StrJoin(parts, ",");
}

namespace regularizers {

Regularizer L1(double l1) { return {.l1 = l1}; }
Regularizer L2(double l2) { return {.l2 = l2}; }
Regularizer L1L2(double l1, double l2) { return {.l1 = l1, .l2 = l2}; }
Regularizer OrthogonalRegularizer(double factor, absl::string_view mode) {
  return {.orthogonal_rows = mode == "rows" ? factor : 0,
          .orthogonal_columns = mode == "columns" ? factor : 0};
}

}  // namespace regularizers

Constraint Constraint::Named(std::string text, Fn fn) {
  Constraint constraint(std::move(fn));
  constraint.text_ = std::move(text);
  return constraint;
}

namespace constraints {
namespace {

// Along the axes, which stay.
Value Norm(const Value& weight, Axes axes) {
  const int rank = weight.status().ok() ? weight.shape().rank() : 0;
  if (axes.empty()) {
    for (int axis = 0; axis + 1 < rank; ++axis) axes.push_back(axis);
    if (rank == 1) axes = {0};
  }
  return Call("math.Sqrt", {Call("math.ReduceSum", {weight * weight}, {{"axes", axes}})});
}

// "max_norm:max_value=2,axes=0+1", without what is empty.
std::string Text(absl::string_view name, std::vector<std::string> options, const Axes& axes) {
  if (!axes.empty()) options.push_back(absl::StrCat("axes=", absl::StrJoin(axes, "+")));
  return absl::StrCat(name, options.empty() ? "" : ":", absl::StrJoin(options, ","));
}

}  // namespace

Constraint MaxNorm(double max_value, Axes axes) {
  return Constraint::Named(Text("max_norm", {absl::StrCat("max_value=", Digits(max_value))}, axes),
                           [max_value, axes](const Value& weight) {
                             const Value norm = Norm(weight, axes);
                             return weight * (Clip(norm, 0, max_value) / (norm + kEpsilon));
                           });
}

Constraint NonNeg() {
  return Constraint::Named("non_neg",
                           [](const Value& weight) { return Call("nn.Relu", {weight}); });
}

Constraint UnitNorm(Axes axes) {
  return Constraint::Named(Text("unit_norm", {}, axes), [axes](const Value& weight) {
    return weight / (Norm(weight, axes) + kEpsilon);
  });
}

Constraint MinMaxNorm(const MinMaxNormOptions& o) {
  return Constraint::Named(
      Text("min_max_norm",
           {absl::StrCat("min_value=", Digits(o.min_value)),
            absl::StrCat("max_value=", Digits(o.max_value)), absl::StrCat("rate=", Digits(o.rate))},
           o.axes),
      [o](const Value& weight) {
        const Value norm = Norm(weight, o.axes);
        const Value desired = o.rate * Clip(norm, o.min_value, o.max_value) + (1 - o.rate) * norm;
        return weight * (desired / (norm + kEpsilon));
      });
}

}  // namespace constraints

namespace {

// The options that a text gives: "a=1,b=2"; of lists the elements are parted by "+".
struct TextOption {
  absl::string_view name;
  double* number = nullptr;
  constraints::Axes* axes = nullptr;
};

absl::Status ReadOptions(absl::string_view text, absl::Span<const TextOption> options) {
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    const auto option = std::find_if(options.begin(), options.end(),
                                     [&](const auto& o) { return o.name == pair.first; });
    if (option == options.end()) {
      std::vector<std::string> names;
      for (const TextOption& o : options) names.emplace_back(o.name);
      return InvalidArgument("there is no option ", Quoted(pair.first), "; there are ",
                             absl::StrJoin(names, ", "));
    }
    bool good = option->number == nullptr ||
                (absl::SimpleAtod(pair.second, option->number) && std::isfinite(*option->number));
    if (option->axes != nullptr) {
      for (const absl::string_view number : absl::StrSplit(pair.second, '+'))
        good &= absl::SimpleAtoi(number, &option->axes->emplace_back());
    }
    if (!good) {
      return InvalidArgument(option->name, ": expected ",
                             option->axes == nullptr ? "a number" : "integers such as 0+1",
                             ", found ", Quoted(pair.second));
    }
  }
  return absl::OkStatus();
}

// A constraint's name and options, read but not yet made into one.
struct ConstraintOptions {
  std::string name;
  constraints::MinMaxNormOptions numbers;

  static absl::StatusOr<ConstraintOptions> Read(absl::string_view text) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits(':', 1));
    ConstraintOptions o{.name = std::string(parts.first)};
    std::vector<TextOption> options = {{.name = "axes", .axes = &o.numbers.axes}};
    if (o.name == "max_norm") {
      o.numbers.max_value = 2;
      options.push_back({"max_value", &o.numbers.max_value});
    } else if (o.name == "min_max_norm") {
      options.insert(options.end(), {{"max_value", &o.numbers.max_value},
                                     {"min_value", &o.numbers.min_value},
                                     {"rate", &o.numbers.rate}});
    } else if (o.name == "non_neg") {
      options.clear();
    } else if (o.name != "unit_norm") {
      return InvalidArgument("there is no constraint ", Quoted(parts.first),
                             "; there are max_norm, min_max_norm, non_neg, unit_norm");
    }
    NOMO_RETURN_IF_ERROR(Annotate(ReadOptions(parts.second, options), parts.first));
    return o;
  }
};

}  // namespace

absl::StatusOr<Regularizer> RegularizerFromText(absl::string_view text) {
  Regularizer r;
  const TextOption options[] = {{"l1", &r.l1},
                                {"l2", &r.l2},
                                {"orthogonal_rows", &r.orthogonal_rows},
                                {"orthogonal_columns", &r.orthogonal_columns}};
  NOMO_RETURN_IF_ERROR(ReadOptions(text, options));
  return r;
}

absl::StatusOr<Constraint> ConstraintFromText(absl::string_view text) {
  NOMO_ASSIGN_OR_RETURN(const ConstraintOptions o, ConstraintOptions::Read(text));
  if (o.name == "max_norm") return constraints::MaxNorm(o.numbers.max_value, o.numbers.axes);
  if (o.name == "unit_norm") return constraints::UnitNorm(o.numbers.axes);
  if (o.name == "min_max_norm") return constraints::MinMaxNorm(o.numbers);
  return constraints::NonNeg();
}

namespace {

bool IsRegularizer(absl::string_view field) { return absl::EndsWith(field, "_regularizer"); }

// The fields of a rule's configuration, each of which must be there to be read.
class RuleFields {
 public:
  RuleFields(std::string name, LayerConfig fields)
      : name_(std::move(name)), fields_(std::move(fields)) {}

  const std::string& name() const { return name_; }
  template <typename T>
  void Take(absl::string_view field, T& value) {
    names_.emplace_back(field);
    if (const ConfigValue* found = fields_.Find(field))
      errors_.Add(FieldType<T>::Read(*found, value), field);
  }
  absl::Status Finish() {
    for (const auto& [field, value] : fields_) {
      if (std::find(names_.begin(), names_.end(), field) == names_.end())
        errors_.Add(InvalidArgument("there is no field ", field, DidYouMean(field, names_)));
    }
    return errors_.ToStatus(name_);
  }

 private:
  const std::string name_;
  const LayerConfig fields_;
  std::vector<std::string> names_;
  ErrorList errors_;
};

absl::StatusOr<std::string> RegularizerText(RuleFields& fields) {
  Regularizer r;
  if (fields.name() == "l1") {
    fields.Take("l1", r.l1 = 0.01);
  } else if (fields.name() == "l2") {
    fields.Take("l2", r.l2 = 0.01);
  } else if (fields.name() == "l1_l2" || fields.name() == "l1l2") {
    fields.Take("l1", r.l1);
    fields.Take("l2", r.l2);
  } else if (fields.name() == "orthogonal_regularizer") {
    double factor = 0.01;
    std::string mode = "rows";
    fields.Take("factor", factor);
    fields.Take("mode", mode);
    if (mode != "rows" && mode != "columns")
      return InvalidArgument("mode: expected rows or columns, found ", Quoted(mode));
    r = regularizers::OrthogonalRegularizer(factor, mode);
  } else {
    return InvalidArgument("there is no regularizer ", Quoted(fields.name()),
                           "; there are L1, L2, L1L2, OrthogonalRegularizer");
  }
  NOMO_RETURN_IF_ERROR(fields.Finish());
  return r.ToString();
}

absl::StatusOr<std::string> ConstraintText(RuleFields& fields) {
  constraints::MinMaxNormOptions o;
  std::optional<std::vector<int64_t>> axis = std::vector<int64_t>{0};
  const std::string& name = fields.name();
  if (name == "max_norm") fields.Take("max_value", o.max_value = 2);
  if (name == "min_max_norm") {
    fields.Take("min_value", o.min_value);
    fields.Take("max_value", o.max_value);
    fields.Take("rate", o.rate);
  }
  if (name != "non_neg") fields.Take("axis", axis);
  if (axis) o.axes = *axis;
  NOMO_RETURN_IF_ERROR(fields.Finish());
  if (name == "max_norm") return constraints::MaxNorm(o.max_value, o.axes).ToString();
  if (name == "unit_norm") return constraints::UnitNorm(o.axes).ToString();
  if (name == "min_max_norm") return constraints::MinMaxNorm(o).ToString();
  if (name == "non_neg") return constraints::NonNeg().ToString();
  return InvalidArgument("there is no constraint ", Quoted(name),
                         "; there are MaxNorm, MinMaxNorm, NonNeg, UnitNorm");
}

ConfigValue Written(absl::string_view class_name, LayerConfig config) {
  return LayerConfig{{"class_name", std::string(class_name)}, {"config", std::move(config)}};
}

}  // namespace

absl::StatusOr<std::string> RuleTextFromConfig(absl::string_view field, const ConfigValue& value) {
  if (value.is_null()) return "";
  LayerConfig config;
  const std::string* name = value.As<std::string>();
  if (const LayerConfig* object = value.As<LayerConfig>()) {
    const ConfigValue* class_name = object->Find("class_name");
    const ConfigValue* fields = object->Find("config");
    name = class_name == nullptr ? nullptr : class_name->As<std::string>();
    if (fields != nullptr && fields->As<LayerConfig>() != nullptr)
      config = *fields->As<LayerConfig>();
  }
  if (name == nullptr)
    return WrongFieldType("a name, or an object with class_name and config", value);
  // "l1_l2" by itself is Keras' l1_l2(), whose factors are those of each alone.
  if (*name == "l1_l2" && value.As<std::string>() != nullptr)
    config = LayerConfig{{"l1", 0.01}, {"l2", 0.01}};
  RuleFields rule(SnakeCase(*name), std::move(config));
  return IsRegularizer(field) ? RegularizerText(rule) : ConstraintText(rule);
}

ConfigValue RuleConfigFromText(absl::string_view field, absl::string_view text) {
  if (IsRegularizer(field)) {
    const auto r = RegularizerFromText(text);
    if (!r.ok() || text.empty()) return ConfigValue();
    if (r->orthogonal_rows != 0 || r->orthogonal_columns != 0) {
      const bool rows = r->orthogonal_rows != 0;
      return Written("OrthogonalRegularizer",
                     {{"factor", rows ? r->orthogonal_rows : r->orthogonal_columns},
                      {"mode", rows ? "rows" : "columns"}});
    }
    if (r->l2 == 0) return Written("L1", {{"l1", r->l1}});
    if (r->l1 == 0) return Written("L2", {{"l2", r->l2}});
    return Written("L1L2", {{"l1", r->l1}, {"l2", r->l2}});
  }
  const auto o = ConstraintOptions::Read(text);
  if (!o.ok()) return ConfigValue();
  const auto& [min_value, max_value, rate, axes] = o->numbers;
  const ConfigValue axis = axes.empty()       ? ConfigValue()
                           : axes.size() == 1 ? ConfigValue(axes[0])
                                              : ConfigValue(axes);
  if (o->name == "non_neg") return Written("NonNeg", {});
  if (o->name == "unit_norm") return Written("UnitNorm", {{"axis", axis}});
  if (o->name == "max_norm") return Written("MaxNorm", {{"max_value", max_value}, {"axis", axis}});
  return Written(
      "MinMaxNorm",
      {{"min_value", min_value}, {"max_value", max_value}, {"rate", rate}, {"axis", axis}});
}

std::vector<std::pair<std::string, std::string>> LayerRules::ToTexts() const {
  std::vector<std::pair<std::string, std::string>> texts;
  const auto add = [&](absl::string_view word, const std::optional<Regularizer>& regularizer,
                       const std::optional<Constraint>& constraint) {
    if (regularizer && !regularizer->ToString().empty())
      texts.emplace_back(absl::StrCat(word, "_regularizer"), regularizer->ToString());
    if (constraint) texts.emplace_back(absl::StrCat(word, "_constraint"), constraint->ToString());
  };
  add("kernel", kernel_regularizer, kernel_constraint);
  add("bias", bias_regularizer, bias_constraint);
  add("recurrent", recurrent_regularizer, recurrent_constraint);
  add("depthwise", depthwise_regularizer, depthwise_constraint);
  add("pointwise", pointwise_regularizer, pointwise_constraint);
  add("embeddings", embeddings_regularizer, embeddings_constraint);
  add("alpha", alpha_regularizer, alpha_constraint);
  add("beta", beta_regularizer, beta_constraint);
  add("gamma", gamma_regularizer, gamma_constraint);
  add("activity", activity_regularizer, std::nullopt);
  return texts;
}

}  // namespace nomograph
