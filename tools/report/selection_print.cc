#include "nomograph/tools/report/selection_print.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/inspect/neighbours.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/node_text.h"
#include "nomograph/tools/report/stats_text.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

// So many are told one by one.
constexpr size_t kFew = 5;
constexpr size_t kMaxUsers = 8;

// What is told of one graph's selection.
class Teller {
 public:
  Teller(const Model& model, const GraphSelection& part, const SelectionPrint& options)
      : model_(model),
        part_(part),
        graph_(*part.graph),
        options_(options),
        neighbours_(graph_),
        text_(graph_, OpRegistry::Default(), options.all) {}

  std::string OneByOne() const {
    std::string text;
    for (const int node : part_.nodes)
      absl::StrAppend(&text, text.empty() ? "" : "\n", OfNode(node));
    for (const ValueId value : part_.values) {
      absl::StrAppend(&text, text.empty() ? "" : "\n", OfValue(value));
    }
    return text;
  }

  std::string Tables() const {
    std::string text;
    if (!part_.nodes.empty()) {
      absl::StrAppend(&text, Counted(static_cast<int64_t>(part_.nodes.size()), "node"), "\n",
                      text_.Table(part_.nodes, 2));
    }
    if (!part_.values.empty()) {
      TextTable table({{"value"}, {"type"}, {"from"}, {"tensor", false, true}});
      for (const ValueId id : part_.values) {
        const ValueInfo& value = graph_.value(id);
        table.AddRow({value.name, value.type.ToString(), From(id), TensorText(id)});
      }
      absl::StrAppend(&text, text.empty() ? "" : "\n",
                      Counted(static_cast<int64_t>(part_.values.size()), "value"), "\n",
                      table.ToString());
    }
    return text;
  }

 private:
  std::string Head(absl::string_view name, absl::string_view what, absl::string_view where) const {
    return absl::StrCat(Escape(name), "  ", what, "  ", where,
                        part_.function.empty() ? "" : absl::StrCat(" of @", Escape(part_.function)),
                        "\n");
  }

