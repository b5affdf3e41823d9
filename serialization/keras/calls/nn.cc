// Calls of neural networks: activations and normalisations.
#include <algorithm>
#include <cmath>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

// negative_slope below threshold, x above, at most max_value: Keras' relu in all its forms.
RuleResult Relu(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> values,
                        call.interpreter().Promote({call.Get("x")}, nomograph::kFloats));
  const Value x = values[0];
  NOMO_ASSIGN_OR_RETURN(const double slope, call.Number("negative_slope", 0));
  NOMO_ASSIGN_OR_RETURN(const double threshold, call.Number("threshold", 0));
  Value y;
  if (threshold == 0) {
    y = slope == 0 ? Op("nn.Relu", {x}) : Op("nn.LeakyRelu", {x}, {{"alpha", slope}});
  } else {
    const Value above = Op("math.GreaterOrEqual", {x, ConstantLike(threshold, x)});
    const Value below = (x - threshold) * slope;
    y = Op("array.Where", {above, x, below});
  }
  if (call.Has("max_value")) {
    NOMO_ASSIGN_OR_RETURN(const double max_value, call.Number("max_value"));
    y = Op("math.Min", {y, ConstantLike(max_value, y)});
  }
  return call.Result(y);
}

RuleResult LeakyRelu(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double alpha, call.Number("alpha"));
  return call.Result(Op("nn.LeakyRelu", {x}, {{"alpha", alpha}}));
}

RuleResult Gelu(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const bool approximate, call.Bool("approximate"));
  return call.Result(Op("nn.Gelu", {x}, {{"approximate", approximate ? "tanh" : "none"}}));
}

// Keras up to 2: clip(0.2 x + 0.5, 0, 1). Keras 3: relu6(x + 3) / 6, but in keras.backend, which it
// keeps as it was.
RuleResult HardSigmoid(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  const bool sixth = absl::StartsWith(call.name(), "keras.ops.") ||
                     (absl::StartsWith(call.name(), "keras.activations.") &&
                      call.interpreter().options().keras_major >= 3);
  return call.Result(Op("nn.HardSigmoid", {x}, {{"alpha", sixth ? 1.0 / 6 : 0.2}, {"beta", 0.5}}));
}

RuleResult Softmax(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis", -1));
  const bool log = absl::EndsWith(call.name(), "log_softmax");
  return call.Result(Op(log ? "nn.LogSoftmax" : "nn.Softmax", {x}, {{"axis", axis}}));
}

RuleResult Exponential(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  return call.Result(Op("math.Exp", {x}));
}

RuleResult Bias(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xb, Together(call, {"x", "bias"}));
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  Value bias = xb[1];
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(xb[0]));
  if (first && rank > 2) {
    Ints shape(rank - 1, 1);
    shape[0] = -1;
    bias = Op("array.Reshape", {bias}, {{"shape", shape}});
  }
  return call.Result(Op("math.Add", {xb[0], bias}));
}

// (x - mean) / sqrt(variance + epsilon) * gamma + beta, all broadcast as they are.
RuleResult BatchNormalization(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  const auto part = [&](absl::string_view parameter) {
    return call.interpreter().ToTensor(call.Get(parameter), x.dtype());
  };
  NOMO_ASSIGN_OR_RETURN(const Value mean, part("mean"));
  NOMO_ASSIGN_OR_RETURN(const Value variance, part("variance"));
  NOMO_ASSIGN_OR_RETURN(const double epsilon, call.Number("epsilon", 1e-3));
  Value y = Op("math.Mul", {x - mean, Op("math.Rsqrt", {variance + epsilon})});
  if (call.Has("gamma")) {
    NOMO_ASSIGN_OR_RETURN(const Value gamma, part("gamma"));
    y = y * gamma;
  }
  if (call.Has("beta")) {
    NOMO_ASSIGN_OR_RETURN(const Value beta, part("beta"));
    y = y + beta;
  }
  return call.Result(y);
}

