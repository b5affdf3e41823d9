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

std::string FieldType<Edges>::Name() { return "int, or list of int or of two int"; }

absl::Status FieldType<Edges>::Read(const ConfigValue& from, Edges& to) {
  if (const int64_t* everywhere = from.As<int64_t>()) {
    to = *everywhere;
    return absl::OkStatus();
  }
  const auto* list = from.As<ConfigValue::List>();
  if (list == nullptr || list->empty()) return WrongFieldType(Name(), from);
  Edges edges = 0;
  edges.everywhere_ = false;
  edges.each_.clear();
  for (const ConfigValue& element : *list) {
    Ints numbers;
    if (!FieldType<Ints>::Read(element, numbers).ok()) return WrongFieldType(Name(), from);
    const bool pair = element.As<ConfigValue::List>() != nullptr;
    if (pair && numbers.size() == 2) {
      edges.each_.push_back({numbers[0], numbers[1]});
    } else if (!pair) {
      edges.numbers_.push_back(numbers[0]);
    } else {
      return WrongFieldType(Name(), from);
    }
  }
  if (!edges.each_.empty() && !edges.numbers_.empty()) return WrongFieldType(Name(), from);
  to = std::move(edges);
  return absl::OkStatus();
}

absl::StatusOr<ConfigValue> FieldType<Edges>::Write(const Edges& from) {
  if (from.everywhere_) return ConfigValue(from.each_[0].begin);
  if (!from.numbers_.empty()) return ConfigValue(from.numbers_);
  ConfigValue::List list;
  for (const auto& [begin, end] : from.each_) list.push_back(Ints{begin, end});
  return ConfigValue(std::move(list));
}

namespace {

constexpr char kZeroPadding[] = "ZeroPadding", kPadding[] = "padding";
constexpr char kCroppingClass[] = "Cropping", kCropping[] = "cropping";

template <const char* kClass, const char* kOption, int kRank, int kDefault>
struct EdgesSpec {
  Edges edges = kDefault;
  EdgesOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v(kOption, edges,
      "at both ends of each spatial axis: a number, or one or a pair for each axis");
    internal::VisitDataFormat(v, options.data_format);
  }
  Layer Make() const { return EdgesLayer(kClass, kOption, kRank, edges, options); }
};
using ZeroPadding1DSpec = EdgesSpec<kZeroPadding, kPadding, 1, 1>;
using ZeroPadding2DSpec = EdgesSpec<kZeroPadding, kPadding, 2, 1>;
using ZeroPadding3DSpec = EdgesSpec<kZeroPadding, kPadding, 3, 1>;
using Cropping1DSpec = EdgesSpec<kCroppingClass, kCropping, 1, 1>;
using Cropping2DSpec = EdgesSpec<kCroppingClass, kCropping, 2, 0>;
using Cropping3DSpec = EdgesSpec<kCroppingClass, kCropping, 3, 1>;

NOMO_REGISTER_LAYER(ZeroPadding1DSpec, "ZeroPadding1D",
                    internal::Sample({{"padding", Ints{1, 2}}}, {{3, 2}}));
NOMO_REGISTER_LAYER(ZeroPadding2DSpec, "ZeroPadding2D",
                    internal::Sample({{"padding", ConfigValue::List{Ints{1, 2}, Ints{0, 1}}}},
                                     {{3, 3, 2}}));
NOMO_REGISTER_LAYER(ZeroPadding3DSpec, "ZeroPadding3D", internal::Sample({}, {{2, 2, 2, 1}}));
NOMO_REGISTER_LAYER(Cropping1DSpec, "Cropping1D", internal::Sample({}, {{4, 2}}));
NOMO_REGISTER_LAYER(Cropping2DSpec, "Cropping2D",
                    internal::Sample({{"cropping", Ints{1, 0}}}, {{4, 3, 2}}));
NOMO_REGISTER_LAYER(Cropping3DSpec, "Cropping3D", internal::Sample({}, {{3, 3, 3, 1}}));

}  // namespace

Layer ZeroPadding1D(Edges padding, EdgesOptions options) {
  return Configured(ZeroPadding1DSpec{std::move(padding), std::move(options)});
}
Layer ZeroPadding2D(Edges padding, EdgesOptions options) {
  return Configured(ZeroPadding2DSpec{std::move(padding), std::move(options)});
}
Layer ZeroPadding3D(Edges padding, EdgesOptions options) {
  return Configured(ZeroPadding3DSpec{std::move(padding), std::move(options)});
}
Layer Cropping1D(Edges cropping, EdgesOptions options) {
  return Configured(Cropping1DSpec{std::move(cropping), std::move(options)});
}
Layer Cropping2D(Edges cropping, EdgesOptions options) {
  return Configured(Cropping2DSpec{std::move(cropping), std::move(options)});
}
Layer Cropping3D(Edges cropping, EdgesOptions options) {
  return Configured(Cropping3DSpec{std::move(cropping), std::move(options)});
}

}  // namespace nomograph
