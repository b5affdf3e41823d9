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

// Keras up to 2: clip(0.2 x + 0.5, 0, 1). Keras 3: relu6(x + 3) / 6.
RuleResult HardSigmoid(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  const bool sixth = absl::StartsWith(call.name(), "keras.ops.");
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

const CallRegistrar kRules[] = {
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
