#include "nomograph/serialization/keras/python/payload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/python/function.h"
#include "nomograph/serialization/keras/python/instructions.h"
#include "nomograph/serialization/keras/python/marshal.h"

namespace nomograph::keras {
namespace {

using Codes = std::vector<std::shared_ptr<Code>>;

absl::Status DecodeAll(const PythonVersion& version, const Codes& codes) {
  for (const auto& code : codes) {
    NOMO_RETURN_IF_ERROR(Annotate(DecodeInstructions(version, *code), Shown(code->name)));
  }
  return absl::OkStatus();
}

std::vector<std::vector<Instruction>> InstructionsOf(const Codes& codes) {
  std::vector<std::vector<Instruction>> all;
  for (const auto& code : codes) all.push_back(code->instructions);
  return all;
}

bool SameMeaning(const std::vector<std::vector<Instruction>>& a,
                 const std::vector<std::vector<Instruction>>& b) {
  const auto same = [](const Instruction& x, const Instruction& y) {
    return x.act == y.act && x.arg == y.arg;
  };
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::equal(a[i].begin(), a[i].end(), b[i].begin(), b[i].end(), same)) return false;
  }
  return true;
}

// How many instructions are none that are interpreted. Of a version that did not write them, most
// likely.
int64_t CountUnsupported(const Codes& codes) {
  int64_t count = 0;
  for (const auto& code : codes) {
    for (const Instruction& instruction : code->instructions) {
      count += instruction.act == Act::kUnsupported;
    }
  }
  return count;
}

// Decodes the code objects as a version of the layout that could have written them, and notes the
// others that agree. Where several disagree, it is one of those in which the most instructions make
// sense, and of these the oldest.
absl::Status FindVersions(CodeLayout layout, const Codes& codes) {
  absl::Status fault;
  std::vector<const PythonVersion*> versions;
  std::vector<std::vector<Instruction>> meaning;
  int64_t least = 0;
  for (const PythonVersion& version : PythonVersions()) {
    if (version.layout != layout) continue;
    const absl::Status decoded = DecodeAll(version, codes);
    if (!decoded.ok()) {
      if (fault.ok()) fault = Annotate(decoded, "Python " + version.ToString());
    } else if (const int64_t unsupported = CountUnsupported(codes);
               versions.empty() || unsupported < least) {
      versions = {&version};
      meaning = InstructionsOf(codes);
      least = unsupported;
    } else if (SameMeaning(meaning, InstructionsOf(codes))) {
      versions.push_back(&version);
    }
  }
  if (versions.empty()) return fault;
  NOMO_RETURN_IF_ERROR(DecodeAll(*versions[0], codes));
  for (const auto& code : codes) code->versions = versions;
  return absl::OkStatus();
}

// Code points of `text` (lone surrogates as they come) as raw_unicode_escape writes them.
absl::StatusOr<std::string> RawUnicodeEscape(absl::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[k]); };
    const uint8_t lead = byte(i);
    const int length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || i + length > text.size()) {
      return InvalidArgument("a payload is no text: byte ", i);
    }
    uint32_t point = length == 1 ? lead : lead & (0xff >> (length + 1));
    for (int k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return InvalidArgument("a payload is no text: byte ", i);
      point = point << 6 | (byte(i + k) & 0x3f);
    }
    if (point < 0x100) {
      bytes.push_back(static_cast<char>(point));
    } else {
      bytes +=
          point < 0x10000 ? absl::StrFormat("\\u%04x", point) : absl::StrFormat("\\U%08x", point);
    }
    i += length;
  }
  return bytes;
}

bool LooksLikeMarshal(absl::string_view bytes) {
  constexpr char kCode = 'c', kRemembered = static_cast<char>(0x80);
  return bytes.size() > 20 && (bytes[0] == kCode || bytes[0] == (kCode | kRemembered));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Code>> ReadCode(absl::string_view bytes,
                                                     const PythonLimits& limits) {
  absl::Status fault;
  for (const CodeLayout layout : {CodeLayout::kPython2, CodeLayout::kKeywordOnly,
                                  CodeLayout::kPositionalOnly, CodeLayout::kLocalsPlus}) {
    auto data = ReadMarshal(bytes, layout, limits);
    absl::Status status = data.status();
    if (data.ok() && data->object->kind != Object::Kind::kCode) {
      return InvalidArgument("marshal data: expected a code object");
    }
    if (data.ok()) status = FindVersions(layout, data->codes);
    if (status.ok()) return data->object->code;
    // What went furthest tells most.
    if (fault.ok() || data.ok()) fault = status;
  }
  return Annotate(fault, "the code is of no Python from 2.7 and 3.3 to 3.14");
}

absl::StatusOr<std::string> DecodePayload(absl::string_view text) {
  std::string bytes;
  if (absl::Base64Unescape(text, &bytes) && LooksLikeMarshal(bytes)) return bytes;
  NOMO_ASSIGN_OR_RETURN(bytes, RawUnicodeEscape(text));
  if (LooksLikeMarshal(bytes)) return bytes;
  return InvalidArgument("expected marshal data of a code object, in base64 or escaped");
}

}  // namespace nomograph::keras