// x / (bias + alpha * sum of squares of 2 * radius + 1 channels) ^ beta. Ours divides alpha by the
// number of channels.
RuleResult LocalResponse(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t radius, call.Int("depth_radius", 5));
  NOMO_ASSIGN_OR_RETURN(const double bias, call.Number("bias", 1));
  NOMO_ASSIGN_OR_RETURN(const double alpha, call.Number("alpha", 1));
  NOMO_ASSIGN_OR_RETURN(const double beta, call.Number("beta", 0.5));
  if (radius < 0 || radius > 1'000'000) return InvalidArgument("a radius of ", radius);
  const int64_t size = 2 * radius + 1;
  return call.Result(Op("nn.LRN", {x},
                        {{"size", size},
                         {"alpha", alpha * static_cast<double>(size)},
                         {"beta", beta},
                         {"bias", bias},
                         {"data_format", "channels_last"}}));
}

RuleResult SoftShrink(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double lambd, call.Number("threshold", 0.5));
  const bool soft = absl::EndsWith(call.name(), "soft_shrink");
  return call.Result(Op("nn.Shrink", {x}, {{"lambd", lambd}, {"bias", soft ? lambd : 0.0}}));
}

// (y, mean, variance) of what is normalised by its own moments over the axes.
RuleResult NormalizeBatch(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  PyArena& arena = interpreter.arena();
  NOMO_ASSIGN_OR_RETURN(
      const PyValue kept,
      interpreter.CallKnown("tf.nn.moments", {{arena.Tensor(x), call.Get("reduction_axes")},
                                              {{"keepdims", PyValue::Bool(true)}}}));
  NOMO_ASSIGN_OR_RETURN(
      const PyValue plain,
      interpreter.CallKnown("tf.nn.moments", {{arena.Tensor(x), call.Get("reduction_axes")}, {}}));
  const std::vector<PyValue>& moments = kept.heap->items;
  NOMO_ASSIGN_OR_RETURN(const PyValue y,
                        interpreter.CallKnown("keras.backend.batch_normalization",
                                              {{arena.Tensor(x), moments[0], moments[1],
                                                call.Get("beta"), call.Get("gamma")},
                                               {{"epsilon", call.Get("epsilon")}}}));
  return arena.Tuple({y, plain.heap->items[0], plain.heap->items[1]});
}

// In inference: by the moments that are given.
RuleResult FusedBatchNorm(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  if (!call.Has("mean") || !call.Has("variance")) {
    return absl::UnimplementedError("without mean and variance");
  }
  NOMO_ASSIGN_OR_RETURN(const bool first, ChannelsFirst(call, "data_format"));
  if (first) return absl::UnimplementedError("channels first");
  NOMO_ASSIGN_OR_RETURN(
      const PyValue y,
      interpreter.CallKnown("keras.backend.batch_normalization",
                            {{call.Get("x"), call.Get("mean"), call.Get("variance"),
                              call.Get("offset"), call.Get("scale")},
                             {{"epsilon", call.Get("epsilon")}}}));
  return interpreter.arena().Tuple({y, call.Get("mean"), call.Get("variance")});
}

// relu(x) and relu(-x) side by side.
RuleResult Crelu(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis"));
  return call.Result(Op("nn.Relu", {Op("array.Concat", {x, -x}, {{"axis", axis}})}));
}

// One half times the sigmoid of the other.
RuleResult Glu(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int64_t given, call.Int("axis"));
  NOMO_ASSIGN_OR_RETURN(const Ints axes, NormalAxes(x, {given}));
  const int64_t size = x.shape()[axes[0]].size();
  if (size < 0 || size % 2 != 0) return InvalidArgument("an axis of ", size, " in two halves");
  const Value gate = nomograph::Slice(x, size / 2, size, axes[0]);
  return call.Result(nomograph::Slice(x, 0, size / 2, axes[0]) * Op("nn.Sigmoid", {gate}));
}

RuleResult HardTanh(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  return call.Result(Op("math.Clip", {x}, {{"min", -1.0}, {"max", 1.0}}));
}

