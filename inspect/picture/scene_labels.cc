// Which lines have their labels shown.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "nomograph/inspect/picture/picture_text.h"
#include "nomograph/inspect/picture/scene_parts.h"
#include "nomograph/inspect/picture/text_width.h"

namespace nomograph::picture {
namespace {

constexpr double kStrip = 16;
constexpr int64_t kMostStrips = 40;
constexpr int kMostLooks = 64;

int64_t StripOf(double y) { return static_cast<int64_t>(std::floor(y / kStrip)); }

// What stands in the levels of a picture, found by place. Short things are in strips across their
// level; what goes through many strips is known by its left side alone.
class Ground {
 public:
  explicit Ground(const Diagram& diagram) {
    for (const DiagramLine& line : diagram.lines) {
      for (size_t i = 0; i + 1 < line.route.size(); ++i) {
        const Point &a = line.route[i], &b = line.route[i + 1];
        Add(line.level, std::min(a.x, b.x), std::max(a.x, b.x), std::min(a.y, b.y),
            std::max(a.y, b.y));
      }
    }
    // A label is outside of all boxes of its level where it is outside of their left sides.
    for (size_t b = 1; b < diagram.boxes.size(); ++b) {
      const DiagramBox& box = diagram.boxes[b];
      Add(box.parent, box.x, box.x, box.y, box.y + box.height);
    }
    for (auto& [key, pieces] : strips_) Sort(pieces);
    for (auto& [level, pieces] : long_) Sort(pieces);
  }

  bool IsFree(int level, double left, double right, double top, double bottom) const {
    for (int64_t s = StripOf(top); s <= StripOf(bottom); ++s) {
      const auto strip = strips_.find({level, s});
      if (strip != strips_.end() && Hits(strip->second, left, right, top, bottom)) return false;
    }
    const auto found = long_.find(level);
    return found == long_.end() || !Hits(found->second, left, right, top, bottom);
  }

 private:
  struct Piece {
    double left, right, top, bottom;
  };

  void Add(int level, double left, double right, double top, double bottom) {
    const int64_t from = StripOf(top), to = StripOf(bottom);
    if (to - from > kMostStrips) {
      long_[level].push_back({left, right, top, bottom});
      return;
    }
    for (int64_t s = from; s <= to; ++s) {
      strips_[{level, s}].push_back({left, right, top, bottom});
    }
  }

  static void Sort(std::vector<Piece>& pieces) {
    std::sort(pieces.begin(), pieces.end(),
              [](const Piece& a, const Piece& b) { return a.left < b.left; });
  }

  // Pieces that begin in the room; wide ones that begin before it are looked for among the few that
  // are near. Strips are coarser than what is asked for, on purpose: a label needs air.
  static bool Hits(const std::vector<Piece>& pieces, double left, double right, double top,
                   double bottom) {
    auto at = std::lower_bound(pieces.begin(), pieces.end(), right,
                               [](const Piece& piece, double x) { return piece.left < x; });
    for (int looked = 0; at != pieces.begin() && looked < kMostLooks; ++looked) {
      --at;
      const bool beside = at->right <= left || at->left >= right;
      if (!beside && at->bottom > top - kStrip && at->top < bottom + kStrip) return true;
    }
    return false;
  }

  std::map<std::pair<int, int64_t>, std::vector<Piece>> strips_;
  std::map<int, std::vector<Piece>> long_;  // by level
};

}  // namespace

Labels FindLabels(const Picture& picture) {
  const Diagram& diagram = picture.diagram;
  Labels labels;
  labels.shown.assign(diagram.lines.size(), false);
  if (picture.layout.direction == Direction::kRight) return labels;
  const Ground ground(diagram);
  absl::flat_hash_set<std::pair<int, int>> labelled;
  for (size_t l = 0; l < diagram.lines.size(); ++l) {
    const DiagramLine& line = diagram.lines[l];
    if (line.route.size() < 2 || line.label_width == 0) continue;
    if (!labelled.emplace(line.from, line.from_port).second) continue;
    const Point start = line.route[0], next = line.route[1];
    if (next.x > start.x + 0.5 || next.y - start.y < 14) continue;
    const double left = start.x + 2, right = start.x + line.label_width;
    const DiagramBox& level = diagram.boxes[line.level];
    if (line.level != 0 && right > level.x + level.width) continue;
    labels.shown[l] = ground.IsFree(line.level, left, right, start.y + 1, start.y + 13);
    if (labels.shown[l]) labels.reach = std::max(labels.reach, right);
  }
  return labels;
}

}  // namespace nomograph::picture
