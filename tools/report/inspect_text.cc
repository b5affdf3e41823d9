// What `nomo inspect` prints.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/report/inspect_print.h"
#include "nomograph/tools/report/node_text.h"
#include "nomograph/tools/report/stats_text.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

std::string Heading(absl::string_view title, int64_t count) {
  return absl::StrCat("\n", title, " (", WithSeparators(count), ")\n");
}

std::string ValuesText(absl::string_view title, const Graph& graph,
                       const std::vector<ValueId>& ids) {
  TextTable table({{""}, {""}, {""}});
  for (const ValueId id : ids) {
    const ValueInfo& value = graph.value(id);
    table.AddRow({value.name, value.type.ToString(), value.doc});
  }
  return absl::StrCat(Heading(title, static_cast<int64_t>(ids.size())), table.ToString());
}

std::string NodesTable(const Graph& graph, const NodeText& text, int indent) {
  std::vector<int> shown;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!text.IsInlined(graph.nodes[n])) shown.push_back(static_cast<int>(n));
  }
  return text.Table(shown, indent);
}

std::string NodesText(const Graph& graph, bool all) {
  const NodeText text(graph, OpRegistry::Default(), all);
  const int64_t inlined = std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                        [&](const Node& node) { return text.IsInlined(node); });
  std::string heading = Heading("Nodes", static_cast<int64_t>(graph.nodes.size()));
  if (inlined > 0) {
    heading.insert(heading.size() - 2, absl::StrCat("; ", Counted(inlined, "constant"), " where ",
                                                    inlined == 1 ? "it is" : "they are", " used"));
  }
  return heading + NodesTable(graph, text, 2);
}

std::string FunctionsText(const Model& model, bool all) {
  std::string text = Heading("Functions", static_cast<int64_t>(model.functions.size()));
  const auto signature = [](const Graph& graph, const std::vector<ValueId>& ids) {
    return absl::StrJoin(ids, ", ", [&](std::string* out, ValueId id) {
      absl::StrAppend(out, graph.value(id).name, " ", graph.value(id).type.ToString());
    });
  };
  for (const auto& [name, function] : model.functions) {
    const Graph& graph = function.graph;
    text += Paragraph(absl::StrCat("@", Escape(name), "(", Escape(signature(graph, graph.inputs)),
                                   ") -> ", Escape(signature(graph, graph.outputs))),
                      2);
    text += NodesTable(graph, NodeText(graph, OpRegistry::Default(), all), 4);
  }
  return text;
}

std::string LambdasText(const ModelReport& report) {
  TextTable table({{"node"}, {"op"}, {"here"}});
  for (const LambdaReport& lambda : report.lambdas) {
    const Resolution& r = lambda.resolution;
    table.AddRow({r.function.empty() ? r.node : absl::StrCat("@", r.function, ": ", r.node),
                  absl::StrCat(r.op, " v", r.version), ResolutionText(lambda)});
  }
  return Heading("Lambdas", static_cast<int64_t>(report.lambdas.size())) + table.ToString();
}

const char* KindName(TensorReport::Kind kind) {
  switch (kind) {
    case TensorReport::Kind::kTrainable:
      return "weight";
    case TensorReport::Kind::kFrozen:
      return "frozen";
    case TensorReport::Kind::kConstant:
      return "constant";
    case TensorReport::Kind::kVariable:
      break;
  }
  return "variable";
}

std::vector<std::string> StatsCells(const TensorStats& stats) {
  std::vector<std::string> cells;
  for (const double v : {stats.min, stats.max, stats.mean, stats.stddev}) {
    cells.push_back(absl::StrFormat("%.4g", v));
  }
  for (const int64_t n : {stats.zeros, stats.nans, stats.infinities}) {
    cells.push_back(WithSeparators(n));
  }
  return cells;
}

std::string TensorsText(const ModelReport& report) {
  using Column = TextTable::Column;
  std::vector<Column> columns = {{"name"}, {"kind"}, {"type"}, {"size", true}, {"at byte", true}};
  const bool stats = !report.tensors.empty() && report.tensors[0].stats.has_value();
  // So many columns fit no terminal: there the statistics stand below.
  const bool below = stats && OutputStyle().width > 0;
  if (stats && !below) {
    for (const char* title : {"min", "max", "mean", "std", "zeros", "nan", "inf"}) {
      columns.push_back({title, true});
    }
    columns.push_back({"histogram"});
  }
  TextTable table(columns);
  for (const TensorReport& t : report.tensors) {
    std::vector<std::string> cells = {
        t.function.empty() ? t.name : absl::StrCat("@", t.function, ": ", t.name), KindName(t.kind),
        t.tensor.type().ToString(), ReadableBytes(t.tensor.num_bytes()),
        t.offset ? WithSeparators(*t.offset) : "inline"};
    if (t.stats && !below) {
      for (std::string& cell : StatsCells(*t.stats)) cells.push_back(std::move(cell));
      cells.push_back(HistogramText(ComputeHistogram(t.tensor, *t.stats)));
    }
    table.AddRow(std::move(cells));
    if (below) table.AddNote(StatsLine(t.tensor));
  }
  return Heading("Tensors", static_cast<int64_t>(report.tensors.size())) + table.ToString();
}

