// Where layers stand, the rails beside them, and the ways of lines. Between two layers is a
// channel: lines cross it as an S, and run across in it on tracks from boxes to rails and back.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "nomograph/inspect/picture/level.h"
#include "nomograph/inspect/picture/range_max.h"

namespace nomograph::picture {
namespace {

constexpr double kRailSpace = 9;    // between rails
constexpr double kRailMargin = 16;  // between a rail and boxes
constexpr double kTrackSpace = 7;   // between tracks of a channel
constexpr double kMaxTracksHeight = 240;
constexpr double kTrackMargin = 10;  // between a track and the boxes next to it
constexpr double kMaxPortSpace = 14;
constexpr double kMostForTitle = 140;  // of width
constexpr double kSpaceForBend = 16;   // below a title
constexpr double kSpaceAtExit = 20;    // above the lower side of an open box

enum class Side { kLeft, kRight };

class Router {
 public:
  explicit Router(Level& level) : level_(level), rails_(level.chains.size()) {
    for (size_t i = 0; i < level.nodes.size(); ++i) level.nodes[i].x = level.vertices[i].x;
  }

  void Run() {
    MeasureLayers();
    FindRails();
    PlaceRails();
    PlacePorts();
    CollectTracks();
    PlaceLayers();
    for (LevelEdge& edge : level_.edges) Route(edge);
    Finish();
  }

 private:
  // What the edges of a chain that are on a rail share.
  struct Rail {
    bool there = false;
    Side side = Side::kRight;
    int first_channel = 0, last_channel = 0;
    double x = 0;
    double out_y = 0;              // where it comes from its box
    bool is_straight_out = false;  // comes from a place in the border that is on the rail
  };
  // What comes to one place of a box from the rails of one side.
  struct Tap {
    int node = 0;
    double y = 0;
  };
  using TapKey = std::tuple<int, double, Side>;  // node, fixed place, side
  struct Channel {
    std::vector<int> outs;  // chains
    std::vector<TapKey> ins;
    double top = 0, bottom = 0;
    double title = 0;   // at its top, through which lines go straight
    double widest = 0;  // how far the lines that cross it go sideways
  };

  // Channel c is between layers c and c + 1; -1 is above the first.
  Channel& channel(int c) { return channels_[c + 1]; }
  static size_t ProfileOfLayer(int layer) { return 2 * layer + 1; }
  static size_t ProfileOfChannel(int c) { return 2 * c + 2; }

  void MeasureLayers() {
    const int n = level_.num_layers;
    channels_.resize(n + 1);
    left_.assign(2 * n + 1, std::numeric_limits<double>::infinity());
    right_.assign(2 * n + 1, -std::numeric_limits<double>::infinity());
    double left = 0, right = 0;
    for (const Vertex& vertex : level_.vertices) {
      const size_t at = ProfileOfLayer(vertex.layer);
      for (size_t i = at - 1; i <= at + 1; ++i) {
        left_[i] = std::min(left_[i], vertex.x);
        right_[i] = std::max(right_[i], vertex.x + vertex.width);
      }
      left = std::min(left, vertex.x);
      right = std::max(right, vertex.x + vertex.width);
    }
    middle_ = (left + right) / 2;
  }

  double CentreOf(int node) const { return level_.nodes[node].x + level_.nodes[node].width / 2; }

  void FindRails() {
    std::vector<double> sum(level_.chains.size(), 0), count = sum;
    for (const LevelEdge& edge : level_.edges) {
      if (!edge.on_rail) continue;
      Rail& rail = rails_[edge.chain];
      const int from = level_.nodes[edge.from].layer, to = level_.nodes[edge.to].layer - 1;
      if (!rail.there) rail = {.there = true, .first_channel = from, .last_channel = from};
      rail.first_channel = std::min(rail.first_channel, to);
      rail.last_channel = std::max(rail.last_channel, to);
      sum[edge.chain] += CentreOf(edge.from) + CentreOf(edge.to);
      count[edge.chain] += 2;
    }
    for (size_t c = 0; c < rails_.size(); ++c) {
      if (!rails_[c].there) continue;
      rails_[c].side = sum[c] / count[c] < middle_ - 1 ? Side::kLeft : Side::kRight;
      const Chain& chain = level_.chains[c];
      rails_[c].is_straight_out =
          level_.nodes[chain.from].kind == LevelNode::kEntry && !chain.has_links;
    }
  }

