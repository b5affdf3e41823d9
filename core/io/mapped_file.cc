#include "nomograph/core/io/mapped_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr size_t kPieceBytes = size_t{16} << 20;

// The files that are mapped now, by their first bytes.
struct Mappings {
  std::mutex mutex;
  std::map<uintptr_t, size_t> sizes;
};
Mappings& AllMappings() {
  static auto* mappings = new Mappings;
  return *mappings;
}

// Of the whole pages among these bytes: those at the ends have other bytes too.
void DropPages(uintptr_t start, size_t bytes) {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = (start + page - 1) / page * page;
  const uintptr_t end = (start + bytes) / page * page;
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

}  // namespace

MappedFile::MappedFile(absl::string_view bytes) : bytes_(bytes) {
  if (bytes.empty()) return;
  const std::lock_guard lock(AllMappings().mutex);
  AllMappings().sizes[reinterpret_cast<uintptr_t>(bytes.data())] = bytes.size();
}

void MappedFile::GiveBack(const void* data, size_t bytes) {
  const auto start = reinterpret_cast<uintptr_t>(data);
  const std::lock_guard lock(AllMappings().mutex);  // so that it stays mapped meanwhile
  const std::map<uintptr_t, size_t>& sizes = AllMappings().sizes;
  const auto behind = sizes.upper_bound(start);
  if (behind == sizes.begin()) return;
  const auto& [first, size] = *std::prev(behind);
  if (start - first <= size && bytes <= size - (start - first)) DropPages(start, bytes);
}

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
  for (size_t begin = 0; begin < bytes.size(); begin += kPieceBytes) {
    const absl::string_view piece = bytes.substr(begin, kPieceBytes);
    std::memcpy(out + begin, piece.data(), piece.size());
    DropPages(reinterpret_cast<uintptr_t>(piece.data()), piece.size());
  }
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  const std::lock_guard lock(AllMappings().mutex);
  AllMappings().sizes.erase(reinterpret_cast<uintptr_t>(bytes_.data()));
  munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace nomograph
