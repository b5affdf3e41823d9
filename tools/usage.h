// What is wrong with a command line, said in words of our own: CLI11's tell of its insides.
#ifndef NOMOGRAPH_TOOLS_USAGE_H_
#define NOMOGRAPH_TOOLS_USAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace nomograph {

// Checks of flags' values, with errors as `"five" is no whole number` and `0 is less than 1`.
CLI::Validator AtLeast(int64_t least);
CLI::Validator Between(int64_t least, int64_t greatest);
CLI::Validator NumberBetween(double least, double greatest);
// Bytes, with K, M, G or T (of 1,024) behind them: "512M". The flag gets the number of bytes.
CLI::Validator SizeInBytes();

// The message for `error`, which parsing `arguments` with `app` threw: names the flag that was
// perhaps meant.
std::string ExplainUsage(const CLI::App& app, const CLI::ParseError& error,
                         const std::vector<std::string>& arguments);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_USAGE_H_
