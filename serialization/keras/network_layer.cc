#include "nomograph/serialization/keras/network_layer.h"

#include <deque>
#include <utility>

#include "absl/strings/match.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

constexpr int64_t kMaxOutputs = 10'000;  // of one layer

bool IsInput(const LayerEntry& entry) { return entry.class_name == "InputLayer"; }

// Every tensor among a call's arguments.
void AppendRefs(const Argument& argument, std::vector<const TensorRef*>& refs) {
  if (const TensorRef* ref = std::get_if<TensorRef>(&argument.value)) refs.push_back(ref);
  if (const auto* list = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& element : *list) AppendRefs(element, refs);
  }
}
std::vector<const TensorRef*> RefsOf(const LayerCall& call) {
  std::vector<const TensorRef*> refs;
  for (const Argument& argument : call.arguments) AppendRefs(argument, refs);
  for (const auto& [name, argument] : call.keywords) AppendRefs(argument, refs);
  return refs;
}

// The shape, batch included, that a configuration declares for what goes into its layer.
std::optional<PartialShape> DeclaredShape(const LayerConfig& config) {
  for (const char* field : {"batch_input_shape", "batch_shape", "build_input_shape"}) {
    const ConfigValue* value = config.Find(field);
    if (value != nullptr && !value->is_null()) return ShapeIn(*value);
  }
  for (const char* field : {"input_shape", "shape"}) {
    const ConfigValue* value = config.Find(field);
    std::optional<PartialShape> shape = value == nullptr ? std::nullopt : ShapeIn(*value);
    if (!shape) continue;
    std::vector<Dim> dims = {Dim()};
    dims.insert(dims.end(), shape->dims().begin(), shape->dims().end());
    return PartialShape(std::move(dims));
  }
  // Keras 1's short forms of it.
  const int64_t* features = FieldOf<int64_t>(config, "input_dim");
  // Of an Embedding it is the number of rows.
  if (features == nullptr || config.Find("mask_zero") != nullptr) return std::nullopt;
  const ConfigValue* steps = config.Find("input_length");
  if (steps == nullptr) return PartialShape{Dim(), Dim(*features)};
  const int64_t* length = steps->As<int64_t>();
  return PartialShape{Dim(), length == nullptr ? Dim() : Dim(*length), Dim(*features)};
}

// What a layer's stored kernel tells of its input, where nothing else does.
std::optional<PartialShape> ShapeFromKernel(const LayerNode& node, const StoredWeights& stored) {
  if (ClassHere(node.entry.class_name) == "Embedding") return PartialShape{Dim(), Dim()};
  const std::vector<StoredWeight> weights = StoredFor(node, stored);
  if (weights.empty()) return std::nullopt;
  const Shape kernel = weights[0].type.shape.ToShape();
  const std::string class_name = ClassHere(node.entry.class_name);
  if (class_name == "Dense" && kernel.rank() == 2) return PartialShape{Dim(), Dim(kernel[0])};
  if ((class_name == "LSTM" || class_name == "GRU" || class_name == "SimpleRNN") &&
      kernel.rank() == 2)
    return PartialShape{Dim(), Dim(), Dim(kernel[0])};
  if ((class_name == "Conv1D" || class_name == "Conv2D" || class_name == "Conv3D") &&
      kernel.rank() >= 3) {
    std::vector<Dim> dims(kernel.rank());
    dims.back() = Dim(kernel[kernel.rank() - 2]);
    return PartialShape(std::move(dims));
  }
  return std::nullopt;
}

