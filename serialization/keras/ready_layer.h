// Layers that have been made from a file's configuration and can be called as the file calls them.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_READY_LAYER_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_READY_LAYER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/layers/layer.h"
#include "nomograph/serialization/keras/import.h"
#include "nomograph/serialization/keras/layer_forms.h"
#include "nomograph/serialization/keras/layer_tree.h"
#include "nomograph/serialization/keras/python/function.h"

namespace nomograph::keras {

// A call of a layer in which tensors have become values.
struct ResolvedCall {
  std::vector<CallArgument> arguments;
  std::vector<std::pair<std::string, CallArgument>> keywords;
};

// All values among arguments, in order.
std::vector<Value> ValuesIn(const CallArgument& argument);
std::vector<Value> ValuesIn(absl::Span<const CallArgument> arguments);

class ReadyLayer {
 public:
  virtual ~ReadyLayer() = default;
  // Faults are in the values; there is at least one.
  virtual std::vector<Value> Call(const ResolvedCall& call) = 0;
  // As a layer of one input and one output, for wrappers.
  virtual Layer AsLayer() = 0;
};

// What all layers of one import share.
struct ImportContext {
  const KerasImportOptions& options;
  const StoredWeights& stored;
  Era era;
  KerasImportReport& report;
  // Layers that are to be nodes which name an op although there are such layers here: by full
  // name, why.
  const std::map<std::string, std::string>& opaque;
  // The documentation of Lambdas' nodes and functions, by the nodes' layers.
  std::map<std::string, std::string> docs = {};
};

// What the file shows of a layer's result besides the layer itself; its sizes may be unknown.
struct OutputHints {
  int64_t num_outputs = 1;  // as many are used
  // By output, from what the layers behind it were built for.
  std::vector<std::optional<PartialShape>> shapes;
  // The size of the last axis, where the weights of what takes the output tell that alone.
  std::vector<std::optional<int64_t>> last_sizes;
};

// A layer that cannot be made as the file wants it becomes a node that names an op, as a class of
// its author's own does. InvalidArgument, with the layer's name, where the configuration is
// damaged.
absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeReadyLayer(const std::shared_ptr<LayerNode>& node,
                                                           const OutputHints& hints,
                                                           ImportContext& context);

// The kinds, each in a file of its own.
absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeRegistered(const std::shared_ptr<LayerNode>& node,
                                                           const OutputHints& hints,
                                                           ImportContext& context);
absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeNetworkLayer(const std::shared_ptr<LayerNode>& node,
                                                             ImportContext& context);
absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeLambda(const std::shared_ptr<LayerNode>& node,
                                                       const OutputHints& hints,
                                                       ImportContext& context);
absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeOperation(const std::shared_ptr<LayerNode>& node,
                                                          ImportContext& context);
// `obstacle` says why a layer of Keras' own became one; empty for classes of the author's.
absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeUsersLayer(const std::shared_ptr<LayerNode>& node,
                                                           const OutputHints& hints,
                                                           ImportContext& context,
                                                           std::string obstacle = "");

// The value with that mask, as a value of its own; without one where the mask is absent.
Value WithMask(const Value& value, const Value& mask);
// A mask of any type of numbers as bool.
Value AsMask(const Value& mask);
// The inputs with the masks of the call's keyword `mask`, if it is there: one, or a list in which
// inputs without a mask have null.
std::vector<Value> WithMasks(std::vector<Value> inputs, const ResolvedCall& call);
// Null where the call has no such keyword.
const CallArgument* KeywordOf(const ResolvedCall& call, absl::string_view name);

// A configuration's shape: null sizes are unknown. Nothing where it is no list of sizes.
std::optional<PartialShape> ShapeIn(const ConfigValue& value);

// An activation that is a layer, a function of the author's, or a lambda: applied to `x`.
absl::StatusOr<Value> ApplyActivation(const ConfigValue& activation, const std::string& layer,
                                      const Value& x, ImportContext& context);

// JSON as typed attributes: numbers, texts and lists of one kind as they are, all else as JSON
// text. Names become what attributes can be named.
Attributes AttributesOf(const LayerConfig& config);

// C++ that registers an op of that name for inputs of these types.
std::string SkeletonOf(const std::string& op, const Attributes& attrs,
                       absl::Span<const TensorType> inputs, absl::Span<const TensorType> outputs,
                       absl::string_view doc);

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_READY_LAYER_H_
