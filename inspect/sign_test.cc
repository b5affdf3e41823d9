// Signatures against the RFCs' own keys, and files that were changed in each way there is.
#include "nomograph/inspect/sign.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/inspect/sign_keys.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;

std::string PathOf(const std::string& name) { return ::testing::TempDir() + "/sign_test_" + name; }

std::string Put(const std::string& name, const std::string& contents, mode_t mode = 0600) {
  const std::string path = PathOf(name);
  EXPECT_TRUE(WriteFileAtomically(path, contents).ok());
  EXPECT_EQ(chmod(path.c_str(), mode), 0);
  return path;
}

void NewKey(const std::string& name) {
  unlink(PathOf(name).c_str());
  unlink(PathOf(name + ".pub").c_str());
  const absl::Status made = GenerateSigningKey(PathOf(name), PathOf(name + ".pub"));
  ASSERT_TRUE(made.ok()) << made;
}

// RFC 8410, section 10.1 and 10.3.
constexpr char kPrivatePem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";
constexpr char kPublicPem[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n";

TEST(SignKeysTest, ReadsAndWritesTheKeysOfRfc8410) {
  ASSERT_TRUE(InitCrypto().ok());
  const auto key = PrivateKey::Read(Put("rfc", kPrivatePem));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->public_key().ToPem(), kPublicPem);
  const auto public_key = ReadPublicKey(Put("rfc.pub", kPublicPem));
  ASSERT_TRUE(public_key.ok()) << public_key.status();
  EXPECT_EQ(public_key->bytes, key->public_key().bytes);
  unlink(PathOf("again").c_str());
  ASSERT_TRUE(key->Write(PathOf("again")).ok());
  EXPECT_EQ(*ReadFile(PathOf("again")), kPrivatePem);
  EXPECT_TRUE(absl::IsAlreadyExists(key->Write(PathOf("again"))));
}

// RFC 8032, section 7.1, test 2: a message of one byte.
TEST(SignKeysTest, ChecksTheSignatureOfRfc8032) {
  ASSERT_TRUE(InitCrypto().ok());
  PublicKey key;
  const std::string bytes =
      absl::HexStringToBytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  std::string signature = absl::HexStringToBytes(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(SignatureHolds(key, "\x72", signature));
  EXPECT_FALSE(SignatureHolds(key, "\x73", signature));
  EXPECT_FALSE(SignatureHolds(key, "\x72", signature.substr(1)));
  signature[5] ^= 1;
  EXPECT_FALSE(SignatureHolds(key, "\x72", signature));
}

TEST(SignTest, KeepsThePrivateKeyPrivate) {
  NewKey("mine");
  struct stat info;
  ASSERT_EQ(stat(PathOf("mine").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(absl::IsAlreadyExists(GenerateSigningKey(PathOf("mine"), PathOf("mine.pub"))));
  const std::string file = Put("file", "a model");
  ASSERT_EQ(chmod(PathOf("mine").c_str(), 0640), 0);
  const auto open_key = SignFile(file, PathOf("mine"), PathOf("file.sig"));
  EXPECT_TRUE(absl::IsPermissionDenied(open_key.status())) << open_key.status();
  const absl::Status other = SignFile(file, PathOf("mine.pub"), PathOf("file.sig")).status();
  EXPECT_TRUE(absl::StrContains(other.message(), "expected a PEM file with a PRIVATE KEY"))
      << other;
}

TEST(SignTest, TellsAWrongKeyFromAChangedFileFromAChangedSignature) {
  NewKey("mine");
  NewKey("other");
  const std::string file = Put("file", std::string(3'000'000, 'm')), sig = PathOf("file.sig"),
                    key = PathOf("mine.pub");
  const auto signed_file = SignFile(file, PathOf("mine"), sig);
  ASSERT_TRUE(signed_file.ok()) << signed_file.status();
  EXPECT_EQ(signed_file->bytes, 3'000'000);
  const auto verified = VerifySignature(file, sig, key);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->sha256, signed_file->sha256);

  EXPECT_TRUE(absl::IsPermissionDenied(VerifySignature(file, sig, PathOf("other.pub")).status()));
  for (const size_t at : {size_t{0}, size_t{1'500'000}, size_t{2'999'999}}) {
    std::string changed(3'000'000, 'm');
    changed[at] = 'n';
    const absl::Status status = VerifySignature(Put("changed", changed), sig, key).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  }
  EXPECT_TRUE(absl::IsDataLoss(
      VerifySignature(Put("longer", std::string(3'000'001, 'm')), sig, key).status()));
  EXPECT_TRUE(VerifySignature(Put("renamed", std::string(3'000'000, 'm')), sig, key).ok());

  // The payload names another digest, and the signature is the old one.
  const std::string bundle = *ReadFile(sig);
  const std::string forged = absl::StrReplaceAll(
      bundle, {{absl::Base64Escape(absl::StrCat("{\"_type\":\"")).substr(0, 8), "eyJfdHlwYSI"}});
  ASSERT_NE(forged, bundle);
  const absl::Status status = VerifySignature(file, Put("forged.sig", forged), key).status();
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(absl::IsDataLoss(status)) << status;
}

TEST(SignTest, RefusesWhatIsNoBundleOrNoKey) {
  NewKey("mine");
  const std::string file = Put("file", "a model"), key = PathOf("mine.pub");
  ASSERT_TRUE(SignFile(file, PathOf("mine"), PathOf("file.sig")).ok());
  const std::string bundle = *ReadFile(PathOf("file.sig"));
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[1]"), std::string("{\"mediaType\":3}"),
        bundle.substr(0, bundle.size() / 2), std::string(2 << 20, ' '),
        absl::StrReplaceAll(bundle, {{"publicKey", "certificate"}}),
        absl::StrReplaceAll(bundle, {{"dsseEnvelope", "messageSignature"}}),
        absl::StrReplaceAll(bundle, {{"\"sig\"", "\"gis\""}})}) {
    const absl::Status status = VerifySignature(file, Put("bad.sig", text), key).status();
    EXPECT_FALSE(status.ok()) << text.substr(0, 80);
    EXPECT_FALSE(absl::IsInternal(status)) << status;
  }
  EXPECT_TRUE(absl::IsNotFound(VerifySignature(file, PathOf("nothing.sig"), key).status()));
  for (const std::string& text :
       {std::string("x"), std::string(kPrivatePem),
        absl::StrReplaceAll(kPublicPem, {{"MCowBQ", "MCowBR"}}),
        std::string("-----END PUBLIC KEY----------BEGIN PUBLIC KEY-----")}) {
    const absl::Status status =
        VerifySignature(file, PathOf("file.sig"), Put("bad.pub", text)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
}

}  // namespace
}  // namespace nomograph
