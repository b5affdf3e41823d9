#include "nomograph/core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>

#include "absl/strings/str_cat.h"
#include "nomograph/core/status.h"

namespace nomograph {
namespace {

// read() and write() take at most about 2^31 bytes.
constexpr size_t kMaxTransfer = size_t{1} << 30;
// How a pipe's bytes are collected.
constexpr int64_t kPipeChunk = int64_t{1} << 20;

// `cannot <action> "<path>": <cause>`.
absl::Status FileError(absl::string_view action, absl::string_view path, int error) {
  const std::string where = absl::StrCat("cannot ", action, " \"", path, "\"");
  // The words of strerror() for these two leave users guessing.
  if (error == EISDIR) return InvalidArgument(where, ": it is a directory");
  if (error == ENOSPC)
    return absl::ResourceExhaustedError(absl::StrCat(where, ": the disk is full"));
  return absl::ErrnoToStatus(error, where);
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Where `path` leads when it is a symbolic link to something that exists; `path` otherwise.
std::string ResolveLink(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode)) return path;
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real == nullptr ? path : std::string(real.get());
}

// Creates a file that did not exist, in the given folder. -1 and errno on failure.
int CreateTemporary(const std::string& directory, std::string* name) {
  static std::atomic<int> counter{0};
  for (;;) {
    *name = absl::StrCat(directory, "/.nomograph-", getpid(), "-", counter++, ".tmp");
    // Not mkstemp(): its files are private, and the umask should decide.
    const int fd = open(name->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
}

absl::Status SyncDirectory(const std::string& directory, absl::string_view path) {
  const FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A folder that may be written to but not read cannot be flushed; some file systems have no flush
  // for folders.
  if (fd.get() < 0 || fsync(fd.get()) == 0 || errno == EINVAL) return absl::OkStatus();
  return FileError("flush the folder of", path, errno);
}

absl::Status ReadAll(InputFile& file, int64_t max_bytes, std::string* contents) {
  while (true) {
    // One byte more than the file has shows its end; a file may also grow while it is read.
    const int64_t begin = static_cast<int64_t>(contents->size());
    const int64_t expected = begin == 0 && file.size() >= 0 ? file.size() + 1 : kPipeChunk;
    contents->resize(begin + expected);
    NOMO_ASSIGN_OR_RETURN(const int64_t count, file.Read(absl::MakeSpan(*contents).subspan(begin)));
    contents->resize(begin + count);
    if (begin + count > max_bytes) break;
    if (count < expected) return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("\"", file.path(), "\" has more than the allowed ", max_bytes, " bytes"));
}

}  // namespace

FileDescriptor::~FileDescriptor() { Close(); }

int FileDescriptor::Close() { return fd_ < 0 ? 0 : close(std::exchange(fd_, -1)); }

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return FileError("open", path, errno);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return FileError("open", path, errno);
  if (S_ISDIR(info.st_mode)) return FileError("open", path, EISDIR);
  return InputFile(std::move(fd), path,
                   S_ISREG(info.st_mode) ? static_cast<int64_t>(info.st_size) : -1);
}

absl::StatusOr<int64_t> InputFile::Read(absl::Span<char> out) {
  int64_t total = 0;
  while (!out.empty()) {
    const ssize_t count = read(fd_.get(), out.data(), std::min(out.size(), kMaxTransfer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError("read", path_, errno);
    if (count == 0) break;
    total += count;
    out.remove_prefix(count);
  }
  return total;
}

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  NOMO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  return ReadFile(file, max_bytes);
}

absl::StatusOr<std::string> ReadFile(InputFile& file, int64_t max_bytes) {
  if (file.size() > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("\"", file.path(), "\" has ", file.size(),
                                                     " bytes, more than the allowed ", max_bytes));
  }
  std::string contents;
  try {
    NOMO_RETURN_IF_ERROR(ReadAll(file, max_bytes, &contents));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory to read \"", file.path(), "\""));
  }
  return contents;
}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  AtomicFile file;
  file.path_ = path;
  file.target_ = ResolveLink(path);
  struct stat info;
  const bool exists = stat(file.target_.c_str(), &info) == 0;
  if (!exists && errno != ENOENT) return file.Error("write", errno);
  if (path.empty()) return file.Error("write", ENOENT);
  if (path.back() == '/' || (exists && S_ISDIR(info.st_mode))) return file.Error("write", EISDIR);
  if (exists && !S_ISREG(info.st_mode)) {
    file.fd_ = FileDescriptor(open(file.target_.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.fd_.get() < 0) return file.Error("write", errno);
    return file;
  }
  // A file that may not be written to is not replaced either, although the folder's permissions
  // would allow it.
  if (exists && faccessat(AT_FDCWD, file.target_.c_str(), W_OK, AT_EACCESS) != 0)
    return file.Error("write", errno);
  const std::string directory = DirectoryOf(file.target_);
  std::string temporary;
  file.fd_ = FileDescriptor(CreateTemporary(directory, &temporary));
  if (file.fd_.get() < 0) {
    return FileError(absl::StrCat("create a file in folder \"", directory, "\" to write"), path,
                     errno);
  }
  file.temporary_ = std::move(temporary);
  if (exists && fchmod(file.fd_.get(), info.st_mode & 0777) != 0) return file.Error("write", errno);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept { *this = std::move(other); }

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(target_, other.target_);
  std::swap(temporary_, other.temporary_);
  std::swap(size_, other.size_);
  return *this;
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status AtomicFile::Error(absl::string_view action, int error) const {
  return FileError(action, path_, error);
}

absl::Status AtomicFile::Write(absl::string_view bytes) {
  NOMO_CHECK(fd_.get() >= 0);
  while (!bytes.empty()) {
    const ssize_t count = write(fd_.get(), bytes.data(), std::min(bytes.size(), kMaxTransfer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error("write", errno);
    size_ += count;
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  NOMO_CHECK(fd_.get() >= 0);
  if (!temporary_.empty()) return CommitTemporary();
  return fd_.Close() == 0 ? absl::OkStatus() : Error("write", errno);
}

absl::Status AtomicFile::CommitTemporary() {
  if (fsync(fd_.get()) != 0) return Error("write", errno);
  if (fd_.Close() != 0) return Error("write", errno);
  if (rename(temporary_.c_str(), target_.c_str()) != 0) return Error("write", errno);
  temporary_.clear();
  return SyncDirectory(DirectoryOf(target_), path_);
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents) {
  NOMO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  NOMO_RETURN_IF_ERROR(file.Write(contents));
  return file.Commit();
}

}  // namespace nomograph
