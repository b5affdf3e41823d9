// Csv: the rows of a table in text, one line after the other.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/csv_cell.h"
#include "nomograph/data/csv_scanner.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/stage.h"

namespace nomograph {
namespace {

using NodeOr = absl::StatusOr<std::shared_ptr<const DatasetNode>>;
using StageOr = absl::StatusOr<std::unique_ptr<Stage>>;
using CellTypes = TypeList<float, double, int64_t>;

constexpr int64_t kPieceBytes = int64_t{32} << 20;  // after which read pages are given back

struct Table {
  std::string path;
  std::shared_ptr<const MappedFile> file;
  size_t first_row = 0;    // in bytes
  int64_t first_line = 1;  // of the first row
  char delimiter = ',';
  int64_t columns = 0;
  int64_t label_column = -1;  // none
  CsvDatasetOptions options;

  absl::Status Fault(const absl::Status& status) const {
    return Annotate(status, QuotedPath(path));
  }
};

// Of the line at the start of `text`, without its end.
size_t LineLength(absl::string_view text) {
  const size_t length = text.find_first_of("\r\n");
  return length == absl::string_view::npos ? text.size() : length;
}

// The number of bytes of the line end there, 0 at the end of the file.
size_t LineEnd(absl::string_view rest) {
  if (rest.empty()) return 0;
  return rest.substr(0, 2) == "\r\n" ? 2 : 1;
}

// One row's cells, as they are parsed into an element.
class RowParser {
 public:
  RowParser(const Table& table, absl::string_view line, int64_t line_number)
      : table_(table), line_(line), line_number_(line_number) {}

  // A row of `columns` values; the label's goes into `label`.
  absl::Status Parse(Tensor& values, Tensor* label) {
    if (line_.empty()) {
      return InvalidArgument("line ", line_number_, " is empty; expected a row of numbers");
    }
    absl::Status status;
    Dispatch(CellTypes{}, values.dtype(),
             [&]<typename T>() { status = ParseInto(values.mutable_data<T>(), label); });
    return status;
  }

 private:
  template <typename T>
  absl::Status ParseInto(absl::Span<T> values, Tensor* label) {
    const bool quoted = line_.find('"') != absl::string_view::npos;
    return quoted ? ParseQuoted(values, label) : ParsePlain(values, label);
  }

  template <typename T>
  absl::Status ParsePlain(absl::Span<T> values, Tensor* label) {
    int64_t column = 0;
    const char* cell = line_.data();
    const char* const end = cell + line_.size();
    while (true) {
      const char* cell_end = cell;
      while (cell_end != end && *cell_end != table_.delimiter) ++cell_end;
      NOMO_RETURN_IF_ERROR(TakeCell(absl::string_view(cell, static_cast<size_t>(cell_end - cell)),
                                    column++, values, label));
      if (cell_end == end) break;
      cell = cell_end + 1;
    }
    return CheckCount(column);
  }

  template <typename T>
  absl::Status ParseQuoted(absl::Span<T> values, Tensor* label) {
    CsvScanner scanner(line_, table_.delimiter, line_number_);
    std::string cell;
    int64_t column = 0;
    for (bool more = true; more;) {
      NOMO_ASSIGN_OR_RETURN(more, scanner.NextCell(cell));
      NOMO_RETURN_IF_ERROR(TakeCell(absl::string_view(cell), column++, values, label));
    }
    return CheckCount(column);
  }

  template <typename T>
  absl::Status TakeCell(absl::string_view cell, int64_t column, absl::Span<T> values,
                        Tensor* label) {
    if (column >= table_.columns) return absl::OkStatus();  // CheckCount() will tell
    if (column == table_.label_column) {
      absl::Status status;
      Dispatch(CellTypes{}, label->dtype(), [&]<typename L>() {
        status = ParseValue(cell, column, label->mutable_data<L>()[0]);
      });
      return status;
    }
    const bool behind_label = table_.label_column >= 0 && column > table_.label_column;
    return ParseValue(cell, column, values[static_cast<size_t>(column - (behind_label ? 1 : 0))]);
  }

