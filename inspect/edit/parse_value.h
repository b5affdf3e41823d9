// Types and values of attributes, as they are written on a command line.
#ifndef NOMOGRAPH_INSPECT_EDIT_PARSE_VALUE_H_
#define NOMOGRAPH_INSPECT_EDIT_PARSE_VALUE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// "float32[batch,28]" or "[batch,28]", the dtype of which is `dtype`; ? is a size that is not
// known.
absl::StatusOr<TensorType> ParseType(absl::string_view text, DType dtype);

// "true", "3", "0.5", "same", "float32", "[1, 2]", "@function", as AttrValue::ToString() writes
// them, but for quotes. InvalidArgument for what is no value of that type, and for tensors.
absl::StatusOr<AttrValue> ParseAttrValue(AttrType type, const std::string& text);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_EDIT_PARSE_VALUE_H_
