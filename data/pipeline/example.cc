#include "nomograph/data/pipeline/example.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/wire_reader.h"

namespace nomograph {
namespace {

// The kinds of a Feature, by their field numbers.
enum class Kind { kNone = 0, kBytes = 1, kFloat = 2, kInt64 = 3 };

absl::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kBytes:
      return "bytes_list";
    case Kind::kFloat:
      return "float_list";
    case Kind::kInt64:
      return "int64_list";
    case Kind::kNone:
      break;
  }
  return "no list";
}

Kind KindOf(DType dtype) {
  if (dtype == DType::kFloat32) return Kind::kFloat;
  return dtype == DType::kInt64 ? Kind::kInt64 : Kind::kBytes;
}

// A Feature as it lies in the message: the pieces of its list. A field that occurs more than once
// adds to the list; another kind begins anew, as for any oneof.
struct FoundFeature {
  bool present = false;
  Kind kind = Kind::kNone;
  std::vector<absl::string_view> lists;
};

// Where `part` begins within `whole`.
int64_t OffsetIn(absl::string_view whole, absl::string_view part) {
  return part.data() - whole.data();
}

absl::Status NoMessage(absl::string_view whole, absl::string_view part, const WireReader& reader,
                       absl::string_view what) {
  return InvalidArgument("byte ", OffsetIn(whole, part) + reader.position(), ": the ", what,
                         " is damaged: no field is read there");
}

absl::Status ReadFeature(absl::string_view whole, absl::string_view bytes, FoundFeature& feature) {
  WireReader reader(bytes);
  while (reader.NextField()) {
    if (reader.type() != WireType::kBytes || reader.field() > 3) continue;
    const auto kind = static_cast<Kind>(reader.field());
    if (kind != feature.kind) feature.lists.clear();
    feature.kind = kind;
    feature.lists.push_back(reader.bytes());
  }
  return reader.failed() ? NoMessage(whole, bytes, reader, "Feature") : absl::OkStatus();
}

using Places = absl::flat_hash_map<std::string, size_t>;

absl::Status ReadEntry(absl::string_view whole, absl::string_view bytes, const Places& places,
                       std::vector<FoundFeature>& found) {
  absl::string_view key;
  std::vector<absl::string_view> values;
  WireReader reader(bytes);
  while (reader.NextField()) {
    if (reader.Is(1, WireType::kBytes)) key = reader.bytes();
    if (reader.Is(2, WireType::kBytes)) values.push_back(reader.bytes());
  }
  if (reader.failed()) return NoMessage(whole, bytes, reader, "entry of the map of features");
  const auto place = places.find(key);
  if (place == places.end()) return absl::OkStatus();
  FoundFeature feature;  // a later entry of the same name takes the earlier one's place
  feature.present = true;
  for (const absl::string_view value : values) {
    NOMO_RETURN_IF_ERROR(ReadFeature(whole, value, feature));
  }
  found[place->second] = std::move(feature);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FoundFeature>> FindFeatures(absl::string_view bytes,
                                                       const Places& places) {
  std::vector<FoundFeature> found(places.size());
  WireReader example(bytes);
  while (example.NextField()) {
    if (!example.Is(1, WireType::kBytes)) continue;
    WireReader map(example.bytes());
    while (map.NextField()) {
      if (!map.Is(1, WireType::kBytes)) continue;
      NOMO_RETURN_IF_ERROR(ReadEntry(bytes, map.bytes(), places, found));
    }
    if (map.failed()) return NoMessage(bytes, example.bytes(), map, "map of features");
  }
  if (example.failed()) return NoMessage(bytes, bytes, example, "Example");
  return found;
}

absl::Status DamagedList() { return InvalidArgument("its list is damaged"); }

// Packed values are one field of many numbers, others a field each; readers take both.
absl::Status ReadFloats(absl::string_view list, std::vector<float>& values) {
  WireReader reader(list);
  while (reader.NextField()) {
    const bool packed = reader.Is(1, WireType::kBytes);
    if (!packed && !reader.Is(1, WireType::kFixed32)) continue;
    const absl::string_view bytes = reader.bytes();
    if (bytes.size() % sizeof(float) != 0) return DamagedList();
    static_assert(std::endian::native == std::endian::little);
    const size_t before = values.size();
    values.resize(before + bytes.size() / sizeof(float));
    if (!bytes.empty()) std::memcpy(values.data() + before, bytes.data(), bytes.size());
  }
  return reader.failed() ? DamagedList() : absl::OkStatus();
}

absl::Status ReadInt64s(absl::string_view list, std::vector<int64_t>& values) {
  WireReader reader(list);
  while (reader.NextField()) {
    if (reader.Is(1, WireType::kVarint)) values.push_back(static_cast<int64_t>(reader.number()));
    if (!reader.Is(1, WireType::kBytes)) continue;
    WireReader packed(reader.bytes());
    uint64_t value = 0;
    while (!packed.AtEnd()) {
      if (!packed.ReadVarint(value)) return DamagedList();
      values.push_back(static_cast<int64_t>(value));
    }
  }
  return reader.failed() ? DamagedList() : absl::OkStatus();
}

absl::Status ReadStrings(absl::string_view list, std::vector<absl::string_view>& values) {
  WireReader reader(list);
  while (reader.NextField()) {
    if (reader.Is(1, WireType::kBytes)) values.push_back(reader.bytes());
  }
  return reader.failed() ? DamagedList() : absl::OkStatus();
}

absl::Status CheckLength(const ExampleFeature& feature, int64_t found, absl::string_view unit) {
  if (!feature.shape.has_rank()) return absl::OkStatus();
  const int64_t expected = feature.shape.ToShape().num_elements();
  if (expected == found) return absl::OkStatus();
  return InvalidArgument("it has ", found, " ", unit, "; expected ", expected, " of shape ",
                         feature.shape.ToString());
}

// REQUIRES: CheckLength() is OK.
Shape ShapeOf(const ExampleFeature& feature, int64_t count) {
  return feature.shape.has_rank() ? feature.shape.ToShape() : Shape{count};
}

template <typename T>
absl::StatusOr<Tensor> NumbersAsTensor(const ExampleFeature& feature,
                                       const std::vector<T>& values) {
  const auto count = static_cast<int64_t>(values.size());
  NOMO_RETURN_IF_ERROR(CheckLength(feature, count, "values"));
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(kDTypeOf<T>, ShapeOf(feature, count)));
  std::copy(values.begin(), values.end(), tensor.mutable_data<T>().begin());
  return tensor;
}

