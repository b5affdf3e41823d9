// --precision: in which floating-point numbers a program computes, for the commands that run one.
#ifndef NOMOGRAPH_TOOLS_RUN_PRECISION_FLAG_H_
#define NOMOGRAPH_TOOLS_RUN_PRECISION_FLAG_H_

#include <string>

#include "CLI/CLI.hpp"
#include "nomograph/core/compile/program.h"

namespace nomograph {

// Adds --precision, which takes float32 and bfloat16. `what` is how its help begins: "Compute
// products in".
CLI::Option* AddPrecisionFlag(CLI::App& app, Precision& precision, const std::string& what);

// Where this machine computes so by way of float32 alone, that it does, in a sentence without a
// full stop; else "".
std::string EmulationText(Precision precision);
// Says that on standard error, for a `command`: "nomo run".
void NoteEmulation(const std::string& command, Precision precision);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_PRECISION_FLAG_H_