  // Shorter ones nearer to the boxes.
  void PlaceRails() {
    std::vector<int> order;
    for (size_t c = 0; c < rails_.size(); ++c) {
      if (rails_[c].there) order.push_back(static_cast<int>(c));
    }
    const auto length = [this](int c) { return rails_[c].last_channel - rails_[c].first_channel; };
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return length(a) < length(b); });
    if (order.empty()) return;
    for (double& x : left_) x = kRailMargin - kRailSpace - x;
    for (double& x : right_) x += kRailMargin - kRailSpace;
    RangeMax profile[] = {RangeMax(left_), RangeMax(right_)};
    for (const int c : order) {
      Rail& rail = rails_[c];
      RangeMax& side = profile[rail.side == Side::kRight];
      const size_t begin = ProfileOfChannel(rail.first_channel);
      const size_t end = ProfileOfChannel(rail.last_channel) + 1;
      const double x = side.Get(begin, end) + kRailSpace;
      side.Raise(begin, end, x);
      rail.x = rail.side == Side::kRight ? x : -x;
      if (rail.is_straight_out) level_.nodes[level_.chains[c].from].x = rail.x;
    }
    for (const LevelEdge& edge : level_.edges) {
      if (edge.on_rail && level_.nodes[edge.to].kind == LevelNode::kExit) {
        level_.nodes[edge.to].x = rails_[edge.chain].x;
      }
    }
  }

  // A line that meets a box somewhere on a side.
  struct Port {
    double from;  // where the line is that it joins
    double* at;
    double size;  // of the box
    double left;
  };

  // Puts the lines of one side of a box beside one another in the order in which they come, and one
  // that comes straight into the middle.
  static void PlacePortsOf(std::vector<Port>& ports) {
    if (ports.empty()) return;
    std::stable_sort(ports.begin(), ports.end(),
                     [](const Port& a, const Port& b) { return a.from < b.from; });
    const double size = ports[0].size, centre = ports[0].left + size / 2;
    double middle = (ports.size() - 1) / 2.0;
    for (size_t i = 0; i < ports.size(); ++i) {
      if (std::abs(ports[i].from - centre) < 0.5) middle = static_cast<double>(i);
    }
    const double more = std::max(middle, ports.size() - 1 - middle);
    const double space = std::min(kMaxPortSpace, (size / 2 - 5) / std::max(more, 1.0));
    for (size_t i = 0; i < ports.size(); ++i) *ports[i].at = size / 2 + (i - middle) * space;
  }

  void PlacePorts() {
    const size_t n = level_.nodes.size();
    std::vector<std::vector<Port>> above(n), below(n);
    const auto port = [this](int node, double from, double* at) {
      return Port{from, at, level_.nodes[node].width, level_.nodes[node].x};
    };
    constexpr double kFar = 1e12;
    // Lines that leave.
    std::vector<double> sum(level_.chains.size(), 0), count = sum;
    for (const LevelEdge& edge : level_.edges) {
      if (edge.on_rail) continue;
      const Vertex& next = level_.vertices[NextVertex(edge)];
      sum[edge.chain] += next.x + (next.node < 0 ? 0 : EndAt(next, edge.to_at));
      ++count[edge.chain];
    }
    for (size_t c = 0; c < level_.chains.size(); ++c) {
      Chain& chain = level_.chains[c];
      if (chain.at != kAnywhere) continue;
      const double far = rails_[c].side == Side::kRight ? kFar : -kFar;
      below[chain.from].push_back(
          port(chain.from, count[c] > 0 ? sum[c] / count[c] : far, &chain.at));
    }
    for (std::vector<Port>& ports : below) PlacePortsOf(ports);
    // Lines that arrive.
    for (LevelEdge& edge : level_.edges) {
      if (edge.to_at != kAnywhere) continue;
      if (!edge.on_rail) {
        above[edge.to].push_back(port(edge.to, LineAbove(edge), &edge.to_at));
        continue;
      }
      const Side side = rails_[edge.chain].side;
      const auto [tap, is_new] = tap_at_.emplace(std::make_pair(edge.to, side), kAnywhere);
      if (is_new) {
        above[edge.to].push_back(port(edge.to, side == Side::kRight ? kFar : -kFar, &tap->second));
      }
    }
    for (std::vector<Port>& ports : above) PlacePortsOf(ports);
    for (LevelEdge& edge : level_.edges) {
      if (edge.to_at == kAnywhere) edge.to_at = tap_at_[{edge.to, rails_[edge.chain].side}];
    }
  }

