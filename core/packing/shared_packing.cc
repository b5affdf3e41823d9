#include "nomograph/core/packing/shared_packing.h"

#include "absl/strings/str_cat.h"

namespace nomograph {
namespace {

thread_local SharedPacking* current = nullptr;

}  // namespace

absl::StatusOr<Tensor> SharedPacking::Get(const Tensor& constant, absl::string_view form,
                                          absl::FunctionRef<absl::StatusOr<Tensor>()> pack) {
  const auto found = copies_.find(constant.raw_data());
  if (found == copies_.end()) return pack();
  Copies& copies = found->second;
  // A part of a constant lies where the whole does.
  const std::string of_type = absl::StrCat(form, " of ", constant.type().ToString());
  const std::lock_guard lock(copies.mutex);  // others wait for the copy
  if (const auto copy = copies.by_form.find(of_type); copy != copies.by_form.end()) {
    return copy->second;
  }
  NOMO_ASSIGN_OR_RETURN(Tensor packed, pack());
  copies.by_form.emplace(of_type, packed);
  return packed;
}

SharedPackingScope::SharedPackingScope(SharedPacking* packing)
    : previous_(std::exchange(current, packing)) {}
SharedPackingScope::~SharedPackingScope() { current = previous_; }

absl::StatusOr<Tensor> PackedOnce(const Tensor& constant, absl::string_view form,
                                  absl::FunctionRef<absl::StatusOr<Tensor>()> pack) {
  return current == nullptr ? pack() : current->Get(constant, form, pack);
}

}  // namespace nomograph
