// Layers: objects that add nodes and weights to an expression, as Keras' layers do. The layers themselves are in
// core/layers/; this is what they, and a user's own, are made of.
#ifndef NOMOGRAPH_CORE_LAYER_H_
#define NOMOGRAPH_CORE_LAYER_H_

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/build.h"
#include "nomograph/core/expr.h"
#include "nomograph/core/model.h"
#include "nomograph/core/value.h"

namespace nomograph {

// Yields a weight's first value. `key` differs for every weight of a model and follows from the model's seed.
using Initializer = std::function<absl::StatusOr<Tensor>(const Shape& shape, DType dtype, uint64_t key)>;

// What a layer's author derives from. A layer is built at its first call, when the types of its inputs are known, and
// shares its weights among all its calls.
class LayerBase {
 public:
  // `class_name` is what summaries show ("Dense"); an empty `name` becomes the class name in snake case, numbered.
  explicit LayerBase(std::string class_name, std::string name = "");
  virtual ~LayerBase() = default;

  // Declares weights with AddWeight. Called once.
  virtual absl::Status Build(absl::Span<const TensorType> inputs);
  // Writes down what the layer computes.
  virtual absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) = 0;

  std::shared_ptr<const LayerScope> scope() const { return scope_; }

 protected:
  struct WeightOptions {
    std::string name;  // "kernel"
    Shape shape;
    Initializer initializer;
    bool trainable = true;
    DType dtype = DType::kFloat32;
  };
  // Keras: Layer.add_weight(). REQUIRES: called from Build().
  Value AddWeight(WeightOptions options);
  // State that runs may change: see ReadVariable and AssignVariable in core/expr.h.
  std::shared_ptr<const VariableSpec> AddVariable(std::string name, Tensor initial);

 private:
  friend class Layer;
  std::shared_ptr<LayerScope> scope_;
  bool built_ = false;
  bool called_ = false;
};

// A handle to a layer: copying it shares the layer, and so its weights.
class Layer {
 public:
  explicit Layer(std::shared_ptr<LayerBase> layer) : layer_(std::move(layer)) {}

  // Applies the layer. Faults are in the values.
  Value operator()(const Value& input) const { return Apply({input})[0]; }
  Value operator()(std::vector<Value> inputs) const { return Apply(std::move(inputs))[0]; }
  // For layers with several outputs. Never empty.
  std::vector<Value> Apply(std::vector<Value> inputs) const;

 private:
  std::shared_ptr<LayerBase> layer_;
};

// A layer of one's own: MakeLayer<MyLayer>(arguments of its constructor).
template <typename T, typename... Args>
Layer MakeLayer(Args&&... args) {
  return Layer(std::make_shared<T>(std::forward<Args>(args)...));
}

struct InputOptions {
  DType dtype = DType::kFloat32;
  std::string name;
  Dim batch = Dim::Symbol("batch");
};

// The start of a model: a value in the functional style, the first entry of a Sequential. `shape` is without the batch
// axis. Keras: Input.
class Input {
 public:
  explicit Input(PartialShape shape, InputOptions options = {});
  operator Value() const { return value_; }
  operator Layer() const;

 private:
  Value value_;
};

// A stack of layers, each with one input and one output. Keras: Sequential.
class Sequential {
 public:
  Sequential() = default;
  Sequential(std::initializer_list<Layer> layers, std::string name = "sequential")
      : layers_(layers), name_(std::move(name)) {}

  void Add(Layer layer) { layers_.push_back(std::move(layer)); }
  // InvalidArgument lists every fault, each with its layer's name; also when the first layer is no Input.
  absl::StatusOr<Model> Build(uint64_t seed = 0) const;

 private:
  std::vector<Layer> layers_;
  std::string name_ = "sequential";
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_LAYER_H_
