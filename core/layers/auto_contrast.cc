// Images stretched to the whole range of values. Keras: keras.layers.AutoContrast, which acts at
// inference, too. It is made from configurations.
#include <utility>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

struct AutoContrastSpec {
  std::string name, data_format = "channels_last";
  std::vector<double> value_range = {0, 255};

  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v("value_range", value_range, "the least and the greatest value of an image");
    internal::VisitDataFormat(v, data_format);
  }
  Layer Make() const {
    return internal::WeightlessLayer(
        {.class_name = "AutoContrast",
         .name = name,
         .needs = internal::ImagesOfRank(2, "channels_last", kFloats),
         .options = internal::AllOf(
             {value_range.size() == 2 && value_range[0] < value_range[1]
                  ? absl::OkStatus()
                  : InvalidArgument("value_range: expected two numbers, the lower one first"),
              internal::CheckDataFormat(data_format)})},
        [range = value_range](const Value& x) -> absl::StatusOr<Value> {
          // Each channel by its extremes along axes 1 and 2, whatever data_format says, as in
          // Keras; where they are the same it stays.
          const Attributes over = {{"axes", Ints{1, 2}}, {"keepdims", true}};
          const Value low = Op("math.ReduceMin", {x}, over), high = Op("math.ReduceMax", {x}, over);
          const Value width = high - low;
          const Value stretched = (x - low) / width * (range[1] - range[0]) + range[0];
          const Value clipped =
              Op("math.Clip", {stretched}, {{"min", range[0]}, {"max", range[1]}});
          return Op("array.Where", {width > 0.0, clipped, x});
        });
  }
};
NOMO_REGISTER_LAYER(AutoContrastSpec, "AutoContrast",
                    internal::Sample({{"value_range", std::vector<double>{0, 1}}}, {{3, 3, 2}}));

}  // namespace
}  // namespace nomograph
