// For tests of everything that models go through.
#ifndef NOMOGRAPH_SERIALIZATION_TESTING_H_
#define NOMOGRAPH_SERIALIZATION_TESTING_H_

#include <string>

#include "google/protobuf/message.h"
#include "nomograph/core/graph/model.h"

namespace nomograph {

// A model that has everything that a file can hold: each attribute type and dtype, inline tensors
// and payloads (two of equal bytes), known, symbolic and unknown sizes and ranks, absent optional
// values, functions, variables, layers, metadata, golden vectors, text beyond ASCII. It is made to
// be saved, not run: its ops are not registered.
Model RichModel();

// A small model of one node: y = local.Tenfold(x), x float32[batch,2].
Model SmallModel();

// Where the models differ first, e.g. `graph: node 2: doc`; empty when they are equal in every
// field.
std::string FirstDifference(const Model& a, const Model& b);

// Gives the message, and every message in it, a field of a number that no message has.
void AddUnknownFields(google::protobuf::Message& message);

}  // namespace nomograph

#endif  // NOMOGRAPH_SERIALIZATION_TESTING_H_
