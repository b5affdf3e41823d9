// How the weights of a layer were stored when that was otherwise than now: other axes, one tensor a
// gate, NVIDIA's layout.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_WEIGHT_FORMS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_WEIGHT_FORMS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "nomograph/serialization/keras/layer_tree.h"
#include "nomograph/serialization/keras/stored_weights.h"

namespace nomograph::keras {

// The stored weights of one layer (not of a model) as the layer's slots have them: the same ones
// where there is nothing to change.
std::vector<StoredWeight> ModernWeights(const LayerEntry& layer, absl::string_view backend,
                                        const std::vector<const WeightSlot*>& slots,
                                        std::vector<StoredWeight> stored);

// Whether the stored weight can be the slot's: the same shape, but for axes of size 1.
bool Fits(const StoredWeight& stored, const WeightSlot& slot);
// The tensor for the slot. REQUIRES: Fits().
absl::StatusOr<Tensor> ReadFor(const StoredWeight& stored, const WeightSlot& slot);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_WEIGHT_FORMS_H_
