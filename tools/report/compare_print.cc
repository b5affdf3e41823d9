#include "nomograph/tools/report/compare_print.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/inspect/find_non_finite.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

std::string NameOf(const ValueComparison& value) {
  return value.node.empty() ? value.a : value.node;
}

std::string NonFiniteText(const NonFinite& count) {
  if (!count.any()) return "none";
  std::string text;
  if (count.nan > 0) text = absl::StrCat(WithSeparators(count.nan), " NaN");
  if (count.inf > 0) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", WithSeparators(count.inf), " inf");
  }
  return text;
}

// So many values that differ are shown without --all: behind the first most follow from it.
constexpr int64_t kMostApart = 20;

class Writer {
 public:
  Writer(const Comparison& comparison, const CompareTextOptions& options)
      : comparison_(comparison),
        options_(options),
        table_({{"node"}, {"max|d|", true}, {"relative", true}, {"cosine", true}, {"within"}}) {}

  std::string Run() {
    size_t end = comparison_.values.size();
    if (options_.stop_first && comparison_.first_apart >= 0) {
      end = static_cast<size_t>(comparison_.first_apart) + 1;
    }
    int64_t apart = 0;
    for (size_t i = 0; i < end; ++i) {
      const bool ok = comparison_.values[i].ok();
      if (ok && !options_.all) {
        stretch_.push_back(&comparison_.values[i]);
      } else if (ok || options_.all || ++apart <= kMostApart) {
        CloseStretch();
        AddValue(static_cast<int>(i));
      }
    }
    CloseStretch();
    std::string text = table_.empty() ? "no values that both have\n" : table_.ToString();
    if (apart > kMostApart) {
      absl::StrAppend(&text, "  … ", WithSeparators(apart - kMostApart),
                      " more that differ: --all\n");
    }
    absl::StrAppend(&text, Verdict(), FirstNonFinite(), OnlyIn(options_.a, comparison_.only_a),
                    OnlyIn(options_.b, comparison_.only_b));
    return text;
  }

 private:
  void AddRow(std::string name, const TensorDifference& worst, std::string verdict) {
    table_.AddRow({std::move(name), absl::StrFormat("%.2g", worst.max_abs),
                   absl::StrFormat("%.2g", worst.relative()), absl::StrFormat("%.6f", worst.cosine),
                   std::move(verdict)});
  }

  // The worst numbers stand for values one after the other that are within tolerance.
  void CloseStretch() {
    if (stretch_.empty()) return;
    TensorDifference worst = *stretch_[0]->difference;
    double max_abs = 0, cosine = 1;
    for (const ValueComparison* value : stretch_) {
      const TensorDifference& difference = *value->difference;
      if (difference.relative() > worst.relative()) worst = difference;
      max_abs = std::max(max_abs, difference.max_abs);
      cosine = std::min(cosine, difference.cosine);
    }
    worst.max_abs = max_abs;
    worst.cosine = cosine;
    const std::string first = NameOf(*stretch_.front());
    AddRow(stretch_.size() == 1
               ? first
               : absl::StrCat(first, " .. ", NameOf(*stretch_.back()), " (",
                              WithSeparators(static_cast<int64_t>(stretch_.size())), ")"),
           worst, "yes");
    stretch_.clear();
  }

  void AddValue(int index) {
    const ValueComparison& value = comparison_.values[index];
    if (!value.difference) {
      table_.AddRow({NameOf(value), "", "", "", "NO"});
      table_.AddNote(absl::StrCat("shapes differ: ", value.type_a, " and ", value.type_b));
      return;
    }
    AddRow(NameOf(value), *value.difference, value.ok() ? "yes" : "NO");
    if (index != comparison_.first_apart) return;
    const TensorDifference& d = *value.difference;
    std::string note =
        absl::StrCat("the first: ", WithSeparators(d.beyond), " of ",
                     Counted(d.elements, "element"), ", the worst is number ", d.worst, ": ",
                     absl::StrFormat("%.9g and %.9g", d.worst_expected, d.worst_found));
    if (value.inputs_max_abs) {
      absl::StrAppendFormat(&note, "; its inputs agree to %.2g", *value.inputs_max_abs);
    }
    table_.AddNote(note);
  }

