// Model::Summary(): the table that Keras' Model.summary() prints, in ASCII and as wide as its cells
// need. Names may be as long as a file: all rows would be, and so they are cut, as in errors.
#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// "54,410"
std::string WithSeparators(int64_t number) {
  std::string text = absl::StrCat(number);
  for (int i = static_cast<int>(text.size()) - 3; i > 0; i -= 3) text.insert(i, 1, ',');
  return text;
}

// "212.54 KB"
std::string ReadableSize(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KB", "MB", "GB", "TB", "PB"};
  double size = static_cast<double>(bytes);
  int unit = 0;
  for (; size >= 1024 && unit < 5; ++unit) size /= 1024;
  return absl::StrFormat("%.2f %s", size, kUnits[unit]);
}

// As Python writes a tuple: "(batch, 28, 28, 1)", "(batch,)". None is an unknown size without a
// name.
std::string ShapeText(const PartialShape& shape) {
  if (!shape.has_rank()) return "(...)";
  const auto format = [](std::string* out, const Dim& dim) {
    out->append(dim.known() || !dim.symbol().empty() ? dim.ToString() : "None");
  };
  return absl::StrCat("(", absl::StrJoin(shape.dims(), ", ", format),
                      shape.rank() == 1 ? ",)" : ")");
}

// A layer, or a node that no layer made.
struct Row {
  std::string name, type;
  std::vector<ValueId> outputs;
  std::vector<const Node*> nodes;
  std::set<const Weight*> weights;
  std::vector<std::string> sources;  // where its inputs come from, each once, as it is shown
};

// The rows of a model, in the order of their first nodes; those of inputs come first. Constants
// have none.
class Rows {
 public:
  explicit Rows(const Model& model) : model_(model) {
    CollectRows();
    CollectWeights();
    CollectSources();
  }

  const std::vector<Row>& rows() const { return rows_; }
  // Whether each row has one source and is the source of one other, so that the order says it all.
  bool IsChain() const {
    if (model_.graph.inputs.size() > 1) return false;
    std::set<std::string> used;
    for (const Row& row : rows_) {
      if (row.sources.size() > 1) return false;
      for (const std::string& source : row.sources) {
        if (!used.insert(source).second) return false;
      }
    }
    return true;
  }

 private:
  static std::string OutermostLayer(const std::string& name) {
    return name.substr(0, name.find('/'));
  }

  void CollectRows() {
    absl::flat_hash_map<std::string, const LayerInfo*> layers;
    for (const LayerInfo& layer : model_.layers) {
      layers[layer.name] = &layer;
      if (layer.class_name == "InputLayer") AddRow({layer.name, layer.class_name, layer.outputs});
    }
    for (const Node& node : model_.graph.nodes) {
      const auto layer = layers.find(OutermostLayer(node.layer));
      if (layer == layers.end()) {
        if (node.op != "core.Constant") AddRow({node.name, node.op, node.outputs, {&node}});
        continue;
      }
      auto row = row_of_layer_.find(layer->first);
      if (row == row_of_layer_.end()) {
        const LayerInfo& info = *layer->second;
        const std::string names = info.class_name == "Lambda" ? absl::StrCat(": ", node.op) : "";
        AddRow({info.name, info.class_name + names, info.outputs});
        row = row_of_layer_.emplace(info.name, rows_.size() - 1).first;
      }
      rows_[row->second].nodes.push_back(&node);
    }
  }

  void AddRow(Row row) { rows_.push_back(std::move(row)); }

  // A weight belongs to the layer in whose name it is, else to the row that uses it first.
  void CollectWeights() {
    absl::flat_hash_map<ValueId, const Weight*> free;
    for (const Weight& weight : model_.graph.weights) {
      const auto layer = row_of_layer_.find(OutermostLayer(model_.graph.values[weight.value].name));
      if (layer != row_of_layer_.end()) {
        rows_[layer->second].weights.insert(&weight);
      } else {
        free[weight.value] = &weight;
      }
    }
    std::set<std::string> counted;
    for (Row& row : rows_) {
      for (const Node* node : row.nodes) {
        for (const ValueId input : node->inputs) {
          if (const auto weight = free.find(input); weight != free.end()) {
            row.weights.insert(weight->second);
            free.erase(weight);
          }
        }
        AddWeightsOfFunctions(*node, row, counted);
      }
    }
  }

