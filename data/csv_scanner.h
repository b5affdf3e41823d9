// Splits the text of a CSV file into cells, and knows where each of them is.
#ifndef NOMOGRAPH_DATA_CSV_SCANNER_H_
#define NOMOGRAPH_DATA_CSV_SCANNER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace nomograph {

class CsvScanner {
 public:
  // A delimiter of 0 is guessed from the first line; `line` is that line's number. `text` must
  // outlive the scanner.
  CsvScanner(absl::string_view text, char delimiter, int64_t line = 1);

  // Whether only empty lines are left.
  bool AtEnd() const;
  // Reads a cell into `cell`, without quotes and the white space around it. True if the row goes on
  // after it. InvalidArgument for quotes that do not end, or end within the cell. REQUIRES:
  // !AtEnd() at the start of a row.
  absl::StatusOr<bool> NextCell(std::string& cell);

  // What has not been read yet.
  absl::string_view rest() const { return rest_; }
  char delimiter() const { return delimiter_; }
  // The line that is read next, from 1.
  int64_t next_line() const { return line_; }

  // Of the last cell's start, from 1.
  int64_t line() const { return cell_line_; }
  int64_t column() const { return cell_column_; }
  // "line 3, column 2".
  std::string Place() const { return absl::StrCat("line ", cell_line_, ", column ", cell_column_); }

 private:
  absl::Status Quoted(std::string& cell);
  // Takes the end of a line, if that comes next.
  bool EndOfLine();

  absl::string_view rest_;
  char delimiter_;
  int64_t line_ = 1, column_ = 1;
  int64_t cell_line_ = 1, cell_column_ = 1;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_CSV_SCANNER_H_
