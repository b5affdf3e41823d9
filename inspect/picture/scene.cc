#include "nomograph/inspect/picture/scene.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/inspect/picture/picture_text.h"
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
    const double legend = AddLegend();
    FindLabels();
    scene_.width = std::max({diagram_.boxes[0].width, label_reach_, legend_width_}) + 2 * kMargin;
    left_ = kMargin;
    if (legend_width_ > label_reach_) left_ = (scene_.width - diagram_.boxes[0].width) / 2;
    top_ = kMargin + legend;
    scene_.height = diagram_.boxes[0].height + 2 * kMargin + legend;
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
  // What colours mean, where that is not the op. Returns the height.
  double AddLegend() {
    double y = kMargin + 10;
    SceneGroup group;
    if (!picture_.value_name.empty()) {
      constexpr int kSteps = 8;
      constexpr double kStep = 18;
      for (int i = 0; i < kSteps; ++i) {
        group.rects.push_back(
            {Paint::kValue, 0, i / (kSteps - 1.0), kMargin + i * kStep, y - 9, kStep, 11, 0});
      }
      const std::string text =
          absl::StrCat("0 to ", NumberText(picture_.max_value), " ", picture_.value_name);
      legend_width_ = kSteps * kStep + 8 + TextWidth(text, kSubtitleSize);
      group.texts.push_back({TextStyle::kSubtitle, kMargin + kSteps * kStep + 8, y, false,
                             TextWidth(text, kSubtitleSize), text});
      y += 22;
    }
    if (picture_.has_marks) {
      static constexpr const char* kNames[] = {"", "same", "added", "removed", "changed"};
      double x = kMargin;
      for (int change = 1; change <= 4; ++change) {
        group.rects.push_back({Paint::kChange, change, 0, x, y - 9, 18, 11, 2});
        const double width = TextWidth(kNames[change], kSubtitleSize);
        group.texts.push_back({TextStyle::kSubtitle, x + 23, y, false, width, kNames[change]});
        x += 23 + width + 18;
      }
      legend_width_ = std::max(legend_width_, x - kMargin);
      y += 22;
    }
    if (group.texts.empty()) return 0;
    scene_.groups.push_back(std::move(group));
    return y - kMargin - 10;
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

  // A label stands beside the beginning of a line, where nothing else runs in the room that it
  // needs.
  void FindLabels();

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
    if (has_label_[l]) {
      const Point at = {line.route[0].x + left_, line.route[0].y + top_};
      const std::string& label = picture_.lines[l].label;
      group.texts.push_back(
          {TextStyle::kLabel, at.x + 5, at.y + 12, false, TextWidth(label, kLabelSize), label});
    }
    scene_.groups.push_back(std::move(group));
  }

  // Whether lines go on inside of the box.
  bool HasPorts(int b) const { return diagram_.boxes[b].open && diagram_.boxes[b].num_inputs > 0; }

  const Picture& picture_;
  const Diagram& diagram_;
  Scene scene_;
  double left_ = 0, top_ = 0, legend_width_ = 0;
  double label_reach_ = 0;  // how far labels go to the right, in the diagram
  std::vector<bool> has_label_;
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

// A piece of a route below a box, or all that a label takes.
struct Piece {
  double left, right;
  int line;  // -1: not a label's
};

void SceneMaker::FindLabels() {
  has_label_.assign(diagram_.lines.size(), false);
  if (picture_.layout.direction == Direction::kRight) return;
  // By level and height of the boxes' lower sides: what runs in the strip below.
  constexpr double kStrip = 16;
  std::map<std::pair<int, int64_t>, std::vector<Piece>> strips;
  const auto strip_of = [](double y) { return static_cast<int64_t>(std::floor(y / kStrip)); };
  for (size_t l = 0; l < diagram_.lines.size(); ++l) {
    const DiagramLine& line = diagram_.lines[l];
    for (size_t i = 0; i + 1 < line.route.size(); ++i) {
      const Point &a = line.route[i], &b = line.route[i + 1];
      const double left = std::min(a.x, b.x), right = std::max(a.x, b.x);
      const int64_t from = strip_of(std::min(a.y, b.y)), to = strip_of(std::max(a.y, b.y));
      // A long way down would be in many strips: only its ends can be near a label of its own
      // layer, and rails are beside all boxes.
      if (to - from > 40) continue;
      for (int64_t s = from; s <= to; ++s) strips[{line.level, s}].push_back({left, right, -1});
    }
  }
  for (auto& [key, pieces] : strips) {
    std::sort(pieces.begin(), pieces.end(),
              [](const Piece& a, const Piece& b) { return a.left < b.left; });
  }
  std::map<std::tuple<int, int>, bool> labelled;
  for (size_t l = 0; l < diagram_.lines.size(); ++l) {
    const DiagramLine& line = diagram_.lines[l];
    if (line.route.size() < 2 || picture_.lines[l].label.empty()) continue;
    // What comes out of an open box has its label inside.
    if (line.from == line.level || diagram_.boxes[line.from].num_outputs > 0) continue;
    if (!labelled.emplace(std::make_tuple(line.from, line.from_port), true).second) continue;
    const Point start = line.route[0], next = line.route[1];
    if (next.x > start.x + 0.5 || next.y - start.y < 14) continue;
    const double width = TextWidth(picture_.lines[l].label, kLabelSize);
    const double left = start.x + 2, right = start.x + 8 + width;
    const DiagramBox& level = diagram_.boxes[line.level];
    if (line.level != 0 && right > level.x + level.width) continue;
    bool free = true;
    for (int64_t s = strip_of(start.y + 1); s <= strip_of(start.y + 13) && free; ++s) {
      std::vector<Piece>& pieces = strips[{line.level, s}];
      // Pieces that begin in the label's room; wide ones that begin before it are looked for among
      // the few that are near.
      auto at = std::lower_bound(pieces.begin(), pieces.end(), right,
                                 [](const Piece& piece, double x) { return piece.left < x; });
      for (int looked = 0; at != pieces.begin() && looked < 64; ++looked) {
        --at;
        if (at->right > left && at->left < right) {
          free = false;
          break;
        }
      }
    }
    has_label_[l] = free;
    if (free) label_reach_ = std::max(label_reach_, right);
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
