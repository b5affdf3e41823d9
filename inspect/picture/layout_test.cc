#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/inspect/picture/diagram.h"

namespace nomograph::picture {
namespace {

constexpr double kEpsilon = 1e-6;

int AddBox(Diagram& diagram, int parent, double width = 60, double height = 30) {
  diagram.boxes.push_back({.parent = parent, .width = width, .height = height});
  return static_cast<int>(diagram.boxes.size()) - 1;
}

Diagram Empty() { return {.boxes = {{.open = true}}}; }

// A diagram with boxes in boxes, in which lines go from some of a level's boxes to later ones, and
// a few back.
class RandomDiagram {
 public:
  explicit RandomDiagram(int seed) : random_(seed) {}

  Diagram Make(int num_boxes, bool cycles) {
    diagram_ = Empty();
    Fill(0, num_boxes, /*depth=*/0, cycles);
    return diagram_;
  }

 private:
  int Below(int limit) { return static_cast<int>(random_() % limit); }

  void Fill(int level, int count, int depth, bool cycles) {
    std::vector<int> children;
    for (int i = 0; i < count; ++i) {
      const int box = AddBox(diagram_, level, 40 + Below(90), 20 + Below(3) * 9);
      children.push_back(box);
      if (depth < 2 && Below(6) == 0) {
        diagram_.boxes[box].open = true;
        diagram_.boxes[box].num_inputs = Below(4);
        diagram_.boxes[box].num_outputs = Below(3);
        Fill(box, 1 + Below(12), depth + 1, cycles);
      }
    }
    const int near = 1 + Below(30);
    for (int i = 0; i < count; ++i) {
      for (int k = Below(4); k > 0; --k) {
        int from = std::max(0, i - 1 - Below(near)), to = i;
        if (from == to) continue;
        if (cycles && Below(8) == 0) std::swap(from, to);
        AddLine(level, children[from], children[to]);
      }
    }
    for (int port = 0; port < diagram_.boxes[level].num_inputs; ++port) {
      for (int k = 1 + Below(3); k > 0; --k) {
        const int to = children[Below(count)];
        diagram_.lines.push_back({.level = level,
                                  .from = level,
                                  .to = to,
                                  .from_port = port,
                                  .to_port = Port(to, true)});
      }
    }
    for (int port = 0; port < diagram_.boxes[level].num_outputs; ++port) {
      const int from = children[Below(count)];
      diagram_.lines.push_back({.level = level,
                                .from = from,
                                .to = level,
                                .from_port = Port(from, false),
                                .to_port = port});
    }
  }

  int Port(int box, bool input) {
    const DiagramBox& b = diagram_.boxes[box];
    const int ports = input ? b.num_inputs : b.num_outputs;
    return ports > 0 ? Below(ports) : 0;
  }

  void AddLine(int level, int from, int to) {
    diagram_.lines.push_back({.level = level,
                              .from = from,
                              .to = to,
                              .from_port = Port(from, false),
                              .to_port = Port(to, true)});
  }

