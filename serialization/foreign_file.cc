#include "nomograph/serialization/foreign_file.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/serialization/wire.h"
#include "nomograph/serialization/wire_check.h"

namespace nomograph {
namespace {

struct Signature {
  size_t offset;
  absl::string_view bytes;
  absl::string_view kind;
};

using absl::string_view;

constexpr string_view kGitLfsPointer = "version https://git-lfs.github.com/";

// From each format's own specification.
constexpr Signature kSignatures[] = {
    {0, "\x0a\x09nomograph", "a Nomograph model"},
    {0, "\x89HDF\r\n\x1a\n", "HDF5, as Keras' .h5 files are"},
    {0, "PK\x03\x04", "a zip archive, as .keras, .npz and PyTorch's files are"},
    {0, "\x93NUMPY", "a NumPy array (.npy)"},
    {0, "\x80\x02", "a Python pickle"},
    {0, "\x80\x03", "a Python pickle"},
    {0, "\x80\x04", "a Python pickle"},
    {0, "\x80\x05", "a Python pickle"},
    {4, "TFL3", "a TensorFlow Lite model"},
    {0, "GGUF", "a GGUF model"},
    {0, "\x1f\x8b", "a gzip archive"},
    {0, "\x28\xb5\x2f\xfd", "a Zstandard archive"},
    {0, "\x89PNG\r\n\x1a\n", "a PNG image"},
    {0, "\xff\xd8\xff", "a JPEG image"},
    {0,
     "\x7f"
     "ELF",
     "a program or shared library"},
    {0, kGitLfsPointer, "a Git LFS pointer; fetch the file with `git lfs pull`"},
};

// A page that a server sent in place of the file.
bool LooksLikeHtml(string_view file) {
  const size_t start = file.find_first_not_of(" \t\r\n");
  const string_view text = start == file.npos ? "" : file.substr(start);
  return absl::StartsWithIgnoreCase(text, "<!doctype html") ||
         absl::StartsWithIgnoreCase(text, "<html");
}

// An 8-byte length of a JSON header.
bool LooksLikeSafetensors(string_view file) {
  return file.size() > 9 && file.substr(5, 3) == string_view("\0\0\0", 3) &&
         file.substr(8, 2) == "{\"";
}

bool LooksLikeText(string_view file) {
  // The cut may go through a character of up to 4 bytes.
  string_view start = file.substr(0, 512);
  for (int i = 0; i < 3 && start.size() < file.size() && !IsUtf8(start); ++i)
    start.remove_suffix(1);
  return IsUtf8(start) && std::none_of(start.begin(), start.end(), [](char c) {
           return static_cast<uint8_t>(c) < 0x20 && !absl::StrContains("\t\n\v\f\r\x1b", c);
         });
}

}  // namespace

// ONNX's ModelProto begins with ir_version (a small number) and then the producer's name, or, in
// some writers, the imported op sets or the graph.
bool LooksLikeOnnx(string_view file) {
  WireReader reader(file);
  const auto version = reader.Next();
  if (!version.ok() || version->number != 1 || version->type != WireType::kVarint ||
      version->value > 1000) {
    return false;
  }
  if (reader.done()) return false;
  const auto next = reader.Next();
  return next.ok() && next->type == WireType::kBytes &&
         (next->number == 2 || next->number == 7 || next->number == 8);
}

bool IsGitLfsPointer(string_view file) { return absl::StartsWith(file, kGitLfsPointer); }

std::string DescribeForeignFile(string_view file) {
  for (const Signature& signature : kSignatures) {
    if (file.size() >= signature.offset &&
        absl::StartsWith(file.substr(signature.offset), signature.bytes)) {
      return absl::StrCat("it looks like ", signature.kind);
    }
  }
  if (LooksLikeHtml(file)) return "it looks like an HTML page";
  if (LooksLikeSafetensors(file)) return "it looks like a safetensors file";
  if (LooksLikeOnnx(file)) return "it looks like an ONNX model";
  if (!LooksLikeText(file)) return "";
  if (absl::StrContains(file.substr(0, 4096), "magic: \"nomograph\"")) {
    return "it looks like a model's text form, whose name must end with .txtpb";
  }
  return "it looks like text";
}

}  // namespace nomograph
