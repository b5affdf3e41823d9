// Numbers and lists of numbers on the command line: `sr=16000`, `x=[[1, 2], [3, 4]]`, `flag=true`.
#ifndef NOMOGRAPH_TOOLS_RUN_TYPED_VALUES_H_
#define NOMOGRAPH_TOOLS_RUN_TYPED_VALUES_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// Whether `text` begins as a number, a list or a bool does, so that it names no file.
bool IsTypedValue(absl::string_view text);
// Whether it asks for random numbers: random, random:7, ...
bool IsRandomValue(absl::string_view text);

// The tensor of `type`'s dtype that is written there. With fewer brackets than the type has axes,
// axes of size 1 are put ahead: 16000 for int64[1], [1,2,3] for int64[batch,time]. InvalidArgument
// names the column of what is no number, lists of different lengths, and numbers that the dtype
// lacks.
absl::StatusOr<Tensor> ParseTypedValue(absl::string_view text, const TensorType& type);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_TYPED_VALUES_H_
