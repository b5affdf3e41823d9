// Tensors as text.
#ifndef NOMOGRAPH_TOOLS_TEXT_TENSOR_TEXT_H_
#define NOMOGRAPH_TOOLS_TEXT_TENSOR_TEXT_H_

#include <string>

#include "nomograph/core/types/tensor.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {

// One element: integers with all of their digits, true and false, other numbers as ShortNumber().
std::string ElementText(const Tensor& tensor, int64_t index);

// The values in nested brackets as NumPy prints them: six significant digits, aligned, rows that
// are too long wrapped. Of a tensor with more than 400 elements only the first and last three of
// every axis are shown. Lines begin with `indent` spaces, and the text ends with a line end.
// They are as long as the style allows, or some 100 characters.
std::string TensorText(const Tensor& tensor, int indent = 0,
                       const TextStyle& style = OutputStyle());

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TEXT_TENSOR_TEXT_H_
