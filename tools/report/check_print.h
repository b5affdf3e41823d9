// What `nomo check` prints.
#ifndef NOMOGRAPH_TOOLS_REPORT_CHECK_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_CHECK_PRINT_H_

#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/inspect/check_model.h"

namespace nomograph {

// "<path> can run here", or the faults; then the notes.
// `target`: "here", "on phone.json", "as ONNX opset 17".
std::string CheckText(const std::string& path, const std::string& target,
                      const std::vector<Finding>& findings);
nlohmann::ordered_json CheckJson(const std::string& path, const std::string& target,
                                 const std::vector<Finding>& findings);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_CHECK_PRINT_H_
