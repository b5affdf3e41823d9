// LSTM whose products are convolutions (X. Shi et al., 2015). Keras: keras.layers.ConvLSTM1D,
// ConvLSTM2D, ConvLSTM3D. They are made from configurations.
#include <optional>
#include <utility>

#include "nomograph/core/build/control_flow.h"
#include "nomograph/core/layers/conv_geometry.h"
#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::ConvGeometry;
using internal::Op;

struct ConvLSTMOptions {
  int64_t filters = 0;
  Sizes kernel_size, strides = 1, dilation_rate = 1;
  std::string padding = "valid", data_format = "channels_last";
  std::string activation = "tanh", recurrent_activation = "sigmoid";
  bool use_bias = true, unit_forget_bias = true;
  Initializer kernel_initializer = "glorot_uniform";
  Initializer recurrent_initializer = "orthogonal";
  Initializer bias_initializer = "zeros";
  double dropout = 0, recurrent_dropout = 0;
  std::optional<int64_t> seed;
  bool return_sequences = false, return_state = false, go_backwards = false;
  bool stateful = false, unroll = false;
  std::string name;
};

class ConvLSTMLayer : public internal::OneInputLayer {
 public:
  ConvLSTMLayer(int rank, ConvLSTMOptions options)
      : OneInputLayer(absl::StrCat("ConvLSTM", rank, "D"), options.name,
                      {.min_rank = rank + 3,
                       .max_rank = rank + 3,
                       .axes = "(batch, steps, then as images)",
                       .dtypes = kFloats}),
        rank_(rank),
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf(
        {internal::AtLeast("filters", 1, options_.filters), CheckGeometry(OfInput()),
         internal::CheckActivation(options_.activation),
         internal::CheckActivation(options_.recurrent_activation),
         internal::InRange("dropout", 0, 1, options_.dropout),
         internal::InRange("recurrent_dropout", 0, 1, options_.recurrent_dropout),
         options_.return_state ? InvalidArgument("return_state: the states are no outputs here")
                               : absl::OkStatus()});
  }

 private:
  ConvGeometry OfInput() const {
    return {rank_,
            options_.kernel_size,
            options_.strides,
            options_.dilation_rate,
            options_.padding,
            options_.data_format};
  }
  // What is kept from step to step keeps its size.
  ConvGeometry OfState() const {
    return {rank_, options_.kernel_size, 1, 1, "same", options_.data_format};
  }
  int ChannelsAxis() const { return options_.data_format == "channels_first" ? 1 : rank_ + 1; }

  absl::Status BuildFor(const TensorType& input) override {
    const int channels = options_.data_format == "channels_first" ? 2 : -1;
    NOMO_ASSIGN_OR_RETURN(const int64_t in, BindAxis(input, channels, "channels"));
    kernel_ = Weight("kernel", KernelShape(OfInput(), in, 4 * options_.filters),
                     options_.kernel_initializer);
    recurrent_ =
        Weight("recurrent_kernel", KernelShape(OfState(), options_.filters, 4 * options_.filters),
               options_.recurrent_initializer);
    if (options_.use_bias) bias_ = Weight("bias", {4 * options_.filters}, BiasInitializer());
    return absl::OkStatus();
  }

  // The forget gate's bias, the second of four, starts as 1.
  Initializer BiasInitializer() const {
    if (!options_.unit_forget_bias) return options_.bias_initializer;
    return [inner = options_.bias_initializer](const Shape& shape, DType dtype,
                                               uint64_t key) -> absl::StatusOr<Tensor> {
      NOMO_ASSIGN_OR_RETURN(const Tensor initial, inner(shape, dtype, key));
      Tensor bias = initial.Cast(DType::kFloat64);
      const int64_t gate = shape[0] / 4;
      for (int64_t i = gate; i < 2 * gate; ++i) bias.mutable_data<double>()[i] = 1;
      return bias.Cast(dtype);
    };
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    // Zeros in the shape of a state: a convolution of the first step with a kernel of zeros.
    const Value first = At(x, 0, 1);
    Shape zero_kernel = kernel_.shape().ToShape();
    zero_kernel[rank_ + 1] = options_.filters;
    const Value zeros = internal::ConvOp("nn.Conv", first, Constant(Tensor(x.dtype(), zero_kernel)),
                                         Value(), ConvAttributes(OfInput()));
    std::vector<Value> captured = {kernel_, recurrent_};
    if (bias_.valid()) captured.push_back(bias_);
    const TraceFn step = [&](absl::Span<const Value> in) {
      const std::vector<Value> states = Step(in[2], in[0], in[1], in.subspan(3));
      return std::vector<Value>{states[0], states[1], states[0]};
    };
    ScanOptions scan{.input_axes = {1}, .output_axes = {1}};
    if (options_.go_backwards) scan.input_directions = {1};
    const std::vector<Value> y = Scan({zeros, zeros}, {x}, step, std::move(captured), scan);
    return y.size() == 3 && options_.return_sequences ? y[2] : y[0];
  }

  // The gates are i, f, c, o.
  std::vector<Value> Step(const Value& x, const Value& h, const Value& c,
                          absl::Span<const Value> weights) const {
    const Value bias = weights.size() > 2 ? weights[2] : Value();
    const Value sum =
        internal::ConvOp("nn.Conv", x, weights[0], bias, ConvAttributes(OfInput())) +
        internal::ConvOp("nn.Conv", h, weights[1], Value(), ConvAttributes(OfState()));
    const std::vector<Value> gates =
        CallMulti("array.Split", {sum}, {{"axis", ChannelsAxis()}}, {.num_outputs = 4});
    const auto gate = [&](int i) {
      return internal::Activate(gates[i], options_.recurrent_activation);
    };
    const Value next = gate(1) * c + gate(0) * internal::Activate(gates[2], options_.activation);
    return {gate(3) * internal::Activate(next, options_.activation), next};
  }

  const int rank_;
  const ConvLSTMOptions options_;
  Value kernel_, recurrent_, bias_;
};

