#include "nomograph/inspect/picture/svg.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/inspect/picture/scene.h"

namespace nomograph::picture {
namespace {

// Text that may hold anything that has been escaped for terminals.
void AppendEscaped(absl::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
}

// To a tenth of a pixel, without what is not needed.
void AppendNumber(double value, std::string& out) {
  const int64_t tenths = std::llround(value * 10);
  if (tenths < 0) out += '-';
  const uint64_t magnitude = tenths < 0 ? -tenths : tenths;
  absl::StrAppend(&out, magnitude / 10);
  if (magnitude % 10 != 0) absl::StrAppend(&out, ".", magnitude % 10);
}

std::string Css(Color color) {
  return absl::StrFormat("#%02x%02x%02x", color.red, color.green, color.blue);
}

std::string RectClass(const SceneRect& rect) {
  switch (rect.paint) {
    case Paint::kPanel:
      return absl::StrCat("p", rect.index);
    case Paint::kScope:
      return "s";
    case Paint::kEnd:
      return "e";
    case Paint::kFamily:
      return absl::StrCat("f", rect.index);
    case Paint::kValue:
      return "v";
    case Paint::kChange:
      return absl::StrCat("d", rect.index);
    case Paint::kMissing:
      return "m";
    case Paint::kBadge:
      return "b";
  }
  return "";
}

constexpr TextStyle kTextStyles[] = {TextStyle::kHeading,    TextStyle::kTitle,
                                     TextStyle::kPanelTitle, TextStyle::kSubtitle,
                                     TextStyle::kLabel,      TextStyle::kBadge};
const char* TextClass(TextStyle style) {
  static constexpr const char* kNames[] = {"g", "t", "h", "u", "l", "x"};
  return kNames[static_cast<int>(style)];
}

void AppendRectRule(const SceneRect& rect, bool dark, std::string& out) {
  const PaintColors colors = ColorsOf(rect, dark);
  absl::StrAppend(&out, ".", RectClass(rect), "{fill:", Css(colors.fill));
  // A value's opacity is its own.
  if (rect.paint != Paint::kValue && colors.fill.opacity < 1) {
    absl::StrAppend(&out, ";fill-opacity:", colors.fill.opacity);
  }
  if (colors.stroke_width == 0) {
    absl::StrAppend(&out, ";stroke:none}");
    return;
  }
  absl::StrAppend(&out, ";stroke:", Css(colors.stroke));
  if (colors.stroke.opacity < 1) absl::StrAppend(&out, ";stroke-opacity:", colors.stroke.opacity);
  if (colors.dashed) absl::StrAppend(&out, ";stroke-dasharray:4 3");
  out += '}';
}

void AppendTheme(bool dark, std::string& out) {
  absl::StrAppend(&out, ".bg{fill:", Css(Background(dark)), "}");
  for (const int depth : {0, 1}) {
    AppendRectRule({.paint = Paint::kPanel, .index = depth}, dark, out);
  }
  for (const Paint paint :
       {Paint::kScope, Paint::kEnd, Paint::kValue, Paint::kMissing, Paint::kBadge}) {
    AppendRectRule({.paint = paint}, dark, out);
  }
  for (int family = 0; family < kNumOpFamilies; ++family) {
    AppendRectRule({.paint = Paint::kFamily, .index = family}, dark, out);
  }
  for (int change = 0; change <= static_cast<int>(Mark::kChanged); ++change) {
    AppendRectRule({.paint = Paint::kChange, .index = change}, dark, out);
  }
  for (const TextStyle style : kTextStyles) {
    absl::StrAppend(&out, ".", TextClass(style), "{fill:", Css(TextColor(style, dark)), "}");
  }
  absl::StrAppend(&out, ".r{stroke:", Css(LineColor(dark)), "}.a{fill:", Css(LineColor(dark)), "}");
  absl::StrAppend(&out, ".h,.l{stroke:", Css(Background(dark)), "}");
}

class SvgRoute : public RouteSink {
 public:
  explicit SvgRoute(std::string& out) : out_(out) {}
  void MoveTo(Point to) override { Command('M', {to}); }
  void LineTo(Point to) override { Command('L', {to}); }
  void CurveTo(Point control1, Point control2, Point to) override {
    Command('C', {control1, control2, to});
  }

