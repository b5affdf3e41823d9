#include "nomograph/ops/math/packed_kernel.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/form/overwritten_input.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/elementwise_loop.h"
#include "nomograph/core/packing/shared_packing.h"
#include "nomograph/core/vector/row_product.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/math/narrow_kernel.h"

namespace nomograph {
namespace {

// How an operand lies beside the output; false where it is not as FusedSteps() says.
bool SetStrides(const PrepareContext& context, ProductSide side, int64_t rows, int64_t columns,
                FusedStep& fused) {
  const TensorSpec& operand = context.inputs[fused.input];
  const Shape& output = context.outputs[0].shape;
  if (operand.dtype != DType::kFloat32) return false;
  if (operand.shape == output) {
    fused.step.row_stride = columns;
    fused.step.column_stride = 1;
    return true;
  }
  const bool left = side == ProductSide::kLeft;
  const int64_t size = left ? rows : columns;
  const int from_end = left ? output.rank() - 1 : 1;
  const int rank = operand.shape.rank();
  (left ? fused.step.row_stride : fused.step.column_stride) = 1;
  return rank >= from_end && rank <= output.rank() && operand.shape[rank - from_end] == size &&
         operand.shape.num_elements() == size;
}

// The node as a product of a few rows with the matrix as it lies; none where it is not one. A
// product with one column is that of a row with the transposed matrix.
std::optional<RowProduct> AsRows(const PackedNode& node) {
  if (node.window || node.map || node.constants != 1) return std::nullopt;
  const bool left = node.side == ProductSide::kLeft;
  if (left ? node.other_size != 1 : node.products != 1) return std::nullopt;
  const MatrixView& m = node.constant;
  RowProduct product{.num_rows = left ? node.products : node.other_size, .matrix = m, .steps = {}};
  if (left) product.matrix = {m.data, m.columns, m.rows, m.column_stride, m.row_stride};
  const bool along = product.matrix.row_stride == 1 || product.matrix.column_stride == 1;
  if (!along || product.num_rows < 1 || product.num_rows > kMaxProductRows) return std::nullopt;
  return product;
}

// oneDNN has packed products of its own for AVX-512, and of small matrices nothing is to be gained
// by blocks. But for small convolutions (kLeft) it has its sgemm alone, whose code it generates at
// the first run: that takes longer than all else of a small model's start, and megabytes.
bool PackingPays(const PackedNode& node) {
  constexpr int64_t kFewRows = 4, kSmallWork = 1 << 14;
  const MatrixView& m = node.constant;
  if (node.side == ProductSide::kLeft) return node.other_size > 1;
  return node.other_size >= kFewRows && m.rows >= kFewRows && m.columns >= kFewRows &&
         m.rows * m.columns * node.other_size >= kSmallWork;
}

// Whether it is worth while to keep the constant's elements narrower than float32, if they are. To
// expand blocks for many rows costs some per cent, which only the memory of a large matrix is
// worth.
bool MayBeNarrow(const PackedNode& node) {
  constexpr int64_t kWorthPacking = 1 << 14, kFewRows = 12, kLarge = 1 << 20;
  return node.side == ProductSide::kRight && node.constants == 1 && node.products == 1 &&
         node.other_size >= 1 &&
         node.constant.rows * node.constant.columns >=
             (node.other_size > kFewRows ? kLarge : kWorthPacking);
}
bool IsNarrow(const PackedNode& node) {
  const MatrixView& m = node.constant;
  return MayBeNarrow(node) && ExactNarrowType(m.data, m.rows * m.columns).has_value();
}

// Whether a product by a right matrix is so small that to wake a team of threads counts, or has
// rows of which twelve are multiplied at a time with little left over.
bool IsSmallOrEven(const PackedNode& node) {
  constexpr int64_t kSmallWork = 1 << 23, kTogether = 12, kLittle = 7;
  const int64_t rows = node.other_size;
  const int64_t left_over = (rows + kTogether - 1) / kTogether * kTogether - rows;
  return node.constant.rows * node.constant.columns * rows <= kSmallWork ||
         kLittle * left_over <= rows;
}

// A node that a kernel of this file serves, without what is fused.
struct ServedNode {
  PackedNode node;
  std::optional<RowProduct> rows;  // where that is its form; else it is packed
};

std::optional<ServedNode> Served(const PackedNodeFn& describe, const PrepareContext& context) {
  const auto is_float = [&](int i) { return context.inputs[i].dtype == DType::kFloat32; };
  if (BestVectorTarget() == VectorTarget::kBaseline || !is_float(0) || !is_float(1)) {
    return std::nullopt;
  }
  const std::optional<PackedNode> node = describe(context);
  if (!node) return std::nullopt;
  std::optional<RowProduct> rows = AsRows(*node);
  if (rows && TakesForm("product of rows", node->pays)) return ServedNode{*node, std::move(rows)};
  const bool packs = node->other_size > 0 && node->constant.rows > 0 && node->constant.columns > 0;
  // With AVX-512 oneDNN packs a right matrix beforehand, too, and its loop is a little faster; but
  // its floats are all of 32 bits, and its threads are others than those of the kernels around it:
  // to wake them takes as long as a small product.
  const bool pays = node->pays && (node->side == ProductSide::kLeft ||
                                   (context.threads > 1 && IsSmallOrEven(*node)) ||
                                   BestVectorTarget() == VectorTarget::kAvx2 || IsNarrow(*node));
  if (packs && TakesForm("packed product", pays && PackingPays(*node))) {
    return ServedNode{*node, std::nullopt};
  }
  return std::nullopt;
}

// PackMatrix(), a piece at a time; mapped pages that have been packed are given back, so that a
// large matrix is not in memory twice.
void PackInPieces(ProductSide side, const MatrixView& m, float* packed) {
  constexpr int64_t kWholePanels = 96, kPieceFloats = 1 << 22;
  const bool left = side == ProductSide::kLeft;
  const int64_t size = left ? m.rows : m.columns, terms = left ? m.columns : m.rows;
  const int64_t stride = left ? m.row_stride : m.column_stride;
  const int64_t panels = std::max<int64_t>(1, kPieceFloats / (kWholePanels * terms));
  for (int64_t first = 0; first < size; first += panels * kWholePanels) {
    const int64_t count = std::min(panels * kWholePanels, size - first);
    MatrixView piece = m;
    piece.data += first * stride;
    (left ? piece.rows : piece.columns) = count;
    PackMatrix(side, piece, packed + first * terms);
    // The rows (columns) of the piece lie together.
    if (stride >= terms) {
      MappedFile::GiveBack(piece.data, static_cast<size_t>(count * stride) * sizeof(float));
    }
  }
}

class PackedKernel : public Kernel, public OverwritingKernel {
 public:
  PackedKernel(const PackedNode& node, std::vector<FusedStep> steps, Tensor packed, int threads)
      : products_(node, steps), packed_(std::move(packed)), threads_(threads) {
    if (const int input = WholeInputOf(steps);
        input >= 0 && steps[0].step.kind == VectorStep::Kind::kAdd) {
      steps.erase(steps.begin());
      addend_ = Addend{input, NodeProducts(node, std::move(steps))};
    }
  }

