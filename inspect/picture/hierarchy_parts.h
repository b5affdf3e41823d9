// The steps by which a tree of boxes is made. Private to hierarchy.
#ifndef NOMOGRAPH_INSPECT_PICTURE_HIERARCHY_PARTS_H_
#define NOMOGRAPH_INSPECT_PICTURE_HIERARCHY_PARTS_H_

#include <vector>

#include "nomograph/inspect/picture/hierarchy.h"

namespace nomograph::picture {

// Sets `inputs` and `outputs` of scopes and repeats from the edges.
void FindBorders(Tree& tree);

// Puts equal sibling scopes in a row into repeats: those that have names that differ only in
// numbers, each one higher than the one before, and the same content: ops, attributes, types, small
// constants, and wiring. REQUIRES: borders have been found.
void FoldEqualBlocks(Tree& tree);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_HIERARCHY_PARTS_H_
