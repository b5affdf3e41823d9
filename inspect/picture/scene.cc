#include "nomograph/inspect/picture/scene.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/inspect/picture/picture_text.h"
#include "nomograph/inspect/picture/scene_parts.h"
#include "nomograph/inspect/picture/text_width.h"

namespace nomograph::picture {
namespace {

constexpr double kMargin = 16;       // about all
constexpr double kCornerRadius = 8;  // of routes
constexpr double kStackStep = 4;     // between the cards of a repeat

class SceneMaker {
 public:
  explicit SceneMaker(const Picture& picture) : picture_(picture), diagram_(picture.diagram) {}

  Scene Make() {
    scene_.direction = picture_.layout.direction;
    AddHeader();
    labels_ = FindLabels(picture_);
    const double width = std::max(diagram_.boxes[0].width, labels_.reach);
    scene_.width = std::max(width, header_width_) + 2 * kMargin;
    left_ = (scene_.width - width) / 2;
    scene_.height = top_ + diagram_.boxes[0].height + kMargin;
    depth_.assign(diagram_.boxes.size(), 0);
    for (size_t b = 1; b < diagram_.boxes.size(); ++b) {
      depth_[b] = depth_[diagram_.boxes[b].parent] + 1;
    }
    // Panels, outermost first, then lines over them, then what hides lines' ends.
    for (size_t b = 1; b < diagram_.boxes.size(); ++b) {
      if (diagram_.boxes[b].open) AddPanel(static_cast<int>(b));
    }
    FindStarts();
    for (size_t l = 0; l < diagram_.lines.size(); ++l) AddLine(static_cast<int>(l));
    for (size_t b = 1; b < diagram_.boxes.size(); ++b) {
      if (!diagram_.boxes[b].open) AddBox(static_cast<int>(b));
    }
    return std::move(scene_);
  }

 private:
  // Above the diagram.
  void AddHeader() {
    constexpr double kNarrowest = 320;
    Header header = MakeHeader(picture_, std::max(diagram_.boxes[0].width, kNarrowest));
    header_width_ = header.width;
    top_ = kMargin + header.height;
    if (header.height == 0) return;
    for (SceneRect& rect : header.group.rects) {
      rect.x += kMargin;
      rect.y += kMargin;
    }
    for (SceneText& text : header.group.texts) {
      text.x += kMargin;
      text.y += kMargin;
    }
    scene_.groups.push_back(std::move(header.group));
  }

  SceneRect RectOf(int b, Paint paint, double radius) const {
    const DiagramBox& box = diagram_.boxes[b];
    return {.paint = paint,
            .x = box.x + left_,
            .y = box.y + top_,
            .width = box.width,
            .height = box.height,
            .radius = radius};
  }

  void AddBadge(const PictureBox& shown, double right, double y, SceneGroup& group) const {
    const double width = BadgeWidth(shown);
    if (width == 0) return;
    group.rects.push_back({.paint = Paint::kBadge,
                           .x = right - width,
                           .y = y,
                           .width = width,
                           .height = 15,
                           .radius = 7.5});
    group.texts.push_back(
        {TextStyle::kBadge, right - width / 2, y + 11, true, width - 10, BadgeOf(shown)});
  }

  // What stands behind the first of several.
  void AddCards(int b, SceneRect rect, SceneGroup& group) const {
    if (picture_.boxes[b].times <= 1) return;
    if (rect.paint != Paint::kPanel) rect.paint = Paint::kScope;
    for (int card = 2; card > 0; --card) {
      SceneRect shifted = rect;
      shifted.x += card * kStackStep;
      shifted.y += card * kStackStep;
      group.rects.push_back(shifted);
    }
  }

  void AddPanel(int b) {
    const PictureBox& shown = picture_.boxes[b];
    SceneGroup group = {.tooltip = shown.tooltip};
    SceneRect rect = RectOf(b, Paint::kPanel, 8);
    rect.index = depth_[b] % 2;
    AddCards(b, rect, group);
    group.rects.push_back(rect);
    const double width = TextWidth(shown.title, kTitleSize, true);
    const double all = width + (BadgeWidth(shown) > 0 ? BadgeWidth(shown) + 6 : 0);
    const double x = rect.x + TitlePlace(b, all);
    group.texts.push_back({TextStyle::kPanelTitle, x, rect.y + 16, false, width, shown.title});
    AddBadge(shown, x + all, rect.y + 4.5, group);
    scene_.groups.push_back(std::move(group));
  }

