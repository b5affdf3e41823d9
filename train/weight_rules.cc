#include "nomograph/train/weight_rules.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/train/value_math.h"

namespace nomograph {

using namespace train_internal;

bool SelectsWeight(absl::string_view selector, absl::string_view weight) {
  while (absl::EndsWith(selector, "/")) selector.remove_suffix(1);
  if (selector.empty()) return true;
  return absl::StartsWith(weight, selector) &&
         (weight.size() == selector.size() || weight[selector.size()] == '/' ||
          weight[selector.size()] == '.');
}

namespace {

// The sum of the absolute cosines between different rows, divided by twice the number of pairs.
Value NotOrthogonal(const Value& rows) {
  if (!rows.status().ok() || rows.shape().rank() != 2 || !rows.shape()[0].known()) {
    return ErrorValue(
        InvalidArgument("an orthogonal penalty: expected a matrix, found ", rows.type().ToString()),
        {rows});
  }
  const int64_t size = rows.shape()[0].size();
  const Value norm = Call("math.Sqrt", {Maximum(Sum(Square(rows), 1, /*keep=*/true), 1e-12)});
  const Value unit = rows / norm;
  const Value cosines = Call("math.Gemm", {unit, unit}, {{"transpose_b", true}});
  const Value diagonal = Sum(Square(unit));  // each row's cosine with itself
  return (Sum(Abs(cosines)) - diagonal) /
         static_cast<double>(std::max<int64_t>(1, size * (size - 1)));
}

Value Transposed(const Value& matrix) { return Call("array.Transpose", {matrix}); }

}  // namespace

Value Penalty(const Regularizer& r, const Value& weight) {
  Value sum;
  const auto add = [&](double factor, const auto& penalty) {
    if (factor == 0) return;
    const Value part = factor * penalty();
    sum = sum.valid() ? sum + part : part;
  };
  add(r.l1, [&] { return Sum(Abs(weight)); });
  add(r.l2, [&] { return Sum(Square(weight)); });
  add(r.orthogonal_rows, [&] { return NotOrthogonal(weight); });
  add(r.orthogonal_columns, [&] { return NotOrthogonal(Transposed(weight)); });
  return sum;
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
  return Call("math.Sqrt", {Call("math.ReduceSum", {Square(weight)}, {{"axes", axes}})});
}

}  // namespace

Constraint MaxNorm(double max_value, Axes axes) {
  return [max_value, axes = std::move(axes)](const Value& weight) {
    const Value norm = Norm(weight, axes);
    return weight * (Clip(norm, 0, max_value) / (norm + kEpsilon));
  };
}

Constraint NonNeg() {
  return [](const Value& weight) { return Call("nn.Relu", {weight}); };
}

Constraint UnitNorm(Axes axes) {
  return [axes = std::move(axes)](const Value& weight) {
    return weight / (Norm(weight, axes) + kEpsilon);
  };
}

Constraint MinMaxNorm(const MinMaxNormOptions& o) {
  return [o](const Value& weight) {
    const Value norm = Norm(weight, o.axes);
    const Value desired = o.rate * Clip(norm, o.min_value, o.max_value) + (1 - o.rate) * norm;
    return weight * (desired / (norm + kEpsilon));
  };
}

}  // namespace constraints

namespace {

// "a=1,b=2" into the options of these names; of lists the elements are parted by "+".
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
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  double max_value = parts.first == "max_norm" ? 2 : 1, min_value = 0, rate = 1;
  constraints::Axes axes;
  const TextOption axis_option = {.name = "axes", .axes = &axes};
  std::vector<TextOption> options = {axis_option};
  Constraint (*make)(double, double, double, constraints::Axes) = nullptr;
  if (parts.first == "max_norm") {
    options.push_back({"max_value", &max_value});
    make = [](double max, double, double, constraints::Axes a) {
      return constraints::MaxNorm(max, std::move(a));
    };
  } else if (parts.first == "unit_norm") {
    make = [](double, double, double, constraints::Axes a) {
      return constraints::UnitNorm(std::move(a));
    };
  } else if (parts.first == "min_max_norm") {
    options.insert(options.end(),
                   {{"max_value", &max_value}, {"min_value", &min_value}, {"rate", &rate}});
    make = [](double max, double min, double r, constraints::Axes a) {
      return constraints::MinMaxNorm(
          {.min_value = min, .max_value = max, .rate = r, .axes = std::move(a)});
    };
  } else if (parts.first == "non_neg") {
    options.clear();
    make = [](double, double, double, constraints::Axes) { return constraints::NonNeg(); };
  } else {
    return InvalidArgument("there is no constraint ", Quoted(parts.first),
                           "; there are max_norm, min_max_norm, non_neg, unit_norm");
  }
  NOMO_RETURN_IF_ERROR(Annotate(ReadOptions(parts.second, options), parts.first));
  return make(max_value, min_value, rate, axes);
}

absl::StatusOr<WeightRules> RulesOf(const Model& model) {
  WeightRules rules;
  ErrorList errors;
  for (const auto& [key, text] : model.metadata) {
    const std::string place = absl::StrCat("metadata ", Quoted(key));
    absl::string_view weight = key;
    if (absl::ConsumePrefix(&weight, kRegularizerKey)) {
      const auto regularizer = RegularizerFromText(text);
      errors.Add(regularizer.status(), place);
      if (regularizer.ok()) rules.regularizers.push_back({std::string(weight), *regularizer});
    } else if (absl::ConsumePrefix(&weight, kConstraintKey)) {
      const auto constraint = ConstraintFromText(text);
      errors.Add(constraint.status(), place);
      if (constraint.ok()) rules.constraints.push_back({std::string(weight), *constraint});
    }
  }
  NOMO_RETURN_IF_ERROR(errors.ToStatus("the model's rules for weights are wrong"));
  return rules;
}

}  // namespace nomograph
