// A level that has become too long, cut between layers into columns side by side, which are read
// like those of a newspaper. Each column is laid out as a level of its own. A line from one to
// another leaves its column below, runs to the right under all columns, rises in the gap left of
// the column that it goes to, and comes in from above.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nomograph/inspect/picture/level.h"

namespace nomograph::picture {
namespace {

constexpr double kWantedAspect = 1.25;  // width to height
constexpr double kColumnSpace = 36;     // between columns, beside the lines that rise there
constexpr double kLineSpace = 9;        // between lines side by side
constexpr double kLineMargin = 12;      // between such lines and boxes
constexpr double kSpaceForArrow = 14;   // above the boxes to which such lines come
constexpr int kMostAcross = 6;          // lines from one column to later ones
// How much of a column's height a cut may be off to save a line across.
constexpr double kHeightPerLine = 0.12;

// The layers that begin a column, but for the first.
class Cuts {
 public:
  explicit Cuts(const Level& level)
      : level_(level),
        top_(level.num_layers, std::numeric_limits<double>::infinity()),
        bottom_(level.num_layers, 0),
        width_(level.num_layers, 0),
        across_(level.num_layers + 1, 0) {
    for (const LevelNode& node : level.nodes) {
      if (node.kind != LevelNode::kBox) continue;
      top_[node.layer] = std::min(top_[node.layer], node.y);
      bottom_[node.layer] = std::max(bottom_[node.layer], node.y + node.height);
      width_[node.layer] += node.width + level.options.space_across;
    }
    CountAcross();
  }

  // Empty where it is best to cut nothing.
  std::vector<int> Find() const {
    const double wanted = std::sqrt(kWantedAspect * level_.height / (level_.width + kColumnSpace));
    std::vector<int> best;
    // What gains little stays in one piece: that is what one expects.
    constexpr double kLeastGain = 0.9;
    double least = kLeastGain * Cost(best);
    int last = 1;
    for (const double share : {0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0}) {
      const int columns = std::max(2, static_cast<int>(std::lround(wanted * share)));
      if (columns == last) continue;
      last = columns;
      std::vector<int> cuts = CutInto(columns);
      const double cost = Cost(cuts);
      if (cuts.empty() || cost >= least) continue;
      least = cost;
      best = std::move(cuts);
    }
    return best;
  }

 private:
  // By layer, the chains that pass from above it into it or below. What goes to or comes from the
  // border does not, as the border is along all columns.
  void CountAcross() {
    std::vector<std::pair<int, int>> reach(level_.chains.size(), {level_.num_layers, 0});
    for (const LevelEdge& edge : level_.edges) {
      const LevelNode &from = level_.nodes[edge.from], &to = level_.nodes[edge.to];
      if (from.kind != LevelNode::kBox || to.kind != LevelNode::kBox) continue;
      auto& [first, last] = reach[edge.chain];
      first = std::min({first, from.layer, to.layer});
      last = std::max({last, from.layer, to.layer});
    }
    for (const auto& [first, last] : reach) {
      if (first >= last) continue;
      ++across_[first + 1];
      --across_[last + 1];
    }
    for (int i = 1; i <= level_.num_layers; ++i) across_[i] += across_[i - 1];
  }

  std::vector<int> CutInto(int columns) const {
    std::vector<int> cuts;
    double begin = 0;
    for (int left = columns; left > 1; --left) {
      const double height = (level_.height - begin) / left;
      const int cut = Best(cuts.empty() ? 1 : cuts.back() + 1, begin + height, height);
      if (cut < 0) break;
      cuts.push_back(cut);
      begin = top_[cut];
    }
    return cuts;
  }

  // The best of the cuts from `layer` on about `y`; -1 if there is none.
  int Best(int layer, double y, double height) const {
    int best = -1;
    double least = std::numeric_limits<double>::infinity();
    for (int i = layer; i < level_.num_layers; ++i) {
      if (!std::isfinite(top_[i]) || across_[i] > kMostAcross) continue;
      const double off = std::abs(top_[i] - y) / height;
      if (top_[i] > y && off >= least) break;
      const double cost = off + kHeightPerLine * across_[i];
      if (cost < least) {
        least = cost;
        best = i;
      }
    }
    return best;
  }

