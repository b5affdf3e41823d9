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

absl::StatusOr<std::vector<std::string>> ReadCsvHeader(CsvScanner& scanner, CsvHeader header) {
  std::vector<std::string> names;
  if (header == CsvHeader::kNo || scanner.AtEnd()) return names;
  CsvScanner ahead = scanner;
  bool has_number = false;
  for (bool more = true; more;) {
    NOMO_ASSIGN_OR_RETURN(more, ahead.NextCell(names.emplace_back()));
    double value;
    has_number = has_number || absl::SimpleAtod(names.back(), &value);
  }
  if (header == CsvHeader::kAuto && (has_number || ahead.AtEnd())) {
    return std::vector<std::string>();
  }
  scanner = ahead;
  return names;
}

}  // namespace nomograph
