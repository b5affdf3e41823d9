// What `nomo inspect FILE SEL` prints of the nodes and values that were selected.
#ifndef NOMOGRAPH_TOOLS_REPORT_SELECTION_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_SELECTION_PRINT_H_

#include <string>

#include "nlohmann/json.hpp"
#include "nomograph/inspect/inspect_model.h"
#include "nomograph/inspect/selector.h"

namespace nomograph {

struct SelectionPrint {
  bool all = false;    // also defaults and constants
  bool stats = false;  // of the tensors among it
};

// A few are told with their neighbours, many as a table.
std::string SelectionText(const Model& model, const Selection& selection,
                          const SelectionPrint& options);
nlohmann::ordered_json SelectionJson(const ModelFile& file, const Selection& selection,
                                     const SelectionPrint& options);

// For `git diff`: a line for each node, value and tensor, in the order of the file; tensors as a
// hash and statistics. Equal models give equal texts, whatever their form and their path.
std::string TextConv(const Model& model);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_SELECTION_PRINT_H_