  std::mt19937 random_;
  Diagram diagram_;
};

bool Overlap(double a_begin, double a_end, double b_begin, double b_end) {
  return a_begin + kEpsilon < b_end && b_begin + kEpsilon < a_end;
}

std::vector<std::string> FaultsOfBoxes(const Diagram& diagram) {
  std::vector<std::string> faults;
  const auto& boxes = diagram.boxes;
  for (size_t a = 1; a < boxes.size(); ++a) {
    const DiagramBox &box = boxes[a], &parent = boxes[box.parent];
    const bool inside = box.x >= parent.x - kEpsilon && box.y >= parent.y - kEpsilon &&
                        box.x + box.width <= parent.x + parent.width + kEpsilon &&
                        box.y + box.height <= parent.y + parent.height + kEpsilon;
    if (!inside) faults.push_back(absl::StrCat("box ", a, " leaves its parent"));
    for (size_t b = a + 1; b < boxes.size(); ++b) {
      if (boxes[b].parent != box.parent) continue;
      if (Overlap(box.x, box.x + box.width, boxes[b].x, boxes[b].x + boxes[b].width) &&
          Overlap(box.y, box.y + box.height, boxes[b].y, boxes[b].y + boxes[b].height)) {
        faults.push_back(absl::StrCat("boxes ", a, " and ", b, " overlap"));
      }
    }
  }
  return faults;
}

// A line may only be in the insides of boxes that it is a line of.
std::vector<std::string> FaultsOfLines(const Diagram& diagram) {
  std::vector<std::string> faults;
  for (size_t l = 0; l < diagram.lines.size(); ++l) {
    const DiagramLine& line = diagram.lines[l];
    if (line.route.size() < 2) {
      faults.push_back(absl::StrCat("line ", l, " has no route"));
      continue;
    }
    const DiagramBox& level = diagram.boxes[line.level];
    for (size_t i = 0; i + 1 < line.route.size(); ++i) {
      const Point &p = line.route[i], &q = line.route[i + 1];
      const double left = std::min(p.x, q.x), right = std::max(p.x, q.x);
      const double top = std::min(p.y, q.y), bottom = std::max(p.y, q.y);
      if (left < level.x - kEpsilon || right > level.x + level.width + kEpsilon ||
          top < level.y - kEpsilon || bottom > level.y + level.height + kEpsilon) {
        faults.push_back(absl::StrCat("line ", l, " leaves its level"));
      }
      for (size_t b = 1; b < diagram.boxes.size(); ++b) {
        const DiagramBox& box = diagram.boxes[b];
        if (box.parent != line.level) continue;
        // Overlap() of a piece without width and a box: strictly inside.
        if (left < box.x + box.width - kEpsilon && right > box.x + kEpsilon &&
            top < box.y + box.height - kEpsilon && bottom > box.y + kEpsilon) {
          faults.push_back(absl::StrCat("line ", l, " crosses box ", b));
        }
      }
    }
  }
  return faults;
}

// Lines begin and end where they say.
std::vector<std::string> FaultsOfEnds(const Diagram& diagram) {
  std::vector<std::string> faults;
  const auto near = [](double a, double b) { return std::abs(a - b) < kEpsilon; };
  const auto check = [&](size_t l, Point at, int b, int port, bool input, bool own_level) {
    const DiagramBox& box = diagram.boxes[b];
    const double side = input ? box.y : box.y + box.height;
    bool right =
        near(at.y, side) && at.x >= box.x - kEpsilon && at.x <= box.x + box.width + kEpsilon;
    const std::vector<double>& places = input ? box.input_at : box.output_at;
    const bool has_places = own_level || (box.open && !places.empty());
    if (right && has_places) right = near(at.x, box.x + places[port]);
    if (!right) faults.push_back(absl::StrCat("line ", l, " misses box ", b));
  };
  for (size_t l = 0; l < diagram.lines.size(); ++l) {
    const DiagramLine& line = diagram.lines[l];
    const bool enters = line.from == line.level, leaves = line.to == line.level;
    check(l, line.route.front(), line.from, line.from_port, enters, enters);
    check(l, line.route.back(), line.to, line.to_port, !leaves, leaves);
  }
  return faults;
}

void Transpose(Diagram& diagram) {
  for (DiagramBox& box : diagram.boxes) {
    std::swap(box.x, box.y);
    std::swap(box.width, box.height);
  }
  for (DiagramLine& line : diagram.lines) {
    for (Point& point : line.route) std::swap(point.x, point.y);
  }
}

TEST(LayoutTest, NothingOverlapsInRandomDiagrams) {
  for (int seed = 0; seed < 150; ++seed) {
    for (const Direction direction : {Direction::kDown, Direction::kRight}) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, direction == Direction::kDown ? " down" : " right"));
      Diagram diagram = RandomDiagram(seed).Make(5 + seed % 60, /*cycles=*/seed % 3 == 0);
      Layout(diagram, {.direction = direction, .max_span = 1 + seed % 8});
      if (direction == Direction::kRight) Transpose(diagram);
      ASSERT_THAT(FaultsOfBoxes(diagram), testing::IsEmpty());
      ASSERT_THAT(FaultsOfLines(diagram), testing::IsEmpty());
      ASSERT_THAT(FaultsOfEnds(diagram), testing::IsEmpty());
    }
  }
}

