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

constexpr char kPackedForm[] = "packed product in bfloat16";

// A node that a kernel of this file serves, without what is fused.
struct ServedNode {
  PackedNode node;
  bool rows = false;  // by which form
};

std::optional<ServedNode> Served(const PackedNodeFn& describe, const PrepareContext& context) {
  const bool marked = RoundsFactors(context);
  if (!HasBFloat16Products() || (!marked && !HasRoundedConstant(context))) return std::nullopt;
  const std::optional<PackedNode> node = describe(context);
  if (!node || node->constant_input != 1) return std::nullopt;
  const MatrixView& m = node->constant;
  if (node->other_size < 1 || m.rows < 1 || m.columns < 1) return std::nullopt;
  const int64_t size = m.rows * m.columns;
  const bool right = node->side == ProductSide::kRight;
  constexpr int64_t kSmallWork = 1 << 14;
  if (size * node->other_size * node->products < kSmallWork) {
    // Planes have loops in float32 that take less time than to convert them.
    if (!right) TakesForm(marked ? kRoundingForm : kPackedForm, false);
    return std::nullopt;
  }
  // A product of a few rows is bound by the memory of its matrix.
  constexpr int64_t kLargeMatrix = 1 << 14;
  if (!marked && right && node->constants == 1 && node->products == 1 &&
      node->other_size <= kMaxProductRows &&
      TakesForm("bfloat16 product of rows", node->pays_rounded && size >= kLargeMatrix)) {
    return ServedNode{*node, /*rows=*/true};
  }
  // Vectors of sixteen columns, of which most should be there, and some terms between two stores.
  constexpr int64_t kFewRows = 4, kFewColumns = 12, kFewTerms = 8;
  const int64_t rows = right ? node->other_size : m.rows;
  const int64_t columns = right ? m.columns : node->other_size;
  const int64_t terms = right ? m.rows : m.columns;
  const bool pays = rows >= kFewRows && columns >= kFewColumns && terms >= kFewTerms;
  if (!TakesForm(marked ? kRoundingForm : kPackedForm, node->pays_rounded && pays)) {
    return std::nullopt;
  }
  return ServedNode{*node};
}

// How a node's constant is packed.
struct Packing {
  explicit Packing(const PackedNode& node) : side(node.side), matrix(node.constant) {
    const bool left = side == ProductSide::kLeft;
    const bool turns = left && BFloat16Turns(matrix.rows, node.other_size);
    if (node.window && PairsPlanes(*node.window)) {
      const int64_t all = node.window->rows.taps * node.window->columns.taps;
      planes = matrix.columns / all;
      // A plane without another one is half for nothing.
      constexpr int64_t kMany = 8;
      paired = (planes % 2 == 0 || planes >= kMany) && (all > 1 || turns);
      if (paired) {
        matrix.columns = planes;
        matrix.column_stride = node.plane_stride;
        taps = {all, node.tap_stride};
      }
    }
    turned = turns && (paired || !node.window);
    if (turned) {
      side = ProductSide::kRight;
      std::swap(matrix.rows, matrix.columns);
      std::swap(matrix.row_stride, matrix.column_stride);
    }
  }

  int64_t Pairs() const {
    const int64_t pairs = BFloat16Pairs(side, matrix.rows, matrix.columns) * taps.count;
    constexpr int64_t kAligned = 16;
    return (pairs + kAligned - 1) / kAligned * kAligned;
  }
  template <typename View, typename T>
  void Pack(const T* elements, uint32_t* packed, int part = 0, int parts = 1) const {
    const View view{elements, matrix.rows, matrix.columns, matrix.row_stride, matrix.column_stride};
    PackBFloat16(side, view, packed, taps, part, parts);
  }

  ProductSide side;
  MatrixView matrix;  // of one tap
  BFloat16Taps taps;
  int64_t planes = 0;
  bool paired = false;  // whether planes are paired
  bool turned = false;  // whether the product is the transposed one
};

