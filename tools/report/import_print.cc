#include "nomograph/tools/report/import_print.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/text/numbers.h"

namespace nomograph {
namespace {

// "12×Gather, 3×Concat", the most frequent first.
std::string CountsText(const onnx::OperatorCounts& counts) {
  std::vector<std::pair<std::string, int64_t>> list(counts.begin(), counts.end());
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return absl::StrJoin(list, ", ", [](std::string* out, const auto& count) {
    absl::StrAppend(out, count.second, "×", Escape(count.first));
  });
}

Json CountsJson(const onnx::OperatorCounts& counts) {
  Json object = Json::object();
  for (const auto& [type, count] : counts) object[type] = count;
  return object;
}

}  // namespace

std::vector<std::string> ImportLines(const onnx::ImportReport& report, bool types) {
  std::vector<std::string> lines;
  if (report.left_out() > 0 || !report.several.empty()) {
    lines.push_back(absl::StrCat(Counted(report.operators, "operator"), " read as ",
                                 Counted(report.nodes, "node")));
  }
  const auto add = [&](const onnx::OperatorCounts& counts, absl::string_view what) {
    const int64_t total = onnx::Total(counts);
    if (total == 0) return;
    lines.push_back(absl::StrCat(WithSeparators(total), " ", what, types ? ": " : "",
                                 types ? CountsText(counts) : ""));
  };
  add(report.folded, "folded: computed from constants");
  add(report.sizes, "folded: arithmetic of the inputs' sizes");
  if (report.constants > 0) {
    lines.push_back(absl::StrCat(Counted(report.constants, "constant"), " used in reading"));
  }
  add(report.unused, "left out: nothing reads what they yield");
  add(report.several, "became several nodes");
  if (report.renamed > 0) {
    lines.push_back(absl::StrCat(WithSeparators(report.renamed), " named anew: names stood twice"));
  }
  if (report.weights_left_out > 0) {
    lines.push_back(absl::StrCat(Counted(report.weights_left_out, "weight"), " left out, ",
                                 ReadableBytes(report.weight_bytes_left_out)));
  }
  return lines;
}

nlohmann::ordered_json ImportJson(const onnx::ImportReport& report) {
  return {{"operators", report.operators},
          {"nodes", report.nodes},
          {"folded", CountsJson(report.folded)},
          {"sizes", CountsJson(report.sizes)},
          {"constants", report.constants},
          {"unused", CountsJson(report.unused)},
          {"several", CountsJson(report.several)},
          {"renamed", report.renamed},
          {"weights_left_out", report.weights_left_out},
          {"weight_bytes_left_out", report.weight_bytes_left_out}};
}

}  // namespace nomograph
