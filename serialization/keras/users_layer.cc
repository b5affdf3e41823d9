// Layers (and models) of a class that their author wrote: nodes that name an op, with the
// configuration as attributes and the stored weights as inputs.
#include <algorithm>

#include "absl/strings/match.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/opaque_node.h"
#include "nomograph/serialization/keras/ready_layer.h"

namespace nomograph::keras {
namespace {

// "Package.Sampling" of "Package>Sampling"; "custom.Sampling" without a package.
std::string OpOf(const LayerEntry& entry) {
  const std::string& name =
      absl::StrContains(entry.registered_name, '>') ? entry.registered_name : entry.class_name;
  const size_t package = name.rfind('>');
  if (package == name.npos) return absl::StrCat("custom.", NameForOp(name));
  return absl::StrCat(NameForOp(name.substr(0, package)), ".", NameForOp(name.substr(package + 1)));
}

// What Keras writes for any layer, and no class takes as an argument of its own.
constexpr absl::string_view kOfEveryLayer[] = {"activity_regularizer",
                                               "autocast",
                                               "batch_input_shape",
                                               "batch_shape",
                                               "dtype",
                                               "dynamic",
                                               "layers",
                                               "name",
                                               "trainable"};

class UsersBase : public LayerBase {
 public:
  UsersBase(std::shared_ptr<LayerNode> node, OutputHints hints, ImportContext& context,
            std::string obstacle)
      : LayerBase(node->entry.class_name, NameHere(*node)),
        node_(std::move(node)),
        hints_(std::move(hints)),
        context_(context),
        obstacle_(std::move(obstacle)) {}

  void set_call(const ResolvedCall& call) {
    call_attrs_ = LayerConfig();
    for (const auto& [name, argument] : call.keywords) {
      const ConfigValue* value = std::get_if<ConfigValue>(&argument.value);
      if (value != nullptr && !value->is_null() && name != "training")
        call_attrs_.Set(name, *value);
    }
  }

  absl::Status Build(absl::Span<const TensorType>) override {
    UniqueNames names;
    for (const StoredWeight& weight : StoredFor(*node_, context_.stored)) {
      weights_.push_back(AddWeight({.name = names.Take(NameOf(weight)),
                                    .shape = weight.type.shape.ToShape(),
                                    .initializer = "zeros",
                                    .dtype = weight.type.dtype}));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    LambdaOutcome outcome{.layer = node_->full_name,
                          .origin = obstacle_.empty()
                                        ? absl::StrCat("class ", Escape(node_->entry.class_name),
                                                       " of the model's author")
                                        : absl::StrCat("Keras' ", Escape(node_->entry.class_name)),
                          .source = Source()};
    OpaqueCall call{.op = obstacle_.empty()
                              ? OpOf(node_->entry)
                              : absl::StrCat("keras.", NameForOp(node_->entry.class_name)),
                    .attrs = AttributesOf(Options())};
    if (const NamedOp* named = NamedByUser(*node_, context_.options)) {
      call.op = named->op;
      for (const auto& [name, value] : named->attrs) call.attrs.Set(name, value);
      outcome.how = LambdaOutcome::How::kNamed;
    } else {
      outcome.obstacles.push_back(obstacle_.empty()
                                      ? "Keras does not store what a class of its author's computes"
                                      : obstacle_);
    }
    outcome.op = call.op;
    call.inputs.assign(inputs.begin(), inputs.end());
    call.output_types = OutputTypes(inputs, {}, hints_, outcome);
    call.inputs.insert(call.inputs.end(), weights_.begin(), weights_.end());
    call.doc =
        absl::StrCat("Keras' layer ", node_->full_name, " of class ", node_->entry.class_name);
    std::vector<Value> outputs = CallOpaque(call, context_, outcome);
    if (!reported_) {
      context_.docs[node_->full_name] = absl::StrCat(outcome.origin, ": ", outcome.source);
      context_.report.lambdas.push_back(std::move(outcome));
      reported_ = true;
    }
    return outputs;
  }

 private:
  // The configuration without what is no argument of the class.
  LayerConfig Options() const {
    LayerConfig options;
    for (const auto& [name, value] : node_->entry.config) {
      if (std::find(std::begin(kOfEveryLayer), std::end(kOfEveryLayer), name) ==
          std::end(kOfEveryLayer)) {
        options.Set(name, value);
      }
    }
    for (const auto& [name, value] : call_attrs_) options.Set(name, value);
    return options;
  }

  std::string Source() const {
    std::string text = absl::StrCat(Escape(node_->entry.class_name), "(");
    bool first = true;
    for (const auto& [name, value] : Options()) {
      absl::StrAppend(&text, first ? "" : ", ", Escape(name), "=", Escape(value.ToString()));
      first = false;
    }
    return absl::StrCat(text, ")");
  }

  // "kernel" of "my_layer/kernel:0", "dense_vars_0" of a part's place.
  std::string NameOf(const StoredWeight& weight) const {
    absl::string_view name = weight.name;
    if (context_.stored.order == StoredWeights::Order::kByPath) {
      if (absl::StartsWith(name, node_->place + "/")) name.remove_prefix(node_->place.size() + 1);
      return NameForOp(name);
    }
    name = name.substr(0, name.rfind(':'));
    return NameForOp(name.substr(name.rfind('/') + 1));
  }

  const std::shared_ptr<LayerNode> node_;
  const OutputHints hints_;
  ImportContext& context_;
  const std::string obstacle_;
  LayerConfig call_attrs_;
  std::vector<Value> weights_;
  bool reported_ = false;
};

class UsersLayer : public ReadyLayer {
 public:
  UsersLayer(std::shared_ptr<LayerNode> node, const OutputHints& hints, ImportContext& context,
             std::string obstacle)
      : node_(node),
        base_(std::make_shared<UsersBase>(std::move(node), hints, context, std::move(obstacle))),
        layer_(base_) {}

  std::vector<Value> Call(const ResolvedCall& call) override {
    std::vector<Value> inputs = ValuesIn(call.arguments);
    for (const auto& [name, argument] : call.keywords) {
      for (const Value& value : ValuesIn(argument)) inputs.push_back(value);
    }
    base_->set_call(call);
    const SlotCollector collector(node_->slots);
    return layer_.Apply(std::move(inputs), Layer::kAllOutputs);
  }
  Layer AsLayer() override { return layer_; }

 private:
  const std::shared_ptr<LayerNode> node_;
  std::shared_ptr<UsersBase> base_;
  Layer layer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ReadyLayer>> MakeUsersLayer(const std::shared_ptr<LayerNode>& node,
                                                           const OutputHints& hints,
                                                           ImportContext& context,
                                                           std::string obstacle) {
  return std::make_unique<UsersLayer>(node, hints, context, std::move(obstacle));
}

}  // namespace nomograph::keras
