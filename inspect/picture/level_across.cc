// Where vertices stand across the layers. Vertices in a straight run are one block, which is placed
// as a whole; blocks begin in the middle of the room that they have, and then move towards what
// they are joined with as far as their neighbours let them.
#include <algorithm>
#include <limits>
#include <vector>

#include "nomograph/inspect/picture/level.h"

namespace nomograph::picture {
namespace {

constexpr double kSpaceAtLine = 11;  // between a line and what is beside it
constexpr int kSweeps = 12;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Placer {
 public:
  explicit Placer(Level& level)
      : level_(level),
        vertices_(level.vertices),
        link_above_(vertices_.size(), -1),
        link_below_(vertices_.size(), -1) {}

  void Run() {
    ChooseStraightLinks();
    MakeBlocks();
    Spread();
    CollectPulls();
    for (int sweep = 0; sweep < kSweeps; ++sweep) Sweep(sweep % 2 == 0);
    double left = kInfinity;
    for (size_t v = 0; v < vertices_.size(); ++v) left = std::min(left, At(v));
    for (size_t v = 0; v < vertices_.size(); ++v) vertices_[v].x = At(v) - left;
  }

 private:
  // A run of vertices below one another, whose left ends are at x + shift_[vertex].
  struct Block {
    double x = 0;
    int first = 0;  // vertex
  };
  // What a block wants: to be where x of `block` plus `offset` is.
  struct Pull {
    int block = 0;
    double offset = 0, weight = 0;
  };

  bool IsLine(int vertex) const { return vertices_[vertex].node < 0; }
  double At(size_t vertex) const { return blocks_[block_of_[vertex]].x + shift_[vertex]; }
  double FromAt(const Link& link) const {
    return link.from_at == kAnywhere ? vertices_[link.from].width / 2 : link.from_at;
  }
  double ToAt(const Link& link) const {
    return link.to_at == kAnywhere ? vertices_[link.to].width / 2 : link.to_at;
  }
  double Distance(int left, int right) const {
    const bool beside_line =
        IsLine(left) || IsLine(right) || vertices_[left].width == 0 || vertices_[right].width == 0;
    return vertices_[left].width + (beside_line ? kSpaceAtLine : level_.options.space_across);
  }

  // The links that are to be straight: where possible those between boxes in a chain, then lines
  // over several layers, then the middle one of an odd number, then a line's only end.
  void ChooseStraightLinks() {
    const size_t n = vertices_.size();
    std::vector<int> boxes_below(n, 0), boxes_above(n, 0), all_below(n, 0), all_above(n, 0);
    for (const Link& link : level_.links) {
      ++all_below[link.from];
      ++all_above[link.to];
      if (!IsLine(link.to)) ++boxes_below[link.from];
      if (!IsLine(link.from)) ++boxes_above[link.to];
    }
    std::vector<std::vector<int>> of_layer(level_.num_layers);
    for (size_t i = 0; i < level_.links.size(); ++i) {
      of_layer[vertices_[level_.links[i].from].layer].push_back(static_cast<int>(i));
    }
    for (std::vector<int>& links : of_layer) {
      std::sort(links.begin(), links.end(), [this](int a, int b) {
        const Link &p = level_.links[a], &q = level_.links[b];
        const int from = vertices_[p.from].rank - vertices_[q.from].rank;
        return from != 0 ? from < 0 : vertices_[p.to].rank < vertices_[q.to].rank;
      });
      const std::vector<bool> middle = MiddleLinks(links, boxes_below, boxes_above);
      for (int pass = 0; pass < 4; ++pass) {
        std::vector<int> candidates;
        for (size_t i = 0; i < links.size(); ++i) {
          const Link& link = level_.links[links[i]];
          const bool from_line = IsLine(link.from), to_line = IsLine(link.to);
          const bool fits[] = {
              !from_line && !to_line && boxes_below[link.from] == 1 && boxes_above[link.to] == 1,
              from_line && to_line, middle[i],
              (from_line && all_above[link.to] == 1) || (to_line && all_below[link.from] == 1) ||
                  (from_line && boxes_above[link.to] == 0) ||
                  (to_line && boxes_below[link.from] == 0)};
          if (fits[pass]) candidates.push_back(links[i]);
        }
        TakeThoseThatDoNotCross(links, candidates);
      }
    }
  }

  // The middle one of the links from a box to an odd number of boxes that have it alone; likewise
  // of those to a box.
  std::vector<bool> MiddleLinks(const std::vector<int>& links, const std::vector<int>& boxes_below,
                                const std::vector<int>& boxes_above) const {
    std::vector<bool> middle(links.size(), false);
    for (size_t begin = 0; begin < links.size();) {
      size_t end = begin;
      std::vector<size_t> to_boxes;
      const int from = level_.links[links[begin]].from;
      for (; end < links.size() && level_.links[links[end]].from == from; ++end) {
        if (!IsLine(level_.links[links[end]].to)) to_boxes.push_back(end);
      }
      if (to_boxes.size() % 2 == 1 && !IsLine(from)) {
        const size_t at = to_boxes[to_boxes.size() / 2];
        middle[at] = boxes_above[level_.links[links[at]].to] == 1;
      }
      begin = end;
    }
    std::vector<size_t> by_target(links.size());
    for (size_t i = 0; i < links.size(); ++i) by_target[i] = i;
    std::stable_sort(by_target.begin(), by_target.end(), [&](size_t a, size_t b) {
      return level_.links[links[a]].to < level_.links[links[b]].to;
    });
    for (size_t begin = 0; begin < by_target.size();) {
      size_t end = begin;
      std::vector<size_t> from_boxes;
      const int to = level_.links[links[by_target[begin]]].to;
      for (; end < links.size() && level_.links[links[by_target[end]]].to == to; ++end) {
        if (!IsLine(level_.links[links[by_target[end]]].from)) from_boxes.push_back(by_target[end]);
      }
      if (from_boxes.size() % 2 == 1 && !IsLine(to)) {
        const size_t at = from_boxes[from_boxes.size() / 2];
        if (boxes_below[level_.links[links[at]].from] == 1) middle[at] = true;
      }
      begin = end;
    }
    return middle;
  }

  // Both are links between the same two layers, from left to right; some of the former have been
  // taken.
  void TakeThoseThatDoNotCross(const std::vector<int>& links, const std::vector<int>& candidates) {
    std::vector<const Link*> taken;
    for (const int l : links) {
      const Link& link = level_.links[l];
      if (link_below_[link.from] == l) taken.push_back(&link);
    }
    size_t next = 0;  // the first of `taken` that does not begin to the left of the candidate
    int last_to = -1;
    for (const int l : candidates) {
      const Link& link = level_.links[l];
      if (link_below_[link.from] >= 0 || link_above_[link.to] >= 0) continue;
      const int from = vertices_[link.from].rank, to = vertices_[link.to].rank;
      for (; next < taken.size() && vertices_[taken[next]->from].rank < from; ++next) {
        last_to = std::max(last_to, vertices_[taken[next]->to].rank);
      }
      if (to <= last_to) continue;
      if (next < taken.size() && to >= vertices_[taken[next]->to].rank) continue;
      link_below_[link.from] = link_above_[link.to] = l;
      last_to = to;
    }
  }

  void MakeBlocks() {
    block_of_.assign(vertices_.size(), -1);
    shift_.assign(vertices_.size(), 0);
    for (const std::vector<int>& layer : level_.layers) {
      for (const int v : layer) {
        if (link_above_[v] < 0) {
          block_of_[v] = static_cast<int>(blocks_.size());
          blocks_.push_back({.first = v});
          continue;
        }
        const Link& link = level_.links[link_above_[v]];
        block_of_[v] = block_of_[link.from];
        shift_[v] = shift_[link.from] + FromAt(link) - ToAt(link);
      }
    }
  }

  // Calls visit(vertex) from the top of the block down.
  template <typename Visit>
  void ForEachVertex(int block, Visit visit) const {
    for (int v = blocks_[block].first;; v = level_.links[link_below_[v]].to) {
      visit(v);
      if (link_below_[v] < 0) return;
    }
  }
  int Neighbour(int vertex, int step) const {
    const std::vector<int>& layer = level_.layers[vertices_[vertex].layer];
    const int at = vertices_[vertex].rank + step;
    return at < 0 || at >= static_cast<int>(layer.size()) ? -1 : layer[at];
  }

  // How far to the left a block can be, and how far to the right, where its neighbours stand.
  double LeftLimit(int block) const {
    double limit = -kInfinity;
    ForEachVertex(block, [&](int v) {
      const int left = Neighbour(v, -1);
      if (left >= 0) limit = std::max(limit, At(left) + Distance(left, v) - shift_[v]);
    });
    return limit;
  }
  double RightLimit(int block) const {
    double limit = kInfinity;
    ForEachVertex(block, [&](int v) {
      const int right = Neighbour(v, 1);
      if (right >= 0) limit = std::min(limit, At(right) - Distance(v, right) - shift_[v]);
    });
    return limit;
  }

  // Blocks so that each comes behind all that are to its left. There is such an order because
  // straight links do not cross.
  std::vector<int> FromLeftToRight() const {
    std::vector<int> waiting(blocks_.size(), 0), order;
    for (const std::vector<int>& layer : level_.layers) {
      for (size_t i = 1; i < layer.size(); ++i) ++waiting[block_of_[layer[i]]];
    }
    for (size_t b = 0; b < blocks_.size(); ++b) {
      if (waiting[b] == 0) order.push_back(static_cast<int>(b));
    }
    for (size_t i = 0; i < order.size(); ++i) {
      ForEachVertex(order[i], [&](int v) {
        const int right = Neighbour(v, 1);
        if (right >= 0 && --waiting[block_of_[right]] == 0) order.push_back(block_of_[right]);
      });
    }
    return order;
  }

  // Puts every block halfway between the places where it is when all are as far to the left as can
  // be and to the right: what is alone in its layers is then in the middle.
  void Spread() {
    const std::vector<int> order = FromLeftToRight();
    double width = 0;
    for (const int b : order) {
      double x = LeftLimit(b);
      ForEachVertex(b, [&](int v) { x = std::max(x, -shift_[v]); });
      blocks_[b].x = x;
      ForEachVertex(b, [&](int v) { width = std::max(width, At(v) + vertices_[v].width); });
    }
    std::vector<double> leftmost(blocks_.size());
    for (size_t b = 0; b < blocks_.size(); ++b) leftmost[b] = blocks_[b].x;
    for (auto b = order.rbegin(); b != order.rend(); ++b) {
      double x = RightLimit(*b);
      ForEachVertex(*b, [&](int v) { x = std::min(x, width - vertices_[v].width - shift_[v]); });
      blocks_[*b].x = x;
    }
    for (size_t b = 0; b < blocks_.size(); ++b) blocks_[b].x = (blocks_[b].x + leftmost[b]) / 2;
  }

  void CollectPulls() {
    pulls_.resize(blocks_.size());
    for (size_t l = 0; l < level_.links.size(); ++l) {
      const Link& link = level_.links[l];
      const int a = block_of_[link.from], b = block_of_[link.to];
      if (a == b) continue;
      const double offset = shift_[link.from] + FromAt(link) - shift_[link.to] - ToAt(link);
      const bool from_line = IsLine(link.from), to_line = IsLine(link.to);
      // Boxes hardly follow the lines that pass them by.
      pulls_[b].push_back({a, offset, !to_line && from_line ? 0.05 : 1});
      pulls_[a].push_back({b, -offset, !from_line && to_line ? 0.05 : 1});
    }
  }

  void Sweep(bool forward) {
    const int n = static_cast<int>(blocks_.size());
    for (int i = 0; i < n; ++i) {
      const int b = forward ? i : n - 1 - i;
      if (pulls_[b].empty()) continue;
      double sum = 0, weights = 0;
      for (const Pull& pull : pulls_[b]) {
        sum += pull.weight * (blocks_[pull.block].x + pull.offset);
        weights += pull.weight;
      }
      blocks_[b].x = std::max(LeftLimit(b), std::min(RightLimit(b), sum / weights));
    }
  }

  Level& level_;
  std::vector<Vertex>& vertices_;
  std::vector<int> link_above_, link_below_;  // by vertex: the straight links
  std::vector<Block> blocks_;
  std::vector<int> block_of_;
  std::vector<double> shift_;
  std::vector<std::vector<Pull>> pulls_;
};

}  // namespace

void PlaceAcross(Level& level) { Placer(level).Run(); }

}  // namespace nomograph::picture
