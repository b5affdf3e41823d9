// The borders of boxes, and equal blocks told by a digest of what is in them: of each box one that
// is made of its children's, so that all take one pass.
#include <xxhash.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/inspect/picture/hierarchy_parts.h"

namespace nomograph::picture {
namespace {

// Constants of so many elements are part of a block's structure (axes, sizes, factors); those with
// more are weights, in which equal blocks differ.
constexpr int64_t kStructuralElements = 16;

class Digest {
 public:
  void Number(uint64_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Text(absl::string_view text) {
    Number(text.size());
    bytes_.append(text.data(), text.size());
  }
  void Type(const TensorType& type) {
    Number(static_cast<uint64_t>(type.dtype));
    Number(static_cast<uint64_t>(type.shape.rank()));
    if (!type.shape.has_rank()) return;
    for (const Dim& dim : type.shape.dims()) {
      Number(static_cast<uint64_t>(dim.size()));
      if (!dim.known()) Text(dim.symbol());
    }
  }
  void Value(const Tensor& tensor) {
    if (!tensor.valid()) return Number(0);
    Type({tensor.dtype(), tensor.shape()});
    if (tensor.num_elements() > kStructuralElements) return;
    Text({reinterpret_cast<const char*>(tensor.raw_data()),
          static_cast<size_t>(tensor.num_bytes())});
  }
  uint64_t Finish() const { return XXH3_64bits(bytes_.data(), bytes_.size()); }

 private:
  std::string bytes_;
};

// What each box looks like, whatever it and its values are called.
class BlockDigests {
 public:
  explicit BlockDigests(const Tree& tree)
      : tree_(tree),
        graph_(*tree.graph),
        source_(graph_.values.size(), -1),
        constant_(graph_.values.size(), 0),
        digests_(tree.boxes.size()),
        output_(graph_.values.size(), 0),
        place_(graph_.values.size(), 0) {
    for (const Edge& edge : tree.edges) source_[edge.value] = edge.from;
    for (const Node& node : graph_.nodes) {
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i] != kNoValue) output_[node.outputs[i]] = i;
      }
    }
    for (const Weight& weight : graph_.weights) {
      Digest digest;
      digest.Value(weight.tensor);
      constant_[weight.value] = digest.Finish();
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (tree.box_of_node[i] < 0) FindConstant(graph_.nodes[i]);
    }
    for (int box = static_cast<int>(tree.boxes.size()) - 1; box > 0; --box) {
      digests_[box] = tree.boxes[box].node >= 0 ? OfNode(box) : OfScope(box);
    }
  }

  uint64_t operator[](int box) const { return digests_[box]; }

 private:
  static void WriteNode(const Node& node, Digest& digest) {
    digest.Text(node.op);
    digest.Number(node.version);
    for (const auto& [name, value] : node.attrs) {
      digest.Text(name);
      if (const auto* tensor = value.As<Tensor>()) {
        digest.Value(*tensor);
      } else {
        digest.Text(value.ToString());
      }
    }
  }

