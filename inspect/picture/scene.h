// A picture as shapes: what the writers of SVG and PNG draw, one after the other.
#ifndef NOMOGRAPH_INSPECT_PICTURE_SCENE_H_
#define NOMOGRAPH_INSPECT_PICTURE_SCENE_H_

#include <string>
#include <vector>

#include "nomograph/inspect/picture/picture.h"

namespace nomograph::picture {

// What a shape is, which says its colours in both themes.
enum class Paint {
  kPanel,    // an open box; `index` is its depth, modulo 2
  kScope,    // a closed one
  kEnd,      // an input or output
  kFamily,   // a node; `index` is its OpFamily
  kValue,    // by a number; `amount` from 0 to 1
  kChange,   // `index` is a Change
  kMissing,  // a lambda that is missing
  kBadge,
};

enum class TextStyle { kHeading, kTitle, kPanelTitle, kSubtitle, kLabel, kBadge };

struct SceneRect {
  Paint paint = Paint::kScope;
  int index = 0;
  double amount = 0;
  double x = 0, y = 0, width = 0, height = 0, radius = 0;
};

struct SceneText {
  TextStyle style = TextStyle::kTitle;
  double x = 0, y = 0;  // of the baseline
  bool centred = true;  // about x; else x is where it starts
  double width = 0;     // as it was measured
  std::string text;
};

struct SceneRoute {
  std::vector<Point> points;  // as DiagramLine::route
  bool arrow = true;          // at its end
};

// Shapes that belong to one thing.
struct SceneGroup {
  std::string tooltip;
  std::vector<SceneRect> rects;
  std::vector<SceneRoute> routes;
  std::vector<SceneText> texts;
};

struct Scene {
  double width = 0, height = 0;
  Direction direction = Direction::kDown;
  std::vector<SceneGroup> groups;
};

Scene MakeScene(const Picture& picture);
// A closed box, at its place in the diagram.
SceneRect RectFor(const Picture& picture, int b);

// The parts of a route as it is drawn.
class RouteSink {
 public:
  virtual ~RouteSink() = default;
  virtual void MoveTo(Point to) = 0;
  virtual void LineTo(Point to) = 0;
  virtual void CurveTo(Point control1, Point control2, Point to) = 0;
};
// With rounded corners.
void DrawRoute(const std::vector<Point>& points, Direction direction, RouteSink& sink);

struct Color {
  int red = 0, green = 0, blue = 0;
  double opacity = 1;
};
struct PaintColors {
  Color fill, stroke;
  double stroke_width = 1;
  bool dashed = false;
};
PaintColors ColorsOf(const SceneRect& rect, bool dark);
Color TextColor(TextStyle style, bool dark);
Color LineColor(bool dark);
Color Background(bool dark);

struct Font {
  double size = 12;
  bool bold = false;
};
Font FontOf(TextStyle style);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_SCENE_H_
