#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/report/profile_print.h"
#include "nomograph/tools/report/program_text.h"
#include "nomograph/tools/run/time_runs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

// A narrower terminal has no room for the kernels' names.
constexpr size_t kWidthWithForms = 110;

std::string PercentileName(double percentile) { return absl::StrFormat("p%g", percentile); }

std::string LatencyText(const ModelProfile& profile, const ProfileTextOptions& options) {
  const Latency& plain = profile.plain;
  std::string text = absl::StrCat("latency  median ", Milliseconds(plain.median));
  for (size_t i = 0; i < plain.percentiles.size(); ++i) {
    absl::StrAppend(&text, "  ", PercentileName(options.percentiles[i]), " ",
                    Milliseconds(plain.percentiles[i]));
  }
  absl::StrAppend(&text, "  min ", Milliseconds(plain.least), "  max ",
                  Milliseconds(plain.greatest), "\n");
  absl::StrAppendFormat(&text, "         %.3g runs/s, %s%s, %s after %s to warm up\n",
                        1 / plain.mean, Counted(profile.threads, "thread"),
                        profile.exact ? ", exact mode" : "", Counted(plain.runs, "run"),
                        WithSeparators(options.warmup));
  return text;
}

// "" where there is nothing to divide, or no time that could be measured.
std::string Rate(double amount, double seconds) {
  return amount > 0 && seconds > 0 ? absl::StrFormat("%.1f", amount / seconds / 1e9) : "";
}

std::string Percent(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.1f", 100 * part / whole) : "";
}

std::string OverheadText(const ModelProfile& profile) {
  const double overhead = profile.overhead();
  const std::string without = absl::StrCat("runs without it: ", Milliseconds(profile.plain.median),
                                           ", with it: ", Milliseconds(profile.profiled.median));
  return Paragraph(
      overhead > 0.001
          ? absl::StrFormat("profiling itself cost %.1f %% (%s)", 100 * overhead, without)
          : absl::StrCat("profiling itself cost nothing that could be measured (", without, ")"),
      0);
}

std::string ConversionsText(const ModelProfile& profile) {
  std::vector<const StepProfile*> steps;
  int64_t conversions = 0;
  double seconds = 0, all = profile.outside;
  for (const StepProfile& step : profile.steps) {
    all += step.seconds;
    if (step.conversions == 0) continue;
    conversions += step.conversions;
    seconds += step.conversion_seconds;
    steps.push_back(&step);
  }
  if (steps.empty()) return "";
  std::stable_sort(steps.begin(), steps.end(), [](const StepProfile* a, const StepProfile* b) {
    return a->conversion_seconds > b->conversion_seconds;
  });
  constexpr size_t kShown = 3;
  const size_t more = steps.size() - std::min(steps.size(), kShown);
  steps.resize(steps.size() - more);
  const std::string nodes = absl::StrJoin(steps, ", ", [](std::string* out, const auto* step) {
    absl::StrAppendFormat(out, "%s (%d, %.3f ms)", Escape(step->node), step->conversions,
                          1e3 * step->conversion_seconds);
  });
  return Paragraph(
      absl::StrCat("conversions of layout: ", conversions,
                   absl::StrFormat(", %.3f ms, %s %%", 1e3 * seconds, Percent(seconds, all)),
                   ", within the time of ", nodes,
                   more > 0 ? absl::StrCat(" and ", WithSeparators(more), " more nodes") : ""),
      0);
}

}  // namespace

std::string ProfileText(const ModelProfile& profile, const ProfileTextOptions& options) {
  const bool by_node = options.grouping == ProfileGrouping::kNode;
  const char* title = by_node ? "node" : options.grouping == ProfileGrouping::kOp ? "op" : "scope";
  const bool with_calls =
      !by_node || std::any_of(profile.steps.begin(), profile.steps.end(),
                              [](const StepProfile& step) { return step.calls != 1; });
  const size_t width = OutputStyle().width;
  const bool with_form = by_node && (width == 0 || width >= kWidthWithForms);
  std::vector<TextTable::Column> columns = {{title}};
  if (by_node) columns.push_back({"op"});
  if (with_calls) columns.push_back({"calls", true});
  for (const char* name : {"ms", "%", "GFLOP/s", "GB/s"}) columns.push_back({name, true});
  if (with_form) columns.push_back({"form"});
  TextTable table(columns);

  const std::vector<ProfileGroup> groups = GroupProfile(profile, options.grouping, options.depth);
  double all = profile.outside;
  for (const ProfileGroup& group : groups) all += group.seconds;
  const auto add = [&](std::vector<std::string> cells, int64_t calls, double seconds, double flops,
                       double bytes, const std::string& form) {
    if (with_calls) cells.push_back(calls > 0 ? WithSeparators(calls) : "");
    cells.push_back(absl::StrFormat("%.3f", 1e3 * seconds));
    cells.push_back(Percent(seconds, all));
    cells.push_back(Rate(flops, seconds));
    cells.push_back(Rate(bytes, seconds));
    if (with_form) cells.push_back(form);
    table.AddRow(std::move(cells));
  };
  const size_t shown = options.max_rows == 0
                           ? groups.size()
                           : std::min(groups.size(), static_cast<size_t>(options.max_rows));
  double rest = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    const ProfileGroup& group = groups[i];
    if (i >= shown) {
      rest += group.seconds;
      continue;
    }
    std::vector<std::string> cells = {group.name};
    if (by_node) cells.push_back(group.detail);
    add(std::move(cells), group.calls, group.seconds,
        2 * static_cast<double>(group.macs.value_or(0)), static_cast<double>(group.bytes),
        by_node ? ShortKernel(profile.steps[group.steps[0]].kernel) : "");
  }
  const auto add_total = [&](const std::string& name, double seconds) {
    std::vector<std::string> cells = {name};
    if (by_node) cells.push_back("");
    add(std::move(cells), 0, seconds, 0, 0, "");
  };
  if (shown < groups.size()) {
    add_total(absl::StrCat("(", WithSeparators(static_cast<int64_t>(groups.size() - shown)),
                           " more: --all)"),
              rest);
  }
  add_total("(between steps)", profile.outside);
  return absl::StrCat(LatencyText(profile, options), table.ToString(), ConversionsText(profile),
                      OverheadText(profile));
}

}  // namespace nomograph
