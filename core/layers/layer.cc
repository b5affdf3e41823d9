#include "nomograph/core/layers/layer.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/layers/weight_source.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// What `Layer(Input)` is: the first entry of a Sequential. In a stack that is called it declares
// what goes in.
class InputLayer : public LayerBase {
 public:
  explicit InputLayer(Value value) : LayerBase("InputLayer"), value_(std::move(value)) {}
  const Value& value() const { return value_; }

  absl::Status Check(const TensorType& found) const {
    const TensorType& declared = value_.type();
    if (declared.dtype == found.dtype && Compatible(declared.shape, found.shape))
      return absl::OkStatus();
    return InvalidArgument("expected ", declared.ToString(), ", found ", found.ToString());
  }
  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    if (inputs.empty()) return std::vector<Value>{value_};
    NOMO_RETURN_IF_ERROR(Check(inputs[0].type()));
    return std::vector<Value>{inputs[0]};
  }

 private:
  Value value_;
};

std::vector<TensorType> TypesOf(absl::Span<const Value> values) {
  std::vector<TensorType> types;
  for (const Value& value : values) types.push_back(value.valid() ? value.type() : TensorType{});
  return types;
}

bool IsFaulty(const Value& value) {
  return value.valid() && (!value.status().ok() || value.dtype() == DType::kInvalid);
}

bool AnyFaulty(const std::vector<Value>& values) {
  for (const Value& value : values) {
    if (IsFaulty(value)) return true;
  }
  return false;
}

absl::Status CheckInput(const TensorType& type) {
  if (type.dtype == DType::kInvalid) return InvalidArgument("an input needs a dtype");
  for (const Dim& dim : type.shape.dims()) {
    if (dim.size() < -1)
      return InvalidArgument("an input's sizes must not be negative, found ", dim.size());
  }
  return absl::OkStatus();
}

constexpr absl::string_view kActivity = "activity_regularizer";

// What is wrong with the rules that a layer of that class was given.
absl::Status CheckRules(const LayerScope& scope) {
  ErrorList errors;
  const LayerClass* known = LayerRegistry::Default().Find(scope.class_name);
  std::vector<std::string> arguments = {std::string(kActivity)};
  if (known != nullptr && !scope.rules.empty()) {
    for (const LayerOption& option : known->options()) arguments.push_back(option.name);
  }
  for (const auto& [argument, text] : scope.rules) {
    const bool there = std::find(arguments.begin(), arguments.end(), argument) != arguments.end();
    if (known != nullptr && !there) {
      errors.Add(InvalidArgument("the layer has no ", argument, DidYouMean(argument, arguments)));
    } else if (absl::EndsWith(argument, "_regularizer")) {
      errors.Add(RegularizerFromText(text).status(), argument);
    } else if (text.empty()) {
      errors.Add(InvalidArgument(argument,
                                 ": a model does not keep a function of one's own; it is one of "
                                 "TrainingGoals::constraints instead"));
    } else {
      errors.Add(ConstraintFromText(text).status(), argument);
    }
  }
  return errors.ToStatus("rules for weights are wrong");
}

// The outputs, which bring the layer's penalty on them along.
absl::Status AddActivityPenalty(const LayerScope& scope, std::vector<Value>& outputs) {
  const auto rule = scope.rules.find(kActivity);
  if (rule == scope.rules.end()) return absl::OkStatus();
  NOMO_ASSIGN_OR_RETURN(const Regularizer regularizer, RegularizerFromText(rule->second));
  for (Value& output : outputs) {
    if (IsFaulty(output) || !kFloats.Contains(output.dtype())) continue;
    const Value penalty = Penalty(regularizer, output);
    if (penalty.valid()) output = nomograph::Call("train.AddLoss", {output, penalty});
  }
  return absl::OkStatus();
}

}  // namespace

LayerBase::LayerBase(std::string class_name, std::string name)
    : scope_(std::make_shared<LayerScope>()) {
  scope_->class_name = std::move(class_name);
  scope_->name = std::move(name);
}

absl::Status LayerBase::CheckOptions() const { return absl::OkStatus(); }

absl::Status LayerBase::Build(absl::Span<const TensorType>) { return absl::OkStatus(); }

Value LayerBase::AddWeight(WeightOptions options) {
  for (const int64_t size : options.shape.dims()) {
    if (size >= 0) continue;
    return ErrorValue(InvalidArgument("weight ", options.name, ": expected known sizes, found ",
                                      options.shape.ToString(),
                                      ", where a negative one is unknown"));
  }
  if (auto initializer = ScopedWeightSource::Ask({.layer = scope_,
                                                  .name = options.name,
                                                  .shape = options.shape,
                                                  .dtype = options.dtype,
                                                  .trainable = options.trainable && trainable_,
                                                  .initializer = options.initializer})) {
    options.initializer = *std::move(initializer);
  }
  weights_.push_back(WeightValue({.name = std::move(options.name),
                                  .type = {options.dtype, options.shape},
                                  .initializer = std::move(options.initializer),
                                  .trainable = options.trainable && trainable_},
                                 scope_));
  return weights_.back();
}

