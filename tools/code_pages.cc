#include "nomograph/tools/code_pages.h"

#ifdef __linux__
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace nomograph {
namespace {

bool IsTraced() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "TracerPid:") return !(status >> word && word == "0");
  }
  return true;  // not known
}

// Whether addresses have been written into what is otherwise read only.
bool IsRelocated(const dl_phdr_info& object) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = object.dlpi_phdr[i];
    if (header.p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + header.p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL) return true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
    }
  }
  return false;
}

int GiveBack(dl_phdr_info* object, size_t /*size*/, void* /*data*/) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  if (IsRelocated(*object)) return 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = object->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0) continue;
    const uintptr_t first = object->dlpi_addr + header.p_vaddr;
    const uintptr_t begin = (first + page - 1) / page * page;
    const uintptr_t end = (first + header.p_memsz) / page * page;
    // Pages of a file that nobody has written to. Where it fails they stay.
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void GiveBackCodePages() {
  if (!IsTraced()) dl_iterate_phdr(GiveBack, nullptr);
}

}  // namespace nomograph

#else

namespace nomograph {
void GiveBackCodePages() {}
}  // namespace nomograph

#endif