  absl::Status Run(KernelContext& context) const override {
    const PackedNode& node = products_.node();
    // What is added may be in the output already.
    const bool accumulates = addend_.has_value() &&
                             context.input_view(addend_->input).data == context.output_view(0).data;
    const NodeProducts& products = accumulates ? addend_->products : products_;
    const int64_t step = packed_.num_elements() / node.constants;
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    ParallelParts(threads_, [&](int part, int parts) {
      PackedProduct product = products.Common();
      product.accumulate = accumulates;
      // Images of its own for each part, where they come out even, or a part of each.
      const bool whole = node.products / node.constants % parts == 0;
      const int64_t begin = whole ? node.products * part / parts : 0;
      const int64_t end = whole ? node.products * (part + 1) / parts : node.products;
      for (int64_t i = begin; i < end; ++i) {
        products.SetAddresses(context, i, product);
        product.packed = packed_.data<float>().data() + i % node.constants * step;
        MultiplyPart(product, whole ? 0 : part, whole ? 1 : parts,
                     scratch + part * ScratchFloats());
      }
    });
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override {
    return threads_ * ScratchFloats() * static_cast<int64_t>(sizeof(float));
  }
  bool ReadsInput(int index) const override { return index != products_.node().constant_input; }
  int OverwritableInput() const override { return addend_ ? addend_->input : -1; }
  std::string Describe() const override {
    return absl::StrCat("packed product ", VectorTargetName(BestVectorTarget()));
  }

 private:
  int64_t ScratchFloats() const {
    return ProductScratchFloats({.side = products_.node().side, .other = {}});
  }

  // An input that the output may hold, and the products that are added to it there.
  struct Addend {
    int input;
    NodeProducts products;
  };

  const NodeProducts products_;
  std::optional<Addend> addend_;
  const Tensor packed_;
  const int threads_;
};

// Of a few rows: the matrix stays where it is.
class RowKernel : public Kernel {
 public:
  RowKernel(RowProduct product, const PackedNode& node, std::vector<FusedStep> steps, int threads)
      : product_(std::move(product)), node_(node), steps_(std::move(steps)), threads_(threads) {
    for (const FusedStep& fused : steps_) {
      VectorStep step = fused.step;
      // What was a row is a column now.
      const bool whole = step.row_stride != 0 && step.column_stride != 0;
      if (whole) {
        step.row_stride = product_.matrix.columns;
      } else if (node_.side == ProductSide::kLeft) {
        std::swap(step.row_stride, step.column_stride);
      }
      product_.steps.push_back(step);
    }
  }

