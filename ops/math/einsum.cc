// math.Einsum: sums of products by Einstein's convention.
#include <vector>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/math/einsum_equation.h"
#include "nomograph/ops/math/einsum_gradient.h"
#include "nomograph/ops/math/einsum_kernel.h"
#include "nomograph/ops/math/integer.h"

namespace nomograph {
namespace {

using math::BindEinsum;
using math::EinsumEquation;
using math::EinsumIndices;
using math::ParseEinsum;

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const EinsumEquation equation,
                        ParseEinsum(context.attrs().String("equation")));
  std::vector<PartialShape> shapes;
  bool ellipsis_known = true;
  for (int i = 0; i < context.num_inputs(); ++i) {
    shapes.push_back(context.shape(i));
    if (shapes[i].has_rank() || shapes.size() > equation.operands.size()) continue;
    ellipsis_known &= !equation.operands[i].has_ellipsis();
    shapes[i] = PartialShape::OfRank(static_cast<int>(equation.operands[i].letters.size()));
  }
  NOMO_ASSIGN_OR_RETURN(const EinsumIndices indices, BindEinsum(equation, shapes));
  const bool rank_known = ellipsis_known || !equation.output.has_ellipsis();
  return std::vector<TensorType>{
      {context.dtype(0), rank_known ? indices.OutputShape() : PartialShape()}};
}

// REQUIRES: the shape function has accepted the node.
EinsumIndices IndicesOf(const Attributes& attrs, std::vector<PartialShape> shapes) {
  return *BindEinsum(*ParseEinsum(attrs.String("equation")), shapes);
}

// How far apart the elements of each operand are along each index, 0 where it has none of it.
std::vector<std::vector<int64_t>> Steps(const KernelContext& context,
                                        const EinsumIndices& indices) {
  std::vector<std::vector<int64_t>> steps;
  for (int i = 0; i < context.num_inputs(); ++i) {
    const Shape& shape = context.input_shape(i);
    std::vector<int64_t>& own = steps.emplace_back(indices.sizes.size(), 0);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] != 1) own[indices.operands[i][axis]] += shape.Strides()[axis];
    }
  }
  return steps;
}

template <typename T>
void EinsumReference(KernelContext& context, const EinsumIndices& indices) {
  using Sum = math::WrappingSum<T>;
  const int rank = static_cast<int>(indices.sizes.size()), operands = context.num_inputs();
  const std::vector<std::vector<int64_t>> steps = Steps(context, indices);
  std::vector<int64_t> index(rank), at(operands);
  int64_t terms = 1;
  for (int i = indices.output_rank; i < rank; ++i) terms *= indices.sizes[i].size();
  for (T& y : context.output<T>(0)) {
    Sum sum = 0;
    for (int64_t term = 0; term < terms; ++term) {
      Sum product = 1;
      for (int k = 0; k < operands; ++k) {
        product *= static_cast<Sum>(static_cast<ComputeType<T>>(context.input<T>(k)[at[k]]));
      }
      sum += product;
      // Counts up; when the sum is complete the output's indices move on.
      for (int i = rank - 1; i >= 0; --i) {
        const int64_t size = indices.sizes[i].size();
        const bool wraps = ++index[i] == size;
        for (int k = 0; k < operands; ++k) at[k] += (wraps ? 1 - size : 1) * steps[k][i];
        if (!wraps) break;
        index[i] = 0;
      }
    }
    y = static_cast<T>(sum);
  }
}

absl::Status Compute(KernelContext& context) {
  std::vector<PartialShape> shapes;
  for (int i = 0; i < context.num_inputs(); ++i) shapes.push_back(context.input_shape(i));
  const EinsumIndices indices = IndicesOf(context.attrs(), std::move(shapes));
  Dispatch(NumberTypes{}, context.input_dtype(0),
           [&]<typename T>() { EinsumReference<T>(context, indices); });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  std::vector<PartialShape> shapes;
  for (const TensorSpec& input : context.inputs) shapes.push_back(input.shape);
  return math::PrepareEinsum(context, IndicesOf(context.attrs, std::move(shapes)));
}

