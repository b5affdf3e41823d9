#include "nomograph/inspect/picture/dot.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "nomograph/inspect/picture/flat_lines.h"
#include "nomograph/inspect/picture/picture_text.h"
#include "nomograph/inspect/picture/scene.h"

namespace nomograph::picture {
namespace {

// A quoted string; line ends become the language's own.
std::string Quote(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

std::string LabelOf(const PictureBox& box) {
  std::string label = box.title;
  const std::string badge = BadgeOf(box);
  if (!badge.empty()) absl::StrAppend(&label, " ", badge);
  if (!box.subtitle.empty()) absl::StrAppend(&label, "\n", box.subtitle);
  return label;
}

// On white, without transparency.
std::string Opaque(Color color) {
  const auto mix = [&color](int channel) {
    return static_cast<int>(255 + (channel - 255) * color.opacity + 0.5);
  };
  return absl::StrFormat("\"#%02x%02x%02x\"", mix(color.red), mix(color.green), mix(color.blue));
}

class DotWriter {
 public:
  explicit DotWriter(const Picture& picture)
      : picture_(picture), children_(ChildrenOf(picture.diagram)) {}

  std::string Write() {
    out_ = absl::StrCat(
        "digraph model {\n  rankdir=", picture_.layout.direction == Direction::kDown ? "TB" : "LR",
        "\n  fontname=\"Helvetica\"\n  node [fontname=\"Helvetica\" fontsize=11 "
        "shape=box style=\"rounded,filled\" margin=\"0.12,0.05\" height=0.3]\n"
        "  edge [fontname=\"Helvetica\" fontsize=9 color=\"#78849a\" "
        "fontcolor=\"#7b8494\" arrowsize=0.6]\n");
    for (const int child : children_[0]) WriteBox(child, 1);
    for (const FlatLine& line : FlatLines(picture_)) {
      absl::StrAppend(&out_, "  n", line.from, " -> n", line.to);
      if (!line.label.empty()) absl::StrAppend(&out_, " [label=", Quote(line.label), "]");
      out_ += '\n';
    }
    out_ += "}\n";
    return std::move(out_);
  }

 private:
  void WriteBox(int b, int depth) {
    const PictureBox& box = picture_.boxes[b];
    const std::string indent(2 * depth, ' ');
    if (picture_.diagram.boxes[b].open) {
      absl::StrAppend(&out_, indent, "subgraph cluster_", b, " {\n", indent,
                      "  label=", Quote(LabelOf(box)), "\n", indent,
                      "  style=\"rounded,filled\" color=\"#a9b4c9\" fillcolor=\"#3d5a8c0a\" "
                      "fontsize=11\n");
      for (const int child : children_[b]) WriteBox(child, depth + 1);
      // A cluster without nodes is none; lines to one that has no places end here.
      if (children_[b].empty() || picture_.diagram.boxes[b].num_inputs == 0) {
        absl::StrAppend(&out_, indent, "  n", b, " [shape=point style=invis]\n");
      }
      absl::StrAppend(&out_, indent, "}\n");
      return;
    }
    const bool is_end = box.kind == BoxKind::kInput || box.kind == BoxKind::kOutput;
    const SceneRect rect = RectFor(picture_, b);
    const PaintColors colors = ColorsOf(rect, /*dark=*/false);
    absl::StrAppend(&out_, indent, "n", b, " [label=", Quote(LabelOf(box)),
                    " tooltip=", Quote(box.tooltip), " fillcolor=", Opaque(colors.fill),
                    " color=", Opaque(colors.stroke), is_end ? " shape=oval" : "");
    if (box.times > 1) out_ += " peripheries=2";
    out_ += "]\n";
  }

  const Picture& picture_;
  const std::vector<std::vector<int>> children_;
  std::string out_;
};

}  // namespace

std::string Dot(const Picture& picture) { return DotWriter(picture).Write(); }

}  // namespace nomograph::picture