  // The area, and more for one that is much wider or higher than wanted, for lines across and
  // for each cut.
  double Cost(const std::vector<int>& cuts) const {
    double width = 0, height = 0, across = 0;
    for (size_t c = 0; c <= cuts.size(); ++c) {
      const int begin = c == 0 ? 0 : cuts[c - 1];
      const int end = c == cuts.size() ? level_.num_layers : cuts[c];
      double column = 0, top = std::numeric_limits<double>::infinity(), bottom = 0;
      for (int i = begin; i < end; ++i) {
        column = std::max(column, width_[i]);
        top = std::min(top, top_[i]);
        bottom = std::max(bottom, bottom_[i]);
      }
      width += column;
      if (c > 0) {
        width += kColumnSpace + kLineSpace * across_[begin];
        across += std::max(0, across_[begin] - 2);
      }
      height = std::max(height, bottom - top);
    }
    constexpr double kAspectWeight = 0.7, kAcrossWeight = 0.1, kCutWeight = 0.03;
    return width * height *
           (1 + kAspectWeight * std::abs(std::log(width / height / kWantedAspect)) +
            kAcrossWeight * across + kCutWeight * cuts.size());
  }

  const Level& level_;
  // By layer, of its boxes.
  std::vector<double> top_, bottom_, width_;
  std::vector<int> across_;
};

class Columns {
 public:
  // `level` as it was before any layout; `layers` are those of its nodes.
  Columns(Level& level, const std::vector<int>& layers, const std::vector<int>& cuts)
      : level_(level), columns_(cuts.size() + 1), place_(level.nodes.size()) {
    Distribute(layers, cuts);
    for (size_t e = 0; e < level.edges.size(); ++e) AddEdge(static_cast<int>(e));
  }

  void Run() {
    for (Column& column : columns_) {
      LayoutLevel(column.level);
      StraightenExits(column.level);
      MakeRoomForLabels(column.level);
    }
    PlaceColumns();
    PlaceCrossings();
    PlaceNodes();
    for (size_t e = 0; e < level_.edges.size(); ++e) Route(static_cast<int>(e));
  }

 private:
  static constexpr int kBorder = -1;  // in place of a column

  struct Column {
    Level level;
    double x = 0;
    std::vector<int> rising;  // crossings that come to it
  };
  struct Place {
    int column = 0, node = -1;  // in the column's level; -1: an entry, which can be in several
  };
  // The lines that leave a node by one port for other columns.
  struct Source {
    int node = 0;   // that it leaves
    int exit = -1;  // a node of its column's level
    int edge = -1;  // of that level, to the exit
    double y = 0;   // of its way below, or for one from the border above the columns
    double first = std::numeric_limits<double>::infinity(), last = -first;  // how far that goes
    std::vector<int> crossings;
  };
  // Where the lines of one source come into a column.
  struct Crossing {
    int source = 0, column = 0;
    int entry = 0;        // a node of the column's level
    double x = 0, y = 0;  // where it rises, and how high it comes
  };
  struct Way {
    int crossing = -1;
    int edge = 0;  // of the last column's level
  };

  double InLevel(int column, double x) const { return columns_[column].x + x; }

  static int AddNode(Column& column, const LevelNode& node) {
    column.level.nodes.push_back({.kind = node.kind, .width = node.width, .height = node.height});
    return static_cast<int>(column.level.nodes.size()) - 1;
  }

  void Distribute(const std::vector<int>& layers, const std::vector<int>& cuts) {
    LevelFrame none;
    for (Column& column : columns_) column.level = {.frame = none, .options = level_.options};
    for (Column& column : columns_) column.level.options.wrap_above = 0;
    for (size_t i = 0; i < place_.size(); ++i) {
      if (level_.nodes[i].kind == LevelNode::kEntry) place_[i].column = kBorder;
      if (level_.nodes[i].kind != LevelNode::kBox) continue;
      const auto after = std::upper_bound(cuts.begin(), cuts.end(), layers[i]);
      place_[i].column = static_cast<int>(after - cuts.begin());
    }
    for (const LevelEdge& edge : level_.edges) {
      if (level_.nodes[edge.to].kind != LevelNode::kExit) continue;
      place_[edge.to].column = std::max(place_[edge.to].column, place_[edge.from].column);
    }
    for (size_t i = 0; i < place_.size(); ++i) {
      if (place_[i].column == kBorder) continue;
      place_[i].node = AddNode(columns_[place_[i].column], level_.nodes[i]);
    }
  }

