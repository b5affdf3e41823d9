// Comparisons of computed values as text and as JSON.
#ifndef NOMOGRAPH_TOOLS_REPORT_COMPARE_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_COMPARE_PRINT_H_

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "nomograph/inspect/compare/compare.h"

namespace nomograph {

struct CompareTextOptions {
  std::string a, b;  // what they are called: the files, or "exact" and "fast"
  Tolerance tolerance;
  bool all = false;         // every value; else stretches that are within tolerance are one row
  bool stop_first = false;  // nothing behind the first value that is not
};

std::string CompareText(const Comparison& comparison, const CompareTextOptions& options);
nlohmann::ordered_json CompareJson(const Comparison& comparison, const CompareTextOptions& options);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_COMPARE_PRINT_H_