// x above the threshold, else a number.
RuleResult Threshold(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const double threshold, call.Number("threshold"));
  NOMO_ASSIGN_OR_RETURN(const double otherwise, call.Number("default_value"));
  return call.Result(Op("array.Where", {Op("math.Greater", {x, ConstantLike(threshold, x)}), x,
                                        ConstantLike(otherwise, x)}));
}

// 0 up to -1, x from 1 on, a parabola between them.
RuleResult SparsePlus(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  const Value bounded = Op("math.Clip", {x}, {{"min", -1.0}, {"max", 1.0}});
  const Value parabola = Op("math.Square", {bounded + 1.0}) * 0.25;
  return call.Result(parabola + Op("nn.Relu", {x - 1.0}));
}

// x . weights + biases.
RuleResult Affine(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> values,
                        Together(call, {"x", "weights", "biases"}, nomograph::kFloats));
  const Value y = Op("math.MatMul", {values[0], values[1]}) + values[2];
  return call.Result(absl::EndsWith(call.name(), "relu_layer") ? Op("nn.Relu", {y}) : y);
}

const CallRegistrar kRules[] = {
    {"keras.backend.normalize_batch_in_training(x,gamma,beta,reduction_axes,epsilon=0.001)",
     NormalizeBatch},
    {"tf.nn.{fused_batch_norm,fused_batch_norm_v3}(x,scale,offset,"
     "mean=None,variance=None,epsilon=0.001,data_format=NHWC,is_training=False)",
     FusedBatchNorm},
    {"tf.nn.crelu(x|features,axis=-1)", Crelu},
    {"{keras.ops,keras.activations}.glu(x,axis=-1)", Glu},
    {"{keras.ops,keras.activations}.hard_tanh(x)", HardTanh},
    {"{keras.ops,keras.activations}.threshold(x,threshold|threshold_value,default_value)",
     Threshold},
    {"{keras.ops,keras.activations}.sparse_plus(x)", SparsePlus},
    {"tf.nn.{xw_plus_b,relu_layer}(x,weights,biases)", Affine},
    {"{keras.backend,keras.activations}.relu(x,negative_slope|alpha=0,max_value=None,threshold=0)",
     Relu},
    {"{tf.nn,keras.ops}.relu(x|features,negative_slope=0,max_value=None,threshold=0)", Relu},
    {"tf.nn.leaky_relu(x|features,alpha=0.2)", LeakyRelu},
    {"{keras.ops,keras.activations}.leaky_relu(x,alpha|negative_slope=0.2)", LeakyRelu},
    {"tf.nn.gelu(x|features,approximate=False)", Gelu},
    {"keras.activations.gelu(x,approximate=False)", Gelu},
    {"keras.ops.gelu(x,approximate=True)", Gelu},
    {"{keras.backend,keras.activations,keras.ops}.hard_sigmoid(x)", HardSigmoid},
    {"{keras.backend,keras.ops,keras.activations}.softmax,tf.nn.softmax,"
     "{keras.ops,keras.activations}.log_softmax,tf.nn.log_softmax,tf.math.{softmax,log_softmax}("
     "x|logits,axis|dim=-1)",
     Softmax},
    {"keras.activations.exponential(x)", Exponential},
    {"tf.nn.bias_add,keras.backend.bias_add(x|value,bias,data_format=None)", Bias},
    {"keras.backend.batch_normalization(x,mean,variance|var,beta=None,gamma=None,axis=-1,"
     "epsilon=0.001)",
     BatchNormalization},
    {"tf.nn.batch_normalization(x,mean,variance,beta|offset,gamma|scale,epsilon|variance_epsilon)",
     BatchNormalization},
    {"tf.nn.{local_response_normalization,lrn}(x|input,depth_radius=5,bias=1,alpha=1,beta=0.5)",
     LocalResponse},
    {"{keras.ops,keras.activations}.{soft_shrink,hard_shrink}(x,threshold=0.5)", SoftShrink},
};

}  // namespace
}  // namespace nomograph::keras
