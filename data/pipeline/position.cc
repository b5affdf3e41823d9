#include "nomograph/data/pipeline/position.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr absl::string_view kStart = "dataset-position ";
constexpr absl::string_view kVersion = "1";

std::string Unchecked(const Position& position) {
  return absl::StrFormat("%s%s pipeline=%016x seed=%d epoch=%d elements=%d", kStart, kVersion,
                         position.pipeline, position.seed, position.epoch, position.elements);
}

template <typename T>
bool TakeNumber(absl::string_view field, absl::string_view name, T& value) {
  if (!absl::ConsumePrefix(&field, name)) return false;
  if (name == "pipeline=") return field.size() == 16 && absl::SimpleHexAtoi(field, &value);
  return absl::SimpleAtoi(field, &value);
}

}  // namespace

std::string FormatPosition(const Position& position) {
  const std::string text = Unchecked(position);
  return absl::StrFormat("%s check=%016x", text, StableHash(text));
}

absl::StatusOr<Position> ParsePosition(absl::string_view text) {
  if (!absl::StartsWith(text, kStart)) {
    return InvalidArgument("a dataset's position begins with \"", kStart, "\"; found ",
                           Quoted(text));
  }
  const std::vector<absl::string_view> fields =
      absl::StrSplit(text, absl::MaxSplits(' ', 16));  // a long text is no position
  if (fields[1] != kVersion) {
    return InvalidArgument("the position has version ", Quoted(fields[1]), "; expected ", kVersion);
  }
  Position position;
  const bool readable = fields.size() == 7 &&
                        TakeNumber(fields[2], "pipeline=", position.pipeline) &&
                        TakeNumber(fields[3], "seed=", position.seed) &&
                        TakeNumber(fields[4], "epoch=", position.epoch) &&
                        TakeNumber(fields[5], "elements=", position.elements);
  // What was changed by hand, or by a disk, has another check; so has another way to write a
  // number.
  if (!readable || position.epoch < 0 || position.elements < 0 ||
      FormatPosition(position) != text) {
    return InvalidArgument("the dataset's position is damaged: ", Quoted(text));
  }
  return position;
}

}  // namespace nomograph
