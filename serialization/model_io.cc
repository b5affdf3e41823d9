#include "nomograph/serialization/model_io.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/proto/model.pb.h"
#include "nomograph/serialization/file_layout.h"
#include "nomograph/serialization/graph_proto.h"
#include "nomograph/serialization/tensor_proto.h"
#include "nomograph/serialization/text_format.h"
#include "nomograph/serialization/upgrade.h"
#include "nomograph/serialization/wire_check.h"

namespace nomograph {
namespace {

absl::Status CheckSavable(const Model& model, const SaveOptions& options) {
  if (options.format_version < 1 || options.format_version > kFormatVersion) {
    return InvalidArgument("format version ", options.format_version,
                           " cannot be written; this build writes 1",
                           kFormatVersion == 1 ? "" : absl::StrCat(" to ", kFormatVersion));
  }
  return VerifyModel(model);
}

// A model on its way to the binary form.
struct BinaryForm {
  std::string header_and_graph_part;
  TensorWriter tensors = TensorWriter(kMinPayloadBytes);
};

absl::StatusOr<BinaryForm> ToBinary(const Model& model, const SaveOptions& options) {
  NOMO_RETURN_IF_ERROR(CheckSavable(model, options));
  BinaryForm binary;
  NOMO_ASSIGN_OR_RETURN(ModelProto proto, ModelToProto(model, binary.tensors));
  NOMO_ASSIGN_OR_RETURN(binary.header_and_graph_part, HeaderAndGraphPart(std::move(proto)));
  return binary;
}

// Hands the bytes to `write`, piece by piece.
absl::Status Write(const BinaryForm& binary, const SaveOptions& options,
                   absl::FunctionRef<absl::Status(absl::string_view)> write) {
  int64_t done = 0;
  return WriteFileLayout(binary.header_and_graph_part, binary.tensors.payloads(),
                         [&](absl::string_view piece, uint64_t total) -> absl::Status {
                           NOMO_RETURN_IF_ERROR(write(piece));
                           done += static_cast<int64_t>(piece.size());
                           if (options.progress)
                             options.progress(done, static_cast<int64_t>(total));
                           return absl::OkStatus();
                         });
}

int64_t TensorBytes(const Graph& graph) {
  int64_t bytes = 0;
  for (const Weight& weight : graph.weights) bytes += weight.tensor.num_bytes();
  for (const Node& node : graph.nodes) {
    for (const auto& [name, value] : node.attrs) {
      if (const auto* tensor = value.As<Tensor>()) bytes += tensor->num_bytes();
    }
  }
  return bytes;
}

int64_t TensorBytes(const Model& model) {
  int64_t bytes = TensorBytes(model.graph);
  for (const auto& [name, function] : model.functions) bytes += TensorBytes(function.graph);
  for (const Variable& variable : model.variables) bytes += variable.initial.num_bytes();
  for (const GoldenVector& golden : model.golden_vectors) {
    for (const auto& [name, tensor] : golden.inputs) bytes += tensor.num_bytes();
    for (const auto& [name, output] : golden.outputs) bytes += output.expected.num_bytes();
  }
  return bytes;
}

absl::StatusOr<std::string> ToText(const Model& model, const SaveOptions& options) {
  NOMO_RETURN_IF_ERROR(CheckSavable(model, options));
  if (const int64_t bytes = TensorBytes(model); bytes > options.max_text_tensor_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the text form is for models with at most ",
                                                     options.max_text_tensor_bytes,
                                                     " bytes of tensors, found ", bytes));
  }
  TensorWriter tensors(std::numeric_limits<int64_t>::max());
  NOMO_ASSIGN_OR_RETURN(ModelProto proto, ModelToProto(model, tensors));
  proto.set_magic("nomograph");
  proto.set_format_version(options.format_version);
  return ProtoToText(proto);
}

std::string CannotSave(const std::string& path) {
  return absl::StrCat("cannot save ", QuotedPath(path));
}

absl::Status SaveBinary(const Model& model, const std::string& path, const SaveOptions& options) {
  auto binary = ToBinary(model, options);
  if (!binary.ok()) return Annotate(binary.status(), CannotSave(path));
  NOMO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  NOMO_RETURN_IF_ERROR(
      Write(*binary, options, [&](absl::string_view piece) { return file.Write(piece); }));
  return file.Commit();
}

absl::Status SaveText(const Model& model, const std::string& path, const SaveOptions& options) {
  auto text = ToText(model, options);
  if (!text.ok()) return Annotate(text.status(), CannotSave(path));
  return WriteFileAtomically(path, *text);
}

absl::Status Upgrade(const LoadOptions& options, Model& model) {
  if (!options.upgrade || options.registry == nullptr) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const UpgradeReport report, UpgradeModel(model, *options.registry));
  return report.upgraded.empty() ? absl::OkStatus()
                                 : Annotate(VerifyModel(model), "after upgrading its ops");
}

absl::StatusOr<Model> FromText(absl::string_view text, const LoadOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const ModelProto proto, ProtoFromText(text));
  auto bytes = std::make_shared<const std::string>(proto.SerializeAsString());
  return LoadFromBytes(*bytes, bytes, options);
}

}  // namespace

absl::Status Save(const Model& model, const std::string& path, const SaveOptions& options) {
  return IsTextPath(path) ? SaveText(model, path, options) : SaveBinary(model, path, options);
}

absl::Status Save(const absl::StatusOr<Model>& model, const std::string& path,
                  const SaveOptions& options) {
  return model.ok() ? Save(*model, path, options) : model.status();
}

absl::StatusOr<std::string> SaveToString(const Model& model, const SaveOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const BinaryForm binary, ToBinary(model, options));
  std::string bytes;
  NOMO_RETURN_IF_ERROR(Write(binary, options, [&](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  }));
  return bytes;
}

absl::StatusOr<Model> Load(const std::string& path, const LoadOptions& options) {
  absl::StatusOr<Model> model;
  if (IsTextPath(path)) {
    NOMO_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
    model = FromText(text, options);
  } else {
    NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
    model = LoadFromBytes(file->bytes(), file, options);
  }
  if (!model.ok()) return Annotate(model.status(), absl::StrCat("cannot load ", QuotedPath(path)));
  return model;
}

absl::StatusOr<Model> LoadFromBytes(absl::string_view bytes, std::shared_ptr<const void> owner,
                                    const LoadOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const FileParts parts, SplitFile(bytes));
  NOMO_ASSIGN_OR_RETURN(const bool has_unknown_fields,
                        CheckWire(parts.graph, *ModelProto::descriptor()));
  ModelProto proto;
  if (!proto.ParseFromString(parts.graph))
    return absl::DataLossError("the graph part is no ModelProto");
  MappedFile::GiveBack(parts.graph.data(), parts.graph.size());
  TensorReader tensors(parts.payloads, std::move(owner), options.verify_checksums,
                       options.progress);
  NOMO_ASSIGN_OR_RETURN(Model model, ModelFromProto(std::move(proto), tensors, has_unknown_fields));
  NOMO_RETURN_IF_ERROR(tensors.CheckAllUsed());
  if (options.verify_checksums) NOMO_RETURN_IF_ERROR(CheckPadding(parts));
  NOMO_RETURN_IF_ERROR(VerifyModel(model));
  NOMO_RETURN_IF_ERROR(Upgrade(options, model));
  return model;
}

absl::Status VerifyChecksums(const std::string& path) {
  return Load(path, {.verify_checksums = true, .upgrade = false}).status();
}

}  // namespace nomograph
