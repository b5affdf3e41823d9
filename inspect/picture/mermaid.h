// Pictures as text for Mermaid, which many readers of Markdown draw.
#ifndef NOMOGRAPH_INSPECT_PICTURE_MERMAID_H_
#define NOMOGRAPH_INSPECT_PICTURE_MERMAID_H_

#include <string>

#include "nomograph/inspect/picture/picture.h"

namespace nomograph::picture {

// A flowchart with a subgraph for each open box. https://mermaid.js.org/syntax/flowchart.html
std::string Mermaid(const Picture& picture);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_MERMAID_H_
