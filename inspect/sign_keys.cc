// The DER of a key of 32 bytes is a fixed beginning and the key (RFC 8410, sections 4 and 7).
#include "nomograph/inspect/sign_keys.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// SubjectPublicKeyInfo { id-Ed25519, BIT STRING of 32 bytes }
constexpr absl::string_view kPublicDer("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);
// OneAsymmetricKey v1 { id-Ed25519, OCTET STRING { OCTET STRING of 32 bytes } }
constexpr absl::string_view kPrivateDer(
    "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16);
constexpr size_t kKeyBytes = 32;
constexpr int64_t kMaxKeyFileBytes = 64 << 10;

std::string Pem(const char* label, absl::string_view der) {
  return absl::StrCat("-----BEGIN ", label, "-----\n", absl::Base64Escape(der), "\n-----END ",
                      label, "-----\n");
}

// The key's 32 bytes out of the text of a PEM file.
absl::StatusOr<std::string> ParsePem(absl::string_view text, const std::string& label,
                                     absl::string_view prefix) {
  const std::string begin = absl::StrCat("-----BEGIN ", label, "-----"),
                    end = absl::StrCat("-----END ", label, "-----");
  const size_t from = text.find(begin), to = text.find(end);
  if (from == absl::string_view::npos || to == absl::string_view::npos || to < from) {
    return InvalidArgument("expected a PEM file with a ", label);
  }
  const std::string base64 = absl::StrReplaceAll(
      text.substr(from + begin.size(), to - from - begin.size()), {{"\n", ""}, {"\r", ""}});
  std::string der;
  if (!absl::Base64Unescape(base64, &der) || der.size() != prefix.size() + kKeyBytes ||
      der.substr(0, prefix.size()) != prefix) {
    return InvalidArgument("expected an Ed25519 key (openssl genpkey -algorithm ed25519)");
  }
  std::string key = der.substr(prefix.size());
  sodium_memzero(der.data(), der.size());
  return key;
}

std::string Errno() { return std::strerror(errno); }

}  // namespace

absl::Status InitCrypto() {
  return sodium_init() >= 0 ? absl::OkStatus()
                            : absl::InternalError("libsodium could not be initialised");
}

std::string PublicKey::ToPem() const {
  return Pem("PUBLIC KEY",
             absl::StrCat(kPublicDer, absl::string_view(reinterpret_cast<const char*>(bytes.data()),
                                                        bytes.size())));
}

std::string PublicKey::Id() const {
  const std::string pem = ToPem();
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, reinterpret_cast<const unsigned char*>(pem.data()), pem.size());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

PrivateKey PrivateKey::FromSeed(const unsigned char* seed) {
  PrivateKey key;
  crypto_sign_seed_keypair(key.public_.bytes.data(), key.secret_.data(), seed);
  return key;
}

PrivateKey::PrivateKey(PrivateKey&& other) noexcept
    : public_(other.public_), secret_(other.secret_) {
  sodium_memzero(other.secret_.data(), other.secret_.size());
}

PrivateKey::~PrivateKey() { sodium_memzero(secret_.data(), secret_.size()); }

absl::StatusOr<PrivateKey> PrivateKey::Generate() {
  unsigned char seed[kKeyBytes];
  randombytes_buf(seed, sizeof(seed));
  PrivateKey key = FromSeed(seed);
  sodium_memzero(seed, sizeof(seed));
  return key;
}

absl::StatusOr<PrivateKey> PrivateKey::Read(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  NOMO_ASSIGN_OR_RETURN(std::string text, ReadFile(file, kMaxKeyFileBytes));
  const bool is_public = absl::StrContains(text, "PUBLIC KEY");
  struct stat info;
  if (!is_public && fstat(file.fd(), &info) == 0 && S_ISREG(info.st_mode) &&
      (info.st_mode & 077) != 0) {
    sodium_memzero(text.data(), text.size());
    return absl::PermissionDeniedError(
        absl::StrCat(QuotedPath(path),
                     ": others can read or write this private key; chmod 600 "
                     "makes it yours alone"));
  }
  auto seed = ParsePem(text, "PRIVATE KEY", kPrivateDer);
  sodium_memzero(text.data(), text.size());
  if (!seed.ok()) return Annotate(seed.status(), QuotedPath(path));
  PrivateKey key = FromSeed(reinterpret_cast<const unsigned char*>(seed->data()));
  sodium_memzero(seed->data(), seed->size());
  return key;
}

std::array<unsigned char, 64> PrivateKey::Sign(absl::string_view message) const {
  std::array<unsigned char, 64> signature;
  crypto_sign_detached(signature.data(), nullptr,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                       secret_.data());
  return signature;
}

absl::Status PrivateKey::Write(const std::string& path) const {
  std::string pem = Pem(
      "PRIVATE KEY",
      absl::StrCat(kPrivateDer,
                   absl::string_view(reinterpret_cast<const char*>(secret_.data()), kKeyBytes)));
  // Made for its owner alone from the first moment on.
  FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0) {
    return errno == EEXIST
               ? absl::AlreadyExistsError(absl::StrCat(QuotedPath(path), " is there already"))
               : absl::UnavailableError(absl::StrCat(QuotedPath(path), ": ", Errno()));
  }
  const ssize_t written = write(fd.get(), pem.data(), pem.size());
  const bool complete = written == static_cast<ssize_t>(pem.size()) && fsync(fd.get()) == 0;
  sodium_memzero(pem.data(), pem.size());
  if (complete && fd.Close() == 0) return absl::OkStatus();
  const std::string error = Errno();
  unlink(path.c_str());
  return absl::UnavailableError(absl::StrCat(QuotedPath(path), ": ", error));
}

absl::StatusOr<PublicKey> ReadPublicKey(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxKeyFileBytes));
  const auto bytes = ParsePem(text, "PUBLIC KEY", kPublicDer);
  if (!bytes.ok()) return Annotate(bytes.status(), QuotedPath(path));
  PublicKey key;
  std::copy(bytes->begin(), bytes->end(), key.bytes.begin());
  return key;
}

bool SignatureHolds(const PublicKey& key, absl::string_view message, absl::string_view signature) {
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(reinterpret_cast<const unsigned char*>(signature.data()),
                                     reinterpret_cast<const unsigned char*>(message.data()),
                                     message.size(), key.bytes.data()) == 0;
}

}  // namespace nomograph
