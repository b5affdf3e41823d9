// What the making of a scene is parted into. Private to it.
#ifndef NOMOGRAPH_INSPECT_PICTURE_SCENE_PARTS_H_
#define NOMOGRAPH_INSPECT_PICTURE_SCENE_PARTS_H_

#include <vector>

#include "nomograph/inspect/picture/picture.h"
#include "nomograph/inspect/picture/scene.h"

namespace nomograph::picture {

// A label stands beside the beginning of a line, where nothing else is in the room that it needs.
struct Labels {
  std::vector<bool> shown;  // by line
  double reach = 0;         // how far they go to the right, in the diagram
};
Labels FindLabels(const Picture& picture);

// The model's name and size at the top, what colours mean below it.
struct Header {
  SceneGroup group;  // from (0, 0)
  double width = 0, height = 0;
};
// As wide as `width` allows, or as one of its words needs.
Header MakeHeader(const Picture& picture, double width);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_SCENE_PARTS_H_
