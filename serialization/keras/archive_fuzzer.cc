// A libFuzzer target: any bytes as a .keras archive. They must be an error that says something, or
// members with names that stay in the archive. tools/fuzz.sh builds and runs it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/match.h"
#include "nomograph/serialization/keras/archive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nomograph;
  const auto members =
      keras::ReadArchive({reinterpret_cast<const char*>(data), size}, {.max_bytes = 64 << 20});
  if (!members.ok() && members.status().message().empty()) std::abort();
  if (!members.ok()) return 0;
  for (const auto& [name, bytes] : *members) {
    if (absl::StartsWith(name, "/") || absl::StrContains("/" + name + "/", "/../")) std::abort();
  }
  return 0;
}
