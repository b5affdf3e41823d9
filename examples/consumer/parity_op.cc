// consumer.Parity: an op that a workspace of its own registers.
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace consumer {

using namespace nomograph;

NOMO_REGISTER_OP(ElementwiseOp("consumer.Parity", TypeList<int32_t, int64_t>{}, [](auto x) {
                   return x & 1;
                 }).Doc("y = 1 for odd x, else 0."));

}  // namespace consumer
