#include "nomograph/inspect/picture/picture.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/picture/picture_text.h"
#include "nomograph/inspect/picture/text_width.h"

namespace nomograph::picture {
namespace {

absl::string_view WithoutSlashes(absl::string_view path) {
  while (absl::ConsumePrefix(&path, "/")) {
  }
  while (absl::ConsumeSuffix(&path, "/")) {
  }
  return path;
}

// Scopes and nodes to be opened, by tree and box.
class Expansions {
 public:
  static absl::StatusOr<Expansions> Find(const Hierarchy& hierarchy,
                                         const std::vector<std::string>& paths) {
    Expansions result;
    if (paths.empty()) return result;
    absl::flat_hash_set<absl::string_view> wanted, found;
    for (const std::string& path : paths) wanted.insert(WithoutSlashes(path));
    for (size_t t = 0; t < hierarchy.trees.size(); ++t) {
      const Tree& tree = hierarchy.trees[t];
      for (size_t b = 1; b < tree.boxes.size(); ++b) {
        const absl::string_view path = WithoutSlashes(tree.boxes[b].path);
        if (!wanted.contains(path)) continue;
        found.insert(path);
        for (int at = static_cast<int>(b); at > 0; at = tree.boxes[at].parent) {
          result.open_.insert({static_cast<int>(t), at});
        }
      }
    }
    for (const absl::string_view path : wanted) {
      if (!found.contains(path)) return NoSuchScope(hierarchy, path);
    }
    return result;
  }

  bool Contains(int tree, int box) const { return open_.contains({tree, box}); }

 private:
  static absl::Status NoSuchScope(const Hierarchy& hierarchy, absl::string_view path) {
    std::vector<std::string> scopes;
    for (const Tree& tree : hierarchy.trees) {
      for (size_t b = 1; b < tree.boxes.size(); ++b) {
        const Box& box = tree.boxes[b];
        const bool opens =
            !tree.IsLeaf(static_cast<int>(b)) ||
            (box.node >= 0 && !hierarchy.BodiesOf(tree.graph->nodes[box.node]).empty());
        if (opens) scopes.push_back(std::string(box.path));
      }
    }
    return absl::NotFoundError(
        absl::StrCat("there is no scope ", Quoted(path), DidYouMean(path, scopes)));
  }

  absl::flat_hash_set<std::pair<int, int>> open_;
};

// Functions that call functions can be nested as deep as a file likes.
constexpr int kMostLevels = 256;

class PictureMaker {
 public:
  PictureMaker(const Hierarchy& hierarchy, const OpRegistry& registry,
               const PictureOptions& options, const Expansions& expansions)
      : hierarchy_(hierarchy),
        registry_(registry),
        options_(options),
        expansions_(expansions),
        sources_(hierarchy.trees.size()) {
    picture_.depth = options.depth > 0 ? std::min(options.depth, kMostLevels) : DepthFor(hierarchy);
    picture_.hierarchy = &hierarchy;
    picture_.layout = options.layout;
    picture_.title = Shown(options.title);
    picture_.subtitle = Shown(options.subtitle);
    picture_.value_name = options.value_name;
    picture_.has_marks = !options.marks.empty();
  }

  absl::StatusOr<Picture> Make() {
    const int root = Add(-1, 0, 0, BoxKind::kRoot);
    picture_.diagram.boxes[root].open = true;
    NOMO_RETURN_IF_ERROR(Fill(root, 0, 0, 0));
    for (size_t b = 0; b < picture_.boxes.size(); ++b) {
      const PictureBox& box = picture_.boxes[b];
      if (!picture_.diagram.boxes[b].open && box.value) {
        picture_.max_value = std::max(picture_.max_value, *box.value);
      }
    }
    MeasureLabels();
    Layout(picture_.diagram, options_.layout);
    return std::move(picture_);
  }

 private:
  // What comes out of an open box has its label inside, and an input says its shape itself.
  void MeasureLabels() {
    if (options_.layout.direction == Direction::kRight) return;
    for (size_t l = 0; l < picture_.lines.size(); ++l) {
      DiagramLine& line = picture_.diagram.lines[l];
      const std::string& label = picture_.lines[l].label;
      if (label.empty() || line.from == line.level) continue;
      if (picture_.diagram.boxes[line.from].num_outputs > 0) continue;
      if (picture_.boxes[line.from].kind == BoxKind::kInput) continue;
      line.label_width = TextWidth(label, kLabelSize) + 8;
    }
  }

