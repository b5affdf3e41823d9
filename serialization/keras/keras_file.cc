#include "nomograph/serialization/keras/keras_file.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/foreign_file.h"
#include "nomograph/serialization/keras/archive.h"
#include "nomograph/serialization/keras/json.h"
#include "nomograph/serialization/keras/tfjs.h"

namespace nomograph::keras {
namespace {

// A part of a file as JSON. Faults name the part.
absl::StatusOr<ConfigValue> ParsePart(absl::string_view text, absl::string_view what) {
  auto parsed = ParseJson(text);
  if (!parsed.ok()) return Annotate(parsed.status(), what);
  return parsed;
}

// An object, or a text that holds one: attributes of HDF5 and some files of tfjs have it so.
absl::StatusOr<LayerConfig> AsObject(const ConfigValue& value, absl::string_view what) {
  if (const LayerConfig* object = value.As<LayerConfig>()) return *object;
  if (const std::string* text = value.As<std::string>()) {
    NOMO_ASSIGN_OR_RETURN(const ConfigValue parsed, ParsePart(*text, what));
    if (const LayerConfig* object = parsed.As<LayerConfig>()) return *object;
    return InvalidArgument(what, ": expected an object, found ", parsed.TypeName());
  }
  return InvalidArgument(what, ": expected an object, found ", value.TypeName());
}

// Fills in what stands beside class_name and config. `what` is where the configuration stands.
absl::Status TakeModel(const ConfigValue& value, absl::string_view what, KerasFile& file) {
  NOMO_ASSIGN_OR_RETURN(file.model, AsObject(value, what));
  if (TextField(file.model, "class_name").empty() || file.model.Find("config") == nullptr) {
    return InvalidArgument("it is no Keras model: its JSON has no class_name and config");
  }
  if (file.keras_version.empty()) file.keras_version = TextField(file.model, "keras_version");
  if (file.backend.empty()) file.backend = TextField(file.model, "backend");
  const ConfigValue* training = file.model.Find("compile_config");
  if (training != nullptr && training->As<LayerConfig>() != nullptr)
    file.training = *training->As<LayerConfig>();
  return absl::OkStatus();
}

absl::StatusOr<KerasFile> FromHdf5(absl::string_view bytes, std::shared_ptr<const void> owner) {
  NOMO_ASSIGN_OR_RETURN(const auto hdf5, Hdf5File::Open(bytes, std::move(owner)));
  KerasFile file{.container = Container::kHdf5};
  NOMO_ASSIGN_OR_RETURN(const auto config, hdf5->TextAttribute("", "model_config"));
  if (!config) {
    return InvalidArgument(
        "it has no model_config: it holds weights alone, or no Keras model. Open the JSON file of "
        "the model's configuration with these weights");
  }
  for (const auto& [name, text] :
       {std::pair("keras_version", &file.keras_version), std::pair("backend", &file.backend)}) {
    auto found = hdf5->TextAttribute("", name);
    if (!found.ok() || !*found)
      found = hdf5->HasGroup("model_weights") ? hdf5->TextAttribute("model_weights", name)
                                              : std::move(found);
    if (found.ok() && *found) *text = **found;
  }
  NOMO_RETURN_IF_ERROR(TakeModel(ConfigValue(*config), "attribute model_config", file));
  NOMO_ASSIGN_OR_RETURN(const auto training, hdf5->TextAttribute("", "training_config"));
  if (training) {
    const auto parsed = AsObject(ConfigValue(*training), "training_config");
    if (parsed.ok()) file.training = *parsed;
  }
  NOMO_ASSIGN_OR_RETURN(file.weights, ReadHdf5Weights(hdf5));
  return file;
}

absl::StatusOr<KerasFile> FromArchive(absl::string_view bytes) {
  NOMO_ASSIGN_OR_RETURN(auto members, ReadArchive(bytes));
  KerasFile file{.container = Container::kArchive};
  if (!members.contains("config.json")) {
    return InvalidArgument("the archive has no config.json, as a .keras file has; it has ",
                           members.size(), " other members");
  }
  if (members.contains("metadata.json")) {
    NOMO_ASSIGN_OR_RETURN(
        const LayerConfig metadata,
        AsObject(ConfigValue(std::move(members["metadata.json"])), "metadata.json"));
    file.keras_version = TextField(metadata, "keras_version");
  }
  NOMO_ASSIGN_OR_RETURN(const ConfigValue config, ParsePart(members["config.json"], "config.json"));
  NOMO_RETURN_IF_ERROR(TakeModel(config, "config.json", file));
  if (members.contains("model.weights.h5")) {
    const auto weights =
        std::make_shared<const std::string>(std::move(members["model.weights.h5"]));
    const auto read = [&]() -> absl::StatusOr<StoredWeights> {
      NOMO_ASSIGN_OR_RETURN(const auto hdf5, Hdf5File::Open(*weights, weights));
      return ReadHdf5Weights(hdf5);
    };
    auto stored = read();
    if (!stored.ok()) return Annotate(stored.status(), "model.weights.h5");
    file.weights = *std::move(stored);
  } else if (members.contains("model.weights.npz")) {
    auto stored = ReadNpzWeights(members["model.weights.npz"]);
    if (!stored.ok()) return Annotate(stored.status(), "model.weights.npz");
    file.weights = *std::move(stored);
  }
  return file;
}

// A file of weights alone, or a whole model's.
absl::StatusOr<StoredWeights> ReadWeightsFile(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const auto mapped, MappedFile::Open(path));
  const auto read = [&]() -> absl::StatusOr<StoredWeights> {
    if (LooksLikeZip(mapped->bytes())) {
      auto archive = FromArchive(mapped->bytes());
      if (!archive.ok()) return ReadNpzWeights(mapped->bytes());
      return std::move(archive->weights);
    }
    NOMO_ASSIGN_OR_RETURN(const auto hdf5, Hdf5File::Open(mapped->bytes(), mapped));
    return ReadHdf5Weights(hdf5);
  };
  auto weights = read();
  if (!weights.ok()) return Annotate(weights.status(), QuotedPath(path));
  return weights;
}

// The file beside a configuration that has its weights; empty where there is none.
std::string WeightsBeside(const std::string& path) {
  const std::string stem(absl::StripSuffix(path, ".json"));
  for (const char* end : {".weights.h5", ".h5", ".hdf5", "_weights.h5", ".keras", ".npz"}) {
    const std::string candidate = stem + end;
    if (candidate != path && access(candidate.c_str(), R_OK) == 0) return candidate;
  }
  return "";
}

// A configuration may be a text in JSON that holds JSON.
bool MayBeJson(absl::string_view bytes) {
  const absl::string_view text = absl::StripLeadingAsciiWhitespace(bytes);
  return absl::StartsWith(text, "{") || absl::StartsWith(text, "\"");
}

absl::StatusOr<KerasFile> FromJson(absl::string_view bytes, const std::string& path,
                                   const std::string& weights) {
  NOMO_ASSIGN_OR_RETURN(ConfigValue parsed, ParseJson(bytes));
  NOMO_ASSIGN_OR_RETURN(const LayerConfig json, AsObject(parsed, "the file"));
  KerasFile file{.container = Container::kJson};
  const ConfigValue* topology = json.Find("modelTopology");
  if (topology == nullptr) {
    NOMO_RETURN_IF_ERROR(TakeModel(parsed, "the file", file));
    file.weights_from = weights.empty() && !path.empty() ? WeightsBeside(path) : weights;
    if (file.weights_from.empty()) return file;
    NOMO_ASSIGN_OR_RETURN(file.weights, ReadWeightsFile(file.weights_from));
    return file;
  }
  file.container = Container::kTfjs;
  NOMO_ASSIGN_OR_RETURN(const LayerConfig model, AsObject(*topology, "modelTopology"));
  if (model.Find("node") != nullptr) {
    return absl::UnimplementedError(
        "it is a TensorFlow graph for TensorFlow.js (a graph model), not a Keras model");
  }
  file.keras_version = TextField(model, "keras_version");
  file.backend = TextField(model, "backend");
  const ConfigValue* config = model.Find("model_config");
  NOMO_RETURN_IF_ERROR(config != nullptr ? TakeModel(*config, "model_config", file)
                                         : TakeModel(ConfigValue(model), "modelTopology", file));
  NOMO_ASSIGN_OR_RETURN(file.weights, ReadTfjsWeights(json, path));
  return file;
}

}  // namespace

