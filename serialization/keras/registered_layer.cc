// Layers that core/layers has.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/layers/wrappers.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/ready_layer.h"
#include "nomograph/serialization/keras/training_rules.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

// The tensors that an attention takes, by the names and in the order of Keras' arguments.
struct AttentionArguments {
  absl::string_view classes;
  int least_major;
  std::vector<absl::string_view> names;
};
const std::vector<absl::string_view>* AttentionArgumentsOf(absl::string_view class_name,
                                                           int keras_major) {
  static const auto& rows = *new std::vector<AttentionArguments>{
      {"MultiHeadAttention GroupQueryAttention",
       3,
       {"query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask"}},
      {"MultiHeadAttention GroupQueryAttention", 0, {"query", "value", "key", "attention_mask"}},
      // A list of them is their first argument.
      {"Attention AdditiveAttention", 0, {"query", "value", "key"}},
  };
  for (const AttentionArguments& row : rows) {
    const std::vector<absl::string_view> classes = absl::StrSplit(row.classes, ' ');
    if (keras_major >= row.least_major &&
        std::find(classes.begin(), classes.end(), class_name) != classes.end())
      return &row.names;
  }
  return nullptr;
}

// The elements where all is one list.
absl::Span<const CallArgument> Spread(absl::Span<const CallArgument> arguments) {
  if (arguments.size() != 1) return arguments;
  const auto* list = std::get_if<std::vector<CallArgument>>(&arguments[0].value);
  return list == nullptr ? arguments : absl::Span<const CallArgument>(*list);
}

// Options that Keras has as arguments of the call, and the layers here as their own.
void TakeCallOptions(const LayerNode& node, LayerConfig& config) {
  for (const LayerCall& call : node.entry.calls) {
    for (const auto& [name, argument] : call.keywords) {
      const ConfigValue* value = std::get_if<ConfigValue>(&argument.value);
      if (value != nullptr && value->As<bool>() != nullptr &&
          (name == "use_causal_mask" || name == "return_attention_scores")) {
        config.Set(name, *value);
      }
    }
  }
}

class RegisteredLayer : public ReadyLayer {
 public:
  RegisteredLayer(std::shared_ptr<LayerNode> node, Layer layer,
                  std::optional<ConfigValue> activation, OutputHints hints, ImportContext& context)
      : node_(std::move(node)),
        layer_(std::move(layer)),
        activation_(std::move(activation)),
        hints_(std::move(hints)),
        context_(context) {}

  std::vector<Value> Call(const ResolvedCall& call) override {
    if (opaque_ != nullptr) return opaque_->Call(call);
    auto taken = InputsOf(call);
    if (!taken.ok())
      return CallInstead(call, EscapeMessage(taken.status().message()), taken.status());
    std::vector<Value> inputs = *std::move(taken);
    if (time_major_ && !inputs.empty()) inputs[0] = StepsAndBatchSwapped(inputs[0]);
    std::vector<Value> outputs;
    {
      const SlotCollector collector(node_->slots);
      outputs = IsReverse(call) ? std::vector<Value>{Reversed(inputs)}
                                : layer_.Apply(inputs, Layer::kAllOutputs);
    }
    if (time_major_ && !IsFaulty(outputs[0]) && outputs[0].shape().rank() == 3)
      outputs[0] = StepsAndBatchSwapped(outputs[0]);
    const bool is_first = !std::exchange(called_, true);
    if (is_first) CompareWithDeclared(outputs[0]);
    if (!is_first || !IsFaulty(outputs[0]) || std::any_of(inputs.begin(), inputs.end(), IsFaulty))
      return Activated(std::move(outputs));
    return CallInstead(call, FaultOf(outputs[0]), outputs[0].status());
  }

  Layer AsLayer() override;
  // Steps are the first axis of sequences, and the batch is the second.
  void set_time_major(bool time_major) { time_major_ = time_major; }