  static double EndAt(const Vertex& vertex, double at) {
    return at == kAnywhere ? vertex.width / 2 : at;
  }
  int Span(const LevelEdge& edge) const {
    return level_.nodes[edge.to].layer - level_.nodes[edge.from].layer;
  }
  int NextVertex(const LevelEdge& edge) const {
    return Span(edge) == 1 ? edge.to : level_.chains[edge.chain].first_vertex;
  }
  // Where an edge that is on no rail is in the layer above its target.
  double LineAbove(const LevelEdge& edge) const {
    const Chain& chain = level_.chains[edge.chain];
    if (Span(edge) == 1) return level_.nodes[edge.from].x + chain.at;
    return level_.vertices[chain.first_vertex + Span(edge) - 2].x;
  }

  TapKey KeyOf(const LevelEdge& edge) const {
    return {edge.to, edge.to_at, rails_[edge.chain].side};
  }

  void CollectTracks() {
    for (size_t c = 0; c < rails_.size(); ++c) {
      const Chain& chain = level_.chains[c];
      if (!rails_[c].there || rails_[c].is_straight_out) continue;
      channel(level_.nodes[chain.from].layer).outs.push_back(static_cast<int>(c));
    }
    for (const LevelEdge& edge : level_.edges) {
      if (!edge.on_rail) {
        NoteWidth(edge);
        continue;
      }
      const LevelNode& to = level_.nodes[edge.to];
      if (to.kind == LevelNode::kExit) continue;
      if (taps_.emplace(KeyOf(edge), 0).second) channel(to.layer - 1).ins.push_back(KeyOf(edge));
    }
    // So that tracks cross few of the lines that go up and down to them.
    for (Channel& channel : channels_) {
      std::sort(channel.outs.begin(), channel.outs.end(), [this](int a, int b) {
        return OutRank(a) != OutRank(b) ? OutRank(a) < OutRank(b) : a < b;
      });
      std::sort(channel.ins.begin(), channel.ins.end(), [this](const TapKey& a, const TapKey& b) {
        return TapRank(a) != TapRank(b) ? TapRank(a) < TapRank(b) : a < b;
      });
    }
  }
  double OutRank(int c) const {
    const Chain& chain = level_.chains[c];
    const double x = level_.nodes[chain.from].x + chain.at;
    return rails_[c].side == Side::kRight ? -x : x;
  }
  double TapRank(const TapKey& key) const {
    const auto& [node, at, side] = key;
    const double x = level_.nodes[node].x + at;
    return side == Side::kRight ? -x : x;
  }

  void NoteWidth(const LevelEdge& edge) {
    const LevelNode &from = level_.nodes[edge.from], &to = level_.nodes[edge.to];
    const Chain& chain = level_.chains[edge.chain];
    double x = from.x + chain.at;
    for (int i = 0; i + 1 < Span(edge); ++i) {
      const double next = level_.vertices[chain.first_vertex + i].x;
      Channel& c = channel(from.layer + i);
      c.widest = std::max(c.widest, std::abs(next - x));
      x = next;
    }
    Channel& last = channel(to.layer - 1);
    last.widest = std::max(last.widest, std::abs(to.x + edge.to_at - x));
  }

