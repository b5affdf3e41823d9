// state.Read, state.Assign: the variables of a session.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> InferRead(const InferContext& context) {
  const std::vector<int64_t>& sizes = context.attrs().Ints("shape");
  return std::vector<TensorType>{{context.attrs().Type("dtype"), Shape(sizes)}};
}

absl::Status Read(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(VariableStore* const variables, context.variables());
  const std::string& name = context.attrs().String("variable");
  NOMO_ASSIGN_OR_RETURN(const Tensor value, variables->Read(name));
  return Annotate(context.SetOutput(0, value), absl::StrCat("variable ", Quoted(name)));
}

absl::Status Assign(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(VariableStore* const variables, context.variables());
  NOMO_RETURN_IF_ERROR(
      variables->Assign(context.attrs().String("variable"), context.BorrowInput(0)));
  if (context.output_view(0).data == context.input_view(0).data) return absl::OkStatus();
  return context.SetOutput(0, context.BorrowInput(0));
}

std::vector<Example> ReadExamples() {
  const Tensor mean = Tensor::Vector<float>({0.5f, 2});
  const Tensor count = Tensor::Scalar<int64_t>(3);
  const std::vector<std::pair<std::string, Tensor>> variables = {{"mean", mean}, {"count", count}};
  return {
      {.name = "vector",
       .attrs = {{"variable", "mean"},
                 {"dtype", DType::kFloat32},
                 {"shape", std::vector<int64_t>{2}}},
       .outputs = {mean},
       .variables = variables,
       .variables_after = variables},
      {.name = "scalar",
       .attrs = {{"variable", "count"},
                 {"dtype", DType::kInt64},
                 {"shape", std::vector<int64_t>{}}},
       .outputs = {count},
       .variables = variables},
  };
}

std::vector<Example> AssignExamples() {
  const Tensor before = Tensor::Vector<float>({0.5f, 2});
  const Tensor after = Tensor::Vector<float>({1, 4});
  return {
      {.name = "one of two",
       .attrs = {{"variable", "mean"}},
       .inputs = {after},
       .outputs = {after},
       .variables = {{"mean", before}, {"other", before}},
       .variables_after = {{"mean", after}, {"other", before}}},
  };
}

NOMO_REGISTER_OP(OpDef("state.Read")
                     .Doc("The value that a variable has now. Reads and assignments happen in the "
                          "order of the nodes; core.After makes that order plain.")
                     .Source("tf.Variable")
                     .TypeVar("T", kAnyType)
                     .Output("y", "T", "the variable's shape")
                     .RequiredAttr("variable", AttrType::kString,
                                   "the name of a variable of the model")
                     .RequiredAttr("dtype", AttrType::kDType, "the variable's dtype")
                     .RequiredAttr("shape", AttrType::kInts, "the variable's sizes")
                     .Min(0)
                     .WithEffects(Effects::kStateful)
                     .Infer(InferRead)
                     .Reference(Read)
                     .View()  // of the variable
                     .GradientIsZero()
                     .Examples(ReadExamples));

NOMO_REGISTER_OP(OpDef("state.Assign")
                     .Doc("Stores x in a variable, of the same dtype and shape; y = x.")
                     .Source("tf.Variable.assign")
                     .TypeVar("T", kAnyType)
                     .Input("x", "T", "the variable's shape")
                     .Output("y", "T", "the shape of x")
                     .RequiredAttr("variable", AttrType::kString,
                                   "the name of a variable of the model")
                     .WithEffects(Effects::kStateful)
                     .Infer(SameAsInput)
                     .Reference(Assign)
                     .InPlace()  // x may be the variable itself
                     .Gradient(PassGradient())
                     .Examples(AssignExamples));

}  // namespace
}  // namespace nomograph