  // A constant that is not shown counts where it is used.
  void FindConstant(const Node& node) {
    Digest digest;
    WriteNode(node, digest);
    for (const ValueId id : node.inputs) digest.Number(id == kNoValue ? 0 : constant_[id]);
    uint64_t result = digest.Finish();
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) constant_[id] = result++;
    }
  }

  uint64_t OfNode(int box) {
    const Node& node = graph_.nodes[tree_.boxes[box].node];
    SetPlaces(tree_.boxes[box].inputs);
    Digest digest;
    WriteNode(node, digest);
    digest.Text(node.body);
    for (const ValueId id : node.inputs) {
      if (id == kNoValue) {
        digest.Number(0);
      } else if (source_[id] < 0) {
        digest.Number(1);
        digest.Number(constant_[id]);
      } else {
        digest.Number(2 + place_[id]);
      }
    }
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) digest.Type(graph_.value(id).type);
    }
    return digest.Finish();
  }

  // Which output of its node a value is, and where that node stands in `scope`.
  void WriteSource(ValueId id, int scope, Digest& digest) const {
    digest.Number(source_[id] - scope);
    digest.Number(output_[id]);
  }

  void SetPlaces(const std::vector<ValueId>& inputs) {
    for (size_t i = 0; i < inputs.size(); ++i) place_[inputs[i]] = i;
  }

  uint64_t OfScope(int scope) {
    Digest digest;
    const Box& box = tree_.boxes[scope];
    SetPlaces(box.inputs);
    tree_.ForEachChild(scope, [&](int child) {
      digest.Number(digests_[child]);
      for (const ValueId id : tree_.boxes[child].inputs) {
        const bool is_inside = tree_.IsInside(source_[id], scope);
        digest.Number(is_inside);
        if (is_inside) {
          WriteSource(id, scope, digest);
        } else {
          digest.Number(place_[id]);
        }
      }
    });
    for (const ValueId id : box.outputs) WriteSource(id, scope, digest);
    return digest.Finish();
  }

  const Tree& tree_;
  const Graph& graph_;
  std::vector<int> source_;         // by value: the box that yields it, -1: a constant
  std::vector<uint64_t> constant_;  // by value: its digest
  std::vector<uint64_t> digests_;
  std::vector<uint64_t> output_;  // by value: which output of its node it is
  std::vector<uint64_t> place_;   // by value: which input of the box at hand it is
};

// Whether `next` is `name` with all numbers that differ one higher.
bool IsSuccessor(absl::string_view name, absl::string_view next) {
  bool differs = false;
  size_t a = 0, b = 0;
  const auto read = [](absl::string_view text, size_t& at) {
    uint64_t number = 0;
    for (; at < text.size() && absl::ascii_isdigit(text[at]); ++at) {
      number = number * 10 + (text[at] - '0');  // wraps around for what is no number of a block
    }
    return number;
  };
  while (a < name.size() && b < next.size()) {
    if (absl::ascii_isdigit(name[a]) && absl::ascii_isdigit(next[b])) {
      const uint64_t from = read(name, a), to = read(next, b);
      if (from == to) continue;
      if (to != from + 1) return false;
      differs = true;
    } else if (name[a++] != next[b++]) {
      return false;
    }
  }
  return differs && a == name.size() && b == next.size();
}

// "layers.0" and "layers.11" make "layers.0–11".
std::string RangeName(absl::string_view first, absl::string_view last) {
  size_t same = 0;
  while (same < first.size() && same < last.size() && first[same] == last[same]) ++same;
  while (same > 0 && absl::ascii_isdigit(first[same - 1])) --same;
  const auto number = [same](absl::string_view text) {
    size_t end = same;
    while (end < text.size() && absl::ascii_isdigit(text[end])) ++end;
    return text.substr(same, end - same);
  };
  return absl::StrCat(first.substr(0, same), number(first), "–", number(last));
}

// Copies boxes with repeats around runs.
class Refolder {
 public:
  // `run_end`: for the first block of a run the end of the last, else 0.
  Refolder(const Tree& from, const std::vector<int>& run_end) : from_(from), run_end_(run_end) {
    Copy(0, -1, 0);
  }

  void Apply(Tree& tree) {
    for (Edge& edge : tree.edges) edge = {moved_[edge.from], moved_[edge.to], edge.value};
    for (int& box : tree.box_of_node) {
      if (box >= 0) box = moved_[box];
    }
    tree.boxes = std::move(boxes_);
  }

 private:
  int Append(Box box, int parent, int level) {
    box.parent = parent;
    box.level = level;
    boxes_.push_back(std::move(box));
    return static_cast<int>(boxes_.size()) - 1;
  }