  static double TracksHeight(const Channel& channel) {
    const size_t tracks = channel.outs.size() + channel.ins.size();
    return tracks == 0 ? 0 : std::min(kMaxTracksHeight, kTrackSpace * (tracks - 1));
  }

  void PlaceLayers() {
    const int n = level_.num_layers;
    std::vector<double> heights(n, 0);
    std::vector<bool> is_border(n, false);
    for (const LevelNode& node : level_.nodes) {
      heights[node.layer] = std::max(heights[node.layer], node.height);
      if (node.kind != LevelNode::kBox) is_border[node.layer] = true;
    }
    double y = 0;
    tops_.resize(n);
    for (int i = -1; i < n; ++i) {
      Channel& c = channel(i);
      const bool tracks = !c.outs.empty() || !c.ins.empty();
      const bool from_border = i >= 0 && is_border[i], to_border = i + 1 < n && is_border[i + 1];
      c.top = y;
      double height = tracks ? TracksHeight(c) + 2 * kTrackMargin + 6 : 0;
      if (i >= 0 && i + 1 < n) {
        const double space = to_border ? kSpaceAtExit : level_.options.space_along;
        const double wide = std::min(40.0, 0.06 * c.widest);
        if (from_border) {
          // What bends does so below the title.
          const bool bends = tracks || c.widest > 1;
          height = std::max(height, bends ? kSpaceForBend + wide : 0) + level_.frame.top;
          c.title = bends ? level_.frame.top - 6 : 0;
        } else {
          height = std::max(height, space + wide);
        }
        if (tracks && c.widest > 1) height += 6;
      }
      // The frame's space, where nothing comes in or goes out.
      if (i == -1 && !to_border) c.top = y += level_.frame.top;
      if (i == n - 1 && !from_border) height += level_.frame.bottom;
      c.bottom = y += height;
      PlaceTracks(c);
      if (i + 1 >= n) break;
      tops_[i + 1] = y;
      y += heights[i + 1];
    }
    level_.height = y;
    for (LevelNode& node : level_.nodes) {
      const double spare = heights[node.layer] - node.height;
      node.y = tops_[node.layer] + (spare < 30 ? spare / 2 : 0);
    }
    heights_ = std::move(heights);
  }

  void PlaceTracks(Channel& c) {
    const size_t tracks = c.outs.size() + c.ins.size();
    const double space = tracks < 2 ? 0 : TracksHeight(c) / (tracks - 1);
    double y = c.top + c.title + kTrackMargin;
    for (const int chain : c.outs) {
      rails_[chain].out_y = y;
      y += space;
    }
    y = c.bottom - kTrackMargin - 4;
    for (const TapKey& key : c.ins) {
      taps_[key] = y;
      y -= space;
    }
  }

  void Route(LevelEdge& edge) {
    const LevelNode &from = level_.nodes[edge.from], &to = level_.nodes[edge.to];
    const Chain& chain = level_.chains[edge.chain];
    std::vector<Point>& route = edge.route;
    double x = from.x + (from.kind == LevelNode::kBox ? chain.at : 0);
    const double end = to.x + (to.kind == LevelNode::kBox ? edge.to_at : 0);
    route.push_back({x, from.y + from.height});
    if (edge.on_rail) {
      const Rail& rail = rails_[edge.chain];
      if (!rail.is_straight_out) {
        route.push_back({x, rail.out_y});
        route.push_back({rail.x, rail.out_y});
      }
      if (to.kind != LevelNode::kExit) {
        const double y = taps_[KeyOf(edge)];
        route.push_back({rail.x, y});
        route.push_back({end, y});
      }
    } else {
      for (int i = 0; i < Span(edge); ++i) {
        const int layer = from.layer + i;
        route.push_back({x, tops_[layer] + heights_[layer] + channel(layer).title});
        if (i + 1 < Span(edge)) x = level_.vertices[chain.first_vertex + i].x;
        route.push_back({i + 1 < Span(edge) ? x : end, tops_[layer + 1]});
      }
    }
    route.push_back({end, to.y});
    Simplify(route);
  }

