#include "nomograph/ops/nn/recurrent/recurrent_kernel.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "nomograph/core/onednn/onednn_matmul.h"
#include "nomograph/ops/math/packed_kernel.h"
#include "nomograph/ops/nn/conv/sub_kernel.h"

namespace nomograph::nn {
namespace {

// y[m, n] = sum over k of x[m, k] w[n, k].
bool BuildProduct(onednn::Builder& b) {
  const int transposed[] = {1, 0};
  onednn::AddMatrixProduct(
      b, onednn::RowMajor(DType::kFloat32, b.context().inputs[0].shape.dims()),
      onednn::Permuted(DType::kFloat32, b.context().inputs[1].shape, transposed),
      onednn::RowMajor(DType::kFloat32, b.context().outputs[0].shape.dims()), b.Attr());
  return true;
}

std::optional<PackedNode> DescribeProduct(const PrepareContext& context) {
  const Tensor& w = context.constants[1];
  if (!w.valid()) return std::nullopt;
  const int64_t columns = w.shape()[0], inner = w.shape()[1];
  return PackedNode{.side = ProductSide::kRight,
                    .constant = {w.data<float>().data(), inner, columns, 1, inner},
                    .other_size = context.inputs[0].shape[0]};
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareProduct(const PrepareContext& context) {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> packed, PreparePacked(DescribeProduct)(context));
  if (packed != nullptr) return packed;
  return onednn::Prepare(BuildProduct)(context);
}

// Elements of `tensor` from `first` on as a matrix; nothing of nothing.
Tensor Slice(const Tensor& tensor, int64_t first, const Shape& shape) {
  if (!tensor.valid()) return Tensor();
  return Tensor::FromBuffer(DType::kFloat32, shape, tensor.data<float>().data() + first,
                            std::make_shared<Tensor>(tensor));
}

class RecurrentKernel : public Kernel {
 public:
  static absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context,
                                                         const RecurrentKind& kind,
                                                         RecurrentPlan plan);
  absl::Status Run(KernelContext& context) const override;
  int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::unique_ptr<KernelState> NewState() const override;
  std::string Describe() const override {
    return absl::StrCat("recurrent loop, ", products_[0].Describe());
  }

 private:
  // One direction of one run.
  struct Pass {
    const KernelContext& context;
    const SequenceLengths& lengths;
    int64_t direction;
    float clip;
    int64_t chunk_begin = 0;  // the first step of which from_input has the products

    float* part(int64_t offset) const {
      return reinterpret_cast<float*>(context.scratch() + offset);
    }
    const float* input(int i, int64_t offset) const {
      return context.has_input(i) ? context.input<float>(i).data() + offset : nullptr;
    }
  };

  RecurrentKernel(RecurrentNode node, int gates, RecurrentPlan plan, int threads);
  absl::StatusOr<bool> AddProduct(const PrepareContext& context, int input, int64_t first_gate,
                                  int64_t gates, int64_t rows, int64_t columns);
  void PlaceScratch();
  absl::Status RunProduct(const Pass& pass, int which, const float* x, int input,
                          int64_t first_gate, int64_t columns, int64_t y) const;

  void Begin(const Pass& pass) const;
  absl::Status MultiplyInputs(Pass& pass, int64_t begin) const;
  absl::Status Step(const Pass& pass, int64_t t) const;
  RecurrentRow Row(const Pass& pass, const RecurrentPhase& phase, int64_t t, int64_t b) const;
  void End(KernelContext& context, const Pass& pass) const;

