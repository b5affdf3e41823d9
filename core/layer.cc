#include "nomograph/core/layer.h"

namespace nomograph {
namespace {

// What `Layer(Input)` is: it yields the input, and is the first entry of a Sequential.
class InputLayer : public LayerBase {
 public:
  explicit InputLayer(Value value) : LayerBase("InputLayer"), value_(std::move(value)) {}
  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value>) override { return std::vector<Value>{value_}; }

 private:
  Value value_;
};

std::vector<TensorType> TypesOf(absl::Span<const Value> values) {
  std::vector<TensorType> types;
  for (const Value& value : values) types.push_back(value.valid() ? value.type() : TensorType{});
  return types;
}

}  // namespace

LayerBase::LayerBase(std::string class_name, std::string name) : scope_(std::make_shared<LayerScope>()) {
  scope_->class_name = std::move(class_name);
  scope_->name = std::move(name);
}

absl::Status LayerBase::Build(absl::Span<const TensorType>) { return absl::OkStatus(); }

Value LayerBase::AddWeight(WeightOptions options) {
  return WeightValue({.name = std::move(options.name),
                      .type = {options.dtype, options.shape},
                      .initializer = std::move(options.initializer),
                      .trainable = options.trainable},
                     scope_);
}

std::shared_ptr<const VariableSpec> LayerBase::AddVariable(std::string name, Tensor initial) {
  return std::make_shared<const VariableSpec>(VariableSpec{std::move(name), std::move(initial)});
}

std::vector<Value> Layer::Apply(std::vector<Value> inputs) const {
  LayerBase& layer = *layer_;
  if (!layer.called_) layer.scope_->parent = ScopedLayer::Current();
  const ScopedLayer scope(layer.scope_);
  for (const Value& input : inputs) {
    // The cause is reported where it arose.
    if (input.valid() && !input.status().ok()) return {input};
    if (input.valid() && input.dtype() == DType::kInvalid) return {input};
  }
  if (!layer.built_) {
    const absl::Status built = layer.Build(TypesOf(inputs));
    if (!built.ok()) return {ErrorValue(built)};
    layer.built_ = true;
  }
  absl::StatusOr<std::vector<Value>> outputs = layer.Call(inputs);
  if (!outputs.ok()) return {ErrorValue(outputs.status())};
  if (outputs->empty()) return {ErrorValue(absl::InternalError("the layer's Call() yields no output"))};
  if (!layer.called_) layer.scope_->first_call_end = Expr(Expr::Kind::kInput).id;
  layer.called_ = true;
  return *std::move(outputs);
}

Input::Input(PartialShape shape, InputOptions options) {
  auto scope = std::make_shared<LayerScope>();
  scope->class_name = "InputLayer";
  scope->name = options.name;
  const ScopedLayer in_layer(scope);
  std::vector<Dim> dims = {std::move(options.batch)};
  if (shape.has_rank()) dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
  value_ = InputValue({options.dtype, PartialShape(std::move(dims))}, std::move(options.name));
}

Input::operator Layer() const { return MakeLayer<InputLayer>(value_); }

absl::StatusOr<Model> Sequential::Build(uint64_t seed) const {
  if (layers_.empty()) return InvalidArgument("a Sequential needs an Input and at least one layer");
  const Value input = layers_[0](std::vector<Value>{});
  if (!input.status().ok() || input.expr()->kind != Expr::Kind::kInput) {
    return InvalidArgument("the first layer of a Sequential must be an Input, which tells the shape");
  }
  Value value = input;
  for (size_t i = 1; i < layers_.size(); ++i) value = layers_[i](value);
  return BuildModel({input}, {value}, {.name = name_, .seed = seed});
}

}  // namespace nomograph
