// IDX: the array files of the MNIST family of datasets (http://yann.lecun.com/exdb/mnist), plain or
// gzipped.
#ifndef NOMOGRAPH_DATA_IDX_H_
#define NOMOGRAPH_DATA_IDX_H_

#include <string>

#include "absl/status/statusor.h"
#include "nomograph/core/types/tensor.h"
#include "nomograph/data/byte_source.h"

namespace nomograph {

struct IdxOptions {
  // Of the file, unpacked.
  int64_t max_bytes = kDefaultMaxUnpackedBytes;
  // Of a gzipped file.
  GrowthLimit growth;
};

// Reads "train-images-idx3-ubyte" or "train-images-idx3-ubyte.gz", whichever the bytes are: a
// tensor of uint8, int8, int16, int32, float32 or float64. InvalidArgument for what is no such
// file, or is shorter or longer than its header says; ResourceExhausted when it claims more than
// `max_bytes`, or more than `growth` allows. A gzipped file that claims more than its compressed
// bytes can hold is refused before it is unpacked.
absl::StatusOr<Tensor> ReadIdx(const std::string& path, const IdxOptions& options = {});

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_IDX_H_
