#include "nomograph/tools/text/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr size_t kGap = 2, kNoteIndent = 4;

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

bool TextTable::titled() const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [](const Column& column) { return !column.title.empty(); });
}

bool TextTable::IsBlank(size_t column) const {
  return columns_[column].title.empty() &&
         std::all_of(rows_.begin(), rows_.end(),
                     [&](const Row& row) { return row.cells[column].empty(); });
}

TextTable TextTable::Without(size_t column) const {
  TextTable table = *this;
  table.columns_.erase(table.columns_.begin() + column);
  for (Row& row : table.rows_) row.cells.erase(row.cells.begin() + column);
  return table;
}

std::vector<size_t> TextTable::Widths(const TextStyle& style) const {
  std::vector<size_t> widths;
  for (const Column& column : columns_) widths.push_back(TextWidth(column.title));
  for (const Row& row : rows_) {
    for (size_t i = 0; i < widths.size(); ++i) {
      size_t width = TextWidth(row.cells[i]);
      if (style.width == 0) width = std::min(width, kMaxColumn);
      widths[i] = std::max(widths[i], width);
    }
  }
  if (style.width > 0) Narrow(widths, style.width);
  return widths;
}

// Lowers the widest columns to one bound, the highest with which a row fits.
void TextTable::Narrow(std::vector<size_t>& widths, size_t width) const {
  size_t fixed = indent_.size() + kGap * (widths.size() - 1);
  std::vector<size_t> texts;
  for (size_t i = 0; i < widths.size(); ++i) {
    if (columns_[i].right) {
      fixed += widths[i];
    } else {
      texts.push_back(widths[i]);
    }
  }
  std::sort(texts.begin(), texts.end());
  size_t room = width > fixed ? width - fixed : 0;
  size_t bound = kMinColumn;
  for (size_t i = 0; i < texts.size(); ++i) {
    const size_t share = room / (texts.size() - i);
    if (texts[i] > share) {
      bound = std::max(share, kMinColumn);
      break;
    }
    room -= texts[i];
    bound = texts.back();
  }
  for (size_t i = 0; i < widths.size(); ++i) {
    if (!columns_[i].right) widths[i] = std::min(widths[i], bound);
  }
}

std::string TextTable::Line(const std::vector<std::string>& cells,
                            const std::vector<size_t>& widths) const {
  std::string line = indent_;
  for (size_t i = 0; i < cells.size(); ++i) {
    const size_t width = TextWidth(cells[i]);
    const std::string padding(widths[i] - std::min(width, widths[i]), ' ');
    if (i > 0) line.append(kGap, ' ');
    line += columns_[i].right ? padding + cells[i] : cells[i] + padding;
  }
  return absl::StrCat(absl::StripTrailingAsciiWhitespace(line), "\n");
}

std::string TextTable::FittedLines(std::vector<std::string> cells,
                                   const std::vector<size_t>& widths) const {
  std::vector<std::vector<std::string>> lines(1, std::vector<std::string>(cells.size()));
  for (size_t i = 0; i < cells.size(); ++i) {
    if (columns_[i].right || TextWidth(cells[i]) <= widths[i]) {
      lines[0][i] = std::move(cells[i]);
    } else if (!columns_[i].wrap) {
      lines[0][i] = CutMiddle(cells[i], widths[i]);
    } else {
      size_t line = 0;
      for (std::string& part : WrappedLines(cells[i], widths[i])) {
        if (line == lines.size()) lines.emplace_back(cells.size());
        lines[line++][i] = std::move(part);
      }
    }
  }
  std::string text;
  for (const std::vector<std::string>& line : lines) text += Line(line, widths);
  return text;
}

std::string TextTable::PlainLine(const std::vector<std::string>& cells) const {
  const bool fill = titled();
  std::string line = indent_;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line.append(kGap, ' ');
    line += cells[i].empty() && fill ? "-" : cells[i];
  }
  return absl::StrCat(absl::StripTrailingAsciiWhitespace(line), "\n");
}

std::string TextTable::ToString(const TextStyle& style) const {
  if (!style.aligned && titled()) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (IsBlank(i)) return Without(i).ToString(style);
    }
  }
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  const std::vector<size_t> widths = Widths(style);
  std::string text;
  if (titled()) text = style.aligned ? Line(titles, widths) : PlainLine(titles);
  size_t further = kNoteIndent;
  if (note_column_ >= 0 && style.aligned) {
    further = kGap * note_column_;
    for (int i = 0; i < note_column_; ++i) further += widths[i];
  }
  const std::string note_indent = indent_ + std::string(further, ' ');
  for (const Row& row : rows_) {
    if (!style.aligned) {
      text += PlainLine(row.cells);
    } else {
      text += style.width > 0 ? FittedLines(row.cells, widths) : Line(row.cells, widths);
    }
    for (const std::string& note : row.notes) {
      const size_t room =
          style.width > note_indent.size() ? style.width - note_indent.size() : style.width;
      for (const std::string& line : WrappedLines(note, room)) {
        absl::StrAppend(&text, note_indent, absl::StripTrailingAsciiWhitespace(line), "\n");
      }
    }
  }
  return text;
}

}  // namespace nomograph
