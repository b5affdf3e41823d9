// ZeroPadding and Cropping.
#include <limits>

#include "nomograph/core/layers/internal.h"
#include "nomograph/core/layers/reshape.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;
using Pairs = std::vector<Edges::Pair>;

Ints SpatialAxes(size_t count, const std::string& data_format) {
  Ints axes;
  for (size_t i = 0; i < count; ++i)
    axes.push_back(internal::FirstSpatialAxis(data_format) + static_cast<int64_t>(i));
  return axes;
}

Value Pad(const Value& x, const Ints& axes, const Pairs& edges) {
  Ints pads;
  for (const Edges::Pair& edge : edges) pads.push_back(edge.begin);
  for (const Edges::Pair& edge : edges) pads.push_back(edge.end);
  return Op("array.Pad", {x}, {{"pads", pads}, {"axes", axes}});
}

absl::StatusOr<Value> Crop(const Value& x, const Ints& axes, const Pairs& edges) {
  Ints starts, ends;
  for (size_t i = 0; i < edges.size(); ++i) {
    const auto& [begin, end] = edges[i];
    const Dim& size = x.shape()[static_cast<int>(axes[i])];
    if (size.known() && begin + end >= size.size()) {
      return InvalidArgument("cropping: expected less than the ", size.size(), " elements of axis ",
                             axes[i], ", found ", begin, " + ", end);
    }
    starts.push_back(begin);
    ends.push_back(end == 0 ? std::numeric_limits<int64_t>::max() : -end);
  }
  return Op("array.Slice", {x}, {{"starts", starts}, {"ends", ends}, {"axes", axes}});
}

Layer EdgesLayer(const char* kind, const char* option, int spatial_rank, const Edges& edges,
                 const EdgesOptions& options) {
  const auto pairs = edges.For(option, spatial_rank);
  const bool pads = option == std::string("padding");
  return internal::WeightlessLayer(
      {.class_name = absl::StrCat(kind, spatial_rank, "D"),
       .name = options.name,
       .needs = internal::ImagesOfRank(spatial_rank, options.data_format),
       .options =
           internal::AllOf({pairs.status(), internal::CheckDataFormat(options.data_format)})},
      [=, format = options.data_format](const Value& x) -> absl::StatusOr<Value> {
        const Ints axes = SpatialAxes(pairs->size(), format);
        return pads ? Pad(x, axes, *pairs) : Crop(x, axes, *pairs);
      });
}

// Keeps sums of sizes far from overflow.
constexpr int64_t kMaxEdge = int64_t{1} << 40;

}  // namespace

Edges::Edges(std::initializer_list<int64_t> numbers) : numbers_(numbers) {}

absl::StatusOr<std::vector<Edges::Pair>> Edges::For(absl::string_view option, int count) const {
  Pairs pairs = each_;
  if (everywhere_) {
    pairs = Pairs(count, each_[0]);
  } else if (count == 1 && numbers_.size() == 2) {
    pairs = {{numbers_[0], numbers_[1]}};
  } else if (!numbers_.empty()) {
    for (const int64_t number : numbers_) pairs.push_back({number, number});
  }
  if (pairs.size() != static_cast<size_t>(count)) {
    return InvalidArgument(option, ": expected a number, or one or a pair for each of ", count,
                           " axes, found ", pairs.size());
  }
  for (const auto& [begin, end] : pairs) {
    if (begin >= 0 && end >= 0 && begin <= kMaxEdge && end <= kMaxEdge) continue;
    return InvalidArgument(option, ": expected numbers from 0 to 2^40, found ", begin, " and ",
                           end);
  }
  return pairs;
}

Layer ZeroPadding1D(Edges padding, EdgesOptions options) {
  return EdgesLayer("ZeroPadding", "padding", 1, padding, options);
}
Layer ZeroPadding2D(Edges padding, EdgesOptions options) {
  return EdgesLayer("ZeroPadding", "padding", 2, padding, options);
}
Layer ZeroPadding3D(Edges padding, EdgesOptions options) {
  return EdgesLayer("ZeroPadding", "padding", 3, padding, options);
}
Layer Cropping1D(Edges cropping, EdgesOptions options) {
  return EdgesLayer("Cropping", "cropping", 1, cropping, options);
}
Layer Cropping2D(Edges cropping, EdgesOptions options) {
  return EdgesLayer("Cropping", "cropping", 2, cropping, options);
}
Layer Cropping3D(Edges cropping, EdgesOptions options) {
  return EdgesLayer("Cropping", "cropping", 3, cropping, options);
}

}  // namespace nomograph
