#include "nomograph/serialization/onnx/import/sort.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph::onnx {
namespace {

constexpr size_t kMaxNodesNamed = 5;

// The names that a node uses, in its subgraphs too (where they may also be the subgraph's own,
// which does no harm: those are no node's of the graph around it, or else hide it).
void CollectNames(const NodeProto& node, std::vector<absl::string_view>& names) {
  for (const std::string& input : node.input()) {
    if (!input.empty()) names.push_back(input);
  }
  for (const AttributeProto& attribute : node.attribute()) {
    for (const NodeProto& inner : attribute.g().node()) CollectNames(inner, names);
    for (const ValueInfoProto& output : attribute.g().output()) names.push_back(output.name());
  }
}

std::string NameOf(const NodeProto& node) {
  return Quoted(node.name().empty() ? node.op_type() : node.name());
}

using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;
using Producers = absl::flat_hash_map<absl::string_view, int>;

Producers ProducersOf(const Nodes& nodes) {
  Producers producers;
  producers.reserve(nodes.size());
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes[i].output()) {
      if (!output.empty()) producers.emplace(output, i);
    }
  }
  return producers;
}

// Calls `visit` with the place of each node that yields what node `place` uses.
void ForEachProducer(const Nodes& nodes, const Producers& producers, int place,
                     absl::FunctionRef<void(int)> visit) {
  std::vector<absl::string_view> names;
  CollectNames(nodes[place], names);
  for (const absl::string_view name : names) {
    const auto found = producers.find(name);
    if (found == producers.end()) continue;
    // A name inside that is an output of the node itself is the subgraph's own.
    const auto& inputs = nodes[place].input();
    if (found->second == place && std::find(inputs.begin(), inputs.end(), name) == inputs.end()) {
      continue;
    }
    visit(found->second);
  }
}

// As nearly all files are. What the other way takes beside the names is spared then.
bool IsSorted(const Nodes& nodes, const Producers& producers) {
  bool sorted = true;
  for (int i = 0; i < nodes.size() && sorted; ++i) {
    ForEachProducer(nodes, producers, i, [&](int producer) { sorted &= producer < i; });
  }
  return sorted;
}

}  // namespace

absl::StatusOr<std::vector<int>> SortNodes(const Nodes& nodes) {
  const Producers producers = ProducersOf(nodes);
  if (IsSorted(nodes, producers)) {
    std::vector<int> places(nodes.size());
    std::iota(places.begin(), places.end(), 0);
    return places;
  }
  std::vector<std::vector<int>> users(nodes.size());
  std::vector<int> waits(nodes.size(), 0);
  for (int i = 0; i < nodes.size(); ++i) {
    ForEachProducer(nodes, producers, i, [&](int producer) {
      users[producer].push_back(i);
      ++waits[i];
    });
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i) {
    if (waits[i] == 0) ready.push(i);
  }
  std::vector<int> sorted;
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    sorted.push_back(next);
    for (const int user : users[next]) {
      if (--waits[user] == 0) ready.push(user);
    }
  }
  if (static_cast<int>(sorted.size()) == nodes.size()) return sorted;
  std::vector<std::string> stuck;
  for (int i = 0; i < nodes.size() && stuck.size() < kMaxNodesNamed; ++i) {
    if (waits[i] > 0) stuck.push_back(NameOf(nodes[i]));
  }
  return InvalidArgument("there is a cycle among, or ahead of, the nodes ",
                         absl::StrJoin(stuck, ", "));
}

}  // namespace nomograph::onnx
