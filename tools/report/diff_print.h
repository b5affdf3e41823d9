// The difference of two models as text and as JSON.
#ifndef NOMOGRAPH_TOOLS_REPORT_DIFF_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_DIFF_PRINT_H_

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/inspect/compare/diff.h"
#include "nomograph/inspect/open.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {

struct DiffTextOptions {
  TextStyle style = OutputStyle();
  int64_t max_entries = 50;  // of each list; 0: all
};

// For PrintStyled(): escaped, with colours where the style has them.
std::string DiffText(const ModelDiff& diff, const ModelFile& a, const ModelFile& b,
                     const DiffTextOptions& options);
nlohmann::ordered_json DiffJson(const ModelDiff& diff, const ModelFile& a, const ModelFile& b);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_DIFF_PRINT_H_
