#include "nomograph/core/onednn/elementwise_loop.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/elementary/functions.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/collapse_axes.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/vector/elementwise_run.h"
#include "nomograph/core/vector/vector_target.h"
#include "oneapi/dnnl/dnnl_types.h"

namespace nomograph::onednn {
namespace {

std::optional<VectorStep> BinaryStep(int algorithm) {
  using Kind = VectorStep::Kind;
  switch (algorithm) {
    case dnnl_binary_add:
      return VectorStep{.kind = Kind::kAdd};
    case dnnl_binary_sub:
      return VectorStep{.kind = Kind::kSubtract};
    case dnnl_binary_mul:
      return VectorStep{.kind = Kind::kMultiply};
    case dnnl_binary_div:
      return VectorStep{.kind = Kind::kDivide};
    case dnnl_binary_max:
      return VectorStep{.kind = Kind::kMaximum};
    case dnnl_binary_min:
      return VectorStep{.kind = Kind::kMinimum};
    case kBinaryPRelu:
      return VectorStep{.kind = Kind::kPRelu};
    default:
      return std::nullopt;
  }
}

std::optional<VectorStep> EltwiseStep(int algorithm, float alpha, float beta) {
  using Kind = VectorStep::Kind;
  if (algorithm >= kEltwiseFunction) {
    const RowFunction function =
        FindElementary(static_cast<Elementary>(algorithm - kEltwiseFunction));
    if (function == nullptr) return std::nullopt;
    return VectorStep{.kind = Kind::kFunction, .a = alpha, .b = beta, .function = function};
  }
  switch (algorithm) {
    case dnnl_eltwise_relu:
      if (alpha != 0) return VectorStep{.kind = Kind::kLeakyRelu, .a = alpha};
      return VectorStep{.kind = Kind::kClip, .a = 0, .b = std::numeric_limits<float>::infinity()};
    case dnnl_eltwise_clip:
    case dnnl_eltwise_clip_v2:
      return VectorStep{.kind = Kind::kClip, .a = alpha, .b = beta};
    case dnnl_eltwise_linear:
      return VectorStep{.kind = Kind::kLinear, .a = alpha, .b = beta};
    case dnnl_eltwise_abs:
      return VectorStep{.kind = Kind::kAbs};
    case dnnl_eltwise_square:
      return VectorStep{.kind = Kind::kSquare};
    case kEltwisePower:
      return VectorStep{.kind = Kind::kPower, .a = alpha};
    case dnnl_eltwise_sqrt:
      return VectorStep{.kind = Kind::kSqrt};
    case dnnl_eltwise_hardswish:
      return VectorStep{.kind = Kind::kHardSwish, .a = 1.0f / 6, .b = 0.5f};
    case kEltwiseHardSigmoid:
      return VectorStep{.kind = Kind::kHardSigmoid, .a = alpha, .b = beta};
    case dnnl_eltwise_swish:
      return VectorStep{.kind = Kind::kSwish, .a = alpha};
    case dnnl_eltwise_logistic:
      return VectorStep{.kind = Kind::kSigmoid};
    case dnnl_eltwise_tanh:
      return VectorStep{.kind = Kind::kTanh};
    case dnnl_eltwise_gelu_erf:
      return VectorStep{.kind = Kind::kGelu};
    case dnnl_eltwise_gelu_tanh:
      return VectorStep{.kind = Kind::kGeluTanh};
    default:
      return std::nullopt;
  }
}

// The steps of a node without addresses, and which inputs are their operands.
struct NodeSteps {
  std::vector<VectorStep> steps;
  std::vector<int> operands;  // by step; -1 where there is none
};

// None where not all that the node does has steps.
std::optional<NodeSteps> StepsOf(const PrepareContext& context, int input, const PostOp& op) {
  const TensorSpec& y = context.outputs[0];
  if (BestVectorTarget() == VectorTarget::kBaseline || y.shape.num_elements() == 0 ||
      y.dtype != DType::kFloat32 || context.inputs[input].dtype != DType::kFloat32) {
    return std::nullopt;
  }
  std::vector<const PostOp*> ops = {&op};
  for (const PostOp& post_op : context.post_ops) ops.push_back(&post_op);
  NodeSteps node;
  for (const PostOp* const one : ops) {
    const std::optional<VectorStep> step = StepOf(*one);
    if (!step) return std::nullopt;
    node.steps.push_back(*step);
    node.operands.push_back(step->has_operand() ? one->input : -1);
    if (!step->has_operand()) continue;
    const TensorSpec& operand = context.inputs[one->input];
    if (operand.dtype != DType::kFloat32 || operand.shape.rank() > y.shape.rank()) {
      return std::nullopt;
    }
  }
  return node;
}

// The node as a run.
struct Loop : NodeSteps {
  int64_t rows = 1, columns = 1;
};

// The strides of an operand, whose axes have the output's sizes or 1; there are one or two.
void SetStrides(const Shape& operand, const Shape& output, VectorStep& step) {
  if (output.rank() == 1) {
    step.column_stride = operand[0] == output[0] ? 1 : 0;
    return;
  }
  const bool all_rows = operand[0] == output[0], all_columns = operand[1] == output[1];
  step.column_stride = all_columns ? 1 : 0;
  step.row_stride = !all_rows ? 0 : all_columns ? output[1] : 1;
}

std::optional<Loop> Describe(const PrepareContext& context, int input, const PostOp& op) {
  const Shape& y = context.outputs[0].shape;
  if (context.inputs[input].shape != y) return std::nullopt;
  std::optional<NodeSteps> node = StepsOf(context, input, op);
  if (!node) return std::nullopt;
  Loop loop{*std::move(node)};
  std::vector<Shape> shapes;
  for (const int operand : loop.operands) {
    if (operand < 0) continue;
    shapes.push_back(WithLeadingOnes(context.inputs[operand].shape, y.rank()));
  }
  shapes.push_back(y);
  shapes = CollapseAxes(shapes);
  const Shape& output = shapes.back();
  // Of short rows each is too little for vectors.
  constexpr int64_t kShortRow = 16;
  if (output.rank() > 2 || (output.rank() == 2 && output[1] < kShortRow)) return std::nullopt;
  if (output.rank() == 2) loop.rows = output[0];
  if (output.rank() > 0) loop.columns = output[output.rank() - 1];
  size_t operand = 0;
  for (VectorStep& step : loop.steps) {
    if (step.has_operand() && output.rank() > 0) SetStrides(shapes[operand++], output, step);
  }
  return loop;
}

class ElementwiseLoopKernel : public Kernel {
 public:
  ElementwiseLoopKernel(Loop loop, int input, int threads)
      : loop_(std::move(loop)), input_(input), threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    absl::InlinedVector<VectorStep, 4> steps(loop_.steps.begin(), loop_.steps.end());
    for (size_t s = 0; s < steps.size(); ++s) {
      if (loop_.operands[s] < 0) continue;
      steps[s].operand = reinterpret_cast<const float*>(context.input_view(loop_.operands[s]).data);
    }
    const ElementwiseRun run{
        .input = reinterpret_cast<const float*>(context.input_view(input_).data),
        .output = reinterpret_cast<float*>(context.output_view(0).data),
        .rows = loop_.rows,
        .columns = loop_.columns,
        .steps = steps.data(),
        .num_steps = static_cast<int64_t>(steps.size())};
    ParallelParts(threads_, [&](int part, int parts) { RunElementwise(run, part, parts); });
    return absl::OkStatus();
  }
  std::string Describe() const override {
    return absl::StrCat("elementwise loop ", VectorTargetName(BestVectorTarget()));
  }