template <int kRank>
struct ConvLSTMSpec {
  ConvLSTMOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("filters", options.filters, "the channels of the result");
    internal::VisitWindow(v, options.kernel_size, options);
    v.Activation("activation", options.activation);
    v.Activation("recurrent_activation", options.recurrent_activation);
    v("use_bias", options.use_bias, "whether bias is added");
    v.Weight("kernel", options.kernel_initializer);
    v.Weight("recurrent", options.recurrent_initializer);
    v.Weight("bias", options.bias_initializer);
    v("unit_forget_bias", options.unit_forget_bias, "whether the forget gate's bias starts as 1");
    v("dropout", options.dropout, "in Keras' training; not done here");
    v("recurrent_dropout", options.recurrent_dropout, "in Keras' training; not done here");
    internal::VisitSeed(v, options.seed);
    v("return_sequences", options.return_sequences, "whether every step's output is yielded");
    v.Only("return_state", false, "the states are no outputs here");
    v("go_backwards", options.go_backwards, "whether the last step comes first");
    v.Only("stateful", false, "every batch begins anew");
    v("unroll", options.unroll, "changes nothing here");
  }
  Layer Make() const { return MakeLayer<ConvLSTMLayer>(kRank, options); }
};
NOMO_REGISTER_LAYER(ConvLSTMSpec<1>, "ConvLSTM1D",
                    internal::Sample({{"filters", 2}, {"kernel_size", 2}, {"padding", "same"}},
                                     {{3, 4, 2}}));
NOMO_REGISTER_LAYER(ConvLSTMSpec<2>, "ConvLSTM2D",
                    internal::Sample({{"filters", 2},
                                      {"kernel_size", 2},
                                      {"return_sequences", true},
                                      {"data_format", "channels_first"}},
                                     {{3, 2, 4, 5}}));
NOMO_REGISTER_LAYER(ConvLSTMSpec<3>, "ConvLSTM3D",
                    internal::Sample({{"filters", 2}, {"kernel_size", 2}}, {{3, 4, 4, 4, 2}}));

}  // namespace
}  // namespace nomograph
