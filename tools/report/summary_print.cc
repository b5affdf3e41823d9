#include "nomograph/tools/report/summary_print.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/compile/memory_needs.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/keras/keras_file.h"
#include "nomograph/tools/report/import_print.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

std::string FormText(const ModelFile& file) {
  switch (file.form) {
    case ModelForm::kOnnx:
      return "ONNX";
    case ModelForm::kText:
      return "text form";
    case ModelForm::kKeras: {
      const std::string& version = file.keras->keras_version;
      const std::string of = version.empty() ? "Keras" : absl::StrCat("Keras ", Escape(version));
      return absl::StrCat(of, ", ", keras::ContainerName(file.keras->container));
    }
    case ModelForm::kBinary:
      break;
  }
  return absl::StrCat("format version ", file.format_version);
}

std::string HeadText(const ModelFile& file) {
  const Model& model = file.model;
  std::vector<std::string> facts = {FormText(file)};
  if (!model.producer.empty()) facts.push_back(absl::StrCat("by ", Escape(model.producer)));
  facts.push_back(ReadableBytes(file.bytes));
  TextTable table({{""}, {""}, {"", false, /*wrap=*/true}});
  const auto add = [&](absl::string_view what, const std::vector<ValueId>& ids) {
    for (const ValueId id : ids) {
      const ValueInfo& value = model.graph.value(id);
      table.AddRow({std::string(what), value.name, value.type.ToString()});
    }
  };
  add("input", model.graph.inputs);
  add("output", model.graph.outputs);
  return absl::StrCat("Model: ", Quoted(model.name), ", ", absl::StrJoin(facts, ", "), "\n",
                      table.ToString());
}

std::string NameOf(const ScopeRow& row) {
  std::string name(2 * (row.depth - 1), ' ');
  absl::StrAppend(&name, row.name, row.is_scope ? "/" : "");
  // The name of a repeat may say how often already.
  const std::string times = absl::StrCat("×", row.repeats);
  if (row.repeats > 1 && name.find(times) == std::string::npos) absl::StrAppend(&name, " ", times);
  return name;
}

std::string RowsText(const ModelSummary& summary) {
  using Column = TextTable::Column;
  std::vector<Column> columns = {{"scope"}, {"nodes", true}, {"output"}, {"params", true}};
  if (summary.costs) {
    columns.push_back({"MACs", true});
    columns.push_back({"writes", true});
  }
  TextTable table(columns);
  for (const ScopeRow& row : summary.rows) {
    std::vector<std::string> cells = {NameOf(row), WithSeparators(row.nodes),
                                      row.output ? row.output->shape.ToString() : "",
                                      WithSeparators(row.parameters)};
    if (summary.costs) {
      const std::string mark = row.cost.open ? "+" : "";
      cells.push_back(ReadableCount(row.cost.macs) + mark);
      cells.push_back(ReadableBytes(row.cost.bytes_written) + mark);
    }
    table.AddRow(std::move(cells));
  }
  return table.ToString();
}

std::string OpsText(const ModelSummary& summary) {
  return absl::StrJoin(summary.ops, ", ", [](std::string* out, const auto& op) {
    absl::StrAppend(out, op.second, "×", Escape(op.first));
  });
}

std::string CostsText(const Model& model, const ModelSummary& summary) {
  if (!summary.costs) {
    return absl::StrCat("not known: ", Escape(summary.costs_status.message()),
                        summary.costs_status.code() == absl::StatusCode::kInvalidArgument
                            ? "; give sizes with --shape"
                            : "");
  }
  const ModelCosts& costs = *summary.costs;
  std::vector<std::string> sizes;
  for (size_t i = 0; i < summary.inputs.size(); ++i) {
    sizes.push_back(absl::StrCat(Escape(model.graph.value(model.graph.inputs[i]).name), " ",
                                 summary.inputs[i].shape.ToString()));
  }
  std::string text = absl::StrCat(ReadableCount(costs.total.macs), " MACs, ",
                                  ReadableBytes(costs.activation_bytes), " of activations, ",
                                  ReadableBytes(costs.peak_bytes), " of them at one time, for ",
                                  absl::StrJoin(sizes, ", "));
  if (costs.open_nodes > 0) {
    absl::StrAppend(&text, "; at least: sizes of ", Counted(costs.open_nodes, "node"),
                    " are not known");
  }
  if (costs.has_loops) absl::StrAppend(&text, "; of loops one iteration counts");
  return text;
}

