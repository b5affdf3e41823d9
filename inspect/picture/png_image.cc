#include "nomograph/inspect/picture/png_image.h"

#include <cairo/cairo.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/io/lazy_library.h"
#include "nomograph/inspect/picture/scene.h"

#if __has_include("nomo_cairo_library.h")
#include "nomo_cairo_library.h"
#endif

namespace nomograph::picture {
namespace {

// The library brings those of fonts and of X11 with it.
// clang-format off
#define NOMO_CAIRO_SYMBOLS(symbol) \
  symbol(cairo_arc) symbol(cairo_close_path) symbol(cairo_create) symbol(cairo_curve_to) \
  symbol(cairo_destroy) symbol(cairo_fill) symbol(cairo_fill_preserve) \
  symbol(cairo_image_surface_create) symbol(cairo_line_to) symbol(cairo_move_to) \
  symbol(cairo_new_path) symbol(cairo_paint) symbol(cairo_restore) symbol(cairo_rotate) \
  symbol(cairo_save) symbol(cairo_scale) symbol(cairo_select_font_face) symbol(cairo_set_dash) \
  symbol(cairo_set_font_size) symbol(cairo_set_line_join) symbol(cairo_set_line_width) \
  symbol(cairo_set_source_rgba) symbol(cairo_show_text) symbol(cairo_status) \
  symbol(cairo_status_to_string) symbol(cairo_stroke) symbol(cairo_stroke_preserve) \
  symbol(cairo_surface_destroy) symbol(cairo_surface_write_to_png_stream) \
  symbol(cairo_text_extents) symbol(cairo_text_path) symbol(cairo_translate)
// clang-format on
#ifdef NOMO_CAIRO_LIBRARY
NOMO_CAIRO_SYMBOLS(NOMO_LAZY_SYMBOL)
NOMO_DLOPEN_NOTE(NOMO_CAIRO_LIBRARY, "png", "Draws models as PNG")
absl::Status LoadCairo() {
  static const absl::Status status =
      LoadLibrary(NOMO_CAIRO_LIBRARY, "PNG images", {NOMO_CAIRO_SYMBOLS(NOMO_LAZY_SLOT)});
  return status;
}
#else
absl::Status LoadCairo() { return absl::OkStatus(); }
#endif

constexpr double kMaxSide = 32767;  // of an image of cairo's

class CairoRoute : public RouteSink {
 public:
  explicit CairoRoute(cairo_t* cairo) : cairo_(cairo) {}
  void MoveTo(Point to) override { cairo_move_to(cairo_, to.x, to.y); }
  void LineTo(Point to) override { cairo_line_to(cairo_, to.x, to.y); }
  void CurveTo(Point control1, Point control2, Point to) override {
    cairo_curve_to(cairo_, control1.x, control1.y, control2.x, control2.y, to.x, to.y);
  }

 private:
  cairo_t* cairo_;
};

class Painter {
 public:
  Painter(cairo_t* cairo, const Scene& scene, bool dark)
      : cairo_(cairo), scene_(scene), dark_(dark) {}

  void Paint() {
    SetColor(Background(dark_));
    cairo_paint(cairo_);
    for (const SceneGroup& group : scene_.groups) {
      for (const SceneRoute& route : group.routes) PaintRoute(route);
      for (const SceneRect& rect : group.rects) PaintRect(rect);
      for (const SceneText& text : group.texts) PaintText(text);
    }
  }

 private:
  void SetColor(const Color& color) {
    cairo_set_source_rgba(cairo_, color.red / 255.0, color.green / 255.0, color.blue / 255.0,
                          color.opacity);
  }

  void PaintRect(const SceneRect& rect) {
    const double r = std::min({rect.radius, rect.width / 2, rect.height / 2});
    const double right = rect.x + rect.width, bottom = rect.y + rect.height;
    constexpr double kQuarter = std::numbers::pi / 2;
    cairo_new_path(cairo_);
    cairo_arc(cairo_, right - r, rect.y + r, r, -kQuarter, 0);
    cairo_arc(cairo_, right - r, bottom - r, r, 0, kQuarter);
    cairo_arc(cairo_, rect.x + r, bottom - r, r, kQuarter, 2 * kQuarter);
    cairo_arc(cairo_, rect.x + r, rect.y + r, r, 2 * kQuarter, 3 * kQuarter);
    cairo_close_path(cairo_);
    const PaintColors colors = ColorsOf(rect, dark_);
    SetColor(colors.fill);
    cairo_fill_preserve(cairo_);
    if (colors.stroke_width > 0) {
      const double dashes[] = {4, 3};
      if (colors.dashed) cairo_set_dash(cairo_, dashes, 2, 0);
      cairo_set_line_width(cairo_, colors.stroke_width);
      SetColor(colors.stroke);
      cairo_stroke(cairo_);
      cairo_set_dash(cairo_, nullptr, 0, 0);
    }
    cairo_new_path(cairo_);
  }

