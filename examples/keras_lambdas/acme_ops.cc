// An op that no other machine has: a model that names it opens everywhere, and runs where this
// library is loaded.
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace acme {

using namespace nomograph;

NOMO_REGISTER_OP(ElementwiseOp("acme.Triple", FloatTypes{}, [](auto x) {
                   return 3 * x;
                 }).Doc("y = 3 x"));

}  // namespace acme