 private:
  // What the layer here does not do is left to an op, so that the rest can be looked at.
  std::vector<Value> CallInstead(const ResolvedCall& call, std::string obstacle,
                                 const absl::Status& fault) {
    node_->slots.clear();
    auto opaque = MakeUsersLayer(node_, hints_, context_, std::move(obstacle));
    if (!opaque.ok()) return {ErrorValue(fault)};
    opaque_ = *std::move(opaque);
    return opaque_->Call(call);
  }

  static Value StepsAndBatchSwapped(const Value& x) {
    return nomograph::Call("array.Transpose", {x}, {{"perm", std::vector<int64_t>{1, 0, 2}}});
  }
  static bool IsFaulty(const Value& value) {
    return value.valid() && (!value.status().ok() || value.dtype() == DType::kInvalid);
  }
  // The first fault behind a value.
  static std::string FaultOf(const Value& value) {
    if (!value.status().ok()) return EscapeMessage(value.status().message());
    for (const Value& input : value.expr()->inputs) {
      if (IsFaulty(input)) return FaultOf(input);
    }
    return "its call does not fit the layer here";
  }

  // A ReversibleEmbedding goes from features to scores of all rows.
  bool IsReverse(const ResolvedCall& call) const {
    const CallArgument* reverse = KeywordOf(call, "reverse");
    const ConfigValue* flag =
        reverse == nullptr ? nullptr : std::get_if<ConfigValue>(&reverse->value);
    return flag != nullptr && *flag == ConfigValue(true) && layer_.class_name() == "Embedding";
  }
  Value Reversed(const std::vector<Value>& inputs) const {
    if (inputs.size() != 1) return ErrorValue(InvalidArgument("expected one input"));
    const Value rows = layer_.weight("embeddings");
    return nomograph::Call("math.MatMul",
                           {inputs[0], nomograph::Call("array.Transpose", {rows},
                                                       {{"perm", std::vector<int64_t>{1, 0}}})});
  }

  // Keras 1's Deconvolution2D says what its result's shape is, from which the padding follows.
  void CompareWithDeclared(const Value& output) const {
    const ConfigValue* declared = node_->entry.config.Find("output_shape");
    if (declared == nullptr || !absl::EndsWith(layer_.class_name(), "Transpose")) return;
    const auto shape = ShapeIn(*declared);
    if (!shape || IsFaulty(output) || shape->rank() != output.shape().rank()) return;
    for (int axis = 1; axis < shape->rank(); ++axis) {
      if (!(*shape)[axis].known() || !output.shape()[axis].known() ||
          (*shape)[axis] == output.shape()[axis])
        continue;
      context_.report.warnings.push_back(
          absl::StrCat("layer ", Quoted(node_->full_name), ": the file says that its result is ",
                       shape->ToString(), "; here it is ", output.shape().ToString()));
      return;
    }
  }

  std::vector<Value> Activated(std::vector<Value> outputs) {
    if (activation_) {
      const auto activated = ApplyActivation(*activation_, node_->full_name, outputs[0], context_);
      outputs[0] = activated.ok() ? *activated : ErrorValue(activated.status());
    }
    outputs[0] = WithActivityPenalty(node_->entry, context_.era, outputs[0]);
    return outputs;
  }

  absl::StatusOr<std::vector<Value>> InputsOf(const ResolvedCall& call) const {
    std::vector<Value> inputs;
    if (const auto* names = AttentionArgumentsOf(layer_.class_name(), context_.era.major)) {
      NOMO_ASSIGN_OR_RETURN(inputs, AttentionInputs(call, *names));
    } else {
      inputs = ValuesIn(call.arguments);
      for (const auto& [name, argument] : call.keywords) {
        if (name == "mask" || name == "training" || name == "reverse") continue;
        for (const Value& value : ValuesIn(argument)) inputs.push_back(value);
      }
    }
    if (layer_.class_name() == "Softmax" && inputs.size() == 1) {
      const CallArgument* mask = KeywordOf(call, "mask");
      const std::vector<Value> values = mask == nullptr ? std::vector<Value>() : ValuesIn(*mask);
      if (values.size() == 1)
        return std::vector<Value>{WithoutMasked(inputs[0], AsMask(values[0]))};
    }
    return WithMasks(std::move(inputs), call);
  }

