// Where a user wants the outputs of `nomo run`.
#ifndef NOMOGRAPH_TOOLS_RUN_WRITE_OUTPUTS_H_
#define NOMOGRAPH_TOOLS_RUN_WRITE_OUTPUTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {

struct OutputFile {
  std::string path;
  std::string output;      // empty: all, in a .npz archive
  bool in_folder = false;  // that was named, and may have to be made
};

// NAME=FILE.npy, NAME=FILE.csv; without NAME= where the model has one output; FILE.npz for all; or
// a folder, which is there or whose path ends with "/", and gets NAME.npy for each. "-" is standard
// output, as .npy. InvalidArgument for any other path: a slip must not become a folder. The status
// carries its exit code.
absl::StatusOr<std::vector<OutputFile>> PlanOutputs(const Graph& graph,
                                                    const std::vector<std::string>& arguments);
// Writes one. A folder that was asked for is made, those around it only with `parents`. bfloat16,
// which NumPy lacks, is written as float32. The status carries its exit code.
absl::Status WriteOutput(const OutputFile& file, const NamedTensors& outputs, bool parents);

// A file name for a value: characters other than letters, digits, '.', '-' and '_' become '_'.
// Names come from files.
std::string FileNameFor(absl::string_view value);

// Tensors of a model to one file: a .npz, or a .npy where there is one tensor. With the exit codes
// of wrong usage, where the path is neither or a file is there that `force` does not give up, and
// of files that cannot be written.
absl::Status WriteTensorsTo(const std::string& path, const NamedTensors& tensors, bool force);

// OK unless there is something at `path` that is no device or pipe; what then says that --force
// writes over it, with the exit code of wrong usage.
absl::Status CheckNotThere(const std::string& path, bool force);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_WRITE_OUTPUTS_H_
