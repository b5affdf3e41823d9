// What the compiler knows of a kernel that only copies, so that what is copied may lie where the
// copy would.
#ifndef NOMOGRAPH_CORE_FORM_COPIED_RANGES_H_
#define NOMOGRAPH_CORE_FORM_COPIED_RANGES_H_

#include <cstdint>
#include <vector>

namespace nomograph {

// A range of an input that a node copies, as it lies, to a range of an output; in bytes.
struct CopiedRange {
  int input, output;
  int64_t from, to, bytes;
};

// What a Kernel is, too, whose work may be to copy ranges and nothing else, e.g. a concatenation's
// along the first axis. It writes no range whose two ends are one place in memory.
class RangeCopyingKernel {
 public:
  virtual ~RangeCopyingKernel() = default;
  // All that it does, each byte of the outputs once; empty where that is not all.
  virtual std::vector<CopiedRange> CopiedRanges() const = 0;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_FORM_COPIED_RANGES_H_
