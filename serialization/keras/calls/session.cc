// Calls about Keras and TensorFlow themselves, and those that make no difference in inference.
#include <algorithm>

#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

RuleResult First(CallContext& call) { return call.Get(0); }

RuleResult Floatx(CallContext& call) {
  return call.interpreter().arena().Text(
      std::string(DTypeName(call.interpreter().options().floatx)));
}
RuleResult Epsilon(CallContext&) { return PyValue::Float(1e-7); }
RuleResult DataFormat(CallContext& call) {
  const bool first = call.interpreter().options().channels_first;
  const bool old = absl::EndsWith(call.name(), "image_dim_ordering");
  return call.interpreter().arena().Text(old ? (first ? "th" : "tf")
                                             : (first ? "channels_first" : "channels_last"));
}
RuleResult Backend(CallContext& call) { return call.interpreter().arena().Text("tensorflow"); }
RuleResult LearningPhase(CallContext&) { return PyValue::Int(0); }
RuleResult Nothing(CallContext&) { return PyValue::None(); }
RuleResult False(CallContext&) { return PyValue::Bool(false); }
RuleResult True(CallContext&) { return PyValue::Bool(true); }

RuleResult DtypeOf(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.interpreter().arena().Text(std::string(DTypeName(x.dtype())));
}

// The value, or that of a function without arguments.
RuleResult Evaluate(CallContext& call, const PyValue& value) {
  if (!value.is(Kind::kFunction)) return value;
  return call.interpreter().Call(value, {});
}
RuleResult InTrainPhase(CallContext& call) { return Evaluate(call, call.Get("alt")); }
RuleResult InTestPhase(CallContext& call) { return Evaluate(call, call.Get("x")); }

// fn(x), as functools.partial and tf.function wrap it.
RuleResult Activation(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  const PyValue& identifier = call.Get("identifier");
  if (!identifier.is(Kind::kText)) return identifier;
  return interpreter.arena().Name(absl::StrCat("keras.activations.", identifier.heap->text));
}

const CallRegistrar kRules[] = {
    {"builtins.__enter__(manager)", First},
    {"builtins.__exit__(*values)", Nothing},
    {"tf.{name_scope,variable_scope,device,control_dependencies,init_scope},keras.name_scope,"
     "keras.backend.name_scope(name=None,default_name=None,values=None,reuse=None)",
     Nothing},
    {"tf.{identity,stop_gradient,ensure_shape,check_numerics,function},keras.backend.{stop_gradient"
     ",identity},keras.ops.stop_gradient,keras.activations.linear,tf.debugging.check_numerics,"
     "tf.autograph.experimental.do_not_convert,tf.convert_to_tensor_or_sparse_tensor("
     "x|input|variable|tensor|value,message|shape=None)",
     First},
    {"tf.nest.{flatten}(x)", First},
    {"keras.backend.{floatx}()", Floatx},
    {"keras.{floatx}()", Floatx},
    {"keras.backend.epsilon,keras.{epsilon}()", Epsilon},
    {"keras.backend.{image_data_format,image_dim_ordering},keras.image_data_format()", DataFormat},
    {"keras.backend.{backend},keras.backend()", Backend},
    {"keras.backend.learning_phase()", LearningPhase},
    {"tf.{print,Print},keras.backend.print_tensor,tf.debugging.{assert_equal,assert_rank,"
     "assert_shapes,assert_all_finite,assert_greater,assert_less,assert_near,assert_positive,"
     "assert_non_negative},tf.assert_equal(x|input_|inputs=None,message|data|y=None,*rest)",
     First},
    {"keras.random.SeedGenerator(seed=None)", Nothing},
    {"keras.backend.is_placeholder(x)", False},
    {"keras.backend.{to_dense,get_value,eval}(x)", First},
    {"tf.{TensorShape}(x)", First},
    {"keras.backend.dtype(x)", DtypeOf},
    {"keras.backend.{is_sparse},tf.is_tensor_sparse(x)", False},
    {"{keras.backend,keras}.is_keras_tensor,tf.is_tensor,keras.backend.is_tensor(x)", True},
    {"keras.backend.in_train_phase(x,alt,training=None)", InTrainPhase},
    {"keras.backend.in_test_phase(x,alt,training=None)", InTestPhase},
    {"keras.activations.get(identifier)", Activation},
    {"tf.compat.set_shape,tensor.set_shape(x,shape)", Nothing},
};

}  // namespace
}  // namespace nomograph::keras
