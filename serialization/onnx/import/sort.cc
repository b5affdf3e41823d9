#include "nomograph/serialization/onnx/import/sort.h"

#include <map>
#include <queue>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph::onnx {
namespace {

constexpr size_t kMaxNodesNamed = 5;

// The names that a node uses, in its subgraphs too (where they may also be the subgraph's own,
// which does no harm: those are no node's of the graph around it, or else hide it).
void CollectNames(const NodeProto& node, std::vector<std::string>& names) {
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

}  // namespace

absl::StatusOr<std::vector<const NodeProto*>> SortNodes(
    const google::protobuf::RepeatedPtrField<NodeProto>& nodes) {
  std::map<std::string, int> producers;
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes[i].output()) {
      if (!output.empty()) producers.emplace(output, i);
    }
  }
  std::vector<std::vector<int>> users(nodes.size());
  std::vector<int> waits(nodes.size(), 0);
  for (int i = 0; i < nodes.size(); ++i) {
    std::vector<std::string> names;
    CollectNames(nodes[i], names);
    for (const std::string& name : names) {
      const auto producer = producers.find(name);
      if (producer == producers.end() ||
          (producer->second == i && std::find(nodes[i].input().begin(), nodes[i].input().end(),
                                              name) == nodes[i].input().end())) {
        continue;
      }
      users[producer->second].push_back(i);
      ++waits[i];
    }
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i) {
    if (waits[i] == 0) ready.push(i);
  }
  std::vector<const NodeProto*> sorted;
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    sorted.push_back(&nodes[next]);
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
