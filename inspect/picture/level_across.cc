// Where vertices stand across the layers. Vertices in a straight run are one block, which is placed
// as a whole; blocks begin in the middle of the room that they have, and then move towards what
// they are joined with as far as their neighbours let them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "nomograph/inspect/picture/level.h"

namespace nomograph::picture {
namespace {

constexpr double kSpaceAtLine = 11;  // between a line and what is beside it
constexpr int kAnyLength = std::numeric_limits<int>::max();
constexpr double kMostWidening = 1.6;
constexpr double kMostAside = 40;
constexpr int kSweeps = 12;
constexpr double kSmallMove = 0.01;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Placer {
 public:
  explicit Placer(Level& level)
      : level_(level),
        vertices_(level.vertices),
        link_above_(vertices_.size(), -1),
        link_below_(vertices_.size(), -1),
        turned_above_(vertices_.size(), -1) {}

  void Run() {
    ChooseStraightLinks();
    // Long runs beside one another can make a staircase that is much wider than any layer: then
    // shorter ones are placed.
    const std::vector<int> above = link_above_, below = link_below_;
    const double widest = WidestLayer();
    for (const int longest : {kAnyLength, 12, 4, 1}) {
      link_above_ = above;
      link_below_ = below;
      MakeBlocks(longest);
      FindNeighbours();
      if (Spread() <= kMostWidening * widest) break;
    }
    CollectPulls();
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      if (Sweep(sweep % 2 == 0) < kSmallMove) break;
    }
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
  // The neighbours of a vertex, as what they allow its block: x of `left` plus `from_left`, and no
  // less; x of `right` plus `from_right`, and no more.
  struct Beside {
    int left = -1, right = -1;  // blocks; -1: none
    double from_left = 0, from_right = 0;
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

  // The links that are to be straight: those between boxes in a chain, then lines over several
  // layers, then where ways part or meet the one to the longest chain, or else the middle one of an
  // odd number, then a line's only end.
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
    }
    const auto take = [&](auto fits) {
      for (const std::vector<int>& links : of_layer) {
        std::vector<int> candidates;
        for (const int l : links) {
          if (fits(level_.links[l], l)) candidates.push_back(l);
        }
        TakeThoseThatDoNotCross(links, candidates);
      }
    };
    take([&](const Link& link, int) {
      return !IsLine(link.from) && !IsLine(link.to) && boxes_below[link.from] == 1 &&
             boxes_above[link.to] == 1;
    });
    take([&](const Link& link, int) { return IsLine(link.from) && IsLine(link.to); });
    const std::vector<bool> main = MainLinks();
    take([&](const Link&, int l) { return main[l]; });
    take([&](const Link& link, int) {
      const bool from_line = IsLine(link.from), to_line = IsLine(link.to);
      return (from_line && (all_above[link.to] == 1 || boxes_above[link.to] == 0)) ||
             (to_line && (all_below[link.from] == 1 || boxes_below[link.from] == 0));
    });
  }

  // How many boxes a straight run has from each vertex on, downwards and upwards.
  void MeasureRuns(std::vector<int>& below, std::vector<int>& above) const {
    below.assign(vertices_.size(), 0);
    above = below;
    for (int i = level_.num_layers - 1; i >= 0; --i) {
      for (const int v : level_.layers[i]) {
        const int link = link_below_[v];
        below[v] = !IsLine(v) + (link < 0 ? 0 : below[level_.links[link].to]);
      }
    }
    for (const std::vector<int>& layer : level_.layers) {
      for (const int v : layer) {
        const int link = link_above_[v];
        above[v] = !IsLine(v) + (link < 0 ? 0 : above[level_.links[link].from]);
      }
    }
  }

  // Of the links between boxes where ways part and meet, those that go straight on.
  std::vector<bool> MainLinks() const {
    std::vector<int> below, above;
    MeasureRuns(below, above);
    std::vector<int> by_from, by_to;
    for (size_t l = 0; l < level_.links.size(); ++l) {
      const Link& link = level_.links[l];
      if (!IsLine(link.from) && !IsLine(link.to)) by_from.push_back(static_cast<int>(l));
    }
    by_to = by_from;
    const auto order = [this](int Link::*end, int Link::*other) {
      return [this, end, other](int a, int b) {
        const Link &p = level_.links[a], &q = level_.links[b];
        if (p.*end != q.*end) return p.*end < q.*end;
        return vertices_[p.*other].rank < vertices_[q.*other].rank;
      };
    };
    std::sort(by_from.begin(), by_from.end(), order(&Link::from, &Link::to));
    std::sort(by_to.begin(), by_to.end(), order(&Link::to, &Link::from));
    std::vector<bool> main(level_.links.size(), false), main_upwards = main;
    MarkMain(by_from, &Link::from, &Link::to, below, main);
    MarkMain(by_to, &Link::to, &Link::from, above, main_upwards);
    for (size_t l = 0; l < main.size(); ++l) main[l] = main[l] && main_upwards[l];
    return main;
  }