DType DeclaredDType(const LayerNode& node) {
  for (const char* field : {"input_dtype", "dtype"}) {
    // "float32", or the policy of a layer that computes so.
    const ConfigValue* value = node.entry.config.Find(field);
    const std::string* text = value == nullptr ? nullptr : value->As<std::string>();
    if (text == nullptr) continue;
    // Where the first layer looks up indices, the dtype is that of its results.
    if (ClassHere(node.entry.class_name) == "Embedding" && std::string(field) == "dtype") continue;
    const DType dtype = DTypeFromName(*text);
    if (dtype != DType::kInvalid) return dtype;
  }
  return ClassHere(node.entry.class_name) == "Embedding" ? DType::kInt32 : DType::kFloat32;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NetworkCaller>> NetworkCaller::Make(std::shared_ptr<LayerNode> node,
                                                                   ImportContext& context) {
  std::unique_ptr<NetworkCaller> caller(new NetworkCaller(std::move(node), context));
  NOMO_RETURN_IF_ERROR(caller->MakeLayers());
  return caller;
}

absl::Status NetworkCaller::MakeLayers() {
  const auto& children = node_->children;
  for (size_t i = 0; i < children.size(); ++i) indices_[children[i]->entry.name] = i;
  uses_.resize(children.size());
  for (size_t i = 0; i < children.size(); ++i) {
    if (node_->network->sequential) {
      if (i > 0) uses_[i - 1].push_back({0, i});
      continue;
    }
    for (const LayerCall& call : children[i]->entry.calls) {
      for (const TensorRef* ref : RefsOf(call)) {
        NOMO_ASSIGN_OR_RETURN(const size_t from, IndexOf(ref->layer));
        if (ref->output < 0 || ref->output > kMaxOutputs) {
          return InvalidArgument("layer ", Quoted(children[i]->full_name), " takes output ",
                                 ref->output, " of ", Quoted(ref->layer));
        }
        uses_[from].push_back({ref->output, i});
      }
    }
  }
  ErrorList errors;
  for (size_t i = 0; i < children.size(); ++i) {
    layers_.emplace_back();
    if (IsInput(children[i]->entry)) continue;
    auto made = MakeReadyLayer(children[i], HintsFor(i), context_);
    errors.Add(made.status());
    if (made.ok()) layers_.back() = *std::move(made);
  }
  return errors.ToStatus("layers cannot be made");
}

OutputHints NetworkCaller::HintsFor(size_t layer) const {
  OutputHints hints;
  for (const Use& use : uses_[layer])
    hints.num_outputs = std::max(hints.num_outputs, use.output + 1);
  for (const TensorRef& ref : node_->network->outputs) {
    if (ref.layer == node_->children[layer]->entry.name && ref.output >= 0 &&
        ref.output <= kMaxOutputs)
      hints.num_outputs = std::max(hints.num_outputs, ref.output + 1);
  }
  hints.shapes.resize(hints.num_outputs);
  hints.last_sizes.resize(hints.num_outputs);
  for (const Use& use : uses_[layer]) {
    const LayerNode& consumer = *node_->children[use.consumer];
    const ConfigValue* built = consumer.entry.build_config.Find("input_shape");
    if (built != nullptr && !hints.shapes[use.output]) hints.shapes[use.output] = ShapeIn(*built);
    const auto kernel = ShapeFromKernel(consumer, context_.stored);
    if (kernel && kernel->rank() > 0 && (*kernel)[kernel->rank() - 1].known())
      hints.last_sizes[use.output] = (*kernel)[kernel->rank() - 1].size();
  }
  return hints;
}

absl::StatusOr<size_t> NetworkCaller::IndexOf(const std::string& layer) const {
  const auto found = indices_.find(layer);
  if (found != indices_.end()) return found->second;
  return InvalidArgument("there is no layer ", Quoted(layer), " in model ",
                         Quoted(node_->network->name));
}

absl::StatusOr<std::vector<NetworkCaller::DeclaredInput>> NetworkCaller::Inputs() const {
  std::vector<DeclaredInput> inputs;
  std::vector<const LayerNode*> nodes;
  if (node_->network->sequential) {
    if (node_->children.empty()) return InvalidArgument("the model has no layers");
    nodes.push_back(node_->children.front().get());
  } else {
    for (const TensorRef& ref : node_->network->inputs) {
      NOMO_ASSIGN_OR_RETURN(const size_t index, IndexOf(ref.layer));
      nodes.push_back(node_->children[index].get());
    }
  }
  for (const LayerNode* node : nodes) {
    std::optional<PartialShape> shape = DeclaredShape(node->entry.config);
    DType dtype = DeclaredDType(*node);
    // A model whose first layer is a model.
    for (const LayerNode* inner = node; !shape && !inner->children.empty();) {
      inner = inner->children.front().get();
      shape = DeclaredShape(inner->entry.config);
      dtype = DeclaredDType(*inner);
    }
    if (!shape) shape = DeclaredShape(node_->entry.config);
    const LayerConfig* builds[] = {&node->entry.build_config, &node_->entry.build_config};
    for (const LayerConfig* build : builds) {
      if (const ConfigValue* value = build->Find("input_shape"); !shape && value != nullptr)
        shape = ShapeIn(*value);
    }
    if (!shape) {
      shape = ShapeFromKernel(*node, context_.stored);
      if (shape) {
        context_.report.warnings.push_back(
            absl::StrCat("the file does not say what shape goes into layer ",
                         Quoted(node->full_name), "; by its weights it is ", shape->ToString()));
      }
    }
    if (!shape || shape->rank() == 0) {
      return InvalidArgument("layer ", Quoted(node->full_name),
                             ": the file does not say what shape goes into it");
    }
    std::string name = NameHere(*node);
    if (!IsInput(node->entry)) name = absl::StrCat(name, "_input");
    inputs.push_back({std::move(name), {dtype, *shape}});
  }
  return inputs;
}

absl::StatusOr<std::vector<Value>> NetworkCaller::Call(absl::Span<const Value> inputs,
                                                       std::vector<std::string>* names) {
  if (names != nullptr && !node_->network->sequential) {
    for (const TensorRef& ref : node_->network->outputs) {
      NOMO_ASSIGN_OR_RETURN(const size_t index, IndexOf(ref.layer));
      names->push_back(NameHere(*node_->children[index]));
    }
  }
  return node_->network->sequential ? CallSequence(inputs) : CallWired(inputs);
}

absl::StatusOr<std::vector<Value>> NetworkCaller::CallSequence(absl::Span<const Value> inputs) {
  std::vector<Value> values(inputs.begin(), inputs.end());
  for (const auto& layer : layers_) {
    if (layer == nullptr) continue;
    ResolvedCall call;
    if (values.size() == 1) {
      call.arguments.push_back({values[0]});
    } else {
      std::vector<CallArgument> list;
      for (const Value& value : values) list.push_back({value});
      call.arguments.push_back({std::move(list)});
    }
    values = layer->Call(call);
  }
  return values;
}

// Calls layers in the file's order as far as what they take is there, as Keras does.
class WiredCaller {
 public:
  using Outputs = std::vector<std::vector<std::vector<Value>>>;  // by layer, call and output

  static absl::StatusOr<CallArgument> Resolve(
      const Argument& argument,
      const std::function<absl::StatusOr<Value>(const TensorRef&)>& value_of) {
    if (const TensorRef* ref = std::get_if<TensorRef>(&argument.value)) {
      NOMO_ASSIGN_OR_RETURN(Value value, value_of(*ref));
      return CallArgument{std::move(value)};
    }
    if (const auto* list = std::get_if<std::vector<Argument>>(&argument.value)) {
      std::vector<CallArgument> elements;
      for (const Argument& element : *list) {
        NOMO_ASSIGN_OR_RETURN(CallArgument resolved, Resolve(element, value_of));
        elements.push_back(std::move(resolved));
      }
      return CallArgument{std::move(elements)};
    }
    return CallArgument{std::get<ConfigValue>(argument.value)};
  }
};

absl::StatusOr<std::vector<Value>> NetworkCaller::CallWired(absl::Span<const Value> inputs) {
  const auto& children = node_->children;
  const Network& network = *node_->network;
  if (inputs.size() != network.inputs.size()) {
    return InvalidArgument("the model takes ", network.inputs.size(), " inputs, found ",
                           inputs.size());
  }
  WiredCaller::Outputs outputs(children.size());
  for (size_t i = 0; i < children.size(); ++i) {
    if (layers_[i] != nullptr) outputs[i].resize(children[i]->entry.calls.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    NOMO_ASSIGN_OR_RETURN(const size_t index, IndexOf(network.inputs[i].layer));
    outputs[index] = {{inputs[i]}};
  }
  // What each call waits for, and who waits for each.
  struct Pending {
    size_t layer, call;
    int waits = 0;
  };
  std::vector<Pending> pending;
  std::vector<std::vector<std::vector<size_t>>> waiting(children.size());
  for (size_t i = 0; i < children.size(); ++i)
    waiting[i].resize(std::max<size_t>(outputs[i].size(), 1));
  const auto is_there = [&](size_t layer, int64_t call) { return !outputs[layer][call].empty(); };
  std::deque<size_t> ready;
  for (size_t i = 0; i < children.size(); ++i) {
    if (layers_[i] == nullptr) continue;
    for (size_t c = 0; c < children[i]->entry.calls.size(); ++c) {
      pending.push_back({i, c});
      for (const TensorRef* ref : RefsOf(children[i]->entry.calls[c])) {
        NOMO_ASSIGN_OR_RETURN(const size_t from, IndexOf(ref->layer));
        if (ref->call < 0 || ref->call >= static_cast<int64_t>(outputs[from].size())) {
          return InvalidArgument("layer ", Quoted(children[i]->full_name),
                                 " takes the result of call ", ref->call, " of ",
                                 Quoted(ref->layer), ", which has ", outputs[from].size());
        }
        if (is_there(from, ref->call)) continue;
        waiting[from][ref->call].push_back(pending.size() - 1);
        ++pending.back().waits;
      }
      if (pending.back().waits == 0) ready.push_back(pending.size() - 1);
    }
  }
  const auto value_of = [&](const TensorRef& ref) -> absl::StatusOr<Value> {
    NOMO_ASSIGN_OR_RETURN(const size_t index, IndexOf(ref.layer));
    if (ref.call < 0 || ref.call >= static_cast<int64_t>(outputs[index].size()) || ref.output < 0) {
      return InvalidArgument("there is no call ", ref.call, " of layer ", Quoted(ref.layer));
    }
    const std::vector<Value>& values = outputs[index][ref.call];
    if (ref.output < static_cast<int64_t>(values.size())) return values[ref.output];
    // A fault of the layer stands for all its outputs.
    if (!values.empty() && !values[0].status().ok()) return values[0];
    if (values.empty())
      return InvalidArgument("layer ", Quoted(ref.layer), " is never called, or waits for itself");
    return InvalidArgument("layer ", Quoted(ref.layer), " has ", values.size(), " outputs; output ",
                           ref.output, " is taken");
  };
  while (!ready.empty()) {
    const Pending now = pending[ready.front()];
    ready.pop_front();
    ResolvedCall call;
    const LayerCall& from = children[now.layer]->entry.calls[now.call];
    for (const Argument& argument : from.arguments) {
      NOMO_ASSIGN_OR_RETURN(CallArgument resolved, WiredCaller::Resolve(argument, value_of));
      call.arguments.push_back(std::move(resolved));
    }
    for (const auto& [name, argument] : from.keywords) {
      NOMO_ASSIGN_OR_RETURN(CallArgument resolved, WiredCaller::Resolve(argument, value_of));
      call.keywords.emplace_back(name, std::move(resolved));
    }
    outputs[now.layer][now.call] = layers_[now.layer]->Call(call);
    for (const size_t next : waiting[now.layer][now.call]) {
      if (--pending[next].waits == 0) ready.push_back(next);
    }
  }
  std::vector<Value> results;
  for (const TensorRef& ref : network.outputs) {
    NOMO_ASSIGN_OR_RETURN(Value value, value_of(ref));
    results.push_back(std::move(value));
  }
  return results;
}

namespace {

class NetworkLayerBase : public LayerBase {
 public:
  NetworkLayerBase(std::shared_ptr<NetworkCaller> caller, std::string class_name, std::string name)
      : LayerBase(std::move(class_name), std::move(name)), caller_(std::move(caller)) {}
  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    return caller_->Call(inputs);
  }

 private:
  const std::shared_ptr<NetworkCaller> caller_;
};

class NetworkLayer : public ReadyLayer {
 public:
  explicit NetworkLayer(Layer layer) : layer_(std::move(layer)) {}
  std::vector<Value> Call(const ResolvedCall& call) override {
    std::vector<Value> inputs = ValuesIn(call.arguments);
    for (const auto& [name, argument] : call.keywords) {
      if (name == "mask" || name == "training") continue;
      for (const Value& value : ValuesIn(argument)) inputs.push_back(value);
    }
    return layer_.Apply(WithMasks(std::move(inputs), call), Layer::kAllOutputs);
  }
  Layer AsLayer() override { return layer_; }

 private:
  Layer layer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeNetworkLayer(const std::shared_ptr<LayerNode>& node,
                                                             ImportContext& context) {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<NetworkCaller> caller, NetworkCaller::Make(node, context));
  const std::string class_name = node->network->sequential ? "Sequential" : "Functional";
  return std::make_unique<NetworkLayer>(MakeLayer<NetworkLayerBase>(
      std::shared_ptr<NetworkCaller>(std::move(caller)), class_name, NameHere(*node)));
}

}  // namespace nomograph::keras