absl::StatusOr<Value> LayerBase::ComputeMask(absl::Span<const Value> inputs) {
  for (const Value& input : inputs) {
    if (!supports_masking_ || !input.valid()) continue;
    if (const Value mask = MaskOf(input); mask.valid()) return mask;
  }
  return Value();
}

std::shared_ptr<const VariableSpec> LayerBase::AddVariable(std::string name, Tensor initial) {
  return std::make_shared<const VariableSpec>(VariableSpec{std::move(name), std::move(initial)});
}

Value LayerBase::Fail(const absl::Status& status, std::vector<Value> inputs) {
  fault_ = ErrorValue(status);
  inputs.push_back(fault_);
  return ErrorValue(absl::OkStatus(), std::move(inputs));
}

Value LayerBase::Prepare(const std::vector<Value>& inputs) {
  if (!checked_) {
    checked_ = true;
    absl::Status status = CheckOptions();
    if (status.ok()) status = CheckRules(*scope_);
    if (!status.ok()) return Fail(status, inputs);
  }
  if (fault_.valid()) {
    std::vector<Value> causes = inputs;
    causes.push_back(fault_);
    return ErrorValue(absl::OkStatus(), std::move(causes));
  }
  if (AnyFaulty(inputs)) return ErrorValue(absl::OkStatus(), inputs);
  if (!built_) {
    if (const absl::Status status = Build(TypesOf(inputs)); !status.ok())
      return Fail(status, inputs);
    built_ = true;
  }
  return Value();
}

Value MaskOf(const Value& value) {
  if (!value.valid() || value.expr()->mask == nullptr) return Value();
  return *value.expr()->mask;
}

std::vector<Value> Layer::Apply(std::vector<Value> inputs, int num_outputs) const {
  LayerBase& layer = *layer_;
  const auto fail = [&](const Value& fault) {
    return std::vector<Value>(std::max(num_outputs, 1), fault);
  };
  // A layer in its own call would never come to an end, nor would the chain of scopes.
  for (const LayerScope* around = ScopedLayer::Current().get(); around != nullptr;
       around = around->parent.get()) {
    if (around != layer.scope_.get()) continue;
    return fail(ErrorValue(InvalidArgument("a layer is among its own layers"), inputs));
  }
  if (!layer.called_) layer.scope_->parent = ScopedLayer::Current();
  const ScopedLayer scope(layer.scope_);

  const Value fault = layer.Prepare(inputs);
  if (fault.valid()) return fail(fault);
  const uint64_t start = Expr(Expr::Kind::kInput).id;
  absl::StatusOr<std::vector<Value>> outputs = layer.Call(inputs);
  if (!outputs.ok()) return fail(ErrorValue(outputs.status(), inputs));
  if (outputs->empty() ||
      (num_outputs != kAllOutputs && static_cast<int>(outputs->size()) != num_outputs)) {
    return fail(
        ErrorValue(InvalidArgument("the layer yields ", outputs->size(), " outputs, but ",
                                   num_outputs, " are taken; Apply(inputs, n) takes n of them")));
  }
  for (Value& output : *outputs) {
    if (!output.valid())
      return fail(ErrorValue(InvalidArgument("an output of the layer's Call() is absent")));
    // A layer that hands on what it was given has a node of its own all the same.
    if (output.expr()->id < start) output = nomograph::Call("core.Identity", {output});
  }
  if (const absl::Status status = AddActivityPenalty(*layer.scope_, *outputs); !status.ok())
    return fail(ErrorValue(status, inputs));
  const absl::StatusOr<Value> mask = layer.ComputeMask(inputs);
  if (!mask.ok()) return fail(ErrorValue(mask.status(), inputs));
  if (mask->valid()) {
    // The expression is the layer's own and has no other output that is seen, so that the mask is
    // nobody else's.
    Value& first = outputs->front();
    const auto shares = [&](const Value& other) { return other.expr() == first.expr(); };
    if (std::count_if(outputs->begin(), outputs->end(), shares) > 1)
      first = nomograph::Call("core.Identity", {first});
    first.expr()->mask = std::make_shared<const Value>(*mask);
  }
  if (!layer.called_) {
    for (const Value& output : *outputs) {
      layer.scope_->first_outputs.emplace_back(output.expr()->id, output.output());
    }
  }
  layer.called_ = true;
  return *std::move(outputs);
}

