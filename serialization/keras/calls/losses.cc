// Losses, which appear within models, too.
#include <cmath>

#include "absl/strings/ascii.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

RuleResult BinaryCrossentropy(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tp,
                        Together(call, {"target", "output"}, nomograph::kFloats));
  NOMO_ASSIGN_OR_RETURN(const bool from_logits, call.Bool("from_logits"));
  Value loss;
  if (from_logits) {
    // max(x, 0) - x * t + log(1 + exp(-|x|))
    const Value& x = tp[1];
    loss =
        Op("nn.Relu", {x}) - x * tp[0] + Op("math.Log1p", {Op("math.Exp", {-Op("math.Abs", {x})})});
  } else {
    constexpr double kEpsilon = 1e-7;
    const Value p = Op("math.Clip", {tp[1]}, {{"min", kEpsilon}, {"max", 1 - kEpsilon}});
    loss = -(tp[0] * Op("math.Log", {p + kEpsilon}) +
             (1 - tp[0]) * Op("math.Log", {1 - p + kEpsilon}));
  }
  return call.Result(loss);
}

// -sum of target * log(output) along an axis. Probabilities are scaled to sum 1 and kept off 0.
RuleResult CategoricalCrossentropy(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tp,
                        Together(call, {"target", "output"}, nomograph::kFloats));
  NOMO_ASSIGN_OR_RETURN(const bool from_logits, call.Bool("from_logits"));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis"));
  Value log;
  if (from_logits) {
    log = Op("nn.LogSoftmax", {tp[1]}, {{"axis", axis}});
  } else {
    constexpr double kEpsilon = 1e-7;
    const Value p = Op("math.Div", {tp[1], Reduce("math.ReduceSum", tp[1], {axis}, true)});
    log = Op("math.Log", {Op("math.Clip", {p}, {{"min", kEpsilon}, {"max", 1 - kEpsilon}})});
  }
  return call.Result(-Reduce("math.ReduceSum", tp[0] * log, {axis}, false));
}

// Sums of products of matching rows: the cosine of their angle, negative where it is a loss.
RuleResult CosineSimilarity(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy,
                        Together(call, {"y_true", "y_pred"}, nomograph::kFloats));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis"));
  std::vector<Value> unit;
  for (const Value& x : xy) {
    const Value sum = Reduce("math.ReduceSumSquare", x, {axis}, true);
    unit.push_back(
        Op("math.Mul", {x, Op("math.Rsqrt", {Op("math.Max", {sum, ConstantLike(1e-12, x)})})}));
  }
  const Value cosine = Reduce("math.ReduceSum", Op("math.Mul", unit), {axis}, false);
  return call.Result(Op("math.Neg", {cosine}));
}

RuleResult MeanError(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> xy,
                        Together(call, {"y_true", "y_pred"}, nomograph::kFloats));
  const bool squared = (absl::StrContains(call.name(), "squared") ||
                        absl::EndsWith(absl::AsciiStrToLower(call.name()), "mse"));
  const Value distance = Op("math.Sub", {xy[1], xy[0]});
  return call.Result(
      Reduce("math.ReduceMean", Op(squared ? "math.Square" : "math.Abs", {distance}), {-1}, false));
}

// The same of labels that are numbers of classes.
RuleResult SparseCategoricalCrossentropy(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const Value output, FloatTensor(call, "output"));
  NOMO_ASSIGN_OR_RETURN(Value labels, call.Tensor("target"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(output));
  NOMO_ASSIGN_OR_RETURN(const int label_rank, RankOf(labels));
  if (rank < 1 || !output.shape()[rank - 1].known()) {
    return absl::UnimplementedError("an unknown number of classes");
  }
  if (label_rank == rank) labels = Op("array.Squeeze", {labels}, {{"axes", Ints{-1}}});
  NOMO_ASSIGN_OR_RETURN(
      const PyValue target,
      interpreter.CallKnown("tf.one_hot", {{interpreter.arena().Tensor(labels),
                                            PyValue::Int(output.shape()[rank - 1].size())},
                                           {}}));
  return interpreter.CallKnown(
      "keras.backend.categorical_crossentropy",
      {{target, interpreter.arena().Tensor(output)}, {{"from_logits", call.Get("from_logits")}}});
}

