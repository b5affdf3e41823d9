// Where in a model a fault is.
#ifndef NOMOGRAPH_SERIALIZATION_PLACE_H_
#define NOMOGRAPH_SERIALIZATION_PLACE_H_

#include <concepts>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/types/status.h"

namespace nomograph {

// A chain of places on the stack, from the inner to the outer. It costs nothing until it is
// written out: `graph "main": node 3 ("conv1"): attribute "strides"`.
class Place {
 public:
  // REQUIRES, here and below: the strings and `outer` outlive the place.
  Place(absl::string_view kind, absl::string_view name, int index = -1)
      : kind_(kind), name_(name), index_(index) {}
  Place(const Place& outer, absl::string_view kind, absl::string_view name, int index = -1)
      : outer_(&outer), kind_(kind), name_(name), index_(index) {}
  Place(const Place&) = delete;
  // A name that is made for the place would be gone when the place is written out.
  template <std::same_as<std::string> Temporary>
  Place(absl::string_view kind, Temporary&& name, int index = -1) = delete;
  template <std::same_as<std::string> Temporary>
  Place(const Place& outer, absl::string_view kind, Temporary&& name, int index = -1) = delete;

  // Names are cut and escaped: they come from files.
  std::string ToString() const;

 private:
  const Place* outer_ = nullptr;
  absl::string_view kind_, name_;
  int index_ = -1;
};

// Keeps `status`, with its place, unless it is OK.
void AddFault(const Place& place, const absl::Status& status, ErrorList& faults);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_PLACE_H_
