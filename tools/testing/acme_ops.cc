// Ops that the program does not have. The models of models.cc name them.
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

NOMO_REGISTER_OP(ElementwiseOp("acme.Tenfold", FloatTypes{}, [](auto x) {
                   return 10 * x;
                 }).Doc("y = 10 x"));

// Not what the body says that the model carries for it.
NOMO_REGISTER_OP(ElementwiseOp("acme.Twofold", FloatTypes{}, [](auto x) {
                   return 3 * x;
                 }).Doc("y = 3 x"));

NOMO_REGISTER_OP(ElementwiseOp("acme.Ring", FloatTypes{}, [](auto x) { return x; })
                     .Doc("y = x, and rings a bell.")
                     .WithEffects(Effects::kIo));

}  // namespace
}  // namespace nomograph