  std::string Verdict() const {
    int64_t apart = 0, outputs_apart = 0;
    for (const ValueComparison& value : comparison_.values) {
      apart += !value.ok();
      outputs_apart += !value.ok() && value.is_output;
    }
    const std::string tolerance = options_.tolerance.ToString();
    const int64_t count = static_cast<int64_t>(comparison_.values.size());
    if (count == 0) return "";
    if (apart == 0) {
      return absl::StrCat(count == 1 ? "1 value agrees to "
                                     : absl::StrCat("all ", Counted(count, "value"), " agree to "),
                          tolerance, "\n");
    }
    return absl::StrCat(
        WithSeparators(apart), " of ", Counted(count, "value"), " differ by more than ", tolerance,
        ", ",
        outputs_apart > 0
            ? absl::StrCat(outputs_apart, " of them ", outputs_apart == 1 ? "an output" : "outputs")
            : "none of them an output",
        "\n");
  }

  std::string FirstNonFinite() const {
    if (comparison_.first_non_finite < 0) return "";
    const ValueComparison& value = comparison_.values[comparison_.first_non_finite];
    return absl::StrCat(
        "first NaN or infinity: ", Escape(NameOf(value)),
        value.op.empty() ? "" : absl::StrCat(" (", Escape(value.op), ")"), "; ", Escape(options_.a),
        ": ", NonFiniteText(value.non_finite_a), "; ", Escape(options_.b), ": ",
        NonFiniteText(value.non_finite_b), "\n",
        comparison_.first_non_finite_step
            ? Paragraph(absl::StrCat("in ", PathText(comparison_.first_non_finite_step->path)), 2)
            : "");
  }

  static std::string OnlyIn(const std::string& which, const std::vector<std::string>& names) {
    if (names.empty()) return "";
    constexpr size_t kShown = 3;
    std::string text = absl::StrCat("only in ", Escape(which), ": ");
    for (size_t i = 0; i < std::min(names.size(), kShown); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : ", ", Escape(names[i]));
    }
    if (names.size() > kShown) absl::StrAppend(&text, " and ", names.size() - kShown, " more");
    return text + "\n";
  }

  const Comparison& comparison_;
  const CompareTextOptions& options_;
  TextTable table_;
  std::vector<const ValueComparison*> stretch_;
};

Json NonFiniteJson(const NonFinite& count) { return {{"nan", count.nan}, {"inf", count.inf}}; }

Json ValueJson(const ValueComparison& value) {
  Json json = {{"a", value.a}, {"b", value.b}};
  PutText(json, "node", value.node);
  PutText(json, "op", value.op);
  json["within"] = value.ok();
  json["output"] = value.is_output;
  if (value.difference) {
    const TensorDifference& d = *value.difference;
    json["max_abs"] = NumberJson(d.max_abs);
    json["relative"] = NumberJson(d.relative());
    json["cosine"] = NumberJson(d.cosine);
    json["elements"] = d.elements;
    json["beyond"] = d.beyond;
  } else {
    json["type_a"] = value.type_a;
    json["type_b"] = value.type_b;
  }
  if (value.inputs_max_abs) json["inputs_max_abs"] = NumberJson(*value.inputs_max_abs);
  json["non_finite_a"] = NonFiniteJson(value.non_finite_a);
  json["non_finite_b"] = NonFiniteJson(value.non_finite_b);
  return json;
}

Json PathJson(const std::optional<NonFiniteStep>& step) {
  if (!step) return nullptr;
  Json path = Json::array();
  for (const RunningNode& running : step->path) {
    Json item = {{"node", running.node}, {"op", running.op}};
    PutText(item, "function", running.function);
    item["iteration"] = running.iteration;
    path.push_back(std::move(item));
  }
  return path;
}

Json NameJson(const Comparison& comparison, int index) {
  return index < 0 ? Json() : Json(NameOf(comparison.values[index]));
}

}  // namespace

std::string CompareText(const Comparison& comparison, const CompareTextOptions& options) {
  return Writer(comparison, options).Run();
}

nlohmann::ordered_json CompareJson(const Comparison& comparison,
                                   const CompareTextOptions& options) {
  Json values = Json::array();
  for (const ValueComparison& value : comparison.values) values.push_back(ValueJson(value));
  return {{"schema", "nomograph.compare.1"},
          {"a", options.a},
          {"b", options.b},
          {"rtol", options.tolerance.rtol},
          {"atol", options.tolerance.atol},
          {"agree", comparison.ok()},
          {"first_apart", NameJson(comparison, comparison.first_apart)},
          {"first_non_finite", NameJson(comparison, comparison.first_non_finite)},
          {"first_non_finite_path", PathJson(comparison.first_non_finite_step)},
          {"values", std::move(values)},
          {"only_a", comparison.only_a},
          {"only_b", comparison.only_b}};
}

}  // namespace nomograph
