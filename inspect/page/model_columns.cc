// The columns of graphs: nodes, values, types, attributes, and what stands beside them in the file.
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/inspect/inspect_model.h"
#include "nomograph/inspect/macs.h"
#include "nomograph/inspect/page/page_columns.h"
#include "nomograph/inspect/page/size_formulas.h"

namespace nomograph {
namespace {

// A node's flags. A constant node yields the same in every run, a size node the same for inputs of
// the same shapes.
constexpr int kConstantNode = 1, kSizeNode = 2;
constexpr size_t kMaxAttrBytes = 400;

// A graph of the model with the number that the page knows it by: 0 is the main graph.
using GraphNumbers = absl::flat_hash_map<std::string, int>;

std::string Cut(std::string text) {
  if (text.size() <= kMaxAttrBytes) return text;
  size_t end = kMaxAttrBytes;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;  // not within a character
  return text.substr(0, end) + "…";
}

// The dtype and sizes: a number, a formula or symbol as text, or null. Null for an unknown rank.
PageJson TypeJson(const TensorType& type, const std::vector<PageJson>& sizes) {
  PageJson json = PageJson::array({DTypeName(type.dtype)});
  json.push_back(type.shape.has_rank() ? PageJson(sizes) : PageJson());
  return json;
}

// One model's columns, graph by graph.
class Columns {
 public:
  Columns(const Model& model, const OpRegistry& registry, const PageOptions& options)
      : model_(model), registry_(registry), options_(options) {
    for (const LayerInfo& layer : model.layers) {
      if (layer.class_name == "Lambda") lambda_layers_.insert(layer.name);
    }
    attrs_.Of("", PageJson::array());
    strings_.Of("", "");
  }

  PageJson Take() {
    int number = 1;
    for (const auto& [name, function] : model_.functions) graph_numbers_[name] = number++;
    AddGraph(model_.graph, "");
    for (const auto& [name, function] : model_.functions) AddGraph(function.graph, name);
    json_["strings"] = strings_.values();
    json_["types"] = types_.values();
    json_["attrs"] = attrs_.values();
    json_["formulas"] = formulas_.values();
    json_["symbols"] = symbols_;
    return std::move(json_);
  }

 private:
  int String(const std::string& text) { return strings_.Of(text, Escape(text)); }

  void AddGraph(const Graph& graph, const std::string& function) {
    const bool is_main = function.empty();
    ProbedGraph probed;
    if (is_main) {
      probed = ProbeSizes(graph, model_.functions, registry_, options_.max_typed_nodes);
      // Where no sizes fit, those that the types name can still be put in for their names.
      for (const std::string& symbol : probed.symbols) {
        if (probed.ok() || Names(graph, symbol)) symbols_.push_back(Escape(symbol));
      }
    }
    PageJson& graphs = json_["graphs"];
    graphs["name"].push_back(Escape(is_main ? graph.name : function));
    graphs["nodes"].push_back(graph.nodes.size());
    graphs["values"].push_back(graph.values.size());
    graphs["inputs"].push_back(graph.inputs);
    graphs["outputs"].push_back(graph.outputs);
    graphs["doc"].push_back(Escape(graph.doc));
    AddValues(graph, probed);
    AddNodes(graph, function, probed);
    node_base_ += static_cast<int64_t>(graph.nodes.size());
  }

  static bool Names(const Graph& graph, const std::string& symbol) {
    for (const ValueId input : graph.inputs) {
      const PartialShape& shape = graph.value(input).type.shape;
      for (int axis = 0; axis < shape.rank(); ++axis) {
        if (shape[axis].symbol() == symbol) return true;
      }
    }
    return false;
  }

  void AddValues(const Graph& graph, const ProbedGraph& probed) {
    std::vector<const Node*> producers(graph.values.size());
    for (const Node& node : graph.nodes) {
      for (const ValueId id : node.outputs) {
        if (id != kNoValue) producers[id] = &node;
      }
    }
    PageJson &names = json_["value"]["name"], &types = json_["value"]["type"];
    for (size_t id = 0; id < graph.values.size(); ++id) {
      const ValueInfo& value = graph.values[id];
      // A name that begins with its node's is written as a tab and the rest: no escaped name has a
      // tab.
      const bool follows = producers[id] != nullptr &&
                           absl::StartsWith(value.name, producers[id]->name) &&
                           Escape(producers[id]->name) == producers[id]->name;
      names.push_back(
          follows ? absl::StrCat("\t", Escape(value.name.substr(producers[id]->name.size())))
                  : Escape(value.name));
      types.push_back(TypeNumber(static_cast<ValueId>(id), value.type, probed));
    }
  }