 private:
  const Loop loop_;
  const int input_;
  const int threads_;
};

// A single step on elements that lie side by side, by one thread.
class FlatStepKernel : public Kernel {
 public:
  FlatStepKernel(const Loop& loop, int input)
      : step_(loop.steps[0]),
        run_(FindStep(step_.kind)),
        count_(loop.columns),
        input_(input),
        operand_(loop.operands[0]) {}

  absl::Status Run(KernelContext& context) const override {
    const auto* const from = reinterpret_cast<const float*>(context.input_view(input_).data);
    auto* const to = reinterpret_cast<float*>(context.output_view(0).data);
    if (operand_ < 0) {
      run_(step_, 0, 0, count_, from, to);
      return absl::OkStatus();
    }
    VectorStep step = step_;
    step.operand = reinterpret_cast<const float*>(context.input_view(operand_).data);
    run_(step, 0, 0, count_, from, to);
    return absl::OkStatus();
  }
  std::string Describe() const override {
    return absl::StrCat("elementwise loop ", VectorTargetName(BestVectorTarget()));
  }

 private:
  const VectorStep step_;
  const StepFn run_;
  const int64_t count_;
  const int input_, operand_;
};

// Steps on rows that ForEachRow() makes: it copies elements that are repeated to where they belong.
class ElementwiseRowsKernel : public Kernel {
 public:
  ElementwiseRowsKernel(NodeSteps node, int input, int threads)
      : node_(std::move(node)), input_(input), threads_(threads) {
    for (VectorStep& step : node_.steps) {
      step.column_stride = 1;
      run_.push_back(FindStep(step.kind));
    }
  }

