// A libFuzzer target: any bytes as marshal data, and as the text of a payload. They must be an
// error that says something, or a function that is shown as source.
#include <cstdint>
#include <cstdlib>

#include "nomograph/serialization/keras/python/function.h"
#include "nomograph/serialization/keras/python/payload.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nomograph::keras;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto lambda = ReadPayload(bytes); lambda.ok()) {
    if (lambda->SourceText().empty() || lambda->PythonVersion().empty()) std::abort();
  } else if (lambda.status().message().empty()) {
    std::abort();
  }
  DecodePayload(bytes).IgnoreError();
  return 0;
}