  // Query, value, key and mask, as the layers here take them, from what the call gives by place or
  // by name. InvalidArgument for tensors that are none of `names`.
  static absl::StatusOr<std::vector<Value>> AttentionInputs(
      const ResolvedCall& call, const std::vector<absl::string_view>& names) {
    std::map<absl::string_view, Value> given;
    const auto take = [&](absl::string_view name, const CallArgument& argument) -> absl::Status {
      const std::vector<Value> values = ValuesIn(argument);
      if (values.empty()) return absl::OkStatus();
      if (values.size() > 1 || std::find(names.begin(), names.end(), name) == names.end())
        return InvalidArgument("its call has an argument ", Shown(name), " that is not known here");
      given[name] = values[0];
      return absl::OkStatus();
    };
    absl::Span<const CallArgument> places = Spread(call.arguments);
    const CallArgument* list = places.empty() ? KeywordOf(call, "inputs") : nullptr;
    if (list != nullptr) places = Spread(absl::MakeConstSpan(list, 1));
    for (size_t i = 0; i < places.size(); ++i) {
      const std::string name = absl::StrCat("number ", i);
      NOMO_RETURN_IF_ERROR(take(i < names.size() ? names[i] : absl::string_view(name), places[i]));
    }
    for (const auto& [name, argument] : call.keywords) {
      if (&argument != list && name != "mask") NOMO_RETURN_IF_ERROR(take(name, argument));
    }
    std::vector<Value> inputs = {given["query"], given["value"]};
    Value &key = given["key"], &key_mask = given["key_mask"], &mask = given["attention_mask"];
    mask = AsMask(mask);
    // As a part of the whole mask, since Keras does not hand it on.
    if (const Value& rows = given["query_mask"]; rows.valid()) {
      const Value column =
          nomograph::Call("array.Unsqueeze", {AsMask(rows)}, {{"axes", std::vector<int64_t>{2}}});
      mask = mask.valid() ? nomograph::Call("math.And", {mask, column}) : column;
    }
    // The key is the value unless it is given.
    if (!key.valid() && key_mask.valid()) key = inputs[1];
    if (key.valid() || key_mask.valid() || mask.valid()) inputs.push_back(key);
    if (mask.valid()) inputs.push_back(mask);
    for (const auto& [i, name] : {std::pair(1, "value_mask"), std::pair(2, "key_mask")}) {
      if (const Value& own = given[name]; own.valid() && inputs[i].valid())
        inputs[i] = WithMask(inputs[i], AsMask(own));
    }
    return inputs;
  }

  // What the mask leaves out gets no part of a Softmax.
  static Value WithoutMasked(const Value& x, const Value& mask) {
    return nomograph::Call("array.Where", {mask, x, Constant(Tensor::Of<float>({}, {-1e30f}))});
  }

  const std::shared_ptr<LayerNode> node_;
  Layer layer_;
  std::optional<ConfigValue> activation_;
  const OutputHints hints_;
  ImportContext& context_;
  std::unique_ptr<ReadyLayer> opaque_;  // in the layer's place, where it cannot be called so
  bool called_ = false, time_major_ = false;
};

// A ready layer where a wrapper wants a layer.
class AsLayerBase : public LayerBase {
 public:
  AsLayerBase(RegisteredLayer& ready, std::string class_name, std::string name)
      : LayerBase(std::move(class_name), std::move(name)), ready_(ready) {}
  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    ResolvedCall call;
    for (const Value& input : inputs) call.arguments.push_back({input});
    return ready_.Call(call);
  }

 private:
  RegisteredLayer& ready_;
};

