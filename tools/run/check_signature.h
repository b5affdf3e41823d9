// Signatures that commands ask for ahead of opening a model.
#ifndef NOMOGRAPH_TOOLS_RUN_CHECK_SIGNATURE_H_
#define NOMOGRAPH_TOOLS_RUN_CHECK_SIGNATURE_H_

#include <string>

#include "absl/status/statusor.h"
#include "nomograph/inspect/sign.h"

namespace nomograph {

// As VerifySignature(); `signature_path` is PATH.sig where it is empty. The status carries its exit
// code: kFailed where the signature does not vouch for the file, kUnreadable where a file cannot be
// read.
absl::StatusOr<SignedFile> CheckSignature(const std::string& path,
                                          const std::string& signature_path,
                                          const std::string& key_path);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_CHECK_SIGNATURE_H_
