// Tells what a file that is no Nomograph model looks like.
#ifndef NOMOGRAPH_SERIALIZATION_FOREIGN_FILE_H_
#define NOMOGRAPH_SERIALIZATION_FOREIGN_FILE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nomograph {

// E.g. "it looks like HDF5, as Keras' .h5 files are", from the file's first bytes; empty when they
// look like nothing known.
std::string DescribeForeignFile(absl::string_view file);

// Whether the file begins as an ONNX model does.
bool LooksLikeOnnx(absl::string_view file);

// Whether the file stands for one that Git has not fetched yet.
bool IsGitLfsPointer(absl::string_view file);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_FOREIGN_FILE_H_
