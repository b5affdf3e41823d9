// What the compiler knows of a kernel whose output may lie where an input lies, so that it is
// written to memory that is near.
#ifndef NOMOGRAPH_CORE_FORM_OVERWRITTEN_INPUT_H_
#define NOMOGRAPH_CORE_FORM_OVERWRITTEN_INPUT_H_

namespace nomograph {

// What a Kernel is, too, that reads each element of some input, as one that is added to a sum, just
// ahead of writing output 0's at the same place, and never again.
class OverwritingKernel {
 public:
  virtual ~OverwritingKernel() = default;
  // The number of that input, which has the output's shape; -1: there is none.
  virtual int OverwritableInput() const = 0;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_FORM_OVERWRITTEN_INPUT_H_