  absl::Status Run(KernelContext& context) const override {
    const auto run = [&](const std::byte* const* inputs, std::byte* output, int64_t count) {
      const auto at = [&](int i, int64_t element) {
        return reinterpret_cast<const float*>(inputs[i]) + element;
      };
      // The output may be an operand of a later step, so that only the last step writes there.
      constexpr int64_t kTile = 512;
      alignas(64) std::array<float, kTile> between;
      for (int64_t first = 0; first < count; first += kTile) {
        const float* from = at(input_, first);
        for (size_t s = 0; s < run_.size(); ++s) {
          VectorStep step = node_.steps[s];
          if (node_.operands[s] >= 0) step.operand = at(node_.operands[s], first);
          float* const to =
              s + 1 < run_.size() ? between.data() : reinterpret_cast<float*>(output) + first;
          run_[s](step, 0, 0, std::min(kTile, count - first), from, to);
          from = to;
        }
      }
    };
    ForEachRow(context, run, threads_);
    return absl::OkStatus();
  }
  std::string Describe() const override {
    return absl::StrCat("elementwise rows ", VectorTargetName(BestVectorTarget()));
  }

 private:
  NodeSteps node_;
  std::vector<StepFn> run_;
  const int input_;
  const int threads_;
};

// A team of threads costs some microseconds.
int ThreadsFor(const PrepareContext& context, const NodeSteps& node) {
  constexpr int64_t kWorthThreads = 1 << 15;
  const int64_t work =
      context.outputs[0].shape.num_elements() * static_cast<int64_t>(node.steps.size());
  return work < kWorthThreads ? 1 : context.threads;
}

}  // namespace

std::optional<VectorStep> StepOf(const PostOp& op) {
  return op.kind == PostOp::Kind::kBinary ? BinaryStep(op.algorithm)
                                          : EltwiseStep(op.algorithm, op.alpha, op.beta);
}

std::unique_ptr<Kernel> PrepareElementwiseLoop(const PrepareContext& context, int input,
                                               const PostOp& op) {
  std::optional<Loop> loop = Describe(context, input, op);
  if (!loop) return nullptr;
  const int threads = ThreadsFor(context, *loop);
  if (threads == 1 && loop->rows == 1 && loop->steps.size() == 1) {
    return std::make_unique<FlatStepKernel>(*loop, input);
  }
  return std::make_unique<ElementwiseLoopKernel>(*std::move(loop), input, threads);
}

std::unique_ptr<Kernel> PrepareElementwiseRows(const PrepareContext& context, int input,
                                               const PostOp& op) {
  std::optional<NodeSteps> node = StepsOf(context, input, op);
  if (!node) return nullptr;
  const int threads = ThreadsFor(context, *node);
  return std::make_unique<ElementwiseRowsKernel>(*std::move(node), input, threads);
}

bool ElementwiseRowsServe(const PrepareContext& context, int input, const PostOp& op) {
  return StepsOf(context, input, op).has_value();
}

}  // namespace nomograph::onednn
