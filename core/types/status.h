// Status helpers. Errors are absl::Status everywhere; a layer that passes one on adds one phrase
// that says where (`node "conv1": ...`), so that the final message reads from the outermost place
// to the cause.
#ifndef NOMOGRAPH_CORE_TYPES_STATUS_H_
#define NOMOGRAPH_CORE_TYPES_STATUS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace nomograph {

template <typename... Args>
absl::Status InvalidArgument(const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(args...));
}

// Puts `where` ahead of the message and keeps the code. An OK status stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view where);

// Collects the faults of several places so that a user sees all of them at once.
class ErrorList {
 public:
  // Keeps `status` unless it is OK. Of very many only the first are kept, and the others counted.
  void Add(const absl::Status& status);
  void Add(const absl::Status& status, absl::string_view where) { Add(Annotate(status, where)); }
  bool empty() const { return count_ == 0; }

  // OK when empty; the fault itself when there is one; else one status with the first fault's code
  // and a line each, headed by `headline`, e.g. "3 layers cannot be built".
  absl::Status ToStatus(absl::string_view headline) const;

 private:
  absl::Status first_;
  std::string lines_;
  int count_ = 0;
};

// Ends the process when `condition` is false: for bugs of the programmer only, never for bad input.
#define NOMO_CHECK(condition) \
  ((condition) ? void() : ::nomograph::internal::CheckFailed(#condition, __FILE__, __LINE__))

#define NOMO_RETURN_IF_ERROR(expression)         \
  do {                                           \
    absl::Status nomo_status_ = (expression);    \
    if (!nomo_status_.ok()) return nomo_status_; \
  } while (false)

#define NOMO_CONCAT_INNER_(a, b) a##b
#define NOMO_CONCAT_(a, b) NOMO_CONCAT_INNER_(a, b)
#define NOMO_ASSIGN_OR_RETURN(left, expression) \
  NOMO_ASSIGN_OR_RETURN_(NOMO_CONCAT_(nomo_status_or_, __LINE__), left, expression)
#define NOMO_ASSIGN_OR_RETURN_(temporary, left, expression) \
  auto temporary = (expression);                            \
  if (!temporary.ok()) return temporary.status();           \
  left = std::move(temporary).value()

namespace internal {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace internal

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_TYPES_STATUS_H_
