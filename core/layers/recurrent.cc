#include "nomograph/core/layers/recurrent.h"

#include <algorithm>
#include <map>
#include <memory>

#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/layers/internal.h"
#include "nomograph/core/layers/recurrent_cell.h"

namespace nomograph {
namespace {

using internal::Op;
using internal::RecurrentCell;
using internal::RecurrentWeights;
using Ints = std::vector<int64_t>;

// What the three layers have in common.
struct RecurrentOptions {
  double dropout, recurrent_dropout;
  std::optional<int64_t> seed;
  bool return_sequences, return_state, go_backwards, zero_output_for_mask;
};
template <typename Options>
RecurrentOptions CommonOf(const Options& options) {
  return {.dropout = options.dropout,
          .recurrent_dropout = options.recurrent_dropout,
          .seed = options.seed,
          .return_sequences = options.return_sequences,
          .return_state = options.return_state,
          .go_backwards = options.go_backwards,
          .zero_output_for_mask = options.zero_output_for_mask};
}

// A constant in the shape [rows of x, columns], whatever the number of rows is.
Value FilledLike(const Value& x, int64_t columns, double value) {
  Value first = x;  // [rows, 1]
  for (int64_t axis = 1; axis < x.shape().rank(); ++axis) {
    first = Op("array.Slice", {first}, {{"starts", 0}, {"ends", 1}, {"axes", axis}});
  }
  if (x.shape().rank() == 3) first = Op("array.Squeeze", {first}, {{"axes", 2}});
  const Value filled = Constant(Tensor::Full(x.dtype(), Shape{1, columns}, value));
  return Op("array.Where", {Op("math.IsNaN", {first}), filled, filled});
}

absl::Status CheckRate(absl::string_view option, double rate) {
  if (rate >= 0 && rate < 1) return absl::OkStatus();
  return InvalidArgument(option, ": expected a number in [0, 1), found ", rate);
}

class RecurrentLayer : public LayerBase {
 public:
  RecurrentLayer(const char* class_name, std::string name, int64_t units,
                 std::unique_ptr<RecurrentCell> cell, RecurrentOptions options)
      : LayerBase(class_name, std::move(name)),
        units_(units),
        cell_(std::move(cell)),
        options_(options) {
    set_supports_masking();
  }

  absl::Status CheckOptions() const override {
    return internal::AllOf({internal::AtLeast("units", 1, units_), cell_->CheckActivations(),
                            CheckRate("dropout", options_.dropout),
                            CheckRate("recurrent_dropout", options_.recurrent_dropout),
                            internal::AtLeast("seed", 0, options_.seed.value_or(0))});
  }

  absl::Status Build(absl::Span<const TensorType> inputs) override {
    NOMO_RETURN_IF_ERROR(CheckSequence(inputs));
    const Dim& features = inputs[0].shape[2];
    if (!features.known()) {
      return InvalidArgument("the number of features (axis -1) must be known, found ",
                             inputs[0].ToString());
    }
    type_ = {inputs[0].dtype, PartialShape{Dim(), Dim(), features}};
    for (const internal::RecurrentWeight& weight : cell_->Weights(features.size(), units_)) {
      *weight.value = AddWeight({.name = weight.name,
                                 .shape = weight.shape,
                                 .initializer = weight.initializer,
                                 .dtype = type_.dtype});
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    NOMO_RETURN_IF_ERROR(CheckInputs(inputs));
    Value x = inputs[0];
    if (options_.dropout > 0) {
      // One draw for all steps, as in Keras.
      x = Op("nn.SpatialDropout", {x}, WithSeed({{"rate", options_.dropout}, {"axes", 1}}));
    }
    std::vector<Value> states(inputs.begin() + 1, inputs.end());
    const Value mask = MaskOf(inputs[0]);
    const auto fused = cell_->FusedAttributes();
    return mask.valid() || options_.recurrent_dropout > 0 || !fused
               ? Scanned(x, mask, std::move(states))
               : Fused(x, std::move(states), *fused);
  }

  absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs) override {
    return options_.return_sequences ? MaskOf(inputs[0]) : Value();
  }

 private:
  Attributes WithSeed(Attributes attrs) const {
    if (options_.seed) attrs.Set("seed", *options_.seed);
    return attrs;
  }

  static absl::Status CheckSequence(absl::Span<const TensorType> inputs) {
    if (inputs.empty()) return InvalidArgument("expected 1 input or more, found 0");
    return internal::CheckInput(
        {.min_rank = 3, .max_rank = 3, .axes = "(batch, steps, features)", .dtypes = kFloats},
        inputs[0]);
  }

