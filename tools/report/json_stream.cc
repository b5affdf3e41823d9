#include "nomograph/tools/report/json_stream.h"

#include "absl/strings/str_replace.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/command.h"

namespace nomograph {
namespace {

constexpr int kIndent = 2;
constexpr size_t kFlushBytes = 1 << 16;

std::string Dumped(const JsonStream::Json& value) {
  return value.dump(kIndent, ' ', /*ensure_ascii=*/false,
                    JsonStream::Json::error_handler_t::replace);
}

}  // namespace

JsonStream::~JsonStream() {
  while (!open_.empty()) Close();
  text_ += '\n';
  Flush();
}

void JsonStream::Member(absl::string_view key, const Json& value) {
  Separate();
  Key(key);
  Append(value);
}

void JsonStream::OpenList(absl::string_view key) {
  Separate();
  Key(key);
  Open('[', ']');
}

void JsonStream::Element(const Json& value) {
  Separate();
  Append(value);
}

void JsonStream::OpenObject() {
  Separate();
  Open('{', '}');
}

void JsonStream::Close() {
  const Level level = open_.back();
  open_.pop_back();
  if (!level.empty) NewLine();
  text_ += level.end;
  if (text_.size() >= kFlushBytes) Flush();
}

void JsonStream::Open(char begin, char end) {
  text_ += begin;
  open_.push_back({end});
}

void JsonStream::Separate() {
  if (!open_.back().empty) text_ += ',';
  open_.back().empty = false;
  NewLine();
}

void JsonStream::Key(absl::string_view key) {
  text_ += Dumped(std::string(key));
  text_ += ": ";
}

void JsonStream::Append(const Json& value) {
  // The only line ends are those between its parts: those in texts are escaped.
  const std::string indented = "\n" + std::string(kIndent * open_.size(), ' ');
  text_ += absl::StrReplaceAll(Dumped(value), {{"\n", indented}});
  if (text_.size() >= kFlushBytes) Flush();
}

void JsonStream::NewLine() {
  text_ += '\n';
  text_.append(kIndent * open_.size(), ' ');
}

void JsonStream::Flush() {
  Print(EscapeJson(text_));
  text_.clear();
}

}  // namespace nomograph
