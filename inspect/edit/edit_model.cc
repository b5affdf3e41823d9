#include "nomograph/inspect/edit/edit_model.h"

#include <algorithm>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/edit/parse_value.h"
#include "nomograph/inspect/edit/subgraph.h"
#include "nomograph/inspect/selector.h"

namespace nomograph {
namespace {

std::string Counts(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

absl::StatusOr<ValueId> FindIn(const Graph& graph, const std::vector<ValueId>& ids,
                               absl::string_view what, const std::string& name) {
  for (const ValueId id : ids) {
    if (graph.value(id).name == name) return id;
  }
  return NoSuchValue(graph, ids, what, name);
}

class Editor {
 public:
  Editor(Model model, const EditOptions& options, const OpRegistry& registry)
      : model_(std::move(model)), options_(options), registry_(registry) {}

  absl::StatusOr<Edited> Run() {
    NOMO_RETURN_IF_ERROR(ReplaceWeights());
    NOMO_RETURN_IF_ERROR(Rename());
    NOMO_RETURN_IF_ERROR(SetInputs());
    NOMO_RETURN_IF_ERROR(ChangeOutputs());
    NOMO_RETURN_IF_ERROR(ReplaceOps());
    NOMO_RETURN_IF_ERROR(SetAttributes());
    SetMetadata();
    if (options_.cast) NOMO_RETURN_IF_ERROR(Cast(*options_.cast));
    NOMO_RETURN_IF_ERROR(Infer());
    if (options_.fold) NOMO_RETURN_IF_ERROR(Fold());
    DropGoldenVectors();
    NOMO_RETURN_IF_ERROR(VerifyModel(model_));
    return Edited{std::move(model_), std::move(changes_)};
  }

 private:
  template <typename... Args>
  void Say(const Args&... args) {
    changes_.push_back(absl::StrCat(args...));
  }

  // "@FUNCTION/", "" for the main graph, and the tensors of that graph by their names.
  template <typename Visit>
  void ForEachTensor(const Visit& visit) {
    const auto in_graph = [&](const std::string& ahead, Graph& graph) {
      for (Weight& weight : graph.weights) {
        visit(absl::StrCat(ahead, graph.value(weight.value).name), weight.tensor.type(),
              [&weight](Tensor tensor) { weight.tensor = std::move(tensor); });
      }
      for (Node& node : graph.nodes) {
        const AttrValue* value = node.op == "core.Constant" ? node.attrs.Find("value") : nullptr;
        const Tensor* tensor = value == nullptr ? nullptr : value->As<Tensor>();
        if (tensor == nullptr) continue;
        visit(absl::StrCat(ahead, node.name), tensor->type(),
              [&node](Tensor given) { node.attrs.Set("value", std::move(given)); });
      }
    };
    in_graph("", model_.graph);
    for (auto& [name, function] : model_.functions) {
      in_graph(absl::StrCat("@", name, "/"), function.graph);
    }
  }

  absl::Status ReplaceWeights() {
    if (options_.weights.empty()) return absl::OkStatus();
    ErrorList errors;
    std::set<absl::string_view> used;
    std::vector<std::string> names;
    int64_t kept = 0;
    ForEachTensor([&](std::string name, const TensorType& type, const auto& replace) {
      const auto given = options_.weights.find(name);
      if (given == options_.weights.end()) {
        ++kept;
      } else if (given->second.type() != type) {
        errors.Add(InvalidArgument("weight ", Quoted(name), ": expected ", type.ToString(),
                                   ", found ", given->second.type().ToString()));
      } else {
        replace(given->second);
      }
      if (given != options_.weights.end()) used.insert(given->first);
      names.push_back(std::move(name));
    });
    constexpr size_t kShown = 3;
    std::vector<std::string> unknown;
    for (const auto& [name, tensor] : options_.weights) {
      if (!used.contains(name)) unknown.push_back(name);
    }
    if (!unknown.empty()) {
      const std::string near = unknown.size() == 1 ? DidYouMean(unknown[0], names) : "";
      const size_t more = unknown.size() - std::min(unknown.size(), kShown);
      unknown.resize(unknown.size() - more);
      errors.Add(absl::NotFoundError(
          absl::StrCat("the model has no weight ", absl::StrJoin(unknown, ", ", AppendShown),
                       more > 0 ? absl::StrCat(" and ", more, " more") : "", near)));
    }
    NOMO_RETURN_IF_ERROR(errors.ToStatus("weights do not fit"));
    Say(Counts(static_cast<int64_t>(used.size()), "weight"), " replaced, ", kept, " kept");
    return absl::OkStatus();
  }

  absl::Status Rename() {
    for (const auto& [from, to] : options_.renames) {
      if (to.empty()) return InvalidArgument("a name cannot be empty");
      NOMO_ASSIGN_OR_RETURN(const Selection selection,
                            Select(model_, SelectorFor(from), registry_));
      for (const GraphSelection& part : selection.graphs) {
        if (!part.function.empty()) continue;
        NOMO_RETURN_IF_ERROR(RenameIn(part, from, to));
      }
    }
    return absl::OkStatus();
  }

  absl::Status RenameIn(const GraphSelection& part, const std::string& from,
                        const std::string& to) {
    Graph& graph = model_.graph;
    for (const ValueId id : part.values) {
      if (graph.FindValue(to) != kNoValue) {
        return absl::AlreadyExistsError(absl::StrCat("there is a value ", Quoted(to), " already"));
      }
      graph.values[id].name = to;
      for (GoldenVector& golden : model_.golden_vectors) {
        if (auto node = golden.inputs.extract(from); !node.empty()) {
          node.key() = to;
          golden.inputs.insert(std::move(node));
        }
        if (auto node = golden.outputs.extract(from); !node.empty()) {
          node.key() = to;
          golden.outputs.insert(std::move(node));
        }
      }
      Say("value ", Quoted(from), " is named ", Quoted(to));
    }
    for (const int n : part.nodes) {
      for (const Node& node : graph.nodes) {
        if (node.name == to) {
          return absl::AlreadyExistsError(absl::StrCat("there is a node ", Quoted(to), " already"));
        }
      }
      graph.nodes[n].name = to;
      Say("node ", Quoted(from), " is named ", Quoted(to));
    }
    return absl::OkStatus();
  }

  absl::Status SetInputs() {
    Graph& graph = model_.graph;
    for (const auto& [name, text] : options_.inputs) {
      NOMO_ASSIGN_OR_RETURN(const ValueId id, FindIn(graph, graph.inputs, "input", name));
      TensorType& type = graph.values[id].type;
      NOMO_ASSIGN_OR_RETURN(const TensorType given, ParseType(text, type.dtype));
      Say("input ", Quoted(name), ": ", type.ToString(), " -> ", given.ToString());
      type = given;
      retype_ = true;
    }
    if (options_.batch && *options_.batch < 0)
      return InvalidArgument("batch: expected at least 0, found ", *options_.batch);
    for (const ValueId id : graph.inputs) {
      TensorType& type = graph.values[id].type;
      const bool open = type.shape.has_rank() && type.shape.rank() > 0 && !type.shape[0].known();
      if (!options_.batch || !open) continue;
      const std::string before = type.ToString();
      type.shape[0] = *options_.batch;
      Say("input ", Quoted(graph.value(id).name), ": ", before, " -> ", type.ToString());
      retype_ = true;
    }
    return absl::OkStatus();
  }

  absl::Status ChangeOutputs() {
    Graph& graph = model_.graph;
    for (const std::string& selector : options_.add_outputs) {
      NOMO_ASSIGN_OR_RETURN(const Selection selection, Select(model_, selector, registry_));
      for (const GraphSelection& part : selection.graphs) {
        if (!part.function.empty()) continue;
        for (const ValueId id : part.WithOutputs()) {
          if (std::find(graph.outputs.begin(), graph.outputs.end(), id) != graph.outputs.end()) {
            continue;
          }
          graph.outputs.push_back(id);
          Say("output ", Quoted(graph.value(id).name), " added");
        }
      }
    }
    for (const std::string& name : options_.drop_outputs) {
      NOMO_ASSIGN_OR_RETURN(const ValueId id, FindIn(graph, graph.outputs, "output", name));
      if (graph.outputs.size() == 1) {
        return InvalidArgument("output ", Quoted(name), " is the only one, and cannot go");
      }
      std::erase(graph.outputs, id);
      for (GoldenVector& golden : model_.golden_vectors) golden.outputs.erase(name);
      Say("output ", Quoted(name), " dropped");
    }
    if (options_.drop_outputs.empty()) return absl::OkStatus();
    const int64_t removed = RemoveUnused(model_, registry_);
    if (removed > 0) Say(Counts(removed, "node"), " on which no output depends left out");
    return absl::OkStatus();
  }

  template <typename Change>
  absl::Status ForSelectedNodes(const std::string& selector, const Change& change) {
    NOMO_ASSIGN_OR_RETURN(const Selection selection, Select(model_, selector, registry_));
    int64_t count = 0;
    for (const GraphSelection& part : selection.graphs) {
      Graph& graph =
          part.function.empty() ? model_.graph : model_.functions.find(part.function)->second.graph;
      for (const int n : part.nodes) {
        NOMO_RETURN_IF_ERROR(change(graph.nodes[n]));
        ++count;
      }
    }
    if (count == 0) return absl::NotFoundError(absl::StrCat("no node fits ", Quoted(selector)));
    return absl::OkStatus();
  }

  absl::Status ReplaceOps() {
    for (const auto& [selector, op] : options_.ops) {
      const OpDef* def = registry_.Find(op);
      const std::string unknown =
          def != nullptr ? ""
                         : absl::StrCat(", which is no op here", DidYouMean(op, registry_.Names()));
      NOMO_RETURN_IF_ERROR(ForSelectedNodes(selector, [&](Node& node) -> absl::Status {
        Say(NodePlace(node.name, node.op), " is ", Shown(op), " from now on", unknown);
        node.op = op;
        node.version = def == nullptr ? 1 : def->version;
        node.provider = def == nullptr ? "" : registry_.ProviderOf(*def);
        node.body.clear();  // it was what the other op means
        return absl::OkStatus();
      }));
    }
    return absl::OkStatus();
  }

  absl::Status SetAttributes() {
    for (const auto& [key, text] : options_.attributes) {
      const size_t colon = key.rfind(':');
      if (colon == std::string::npos) {
        return InvalidArgument(Quoted(key), ": write it as SEL:NAME=VALUE");
      }
      const std::string selector = key.substr(0, colon), name = key.substr(colon + 1);
      NOMO_RETURN_IF_ERROR(ForSelectedNodes(selector, [&](Node& node) {
        const absl::Status status = SetAttribute(node, name, text);
        return Annotate(status, NodePlace(node.name, node.op));
      }));
    }
    return absl::OkStatus();
  }

  absl::Status SetAttribute(Node& node, const std::string& name, const std::string& text) {
    const OpDef* op = registry_.Find(node.op, node.version);
    const AttrDef* def = op == nullptr ? nullptr : op->FindAttr(name);
    const AttrValue* old = node.attrs.Find(name);
    if (op != nullptr && def == nullptr) {
      std::vector<std::string> names;
      for (const AttrDef& attr : op->attrs) names.push_back(attr.name);
      return absl::NotFoundError(
          absl::StrCat("it has no attribute ", Quoted(name), DidYouMean(name, names)));
    }
    if (def == nullptr && old == nullptr) {
      return absl::NotFoundError(absl::StrCat("it has no attribute ", Quoted(name)));
    }
    const std::string before = old == nullptr ? "its default" : old->ToString();
    if (text.empty()) {
      node.attrs.Erase(name);
      Say(NodePlace(node.name, node.op), ": ", name, " ", before, " -> its default");
      return absl::OkStatus();
    }
    NOMO_ASSIGN_OR_RETURN(AttrValue value,
                          ParseAttrValue(def == nullptr ? old->type() : def->type, text));
    if (def != nullptr) NOMO_RETURN_IF_ERROR(def->Check(value));
    Say(NodePlace(node.name, node.op), ": ", name, " ", before, " -> ", value.ToString());
    node.attrs.Set(name, std::move(value));
    retype_ = true;
    return absl::OkStatus();
  }

  void SetMetadata() {
    for (const auto& [key, value] : options_.metadata) {
      if (!value.empty()) {
        model_.metadata[key] = value;
        Say("metadata ", Quoted(key), " is ", Quoted(value));
      } else if (model_.metadata.erase(key) > 0) {
        Say("metadata ", Quoted(key), " taken away");
      }
    }
  }

  // The interface stays float32: casts stand at its borders.
  absl::Status Cast(DType to) {
    cast_tensors_ = 0;
    NOMO_RETURN_IF_ERROR(CastGraph(model_.graph, to));
    for (auto& [name, function] : model_.functions) {
      NOMO_RETURN_IF_ERROR(CastGraph(function.graph, to));
      for (ValueInfo& value : function.graph.values) {
        if (value.type.dtype == DType::kFloat32) value.type.dtype = to;
      }
    }
    NOMO_RETURN_IF_ERROR(CastBorders(to));
    Say(Counts(cast_tensors_, "tensor"), " cast to ", DTypeName(to),
        "; inputs and outputs stay float32");
    if (!model_.golden_vectors.empty()) {
      Say(Counts(static_cast<int64_t>(model_.golden_vectors.size()), "golden vector"),
          " of the other dtype left out");
      model_.golden_vectors.clear();
    }
    retype_ = true;
    return absl::OkStatus();
  }

  absl::Status CastGraph(Graph& graph, DType to) {
    const auto cast = [&](Tensor& tensor) -> absl::Status {
      if (tensor.dtype() != DType::kFloat32) return absl::OkStatus();
      NOMO_ASSIGN_OR_RETURN(tensor, TryCast(tensor, to));
      ++cast_tensors_;
      return absl::OkStatus();
    };
    for (Weight& weight : graph.weights) {
      NOMO_RETURN_IF_ERROR(cast(weight.tensor));
      graph.values[weight.value].type = weight.tensor.type();
    }
    for (Node& node : graph.nodes) {
      std::vector<std::pair<std::string, AttrValue>> changed;
      for (const auto& [name, value] : node.attrs) {
        if (const auto* tensor = value.As<Tensor>()) {
          Tensor copy = *tensor;
          NOMO_RETURN_IF_ERROR(cast(copy));
          changed.emplace_back(name, std::move(copy));
        } else if (const auto* dtype = value.As<DType>(); dtype && *dtype == DType::kFloat32) {
          changed.emplace_back(name, to);
        }
      }
      for (auto& [name, value] : changed) node.attrs.Set(name, std::move(value));
    }
    return absl::OkStatus();
  }

  absl::Status CastBorders(DType to) {
    Graph& graph = model_.graph;
    UniqueNames nodes, values;
    for (const Node& node : graph.nodes) nodes.Reserve(node.name);
    for (const ValueInfo& value : graph.values) values.Reserve(value.name);
    const auto cast_node = [&](ValueId from, ValueId made, DType dtype) {
      return Node{.name = nodes.Take("cast"),
                  .op = "array.Cast",
                  .attrs = {{"to", dtype}},
                  .inputs = {from},
                  .outputs = {made}};
    };
    std::vector<Node> ahead;
    absl::flat_hash_map<ValueId, ValueId> replaced;
    for (const ValueId id : graph.inputs) {
      if (graph.value(id).type.dtype != DType::kFloat32) continue;
      const TensorType type{to, graph.value(id).type.shape};
      const ValueId inner =
          graph.AddValue(values.Take(absl::StrCat(graph.value(id).name, "_cast")), type);
      ahead.push_back(cast_node(id, inner, to));
      replaced[id] = inner;
    }
    for (Node& node : graph.nodes) {
      for (ValueId& id : node.inputs) {
        if (const auto found = replaced.find(id); found != replaced.end()) id = found->second;
      }
    }
    // An output's name stays with what leaves the graph.
    std::vector<Node> behind;
    absl::flat_hash_map<ValueId, ValueId> inner_of;
    for (const ValueId id : graph.outputs) {
      if (graph.value(id).type.dtype != DType::kFloat32 || inner_of.contains(id)) continue;
      if (replaced.contains(id)) continue;  // an input that goes straight out
      const TensorType type{to, graph.value(id).type.shape};
      const ValueId inner =
          graph.AddValue(values.Take(absl::StrCat(graph.value(id).name, "_cast")), type);
      inner_of[id] = inner;
      behind.push_back(cast_node(inner, id, DType::kFloat32));
    }
    const auto rename = [&](std::vector<ValueId>& ids) {
      for (ValueId& id : ids) {
        if (const auto found = inner_of.find(id); found != inner_of.end()) id = found->second;
      }
    };
    for (Node& node : graph.nodes) {
      rename(node.inputs);
      rename(node.outputs);
    }
    for (Weight& weight : graph.weights) {
      if (const auto found = inner_of.find(weight.value); found != inner_of.end()) {
        weight.value = found->second;
      }
    }
    for (const Node& node : graph.nodes) {
      for (const ValueId id : node.outputs) {
        if (id == kNoValue) continue;
        DType& dtype = graph.values[id].type.dtype;
        if (dtype == DType::kFloat32) dtype = to;
      }
    }
    graph.nodes.insert(graph.nodes.begin(), ahead.begin(), ahead.end());
    graph.nodes.insert(graph.nodes.end(), behind.begin(), behind.end());
    return absl::OkStatus();
  }

  // What the file declares inside was for the former types.
  absl::Status Infer() {
    Graph& graph = model_.graph;
    const TypeInferrer inferrer(model_.functions, registry_);
    if (retype_) {
      for (const Node& node : graph.nodes) {
        if (!inferrer.Knows(node)) continue;
        for (const ValueId id : node.outputs) {
          if (id != kNoValue) graph.values[id].type.shape = PartialShape();
        }
      }
      for (Node& node : graph.nodes) node.signature.reset();
    }
    return inferrer.InferGraph(graph);
  }

  // A node's outputs where they follow from constants within the budget; empty otherwise.
  std::vector<Tensor> FoldedValues(const TypeInferrer& inferrer, const Node& node,
                                   absl::Span<const TensorType> inputs,
                                   absl::Span<const Tensor> constants, FoldBudget& budget) const {
    const OpDef* op = registry_.Find(node.op, node.version);
    if (op == nullptr) return {};
    const auto attrs = ResolveAttributes(op->attrs, node.attrs);
    const auto types = inferrer.InferOneNode(node, inputs, constants);
    if (!attrs.ok() || !types.ok()) return {};
    const InferContext context(*attrs, inputs, constants, static_cast<int>(node.outputs.size()));
    return FoldNode(*op, context, *types, budget);
  }

  absl::Status Fold() {
    Graph& graph = model_.graph;
    const TypeInferrer inferrer(model_.functions, registry_);
    FoldBudget budget(options_.fold_limits);
    std::vector<Tensor> constants(graph.values.size());
    for (const Weight& weight : graph.weights) {
      constants[weight.value] = weight.tensor;
      budget.AddOwn(weight.tensor);
    }
    int64_t folded = 0;
    for (Node& node : graph.nodes) {
      std::vector<TensorType> inputs;
      std::vector<Tensor> known;
      for (const ValueId id : node.inputs) {
        inputs.push_back(id == kNoValue ? TensorType{} : graph.value(id).type);
        known.push_back(id == kNoValue ? Tensor() : constants[id]);
      }
      const std::vector<Tensor> values = FoldedValues(inferrer, node, inputs, known, budget);
      if (values.size() != node.outputs.size()) continue;
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i] != kNoValue) constants[node.outputs[i]] = values[i];
      }
      const bool one = node.outputs.size() == 1 && node.outputs[0] != kNoValue;
      if (node.op == "core.Constant" || !one) continue;
      node.op = "core.Constant";
      node.version = 1;
      node.attrs = {{"value", values[0]}};
      node.inputs.clear();
      node.signature.reset();
      node.body.clear();
      ++folded;
    }
    const int64_t removed = RemoveUnused(model_, registry_);
    if (folded > 0 || removed > 0) {
      Say(Counts(folded, "node"), " computed from constants, ", Counts(removed, "node"),
          " left out");
    } else if (budget.refused() == 0) {
      Say("nothing follows from constants: nothing folded");
    }
    if (budget.refused() > 0) {
      Say(Counts(budget.refused(), "node"),
          " of constants left as found: folding would be over the budget");
    }
    return absl::OkStatus();
  }

