// CSV: tables of numbers as text (RFC 4180).
#ifndef NOMOGRAPH_DATA_CSV_H_
#define NOMOGRAPH_DATA_CSV_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

enum class CsvHeader {
  kAuto,  // the first line names the columns if none of its cells is a number and more lines follow
  kYes,
  kNo,
};

struct CsvOptions {
  CsvHeader header = CsvHeader::kAuto;
  // ',', ';', '\t' or another character; 0 takes the first of tab, ';' and ',' that the first line
  // has outside quotes.
  char delimiter = 0;
  // kFloat32, kFloat64 or kInt64. kInvalid: int64 if there are cells and all are integers of 64
  // bits, else float64.
  DType dtype = DType::kInvalid;
  // A column that may hold the names of classes in place of numbers: "first", "last" or its name.
  // If none of its cells is a number, each is read as its class's place in CsvTable::classes.
  std::string class_column = {};
};

// Reads a table as a tensor [rows,columns]. Cells may be quoted and have spaces around them;
// numbers are written with a point, "nan" and "inf" are numbers. Lines end in LF, CR LF or CR;
// empty lines may only follow the last row; a UTF-8 byte order mark is skipped. InvalidArgument,
// with line and column counted from 1, for cells that are empty or no number of the dtype, and for
// rows of another length than the first.
absl::StatusOr<Tensor> ReadCsv(const std::string& path, const CsvOptions& options = {});
absl::StatusOr<Tensor> ParseCsv(absl::string_view text, const CsvOptions& options = {});

struct CsvTable {
  std::vector<std::string> columns;  // their names; none without a header
  Tensor values;                     // [rows,columns]
  std::vector<std::string> classes;  // of CsvOptions::class_column, in the order of their bytes
};

// As ReadCsv(), with the header.
absl::StatusOr<CsvTable> ReadCsvTable(const std::string& path, const CsvOptions& options = {});

struct WriteCsvOptions {
  std::vector<std::string> header = {};  // a name for each column, or none
  char delimiter = ',';
};

// Writes a tensor [rows,columns]; of a tensor [rows] or a scalar each element is a row. Numbers
// have as many digits as it takes to read the same value again; bool is 0 or 1. InvalidArgument for
// more axes, and where there are not as many names as columns.
absl::Status WriteCsv(const std::string& path, const Tensor& tensor,
                      const WriteCsvOptions& options = {});
absl::StatusOr<std::string> FormatCsv(const Tensor& tensor, const WriteCsvOptions& options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_CSV_H_
