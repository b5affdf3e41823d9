// What the rules of normalisation and of images share.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_RULES_MEAN_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_RULES_MEAN_H_

#include <string>
#include <vector>

#include "nomograph/serialization/onnx/export/graph_exporter.h"

namespace nomograph::onnx {

// The mean over these axes, which stay with size 1.
std::string Mean(NodeExporter& n, const std::string& x, const std::vector<int64_t>& axes);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_EXPORT_RULES_MEAN_H_
