#include "nomograph/core/layers/wrappers.h"

#include <utility>
#include <vector>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

// What Bidirectional asks of a recurrent layer's configuration.
struct Recurrence {
  bool return_sequences, return_state, go_backwards;
};

absl::StatusOr<Recurrence> RecurrenceOf(const Layer& layer) {
  NOMO_ASSIGN_OR_RETURN(const LayerConfig config, layer.Config());
  bool found[3];
  int next = 0;
  for (const char* name : {"return_sequences", "return_state", "go_backwards"}) {
    const ConfigValue* value = config.Find(name);
    if (value == nullptr || value->As<bool>() == nullptr)
      return InvalidArgument("expected a recurrent layer, found ", layer.class_name());
    found[next++] = *value->As<bool>();
  }
  return Recurrence{found[0], found[1], found[2]};
}

// A copy of a layer for one direction. Where it returns sequences, `zeros` has it yield 0 for the
// steps that a mask leaves out.
absl::StatusOr<Layer> CopyFor(const Layer& layer, absl::string_view direction, bool go_backwards,
                              bool zeros) {
  NOMO_ASSIGN_OR_RETURN(LayerConfig config, layer.Config());
  const ConfigValue* name = config.Find("name");
  const std::string* text = name == nullptr ? nullptr : name->As<std::string>();
  config.Set("name",
             text == nullptr ? std::string(direction) : absl::StrCat(direction, "_", *text));
  config.Set("go_backwards", go_backwards);
  if (zeros && config.Find("zero_output_for_mask") != nullptr)
    config.Set("zero_output_for_mask", *config.Find("return_sequences"));
  return FromConfig(layer.class_name(), config);
}

class BidirectionalLayer : public LayerBase {
 public:
  BidirectionalLayer(std::optional<Layer> layer, BidirectionalOptions options)
      : LayerBase("Bidirectional", options.name),
        layer_(std::move(layer)),
        options_(std::move(options)) {
    set_supports_masking();
  }

  absl::Status CheckOptions() const override {
    return internal::AllOf(
        {Annotate(CheckLayers(), "layer"),
         options_.merge_mode
             ? internal::OneOf("merge_mode", {"concat", "sum", "mul", "ave"}, *options_.merge_mode)
             : absl::OkStatus()});
  }

  absl::Status Build(absl::Span<const TensorType>) override {
    NOMO_ASSIGN_OR_RETURN(recurrence_, RecurrenceOf(*layer_));
    const bool backwards = recurrence_.go_backwards;
    const bool zeros = options_.zero_output_for_mask;
    NOMO_ASSIGN_OR_RETURN(forward_, CopyFor(*layer_, "forward", backwards, zeros));
    NOMO_ASSIGN_OR_RETURN(backward_, CopyFor(options_.backward_layer.value_or(*layer_), "backward",
                                             !backwards, zeros));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    if (inputs.size() % 2 == 0) {
      return InvalidArgument("expected 1 input, or the states of both layers behind it, found ",
                             inputs.size(), " inputs");
    }
    const size_t half = (inputs.size() - 1) / 2;
    std::vector<Value> forth = {inputs[0]}, back = {inputs[0]};
    forth.insert(forth.end(), inputs.begin() + 1, inputs.begin() + 1 + half);
    back.insert(back.end(), inputs.begin() + 1 + half, inputs.end());
    const int count = recurrence_.return_state ? 1 + NumStates() : 1;
    std::vector<Value> a = forward_->Apply(std::move(forth), count);
    std::vector<Value> b = backward_->Apply(std::move(back), count);
    if (recurrence_.return_sequences) b[0] = Op("array.Reverse", {b[0]}, {{"axes", 1}});
    std::vector<Value> outputs = Merged(a[0], b[0]);
    outputs.insert(outputs.end(), a.begin() + 1, a.end());
    outputs.insert(outputs.end(), b.begin() + 1, b.end());
    return outputs;
  }

  absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs) override {
    return recurrence_.return_sequences ? MaskOf(inputs[0]) : Value();
  }

 private:
  absl::Status CheckLayers() const {
    if (!layer_) return InvalidArgument("expected a recurrent layer, found none");
    NOMO_RETURN_IF_ERROR(layer_->CheckOptions());
    NOMO_ASSIGN_OR_RETURN(const Recurrence forth, RecurrenceOf(*layer_));
    if (!options_.backward_layer) return absl::OkStatus();
    NOMO_ASSIGN_OR_RETURN(const Recurrence back, RecurrenceOf(*options_.backward_layer));
    if (forth.return_sequences == back.return_sequences &&
        forth.return_state == back.return_state && forth.go_backwards != back.go_backwards &&
        layer_->class_name() == options_.backward_layer->class_name()) {
      return absl::OkStatus();
    }
    return InvalidArgument(
        "backward_layer: expected the class, return_sequences and return_state of layer, and the "
        "other go_backwards");
  }

  // LSTM has two.
  int NumStates() const { return layer_->class_name() == "LSTM" ? 2 : 1; }

  std::vector<Value> Merged(const Value& a, const Value& b) const {
    if (!options_.merge_mode) return {a, b};
    if (*options_.merge_mode == "concat") return {Op("array.Concat", {a, b}, {{"axis", -1}})};
    if (*options_.merge_mode == "mul") return {a * b};
    return {*options_.merge_mode == "sum" ? a + b : (a + b) / 2};
  }

  std::optional<Layer> layer_;
  BidirectionalOptions options_;
  Recurrence recurrence_ = {};
  std::optional<Layer> forward_, backward_;
};

