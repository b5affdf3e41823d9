// Ed25519 keys in PEM files. Internal to inspect/sign*.
#ifndef NOMOGRAPH_INSPECT_SIGN_KEYS_H_
#define NOMOGRAPH_INSPECT_SIGN_KEYS_H_

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nomograph {

struct PublicKey {
  std::array<unsigned char, 32> bytes{};
  // The SHA-256 of its PEM text, hexadecimal.
  std::string Id() const;
  std::string ToPem() const;
};

// Overwritten in memory when it is no longer needed.
class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate();
  // PermissionDenied where others can read the file.
  static absl::StatusOr<PrivateKey> Read(const std::string& path);
  PrivateKey(PrivateKey&& other) noexcept;
  PrivateKey& operator=(PrivateKey&&) = delete;
  ~PrivateKey();

  const PublicKey& public_key() const { return public_; }
  std::array<unsigned char, 64> Sign(absl::string_view message) const;
  // A new file that only its owner can read. AlreadyExists where there is one.
  absl::Status Write(const std::string& path) const;

 private:
  PrivateKey() = default;
  static PrivateKey FromSeed(const unsigned char* seed);

  PublicKey public_;
  std::array<unsigned char, 64> secret_{};  // the seed, then the public key
};

absl::StatusOr<PublicKey> ReadPublicKey(const std::string& path);
bool SignatureHolds(const PublicKey& key, absl::string_view message, absl::string_view signature);

// The library that computes all this is ready. REQUIRES: called ahead of anything else here.
absl::Status InitCrypto();

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_SIGN_KEYS_H_