  // A work list, because the depth comes from a file.
  void AddWeightsOfFunctions(const Node& node, Row& row, std::set<std::string>& counted) {
    std::vector<const Node*> waiting = {&node};
    while (!waiting.empty()) {
      const Node* next = waiting.back();
      waiting.pop_back();
      for (const std::string& name : NamedFunctions(*next)) {
        const auto function = model_.functions.find(name);
        if (function == model_.functions.end() || !counted.insert(name).second) continue;
        for (const Weight& weight : function->second.graph.weights) row.weights.insert(&weight);
        for (const Node& inner : function->second.graph.nodes) waiting.push_back(&inner);
      }
    }
  }

  void CollectSources() {
    absl::flat_hash_map<ValueId, std::string> labels;
    for (const ValueId input : model_.graph.inputs) {
      labels[input] = Shown(model_.graph.values[input].name);
    }
    for (const Row& row : rows_) {
      const std::string shown = Shown(row.name);
      for (const Node* node : row.nodes) {
        for (const ValueId output : node->outputs) labels[output] = shown;
      }
      for (size_t i = 0; i < row.outputs.size(); ++i) {
        labels[row.outputs[i]] = row.outputs.size() == 1 ? shown : absl::StrCat(shown, "[", i, "]");
      }
    }
    for (Row& row : rows_) AddSources(labels, row);
  }

  static void AddSources(const absl::flat_hash_map<ValueId, std::string>& labels, Row& row) {
    absl::flat_hash_set<ValueId> inside;
    absl::flat_hash_set<absl::string_view> seen;
    for (const Node* node : row.nodes) inside.insert(node->outputs.begin(), node->outputs.end());
    for (const Node* node : row.nodes) {
      for (const ValueId input : node->inputs) {
        const auto label = labels.find(input);
        if (input == kNoValue || label == labels.end() || inside.contains(input)) continue;
        if (seen.insert(label->second).second) row.sources.push_back(label->second);
      }
    }
  }

  const Model& model_;
  std::vector<Row> rows_;
  absl::flat_hash_map<std::string, size_t> row_of_layer_;
};

// A cell has a line or more.
using Cell = std::vector<std::string>;

bool ContinuesCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// In characters of UTF-8 text.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !ContinuesCharacter(c); }));
}

// In at most `width` characters: the middle becomes "…", and the end, with the type, is kept
// longer.
std::string Cut(const std::string& text, size_t width) {
  const size_t all = Width(text);
  if (all <= width) return text;
  const size_t head = (width - 1) * 2 / 5, tail = all - (width - 1 - head);
  std::string cut;
  size_t place = 0;  // of the character that ends
  for (const char c : text) {
    if (!ContinuesCharacter(c) && ++place == head + 1) cut += "…";
    if (place <= head || place > tail) cut += c;
  }
  return cut;
}

struct Column {
  const char* title;
  size_t width;  // at least
  bool right = false;
  size_t needed = 0;  // for what it holds
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {
    for (Column& column : columns_) {
      column.needed = 2 + std::string(column.title).size();
      column.width = std::max(column.width, column.needed);
    }
  }

