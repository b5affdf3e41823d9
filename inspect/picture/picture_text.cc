#include "nomograph/inspect/picture/picture_text.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/inspect/picture/text_width.h"

namespace nomograph::picture {
namespace {

constexpr double kMaxTextWidth = 190;
constexpr double kMaxLabelWidth = 130;
constexpr size_t kMaxTooltipLines = 16;  // of attributes, and of inputs

// "64×3×7×7".
std::string ShapeText(const PartialShape& shape) {
  if (!shape.has_rank()) return "…";
  if (shape.rank() == 0) return "scalar";
  constexpr double kMaxSymbolWidth = 56;  // exporters have names like "p2o.DynamicDimension.0"
  return absl::StrJoin(shape.dims(), "×", [](std::string* out, const Dim& dim) {
    absl::StrAppend(out, FitText(dim.ToString(), kLabelSize, kMaxSymbolWidth));
  });
}

// Whether any size is known or named.
bool SaysAnything(const PartialShape& shape) {
  if (!shape.has_rank()) return false;
  return shape.rank() == 0 ||
         std::any_of(shape.dims().begin(), shape.dims().end(),
                     [](const Dim& d) { return d.known() || !d.symbol().empty(); });
}

// "float32 [1,3]".
std::string TypeText(const TensorType& type) {
  return absl::StrCat(DTypeName(type.dtype), " ", Shown(type.shape.ToString()));
}

// Takes the last part of a name off if it only says which op it is and which of them: "Conv_1" for
// a Conv. False if it says more.
bool ConsumeOp(absl::string_view op, absl::string_view& name) {
  const size_t slash = name.rfind('/');
  absl::string_view last = slash == absl::string_view::npos ? name : name.substr(slash + 1);
  absl::ConsumePrefix(&last, "p2o.");  // Paddle2ONNX has it before all names
  if (last.empty() || !absl::StartsWithIgnoreCase(last, op)) return false;
  const absl::string_view number = last.substr(op.size());
  const bool only_number =
      number.empty() || ((number[0] == '_' || number[0] == '.') &&
                         number.find_first_not_of("_.0123456789") == absl::string_view::npos);
  if (only_number) name = slash == absl::string_view::npos ? "" : name.substr(0, slash);
  return only_number;
}

// "conv1/Conv" of a Conv is "conv1", "relu/Relu_1" of a Relu nothing.
absl::string_view WithoutOp(absl::string_view name, absl::string_view op) {
  while (ConsumeOp(op, name)) {
  }
  return name;
}

// The shape of the first weight of two axes or more.
std::string WeightText(const Graph& graph, const Node& node, const Tree& tree, int box) {
  const std::vector<ValueId>& lines = tree.boxes[box].inputs;
  for (const ValueId id : node.inputs) {
    if (id == kNoValue) continue;
    const PartialShape& shape = graph.value(id).type.shape;
    if (shape.rank() < 2 || !shape.fully_known()) continue;
    if (lines.size() > 4 || std::find(lines.begin(), lines.end(), id) != lines.end()) continue;
    return ShapeText(shape);
  }
  return "";
}

void AppendLine(std::string& text, absl::string_view line) {
  absl::StrAppend(&text, text.empty() ? "" : "\n", line);
}

std::string NodeTooltip(const Graph& graph, const Node& node) {
  std::string text = absl::StrCat(Shown(node.name), "\n", Shown(node.op), " v", node.version);
  size_t lines = 0;
  for (const auto& [name, value] : node.attrs) {
    if (++lines > kMaxTooltipLines) break;
    std::string shown = Escape(value.ToString());
    if (shown.size() > 100) shown = FitText(shown, kTitleSize, 600);
    AppendLine(text, absl::StrCat(Shown(name), " = ", shown));
  }
  lines = 0;
  for (const ValueId id : node.inputs) {
    if (id == kNoValue) continue;
    if (++lines > kMaxTooltipLines) {
      AppendLine(text, absl::StrCat("… ", node.inputs.size() - kMaxTooltipLines, " more inputs"));
      break;
    }
    const ValueInfo& value = graph.value(id);
    AppendLine(text, absl::StrCat("in ", Shown(value.name), "  ", TypeText(value.type)));
  }
  lines = 0;
  for (const ValueId id : node.outputs) {
    if (id == kNoValue || ++lines > kMaxTooltipLines) continue;
    const ValueInfo& value = graph.value(id);
    AppendLine(text, absl::StrCat("out ", Shown(value.name), "  ", TypeText(value.type)));
  }
  return text;
}

LambdaBadge LambdaOf(const Node& node, const OpRegistry& registry) {
  const OpDef* op = registry.Find(node.op, node.version);
  if (op != nullptr && registry.IsStandard(*op)) return LambdaBadge::kNone;
  if (op != nullptr && op->has_kernel()) return LambdaBadge::kKernel;
  if (!node.body.empty() || (op != nullptr && op->body)) return LambdaBadge::kBody;
  return LambdaBadge::kMissing;
}

const char* LambdaText(LambdaBadge lambda) {
  switch (lambda) {
    case LambdaBadge::kNone:
      return "";
    case LambdaBadge::kKernel:
      return "lambda: kernel";
    case LambdaBadge::kBody:
      return "lambda: body";
    case LambdaBadge::kMissing:
      return "lambda: missing here";
  }
  return "";
}

// "Conv 3, Relu 3, Add": the ops of a scope, those that it has most of first.
std::string OpsText(const Tree& tree, int box) {
  std::map<absl::string_view, int> counts;
  for (int b = box; b < tree.boxes[box].end; ++b) {
    if (tree.boxes[b].node >= 0) ++counts[tree.graph->nodes[tree.boxes[b].node].op];
  }
  std::vector<std::pair<absl::string_view, int>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr size_t kShown = 3;
  std::vector<std::string> words;
  for (size_t i = 0; i < order.size() && i < kShown; ++i) {
    const std::string name = Shown(ShortOpName(order[i].first));
    words.push_back(order[i].second > 1 ? absl::StrCat(order[i].second, " ", name) : name);
  }
  if (order.size() > kShown) words.push_back("…");
  return absl::StrJoin(words, ", ");
}

void DescribeNode(const Tree& tree, const OpRegistry& registry, PictureBox& shown) {
  const Box& box = tree.boxes[shown.box];
  const Node& node = tree.graph->nodes[box.node];
  const absl::string_view op = ShortOpName(node.op);
  shown.family = FamilyOf(node.op);
  shown.lambda = LambdaOf(node, registry);
  shown.title = FitText(op, kTitleSize, kMaxTextWidth, /*bold=*/true);
  const std::string weight = WeightText(*tree.graph, node, tree, shown.box);
  std::string name(WithoutOp(box.name, op));
  if (!name.empty() && !weight.empty()) name += "  ";
  shown.subtitle = FitText(name + weight, kSubtitleSize, kMaxTextWidth);
  shown.tooltip = NodeTooltip(*tree.graph, node);
  if (shown.lambda != LambdaBadge::kNone) AppendLine(shown.tooltip, LambdaText(shown.lambda));
}

void DescribeScope(const Tree& tree, bool open, PictureBox& shown) {
  const Box& box = tree.boxes[shown.box];
  const bool repeat = box.kind == BoxKind::kRepeat;
  if (repeat) shown.times = tree.NumChildren(shown.box);
  shown.title = FitText(box.name, kTitleSize, kMaxTextWidth, /*bold=*/true);
  const int content = repeat ? shown.box + 1 : shown.box;
  const std::string ops = OpsText(tree, content);
  if (!open) shown.subtitle = FitText(ops, kSubtitleSize, kMaxTextWidth);
  shown.tooltip = Shown(box.path);
  if (repeat) {
    int last = content;
    tree.ForEachChild(shown.box, [&last](int block) { last = block; });
    absl::StrAppend(&shown.tooltip, " … ", Shown(tree.boxes[last].path), "\n", shown.times,
                    " equal blocks, each of ", tree.boxes[content].num_nodes, " nodes");
  } else {
    absl::StrAppend(&shown.tooltip, "\n", box.num_nodes, " nodes");
  }
  AppendLine(shown.tooltip, ops);
}

void DescribeEnd(const Tree& tree, PictureBox& shown) {
  const Box& box = tree.boxes[shown.box];
  const ValueInfo& value = tree.graph->value(box.value);
  shown.title = FitText(value.name, kTitleSize, kMaxTextWidth, /*bold=*/true);
  shown.subtitle = FitText(TypeText(value.type), kSubtitleSize, kMaxTextWidth);
  shown.tooltip = absl::StrCat(box.kind == BoxKind::kInput ? "input " : "output ",
                               Shown(value.name), "\n", TypeText(value.type));
}

// Sums and changes of the nodes in the box.
void Paint(const Hierarchy& hierarchy, const PictureOptions& options, PictureBox& shown) {
  if (shown.tree != 0 || (options.values.empty() && options.marks.empty())) return;
  const Tree& tree = hierarchy.main();
  for (int b = shown.box; b < tree.boxes[shown.box].end; ++b) {
    if (tree.boxes[b].node < 0) continue;
    const std::string& name = tree.graph->nodes[tree.boxes[b].node].name;
    if (const auto value = options.values.find(name); value != options.values.end()) {
      shown.value = shown.value.value_or(0) + value->second;
    }
    if (const auto change = options.marks.find(name); change != options.marks.end()) {
      const bool same = shown.mark == Mark::kNone || shown.mark == change->second;
      shown.mark = same ? change->second : Mark::kChanged;
    }
  }
  if (shown.value) {
    AppendLine(shown.tooltip, absl::StrCat(options.value_name, ": ", NumberText(*shown.value)));
  }
}

}  // namespace

std::string NumberText(double value) {
  static constexpr const char* kPowers[] = {"", " k", " M", " G", " T", " P"};
  size_t power = 0;
  for (; power + 1 < std::size(kPowers) && std::abs(value) >= 999.5; ++power) value /= 1000;
  return absl::StrFormat("%.3g%s", value, kPowers[power]);
}

std::string BadgeOf(const PictureBox& box) {
  if (box.times > 1) return absl::StrCat("×", box.times);
  return box.lambda != LambdaBadge::kNone ? "λ" : "";
}

double BadgeWidth(const PictureBox& box) {
  const std::string badge = BadgeOf(box);
  return badge.empty() ? 0 : TextWidth(badge, kBadgeSize, /*bold=*/true) + 10;
}

void DescribeBox(const Hierarchy& hierarchy, const OpRegistry& registry,
                 const PictureOptions& options, bool open, PictureBox& shown) {
  const Tree& tree = hierarchy.trees[shown.tree];
  switch (shown.kind) {
    case BoxKind::kRoot:
      shown.title = FitText(shown.role, kTitleSize, kMaxTextWidth, /*bold=*/true);
      shown.tooltip = absl::StrCat(Shown(shown.role), ": @", Shown(tree.function), "\n",
                                   tree.boxes[0].num_nodes, " nodes");
      return;
    case BoxKind::kScope:
    case BoxKind::kRepeat:
      DescribeScope(tree, open, shown);
      break;
    case BoxKind::kNode:
      DescribeNode(tree, registry, shown);
      break;
    case BoxKind::kInput:
    case BoxKind::kOutput:
      DescribeEnd(tree, shown);
      return;
  }
  Paint(hierarchy, options, shown);
}

void DescribeLine(const Graph& graph, PictureLine& shown) {
  const ValueInfo& value = graph.value(shown.values.back());
  if (shown.values.size() == 1) {
    if (SaysAnything(value.type.shape)) {
      shown.label = FitText(ShapeText(value.type.shape), kLabelSize, kMaxLabelWidth);
    }
  } else {
    shown.label = absl::StrCat(shown.values.size(), " values");
  }
  if (shown.values.size() > kMaxTooltipLines) return;
  AppendLine(shown.tooltip, absl::StrCat(Shown(value.name), "  ", TypeText(value.type)));
}

void MeasureBox(const PictureBox& shown, bool open, DiagramBox& place) {
  const double badge = BadgeWidth(shown);
  const double title = TextWidth(shown.title, kTitleSize, /*bold=*/true);
  if (open) {
    place.title_width = title + (badge > 0 ? badge + 6 : 0) + 24;
    place.title_height = kTitleHeight;
    return;
  }
  const double subtitle = TextWidth(shown.subtitle, kSubtitleSize);
  const double text = std::max(title + (badge > 0 ? badge + 6 : 0), subtitle);
  // Some more than the text needs: not all have the font that was measured.
  place.width = std::max(56.0, std::ceil(text * 1.04) + 20);
  place.height = shown.subtitle.empty() ? 26 : 38;
}

}  // namespace nomograph::picture
