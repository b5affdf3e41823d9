// What some nodes are in training: batch normalisation uses the statistics of the batch and moves
// those that are kept.
#ifndef NOMOGRAPH_CORE_GRADIENT_TRAINING_FORM_H_
#define NOMOGRAPH_CORE_GRADIENT_TRAINING_FORM_H_

#include <utility>
#include <vector>

#include "nomograph/core/build/value.h"

namespace nomograph {

// What OpDef::InTraining() yields for a node.
struct TrainingForm {
  std::vector<Value> outputs;  // in place of the node's
  // What some of the node's inputs, which are weights or variables, become after the step: the
  // input's number and its next value.
  std::vector<std::pair<int, Value>> updates;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRADIENT_TRAINING_FORM_H_