  // `links` are grouped by `end`; of each group at most one is main.
  void MarkMain(const std::vector<int>& links, int Link::*end, int Link::*other,
                const std::vector<int>& runs, std::vector<bool>& main) const {
    for (size_t begin = 0; begin < links.size();) {
      size_t stop = begin, longest = begin;
      int longest_run = -1, ties = 0;
      for (;
           stop < links.size() && level_.links[links[stop]].*end == level_.links[links[begin]].*end;
           ++stop) {
        const int run = runs[level_.links[links[stop]].*other];
        ties = run > longest_run ? 1 : ties + (run == longest_run);
        if (run <= longest_run) continue;
        longest_run = run;
        longest = stop;
      }
      const size_t size = stop - begin;
      if (ties == 1) {
        main[links[longest]] = true;
      } else if (size % 2 == 1) {
        main[links[begin + size / 2]] = true;
      }
      begin = stop;
    }
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

  // A line that leaves a box elsewhere than where it came in takes what is below aside. Where that
  // adds up, the run ends, and what is below is to stand under its beginning again.
  void MakeBlocks(int longest) {
    blocks_.clear();
    turned_above_.assign(vertices_.size(), -1);
    std::vector<int> length;  // by block
    block_of_.assign(vertices_.size(), -1);
    shift_.assign(vertices_.size(), 0);
    turns_.assign(level_.links.size(), 0);
    std::vector<double> aside(vertices_.size(), 0);  // of where lines come in
    for (const std::vector<int>& layer : level_.layers) {
      for (const int v : layer) {
        const int l = link_above_[v];
        if (l >= 0) {
          const Link& link = level_.links[l];
          const int above =
              link_above_[link.from] >= 0 ? link_above_[link.from] : turned_above_[link.from];
          aside[v] = aside[link.from] + (above < 0 ? 0 : FromAt(link) - ToAt(level_.links[above]));
          const int block = block_of_[link.from];
          if (std::abs(aside[v]) <= kMostAside && length[block] < longest) {
            block_of_[v] = block;
            ++length[block];
            shift_[v] = shift_[link.from] + FromAt(link) - ToAt(link);
            continue;
          }
          if (std::abs(aside[v]) > kMostAside) turns_[l] = -std::exchange(aside[v], 0);
          link_above_[v] = link_below_[link.from] = -1;
          turned_above_[v] = l;
        }
        block_of_[v] = static_cast<int>(blocks_.size());
        blocks_.push_back({.first = v});
        length.push_back(1);
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
  // What stands beside the vertices of blocks, so that limits take one pass over an array.
  void FindNeighbours() {
    beside_.clear();
    beside_begin_.assign(1, 0);
    const auto neighbour = [this](int vertex, int step) {
      const std::vector<int>& layer = level_.layers[vertices_[vertex].layer];
      const int at = vertices_[vertex].rank + step;
      return at < 0 || at >= static_cast<int>(layer.size()) ? -1 : layer[at];
    };
    for (size_t b = 0; b < blocks_.size(); ++b) {
      ForEachVertex(static_cast<int>(b), [&](int v) {
        Beside beside;
        if (const int left = neighbour(v, -1); left >= 0) {
          beside.left = block_of_[left];
          beside.from_left = shift_[left] + Distance(left, v) - shift_[v];
        }
        if (const int right = neighbour(v, 1); right >= 0) {
          beside.right = block_of_[right];
          beside.from_right = shift_[right] - Distance(v, right) - shift_[v];
        }
        beside_.push_back(beside);
      });
      beside_begin_.push_back(static_cast<int>(beside_.size()));
    }
  }

  // How far to the left a block can be, and how far to the right, where its neighbours stand.
  double LeftLimit(int block) const {
    double limit = -kInfinity;
    for (int i = beside_begin_[block]; i < beside_begin_[block + 1]; ++i) {
      const Beside& beside = beside_[i];
      if (beside.left >= 0) limit = std::max(limit, blocks_[beside.left].x + beside.from_left);
    }
    return limit;
  }
  double RightLimit(int block) const {
    double limit = kInfinity;
    for (int i = beside_begin_[block]; i < beside_begin_[block + 1]; ++i) {
      const Beside& beside = beside_[i];
      if (beside.right >= 0) limit = std::min(limit, blocks_[beside.right].x + beside.from_right);
    }
    return limit;
  }

  // Blocks so that each comes behind all that are to its left. There is such an order because
  // straight links do not cross.
  std::vector<int> FromLeftToRight() const {
    std::vector<int> waiting(blocks_.size(), 0), order;
    for (const Beside& beside : beside_) {
      if (beside.right >= 0) ++waiting[beside.right];
    }
    for (size_t b = 0; b < blocks_.size(); ++b) {
      if (waiting[b] == 0) order.push_back(static_cast<int>(b));
    }
    for (size_t i = 0; i < order.size(); ++i) {
      for (int k = beside_begin_[order[i]]; k < beside_begin_[order[i] + 1]; ++k) {
        const int right = beside_[k].right;
        if (right >= 0 && --waiting[right] == 0) order.push_back(right);
      }
    }
    return order;
  }

  // Puts every block halfway between the places where it is when all are as far to the left as can
  // be and to the right: what is alone in its layers is then in the middle.
  // Returns the width.
  double Spread() {
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
    return width;
  }

  double WidestLayer() const {
    double widest = 0;
    for (const std::vector<int>& layer : level_.layers) {
      double width = 0;
      for (size_t i = 0; i + 1 < layer.size(); ++i) width += Distance(layer[i], layer[i + 1]);
      if (!layer.empty()) width += vertices_[layer.back()].width;
      widest = std::max(widest, width);
    }
    return widest;
  }

  void CollectPulls() {
    std::vector<std::pair<int, Pull>> pulls;  // by block
    pulls_begin_.assign(blocks_.size() + 1, 0);
    for (size_t l = 0; l < level_.links.size(); ++l) {
      const Link& link = level_.links[l];
      const int a = block_of_[link.from], b = block_of_[link.to];
      if (a == b) continue;
      const double offset =
          shift_[link.from] + FromAt(link) - shift_[link.to] - ToAt(link) + turns_[l];
      const bool from_line = IsLine(link.from), to_line = IsLine(link.to);
      // Boxes hardly follow the lines that pass them by.
      pulls.push_back({b, {a, offset, !to_line && from_line ? 0.05 : 1}});
      pulls.push_back({a, {b, -offset, !from_line && to_line ? 0.05 : 1}});
      ++pulls_begin_[a + 1];
      ++pulls_begin_[b + 1];
    }
    for (size_t b = 0; b < blocks_.size(); ++b) pulls_begin_[b + 1] += pulls_begin_[b];
    pulls_.resize(pulls.size());
    std::vector<int> next(pulls_begin_.begin(), pulls_begin_.end() - 1);
    for (const auto& [block, pull] : pulls) pulls_[next[block]++] = pull;
  }

  // Returns how far the block that moves most does.
  double Sweep(bool forward) {
    const int n = static_cast<int>(blocks_.size());
    double most = 0;
    for (int i = 0; i < n; ++i) {
      const int b = forward ? i : n - 1 - i;
      if (pulls_begin_[b] == pulls_begin_[b + 1]) continue;
      double sum = 0, weights = 0;
      for (int k = pulls_begin_[b]; k < pulls_begin_[b + 1]; ++k) {
        const Pull& pull = pulls_[k];
        sum += pull.weight * (blocks_[pull.block].x + pull.offset);
        weights += pull.weight;
      }
      const double x = std::max(LeftLimit(b), std::min(RightLimit(b), sum / weights));
      most = std::max(most, std::abs(x - blocks_[b].x));
      blocks_[b].x = x;
    }
    return most;
  }

  Level& level_;
  std::vector<Vertex>& vertices_;
  std::vector<int> link_above_, link_below_;  // by vertex: the straight links
  std::vector<int> turned_above_;             // those that would have been, but for MakeBlocks()
  std::vector<double> turns_;                 // by link: how far it is to go aside
  std::vector<Block> blocks_;
  std::vector<int> block_of_;
  std::vector<double> shift_;
  std::vector<Beside> beside_;     // by block, from the top down
  std::vector<int> beside_begin_;  // by block
  std::vector<Pull> pulls_;
  std::vector<int> pulls_begin_;
};

}  // namespace

void PlaceAcross(Level& level) { Placer(level).Run(); }

}  // namespace nomograph::picture
