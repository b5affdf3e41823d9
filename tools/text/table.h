// Tables as text, fitted to where they are shown.
#ifndef NOMOGRAPH_TOOLS_TEXT_TABLE_H_
#define NOMOGRAPH_TOOLS_TEXT_TABLE_H_

#include <string>
#include <vector>

#include "nomograph/tools/text/terminal.h"

namespace nomograph {

// Columns are two spaces apart. Cells are escaped.
//
// Where the style has a width, columns of text are narrowed, the widest first, until a row fits: a
// cell that is longer is cut in the middle, or goes on in further lines where its column wraps.
// Numbers are never cut. Without a width columns are as wide as their cells, but not wider than
// kMaxColumn: what stands behind a longer cell is moved, and only in its own row. Where the style
// is not aligned there is no padding at all, and an empty cell of a table with titles is "-", so
// that fields can be counted.
class TextTable {
 public:
  static constexpr size_t kMaxColumn = 60;  // characters
  static constexpr size_t kMinColumn = 8;   // no column of text is made narrower

  struct Column {
    std::string title;
    bool right = false;  // numbers are aligned on the right
    bool wrap = false;   // a list: goes on in further lines rather than being cut
  };

  // Without any title there is no head line.
  explicit TextTable(std::vector<Column> columns, int indent = 2);

  // REQUIRES: as many cells as columns, or fewer: the others are empty.
  void AddRow(std::vector<std::string> cells);
  // A line below the last row, indented further, whose length does not count; it is wrapped where
  // the style has a width.
  void AddNote(std::string note);
  // Lets notes begin where this column does, rather than a little further than the rows.
  void AlignNotes(size_t column) { note_column_ = static_cast<int>(column); }
  bool empty() const { return rows_.empty(); }
  std::string ToString(const TextStyle& style = OutputStyle()) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::vector<std::string> notes;
  };
  std::vector<size_t> Widths(const TextStyle& style) const;
  void Narrow(std::vector<size_t>& widths, size_t width) const;
  std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;
  std::string FittedLines(std::vector<std::string> cells, const std::vector<size_t>& widths) const;
  std::string PlainLine(const std::vector<std::string>& cells) const;
  bool titled() const;
  // Neither title nor cells.
  bool IsBlank(size_t column) const;
  TextTable Without(size_t column) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
  std::string indent_;
  int note_column_ = -1;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_TABLE_H_
