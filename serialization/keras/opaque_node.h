// Nodes that name an op which is to be registered: what a file holds and nothing here can compute.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_OPAQUE_NODE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_OPAQUE_NODE_H_

#include <string>
#include <vector>

#include "nomograph/serialization/keras/ready_layer.h"

namespace nomograph::keras {

// A name as a part of an op's name: letters, digits and '_'.
std::string NameForOp(absl::string_view name);
// What the user says of the layer, by its full name or its own; null where nothing.
const NamedOp* NamedByUser(const LayerNode& node, const KerasImportOptions& options);

// The types of a result that only its op would know: the declared shapes, else what the layers
// behind were built for, else the first input's, which `outcome` then says.
std::vector<TensorType> OutputTypes(absl::Span<const Value> inputs,
                                    std::vector<PartialShape> declared, const OutputHints& hints,
                                    LambdaOutcome& outcome);

struct OpaqueCall {
  std::string op;
  Attributes attrs;
  std::vector<Value> inputs;
  std::vector<TensorType> output_types;
  std::string doc;
};
// Calls the op, registered or not, and writes its skeleton into `outcome` where it is not.
std::vector<Value> CallOpaque(const OpaqueCall& call, ImportContext& context,
                              LambdaOutcome& outcome);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_OPAQUE_NODE_H_
