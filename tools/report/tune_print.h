// What tuning has found, as text and as JSON.
#ifndef NOMOGRAPH_TOOLS_REPORT_TUNE_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_TUNE_PRINT_H_

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/inspect/tune.h"

namespace nomograph {

// A row for the nodes of one kind that run in another form than the estimated one, with `all` for
// those of which the estimate stands, too; then what all of it gains.
std::string TuneText(const TuneReport& report, bool all);
nlohmann::ordered_json TuneJson(const std::string& model_path, const std::string& tuning_path,
                                const TuneReport& report);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_TUNE_PRINT_H_