  void Add(std::vector<Cell> row) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      for (std::string& line : row[i]) {
        line = Shown(line);
        columns_[i].needed = std::max(columns_[i].needed, 2 + Width(line));
        columns_[i].width = std::max(columns_[i].width, columns_[i].needed);
      }
    }
    rows_.push_back(std::move(row));
  }

  // Narrows the columns of text: to what they hold, then the widest first.
  void Fit(size_t line_length) {
    constexpr size_t kLeast = 12;
    size_t width = 0;
    for (const Column& column : columns_) width += column.width;
    while (width > line_length) {
      Column* widest = nullptr;
      for (Column& column : columns_) {
        const auto room = [](const Column& c) {
          return std::pair(c.width - std::min(c.width, c.needed), c.width);
        };
        if (!column.right && (widest == nullptr || room(column) > room(*widest))) widest = &column;
      }
      if (widest->width <= kLeast) return;
      --widest->width;
      --width;
    }
  }

  std::string Rule(char c) const {
    size_t width = 0;
    for (const Column& column : columns_) width += column.width;
    return std::string(width, c) + "\n";
  }

  std::string ToString() const {
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.push_back({column.title});
    std::string text = absl::StrCat(Rule('_'), Line(titles, 0), Rule('='));
    for (const std::vector<Cell>& row : rows_) {
      size_t height = 1;
      for (const Cell& cell : row) height = std::max(height, cell.size());
      for (size_t i = 0; i < height; ++i) text += Line(row, i);
    }
    return text + Rule('=');
  }

 private:
  // The first column begins, and the others are parted, by a space at least.
  std::string Line(const std::vector<Cell>& row, size_t index) const {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const size_t width = columns_[i].width - 1;
      const std::string text = Cut(index < row[i].size() ? row[i][index] : "", width - 1);
      const std::string space(width - std::min(width, Width(text)), ' ');
      columns_[i].right ? absl::StrAppend(&line, space, text, " ")
                        : absl::StrAppend(&line, " ", text, space);
    }
    return absl::StrCat(absl::StripTrailingAsciiWhitespace(line), "\n");
  }

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

struct Size {
  int64_t elements = 0, bytes = 0;
  void Add(const Tensor& tensor) {
    elements += tensor.num_elements();
    bytes += tensor.num_bytes();
  }
  std::string ToString() const {
    return absl::StrCat(WithSeparators(elements), " (", ReadableSize(bytes), ")\n");
  }
};

Cell ShapeCell(const Model& model, const Row& row) {
  Cell cell;
  for (const ValueId id : row.outputs) {
    cell.push_back(id == kNoValue ? "-" : ShapeText(model.graph.values[id].type.shape));
  }
  if (cell.empty()) return {"?"};
  if (cell.size() == 1) return cell;
  for (size_t i = 0; i < cell.size(); ++i) {
    cell[i] = absl::StrCat(i == 0 ? "[" : " ", cell[i], i + 1 == cell.size() ? "]" : ",");
  }
  return cell;
}

Cell SourcesCell(const Row& row) {
  Cell cell = row.sources;
  if (cell.empty()) return {"-"};
  for (size_t i = 0; i + 1 < cell.size(); ++i) cell[i] += ",";
  return cell;
}

std::string Totals(const Model& model) {
  Size trainable, other, total, state;
  const auto add = [&](const Graph& graph) {
    for (const Weight& weight : graph.weights) {
      (weight.trainable ? trainable : other).Add(weight.tensor);
      total.Add(weight.tensor);
    }
  };
  add(model.graph);
  for (const auto& [name, function] : model.functions) add(function.graph);
  for (const Variable& variable : model.variables) state.Add(variable.initial);
  std::string text =
      absl::StrCat(" Total params: ", total.ToString(), " Trainable params: ", trainable.ToString(),
                   " Non-trainable params: ", other.ToString());
  if (!model.variables.empty()) absl::StrAppend(&text, " State variables: ", state.ToString());
  return text;
}

}  // namespace

std::string Model::Summary() const { return Summary(std::numeric_limits<int>::max()); }

std::string Model::Summary(int line_length) const {
  const Rows rows(*this);
  const bool chain = rows.IsChain();
  const char* what = layers.empty() ? "Node (op)" : "Layer (type)";
  // The widths are Keras'.
  Table table(
      chain ? std::vector<Column>{{what, 29}, {"Output Shape", 26}, {"Param #", 10, true}}
            : std::vector<Column>{
                  {what, 32}, {"Output Shape", 21}, {"Param #", 12, true}, {"Connected to", 33}});
  for (const Row& row : rows.rows()) {
    Size size;
    for (const Weight* weight : row.weights) size.Add(weight->tensor);
    std::vector<Cell> cells = {{absl::StrCat(row.name, " (", row.type, ")")},
                               ShapeCell(*this, row),
                               {WithSeparators(size.elements)}};
    if (!chain) cells.push_back(SourcesCell(row));
    table.Add(std::move(cells));
  }
  table.Fit(static_cast<size_t>(std::max(line_length, 60)));
  return absl::StrCat("Model: ", Quoted(name), "\n", table.ToString(), Totals(*this),
                      table.Rule('_'));
}

}  // namespace nomograph