std::string GoldenText(const Model& model) {
  TextTable table({{""}, {""}});
  for (const GoldenVector& golden : model.golden_vectors) {
    std::vector<std::string> parts;
    for (const auto& [name, tensor] : golden.inputs) {
      parts.push_back(absl::StrCat(name, " ", tensor.type().ToString()));
    }
    std::string text = absl::StrCat(absl::StrJoin(parts, ", "), " -> ");
    parts.clear();
    for (const auto& [name, output] : golden.outputs) {
      parts.push_back(absl::StrFormat("%s %s within %g + %g * |expected|", name,
                                      output.expected.type().ToString(), output.atol, output.rtol));
    }
    absl::StrAppend(&text, absl::StrJoin(parts, ", "));
    if (golden.training) {
      absl::StrAppend(&text, ", training, seed ", golden.seed, ", step ", golden.step);
    }
    table.AddRow({golden.name, text});
  }
  return Heading("Golden vectors", static_cast<int64_t>(model.golden_vectors.size())) +
         table.ToString();
}

// " of Keras 2.2.4 in HDF5"
std::string KerasFormText(const keras::KerasImportReport& report) {
  return absl::StrCat(" of Keras",
                      report.keras_version.empty() ? "" : absl::StrCat(" ", report.keras_version),
                      ", ", keras::ContainerName(report.container));
}

std::string FactsText(const ModelReport& report) {
  const ModelFile& file = *report.file;
  const Model& model = file.model;
  const ParameterCount count = CountParameters(model);
  TextTable table({{""}, {""}}, 0);
  table.AddRow({"file", absl::StrCat(file.path, ", ", ReadableBytes(file.bytes),
                                     file.form == ModelForm::kText ? " of text" : "",
                                     file.form == ModelForm::kOnnx ? " of ONNX"
                                     : file.keras                  ? KerasFormText(*file.keras)
                                                  : absl::StrCat(", format version ",
                                                                 file.format_version))});
  table.AddRow(
      {"model",
       absl::StrCat(Quoted(model.name),
                    model.producer.empty() ? "" : absl::StrCat(", written by ", model.producer))});
  if (!model.doc.empty()) table.AddRow({"", model.doc});
  table.AddRow({"parameters",
                absl::StrCat(WithSeparators(count.total()),
                             count.other == 0 ? ""
                                              : absl::StrCat(" (", WithSeparators(count.trainable),
                                                             " trainable)"),
                             ", ", ReadableBytes(report.tensor_bytes), " of tensors")});
  table.AddRow({"semantic hash", report.semantic_hash.empty()
                                     ? "not computed for a model of this size without --stats"
                                     : report.semantic_hash});
  return table.ToString();
}

// What became of each Lambda, with its function in source-like form.
std::string KerasText(const keras::KerasImportReport& report) {
  return Heading("Functions and classes of the Keras file",
                 static_cast<int64_t>(report.lambdas.size())) +
         keras::ReportText(report);
}

std::string MetadataText(const Model& model) {
  TextTable table({{""}, {""}});
  for (const auto& [key, value] : model.metadata) table.AddRow({key, value});
  return Heading("Metadata", static_cast<int64_t>(model.metadata.size())) + table.ToString();
}

}  // namespace

std::string InspectText(const ModelReport& report, const InspectSections& sections) {
  const Model& model = report.file->model;
  const Graph& graph = model.graph;
  std::string text;
  if (sections.facts) text = FactsText(report);
  if (sections.io) {
    text += ValuesText("Inputs", graph, graph.inputs) + ValuesText("Outputs", graph, graph.outputs);
  }
  if (sections.nodes) text += NodesText(graph, sections.all);
  // Among others a part that is empty is left out.
  const auto shows = [&](bool wanted, bool empty) { return wanted && !(empty && sections.facts); };
  if (shows(sections.lambdas, report.lambdas.empty())) text += LambdasText(report);
  const auto& keras = report.file->keras;
  if (sections.lambdas && keras && (!keras->lambdas.empty() || !keras->warnings.empty()))
    text += KerasText(*keras);
  if (shows(sections.functions, model.functions.empty()))
    text += FunctionsText(model, sections.all);
  if (shows(sections.tensors, report.tensors.empty())) text += TensorsText(report);
  if (shows(sections.golden, model.golden_vectors.empty())) text += GoldenText(model);
  if (shows(sections.metadata, model.metadata.empty())) text += MetadataText(model);
  // A part by itself has no other to stand apart from.
  return sections.facts ? text : text.substr(1);
}

}  // namespace nomograph