std::string TotalsText(const ModelFile& file, const ModelSummary& summary, bool layers) {
  TextTable table({{""}, {"", false, /*wrap=*/true}}, 0);
  table.AddRow(
      {"nodes", absl::StrCat(WithSeparators(summary.nodes),
                             summary.function_nodes == 0
                                 ? ""
                                 : absl::StrCat(", and ", WithSeparators(summary.function_nodes),
                                                " in functions"))});
  table.AddRow({"ops", OpsText(summary)});
  if (!layers) {
    const std::string stored = ReadableBytes(summary.stored_bytes);
    const std::string all = ReadableBytes(summary.tensor_bytes);
    table.AddRow({"parameters",
                  absl::StrCat(WithSeparators(summary.parameters.total()), "; ", all, " of tensors",
                               stored == all ? "" : absl::StrCat(", ", stored, " stored"))});
  }
  table.AddRow({"costs", CostsText(file.model, summary)});
  if (file.onnx) {
    const std::vector<std::string> lines = ImportLines(*file.onnx, /*types=*/false);
    if (!lines.empty()) table.AddRow({"import", absl::StrJoin(lines, "; ")});
  }
  for (const std::string& line : ValuesThatDoNotFit(file.model.graph)) {
    table.AddRow({"cannot run here", line});
  }
  return table.ToString();
}

}  // namespace

std::string SummaryText(const ModelFile& file, const ModelSummary& summary, bool layers) {
  if (layers) {
    const size_t width = OutputStyle().width;
    const std::string table =
        width > 0 ? file.model.Summary(static_cast<int>(width)) : file.model.Summary();
    return absl::StrCat(table, "\n", TotalsText(file, summary, layers));
  }
  return absl::StrCat(HeadText(file), "\n", RowsText(summary), "\n",
                      TotalsText(file, summary, layers));
}

nlohmann::ordered_json SummaryJson(const ModelFile& file, const ModelSummary& summary) {
  const auto values = [&](const std::vector<ValueId>& ids) {
    Json list = Json::array();
    for (const ValueId id : ids) {
      const ValueInfo& value = file.model.graph.value(id);
      Json item = {{"name", value.name}};
      item.update(TypeJson(value.type));
      list.push_back(std::move(item));
    }
    return list;
  };
  Json json = {
      {"schema", "nomograph.summary.1"},
      {"file", {{"path", file.path}, {"form", ModelFormName(file.form)}, {"bytes", file.bytes}}},
      {"name", file.model.name},
      {"inputs", values(file.model.graph.inputs)},
      {"outputs", values(file.model.graph.outputs)},
      {"nodes", summary.nodes},
      {"function_nodes", summary.function_nodes},
      {"trainable_parameters", summary.parameters.trainable},
      {"other_parameters", summary.parameters.other},
      {"tensor_bytes", summary.tensor_bytes},
      {"stored_bytes", summary.stored_bytes}};
  Json ops = Json::object();
  for (const auto& [op, count] : summary.ops) ops[op] = count;
  json["ops"] = std::move(ops);
  json["costs"] = nullptr;
  if (summary.costs) {
    const ModelCosts& costs = *summary.costs;
    Json sizes = Json::object();
    for (size_t i = 0; i < summary.inputs.size(); ++i) {
      sizes[file.model.graph.value(file.model.graph.inputs[i]).name] =
          ShapeJson(summary.inputs[i].shape);
    }
    json["costs"] = {{"inputs", std::move(sizes)},
                     {"macs", costs.total.macs},
                     {"bytes_read", costs.total.bytes_read},
                     {"bytes_written", costs.total.bytes_written},
                     {"activation_bytes", costs.activation_bytes},
                     {"peak_bytes", costs.peak_bytes},
                     {"nodes_of_open_size", costs.open_nodes},
                     {"loops_counted_once", costs.has_loops}};
  }
  if (file.onnx) json["import"] = ImportJson(*file.onnx);
  json["depth"] = summary.depth;
  Json rows = Json::array();
  for (const ScopeRow& row : summary.rows) {
    Json item = {{"name", row.name},       {"depth", row.depth}, {"scope", row.is_scope},
                 {"repeats", row.repeats}, {"nodes", row.nodes}, {"parameters", row.parameters}};
    if (summary.costs) {
      item["macs"] = row.cost.macs;
      item["bytes_written"] = row.cost.bytes_written;
    }
    rows.push_back(std::move(item));
  }
  json["rows"] = std::move(rows);
  return json;
}

}  // namespace nomograph
