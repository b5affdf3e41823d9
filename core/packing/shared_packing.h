// Constants as kernels pack them: one copy for all nodes of a program that pack the same constant
// in the same way. Detectors run one head over planes of several sizes, siamese networks one branch
// over several inputs.
#ifndef NOMOGRAPH_CORE_PACKING_SHARED_PACKING_H_
#define NOMOGRAPH_CORE_PACKING_SHARED_PACKING_H_

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

// Thread-safe.
class SharedPacking {
 public:
  // Constants of which there may be one copy for several nodes; they must outlive it.
  void Add(const Tensor& constant) { copies_[constant.raw_data()]; }
  // The copy of `constant` in the form of that name, which `pack` makes where there is none yet;
  // one that others do not use where the constant was not added.
  absl::StatusOr<Tensor> Get(const Tensor& constant, absl::string_view form,
                             absl::FunctionRef<absl::StatusOr<Tensor>()> pack);

 private:
  // Of the constants that begin at one place, by the form's name and the constant's type.
  struct Copies {
    std::mutex mutex;
    absl::flat_hash_map<std::string, Tensor> by_form;
  };
  std::map<const void*, Copies> copies_;  // which Get() adds none to
};

// Has PackedOnce() on this thread use `packing`.
class SharedPackingScope {
 public:
  explicit SharedPackingScope(SharedPacking* packing);
  ~SharedPackingScope();
  SharedPackingScope(const SharedPackingScope&) = delete;
  SharedPackingScope& operator=(const SharedPackingScope&) = delete;

 private:
  SharedPacking* const previous_;
};

// For PrepareFn: SharedPacking::Get() of the innermost scope; where there is none, what `pack`
// makes. `form` names all that the copy depends on beside the constant.
absl::StatusOr<Tensor> PackedOnce(const Tensor& constant, absl::string_view form,
                                  absl::FunctionRef<absl::StatusOr<Tensor>()> pack);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_PACKING_SHARED_PACKING_H_
