// The products of a recurrent layer, as kernels inside of the layer's.
#include <utility>
#include <vector>

#include "nomograph/core/form/form.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/onednn/onednn_matmul.h"
#include "nomograph/core/types/float16.h"
#include "nomograph/ops/math/bfloat16_kernel.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/math/rounding_kernel.h"
#include "nomograph/ops/nn/recurrent/recurrent_kernel.h"

namespace nomograph::nn {
namespace {

bool BuildProduct(onednn::Builder& b) {
  const int transposed[] = {1, 0};
  onednn::MatrixProduct product{
      .src = onednn::RowMajor(DType::kFloat32, b.context().inputs[0].shape.dims()),
      .weights = onednn::Permuted(DType::kFloat32, b.context().inputs[1].shape, transposed),
      .dst = onednn::RowMajor(DType::kFloat32, b.context().outputs[0].shape.dims())};
  if (!TakePart(b, product)) return false;
  onednn::AddMatrixProduct(b, product, b.Attr());
  return true;
}

std::optional<PackedNode> DescribeProduct(const PrepareContext& context) {
  const Tensor& w = context.constants[1];
  if (!w.valid()) return std::nullopt;
  const int64_t columns = w.shape()[0], inner = w.shape()[1];
  return PackedNode{.side = ProductSide::kRight,
                    .constant = {FloatsOf(w), inner, columns, 1, inner},
                    .other_size = context.inputs[0].shape[0]};
}

std::optional<FactorsNode> DescribeFactors(const PrepareContext& context) {
  const Shape &x = context.inputs[0].shape, &w = context.inputs[1].shape;
  return FactorsNode{.left = {{nullptr, x[0], x[1], x[1], 1}, {0}},
                     .right = {{nullptr, w[1], w[0], 1, w[1]}, {0}}};
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareWide(const PrepareContext& context) {
  for (const FastKernel& fast : {FastRounding(DescribeFactors), FastPacked(DescribeProduct)}) {
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, fast.prepare(context));
    if (kernel != nullptr) return kernel;
  }
  if (!TakesForm("oneDNN product", true)) return nullptr;
  return onednn::FastInParts(BuildProduct).prepare(context);
}

// The part of a constant that the product takes, as a matrix; nothing of nothing.
Tensor PartOf(const Tensor& constant, const RecurrentProduct& product, const Shape& shape) {
  if (!constant.valid()) return Tensor();
  return Tensor::FromBuffer(DType::kFloat32, shape,
                            constant.data<float>().data() + product.first * product.columns,
                            std::make_shared<Tensor>(constant));
}

absl::StatusOr<std::optional<SubKernel>> PrepareRounded(const RecurrentProduct& product,
                                                        const PrepareContext& context,
                                                        const Tensor& weights) {
  NOMO_ASSIGN_OR_RETURN(Tensor rounded, Tensor::Create(DType::kBFloat16, weights.shape()));
  ConvertFloats(weights.data<float>().data(), rounded.mutable_data<BFloat16>().data(),
                weights.num_elements());
  return SubKernel::Create(
      FastBFloat16(DescribeProduct).prepare, context.attrs, product.threads,
      {{DType::kFloat32, {product.rows, product.columns}}, {DType::kBFloat16, rounded.shape()}},
      {DType::kFloat32, {product.rows, product.width}}, {Tensor(), rounded});
}

}  // namespace

absl::StatusOr<std::optional<SubKernel>> PrepareProduct(const RecurrentProduct& product,
                                                        const PrepareContext& context) {
  const Shape weights = {product.width, product.columns};
  const Tensor constant = PartOf(context.constants[product.input], product, weights);
  if (product.rounds && constant.valid()) {
    NOMO_ASSIGN_OR_RETURN(std::optional<SubKernel> rounded,
                          PrepareRounded(product, context, constant));
    if (rounded) return rounded;
  }
  Attributes attrs = context.attrs;
  if (!product.rounds || constant.valid()) attrs.Erase(kRoundsFactors);
  return SubKernel::Create(
      PrepareWide, attrs, product.threads,
      {{DType::kFloat32, {product.rows, product.columns}}, {DType::kFloat32, weights}},
      {DType::kFloat32, {product.rows, product.width}}, {Tensor(), constant});
}

}  // namespace nomograph::nn
