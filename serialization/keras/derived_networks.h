// Models that a configuration has in another form than as a model: Keras 1's Graph, and recurrent
// layers of several cells.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_DERIVED_NETWORKS_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_DERIVED_NETWORKS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "nomograph/serialization/keras/network.h"

namespace nomograph::keras {

// The network that a layer is although its configuration is none of a model; nothing where it is no
// such layer. InvalidArgument where the configuration is damaged.
//
// A Graph has inputs, nodes that take one of them or several merged, and outputs. An RNN of
// StackedRNNCells is an RNN of each cell, one behind another (where its states are no outputs).
absl::StatusOr<std::optional<Network>> DerivedNetwork(const LayerEntry& layer);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_DERIVED_NETWORKS_H_