  // Where a title of that width is not crossed by lines that come in at the top: as far left as can
  // be.
  double TitlePlace(int b, double width) const {
    const DiagramBox& box = diagram_.boxes[b];
    constexpr double kPadding = 10;
    if (picture_.layout.direction == Direction::kRight) return kPadding;
    std::vector<double> lines(box.input_at);
    std::sort(lines.begin(), lines.end());
    double x = kPadding;
    for (const double line : lines) {
      if (x + width + 5 <= line) break;
      if (line + 7 > x) x = line + 7;
    }
    return x + width + kPadding <= box.width ? x : kPadding;
  }

  void AddBox(int b) {
    const PictureBox& shown = picture_.boxes[b];
    SceneGroup group = {.tooltip = shown.tooltip};
    SceneRect rect = RectFor(picture_, b);
    rect.x += left_;
    rect.y += top_;
    AddCards(b, rect, group);
    // What shows a number is transparent.
    if (rect.paint == Paint::kValue) {
      SceneRect ground = rect;
      ground.paint = Paint::kScope;
      group.rects.push_back(ground);
    }
    group.rects.push_back(rect);
    const double centre = rect.x + rect.width / 2, middle = rect.y + rect.height / 2;
    const double title = TextWidth(shown.title, kTitleSize, true);
    const double badge = BadgeWidth(shown) > 0 ? BadgeWidth(shown) + 6 : 0;
    const double y = shown.subtitle.empty() ? middle + 4 : middle - 3;
    group.texts.push_back({TextStyle::kTitle, centre - badge / 2, y, true, title, shown.title});
    if (badge > 0) AddBadge(shown, centre + (title + badge) / 2, y - 11, group);
    if (!shown.subtitle.empty()) {
      group.texts.push_back({TextStyle::kSubtitle, centre, middle + 11, true,
                             TextWidth(shown.subtitle, kSubtitleSize), shown.subtitle});
    }
    scene_.groups.push_back(std::move(group));
  }

  // Where a line begins to be drawn: what it has in common with another is drawn once.
  struct Start {
    size_t point = 0;
    double x = 0, y = 0;  // in place of that point
    bool moved = false;

    std::vector<Point> Cut(const std::vector<Point>& route) const {
      std::vector<Point> points(route.begin() + point, route.end());
      if (moved) points[0] = {x, y};
      return points;
    }
  };

  // Of lines that begin at one place, the longest are drawn whole: one that passes layers, and one
  // on a rail. The others leave them where their ways part.
  void FindStarts();
  static Start StartOf(const std::vector<Point>& route, const std::vector<Point>& drawn);

  void AddLine(int l) {
    const DiagramLine& line = diagram_.lines[l];
    SceneGroup group = {.tooltip = picture_.lines[l].tooltip};
    SceneRoute route = {.points = starts_[l].Cut(line.route)};
    for (Point& point : route.points) {
      point.x += left_;
      point.y += top_;
    }
    route.arrow = line.to != line.level && !HasPorts(line.to);
    group.routes.push_back(std::move(route));
    if (labels_.shown[l]) {
      const Point at = {line.route[0].x + left_, line.route[0].y + top_};
      const std::string& label = picture_.lines[l].label;
      // Below the cards.
      const double down = picture_.boxes[line.from].times > 1 ? 2 * kStackStep : 0;
      group.texts.push_back({TextStyle::kLabel, at.x + 5, at.y + 12 + down, false,
                             TextWidth(label, kLabelSize), label});
    }
    scene_.groups.push_back(std::move(group));
  }

  // Whether lines go on inside of the box.
  bool HasPorts(int b) const { return diagram_.boxes[b].open && diagram_.boxes[b].num_inputs > 0; }

