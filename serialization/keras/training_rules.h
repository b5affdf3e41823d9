// What a Keras model's configuration says of training: penalties and constraints, which become the
// model's metadata (train/weight_rules.h), and penalties on activations, which become nodes.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_TRAINING_RULES_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_TRAINING_RULES_H_

#include <string>
#include <vector>

#include "nomograph/core/build/value.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/serialization/keras/layer_tree.h"

namespace nomograph::keras {

// Keeps the regularizers and constraints of all layers' weights as metadata. What is of an author's
// own class is left out, with a warning each.
void AddWeightRules(const LayerNode& root, Model& model, std::vector<std::string>& warnings);

// The value with the layer's activity_regularizer, if any, as train.AddLoss: the penalty's mean
// over the batch, as Keras has it (keras/src/layers/layer.py).
Value WithActivityPenalty(const LayerEntry& layer, const Value& output);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_TRAINING_RULES_H_
