// A profile as text, as JSON and as a trace.
#ifndef NOMOGRAPH_TOOLS_REPORT_PROFILE_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_PROFILE_PRINT_H_

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/inspect/profile.h"

namespace nomograph {

struct ProfileTextOptions {
  ProfileGrouping grouping = ProfileGrouping::kNode;
  int depth = 1;                    // of scopes
  int64_t max_rows = 30;            // 0: all
  std::vector<double> percentiles;  // as ProfileOptions had them
  int64_t warmup = 0;
};

std::string ProfileText(const ModelProfile& profile, const ProfileTextOptions& options);
nlohmann::ordered_json ProfileJson(const std::string& path, const ModelProfile& profile,
                                   const std::vector<double>& percentiles);
// {node: milliseconds}, for what colours nodes by numbers. What is fused into a node counts there;
// nodes of functions stand behind their callers' names.
nlohmann::ordered_json NodeMillisecondsJson(const ModelProfile& profile);
// The Trace Event Format of Chrome, which Perfetto reads: complete events, in microseconds.
nlohmann::ordered_json TraceJson(const ModelProfile& profile);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_PROFILE_PRINT_H_
