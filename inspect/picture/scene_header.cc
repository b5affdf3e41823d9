// What stands above a picture: its title, and what colours mean.
#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "nomograph/inspect/picture/op_family.h"
#include "nomograph/inspect/picture/picture_text.h"
#include "nomograph/inspect/picture/scene_parts.h"
#include "nomograph/inspect/picture/text_width.h"

namespace nomograph::picture {
namespace {

constexpr double kSwatchWidth = 14, kSwatchHeight = 10;
constexpr double kSwatchSpace = 5;  // behind a swatch
constexpr double kEntrySpace = 16;  // between entries
constexpr double kRow = 18;

class HeaderMaker {
 public:
  HeaderMaker(const Picture& picture, double width) : picture_(picture), most_(width) {}

  Header Make() {
    AddTitle();
    if (!picture_.value_name.empty()) {
      AddScale();
    } else if (picture_.has_marks) {
      AddMarks();
    } else {
      AddFamilies();
    }
    if (x_ > 0) y_ += kRow;
    if (y_ > 0) header_.height = y_ + 8;
    return std::move(header_);
  }

 private:
  void AddText(TextStyle style, double size, bool bold, double y, const std::string& text) {
    const double width = TextWidth(text, size, bold);
    header_.group.texts.push_back({style, x_, y, false, width, text});
    header_.width = std::max(header_.width, x_ + width);
  }

  void AddTitle() {
    if (!picture_.title.empty()) {
      AddText(TextStyle::kHeading, kHeadingSize, true, 15,
              FitText(picture_.title, kHeadingSize, most_, /*bold=*/true));
      y_ = 24;
    }
    if (!picture_.subtitle.empty()) {
      AddText(TextStyle::kSubtitle, kSubtitleSize, false, y_ + 9,
              FitText(picture_.subtitle, kSubtitleSize, std::max(most_, 400.0)));
      y_ += 22;
    }
  }

  // A colour and what it means, in the next row where this one is full.
  void AddEntry(const SceneRect& paint, const std::string& text) {
    const double width = kSwatchWidth + kSwatchSpace + TextWidth(text, kSubtitleSize);
    if (x_ > 0 && x_ + width > most_) {
      x_ = 0;
      y_ += kRow;
    }
    SceneRect swatch = paint;
    swatch.x = x_;
    swatch.y = y_ + 1;
    swatch.width = kSwatchWidth;
    swatch.height = kSwatchHeight;
    swatch.radius = 2;
    header_.group.rects.push_back(swatch);
    x_ += kSwatchWidth + kSwatchSpace;
    AddText(TextStyle::kSubtitle, kSubtitleSize, false, y_ + 9.5, text);
    x_ += width - kSwatchWidth - kSwatchSpace + kEntrySpace;
  }

  // The families of the boxes that are closed, in their order.
  void AddFamilies() {
    std::set<OpFamily> families;
    bool missing = false;
    for (size_t b = 0; b < picture_.boxes.size(); ++b) {
      const PictureBox& box = picture_.boxes[b];
      if (box.kind != BoxKind::kNode || picture_.diagram.boxes[b].open) continue;
      if (box.lambda == LambdaBadge::kMissing) {
        missing = true;
      } else {
        families.insert(box.family);
      }
    }
    for (const OpFamily family : families) {
      AddEntry({.paint = Paint::kFamily, .index = static_cast<int>(family)}, FamilyName(family));
    }
    if (missing) AddEntry({.paint = Paint::kMissing}, "missing here");
  }

  void AddMarks() {
    static constexpr const char* kNames[] = {"", "same", "added", "removed", "changed"};
    for (int mark = 1; mark <= 4; ++mark) {
      AddEntry({.paint = Paint::kChange, .index = mark}, kNames[mark]);
    }
  }

  void AddScale() {
    constexpr int kSteps = 8;
    constexpr double kStep = 18;
    for (int i = 0; i < kSteps; ++i) {
      header_.group.rects.push_back(
          {Paint::kValue, 0, i / (kSteps - 1.0), i * kStep, y_ + 1, kStep, kSwatchHeight, 0});
    }
    x_ = kSteps * kStep + 8;
    AddText(TextStyle::kSubtitle, kSubtitleSize, false, y_ + 9.5,
            absl::StrCat("0 to ", NumberText(picture_.max_value), " ", picture_.value_name));
  }

  const Picture& picture_;
  const double most_;
  double x_ = 0, y_ = 0;
  Header header_;
};

}  // namespace

Header MakeHeader(const Picture& picture, double width) {
  return HeaderMaker(picture, width).Make();
}

}  // namespace nomograph::picture
