#include "nomograph/ops/math/rounding_kernel.h"

#include <algorithm>
#include <string>
#include <utility>

#include "nomograph/core/form/form.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/ops/math/bfloat16_kernel.h"

namespace nomograph {
namespace {

std::optional<FactorsNode> Served(const FactorsNodeFn& describe, const PrepareContext& context) {
  if (!RoundsFactors(context)) return std::nullopt;
  std::optional<FactorsNode> node = describe(context);
  if (!node) return std::nullopt;
  const int64_t rows = node->left.view.rows, terms = node->left.view.columns,
                columns = node->right.view.columns;
  constexpr int64_t kSmallWork = 1 << 14;
  if (rows * terms * columns * node->products() < kSmallWork) return std::nullopt;
  if (!TakesForm(kRoundingForm, RoundingPays(rows, terms, columns))) return std::nullopt;
  return node;
}

std::optional<std::vector<FusedStep>> StepsOf(const FactorsNode& node,
                                              const PrepareContext& context) {
  return FusedSteps(context, ProductSide::kRight, node.left.view.rows, node.right.view.columns);
}

// The smaller side is packed as a whole, the other one in blocks.
ProductSide PackedSide(int64_t rows, int64_t columns) {
  return rows <= columns ? ProductSide::kLeft : ProductSide::kRight;
}

// Of the packed side.
int64_t WholeFloats(int64_t rows, int64_t terms, int64_t columns) {
  constexpr int64_t kAligned = 16;
  const ProductSide side = PackedSide(rows, columns);
  const int64_t pairs = side == ProductSide::kLeft ? BFloat16Pairs(side, rows, terms)
                                                   : BFloat16Pairs(side, terms, columns);
  return (pairs + kAligned - 1) / kAligned * kAligned;
}

// A product of which one side has to be packed first, into `memory`, where each thread has some
// behind it.
void PackAndMultiply(const PackedProduct& product, const MatrixView& whole, int64_t packed_floats,
                     int threads, float* memory) {
  auto* const packed = reinterpret_cast<uint32_t*>(memory);
  float* const scratch = memory + packed_floats;
  const int64_t each = BFloat16ScratchFloats(product.side);
  ParallelParts(threads, [&](int part, int parts) {
    PackBFloat16(product.side, whole, packed, {}, part, parts);
  });
  ParallelParts(threads, [&](int part, int parts) {
    MultiplyBFloat16Part(product, packed, part, parts, scratch + part * each);
  });
}

class RoundingKernel : public Kernel {
 public:
  RoundingKernel(FactorsNode node, std::vector<FusedStep> steps, int threads)
      : node_(std::move(node)),
        steps_(std::move(steps)),
        side_(PackedSide(rows(), columns())),
        threads_(ThreadsFor(threads)),
        by_products_(node_.products() >= threads_) {}

  absl::Status Run(KernelContext& context) const override {
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    if (by_products_) {
      ParallelParts(threads_, [&](int part, int parts) {
        float* const memory = scratch + part * (PackedFloats() + ScratchFloats());
        PackedProduct product = Common();
        for (int64_t i = node_.products() * part / parts; i < node_.products() * (part + 1) / parts;
             ++i) {
          const MatrixView whole = SetAddresses(context, i, product);
          PackAndMultiply(product, whole, PackedFloats(), /*threads=*/1, memory);
        }
      });
      return absl::OkStatus();
    }
    PackedProduct product = Common();
    for (int64_t i = 0; i < node_.products(); ++i) {
      const MatrixView whole = SetAddresses(context, i, product);
      PackAndMultiply(product, whole, PackedFloats(), threads_, scratch);
    }
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    const int64_t packed = by_products_ ? threads_ : 1;
    return (packed * PackedFloats() + threads_ * ScratchFloats()) *
           static_cast<int64_t>(sizeof(float));
  }
  std::string Describe() const override { return kRoundingForm; }

 private:
  int64_t rows() const { return node_.left.view.rows; }
  int64_t columns() const { return node_.right.view.columns; }

