// Calls that make tensors: of numbers, of one number, of ranges, of another type.
#include <cmath>

#include "nomograph/serialization/keras/calls/complex.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

// "complex64" and "complex128", which are no types of tensors.
bool IsComplexType(const PyValue& type) {
  return (type.is(Kind::kText) || type.is(Kind::kName)) &&
         absl::StartsWith(type.heap->text.substr(type.heap->text.rfind('.') + 1), "complex");
}

RuleResult CastRule(CallContext& call) {
  if (IsComplexType(call.Get("dtype"))) {
    NOMO_ASSIGN_OR_RETURN(const Value real, FloatTensor(call, "x"));
    PyArena& arena = call.interpreter().arena();
    return MakeComplex(call.interpreter(), arena.Tensor(real), arena.Tensor(real * 0.0));
  }
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", call.interpreter().options().floatx));
  // An index or size that is known stays one.
  if (call.Get("x").is_integer() && kInts.Contains(type)) return call.Get("x");
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  if (x.dtype() == type) return call.Get("x").is(Kind::kTensor) ? call.Get("x") : call.Result(x);
  return call.Result(Cast(x, type));
}

// tf.to_float and its like.
RuleResult CastTo(CallContext& call) {
  const std::string& name = call.name();
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  const DType type = absl::EndsWith(name, "to_float")    ? DType::kFloat32
                     : absl::EndsWith(name, "to_double") ? DType::kFloat64
                     : absl::EndsWith(name, "to_int64")  ? DType::kInt64
                     : absl::EndsWith(name, "to_int32")  ? DType::kInt32
                                                         : call.interpreter().options().floatx;
  return call.Result(Cast(x, type));
}

// tf.constant, K.constant, np.array, tf.convert_to_tensor.
RuleResult ConstantRule(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  const bool numpy = absl::StartsWith(call.name(), "np.");
  const bool keras =
      call.name() == "keras.backend.constant" || call.name() == "keras.backend.variable";
  const PyValue& value = call.Get("value");
  // Lists of sizes stay known.
  if (value.is(Kind::kTensor) && value.heap->is_shape && !call.Has("dtype")) return value;
  DType type = keras ? interpreter.options().floatx : DType::kInvalid;
  NOMO_ASSIGN_OR_RETURN(type, call.Type("dtype", type));
  NOMO_ASSIGN_OR_RETURN(Value tensor, interpreter.ToTensor(value, type));
  if (numpy && type == DType::kInvalid && value.is_sequence()) {
    // NumPy's own types.
    const DType wide = nomograph::kFloats.Contains(tensor.dtype()) ? DType::kFloat64
                       : tensor.dtype() == DType::kInt32           ? DType::kInt64
                                                                   : tensor.dtype();
    NOMO_ASSIGN_OR_RETURN(tensor, interpreter.ToTensor(value, wide));
  }
  if (call.Has("shape")) {
    NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes, interpreter.ToSizes(call.Get("shape")));
    std::vector<Value> inputs = {tensor};
    Attributes attrs;
    NOMO_RETURN_IF_ERROR(SetShape(interpreter, sizes, "shape", inputs, attrs));
    const bool one = tensor.shape().fully_known() && tensor.shape().ToShape().num_elements() == 1;
    tensor = Op(one ? "array.Expand" : "array.Reshape", inputs, attrs);
  }
  return interpreter.FromTensor(tensor, numpy);
}

RuleResult Fill(CallContext& call, double value) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", interpreter.options().floatx));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes, interpreter.ToSizes(call.Get("shape")));
  NOMO_ASSIGN_OR_RETURN(const Value filled,
                        Filled(interpreter, sizes, Tensor::Full(type, {1}, value)));
  return interpreter.FromTensor(filled, absl::StartsWith(call.name(), "np."));
}
RuleResult Zeros(CallContext& call) { return Fill(call, 0); }
RuleResult Ones(CallContext& call) { return Fill(call, 1); }

RuleResult Full(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const Value value, call.Tensor("value"));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", value.dtype()));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes, interpreter.ToSizes(call.Get("shape")));
  std::vector<Value> inputs = {Cast(value, type)};
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(SetShape(interpreter, sizes, "shape", inputs, attrs));
  return call.Result(Op("array.Expand", inputs, attrs));
}

