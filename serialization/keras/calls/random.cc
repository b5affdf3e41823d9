// Random calls: keyed random ops, whose numbers follow from the seed of the run.
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

// An argument that scales or moves what is drawn: a number, or a tensor.
RuleResult Affine(CallContext& call, Value drawn, absl::string_view factor,
                  absl::string_view offset) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(PyValue y, interpreter.FromTensor(std::move(drawn)));
  const auto is = [&](absl::string_view parameter, double number) {
    const PyValue& value = call.Get(parameter);
    return !call.Has(parameter) || (value.is_number() && value.AsDouble() == number);
  };
  if (!is(factor, 1)) {
    NOMO_ASSIGN_OR_RETURN(y, interpreter.Binary(BinaryOperator::kMultiply, y, call.Get(factor)));
  }
  if (!is(offset, 0)) {
    NOMO_ASSIGN_OR_RETURN(y, interpreter.Binary(BinaryOperator::kAdd, y, call.Get(offset)));
  }
  return y;
}

absl::Status SetSeed(CallContext& call, Attributes& attrs) {
  // A generator's seed of Keras 3 is its own state: the run's takes its place.
  if (call.Has("seed") && call.Get("seed").is_integer() && call.Get("seed").number >= 0) {
    attrs.Set("seed", call.Get("seed").number);
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> Draw(CallContext& call, absl::string_view op) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", interpreter.options().floatx));
  Attributes attrs = {{"dtype", type}};
  NOMO_RETURN_IF_ERROR(SetSeed(call, attrs));
  std::vector<PyValue> sizes;
  if (call.Has("shape")) {
    NOMO_ASSIGN_OR_RETURN(sizes, interpreter.ToSizes(call.Get("shape")));
  }
  std::vector<Value> inputs;
  NOMO_RETURN_IF_ERROR(SetShape(interpreter, sizes, "shape", inputs, attrs));
  const Value drawn = Op(op, inputs, attrs);
  NOMO_RETURN_IF_ERROR(drawn.status());
  return drawn;
}

RuleResult Normal(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value drawn, Draw(call, "random.Normal"));
  return Affine(call, drawn, "stddev", "mean");
}

// Normal numbers, those beyond two standard deviations drawn anew. After eight times, which happens
// once in 5e10, it is the nearest end.
RuleResult TruncatedNormal(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Value drawn, Draw(call, "random.Normal"));
  for (int i = 1; i < 8; ++i) {
    NOMO_ASSIGN_OR_RETURN(const Value next, Draw(call, "random.Normal"));
    const Value inside = Op("math.LessOrEqual", {Op("math.Abs", {drawn}), ConstantLike(2, drawn)});
    drawn = Op("array.Where", {inside, drawn, next});
  }
  return Affine(call, Op("math.Clip", {drawn}, {{"min", -2.0}, {"max", 2.0}}), "stddev", "mean");
}

// Classes of rows of logits.
RuleResult Categorical(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value logits, FloatTensor(call, "logits"));
  NOMO_ASSIGN_OR_RETURN(const int64_t count, call.Int("num_samples"));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", DType::kInt64));
  Attributes attrs = {{"sample_size", count}};
  NOMO_RETURN_IF_ERROR(SetSeed(call, attrs));
  return call.Result(Cast(Op("random.Multinomial", {logits}, attrs), type));
}