  int Add(int parent, int tree, int box, BoxKind kind) {
    picture_.diagram.boxes.push_back({.parent = parent});
    picture_.boxes.push_back({.tree = tree, .box = box, .kind = kind});
    return static_cast<int>(picture_.boxes.size()) - 1;
  }

  const Tree& TreeOf(int tree) const { return hierarchy_.trees[tree]; }

  // The box whose children are shown where `box` is open: of a repeat its first block.
  static int Content(const Tree& tree, int box) {
    return tree.boxes[box].kind == BoxKind::kRepeat ? box + 1 : box;
  }

  // Shows what is in `box` of a tree inside of the picture's box `at`. `level` is that of the
  // tree's root in the picture. Recursion goes as deep as boxes are open, which depth limits.
  absl::Status Fill(int at, int tree_id, int box, int level) {
    const Tree& tree = TreeOf(tree_id);
    const int content = Content(tree, box);
    std::vector<int> shown;
    absl::Status status;
    tree.ForEachChild(content, [&](int child) {
      if (!status.ok()) return;
      shown.push_back(Add(at, tree_id, child, tree.boxes[child].kind));
      status = Describe(shown.back(), level);
    });
    NOMO_RETURN_IF_ERROR(status);
    Connect(at, tree_id, content, shown);
    if (static_cast<int64_t>(picture_.boxes.size()) > options_.max_boxes ||
        static_cast<int64_t>(picture_.lines.size()) > 4 * options_.max_boxes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the picture would have more than ", options_.max_boxes,
                       " boxes, or four times as many lines: choose a smaller depth or a part of "
                       "the graph"));
    }
    return absl::OkStatus();
  }

  absl::Status Describe(int at, int level) {
    PictureBox& shown = picture_.boxes[at];
    const Tree& tree = TreeOf(shown.tree);
    const int b = shown.box;
    const Box& box = tree.boxes[b];
    std::vector<Body> bodies;
    if (box.node >= 0) bodies = hierarchy_.BodiesOf(tree.graph->nodes[box.node]);
    const bool can_open = !tree.IsLeaf(b) || !bodies.empty();
    const int depth = box.level + level;
    const bool open = can_open && depth < kMostLevels &&
                      (depth < picture_.depth || expansions_.Contains(shown.tree, b));
    DescribeBox(hierarchy_, registry_, options_, open, shown);
    DiagramBox& place = picture_.diagram.boxes[at];
    place.open = open;
    MeasureBox(shown, open, place);
    if (!open) return absl::OkStatus();
    if (!bodies.empty()) return FillWithBodies(at, bodies, box.level + level);
    const Box& content = tree.boxes[Content(tree, b)];
    place.num_inputs = static_cast<int>(content.inputs.size());
    place.num_outputs = static_cast<int>(content.outputs.size());
    return Fill(at, shown.tree, b, level);
  }

  absl::Status FillWithBodies(int at, const std::vector<Body>& bodies, int level) {
    for (const Body& body : bodies) {
      const int frame = Add(at, body.tree, 0, BoxKind::kRoot);
      PictureBox& shown = picture_.boxes[frame];
      shown.role = body.role;
      DescribeBox(hierarchy_, registry_, options_, /*open=*/true, shown);
      picture_.diagram.boxes[frame].open = true;
      MeasureBox(shown, /*open=*/true, picture_.diagram.boxes[frame]);
      NOMO_RETURN_IF_ERROR(Fill(frame, body.tree, 0, level));
    }
    return absl::OkStatus();
  }

  // By value of a tree: the node or input that yields it.
  const std::vector<int>& SourcesOf(int tree_id) {
    std::vector<int>& sources = sources_[tree_id];
    const Tree& tree = TreeOf(tree_id);
    if (sources.empty()) {
      sources.assign(tree.graph->values.size(), -1);
      for (const Edge& edge : tree.edges) sources[edge.value] = edge.from;
    }
    return sources;
  }

