// The bundle of OpenSSF Model Signing, written and read without a network. Its own tools sign with
// ECDSA keys and Sigstore's certificates; the envelope is the same for Ed25519.
#include "nomograph/inspect/sign.h"

#include <sodium.h>

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/sign_keys.h"

namespace nomograph {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kBundleType[] = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr char kPayloadType[] = "application/vnd.in-toto+json";
constexpr char kStatementType[] = "https://in-toto.io/Statement/v1";
constexpr char kPredicateType[] = "https://model_signing/signature/v1.0";
constexpr int64_t kMaxBundleBytes = 1 << 20;
constexpr int64_t kChunkBytes = 1 << 20;

std::string BaseName(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string Hex(const unsigned char* bytes, size_t size) {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), size));
}

// The root digest of the bundle's statement is one over the files' digests.
std::string DigestOfDigest(const std::string& hex) {
  const std::string bytes = absl::HexStringToBytes(hex);
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return Hex(digest, sizeof(digest));
}

absl::StatusOr<SignedFile> Digest(const std::string& path) {
  NOMO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  SignedFile result{.name = BaseName(path)};
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::vector<char> chunk(kChunkBytes);
  while (true) {
    NOMO_ASSIGN_OR_RETURN(const int64_t read, file.Read(absl::MakeSpan(chunk)));
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(chunk.data()),
                              static_cast<unsigned long long>(read));
    result.bytes += read;
    if (read < kChunkBytes) break;
  }
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256_final(&state, digest);
  result.sha256 = Hex(digest, sizeof(digest));
  return result;
}

// What is signed: DSSE's pre-authentication encoding (secure-systems-lab/dsse, protocol.md).
std::string PreAuthenticated(const std::string& payload) {
  return absl::StrCat("DSSEv1 ", sizeof(kPayloadType) - 1, " ", kPayloadType, " ", payload.size(),
                      " ", payload);
}

std::string Statement(const SignedFile& file) {
  const Json json = {
      {"_type", kStatementType},
      {"subject", {{{"name", file.name}, {"digest", {{"sha256", DigestOfDigest(file.sha256)}}}}}},
      {"predicateType", kPredicateType},
      {"predicate",
       {{"serialization",
         {{"method", "files"},
          {"hash_type", "sha256"},
          {"allow_symlinks", false},
          {"ignore_paths", Json::array()}}},
        {"resources", {{{"name", file.name}, {"algorithm", "sha256"}, {"digest", file.sha256}}}}}}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The member of an object; null for anything else.
const Json& Member(const Json& json, const char* name) {
  static const auto* none = new Json();
  if (!json.is_object()) return *none;
  const auto found = json.find(name);
  return found == json.end() ? *none : *found;
}

// The only element of an array; null for anything else.
const Json& Only(const Json& json) {
  static const auto* none = new Json();
  return json.is_array() && json.size() == 1 ? json[0] : *none;
}

std::string Text(const Json& json) { return json.is_string() ? json.get<std::string>() : ""; }

struct Bundle {
  std::string key_id, payload, signature;
};

absl::StatusOr<Bundle> ParseBundle(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (Text(Member(json, "mediaType")) != kBundleType) {
    return InvalidArgument("expected a Sigstore bundle (", kBundleType, ")");
  }
  const Json& envelope = Member(json, "dsseEnvelope");
  if (Text(Member(envelope, "payloadType")) != kPayloadType) {
    return InvalidArgument("expected a DSSE envelope of type ", kPayloadType);
  }
  Bundle bundle;
  bundle.key_id = Text(Member(Member(Member(json, "verificationMaterial"), "publicKey"), "hint"));
  if (bundle.key_id.empty()) {
    return InvalidArgument("it was not signed with a key: certificates are not known here");
  }
  if (!absl::Base64Unescape(Text(Member(envelope, "payload")), &bundle.payload) ||
      !absl::Base64Unescape(Text(Member(Only(Member(envelope, "signatures")), "sig")),
                            &bundle.signature)) {
    return InvalidArgument("expected one signature and a payload in base64");
  }
  return bundle;
}

absl::StatusOr<SignedFile> ParseStatement(const std::string& payload) {
  const Json json = Json::parse(payload, nullptr, /*allow_exceptions=*/false);
  if (Text(Member(json, "_type")) != kStatementType ||
      Text(Member(json, "predicateType")) != kPredicateType) {
    return InvalidArgument("expected a statement ", kPredicateType);
  }
  const Json& resource = Only(Member(Member(json, "predicate"), "resources"));
  SignedFile file{.name = Text(Member(resource, "name")),
                  .sha256 = Text(Member(resource, "digest"))};
  if (Text(Member(resource, "algorithm")) != "sha256" || file.sha256.size() != 64) {
    return InvalidArgument("expected one file with its SHA-256");
  }
  return file;
}

}  // namespace

absl::Status GenerateSigningKey(const std::string& private_path, const std::string& public_path) {
  NOMO_RETURN_IF_ERROR(InitCrypto());
  NOMO_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate());
  if (InputFile::Open(public_path).ok()) {
    return absl::AlreadyExistsError(absl::StrCat(QuotedPath(public_path), " is there already"));
  }
  NOMO_RETURN_IF_ERROR(key.Write(private_path));
  return WriteFileAtomically(public_path, key.public_key().ToPem());
}

