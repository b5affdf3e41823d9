#include "nomograph/tools/report/node_text.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/text/tensor_text.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

constexpr int64_t kMaxInlined = 8;  // elements

// "3", "[1, 2]"; shapes of more axes do not show.
std::string ElementsText(const Tensor& tensor) {
  std::vector<std::string> elements;
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    elements.push_back(ElementText(tensor, i));
  }
  const std::string joined = absl::StrJoin(elements, ", ");
  return tensor.shape().rank() == 0 ? joined : absl::StrCat("[", joined, "]");
}

std::string PortName(const std::vector<Port>& ports, size_t index) {
  if (ports.empty()) return "";
  const size_t at = std::min(index, ports.size() - 1);
  if (at != index && ports[at].kind != Port::Kind::kVariadic) return "";
  if (ports[at].kind != Port::Kind::kVariadic) return ports[at].name;
  return absl::StrCat(ports[at].name, "[", index - at, "]");
}

// How much of the beginning of `name` are scopes that `other` has, too.
size_t SharedScope(absl::string_view name, absl::string_view other) {
  size_t shared = 0;
  for (size_t i = 0; i < std::min(name.size(), other.size()) && name[i] == other[i]; ++i) {
    if (name[i] == '/') shared = i + 1;
  }
  return shared;
}

}  // namespace

NodeText::NodeText(const Graph& graph, const OpRegistry& registry, bool all)
    : graph_(graph), registry_(registry), all_(all) {
  for (const Node& node : graph.nodes) {
    if (all || node.op != "core.Constant" || node.outputs.size() != 1) continue;
    const AttrValue* value = node.attrs.Find("value");
    const Tensor* tensor = value == nullptr ? nullptr : value->As<Tensor>();
    if (tensor == nullptr || tensor->num_elements() > kMaxInlined || tensor->shape().rank() > 1) {
      continue;
    }
    if (node.outputs[0] != kNoValue) constants_[node.outputs[0]] = ElementsText(*tensor);
  }
  // Weights that are numbers rather than anything learnt: indices, sizes, factors.
  for (const Weight& weight : graph.weights) {
    const Tensor& tensor = weight.tensor;
    const int most_axes = kFloats.Contains(tensor.dtype()) ? 0 : 1;
    if (weight.trainable || tensor.num_elements() > kMaxInlined ||
        tensor.shape().rank() > most_axes) {
      continue;
    }
    constants_[weight.value] = ElementsText(tensor);
  }
  // What leaves the graph is to be seen as a node.
  for (const ValueId output : graph.outputs) constants_.erase(output);
  if (all) return;
  constexpr int kOften = 4;
  struct Use {
    const AttrValue* value;
    int count = 0;
    bool same = true;
  };
  std::map<std::string, Use> uses;
  for (const Node& node : graph.nodes) {
    for (const auto& [name, value] : node.attrs) {
      if (value.As<std::string>() == nullptr) continue;
      Use& use = uses.try_emplace(name, Use{&value}).first->second;
      ++use.count;
      use.same = use.same && *use.value == value;
    }
  }
  for (const auto& [name, use] : uses) {
    if (use.same && use.count >= kOften) common_.emplace(name, *use.value);
  }
}

std::string NodeText::Common() const {
  return absl::StrJoin(common_, ", ", [](std::string* out, const auto& attr) {
    absl::StrAppend(out, attr.first, "=", attr.second.ToString());
  });
}

bool NodeText::IsInlined(const Node& node) const {
  return node.op == "core.Constant" && node.outputs.size() == 1 &&
         constants_.contains(node.outputs[0]);
}

std::string NodeText::ConstantText(ValueId value) const {
  const auto found = constants_.find(value);
  return found == constants_.end() ? "" : found->second;
}

