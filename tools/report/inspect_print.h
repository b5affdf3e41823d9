// What `nomo inspect` prints.
#ifndef NOMOGRAPH_TOOLS_REPORT_INSPECT_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_INSPECT_PRINT_H_

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/inspect/inspect_model.h"

namespace nomograph {

// Which parts are printed.
struct InspectSections {
  bool facts = true;  // all that the others are not
  bool nodes = true;
  bool functions = true;
  bool tensors = true;
};
std::string InspectText(const ModelReport& report, const InspectSections& sections);
nlohmann::ordered_json InspectJson(const ModelReport& report, const InspectSections& sections);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_INSPECT_PRINT_H_
