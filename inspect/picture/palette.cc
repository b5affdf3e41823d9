// The colours. Boxes are a colour's tint on the background, so that one table serves light and
// dark.
#include "nomograph/inspect/picture/picture_text.h"
#include "nomograph/inspect/picture/scene.h"

namespace nomograph::picture {
namespace {

constexpr Color Rgb(int rgb, double opacity = 1) {
  return {rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255, opacity};
}

Color WithOpacity(Color color, double opacity) {
  color.opacity = opacity;
  return color;
}

Color FamilyColor(int family) {
  switch (static_cast<OpFamily>(family)) {
    case OpFamily::kProduct:
      return Rgb(0x3b73d9);
    case OpFamily::kActivation:
      return Rgb(0xd9662b);
    case OpFamily::kNormalization:
      return Rgb(0x2a9d76);
    case OpFamily::kPool:
      return Rgb(0x8a5cd1);
    case OpFamily::kArithmetic:
      return Rgb(0xc29b1f);
    case OpFamily::kShape:
      return Rgb(0x8590a2);
    case OpFamily::kSequence:
      return Rgb(0xc2449b);
    case OpFamily::kControl:
      return Rgb(0x1f9bb5);
    case OpFamily::kConversion:
      return Rgb(0x7d8f3a);
    case OpFamily::kState:
      return Rgb(0xa0694f);
    case OpFamily::kOther:
      return Rgb(0xcf3f4f);
  }
  return Rgb(0x8590a2);
}

Color ChangeColor(int change) {
  switch (static_cast<Mark>(change)) {
    case Mark::kAdded:
      return Rgb(0x2a9d4a);
    case Mark::kRemoved:
      return Rgb(0xd03a3a);
    case Mark::kChanged:
      return Rgb(0xc98a10);
    case Mark::kNone:
    case Mark::kSame:
      break;
  }
  return Rgb(0x8590a2);
}

// `color` on `ground`.
Color Mix(Color color, Color ground, double amount) {
  const auto mix = [amount](int a, int b) { return static_cast<int>(b + (a - b) * amount + 0.5); };
  return {mix(color.red, ground.red), mix(color.green, ground.green), mix(color.blue, ground.blue)};
}

PaintColors Tint(Color color, bool dark) {
  return {.fill = Mix(color, Background(dark), dark ? 0.28 : 0.15),
          .stroke = Mix(color, Background(dark), dark ? 0.85 : 0.75)};
}

}  // namespace

PaintColors ColorsOf(const SceneRect& rect, bool dark) {
  switch (rect.paint) {
    case Paint::kPanel:
      if (rect.index == 0) {
        return {.fill = dark ? Rgb(0x1f2430) : Rgb(0xeef2f8),
                .stroke = dark ? Rgb(0x465066) : Rgb(0xbac5d8)};
      }
      return {.fill = dark ? Rgb(0x1b1f28) : Rgb(0xf7f9fc),
              .stroke = dark ? Rgb(0x3f485c) : Rgb(0xc3cddd)};
    case Paint::kScope:
      return {.fill = dark ? Rgb(0x2a303c) : Rgb(0xf3f5f9),
              .stroke = dark ? Rgb(0x6f7d98) : Rgb(0x8494b0)};
    case Paint::kEnd:
      return {.fill = dark ? Rgb(0x1d2128) : Rgb(0xffffff),
              .stroke = dark ? Rgb(0xaab4c6) : Rgb(0x4c5870)};
    case Paint::kFamily:
      return Tint(FamilyColor(rect.index), dark);
    case Paint::kValue: {
      return {.fill = WithOpacity(Rgb(0xd9402b), 0.03 + 0.52 * rect.amount),
              .stroke = dark ? Rgb(0x6f7d98) : Rgb(0x8494b0)};
    }
    case Paint::kChange:
      return Tint(ChangeColor(rect.index), dark);
    case Paint::kMissing:
      return {.fill = Mix(Rgb(0xcf3f4f), Background(dark), 0.08),
              .stroke = Rgb(0xcf3f4f),
              .dashed = true};
    case Paint::kBadge:
      return {.fill = dark ? Rgb(0x8fa3c8) : Rgb(0x4a5d80), .stroke = Rgb(0, 0), .stroke_width = 0};
  }
  return {};
}

Color TextColor(TextStyle style, bool dark) {
  switch (style) {
    case TextStyle::kHeading:
    case TextStyle::kTitle:
      return dark ? Rgb(0xe8ebf1) : Rgb(0x1b2230);
    case TextStyle::kPanelTitle:
      return dark ? Rgb(0xb3bfd6) : Rgb(0x43536f);
    case TextStyle::kSubtitle:
      return dark ? Rgb(0xb0b8c6) : Rgb(0x565f70);
    case TextStyle::kLabel:
      return dark ? Rgb(0x8f99aa) : Rgb(0x7b8494);
    case TextStyle::kBadge:
      return dark ? Rgb(0x171a20) : Rgb(0xffffff);
  }
  return {};
}

Color LineColor(bool dark) { return dark ? Rgb(0x8792a8) : Rgb(0x78849a); }

Color Background(bool dark) { return dark ? Rgb(0x171a20) : Rgb(0xffffff); }

Font FontOf(TextStyle style) {
  switch (style) {
    case TextStyle::kHeading:
      return {kHeadingSize, true};
    case TextStyle::kTitle:
    case TextStyle::kPanelTitle:
      return {kTitleSize, true};
    case TextStyle::kSubtitle:
      return {kSubtitleSize, false};
    case TextStyle::kLabel:
      return {kLabelSize, false};
    case TextStyle::kBadge:
      return {kBadgeSize, true};
  }
  return {};
}

}  // namespace nomograph::picture
