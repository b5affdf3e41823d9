#include "nomograph/ops/math/narrow_kernel.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

const char* NameOf(NarrowType type) {
  switch (type) {
    case NarrowType::kFloat16:
      return "float16";
    case NarrowType::kBFloat16:
      return "bfloat16";
    case NarrowType::kInt8:
      return "int8";
    case NarrowType::kInt4:
      return "int4";
  }
  return "";
}

class NarrowKernel : public Kernel {
 public:
  NarrowKernel(std::unique_ptr<NarrowWeights> weights, const NarrowNode& node,
               std::vector<FusedStep> steps, int threads)
      : weights_(std::move(weights)), node_(node), steps_(std::move(steps)), threads_(threads) {
    product_.num_rows = node_.rows;
    product_.matrix = weights_->matrix;
    for (const FusedStep& fused : steps_) product_.steps.push_back(fused.step);
    scratch_floats_ = NarrowScratchFloats(product_);
  }

  absl::Status Run(KernelContext& context) const override {
    NarrowProduct product = product_;
    product.rows = context.input<float>(node_.other_input).data();
    product.output = context.output<float>(0).data();
    if (node_.bias_input >= 0) {
      product.column_bias = context.input<float>(node_.bias_input).data();
    }
    for (size_t s = 0; s < steps_.size(); ++s) {
      if (steps_[s].input < 0) continue;
      product.steps[s].operand = context.input<float>(steps_[s].input).data();
    }
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    ParallelParts(threads_, [&](int part, int parts) {
      MultiplyNarrow(product, part, parts, scratch + part * scratch_floats_);
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return threads_ * scratch_floats_ * static_cast<int64_t>(sizeof(float));
  }
  bool ReadsInput(int index) const override { return index != node_.constant_input; }
  std::string Describe() const override {
    return absl::StrCat(NameOf(weights_->matrix.type), " product ",
                        VectorTargetName(BestVectorTarget()));
  }

 private:
  const std::unique_ptr<const NarrowWeights> weights_;
  const NarrowNode node_;
  const std::vector<FusedStep> steps_;
  const int threads_;
  NarrowProduct product_;
  int64_t scratch_floats_ = 0;
};

// Whether the elements lie together, with none between them.
bool IsContiguous(const MatrixView& m) {
  return (m.column_stride == 1 && m.row_stride == m.columns) ||
         (m.row_stride == 1 && m.column_stride == m.rows);
}

}  // namespace

absl::StatusOr<std::unique_ptr<NarrowWeights>> NarrowFloats(const MatrixView& constant) {
  if (!IsContiguous(constant)) return nullptr;
  const std::optional<NarrowType> type =
      ExactNarrowType(constant.data, constant.rows * constant.columns);
  if (!type) return nullptr;
  auto weights = std::make_unique<NarrowWeights>();
  NarrowMatrix& matrix = weights->matrix;
  matrix.type = *type;
  matrix.rows = constant.rows;
  matrix.columns = constant.columns;
  NOMO_ASSIGN_OR_RETURN(weights->packed, Tensor::Create(DType::kUInt8, {NarrowBytes(matrix)}));
  PackNarrow(matrix, constant, weights->packed.mutable_raw_data());
  matrix.packed = weights->packed.raw_data();
  return weights;
}

std::unique_ptr<Kernel> MakeNarrowKernel(std::unique_ptr<NarrowWeights> weights,
                                         const NarrowNode& node, std::vector<FusedStep> steps,
                                         int threads) {
  // As for products of rows in packed_kernel.cc: what a team of threads must be worth.
  constexpr int64_t kWorthThreads = 1 << 18;
  const int64_t work =
      weights->matrix.rows * weights->matrix.columns * std::max<int64_t>(node.rows, 1);
  return std::make_unique<NarrowKernel>(std::move(weights), node, std::move(steps),
                                        work < kWorthThreads ? 1 : threads);
}

}  // namespace nomograph
