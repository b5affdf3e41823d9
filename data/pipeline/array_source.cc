// Npy, Npz and Idx: the rows of arrays in files.
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/tensor_source.h"

namespace nomograph {
namespace {

using NodeOr = absl::StatusOr<std::shared_ptr<const DatasetNode>>;

// The array as it lies in the file.
absl::StatusOr<Tensor> MapNpy(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  absl::StatusOr<Tensor> tensor = ViewNpy(file->bytes(), file);
  if (!tensor.ok()) return Annotate(tensor.status(), QuotedPath(path));
  return tensor;
}

NodeOr MakeNpy(const std::vector<std::string>& paths) {
  Element components;
  for (const std::string& path : paths) {
    NOMO_ASSIGN_OR_RETURN(Tensor tensor, MapNpy(path));
    components.push_back(std::move(tensor));
  }
  return TensorSlices("Npy", std::move(components));
}

NodeOr MakeNpz(const std::string& path, const std::vector<std::string>& names,
               const NpzOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const NamedTensors arrays, ReadNpz(path, options));
  Element components;
  for (const std::string& name : names) {
    const auto array = arrays.find(name);
    if (array == arrays.end()) {
      return absl::NotFoundError(absl::StrCat(
          QuotedPath(path), " has no array ", Quoted(name), "; it has ",
          absl::StrJoin(arrays, ", ", [](std::string* out, const NamedTensors::value_type& entry) {
            absl::StrAppend(out, Quoted(entry.first));
          })));
    }
    components.push_back(array->second);
  }
  return TensorSlices("Npz", std::move(components));
}

NodeOr MakeIdx(const std::vector<std::string>& paths, const IdxOptions& options) {
  Element components;
  for (const std::string& path : paths) {
    NOMO_ASSIGN_OR_RETURN(Tensor tensor, ReadIdx(path, options));
    components.push_back(std::move(tensor));
  }
  return TensorSlices("Idx", std::move(components));
}

}  // namespace

Dataset Dataset::Npy(std::vector<std::string> paths) { return Dataset(MakeNpy(paths)); }
Dataset Dataset::Npz(const std::string& path, const std::vector<std::string>& names,
                     const NpzOptions& options) {
  return Dataset(MakeNpz(path, names, options));
}
Dataset Dataset::Idx(std::vector<std::string> paths, const IdxOptions& options) {
  return Dataset(MakeIdx(paths, options));
}

}  // namespace nomograph
