#include "nomograph/inspect/picture/mermaid.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/inspect/picture/flat_lines.h"
#include "nomograph/inspect/picture/picture_text.h"
#include "nomograph/inspect/picture/scene.h"

namespace nomograph::picture {
namespace {

// A label: quoted, with entities for what would end it or be taken for markup.
std::string Quote(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "#quot;";
        break;
      case '#':
        out += "#35;";
        break;
      case '&':
        out += "#amp;";
        break;
      case '<':
        out += "#lt;";
        break;
      case '>':
        out += "#gt;";
        break;
      case '`':
        out += "#96;";
        break;
      default:
        out += c;
    }
  }
  return out + "\"";
}

class MermaidWriter {
 public:
  explicit MermaidWriter(const Picture& picture)
      : picture_(picture), children_(ChildrenOf(picture.diagram)) {}

  std::string Write() {
    out_ = absl::StrCat("flowchart ", picture_.layout.direction == Direction::kDown ? "TD" : "LR",
                        "\n");
    for (const int child : children_[0]) WriteBox(child, 1);
    for (const FlatLine& line : FlatLines(picture_)) {
      absl::StrAppend(&out_, "  n", line.from, " -->");
      if (!line.label.empty()) absl::StrAppend(&out_, "|", Quote(line.label), "|");
      absl::StrAppend(&out_, " n", line.to, "\n");
    }
    WriteClasses();
    return std::move(out_);
  }

 private:
  static std::string Label(const PictureBox& box) {
    std::string label = box.title;
    const std::string badge = BadgeOf(box);
    if (!badge.empty()) absl::StrAppend(&label, " ", badge);
    std::string quoted = Quote(label);
    if (box.subtitle.empty()) return quoted;
    quoted.pop_back();
    return absl::StrCat(quoted, "<br/>", Quote(box.subtitle).substr(1));
  }

  void WriteBox(int b, int depth) {
    const PictureBox& box = picture_.boxes[b];
    const std::string indent(2 * depth, ' ');
    if (picture_.diagram.boxes[b].open) {
      absl::StrAppend(&out_, indent, "subgraph n", b, "[", Label(box), "]\n");
      for (const int child : children_[b]) WriteBox(child, depth + 1);
      absl::StrAppend(&out_, indent, "end\n");
      return;
    }
    const bool is_end = box.kind == BoxKind::kInput || box.kind == BoxKind::kOutput;
    absl::StrAppend(&out_, indent, "n", b,
                    is_end          ? "(["
                    : box.times > 1 ? "[["
                                    : "[",
                    Label(box),
                    is_end          ? "])"
                    : box.times > 1 ? "]]"
                                    : "]");
    if (box.kind == BoxKind::kNode) absl::StrAppend(&out_, ":::f", static_cast<int>(box.family));
    out_ += '\n';
  }

  // Colours of families, over light and dark alike.
  void WriteClasses() {
    for (int family = 0; family < kNumOpFamilies; ++family) {
      const PaintColors colors =
          ColorsOf({.paint = Paint::kFamily, .index = family}, /*dark=*/false);
      absl::StrAppendFormat(&out_, "  classDef f%d fill:#%02x%02x%02x%02x,stroke:#%02x%02x%02x\n",
                            family, colors.fill.red, colors.fill.green, colors.fill.blue,
                            static_cast<int>(colors.fill.opacity * 255), colors.stroke.red,
                            colors.stroke.green, colors.stroke.blue);
    }
  }

  const Picture& picture_;
  const std::vector<std::vector<int>> children_;
  std::string out_;
};

}  // namespace

std::string Mermaid(const Picture& picture) { return MermaidWriter(picture).Write(); }

}  // namespace nomograph::picture
