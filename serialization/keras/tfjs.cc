#include "nomograph/serialization/keras/tfjs.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/byte_source.h"

namespace nomograph::keras {
namespace {

const ConfigValue::List* ListOf(const LayerConfig& object, absl::string_view field) {
  const ConfigValue* value = object.Find(field);
  return value == nullptr ? nullptr : value->As<ConfigValue::List>();
}

absl::StatusOr<std::string> TextOf(const LayerConfig& object, absl::string_view field) {
  const ConfigValue* value = object.Find(field);
  if (value == nullptr || value->As<std::string>() == nullptr)
    return InvalidArgument("expected text in field ", field);
  return *value->As<std::string>();
}

absl::StatusOr<double> NumberOf(const LayerConfig& object, absl::string_view field) {
  const ConfigValue* value = object.Find(field);
  if (value != nullptr && value->As<double>() != nullptr) return *value->As<double>();
  if (value != nullptr && value->As<int64_t>() != nullptr)
    return static_cast<double>(*value->As<int64_t>());
  return InvalidArgument("expected a number in field ", field);
}

// How a weight's bytes become its elements.
struct Encoding {
  DType stored = DType::kInvalid, dtype = DType::kInvalid;
  double scale = 1, min = 0;
};

absl::StatusOr<Encoding> EncodingOf(const LayerConfig& weight) {
  NOMO_ASSIGN_OR_RETURN(const std::string name, TextOf(weight, "dtype"));
  Encoding encoding{.dtype = DTypeFromName(name)};
  encoding.stored = encoding.dtype;
  if (encoding.dtype != DType::kFloat32 && encoding.dtype != DType::kInt32 &&
      encoding.dtype != DType::kBool) {
    return InvalidArgument("expected a dtype of float32, int32 or bool, found ", Quoted(name));
  }
  const ConfigValue* value = weight.Find("quantization");
  if (value == nullptr || value->is_null()) return encoding;
  const LayerConfig* quantization = value->As<LayerConfig>();
  if (quantization == nullptr) return InvalidArgument("expected an object in field quantization");
  NOMO_ASSIGN_OR_RETURN(const std::string stored, TextOf(*quantization, "dtype"));
  encoding.stored = DTypeFromName(stored);
  if (encoding.stored == DType::kFloat16) return encoding;
  if (encoding.stored != DType::kUInt8 && encoding.stored != DType::kUInt16) {
    return InvalidArgument("expected a quantisation to float16, uint8 or uint16, found ",
                           Quoted(stored));
  }
  NOMO_ASSIGN_OR_RETURN(encoding.scale, NumberOf(*quantization, "scale"));
  NOMO_ASSIGN_OR_RETURN(encoding.min, NumberOf(*quantization, "min"));
  return encoding;
}

absl::StatusOr<Shape> ShapeOf(const LayerConfig& weight) {
  const ConfigValue::List* sizes = ListOf(weight, "shape");
  if (sizes == nullptr) return InvalidArgument("expected a list in field shape");
  if (sizes->size() > kMaxRank) return InvalidArgument("it has ", sizes->size(), " axes");
  Shape shape;
  for (const ConfigValue& size : *sizes) {
    if (size.As<int64_t>() == nullptr)
      return InvalidArgument("expected whole numbers in its shape");
    shape.Append(*size.As<int64_t>());
  }
  NOMO_RETURN_IF_ERROR(shape.CheckedNumElements().status());
  return shape;
}

absl::StatusOr<Tensor> Decode(absl::string_view bytes, const Encoding& encoding,
                              const Shape& shape) {
  MemorySource source(bytes);
  NOMO_ASSIGN_OR_RETURN(Tensor stored,
                        ReadElements(source, encoding.stored, shape, std::endian::little));
  if (encoding.stored == encoding.dtype) return stored;
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, TryCast(stored, encoding.dtype));
  if (encoding.stored == DType::kFloat16) return tensor;
  // As TensorFlow.js computes it: in double, then rounded.
  if (encoding.dtype == DType::kFloat32) {
    for (float& x : tensor.mutable_data<float>())
      x = static_cast<float>(static_cast<double>(x) * encoding.scale + encoding.min);
  } else if (encoding.dtype == DType::kInt32) {
    for (int32_t& x : tensor.mutable_data<int32_t>())
      x = static_cast<int32_t>(std::clamp(static_cast<double>(x) * encoding.scale + encoding.min,
                                          -2147483648.0, 2147483647.0));
  }
  return tensor;
}

// The folder that a model lies in, with its '/'.
std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

absl::StatusOr<std::string> ReadPart(const std::string& folder, const std::string& name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, absl::ByAnyChar("/\\"));
  if (name.empty() || parts.front().empty() || absl::StrContains(name, '\0') ||
      std::find(parts.begin(), parts.end(), "..") != parts.end()) {
    return InvalidArgument("weights file ", Quoted(name), " lies outside of the model's folder");
  }
  NOMO_ASSIGN_OR_RETURN(const auto mapped, MappedFile::Open(folder + name));
  return std::string(mapped->bytes());
}