  void Copy(int from, int parent, int level) {
    const int id = Append(from_.boxes[from], parent, level);
    moved_.push_back(id);
    const int end = from_.boxes[from].end;
    for (int child = from + 1; child < end;) {
      const int run_end = run_end_[child];
      if (run_end == 0) {
        Copy(child, id, level + 1);
        child = from_.boxes[child].end;
        continue;
      }
      const int repeat = Append(RepeatOf(child, run_end), id, level + 1);
      for (; child < run_end; child = from_.boxes[child].end) Copy(child, repeat, level + 1);
      boxes_[repeat].end = static_cast<int>(boxes_.size());
    }
    boxes_[id].end = static_cast<int>(boxes_.size());
  }

  Box RepeatOf(int first, int run_end) const {
    Box repeat = {.kind = BoxKind::kRepeat, .path = from_.boxes[first].path};
    int last = first;
    for (int block = first; block < run_end; block = from_.boxes[block].end) {
      repeat.num_nodes += from_.boxes[block].num_nodes;
      repeat.num_constants += from_.boxes[block].num_constants;
      last = block;
    }
    repeat.name = RangeName(from_.boxes[first].name, from_.boxes[last].name);
    return repeat;
  }

  const Tree& from_;
  const std::vector<int>& run_end_;
  std::vector<Box> boxes_;
  std::vector<int> moved_;  // by old box
};

}  // namespace

void FindBorders(Tree& tree) {
  std::vector<Box>& boxes = tree.boxes;
  absl::flat_hash_map<std::pair<int, ValueId>, bool> entered;
  // By value: the outermost box that it has left so far.
  absl::flat_hash_map<ValueId, int> left;
  for (Box& box : boxes) {
    box.inputs.clear();
    box.outputs.clear();
  }
  for (const Edge& edge : tree.edges) {
    boxes[edge.to].inputs.push_back(edge.value);
    for (int box = boxes[edge.to].parent; !tree.IsInside(edge.from, box); box = boxes[box].parent) {
      if (!entered.emplace(std::make_pair(box, edge.value), true).second) break;
      boxes[box].inputs.push_back(edge.value);
    }
  }
  for (size_t b = 0; b < boxes.size(); ++b) {
    if (boxes[b].kind == BoxKind::kInput) boxes[b].outputs = {boxes[b].value};
    if (boxes[b].node < 0) continue;
    for (const ValueId id : tree.graph->nodes[boxes[b].node].outputs) {
      if (id != kNoValue) boxes[b].outputs.push_back(id);
    }
  }
  for (const Edge& edge : tree.edges) {
    int& outermost = left.emplace(edge.value, edge.from).first->second;
    for (int box = boxes[outermost].parent; !tree.IsInside(edge.to, box); box = boxes[box].parent) {
      boxes[box].outputs.push_back(edge.value);
      outermost = box;
    }
  }
}

void FoldEqualBlocks(Tree& tree) {
  const BlockDigests digests(tree);
  std::vector<int> run_end(tree.boxes.size(), 0);
  bool any = false;
  const auto continues = [&](int a, int b, int end) {
    return b < end && tree.boxes[a].kind == BoxKind::kScope &&
           tree.boxes[b].kind == BoxKind::kScope && digests[a] == digests[b] &&
           IsSuccessor(tree.boxes[a].name, tree.boxes[b].name);
  };
  for (size_t scope = 0; scope < tree.boxes.size(); ++scope) {
    const int end = tree.boxes[scope].end;
    for (int first = static_cast<int>(scope) + 1; first < end;) {
      int last = first;
      while (continues(last, tree.boxes[last].end, end)) last = tree.boxes[last].end;
      if (last != first) {
        run_end[first] = tree.boxes[last].end;
        any = true;
      }
      first = tree.boxes[last].end;
    }
  }
  if (!any) return;
  const Tree copy = {.graph = tree.graph,
                     .function = {},
                     .boxes = std::move(tree.boxes),
                     .edges = {},
                     .box_of_node = {}};
  Refolder(copy, run_end).Apply(tree);
  FindBorders(tree);
}

}  // namespace nomograph::picture
