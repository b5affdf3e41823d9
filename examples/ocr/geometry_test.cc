// Hulls and boxes against shapes whose measures are known.
#include "nomograph/examples/ocr/geometry.h"

#include <cmath>
#include <numbers>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nomograph::ocr {
namespace {

using std::numbers::pi;
using testing::ElementsAreArray;

double Degrees(double degrees) { return degrees * pi / 180; }

void ExpectNear(const Point& actual, const Point& expected) {
  EXPECT_NEAR(actual.x, expected.x, 1e-9);
  EXPECT_NEAR(actual.y, expected.y, 1e-9);
}

void ExpectNear(const Box& actual, const Box& expected) {
  ExpectNear(actual.center, expected.center);
  EXPECT_NEAR(actual.width, expected.width, 1e-9);
  EXPECT_NEAR(actual.height, expected.height, 1e-9);
  EXPECT_NEAR(actual.angle, expected.angle, 1e-9);
}

TEST(ConvexHull, LeavesOutWhatIsNoCorner) {
  struct Case {
    const char* name;
    std::vector<Point> points, hull;
  };
  const Case cases[] = {
      {"nothing", {}, {}},
      {"a point twice", {{3, 4}, {3, 4}}, {{3, 4}}},
      {"two", {{5, 1}, {2, 7}}, {{2, 7}, {5, 1}}},
      {"on a line", {{2, 2}, {0, 0}, {1, 1}, {3, 3}}, {{0, 0}, {3, 3}}},
      {"a square, points inside and on its sides",
       {{1, 1}, {0, 2}, {2, 2}, {1, 0}, {0, 0}, {2, 1}, {2, 0}, {0, 2}},
       {{0, 0}, {2, 0}, {2, 2}, {0, 2}}},
      {"a dent", {{0, 0}, {4, 0}, {2, 1}, {2, 4}}, {{0, 0}, {4, 0}, {2, 4}}},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(ConvexHull(c.points), ElementsAreArray(c.hull)) << c.name;
  }
}

// The four corners of a rectangle and points in it, which do not matter.
std::vector<Point> Filled(const Box& box) {
  std::vector<Point> points = {box.center};
  for (const double scale : {0.3, 1.0, 0.7}) {
    for (const Point& p : Corners({box.center, scale * box.width, scale * box.height, box.angle})) {
      points.push_back(p);
    }
  }
  return points;
}

TEST(MinimumAreaBox, FindsARectangleAtAnyAngle) {
  struct Case {
    Box drawn, found;
  };
  const Case cases[] = {
      {{{20, 30}, 12, 5, 0}, {{20, 30}, 12, 5, 0}},
      {{{20, 30}, 12, 5, Degrees(9)}, {{20, 30}, 12, 5, Degrees(9)}},
      {{{20, 30}, 12, 5, Degrees(-40)}, {{20, 30}, 12, 5, Degrees(-40)}},
      {{{-7, 3}, 5, 12, Degrees(30)}, {{-7, 3}, 5, 12, Degrees(30)}},
      {{{20, 30}, 12, 5, Degrees(60)}, {{20, 30}, 5, 12, Degrees(-30)}},
      {{{20, 30}, 12, 5, Degrees(-100)}, {{20, 30}, 5, 12, Degrees(-10)}},
      {{{20, 30}, 12, 5, Degrees(170)}, {{20, 30}, 12, 5, Degrees(-10)}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.drawn.angle);
    ExpectNear(MinimumAreaBox(Filled(c.drawn)), c.found);
  }
}

TEST(MinimumAreaBox, FindsTheLeastForOtherShapes) {
  // On the sides of the triangle lie rectangles of 4, 4.8 and 8.
  ExpectNear(MinimumAreaBox(std::vector<Point>{{0, 0}, {4, 0}, {1, 1}}), {{2, 0.5}, 4, 1, 0});
  ExpectNear(MinimumAreaBox(std::vector<Point>{{3, 4}}), {{3, 4}, 0, 0, 0});
  const Box line = MinimumAreaBox(std::vector<Point>{{0, 0}, {3, 3}, {1, 1}});
  ExpectNear(line.center, {1.5, 1.5});
  EXPECT_NEAR(std::max(line.width, line.height), std::sqrt(18), 1e-9);
  EXPECT_NEAR(line.area(), 0, 1e-9);
}

TEST(Box, HasItsCornersInOrder) {
  struct Case {
    Box box;
    std::vector<Point> corners;
  };
  const Case cases[] = {
      {{{10, 20}, 6, 2, 0}, {{7, 19}, {13, 19}, {13, 21}, {7, 21}}},
      {{{10, 20}, 6, 2, pi / 2}, {{11, 17}, {11, 23}, {9, 23}, {9, 17}}},
      {UpsideDown({{10, 20}, 6, 2, 0}), {{13, 21}, {7, 21}, {7, 19}, {13, 19}}},
      // Text in a tall box runs from its top to its bottom.
      {AlongText({{10, 20}, 2, 6, 0}), {{11, 17}, {11, 23}, {9, 23}, {9, 17}}},
      {AlongText({{10, 20}, 5, 6, 0}), {{7.5, 17}, {12.5, 17}, {12.5, 23}, {7.5, 23}}},
      {Grown({{10, 20}, 6, 2, 0}, 1.5), {{5.5, 17.5}, {14.5, 17.5}, {14.5, 22.5}, {5.5, 22.5}}},
      // The first two pixels become the first four, whose middles are 0 to 3.
      {Scaled({{0.5, 0.5}, 1, 1, 0}, 2, 2), {{0.5, 0.5}, {2.5, 0.5}, {2.5, 2.5}, {0.5, 2.5}}},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    SCOPED_TRACE(i);
    const auto corners = Corners(cases[i].box);
    for (int k = 0; k < 4; ++k) ExpectNear(corners[k], cases[i].corners[k]);
  }
}

TEST(Box, ChangesItsAngleWithAnImageThatIsStretched) {
  // A slope of 1 becomes one of 1/2.
  const Box box = Scaled({{9.5, 9.5}, std::sqrt(8), 1, pi / 4}, 2, 1);
  ExpectNear(box.center, {19.5, 9.5});
  EXPECT_NEAR(box.width, std::sqrt(20), 1e-9);
  EXPECT_NEAR(box.angle, std::atan(0.5), 1e-9);
}

TEST(Box, ContainsWhatLiesInIt) {
  const Box box = {{10, 20}, 6, 2, Degrees(45)};
  EXPECT_TRUE(Contains(box, {10, 20}));
  EXPECT_TRUE(Contains(box, {12, 22}));       // 2.83 along it
  EXPECT_FALSE(Contains(box, {12.2, 22.2}));  // 3.11
  EXPECT_TRUE(Contains(box, {9.5, 20.5}));    // 0.71 across
  EXPECT_FALSE(Contains(box, {9, 21}));       // 1.41
}

}  // namespace
}  // namespace nomograph::ocr