  int TypeNumber(ValueId id, const TensorType& declared, const ProbedGraph& probed) {
    TensorType type = declared;
    if (!type.shape.has_rank() && probed.ok() && probed.types[0][id].shape.has_rank()) {
      type.shape = PartialShape::OfRank(probed.types[0][id].shape.rank());
    }
    std::vector<PageJson> sizes;
    for (int axis = 0; axis < type.shape.rank(); ++axis) {
      const Dim& dim = type.shape[axis];
      std::optional<std::string> formula;
      if (!dim.known() && probed.ok()) formula = probed.SizeOf(id, axis);
      int64_t number = 0;
      if (dim.known()) {
        sizes.push_back(dim.size());
      } else if (formula && absl::SimpleAtoi(*formula, &number)) {
        sizes.push_back(number);
      } else if (formula) {
        sizes.push_back(*formula);
      } else if (!dim.symbol().empty()) {
        sizes.push_back(absl::StrCat("=", Escape(dim.symbol())));
      } else {
        sizes.push_back(PageJson());
      }
    }
    PageJson json = TypeJson(type, sizes);
    const std::string key = json.dump();
    return types_.Of(key, std::move(json));
  }

  void AddNodes(const Graph& graph, const std::string& function, const ProbedGraph& probed) {
    PageJson& columns = json_["node"];
    // By value, the flag that its node has; of inputs none.
    std::vector<int> follows(graph.values.size());
    for (const Weight& weight : graph.weights) follows[weight.value] = kConstantNode;
    ValueId last = 0;
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const Node& node = graph.nodes[n];
      const std::string id = absl::StrCat(node_base_ + static_cast<int64_t>(n));
      const OpDef* op = registry_.Find(node.op, node.version);
      columns["name"].push_back(Escape(node.name));
      columns["op"].push_back(String(node.op));
      columns["version"].push_back(node.version);
      columns["attrs"].push_back(AttrsNumber(node, op));
      columns["layer"].push_back(String(node.layer));
      columns["flags"].push_back(FollowsFrom(node, op, follows));
      AddPorts(node, last, columns);
      columns["macs"].push_back(op == nullptr ? -1 : MacsNumber(graph, node, *op, probed));
      if (!node.doc.empty()) columns["doc"][id] = Escape(node.doc);
      if (!node.provider.empty()) columns["provider"][id] = Escape(node.provider);
      AddCalls(node, id, columns);
      AddLambda(node, function, id, columns);
    }
  }

