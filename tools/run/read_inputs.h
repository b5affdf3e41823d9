// The inputs that a user gives to `nomo run`.
#ifndef NOMOGRAPH_TOOLS_RUN_READ_INPUTS_H_
#define NOMOGRAPH_TOOLS_RUN_READ_INPUTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/tools/run/fit_image.h"

namespace nomograph {

struct ReadInputsOptions {
  bool resize = false;      // images to the input's size
  bool cast = false;        // arrays to the input's dtype
  int64_t batch = 1;        // rows of random inputs
  bool csv_header = false;  // the first line of a table names its columns, whatever it looks like
  // Of pictures: pixels of 0 to 255 become (pixel * scale - mean) / std, for each channel.
  PixelScaling pixels;
};

// Reads the arguments NAME=VALUE; without NAME= where the model has one input, or the value is an
// archive. Values:
//   x.npy; x.npz: the arrays of an archive by their names, or its only one; x.png, x.jpg: an image;
//   a folder: all images in it, by their names;
//   x.csv: a row for each example; *-idx3-ubyte(.gz) and its like: as x.csv;
//   16000, true, [1,2,3], [[1,2],[3,4]]: numbers;
//   random, followed by any of :SEED, :2x28x28x1 and :LO..HI. Without LO..HI, integers that the
//   model looks up in a table are within that table. Without NAME= it is for all inputs that are
//   not given.
// An input that is given several times has the rows of all. The status carries its exit code; it
// lists the right names for a wrong one, what is missing, and the dtypes and shapes expected and
// found.
absl::StatusOr<NamedTensors> ReadInputs(const Graph& graph,
                                        const std::vector<std::string>& arguments,
                                        const ReadInputsOptions& options);

// Converts dtypes. InvalidArgument, with the element, where an integer or bool type cannot hold a
// value.
absl::StatusOr<Tensor> CastExactly(const Tensor& tensor, DType dtype);

// Whether a path is named as the files of MNIST are: "t10k-images-idx3-ubyte.gz".
bool IsIdxPath(absl::string_view path);
// The rows of a table in the shape that an input has for them; the table where that does not fit.
Tensor FitRows(const Tensor& table, const PartialShape& shape);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_READ_INPUTS_H_