  absl::Status CheckInputs(absl::Span<const Value> inputs) const {
    std::vector<TensorType> types;
    for (const Value& input : inputs) types.push_back(input.valid() ? input.type() : TensorType{});
    NOMO_RETURN_IF_ERROR(CheckSequence(types));
    if (types[0].dtype != type_.dtype || !Compatible(types[0].shape, type_.shape)) {
      return InvalidArgument("expected ", type_.ToString(), " as in the layer's first call, found ",
                             types[0].ToString());
    }
    const size_t states = cell_->num_states();
    if (types.size() != 1 && types.size() != 1 + states) {
      return InvalidArgument("expected 1 input, or ", states, " states behind it, found ",
                             types.size(), " inputs");
    }
    for (size_t i = 1; i < types.size(); ++i) {
      if (types[i].dtype == type_.dtype &&
          Compatible(types[i].shape, PartialShape{types[0].shape[0], units_})) {
        continue;
      }
      return InvalidArgument("state ", i - 1, ": expected ", DTypeName(type_.dtype), "[",
                             types[0].shape[0].ToString(), ",", units_, "], found ",
                             types[i].ToString());
    }
    return absl::OkStatus();
  }

  // As one op.
  std::vector<Value> Fused(const Value& x, std::vector<Value> states, Attributes attrs) const {
    attrs.Set("layout", 1);
    if (options_.go_backwards) attrs.Set("direction", "reverse");
    const RecurrentWeights weights = cell_->FusedWeights();
    std::vector<Value> inputs = {x, weights.kernel, weights.recurrent_kernel, weights.bias};
    if (!states.empty()) inputs.push_back(Value());  // sequence_lens
    for (const Value& state : states)
      inputs.push_back(Op("array.Unsqueeze", {state}, {{"axes", 1}}));
    while (!inputs.back().valid()) inputs.pop_back();
    const int count = 1 + static_cast<int>(cell_->num_states());
    const std::vector<Value> y =
        CallMulti(cell_->fused_op(), std::move(inputs), std::move(attrs), {.num_outputs = count});
    std::vector<Value> last;
    for (int i = 1; i < count; ++i) last.push_back(Op("array.Squeeze", {y[i]}, {{"axes", 1}}));
    if (!options_.return_sequences) return Outputs(last[0], last);
    Value sequences = Op("array.Squeeze", {y[0]}, {{"axes", 2}});
    // The op's steps stay where they are in the input; Keras' are in the order of computing.
    if (options_.go_backwards) sequences = Op("array.Reverse", {sequences}, {{"axes", 1}});
    return Outputs(sequences, last);
  }

  std::vector<Value> Outputs(const Value& y, const std::vector<Value>& states) const {
    std::vector<Value> outputs = {y};
    if (options_.return_state) outputs.insert(outputs.end(), states.begin(), states.end());
    return outputs;
  }

  // As a loop over the steps.
  std::vector<Value> Scanned(const Value& x, const Value& mask, std::vector<Value> states) const {
    const size_t count = cell_->num_states();
    const Value zeros = FilledLike(x, units_, 0);
    while (states.size() < count) states.push_back(zeros);
    states.push_back(zeros);  // the output of the step before
    std::vector<Value> sequences = {x};
    if (mask.valid()) sequences.push_back(mask);
    std::vector<Value> captured = cell_->weights();
    const bool drops = options_.recurrent_dropout > 0;
    if (drops) {
      captured.push_back(Op("nn.Dropout", {FilledLike(x, units_, 1)},
                            WithSeed({{"rate", options_.recurrent_dropout}})));
    }
    const bool masked = mask.valid();
    const TraceFn step = [&](absl::Span<const Value> in) {
      std::vector<Value> before(in.begin(), in.begin() + count + 1);
      const Value& slice = in[count + 1];
      const Value counts = masked ? Op("array.Unsqueeze", {in[count + 2]}, {{"axes", 1}}) : Value();
      const auto weights = in.subspan(count + 2 + masked);
      std::vector<Value> used(before.begin(), before.begin() + count);
      if (drops) used[0] = used[0] * weights.back();
      return KeepMasked(counts, before,
                        cell_->Step(slice, used, weights.first(cell_->weights().size())));
    };
    ScanOptions scan;
    scan.input_axes.assign(sequences.size(), 1);
    if (options_.go_backwards) scan.input_directions.assign(sequences.size(), 1);
    scan.output_axes = {1};
    const std::vector<Value> y =
        Scan(std::move(states), std::move(sequences), step, std::move(captured), std::move(scan));
    if (y.size() != count + 2) return Outputs(y[0], std::vector<Value>(count, y[0]));  // a fault
    const std::vector<Value> last(y.begin(), y.begin() + count);
    return Outputs(options_.return_sequences ? y[count + 1] : y[count], last);
  }