class BFloat16Kernel : public Kernel {
 public:
  // packed: invalid where the constant is none, but is packed in each run.
  BFloat16Kernel(NodeProducts products, const Packing& packing, Tensor packed, int threads)
      : products_(std::move(products)),
        packing_(packing),
        packed_(std::move(packed)),
        threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    const PackedNode& node = products_.node();
    uint32_t* const memory = reinterpret_cast<uint32_t*>(context.scratch());
    const uint32_t* packed = memory;
    if (packed_.valid()) {
      packed = packed_.data<uint32_t>().data();
    } else {
      const float* const elements = context.input<float>(node.constant_input).data();
      ParallelParts(threads_, [&](int part, int parts) {
        for (int64_t i = 0; i < node.constants; ++i) {
          packing_.Pack<MatrixView>(elements + i * node.constant_step,
                                    memory + i * packing_.Pairs(), part, parts);
        }
      });
    }
    const int64_t floats = BFloat16ScratchFloats(packing_.side);
    float* const scratch = reinterpret_cast<float*>(memory) + SharedFloats();
    const auto multiply = [&](const PackedProduct& product, int64_t i, int part, int parts,
                              const uint32_t* paired) {
      MultiplyBFloat16Part(product, packed + i % node.constants * packing_.Pairs(), part, parts,
                           scratch + part * floats, paired);
    };
    if (!packing_.paired && !packing_.turned) {
      ParallelParts(threads_, [&](int part, int parts) {
        PackedProduct product = products_.Common();
        for (int64_t i = 0; i < node.products; ++i) {
          products_.SetAddresses(context, i, product);
          multiply(product, i, part, parts, nullptr);
        }
      });
      return absl::OkStatus();
    }
    uint32_t* const paired = packing_.paired ? memory + PackedFloats() : nullptr;
    float* const turned = reinterpret_cast<float*>(memory) + PackedFloats() + PairedFloats();
    PackedProduct product = products_.Common();
    for (int64_t i = 0; i < node.products; ++i) {
      products_.SetAddresses(context, i, product);
      if (paired != nullptr) {
        ParallelParts(threads_, [&](int part, int parts) {
          PairBFloat16Planes(*node.window, product.other.data, packing_.planes, part, parts,
                             paired);
        });
      }
      const PackedProduct computed = packing_.turned ? Turned(product, turned) : product;
      ParallelParts(threads_,
                    [&](int part, int parts) { multiply(computed, i, part, parts, paired); });
      if (!packing_.turned) continue;
      ParallelParts(threads_, [&](int part, int parts) {
        FinishTurnedBFloat16(product, turned, TurnedStride(), part, parts);
      });
    }
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return (SharedFloats() + threads_ * BFloat16ScratchFloats(packing_.side)) *
           static_cast<int64_t>(sizeof(float));
  }
  bool ReadsInput(int index) const override {
    return !packed_.valid() || index != products_.node().constant_input;
  }
  std::string Describe() const override {
    return absl::StrCat("packed product ", BFloat16InstructionsName(),
                        packing_.paired ? ", planes paired" : "",
                        packing_.turned ? ", transposed" : "");
  }

 private:
  static int64_t Aligned(int64_t floats) {
    constexpr int64_t kAligned = 16;
    return (floats + kAligned - 1) / kAligned * kAligned;
  }
  int64_t TurnedStride() const { return Aligned(products_.node().constant.rows); }
  // Memory that threads share: the matrix that is packed in each run, planes, and the transposed
  // product.
  int64_t PackedFloats() const {
    return packed_.valid() ? 0 : products_.node().constants * packing_.Pairs();
  }
  int64_t PairedFloats() const {
    return packing_.paired ? Aligned(BFloat16PlanePairs(*products_.node().window, packing_.planes))
                           : 0;
  }
  int64_t SharedFloats() const {
    const int64_t turned = packing_.turned ? TurnedStride() * products_.node().other_size : 0;
    return PackedFloats() + PairedFloats() + turned;
  }
  PackedProduct Turned(const PackedProduct& p, float* output) const {
    return {.side = ProductSide::kRight,
            .other = {p.other.data, p.other.columns, p.other.rows, 1, p.other.columns},
            .window = p.window,
            .size = p.size,
            .output = output,
            .output_stride = TurnedStride(),
            .steps = {}};
  }

  const NodeProducts products_;
  const Packing packing_;
  const Tensor packed_;
  const int threads_;
};

const uint16_t* BitsOf(const PrepareContext& context) {
  return reinterpret_cast<const uint16_t*>(context.constants[1].raw_data());
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
  const MatrixView& m = node.constant;
  PackNarrow(matrix,
             BFloat16View{BitsOf(context), m.rows, m.columns, m.row_stride, m.column_stride},
             weights->packed.mutable_raw_data());
  matrix.packed = weights->packed.raw_data();
  return MakeNarrowKernel(std::move(weights),
                          {.rows = node.other_size,
                           .other_input = node.other_input,
                           .constant_input = node.constant_input,
                           .bias_input = node.bias_input},
                          std::move(steps), context.threads);
}

absl::StatusOr<std::unique_ptr<Kernel>> Make(ServedNode served, std::vector<FusedStep> steps,
                                             const PrepareContext& context) {
  const PackedNode& node = served.node;
  if (served.rows) return PrepareRows(node, context, std::move(steps));
  const Packing packing(node);
  Tensor packed;
  if (!RoundsFactors(context)) {
    NOMO_ASSIGN_OR_RETURN(packed,
                          Tensor::Create(DType::kUInt32, {node.constants, packing.Pairs()}));
    for (int64_t i = 0; i < node.constants; ++i) {
      packing.Pack<BFloat16View>(BitsOf(context) + i * node.constant_step,
                                 packed.mutable_data<uint32_t>().data() + i * packing.Pairs());
    }
  }
  return std::make_unique<BFloat16Kernel>(NodeProducts(node, std::move(steps)), packing,
                                          std::move(packed), ProductThreads(node, context.threads));
}

}  // namespace

bool RoundsFactors(const PrepareContext& context) {
  const auto is_float = [](const TensorSpec& spec) { return spec.dtype == DType::kFloat32; };
  return HasBFloat16Products() && context.attrs.Has(kRoundsFactors) &&
         is_float(context.inputs[0]) && is_float(context.inputs[1]) && is_float(context.outputs[0]);
}

FastKernel AloneAskedOf(bool (*its)(const PrepareContext&), FastKernel kernel) {
  kernel.takes_post_ops = [its, takes = std::move(kernel.takes_post_ops)](
                              const PrepareContext& context) -> std::optional<bool> {
    if (!its(context)) return std::nullopt;
    return takes(context).value_or(false);
  };
  return kernel;
}

FastKernel FastBFloat16(PackedNodeFn describe) {
  FastKernel kernel = FusingKernel(
      std::bind_front(Served, std::move(describe)),
      [](const ServedNode& served, const PrepareContext& context) {
        return StepsOf(served.node, context);
      },
      Make);
  return AloneAskedOf(
      [](const PrepareContext& context) {
        return HasRoundedConstant(context) || RoundsFactors(context);
      },
      std::move(kernel));
}

}  // namespace nomograph