  // The node's flag, which its outputs then have too: what it yields follows from constants alone,
  // or from these and the sizes of tensors.
  static int FollowsFrom(const Node& node, const OpDef* op, std::vector<int>& follows) {
    if (op == nullptr || op->effects != Effects::kPure || !NamedFunctions(node).empty()) return 0;
    int flag = kConstantNode;
    for (const ValueId id : node.inputs) {
      if (id == kNoValue || follows[id] == kConstantNode) continue;
      flag = follows[id] == kSizeNode || op->fold != nullptr ? kSizeNode : 0;
      if (flag == 0) return 0;
    }
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) follows[id] = flag;
    }
    return flag;
  }

  // Ids as differences, which are small and repeat: of outputs from the one before, of inputs from
  // the first output. Null: absent.
  static void AddPorts(const Node& node, ValueId& last, PageJson& columns) {
    columns["nin"].push_back(node.inputs.size());
    columns["nout"].push_back(node.outputs.size());
    ValueId base = last;
    bool is_first = true;
    for (const ValueId id : node.outputs) {
      columns["out"].push_back(id == kNoValue ? PageJson() : PageJson(id - last));
      if (id == kNoValue) continue;
      last = id;
      if (std::exchange(is_first, false)) base = id;
    }
    for (const ValueId id : node.inputs) {
      columns["in"].push_back(id == kNoValue ? PageJson() : PageJson(base - id));
    }
  }

  // [[name, text, whether it is the default], ...]
  int AttrsNumber(const Node& node, const OpDef* op) {
    PageJson list = PageJson::array();
    for (const auto& [name, value] : node.attrs) {
      const AttrDef* def = op == nullptr ? nullptr : op->FindAttr(name);
      const bool is_default = def != nullptr && def->default_value && *def->default_value == value;
      list.push_back({Escape(name), Cut(Escape(value.ToString())), is_default ? 1 : 0});
    }
    if (list.empty()) return 0;
    const std::string key = list.dump(-1, ' ', false, PageJson::error_handler_t::replace);
    return attrs_.Of(key, std::move(list));
  }

  // The number of the formula of a node's multiply-accumulates, or -1 where it has none.
  int MacsNumber(const Graph& graph, const Node& node, const OpDef& op, const ProbedGraph& probed) {
    const auto attrs = ResolveAttributes(op.attrs, node.attrs);
    if (!attrs.ok()) return -1;
    const auto count = [&](const std::vector<TensorType>* types) -> int64_t {
      std::vector<TensorType> ports[2];
      const std::vector<ValueId>* ids[2] = {&node.inputs, &node.outputs};
      for (int i = 0; i < 2; ++i) {
        for (const ValueId id : *ids[i]) {
          const TensorType none;
          ports[i].push_back(id == kNoValue ? none : types ? (*types)[id] : graph.value(id).type);
        }
      }
      return MultiplyAccumulates(op, *attrs, ports[0], ports[1]).value_or(-1);
    };
    std::optional<std::string> formula;
    if (!probed.ok()) {
      const int64_t macs = count(nullptr);
      if (macs > 0) formula = absl::StrCat(macs);
    } else {
      std::vector<int64_t> macs;
      for (const auto& types : probed.types) macs.push_back(types.empty() ? -1 : count(&types));
      if (macs[0] > 0) formula = MacsFormula(node, macs, probed);
    }
    return formula ? formulas_.Of(*formula, std::string(*formula)) : -1;
  }

  // What one formula does not explain may be as many for each element of the output.
  static std::optional<std::string> MacsFormula(const Node& node, absl::Span<const int64_t> macs,
                                                const ProbedGraph& probed) {
    if (auto formula = probed.probes.Fit(macs)) return formula;
    if (node.outputs.empty() || node.outputs[0] == kNoValue) return std::nullopt;
    const ValueId output = node.outputs[0];
    std::string text;
    for (int axis = 0; axis < probed.types[0][output].shape.rank(); ++axis) {
      const auto size = probed.SizeOf(output, axis);
      if (!size) return std::nullopt;
      absl::StrAppend(&text, "(", *size, ")*");
    }
    std::vector<int64_t> each;
    for (size_t p = 0; p < macs.size(); ++p) {
      int64_t elements = -1;
      if (macs[p] >= 0 && probed.types[p][output].shape.fully_known()) {
        elements = probed.types[p][output].shape.ToShape().CheckedNumElements().value_or(-1);
      }
      const bool divides = elements > 0 && macs[p] % elements == 0;
      each.push_back(divides ? macs[p] / elements : -1);
    }
    const auto factor = probed.probes.Fit(each);
    return factor ? std::optional(absl::StrCat(text, "(", *factor, ")")) : std::nullopt;
  }

  // {node: [[label, graph], ...]}: the functions that a node names.
  void AddCalls(const Node& node, const std::string& id, PageJson& columns) {
    const auto add = [&](const std::string& label, const std::string& function) {
      const auto found = graph_numbers_.find(function);
      if (found != graph_numbers_.end()) {
        columns["calls"][id].push_back({Escape(label), found->second});
      }
    };
    if (!node.body.empty()) add("body", node.body);
    ForEachFunction(node.attrs, add);
  }

  // {node: [badge, text]}
  void AddLambda(const Node& node, const std::string& function, const std::string& id,
                 PageJson& columns) {
    LambdaReport lambda{ResolveNode(node, registry_, {}), node.body};
    lambda.resolution.function = function;
    const Resolution& r = lambda.resolution;
    if (r.standard && r.status.ok() && node.body.empty() && !lambda_layers_.contains(node.layer)) {
      return;
    }
    const char* badge = "missing";
    if (r.as != ResolvedAs::kNothing) {
      badge = !r.status.ok() ? "refused" : r.as == ResolvedAs::kKernel ? "kernel" : "body";
    }
    columns["lambda"][id] = {badge, Escape(ResolutionText(lambda))};
  }

  const Model& model_;
  const OpRegistry& registry_;
  const PageOptions& options_;
  GraphNumbers graph_numbers_;
  absl::flat_hash_set<std::string> lambda_layers_;
  Numbered<std::string> strings_, formulas_;
  Numbered<PageJson> types_, attrs_;
  std::vector<std::string> symbols_;
  int64_t node_base_ = 0;  // of the graph's nodes among those of all graphs
  PageJson json_;
};

PageJson GoldenJson(const Model& model) {
  PageJson list = PageJson::array();
  for (const GoldenVector& golden : model.golden_vectors) {
    PageJson inputs = PageJson::array(), outputs = PageJson::array();
    for (const auto& [name, tensor] : golden.inputs) {
      inputs.push_back({Escape(name), Escape(tensor.ToString(6))});
    }
    for (const auto& [name, output] : golden.outputs) {
      outputs.push_back({Escape(name), Escape(output.expected.ToString(6)),
                         absl::StrCat(output.atol, " + ", output.rtol, " |e|")});
    }
    list.push_back({{"name", Escape(golden.name)},
                    {"training", golden.training},
                    {"inputs", std::move(inputs)},
                    {"outputs", std::move(outputs)}});
  }
  return list;
}

}  // namespace

PageJson ModelColumns(const ModelFile& file, const OpRegistry& registry,
                      const PageOptions& options) {
  const Model& model = file.model;
  PageJson json = Columns(model, registry, options).Take();
  const size_t slash = file.path.rfind('/');
  json["file"] = Escape(slash == std::string::npos ? file.path : file.path.substr(slash + 1));
  json["form"] = ModelFormName(file.form);
  json["bytes"] = file.bytes;
  json["name"] = Escape(model.name);
  json["doc"] = Escape(model.doc);
  json["producer"] = Escape(model.producer);
  json["golden"] = GoldenJson(model);
  for (const auto& [key, text] : model.metadata) {
    json["metadata"].push_back({Escape(key), Cut(Escape(text))});
  }
  for (const Variable& variable : model.variables) {
    json["variables"].push_back({Escape(variable.name), variable.initial.type().ToString()});
  }
  for (const std::string& warning : file.warnings) json["warnings"].push_back(Escape(warning));
  return json;
}

}  // namespace nomograph
