#include "nomograph/data/csv.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/storage_types.h"
#include "nomograph/data/csv_cell.h"
#include "nomograph/data/csv_scanner.h"

namespace nomograph {
namespace {

template <typename T>
absl::Status BadCell(absl::string_view cell, const CsvScanner& scanner) {
  const absl::string_view hint =
      scanner.line() == 1 ? " (if the first line names the columns, say that there is a header)"
                          : "";
  if (cell.empty())
    return InvalidArgument(scanner.Place(), ": the cell is empty; expected ", kExpectedCell<T>,
                           hint);
  return InvalidArgument(scanner.Place(), ": expected ", kExpectedCell<T>, ", found ", Quoted(cell),
                         hint);
}

// The column of CsvOptions::class_column.
class ClassColumn {
 public:
  ClassColumn(const std::string& wanted, const std::vector<std::string>& header) {
    const auto named = std::find(header.begin(), header.end(), wanted);
    is_last_ = wanted == "last";
    if (wanted == "first") place_ = 1;
    if (named != header.end()) place_ = named - header.begin() + 1;
  }

  // Whether this is a cell of it that is a name, whose number is then `value`: numbers and names do
  // not mix. `more`: the row goes on.
  template <typename T>
  bool Take(int64_t column, bool more, bool is_number, absl::string_view cell, T& value) {
    if (column != place_ && !(is_last_ && !more)) return false;
    place_ = column;
    numbers_ += is_number;
    if (is_number || numbers_ > 0 || cell.empty()) return false;
    value = static_cast<T>(numbers_of_.try_emplace(cell, numbers_of_.size()).first->second);
    return true;
  }
  // A number behind a name.
  bool mixed() const { return numbers_ > 0 && !numbers_of_.empty(); }

  // The names in the order of their bytes. Of a name's number in a row it makes its place there.
  template <typename T>
  std::vector<std::string> Sort(std::vector<T>& values, int64_t columns) const {
    std::vector<std::string> names;
    for (const auto& [name, number] : numbers_of_) names.push_back(name);
    std::sort(names.begin(), names.end());
    std::vector<T> places(names.size());
    for (size_t i = 0; i < names.size(); ++i)
      places[numbers_of_.find(names[i])->second] = static_cast<T>(i);
    for (size_t i = place_ - 1; !names.empty() && i < values.size(); i += columns)
      values[i] = places[static_cast<size_t>(values[i])];
    return names;
  }

