// Pictures as SVG.
#ifndef NOMOGRAPH_INSPECT_PICTURE_SVG_H_
#define NOMOGRAPH_INSPECT_PICTURE_SVG_H_

#include <string>

#include "nomograph/inspect/picture/picture.h"

namespace nomograph::picture {

// Well-formed XML of plain shapes with tooltips, light or dark after the reader's wish; of the same
// picture always the same bytes.
std::string Svg(const Picture& picture);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_SVG_H_
