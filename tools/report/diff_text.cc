// A summary by kinds, then what differs, each thing in the order of the files, its edits below it.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/report/diff_print.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

struct Look {
  const char* mark;
  std::optional<Color> color;
};

Look LookOf(Change change) {
  switch (change) {
    case Change::kSame:
      return {" ", std::nullopt};
    case Change::kRenamed:
      return {"=", Color::kBlue};
    case Change::kChanged:
      return {"~", Color::kYellow};
    case Change::kAdded:
      return {"+", Color::kGreen};
    case Change::kRemoved:
      return {"-", Color::kRed};
    case Change::kFolded:
      return {">", Color::kBlue};
  }
  return {" ", std::nullopt};
}

// One thing that differs.
struct Entry {
  Change change;
  std::string name, kind, remark;
  std::vector<Edit> edits;
  int64_t alike = 0;  // others of this kind with the same edits
};

// One of those that differ in the same way stands for all.
std::vector<Entry> JoinAlike(std::vector<Entry> entries) {
  std::vector<Entry> joined;
  std::map<std::vector<std::string>, size_t> first;
  for (Entry& entry : entries) {
    if (entry.change == Change::kChanged && !entry.edits.empty()) {
      std::vector<std::string> key = {entry.kind, entry.remark};
      for (const Edit& edit : entry.edits) key.insert(key.end(), {edit.what, edit.a, edit.b});
      const auto [place, is_new] = first.emplace(std::move(key), joined.size());
      if (!is_new) {
        ++joined[place->second].alike;
        continue;
      }
    }
    joined.push_back(std::move(entry));
  }
  return joined;
}

// The middle of a long text says least.
std::string Cut(const std::string& text, size_t most = 60) {
  if (text.size() <= most) return text;
  size_t head = most * 2 / 3, tail = text.size() - most / 3;
  const auto continues = [&](size_t i) { return (text[i] & 0xc0) == 0x80; };
  while (head > 0 && continues(head)) --head;
  while (tail < text.size() && continues(tail)) ++tail;
  return absl::StrCat(text.substr(0, head), "…", text.substr(tail));
}

std::string Names(const std::string& a, const std::string& b) {
  if (a.empty() || a == b) return b;
  return b.empty() ? a : absl::StrCat(a, " -> ", b);
}

std::string ValuesText(const TensorDifference& values) {
  std::string text = absl::StrFormat("max|d| %.2g", values.max_abs);
  if (values.norm_expected > 0) {
    absl::StrAppendFormat(&text, ", %.2g %% of its norm", 100 * values.relative());
  }
  absl::StrAppend(&text, ", ", WithSeparators(values.differing), " of ",
                  Counted(values.elements, "element"));
  return text;
}

// Columns: where entries begin, where what belongs to them goes on, and what is left to it at
// least.
constexpr size_t kEntryIndent = 2, kFurther = 6, kMinRoom = 20;

class Writer {
 public:
  Writer(const ModelFile& a, const ModelFile& b, const DiffTextOptions& options)
      : a_(a), b_(b), options_(options), style_(options.style) {}

  std::string Run(const ModelDiff& diff) {
    if (diff.same()) return "the same\n";
    for (const GraphDiff& graph : diff.graphs) AddGraph(graph);
    AddItems("functions", "@", diff.functions);
    AddItems("variables", "", diff.variables);
    AddItems("golden vectors", "", diff.golden_vectors);
    AddItems("metadata", "", diff.metadata);
    AddItems("model", "", diff.about);
    return std::move(text_);
  }

 private:
  std::string Paint(absl::string_view text, std::optional<Color> color = std::nullopt) const {
    const std::string escaped = Escape(text);
    return color && !escaped.empty() ? Colored(escaped, *color, style_) : escaped;
  }
  const Graph& GraphA(const GraphDiff& diff) const {
    return diff.function_a.empty() ? a_.model.graph
                                   : a_.model.functions.find(diff.function_a)->second.graph;
  }
  const Graph& GraphB(const GraphDiff& diff) const {
    return diff.function_b.empty() ? b_.model.graph
                                   : b_.model.functions.find(diff.function_b)->second.graph;
  }

  void AddGraph(const GraphDiff& diff) {
    if (diff.same()) return;
    if (!diff.function_a.empty()) {
      text_ += Paint(absl::StrCat("@", Names(diff.function_a, diff.function_b)), Color::kBold);
      text_ += "\n";
    }
    AddItems("inputs", "", diff.inputs);
    AddItems("outputs", "", diff.outputs);
    AddOps(diff);
    AddNodes(diff);
    AddWeights(diff);
  }

  // "ops  nn.BatchNorm 53 -> 0, nn.Gelu 0 -> 12"
  void AddOps(const GraphDiff& diff) {
    std::map<std::string, std::pair<int64_t, int64_t>> counts;
    for (const Node& node : GraphA(diff).nodes) ++counts[node.op].first;
    for (const Node& node : GraphB(diff).nodes) ++counts[node.op].second;
    std::vector<std::string> changed;
    for (const auto& [op, count] : counts) {
      if (count.first == count.second) continue;
      changed.push_back(absl::StrCat(op, " ", count.first, " -> ", count.second));
    }
    if (changed.empty()) return;
    AddHeading("ops", "");
    for (const std::string& op : changed) text_ += absl::StrCat("    ", Paint(op), "\n");
  }