  std::string OfNode(int n) const {
    const Node& node = graph_.nodes[n];
    TextTable table({{""}, {""}, {""}, {""}});
    table.AlignNotes(2);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      const ValueId id = node.inputs[i];
      const std::string constant = text_.ConstantText(id);
      table.AddRow({table.empty() ? "in" : "", text_.InputPort(node, i),
                    constant.empty() ? graph_.value(id).name : constant,
                    graph_.value(id).type.ToString()});
      if (!constant.empty()) continue;
      const std::string tensor = TensorText(id);
      table.AddNote(absl::StrCat(From(id), tensor.empty() ? "" : "  ", tensor));
    }
    bool first = true;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      const ValueInfo& value = graph_.value(node.outputs[i]);
      table.AddRow(
          {first ? "out" : "", text_.OutputPort(node, i), value.name, value.type.ToString()});
      table.AddNote(Users(node.outputs[i]));
      first = false;
    }
    TextTable facts({{""}, {"", false, true}});
    const auto add = [&](absl::string_view what, std::string fact) {
      if (!fact.empty()) facts.AddRow({std::string(what), std::move(fact)});
    };
    add("attributes", text_.Attributes(node, /*with_common=*/true));
    add("runs here as", Runs(node));
    add("layer", node.layer);
    add("doc", node.doc);
    return absl::StrCat(Head(node.name, absl::StrCat(Escape(node.op), " v", node.version),
                             absl::StrCat("node ", n + 1, " of ", graph_.nodes.size())),
                        table.ToString(), facts.ToString());
  }

  std::string OfValue(ValueId id) const {
    const ValueInfo& value = graph_.value(id);
    TextTable table({{""}, {"", false, true}});
    table.AddRow({"", From(id)});
    table.AddRow({"", Users(id)});
    if (const std::string tensor = TensorText(id); !tensor.empty())
      table.AddRow({"tensor", tensor});
    if (!value.doc.empty()) table.AddRow({"doc", value.doc});
    return absl::StrCat(Head(value.name, value.type.ToString(), "value"), table.ToString());
  }

  std::string Runs(const Node& node) const {
    const Resolution resolution = ResolveNode(node, OpRegistry::Default(), {});
    if (resolution.standard && resolution.status.ok()) return "";
    return ResolutionText({resolution, node.body});
  }

  std::string From(ValueId id) const {
    switch (neighbours_.SourceOf(id)) {
      case Neighbours::Source::kNode: {
        const Node& node = graph_.nodes[neighbours_.ProducerOf(id)];
        return absl::StrCat("from ", node.name);
      }
      case Neighbours::Source::kInput:
        return "input";
      case Neighbours::Source::kWeight:
        return neighbours_.WeightOf(id)->trainable ? "weight" : "frozen weight";
      case Neighbours::Source::kNone:
        break;
    }
    return "nothing makes it";
  }

  std::string Users(ValueId id) const {
    std::vector<std::string> users;
    const absl::Span<const int> nodes = neighbours_.UsersOf(id);
    for (const int node : nodes.first(std::min(nodes.size(), kMaxUsers))) {
      users.push_back(graph_.nodes[node].name);
    }
    if (nodes.size() > kMaxUsers) {
      users.push_back(absl::StrCat("and ", nodes.size() - kMaxUsers, " more"));
    }
    if (neighbours_.IsOutput(id)) users.push_back("output of the graph");
    return users.empty() ? "read by nothing" : absl::StrCat("to ", absl::StrJoin(users, ", "));
  }

  std::string TensorText(ValueId id) const {
    const Weight* weight = neighbours_.WeightOf(id);
    if (weight == nullptr) return "";
    std::string text = ReadableBytes(weight->tensor.num_bytes());
    if (options_.stats || part_.nodes.size() + part_.values.size() <= kFew) {
      absl::StrAppend(&text, ", ", StatsLine(weight->tensor));
    }
    return text;
  }

  const Model& model_;
  const GraphSelection& part_;
  const Graph& graph_;
  const SelectionPrint& options_;
  const Neighbours neighbours_;
  const NodeText text_;
};

Json NamesJson(const Graph& graph, absl::Span<const int> nodes) {
  Json list = Json::array();
  for (const int node : nodes) list.push_back(graph.nodes[node].name);
  return list;
}

Json ValueJson(const Graph& graph, const Neighbours& neighbours, ValueId id, bool stats) {
  const ValueInfo& value = graph.value(id);
  Json json = {{"name", value.name}};
  json.update(TypeJson(value.type));
  static constexpr const char* kSources[] = {"node", "input", "weight", "nothing"};
  json["source"] = kSources[static_cast<int>(neighbours.SourceOf(id))];
  const int producer = neighbours.ProducerOf(id);
  if (producer >= 0) json["producer"] = graph.nodes[producer].name;
  json["users"] = NamesJson(graph, neighbours.UsersOf(id));
  json["output"] = neighbours.IsOutput(id);
  const Weight* weight = neighbours.WeightOf(id);
  if (weight != nullptr && stats) json["stats"] = StatsJson(ComputeStats(weight->tensor));
  return json;
}

}  // namespace

std::string SelectionText(const Model& model, const Selection& selection,
                          const SelectionPrint& options) {
  size_t count = 0;
  for (const GraphSelection& part : selection.graphs) {
    count += part.nodes.size() + part.values.size();
  }
  std::string text;
  for (const GraphSelection& part : selection.graphs) {
    if (!text.empty()) text += "\n";
    const Teller teller(model, part, options);
    if (count <= kFew) {
      text += teller.OneByOne();
      continue;
    }
    if (!part.function.empty()) absl::StrAppend(&text, "@", Escape(part.function), ": ");
    text += teller.Tables();
  }
  return text;
}