RuleResult Uniform(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", interpreter.options().floatx));
  if (kInts.Contains(type)) {
    NOMO_ASSIGN_OR_RETURN(const int64_t minval, call.Int("minval", 0));
    NOMO_ASSIGN_OR_RETURN(const int64_t maxval, call.Int("maxval"));
    NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes, interpreter.ToSizes(call.Get("shape")));
    Attributes attrs = {{"dtype", type}, {"minval", minval}, {"maxval", maxval}};
    NOMO_RETURN_IF_ERROR(SetSeed(call, attrs));
    std::vector<Value> inputs;
    NOMO_RETURN_IF_ERROR(SetShape(interpreter, sizes, "shape", inputs, attrs));
    return call.Result(Op("random.RandInt", inputs, attrs));
  }
  NOMO_ASSIGN_OR_RETURN(const Value drawn, Draw(call, "random.Uniform"));
  const PyValue low = call.Has("minval") ? call.Get("minval") : PyValue::Float(0);
  const PyValue high = call.Has("maxval") ? call.Get("maxval") : PyValue::Float(1);
  NOMO_ASSIGN_OR_RETURN(const PyValue width,
                        interpreter.Binary(BinaryOperator::kSubtract, high, low));
  PyValue y = interpreter.arena().Tensor(drawn);
  if (!width.is_number() || width.AsDouble() != 1) {
    NOMO_ASSIGN_OR_RETURN(y, interpreter.Binary(BinaryOperator::kMultiply, y, width));
  }
  if (low.is_number() && low.AsDouble() == 0) return y;
  return interpreter.Binary(BinaryOperator::kAdd, y, low);
}

// 1 with probability p, else 0.
RuleResult Binomial(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const double p, call.Number("p", 0));
  NOMO_ASSIGN_OR_RETURN(const Value drawn, Draw(call, "random.Uniform"));
  return call.Result(Cast(Op("math.Less", {drawn, ConstantLike(p, drawn)}), drawn.dtype()));
}

// Drops elements whenever it runs, unlike the layer of that name; what is left is scaled.
RuleResult Dropout(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(double rate, call.Number("rate", 0));
  if (call.Has("keep_prob")) {
    NOMO_ASSIGN_OR_RETURN(const double keep, call.Number("keep_prob"));
    rate = 1 - keep;
  }
  if (call.Has("noise_shape")) return absl::UnimplementedError("with a noise_shape");
  if (!(rate >= 0 && rate < 1)) return InvalidArgument("a rate of ", rate);
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(SetSeed(call, attrs));
  const Value drawn = Op("random.UniformLike", {x}, attrs);
  const Value kept = Op("math.GreaterOrEqual", {drawn, ConstantLike(rate, drawn)});
  return call.Result(x * Cast(kept, x.dtype()) * (1 / (1 - rate)));
}

const CallRegistrar kRules[] = {
    {"keras.backend.{random_normal,random_normal_variable}(shape,mean=0,stddev|std|scale=1,dtype="
     "None,"
     "seed=None)",
     Normal},
    {"keras.backend.truncated_normal,tf.{random.truncated_normal,truncated_normal},"
     "keras.random.truncated_normal(shape,mean=0,stddev=1,"
     "dtype=None,seed=None)",
     TruncatedNormal},
    {"tf.random.{categorical,multinomial},tf.multinomial,keras.random.categorical("
     "logits,num_samples,dtype|output_dtype=None,seed=None)",
     Categorical},
    {"tf.random.normal,tf.random_normal,keras.random.normal(shape,mean=0,"
     "stddev=1,dtype=None,"
     "seed=None)",
     Normal},
    {"tf.random.stateless_truncated_normal(shape,seed,mean=0,stddev=1,dtype=None)",
     TruncatedNormal},
    {"tf.random.stateless_normal(shape,seed,mean=0,stddev=1,dtype=None)", Normal},
    {"tf.random.stateless_uniform(shape,seed,minval=0,maxval=None,dtype=None)", Uniform},
    {"keras.random.randint(shape,minval,maxval,dtype=int32,seed=None)", Uniform},
    {"keras.backend.{random_uniform,random_uniform_variable}(shape,minval|low=0,maxval|high=1,"
     "dtype=None,seed=None)",
     Uniform},
    {"tf.random.uniform,tf.random_uniform,keras.random.uniform(shape,minval=0,"
     "maxval=None,"
     "dtype=None,seed=None)",
     Uniform},
    {"keras.backend.{random_binomial,random_bernoulli}(shape,p=0,dtype=None,seed=None)", Binomial},
    {"keras.backend.dropout,tf.nn.dropout,keras.random.dropout(x|inputs,rate|level=0,"
     "noise_shape=None,seed=None,keep_prob=None)",
     Dropout},
};

}  // namespace
}  // namespace nomograph::keras
