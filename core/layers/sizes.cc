#include "nomograph/core/layers/sizes.h"

#include "nomograph/core/status.h"

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

}  // namespace nomograph
