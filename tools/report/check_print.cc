#include "nomograph/tools/report/check_print.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/report/json_values.h"

namespace nomograph {
namespace {

std::string FindingText(const Finding& finding) {
  std::string name = FindingName(finding.kind);
  std::replace(name.begin(), name.end(), '_', ' ');
  return absl::StrCat("  ", name, ": ", Escape(finding.place), finding.place.empty() ? "" : ": ",
                      EscapeMessage(finding.message), "\n");
}

}  // namespace

std::string CheckText(const std::string& path, const std::string& target,
                      const std::vector<Finding>& findings) {
  const int64_t faults = CountFaults(findings);
  std::string text =
      faults == 0 ? absl::StrCat(Escape(path), " can run ", target, "\n") : "Faults\n";
  for (const Finding& finding : findings) {
    if (IsFault(finding.kind)) text += FindingText(finding);
  }
  if (faults < static_cast<int64_t>(findings.size())) text += "Notes\n";
  for (const Finding& finding : findings) {
    if (!IsFault(finding.kind)) text += FindingText(finding);
  }
  return text;
}

nlohmann::ordered_json CheckJson(const std::string& path, const std::string& target,
                                 const std::vector<Finding>& findings) {
  Json faults = Json::array(), notes = Json::array();
  for (const Finding& finding : findings) {
    Json json = {{"kind", FindingName(finding.kind)}};
    PutText(json, "place", finding.place);
    json["message"] = finding.message;
    (IsFault(finding.kind) ? faults : notes).push_back(std::move(json));
  }
  return {{"schema", "nomograph.check.1"},
          {"file", path},
          {"target", target},
          {"runs_here", faults.empty()},
          {"faults", std::move(faults)},
          {"notes", std::move(notes)}};
}

}  // namespace nomograph
