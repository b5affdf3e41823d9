// A libFuzzer target: any bytes as the configuration of a Keras model. They must be an error that
// says something, or a model that can be saved. tools/fuzz.sh builds and runs it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "nomograph/core/types/memory.h"
#include "nomograph/serialization/keras/import.h"
#include "nomograph/serialization/model_io.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nomograph;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Configurations are small, but the initial weights that they may ask for are not: within so
  // much, as the memory of a small machine.
  constexpr int64_t kMemoryBytes = int64_t{16} << 20;
  const MemoryScope memory(std::make_shared<MemoryAccount>(kMemoryBytes));
  const absl::Status status = CatchBadAlloc([&]() -> absl::Status {
    const auto file = keras::ReadKerasJson(bytes);
    if (!file.ok()) return file.status();
    const auto imported = keras::ImportFile(*file);
    if (!imported.ok()) return imported.status();
    keras::ReportText(imported->report);
    return SaveToString(imported->model).status();
  });
  if (!status.ok() && status.message().empty()) {
    std::fprintf(stderr, "an error without a word\n");
    std::abort();
  }
  return 0;
}
