#include "nomograph/examples/ocr/geometry.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "nomograph/core/types/status.h"

namespace nomograph::ocr {
namespace {

using std::numbers::pi;

constexpr double kVerticalRatio = 1.5;  // as PaddleOCR has it

Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(double factor, Point a) { return {factor * a.x, factor * a.y}; }
double Dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }
double Cross(Point a, Point b) { return a.x * b.y - a.y * b.x; }

// Along `width` and along `height`, of length 1.
struct Axes {
  explicit Axes(double angle)
      : along{std::cos(angle), std::sin(angle)}, across{-std::sin(angle), std::cos(angle)} {}
  Point along, across;
};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void Include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double size() const { return high - low; }
  double middle() const { return (low + high) / 2; }
};

// The least box at this angle around the points.
Box BoxAround(absl::Span<const Point> points, double angle) {
  const Axes axes(angle);
  Range x, y;
  for (const Point& point : points) {
    x.Include(Dot(point, axes.along));
    y.Include(Dot(point, axes.across));
  }
  return {x.middle() * axes.along + y.middle() * axes.across, x.size(), y.size(), angle};
}

// The same rectangle, its first corner a quarter turn further.
Box Turned(const Box& box) { return {box.center, box.height, box.width, box.angle + pi / 2}; }

}  // namespace

std::array<Point, 4> Corners(const Box& box) {
  const Axes axes(box.angle);
  const Point x = box.width / 2 * axes.along, y = box.height / 2 * axes.across;
  return {box.center - x - y, box.center + x - y, box.center + x + y, box.center - x + y};
}

bool Contains(const Box& box, Point point) {
  const Axes axes(box.angle);
  const Point offset = point - box.center;
  return std::abs(Dot(offset, axes.along)) <= box.width / 2 &&
         std::abs(Dot(offset, axes.across)) <= box.height / 2;
}

std::vector<Point> ConvexHull(std::vector<Point> points) {
  const auto before = [](Point a, Point b) { return a.x < b.x || (a.x == b.x && a.y < b.y); };
  std::sort(points.begin(), points.end(), before);
  points.erase(std::unique(points.begin(), points.end()), points.end());
  if (points.size() < 3) return points;

  std::vector<Point> hull;
  // One half of the outline on the way there, the other on the way back.
  for (int half = 0; half < 2; ++half) {
    const size_t start = hull.size();
    for (const Point& point : points) {
      while (hull.size() >= start + 2 &&
             Cross(hull.back() - hull[hull.size() - 2], point - hull.back()) <= 0) {
        hull.pop_back();
      }
      hull.push_back(point);
    }
    hull.pop_back();  // the other half begins with it
    std::reverse(points.begin(), points.end());
  }
  return hull;
}

Box MinimumAreaBox(absl::Span<const Point> points) {
  NOMO_CHECK(!points.empty());
  const std::vector<Point> hull = ConvexHull({points.begin(), points.end()});
  Box least = BoxAround(hull, 0);
  // A side of the least rectangle lies on an edge of the hull (Freeman and Shapira, 1975).
  for (size_t i = 0; i < hull.size(); ++i) {
    const Point edge = hull[(i + 1) % hull.size()] - hull[i];
    const Box box = BoxAround(hull, std::atan2(edge.y, edge.x));
    // A little less may be no more than the rounding of the same area.
    if (box.area() < least.area() - 1e-9) least = box;
  }
  while (least.angle > pi / 4)
    least = Turned({least.center, least.width, least.height, least.angle - pi});
  while (least.angle <= -pi / 4) least = Turned(least);
  return least;
}

Box Grown(const Box& box, double distance) {
  return {box.center, box.width + 2 * distance, box.height + 2 * distance, box.angle};
}

Box Scaled(const Box& box, double x, double y) {
  const Axes axes(box.angle);
  const Point along = {x * axes.along.x, y * axes.along.y};
  const Point across = {x * axes.across.x, y * axes.across.y};
  // The middle of the first pixel is 0, its outer edge -0.5.
  const Point center = {(box.center.x + 0.5) * x - 0.5, (box.center.y + 0.5) * y - 0.5};
  return {center, box.width * std::hypot(along.x, along.y),
          box.height * std::hypot(across.x, across.y), std::atan2(along.y, along.x)};
}

Box AlongText(const Box& box) {
  return box.height >= kVerticalRatio * box.width ? Turned(box) : box;
}

Box UpsideDown(const Box& box) { return Turned(Turned(box)); }

}  // namespace nomograph::ocr
