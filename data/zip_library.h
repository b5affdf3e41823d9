// libzip, which is loaded when the first archive is opened: it brings a library of ciphers with it.
#ifndef NOMOGRAPH_DATA_ZIP_LIBRARY_H_
#define NOMOGRAPH_DATA_ZIP_LIBRARY_H_

#include <zip.h>

#include "absl/status/status.h"
#include "nomograph/core/io/lazy_library.h"

#if __has_include("nomo_libzip_library.h")
#include "nomo_libzip_library.h"
#endif

namespace nomograph {

#ifdef NOMO_LIBZIP_LIBRARY
// clang-format off
#define NOMO_ZIP_SYMBOLS(symbol) \
  symbol(zip_close) symbol(zip_discard) symbol(zip_error_fini) symbol(zip_error_init) \
  symbol(zip_error_init_with_code) symbol(zip_error_strerror) symbol(zip_fclose) \
  symbol(zip_fdopen) symbol(zip_file_add) symbol(zip_file_set_dostime) symbol(zip_file_strerror) \
  symbol(zip_fopen_index) symbol(zip_fread) symbol(zip_get_num_entries) \
  symbol(zip_open_from_source) symbol(zip_set_file_compression) symbol(zip_source_buffer_create) \
  symbol(zip_source_buffer_fragment) symbol(zip_source_close) symbol(zip_source_error) \
  symbol(zip_source_free) symbol(zip_source_keep) symbol(zip_source_open) \
  symbol(zip_source_read) symbol(zip_source_stat) symbol(zip_stat_index) symbol(zip_strerror)
// clang-format on
NOMO_ZIP_SYMBOLS(NOMO_LAZY_SYMBOL)
#endif

// Comes before any other call. Unavailable where the library is not installed.
absl::Status LoadZip();

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_ZIP_LIBRARY_H_