 private:
  bool is_last_ = false;
  int64_t place_ = 0;  // from 1; 0: none
  int64_t numbers_ = 0;
  absl::flat_hash_map<std::string, size_t> numbers_of_;  // of names, as they came
};

// Appends a row's cells to `values`. Their number.
template <typename T>
absl::StatusOr<int64_t> ReadRow(CsvScanner& scanner, ClassColumn& classes, std::vector<T>& values) {
  bool more = true;
  std::string cell;
  while (more) {
    NOMO_ASSIGN_OR_RETURN(more, scanner.NextCell(cell));
    if (scanner.column() == 1 && cell.empty() && !more) {
      return InvalidArgument("line ", scanner.line(), " is empty; expected a row of numbers");
    }
    T value{};
    const bool is_number = ParseCsvCell(cell, value);
    const bool is_class = classes.Take(scanner.column(), more, is_number, cell, value);
    if (!is_number && !is_class) return BadCell<T>(cell, scanner);
    if (classes.mixed()) {
      return InvalidArgument(scanner.Place(), ": expected a name as in the rows above, found ",
                             Quoted(cell));
    }
    values.push_back(value);
  }
  return scanner.column();
}

template <typename T>
absl::StatusOr<CsvTable> ReadTable(absl::string_view text, const CsvOptions& options) {
  CsvScanner scanner(text, options.delimiter);
  CsvTable table;
  NOMO_ASSIGN_OR_RETURN(table.columns, ReadCsvHeader(scanner, options.header));
  auto columns = static_cast<int64_t>(table.columns.size());
  ClassColumn classes(options.class_column, table.columns);
  int64_t rows = 0;
  std::vector<T> values;
  for (; !scanner.AtEnd(); ++rows) {
    NOMO_ASSIGN_OR_RETURN(const int64_t count, ReadRow(scanner, classes, values));
    if (columns == 0) columns = count;
    if (count != columns) {
      return InvalidArgument("line ", scanner.line(), " has ", count, " columns; expected ",
                             columns, " as in the first line");
    }
  }
  if (columns == 0) return InvalidArgument("it is empty; expected rows of numbers");
  table.classes = classes.Sort(values, columns);
  NOMO_ASSIGN_OR_RETURN(table.values, Tensor::Create(kDTypeOf<T>, {rows, columns}));
  std::copy(values.begin(), values.end(), table.values.mutable_data<T>().begin());
  return table;
}

absl::StatusOr<CsvTable> ParseTable(absl::string_view text, const CsvOptions& options) {
  switch (options.dtype) {
    case DType::kFloat32:
      return ReadTable<float>(text, options);
    case DType::kFloat64:
      return ReadTable<double>(text, options);
    case DType::kInt64:
      return ReadTable<int64_t>(text, options);
    case DType::kInvalid:
      break;
    default:
      return InvalidArgument("a table is read as float32, float64 or int64; found ",
                             DTypeName(options.dtype));
  }
  auto integers = ReadTable<int64_t>(text, options);
  if (integers.ok() && integers->values.num_elements() > 0) return integers;
  return ReadTable<double>(text, options);
}

// The shortest text that reads as the same value.
template <typename T>
void AppendNumber(T value, std::string& out) {
  if constexpr (std::is_same_v<T, bool>) {
    out += value ? '1' : '0';
  } else {
    char buffer[32];
    const auto end =
        std::to_chars(buffer, buffer + sizeof(buffer), static_cast<ComputeType<T>>(value)).ptr;
    out.append(buffer, end);
  }
}

std::string QuoteCell(absl::string_view cell, char delimiter) {
  const bool plain = cell.find_first_of("\"\r\n") == absl::string_view::npos &&
                     !absl::StrContains(cell, delimiter) &&
                     cell == absl::StripAsciiWhitespace(cell);
  return plain ? std::string(cell)
               : absl::StrCat("\"", absl::StrReplaceAll(cell, {{"\"", "\"\""}}), "\"");
}

}  // namespace

absl::StatusOr<Tensor> ParseCsv(absl::string_view text, const CsvOptions& options) {
  NOMO_ASSIGN_OR_RETURN(CsvTable table, ParseTable(text, options));
  return std::move(table.values);
}

absl::StatusOr<CsvTable> ReadCsvTable(const std::string& path, const CsvOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  auto table = ParseTable(text, options);
  if (!table.ok()) return Annotate(table.status(), QuotedPath(path));
  return table;
}

absl::StatusOr<Tensor> ReadCsv(const std::string& path, const CsvOptions& options) {
  NOMO_ASSIGN_OR_RETURN(CsvTable table, ReadCsvTable(path, options));
  return std::move(table.values);
}

absl::StatusOr<std::string> FormatCsv(const Tensor& table, const WriteCsvOptions& options) {
  const bool wide = WideType(table.dtype()) == table.dtype();
  Tensor tensor = table;
  if (!wide) {
    NOMO_ASSIGN_OR_RETURN(tensor, TryCast(table, WideType(table.dtype())));
  }
  const int rank = tensor.shape().rank();
  if (!tensor.valid() || rank > 2) {
    return InvalidArgument("a table has at most 2 axes; found a tensor ", tensor.type().ToString());
  }
  const int64_t columns = rank == 2 ? tensor.shape()[1] : 1;
  if (!options.header.empty() && static_cast<int64_t>(options.header.size()) != columns) {
    return InvalidArgument("there are ", options.header.size(), " names for ", columns, " columns");
  }
  std::string text;
  for (size_t i = 0; i < options.header.size(); ++i) {
    if (i > 0) text += options.delimiter;
    text += QuoteCell(options.header[i], options.delimiter);
  }
  if (!options.header.empty()) text += '\n';
  Dispatch(AllTypes{}, tensor.dtype(), [&]<typename T>() {
    const absl::Span<const T> values = tensor.data<T>();
    for (int64_t i = 0; i < tensor.num_elements(); ++i) {
      AppendNumber(values[i], text);
      text += (i + 1) % columns == 0 ? '\n' : options.delimiter;
    }
  });
  return text;
}

absl::Status WriteCsv(const std::string& path, const Tensor& tensor,
                      const WriteCsvOptions& options) {
  const auto text = FormatCsv(tensor, options);
  if (!text.ok()) return Annotate(text.status(), absl::StrCat("cannot write \"", path, "\""));
  return WriteFileAtomically(path, *text);
}

}  // namespace nomograph
