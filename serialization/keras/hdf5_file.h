// HDF5 files, read through the C library, within the bounds that model files keep: groups, data
// sets and attributes of numbers and text. What leads out of the file (external and soft links,
// external and virtual data sets) and what needs more than the library itself (filters other than
// deflate and shuffle) is refused, and no size is believed that the file's bytes cannot hold.
//
// The library's own messages become part of statuses; it prints nothing. One call is inside of the
// library at a time, in the whole process.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_HDF5_FILE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_HDF5_FILE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph::keras {

// Whether a file begins as HDF5 files do.
bool LooksLikeHdf5(absl::string_view bytes);

// Where a member of a group lies: "layers/dense" of "layers" and "dense".
std::string Joined(absl::string_view place, absl::string_view name);

class Hdf5File {
 public:
  // A file in memory, which `owner` keeps there as long as the result lives.
  static absl::StatusOr<std::shared_ptr<const Hdf5File>> Open(absl::string_view bytes,
                                                              std::shared_ptr<const void> owner);
  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;

  // An object's place is its path from the root, as in "model_weights/dense_1"; "" is the root. A
  // name in it may hold anything but '/'.

  // The names of a group's members, in the file's order (by name). NotFound, or InvalidArgument
  // for links that are not hard.
  absl::StatusOr<std::vector<std::string>> Members(const std::string& group) const;
  // Whether there is a group or a data set. False, too, where a link on the way is not hard.
  bool HasGroup(const std::string& path) const;
  bool HasDataset(const std::string& path) const;

  // A text attribute; nothing where there is none.
  absl::StatusOr<std::optional<std::string>> TextAttribute(const std::string& object,
                                                           const std::string& name) const;
  // A list of texts, also one that Keras split into name0, name1, …; a list of numbers without
  // elements is an empty one. Nothing where there is none.
  absl::StatusOr<std::optional<std::vector<std::string>>> TextListAttribute(
      const std::string& object, const std::string& name) const;

  // The type of a data set, from its header alone, checked against what the file can hold.
  absl::StatusOr<TensorType> DatasetType(const std::string& path) const;
  absl::StatusOr<Tensor> ReadDataset(const std::string& path) const;

 private:
  struct Impl;
  explicit Hdf5File(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_HDF5_FILE_H_
