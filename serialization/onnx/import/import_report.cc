#include "nomograph/serialization/onnx/import/import_report.h"

#include <algorithm>

namespace nomograph::onnx {

int64_t Total(const OperatorCounts& counts) {
  int64_t total = 0;
  for (const auto& [type, count] : counts) total += count;
  return total;
}

void CountOrigins(const std::vector<Origin>& origins, const std::vector<bool>& kept,
                  ImportReport& report) {
  for (const Origin& origin : origins) {
    ++report.operators;
    report.renamed += origin.renamed;
    const int64_t nodes = std::count(kept.begin() + origin.first, kept.begin() + origin.last, true);
    if (nodes > 1) ++report.several[*origin.op_type];
    if (nodes > 0) continue;
    if (*origin.op_type == "Constant") {
      ++report.constants;
    } else if (origin.results == Origin::kConstant) {
      ++report.folded[*origin.op_type];
    } else if (origin.results == Origin::kSizes) {
      ++report.sizes[*origin.op_type];
    } else {
      ++report.unused[*origin.op_type];
    }
  }
  report.nodes += std::count(kept.begin(), kept.end(), true);
}

}  // namespace nomograph::onnx