// A wrapper's layer declares its weights for the wrapper.
Layer RegisteredLayer::AsLayer() {
  if (!activation_) return layer_;
  return MakeLayer<AsLayerBase>(*this, layer_.class_name(), NameHere(*node_));
}

// A wrapper around a layer that this import has made, which has to live as long.
class WrapperLayer : public RegisteredLayer {
 public:
  WrapperLayer(std::shared_ptr<LayerNode> node, Layer layer, std::unique_ptr<ReadyLayer> inner,
               ImportContext& context)
      : RegisteredLayer(std::move(node), std::move(layer), std::nullopt, {}, context),
        inner_(std::move(inner)) {}

 private:
  std::unique_ptr<ReadyLayer> inner_;
};

// Keras 1's Merge and Keras' RNN around a cell are other layers with the same options.
absl::StatusOr<LayerEntry> Replaced(LayerEntry entry) {
  const std::string class_name = ClassHere(entry.class_name);
  if (class_name == "Merge") {
    static constexpr std::pair<absl::string_view, absl::string_view> kModes[] = {
        {"sum", "Add"},     {"mul", "Multiply"}, {"concat", "Concatenate"},
        {"ave", "Average"}, {"max", "Maximum"},  {"dot", "Dot"},
        {"cos", "Dot"}};
    const std::string mode = TextField(entry.config, "mode");
    if (TextField(entry.config, "mode_type") == "lambda") {
      const ConfigValue* function = entry.config.Find("mode");
      if (function != nullptr) entry.config.Set("function", *function);
      entry.class_name = "Lambda";
      return entry;
    }
    LayerConfig config{{"name", entry.name}};
    for (const auto& [name, to] : kModes) {
      if (name != mode) continue;
      const ConfigValue* axis = entry.config.Find(mode == "concat" ? "concat_axis" : "dot_axes");
      if (mode == "concat" && axis != nullptr) config.Set("axis", *axis);
      if (to == "Dot") config.Set("axes", axis == nullptr ? ConfigValue(-1) : *axis);
      if (mode == "cos") config.Set("normalize", true);
      entry.class_name = std::string(to);
      entry.config = std::move(config);
      return entry;
    }
    if (TextField(entry.config, "mode_type") == "function") {
      return absl::UnimplementedError(
          absl::StrCat("a Merge by function ", Quoted(mode), ", whose body Keras did not store"));
    }
    return absl::UnimplementedError(absl::StrCat("a Merge of mode ", Quoted(mode)));
  }
  if (class_name == "RNN") {
    const LayerConfig* cell = FieldOf<LayerConfig>(entry.config, "cell");
    const std::string cell_class = cell == nullptr ? "" : TextField(*cell, "class_name");
    const LayerConfig* cell_config =
        cell == nullptr ? nullptr : FieldOf<LayerConfig>(*cell, "config");
    for (const char* known : {"LSTM", "GRU", "SimpleRNN"}) {
      if (cell_class != absl::StrCat(known, "Cell") || cell_config == nullptr) continue;
      LayerConfig config = *cell_config;
      for (const auto& [name, value] : entry.config) {
        if (name != "cell") config.Set(name, value);
      }
      entry.class_name = known;
      entry.config = std::move(config);
      return entry;
    }
    return absl::UnimplementedError(absl::StrCat("an RNN of cells of class ", Quoted(cell_class)));
  }
  return entry;
}

// A layer within a Bidirectional, as its configuration has it.
absl::StatusOr<ConfigValue> InnerForm(const ConfigValue& value, ImportContext& context) {
  if (value.is_null()) return value;
  NOMO_ASSIGN_OR_RETURN(LayerEntry entry, ReadLayerEntry(value));
  NOMO_ASSIGN_OR_RETURN(entry, Replaced(std::move(entry)));
  if (LayerRegistry::Default().Find(ClassHere(entry.class_name)) == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("a layer of class ", Quoted(entry.class_name), " both ways"));
  }
  NOMO_ASSIGN_OR_RETURN(LayerForm form, FormOf(entry, context.era));
  if (form.time_major) return absl::UnimplementedError("time_major of a layer both ways");
  if (const std::string* name = FieldOf<std::string>(form.config, "name"))
    form.config.Set("name", LayerNameHere(*name));
  return ConfigValue(LayerConfig{{"class_name", form.class_name}, {"config", form.config}});
}

