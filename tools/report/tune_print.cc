// nomograph.tune.1: tools/JSON.md documents it.
#include "nomograph/tools/report/tune_print.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/program_text.h"
#include "nomograph/tools/run/time_runs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

std::string Percent(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.0f", 100 * part / whole) : "";
}

std::string FirstOf(const std::vector<std::string>& nodes) {
  return nodes.size() == 1
             ? nodes[0]
             : absl::StrCat(nodes[0], " and ", WithSeparators(nodes.size() - 1), " more");
}

std::string TriedText(const TuneReport& report) {
  std::string text;
  if (report.tried < report.choices) {
    absl::StrAppend(&text, "time was over after ", report.tried, " of ", report.choices,
                    " choices for each node; --duration gives it more\n");
  }
  if (report.left_out > 0) {
    absl::StrAppend(&text, Counted(report.left_out, "choice"),
                    " left out: the outputs would have been too far from the estimated ones'\n");
  }
  return text;
}

Json FormJson(const NodeForm& form) {
  return {{"form", form.name.empty() ? Json() : Json(form.name)}, {"threads", form.threads}};
}

}  // namespace

std::string TuneText(const TuneReport& report, bool all) {
  TextTable table({{"nodes"},
                   {"op"},
                   {"estimated"},
                   {"ms", true},
                   {"measured"},
                   {"ms", true},
                   {"saved %", true}});
  int64_t changed = 0;
  const int threads = report.file.key.threads;
  for (const TunedForm& form : report.forms) {
    changed += form.changed() ? 1 : 0;
    if (!all && !form.changed()) continue;
    table.AddRow({FirstOf(form.nodes), form.op, FormText(form.estimated, threads),
                  absl::StrFormat("%.3f", 1e3 * form.estimated_seconds),
                  !form.measured   ? ""
                  : form.changed() ? FormText(form.chosen, threads)
                                   : "the same",
                  form.measured ? absl::StrFormat("%.3f", 1e3 * form.seconds) : "",
                  form.changed()
                      ? Percent(form.estimated_seconds - form.seconds, form.estimated_seconds)
                      : ""});
  }
  if (report.forms.empty()) return "there is nothing to choose: each node has one form here\n";
  std::string text = table.empty() ? "" : absl::StrCat(table.ToString(), "\n");
  absl::StrAppend(&text, changed, " of ", Counted(report.forms.size(), "kind"), " of nodes run in ",
                  "another form than the estimated one\n");
  absl::StrAppend(&text, "time  ", Milliseconds(report.estimated_seconds), " as estimated, ",
                  Milliseconds(report.tuned_seconds), " tuned, ",
                  Counted(report.file.key.threads, "thread"), "\n");
  if (changed > 0) {
    absl::StrAppendFormat(&text, "outputs differ by %.1e of their size\n", report.difference);
  }
  return absl::StrCat(text, TriedText(report));
}

nlohmann::ordered_json TuneJson(const std::string& model_path, const std::string& tuning_path,
                                const TuneReport& report) {
  Json forms = Json::array();
  for (const TunedForm& form : report.forms) {
    Json others = Json::array();
    for (const FormTime& other : form.others) {
      Json json = FormJson(other.form);
      json["ratio"] = other.ratio < 0 ? Json() : Json(other.ratio);
      others.push_back(std::move(json));
    }
    forms.push_back({{"key", form.key},
                     {"op", form.op},
                     {"nodes", form.nodes},
                     {"estimated", FormJson(form.estimated)},
                     {"chosen", FormJson(form.chosen)},
                     {"measured", form.measured},
                     {"estimated_ms", 1e3 * form.estimated_seconds},
                     {"ms", 1e3 * form.seconds},
                     {"others", std::move(others)}});
  }
  return {{"schema", "nomograph.tune.1"},
          {"file", model_path},
          {"tuning", tuning_path},
          {"semantic_hash", report.file.key.model},
          {"library", report.file.key.library},
          {"cpu", report.file.key.cpu},
          {"threads", report.file.key.threads},
          {"estimated_ms", 1e3 * report.estimated_seconds},
          {"tuned_ms", 1e3 * report.tuned_seconds},
          {"difference", NumberJson(report.difference)},
          {"choices", report.choices},
          {"tried", report.tried},
          {"left_out", report.left_out},
          {"forms", std::move(forms)}};
}

}  // namespace nomograph
