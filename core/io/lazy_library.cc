#include "nomograph/core/io/lazy_library.h"

#include <dlfcn.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace nomograph {

absl::Status LoadLibrary(const char* library, const char* purpose,
                         std::initializer_list<LazySlot> slots) {
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  std::vector<void*> addresses;
  for (const LazySlot& slot : slots) {
    if (handle == nullptr) break;
    void* const address = dlsym(handle, slot.symbol);
    if (address == nullptr) break;
    addresses.push_back(address);
  }
  if (handle == nullptr || addresses.size() != slots.size()) {
    const char* const cause = dlerror();
    return absl::UnavailableError(absl::StrCat(purpose, " need the library ", library, ": ",
                                               cause == nullptr ? "it is no such" : cause));
  }
  const LazySlot* slot = slots.begin();
  for (void* const address : addresses) (slot++)->set(address);
  return absl::OkStatus();
}

}  // namespace nomograph
