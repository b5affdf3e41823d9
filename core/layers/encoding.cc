// Numbers as categories, and categories as numbers. Keras: keras.layers.Discretization and
// CategoryEncoding. They are made from configurations.
#include "nomograph/core/layers/encoding.h"

#include <algorithm>
#include <utility>

#include "nomograph/core/layers/internal.h"

namespace nomograph {

using internal::Op;
using Ints = std::vector<int64_t>;

absl::StatusOr<Value> internal::EncodeCategories(const Value& categories, int64_t count,
                                                 const std::string& mode) {
  if (!categories.status().ok() || categories.dtype() == DType::kInvalid) return categories;
  const int rank = categories.shape().rank();
  Value x = categories;
  if (x.dtype() != DType::kInt64) x = Op("array.Cast", {x}, {{"to", DType::kInt64}});
  const bool has_axis_of_one = rank >= 1 && x.shape()[rank - 1] == Dim(1);
  if (mode == "one_hot" && has_axis_of_one) x = Op("array.Squeeze", {x}, {{"axes", -1}});
  Ints rows(count);
  for (int64_t i = 0; i < count; ++i) rows[i] = i;
  const Value all = Constant(Tensor::Of<int64_t>(Shape{count}, rows));
  const Value hot = Op("array.Cast", {Op("array.Unsqueeze", {x}, {{"axes", -1}}) == all},
                       {{"to", DType::kFloat32}});
  if (mode == "one_hot" || rank < 1) return hot;
  const Attributes over = {{"axes", -2}, {"keepdims", false}};
  return Op(mode == "count" ? "math.ReduceSum" : "math.ReduceMax", {hot}, over);
}

namespace {

struct CategoryEncodingSpec {
  std::string name, output_mode = "multi_hot";
  int64_t num_tokens = 0;

  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v.Required("num_tokens", num_tokens,
               "the number of categories; what is none of them has no place");
    v("output_mode", output_mode, "multi_hot, one_hot or count");
    v.Only("sparse", false, "results are dense");
  }
  Layer Make() const {
    return internal::WeightlessLayer(
        {.class_name = "CategoryEncoding",
         .name = name,
         .needs = {.min_rank = 1, .dtypes = kNumbers},
         .options = internal::AllOf(
             {internal::AtLeast("num_tokens", 1, num_tokens),
              num_tokens > int64_t{1} << 24 ? InvalidArgument("num_tokens: ", num_tokens)
                                            : absl::OkStatus(),
              internal::OneOf("output_mode", {"multi_hot", "one_hot", "count"}, output_mode)})},
        [count = num_tokens, mode = output_mode](const Value& x) {
          return internal::EncodeCategories(x, count, mode);
        });
  }
};
NOMO_REGISTER_LAYER(CategoryEncodingSpec, "CategoryEncoding",
                    internal::Sample({{"num_tokens", 3}}, {{2}}, DType::kInt64));

struct DiscretizationSpec {
  std::string name, output_mode = "int";
  std::vector<double> bin_boundaries;

  void VisitFields(FieldVisitor& v) {
    v.Name(name);
    v.Required("bin_boundaries", bin_boundaries, "ascending; the first bin is below the first one");
    v("output_mode", output_mode, "int, multi_hot, one_hot or count");
    v.Only("num_bins", nullptr, "boundaries that are found in data are bin_boundaries afterwards");
    v.Only("sparse", false, "results are dense");
  }
  Layer Make() const {
    const bool ascending = std::is_sorted(bin_boundaries.begin(), bin_boundaries.end());
    return internal::WeightlessLayer(
        {.class_name = "Discretization",
         .name = name,
         .needs = {.min_rank = 1, .dtypes = kNumbers},
         .options = internal::AllOf(
             {ascending ? absl::OkStatus()
                        : InvalidArgument("bin_boundaries: expected ascending ones"),
              internal::OneOf("output_mode", {"int", "multi_hot", "one_hot", "count"},
                              output_mode)})},
        [boundaries = bin_boundaries, mode = output_mode](const Value& x) -> absl::StatusOr<Value> {
          const Value numbers =
              kFloats.Contains(x.dtype()) ? x : Op("array.Cast", {x}, {{"to", DType::kFloat32}});
          Tensor bounds(DType::kFloat64, Shape{static_cast<int64_t>(boundaries.size())});
          std::copy(boundaries.begin(), boundaries.end(), bounds.mutable_data<double>().begin());
          const Value above = Op("array.Unsqueeze", {numbers}, {{"axes", -1}}) >=
                              Constant(bounds.Cast(numbers.dtype()));
          const Value bin =
              Op("math.ReduceSum", {Op("array.Cast", {above}, {{"to", DType::kInt64}})},
                 {{"axes", -1}, {"keepdims", false}});
          if (mode == "int") return bin;
          return internal::EncodeCategories(bin, static_cast<int64_t>(boundaries.size()) + 1, mode);
        });
  }
};
NOMO_REGISTER_LAYER(DiscretizationSpec, "Discretization",
                    internal::Sample({{"bin_boundaries", std::vector<double>{0, 0.5, 2}}}, {{2}}));

}  // namespace
}  // namespace nomograph