std::string NodeText::Inputs(const Node& node) const {
  const OpDef* op = constants_.empty() ? nullptr : registry_.Find(node.op, node.version);
  std::vector<std::string> inputs;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    if (id == kNoValue) {
      inputs.push_back("-");
      continue;
    }
    if (const std::string constant = ConstantText(id); !constant.empty()) {
      const std::string port = op == nullptr ? "" : PortName(op->inputs, i);
      inputs.push_back(port.empty() ? constant : absl::StrCat(port, "=", constant));
      continue;
    }
    const std::string& name = graph_.value(id).name;
    const size_t shared = OutputStyle().width > 0 ? SharedScope(name, node.name) : 0;
    inputs.push_back(shared > 4 ? absl::StrCat("…/", name.substr(shared)) : name);
  }
  while (!inputs.empty() && inputs.back() == "-") inputs.pop_back();
  return absl::StrJoin(inputs, ", ");
}

std::string NodeText::Outputs(const Node& node) const {
  return absl::StrJoin(node.outputs, ", ", [&](std::string* out, ValueId id) {
    if (id == kNoValue) {
      out->append("-");
      return;
    }
    const ValueInfo& value = graph_.value(id);
    const bool from_node = value.name == node.name ||
                           (!all_ && absl::StartsWith(value.name, absl::StrCat(node.name, "_")));
    absl::StrAppend(out, from_node ? "" : value.name + " ", value.type.ToString());
  });
}

std::string NodeText::Attributes(const Node& node, bool with_common) const {
  const OpDef* op = registry_.Find(node.op, node.version);
  std::vector<std::string> texts;
  for (const auto& [name, value] : node.attrs) {
    if (!with_common && common_.contains(name)) continue;
    const AttrDef* def = op == nullptr || all_ ? nullptr : op->FindAttr(name);
    if (def != nullptr && def->default_value && *def->default_value == value) continue;
    // A list of ones, where none given means ones: "strides", "dilations".
    const auto* list = value.As<std::vector<int64_t>>();
    if (def != nullptr && list != nullptr && absl::StrContains(def->doc, "none given: 1") &&
        std::all_of(list->begin(), list->end(), [](int64_t v) { return v == 1; })) {
      continue;
    }
    texts.push_back(absl::StrCat(name, "=", value.ToString()));
  }
  return absl::StrJoin(texts, ", ");
}

std::string NodeText::InputPort(const Node& node, size_t index) const {
  const OpDef* op = registry_.Find(node.op, node.version);
  return op == nullptr ? "" : PortName(op->inputs, index);
}

std::string NodeText::OutputPort(const Node& node, size_t index) const {
  const OpDef* op = registry_.Find(node.op, node.version);
  return op == nullptr ? "" : PortName(op->outputs, index);
}

std::string NodeText::Table(absl::Span<const int> nodes, int indent, bool with_common) const {
  // Where four columns would be slivers, inputs stand below.
  constexpr size_t kRoomy = 120;
  const bool narrow = OutputStyle().width > 0 && OutputStyle().width < kRoomy;
  std::vector<TextTable::Column> columns = {{"name"}, {"op"}};
  if (!narrow) columns.push_back({"inputs", false, /*wrap=*/true});
  columns.push_back({"output", false, /*wrap=*/true});
  TextTable table(columns, indent);
  for (const int n : nodes) {
    const Node& node = graph_.nodes[n];
    const std::string version = node.version == 1 ? "" : absl::StrCat(" v", node.version);
    std::vector<std::string> cells = {node.name, absl::StrCat(node.op, version)};
    if (!narrow) cells.push_back(Inputs(node));
    cells.push_back(Outputs(node));
    table.AddRow(std::move(cells));
    std::string inputs = narrow ? Inputs(node) : "", attrs = Attributes(node, with_common);
    if (!inputs.empty() && !attrs.empty()) inputs += "; ";
    if (!(inputs + attrs).empty()) table.AddNote(inputs + attrs);
    if (!node.doc.empty()) table.AddNote(node.doc);
  }
  const std::string common = with_common ? "" : Common();
  if (common.empty()) return table.ToString();
  return absl::StrCat(Paragraph(absl::StrCat("everywhere ", Escape(common)), indent),
                      table.ToString());
}

}  // namespace nomograph
