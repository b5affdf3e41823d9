// A whole file as read-only memory.
#ifndef NOMOGRAPH_CORE_IO_MAPPED_FILE_H_
#define NOMOGRAPH_CORE_IO_MAPPED_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nomograph {

// Nothing is read until it is touched, and what was touched can be given up by the system and read
// again. A file that another process cuts short or writes into while it is mapped is beyond help
// (its readers get SIGBUS or other bytes); files that are replaced, as Save() does, are safe.
class MappedFile {
 public:
  // Errors as InputFile::Open(); InvalidArgument for a pipe or a device.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  ~MappedFile();

  absl::string_view bytes() const { return bytes_; }
  // Copies some of bytes(), and gives back the memory that reading them takes: who copies much
  // would hold it twice.
  void Copy(absl::string_view bytes, std::byte* out) const;
  // Gives back the memory that reading these bytes has taken, where they are a mapped file's, of
  // any object of this class; nothing happens to others. They can be read again all the same.
  static void GiveBack(const void* data, size_t bytes);

 private:
  explicit MappedFile(absl::string_view bytes);

  absl::string_view bytes_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_IO_MAPPED_FILE_H_