Value Layer::weight(absl::string_view name) const {
  std::vector<std::string> names;
  for (const Value& weight : layer_->weights_) {
    names.push_back(weight.expr()->weight->name);
    if (names.back() == name) return weight;
  }
  const ScopedLayer scope(layer_->scope_);
  if (layer_->fault_.valid()) return ErrorValue(absl::OkStatus(), {layer_->fault_});
  if (!layer_->built_) {
    return ErrorValue(absl::FailedPreconditionError(
        absl::StrCat("weight ", Quoted(name), " is asked for before the layer is called")));
  }
  return ErrorValue(absl::NotFoundError(
      absl::StrCat("the layer has no weight ", Quoted(name), "; it has ",
                   names.empty() ? "none" : absl::StrJoin(names, ", ", AppendShown))));
}

absl::StatusOr<LayerConfig> Layer::Config() const {
  if (layer_->config_ == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("a layer of class ", class_name(), " has no configuration"));
  }
  auto config = layer_->config_();
  NOMO_RETURN_IF_ERROR(Annotate(config.status(), class_name()));
  config->Set("trainable", layer_->trainable_);
  for (const auto& [argument, text] : layer_->scope_->rules) {
    if (text.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(argument, ": a function of one's own has no configuration"));
    }
    config->Set(argument, RuleConfigFromText(argument, text));
  }
  return config;
}

absl::Status Layer::CheckOptions() const {
  NOMO_RETURN_IF_ERROR(layer_->CheckOptions());
  return CheckRules(*layer_->scope_);
}

const Layer& Layer::With(const LayerRules& rules) const {
  for (auto& [argument, text] : rules.ToTexts()) set_rule(argument, std::move(text));
  return *this;
}

void Layer::set_rule(absl::string_view argument, std::string text) const {
  layer_->scope_->rules.insert_or_assign(std::string(argument), std::move(text));
}

void Layer::set_config(std::function<absl::StatusOr<LayerConfig>()> config) {
  layer_->config_ = std::move(config);
}

Input::Input(PartialShape shape, InputOptions options) {
  auto scope = std::make_shared<LayerScope>();
  scope->class_name = "InputLayer";
  scope->name = options.name;
  const ScopedLayer in_layer(scope);
  std::vector<Dim> dims = {std::move(options.batch)};
  if (shape.has_rank()) dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
  const TensorType type = {options.dtype, PartialShape(std::move(dims))};
  const absl::Status status = CheckInput(type);
  value_ = status.ok() ? InputValue(type, std::move(options.name)) : ErrorValue(status);
}

Input::operator Layer() const { return MakeLayer<InputLayer>(value_); }

// The layers of a Sequential, as a layer.
class Sequential::Stack : public LayerBase {
 public:
  explicit Stack(std::string name) : LayerBase("Sequential", std::move(name)) {}
  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    if (inputs.size() != 1) return InvalidArgument("expected 1 input, found ", inputs.size());
    size_t next = 0;
    if (const InputLayer* input = FirstInput()) {
      NOMO_RETURN_IF_ERROR(Annotate(input->Check(inputs[0].type()), "the stack's Input"));
      ++next;
    }
    Value value = inputs[0];
    for (; next < layers.size(); ++next) value = layers[next](value);
    return std::vector<Value>{value};
  }

  // The first layer where it is an Input, else null.
  const InputLayer* FirstInput() const {
    return layers.empty() ? nullptr : dynamic_cast<const InputLayer*>(layers[0].layer_.get());
  }

  std::vector<Layer> layers;
};

Sequential::Sequential(std::initializer_list<Layer> layers, std::string name)
    : stack_(std::make_shared<Stack>(std::move(name))) {
  stack_->layers = layers;
}

void Sequential::Add(Layer layer) { stack_->layers.push_back(std::move(layer)); }

absl::StatusOr<Model> Sequential::Build(uint64_t seed) const {
  const std::vector<Layer>& layers = stack_->layers;
  const InputLayer* first = stack_->FirstInput();
  if (first == nullptr) {
    return InvalidArgument(
        "the first layer of a Sequential must be an Input, which tells the shape");
  }
  const Value input = first->value();
  Value value = input;
  for (size_t i = 1; i < layers.size(); ++i) value = layers[i](value);
  if (IsFaulty(input)) return BuildModel({}, {value});  // which reports it with the others
  const std::string& name = stack_->scope()->name;
  NOMO_ASSIGN_OR_RETURN(
      Model model,
      BuildModel({input}, {value}, {.name = name.empty() ? "sequential" : name, .seed = seed}));
  // Keras does not count the input among a Sequential's layers.
  std::erase_if(model.layers,
                [](const LayerInfo& layer) { return layer.class_name == "InputLayer"; });
  return model;
}

Sequential::operator Layer() const { return Layer(stack_); }

}  // namespace nomograph
