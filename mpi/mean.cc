// mpi.StartMean, mpi.FinishMean: gradients become the mean of those of all processes, while the
// step computes further ones.
#include <cstring>

#include "nomograph/core/op/registry.h"
#include "nomograph/mpi/world.h"

namespace nomograph::mpi {
namespace {

absl::StatusOr<std::vector<TensorType>> InferStart(const InferContext&) {
  return std::vector<TensorType>{{DType::kInt64, Shape{}}};
}

int64_t CountElements(const KernelContext& context, int first) {
  int64_t count = 0;
  for (int i = first; i < context.num_inputs(); ++i) count += context.input_shape(i).num_elements();
  return count;
}

// 16-bit numbers are summed in float32.
DType SumType(DType dtype) { return dtype == DType::kFloat64 ? dtype : DType::kFloat32; }

template <typename T, typename S>
void Copy(absl::Span<const T> from, S* to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<S>(from[i]);
}

absl::Status Start(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(World* const world, World::Join());
  NOMO_ASSIGN_OR_RETURN(
      Tensor sum, Tensor::Create(SumType(context.input_dtype(0)), {CountElements(context, 0)}));
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    using S = std::conditional_t<std::is_same_v<T, double>, double, float>;
    S* to = sum.mutable_data<S>().data();
    for (int i = 0; i < context.num_inputs(); ++i) {
      const absl::Span<const T> from = context.input<T>(i);
      Copy<T, S>(from, to);
      to += from.size();
    }
  });
  context.output<int64_t>(0)[0] = world->StartSum(std::move(sum));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferFinish(const InferContext& context) {
  std::vector<TensorType> types;
  for (int i = 1; i < context.num_inputs(); ++i) types.push_back(context.input(i));
  return types;
}

absl::Status Finish(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(World* const world, World::Join());
  NOMO_ASSIGN_OR_RETURN(const Tensor sum, world->FinishSum(context.input<int64_t>(0)[0]));
  if (sum.num_elements() != CountElements(context, 1) ||
      sum.dtype() != SumType(context.input_dtype(1))) {
    return InvalidArgument("like: expected the ", sum.num_elements(),
                           " elements of the sum, found ", CountElements(context, 1));
  }
  Dispatch(FloatTypes{}, context.input_dtype(1), [&]<typename T>() {
    using S = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const S* from = sum.data<S>().data();
    for (int k = 0; k < context.num_outputs(); ++k) {
      const absl::Span<T> to = context.output<T>(k);
      for (size_t i = 0; i < to.size(); ++i)
        to[i] = static_cast<T>(from[i] / static_cast<S>(world->size()));
      from += to.size();
    }
  });
  return absl::OkStatus();
}

NOMO_REGISTER_OP(OpDef("mpi.StartMean")
                     .Doc("Begins to sum the gradients over all processes of the MPI job, in the "
                          "background. Every process runs the node as often, in the same order of "
                          "nodes. mpi.FinishMean has the result.")
                     .Source("MPI_Allreduce")
                     .TypeVar("T", kFloats)
                     .VariadicInput("gradients", "T", "any shapes, the same in all processes")
                     .Output("number", "int64", "a scalar: which sum it is")
                     .WithEffects(Effects::kStateful)
                     .Infer(InferStart)
                     .Reference(Start)
                     .NoGradient("the means of gradients are not differentiated"));

NOMO_REGISTER_OP(
    OpDef("mpi.FinishMean")
        .Doc("Waits for the sum that mpi.StartMean began, and yields it divided by the "
             "number of processes, as gradients of the shapes of `like`.")
        .Source("MPI_Allreduce")
        .TypeVar("T", kFloats)
        .Input("number", "int64", "a scalar: which sum it is")
        .VariadicInput("like", "T", "the shapes of the gradients, in their order")
        .VariadicOutput("means", "T", "the shapes of like")
        .WithEffects(Effects::kStateful)
        .Infer(InferFinish)
        .Reference(Finish)
        .NoGradient("the means of gradients are not differentiated"));

}  // namespace
}  // namespace nomograph::mpi
