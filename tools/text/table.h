// Aligned tables as plain text.
#ifndef NOMOGRAPH_TOOLS_TEXT_TABLE_H_
#define NOMOGRAPH_TOOLS_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace nomograph {

// Columns are as wide as their cells, but not wider than kMaxColumn: what stands behind a longer
// cell is moved, and only in its own row, so that one long cell does not widen a million lines.
// Columns are two spaces apart. Cells are escaped.
class TextTable {
 public:
  static constexpr size_t kMaxColumn = 60;  // characters

  struct Column {
    std::string title;
    bool right = false;  // numbers are aligned on the right
  };

  // Without any title there is no head line.
  explicit TextTable(std::vector<Column> columns, int indent = 2);

  // REQUIRES: as many cells as columns, or fewer: the others are empty.
  void AddRow(std::vector<std::string> cells);
  // A line below the last row, indented further, whose length does not count.
  void AddNote(std::string note);
  bool empty() const { return rows_.empty(); }
  std::string ToString() const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::vector<std::string> notes;
  };
  std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
  std::string indent_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_TABLE_H_