absl::StatusOr<Tensor> BytesAsTensor(const ExampleFeature& feature, absl::string_view bytes) {
  const int64_t item = DTypeSize(feature.dtype);
  const auto size = static_cast<int64_t>(bytes.size());
  if (size % item != 0) {
    return InvalidArgument("it has ", size, " bytes, which are no whole elements of ",
                           DTypeName(feature.dtype));
  }
  NOMO_RETURN_IF_ERROR(CheckLength(feature, size / item, item == 1 ? "bytes" : "elements"));
  NOMO_ASSIGN_OR_RETURN(Tensor tensor,
                        Tensor::Create(feature.dtype, ShapeOf(feature, size / item)));
  auto* target = reinterpret_cast<char*>(tensor.mutable_raw_data());
  if (size > 0) std::memcpy(target, bytes.data(), bytes.size());
  if (feature.dtype == DType::kBool) {
    for (int64_t i = 0; i < size; ++i) target[i] = target[i] != 0;
  }
  return tensor;
}

absl::StatusOr<Tensor> Missing(const ExampleFeature& feature) {
  if (feature.default_value.valid()) return feature.default_value;
  if (!feature.shape.has_rank()) return Tensor::Create(feature.dtype, Shape{0});
  return InvalidArgument("it is missing, and has no default");
}

absl::StatusOr<Tensor> ReadValue(const ExampleFeature& feature, const FoundFeature& found) {
  if (found.kind == Kind::kNone) return Missing(feature);
  const Kind kind = KindOf(feature.dtype);
  if (found.kind != kind) {
    return InvalidArgument("it is a ", KindName(found.kind), "; expected a ", KindName(kind),
                           " for ", DTypeName(feature.dtype));
  }
  std::vector<float> floats;
  std::vector<int64_t> integers;
  std::vector<absl::string_view> strings;
  for (const absl::string_view list : found.lists) {
    if (kind == Kind::kFloat) NOMO_RETURN_IF_ERROR(ReadFloats(list, floats));
    if (kind == Kind::kInt64) NOMO_RETURN_IF_ERROR(ReadInt64s(list, integers));
    if (kind == Kind::kBytes) NOMO_RETURN_IF_ERROR(ReadStrings(list, strings));
  }
  if (floats.empty() && integers.empty() && strings.empty()) {
    const bool of_none = feature.shape.has_rank() && feature.shape.ToShape().num_elements() == 0;
    return of_none ? Tensor::Create(feature.dtype, feature.shape.ToShape()) : Missing(feature);
  }
  if (kind == Kind::kFloat) return NumbersAsTensor(feature, floats);
  if (kind == Kind::kInt64) return NumbersAsTensor(feature, integers);
  if (strings.size() > 1) {
    return InvalidArgument("it has ", strings.size(), " strings; one is read");
  }
  return BytesAsTensor(feature, strings[0]);
}