// Means and variances lie among the weights unless the configuration has them.
absl::Status FillNormalization(LayerNode& node, ImportContext& context, LayerConfig& config) {
  const List* mean = FieldOf<List>(config, "mean");
  if ((mean != nullptr && !mean->empty()) ||
      (config.Find("mean") != nullptr && FieldOf<List>(config, "mean") == nullptr)) {
    return absl::OkStatus();
  }
  const std::vector<StoredWeight> stored = StoredFor(node, context.stored);
  if (stored.size() < 2) {
    config.Set("mean", List{ConfigValue(0.0)});
    config.Set("variance", List{ConfigValue(1.0)});
    context.report.warnings.push_back(
        absl::StrCat("layer ", Quoted(node.full_name),
                     ": it was never adapted to data, so that it changes nothing"));
    return absl::OkStatus();
  }
  for (const StoredWeight& weight : stored) node.taken.push_back(weight.id);
  for (int i : {0, 1}) {
    NOMO_ASSIGN_OR_RETURN(const Tensor tensor, stored[i].read());
    List numbers;
    for (int64_t k = 0; k < tensor.num_elements(); ++k) numbers.push_back(tensor.AsDouble(k));
    config.Set(i == 0 ? "mean" : "variance", std::move(numbers));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeRegistered(const std::shared_ptr<LayerNode>& node,
                                                           const OutputHints& hints,
                                                           ImportContext& context) {
  const std::string where = absl::StrCat("layer ", Quoted(node->full_name));
  auto make = [&]() -> absl::StatusOr<std::unique_ptr<ReadyLayer>> {
    if (ClassHere(node->entry.class_name) == "TimeDistributed") {
      NOMO_ASSIGN_OR_RETURN(auto inner, MakeReadyLayer(node->children.front(), {}, context));
      Layer layer = TimeDistributed(inner->AsLayer(), {.name = NameHere(*node)});
      return std::make_unique<WrapperLayer>(node, std::move(layer), std::move(inner), context);
    }
    NOMO_ASSIGN_OR_RETURN(const LayerEntry entry, Replaced(node->entry));
    if (entry.class_name == "Lambda") {
      auto lambda = std::make_shared<LayerNode>(*node);
      lambda->entry = entry;
      return MakeLambda(lambda, hints, context);
    }
    NOMO_ASSIGN_OR_RETURN(LayerForm form, FormOf(entry, context.era));
    form.config.Set("name", NameHere(*node));
    for (const char* field : {"layer", "backward_layer"}) {
      const ConfigValue* inner = form.config.Find(field);
      if (inner == nullptr) continue;
      NOMO_ASSIGN_OR_RETURN(ConfigValue inner_form, InnerForm(*inner, context));
      form.config.Set(field, std::move(inner_form));
    }
    if (form.class_name == "Normalization")
      NOMO_RETURN_IF_ERROR(FillNormalization(*node, context, form.config));
    TakeCallOptions(*node, form.config);
    for (const std::string& note : form.notes)
      context.report.warnings.push_back(absl::StrCat(where, ": ", note));
    NOMO_ASSIGN_OR_RETURN(Layer layer, FromConfig(form.class_name, form.config));
    auto ready =
        std::make_unique<RegisteredLayer>(node, std::move(layer), form.activation, hints, context);
    ready->set_time_major(form.time_major);
    return ready;
  };
  auto made = make();
  if (!made.ok()) return Annotate(made.status(), where);
  return made;
}

}  // namespace nomograph::keras