nlohmann::ordered_json SelectionJson(const ModelFile& file, const Selection& selection,
                                     const SelectionPrint& options) {
  Json graphs = Json::array();
  for (const GraphSelection& part : selection.graphs) {
    const Neighbours neighbours(*part.graph);
    Json nodes = Json::array(), values = Json::array();
    for (const int node : part.nodes)
      nodes.push_back(NodeJson(*part.graph, part.graph->nodes[node]));
    for (const ValueId id : part.values) {
      values.push_back(ValueJson(*part.graph, neighbours, id, options.stats));
    }
    graphs.push_back(
        {{"function", part.function}, {"nodes", std::move(nodes)}, {"values", std::move(values)}});
  }
  return {{"schema", "nomograph.selection.1"}, {"file", file.path}, {"graphs", std::move(graphs)}};
}

std::string TextConv(const Model& model) {
  std::string text = absl::StrCat("model ", Quoted(model.name), "\n");
  const auto tell = [&](const Graph& graph) {
    const auto value = [&](ValueId id) {
      return id == kNoValue ? std::string("-") : Escape(graph.value(id).name);
    };
    const auto typed = [&](absl::string_view what, ValueId id) {
      absl::StrAppend(&text, what, " ", value(id), " ", Escape(graph.value(id).type.ToString()),
                      "\n");
    };
    for (const ValueId id : graph.inputs) typed("input", id);
    for (const ValueId id : graph.outputs) typed("output", id);
    for (const Weight& weight : graph.weights) {
      absl::StrAppend(&text, weight.trainable ? "weight " : "frozen ", value(weight.value), " ",
                      weight.tensor.type().ToString(), " ", TensorDigest(weight.tensor), "\n");
    }
    for (const Node& node : graph.nodes) {
      std::vector<std::string> inputs, outputs, attrs;
      for (const ValueId id : node.inputs) inputs.push_back(value(id));
      for (const ValueId id : node.outputs) {
        outputs.push_back(absl::StrCat(
            value(id), id == kNoValue ? "" : " " + Escape(graph.value(id).type.ToString())));
      }
      for (const auto& [name, attr] : node.attrs) {
        const auto* tensor = attr.As<Tensor>();
        attrs.push_back(absl::StrCat(name, "=", Escape(attr.ToString()),
                                     tensor == nullptr ? "" : " " + TensorDigest(*tensor)));
      }
      absl::StrAppend(&text, "node ", Escape(node.name), " ", Escape(node.op), " v", node.version,
                      "(", absl::StrJoin(inputs, ", "), ")", attrs.empty() ? "" : " {",
                      absl::StrJoin(attrs, ", "), attrs.empty() ? "" : "}", " -> ",
                      absl::StrJoin(outputs, ", "), "\n");
    }
  };
  for (const auto& [key, value] : model.metadata) {
    absl::StrAppend(&text, "metadata ", Escape(key), " ", Quoted(value), "\n");
  }
  for (const Variable& variable : model.variables) {
    absl::StrAppend(&text, "variable ", Escape(variable.name), " ",
                    variable.initial.type().ToString(), " ", TensorDigest(variable.initial), "\n");
  }
  tell(model.graph);
  for (const auto& [name, function] : model.functions) {
    absl::StrAppend(&text, "function @", Escape(name), "\n");
    tell(function.graph);
  }
  for (const GoldenVector& golden : model.golden_vectors) {
    absl::StrAppend(&text, "golden vector ", Quoted(golden.name), "\n");
    for (const auto& [name, tensor] : golden.inputs) {
      absl::StrAppend(&text, "  input ", Escape(name), " ", tensor.type().ToString(), " ",
                      TensorDigest(tensor), "\n");
    }
    for (const auto& [name, output] : golden.outputs) {
      absl::StrAppend(&text, "  output ", Escape(name), " ", output.expected.type().ToString(), " ",
                      TensorDigest(output.expected), "\n");
    }
  }
  return text;
}

}  // namespace nomograph
