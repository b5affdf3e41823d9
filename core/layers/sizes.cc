#include "nomograph/core/layers/sizes.h"

#include "nomograph/core/types/status.h"

namespace nomograph {

absl::StatusOr<std::vector<int64_t>> Sizes::For(absl::string_view option, int count,
                                                int64_t least) const {
  if (!everywhere_ && sizes_.size() != static_cast<size_t>(count)) {
    return InvalidArgument(option, ": expected 1 number or ", count, ", found ", sizes_.size());
  }
  for (const int64_t size : sizes_) {
    if (size < least)
      return InvalidArgument(option, ": expected at least ", least, ", found ", size);
  }
  return everywhere_ ? std::vector<int64_t>(count, sizes_[0]) : sizes_;
}

std::string FieldType<Sizes>::Name() { return "int or list of int"; }
absl::Status FieldType<Sizes>::Read(const ConfigValue& from, Sizes& to) {
  Sizes sizes;
  if (from.is_null()) {  // not given
    to = sizes;
    return absl::OkStatus();
  }
  if (!FieldType<std::vector<int64_t>>::Read(from, sizes.sizes_).ok())
    return WrongFieldType(Name(), from);
  sizes.everywhere_ = from.As<int64_t>() != nullptr;
  to = std::move(sizes);
  return absl::OkStatus();
}
absl::StatusOr<ConfigValue> FieldType<Sizes>::Write(const Sizes& from) {
  if (!from.given()) return ConfigValue();
  if (from.everywhere_) return ConfigValue(from.sizes_[0]);
  return ConfigValue(from.sizes_);
}

}  // namespace nomograph
