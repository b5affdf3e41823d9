// The order of vertices in their layers: the wanted one, unless a few barycentre sweeps find one
// with fewer crossings.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "nomograph/inspect/picture/level.h"

namespace nomograph::picture {
namespace {

constexpr int kSweeps = 6;

class Orderer {
 public:
  explicit Orderer(Level& level)
      : level_(level), links_above_(level.vertices.size()), links_below_(links_above_) {
    for (size_t i = 0; i < level.links.size(); ++i) {
      links_below_[level.links[i].from].push_back(static_cast<int>(i));
      links_above_[level.links[i].to].push_back(static_cast<int>(i));
    }
  }

  void Run() {
    level_.layers.assign(level_.num_layers, {});
    for (size_t v = 0; v < level_.vertices.size(); ++v) {
      level_.layers[level_.vertices[v].layer].push_back(static_cast<int>(v));
    }
    for (std::vector<int>& layer : level_.layers) {
      std::stable_sort(layer.begin(), layer.end(), [this](int a, int b) {
        return level_.vertices[a].wish < level_.vertices[b].wish;
      });
      SetRanks(layer);
    }
    std::vector<std::vector<int>> best = level_.layers;
    int64_t fewest = CountCrossings();
    for (int sweep = 0; sweep < kSweeps && fewest > 0; ++sweep) {
      Sweep(/*down=*/sweep % 2 == 0);
      const int64_t crossings = CountCrossings();
      if (crossings >= fewest) continue;
      fewest = crossings;
      best = level_.layers;
    }
    level_.layers = std::move(best);
    for (const std::vector<int>& layer : level_.layers) SetRanks(layer);
  }

 private:
  void SetRanks(const std::vector<int>& layer) {
    for (size_t i = 0; i < layer.size(); ++i) level_.vertices[layer[i]].rank = static_cast<int>(i);
  }

  // Where a link meets a vertex, in ranks.
  double End(int vertex, double at) const {
    const Vertex& v = level_.vertices[vertex];
    return v.rank + (at == kAnywhere || v.width <= 0 ? 0.5 : at / v.width);
  }

  void Sweep(bool down) {
    std::vector<double> centre(level_.vertices.size());
    for (int step = 1; step < level_.num_layers; ++step) {
      std::vector<int>& layer = level_.layers[down ? step : level_.num_layers - 1 - step];
      for (const int v : layer) {
        double sum = 0;
        const std::vector<int>& links = (down ? links_above_ : links_below_)[v];
        for (const int l : links) {
          const Link& link = level_.links[l];
          sum += down ? End(link.from, link.from_at) : End(link.to, link.to_at);
        }
        centre[v] = links.empty() ? level_.vertices[v].rank + 0.5 : sum / links.size();
      }
      std::stable_sort(layer.begin(), layer.end(),
                       [&centre](int a, int b) { return centre[a] < centre[b]; });
      SetRanks(layer);
    }
  }

  // Pairs of links that cross: inversions, counted with a Fenwick tree.
  int64_t CountCrossings() const {
    int64_t crossings = 0;
    std::vector<int64_t> tree;
    std::vector<std::pair<double, int>> ends;
    for (int i = 0; i + 1 < level_.num_layers; ++i) {
      const int size = static_cast<int>(level_.layers[i + 1].size());
      tree.assign(size + 1, 0);
      int64_t seen = 0;
      for (const int v : level_.layers[i]) {
        ends.clear();
        for (const int l : links_below_[v]) {
          ends.push_back({level_.links[l].from_at, level_.vertices[level_.links[l].to].rank});
        }
        std::sort(ends.begin(), ends.end());
        for (const auto& [at, rank] : ends) {
          int64_t not_right = 0;
          for (int k = rank + 1; k > 0; k -= k & -k) not_right += tree[k];
          crossings += seen - not_right;
        }
        for (const auto& [at, rank] : ends) {
          for (int k = rank + 1; k <= size; k += k & -k) ++tree[k];
          ++seen;
        }
      }
    }
    return crossings;
  }

  Level& level_;
  std::vector<std::vector<int>> links_above_, links_below_;
};

}  // namespace

void OrderLayers(Level& level) { Orderer(level).Run(); }

}  // namespace nomograph::picture
