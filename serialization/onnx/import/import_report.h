// What reading an ONNX model changed: operators that left no node, or became several.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_IMPORT_REPORT_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_IMPORT_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nomograph/core/graph/graph.h"

namespace nomograph::onnx {

// How many operators of each type.
using OperatorCounts = std::map<std::string, int64_t>;
int64_t Total(const OperatorCounts& counts);

// Of the main graph and of every body that the model has afterwards. A body of the file that is
// read for several types of its inputs counts each time.
struct ImportReport {
  int64_t operators = 0;  // that the file has
  int64_t nodes = 0;      // that they became
  // Operators that left no node. Each is in one of these.
  OperatorCounts folded;   // computed from constants, and used as attributes
  OperatorCounts sizes;    // arithmetic of the inputs' sizes, of which attributes know the result
  int64_t constants = 0;   // operators Constant, which are attributes now or were used by the above
  OperatorCounts unused;   // nothing reads what they yield
  OperatorCounts several;  // operators that became more than one node
  int64_t renamed = 0;     // operators whose name another one has as well
  // Weights that nothing reads any more, because they are attributes now, or that nothing ever did.
  int64_t weights_left_out = 0, weight_bytes_left_out = 0;

  int64_t left_out() const { return Total(folded) + Total(sizes) + constants + Total(unused); }
};

// Of one operator of the file: where in the graph its nodes are, and what is known of its results.
struct Origin {
  const std::string* op_type;
  uint32_t first, last;  // nodes [first, last), before any is left out
  enum Results : uint8_t { kOpen, kSizes, kConstant } results;
  bool renamed;
};

// Counts the operators of a graph, of whose nodes those are left for which `kept` is true.
void CountOrigins(const std::vector<Origin>& origins, const std::vector<bool>& kept,
                  ImportReport& report);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_IMPORT_REPORT_H_
