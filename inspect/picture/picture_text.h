// What boxes and lines of a picture say, and how large that is. Private to picture.
#ifndef NOMOGRAPH_INSPECT_PICTURE_PICTURE_TEXT_H_
#define NOMOGRAPH_INSPECT_PICTURE_PICTURE_TEXT_H_

#include "nomograph/inspect/picture/picture.h"

namespace nomograph::picture {

// Pixels.
inline constexpr double kTitleSize = 12, kSubtitleSize = 10.5, kLabelSize = 9.5;
inline constexpr double kHeadingSize = 16;  // of the picture
inline constexpr double kTitleHeight = 24;  // of an open box
inline constexpr double kBadgeSize = 10;

// What stands in the badge at the right of a box's title: "×12", "λ"; empty: no badge.
std::string BadgeOf(const PictureBox& box);
double BadgeWidth(const PictureBox& box);

// Fills in all of `shown` but tree, box, kind and role.
void DescribeBox(const Hierarchy& hierarchy, const OpRegistry& registry,
                 const PictureOptions& options, bool open, PictureBox& shown);
// Label and tooltip, of its values.
void DescribeLine(const Graph& graph, PictureLine& shown);
// "1.09 G": three digits and a power of a thousand.
std::string NumberText(double value);
void MeasureBox(const PictureBox& shown, bool open, DiagramBox& place);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_PICTURE_TEXT_H_
