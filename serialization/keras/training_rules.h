// What a Keras model's configuration says of training: penalties and constraints, which become the
// model's metadata (core/layers/weight_rules.h), and penalties on activations, which become nodes.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_TRAINING_RULES_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_TRAINING_RULES_H_

#include <string>
#include <vector>

#include "nomograph/core/build/value.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/serialization/keras/layer_forms.h"
#include "nomograph/serialization/keras/layer_tree.h"

namespace nomograph::keras {

// Keeps the regularizers and constraints of all layers' weights as metadata. What is of an author's
// own class is left out, with a warning each.
void AddWeightRules(const LayerNode& root, Model& model, std::vector<std::string>& warnings);

// The value with the layer's activity_regularizer, if any, as train.AddLoss: the penalty's sum over
// the batch as Keras 3 has it (keras/src/layers/layer.py), the mean in files of those before it
// (keras/engine/base_layer.py).
Value WithActivityPenalty(const LayerEntry& layer, const Era& era, const Value& output);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_TRAINING_RULES_H_
