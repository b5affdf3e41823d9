// Lambdas: named by the user, translated, or left to an op that is to be registered.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/opaque_node.h"
#include "nomograph/serialization/keras/ready_layer.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

// A function with what the file gives beside it.
struct StoredFunction {
  std::optional<LambdaFunction> function;
  absl::Status fault;  // why there is none

  bool has_body() const { return function && function->has_body(); }
  std::string SourceText(const PythonLimits& limits) const {
    return function ? function->SourceText(limits) : "(it cannot be read)";
  }
};

StoredFunction ReadStored(const ConfigValue* value, absl::string_view type,
                          const PythonLimits& limits) {
  StoredFunction stored;
  if (value == nullptr) {
    stored.fault = InvalidArgument("the file has no function for it");
    return stored;
  }
  auto function = ReadLambda(*value, type, limits);
  stored.fault = function.status();
  if (function.ok()) stored.function = *std::move(function);
  return stored;
}

// "Custom.euclid" of a function that the file names "Custom>euclid"; empty for lambdas.
std::string OpOfName(absl::string_view name) {
  if (name.empty() || name == "<lambda>") return "";
  const size_t package = name.rfind('>');
  if (package == name.npos) return absl::StrCat("custom.", NameForOp(name));
  return absl::StrCat(NameForOp(name.substr(0, package)), ".", NameForOp(name.substr(package + 1)));
}

class LambdaBase : public LayerBase {
 public:
  LambdaBase(std::shared_ptr<LayerNode> node, OutputHints hints, ImportContext& context)
      : LayerBase("Lambda", NameHere(*node)),
        node_(std::move(node)),
        hints_(std::move(hints)),
        context_(context) {
    const LayerConfig& config = node_->entry.config;
    stored_ = ReadStored(config.Find("function"), TextField(config, "function_type"),
                         context_.options.limits);
    if (const LayerConfig* arguments = FieldOf<LayerConfig>(config, "arguments"))
      arguments_ = *Unwrapped(ConfigValue(*arguments)).As<LayerConfig>();
  }

  void set_call(bool as_list, const ResolvedCall& call) {
    as_list_ = as_list;
    keyword_arguments_ = arguments_;
    for (const auto& [name, argument] : call.keywords) {
      const ConfigValue* value = std::get_if<ConfigValue>(&argument.value);
      if (value != nullptr && !value->is_null() && name != "training" && name != "mask")
        keyword_arguments_.Set(name, *value);
    }
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    outcome_ = {.layer = node_->full_name,
                .origin = Origin(),
                .source = stored_.SourceText(context_.options.limits)};
    auto outputs = Applied(inputs);
    if (outputs.ok() && !reported_) {
      reported_ = true;
      context_.docs[node_->full_name] = absl::StrCat(outcome_.origin, ": ", outcome_.source);
      context_.report.lambdas.push_back(outcome_);
    }
    return outputs;
  }

 private:
  std::string Origin() const {
    const std::string version =
        stored_.has_body() ? stored_.function->PythonVersion() : std::string();
    return version.empty() ? "Lambda" : absl::StrCat("Lambda of ", version);
  }

  absl::StatusOr<std::vector<Value>> Applied(absl::Span<const Value> inputs) {
    if (const NamedOp* named = NamedByUser(*node_, context_.options)) {
      outcome_.how = LambdaOutcome::How::kNamed;
      outcome_.op = named->op;
      return CallNamed(*named, inputs);
    }
    if (stored_.has_body()) {
      if (auto outputs = Translated(inputs)) return *std::move(outputs);
    } else {
      outcome_.obstacles.push_back(
          stored_.function ? absl::StrCat(Quoted(stored_.function->name),
                                          " is a name: Keras did not store the function's body")
                           : Escape(stored_.fault.message()));
    }
    const std::string named =
        stored_.function && !stored_.has_body() ? OpOfName(stored_.function->name) : std::string();
    outcome_.op = named.empty() ? absl::StrCat("lambda.", NameForOp(node_->full_name)) : named;
    return Missing(inputs);
  }

  absl::StatusOr<std::vector<Value>> CallNamed(const NamedOp& named,
                                               absl::Span<const Value> inputs) {
    CallOptions options{.num_outputs = static_cast<int>(hints_.num_outputs)};
    if (context_.options.registry->Find(named.op) == nullptr)
      options.output_types = TypesFor(inputs);
    return CallMulti(named.op, std::vector<Value>(inputs.begin(), inputs.end()), named.attrs,
                     std::move(options));
  }

  TranslateOptions OptionsFor(absl::Span<const Value> inputs) const {
    TranslateOptions options{.arguments = keyword_arguments_,
                             .defines = context_.options.defines,
                             .channels_first = context_.era.channels_first,
                             .keras_major = context_.era.major,
                             .limits = context_.options.limits};
    for (const Value& input : inputs) options.masks.push_back(MaskOf(input));
    return options;
  }

  // Nothing where something is missing. It is tried on inputs of its own first, since a body that
  // fails would be a fault of the model's.
  std::optional<std::vector<Value>> Translated(absl::Span<const Value> inputs) {
    const TranslateOptions options = OptionsFor(inputs);
    std::vector<Value> trial;
    for (const Value& input : inputs) trial.push_back(InputValue(input.type()));
    TranslateOptions trial_options = options;
    for (Value& mask : trial_options.masks) {
      if (mask.valid()) mask = InputValue(mask.type());
    }
    const Translation tried = Translate(*stored_.function, trial, as_list_, trial_options);
    absl::Status status = tried.status;
    for (const Value& output : tried.outputs) {
      if (status.ok() && output.valid()) status = output.status();
    }
    if (status.ok() && tried.outputs.empty()) status = InvalidArgument("it yields nothing");
    if (!status.ok()) {
      for (const MissingItem& item : tried.missing) outcome_.obstacles.push_back(item.message);
      if (tried.missing.empty()) outcome_.obstacles.push_back(EscapeMessage(status.message()));
      return std::nullopt;
    }
    outcome_.how = LambdaOutcome::How::kTranslated;
    outcome_.op = absl::StrCat("local.", node_->entry.name);
    const auto body = [this, options](absl::Span<const Value> x) {
      return Translate(*stored_.function, x, as_list_, options).outputs;
    };
    return CallTraced(body, std::vector<Value>(inputs.begin(), inputs.end()));
  }