class TimeDistributedLayer : public internal::OneInputLayer {
 public:
  TimeDistributedLayer(std::optional<Layer> layer, std::string name)
      : OneInputLayer("TimeDistributed", std::move(name),
                      {.min_rank = 3, .axes = "(batch, steps, ...)"}),
        layer_(std::move(layer)) {
    set_supports_masking();
  }

  absl::Status CheckOptions() const override {
    return Annotate(layer_ ? layer_->CheckOptions() : InvalidArgument("expected one, found none"),
                    "layer");
  }

 private:
  // The steps of all sequences are one batch for the layer.
  absl::StatusOr<Value> Apply(const Value& x) override {
    const PartialShape& shape = x.shape();
    const Dim &batch = shape[0], &steps = shape[1];
    NOMO_ASSIGN_OR_RETURN(Ints folded, KnownSizes(x, 2, "input"));
    folded.insert(folded.begin(), -1);
    const Value y = (*layer_)(Op("array.Reshape", {x}, {{"shape", folded}}));
    if (!y.status().ok() || y.dtype() == DType::kInvalid) return y;
    NOMO_ASSIGN_OR_RETURN(Ints unfolded, KnownSizes(y, 1, "layer's result"));
    if (!batch.known() && !steps.known()) return UnfoldedLike(x, y, unfolded);
    unfolded.insert(unfolded.begin(), steps.known() ? steps.size() : -1);
    unfolded.insert(unfolded.begin(), steps.known() ? -1 : batch.size());
    return Op("array.Reshape", {y}, {{"shape", unfolded}});
  }

  // Where neither is known before the model runs: [batch, steps] of x, then `sizes`.
  static Value UnfoldedLike(const Value& x, const Value& y, const Ints& sizes) {
    std::vector<Value> parts = {Slice(Op("array.Shape", {x}), 0, 2)};
    PartialShape shape = {x.shape()[0], x.shape()[1]};
    for (const int64_t size : sizes) shape.Append(size);
    if (!sizes.empty()) {
      parts.push_back(
          Constant(Tensor::Of<int64_t>(Shape{static_cast<int64_t>(sizes.size())}, sizes)));
      parts = {Op("array.Concat", std::move(parts), {{"axis", 0}})};
    }
    return CallMulti("array.Reshape", {y, parts[0]}, {},
                     {.output_types = {{y.dtype(), std::move(shape)}}})[0];
  }

  static absl::StatusOr<Ints> KnownSizes(const Value& x, int first, absl::string_view what) {
    if (x.shape().rank() < first)
      return InvalidArgument("the ", what, " has no batch axis: ", x.type().ToString());
    Ints sizes;
    for (int axis = first; axis < x.shape().rank(); ++axis) {
      if (!x.shape()[axis].known()) {
        return InvalidArgument("the ", what, "'s sizes from axis ", first,
                               " on must be known, found ", x.type().ToString());
      }
      sizes.push_back(x.shape()[axis].size());
    }
    return sizes;
  }

  std::optional<Layer> layer_;
};

struct BidirectionalSpec {
  std::optional<Layer> layer;
  BidirectionalOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("layer", layer, "a recurrent layer");
    v("merge_mode", options.merge_mode, "concat, sum, mul or ave; null: two outputs");
    v("backward_layer", options.backward_layer, "null: like layer, the other way");
    v("zero_output_for_mask", options.zero_output_for_mask,
      "whether sequences are 0 where a mask leaves steps out; false, as in Keras without "
      "TensorFlow: as the layers have it");
  }
  Layer Make() const { return MakeLayer<BidirectionalLayer>(layer, options); }
};
NOMO_REGISTER_LAYER(
    BidirectionalSpec, "Bidirectional",
    internal::Sample(
        {{"layer", LayerConfig{{"class_name", "GRU"},
                               {"config", LayerConfig{{"units", 3}, {"return_sequences", true}}}}},
         {"merge_mode", "sum"}},
        {{4, 2}}));

struct TimeDistributedSpec {
  std::optional<Layer> layer;
  TimeDistributedOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("layer", layer, "is applied to each step");
  }
  Layer Make() const { return MakeLayer<TimeDistributedLayer>(layer, options.name); }
};
NOMO_REGISTER_LAYER(TimeDistributedSpec, "TimeDistributed",
                    internal::Sample({{"layer",
                                       LayerConfig{{"class_name", "Dense"},
                                                   {"config", LayerConfig{{"units", 3}}}}}},
                                     {{4, 2}}));

}  // namespace

Layer Bidirectional(Layer layer, BidirectionalOptions options) {
  return Configured(BidirectionalSpec{std::move(layer), std::move(options)});
}
Layer TimeDistributed(Layer layer, TimeDistributedOptions options) {
  return Configured(TimeDistributedSpec{std::move(layer), std::move(options)});
}

}  // namespace nomograph
