// Numbers as people read them.
#ifndef NOMOGRAPH_TOOLS_TEXT_NUMBERS_H_
#define NOMOGRAPH_TOOLS_TEXT_NUMBERS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "nomograph/core/types/memory.h"  // ReadableBytes()

namespace nomograph {

// "105,866"
std::string WithSeparators(int64_t number);
// Six significant digits: "0.0125", "3", "1e-09", "nan".
std::string ShortNumber(double value);
// Of three significant digits, in powers of 1,000: "812", "9.47 K", "118 M", "4.09 G".
std::string ReadableCount(int64_t number);
// "1 node", "12 nodes"
std::string Counted(int64_t count, absl::string_view noun);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_NUMBERS_H_