class ManifestReader {
 public:
  ManifestReader(std::string folder, StoredWeights& weights)
      : folder_(std::move(folder)), weights_(weights) {}

  absl::Status ReadGroup(const ConfigValue& value) {
    const LayerConfig* group = value.As<LayerConfig>();
    const auto* paths = group == nullptr ? nullptr : ListOf(*group, "paths");
    const auto* entries = group == nullptr ? nullptr : ListOf(*group, "weights");
    if (paths == nullptr || entries == nullptr)
      return InvalidArgument("expected lists in fields paths and weights");
    auto bytes = std::make_shared<std::string>();
    for (const ConfigValue& path : *paths) {
      if (path.As<std::string>() == nullptr) return InvalidArgument("expected text in paths");
      NOMO_ASSIGN_OR_RETURN(const std::string part, ReadPart(folder_, *path.As<std::string>()));
      bytes->append(part);
    }
    size_t at = 0;
    for (const ConfigValue& entry : *entries) NOMO_RETURN_IF_ERROR(ReadEntry(entry, bytes, at));
    if (at == bytes->size()) return absl::OkStatus();
    return InvalidArgument("its weights take ", at, " bytes, its files have ", bytes->size());
  }

 private:
  absl::Status ReadEntry(const ConfigValue& value, const std::shared_ptr<const std::string>& bytes,
                         size_t& at) {
    const LayerConfig* entry = value.As<LayerConfig>();
    if (entry == nullptr) return InvalidArgument("expected objects in weights");
    NOMO_ASSIGN_OR_RETURN(const std::string name, TextOf(*entry, "name"));
    const std::string where = absl::StrCat("weight ", Quoted(name));
    const auto encoding = EncodingOf(*entry);
    if (!encoding.ok()) return Annotate(encoding.status(), where);
    const auto shape = ShapeOf(*entry);
    if (!shape.ok()) return Annotate(shape.status(), where);
    const int64_t element = DTypeSize(encoding->stored);
    if (shape->num_elements() > static_cast<int64_t>(bytes->size() - at) / element) {
      return InvalidArgument(where, ": ", shape->ToString(), " takes more than the ",
                             bytes->size() - at, " bytes that are left");
    }
    const size_t count = static_cast<size_t>(shape->num_elements() * element);
    weights_.groups[""].push_back(
        {.name = name,
         .type = {encoding->dtype, *shape},
         .read = [bytes, at, count, encoding = *encoding, shape = *shape] {
           return Decode(absl::string_view(*bytes).substr(at, count), encoding, shape);
         }});
    at += count;
    return absl::OkStatus();
  }

  const std::string folder_;
  StoredWeights& weights_;
};

}  // namespace

absl::StatusOr<StoredWeights> ReadTfjsWeights(const LayerConfig& model, const std::string& path) {
  StoredWeights weights;
  const ConfigValue::List* groups = ListOf(model, "weightsManifest");
  if (groups == nullptr) return weights;
  if (path.empty()) {
    return InvalidArgument(
        "its weights are in files beside it, which cannot be found from here: open model.json "
        "itself");
  }
  weights.order = StoredWeights::Order::kByName;
  ManifestReader reader(FolderOf(path), weights);
  for (size_t i = 0; i < groups->size(); ++i) {
    NOMO_RETURN_IF_ERROR(
        Annotate(reader.ReadGroup((*groups)[i]), absl::StrCat("weightsManifest ", i)));
  }
  return weights;
}

}  // namespace nomograph::keras
