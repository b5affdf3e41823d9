// The layers of a model file as a tree: models hold layers, and wrappers the layer that they wrap.
// Each knows where its weights are stored, and which it has declared.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_LAYER_TREE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_LAYER_TREE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nomograph/core/layers/weight_source.h"
#include "nomograph/serialization/keras/network.h"
#include "nomograph/serialization/keras/stored_weights.h"

namespace nomograph::keras {

// A weight that a layer has declared, and its value, once that is found.
struct WeightSlot {
  std::shared_ptr<const LayerScope> layer;
  std::string name;  // in its layer: "kernel"
  Shape shape;
  DType dtype = DType::kFloat32;
  bool trainable = true;
  std::shared_ptr<Tensor> value = std::make_shared<Tensor>();
};

struct LayerNode {
  LayerEntry entry;
  std::string full_name;           // as layers are named here: "encoder/dense_1"
  std::optional<Network> network;  // of a model
  // A model's layers in their order; of a TimeDistributed, the layer within.
  std::vector<std::shared_ptr<LayerNode>> children;
  // Where the file's weights have a place for every object; empty for the model itself.
  std::string place;
  std::vector<WeightSlot> slots;  // in the order of their declaration, without the children's
  std::vector<int64_t> taken;     // ids of stored weights that have become options of the layer
};

// The layer's name as it is here: one that no other of its model has, without '/'.
std::string NameHere(const LayerNode& node);

// Parses the model and all models in it. InvalidArgument, naming the layer, for configurations that
// are no models, and where they lie more than 50 deep.
absl::StatusOr<std::shared_ptr<LayerNode>> ReadLayerTree(const LayerEntry& model,
                                                         const StoredWeights& stored);

// The weights that are stored for a layer and all within it, in the order in which Keras lists
// them. For layers within a model of an HDF5 file, which has one list for the whole model, those
// that are named after the layer.
std::vector<StoredWeight> StoredFor(const LayerNode& node, const StoredWeights& stored);

// Tells layers to keep what they declare in `slots`, while it lives. A weight starts as its slot's
// value, or where that stays without a tensor as the layer would have it.
class SlotCollector {
 public:
  explicit SlotCollector(std::vector<WeightSlot>& slots);

 private:
  ScopedWeightSource source_;
};

struct WeightReport {
  int64_t loaded = 0;
  std::vector<std::string> leftover;  // stored, but no layer wants them
  std::vector<std::string> missing;   // declared, but not stored
};

// Layers, by full name, whose weights do not fit, and why.
struct Misfits {
  std::map<std::string, std::string> all;
  // Of them, those that have another number of weights or of axes than the class here: a class of
  // its author's of the same name.
  std::map<std::string, std::string> others;
};

// Gives the slots of all layers their tensors. `backend` is the file's: Theano's convolutions are
// mirrored. InvalidArgument lists every layer whose weights do not fit, with names and shapes.
absl::StatusOr<WeightReport> AssignWeights(LayerNode& root, const StoredWeights& stored,
                                           absl::string_view backend, Misfits& misfits);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_LAYER_TREE_H_
