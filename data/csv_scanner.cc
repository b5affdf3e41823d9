#include "nomograph/data/csv_scanner.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

// The first line, less what its quotes hold.
std::string FirstLineUnquoted(absl::string_view text) {
  std::string line;
  bool quoted = false;
  for (char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '\n' || c == '\r')) break;
    if (!quoted) line += c;
  }
  return line;
}

char GuessDelimiter(absl::string_view text) {
  const std::string line = FirstLineUnquoted(text);
  for (char delimiter : {'\t', ';'}) {
    if (line.find(delimiter) != std::string::npos) return delimiter;
  }
  return ',';
}

}  // namespace

CsvScanner::CsvScanner(absl::string_view text, char delimiter, int64_t line)
    : rest_(absl::StripPrefix(text, kByteOrderMark)), line_(line) {
  delimiter_ = delimiter != 0 ? delimiter : GuessDelimiter(rest_);
}

bool CsvScanner::AtEnd() const {
  return std::all_of(rest_.begin(), rest_.end(), [](char c) { return c == '\n' || c == '\r'; });
}

bool CsvScanner::EndOfLine() {
  if (!absl::ConsumePrefix(&rest_, "\r\n") && !absl::ConsumePrefix(&rest_, "\n") &&
      !absl::ConsumePrefix(&rest_, "\r")) {
    return false;
  }
  ++line_;
  column_ = 1;
  return true;
}

absl::Status CsvScanner::Quoted(std::string& cell) {
  rest_.remove_prefix(1);
  for (;;) {
    const size_t length = rest_.find('"');
    if (length == absl::string_view::npos)
      return InvalidArgument(Place(), ": the quotes are not closed");
    absl::string_view part = rest_.substr(0, length);
    line_ += std::count(part.begin(), part.end(), '\n');
    absl::StrAppend(&cell, part);
    rest_.remove_prefix(length + 1);
    if (!absl::ConsumePrefix(&rest_, "\"")) return absl::OkStatus();
    cell += '"';
  }
}

absl::StatusOr<bool> CsvScanner::NextCell(std::string& cell) {
  cell_line_ = line_;
  cell_column_ = column_++;
  cell.clear();
  const auto is_space = [this](char c) { return (c == ' ' || c == '\t') && c != delimiter_; };
  rest_.remove_prefix(std::find_if_not(rest_.begin(), rest_.end(), is_space) - rest_.begin());
  const bool quoted = !rest_.empty() && rest_[0] == '"';
  if (quoted) NOMO_RETURN_IF_ERROR(Quoted(cell));
  const auto is_end = [this](char c) { return c == delimiter_ || c == '\n' || c == '\r'; };
  const size_t length = std::find_if(rest_.begin(), rest_.end(), is_end) - rest_.begin();
  const absl::string_view plain = absl::StripAsciiWhitespace(rest_.substr(0, length));
  if (quoted && !plain.empty())
    return InvalidArgument(Place(), ": expected the cell's end after its quotes");
  absl::StrAppend(&cell, plain);
  rest_.remove_prefix(length);
  if (rest_.empty() || EndOfLine()) return false;
  rest_.remove_prefix(1);  // the delimiter
  return true;
}

}  // namespace nomograph
