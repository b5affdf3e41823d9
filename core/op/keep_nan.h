// Whether a run may have lost a NaN.
//
// Where one operand is NaN, x86's minimum and maximum yield the other one or NaN by its place. With
// them oneDNN's relu, clip, exp, softmax and maxima, by themselves or fused, make numbers of NaN.
// But every instruction that can do so (minimum, maximum, a comparison by size) then raises the
// flag "invalid operation" of IEEE 754, at no cost, as do those that make a NaN of numbers (inf -
// inf, 0 * inf). So a run after which no thread has the flag has lost none; and one after which
// there is the flag is repeated with kernels that keep NaN.
#ifndef NOMOGRAPH_CORE_OP_KEEP_NAN_H_
#define NOMOGRAPH_CORE_OP_KEEP_NAN_H_

#include "nomograph/core/op/kernel.h"

namespace nomograph {

// What a Kernel is, too, that may lose a NaN; its Run() then raises the flag on the calling thread
// or on one of the team's that it notes.
class LossyKernel {
 public:
  virtual ~LossyKernel() = default;
  virtual bool MayLoseNan() const = 0;
};
bool MayLoseNan(const Kernel& kernel);

// So many of the calling thread's team of OpenMP threads may have the flag from now on. To ask them
// takes a region of OpenMP's, so that is done once for all kernels of a run.
void NoteTeam(int threads);

// Raises the calling thread's flag where a thread that has been noted since the last call has the
// flag, and clears it there.
void CollectInvalidFlag();

// Watches the calling thread's flag. What was raised before, on the team's threads, too, counts as
// raised again from the end on.
class InvalidFlagScope {
 public:
  InvalidFlagScope();
  ~InvalidFlagScope();
  InvalidFlagScope(const InvalidFlagScope&) = delete;
  InvalidFlagScope& operator=(const InvalidFlagScope&) = delete;
  // Whether it has been raised since.
  bool raised() const;

 private:
  bool before_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_KEEP_NAN_H_
