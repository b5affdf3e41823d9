#include "nomograph/tools/run/run_batches.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

absl::StatusOr<int64_t> CountRows(const NamedTensors& inputs) {
  int64_t rows = -1;
  for (const auto& [name, tensor] : inputs) {
    if (tensor.shape().rank() == 0)
      return InvalidArgument("input ", Quoted(name), " has no rows to split");
    if (rows >= 0 && tensor.shape()[0] != rows) {
      return InvalidArgument("input ", Quoted(name), " has ", tensor.shape()[0],
                             " rows, another input has ", rows, ": they cannot be split alike");
    }
    rows = tensor.shape()[0];
  }
  return std::max<int64_t>(rows, 0);
}

}  // namespace

absl::StatusOr<NamedTensors> RunInBatches(Session& session, const NamedTensors& inputs,
                                          const BatchOptions& options) {
  if (options.batch <= 0) return session.Run(inputs, options.run);
  NOMO_ASSIGN_OR_RETURN(const int64_t rows, CountRows(inputs));
  if (rows <= options.batch) return session.Run(inputs, options.run);
  std::map<std::string, std::vector<Tensor>> parts;
  RunOptions run = options.run;
  for (int64_t begin = 0; begin < rows; begin += options.batch, ++run.step) {
    const int64_t end = std::min(begin + options.batch, rows);
    NamedTensors slice;
    for (const auto& [name, tensor] : inputs) slice[name] = tensor.Rows(begin, end);
    NOMO_ASSIGN_OR_RETURN(NamedTensors outputs, session.Run(slice, run));
    for (auto& [name, tensor] : outputs) {
      if (tensor.shape().rank() == 0 || tensor.shape()[0] != end - begin) {
        return InvalidArgument("output ", Quoted(name), " (", tensor.type().ToString(),
                               ") has no row for each of the ", end - begin,
                               " rows of the inputs, so batches cannot be joined");
      }
      parts[name].push_back(std::move(tensor));
    }
    if (options.progress) options.progress(end, rows);
  }
  NamedTensors joined;
  for (const auto& [name, tensors] : parts) {
    NOMO_ASSIGN_OR_RETURN(joined[name], ConcatRows(tensors));
  }
  return joined;
}

}  // namespace nomograph