// ---- Writing ----

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void AppendField(int field, absl::string_view bytes, std::string& out) {
  AppendVarint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(WireType::kBytes), out);
  AppendVarint(bytes.size(), out);
  out.append(bytes.data(), bytes.size());
}

std::string ListOf(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) AppendField(1, value, list);
  return list;
}
std::string ListOf(const std::vector<float>& values) {
  std::string list;
  const absl::string_view packed(reinterpret_cast<const char*>(values.data()),
                                 values.size() * sizeof(float));
  if (!values.empty()) AppendField(1, packed, list);
  return list;
}
std::string ListOf(const std::vector<int64_t>& values) {
  std::string list, packed;
  for (const int64_t value : values) AppendVarint(static_cast<uint64_t>(value), packed);
  if (!values.empty()) AppendField(1, packed, list);
  return list;
}

}  // namespace

TensorType ExampleFeature::type() const {
  return {dtype, shape.has_rank() ? shape : PartialShape::OfRank(1)};
}

absl::StatusOr<ExampleParser> ExampleParser::Create(std::vector<ExampleFeature> features) {
  ExampleParser parser;
  if (features.empty()) return InvalidArgument("there are no features");
  for (const ExampleFeature& feature : features) {
    const std::string place = absl::StrCat("feature ", Quoted(feature.name));
    if (DTypeSize(feature.dtype) == 0) return InvalidArgument(place, ": it has no dtype");
    if (!parser.places_.emplace(feature.name, parser.places_.size()).second) {
      return InvalidArgument(place, " occurs twice");
    }
    if (feature.shape.has_rank()) {
      if (!feature.shape.fully_known()) {
        return InvalidArgument(place, ": its shape is ", feature.shape.ToString(),
                               "; expected known sizes, or none for any number of values");
      }
      const auto count = feature.shape.ToShape().CheckedNumElements();
      if (!count.ok()) return Annotate(count.status(), place);
    }
    const Tensor& value = feature.default_value;
    if (!value.valid() ||
        (value.dtype() == feature.dtype && Matches(value.shape(), feature.type().shape))) {
      continue;
    }
    return InvalidArgument(place, ": its default is ", value.type().ToString(), "; expected ",
                           feature.type().ToString());
  }
  parser.features_ = std::move(features);
  return parser;
}

std::vector<TensorType> ExampleParser::types() const {
  std::vector<TensorType> types;
  for (const ExampleFeature& feature : features_) types.push_back(feature.type());
  return types;
}

absl::StatusOr<Element> ExampleParser::Parse(absl::string_view bytes) const {
  NOMO_ASSIGN_OR_RETURN(const std::vector<FoundFeature> found, FindFeatures(bytes, places_));
  Element element;
  element.reserve(features_.size());
  for (size_t i = 0; i < features_.size(); ++i) {
    absl::StatusOr<Tensor> value = ReadValue(features_[i], found[i]);
    if (!value.ok()) {
      return Annotate(value.status(), absl::StrCat("feature ", Quoted(features_[i].name)));
    }
    element.push_back(*std::move(value));
  }
  return element;
}

std::string SerializeExample(const std::map<std::string, ExampleValue, std::less<>>& features) {
  std::string map;
  for (const auto& [name, value] : features) {
    std::string feature, entry;
    const int field = static_cast<int>(value.index()) + 1;  // as Kind numbers them
    AppendField(field, std::visit([](const auto& values) { return ListOf(values); }, value),
                feature);
    AppendField(1, name, entry);
    AppendField(2, feature, entry);
    AppendField(1, entry, map);
  }
  std::string example;
  AppendField(1, map, example);
  return example;
}

}  // namespace nomograph
