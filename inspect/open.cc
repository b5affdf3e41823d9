#include "nomograph/inspect/open.h"

#include <filesystem>
#include <functional>
#include <system_error>

#include "absl/strings/match.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/status.h"
#include "nomograph/proto/model.pb.h"
#include "nomograph/serialization/foreign_file.h"
#include "nomograph/serialization/keras/import.h"
#include "nomograph/serialization/keras/keras_file.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/serialization/text_format.h"
#include "nomograph/serialization/wire.h"

namespace nomograph {
namespace {

// The second field of a binary file, whose place SplitFile() has checked by the time that a model
// has been loaded.
absl::StatusOr<int> FormatVersion(absl::string_view bytes) {
  WireReader reader(bytes);
  NOMO_RETURN_IF_ERROR(reader.Next().status());
  NOMO_ASSIGN_OR_RETURN(const WireField version, reader.Next());
  return static_cast<int>(version.value);
}

absl::StatusOr<ModelFile> OpenTextFrom(const std::string& path, const std::string& text,
                                       bool upgrade) {
  ModelFile file{
      .path = path, .bytes = static_cast<int64_t>(text.size()), .form = ModelForm::kText};
  auto proto = ProtoFromText(text);
  if (!proto.ok()) return AtFile(path, proto.status());
  file.format_version = static_cast<int>(proto->format_version());
  const auto bytes = std::make_shared<const std::string>(proto->SerializeAsString());
  auto model = LoadFromBytes(*bytes, bytes, {.upgrade = upgrade});
  if (!model.ok()) return AtFile(path, model.status());
  file.model = *std::move(model);
  return file;
}

absl::StatusOr<ModelFile> OpenText(const std::string& path, bool upgrade) {
  NOMO_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  return OpenTextFrom(path, text, upgrade);
}

absl::StatusOr<ModelFile> OpenBinary(const std::string& path,
                                     const std::shared_ptr<const MappedFile>& mapped,
                                     bool upgrade) {
  auto model = LoadFromBytes(mapped->bytes(), mapped, {.upgrade = upgrade});
  if (!model.ok()) return AtFile(path, model.status());
  NOMO_ASSIGN_OR_RETURN(const int version, FormatVersion(mapped->bytes()));
  return ModelFile{.path = path,
                   .model = *std::move(model),
                   .bytes = static_cast<int64_t>(mapped->bytes().size()),
                   .format_version = version,
                   .mapped = mapped->bytes(),
                   .owner = mapped};
}

// Which fill what `file` tells of the import.
onnx::ImportOptions OnnxOptions(const OpenOptions& options, ModelFile& file) {
  return {.progress = options.progress, .warnings = &file.warnings, .report = &file.onnx.emplace()};
}

absl::StatusOr<ModelFile> OpenOnnx(const std::string& path, const OpenOptions& options) {
  ModelFile file{.path = path, .form = ModelForm::kOnnx};
  NOMO_ASSIGN_OR_RETURN(const InputFile input, InputFile::OpenRegular(path));
  file.bytes = input.size();
  NOMO_ASSIGN_OR_RETURN(file.model, onnx::Import(path, OnnxOptions(options, file)));
  return file;
}

ModelFile KerasModelFile(const std::string& path, int64_t bytes, keras::Imported imported) {
  return {.path = path,
          .model = std::move(imported.model),
          .bytes = bytes,
          .form = ModelForm::kKeras,
          .warnings = imported.report.warnings,
          .keras = std::move(imported.report)};
}

absl::StatusOr<ModelFile> OpenKeras(const std::string& path, const OpenOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const InputFile input, InputFile::OpenRegular(path));
  NOMO_ASSIGN_OR_RETURN(keras::Imported imported, keras::Import(path, options.keras));
  return KerasModelFile(path, input.size(), std::move(imported));
}

// A pipe, read whole. Text begins with the name of a field, which no other form does.
absl::StatusOr<ModelFile> OpenStandardInput(const OpenOptions& options) {
  const std::string path = "-";
  NOMO_ASSIGN_OR_RETURN(std::string read, ReadFile("/dev/stdin"));
  const auto bytes = std::make_shared<const std::string>(std::move(read));
  if (absl::StartsWith(*bytes, "magic")) return OpenTextFrom(path, *bytes, options.upgrade);
  ModelFile file{.path = path, .bytes = static_cast<int64_t>(bytes->size())};
  if (LooksLikeOnnx(*bytes)) {
    file.form = ModelForm::kOnnx;
    auto model = onnx::ImportFromBytes(*bytes, "", OnnxOptions(options, file));
    if (!model.ok()) return AtFile(path, model.status());
    file.model = *std::move(model);
    return file;
  }
  if (keras::LooksLikeKeras(*bytes)) {
    auto imported = keras::ImportBytes(*bytes, bytes, options.keras);
    if (!imported.ok()) return AtFile(path, imported.status());
    return KerasModelFile(path, file.bytes, *std::move(imported));
  }
  auto model = LoadFromBytes(*bytes, bytes, {.upgrade = options.upgrade});
  if (!model.ok()) return AtFile(path, model.status());
  file.model = *std::move(model);
  NOMO_ASSIGN_OR_RETURN(file.format_version, FormatVersion(*bytes));
  file.mapped = *bytes;
  file.owner = bytes;
  return file;
}

}  // namespace

