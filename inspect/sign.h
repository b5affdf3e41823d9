// Signatures of model files: Ed25519 (RFC 8032) over the SHA-256 of every byte, in a file of their
// own, which anybody can check who has the signer's public key. No network is needed.
//
// The signature file is the bundle of OpenSSF Model Signing 1.0: a Sigstore bundle (v0.3, JSON)
// with a DSSE envelope, in it an in-toto statement that lists the file's name and digest. Keys are
// PEM files as `openssl genpkey -algorithm ed25519` writes them (RFC 8410). serialization/FORMAT.md
// documents both.
#ifndef NOMOGRAPH_INSPECT_SIGN_H_
#define NOMOGRAPH_INSPECT_SIGN_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nomograph {

// A new key pair in two files that are not there yet. Only the owner can read the private one.
// AlreadyExists, PermissionDenied, …
absl::Status GenerateSigningKey(const std::string& private_path, const std::string& public_path);

// What a signature vouches for.
struct SignedFile {
  std::string name;  // without its folder
  int64_t bytes = 0;
  std::string sha256;  // hexadecimal
  std::string key_id;  // the SHA-256 of the public key's PEM text
};

// Signs every byte of the file. PermissionDenied where others than its owner can read the private
// key; InvalidArgument for what is no such key. What a model keeps in other files (ONNX's external
// data) is not signed.
absl::StatusOr<SignedFile> SignFile(const std::string& path, const std::string& private_key_path,
                                    const std::string& signature_path);

// OK, with what was signed, where the signature is of this key and of these bytes. Else
//   NotFound            there is no signature file;
//   InvalidArgument     it is no bundle, or one of a kind that is not known here;
//   PermissionDenied    another key signed it: both keys' ids are named;
//   Unauthenticated     this key did not sign what the bundle says: the bundle was changed;
//   DataLoss            the file is not the one that was signed: both digests are named.
// The file may have been renamed since.
absl::StatusOr<SignedFile> VerifySignature(const std::string& path,
                                           const std::string& signature_path,
                                           const std::string& public_key_path);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_SIGN_H_
