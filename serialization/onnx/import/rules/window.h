// What the rules of convolution and pooling share.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_WINDOW_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_WINDOW_H_

#include "nomograph/serialization/onnx/import/node_importer.h"

namespace nomograph::onnx {

// Sets data_format, strides, dilations, padding and pads from ONNX's strides, dilations, pads and
// auto_pad.
absl::Status CopyWindow(NodeImporter& node, absl::string_view op, Attributes& attrs);

// The same for a convolution, with the kernel's layout and the groups. kernel_shape is the kernel's
// own.
absl::Status CopyConvolution(NodeImporter& node, absl::string_view op, const char* kernel_layout,
                             Attributes& attrs);

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_RULES_WINDOW_H_