  int SourceOf(const LevelEdge& edge) {
    const auto [found, is_new] =
        source_of_.emplace(std::make_pair(edge.from, edge.from_port), sources_.size());
    if (!is_new) return found->second;
    sources_.push_back({.node = edge.from});
    if (place_[edge.from].column == kBorder) return found->second;
    Column& column = columns_[place_[edge.from].column];
    sources_.back().exit = AddNode(column, {.kind = LevelNode::kExit});
    sources_.back().edge = static_cast<int>(column.level.edges.size());
    column.level.edges.push_back({.from = place_[edge.from].node,
                                  .to = sources_.back().exit,
                                  .from_port = edge.from_port,
                                  .from_at = edge.from_at,
                                  .to_at = 0});
    return found->second;
  }

  int CrossingOf(const LevelEdge& edge) {
    const int source = SourceOf(edge), to = place_[edge.to].column;
    const auto [found, is_new] =
        crossing_of_.emplace(std::make_pair(source, to), crossings_.size());
    if (!is_new) return found->second;
    const int entry = AddNode(columns_[to], {.kind = LevelNode::kEntry});
    if (place_[edge.from].column != kBorder) columns_[to].rising.push_back(found->second);
    sources_[source].crossings.push_back(found->second);
    crossings_.push_back({.source = source, .column = to, .entry = entry});
    return found->second;
  }

  void AddEdge(int e) {
    const LevelEdge& edge = level_.edges[e];
    const Place &from = place_[edge.from], &to = place_[edge.to];
    LevelEdge part = edge;
    Way way;
    if (from.column == to.column) {
      part.from = from.node;
    } else {
      way.crossing = CrossingOf(edge);
      part.from = crossings_[way.crossing].entry;
      part.from_port = 0;
      part.from_at = 0;
    }
    part.to = to.node;
    way.edge = static_cast<int>(columns_[to.column].level.edges.size());
    columns_[to.column].level.edges.push_back(std::move(part));
    ways_.push_back(way);
  }

  // What leaves a column does so straight down: no box is below the last layer.
  static void StraightenExits(Level& level) {
    for (LevelEdge& edge : level.edges) {
      LevelNode& exit = level.nodes[edge.to];
      if (exit.kind != LevelNode::kExit) continue;
      edge.route.back().x = exit.x = edge.route[edge.route.size() - 2].x;
    }
  }

  static void MakeRoomForLabels(Level& level) {
    for (const LevelEdge& edge : level.edges) {
      if (edge.label_width == 0) continue;
      level.width = std::max(level.width, edge.route.front().x + edge.label_width);
    }
  }

  void PlaceColumns() {
    double x = level_.frame.left;
    for (size_t c = 0; c < columns_.size(); ++c) {
      std::vector<int>& rising = columns_[c].rising;
      if (c > 0) x += kColumnSpace;
      // What goes furthest to the right rises leftmost, and is the highest.
      const auto entry_x = [this](int i) {
        const Crossing& crossing = crossings_[i];
        return columns_[crossing.column].level.nodes[crossing.entry].x;
      };
      std::stable_sort(rising.begin(), rising.end(),
                       [&](int a, int b) { return entry_x(a) > entry_x(b); });
      for (const int i : rising) {
        crossings_[i].x = x;
        x += kLineSpace;
      }
      if (!rising.empty()) x += kLineMargin - kLineSpace;
      columns_[c].x = x;
      x += columns_[c].level.width;
    }
    level_.width = std::max(x + level_.frame.right, level_.frame.min_width);
  }

  // How high and how low the lines between columns run.
  void PlaceCrossings() {
    double y = level_.frame.top;
    bool above = false;
    for (Source& source : sources_) {
      if (source.exit >= 0 || source.crossings.size() < 2) continue;
      y += above ? kLineSpace : kLineMargin;
      above = true;
      source.y = y;
    }
    size_t most = 0;
    for (const Column& column : columns_) most = std::max(most, column.rising.size());
    if (most > 0) y += kLineSpace * (most - 1) + kLineMargin;
    for (const Column& column : columns_) {
      for (size_t i = 0; i < column.rising.size(); ++i) {
        crossings_[column.rising[i]].y = y - kLineSpace * (column.rising.size() - 1 - i);
      }
    }
    top_ = y + (most > 0 || above ? kSpaceForArrow : 0);
    double height = 0;
    for (const Column& column : columns_) height = std::max(height, column.level.height);
    PlaceBelow(top_ + height);
    level_.height = std::max(level_.height, level_.frame.min_height);
  }