  absl::Status Run(KernelContext& context) const override {
    RowProduct product = product_;
    product.rows = context.input<float>(node_.other_input).data();
    product.matrix.data = context.input<float>(node_.constant_input).data();
    product.output = context.output<float>(0).data();
    if (node_.bias_input >= 0) {
      product.column_bias = context.input<float>(node_.bias_input).data();
    }
    for (size_t s = 0; s < steps_.size(); ++s) {
      if (steps_[s].input < 0) continue;
      product.steps[s].operand = context.input<float>(steps_[s].input).data();
    }
    product.sums = reinterpret_cast<float*>(context.scratch());
    ParallelParts(threads_, [&](int part, int parts) { MultiplyRows(product, part, parts); });
    FinishRows(product);
    return absl::OkStatus();
  }
  int64_t scratch_bytes() const override {
    return RowSumFloats(product_) * static_cast<int64_t>(sizeof(float));
  }
  std::string Describe() const override {
    return absl::StrCat("product of rows ", VectorTargetName(BestVectorTarget()));
  }

 private:
  RowProduct product_;
  const PackedNode node_;
  const std::vector<FusedStep> steps_;
  const int threads_;
};

// A kernel for a matrix whose elements are narrower than float32, where that is worth while; null
// where it is not.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareNarrow(const PackedNode& node,
                                                      const std::vector<FusedStep>& steps,
                                                      int threads) {
  if (!MayBeNarrow(node)) return nullptr;
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<NarrowWeights> weights, NarrowFloats(node.constant));
  if (weights == nullptr) return nullptr;
  return MakeNarrowKernel(std::move(weights),
                          {.rows = node.other_size,
                           .other_input = node.other_input,
                           .constant_input = node.constant_input,
                           .bias_input = node.bias_input},
                          steps, threads);
}

}  // namespace

const float* FloatsOf(const Tensor& constant) {
  return constant.valid() && constant.dtype() == DType::kFloat32 ? constant.data<float>().data()
                                                                 : nullptr;
}

NodeProducts::NodeProducts(const PackedNode& node, std::vector<FusedStep> steps)
    : node_(node), steps_(std::move(steps)) {
  node_.constant.data = nullptr;  // its memory may be given back
}

PackedProduct NodeProducts::Common() const {
  const MatrixView& m = node_.constant;
  const bool left = node_.side == ProductSide::kLeft;
  PackedProduct product{.side = node_.side, .other = {}};
  product.other.rows = left ? m.columns : node_.other_size;
  product.other.columns = left ? node_.other_size : m.rows;
  product.other.row_stride = product.other.columns;
  if (node_.window) product.window = &*node_.window;
  product.size = left ? m.rows : m.columns;
  product.output_stride = left ? node_.other_size : m.columns;
  for (const FusedStep& step : steps_) product.steps.push_back(step.step);
  return product;
}

void NodeProducts::SetAddresses(const KernelContext& context, int64_t i,
                                PackedProduct& product) const {
  const MatrixView& m = node_.constant;
  const bool left = node_.side == ProductSide::kLeft;
  const int64_t constant = i % node_.constants;
  const int64_t output = i * product.output_stride * (left ? m.rows : node_.other_size);
  int64_t other = product.other.rows * product.other.columns;
  if (node_.window) other = m.columns / node_.window->taps() * node_.window->elements();
  product.other.data = context.input<float>(node_.other_input).data() + i * other;
  product.output = context.output<float>(0).data() + output;
  if (node_.map) {
    const NodeRowMap& map = *node_.map;
    const bool known = map.factor_input < 0;
    product.map = {known ? map.factors.data()
                         : context.input<float>(map.factor_input).data() + i * map.factor_step,
                   map.offsets.empty() ? nullptr : map.offsets.data(), map.least};
  }
  const int64_t first = constant * product.size;  // of the rows (columns) of all constants
  if (node_.bias_input >= 0) {
    (left ? product.row_bias : product.column_bias) =
        context.input<float>(node_.bias_input).data() + first;
  }
  for (size_t s = 0; s < steps_.size(); ++s) {
    if (steps_[s].input < 0) continue;
    const bool whole = steps_[s].step.row_stride != 0 && steps_[s].step.column_stride != 0;
    product.steps[s].operand =
        context.input<float>(steps_[s].input).data() + (whole ? output : first);
  }
}

