#include "nomograph/serialization/keras/indexing.h"

#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/network.h"

namespace nomograph::keras {
namespace {

using Ints = std::vector<int64_t>;

struct Range {
  std::optional<int64_t> start, stop, step;
};

absl::StatusOr<std::optional<int64_t>> Bound(const LayerConfig& range, absl::string_view name) {
  std::optional<int64_t> bound;
  const ConfigValue* value = range.Find(name);
  if (value == nullptr || value->is_null()) return bound;
  if (value->As<int64_t>() == nullptr)
    return InvalidArgument("expected a whole number as ", name, ", found ",
                           Quoted(value->ToString()));
  bound = *value->As<int64_t>();
  return bound;
}

absl::StatusOr<Range> RangeOf(const LayerConfig& object) {
  const LayerConfig* config = FieldOf<LayerConfig>(object, "config");
  const LayerConfig& range = config == nullptr ? object : *config;
  Range result;
  NOMO_ASSIGN_OR_RETURN(result.start, Bound(range, "start"));
  NOMO_ASSIGN_OR_RETURN(result.stop, Bound(range, "stop"));
  NOMO_ASSIGN_OR_RETURN(result.step, Bound(range, "step"));
  if (result.step == 0) return InvalidArgument("a step of 0");
  return result;
}

bool IsEllipsis(const ConfigValue& value) {
  if (value == ConfigValue("...") || value == ConfigValue("Ellipsis")) return true;
  const LayerConfig* object = value.As<LayerConfig>();
  return object != nullptr && TextField(*object, "class_name") == "__ellipsis__";
}

}  // namespace

absl::StatusOr<Value> ValueAt(const Value& x, const ConfigValue& index) {
  const ConfigValue plain = Unwrapped(index);
  const auto* list = plain.As<ConfigValue::List>();
  const ConfigValue::List elements = list == nullptr ? ConfigValue::List{plain} : *list;
  int64_t taken = 0;
  for (const ConfigValue& element : elements) taken += !element.is_null() && !IsEllipsis(element);
  const int rank = x.shape().rank();
  if (taken > 0 && taken > rank)
    return InvalidArgument("an index of ", taken, " elements into ", x.type().ToString());
  Ints starts, ends, axes, steps, gone, added;
  int64_t axis = 0, place = 0;  // of x, and of the result before numbers have gone
  for (const ConfigValue& element : elements) {
    if (element.is_null()) {
      added.push_back(place++);
      continue;
    }
    if (IsEllipsis(element)) {
      axis += rank - taken;
      place += rank - taken;
      continue;
    }
    if (const int64_t* number = element.As<int64_t>()) {
      starts.push_back(*number);
      ends.push_back(*number == -1 ? std::numeric_limits<int64_t>::max() : *number + 1);
      steps.push_back(1);
      gone.push_back(axis);
    } else if (const LayerConfig* object = element.As<LayerConfig>()) {
      NOMO_ASSIGN_OR_RETURN(const Range range, RangeOf(*object));
      const int64_t step = range.step.value_or(1);
      starts.push_back(range.start.value_or(step > 0 ? 0 : std::numeric_limits<int64_t>::max()));
      ends.push_back(range.stop.value_or(step > 0 ? std::numeric_limits<int64_t>::max()
                                                  : std::numeric_limits<int64_t>::min()));
      steps.push_back(step);
      ++place;
    } else {
      return InvalidArgument("an index of ", Quoted(element.ToString()));
    }
    axes.push_back(axis++);
  }
  Value y = x;
  if (!axes.empty()) {
    y = Call("array.Slice", {y},
             {{"starts", starts}, {"ends", ends}, {"axes", axes}, {"steps", steps}});
  }
  if (!gone.empty()) y = Call("array.Squeeze", {y}, {{"axes", gone}});
  if (!added.empty()) y = Call("array.Unsqueeze", {y}, {{"axes", added}});
  return y;
}

}  // namespace nomograph::keras