  void PlaceBelow(double bottom) {
    std::vector<int> order;
    for (size_t s = 0; s < sources_.size(); ++s) {
      Source& source = sources_[s];
      if (source.exit < 0) continue;
      const int column = place_[source.node].column;
      source.first = source.last = InLevel(column, columns_[column].level.nodes[source.exit].x);
      for (const int i : source.crossings) {
        source.first = std::min(source.first, crossings_[i].x);
        source.last = std::max(source.last, crossings_[i].x);
      }
      order.push_back(static_cast<int>(s));
    }
    // Those that rise first are the highest, and cross none of the others.
    std::stable_sort(order.begin(), order.end(),
                     [this](int a, int b) { return sources_[a].last < sources_[b].last; });
    std::vector<double> ends;  // by track, how far it is taken
    for (const int s : order) {
      Source& source = sources_[s];
      size_t track = ends.size();
      while (track > 0 && ends[track - 1] + kLineSpace < source.first) --track;
      if (track == ends.size()) ends.push_back(0);
      ends[track] = source.last;
      source.y = bottom + kLineMargin + kLineSpace * track;
    }
    level_.height = bottom + level_.frame.bottom;
    if (!ends.empty()) level_.height += kLineMargin + kLineSpace * (ends.size() - 1);
  }

  void PlaceNodes() {
    for (size_t i = 0; i < level_.nodes.size(); ++i) {
      LevelNode& node = level_.nodes[i];
      const Place& place = place_[i];
      if (place.column == kBorder) continue;
      const LevelNode& part = columns_[place.column].level.nodes[place.node];
      node.x = InLevel(place.column, part.x);
      node.y = node.kind == LevelNode::kExit ? level_.height : top_ + part.y;
    }
    for (const Source& source : sources_) {
      if (source.exit < 0) level_.nodes[source.node].x = EntryX(source.crossings[0]);
    }
  }

  double EntryX(int i) const {
    const Crossing& crossing = crossings_[i];
    const Column& column = columns_[crossing.column];
    return InLevel(crossing.column, column.level.nodes[crossing.entry].x);
  }

  void Append(int column, int edge, std::vector<Point>& route) const {
    for (const Point& point : columns_[column].level.edges[edge].route) {
      AppendPoint({InLevel(column, point.x), top_ + point.y}, route);
    }
  }

  // Not within a straight line.
  static void AppendPoint(Point point, std::vector<Point>& route) {
    const size_t n = route.size();
    if (n > 0 && route.back() == point) return;
    if (n > 1) {
      const Point &a = route[n - 2], &b = route[n - 1];
      if ((a.x == b.x && b.x == point.x) || (a.y == b.y && b.y == point.y)) route.pop_back();
    }
    route.push_back(point);
  }

  void Route(int e) {
    LevelEdge& edge = level_.edges[e];
    const Way& way = ways_[e];
    if (way.crossing >= 0) {
      const Crossing& crossing = crossings_[way.crossing];
      const Source& source = sources_[crossing.source];
      const double x = EntryX(way.crossing);
      if (source.exit >= 0) {
        Append(place_[edge.from].column, source.edge, edge.route);
        const double from = edge.route.back().x;
        for (const Point point : {Point{from, source.y}, Point{crossing.x, source.y},
                                  Point{crossing.x, crossing.y}, Point{x, crossing.y}}) {
          AppendPoint(point, edge.route);
        }
      } else {
        const double from = level_.nodes[edge.from].x;
        edge.route.push_back({from, 0});
        if (x != from) {
          edge.route.push_back({from, source.y});
          edge.route.push_back({x, source.y});
        }
      }
    }
    Append(place_[edge.to].column, way.edge, edge.route);
    if (level_.nodes[edge.to].kind == LevelNode::kExit) {
      AppendPoint({edge.route.back().x, level_.height}, edge.route);
    }
  }

  Level& level_;
  std::vector<Column> columns_;
  std::vector<Place> place_;  // by node
  std::vector<Way> ways_;     // by edge
  std::vector<Source> sources_;
  std::vector<Crossing> crossings_;
  absl::flat_hash_map<std::pair<int, int>, int> source_of_, crossing_of_;
  double top_ = 0;  // of the columns
};

}  // namespace

bool LayoutColumns(const Level& whole, Level& level) {
  const std::vector<int> cuts = Cuts(whole).Find();
  if (cuts.empty()) return false;
  std::vector<int> layers;
  for (const LevelNode& node : whole.nodes) layers.push_back(node.layer);
  Columns(level, layers, cuts).Run();
  return true;
}

}  // namespace nomograph::picture
