#include "nomograph/tools/run/check_signature.h"

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/exit_code.h"

namespace nomograph {

absl::StatusOr<SignedFile> CheckSignature(const std::string& path,
                                          const std::string& signature_path,
                                          const std::string& key_path) {
  const std::string bundle = signature_path.empty() ? path + ".sig" : signature_path;
  auto result = VerifySignature(path, bundle, key_path);
  if (result.ok()) return result;
  switch (result.status().code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kDataLoss:
      return WithExitCode(ExitCode::kFailed, result.status());
    case absl::StatusCode::kPermissionDenied:
      // Of another key; or a file that this user may not read, which is not told apart in the code.
      return WithExitCode(ExitCode::kFailed, result.status());
    default:
      return WithExitCode(ExitCode::kUnreadable, result.status());
  }
}

}  // namespace nomograph
