// nomograph.tune.1: tools/JSON.md documents it.
#include "nomograph/tools/report/tune_print.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/program_text.h"
#include "nomograph/tools/run/time_runs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

// A narrower terminal has no room for the forms' names beside each other.
constexpr size_t kWidthWithForms = 130;

std::string Percent(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.0f", 100 * part / whole) : "";
}

std::string FirstOf(const std::vector<std::string>& nodes) {
  return nodes.size() == 1
             ? nodes[0]
             : absl::StrCat(nodes[0], " and ", WithSeparators(nodes.size() - 1), " more");
}

std::string MillisecondsOf(double seconds) { return absl::StrFormat("%.3f", 1e3 * seconds); }

std::string TriedText(const TuneReport& report) {
  std::string text;
  if (report.tried < report.choices) {
    absl::StrAppend(
        &text, Paragraph(absl::StrCat("time was over after ", report.tried, " of ", report.choices,
                                      " choices for each node; "
                                      "--duration gives it more"),
                         0));
  }
  if (report.left_out > 0) {
    absl::StrAppend(&text, Paragraph(absl::StrCat(Counted(report.left_out, "choice"),
                                                  " left out: the outputs would have been too far "
                                                  "from the estimated ones'"),
                                     0));
  }
  return text;
}

Json FormJson(const NodeForm& form) {
  return {{"form", form.name.empty() ? Json() : Json(form.name)}, {"threads", form.threads}};
}

}  // namespace

std::string TuneText(const TuneReport& report, bool all) {
  if (report.forms.empty()) return "there is nothing to choose: each node has one form here\n";
  const size_t width = OutputStyle().width;
  const bool wide = width == 0 || width >= kWidthWithForms;
  std::vector<TextTable::Column> columns = {
      {"nodes"}, {"op"}, {"ms", true}, {"measured ms", true}, {"saved %", true}};
  if (wide) columns.insert(columns.end(), {{"estimated"}, {"measured"}});
  TextTable table(columns);
  const int threads = report.file.key.threads;
  int64_t changed = 0;
  for (const TunedForm& form : report.forms) {
    changed += form.changed() ? 1 : 0;
    if (!all && !form.changed()) continue;
    const double saved = form.estimated_seconds - form.seconds;
    std::vector<std::string> cells = {FirstOf(form.nodes), form.op,
                                      MillisecondsOf(form.estimated_seconds),
                                      form.measured ? MillisecondsOf(form.seconds) : "",
                                      form.changed() ? Percent(saved, form.estimated_seconds) : ""};
    const std::string estimated = FormText(form.estimated, threads);
    const std::string measured = !form.measured   ? ""
                                 : form.changed() ? FormText(form.chosen, threads)
                                                  : "the same";
    if (wide) cells.insert(cells.end(), {estimated, measured});
    table.AddRow(std::move(cells));
    if (!wide) {
      table.AddNote(absl::StrCat(estimated, form.changed()  ? " -> " + measured
                                            : form.measured ? ", as measured"
                                                            : ", not measured"));
    }
  }
  std::string text = table.empty() ? "" : absl::StrCat(table.ToString(), "\n");
  absl::StrAppend(&text,
                  Paragraph(absl::StrCat(changed, " of ", Counted(report.forms.size(), "kind"),
                                         " of nodes run in another form than the estimated "
                                         "one"),
                            0));
  absl::StrAppend(
      &text,
      Paragraph(absl::StrCat("a run  ", Milliseconds(report.estimated_seconds), " as estimated, ",
                             Milliseconds(report.tuned_seconds), " tuned, ",
                             Counted(threads, "thread"), ": the least times of its steps"),
                0));
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
      json["ms"] = other.seconds < 0 ? Json() : Json(1e3 * other.seconds);
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
