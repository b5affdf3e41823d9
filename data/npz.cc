#include "nomograph/data/npz.h"

#include <unistd.h>

#include <algorithm>
#include <list>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npy_header.h"
#include "nomograph/data/zip_library.h"

namespace nomograph {
namespace {

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;

struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Source = std::unique_ptr<zip_source_t, FreeSource>;

struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

// libzip's own error record.
class ZipError {
 public:
  ZipError() { zip_error_init(&error_); }
  explicit ZipError(int code) { zip_error_init_with_code(&error_, code); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  ~ZipError() { zip_error_fini(&error_); }

  zip_error_t* get() { return &error_; }
  absl::Status ToStatus(absl::string_view what) {
    return InvalidArgument(what, ": ", zip_error_strerror(&error_));
  }

 private:
  zip_error_t error_;
};

class MemberSource : public ByteSource {
 public:
  MemberSource(zip_file_t* member, int64_t size) : ByteSource(size), member_(member) {}

 private:
  absl::StatusOr<int64_t> ReadUpTo(absl::Span<char> out) override {
    const int64_t count = zip_fread(member_.get(), out.data(), out.size());
    if (count >= 0) return count;
    return InvalidArgument("it cannot be unpacked: ", zip_file_strerror(member_.get()));
  }

  std::unique_ptr<zip_file_t, CloseMember> member_;
};

// Checks what the archive says of a member against what it can hold.
absl::Status CheckMember(const zip_stat_t& stat, int64_t archive_bytes) {
  constexpr uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                               ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((stat.valid & kNeeded) != kNeeded)
    return InvalidArgument("its entry in the archive is not complete");
  if (stat.encryption_method != ZIP_EM_NONE) return InvalidArgument("it is encrypted");
  const bool stored = stat.comp_method == ZIP_CM_STORE;
  if (!stored && stat.comp_method != ZIP_CM_DEFLATE) {
    return InvalidArgument("its compression method is ", stat.comp_method,
                           "; expected 0 (stored) or 8 (deflated)");
  }
  if (!absl::EndsWith(stat.name, ".npy"))
    return InvalidArgument("it is no array: expected a name that ends in .npy");
  const uint64_t ratio = stored ? 1 : kMaxDeflateRatio;
  if (stat.comp_size > static_cast<uint64_t>(archive_bytes) || stat.size > stat.comp_size * ratio) {
    return InvalidArgument("it claims ", stat.size, " bytes, packed into ", stat.comp_size,
                           " of an archive that has ", archive_bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> ReadMember(zip_t* archive, uint64_t index, const zip_stat_t& stat) {
  zip_file_t* member = zip_fopen_index(archive, index, 0);
  if (member == nullptr) return InvalidArgument("it cannot be opened: ", zip_strerror(archive));
  MemberSource source(member, static_cast<int64_t>(stat.size));
  return ReadNpyFrom(source);
}

absl::StatusOr<NamedTensors> ReadMembers(zip_t* archive, int64_t archive_bytes,
                                         const NpzOptions& options) {
  NamedTensors tensors;
  const int64_t most = std::min(options.max_bytes, options.growth.MostOf(archive_bytes));
  int64_t left = most;
  const int64_t count = zip_get_num_entries(archive, 0);
  for (int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    if (zip_stat_index(archive, i, 0, &stat) != 0)
      return InvalidArgument("member ", i, ": ", zip_strerror(archive));
    const std::string where = absl::StrCat("member \"", absl::CHexEscape(stat.name), "\"");
    const absl::Status checked = CheckMember(stat, archive_bytes);
    if (!checked.ok()) return Annotate(checked, where);
    if (stat.size > static_cast<uint64_t>(left)) {
      return absl::ResourceExhaustedError(
          absl::StrCat(where, ": with it the arrays pass the allowed ", most,
                       " bytes of an archive of ", archive_bytes));
    }
    left -= static_cast<int64_t>(stat.size);
    const std::string name(absl::StripSuffix(stat.name, ".npy"));
    if (tensors.contains(name))
      return InvalidArgument(where, ": there are two members of that name");
    auto tensor = ReadMember(archive, i, stat);
    if (!tensor.ok()) return Annotate(tensor.status(), where);
    tensors[name] = *std::move(tensor);
  }
  return tensors;
}

absl::StatusOr<NamedTensors> ReadFrom(InputFile& file, const NpzOptions& options) {
  if (file.size() < 0) {
    NOMO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file));
    return ParseNpz(bytes, options);
  }
  if (file.size() == 0) return InvalidArgument("it is no zip archive: it is empty");
  NOMO_RETURN_IF_ERROR(LoadZip());
  FileDescriptor fd(dup(file.fd()));
  int code = 0;
  const Archive archive(zip_fdopen(fd.get(), 0, &code));
  if (archive == nullptr) return ZipError(code).ToStatus("it is no zip archive");
  fd.Release();  // the archive has closed it
  return ReadMembers(archive.get(), file.size(), options);
}

// What the archive refers to until it is written.
struct Member {
  std::string name;
  std::string header;
  const Tensor* tensor;
};

absl::StatusOr<std::list<Member>> MakeMembers(const NamedTensors& tensors) {
  std::list<Member> members;
  for (const auto& [name, tensor] : tensors) {
    const std::string where = absl::StrCat("array \"", absl::CHexEscape(name), "\"");
    auto header = FormatNpyHeader(tensor);
    if (!header.ok()) return Annotate(header.status(), where);
    if (absl::StrContains(name, '\0'))
      return InvalidArgument(where, ": a member's name cannot have a zero byte");
    members.push_back({absl::StrCat(name, ".npy"), *std::move(header), &tensor});
  }
  return members;
}

bool AddMember(zip_t* archive, Member& member) {
  // libzip takes pointers to bytes that it does not change.
  auto* elements =
      reinterpret_cast<zip_uint8_t*>(const_cast<std::byte*>(member.tensor->raw_data()));
  const zip_buffer_fragment_t fragments[] = {
      {reinterpret_cast<zip_uint8_t*>(member.header.data()), member.header.size()},
      {elements, static_cast<zip_uint64_t>(member.tensor->num_bytes())},
  };
  Source source(zip_source_buffer_fragment(archive, fragments, 2, 0));
  if (source == nullptr) return false;
  const int64_t index = zip_file_add(archive, member.name.c_str(), source.get(), ZIP_FL_ENC_UTF_8);
  if (index < 0) return false;
  source.release();                               // the archive owns it
  constexpr zip_uint16_t kFirstDay = 1 << 5 | 1;  // year 0 (1980), month 1, day 1
  return zip_set_file_compression(archive, index, ZIP_CM_STORE, 0) == 0 &&
         zip_file_set_dostime(archive, index, 0, kFirstDay, 0) == 0;
}

absl::StatusOr<std::string> ReadAll(zip_source_t* source) {
  zip_stat_t stat;
  if (zip_source_stat(source, &stat) != 0 || zip_source_open(source) != 0) {
    return absl::InternalError(zip_error_strerror(zip_source_error(source)));
  }
  std::string bytes(stat.size, '\0');
  const int64_t count = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (count != static_cast<int64_t>(bytes.size()))
    return absl::InternalError("the archive cannot be read back");
  return bytes;
}

}  // namespace

absl::StatusOr<NamedTensors> ParseNpz(absl::string_view bytes, const NpzOptions& options) {
  if (bytes.empty()) return InvalidArgument("it is no zip archive: it is empty");
  NOMO_RETURN_IF_ERROR(LoadZip());
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
  if (source == nullptr) return error.ToStatus("it cannot be read");
  const Archive archive(zip_open_from_source(source.get(), ZIP_RDONLY, error.get()));
  if (archive == nullptr) return error.ToStatus("it is no zip archive");
  source.release();  // the archive owns it
  return ReadMembers(archive.get(), static_cast<int64_t>(bytes.size()), options);
}

absl::StatusOr<NamedTensors> ReadNpz(const std::string& path, const NpzOptions& options) {
  NOMO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  auto tensors = ReadFrom(file, options);
  if (!tensors.ok()) return Annotate(tensors.status(), absl::StrCat("\"", path, "\""));
  return tensors;
}

absl::StatusOr<std::string> FormatNpz(const NamedTensors& tensors) {
  // libzip would write nothing at all; this is the end record of an archive without members.
  if (tensors.empty()) return absl::StrCat("PK\x05\x06", std::string(18, '\0'));
  NOMO_ASSIGN_OR_RETURN(std::list<Member> members, MakeMembers(tensors));
  NOMO_RETURN_IF_ERROR(LoadZip());
  ZipError error;
  const Source source(zip_source_buffer_create(nullptr, 0, 0, error.get()));
  if (source == nullptr) return error.ToStatus("no archive can be made");
  Archive archive(zip_open_from_source(source.get(), ZIP_TRUNCATE, error.get()));
  if (archive == nullptr) return error.ToStatus("no archive can be made");
  zip_source_keep(source.get());  // the archive owns it too
  for (Member& member : members) {
    if (!AddMember(archive.get(), member)) {
      return InvalidArgument("array \"", absl::CHexEscape(member.name),
                             "\": a member's name is UTF-8 text: ", zip_strerror(archive.get()));
    }
  }
  if (zip_close(archive.get()) != 0) return absl::InternalError(zip_strerror(archive.get()));
  archive.release();  // closing has freed it
  return ReadAll(source.get());
}

absl::Status WriteNpz(const std::string& path, const NamedTensors& tensors) {
  const auto bytes = FormatNpz(tensors);
  if (!bytes.ok()) return Annotate(bytes.status(), absl::StrCat("cannot write \"", path, "\""));
  return WriteFileAtomically(path, *bytes);
}

}  // namespace nomograph