const char* ModelFormName(ModelForm form) {
  switch (form) {
    case ModelForm::kBinary:
      return "binary";
    case ModelForm::kText:
      return "text";
    case ModelForm::kOnnx:
      return "onnx";
    case ModelForm::kKeras:
      return "keras";
  }
  return "";
}

ModelForm ModelFormOf(const std::string& path) {
  if (IsTextPath(path)) return ModelForm::kText;
  return absl::EndsWith(path, ".onnx") ? ModelForm::kOnnx : ModelForm::kBinary;
}

std::optional<int64_t> ModelFile::OffsetOf(const Tensor& tensor) const {
  const char* data = reinterpret_cast<const char*>(tensor.raw_data());
  const std::less<const char*> before;  // also for pointers into different memory
  if (data == nullptr || mapped.empty() || before(data, mapped.data()) ||
      !before(data, mapped.data() + mapped.size())) {
    return std::nullopt;
  }
  return data - mapped.data();
}

absl::StatusOr<ModelFile> OpenFile(const std::string& path, OpenOptions options) {
  if (path == "-") return OpenStandardInput(options);
  // TensorFlow.js keeps a model in a folder.
  std::error_code ignored;
  if (const std::string inner = path + "/model.json";
      std::filesystem::is_directory(path, ignored) &&
      std::filesystem::is_regular_file(inner, ignored)) {
    return OpenKeras(inner, options);
  }
  const ModelForm named = ModelFormOf(path);
  if (named == ModelForm::kText) return OpenText(path, options.upgrade);
  const auto mapped = MappedFile::Open(path);
  if (!mapped.ok()) return named == ModelForm::kOnnx ? OpenOnnx(path, options) : mapped.status();
  // What the file is, whatever its name says; the name counts where its bytes look like nothing.
  const absl::string_view bytes = (*mapped)->bytes();
  if (LooksLikeOnnx(bytes)) return OpenOnnx(path, options);
  if (keras::LooksLikeKeras(bytes)) return OpenKeras(path, options);
  if (named == ModelForm::kOnnx && !FormatVersion(bytes).ok()) return OpenOnnx(path, options);
  return OpenBinary(path, *mapped, options.upgrade);
}

absl::StatusOr<Model> Open(const std::string& path, OpenOptions options) {
  NOMO_ASSIGN_OR_RETURN(ModelFile file, OpenFile(path, std::move(options)));
  return std::move(file.model);
}

absl::Status VerifyPayloads(const ModelFile& file, std::function<void(int64_t, int64_t)> progress) {
  if (file.form != ModelForm::kBinary) return absl::OkStatus();
  const LoadOptions options = {
      .verify_checksums = true, .progress = std::move(progress), .upgrade = false};
  return LoadFromBytes(file.mapped, file.owner, options).status();
}

absl::Status AtFile(const std::string& path, const absl::Status& status) {
  return Annotate(status, path);
}

}  // namespace nomograph
