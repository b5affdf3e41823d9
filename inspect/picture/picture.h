// A picture of a model: which boxes of its hierarchy are shown, what they say, and where they are.
// Writers (svg.h, png.h, dot.h, mermaid.h) make files of it, and pages ship it as their opening
// view.
//
//   NOMO_ASSIGN_OR_RETURN(const picture::Picture picture,
//                         picture::MakePicture(hierarchy, OpRegistry::Default(), {}));
//   NOMO_RETURN_IF_ERROR(WriteFileAtomically("model.svg", picture::Svg(picture)));
#ifndef NOMOGRAPH_INSPECT_PICTURE_PICTURE_H_
#define NOMOGRAPH_INSPECT_PICTURE_PICTURE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "nomograph/inspect/picture/diagram.h"
#include "nomograph/inspect/picture/hierarchy.h"
#include "nomograph/inspect/picture/op_family.h"

namespace nomograph::picture {

// What a lambda is on this machine; see inspect/inspect_model.h.
enum class LambdaBadge { kNone, kKernel, kBody, kMissing };

// How a node differs from the one in another model.
enum class Mark { kNone, kSame, kAdded, kRemoved, kChanged };

struct PictureBox {
  int tree = 0, box = 0;  // in the hierarchy
  BoxKind kind = BoxKind::kNode;
  std::string role;  // of a function that a node names, which is a box too: "then_branch"
  std::string title, subtitle;  // as they are shown: escaped, and cut to their room
  std::string tooltip;          // several lines
  OpFamily family = OpFamily::kOther;
  int times = 1;  // of equal blocks in a row, how many there are
  LambdaBadge lambda = LambdaBadge::kNone;
  Mark mark = Mark::kNone;
  std::optional<double> value;  // what it is coloured by: the sum of what is inside
};

struct PictureLine {
  int tree = 0;
  std::vector<ValueId> values;  // which it stands for
  std::string label;            // the type's shape; empty where there are several
  std::string tooltip;          // several lines
};

struct Picture {
  const Hierarchy* hierarchy = nullptr;
  Diagram diagram;
  // By box and by line of the diagram.
  std::vector<PictureBox> boxes;
  std::vector<PictureLine> lines;
  LayoutOptions layout;
  std::string title, subtitle;  // of all, escaped; may be empty
  int depth = 0;                // to which scopes are open
  std::string value_name;       // what `value` is: "time"; empty: boxes are coloured by op
  double max_value = 0;         // of boxes that are not open
  bool has_marks = false;
};

struct PictureOptions {
  // Boxes of levels below it are open; 0: as many as make some 45 boxes. Beyond 256 levels none
  // are.
  int depth = 0;
  // Scopes to open beside, with those around them, by path with or without slashes at its ends; of
  // a node, the functions that it names.
  std::vector<std::string> expand = {};
  LayoutOptions layout = {.wrap_above = 1100};
  // Stand above the picture: what model that is, and how large.
  std::string title = {}, subtitle = {};
  // Colours by these numbers, by name of node in the main graph, instead of by op.
  std::string value_name = {};
  absl::flat_hash_map<std::string, double> values;
  // Colours by change, by name of node.
  absl::flat_hash_map<std::string, Mark> marks;
  // No picture has more boxes, or more than four times as many lines.
  int64_t max_boxes = 200'000;
};

// The hierarchy must outlive the picture. NotFound, with the nearest names, for a scope in `expand`
// that is not there; ResourceExhausted where there were more boxes than allowed.
absl::StatusOr<Picture> MakePicture(const Hierarchy& hierarchy, const OpRegistry& registry,
                                    const PictureOptions& options = {});

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_PICTURE_H_
