#include "nomograph/serialization/keras/archive.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/zip_library.h"

namespace nomograph::keras {
namespace {

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;
struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

absl::StatusOr<Archive> OpenArchive(absl::string_view bytes) {
  NOMO_RETURN_IF_ERROR(LoadZip());
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  zip_t* archive = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error);
  absl::Status status;
  if (archive == nullptr) {
    status = InvalidArgument("it is no valid zip archive: ", Escape(zip_error_strerror(&error)));
    if (source != nullptr) zip_source_free(source);
  }
  zip_error_fini(&error);
  NOMO_RETURN_IF_ERROR(status);
  return Archive(archive);
}

absl::Status CheckName(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, absl::ByAnyChar("/\\"));
  if (name.empty() || parts.front().empty() || absl::StrContains(name, ':') ||
      std::find(parts.begin(), parts.end(), "..") != parts.end()) {
    return InvalidArgument("its name leads out of the archive");
  }
  return absl::OkStatus();
}

absl::Status CheckMember(const zip_stat_t& stat, size_t archive_bytes) {
  constexpr uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                               ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((stat.valid & kNeeded) != kNeeded)
    return InvalidArgument("its entry in the archive is not complete");
  NOMO_RETURN_IF_ERROR(CheckName(stat.name));
  if (stat.encryption_method != ZIP_EM_NONE) return InvalidArgument("it is encrypted");
  const bool stored = stat.comp_method == ZIP_CM_STORE;
  if (!stored && stat.comp_method != ZIP_CM_DEFLATE) {
    return InvalidArgument("its compression method is ", stat.comp_method,
                           "; expected 0 (stored) or 8 (deflated)");
  }
  if (stat.comp_size > archive_bytes ||
      stat.size > stat.comp_size * (stored ? 1 : kMaxDeflateRatio)) {
    return InvalidArgument("it claims ", stat.size, " bytes, packed into ", stat.comp_size,
                           " of an archive that has ", archive_bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Unpack(zip_t* archive, uint64_t index, const zip_stat_t& stat) {
  const std::unique_ptr<zip_file_t, CloseMember> member(zip_fopen_index(archive, index, 0));
  if (member == nullptr)
    return InvalidArgument("it cannot be opened: ", Escape(zip_strerror(archive)));
  std::string bytes(stat.size, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const int64_t count = zip_fread(member.get(), bytes.data() + done, bytes.size() - done);
    if (count <= 0) {
      return InvalidArgument(
          "it cannot be unpacked: ",
          count == 0 ? std::string("it ends too early") : Escape(zip_file_strerror(member.get())));
    }
    done += static_cast<size_t>(count);
  }
  char more;
  if (zip_fread(member.get(), &more, 1) != 0)  // also where the checksum does not hold
    return InvalidArgument("it cannot be unpacked: it is damaged");
  return bytes;
}

}  // namespace

bool LooksLikeZip(absl::string_view bytes) {
  return absl::StartsWith(bytes, "PK\x03\x04") || absl::StartsWith(bytes, "PK\x05\x06");
}

absl::StatusOr<std::map<std::string, std::string, std::less<>>> ReadArchive(
    absl::string_view bytes, const ArchiveLimits& limits) {
  NOMO_ASSIGN_OR_RETURN(const Archive archive, OpenArchive(bytes));
  const int64_t count = zip_get_num_entries(archive.get(), 0);
  if (count > limits.max_members) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the archive has ", count, " members; at most ", limits.max_members, " are read"));
  }
  const int64_t most =
      std::min(limits.max_bytes, limits.growth.MostOf(static_cast<int64_t>(bytes.size())));
  int64_t left = most;
  std::map<std::string, std::string, std::less<>> members;
  for (int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), i, 0, &stat) != 0)
      return InvalidArgument("member ", i, ": ", Escape(zip_strerror(archive.get())));
    const std::string where = absl::StrCat("member ", Quoted(stat.name));
    NOMO_RETURN_IF_ERROR(Annotate(CheckMember(stat, bytes.size()), where));
    if (absl::EndsWith(stat.name, "/")) continue;
    if (stat.size > static_cast<uint64_t>(left)) {
      return absl::ResourceExhaustedError(
          absl::StrCat(where, ": with it the members pass the allowed ", most,
                       " bytes of an archive of ", bytes.size()));
    }
    left -= static_cast<int64_t>(stat.size);
    if (members.contains(stat.name))
      return InvalidArgument(where, ": there are two members of that name");
    auto member = Unpack(archive.get(), i, stat);
    if (!member.ok()) return Annotate(member.status(), where);
    members.emplace(stat.name, *std::move(member));
  }
  return members;
}

}  // namespace nomograph::keras
