// Which layer a node is in, and what stands for lines in the layers that they pass.
#include <algorithm>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nomograph/inspect/picture/level.h"

namespace nomograph::picture {
namespace {

// Edges by node, as ranges of one array.
class Adjacency {
 public:
  Adjacency(int num_nodes, const std::vector<LevelEdge>& edges, int LevelEdge::*end)
      : begin_(num_nodes + 1, 0), edges_(edges.size()) {
    for (const LevelEdge& edge : edges) ++begin_[edge.*end + 1];
    for (int i = 0; i < num_nodes; ++i) begin_[i + 1] += begin_[i];
    std::vector<int> next(begin_.begin(), begin_.end() - 1);
    for (size_t i = 0; i < edges.size(); ++i) {
      edges_[next[edges[i].*end]++] = static_cast<int>(i);
    }
  }
  template <typename Visit>
  void ForEach(int node, Visit visit) const {
    for (int i = begin_[node]; i < begin_[node + 1]; ++i) visit(edges_[i]);
  }

 private:
  std::vector<int> begin_, edges_;
};

// An order in which edges go forward, the wanted one as far as can be. Where there are cycles, the
// first of the nodes that are left goes first, and edges back to it are marked.
std::vector<int> OrderNodes(Level& level, const Adjacency& out) {
  const int n = static_cast<int>(level.nodes.size());
  std::vector<int> waiting(n, 0), order;
  for (const LevelEdge& edge : level.edges) ++waiting[edge.to];
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < n; ++i) {
    if (waiting[i] == 0) ready.push(i);
  }
  std::vector<bool> done(n, false);
  for (int first = 0; static_cast<int>(order.size()) < n;) {
    if (ready.empty()) {
      while (done[first]) ++first;
      ready.push(first);
    }
    const int node = ready.top();
    ready.pop();
    if (done[node]) continue;
    done[node] = true;
    order.push_back(node);
    out.ForEach(node, [&](int e) {
      LevelEdge& edge = level.edges[e];
      edge.backward = done[edge.to];
      if (--waiting[edge.to] == 0 && !done[edge.to]) ready.push(edge.to);
    });
  }
  return order;
}

}  // namespace

void AssignLayers(Level& level) {
  const int n = static_cast<int>(level.nodes.size());
  const Adjacency out(n, level.edges, &LevelEdge::from), in(n, level.edges, &LevelEdge::to);
  const std::vector<int> order = OrderNodes(level, out);
  bool has_entry = false, has_exit = false;
  for (const LevelNode& node : level.nodes) {
    has_entry |= node.kind == LevelNode::kEntry;
    has_exit |= node.kind == LevelNode::kExit;
  }
  int last = 0;
  for (const int i : order) {
    LevelNode& node = level.nodes[i];
    node.layer = has_entry && node.kind != LevelNode::kEntry ? 1 : 0;
    in.ForEach(i, [&](int e) {
      if (level.edges[e].backward) return;
      node.layer = std::max(node.layer, level.nodes[level.edges[e].from].layer + 1);
    });
    if (node.kind != LevelNode::kExit) last = std::max(last, node.layer);
  }
  for (LevelNode& node : level.nodes) {
    if (node.kind == LevelNode::kExit) node.layer = last + 1;
  }
  level.num_layers = last + 1 + has_exit;
  // What has more lines downwards than upwards stands better near those who use it.
  for (auto i = order.rbegin(); i != order.rend(); ++i) {
    LevelNode& node = level.nodes[*i];
    if (node.kind != LevelNode::kBox) continue;
    int balance = 0, lowest = level.num_layers;
    in.ForEach(*i, [&](int) { --balance; });
    out.ForEach(*i, [&](int e) {
      ++balance;
      if (level.edges[e].backward) return;
      lowest = std::min(lowest, level.nodes[level.edges[e].to].layer - 1);
    });
    if (balance > 0 && lowest < level.num_layers) node.layer = std::max(node.layer, lowest);
  }
}

void SplitLongEdges(Level& level) {
  const int n = static_cast<int>(level.nodes.size());
  level.vertices.clear();
  for (int i = 0; i < n; ++i) {
    const LevelNode& node = level.nodes[i];
    level.vertices.push_back(
        {.node = i, .layer = node.layer, .wish = 1.0 * i, .width = node.width});
  }
  absl::flat_hash_map<std::pair<int, int>, int> chains;
  for (LevelEdge& edge : level.edges) {
    const auto [found, is_new] =
        chains.emplace(std::make_pair(edge.from, edge.from_port), level.chains.size());
    if (is_new) level.chains.push_back({.from = edge.from});
    edge.chain = found->second;
    Chain& chain = level.chains[edge.chain];
    if (edge.from_at != kAnywhere) chain.at = edge.from_at;
    const int span = level.nodes[edge.to].layer - level.nodes[edge.from].layer;
    edge.on_rail = span <= 0 || span > level.options.max_span;
    if (edge.on_rail) {
      chain.has_rail = true;
    } else {
      chain.has_links = true;
      chain.num_vertices = std::max(chain.num_vertices, span - 1);
    }
  }
  // The place of a line in a layer is, at first, ahead of its last target.
  std::vector<double> wishes(level.chains.size(), 0);
  for (const LevelEdge& edge : level.edges) {
    if (!edge.on_rail) wishes[edge.chain] = std::max(wishes[edge.chain], edge.to - 0.5);
  }
  for (size_t c = 0; c < level.chains.size(); ++c) {
    Chain& chain = level.chains[c];
    const LevelNode& from = level.nodes[chain.from];
    chain.first_vertex = static_cast<int>(level.vertices.size());
    for (int i = 0; i < chain.num_vertices; ++i) {
      const int id = static_cast<int>(level.vertices.size());
      level.vertices.push_back({.layer = from.layer + 1 + i, .wish = wishes[c]});
      level.links.push_back({.from = i == 0 ? chain.from : id - 1,
                             .to = id,
                             .from_at = i == 0 ? chain.at : 0,
                             .to_at = 0});
    }
  }
  for (const LevelEdge& edge : level.edges) {
    if (edge.on_rail) continue;
    const Chain& chain = level.chains[edge.chain];
    const int span = level.nodes[edge.to].layer - level.nodes[edge.from].layer;
    const bool direct = span == 1;
    level.links.push_back({.from = direct ? edge.from : chain.first_vertex + span - 2,
                           .to = edge.to,
                           .from_at = direct ? chain.at : 0,
                           .to_at = edge.to_at});
  }
}

}  // namespace nomograph::picture