TEST(LayoutTest, NothingOverlapsInColumns) {
  int wrapped = 0;
  for (int seed = 0; seed < 150; ++seed) {
    for (const Direction direction : {Direction::kDown, Direction::kRight}) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, direction == Direction::kDown ? " down" : " right"));
      const Diagram diagram = RandomDiagram(seed).Make(5 + seed % 60, /*cycles=*/seed % 3 == 0);
      const LayoutOptions options = {.direction = direction, .max_span = 1 + seed % 8};
      Diagram plain = diagram, columns = diagram;
      Layout(plain, options);
      LayoutOptions narrow = options;
      narrow.wrap_above = 200;
      Layout(columns, narrow);
      wrapped += columns.boxes[0].height != plain.boxes[0].height;
      if (direction == Direction::kRight) Transpose(columns);
      ASSERT_THAT(FaultsOfBoxes(columns), testing::IsEmpty());
      ASSERT_THAT(FaultsOfLines(columns), testing::IsEmpty());
      ASSERT_THAT(FaultsOfEnds(columns), testing::IsEmpty());
    }
  }
  EXPECT_GT(wrapped, 100);
}

TEST(LayoutTest, AChainIsWrappedIntoColumnsThatAreReadLeftToRight) {
  for (const int length : {40, 400, 4000}) {
    SCOPED_TRACE(length);
    Diagram diagram = Empty();
    for (int i = 0; i < length; ++i) {
      const int box = AddBox(diagram, 0);
      if (i > 0) diagram.lines.push_back({.from = box - 1, .to = box, .label_width = 50});
    }
    Layout(diagram, {.wrap_above = 500});
    const double aspect = diagram.boxes[0].width / diagram.boxes[0].height;
    EXPECT_GT(aspect, 0.5);
    EXPECT_LT(aspect, 2.5);
    for (size_t b = 2; b < diagram.boxes.size(); ++b) {
      const DiagramBox &box = diagram.boxes[b], &before = diagram.boxes[b - 1];
      // Below the one before, or at the top of the next column, with room for its label between.
      const bool below = box.x == before.x && box.y > before.y;
      const bool next = box.x >= before.x + before.width / 2 + 50 && box.y < before.y;
      ASSERT_TRUE(below || next) << b;
    }
  }
}

TEST(LayoutTest, WhatManyLinesCrossIsNotCut) {
  Diagram diagram = Empty();
  constexpr int kLength = 40;
  for (int i = 0; i < kLength; ++i) {
    const int box = AddBox(diagram, 0);
    for (int before = 1; before < box; ++before) {
      diagram.lines.push_back({.from = before, .to = box});
    }
  }
  Layout(diagram, {.wrap_above = 500});
  // But for a few boxes at its ends, where few lines are.
  int falls = 0;
  for (size_t b = 2; b < diagram.boxes.size(); ++b) {
    falls += diagram.boxes[b].y > diagram.boxes[b - 1].y;
  }
  EXPECT_GE(falls, kLength - 3);
}

TEST(LayoutTest, LinesGoDownWhereThereAreNoCycles) {
  for (int seed = 0; seed < 30; ++seed) {
    Diagram diagram = RandomDiagram(seed).Make(40, /*cycles=*/false);
    Layout(diagram);
    for (const DiagramLine& line : diagram.lines) {
      if (line.from == line.level || line.to == line.level) continue;
      const DiagramBox &from = diagram.boxes[line.from], &to = diagram.boxes[line.to];
      EXPECT_LT(from.y + from.height, to.y);
    }
  }
}

TEST(LayoutTest, IsTheSameEveryTime) {
  for (int seed = 0; seed < 20; ++seed) {
    Diagram a = RandomDiagram(seed).Make(50, /*cycles=*/true), b = a;
    Layout(a);
    Layout(b);
    Layout(b);  // what an earlier layout left does not matter
    for (size_t l = 0; l < a.lines.size(); ++l) ASSERT_EQ(a.lines[l].route, b.lines[l].route);
    for (size_t i = 0; i < a.boxes.size(); ++i) {
      ASSERT_EQ(a.boxes[i].x, b.boxes[i].x);
      ASSERT_EQ(a.boxes[i].y, b.boxes[i].y);
    }
  }
}

double CentreOf(const DiagramBox& box) { return box.x + box.width / 2; }

