// The lines of a picture without places in borders: for writers whose readers route lines
// themselves.
#ifndef NOMOGRAPH_INSPECT_PICTURE_FLAT_LINES_H_
#define NOMOGRAPH_INSPECT_PICTURE_FLAT_LINES_H_

#include <string>
#include <vector>

#include "nomograph/inspect/picture/picture.h"

namespace nomograph::picture {

// From a box that is closed to another, through all borders between.
struct FlatLine {
  int from = 0, to = 0;
  std::string label;
  bool operator==(const FlatLine&) const = default;
};
// In the order of the picture's lines; each pair of boxes once.
std::vector<FlatLine> FlatLines(const Picture& picture);

// By box, those in it.
std::vector<std::vector<int>> ChildrenOf(const Diagram& diagram);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_FLAT_LINES_H_
