#include "nomograph/core/graph/graph.h"

#include <algorithm>
#include <queue>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), produced_(graph.values.size(), false) {}

  absl::Status Run() {
    CheckNames();
    for (const ValueId id : graph_.inputs) Produce(id, "graph input");
    for (const Weight& weight : graph_.weights) CheckWeight(weight);
    CheckNodes();
    for (const ValueId id : graph_.outputs) {
      if (!InRange(id)) {
        errors_.Add(InvalidArgument("output: there is no value ", id));
      } else if (!produced_[id]) {
        errors_.Add(
            InvalidArgument("output ", Quoted(graph_.values[id].name), " is produced by nothing"));
      }
    }
    return errors_.ToStatus("the graph is not valid");
  }

 private:
  bool InRange(ValueId id) const {
    return id >= 0 && id < static_cast<ValueId>(graph_.values.size());
  }

  void CheckNames() {
    absl::flat_hash_set<absl::string_view> names;
    names.reserve(graph_.values.size());
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const std::string& name = graph_.values[i].name;
      if (name.empty()) errors_.Add(InvalidArgument("value ", i, " has no name"));
      if (!name.empty() && !names.insert(name).second) {
        errors_.Add(InvalidArgument("two values are named ", Quoted(name)));
      }
    }
    names.clear();
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const std::string& name = graph_.nodes[i].name;
      if (name.empty()) errors_.Add(InvalidArgument("node ", i, " has no name"));
      if (!name.empty() && !names.insert(name).second) {
        errors_.Add(InvalidArgument("two nodes are named ", Quoted(name)));
      }
    }
  }

  void Produce(ValueId id, absl::string_view producer) {
    if (!InRange(id)) {
      errors_.Add(InvalidArgument(producer, ": there is no value ", id));
    } else if (produced_[id]) {
      errors_.Add(InvalidArgument(producer, ": value ", Quoted(graph_.values[id].name),
                                  " has another producer"));
    } else {
      produced_[id] = true;
    }
  }

  void CheckWeight(const Weight& weight) {
    Produce(weight.value, "weight");
    if (!InRange(weight.value)) return;
    const ValueInfo& value = graph_.values[weight.value];
    if (!weight.tensor.valid() || weight.tensor.dtype() != value.type.dtype ||
        !Matches(weight.tensor.shape(), value.type.shape)) {
      errors_.Add(InvalidArgument("weight ", Quoted(value.name), ": expected a tensor ",
                                  value.type.ToString(), ", found ",
                                  weight.tensor.type().ToString()));
    }
  }

  void CheckNodes() {
    bool order = true;
    for (const Node& node : graph_.nodes) {
      if (node.version < 1) {
        errors_.Add(InvalidArgument("node ", Quoted(node.name), ": op ", Shown(node.op),
                                    " cannot have version ", node.version));
      }
      for (const ValueId id : node.inputs) {
        if (id == kNoValue) continue;
        if (!InRange(id)) {
          errors_.Add(InvalidArgument("node ", Quoted(node.name), ": there is no value ", id));
        } else if (!produced_[id]) {
          order = false;
        }
      }
      for (const ValueId id : node.outputs) {
        if (id == kNoValue) continue;
        if (InRange(id) && !produced_[id]) {
          produced_[id] = true;
        } else {
          Produce(id, absl::StrCat("node ", Quoted(node.name)));
        }
      }
    }
    if (order || !errors_.empty()) return;
    ReportOrder();
  }

  // A node uses a value ahead of its producer: because of a cycle, of the order alone, or because
  // nothing produces it.
  void ReportOrder() {
    for (const Node& node : graph_.nodes) {
      for (const ValueId id : node.inputs) {
        if (id != kNoValue && !produced_[id]) {
          errors_.Add(InvalidArgument("node ", Quoted(node.name), ": input ",
                                      Quoted(graph_.values[id].name), " is produced by nothing"));
        }
      }
    }
    if (!errors_.empty()) return;
    Graph copy = graph_;
    const absl::Status sorted = SortTopologically(copy);
    errors_.Add(sorted.ok() ? InvalidArgument("nodes stand ahead of the producers of their inputs")
                            : sorted);
  }

  const Graph& graph_;
  std::vector<bool> produced_;
  ErrorList errors_;
};

}  // namespace

ValueId Graph::AddValue(std::string value_name, TensorType type) {
  values.push_back({std::move(value_name), std::move(type), "", ""});
  return static_cast<ValueId>(values.size()) - 1;
}

ValueId Graph::FindValue(absl::string_view value_name) const {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].name == value_name) return static_cast<ValueId>(i);
  }
  return kNoValue;
}

const Weight* Graph::FindWeight(ValueId value) const {
  auto it = std::find_if(weights.begin(), weights.end(),
                         [&](const Weight& w) { return w.value == value; });
  return it == weights.end() ? nullptr : &*it;
}

absl::Status VerifyGraph(const Graph& graph) { return Verifier(graph).Run(); }

absl::Status SortTopologically(Graph& graph) {
  const int count = static_cast<int>(graph.nodes.size());
  std::vector<int> producer(graph.values.size(), -1);
  for (int n = 0; n < count; ++n) {
    for (const ValueId id : graph.nodes[n].outputs) {
      if (id != kNoValue) producer[id] = n;
    }
  }
  std::vector<std::vector<int>> users(count);
  std::vector<int> waiting(count, 0);
  for (int n = 0; n < count; ++n) {
    for (const ValueId id : graph.nodes[n].inputs) {
      if (id == kNoValue || producer[id] < 0) continue;
      users[producer[id]].push_back(n);
      ++waiting[n];
    }
  }
  // The ready node that stood first goes first, which keeps the order wherever it was right.
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int n = 0; n < count; ++n) {
    if (waiting[n] == 0) ready.push(n);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    const int n = ready.top();
    ready.pop();
    order.push_back(n);
    for (const int user : users[n]) {
      if (--waiting[user] == 0) ready.push(user);
    }
  }
  if (static_cast<int>(order.size()) < count) {
    std::vector<std::string> names;
    for (int n = 0; n < count && names.size() < 8; ++n) {
      if (waiting[n] > 0) names.push_back(Quoted(graph.nodes[n].name));
    }
    return InvalidArgument("there is a cycle among, or ahead of, the nodes ",
                           absl::StrJoin(names, ", "));
  }
  std::vector<Node> sorted;
  sorted.reserve(count);
  for (const int n : order) sorted.push_back(std::move(graph.nodes[n]));
  graph.nodes = std::move(sorted);
  return absl::OkStatus();
}

}  // namespace nomograph
