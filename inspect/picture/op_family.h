// Families of ops: what pictures have colours for.
#ifndef NOMOGRAPH_INSPECT_PICTURE_OP_FAMILY_H_
#define NOMOGRAPH_INSPECT_PICTURE_OP_FAMILY_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nomograph::picture {

enum class OpFamily {
  kProduct,  // convolutions, products of matrices: where most of the work is
  kActivation,
  kNormalization,
  kPool,
  kArithmetic,  // element by element, and reductions
  kShape,       // moves elements, computes shapes
  kSequence,    // recurrent, attention
  kControl,     // calls functions
  kConversion,  // quantization, images, signals, random numbers
  kState,
  kOther,  // outside of the standard set
};
inline constexpr int kNumOpFamilies = 11;

OpFamily FamilyOf(absl::string_view op);
// "products", "activations".
const char* FamilyName(OpFamily family);

// "nn.Conv": "Conv".
absl::string_view ShortOpName(absl::string_view op);

}  // namespace nomograph::picture

#endif  // NOMOGRAPH_INSPECT_PICTURE_OP_FAMILY_H_