  absl::StatusOr<std::vector<Value>> Missing(absl::Span<const Value> inputs) {
    const Attributes attrs = AttributesOf(keyword_arguments_);
    return CallOpaque(
        {.op = outcome_.op,
         .attrs = attrs,
         .inputs = std::vector<Value>(inputs.begin(), inputs.end()),
         .output_types = TypesFor(inputs),
         .doc = absl::StrCat("Keras' Lambda ", node_->full_name, ": ", outcome_.source)},
        context_, outcome_);
  }

  // What the file declares, else what the layers behind were built for, else the first input's.
  std::vector<TensorType> TypesFor(absl::Span<const Value> inputs) {
    std::vector<PartialShape> declared = DeclaredShapes(inputs);
    return OutputTypes(inputs, std::move(declared), hints_, outcome_);
  }

  std::vector<PartialShape> DeclaredShapes(absl::Span<const Value> inputs) const {
    const ConfigValue* value = node_->entry.config.Find("output_shape");
    if (value == nullptr || value->is_null()) return {};
    const Dim batch = inputs.empty() || inputs[0].shape().rank() < 1 ? Dim() : inputs[0].shape()[0];
    const auto with_batch = [&](const PartialShape& shape) {
      std::vector<Dim> dims = {batch};
      dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
      return PartialShape(std::move(dims));
    };
    const ConfigValue plain = Unwrapped(*value);
    if (const auto shape = ShapeIn(plain)) return {with_batch(*shape)};
    if (const List* list = plain.As<List>(); list != nullptr && !list->empty()) {
      std::vector<PartialShape> shapes;
      for (const ConfigValue& element : *list) {
        const auto shape = ShapeIn(element);
        if (!shape) break;
        shapes.push_back(with_batch(*shape));
      }
      if (shapes.size() == list->size()) return shapes;
    }
    const auto function = ReadLambda(*value, TextField(node_->entry.config, "output_shape_type"),
                                     context_.options.limits);
    if (!function.ok() || !function->has_body()) return {};
    std::vector<PartialShape> shapes;
    for (const Value& input : inputs) shapes.push_back(input.shape());
    TranslateOptions options = OptionsFor(inputs);
    options.arguments = {};
    auto result = TranslateShape(*function, shapes, as_list_, options);
    return result.ok() ? *std::move(result) : std::vector<PartialShape>();
  }

  const std::shared_ptr<LayerNode> node_;
  const OutputHints hints_;
  ImportContext& context_;
  StoredFunction stored_;
  LayerConfig arguments_, keyword_arguments_;
  bool as_list_ = false, reported_ = false;
  LambdaOutcome outcome_;
};

class LambdaLayer : public ReadyLayer {
 public:
  LambdaLayer(std::shared_ptr<LayerNode> node, const OutputHints& hints, ImportContext& context)
      : base_(std::make_shared<LambdaBase>(std::move(node), hints, context)), layer_(base_) {}

  std::vector<Value> Call(const ResolvedCall& call) override {
    std::vector<Value> inputs = ValuesIn(call.arguments);
    const bool as_list = call.arguments.size() == 1 &&
                         std::holds_alternative<std::vector<CallArgument>>(call.arguments[0].value);
    base_->set_call(as_list, call);
    return layer_.Apply(WithMasks(std::move(inputs), call), Layer::kAllOutputs);
  }
  Layer AsLayer() override { return layer_; }

 private:
  std::shared_ptr<LambdaBase> base_;
  Layer layer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeLambda(const std::shared_ptr<LayerNode>& node,
                                                       const OutputHints& hints,
                                                       ImportContext& context) {
  return std::make_unique<LambdaLayer>(node, hints, context);
}

absl::StatusOr<Value> ApplyActivation(const ConfigValue& activation, const std::string& layer,
                                      const Value& x, ImportContext& context) {
  const LayerConfig* object = activation.As<LayerConfig>();
  const std::string class_name = object == nullptr ? "" : TextField(*object, "class_name");
  if (const std::string here = ClassHere(class_name);
      LayerRegistry::Default().Find(here) != nullptr && class_name != "function") {
    NOMO_ASSIGN_OR_RETURN(const LayerEntry entry, ReadLayerEntry(activation));
    NOMO_ASSIGN_OR_RETURN(LayerForm form, FormOf(entry, context.era));
    form.config.Set("name", nullptr);
    NOMO_ASSIGN_OR_RETURN(const Layer made, FromConfig(form.class_name, form.config));
    return made(x);
  }
  // A function of its author's: a Lambda behind the layer, which may be named as any other.
  auto node = std::make_shared<LayerNode>();
  node->entry.class_name = "Lambda";
  node->entry.name = absl::StrCat(layer.substr(layer.rfind('/') + 1), "_activation");
  node->entry.config.Set("function", activation);
  node->full_name = absl::StrCat(layer, "_activation");
  NOMO_ASSIGN_OR_RETURN(const auto lambda, MakeLambda(node, {}, context));
  // The layer belongs to the values that it makes.
  return lambda->AsLayer()(x);
}

}  // namespace nomograph::keras
