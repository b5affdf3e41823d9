// A diagram: boxes in boxes and lines between them, before and after a layout.
#ifndef NOMOGRAPH_INSPECT_PICTURE_DIAGRAM_H_
#define NOMOGRAPH_INSPECT_PICTURE_DIAGRAM_H_

#include <vector>

namespace nomograph::picture {

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

// Sizes and places are in pixels.
struct DiagramBox {
  int parent = -1;
  // An open box holds others, and is as large as they and its title need.
  bool open = false;
  double title_width = 0, title_height = 0;
  double width = 0, height = 0;
  // Of an open box: how many lines cross its border inwards and outwards.
  int num_inputs = 0, num_outputs = 0;

  // The layout sets the upper left corner, the sizes of open boxes, and where lines cross their
  // borders (how far from the corner, along the side).
  double x = 0, y = 0;
  std::vector<double> input_at, output_at;
};

// Runs inside of the open box `level`, from one of its children to another; or, where `from` is
// `level` itself, from its border's input `from_port` inwards, and likewise outwards. Ports of
// children count where those are open; of others, lines that leave by the same port begin at one
// place.
struct DiagramLine {
  int level = 0;
  int from = 0, to = 0;
  int from_port = 0, to_port = 0;
  // The room that a label to the right of its beginning would take: columns leave it.
  double label_width = 0;
  // Set by the layout. Points that lie neither above nor beside one another are joined by an S that
  // leaves and arrives in the direction of the graph; all others by straight lines, with corners to
  // be rounded.
  std::vector<Point> route;
};

struct Diagram {
  // [0] is the outermost, open; parents stand before children, children in the order in which they
  // are wanted.
  std::vector<DiagramBox> boxes;
  std::vector<DiagramLine> lines;
};

enum class Direction { kDown, kRight };

struct LayoutOptions {
  Direction direction = Direction::kDown;
  double space_along = 26;   // between layers
  double space_across = 18;  // between boxes of a layer
  double padding = 14;       // inside of open boxes
  // Lines over more layers run on rails at the side.
  int max_span = 6;
  // Levels that are longer are cut into columns side by side (rows, where the direction is right);
  // 0: never.
  double wrap_above = 0;
};

// Places boxes and lines. Layers after the longest path, from the innermost boxes outwards; of the
// same diagram always the same. Boxes that share no parent's inside never overlap, and lines touch
// only the boxes that they join. Time is n log n in boxes and lines.
void Layout(Diagram& diagram, const LayoutOptions& options = {});

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_DIAGRAM_H_
