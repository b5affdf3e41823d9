#include "nomograph/serialization/text_format.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/wire_check.h"

namespace nomograph {
namespace {

using ::google::protobuf::TextFormat;

constexpr size_t kMaxBytes = size_t{1} << 30;
// The field that tells the file's kind; editors know the comments.
constexpr absl::string_view kHead =
    "# proto-file: nomograph/proto/model.proto\n"
    "# proto-message: nomograph.ModelProto\n\n";

// Keeps the first error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty())
      text_ = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

bool IsTextPath(absl::string_view path) { return absl::EndsWith(path, ".txtpb"); }

absl::StatusOr<std::string> ProtoToText(const ModelProto& model) {
  NOMO_RETURN_IF_ERROR(
      Annotate(CheckNoUnknownFields(model), "the text form cannot hold this model"));
  if (model.ByteSizeLong() >= kMaxBytes) {
    return absl::ResourceExhaustedError("the text form is for models of less than 1 GiB");
  }
  TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  if (!printer.PrintToString(model, &text))
    return absl::InternalError("the text form cannot be printed");
  return absl::StrCat(kHead, text);
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  return ReadFile(file, file.size() < 0 ? kDefaultMaxPipeBytes : kMaxTextBytes);
}

absl::StatusOr<ModelProto> ProtoFromText(absl::string_view text) {
  if (text.size() > kMaxTextBytes) return absl::ResourceExhaustedError("the text passes 2 GiB");
  TextFormat::Parser parser;
  FirstError error;
  parser.RecordErrorsTo(&error);
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  ModelProto model;
  if (!parser.Parse(&stream, &model)) return InvalidArgument(error.text());
  NOMO_RETURN_IF_ERROR(CheckStrings(model));
  if (model.magic() != "nomograph") {
    return InvalidArgument("this is not a Nomograph model: the text has no `magic: \"nomograph\"`");
  }
  model.clear_graph_bytes();
  model.clear_graph_xxh3();
  return model;
}

}  // namespace nomograph