  // By value that crosses the border of an open box: which of its ports that is. In all blocks of a
  // repeat the same place is the same port.
  using Ports = absl::flat_hash_map<ValueId, int>;
  Ports PortsOf(const Tree& tree, int box, bool outputs) const {
    Ports ports;
    const auto add = [&](int b) {
      const std::vector<ValueId>& values = outputs ? tree.boxes[b].outputs : tree.boxes[b].inputs;
      for (size_t i = 0; i < values.size(); ++i) ports.emplace(values[i], static_cast<int>(i));
    };
    if (tree.boxes[box].kind == BoxKind::kRepeat) {
      tree.ForEachChild(box, add);
    } else {
      add(box);
    }
    return ports;
  }

  // Draws the lines between the children of `content`, which are `shown` inside of `at`.
  void Connect(int at, int tree_id, int content, const std::vector<int>& shown) {
    if (shown.empty()) return;
    const Tree& tree = TreeOf(tree_id);
    const std::vector<int>& sources = SourcesOf(tree_id);
    std::vector<Ports> in(shown.size()), out(shown.size());
    for (size_t i = 0; i < shown.size(); ++i) {
      const DiagramBox& place = picture_.diagram.boxes[shown[i]];
      if (place.num_inputs > 0) in[i] = PortsOf(tree, picture_.boxes[shown[i]].box, false);
      if (place.num_outputs > 0) out[i] = PortsOf(tree, picture_.boxes[shown[i]].box, true);
    }
    const auto child_of = [&](int leaf) {
      const auto after = std::upper_bound(shown.begin(), shown.end(), leaf, [this](int box, int b) {
        return box < picture_.boxes[b].box;
      });
      return static_cast<size_t>(after - shown.begin()) - 1;
    };
    const auto from = [&](ValueId value, DiagramLine& line) {
      const size_t child = child_of(sources[value]);
      line.from = shown[child];
      const auto port = out[child].find(value);
      line.from_port = port != out[child].end() ? port->second : value;
    };
    lines_here_.clear();
    Ports entries;
    if (picture_.diagram.boxes[at].num_inputs > 0) {
      entries = PortsOf(tree, picture_.boxes[at].box, false);
    }
    for (size_t i = 0; i < shown.size(); ++i) {
      for (const ValueId value : tree.boxes[picture_.boxes[shown[i]].box].inputs) {
        DiagramLine line = {.level = at, .to = shown[i]};
        if (sources[value] < 0) continue;
        if (tree.IsInside(sources[value], content)) {
          from(value, line);
          if (line.from == line.to) continue;
        } else {
          const auto entry = entries.find(value);
          if (entry == entries.end()) continue;
          line.from = at;
          line.from_port = entry->second;
        }
        const auto port = in[i].find(value);
        line.to_port = port != in[i].end() ? port->second : 0;
        AddLine(tree_id, value, line);
      }
    }
    if (picture_.diagram.boxes[at].num_outputs == 0) return;
    const std::vector<ValueId>& outputs = tree.boxes[content].outputs;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (sources[outputs[i]] < 0) continue;
      DiagramLine line = {.level = at, .to = at, .to_port = static_cast<int>(i)};
      from(outputs[i], line);
      AddLine(tree_id, outputs[i], line);
    }
  }

  // Lines between the same two places are one.
  void AddLine(int tree_id, ValueId value, DiagramLine line) {
    const bool from_place =
        line.from == line.level || picture_.diagram.boxes[line.from].num_outputs > 0;
    const auto key =
        std::make_tuple(line.from, from_place ? line.from_port : -1, line.to, line.to_port);
    const auto [found, is_new] = lines_here_.emplace(key, picture_.lines.size());
    if (is_new) {
      picture_.diagram.lines.push_back(std::move(line));
      picture_.lines.push_back({.tree = tree_id});
    }
    PictureLine& shown = picture_.lines[found->second];
    shown.values.push_back(value);
    DescribeLine(*TreeOf(tree_id).graph, shown);
  }

  const Hierarchy& hierarchy_;
  const OpRegistry& registry_;
  const PictureOptions& options_;
  const Expansions& expansions_;
  std::vector<std::vector<int>> sources_;  // by tree
  absl::flat_hash_map<std::tuple<int, int, int, int>, size_t> lines_here_;
  Picture picture_;
};

}  // namespace

absl::StatusOr<Picture> MakePicture(const Hierarchy& hierarchy, const OpRegistry& registry,
                                    const PictureOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const Expansions expansions, Expansions::Find(hierarchy, options.expand));
  return PictureMaker(hierarchy, registry, options, expansions).Make();
}

}  // namespace nomograph::picture