  // The states, the output, and the output once more for the sequence of outputs. Where a step does
  // not count, those of before.
  std::vector<Value> KeepMasked(const Value& counts, const std::vector<Value>& before,
                                std::vector<Value> states) const {
    Value output = states[0], shown = output;
    if (counts.valid()) {
      for (size_t i = 0; i < states.size(); ++i)
        states[i] = Op("array.Where", {counts, states[i], before[i]});
      const Value old = options_.zero_output_for_mask ? ConstantLike(0, output) : before.back();
      shown = Op("array.Where", {counts, output, old});
      output = Op("array.Where", {counts, output, before.back()});
    }
    states.push_back(options_.zero_output_for_mask ? shown : output);
    states.push_back(shown);
    return states;
  }

  int64_t units_;
  std::unique_ptr<RecurrentCell> cell_;
  RecurrentOptions options_;
  TensorType type_;  // of the input
};

// The fields that the three have, in Keras' order.
template <typename Options>
void VisitKernels(FieldVisitor& v, Options& options) {
  v("use_bias", options.use_bias, "whether bias is added");
  v.Weight("kernel", options.kernel_initializer);
  v.Weight("recurrent", options.recurrent_initializer);
  v.Weight("bias", options.bias_initializer);
}

template <typename Options>
void VisitCommon(FieldVisitor& v, Options& options) {
  v("dropout", options.dropout, "the fraction of the features that is dropped in training");
  v("recurrent_dropout", options.recurrent_dropout, "the fraction of the state");
  internal::VisitSeed(v, options.seed);
  v("return_sequences", options.return_sequences, "whether every step's output is yielded");
  v("return_state", options.return_state, "whether the last states are further outputs");
  v("go_backwards", options.go_backwards, "from the last step on");
  v.Only("stateful", false, "states go in and out of the layer");
  v("unroll", options.unroll, "without meaning here");
  v("zero_output_for_mask", options.zero_output_for_mask,
    "whether masked steps yield 0, and not the output before them");
}

struct SimpleRNNSpec {
  int64_t units = 0;
  SimpleRNNOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("units", units, "the size of the state");
    v.Activation("activation", options.activation);
    VisitKernels(v, options);
    VisitCommon(v, options);
  }
  Layer Make() const {
    return MakeLayer<RecurrentLayer>("SimpleRNN", options.name, units,
                                     internal::SimpleRNNCell(options), CommonOf(options));
  }
};
NOMO_REGISTER_LAYER(SimpleRNNSpec, "SimpleRNN", internal::Sample({{"units", 3}}, {{4, 2}}));

struct LSTMSpec {
  int64_t units = 0;
  LSTMOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("units", units, "the size of the states");
    v.Activation("activation", options.activation);
    v.Activation("recurrent_activation", options.recurrent_activation);
    v("unit_forget_bias", options.unit_forget_bias, "whether the forget gate's bias starts as 1");
    VisitKernels(v, options);
    VisitCommon(v, options);
  }
  Layer Make() const {
    return MakeLayer<RecurrentLayer>("LSTM", options.name, units, internal::LSTMCell(options),
                                     CommonOf(options));
  }
};
LayerSample LSTMSample() {
  LayerSample sample = internal::Sample(
      {{"units", 3}, {"return_sequences", true}, {"return_state", true}}, {{4, 2}});
  sample.num_outputs = 3;
  return sample;
}
NOMO_REGISTER_LAYER(LSTMSpec, "LSTM", LSTMSample());

struct GRUSpec {
  int64_t units = 0;
  GRUOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("units", units, "the size of the state");
    v.Activation("activation", options.activation);
    v.Activation("recurrent_activation", options.recurrent_activation);
    VisitKernels(v, options);
    VisitCommon(v, options);
    v("reset_after", options.reset_after, "whether the reset gate is behind the product with h");
  }
  Layer Make() const {
    return MakeLayer<RecurrentLayer>("GRU", options.name, units, internal::GRUCell(options),
                                     CommonOf(options));
  }
};
NOMO_REGISTER_LAYER(GRUSpec, "GRU",
                    internal::Sample({{"units", 3}, {"recurrent_dropout", 0.25}}, {{4, 2}}),
                    internal::Sample({{"units", 3}, {"go_backwards", true}}, {{4, 2}}));

}  // namespace

Layer SimpleRNN(int64_t units, SimpleRNNOptions options) {
  return Configured(SimpleRNNSpec{units, std::move(options)});
}
Layer LSTM(int64_t units, LSTMOptions options) {
  return Configured(LSTMSpec{units, std::move(options)});
}
Layer GRU(int64_t units, GRUOptions options) {
  return Configured(GRUSpec{units, std::move(options)});
}

}  // namespace nomograph
