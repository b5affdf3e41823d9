#include "nomograph/core/gradient/draws.h"

namespace nomograph {

absl::StatusOr<Attributes> AttributesOfSameDraws(const GradientContext& g) {
  Attributes attrs = g.attrs();
  if (attrs.Has("key")) return attrs;
  if (g.node().empty()) {
    return InvalidArgument(
        "the node draws random numbers, and needs a name to be differentiated, by which its "
        "gradient draws the same");
  }
  attrs.Set("key", g.node());
  return attrs;
}

}  // namespace nomograph
