// Saves models to files and loads them. FORMAT.md specifies the files.
//
//   NOMO_RETURN_IF_ERROR(Save(model, "mnist.nomo"));
//   NOMO_ASSIGN_OR_RETURN(Model model, Load("mnist.nomo"));
//
// Paths that end with ".txtpb" hold the text form, all others the binary one.
#ifndef NOMOGRAPH_SERIALIZATION_MODEL_IO_H_
#define NOMOGRAPH_SERIALIZATION_MODEL_IO_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/serialization/format.h"

namespace nomograph {

struct SaveOptions {
  // Called while a binary file is written, with the bytes written so far and those of the file.
  std::function<void(int64_t done, int64_t total)> progress = {};
  // Of all tensors of a model that is saved as text, which has up to four characters for a byte and
  // cannot be read past 2 GiB. ResourceExhausted for more, before anything is written.
  int64_t max_text_tensor_bytes = int64_t{512} << 20;
  // The version of the format. InvalidArgument for one that this build does not write.
  int format_version = kFormatVersion;
};

// Saves a model so that a crash at any moment leaves the old file or the new one. Weights go from
// their memory to the file without a copy. Equal models yield equal bytes, and saving what Load()
// has read (without upgrades) yields the bytes that were read.
// InvalidArgument for a model that Load() would refuse; else as AtomicFile.
absl::Status Save(const Model& model, const std::string& path, const SaveOptions& options = {});
// The same, unless the model could not be built: then nothing is written and that is the error.
absl::Status Save(const absl::StatusOr<Model>& model, const std::string& path,
                  const SaveOptions& options = {});

// The bytes that Save() writes to a binary file, e.g. to embed them into a program.
absl::StatusOr<std::string> SaveToString(const Model& model, const SaveOptions& options = {});

struct LoadOptions {
  // Reads all weights to check them, which takes time in their size. The graph is always checked.
  bool verify_checksums = false;
  // Called while they are checked, with the bytes checked so far and those of all weights in the
  // file.
  std::function<void(int64_t done, int64_t total)> progress = {};
  // Applies the upgraders of `registry` to nodes of older versions of ops (UpgradeModel()).
  bool upgrade = true;
  const OpRegistry* registry = &OpRegistry::Default();
};

// Loads a model. A binary file is mapped: the weights are not read before they are used, and the
// file stays mapped as long as one of them lives. Ops need not be registered.
// NotFound, PermissionDenied; InvalidArgument for another kind of file (it says which) and for
// faults of the model; DataLoss for damage; Unimplemented for a newer version of the format. Each
// error names its place.
absl::StatusOr<Model> Load(const std::string& path, const LoadOptions& options = {});

// Loads a binary file that lies in memory. `owner` keeps the bytes alive; null when they outlive
// everything, as a program's own data do. Weights are used where they lie, or copied where they are
// not aligned to their elements.
absl::StatusOr<Model> LoadFromBytes(absl::string_view bytes, std::shared_ptr<const void> owner,
                                    const LoadOptions& options = {});

// Reads a file's every byte and compares with the checksums. DataLoss names the tensors that are
// damaged. Else as Load().
absl::Status VerifyChecksums(const std::string& path);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_MODEL_IO_H_