  const RecurrentNode node_;
  const int gates_;
  const RecurrentPlan plan_;
  const int threads_;
  int64_t chunk_;  // steps
  // For each direction that of the inputs, then those of the phases.
  std::vector<SubKernel> products_;
  // Offsets in the scratch memory.
  int64_t x_, from_input_, from_state_, bias_, all_gates_, h_, c_, product_, inner_;
  int64_t scratch_bytes_;
};

// As many steps' products at a time as stay in the cache, but enough rows for a fast product.
int64_t ChunkSteps(const RecurrentNode& node, int gates) {
  constexpr int64_t kFloats = int64_t{1} << 18, kRows = 64;
  const int64_t steps = std::max(kFloats / (node.batch * gates * node.hidden), kRows / node.batch);
  return std::clamp<int64_t>(steps, 1, node.steps);
}

RecurrentKernel::RecurrentKernel(RecurrentNode node, int gates, RecurrentPlan plan, int threads)
    : node_(std::move(node)),
      gates_(gates),
      plan_(std::move(plan)),
      threads_(threads),
      chunk_(ChunkSteps(node_, gates)) {}

absl::StatusOr<bool> RecurrentKernel::AddProduct(const PrepareContext& context, int input,
                                                 int64_t first_gate, int64_t gates, int64_t rows,
                                                 int64_t columns) {
  const Shape weights = {gates * node_.hidden, columns};
  const Tensor constant =
      Slice(context.constants[input], first_gate * node_.hidden * columns, weights);
  // Ahead of a small product and behind it one thread takes the steps; the others sleep by then,
  // and to wake them takes longer than the product.
  constexpr int64_t kWorthThreads = 1 << 22;
  const int threads = rows * gates * node_.hidden * columns < kWorthThreads ? 1 : context.threads;
  NOMO_ASSIGN_OR_RETURN(
      std::optional<SubKernel> product,
      SubKernel::Create(PrepareProduct, context.attrs, threads,
                        {{DType::kFloat32, {rows, columns}}, {DType::kFloat32, weights}},
                        {DType::kFloat32, {rows, gates * node_.hidden}}, {Tensor(), constant}));
  if (!product) return false;
  products_.push_back(*std::move(product));
  return true;
}

absl::StatusOr<std::unique_ptr<Kernel>> RecurrentKernel::Prepare(const PrepareContext& context,
                                                                 const RecurrentKind& kind,
                                                                 RecurrentPlan plan) {
  if (context.inputs[kX].dtype != DType::kFloat32) return nullptr;
  RecurrentNode node(kind, context.attrs, context.inputs[kX].shape, context.inputs[kR].shape);
  if (std::min({node.steps, node.batch, node.input, node.hidden}) == 0) return nullptr;
  std::unique_ptr<RecurrentKernel> kernel(
      new RecurrentKernel(std::move(node), kind.gates, std::move(plan), context.threads));
  const RecurrentNode& n = kernel->node_;
  for (int64_t d = 0; d < n.directions; ++d) {
    NOMO_ASSIGN_OR_RETURN(bool served, kernel->AddProduct(context, kW, d * kind.gates, kind.gates,
                                                          kernel->chunk_ * n.batch, n.input));
    for (const RecurrentPhase& phase : kernel->plan_.phases) {
      if (!served) return nullptr;
      NOMO_ASSIGN_OR_RETURN(
          served, kernel->AddProduct(context, kR, d * kind.gates + phase.first_gate, phase.gates,
                                     n.batch, n.hidden));
    }
    if (!served) return nullptr;
  }
  kernel->PlaceScratch();
  return kernel;
}

void RecurrentKernel::PlaceScratch() {
  ScratchPlan plan;
  const int64_t row = gates_ * node_.hidden, states = node_.batch * node_.hidden;
  x_ = plan.Add<float>(node_.batch_first ? chunk_ * node_.batch * node_.input : 0);
  from_input_ = plan.Add<float>(chunk_ * node_.batch * row);
  from_state_ = plan.Add<float>(node_.batch * row);
  bias_ = plan.Add<float>(row + node_.hidden);
  all_gates_ = plan.Add<float>(node_.batch * row);
  h_ = plan.Add<float>(states);
  c_ = plan.Add<float>(states);
  product_ = plan.Add<float>(states);
  int64_t inner = 0;
  for (const SubKernel& product : products_) inner = std::max(inner, product.scratch_bytes());
  inner_ = plan.Add(inner);
  scratch_bytes_ = plan.bytes();
}

std::unique_ptr<KernelState> RecurrentKernel::NewState() const {
  auto state = std::make_unique<SubKernelStates>();
  for (const SubKernel& product : products_) state->states.push_back(product.NewState());
  return state;
}

absl::Status RecurrentKernel::RunProduct(const Pass& pass, int which, const float* x, int input,
                                         int64_t first_gate, int64_t columns, int64_t y) const {
  const int64_t index = pass.direction * (1 + static_cast<int64_t>(plan_.phases.size())) + which;
  const int64_t row = (pass.direction * gates_ + first_gate) * node_.hidden;
  const std::byte* const inputs[] = {
      reinterpret_cast<const std::byte*>(x),
      reinterpret_cast<const std::byte*>(pass.input(input, row * columns))};
  auto* states = static_cast<SubKernelStates*>(pass.context.state());
  return products_[index].Run(pass.context, inputs, pass.context.scratch() + y,
                              pass.context.scratch() + inner_, states->states[index].get());
}

// The biases, and the states ahead of the first step.
void RecurrentKernel::Begin(const Pass& pass) const {
  const int64_t hidden = node_.hidden, row = gates_ * hidden;
  const float* b = pass.input(kB, pass.direction * 2 * row);
  float* bias = pass.part(bias_);
  for (int64_t i = 0; i < row; ++i) {
    const bool both = !plan_.separate_last_bias || i < row - hidden;
    bias[i] = b == nullptr ? 0.0f : both ? b[i] + b[row + i] : b[i];
  }
  for (int64_t i = 0; i < hidden; ++i)
    bias[row + i] = b == nullptr ? 0.0f : b[2 * row - hidden + i];

  std::fill_n(pass.part(product_), node_.batch * hidden, 0.0f);
  const std::pair<int, int64_t> states[] = {{kInitialH, h_}, {kInitialC, c_}};
  for (const auto& [input, offset] : states) {
    float* state = pass.part(offset);
    for (int64_t i = 0; i < node_.batch; ++i, state += hidden) {
      const float* from = pass.input(input, node_.state_row(pass.direction, i) * hidden);
      if (from == nullptr) {
        std::fill_n(state, hidden, 0.0f);
      } else {
        std::copy_n(from, hidden, state);
      }
    }
  }
}

// from_input for the steps from `begin` on.
absl::Status RecurrentKernel::MultiplyInputs(Pass& pass, int64_t begin) const {
  pass.chunk_begin = begin;
  const float* x = pass.input(kX, node_.x_row(begin, 0) * node_.input);
  if (node_.batch_first) {  // the steps' rows are brought together
    float* gathered = pass.part(x_);
    for (int64_t t = begin; t < begin + chunk_; ++t) {
      for (int64_t b = 0; b < node_.batch; ++b, gathered += node_.input) {
        std::copy_n(pass.input(kX, node_.x_row(t, b) * node_.input), node_.input, gathered);
      }
    }
    x = pass.part(x_);
  }
  return RunProduct(pass, 0, x, kW, 0, node_.input, from_input_);
}

RecurrentRow RecurrentKernel::Row(const Pass& pass, const RecurrentPhase& phase, int64_t t,
                                  int64_t b) const {
  const int64_t hidden = node_.hidden, row = gates_ * hidden;
  return {.hidden = hidden,
          .from_input = pass.part(from_input_) + ((t - pass.chunk_begin) * node_.batch + b) * row,
          .from_state = pass.part(from_state_) + b * phase.gates * hidden,
          .bias = pass.part(bias_),
          .last_bias = pass.part(bias_) + row,
          .peephole = pass.input(kP, pass.direction * 3 * hidden),
          .gates = pass.part(all_gates_) + b * row,
          .h = pass.part(h_) + b * hidden,
          .c = pass.part(c_) + b * hidden,
          .product = pass.part(product_) + b * hidden,
          .activation = &node_.activation(pass.direction, 0),
          .clip = pass.clip};
}

absl::Status RecurrentKernel::Step(const Pass& pass, int64_t t) const {
  constexpr int64_t kWorthThreads = 1 << 14;  // units
  const int64_t hidden = node_.hidden;
  auto* y = reinterpret_cast<float*>(pass.context.output_view(0).data);
  for (size_t p = 0; p < plan_.phases.size(); ++p) {
    const RecurrentPhase& phase = plan_.phases[p];
    NOMO_RETURN_IF_ERROR(RunProduct(pass, static_cast<int>(p) + 1,
                                    pass.part(phase.of_product ? product_ : h_), kR,
                                    phase.first_gate, hidden, from_state_));
#pragma omp parallel for num_threads(threads_) if (node_.batch * hidden >= kWorthThreads)
    for (int64_t b = 0; b < node_.batch; ++b) {
      if (t < pass.lengths[b]) phase.compute(Row(pass, phase, t, b));
    }
  }
  for (int64_t b = 0; b < node_.batch; ++b) {
    float* to = y + node_.y_row(t, pass.direction, b) * hidden;
    if (t < pass.lengths[b]) {
      std::copy_n(pass.part(h_) + b * hidden, hidden, to);
    } else {
      std::fill_n(to, hidden, 0.0f);
    }
  }
  return absl::OkStatus();
}

void RecurrentKernel::End(KernelContext& context, const Pass& pass) const {
  const int64_t states[] = {h_, c_};
  for (int i = 1; i < context.num_outputs(); ++i) {
    const float* from = pass.part(states[i - 1]);
    for (int64_t b = 0; b < node_.batch; ++b) {
      std::copy_n(
          from + b * node_.hidden, node_.hidden,
          context.output<float>(i).data() + node_.state_row(pass.direction, b) * node_.hidden);
    }
  }
}

absl::Status RecurrentKernel::Run(KernelContext& context) const {
  NOMO_ASSIGN_OR_RETURN(const SequenceLengths lengths, SequenceLengths::Of(context, node_));
  const float clip = context.attrs().Has("clip") ? static_cast<float>(context.attrs().Float("clip"))
                                                 : std::numeric_limits<float>::infinity();
  for (int64_t d = 0; d < node_.directions; ++d) {
    Pass pass{context, lengths, d, clip};
    Begin(pass);
    for (int64_t begin = 0; begin < node_.steps; begin += chunk_) {
      const int64_t end = std::min(begin + chunk_, node_.steps);
      const int64_t first = node_.reverse(d) ? node_.steps - end : begin;
      // The last chunk may begin earlier than it must, so that all are of one size.
      NOMO_RETURN_IF_ERROR(MultiplyInputs(pass, std::min(first, node_.steps - chunk_)));
      for (int64_t i = begin; i < end; ++i) {
        NOMO_RETURN_IF_ERROR(Step(pass, node_.reverse(d) ? node_.steps - 1 - i : i));
      }
    }
    End(context, pass);
  }
  return absl::OkStatus();
}

}  // namespace

void RecurrentRow::Activate(int i, float* sums, int64_t count) const {
  if (clip < std::numeric_limits<float>::infinity()) Clamp(sums, count, -clip, clip);
  activation[i].Apply(sums, count);
}

void RecurrentRow::Add(int count) const {
#pragma omp simd
  for (int64_t i = 0; i < count * hidden; ++i) {
    gates[i] = from_input[i] + from_state[i] + bias[i];
  }
}

PrepareFn FastRecurrent(RecurrentKind kind, RecurrentPlanFn plan) {
  return [kind = std::move(kind), plan = std::move(plan)](const PrepareContext& context) {
    return RecurrentKernel::Prepare(context, kind, plan(context.attrs));
  };
}

}  // namespace nomograph::nn
