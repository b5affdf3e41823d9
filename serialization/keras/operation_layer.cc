// Operations that Keras keeps among a model's layers: of keras.ops, of TensorFlow (TFOpLambda,
// SlicingOpLambda), and nodes of TensorFlow's own graphs (TensorFlowOpLayer).
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/graph_node_op.h"
#include "nomograph/serialization/keras/indexing.h"
#include "nomograph/serialization/keras/opaque_node.h"
#include "nomograph/serialization/keras/ready_layer.h"

namespace nomograph::keras {
namespace {

// The name of the call that the operation is: "tf.math.multiply", "keras.ops.mean".
std::string CallNameOf(const LayerEntry& entry) {
  if (entry.class_name != "TFOpLambda" && entry.class_name != "SlicingOpLambda")
    return absl::StrCat("keras.ops.", SnakeCase(entry.class_name));
  const std::string function = TextField(entry.config, "function");
  // Python's operators: + is tf.__operators__.add, and others are functions of tf.math.
  static constexpr absl::string_view kOperators = "__operators__.";
  if (absl::StartsWith(function, kOperators) && !absl::EndsWith(function, ".getitem")) {
    const absl::string_view name = absl::string_view(function).substr(kOperators.size());
    return absl::StrCat("tf.math.", name == "eq" ? "equal" : name == "ne" ? "not_equal" : name);
  }
  // tf.keras.backend's functions are written under their own names.
  return absl::StartsWith(function, "keras.") ? function : absl::StrCat("tf.", function);
}

bool IsIndexing(absl::string_view name) {
  return absl::EndsWith(name, "__operators__.getitem") || name == "keras.ops.get_item";
}

// Operations hand on no masks, in tf.keras and in Keras 3.
class OperationBase : public LayerBase {
 public:
  OperationBase(std::shared_ptr<LayerNode> node, ImportContext& context)
      : LayerBase(node->entry.class_name, NameHere(*node)),
        node_(std::move(node)),
        context_(context) {}

  void set_call(const ResolvedCall& call) { call_ = call; }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    const LayerEntry& entry = node_->entry;
    const bool is_graph_node = entry.class_name == "TensorFlowOpLayer";
    const std::string name =
        is_graph_node ? absl::StrCat("tf.", GraphOpOf(entry.config)) : CallNameOf(entry);
    auto outputs = is_graph_node ? CallGraphNode(entry.config, inputs) : Called(name);
    if (outputs.ok() && !outputs->empty()) return outputs;
    // What is not known is left to an op, so that the rest can be looked at.
    return Opaque(name, outputs.status(), inputs);
  }

 private:
  absl::StatusOr<std::vector<Value>> Called(const std::string& name) const {
    ResolvedCall call = call_;
    AddOptions(call);
    if (IsIndexing(name)) return Indexed(call);
    TranslateOptions options{.channels_first = context_.era.channels_first,
                             .keras_major = context_.era.major,
                             .limits = context_.options.limits};
    Translation result = CallKnown(name, call.arguments, call.keywords, options);
    NOMO_RETURN_IF_ERROR(result.status);
    return std::move(result.outputs);
  }

  // Keras 3 keeps an operation's own arguments in its configuration.
  void AddOptions(ResolvedCall& call) const {
    if (node_->entry.class_name == "TFOpLambda" || node_->entry.class_name == "SlicingOpLambda") {
      std::erase_if(call.keywords, [](const auto& keyword) { return keyword.first == "name"; });
      return;
    }
    for (const auto& [name, value] : node_->entry.config) {
      // Not every compiler captures a structured binding.
      const auto same = [&given = name](const auto& known) { return known.first == given; };
      if (name == "name" || name == "dtype" || name == "trainable" ||
          std::any_of(call.keywords.begin(), call.keywords.end(), same)) {
        continue;
      }
      call.keywords.emplace_back(name, CallArgument{Unwrapped(value)});
    }
  }

  absl::StatusOr<std::vector<Value>> Indexed(const ResolvedCall& call) const {
    std::vector<CallArgument> arguments = call.arguments;
    for (const auto& [name, argument] : call.keywords) {
      if (name == "slice_spec" || name == "key") arguments.push_back(argument);
    }
    if (arguments.size() != 2 || !std::holds_alternative<Value>(arguments[0].value) ||
        !std::holds_alternative<ConfigValue>(arguments[1].value)) {
      return absl::UnimplementedError("expected a tensor and an index that is no tensor");
    }
    NOMO_ASSIGN_OR_RETURN(Value value, ValueAt(std::get<Value>(arguments[0].value),
                                               std::get<ConfigValue>(arguments[1].value)));
    return std::vector<Value>{std::move(value)};
  }

  absl::StatusOr<std::vector<Value>> Opaque(const std::string& name, const absl::Status& fault,
                                            absl::Span<const Value> inputs) {
    LambdaOutcome outcome{.layer = node_->full_name,
                          .origin = "operation",
                          .source = Escape(name),
                          .op = absl::StrCat(name.substr(0, name.find('.')), ".",
                                             NameForOp(name.substr(name.find('.') + 1)))};
    outcome.obstacles.push_back(EscapeMessage(fault.message()));
    LayerConfig options;
    for (const auto& [keyword, argument] : call_.keywords) {
      if (const ConfigValue* value = std::get_if<ConfigValue>(&argument.value))
        options.Set(keyword, *value);
    }
    OpaqueCall call{.op = outcome.op,
                    .attrs = AttributesOf(options),
                    .inputs = std::vector<Value>(inputs.begin(), inputs.end())};
    call.output_types = OutputTypes(inputs, {}, {}, outcome);
    call.doc = absl::StrCat("the operation ", name);
    std::vector<Value> outputs = CallOpaque(call, context_, outcome);
    context_.report.lambdas.push_back(std::move(outcome));
    return outputs;
  }

  const std::shared_ptr<LayerNode> node_;
  ImportContext& context_;
  ResolvedCall call_;
};

class OperationLayer : public ReadyLayer {
 public:
  OperationLayer(std::shared_ptr<LayerNode> node, ImportContext& context)
      : base_(std::make_shared<OperationBase>(std::move(node), context)), layer_(base_) {}

  std::vector<Value> Call(const ResolvedCall& call) override {
    std::vector<Value> inputs = ValuesIn(call.arguments);
    for (const auto& [name, argument] : call.keywords) {
      for (const Value& value : ValuesIn(argument)) inputs.push_back(value);
    }
    base_->set_call(call);
    return layer_.Apply(std::move(inputs), Layer::kAllOutputs);
  }
  Layer AsLayer() override { return layer_; }

 private:
  std::shared_ptr<OperationBase> base_;
  Layer layer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeOperation(const std::shared_ptr<LayerNode>& node,
                                                          ImportContext& context) {
  return std::make_unique<OperationLayer>(node, context);
}

}  // namespace nomograph::keras
