// The difference of two models as text and as JSON.
#ifndef NOMOGRAPH_TOOLS_REPORT_DIFF_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_DIFF_PRINT_H_

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/inspect/compare/diff.h"
#include "nomograph/inspect/open.h"

namespace nomograph {

struct DiffTextOptions {
  bool color = false;
  int64_t max_entries = 50;  // of each list; 0: all
};

// For PrintPainted(): escaped, with colours where they are wanted.
std::string DiffText(const ModelDiff& diff, const ModelFile& a, const ModelFile& b,
                     const DiffTextOptions& options);
nlohmann::ordered_json DiffJson(const ModelDiff& diff, const ModelFile& a, const ModelFile& b);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_DIFF_PRINT_H_