  template <typename T>
  absl::Status ParseValue(absl::string_view cell, int64_t column, T& value) {
    if (ParseDigits(cell, value) || ParseCsvCell(cell, value)) return absl::OkStatus();
    const std::string place = absl::StrCat("line ", line_number_, ", column ", column + 1, ": ");
    const absl::string_view shown = absl::StripAsciiWhitespace(cell);
    if (shown.empty())
      return InvalidArgument(place, "the cell is empty; expected ", kExpectedCell<T>);
    return InvalidArgument(place, "expected ", kExpectedCell<T>, ", found ",
                           Quoted(shown.substr(0, 40)));
  }

  // A few digits, which most cells of most tables are, and any of the types holds exactly.
  template <typename T>
  static bool ParseDigits(absl::string_view cell, T& value) {
    if (cell.empty() || cell.size() > 7) return false;
    int32_t number = 0;
    for (const char c : cell) {
      if (c < '0' || c > '9') return false;
      number = number * 10 + (c - '0');
    }
    value = static_cast<T>(number);
    return true;
  }

  absl::Status CheckCount(int64_t columns) const {
    if (columns == table_.columns) return absl::OkStatus();
    return InvalidArgument("line ", line_number_, " has ", columns, " columns; expected ",
                           table_.columns, " as in the first line");
  }

  const Table& table_;
  const absl::string_view line_;
  const int64_t line_number_;
};

class CsvNode : public DatasetNode {
 public:
  explicit CsvNode(Table table)
      : DatasetNode("Csv", {}, TypesFor(table), kUnknownCardinality), table_(std::move(table)) {}
  StageOr Start(IterationContext context) const override;
  const Table& table() const { return table_; }

 private:
  static std::vector<TensorType> TypesFor(const Table& table) {
    if (table.label_column < 0) return {{table.options.file.dtype, Shape{table.columns}}};
    return {{table.options.file.dtype, Shape{table.columns - 1}},
            {table.options.label_dtype, Shape{}}};
  }
  const Table table_;
};

class CsvStage : public Stage {
 public:
  CsvStage(IterationContext context, const CsvNode& node)
      : Stage(std::move(context)),
        node_(node),
        table_(node.table()),
        text_(table_.file->bytes()),
        at_(table_.first_row),
        line_(table_.first_line) {}

 private:
  bool skips_errors() const { return table_.options.on_error == OnError::kSkip; }

  // Moves past a line. False at the end: only empty lines are left.
  absl::StatusOr<bool> NextLine(absl::string_view& line, int64_t& number) {
    if (at_ == text_.size()) return false;
    const absl::string_view rest = text_.substr(at_);
    const size_t length = LineLength(rest);
    line = rest.substr(0, length);
    number = line_++;
    at_ += length + LineEnd(rest.substr(length));
    GiveBackPages();
    if (line.empty() && OnlyLineEnds()) return false;
    if (static_cast<int64_t>(length) <= table_.options.max_line_bytes) return true;
    return absl::ResourceExhaustedError(
        absl::StrCat("line ", number, " has ", length, " bytes; at most ",
                     table_.options.max_line_bytes, " are allowed"));
  }

  // Whether nothing else follows. Asked at most once for each run of empty lines.
  bool OnlyLineEnds() {
    if (at_ < looked_at_) return false;
    const size_t next = text_.find_first_not_of("\r\n", at_);
    looked_at_ = next;
    if (next != absl::string_view::npos) return false;
    at_ = text_.size();
    return true;
  }

  void GiveBackPages() {
    if (at_ - given_back_ < static_cast<size_t>(kPieceBytes)) return;
    MappedFile::GiveBack(text_.data() + given_back_, at_ - given_back_);
    given_back_ = at_;
  }

  absl::StatusOr<Element> ParseRow(absl::string_view line, int64_t number) {
    Element element;
    for (const TensorType& type : node_.types()) {
      NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(type.dtype, type.shape.ToShape()));
      element.push_back(std::move(tensor));
    }
    Tensor* const label = table_.label_column < 0 ? nullptr : &element[1];
    NOMO_RETURN_IF_ERROR(RowParser(table_, line, number).Parse(element[0], label));
    return element;
  }

