// The short notation of many names, in which ops say how other formats know them.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_CALLS_KNOWN_NAMES_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_CALLS_KNOWN_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nomograph {

// "{a,b}.{c,d},e.f" is a.c, a.d, b.c, b.d and e.f: commas part names, braces multiply them. Braces
// do not lie in one another; one without its other is a letter. Parameters behind the names,
// "(...)", are left out.
std::vector<std::string> ExpandNames(absl::string_view names);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_CALLS_KNOWN_NAMES_H_