  // Takes out points in the middle of straight lines.
  static void Simplify(std::vector<Point>& route) {
    std::vector<Point> kept;
    for (const Point& point : route) {
      if (!kept.empty() && kept.back() == point) continue;
      while (kept.size() >= 2) {
        const Point &a = kept[kept.size() - 2], &b = kept.back();
        const bool straight = (a.x == b.x && b.x == point.x) || (a.y == b.y && b.y == point.y);
        if (!straight) break;
        kept.pop_back();
      }
      kept.push_back(point);
    }
    route = std::move(kept);
  }

  // Where a title would be crossed by lines that come in, and a little more width helps, it is
  // behind them.
  void MakeRoomForTitle(double move) {
    if (level_.options.direction == Direction::kRight) return;
    double first = std::numeric_limits<double>::infinity(), last = -first;
    for (const LevelNode& node : level_.nodes) {
      if (node.kind != LevelNode::kEntry) continue;
      first = std::min(first, node.x + move);
      last = std::max(last, node.x + move);
    }
    if (last < 0 || first >= level_.frame.min_width) return;
    const double wanted = last + level_.frame.min_width;
    if (wanted < level_.width + kMostForTitle) level_.width = std::max(level_.width, wanted);
  }

  // Moves all to the right of the frame's left side, and measures.
  void Finish() {
    double left = std::numeric_limits<double>::infinity(), right = -left;
    for (const LevelNode& node : level_.nodes) {
      left = std::min(left, node.x);
      right = std::max(right, node.x + node.width);
    }
    for (const Vertex& vertex : level_.vertices) {
      if (vertex.node >= 0) continue;
      left = std::min(left, vertex.x);
      right = std::max(right, vertex.x);
    }
    for (const Rail& rail : rails_) {
      if (!rail.there) continue;
      left = std::min(left, rail.x);
      right = std::max(right, rail.x);
    }
    if (left > right) left = right = 0;
    const LevelFrame& frame = level_.frame;
    const double width = frame.left + (right - left) + frame.right;
    level_.width = std::max(width, frame.min_width);
    const double move = frame.left - left + (level_.width - width) / 2;
    MakeRoomForTitle(move);
    level_.height = std::max(level_.height, frame.min_height);
    for (LevelNode& node : level_.nodes) {
      node.x += move;
      if (node.kind == LevelNode::kExit) node.y = level_.height;
    }
    for (LevelEdge& edge : level_.edges) {
      for (Point& point : edge.route) point.x += move;
      if (level_.nodes[edge.to].kind == LevelNode::kExit) edge.route.back().y = level_.height;
    }
  }

  Level& level_;
  std::vector<Rail> rails_;           // by chain
  std::vector<double> left_, right_;  // how far boxes reach, by layer and channel
  double middle_ = 0;
  std::map<std::pair<int, Side>, double> tap_at_;  // where rails come to a box
  std::map<TapKey, double> taps_;                  // on which y
  std::vector<Channel> channels_;
  std::vector<double> tops_, heights_;  // of layers
};

}  // namespace

void PlaceAlongAndRoute(Level& level) { Router(level).Run(); }

void LayoutLevel(Level& level) {
  const bool may_wrap = level.options.wrap_above > 0;
  Level wrapped;
  if (may_wrap) wrapped = level;
  AssignLayers(level);
  SplitLongEdges(level);
  OrderLayers(level);
  PlaceAcross(level);
  PlaceAlongAndRoute(level);
  if (!may_wrap || level.height <= level.options.wrap_above) return;
  if (LayoutColumns(level, wrapped)) level = std::move(wrapped);
}

}  // namespace nomograph::picture
