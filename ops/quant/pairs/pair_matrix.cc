#include "nomograph/ops/quant/pairs/pair_matrix.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/quant/pairs/pair_loops.h"
#include "nomograph/ops/quant/pairs/quantized_conv.h"

namespace nomograph::quant {
namespace {

constexpr int64_t kRows = kPairChannels;
// Columns of a strip, a few vectors.
constexpr int64_t kStrip = 16;

class PairMatrixKernel : public Kernel {
 public:
  PairMatrixKernel(const PrepareContext& context, const ProductSpec& spec, Tensor packed,
                   FinishFn finish)
      : x_(spec.x),
        w_(spec.w),
        finish_(std::move(finish)),
        rows_(spec.x.outer()),
        depth_(spec.w.depth()),
        columns_(spec.w.inner()),
        pairs_(CeilOfQuotient(depth_, 2)),
        threads_(ProductThreads(context, depth_)),
        packed_(std::move(packed)) {
    numbers_ = plan_.Add<int16_t>(rows_ * depth_);
    panels_ = plan_.Add<int32_t>(CeilOfQuotient(rows_, kRows) * kRows * pairs_);
    sums_ = plan_.Add<int32_t>(finish_ ? rows_ * columns_ : 0);
  }

  // [strip, pair of rows, column of the strip].
  static int64_t PackedElements(const Factor& w) {
    return CeilOfQuotient(w.inner(), kStrip) * CeilOfQuotient(w.depth(), 2) * kStrip;
  }
  // `numbers`: the matrix' elements less their zero points.
  static void Pack(const Factor& w, const int16_t* numbers, int32_t* packed) {
    const int64_t depth = w.depth(), columns = w.inner();
    for (int64_t begin = 0; begin < columns; begin += kStrip) {
      const int64_t count = std::min(kStrip, columns - begin);
      for (int64_t d = 0; d < depth; d += 2, packed += kStrip) {
        const int16_t* const row = numbers + d * columns + begin;
        for (int64_t c = 0; c < count; ++c) {
          packed[c] = JoinedHalves(row[c], d + 1 < depth ? row[columns + c] : int16_t{0});
        }
        std::fill(packed + count, packed + kStrip, 0);
      }
    }
  }

  int64_t scratch_bytes() const override { return plan_.bytes(); }
  bool ReadsInput(int index) const override { return index != w_.input && index != w_.zero_point; }
  std::string Describe() const override {
    return absl::StrCat("pairs of integers ", VectorTargetName(BestVectorTarget()));
  }

  absl::Status Run(KernelContext& context) const override {
    auto* const numbers = reinterpret_cast<int16_t*>(context.scratch() + numbers_);
    auto* const panels = reinterpret_cast<int32_t*>(context.scratch() + panels_);
    int32_t* const sums = finish_ ? reinterpret_cast<int32_t*>(context.scratch() + sums_)
                                  : context.output<int32_t>(0).data();
    const std::byte* const zeros =
        context.has_input(x_.zero_point) ? context.input_view(x_.zero_point).data : nullptr;
    const TensorView& x = context.input_view(x_.input);
    CopySlab(x_, x.dtype, x.data, zeros, 0, {0, depth_}, threads_, numbers);
    ParallelFor(threads_, CeilOfQuotient(rows_, kRows), [&](int64_t block) {
      PackRows(numbers + block * kRows * depth_, std::min(kRows, rows_ - block * kRows),
               panels + block * kRows * pairs_);
    });
    ParallelFor(threads_, CeilOfQuotient(columns_, kStrip),
                [&](int64_t strip) { MultiplyStrip(panels, strip, sums); });
    if (finish_) finish_(context, sums, nullptr);
    return absl::OkStatus();
  }

 private:
  // [pair, row]; of rows that are not there the panel has zeros.
  void PackRows(const int16_t* rows, int64_t count, int32_t* panel) const {
    for (int64_t r = 0; r < kRows; ++r, rows += depth_) {
      for (int64_t p = 0; p < pairs_; ++p) {
        const bool has_both = 2 * p + 1 < depth_;
        panel[p * kRows + r] =
            r < count ? JoinedHalves(rows[2 * p], has_both ? rows[2 * p + 1] : int16_t{0}) : 0;
      }
    }
  }

  void MultiplyStrip(const int32_t* panels, int64_t strip, int32_t* sums) const {
    const int64_t no_offset = 0;
    const PairProduct product{
        .pairs = pairs_, .pair_stride = kStrip, .offsets = &no_offset, .taps = 1};
    const int32_t* const w = packed_.data<int32_t>().data() + strip * pairs_ * kStrip;
    const int64_t begin = strip * kStrip, count = std::min(kStrip, columns_ - begin);
    for (int64_t r = 0; r < rows_; r += kRows, panels += kRows * pairs_) {
      int32_t* const to = sums + r * columns_ + begin;
      if (count == kStrip && r + kRows <= rows_) {
        MultiplyPairs(product, w, count, panels, to, columns_);
        continue;
      }
      // Whole vectors of all rows are written, and others have what is behind these.
      int32_t tile[kRows * kStrip];
      MultiplyPairs(product, w, count, panels, tile, kStrip);
      for (int64_t i = 0; i < std::min(kRows, rows_ - r); ++i) {
        std::copy_n(tile + i * kStrip, count, to + i * columns_);
      }
    }
  }

  const Factor x_, w_;
  const FinishFn finish_;
  const int64_t rows_, depth_, columns_, pairs_;
  const int threads_;
  const Tensor packed_;
  nn::ScratchPlan plan_;
  int64_t numbers_, panels_, sums_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PreparePairMatrix(const PrepareContext& context,
                                                          const ProductSpec& spec,
                                                          const FinishFn& finish) {
  const bool has_zeros = context.has_input(spec.w.zero_point);
  const Tensor w = ConstantOf(context, spec.w.input);
  const Tensor zeros = has_zeros ? ConstantOf(context, spec.w.zero_point) : Tensor();
  if (HasVnni() || BestVectorTarget() == VectorTarget::kBaseline || !spec.is_matrix || !w.valid() ||
      has_zeros != zeros.valid() || spec.y.num_elements() == 0 || w.num_elements() == 0) {
    return nullptr;
  }
  std::vector<int16_t> numbers(w.num_elements());
  CopySlab(spec.w, w.dtype(), w.raw_data(), has_zeros ? zeros.raw_data() : nullptr, 0,
           {0, spec.w.depth()}, context.threads, numbers.data());
  NOMO_ASSIGN_OR_RETURN(Tensor packed,
                        Tensor::Create(DType::kInt32, {PairMatrixKernel::PackedElements(spec.w)}));
  PairMatrixKernel::Pack(spec.w, numbers.data(), packed.mutable_data<int32_t>().data());
  return std::make_unique<PairMatrixKernel>(context, spec, std::move(packed), finish);
}

}  // namespace nomograph::quant
