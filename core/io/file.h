// Files: whole ones read into memory, and files written so that a crash at any moment leaves the
// old file or the new one. Every error names the path and the cause.
#ifndef NOMOGRAPH_CORE_IO_FILE_H_
#define NOMOGRAPH_CORE_IO_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace nomograph {

// A file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }
  // Leaves the descriptor to the caller.
  int Release() { return std::exchange(fd_, -1); }
  // Closes it now. The result is close()'s.
  int Close();

 private:
  int fd_ = -1;
};

// A file that is open for reading.
class InputFile {
 public:
  // NotFound, PermissionDenied, or InvalidArgument for a directory. Waits for a pipe's writer.
  static absl::StatusOr<InputFile> Open(const std::string& path);
  // Waits for nobody: InvalidArgument for a pipe or a device too. For paths that come from files.
  static absl::StatusOr<InputFile> OpenRegular(const std::string& path);

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  // Bytes of the whole file when it was opened; -1 for a pipe or a device, whose size nobody knows.
  int64_t size() const { return size_; }
  // Reads up to `out.size()` bytes, fewer only at the file's end.
  absl::StatusOr<int64_t> Read(absl::Span<char> out);

 private:
  static absl::StatusOr<InputFile> OpenWith(const std::string& path, int flags);
  InputFile(FileDescriptor fd, std::string path, int64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

  FileDescriptor fd_;
  std::string path_;
  int64_t size_;
};

// The name of a temporary file, which is removed with it. It is known to
// RemoveUnfinishedFilesOnSignals().
class TemporaryName {
 public:
  TemporaryName() = default;
  explicit TemporaryName(std::string path);
  TemporaryName(TemporaryName&& other) noexcept { *this = std::move(other); }
  TemporaryName& operator=(TemporaryName&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~TemporaryName();

  // Empty when there is none.
  const std::string& path() const { return path_; }
  // There is no file of that name any more.
  void Release();

 private:
  std::string path_;
  int slot_ = -1;  // where signal handlers find the path
};

// What ReadFile() takes at most unless told otherwise.
inline constexpr int64_t kDefaultMaxFileBytes = int64_t{4} << 30;

// And of a pipe or a device, of which nobody knows beforehand whether it ends.
inline constexpr int64_t kDefaultMaxPipeBytes = int64_t{256} << 20;

// All bytes of a file or a pipe. ResourceExhausted when there are more than `max_bytes`; else as
// InputFile.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     std::optional<int64_t> max_bytes = std::nullopt);
// The bytes of an open file from where it stands to its end.
absl::StatusOr<std::string> ReadFile(InputFile& file,
                                     std::optional<int64_t> max_bytes = std::nullopt);

// A file that takes its place under `path` only once it is complete: the bytes go to a file without
// a name, which ends with the process however that ends, and Commit() names it and moves it over
// `path`. Until then `path` is as it was; without a Commit() it stays so. Where the file system has
// no files without names, a temporary file in the same folder is used, named
// `.nomograph-<process>-<number>.tmp`: it is removed without a Commit(), by
// RemoveUnfinishedFilesOnSignals(), or by the next AtomicFile in that folder. Where `path` is a
// symbolic link, the file that it leads to is replaced; an existing file's permissions are kept. A
// pipe or a device (/dev/stdout, /dev/null) cannot be replaced and is written to directly.
class AtomicFile {
 public:
  // NotFound when the folder is missing, PermissionDenied, InvalidArgument when `path` is a
  // directory.
  static absl::StatusOr<AtomicFile> Create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  ~AtomicFile();

  // Appends. Each call is a system call, so hand over large pieces. ResourceExhausted when the disk
  // is full. REQUIRES: not yet committed.
  absl::Status Write(absl::string_view bytes);
  absl::Status Write(absl::Span<const std::byte> bytes) {
    return Write(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  // Bytes written so far.
  int64_t size() const { return size_; }

  // Flushes the bytes to the disk, moves the file into place and flushes the folder. After an error
  // the old file is still there (only where the folder's flush failed, the new one may be).
  // REQUIRES: called at most once.
  absl::Status Commit();

 private:
  AtomicFile() = default;
  absl::Status Error(absl::string_view action, int error) const;
  absl::Status OpenReplacement();
  absl::Status MoveIntoPlace();

  FileDescriptor fd_;
  std::string path_;    // as the caller wrote it
  std::string target_;  // where links lead
  bool direct_ = true;  // the target itself is written to
  TemporaryName temporary_;
  int64_t size_ = 0;
};

// From now on SIGINT, SIGTERM and SIGHUP, unless the process ignores them or has handlers of its
// own, remove the temporary files of all AtomicFiles before they end it, and SIGXFSZ ends it no
// more: a file past the process' limit is an error of Write(). For programs, which call it first of
// all; libraries leave signals alone.
void RemoveUnfinishedFilesOnSignals();

// Create(), Write() and Commit() at once.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_IO_FILE_H_
