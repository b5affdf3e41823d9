#include "nomograph/tools/text/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// Characters of UTF-8 text: every byte but those that continue one.
size_t Width(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

}  // namespace

TextTable::TextTable(std::vector<Column> columns, int indent)
    : columns_(std::move(columns)), indent_(indent, ' ') {}

void TextTable::AddRow(std::vector<std::string> cells) {
  NOMO_CHECK(cells.size() <= columns_.size());
  for (std::string& cell : cells) cell = Escape(cell);
  cells.resize(columns_.size());
  rows_.push_back({std::move(cells), {}});
}

void TextTable::AddNote(std::string note) {
  NOMO_CHECK(!rows_.empty());
  rows_.back().notes.push_back(Escape(note));
}

std::string TextTable::Line(const std::vector<std::string>& cells,
                            const std::vector<size_t>& widths) const {
  std::string line = indent_;
  for (size_t i = 0; i < cells.size(); ++i) {
    const size_t width = Width(cells[i]);
    const std::string padding(widths[i] - std::min(width, widths[i]), ' ');
    if (i > 0) line += "  ";
    line += columns_[i].right ? padding + cells[i] : cells[i] + padding;
  }
  return absl::StrCat(absl::StripTrailingAsciiWhitespace(line), "\n");
}

std::string TextTable::ToString() const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    widths.push_back(Width(column.title));
  }
  for (const Row& row : rows_) {
    for (size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], std::min(Width(row.cells[i]), kMaxColumn));
    }
  }
  const bool titled =
      std::any_of(titles.begin(), titles.end(), [](const std::string& t) { return !t.empty(); });
  std::string text = titled ? Line(titles, widths) : "";
  for (const Row& row : rows_) {
    text += Line(row.cells, widths);
    for (const std::string& note : row.notes) absl::StrAppend(&text, indent_, "    ", note, "\n");
  }
  return text;
}

}  // namespace nomograph
