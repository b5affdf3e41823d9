#include "nomograph/data/csv_cell.h"

#include <cmath>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

bool IsInfinity(absl::string_view cell) {
  return absl::StrContains(absl::AsciiStrToLower(cell), "inf");
}

template <typename T>
bool SaysWhatItIs(absl::string_view cell, T value) {
  return std::isfinite(value) || std::isnan(value) || IsInfinity(cell);
}

}  // namespace

bool ParseCsvCell(absl::string_view cell, int64_t& value) { return absl::SimpleAtoi(cell, &value); }
bool ParseCsvCell(absl::string_view cell, double& value) {
  return absl::SimpleAtod(cell, &value) && SaysWhatItIs(cell, value);
}
bool ParseCsvCell(absl::string_view cell, float& value) {
  return absl::SimpleAtof(cell, &value) && SaysWhatItIs(cell, value);
}

absl::StatusOr<int64_t> SkipCsvHeader(CsvScanner& scanner, CsvHeader header) {
  if (header == CsvHeader::kNo || scanner.AtEnd()) return 0;
  CsvScanner ahead = scanner;
  bool has_number = false;
  bool more = true;
  std::string cell;
  while (more) {
    NOMO_ASSIGN_OR_RETURN(more, ahead.NextCell(cell));
    double value;
    has_number = has_number || absl::SimpleAtod(cell, &value);
  }
  if (header == CsvHeader::kAuto && (has_number || ahead.AtEnd())) return 0;
  scanner = ahead;
  return ahead.column();
}

}  // namespace nomograph
