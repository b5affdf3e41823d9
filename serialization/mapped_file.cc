#include "nomograph/serialization/mapped_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr size_t kPieceBytes = size_t{16} << 20;

}  // namespace

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const InputFile file, InputFile::OpenRegular(path));
  const size_t size = static_cast<size_t>(file.size());
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile({}));
  void* const memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  if (memory == MAP_FAILED)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot map ", QuotedPath(path)));
  const absl::string_view bytes(static_cast<const char*>(memory), size);
  return std::shared_ptr<const MappedFile>(new MappedFile(bytes));
}

void MappedFile::Copy(absl::string_view bytes, std::byte* out) const {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (size_t begin = 0; begin < bytes.size(); begin += kPieceBytes) {
    const absl::string_view piece = bytes.substr(begin, kPieceBytes);
    std::memcpy(out + begin, piece.data(), piece.size());
    // The whole pages of the piece; those at its ends have other bytes too.
    const uintptr_t start = reinterpret_cast<uintptr_t>(piece.data());
    const uintptr_t first = (start + page - 1) / page * page;
    const uintptr_t end = (start + piece.size()) / page * page;
    if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
  }
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace nomograph
