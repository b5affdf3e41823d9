#include "nomograph/data/zip_library.h"

namespace nomograph {

#ifdef NOMO_LIBZIP_LIBRARY
NOMO_DLOPEN_NOTE(NOMO_LIBZIP_LIBRARY, "zip", "Reads and writes .npz and reads .keras")
absl::Status LoadZip() {
  static const absl::Status status =
      LoadLibrary(NOMO_LIBZIP_LIBRARY, "Zip archives", {NOMO_ZIP_SYMBOLS(NOMO_LAZY_SLOT)});
  return status;
}
#else
absl::Status LoadZip() { return absl::OkStatus(); }
#endif

}  // namespace nomograph
