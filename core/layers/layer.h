// Layers: objects that add nodes and weights to an expression, as Keras' layers do. The layers
// themselves are in core/layers/; this is what they, and a user's own, are made of.
#ifndef NOMOGRAPH_CORE_LAYERS_LAYER_H_
#define NOMOGRAPH_CORE_LAYERS_LAYER_H_

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/build/build.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/graph/model.h"
#include "nomograph/core/layers/initializers.h"
#include "nomograph/core/layers/layer_config.h"
#include "nomograph/core/layers/weight_rules.h"

namespace nomograph {

// What a layer's author derives from. A layer is built at its first call, when the types of its
// inputs are known, and shares its weights among all its calls.
class LayerBase {
 public:
  // `class_name` is what summaries show ("Dense"); an empty `name` becomes the class name in snake
  // case, numbered.
  explicit LayerBase(std::string class_name, std::string name = "");
  virtual ~LayerBase() = default;

  // The fault of the layer's options, if any. Asked once, also where the inputs are faulty, so that
  // all faults of a model are found together.
  virtual absl::Status CheckOptions() const;
  // Declares weights with AddWeight. Called once.
  virtual absl::Status Build(absl::Span<const TensorType> inputs);
  // Writes down what the layer computes.
  virtual absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) = 0;
  // The mask of the outputs, bool[batch, steps], where inputs have masks; absent where it ends
  // here. The default hands on the first one that there is, if supports_masking(). Keras:
  // Layer.compute_mask().
  virtual absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs);
  bool supports_masking() const { return supports_masking_; }

  std::shared_ptr<const LayerScope> scope() const { return scope_; }

 protected:
  struct WeightOptions {
    std::string name = {};  // "kernel"
    Shape shape;
    Initializer initializer = GlorotUniform();
    bool trainable = true;
    DType dtype = DType::kFloat32;
  };
  // Keras: Layer.add_weight(). REQUIRES: called from Build().
  Value AddWeight(WeightOptions options);
  // State that runs may change: see ReadVariable and AssignVariable in core/build/expr.h.
  std::shared_ptr<const VariableSpec> AddVariable(std::string name, Tensor initial);
  // Places along the first axis behind the batch that are left out have no say in the layer's
  // result, or are left out of it too. Keras: Layer.supports_masking.
  void set_supports_masking() { supports_masking_ = true; }

 private:
  friend class Layer;
  // A value with the faults that keep the layer from being called with these inputs; absent where
  // there are none.
  Value Prepare(const std::vector<Value>& inputs);
  Value Fail(const absl::Status& status, std::vector<Value> inputs);

  std::shared_ptr<LayerScope> scope_;
  std::vector<Value> weights_;
  Value fault_;  // of the options or of Build(): it is reported once for all calls
  std::function<absl::StatusOr<LayerConfig>()> config_;
  bool trainable_ = true, supports_masking_ = false;
  bool checked_ = false, built_ = false, called_ = false;
};

// The mask of a value that a layer yields, such as Masking and what hands it on; absent where there
// is none. Keras: keras_mask.
Value MaskOf(const Value& value);

// A handle to a layer: copying it shares the layer, and so its weights.
class Layer {
 public:
  explicit Layer(std::shared_ptr<LayerBase> layer) : layer_(std::move(layer)) {}

  // Applies the layer. Faults are in the values; that the layer yields more than one output is one.
  Value operator()(const Value& input) const { return Apply({input})[0]; }
  Value operator()(std::vector<Value> inputs) const { return Apply(std::move(inputs))[0]; }
  // For layers with several outputs. Yields `num_outputs` values, with a fault when the layer has
  // another number; with kAllOutputs as many as there are.
  static constexpr int kAllOutputs = -1;
  std::vector<Value> Apply(std::vector<Value> inputs, int num_outputs = 1) const;

  // The layer's weight, e.g. "kernel", to use it elsewhere too. A value with a fault when the layer
  // has none of that name or has not been called yet.
  Value weight(absl::string_view name) const;

  const std::string& class_name() const { return layer_->scope()->class_name; }
  // The fault of the layer's options, if any.
  absl::Status CheckOptions() const;
  // The layer's options, from which FromConfig() (core/layers/layer_registry.h) makes its like.
  // Unimplemented for layers that are none of Keras' and do not say (see Configured());
  // FailedPrecondition where an option is a function.
  absl::StatusOr<LayerConfig> Config() const;
  // Where Config() has it from; for those who make layers.
  void set_config(std::function<absl::StatusOr<LayerConfig>()> config);
  // False: the layer's weights count as not trainable. REQUIRES: the layer has not been called yet.
  void set_trainable(bool trainable) { layer_->trainable_ = trainable; }
  // Regularizers and constraints for training. Those of weights that the layer's class does not
  // have are faults of the layer; those that it has, but not here (bias without use_bias), are not.
  // REQUIRES: the layer has not been called yet.
  const Layer& With(const LayerRules& rules) const;
  // The same, of one of Keras' arguments: ("kernel_regularizer", "l2=0.01").
  void set_rule(absl::string_view argument, std::string text) const;

 private:
  friend class Sequential;
  std::shared_ptr<LayerBase> layer_;
};

// A layer of one's own: MakeLayer<MyLayer>(arguments of its constructor).
template <typename T, typename... Args>
Layer MakeLayer(Args&&... args) {
  return Layer(std::make_shared<T>(std::forward<Args>(args)...));
}

struct InputOptions {
  DType dtype = DType::kFloat32;
  std::string name = {};
  Dim batch = Dim::Symbol("batch");
};

// The start of a model: a value in the functional style, the first entry of a Sequential. `shape`
// is without the batch axis. Keras: Input.
class Input {
 public:
  explicit Input(PartialShape shape, InputOptions options = {});
  operator Value() const { return value_; }
  operator Layer() const;

 private:
  Value value_;
};

// A stack of layers, each with one input and one output; a model, or a layer of another. Keras:
// Sequential.
class Sequential {
 public:
  explicit Sequential(std::string name = "") : Sequential({}, std::move(name)) {}
  // Without a name the model is named "sequential", and a layer as layers are.
  Sequential(std::initializer_list<Layer> layers, std::string name = "");

  void Add(Layer layer);
  // InvalidArgument lists every fault, each with its layer's name; also when the first layer is no
  // Input.
  absl::StatusOr<Model> Build(uint64_t seed = 0) const;

  Value operator()(const Value& input) const { return Layer(*this)(input); }
  operator Layer() const;

 private:
  class Stack;
  std::shared_ptr<Stack> stack_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYERS_LAYER_H_