  void AddNodes(const GraphDiff& diff) {
    const Graph &a = GraphA(diff), &b = GraphB(diff);
    std::vector<Entry> entries;
    std::map<Change, int64_t> counts;
    for (const NodeDiff& node : diff.nodes) {
      ++counts[node.change];
      if (node.change == Change::kSame) continue;
      const Node* of_a = node.a < 0 ? nullptr : &a.nodes[node.a];
      const Node* of_b = node.b < 0 ? nullptr : &b.nodes[node.b];
      const Node& shown = of_b != nullptr ? *of_b : *of_a;
      Entry entry{node.change, Names(of_a ? of_a->name : "", of_b ? of_b->name : ""), shown.op, "",
                  node.edits};
      if (node.change == Change::kRenamed && of_a->name == of_b->name) {
        entry.remark = "its outputs have other names";
      }
      if (node.change == Change::kAdded) entry.remark = Cut(shown.attrs.ToString());
      if (node.change == Change::kFolded) {
        entry.remark = node.into < 0 ? "folded into a constant"
                                     : absl::StrCat("folded into ", b.nodes[node.into].name);
      }
      entries.push_back(std::move(entry));
    }
    AddEntries("nodes", counts, std::move(entries));
  }

  void AddWeights(const GraphDiff& diff) {
    const Graph &a = GraphA(diff), &b = GraphB(diff);
    std::vector<Entry> entries;
    std::map<Change, int64_t> counts;
    for (const WeightDiff& weight : diff.weights) {
      ++counts[weight.change];
      if (weight.change == Change::kSame) continue;
      const bool in_a = weight.a != kNoValue, in_b = weight.b != kNoValue;
      const ValueInfo& shown = in_b ? b.value(weight.b) : a.value(weight.a);
      entries.push_back(
          {weight.change, Names(in_a ? a.value(weight.a).name : "", in_b ? shown.name : ""),
           shown.type.ToString(), weight.values ? ValuesText(*weight.values) : "", weight.edits});
    }
    AddEntries("weights", counts, std::move(entries));
  }

  void AddItems(const char* title, const char* sigil, const std::vector<ItemDiff>& items) {
    std::vector<Entry> entries;
    std::map<Change, int64_t> counts;
    for (const ItemDiff& item : items) {
      ++counts[item.change];
      if (item.change == Change::kSame) continue;
      const std::string name = Names(item.a, item.b);
      entries.push_back({item.change, absl::StrCat(sigil, name), "", "", item.edits});
    }
    AddEntries(title, counts, std::move(entries));
  }

  void AddHeading(const char* title, const std::string& rest) {
    text_ += absl::StrCat(Paint(title, Color::kBold), rest.empty() ? "" : "  ", Paint(rest), "\n");
  }

  void AddEntries(const char* title, const std::map<Change, int64_t>& counts,
                  std::vector<Entry> entries) {
    if (entries.empty()) return;
    if (options_.max_entries > 0) entries = JoinAlike(std::move(entries));
    std::vector<std::string> totals;
    for (const auto& [change, count] : counts) {
      totals.push_back(absl::StrCat(WithSeparators(count), " ", ChangeName(change)));
    }
    AddHeading(title, absl::StrJoin(totals, ", "));
    const int64_t count = static_cast<int64_t>(entries.size());
    // Where not all are shown, new names are what is missed least.
    if (options_.max_entries > 0 && count > options_.max_entries) {
      std::stable_partition(entries.begin(), entries.end(),
                            [](const Entry& entry) { return entry.change != Change::kRenamed; });
    }
    const int64_t shown = options_.max_entries == 0 ? count : std::min(count, options_.max_entries);
    for (int64_t i = 0; i < shown; ++i) AddEntry(entries[i]);
    if (shown < count) {
      text_ +=
          Paint(absl::StrCat("    … ", WithSeparators(count - shown), " more: --all")).append("\n");
    }
  }

  // Behind what the line has already, or in lines of its own where the style has no room for it.
  void AddFitted(const std::string& text, std::optional<Color> color, size_t& column) {
    const size_t width = style_.width, size = TextWidth(Escape(text));
    const bool first = column == kEntryIndent;
    if (width == 0 || first || column + 2 + size <= width) {
      absl::StrAppend(&text_, "  ", Paint(text, color));
      column += (first ? 0 : 2) + size;
      return;
    }
    const size_t room = width > kFurther + kMinRoom ? width - kFurther : kMinRoom;
    for (const std::string& line : WrappedLines(text, room)) {
      absl::StrAppend(&text_, "\n", std::string(kFurther, ' '), Paint(line, color));
      column = kFurther + TextWidth(Escape(line));
    }
  }

  void AddEntry(const Entry& entry) {
    const Look look = LookOf(entry.change);
    std::string head = absl::StrCat(look.mark, " ", entry.name);
    if (entry.alike > 0) absl::StrAppend(&head, " and ", WithSeparators(entry.alike), " more");
    size_t column = kEntryIndent;
    AddFitted(head, look.color, column);
    if (!entry.kind.empty()) AddFitted(entry.kind, Color::kDim, column);
    if (!entry.remark.empty()) AddFitted(entry.remark, std::nullopt, column);
    text_ += "\n";
    for (const Edit& edit : entry.edits) {
      text_ += absl::StrCat("      ", Paint(edit.what), "  ",
                            edit.a.empty() ? "" : Paint(Cut(edit.a), Color::kRed),
                            edit.a.empty() || edit.b.empty() ? "" : " -> ",
                            edit.b.empty() ? Paint(edit.a.empty() ? "" : " is gone")
                                           : Paint(Cut(edit.b), Color::kGreen),
                            edit.a.empty() ? " is new" : "", "\n");
    }
  }

  const ModelFile& a_;
  const ModelFile& b_;
  const DiffTextOptions options_;
  const TextStyle style_;
  std::string text_;
};

}  // namespace

std::string DiffText(const ModelDiff& diff, const ModelFile& a, const ModelFile& b,
                     const DiffTextOptions& options) {
  return Writer(a, b, options).Run(diff);
}

}  // namespace nomograph