  int ThreadsFor(int threads) const {
    constexpr int64_t kWorthThreads = 1 << 18;
    const int64_t work = rows() * node_.left.view.columns * columns() * node_.products();
    return work < kWorthThreads ? 1 : threads;
  }
  int64_t PackedFloats() const { return WholeFloats(rows(), node_.left.view.columns, columns()); }
  int64_t ScratchFloats() const { return BFloat16ScratchFloats(side_); }

  PackedProduct Common() const {
    PackedProduct product{.side = side_, .other = {}};
    product.size = side_ == ProductSide::kLeft ? rows() : columns();
    product.output_stride = columns();
    for (const FusedStep& step : steps_) product.steps.push_back(step.step);
    return product;
  }
  // Sets where the tensors of product number `i` are. The matrix that is to be packed.
  MatrixView SetAddresses(const KernelContext& context, int64_t i, PackedProduct& product) const {
    const auto view = [&](int input, const FactorsNode::Factor& factor) {
      MatrixView v = factor.view;
      v.data = context.input<float>(input).data() + factor.numbers[i] * v.rows * v.columns;
      return v;
    };
    const MatrixView left = view(0, node_.left), right = view(1, node_.right);
    product.other = side_ == ProductSide::kLeft ? right : left;
    const int64_t output = i * rows() * columns();
    product.output = context.output<float>(0).data() + output;
    if (node_.bias_input >= 0) {
      product.column_bias = context.input<float>(node_.bias_input).data();
    }
    for (size_t s = 0; s < steps_.size(); ++s) {
      if (steps_[s].input < 0) continue;
      const bool whole = steps_[s].step.row_stride != 0;
      product.steps[s].operand =
          context.input<float>(steps_[s].input).data() + (whole ? output : 0);
    }
    return side_ == ProductSide::kLeft ? left : right;
  }

  const FactorsNode node_;
  const std::vector<FusedStep> steps_;
  const ProductSide side_;
  const int threads_;
  const bool by_products_;  // threads share out the products, or each of them
};

}  // namespace

bool RoundingPays(int64_t rows, int64_t terms, int64_t columns) {
  // What is packed of an element is multiplied by the other side's size, and only vectors of
  // sixteen columns of which most are there gain.
  constexpr double kWorthPacking = 1.0 / 12;
  constexpr int64_t kFewColumns = 12, kFewTerms = 8;
  return columns >= kFewColumns && terms >= kFewTerms &&
         1.0 / static_cast<double>(rows) + 1.0 / static_cast<double>(columns) <= kWorthPacking;
}

int64_t RoundedScratchFloats(int64_t rows, int64_t terms, int64_t columns, int threads) {
  return WholeFloats(rows, terms, columns) +
         threads * BFloat16ScratchFloats(PackedSide(rows, columns));
}

void MultiplyRounded(const MatrixView& left, const MatrixView& right, float* y, int64_t stride,
                     bool add, int threads, float* scratch) {
  const ProductSide side = PackedSide(left.rows, right.columns);
  const bool packs_left = side == ProductSide::kLeft;
  const PackedProduct product{.side = side,
                              .other = packs_left ? right : left,
                              .size = packs_left ? left.rows : right.columns,
                              .output = y,
                              .output_stride = stride,
                              .accumulate = add,
                              .steps = {}};
  PackAndMultiply(product, packs_left ? left : right,
                  WholeFloats(left.rows, left.columns, right.columns), threads, scratch);
}

FastKernel FastRounding(FactorsNodeFn describe) {
  FastKernel kernel = FusingKernel(
      std::bind_front(Served, std::move(describe)),
      [](const FactorsNode& node, const PrepareContext& context) { return StepsOf(node, context); },
      [](FactorsNode node, std::vector<FusedStep> steps, const PrepareContext& context) {
        return std::make_unique<RoundingKernel>(std::move(node), std::move(steps), context.threads);
      });
  return AloneAskedOf(RoundsFactors, std::move(kernel));
}

}  // namespace nomograph
