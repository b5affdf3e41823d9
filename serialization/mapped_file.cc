#include "nomograph/serialization/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "nomograph/core/file.h"
#include "nomograph/core/status.h"

namespace nomograph {

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  if (file.size() < 0)
    return InvalidArgument("cannot map \"", path, "\": it is a pipe or a device");
  const size_t size = static_cast<size_t>(file.size());
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile({}));
  void* const memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  if (memory == MAP_FAILED)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot map \"", path, "\""));
  const absl::string_view bytes(static_cast<const char*>(memory), size);
  return std::shared_ptr<const MappedFile>(new MappedFile(bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace nomograph
