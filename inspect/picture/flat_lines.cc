#include "nomograph/inspect/picture/flat_lines.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace nomograph::picture {
namespace {

// A place in the border of an open box, by box and port.
using Place = std::pair<int, int>;

class Flattener {
 public:
  explicit Flattener(const Picture& picture) : picture_(picture), diagram_(picture.diagram) {
    for (size_t l = 0; l < diagram_.lines.size(); ++l) {
      const DiagramLine& line = diagram_.lines[l];
      if (line.from == line.level) inwards_[{line.level, line.from_port}].push_back(line);
      if (line.to == line.level) outwards_.emplace(Place(line.level, line.to_port), line);
    }
  }

  std::vector<FlatLine> Run() {
    for (size_t l = 0; l < diagram_.lines.size(); ++l) {
      const DiagramLine& line = diagram_.lines[l];
      if (line.from == line.level || line.to == line.level) continue;
      Follow(SourceOf(line), line, picture_.lines[l].label);
    }
    return std::move(result_);
  }

 private:
  // The closed box that a line comes from, from inside of the one that it leaves.
  int SourceOf(const DiagramLine& line) const {
    int from = line.from, port = line.from_port;
    while (diagram_.boxes[from].num_outputs > 0) {
      const auto inner = outwards_.find({from, port});
      if (inner == outwards_.end()) break;
      from = inner->second.from;
      port = inner->second.from_port;
    }
    return from;
  }

  void Follow(int from, const DiagramLine& first, const std::string& label) {
    std::vector<Place> open = {{first.to, first.to_port}};
    while (!open.empty()) {
      const Place place = open.back();
      open.pop_back();
      const auto inner = inwards_.find(place);
      if (diagram_.boxes[place.first].num_inputs == 0 || inner == inwards_.end()) {
        if (seen_.insert({from, place.first}).second) {
          result_.push_back({from, place.first, label});
        }
        continue;
      }
      for (auto line = inner->second.rbegin(); line != inner->second.rend(); ++line) {
        open.push_back({line->to, line->to_port});
      }
    }
  }

  const Picture& picture_;
  const Diagram& diagram_;
  absl::flat_hash_map<Place, std::vector<DiagramLine>> inwards_;
  absl::flat_hash_map<Place, DiagramLine> outwards_;
  absl::flat_hash_set<std::pair<int, int>> seen_;
  std::vector<FlatLine> result_;
};

}  // namespace

std::vector<FlatLine> FlatLines(const Picture& picture) { return Flattener(picture).Run(); }

std::vector<std::vector<int>> ChildrenOf(const Diagram& diagram) {
  std::vector<std::vector<int>> children(diagram.boxes.size());
  for (size_t b = 1; b < diagram.boxes.size(); ++b) {
    children[diagram.boxes[b].parent].push_back(static_cast<int>(b));
  }
  return children;
}

}  // namespace nomograph::picture
