// Plane geometry of text boxes. x runs to the right and y down, in pixels; the middle of the first
// pixel is (0, 0).
#ifndef NOMOGRAPH_EXAMPLES_OCR_GEOMETRY_H_
#define NOMOGRAPH_EXAMPLES_OCR_GEOMETRY_H_

#include <array>
#include <vector>

#include "absl/types/span.h"

namespace nomograph::ocr {

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};

// A rectangle at an angle.
struct Box {
  Point center;
  double width = 0, height = 0;
  // From the x axis to the sides of length `width`, in radians, clockwise as one sees it.
  double angle = 0;

  double area() const { return width * height; }
  double perimeter() const { return 2 * (width + height); }
};

// Clockwise from where both `width` and `height` begin: of a box with the angle 0 the top left
// corner is the first.
std::array<Point, 4> Corners(const Box& box);
// Whether the point lies in the box or on its edge.
bool Contains(const Box& box, Point point);

// The corners of the least convex polygon around the points, in the order of its outline, none of
// them on a line between its neighbours. Andrew's monotone chain.
std::vector<Point> ConvexHull(std::vector<Point> points);

// The rectangle of least area around the points, with an angle in (-pi/4, pi/4]. REQUIRES: at least
// one point.
Box MinimumAreaBox(absl::Span<const Point> points);

// Every side moved outwards by `distance`.
Box Grown(const Box& box, double distance);

// The box in an image that is `x` times as wide and `y` times as high. Where the two differ, a box
// at an angle is no rectangle there: its middle, the middles of its sides and so its angle are
// right.
Box Scaled(const Box& box, double x, double y);

// The same rectangle with `width` along the text: a box that is at least half as high again as wide
// is taken for a line that runs from top to bottom.
Box AlongText(const Box& box);
// The same rectangle for text that is upside down.
Box UpsideDown(const Box& box);

}  // namespace nomograph::ocr

#endif  // NOMOGRAPH_EXAMPLES_OCR_GEOMETRY_H_
