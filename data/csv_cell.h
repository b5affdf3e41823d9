// Cells of a CSV file as numbers, and its header: what the readers of whole tables and of rows have
// in common.
#ifndef NOMOGRAPH_DATA_CSV_CELL_H_
#define NOMOGRAPH_DATA_CSV_CELL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/data/csv.h"
#include "nomograph/data/csv_scanner.h"

namespace nomograph {

// What a cell may be, for messages.
template <typename T>
inline constexpr absl::string_view kExpectedCell = "a number";
template <>
inline constexpr absl::string_view kExpectedCell<int64_t> = "an integer of 64 bits";

// False when the cell is none. A number past the type's range would read as infinity, which is not
// what the cell says.
bool ParseCsvCell(absl::string_view cell, int64_t& value);
bool ParseCsvCell(absl::string_view cell, double& value);
bool ParseCsvCell(absl::string_view cell, float& value);

// Reads the header, if there is one. The names of the columns, or none.
absl::StatusOr<std::vector<std::string>> ReadCsvHeader(CsvScanner& scanner, CsvHeader header);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_CSV_CELL_H_
