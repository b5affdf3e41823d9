// NPY: NumPy's file of one array (numpy.save, numpy.load).
#ifndef NOMOGRAPH_DATA_NPY_H_
#define NOMOGRAPH_DATA_NPY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/data/byte_source.h"

namespace nomograph {

// Reads an array of format version 1.0, 2.0 or 3.0 in either byte order and either order of axes.
// InvalidArgument for what is no such file, or is one of Python objects, text, structures, complex
// numbers or dates, or is shorter or longer than its header says. No more memory is allocated than
// the file has bytes (twice that for Fortran order).
absl::StatusOr<Tensor> ReadNpy(const std::string& path);
absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes);
// From any source, up to its end.
absl::StatusOr<Tensor> ReadNpyFrom(ByteSource& source);

// The array in `bytes`, which `owner` keeps, without a copy of its elements. Where the file has
// another byte order or order of axes, or is one of bool, they are copied all the same.
absl::StatusOr<Tensor> ViewNpy(absl::string_view bytes, std::shared_ptr<const void> owner);

// Writes version 1.0, row-major, in this machine's byte order, as numpy.save() does.
// InvalidArgument for bfloat16, which NumPy lacks.
absl::Status WriteNpy(const std::string& path, const Tensor& tensor);
absl::StatusOr<std::string> FormatNpy(const Tensor& tensor);

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_NPY_H_
