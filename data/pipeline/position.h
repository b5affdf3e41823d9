// A place in an iteration, as a line of text.
#ifndef NOMOGRAPH_DATA_PIPELINE_POSITION_H_
#define NOMOGRAPH_DATA_PIPELINE_POSITION_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nomograph {

struct Position {
  uint64_t pipeline = 0;  // a hash of what the pipeline is
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t elements = 0;  // that have been yielded

  bool operator==(const Position&) const = default;
};

// "dataset-position 1 pipeline=… seed=… epoch=… elements=… check=…".
std::string FormatPosition(const Position& position);
// InvalidArgument for any other text, another version among it.
absl::StatusOr<Position> ParsePosition(absl::string_view text);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_POSITION_H_