  void PaintRoute(const SceneRoute& route) {
    cairo_new_path(cairo_);
    CairoRoute sink(cairo_);
    DrawRoute(route.points, scene_.direction, sink);
    cairo_set_line_width(cairo_, 1.2);
    SetColor(LineColor(dark_));
    cairo_stroke(cairo_);
    if (!route.arrow || route.points.size() < 2) return;
    const Point end = route.points.back();
    cairo_save(cairo_);
    cairo_translate(cairo_, end.x, end.y);
    // Lines arrive in the direction of the graph.
    if (scene_.direction == Direction::kDown) cairo_rotate(cairo_, std::numbers::pi / 2);
    cairo_move_to(cairo_, -7, -3);
    cairo_line_to(cairo_, 1, 0);
    cairo_line_to(cairo_, -7, 3);
    cairo_close_path(cairo_);
    cairo_restore(cairo_);
    cairo_fill(cairo_);
  }

  void PaintText(const SceneText& text) {
    const Font font = FontOf(text.style);
    cairo_select_font_face(cairo_, "Helvetica", CAIRO_FONT_SLANT_NORMAL,
                           font.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo_, font.size);
    cairo_text_extents_t extents;
    cairo_text_extents(cairo_, text.text.c_str(), &extents);
    const double narrow =
        extents.x_advance > text.width * 1.04 ? text.width * 1.04 / extents.x_advance : 1;
    cairo_save(cairo_);
    cairo_translate(cairo_, text.x - (text.centred ? extents.x_advance * narrow / 2 : 0), text.y);
    cairo_scale(cairo_, narrow, 1);
    cairo_move_to(cairo_, 0, 0);
    if (text.style == TextStyle::kPanelTitle || text.style == TextStyle::kLabel) {
      cairo_text_path(cairo_, text.text.c_str());
      SetColor(Background(dark_));
      cairo_set_line_join(cairo_, CAIRO_LINE_JOIN_ROUND);
      cairo_set_line_width(cairo_, 3);
      cairo_stroke_preserve(cairo_);
      SetColor(TextColor(text.style, dark_));
      cairo_fill(cairo_);
    } else {
      SetColor(TextColor(text.style, dark_));
      cairo_show_text(cairo_, text.text.c_str());
    }
    cairo_restore(cairo_);
  }

  cairo_t* cairo_;
  const Scene& scene_;
  const bool dark_;
};

cairo_status_t AppendBytes(void* out, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

absl::StatusOr<double> ScaleFor(const Scene& scene, const PngOptions& options) {
  const double most = std::min({kMaxSide / scene.width, kMaxSide / scene.height,
                                std::sqrt(options.max_pixels / (scene.width * scene.height))});
  const double wanted = options.scale > 0 ? options.scale : std::min(2.0, std::max(0.5, most));
  if (wanted <= most) return wanted;
  return absl::ResourceExhaustedError(absl::StrFormat(
      "a PNG of %.0f by %.0f pixels would be too large; write SVG, or choose a smaller depth or a "
      "part of the graph",
      scene.width * wanted, scene.height * wanted));
}

}  // namespace

absl::StatusOr<std::string> Png(const Picture& picture, const PngOptions& options) {
  const Scene scene = MakeScene(picture);
  const absl::StatusOr<double> scale = ScaleFor(scene, options);
  if (!scale.ok()) return scale.status();
  if (const absl::Status loaded = LoadCairo(); !loaded.ok()) return loaded;
  const std::unique_ptr<cairo_surface_t, decltype(&::cairo_surface_destroy)> surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(scene.width * *scale),
                                 static_cast<int>(scene.height * *scale)),
      cairo_surface_destroy);
  const std::unique_ptr<cairo_t, decltype(&::cairo_destroy)> cairo(cairo_create(surface.get()),
                                                                   cairo_destroy);
  cairo_scale(cairo.get(), *scale, *scale);
  Painter(cairo.get(), scene, options.dark).Paint();
  std::string png;
  cairo_status_t status = cairo_status(cairo.get());
  if (status == CAIRO_STATUS_SUCCESS) {
    status = cairo_surface_write_to_png_stream(surface.get(), AppendBytes, &png);
  }
  if (status != CAIRO_STATUS_SUCCESS) {
    return absl::InternalError(absl::StrCat("drawing failed: ", cairo_status_to_string(status)));
  }
  return png;
}

}  // namespace nomograph::picture
