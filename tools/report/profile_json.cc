// nomograph.profile.1: tools/JSON.md documents it.
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/profile_print.h"

namespace nomograph {
namespace {

Json LatencyJson(const Latency& latency, const std::vector<double>& percentiles) {
  Json json = {{"runs", latency.runs},
               {"min_ms", 1e3 * latency.least},
               {"median_ms", 1e3 * latency.median},
               {"mean_ms", 1e3 * latency.mean},
               {"max_ms", 1e3 * latency.greatest}};
  Json ranks = Json::object();
  for (size_t i = 0; i < latency.percentiles.size(); ++i) {
    ranks[absl::StrFormat("%g", percentiles[i])] = 1e3 * latency.percentiles[i];
  }
  json["percentiles_ms"] = std::move(ranks);
  return json;
}

// Names of steps behind those of the steps that call them.
std::vector<std::string> PathNames(const ModelProfile& profile) {
  std::vector<std::string> names;
  for (const StepProfile& step : profile.steps) {  // callers come ahead of what they call
    names.push_back(step.caller < 0 ? step.node : names[step.caller] + "/" + step.node);
  }
  return names;
}

}  // namespace

nlohmann::ordered_json ProfileJson(const std::string& path, const ModelProfile& profile,
                                   const std::vector<double>& percentiles) {
  Json nodes = Json::array();
  const std::vector<std::string> names = PathNames(profile);
  for (const StepProfile& step : profile.steps) {
    Json json = {{"node", step.node}, {"op", step.op}, {"kernel", step.kernel}};
    if (!step.fused.empty()) json["fused"] = step.fused;
    if (step.caller >= 0) json["caller"] = names[step.caller];
    json["calls"] = step.calls;
    json["ms"] = 1e3 * step.seconds;
    json["ms_with_callees"] = 1e3 * step.with_callees;
    json["bytes"] = step.bytes;
    json["macs"] = step.macs ? Json(*step.macs) : Json();
    json["conversions"] = step.conversions;
    json["conversion_ms"] = 1e3 * step.conversion_seconds;
    nodes.push_back(std::move(json));
  }
  return {{"schema", "nomograph.profile.1"},
          {"file", path},
          {"threads", profile.threads},
          {"exact", profile.exact},
          {"latency", LatencyJson(profile.plain, percentiles)},
          {"profiled", LatencyJson(profile.profiled, percentiles)},
          {"overhead", profile.overhead()},
          {"between_steps_ms", 1e3 * profile.outside},
          {"nodes", std::move(nodes)}};
}

nlohmann::ordered_json NodeMillisecondsJson(const ModelProfile& profile) {
  Json json = Json::object();
  const std::vector<std::string> names = PathNames(profile);
  for (size_t i = 0; i < names.size(); ++i) json[names[i]] = 1e3 * profile.steps[i].with_callees;
  return json;
}

nlohmann::ordered_json TraceJson(const ModelProfile& profile) {
  Json events = Json::array();
  for (const TraceEvent& event : profile.trace) {
    const StepProfile* step = event.step < 0 ? nullptr : &profile.steps[event.step];
    Json json = {{"name", step == nullptr    ? "run"
                          : event.conversion ? "conversion of layout"
                                             : step->node},
                 {"cat", step == nullptr    ? "run"
                         : event.conversion ? "conversion"
                                            : step->op},
                 {"ph", "X"},
                 {"ts", 1e6 * event.start},
                 {"dur", 1e6 * event.seconds},
                 {"pid", 1},
                 {"tid", 1}};
    if (event.conversion) {
      json["args"] = {{"node", step->node}};
    } else if (step != nullptr) {
      json["args"] = {{"op", step->op}, {"kernel", step->kernel}};
      if (!step->fused.empty()) json["args"]["fused"] = step->fused;
    }
    events.push_back(std::move(json));
  }
  return {{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}};
}

}  // namespace nomograph