TEST(LayoutTest, ChainsAreStraight) {
  Diagram diagram = Empty();
  for (int i = 0; i < 100; ++i) {
    const int box = AddBox(diagram, 0, 40 + i * 37 % 90);
    if (i == 0) continue;
    diagram.lines.push_back({.from = box - 1, .to = box});
    // What skips some does not bend it, on rails or beside the boxes.
    if (i > 20 && i % 7 == 0) diagram.lines.push_back({.from = box - 2 - i % 20, .to = box});
  }
  Layout(diagram);
  for (size_t b = 2; b < diagram.boxes.size(); ++b) {
    EXPECT_NEAR(CentreOf(diagram.boxes[b]), CentreOf(diagram.boxes[1]), kEpsilon) << b;
  }
}

TEST(LayoutTest, EqualBranchesStandAboutTheMiddle) {
  Diagram diagram = Empty();
  const int top = AddBox(diagram, 0), left = AddBox(diagram, 0), right = AddBox(diagram, 0),
            bottom = AddBox(diagram, 0);
  diagram.lines = {{.from = top, .to = left},
                   {.from = top, .to = right},
                   {.from = left, .to = bottom},
                   {.from = right, .to = bottom}};
  Layout(diagram);
  const auto& boxes = diagram.boxes;
  const double middle = (CentreOf(boxes[left]) + CentreOf(boxes[right])) / 2;
  EXPECT_LT(boxes[left].x, boxes[right].x);  // in the order in which they are given
  EXPECT_NEAR(CentreOf(boxes[top]), middle, kEpsilon);
  EXPECT_NEAR(CentreOf(boxes[bottom]), middle, kEpsilon);
}

// Open boxes whose lines leave far from where they come in, one below the other.
TEST(LayoutTest, NothingDrifts) {
  Diagram diagram = Empty();
  int last = AddBox(diagram, 0);
  double widest = 0;
  std::vector<int> stages;
  for (int i = 0; i < 50; ++i) {
    const int stage = AddBox(diagram, 0);
    diagram.boxes[stage].open = true;
    diagram.boxes[stage].num_inputs = diagram.boxes[stage].num_outputs = 1;
    const int a = AddBox(diagram, stage), b = AddBox(diagram, stage), c = AddBox(diagram, stage);
    diagram.lines.push_back({.level = stage, .from = stage, .to = a});
    diagram.lines.push_back({.level = stage, .from = a, .to = b});
    diagram.lines.push_back({.level = stage, .from = a, .to = c});
    const int d = AddBox(diagram, stage);
    diagram.lines.push_back({.level = stage, .from = c, .to = d});
    diagram.lines.push_back({.level = stage, .from = d, .to = stage});
    diagram.lines.push_back({.level = 0, .from = last, .to = stage});
    last = stage;
    stages.push_back(stage);
  }
  Layout(diagram);
  for (const int stage : stages) widest = std::max(widest, diagram.boxes[stage].width);
  EXPECT_LT(diagram.boxes[0].width, 2 * widest);
}

TEST(LayoutTest, LongLinesShareOneRailPerSource) {
  Diagram diagram = Empty();
  const int first = AddBox(diagram, 0);
  for (int i = 1; i < 40; ++i) {
    const int box = AddBox(diagram, 0);
    diagram.lines.push_back({.from = box - 1, .to = box});
    if (i > 20) diagram.lines.push_back({.from = first, .to = box});
  }
  Layout(diagram);
  std::vector<double> rails;
  for (const DiagramLine& line : diagram.lines) {
    if (line.from != first || line.route.size() < 6) continue;
    rails.push_back(line.route[2].x);
  }
  ASSERT_EQ(rails.size(), 19u);
  EXPECT_THAT(rails, testing::Each(rails[0]));
}

TEST(LayoutTest, NothingToPlace) {
  Diagram diagram = Empty();
  Layout(diagram);
  EXPECT_GT(diagram.boxes[0].width, 0);
  diagram.boxes.push_back({.parent = 0, .open = true, .title_width = 50, .title_height = 24});
  Layout(diagram);
  EXPECT_GE(diagram.boxes[1].width, 50);
}

}  // namespace
}  // namespace nomograph::picture