// The mean over the last axis of what two tensors yield element by element.
RuleResult MeanOverLast(CallContext& call, Value (*loss)(const Value& t, const Value& p)) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tp,
                        Together(call, {"y_true", "y_pred"}, nomograph::kFloats));
  return call.Result(Reduce("math.ReduceMean", loss(tp[0], tp[1]), {-1}, false));
}
RuleResult MeanBinary(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(
      const PyValue each,
      call.interpreter().CallKnown(
          "keras.backend.binary_crossentropy",
          {{call.Get("y_true"), call.Get("y_pred"), call.Get("from_logits")}, {}}));
  NOMO_ASSIGN_OR_RETURN(const Value loss, call.interpreter().ToTensor(each));
  return call.Result(Reduce("math.ReduceMean", loss, {-1}, false));
}
RuleResult Hinge(CallContext& call) {
  return MeanOverLast(call,
                      [](const Value& t, const Value& p) { return Op("nn.Relu", {1.0 - t * p}); });
}
RuleResult LogCosh(CallContext& call) {
  return MeanOverLast(call, [](const Value& t, const Value& p) {
    const Value x = p - t;
    return x + Op("nn.Softplus", {x * -2.0}) - std::log(2.0);
  });
}
RuleResult Poisson(CallContext& call) {
  return MeanOverLast(
      call, [](const Value& t, const Value& p) { return p - t * Op("math.Log", {p + 1e-7}); });
}

// sum of t * log(t / p), both kept within [1e-7, 1].
RuleResult KlDivergence(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(std::vector<Value> tp,
                        Together(call, {"y_true", "y_pred"}, nomograph::kFloats));
  for (Value& x : tp) x = Op("math.Clip", {x}, {{"min", 1e-7}, {"max", 1.0}});
  return call.Result(
      Reduce("math.ReduceSum", tp[0] * Op("math.Log", {tp[0] / tp[1]}), {-1}, false));
}

// Half the square up to delta, linear from there on.
RuleResult Huber(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> tp,
                        Together(call, {"y_true", "y_pred"}, nomograph::kFloats));
  NOMO_ASSIGN_OR_RETURN(const double delta, call.Number("delta"));
  const Value size = Op("math.Abs", {tp[1] - tp[0]});
  const Value near = Op("math.Square", {size}) * 0.5;
  const Value far = size * delta - 0.5 * delta * delta;
  const Value inside = Op("math.LessOrEqual", {size, ConstantLike(delta, size)});
  return call.Result(
      Reduce("math.ReduceMean", Op("array.Where", {inside, near, far}), {-1}, false));
}

// Half the sum of squares.
RuleResult L2Loss(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "t"));
  const Value flat = Op("array.Reshape", {x}, {{"shape", Ints{-1}}});
  return call.Result(Reduce("math.ReduceSumSquare", flat, {0}, false) * 0.5);
}

const CallRegistrar kRules[] = {
    {"keras.backend.categorical_crossentropy,keras.ops.categorical_crossentropy,"
     "keras.losses.categorical_crossentropy(target|y_true,output|y_pred,from_logits=False,"
     "axis=-1)",
     CategoricalCrossentropy},
    {"tf.nn.sigmoid_cross_entropy_with_logits(target|labels,output|logits,from_logits=True)",
     BinaryCrossentropy},
    {"{keras.backend,keras.ops}.binary_crossentropy(target,output,from_logits=False)",
     BinaryCrossentropy},
    {"keras.losses.cosine_similarity(y_true,y_pred,axis=-1)", CosineSimilarity},
    {"keras.losses.{mean_squared_error,mse,MSE,mean_absolute_error,mae,MAE}(y_true,y_pred)",
     MeanError},
    {"tf.nn.{softmax_cross_entropy_with_logits,softmax_cross_entropy_with_logits_v2}("
     "target|labels,output|logits,axis|dim=-1,from_logits=True)",
     CategoricalCrossentropy},
    {"tf.nn.sparse_softmax_cross_entropy_with_logits(target|labels,output|logits,"
     "from_logits=True)",
     SparseCategoricalCrossentropy},
    {"{keras.backend,keras.ops}.sparse_categorical_crossentropy,"
     "keras.losses.sparse_categorical_crossentropy(target|y_true,output|y_pred,from_logits=False)",
     SparseCategoricalCrossentropy},
    {"keras.losses.binary_crossentropy(y_true,y_pred,from_logits=False)", MeanBinary},
    {"keras.losses.hinge(y_true,y_pred)", Hinge},
    {"keras.losses.{log_cosh,logcosh}(y_true,y_pred)", LogCosh},
    {"keras.losses.poisson(y_true,y_pred)", Poisson},
    {"keras.losses.{kl_divergence,kullback_leibler_divergence,kld,KLD}(y_true,y_pred)",
     KlDivergence},
    {"keras.losses.huber(y_true,y_pred,delta=1)", Huber},
    {"tf.nn.l2_loss(t)", L2Loss},
};

}  // namespace
}  // namespace nomograph::keras
