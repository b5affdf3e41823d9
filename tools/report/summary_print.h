// What `nomo summary` prints.
#ifndef NOMOGRAPH_TOOLS_REPORT_SUMMARY_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_SUMMARY_PRINT_H_

#include <string>

#include "nlohmann/json.hpp"
#include "nomograph/inspect/open.h"
#include "nomograph/inspect/summarize.h"

namespace nomograph {

// With `layers` Keras' table, else a row for each scope.
std::string SummaryText(const ModelFile& file, const ModelSummary& summary, bool layers);
nlohmann::ordered_json SummaryJson(const ModelFile& file, const ModelSummary& summary);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_SUMMARY_PRINT_H_