const char* ContainerName(Container container) {
  switch (container) {
    case Container::kHdf5:
      return "HDF5";
    case Container::kArchive:
      return ".keras";
    case Container::kJson:
      return "JSON";
    case Container::kTfjs:
      return "tfjs";
  }
  return "";
}

bool LooksLikeKeras(absl::string_view bytes) {
  if (LooksLikeHdf5(bytes)) return true;
  // The names of an archive's members stand at its end.
  if (LooksLikeZip(bytes)) {
    const size_t end = std::min<size_t>(bytes.size(), 1 << 16);
    return absl::StrContains(bytes.substr(bytes.size() - end), "config.json");
  }
  if (!MayBeJson(bytes)) return false;
  const absl::string_view head = bytes.substr(0, 1 << 20);
  return absl::StrContains(head, "class_name") || absl::StrContains(head, "modelTopology");
}

absl::StatusOr<KerasFile> ReadKerasJson(absl::string_view json) {
  return FromJson(json, /*path=*/"", /*weights=*/"");
}

absl::StatusOr<KerasFile> ReadKerasFile(const std::string& path, const std::string& weights) {
  NOMO_ASSIGN_OR_RETURN(const auto mapped, MappedFile::Open(path));
  return ReadKerasBytes(mapped->bytes(), mapped, path, weights);
}

absl::StatusOr<KerasFile> ReadKerasBytes(absl::string_view bytes, std::shared_ptr<const void> owner,
                                         const std::string& path, const std::string& weights) {
  const bool is_json = !LooksLikeHdf5(bytes) && !LooksLikeZip(bytes);
  if (is_json && !MayBeJson(bytes)) {
    const std::string what = DescribeForeignFile(bytes);
    return InvalidArgument("expected a Keras model, found ",
                           bytes.empty() ? "an empty file" : "something else",
                           what.empty() ? "" : ": ", what);
  }
  auto file = is_json               ? FromJson(bytes, path, weights)
              : LooksLikeZip(bytes) ? FromArchive(bytes)
                                    : FromHdf5(bytes, std::move(owner));
  NOMO_RETURN_IF_ERROR(file.status());
  if (!is_json && !weights.empty()) {
    NOMO_ASSIGN_OR_RETURN(file->weights, ReadWeightsFile(weights));
    file->weights_from = weights;
  }
  file->weights.Number();
  return file;
}

}  // namespace nomograph::keras