  void DropGoldenVectors() {
    const Graph& graph = model_.graph;
    const auto fits = [&](const GoldenVector& golden) {
      if (!options_.weights.empty()) return false;  // they were computed with others
      if (golden.outputs.empty()) return false;
      return std::all_of(graph.inputs.begin(), graph.inputs.end(), [&](ValueId id) {
        const auto given = golden.inputs.find(graph.value(id).name);
        return given != golden.inputs.end() &&
               given->second.dtype() == graph.value(id).type.dtype &&
               Matches(given->second.shape(), graph.value(id).type.shape);
      });
    };
    const auto dropped = std::erase_if(model_.golden_vectors,
                                       [&](const GoldenVector& golden) { return !fits(golden); });
    if (dropped > 0) {
      Say(Counts(static_cast<int64_t>(dropped), "golden vector"), " that no longer fits left out");
    }
  }

  Model model_;
  const EditOptions& options_;
  const OpRegistry& registry_;
  std::vector<std::string> changes_;
  int64_t cast_tensors_ = 0;
  bool retype_ = false;
};

}  // namespace

absl::StatusOr<Edited> EditModel(Model model, const EditOptions& options,
                                 const OpRegistry& registry) {
  return Editor(std::move(model), options, registry).Run();
}

}  // namespace nomograph
