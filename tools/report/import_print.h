// Prints what reading an ONNX model changed.
#ifndef NOMOGRAPH_TOOLS_REPORT_IMPORT_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_IMPORT_PRINT_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "nomograph/serialization/onnx/import/import_report.h"

namespace nomograph {

// A line for each kind of change, with the types of operators if `types`; none where every operator
// became one node of its own.
std::vector<std::string> ImportLines(const onnx::ImportReport& report, bool types);
// "import" of `nomo convert --json` and `nomo summary --json` (JSON.md).
nlohmann::ordered_json ImportJson(const onnx::ImportReport& report);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_IMPORT_PRINT_H_
