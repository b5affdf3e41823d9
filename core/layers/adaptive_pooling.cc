// Pooling to a size that is given. Keras: keras.layers.AdaptiveAveragePooling1D and the like. They
// are made from configurations.
#include <utility>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

// As many nodes for each axis.
constexpr int64_t kMostWindows = 1024;

constexpr char kMax[] = "Max", kAverage[] = "Average";

// Along one axis: element i is of those from floor(i size / count) to ceil((i + 1) size / count).
// Windows are products of such, so that axes can be taken one behind another.
Value PoolAxis(const Value& x, const char* kind, int64_t axis, int64_t size, int64_t count) {
  const std::string reduce = kind == kMax ? "math.ReduceMax" : "math.ReduceMean";
  std::vector<Value> parts;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = i * size / count, end = ((i + 1) * size + count - 1) / count;
    const Value window = Op("array.Slice", {x},
                            {{"starts", Ints{begin}}, {"ends", Ints{end}}, {"axes", Ints{axis}}});
    parts.push_back(Op(reduce, {window}, {{"axes", Ints{axis}}, {"keepdims", true}}));
  }
  return parts.size() == 1 ? parts[0] : Op("array.Concat", parts, {{"axis", axis}});
}

Layer AdaptivePooling(const char* kind, int rank, std::string name, const Sizes& output_size,
                      const std::string& data_format) {
  const auto counts = output_size.For("output_size", rank);
  absl::Status too_many;
  for (const int64_t count : counts.ok() ? *counts : Ints()) {
    if (count > kMostWindows)
      too_many = InvalidArgument("output_size: expected at most ", kMostWindows, ", found ", count);
  }
  return internal::WeightlessLayer(
      {.class_name = absl::StrCat("Adaptive", kind, "Pooling", rank, "D"),
       .name = std::move(name),
       .needs = internal::ImagesOfRank(rank, data_format, kFloats),
       .options =
           internal::AllOf({counts.status(), too_many, internal::CheckDataFormat(data_format)})},
      [=](const Value& x) -> absl::StatusOr<Value> {
        Value y = x;
        for (int i = 0; i < rank; ++i) {
          const int64_t axis = internal::FirstSpatialAxis(data_format) + i;
          const Dim& size = x.shape()[static_cast<int>(axis)];
          if (!size.known())
            return InvalidArgument("expected known spatial sizes, found ", x.type().ToString());
          if (size.size() != (*counts)[i]) y = PoolAxis(y, kind, axis, size.size(), (*counts)[i]);
        }
        return y;
      });
}

template <const char* kKind, int kRank>
struct AdaptivePoolingSpec {
  std::string name, data_format = "channels_last";
  Sizes output_size;

  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v.Required("output_size", output_size, "of the result, along each spatial axis");
    internal::VisitDataFormat(v, data_format);
  }
  Layer Make() const { return AdaptivePooling(kKind, kRank, name, output_size, data_format); }
};

using AdaptiveAveragePooling1DSpec = AdaptivePoolingSpec<kAverage, 1>;
using AdaptiveAveragePooling2DSpec = AdaptivePoolingSpec<kAverage, 2>;
using AdaptiveAveragePooling3DSpec = AdaptivePoolingSpec<kAverage, 3>;
using AdaptiveMaxPooling1DSpec = AdaptivePoolingSpec<kMax, 1>;
using AdaptiveMaxPooling2DSpec = AdaptivePoolingSpec<kMax, 2>;
using AdaptiveMaxPooling3DSpec = AdaptivePoolingSpec<kMax, 3>;
NOMO_REGISTER_LAYER(AdaptiveAveragePooling1DSpec, "AdaptiveAveragePooling1D",
                    internal::Sample({{"output_size", 2}}, {{5, 2}}));
NOMO_REGISTER_LAYER(AdaptiveAveragePooling2DSpec, "AdaptiveAveragePooling2D",
                    internal::Sample({{"output_size", Ints{2, 3}}}, {{5, 4, 2}}));
NOMO_REGISTER_LAYER(AdaptiveAveragePooling3DSpec, "AdaptiveAveragePooling3D",
                    internal::Sample({{"output_size", 2}}, {{3, 3, 3, 2}}));
NOMO_REGISTER_LAYER(AdaptiveMaxPooling1DSpec, "AdaptiveMaxPooling1D",
                    internal::Sample({{"output_size", 2}}, {{5, 2}}));
NOMO_REGISTER_LAYER(AdaptiveMaxPooling2DSpec, "AdaptiveMaxPooling2D",
                    internal::Sample({{"output_size", 2}}, {{5, 4, 2}}));
NOMO_REGISTER_LAYER(AdaptiveMaxPooling3DSpec, "AdaptiveMaxPooling3D",
                    internal::Sample({{"output_size", 2}}, {{3, 3, 3, 2}}));

}  // namespace
}  // namespace nomograph
