// The header of an NPY array: a Python dictionary in text. The format is described in NumPy's
// numpy.lib.format.
#ifndef NOMOGRAPH_DATA_NPY_HEADER_H_
#define NOMOGRAPH_DATA_NPY_HEADER_H_

#include <bit>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// NumPy 1 has no arrays with more axes than this.
inline constexpr int kNpyMaxRank = 32;

struct NpyHeader {
  DType dtype = DType::kInvalid;
  std::endian order = std::endian::native;
  bool fortran_order = false;  // the first axis changes fastest
  Shape shape;
};

// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`. InvalidArgument says what
// was expected at which byte, or which element type there is that tensors do not have: objects,
// text, structures, complex numbers, dates.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view text);

// All that comes before the elements of `tensor` in a file: the magic bytes, version 1.0, and the
// header as NumPy pads it. InvalidArgument for bfloat16, which NumPy lacks, and for more than
// kNpyMaxRank axes.
absl::StatusOr<std::string> FormatNpyHeader(const Tensor& tensor);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_NPY_HEADER_H_
