// Pictures as text for Graphviz.
#ifndef NOMOGRAPH_INSPECT_PICTURE_DOT_H_
#define NOMOGRAPH_INSPECT_PICTURE_DOT_H_

#include <string>

#include "nomograph/inspect/picture/picture.h"

namespace nomograph::picture {

// The DOT language, with a cluster for each open box. https://graphviz.org/doc/info/lang.html
std::string Dot(const Picture& picture);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_DOT_H_
