#include "nomograph/tools/run/top_k.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

constexpr double kSumTolerance = 1e-3;

bool AreProbabilities(const Tensor& scores, int64_t classes) {
  double sum = 0;
  for (int64_t i = 0; i < scores.num_elements(); ++i) {
    const double score = scores.AsDouble(i);
    if (!(score >= 0 && score <= 1)) return false;
    sum += score;
    if ((i + 1) % classes != 0) continue;
    if (std::abs(sum - 1) > kSumTolerance) return false;
    sum = 0;
  }
  return true;
}

std::vector<std::string> Lines(absl::string_view text, char separator) {
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(text, separator)) {
    lines.emplace_back(absl::StripAsciiWhitespace(line));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace

absl::StatusOr<std::vector<std::vector<ClassScore>>> TopK(const Tensor& scores, int64_t k) {
  const int rank = scores.shape().rank();
  if ((rank != 1 && rank != 2) || scores.dtype() == DType::kBool) {
    return InvalidArgument("--top-k needs numbers [rows,classes] or [classes], found ",
                           scores.type().ToString());
  }
  const int64_t classes = scores.shape()[rank - 1];
  const int64_t rows = rank == 2 ? scores.shape()[0] : 1;
  std::vector<std::vector<ClassScore>> best(rows);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < classes; ++i) {
      best[row].push_back({i, scores.AsDouble(row * classes + i)});
    }
    const auto better = [](const ClassScore& a, const ClassScore& b) {
      if (std::isnan(a.score) || std::isnan(b.score)) {
        return !std::isnan(a.score) || (std::isnan(b.score) && a.index < b.index);
      }
      return a.score > b.score || (a.score == b.score && a.index < b.index);
    };
    const int64_t count = std::min(k, classes);
    std::partial_sort(best[row].begin(), best[row].begin() + count, best[row].end(), better);
    best[row].resize(count);
  }
  return best;
}

absl::StatusOr<std::string> TopKText(const Tensor& scores, int64_t k,
                                     const std::vector<std::string>& labels,
                                     const std::vector<std::string>& rows) {
  NOMO_ASSIGN_OR_RETURN(const auto best, TopK(scores, k));
  const int64_t classes = scores.shape()[scores.shape().rank() - 1];
  if (!labels.empty() && static_cast<int64_t>(labels.size()) != classes) {
    return InvalidArgument("there are ", labels.size(), " labels for ", classes, " classes");
  }
  const char* title = AreProbabilities(scores, classes) ? "probability" : "score";
  const bool named = !rows.empty() && rows.size() == best.size();
  TextTable table({{named ? "picture" : "row", !named},
                   {"class", true},
                   {labels.empty() ? "" : "label"},
                   {title, true}});
  for (size_t row = 0; row < best.size(); ++row) {
    for (size_t i = 0; i < best[row].size(); ++i) {
      const ClassScore& c = best[row][i];
      const std::string name = named ? rows[row] : absl::StrCat(row);
      table.AddRow({i == 0 || !OutputStyle().aligned ? name : "", absl::StrCat(c.index),
                    labels.empty() ? "" : labels[c.index], absl::StrFormat("%.4g", c.score)});
    }
  }
  return table.ToString();
}

absl::StatusOr<std::vector<std::string>> ReadLabels(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return Lines(text, '\n');
}

std::vector<std::string> LabelsOf(const Model& model) {
  const auto labels = model.metadata.find("labels");
  if (labels == model.metadata.end()) return {};
  return Lines(labels->second, absl::StrContains(labels->second, '\n') ? '\n' : ',');
}

}  // namespace nomograph
