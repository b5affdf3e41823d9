// What `nomo inspect` prints.
#ifndef NOMOGRAPH_TOOLS_REPORT_INSPECT_PRINT_H_
#define NOMOGRAPH_TOOLS_REPORT_INSPECT_PRINT_H_

#include <string>

#include "nomograph/inspect/inspect_model.h"

namespace nomograph {

// Which parts are printed.
struct InspectSections {
  bool facts = true;  // of the file and the model
  bool io = true;     // inputs and outputs
  bool nodes = true;
  bool lambdas = true;
  bool functions = true;
  bool tensors = true;
  bool golden = true;
  bool metadata = true;
  // Not a part of its own: constants as nodes, and attributes that have their defaults.
  bool all = false;

  static InspectSections None() { return {false, false, false, false, false, false, false, false}; }
  // Whether there is no part; where there are all of them, those that are empty are left out.
  bool none() const {
    return !(facts || io || nodes || lambdas || functions || tensors || golden || metadata);
  }
};
std::string InspectText(const ModelReport& report, const InspectSections& sections);
// Prints it as it goes: as a whole it would take many times the model's memory.
void PrintInspectJson(const ModelReport& report, const InspectSections& sections);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_INSPECT_PRINT_H_