absl::StatusOr<SignedFile> SignFile(const std::string& path, const std::string& private_key_path,
                                    const std::string& signature_path) {
  NOMO_RETURN_IF_ERROR(InitCrypto());
  NOMO_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Read(private_key_path));
  NOMO_ASSIGN_OR_RETURN(SignedFile file, Digest(path));
  file.key_id = key.public_key().Id();
  const std::string payload = Statement(file);
  const auto signature = key.Sign(PreAuthenticated(payload));
  const Json bundle = {
      {"mediaType", kBundleType},
      {"verificationMaterial",
       {{"publicKey", {{"hint", file.key_id}}}, {"tlogEntries", Json::array()}}},
      {"dsseEnvelope",
       {{"payload", absl::Base64Escape(payload)},
        {"payloadType", kPayloadType},
        {"signatures",
         {{{"sig", absl::Base64Escape(absl::string_view(
                       reinterpret_cast<const char*>(signature.data()), signature.size()))},
           {"keyid", ""}}}}}}};
  NOMO_RETURN_IF_ERROR(WriteFileAtomically(signature_path, bundle.dump(2) + "\n"));
  return file;
}

absl::StatusOr<SignedFile> VerifySignature(const std::string& path,
                                           const std::string& signature_path,
                                           const std::string& public_key_path) {
  NOMO_RETURN_IF_ERROR(InitCrypto());
  NOMO_ASSIGN_OR_RETURN(const PublicKey key, ReadPublicKey(public_key_path));
  NOMO_ASSIGN_OR_RETURN(const std::string text, ReadFile(signature_path, kMaxBundleBytes));
  const auto bundle = ParseBundle(text);
  if (!bundle.ok()) return Annotate(bundle.status(), QuotedPath(signature_path));
  if (bundle->key_id != key.Id()) {
    return absl::PermissionDeniedError(absl::StrCat(
        QuotedPath(signature_path), " is of another key: it names ",
        Shown(bundle->key_id.substr(0, 16)), "…, this key is ", key.Id().substr(0, 16), "…"));
  }
  if (!SignatureHolds(key, PreAuthenticated(bundle->payload), bundle->signature)) {
    return absl::UnauthenticatedError(absl::StrCat(
        QuotedPath(signature_path), " was changed: this key did not sign what it says"));
  }
  auto signed_file = ParseStatement(bundle->payload);
  if (!signed_file.ok()) return Annotate(signed_file.status(), QuotedPath(signature_path));
  NOMO_ASSIGN_OR_RETURN(SignedFile found, Digest(path));
  if (found.sha256 != signed_file->sha256) {
    return absl::DataLossError(
        absl::StrCat(QuotedPath(path), " is not the file that was signed: its SHA-256 is ",
                     found.sha256.substr(0, 16), "…, that of the signed one was ",
                     Shown(signed_file->sha256.substr(0, 16)), "…"));
  }
  found.key_id = key.Id();
  return found;
}

}  // namespace nomograph