  StageResult DoNext() override {
    while (true) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      absl::string_view line;
      int64_t number = 0;
      const absl::StatusOr<bool> more = NextLine(line, number);
      if (more.ok() && !*more) return std::nullopt;
      absl::Status status = more.status();
      if (status.ok()) {
        absl::StatusOr<Element> row = ParseRow(line, number);
        if (row.ok()) return *std::move(row);
        status = row.status();
      }
      if (!skips_errors()) return table_.Fault(status);
      CountSkipped();
    }
  }

  absl::StatusOr<int64_t> DoSkip(int64_t count) override {
    if (skips_errors()) return Stage::DoSkip(count);
    absl::string_view line;
    int64_t done = 0, number = 0;
    for (; done < count; ++done) {
      NOMO_RETURN_IF_ERROR(CheckCancelled());
      const absl::StatusOr<bool> more = NextLine(line, number);
      if (!more.ok()) return table_.Fault(more.status());
      if (!*more) break;
    }
    return done;
  }

  const CsvNode& node_;
  const Table& table_;
  const absl::string_view text_;
  size_t at_;
  int64_t line_;
  size_t given_back_ = 0, looked_at_ = 0;
};

StageOr CsvNode::Start(IterationContext context) const {
  return std::make_unique<CsvStage>(std::move(context), *this);
}

// Where the first row begins and how many columns it has.
absl::Status ReadHead(Table& table) {
  const auto most = static_cast<size_t>(table.options.max_line_bytes);
  // Quotes that are not closed must not make a cell of the whole file.
  const absl::string_view text = table.file->bytes().substr(0, 2 * most);
  if (LineLength(text) > most) {
    return absl::ResourceExhaustedError(
        absl::StrCat("line 1 has more than the allowed ", most, " bytes"));
  }
  CsvScanner scanner(text, table.options.file.delimiter);
  NOMO_ASSIGN_OR_RETURN(const auto names, ReadCsvHeader(scanner, table.options.file.header));
  table.columns = static_cast<int64_t>(names.size());
  table.delimiter = scanner.delimiter();
  table.first_row = text.size() - scanner.rest().size();
  table.first_line = scanner.next_line();
  if (table.columns == 0) {
    CsvScanner row(scanner.rest().substr(0, LineLength(scanner.rest())), table.delimiter, 1);
    std::string cell;
    if (scanner.AtEnd()) return InvalidArgument("it is empty; expected rows of numbers");
    for (bool more = true; more; ++table.columns) {
      NOMO_ASSIGN_OR_RETURN(more, row.NextCell(cell));
    }
  }
  return absl::OkStatus();
}

absl::Status PlaceLabel(Table& table) {
  if (!table.options.label_column) return absl::OkStatus();
  const int64_t wanted = *table.options.label_column;
  table.label_column = wanted < 0 ? wanted + table.columns : wanted;
  if (table.label_column >= 0 && table.label_column < table.columns) return absl::OkStatus();
  return InvalidArgument("the label's column is ", wanted, "; there are ", table.columns,
                         " columns");
}

NodeOr MakeCsv(const std::string& path, const CsvDatasetOptions& options) {
  Table table;
  table.path = path;
  table.options = options;
  if (table.options.file.dtype == DType::kInvalid) table.options.file.dtype = DType::kFloat32;
  constexpr DTypeSet kAllowed = DTypesOf(CellTypes{});
  if (!kAllowed.Contains(table.options.file.dtype) || !kAllowed.Contains(options.label_dtype)) {
    return InvalidArgument("Csv: cells are read as ", kAllowed.ToString(), "; found ",
                           DTypeName(table.options.file.dtype), " and ",
                           DTypeName(options.label_dtype));
  }
  if (options.max_line_bytes < 1 || options.max_line_bytes > int64_t{1} << 40) {
    return InvalidArgument("Csv: max_line_bytes is ", options.max_line_bytes);
  }
  NOMO_ASSIGN_OR_RETURN(table.file, MappedFile::Open(path));
  NOMO_RETURN_IF_ERROR(table.Fault(ReadHead(table)));
  NOMO_RETURN_IF_ERROR(table.Fault(PlaceLabel(table)));
  return std::make_shared<CsvNode>(std::move(table));
}

}  // namespace

Dataset Dataset::Csv(const std::string& path, const CsvDatasetOptions& options) {
  return Dataset(MakeCsv(path, options));
}

}  // namespace nomograph
