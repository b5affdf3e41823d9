#include "nomograph/train/event_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/tfrecord.h"

namespace nomograph {
namespace {

// Protocol buffers: a field's key is its number and the kind of what follows.
enum Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void PutVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void PutKey(int field, Wire wire, std::string& out) {
  PutVarint(static_cast<uint64_t>(field) << 3 | wire, out);
}

template <typename T>
void PutFixed(T bits, std::string& out) {
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(bits >> (8 * i) & 0xff);
}

void PutBytes(int field, absl::string_view bytes, std::string& out) {
  PutKey(field, kBytes, out);
  PutVarint(bytes.size(), out);
  out.append(bytes.data(), bytes.size());
}

std::string EventHead(double wall_time) {
  std::string event;
  PutKey(1, kFixed64, event);  // wall_time
  PutFixed(std::bit_cast<uint64_t>(wall_time), event);
  return event;
}

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

absl::Status MakeFolder(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), 0777) != 0 && errno != EEXIST) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot make folder ", QuotedPath(part)));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

}  // namespace

std::string ScalarEvent(double wall_time, absl::string_view tag, double value, int64_t step) {
  std::string scalar;
  PutBytes(1, tag, scalar);     // Value.tag
  PutKey(2, kFixed32, scalar);  // Value.simple_value
  PutFixed(std::bit_cast<uint32_t>(static_cast<float>(value)), scalar);
  std::string summary;
  PutBytes(1, scalar, summary);  // Summary.value
  std::string event = EventHead(wall_time);
  PutKey(2, kVarint, event);  // step
  PutVarint(static_cast<uint64_t>(step), event);
  PutBytes(5, summary, event);
  return event;
}

absl::StatusOr<EventFile> EventFile::Create(const std::string& folder) {
  static std::atomic<int> number{0};
  NOMO_RETURN_IF_ERROR(MakeFolder(folder));
  char host[256] = "host";
  if (gethostname(host, sizeof(host) - 1) != 0) std::strcpy(host, "host");
  const double now = Now();
  std::string path = absl::StrCat(folder, "/events.out.tfevents.", static_cast<int64_t>(now), ".",
                                  host, ".", getpid(), ".", number++, ".v2");
  FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (fd.get() < 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", QuotedPath(path)));
  EventFile file(std::move(fd), std::move(path));
  std::string head = EventHead(now);
  PutBytes(3, "brain.Event:2", head);  // file_version
  AppendTfRecord(head, file.buffer_);
  NOMO_RETURN_IF_ERROR(file.Flush());
  return file;
}

absl::Status EventFile::AddScalar(absl::string_view tag, double value, int64_t step) {
  AppendTfRecord(ScalarEvent(Now(), tag, value, step), buffer_);
  constexpr size_t kBuffered = 64 << 10;
  return buffer_.size() < kBuffered ? absl::OkStatus() : Flush();
}

absl::Status EventFile::Flush() {
  for (size_t done = 0; done < buffer_.size();) {
    const ssize_t written = write(fd_.get(), buffer_.data() + done, buffer_.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", QuotedPath(path_)));
    done += static_cast<size_t>(written);
  }
  buffer_.clear();
  return absl::OkStatus();
}

}  // namespace nomograph
