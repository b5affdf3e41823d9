// EventFile: a file of events that TensorBoard reads, as records of TFRecord.
#ifndef NOMOGRAPH_TRAIN_EVENT_FILE_H_
#define NOMOGRAPH_TRAIN_EVENT_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/core/io/file.h"

namespace nomograph {

class EventFile {
 public:
  // A new file, `folder/events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER.v2`; the folder is made
  // where it is not there.
  static absl::StatusOr<EventFile> Create(const std::string& folder);

  // A scalar of that tag at that step, at this time.
  absl::Status AddScalar(absl::string_view tag, double value, int64_t step);
  // Appends to the file what was added.
  absl::Status Flush();
  const std::string& path() const { return path_; }

 private:
  EventFile(FileDescriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  FileDescriptor fd_;
  std::string path_, buffer_;
};

// The bytes of an event (tensorflow/core/util/event.proto).
std::string ScalarEvent(double wall_time, absl::string_view tag, double value, int64_t step);

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_EVENT_FILE_H_
