#include "nomograph/core/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// read() and write() take at most about 2^31 bytes.
constexpr size_t kMaxTransfer = size_t{1} << 30;
// How a pipe's bytes are collected.
constexpr int64_t kPipeChunk = int64_t{1} << 20;

// `cannot <action> "<path>": <cause>`.
absl::Status FileError(absl::string_view action, absl::string_view path, int error) {
  const std::string where = absl::StrCat("cannot ", action, " ", QuotedPath(path));
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

constexpr absl::string_view kTemporaryPrefix = ".nomograph-";
constexpr absl::string_view kTemporarySuffix = ".tmp";

std::string NextTemporaryPath(const std::string& directory) {
  static std::atomic<int> counter{0};
  return absl::StrCat(directory, "/", kTemporaryPrefix, getpid(), "-", counter++, kTemporarySuffix);
}

// The process that a temporary file's name names; 0 for any other name.
pid_t ProcessOfTemporary(absl::string_view name) {
  pid_t process = 0;
  int number = 0;
  if (!absl::ConsumePrefix(&name, kTemporaryPrefix) ||
      !absl::ConsumeSuffix(&name, kTemporarySuffix)) {
    return 0;
  }
  const size_t dash = name.find('-');
  const bool matches = dash != absl::string_view::npos &&
                       absl::SimpleAtoi(name.substr(0, dash), &process) && process > 0 &&
                       absl::SimpleAtoi(name.substr(dash + 1), &number);
  return matches ? process : 0;
}

// Removes what a process left behind that ended while it wrote. A process of another machine, or of
// another container, may look as if it had ended: it holds a lock on its file.
void RemoveIfStale(const std::string& path) {
  const FileDescriptor fd(
      open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  struct stat info;
  if (fd.get() < 0 || fstat(fd.get(), &info) != 0) return;
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid()) return;
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) unlink(path.c_str());
}

void RemoveStaleFiles(const std::string& directory) {
  struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
  };
  const std::unique_ptr<DIR, CloseFolder> folder(opendir(directory.c_str()));
  if (folder == nullptr) return;  // it may be written to but not read
  while (const dirent* entry = readdir(folder.get())) {
    const pid_t process = ProcessOfTemporary(entry->d_name);
    if (process == 0 || kill(process, 0) == 0 || errno != ESRCH) continue;
    RemoveIfStale(absl::StrCat(directory, "/", entry->d_name));
  }
}

// How the kernel names an open file.
std::string PathOfDescriptor(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

// A file without a name in the given folder, which PathOfDescriptor() can name later. -1 where
// there is no such thing.
int CreateNameless(const std::string& directory) {
  FileDescriptor fd(open(directory.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666));
  if (fd.get() < 0 || access(PathOfDescriptor(fd.get()).c_str(), F_OK) != 0) return -1;
  return fd.Release();
}

// Creates a file that did not exist, in the given folder. -1 and errno on failure.
int CreateTemporary(const std::string& directory, TemporaryName* name) {
  for (;;) {
    // The name first, so that a signal at any moment finds it.
    TemporaryName next(NextTemporaryPath(directory));
    // Not mkstemp(): its files are private, and the umask should decide.
    const int fd = open(next.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      *name = std::move(next);
      return fd;
    }
    const int error = errno;
    next.Release();
    errno = error;
    if (error != EEXIST) return -1;
  }
}

// Names a file without a name. False and errno on failure.
bool NameTemporary(int fd, const std::string& directory, TemporaryName* name) {
  for (;;) {
    TemporaryName next(NextTemporaryPath(directory));
    if (linkat(AT_FDCWD, PathOfDescriptor(fd).c_str(), AT_FDCWD, next.path().c_str(),
               AT_SYMLINK_FOLLOW) == 0) {
      *name = std::move(next);
      return true;
    }
    const int error = errno;
    next.Release();
    errno = error;
    if (error != EEXIST) return false;
  }
}

// The temporary files' paths, where a signal handler can read them: it may neither allocate nor
// lock. A file for which there is no slot is only missed by that.
struct Slot {
  enum State { kFree, kFilling, kFull };
  std::atomic<int> state{kFree};
  char path[PATH_MAX];
};
std::array<Slot, 16> g_slots;

int FillSlot(const std::string& path) {
  if (path.size() >= PATH_MAX) return -1;
  for (size_t i = 0; i < g_slots.size(); ++i) {
    int free = Slot::kFree;
    if (!g_slots[i].state.compare_exchange_strong(free, Slot::kFilling)) continue;
    std::memcpy(g_slots[i].path, path.c_str(), path.size() + 1);
    g_slots[i].state = Slot::kFull;
    return static_cast<int>(i);
  }
  return -1;
}

constexpr int kEndingSignals[] = {SIGINT, SIGTERM, SIGHUP};

// Only what POSIX lets a handler call. The signal's own action is back when it is raised again.
void RemoveFilesAndEnd(int signal) {
  for (const Slot& slot : g_slots) {
    if (slot.state == Slot::kFull) unlink(slot.path);
  }
  raise(signal);
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
      absl::StrCat(QuotedPath(file.path()), " has more than the allowed ", max_bytes, " bytes"));
}

}  // namespace

TemporaryName::TemporaryName(std::string path) : path_(std::move(path)), slot_(FillSlot(path_)) {}

TemporaryName::~TemporaryName() {
  if (path_.empty()) return;
  unlink(path_.c_str());
  Release();
}

