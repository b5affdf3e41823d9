// Writes the typed functions of a domain's ops as C++: what one calls to put an op into a graph,
// with the op's inputs and attributes as parameters that the compiler checks.
//
//   struct SoftmaxOptions {
//     int64_t axis = -1;  // the axis along which the elements add up to 1
//     std::string name;
//   };
//   Value Softmax(const Value& x, const SoftmaxOptions& options = {});
#ifndef NOMOGRAPH_OPS_FUNCTIONS_HEADER_WRITER_H_
#define NOMOGRAPH_OPS_FUNCTIONS_HEADER_WRITER_H_

#include <string>
#include <vector>

#include "nomograph/core/op/op.h"

namespace nomograph {

struct FunctionSources {
  std::string header, source;
};

// The functions of `ops`, which all belong to `domain`, in namespace nomograph::DOMAIN. Inputs and
// attributes that are required are parameters; the others are fields of an options struct, and what
// is left at its default is not written into the node. An op with several outputs yields a struct
// of them, which is also its first one. Ops whose attributes are functions are left out: those have
// functions of their own in core/build/control_flow.h. InvalidArgument names the op whose names are
// no good as C++.
absl::StatusOr<FunctionSources> WriteFunctions(const std::string& domain,
                                               const std::vector<const OpDef*>& ops);

}  // namespace nomograph

#endif  // NOMOGRAPH_OPS_FUNCTIONS_HEADER_WRITER_H_
