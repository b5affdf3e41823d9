// From the innermost boxes outwards: each open box is laid out as a level, and then stands in the
// level around it as a box of the size that has come of it.
#include <algorithm>
#include <utility>
#include <vector>

#include "nomograph/inspect/picture/diagram.h"
#include "nomograph/inspect/picture/level.h"

namespace nomograph::picture {
namespace {

// The layout works from the top down; from left to right, it is turned over, but for titles, which
// stand at the top of what is seen.
void Turn(Diagram& diagram) {
  for (DiagramBox& box : diagram.boxes) {
    std::swap(box.width, box.height);
    std::swap(box.x, box.y);
  }
  for (DiagramLine& line : diagram.lines) {
    for (Point& point : line.route) std::swap(point.x, point.y);
  }
}

class NestedLayout {
 public:
  NestedLayout(Diagram& diagram, const LayoutOptions& options)
      : diagram_(diagram),
        options_(options),
        children_(diagram.boxes.size()),
        lines_(diagram.boxes.size()) {
    for (size_t b = 1; b < diagram.boxes.size(); ++b) {
      children_[diagram.boxes[b].parent].push_back(static_cast<int>(b));
    }
    for (size_t l = 0; l < diagram.lines.size(); ++l) {
      lines_[diagram.lines[l].level].push_back(static_cast<int>(l));
    }
  }

  void Run() {
    place_.assign(diagram_.boxes.size(), 0);
    for (int b = static_cast<int>(diagram_.boxes.size()) - 1; b >= 0; --b) {
      if (diagram_.boxes[b].open) Open(b);
    }
    for (size_t b = 1; b < diagram_.boxes.size(); ++b) {
      const DiagramBox& parent = diagram_.boxes[diagram_.boxes[b].parent];
      diagram_.boxes[b].x += parent.x;
      diagram_.boxes[b].y += parent.y;
    }
    for (DiagramLine& line : diagram_.lines) {
      const DiagramBox& level = diagram_.boxes[line.level];
      for (Point& point : line.route) {
        point.x += level.x;
        point.y += level.y;
      }
    }
  }

 private:
  LevelFrame FrameOf(const DiagramBox& box) const {
    const double pad = options_.padding;
    LevelFrame frame = {.left = pad, .top = pad, .right = pad, .bottom = pad};
    const double title = box.title_height > 0 ? box.title_height + 8 : pad;
    if (options_.direction == Direction::kDown) {
      frame.top = title;
      frame.min_width = box.title_width;
    } else {
      frame.left = title;
      frame.min_height = box.title_width;
    }
    return frame;
  }

  Level LevelOf(int b) {
    const DiagramBox& box = diagram_.boxes[b];
    Level level = {.frame = FrameOf(box), .options = options_};
    for (const int child : children_[b]) {
      place_[child] = static_cast<int>(level.nodes.size());
      level.nodes.push_back(
          {.width = diagram_.boxes[child].width, .height = diagram_.boxes[child].height});
    }
    first_entry_ = static_cast<int>(level.nodes.size());
    level.nodes.resize(first_entry_ + box.num_inputs, {.kind = LevelNode::kEntry});
    first_exit_ = static_cast<int>(level.nodes.size());
    level.nodes.resize(first_exit_ + box.num_outputs, {.kind = LevelNode::kExit});
    for (const int l : lines_[b]) {
      const DiagramLine& line = diagram_.lines[l];
      LevelEdge edge = {.from_port = line.from_port, .label_width = line.label_width};
      if (line.from == b) {
        edge.from = first_entry_ + line.from_port;
        edge.from_at = 0;
      } else {
        edge.from = place_[line.from];
        const DiagramBox& from = diagram_.boxes[line.from];
        if (from.open && !from.output_at.empty()) edge.from_at = from.output_at[line.from_port];
      }
      if (line.to == b) {
        edge.to = first_exit_ + line.to_port;
        edge.to_at = 0;
      } else {
        edge.to = place_[line.to];
        const DiagramBox& to = diagram_.boxes[line.to];
        if (to.open && !to.input_at.empty()) edge.to_at = to.input_at[line.to_port];
      }
      level.edges.push_back(std::move(edge));
    }
    return level;
  }

  void Open(int b) {
    Level level = LevelOf(b);
    LayoutLevel(level);
    DiagramBox& box = diagram_.boxes[b];
    box.width = level.width;
    box.height = level.height;
    for (const int child : children_[b]) {
      diagram_.boxes[child].x = level.nodes[place_[child]].x;
      diagram_.boxes[child].y = level.nodes[place_[child]].y;
    }
    for (int i = 0; i < box.num_inputs; ++i) {
      box.input_at.push_back(level.nodes[first_entry_ + i].x);
    }
    for (int i = 0; i < box.num_outputs; ++i) {
      box.output_at.push_back(level.nodes[first_exit_ + i].x);
    }
    for (size_t i = 0; i < lines_[b].size(); ++i) {
      diagram_.lines[lines_[b][i]].route = std::move(level.edges[i].route);
    }
  }

  Diagram& diagram_;
  const LayoutOptions& options_;
  std::vector<std::vector<int>> children_, lines_;  // by box
  std::vector<int> place_;                          // in its level
  int first_entry_ = 0, first_exit_ = 0;            // in the level at hand
};

}  // namespace

void Layout(Diagram& diagram, const LayoutOptions& options) {
  for (DiagramBox& box : diagram.boxes) {
    box.x = box.y = 0;
    box.input_at.clear();
    box.output_at.clear();
  }
  for (DiagramLine& line : diagram.lines) line.route.clear();
  if (options.direction == Direction::kRight) Turn(diagram);
  NestedLayout(diagram, options).Run();
  if (options.direction == Direction::kRight) Turn(diagram);
}

}  // namespace nomograph::picture
