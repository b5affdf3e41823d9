// Compiled programs as tables.
#ifndef NOMOGRAPH_TOOLS_REPORT_PROGRAM_TEXT_H_
#define NOMOGRAPH_TOOLS_REPORT_PROGRAM_TEXT_H_

#include <string>

#include "nomograph/core/compile/program.h"

namespace nomograph {

// A row for each step: node, op, the kernel that runs it with what is fused into it, outputs with
// their places in memory. Then the memory that a run takes.
std::string ProgramText(const Program& program);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_PROGRAM_TEXT_H_