void TemporaryName::Release() {
  if (slot_ >= 0) g_slots[slot_].state = Slot::kFree;
  slot_ = -1;
  path_.clear();
}

FileDescriptor::~FileDescriptor() { Close(); }

int FileDescriptor::Close() { return fd_ < 0 ? 0 : close(std::exchange(fd_, -1)); }

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) { return OpenWith(path, 0); }

absl::StatusOr<InputFile> InputFile::OpenRegular(const std::string& path) {
  // Without O_NONBLOCK, which means nothing to a file, opening a pipe waits for its writer.
  NOMO_ASSIGN_OR_RETURN(InputFile file, OpenWith(path, O_NONBLOCK | O_NOCTTY));
  if (file.size() >= 0) return file;
  return InvalidArgument("cannot open ", QuotedPath(path),
                         ": expected a file, but it is a pipe or a device");
}

absl::StatusOr<InputFile> InputFile::OpenWith(const std::string& path, int flags) {
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
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

absl::StatusOr<std::string> ReadFile(const std::string& path, std::optional<int64_t> max_bytes) {
  NOMO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  return ReadFile(file, max_bytes);
}

absl::StatusOr<std::string> ReadFile(InputFile& file, std::optional<int64_t> max_bytes) {
  const int64_t limit =
      max_bytes.value_or(file.size() < 0 ? kDefaultMaxPipeBytes : kDefaultMaxFileBytes);
  if (file.size() > limit) {
    return absl::ResourceExhaustedError(absl::StrCat(QuotedPath(file.path()), " has ", file.size(),
                                                     " bytes, more than the allowed ", limit));
  }
  std::string contents;
  try {
    NOMO_RETURN_IF_ERROR(ReadAll(file, limit, &contents));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory to read ", QuotedPath(file.path())));
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
  // A link that leads nowhere, as /dev/stdout does where standard output is closed, stays.
  if (!exists && lstat(file.target_.c_str(), &info) == 0) {
    return absl::NotFoundError(absl::StrCat("cannot write ", QuotedPath(path),
                                            ": it is a link to a file that is not there"));
  }
  if (path.empty()) return file.Error("write", ENOENT);
  if (path.back() == '/' || (exists && S_ISDIR(info.st_mode))) return file.Error("write", EISDIR);
  if (exists && !S_ISREG(info.st_mode)) {
    file.fd_ = FileDescriptor(open(file.target_.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.fd_.get() < 0) return file.Error("write", errno);
    return file;
  }
  file.direct_ = false;
  // A file that may not be written to is not replaced either, although the folder's permissions
  // would allow it.
  if (exists && faccessat(AT_FDCWD, file.target_.c_str(), W_OK, AT_EACCESS) != 0)
    return file.Error("write", errno);
  NOMO_RETURN_IF_ERROR(file.OpenReplacement());
  if (exists && fchmod(file.fd_.get(), info.st_mode & 0777) != 0) return file.Error("write", errno);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept { *this = std::move(other); }

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(target_, other.target_);
  std::swap(direct_, other.direct_);
  std::swap(temporary_, other.temporary_);
  std::swap(size_, other.size_);
  return *this;
}

AtomicFile::~AtomicFile() = default;

absl::Status AtomicFile::Error(absl::string_view action, int error) const {
  return FileError(action, path_, error);
}

absl::Status AtomicFile::OpenReplacement() {
  const std::string directory = DirectoryOf(target_);
  RemoveStaleFiles(directory);
  fd_ = FileDescriptor(CreateNameless(directory));
  if (fd_.get() < 0) fd_ = FileDescriptor(CreateTemporary(directory, &temporary_));
  if (fd_.get() < 0) {
    return FileError(absl::StrCat("create a file in folder ", QuotedPath(directory), " to write"),
                     path_, errno);
  }
  // For RemoveIfStale(). Where there are no locks, the process' number has to do.
  flock(fd_.get(), LOCK_EX | LOCK_NB);
  return absl::OkStatus();
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
  if (!direct_) NOMO_RETURN_IF_ERROR(MoveIntoPlace());
  if (fd_.Close() != 0) return Error("write", errno);
  return direct_ ? absl::OkStatus() : SyncDirectory(DirectoryOf(target_), path_);
}

absl::Status AtomicFile::MoveIntoPlace() {
  if (fsync(fd_.get()) != 0) return Error("write", errno);
  // fsync() has told all that close() could. A link cannot take the place of a file, but a move
  // can: hence a name for a moment.
  if (temporary_.path().empty() && !NameTemporary(fd_.get(), DirectoryOf(target_), &temporary_)) {
    return Error("write", errno);
  }
  if (rename(temporary_.path().c_str(), target_.c_str()) != 0) return Error("write", errno);
  temporary_.Release();
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents) {
  NOMO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  NOMO_RETURN_IF_ERROR(file.Write(contents));
  return file.Commit();
}

void RemoveUnfinishedFilesOnSignals() {
  const auto replace_default = [](int signal, void (*handler)(int)) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
    action.sa_handler = handler;
    action.sa_flags = SA_RESETHAND;
    sigaction(signal, &action, nullptr);
  };
  for (const int signal : kEndingSignals) replace_default(signal, &RemoveFilesAndEnd);
  replace_default(SIGXFSZ, SIG_IGN);
}

}  // namespace nomograph
