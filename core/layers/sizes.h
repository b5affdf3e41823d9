// Sizes: an option with one number for each spatial axis.
#ifndef NOMOGRAPH_CORE_LAYERS_SIZES_H_
#define NOMOGRAPH_CORE_LAYERS_SIZES_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/layers/layer_fields.h"

namespace nomograph {

class Sizes;
template <>
struct FieldType<Sizes>;

// 3 means 3 along every axis; {3, 5} is 3 along the first spatial axis and 5 along the second.
class Sizes {
 public:
  Sizes() = default;  // not given
  template <std::integral T>
  Sizes(T everywhere) : sizes_{static_cast<int64_t>(everywhere)}, everywhere_(true) {}
  Sizes(std::initializer_list<int64_t> each) : sizes_(each) {}

  bool given() const { return !sizes_.empty(); }
  // One for each of `count` axes. InvalidArgument, which begins with the option's name, when there
  // is another number of them or one is less than `least`.
  absl::StatusOr<std::vector<int64_t>> For(absl::string_view option, int count,
                                           int64_t least = 1) const;

 private:
  friend struct FieldType<Sizes>;
  std::vector<int64_t> sizes_;
  bool everywhere_ = false;
};

NOMO_DECLARE_FIELD_TYPE(Sizes);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_SIZES_H_
