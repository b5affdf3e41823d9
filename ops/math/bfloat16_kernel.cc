#include "nomograph/ops/math/bfloat16_kernel.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/row_product.h"
#include "nomograph/ops/math/narrow_kernel.h"

namespace nomograph {
namespace {

// Whether the constant is bfloat16 and all else float32.
bool HasRoundedConstant(const PrepareContext& context) {
  return context.inputs[0].dtype == DType::kFloat32 &&
         context.inputs[1].dtype == DType::kBFloat16 && context.constants[1].valid() &&
         context.outputs[0].dtype == DType::kFloat32;
}

// A node that a kernel of this file serves, without what is fused.
struct ServedNode {
  PackedNode node;
  bool rows = false;  // by which form
};

std::optional<ServedNode> Served(const PackedNodeFn& describe, const PrepareContext& context) {
  if (!HasBFloat16Products() || !HasRoundedConstant(context)) return std::nullopt;
  const std::optional<PackedNode> node = describe(context);
  if (!node || node->constant_input != 1) return std::nullopt;
  const MatrixView& m = node->constant;
  if (node->other_size < 1 || m.rows < 1 || m.columns < 1) return std::nullopt;
  const int64_t size = m.rows * m.columns;
  constexpr int64_t kSmallWork = 1 << 14;
  if (size * node->other_size * node->products < kSmallWork) return std::nullopt;
  const bool right = node->side == ProductSide::kRight;
  // A product of a few rows is bound by the memory of its matrix.
  constexpr int64_t kLargeMatrix = 1 << 14;
  if (right && node->constants == 1 && node->products == 1 && node->other_size <= kMaxProductRows &&
      TakesForm("bfloat16 product of rows", node->pays_rounded && size >= kLargeMatrix)) {
    return ServedNode{*node, /*rows=*/true};
  }
  // Vectors of sixteen columns, of which most should be there, and some terms between two stores.
  constexpr int64_t kFewRows = 4, kFewColumns = 12, kFewTerms = 8;
  const int64_t rows = right ? node->other_size : m.rows;
  const int64_t columns = right ? m.columns : node->other_size;
  const int64_t terms = right ? m.rows : m.columns;
  const bool pays = rows >= kFewRows && columns >= kFewColumns && terms >= kFewTerms;
  if (!TakesForm("packed product in bfloat16", node->pays_rounded && pays)) return std::nullopt;
  return ServedNode{*node};
}

class BFloat16Kernel : public Kernel {
 public:
  BFloat16Kernel(NodeProducts products, Tensor packed, int threads)
      : products_(std::move(products)), packed_(std::move(packed)), threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    const PackedNode& node = products_.node();
    const int64_t step = packed_.num_elements() / node.constants;
    const uint32_t* const packed = packed_.data<uint32_t>().data();
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    const int64_t floats = BFloat16ScratchFloats(node.side);
    ParallelParts(threads_, [&](int part, int parts) {
      PackedProduct product = products_.Common();
      for (int64_t i = 0; i < node.products; ++i) {
        products_.SetAddresses(context, i, product);
        MultiplyBFloat16Part(product, packed + i % node.constants * step, part, parts,
                             scratch + part * floats);
      }
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return threads_ * BFloat16ScratchFloats(products_.node().side) *
           static_cast<int64_t>(sizeof(float));
  }
  bool ReadsInput(int index) const override { return index != products_.node().constant_input; }
  std::string Describe() const override { return "packed product avx512_bf16"; }

 private:
  const NodeProducts products_;
  const Tensor packed_;
  const int threads_;
};

// The constant's elements, from `first` on.
BFloat16View ConstantView(const PackedNode& node, const PrepareContext& context, int64_t first) {
  const MatrixView& m = node.constant;
  const auto* bits = reinterpret_cast<const uint16_t*>(context.constants[1].raw_data());
  return {.data = bits + first,
          .rows = m.rows,
          .columns = m.columns,
          .row_stride = m.row_stride,
          .column_stride = m.column_stride};
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareRows(const PackedNode& node,
                                                    const PrepareContext& context,
                                                    std::vector<FusedStep> steps) {
  auto weights = std::make_unique<NarrowWeights>();
  NarrowMatrix& matrix = weights->matrix;
  matrix.type = NarrowType::kBFloat16;
  matrix.rows = node.constant.rows;
  matrix.columns = node.constant.columns;
  NOMO_ASSIGN_OR_RETURN(weights->packed, Tensor::Create(DType::kUInt8, {NarrowBytes(matrix)}));
  PackNarrow(matrix, ConstantView(node, context, 0), weights->packed.mutable_raw_data());
  matrix.packed = weights->packed.raw_data();
  return MakeNarrowKernel(std::move(weights),
                          {.rows = node.other_size,
                           .other_input = node.other_input,
                           .constant_input = node.constant_input,
                           .bias_input = node.bias_input},
                          std::move(steps), context.threads);
}

}  // namespace

PrepareFn PrepareBFloat16(PackedNodeFn describe) {
  return [describe = std::move(describe)](
             const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    const std::optional<ServedNode> served = Served(describe, context);
    if (!served) return nullptr;
    const PackedNode& node = served->node;
    std::optional<std::vector<FusedStep>> steps = StepsOf(node, context);
    if (!steps) return nullptr;
    if (served->rows) return PrepareRows(node, context, *std::move(steps));
    const int64_t pairs = BFloat16Pairs(node.side, node.constant.rows, node.constant.columns);
    NOMO_ASSIGN_OR_RETURN(Tensor packed, Tensor::Create(DType::kUInt32, {node.constants, pairs}));
    for (int64_t i = 0; i < node.constants; ++i) {
      PackBFloat16(node.side, ConstantView(node, context, i * node.constant_step),
                   packed.mutable_data<uint32_t>().data() + i * pairs);
    }
    return std::make_unique<BFloat16Kernel>(NodeProducts(node, *std::move(steps)),
                                            std::move(packed),
                                            ProductThreads(node, context.threads));
  };
}

std::function<bool(const PrepareContext&)> BFloat16TakesPostOps(
    PackedNodeFn describe, std::function<bool(const PrepareContext&)> otherwise) {
  return [describe = std::move(describe),
          otherwise = std::move(otherwise)](const PrepareContext& context) {
    if (!HasRoundedConstant(context)) return otherwise(context);
    const std::optional<ServedNode> served = Served(describe, context);
    return served && StepsOf(served->node, context).has_value();
  };
}

}  // namespace nomograph