  const Picture& picture_;
  const Diagram& diagram_;
  Scene scene_;
  double left_ = 0, top_ = 0, header_width_ = 0;
  Labels labels_;
  std::vector<int> depth_;
  std::vector<Start> starts_;  // by line
};

SceneMaker::Start SceneMaker::StartOf(const std::vector<Point>& route,
                                      const std::vector<Point>& drawn) {
  size_t same = 0;
  while (same < route.size() && same < drawn.size() && route[same] == drawn[same]) ++same;
  Start start;
  if (same == 0 || same == route.size() || same == drawn.size()) return start;
  start.point = same - 1;
  // Both may go on along one line, and one of them turn earlier.
  const Point at = route[same - 1], own = route[same], other = drawn[same];
  const bool down = at.x == own.x && at.x == other.x && (own.y > at.y) == (other.y > at.y);
  const bool across = at.y == own.y && at.y == other.y && (own.x > at.x) == (other.x > at.x);
  if (!down && !across) return start;
  const double length = std::hypot(own.x - at.x, own.y - at.y);
  if (length > std::hypot(other.x - at.x, other.y - at.y)) return start;
  if (length < 2 * kCornerRadius && same >= 2) {
    // Too near to a corner of what both have: the whole line's is rounded, and is drawn once more.
    start = {same - 2, (route[same - 2].x + at.x) / 2, (route[same - 2].y + at.y) / 2, true};
    return start;
  }
  const double kept = std::min(1.0, kCornerRadius / length);
  start.moved = true;
  start.x = own.x + (at.x - own.x) * kept;
  start.y = own.y + (at.y - own.y) * kept;
  return start;
}

void SceneMaker::FindStarts() {
  starts_.assign(diagram_.lines.size(), {});
  std::map<std::tuple<int, int, int>, std::vector<size_t>> groups;
  for (size_t l = 0; l < diagram_.lines.size(); ++l) {
    const DiagramLine& line = diagram_.lines[l];
    groups[{line.level, line.from, line.from_port}].push_back(l);
  }
  const auto reach = [this](size_t l) {
    const std::vector<Point>& route = diagram_.lines[l].route;
    return std::abs(route.back().y - route[0].y) + std::abs(route.back().x - route[0].x) * 1e-6;
  };
  for (auto& [from, lines] : groups) {
    if (lines.size() < 2) continue;
    std::stable_sort(lines.begin(), lines.end(),
                     [&reach](size_t a, size_t b) { return reach(a) > reach(b); });
    std::vector<size_t> whole;
    for (const size_t l : lines) {
      Start best;
      for (const size_t other : whole) {
        const Start start = StartOf(diagram_.lines[l].route, diagram_.lines[other].route);
        if (start.point > best.point || start.moved) best = start;
      }
      starts_[l] = best;
      constexpr size_t kMostWhole = 3;
      if (best.point == 0 && !best.moved && whole.size() < kMostWhole) whole.push_back(l);
    }
  }
}

double Distance(Point a, Point b) { return std::hypot(a.x - b.x, a.y - b.y); }

// The point at `length` from `a` towards `b`.
Point Towards(Point a, Point b, double length) {
  const double all = Distance(a, b);
  if (all == 0) return a;
  return {a.x + (b.x - a.x) * length / all, a.y + (b.y - a.y) * length / all};
}

bool IsStraight(Point a, Point b) { return a.x == b.x || a.y == b.y; }

}  // namespace

SceneRect RectFor(const Picture& picture, int b) {
  const PictureBox& shown = picture.boxes[b];
  const DiagramBox& box = picture.diagram.boxes[b];
  const bool is_end = shown.kind == BoxKind::kInput || shown.kind == BoxKind::kOutput;
  const bool is_node = shown.kind == BoxKind::kNode;
  SceneRect rect = {.paint = is_end    ? Paint::kEnd
                             : is_node ? Paint::kFamily
                                       : Paint::kScope,
                    .index = static_cast<int>(shown.family),
                    .x = box.x,
                    .y = box.y,
                    .width = box.width,
                    .height = box.height,
                    .radius = is_end    ? box.height / 2
                              : is_node ? 5.0
                                        : 7.0};
  if (is_end) return rect;
  if (!picture.value_name.empty()) {
    const double value = std::max(0.0, shown.value.value_or(0));
    rect.paint = Paint::kValue;
    rect.amount = picture.max_value > 0 ? value / picture.max_value : 0;
  } else if (picture.has_marks) {
    rect.paint = Paint::kChange;
    rect.index = static_cast<int>(shown.mark);
  } else if (shown.lambda == LambdaBadge::kMissing) {
    rect.paint = Paint::kMissing;
  }
  return rect;
}

Scene MakeScene(const Picture& picture) { return SceneMaker(picture).Make(); }

void DrawRoute(const std::vector<Point>& points, Direction direction, RouteSink& sink) {
  if (points.empty()) return;
  sink.MoveTo(points[0]);
  for (size_t i = 1; i < points.size(); ++i) {
    const Point a = points[i - 1], b = points[i];
    if (!IsStraight(a, b)) {
      if (direction == Direction::kDown) {
        const double middle = (a.y + b.y) / 2;
        sink.CurveTo({a.x, middle}, {b.x, middle}, b);
      } else {
        const double middle = (a.x + b.x) / 2;
        sink.CurveTo({middle, a.y}, {middle, b.y}, b);
      }
      continue;
    }
    const bool corner = i + 1 < points.size() && IsStraight(b, points[i + 1]) &&
                        (a.x == b.x) != (b.x == points[i + 1].x);
    if (!corner) {
      sink.LineTo(b);
      continue;
    }
    const Point c = points[i + 1];
    const double radius = std::min({kCornerRadius, Distance(a, b) / 2, Distance(b, c) / 2});
    const Point before = Towards(b, a, radius), after = Towards(b, c, radius);
    sink.LineTo(before);
    // A quadratic curve, as a cubic one.
    sink.CurveTo(Towards(before, b, radius * 2 / 3), Towards(after, b, radius * 2 / 3), after);
  }
}

}  // namespace nomograph::picture