std::vector<Example> Examples() {
  return {
      {.name = "ONNX einsum_batch_matmul",
       .attrs = {{"equation", "bij, bjk -> bik"}},
       .inputs = {Tensor::Of<float>({2, 2, 3},
                                    {-1, 1.5, 0, -1.5, -1.5, 0.5, 0.5, 3, 1.5, 0.5, 1, 1.5}),
                  Tensor::Of<float>({2, 3, 2}, {2, 2, 1, 0.5, 0, -1, -3, 0.5, 3, -3, 2.5, 0.5})},
       .outputs = {Tensor::Of<float>({2, 2, 2}, {-0.5, -1.25, -4.5, -4.25, 11.25, -8, 5.25, -2})}},
      {.name = "ONNX einsum_transpose",
       .attrs = {{"equation", "ij->ji"}},
       .inputs = {Tensor::Of<float>({2, 3}, {2, 0, -1.5, 3, 3, -0.5})},
       .outputs = {Tensor::Of<float>({3, 2}, {2, 3, 0, 3, -1.5, -0.5})}},
      {.name = "ONNX einsum_sum",
       .attrs = {{"equation", "ij->i"}},
       .inputs = {Tensor::Of<float>({2, 3}, {1, 1, 0.5, -0.5, -3, 2.5})},
       .outputs = {Tensor::Of<float>({2}, {2.5, -1})}},
      {.name = "ONNX einsum_inner_prod",
       .attrs = {{"equation", "i,i"}},
       .inputs = {Tensor::Of<float>({4}, {-3, -2, 1, 1.5}),
                  Tensor::Of<float>({4}, {0, -1, 1.5, 0.5})},
       .outputs = {Tensor::Of<float>({}, {4.25})}},
      {.name = "ONNX einsum_batch_diagonal",
       .attrs = {{"equation", "...ii ->...i"}},
       .inputs = {Tensor::Of<float>({2, 3, 3}, {-1.5, -1.5, 1, -1.5, -3, -2.5, -3, -3, 0, 3, 3, 3,
                                                0.5, 0.5, 2, 1.5, -1.5, -3})},
       .outputs = {Tensor::Of<float>({2, 3}, {-1.5, -3, 0, 3, 0.5, -3})}},
      {.name = "heads of attention, one operand transposed",
       .attrs = {{"equation", "bqhd,bkhd->bhqk"}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 3},
                                    {0.5, 0.5, 3, 0.5, -3, -0.5, -1, -1.5, -2.5, -1.5, 2.5, 2.5}),
                  Tensor::Of<float>({1, 3, 2, 3}, {-2.5, -1.5, 2.5, -1, -1.5, -2.5, 2.5, 1.5, -0.5,
                                                   1.5, -2.5, -2, -1.5, -2, -2, -0.5, 0.5, -1.5})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 3}, {5.5, 0.5, -7.75, -1.5, -3.5, 9.5, 5.25, 9.25, -1, -8.5, -13.5, -1.75})}},
      {.name = "columns first",
       .attrs = {{"equation", "ij,jk->ki"}},
       .inputs = {Tensor::Of<float>({2, 3}, {2.5, 2, -3, 3, 2.5, 1.5}),
                  Tensor::Of<float>({3, 2}, {1.5, 3, -1.5, 3, -1, -0.5})},
       .outputs = {Tensor::Of<float>({2, 2}, {3.75, -0.75, 15, 15.75})}},
      {.name = "implicit output, capitals first",
       .attrs = {{"equation", "ba,aC"}},
       .inputs = {Tensor::Of<float>({2, 3}, {3, 2.5, -1.5, -3, -1, 2.5}),
                  Tensor::Of<float>({3, 2}, {1, 2, 2, 0, 2.5, 0.5})},
       .outputs = {Tensor::Of<float>({2, 2}, {4.25, 1.25, 5.25, -4.75})}},
      {.name = "the trace of a product",
       .attrs = {{"equation", "ij,ji->"}},
       .inputs = {Tensor::Of<float>({2, 3}, {-2, 0.5, -1.5, 3, 3, 1}),
                  Tensor::Of<float>({3, 2}, {0, 0, -0.5, 0, -0.5, 3})},
       .outputs = {Tensor::Of<float>({}, {3.5})}},
      {.name = "three operands, one index in all",
       .attrs = {{"equation", "ab,bc,bd->acd"}},
       .inputs = {Tensor::Of<float>({2, 3}, {2.5, 0.5, -2.5, 2, -0.5, -1}),
                  Tensor::Of<float>({3, 1}, {-1, 1.5, 1.5}),
                  Tensor::Of<float>({3, 2}, {2, -3, 3, 0, -2, 3})},
       .outputs = {Tensor::Of<float>({2, 1, 2}, {4.75, -3.75, -3.25, 1.5})}},
      {.name = "outer product",
       .attrs = {{"equation", "i,j->ij"}},
       .inputs = {Tensor::Of<float>({2}, {0, 1}), Tensor::Of<float>({3}, {-2, 2.5, 2})},
       .outputs = {Tensor::Of<float>({2, 3}, {0, 0, 0, -2, 2.5, 2})}},
      {.name = "a batch of dot products, size 1 is repeated",
       .attrs = {{"equation", "bi,bi->b"}},
       .inputs = {Tensor::Of<float>({2, 3}, {-1, -2.5, 0, 2, -2.5, -0.5}),
                  Tensor::Of<float>({1, 3}, {-2.5, 0, 3})},
       .outputs = {Tensor::Of<float>({2}, {2.5, -6.5})}},
      {.name = "lone indices are summed first",
       .attrs = {{"equation", "ijk,jl->i"}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {1.5, 1, 3, 0, -0.5, 1.5, 0.5, -0.5}),
                  Tensor::Of<float>({2, 3}, {-1, 2.5, 3, 1.5, 2.5, 0})},
       .outputs = {Tensor::Of<float>({2}, {23.25, 4.5})}},
      {.name = "ellipses of different lengths",
       .attrs = {{"equation", "i...,...j->...ij"}},
       .inputs = {Tensor::Of<float>({2, 1, 3}, {1, -2.5, -0.5, -0.5, 2.5, 3}),
                  Tensor::Of<float>({2, 3, 2},
                                    {1, -1.5, 0.5, 0.5, 1.5, 3, 3, -1, 0.5, -0.5, 2, 1.5})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 2, 2}, {1,  -1.5, -0.5, 0.75,  -1.25, -1.25, 1.25,  1.25, -0.75, -1.5, 4.5, 9, 3,
                          -1, -1.5, 0.5,  -1.25, 1.25,  1.25,  -1.25, -1,   -0.75, 6,    4.5})}},
      {.name = "elementwise",
       .attrs = {{"equation", "...,..."}},
       .inputs = {Tensor::Of<float>({2, 1}, {0, 2.5}), Tensor::Of<float>({3}, {2.5, -2, 3})},
       .outputs = {Tensor::Of<float>({2, 3}, {0, 0, 0, 6.25, -5, 7.5})}},
      {.name = "long enough for matrices",
       .attrs = {{"equation", "bij,bkj->bik"}},
       .inputs = {Tensor::Of<float>(
                      {2, 3, 8},
                      {-3,  -0.5, -1.5, -3,   -0.5, 0.5,  -2.5, 1,   -1,   2.5, 1.5,  2,
                       -3,  -2,   -3,   0.5,  0,    -2,   1.5,  1.5, -0.5, 2.5, -2.5, -3,
                       -3,  1.5,  -2.5, -2.5, -0.5, -1.5, -2,   -3,  2,    2,   -1,   2,
                       2.5, 3,    1,    0.5,  -2.5, -1,   1.5,  3,   -1.5, 0,   2,    3}),
                  Tensor::Of<float>(
                      {2, 4, 8},
                      {0.5,  -2.5, -3,   -2, 0.5,  3,   -3,  -3,  3,    1.5,  1,    -2,  -3,
                       2.5,  -0.5, -0.5, -3, 1.5,  2.5, 2,   -3,  1,    -1,   -0.5, 3,   2.5,
                       -2.5, 2,    -1,   -3, 0.5,  3,   2,   -2,  -3,   -1.5, 1.5,  1,   -1.5,
                       0.5,  -2.5, 2,    -3, -2.5, 2.5, 2.5, -1,  0,    2.5,  -2.5, 3,   2.5,
                       3,    -3,   -2.5, 2,  2,    -3,  3,   2.5, -2.5, 1,    -1,   -2.5})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 4},
           {16,  -1.75, 2.5, -11.75, -15.25, 3.5,  24.25, 12.5, 21.25,  6,     11.75, -23,
            1.5, 21.25, -23, -15,    5.5,    9.75, -1,    -5.5, -15.75, -13.5, 4.75,  4.25})}},
      {.name = "long enough, one matrix",
       .attrs = {{"equation", "bsd,dhk->bhsk"}},
       .inputs = {Tensor::Of<float>({1, 2, 4}, {0, 1, -0.5, -2, 3, -1, 3, 0.5}),
                  Tensor::Of<float>({4, 2, 4},
                                    {-1,  2.5, -2.5, -2,   1,   -0.5, -2, 1.5, 0,    -2, -0.5,
                                     0.5, 0.5, -0.5, -0.5, 0,   -3,   2,  0,   -1,   0,  -2,
                                     3,   0,   1,    2.5,  2.5, 0.5,  -3, 3,   -0.5, 1})},
       .outputs = {Tensor::Of<float>({1, 2, 2, 4}, {-0.5, -8, -5.5, 0, -11.5, 16.75, -5.75, -9.25,
                                                    6.5, -5.5, -1, -2, 1, -5.5, 3.25, 5})}},
      {.name = "scalars",
       .attrs = {{"equation", ",->"}},
       .inputs = {Tensor::Of<float>({}, {1.5}), Tensor::Of<float>({}, {3})},
       .outputs = {Tensor::Of<float>({}, {4.5})}},
      {.name = "integers wrap around",
       .attrs = {{"equation", "i,i->"}},
       .inputs = {Tensor::Of<int8_t>({3}, {115, 99, 74}), Tensor::Of<int8_t>({3}, {66, 62, 97})},
       .outputs = {Tensor::Of<int8_t>({}, {-86})}},
      {.name = "float64",
       .attrs = {{"equation", "ij,j->i"}},
       .inputs = {Tensor::Of<double>({2, 3}, {0, -2.5, 1.5, -1.5, -1, -3}),
                  Tensor::Of<double>({3}, {-1.5, -0.5, 0})},
       .outputs = {Tensor::Of<double>({2}, {1.25, 2.75})}},
      {.name = "nothing to sum",
       .attrs = {{"equation", "ij,jk->ik"}},
       .inputs = {Tensor::Of<float>({2, 0}, {}), Tensor::Of<float>({0, 2}, {})},
       .outputs = {Tensor::Of<float>({2, 2}, {0, 0, 0, 0})}},
      {.name = "empty",
       .attrs = {{"equation", "ij,jk->ik"}},
       .inputs = {Tensor::Of<float>({0, 2}, {}), Tensor::Of<float>({2, 1}, {-1, -3})},
       .outputs = {Tensor::Of<float>({0, 1}, {})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("math.Einsum")
        .Doc("Sums products of the operands' elements by Einstein's convention. The equation has a "
             "term for each operand, a comma between them, then \"->\" and the output's term: "
             "\"bij,bjk->bik\" is y[b, i, k] = sum over j of a[b, i, j] c[b, j, k]. A term has a "
             "letter for each axis; axes of the same letter run together and have the same size, "
             "or 1 in another operand, which is repeated. A letter that is twice in one term takes "
             "the diagonal. Over letters that the output lacks is summed. \"...\" stands for the "
             "axes that are left, which broadcast as NumPy's do. Without \"->\" the output has "
             "those axes and then, in alphabetical order (capitals first), the letters that occur "
             "once. Blanks mean nothing. Integers wrap around.\n\n"
             "It is an error when the equation has another number of operands than the node, sizes "
             "do not fit, or the output has a letter twice or one that no operand has, or lacks "
             "the ellipsis of operands that have axes for it.")
        .Source("ONNX Einsum; numpy.einsum")
        .Known({.as = "onnx", .name = "Einsum", .since = 12})
        .TypeVar("T", kNumbers)
        .VariadicInput("operands", "T", "any number of tensors")
        .Output("y", "T", "the sizes of the output's letters")
        .RequiredAttr("equation", AttrType::kString, "what is multiplied and summed")
        .Infer(Infer)
        .Reference(Compute)
        .Fast(Prepare)
        .InLowPrecision(LowPrecision::kGains)
        .Work(AllCombinationsWork)
        .Gradient(math::EinsumGradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
