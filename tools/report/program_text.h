// What a model runs as on this machine.
#ifndef NOMOGRAPH_TOOLS_REPORT_PROGRAM_TEXT_H_
#define NOMOGRAPH_TOOLS_REPORT_PROGRAM_TEXT_H_

#include <string>

#include "nlohmann/json.hpp"
#include "nomograph/core/compile/program.h"

namespace nomograph {

// A row for each step: what runs, the kernel, what is fused into it, its outputs and where they
// lie; then totals.
std::string ProgramText(const Program& program);
nlohmann::ordered_json ProgramJson(const Program& program);

// The kernel in short: "conv brgconv, 2 reorders" of oneDNN's longer word for it.
std::string ShortKernel(const std::string& description);
// "Winograd", "Winograd, 1 thread", "as it is, 1 thread" where the op's forms have no names;
// without the threads where they are the `usual` ones.
std::string FormText(const NodeForm& form, int usual);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_PROGRAM_TEXT_H_
