// The version of the library.
#ifndef NOMOGRAPH_CORE_TYPES_VERSION_H_
#define NOMOGRAPH_CORE_TYPES_VERSION_H_

namespace nomograph {

inline constexpr char kLibraryVersion[] = "0.1.0";  // as in MODULE.bazel

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_VERSION_H_
