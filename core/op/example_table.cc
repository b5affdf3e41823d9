#include "nomograph/core/op/example_table.h"

#include <cmath>
#include <utility>

namespace nomograph {
namespace {

// Relative; about four units in the last place, and what float32's fast kernels reach.
double ToleranceOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return 1e-5;
    case DType::kFloat64:
      return 1e-14;
    case DType::kFloat16:
      return 2e-3;
    case DType::kBFloat16:
      return 1.6e-2;
    default:
      return 0;
  }
}

bool IsExact(DType dtype, double value) {
  const double rounded = Tensor::Full(dtype, {}, value).AsDouble(0);
  return rounded == value || (std::isnan(rounded) && std::isnan(value));
}

bool IsUsable(const std::vector<double>& row, DType dtype, DType output) {
  for (size_t i = 0; i + 1 < row.size(); ++i) {
    if (!IsExact(dtype, row[i])) return false;
  }
  return kFloats.Contains(output) || IsExact(output, row.back());
}

// Names the dtype and sets its accuracy.
void Specialize(Example& example, DType dtype, DType output) {
  example.name = absl::StrCat(example.name, example.name.empty() ? "" : " ", DTypeName(dtype));
  example.rtol = ToleranceOf(output);
  example.atol = output == DType::kFloat64 ? 1e-15 : 1e-6;
}

Example Converted(const Example& example, DType dtype) {
  Example converted = example;
  Specialize(converted, dtype, dtype);
  for (Tensor& input : converted.inputs) input = input.valid() ? input.Cast(dtype) : input;
  for (Tensor& output : converted.outputs) output = output.Cast(dtype);
  return converted;
}

Tensor Column(const std::vector<std::vector<double>>& rows, size_t column, DType dtype) {
  std::vector<double> values;
  for (const auto& row : rows) values.push_back(row[column]);
  return Tensor::Of<double>({static_cast<int64_t>(values.size())}, values).Cast(dtype);
}

}  // namespace

ExampleTable& ExampleTable::Rows(DTypeSet types, std::vector<std::vector<double>> rows,
                                 Attributes attrs, DType output) {
  for (const auto& row : rows) NOMO_CHECK(row.size() >= 2 && row.size() == rows[0].size());
  tables_.push_back({types, std::move(rows), std::move(attrs), output});
  return *this;
}

ExampleTable& ExampleTable::Add(Example example) {
  cases_.push_back({{}, std::move(example)});
  return *this;
}

ExampleTable& ExampleTable::AddForEach(DTypeSet types, const Example& example) {
  cases_.push_back({types, example});
  return *this;
}

std::vector<Example> ExampleTable::operator()() const {
  std::vector<Example> examples;
  for (const Table& table : tables_) {
    for (int number = 1; number < kNumDTypes; ++number) {
      const auto dtype = static_cast<DType>(number);
      if (!table.types.Contains(dtype)) continue;
      const DType output = table.output == DType::kInvalid ? dtype : table.output;
      std::vector<std::vector<double>> rows;
      for (const auto& row : table.rows) {
        if (IsUsable(row, dtype, output)) rows.push_back(row);
      }
      if (rows.empty()) continue;
      Example example{.name = table.attrs.ToString(), .attrs = table.attrs};
      Specialize(example, dtype, output);
      for (size_t i = 0; i + 1 < rows[0].size(); ++i) {
        example.inputs.push_back(Column(rows, i, dtype));
      }
      example.outputs.push_back(Column(rows, rows[0].size() - 1, output));
      examples.push_back(std::move(example));
    }
  }
  for (const auto& [types, example] : cases_) {
    if (types == DTypeSet()) examples.push_back(example);
    for (int number = 1; number < kNumDTypes; ++number) {
      const auto dtype = static_cast<DType>(number);
      if (types.Contains(dtype)) examples.push_back(Converted(example, dtype));
    }
  }
  return examples;
}

}  // namespace nomograph
