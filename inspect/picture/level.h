// The layout of one level: boxes that are not looked into, in layers from the top down. Private to
// the layout.
//
// The steps follow K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of
// Hierarchical System Structures" (1981); straight runs of boxes are placed as one, as the blocks
// of U. Brandes and B. Köpf, "Fast and Simple Horizontal Coordinate Assignment" (2001).
#ifndef NOMOGRAPH_INSPECT_PICTURE_LEVEL_H_
#define NOMOGRAPH_INSPECT_PICTURE_LEVEL_H_

#include <vector>

#include "nomograph/inspect/picture/diagram.h"

namespace nomograph::picture {

inline constexpr double kAnywhere = -1;  // a line may meet the side of its box where it likes

// A box, or the place of a line in the level's border, which has no size.
struct LevelNode {
  enum Kind { kBox, kEntry, kExit };
  Kind kind = kBox;
  double width = 0, height = 0;
  double x = 0, y = 0;
  int layer = 0;
};

struct LevelEdge {
  int from = 0, to = 0;
  int from_port = 0;  // lines that leave a node by one port are one line as far as they can
  double from_at = kAnywhere, to_at = kAnywhere;  // from the left of the node
  double label_width = 0;                         // room to the right of where it begins
  std::vector<Point> route;

  bool backward = false;  // closes a cycle
  bool on_rail = false;
  int chain = -1;  // of (from, from_port)
};

// Space inside of the level's border.
struct LevelFrame {
  double left = 0, top = 0, right = 0, bottom = 0;
  double min_width = 0, min_height = 0;
};

// A node, or the place where a line passes a layer.
struct Vertex {
  int node = -1;  // -1: a line's
  int layer = 0;
  int rank = 0;     // in the layer
  double wish = 0;  // where it would stand in the layer by the order of nodes
  double width = 0;
  double x = 0;  // of its left end
};

// A line between neighbouring layers.
struct Link {
  int from = 0, to = 0;
  double from_at = 0, to_at = 0;  // from the left of the vertex
};

// The lines that leave a node by one port: those that pass layers do so in one place.
struct Chain {
  int from = 0;
  int first_vertex = 0, num_vertices = 0;  // in the layers below `from`
  bool has_rail = false, has_links = false;
  double at = kAnywhere;  // where it leaves the node
};

// What the steps hand on.
struct Level {
  std::vector<LevelNode> nodes;  // boxes in the order in which they are wanted, entries, exits
  std::vector<LevelEdge> edges;
  LevelFrame frame;
  LayoutOptions options;
  double width = 0, height = 0;

  int num_layers = 0;
  std::vector<Vertex> vertices;  // the first are the nodes
  std::vector<Link> links;
  std::vector<Chain> chains;
  std::vector<std::vector<int>> layers;  // vertices from left to right
};

// The steps, in order.
void AssignLayers(Level& level);
void SplitLongEdges(Level& level);
void OrderLayers(Level& level);
void PlaceAcross(Level& level);
void PlaceAlongAndRoute(Level& level);

// Lays `level` out in columns, which are cut where `whole`, the same in one piece, has the fewest
// lines across. False, and nothing is done, where it is no better for that.
bool LayoutColumns(const Level& whole, Level& level);

void LayoutLevel(Level& level);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_LEVEL_H_