std::optional<std::vector<FusedStep>> StepsOf(const PackedNode& node,
                                              const PrepareContext& context) {
  const bool left = node.side == ProductSide::kLeft;
  return FusedSteps(context, node.side,
                    left ? node.constants * node.constant.rows : node.other_size,
                    left ? node.other_size : node.constant.columns);
}

int ProductThreads(const PackedNode& node, int threads) {
  constexpr int64_t kWorthThreads = 1 << 17;
  const MatrixView& m = node.constant;
  return m.rows * m.columns * node.other_size * node.products < kWorthThreads ? 1 : threads;
}

std::optional<std::vector<FusedStep>> FusedSteps(const PrepareContext& context, ProductSide side,
                                                 int64_t rows, int64_t columns) {
  std::vector<FusedStep> steps;
  for (const PostOp& op : context.post_ops) {
    const std::optional<VectorStep> step = onednn::StepOf(op);
    if (!step) return std::nullopt;
    steps.push_back({*step, step->has_operand() ? op.input : -1});
    if (step->has_operand() && !SetStrides(context, side, rows, columns, steps.back())) {
      return std::nullopt;
    }
  }
  return steps;
}

int WholeInputOf(const std::vector<FusedStep>& steps) {
  const bool whole =
      !steps.empty() && steps[0].step.row_stride != 0 && steps[0].step.column_stride != 0;
  return whole ? steps[0].input : -1;
}

std::vector<VectorStep> StepsOfRun(const std::vector<FusedStep>& steps,
                                   const KernelContext& context) {
  std::vector<VectorStep> result;
  result.reserve(steps.size());
  for (const FusedStep& step : steps) {
    result.push_back(step.step);
    if (step.input >= 0) result.back().operand = context.input<float>(step.input).data();
  }
  return result;
}

namespace {

absl::StatusOr<std::unique_ptr<Kernel>> Make(ServedNode served, std::vector<FusedStep> steps,
                                             const PrepareContext& context) {
  const PackedNode& node = served.node;
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> narrow,
                        PrepareNarrow(node, steps, context.threads));
  if (narrow != nullptr) return narrow;
  const MatrixView& m = node.constant;
  if (served.rows) {
    const int64_t work = m.rows * m.columns * node.other_size * node.products;
    return std::make_unique<RowKernel>(*std::move(served.rows), node, std::move(steps),
                                       work < kLargeMatrix ? 1 : context.threads);
  }
  const int64_t floats = PackedFloats(node.side, m.rows, m.columns);
  const auto pack = [&]() -> absl::StatusOr<Tensor> {
    NOMO_ASSIGN_OR_RETURN(Tensor packed, Tensor::Create(DType::kFloat32, {node.constants, floats}));
    for (int64_t i = 0; i < node.constants; ++i) {
      MatrixView constant = m;
      constant.data += i * node.constant_step;
      PackInPieces(node.side, constant, packed.mutable_data<float>().data() + i * floats);
    }
    return packed;
  };
  const std::string form = absl::StrCat(
      node.side == ProductSide::kLeft ? "left " : "right ", m.rows, " ", m.columns, " ",
      m.row_stride, " ", m.column_stride, " ", node.constants, " ", node.constant_step);
  NOMO_ASSIGN_OR_RETURN(Tensor packed,
                        PackedOnce(context.constants[node.constant_input], form, pack));
  return std::make_unique<PackedKernel>(node, std::move(steps), std::move(packed),
                                        ProductThreads(node, context.threads));
}

}  // namespace

FastKernel FastPacked(PackedNodeFn describe) {
  // A step of its own costs less than another kernel with all that is fused.
  return FusingKernel(
      std::bind_front(Served, std::move(describe)),
      [](const ServedNode& served, const PrepareContext& context) {
        return StepsOf(served.node, context);
      },
      Make);
}

}  // namespace nomograph
