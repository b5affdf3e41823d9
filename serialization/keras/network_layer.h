// A model of layers that is called: the file's model itself, or one within it.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_NETWORK_LAYER_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_NETWORK_LAYER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "nomograph/serialization/keras/ready_layer.h"

namespace nomograph::keras {

class NetworkCaller {
 public:
  // Makes all its layers. REQUIRES: node->network.
  static absl::StatusOr<std::unique_ptr<NetworkCaller>> Make(std::shared_ptr<LayerNode> node,
                                                             ImportContext& context);

  // What goes into the model: a layer's name, and the type that the file declares.
  struct DeclaredInput {
    std::string name;
    TensorType type;
  };
  // In the model's order. InvalidArgument where the file tells no shape.
  absl::StatusOr<std::vector<DeclaredInput>> Inputs() const;

  // The model's outputs, in order; `names` becomes their layers'. InvalidArgument where the wiring
  // contradicts itself; faults of layers are in the values.
  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs,
                                          std::vector<std::string>* names = nullptr);

 private:
  NetworkCaller(std::shared_ptr<LayerNode> node, ImportContext& context)
      : node_(std::move(node)), context_(context) {}

  absl::Status MakeLayers();
  OutputHints HintsFor(size_t layer) const;
  absl::StatusOr<std::vector<Value>> CallSequence(absl::Span<const Value> inputs);
  absl::StatusOr<std::vector<Value>> CallWired(absl::Span<const Value> inputs);
  // The index of the layer with that name.
  absl::StatusOr<size_t> IndexOf(const std::string& layer) const;

  const std::shared_ptr<LayerNode> node_;
  ImportContext& context_;
  std::vector<std::unique_ptr<ReadyLayer>> layers_;  // null for inputs
  absl::flat_hash_map<std::string, size_t> indices_;
  // By layer, what takes its outputs.
  struct Use {
    int64_t output;
    size_t consumer;
  };
  std::vector<std::vector<Use>> uses_;
};

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_NETWORK_LAYER_H_
