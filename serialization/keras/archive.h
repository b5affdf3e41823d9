// Zip archives as Keras writes them (.keras).
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_ARCHIVE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_ARCHIVE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/data/byte_source.h"

namespace nomograph::keras {

bool LooksLikeZip(absl::string_view bytes);

struct ArchiveLimits {
  int64_t max_members = 10'000;
  int64_t max_bytes = kDefaultMaxUnpackedBytes;  // of all members together, unpacked
  GrowthLimit growth;                            // of the whole archive
};

// Every member's bytes by its name; folders are left out. Members are stored or deflated.
// InvalidArgument, naming the member, for names that occur twice or lead out of the archive
// ("../x", "/x", "C:x"), and for members that are encrypted or claim more than their bytes can
// hold; ResourceExhausted beyond the limits. Nothing is written to disk.
absl::StatusOr<std::map<std::string, std::string, std::less<>>> ReadArchive(
    absl::string_view bytes, const ArchiveLimits& limits = {});

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_ARCHIVE_H_
