// Shared libraries that are loaded when they are first needed. One that few commands use, with the
// dozens that it needs itself, would cost every start of a program milliseconds and megabytes; and
// where it is missing, only what needs it fails.
//
// The file that uses a library lists what it calls, here of <acme.h>, and declares it in a
// namespace:
//
//   #if __has_include("nomo_acme_library.h")
//   #include "nomo_acme_library.h"
//   #endif
//
//   #define ACME_SYMBOLS(symbol) symbol(acme_open) symbol(acme_close)
//   #ifdef NOMO_ACME_LIBRARY
//   ACME_SYMBOLS(NOMO_LAZY_SYMBOL)
//   NOMO_DLOPEN_NOTE(NOMO_ACME_LIBRARY, "acme", "Reads Acme files")
//   absl::Status LoadAcme() {
//     static const absl::Status status =
//         LoadLibrary(NOMO_ACME_LIBRARY, "Acme files", {ACME_SYMBOLS(NOMO_LAZY_SLOT)});
//     return status;
//   }
//   #else  // a codebase that builds the library itself links it as any other
//   absl::Status LoadAcme() { return absl::OkStatus(); }
//   #endif
//
// In that namespace acme_open(...) then calls through a pointer, which is null until LoadAcme()
// has succeeded. The header, which third_party/repositories.bzl writes, has the name by which the
// loader finds the library ("libacme.so.1").
#ifndef NOMOGRAPH_CORE_IO_LAZY_LIBRARY_H_
#define NOMOGRAPH_CORE_IO_LAZY_LIBRARY_H_

#include <cstdint>
#include <initializer_list>

#include "absl/status/status.h"

namespace nomograph {

struct LazySlot {
  const char* symbol;
  void (*set)(void* address);
};

// Loads a library and sets all slots, or else none. It stays loaded. REQUIRES: no other thread
// reads or sets the slots meanwhile, which is so where one static variable's first value is the
// result.
//
// `purpose`, a plural, is what needs it, for messages. Errors: Unavailable, where the loader does
// not find the library or one that it needs, or where it lacks a symbol.
absl::Status LoadLibrary(const char* library, const char* purpose,
                         std::initializer_list<LazySlot> slots);

// A note in the program that tells what it loads, as packagers' tools read it
// (https://uapi-group.org/specifications/specs/elf_dlopen_metadata/).
template <size_t kSize>
struct DlopenNote {
  struct Header {
    uint32_t name_size, size, type;
  } header = {4, kSize, 0x407c0c0a};
  char name[4] = {'F', 'D', 'O', '\0'};
  alignas(4) char json[kSize];
};

}  // namespace nomograph

#define NOMO_LAZY_SYMBOL(name) inline decltype(::name)* name = nullptr;
#define NOMO_LAZY_SLOT(name) NOMO_LAZY_SLOT_(name)  // the names of some are macros
#define NOMO_LAZY_SLOT_(name) \
  {#name, [](void* address) { name = reinterpret_cast<decltype(name)>(address); }},

#define NOMO_DLOPEN_NOTE(library, feature, description)                            \
  NOMO_DLOPEN_NOTE_("[{\"feature\":\"" feature "\",\"description\":\"" description \
                    "\",\"priority\":\"recommended\",\"soname\":[\"" library "\"]}]")
#define NOMO_DLOPEN_NOTE_(text)                          \
  [[gnu::used, gnu::section(".note.dlopen")]] alignas(   \
      4) constexpr ::nomograph::DlopenNote<sizeof(text)> \
      kDlopenNote = {.json = text};

#endif  // NOMOGRAPH_CORE_IO_LAZY_LIBRARY_H_
