// What `nomo ops` prints, as text and as Markdown.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/report/op_doc.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

std::string PortKind(const OpDef& op, const Port& port) {
  switch (port.kind) {
    case Port::Kind::kRequired:
      return port.type;
    case Port::Kind::kOptional:
      return absl::StrCat(port.type, ", optional");
    case Port::Kind::kVariadic:
      break;
  }
  const bool is_input = !op.inputs.empty() && &port == &op.inputs.back();
  return absl::StrCat(port.type, ", ", is_input ? op.min_variadic : 1, " or more");
}

std::string PortsText(absl::string_view title, const OpDef& op, const std::vector<Port>& ports) {
  TextTable table({{""}, {""}, {""}});
  for (const Port& port : ports) table.AddRow({port.name, PortKind(op, port), port.doc});
  return ports.empty() ? "" : absl::StrCat("\n", title, "\n", table.ToString());
}

std::string TypesText(const OpDef& op) {
  TextTable table({{""}, {""}});
  for (const auto& [name, types] : op.type_vars) table.AddRow({name, types.ToString()});
  return op.type_vars.empty() ? "" : absl::StrCat("\nTypes\n", table.ToString());
}

std::string AttrsText(const OpDef& op) {
  TextTable table({{""}, {""}, {""}, {""}});
  for (const AttrDef& attr : op.attrs) {
    table.AddRow({attr.name, std::string(AttrTypeName(attr.type)), AttrRule(attr), attr.doc});
  }
  return op.attrs.empty() ? "" : absl::StrCat("\nAttributes\n", table.ToString());
}

// The name of the i-th input or output; those of a variadic port are numbered.
std::string PortName(const std::vector<Port>& ports, size_t i) {
  if (ports.empty()) return absl::StrCat(i);
  const Port& port = ports[std::min(i, ports.size() - 1)];
  return port.kind == Port::Kind::kVariadic
             ? absl::StrCat(port.name, "[", i - (ports.size() - 1), "]")
             : port.name;
}

std::string ExampleText(const OpDef& op) {
  const std::optional<Example> example = PickExample(op);
  if (!example) return "";
  TextTable table({{""}, {""}});
  for (size_t i = 0; i < example->inputs.size(); ++i) {
    if (example->inputs[i].valid())
      table.AddRow({PortName(op.inputs, i), example->inputs[i].ToString()});
  }
  for (const auto& [name, value] : example->attrs) table.AddRow({name, value.ToString()});
  for (const ExampleFunction& function : example->functions) {
    table.AddRow({function.attr, "a function"});
  }
  for (const auto& [name, value] : example->variables) {
    table.AddRow({absl::StrCat("variable ", Quoted(name)), value.ToString()});
  }
  for (size_t i = 0; i < example->outputs.size(); ++i) {
    if (example->outputs[i].valid()) {
      table.AddRow({absl::StrCat("-> ", PortName(op.outputs, i)), example->outputs[i].ToString()});
    }
  }
  return absl::StrCat("\nExample\n", table.ToString());
}

std::string FactsText(const OpRegistry& registry, const OpDef& op) {
  TextTable table({{""}, {""}}, 0);
  if (!op.source.empty()) table.AddRow({"source", op.source});
  const std::vector<std::string> known = OpKnownAs(op);
  if (!known.empty()) table.AddRow({"known as", absl::StrJoin(known, ", ")});
  const std::string python = OpPythonText(op);
  if (!python.empty()) table.AddRow({"in Python", python});
  table.AddRow({"effects", std::string(EffectsName(op.effects))});
  table.AddRow({"runs as", OpImplementations(op)});
  table.AddRow({"versions", absl::StrJoin(OpVersions(registry, op), ", ")});
  if (!registry.ProviderOf(op).empty()) table.AddRow({"provider", registry.ProviderOf(op)});
  return absl::StrCat("\n", table.ToString());
}

// For cells of Markdown tables.
std::string Cell(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}});
}

std::string PortsMarkdown(absl::string_view title, const OpDef& op,
                          const std::vector<Port>& ports) {
  if (ports.empty()) return "";
  std::string text = absl::StrCat("| ", title, " | type | |\n|---|---|---|\n");
  for (const Port& port : ports) {
    absl::StrAppend(&text, "| `", port.name, "` | ", PortKind(op, port), " | ", Cell(port.doc),
                    " |\n");
  }
  return text + "\n";
}

}  // namespace

std::string OpListText(const std::vector<const OpDef*>& ops) {
  std::string text;
  for (auto op = ops.begin(); op != ops.end();) {
    const std::string domain = OpDomain(**op);
    const auto end =
        std::find_if(op, ops.end(), [&](const OpDef* o) { return OpDomain(*o) != domain; });
    TextTable table({{""}, {""}});
    absl::StrAppend(&text, text.empty() ? "" : "\n", domain, " (", end - op, ")\n");
    for (; op != end; ++op) table.AddRow({(*op)->name, OpOneLine(**op)});
    text += table.ToString();
  }
  return text;
}

std::string OpListMarkdown(const std::vector<const OpDef*>& ops) {
  std::string text = "| op | |\n|---|---|\n";
  for (const OpDef* op : ops) {
    absl::StrAppend(&text, "| `", op->name, "` | ", Cell(OpOneLine(*op)), " |\n");
  }
  return text;
}

std::string OpText(const OpRegistry& registry, const OpDef& op) {
  return absl::StrCat(op.ToString(), "\n  ", OpSignature(op), "\n\n", op.doc, "\n",
                      PortsText("Inputs", op, op.inputs), PortsText("Outputs", op, op.outputs),
                      TypesText(op), AttrsText(op), ExampleText(op), FactsText(registry, op));
}

std::string OpMarkdown(const OpRegistry& registry, const OpDef& op) {
  std::string text =
      absl::StrCat("## ", op.name, "\n\n    ", OpSignature(op), "\n\n", op.doc, "\n\n",
                   PortsMarkdown("input", op, op.inputs), PortsMarkdown("output", op, op.outputs));
  if (!op.attrs.empty()) {
    absl::StrAppend(&text, "| attribute | type | | |\n|---|---|---|---|\n");
    for (const AttrDef& attr : op.attrs) {
      absl::StrAppend(&text, "| `", attr.name, "` | ", AttrTypeName(attr.type), " | ",
                      Cell(AttrRule(attr)), " | ", Cell(attr.doc), " |\n");
    }
    text += "\n";
  }
  for (const auto& [name, types] : op.type_vars) {
    absl::StrAppend(&text, "- `", name, "`: ", types.ToString(), "\n");
  }
  absl::StrAppend(&text, "- effects: ", EffectsName(op.effects),
                  "\n- runs as: ", OpImplementations(op),
                  "\n- versions: ", absl::StrJoin(OpVersions(registry, op), ", "), "\n");
  if (!op.source.empty()) absl::StrAppend(&text, "- source: ", op.source, "\n");
  const std::vector<std::string> known = OpKnownAs(op);
  if (!known.empty()) absl::StrAppend(&text, "- known as: ", absl::StrJoin(known, ", "), "\n");
  const std::string python = OpPythonText(op);
  if (!python.empty()) absl::StrAppend(&text, "- in Python: ", python, "\n");
  return text;
}

}  // namespace nomograph