RuleResult FillLike(CallContext& call, const Value& value) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", x.dtype()));
  NOMO_ASSIGN_OR_RETURN(const PyValue shape, call.interpreter().ShapeOf(x));
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> sizes, call.interpreter().ToSizes(shape));
  std::vector<Value> inputs = {Cast(value, type)};
  Attributes attrs;
  NOMO_RETURN_IF_ERROR(SetShape(call.interpreter(), sizes, "shape", inputs, attrs));
  return call.Result(Op("array.Expand", inputs, attrs));
}
RuleResult ZerosLike(CallContext& call) {
  return FillLike(call, nomograph::Constant(Tensor::Scalar(0.0f)));
}
RuleResult OnesLike(CallContext& call) {
  return FillLike(call, nomograph::Constant(Tensor::Scalar(1.0f)));
}
RuleResult FullLike(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value value, call.Tensor("value"));
  return FillLike(call, value);
}

RuleResult Eye(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const int64_t rows, call.Int("n"));
  NOMO_ASSIGN_OR_RETURN(const int64_t columns, call.Int("m", rows));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", call.interpreter().options().floatx));
  NOMO_ASSIGN_OR_RETURN(const Value zeros,
                        Filled(call.interpreter(), {PyValue::Int(rows), PyValue::Int(columns)},
                               Tensor::Full(type, {1}, 0)));
  return call.Result(Op("array.EyeLike", {zeros}));
}

// range as a tensor.
RuleResult Arange(CallContext& call) {
  const bool one = !call.Has("stop");
  NOMO_ASSIGN_OR_RETURN(
      std::vector<Value> values,
      call.interpreter().Promote({one ? PyValue::Int(0) : call.Get("start"),
                                  call.Get(one ? "start" : "stop"), call.Get("step")},
                                 kNumbers));
  NOMO_ASSIGN_OR_RETURN(const DType type, call.Type("dtype", values[0].dtype()));
  const Value range = Op("array.Range", values);
  return call.interpreter().FromTensor(Cast(range, type), absl::StartsWith(call.name(), "np."));
}

RuleResult Linspace(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const double start, call.Number("start"));
  NOMO_ASSIGN_OR_RETURN(const double stop, call.Number("stop"));
  NOMO_ASSIGN_OR_RETURN(const int64_t num, call.Int("num"));
  if (num < 1) return InvalidArgument("a number of ", num, " steps");
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(num));
  Tensor tensor(DType::kFloat64, Shape{num});
  for (int64_t i = 0; i < num; ++i) {
    tensor.mutable_data<double>()[i] =
        num == 1 ? start : start + (stop - start) * static_cast<double>(i) / (num - 1);
  }
  const bool numpy = absl::StartsWith(call.name(), "np.");
  const DType type = numpy ? DType::kFloat64 : call.interpreter().options().floatx;
  return call.interpreter().FromTensor(nomograph::Constant(tensor.Cast(type)), numpy);
}

const CallRegistrar kRules[] = {
    {"{keras.backend,keras.ops,tf}.cast,tensor.astype,tf.saturate_cast(x,dtype)", CastRule},
    {"tf.{to_float,to_double,to_int32,to_int64},keras.backend.cast_to_floatx(x)", CastTo},
    {"tf.constant,keras.backend.{constant,variable}(value,dtype=None,shape=None)", ConstantRule},
    {"tf.convert_to_tensor,{keras.ops,keras.backend}.convert_to_tensor,keras.ops.array,np.{array,"
     "asarray,float32,float64,int32,int64,float16,uint8,int8,int16},tf.Variable(value|x|object,"
     "dtype=None,shape=None)",
     ConstantRule},
    {"{keras.backend,keras.ops,tf,np}.zeros(shape,dtype=None)", Zeros},
    {"{keras.backend,keras.ops,tf,np}.ones(shape,dtype=None)", Ones},
    {"tf.fill,{keras.ops,np}.full(shape|dims,value|fill_value,dtype=None)", Full},
    {"{keras.backend,keras.ops,tf,np}.zeros_like(x|tensor|input|a,dtype=None)", ZerosLike},
    {"{keras.backend,keras.ops,tf,np}.ones_like(x|tensor|input|a,dtype=None)", OnesLike},
    {"{keras.ops,np}.full_like(x|a,value|fill_value,dtype=None)", FullLike},
    {"{keras.backend,tf,keras.ops,np}.eye,{np,keras.ops}.identity(n|size|num_rows|N,"
     "m|num_columns|M=None,dtype=None)",
     Eye},
    {"{keras.backend,keras.ops,np}.arange,tf.range(start,stop|limit=None,step|delta=1,dtype=None)",
     Arange},
    {"{tf,keras.ops,np}.linspace,tf.lin_space(start,stop,num=50)", Linspace},
};

}  // namespace
}  // namespace nomograph::keras