 private:
  void Command(char command, std::initializer_list<Point> points) {
    bool first = true;
    out_ += command;
    for (const Point& point : points) {
      if (!std::exchange(first, false)) out_ += ' ';
      AppendNumber(point.x, out_);
      out_ += ' ';
      AppendNumber(point.y, out_);
    }
  }

  std::string& out_;
};

void AppendAttribute(const char* name, double value, std::string& out) {
  absl::StrAppend(&out, " ", name, "=\"");
  AppendNumber(value, out);
  out += '"';
}

void AppendRect(const SceneRect& rect, std::string& out) {
  absl::StrAppend(&out, "<rect class=\"", RectClass(rect), "\"");
  AppendAttribute("x", rect.x, out);
  AppendAttribute("y", rect.y, out);
  AppendAttribute("width", rect.width, out);
  AppendAttribute("height", rect.height, out);
  if (rect.radius > 0) AppendAttribute("rx", rect.radius, out);
  if (rect.paint == Paint::kValue) {
    const double opacity = ColorsOf(rect, /*dark=*/false).fill.opacity;
    absl::StrAppend(&out, " fill-opacity=\"", absl::StrFormat("%.3f", opacity), "\"");
  }
  out += "/>";
}

void AppendText(const SceneText& text, std::string& out) {
  absl::StrAppend(&out, "<text class=\"", TextClass(text.style), text.centred ? " o\"" : "\"");
  AppendAttribute("x", text.x, out);
  AppendAttribute("y", text.y, out);
  out += '>';
  AppendEscaped(text.text, out);
  out += "</text>";
}

void AppendGroup(const SceneGroup& group, Direction direction, std::string& out) {
  out += "<g>";
  if (!group.tooltip.empty()) {
    out += "<title>";
    AppendEscaped(group.tooltip, out);
    out += "</title>";
  }
  for (const SceneRoute& route : group.routes) {
    out += route.arrow ? "<path class=\"r w\" d=\"" : "<path class=\"r\" d=\"";
    SvgRoute sink(out);
    DrawRoute(route.points, direction, sink);
    out += "\"/>";
  }
  for (const SceneRect& rect : group.rects) AppendRect(rect, out);
  for (const SceneText& text : group.texts) AppendText(text, out);
  out += "</g>\n";
}

}  // namespace

std::string Svg(const Picture& picture) {
  const Scene scene = MakeScene(picture);
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ";
  AppendNumber(scene.width, out);
  out += ' ';
  AppendNumber(scene.height, out);
  out += '"';
  AppendAttribute("width", scene.width, out);
  AppendAttribute("height", scene.height, out);
  out += ">\n<style>\ntext{font-family:Helvetica,Arial,\"Liberation Sans\",sans-serif}";
  for (const TextStyle style : kTextStyles) {
    const Font font = FontOf(style);
    absl::StrAppend(&out, ".", TextClass(style), "{font-size:", font.size, "px",
                    font.bold ? ";font-weight:bold}" : "}");
  }
  out +=
      ".o{text-anchor:middle}.r{fill:none;stroke-width:1.2}.w{marker-end:url(#a)}"
      ".h,.l{stroke-width:3px;stroke-linejoin:round;paint-order:stroke}\n";
  AppendTheme(/*dark=*/false, out);
  out += "\n@media (prefers-color-scheme:dark){";
  AppendTheme(/*dark=*/true, out);
  out +=
      "}\n</style>\n<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
      "markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
      "<path class=\"a\" d=\"M0 1L8 4L0 7z\"/></marker></defs>\n"
      "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n";
  for (const SceneGroup& group : scene.groups) AppendGroup(group, scene.direction, out);
  out += "</svg>\n";
  return out;
}

}  // namespace nomograph::picture
