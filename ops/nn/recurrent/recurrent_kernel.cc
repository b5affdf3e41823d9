#include "nomograph/ops/nn/recurrent/recurrent_kernel.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "nomograph/core/form/form.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/nn/recurrent/lockstep.h"

namespace nomograph::nn {
namespace {

class RecurrentKernel : public Kernel {
 public:
  static absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context,
                                                         const RecurrentKind& kind,
                                                         RecurrentPlan plan);
  absl::Status Run(KernelContext& context) const override;
  int64_t scratch_bytes() const override { return parallel_directions_ * direction_bytes_; }
  std::unique_ptr<KernelState> NewState() const override;
  bool ReadsInput(int index) const override;
  std::string Describe() const override {
    const bool rounded = factors_ == CellFactors::kBFloat16;
    return absl::StrCat(cells_ ? "recurrent pass" : "recurrent loop",
                        rounded ? " in bfloat16, " : ", ", products_[0].Describe());
  }

 private:
  // One direction of one run.
  struct Pass {
    const KernelContext& context;
    const SequenceLengths& lengths;
    int64_t direction;
    float clip;
    std::byte* scratch = nullptr;
    int64_t chunk_begin = 0;  // the first step of which from_input has the products

    float* part(int64_t offset) const { return reinterpret_cast<float*>(scratch + offset); }
    const float* input(int i, int64_t offset) const {
      return context.has_input(i) ? context.input<float>(i).data() + offset : nullptr;
    }
  };

  RecurrentKernel(RecurrentNode node, int gates, RecurrentPlan plan, int threads);
  absl::Status PackCells(const PrepareContext& context);
  absl::StatusOr<bool> AddProduct(const PrepareContext& context, int input, int64_t first_gate,
                                  int64_t gates, int64_t rows, int64_t columns);
  void PlaceScratch();
  absl::Status RunProduct(const Pass& pass, int which, const float* x, int input,
                          int64_t first_gate, int64_t columns, int64_t y) const;

  absl::Status RunDirection(Pass& pass) const;
  void PadForCells(const Pass& pass) const;
  void Begin(const Pass& pass) const;
  absl::Status MultiplyInputs(Pass& pass, int64_t begin) const;
  // The steps number `begin` to `end` - 1 in the pass's order.
  absl::Status RunSteps(const Pass& pass, int64_t begin, int64_t end) const;
  void RunCells(const Pass& pass, int64_t begin, int64_t end) const;
  void RunCellsOf(const Pass& pass, int64_t begin, int64_t end, int64_t first_sequence,
                  int64_t last_sequence, int threads) const;
  absl::Status Step(const Pass& pass, int64_t t) const;
  RecurrentRow Row(const Pass& pass, const RecurrentPhase& phase, int64_t t, int64_t b) const;
  void StoreOutput(const Pass& pass, int64_t t, int64_t b, const float* h) const;
  // Where the gates' values of a step are to be; null where nobody asks for them.
  float* GatesOut(const Pass& pass, int64_t t, int64_t b) const;
  void End(KernelContext& context, const Pass& pass) const;
  int64_t StepAt(const Pass& pass, int64_t i) const {
    return node_.reverse(pass.direction) ? node_.steps - 1 - i : i;
  }
  int64_t PackedFloats() const { return PackedCellFloats(factors_, gates_, node_.hidden); }
  int64_t RoundedFloats() const { return CellRoundedFloats(factors_, node_.hidden); }
  // Of each thread's.
  int64_t RowsBytes() const {
    return ApartBytes(node_.batch * static_cast<int64_t>(sizeof(CellRow)));
  }
  // Where the states h are after so many steps: cells put them from one place into the other.
  int64_t HAfter(int64_t steps) const { return cells_ && steps % 2 != 0 ? new_h_ : h_; }

  const RecurrentNode node_;
  const int gates_;
  RecurrentPlan plan_;
  const int threads_;
  int64_t chunk_;       // steps
  bool cells_ = false;  // in place of the plan's phases
  CellFactors factors_ = CellFactors::kFloat32;
  Tensor packed_;  // Rs of all directions, by PackCell(); invalid where each run packs its own
  int parallel_directions_ = 1;
  // For each direction that of the inputs, then those of the phases.
  std::vector<SubKernel> products_;
  int64_t state_stride_;  // from one sequence's state to the next one's
  // Offsets in the scratch memory of a direction.
  int64_t x_, from_input_, from_state_, bias_, peephole_, all_gates_, h_, new_h_, c_, product_,
      inner_, rows_, packed_r_, rounded_h_;
  int64_t direction_bytes_;
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
      chunk_(ChunkSteps(node_, gates)),
      state_stride_(node_.hidden) {}

bool HasUsualActivations(const RecurrentNode& node) {
  using Kind = GateActivation::Kind;
  const int64_t each = static_cast<int64_t>(node.activations.size()) / node.directions;
  for (int64_t i = 0; i < node.directions * each; ++i) {
    if (node.activations[i].kind != (i % each == 0 ? Kind::kSigmoid : Kind::kTanh)) return false;
  }
  return true;
}

// An R that is not known yet, such as one that is trained, is packed in each run, if that has steps
// enough to pay.
bool StepsAreCells(const RecurrentNode& node, const RecurrentPlan& plan,
                   const PrepareContext& context) {
  constexpr int64_t kWorthPacking = 128;  // steps of one sequence
  return plan.cell && HasUsualActivations(node) &&
         (context.constants[kR].valid() || node.steps * node.batch >= kWorthPacking);
}

// Whether cells are to have factors in bfloat16.
bool RoundsCells(const RecurrentNode& node, const PrepareContext& context) {
  return context.attrs.Has(kRoundsFactors) &&
         TakesForm(kRoundingForm, CellRoundingPays(node.hidden, node.batch));
}

// Where the layer's steps are those of cells, they take the place of the phases.
absl::Status RecurrentKernel::PackCells(const PrepareContext& context) {
  if (!StepsAreCells(node_, plan_, context)) return absl::OkStatus();
  cells_ = true;
  if (RoundsCells(node_, context)) factors_ = CellFactors::kBFloat16;
  if (const Tensor& r = context.constants[kR]; r.valid()) {
    const int64_t each = gates_ * node_.hidden * node_.hidden;
    const int64_t floats = PackedFloats();
    NOMO_ASSIGN_OR_RETURN(packed_, Tensor::Create(DType::kFloat32, {node_.directions * floats}));
    for (int64_t d = 0; d < node_.directions; ++d) {
      PackCell(factors_, r.data<float>().data() + d * each, gates_, node_.hidden,
               packed_.mutable_data<float>().data() + d * floats);
    }
  }
  plan_.phases.clear();
  state_stride_ = (node_.hidden + kCellSlack - 1) / kCellSlack * kCellSlack;
  // To wake a thread takes as long as many steps.
  constexpr int64_t kWorthThreads = 1 << 21;
  const int64_t work =
      node_.steps * node_.batch * gates_ * node_.hidden * (node_.hidden + node_.input);
  if (threads_ > 1 && work >= kWorthThreads) {
    parallel_directions_ = static_cast<int>(node_.directions);
  }
  return absl::OkStatus();
}

bool RecurrentKernel::ReadsInput(int index) const {
  if (index == kR) return !packed_.valid();
  if (index != kW) return true;
  const size_t each = 1 + plan_.phases.size();
  for (size_t i = 0; i < products_.size(); i += each) {
    if (products_[i].ReadsInput(1)) return true;
  }
  return false;
}

absl::StatusOr<bool> RecurrentKernel::AddProduct(const PrepareContext& context, int input,
                                                 int64_t first_gate, int64_t gates, int64_t rows,
                                                 int64_t columns) {
  // Ahead of a small product and behind it one thread takes the steps; the others sleep by then,
  // and to wake them takes longer than the product.
  constexpr int64_t kWorthThreads = 1 << 22;
  const int64_t hidden = node_.hidden;
  const bool alone = parallel_directions_ == 1;
  const bool worth = rows * gates * hidden * columns >= kWorthThreads;
  // Products with R follow one another step by step: to round it each time does not pay.
  NOMO_ASSIGN_OR_RETURN(std::optional<SubKernel> product,
                        PrepareProduct({.input = input,
                                        .first = first_gate * hidden,
                                        .width = gates * hidden,
                                        .columns = columns,
                                        .rows = rows,
                                        .rounds = input == kW && context.attrs.Has(kRoundsFactors),
                                        .threads = alone && worth ? context.threads : 1},
                                       context));
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
  NOMO_RETURN_IF_ERROR(kernel->PackCells(context));
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
  const int64_t row = gates_ * node_.hidden, states = node_.batch * state_stride_;
  const int64_t phase_floats = cells_ ? 0 : node_.batch * row;
  x_ = plan.Add<float>(node_.batch_first ? chunk_ * node_.batch * node_.input : 0);
  from_input_ = plan.Add<float>(chunk_ * node_.batch * row + kCellSlack);
  from_state_ = plan.Add<float>(phase_floats);
  bias_ = plan.Add<float>(row + node_.hidden + kCellSlack);
  peephole_ = plan.Add<float>(cells_ ? 3 * node_.hidden + kCellSlack : 0);
  all_gates_ = plan.Add<float>(phase_floats);
  h_ = plan.Add<float>(states);
  new_h_ = plan.Add<float>(cells_ ? states : 0);
  c_ = plan.Add<float>(states);
  product_ = plan.Add<float>(cells_ ? 0 : states);
  rows_ = plan.Add(cells_ ? threads_ * RowsBytes() : 0);
  packed_r_ = plan.Add<float>(cells_ && !packed_.valid() ? PackedFloats() : 0);
  rounded_h_ = plan.Add<float>(cells_ ? threads_ * node_.batch * RoundedFloats() : 0);
  int64_t inner = 0;
  for (const SubKernel& product : products_) inner = std::max(inner, product.scratch_bytes());
  inner_ = plan.Add(inner);
  direction_bytes_ = plan.bytes();
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
  // What has been packed may be there no longer.
  const float* const weights =
      products_[index].ReadsInput(1) ? pass.input(input, row * columns) : nullptr;
  const std::byte* const inputs[] = {reinterpret_cast<const std::byte*>(x),
                                     reinterpret_cast<const std::byte*>(weights)};
  auto* states = static_cast<SubKernelStates*>(pass.context.state());
  return products_[index].Run(pass.context, inputs, pass.scratch + y, pass.scratch + inner_,
                              states->states[index].get());
}

// What cells read beside the numbers of the layer. It has no effect, but from the NaN that may lie
// there comes the flag that makes a program repeat its run (core/op/keep_nan.h).
void RecurrentKernel::PadForCells(const Pass& pass) const {
  const int64_t hidden = node_.hidden, row = gates_ * hidden;
  const auto clear_slack = [&](int64_t offset, int64_t floats) {
    std::fill_n(pass.part(offset) + floats, kCellSlack, 0.0f);
  };
  clear_slack(from_input_, chunk_ * node_.batch * row);
  clear_slack(bias_, row + hidden);
  clear_slack(peephole_, 3 * hidden);
  const float* const peephole = pass.input(kP, pass.direction * 3 * hidden);
  if (peephole != nullptr) std::copy_n(peephole, 3 * hidden, pass.part(peephole_));
  for (const int64_t states : {h_, new_h_, c_}) {
    std::fill_n(pass.part(states), node_.batch * state_stride_, 0.0f);
  }
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

  if (cells_) {
    PadForCells(pass);
    if (!packed_.valid())
      PackCell(factors_, pass.input(kR, pass.direction * row * hidden), gates_, hidden,
               pass.part(packed_r_));
  } else {
    std::fill_n(pass.part(product_), node_.batch * hidden, 0.0f);
  }
  const std::pair<int, int64_t> states[] = {{kInitialH, h_}, {kInitialC, c_}};
  for (const auto& [input, offset] : states) {
    float* state = pass.part(offset);
    for (int64_t i = 0; i < node_.batch; ++i, state += state_stride_) {
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
  for (size_t p = 0; p < plan_.phases.size(); ++p) {
    const RecurrentPhase& phase = plan_.phases[p];
    NOMO_RETURN_IF_ERROR(RunProduct(pass, static_cast<int>(p) + 1,
                                    pass.part(phase.of_product ? product_ : h_), kR,
                                    phase.first_gate, hidden, from_state_));
    const int threads = node_.batch * hidden >= kWorthThreads ? threads_ : 1;
    ParallelFor(threads, node_.batch, [&](int64_t b) {
      if (t < pass.lengths[b]) phase.compute(Row(pass, phase, t, b));
    });
  }
  const int64_t row = gates_ * hidden;
  for (int64_t b = 0; b < node_.batch; ++b) {
    StoreOutput(pass, t, b, pass.part(h_) + b * state_stride_);
    float* const gates = GatesOut(pass, t, b);
    if (gates != nullptr && t < pass.lengths[b])
      std::copy_n(pass.part(all_gates_) + b * row, row, gates);
  }
  return absl::OkStatus();
}

float* RecurrentKernel::GatesOut(const Pass& pass, int64_t t, int64_t b) const {
  if (pass.context.num_outputs() < 4) return nullptr;
  auto* const gates = reinterpret_cast<float*>(pass.context.output_view(3).data);
  return gates + node_.y_row(t, pass.direction, b) * gates_ * node_.hidden;
}

void RecurrentKernel::StoreOutput(const Pass& pass, int64_t t, int64_t b, const float* h) const {
  auto* const y = reinterpret_cast<float*>(pass.context.output_view(0).data);
  float* const to = y + node_.y_row(t, pass.direction, b) * node_.hidden;
  if (t < pass.lengths[b]) {
    std::copy_n(h, node_.hidden, to);
  } else {
    std::fill_n(to, node_.hidden, 0.0f);
    if (float* const gates = GatesOut(pass, t, b)) std::fill_n(gates, gates_ * node_.hidden, 0.0f);
  }
}

// The sequences from first_sequence to last_sequence - 1, of which threads share each step's units.
void RecurrentKernel::RunCellsOf(const Pass& pass, int64_t begin, int64_t end,
                                 int64_t first_sequence, int64_t last_sequence, int threads) const {
  const int64_t row = gates_ * node_.hidden;
  const GatedCell cell{
      .kind = *plan_.cell,
      .factors = factors_,
      .hidden = node_.hidden,
      .packed = packed_.valid() ? packed_.data<float>().data() + pass.direction * PackedFloats()
                                : pass.part(packed_r_),
      .bias = pass.part(bias_),
      .last_bias = pass.part(bias_) + row,
      .peephole = pass.context.has_input(kP) ? pass.part(peephole_) : nullptr,
      .clip = pass.clip};
  const auto store = [&](int64_t i) {
    for (int64_t b = first_sequence; b < last_sequence; ++b) {
      StoreOutput(pass, StepAt(pass, i), b, pass.part(HAfter(i + 1)) + b * state_stride_);
    }
  };
  RunInSteps(threads, end - begin, [&](int64_t step, int part, int parts) {
    const int64_t i = begin + step, t = StepAt(pass, i);
    float* const h = pass.part(HAfter(i));
    float* const new_h = pass.part(HAfter(i + 1));
    if (part == 0 && step > 0) store(i - 1);  // once all parts of it are there
    auto* const rows = reinterpret_cast<CellRow*>(pass.scratch + rows_ + part * RowsBytes());
    int64_t num_rows = first_sequence;
    for (int64_t b = first_sequence; b < last_sequence; ++b) {
      const int64_t state = b * state_stride_;
      if (t >= pass.lengths[b]) {
        if (part == 0) std::copy_n(h + state, node_.hidden, new_h + state);
        continue;
      }
      rows[num_rows++] = {
          .from_input = pass.part(from_input_) + ((t - pass.chunk_begin) * node_.batch + b) * row,
          .h = h + state,
          .new_h = new_h + state,
          .c = pass.part(c_) + state,
          .gates = GatesOut(pass, t, b),
          .rounded_h = pass.part(rounded_h_) + (part * node_.batch + b) * RoundedFloats()};
    }
    StepCell(cell, rows + first_sequence, num_rows - first_sequence, part, parts);
  });
  store(end - 1);
}

// Sequences do not wait for one another: each thread takes some of them through all of the steps.
// Where there are too few, threads share the units, and meet at each step; then each reads its part
// of R from its own cache.
void RecurrentKernel::RunCells(const Pass& pass, int64_t begin, int64_t end) const {
  constexpr int64_t kWorthThreads = 1 << 21;
  const int64_t work = (end - begin) * node_.batch * gates_ * node_.hidden * node_.hidden;
  const bool share = parallel_directions_ == 1 && work >= kWorthThreads;
  // To meet takes a tenth of a microsecond, or four where the cores are far apart: each has some
  // more to do at a step.
  constexpr int64_t kWorthMeeting = 1 << 15;
  const int64_t each_step = node_.batch * gates_ * node_.hidden * node_.hidden;
  const int64_t sharers = std::min<int64_t>(threads_, each_step / kWorthMeeting);
  if (share && sharers > node_.batch) {
    return RunCellsOf(pass, begin, end, 0, node_.batch, static_cast<int>(sharers));
  }
  const int64_t most = share ? std::min<int64_t>(threads_, node_.batch) : 1;
  ParallelParts(static_cast<int>(most), [&](int part, int parts) {
    RunCellsOf(pass, begin, end, node_.batch * part / parts, node_.batch * (part + 1) / parts, 1);
  });
}

absl::Status RecurrentKernel::RunSteps(const Pass& pass, int64_t begin, int64_t end) const {
  if (cells_) {
    RunCells(pass, begin, end);
    return absl::OkStatus();
  }
  for (int64_t i = begin; i < end; ++i) NOMO_RETURN_IF_ERROR(Step(pass, StepAt(pass, i)));
  return absl::OkStatus();
}

void RecurrentKernel::End(KernelContext& context, const Pass& pass) const {
  const int64_t states[] = {HAfter(node_.steps), c_};
  for (int i = 1; i < std::min(context.num_outputs(), 3); ++i) {
    const float* from = pass.part(states[i - 1]);
    for (int64_t b = 0; b < node_.batch; ++b) {
      std::copy_n(
          from + b * state_stride_, node_.hidden,
          context.output<float>(i).data() + node_.state_row(pass.direction, b) * node_.hidden);
    }
  }
}

absl::Status RecurrentKernel::RunDirection(Pass& pass) const {
  Begin(pass);
  for (int64_t begin = 0; begin < node_.steps; begin += chunk_) {
    const int64_t end = std::min(begin + chunk_, node_.steps);
    const int64_t first = node_.reverse(pass.direction) ? node_.steps - end : begin;
    // The last chunk may begin earlier than it must, so that all are of one size.
    NOMO_RETURN_IF_ERROR(MultiplyInputs(pass, std::min(first, node_.steps - chunk_)));
    NOMO_RETURN_IF_ERROR(RunSteps(pass, begin, end));
  }
  return absl::OkStatus();
}

absl::Status RecurrentKernel::Run(KernelContext& context) const {
  NOMO_ASSIGN_OR_RETURN(const SequenceLengths lengths, SequenceLengths::Of(context, node_));
  const float clip = context.attrs().Has("clip") ? static_cast<float>(context.attrs().Float("clip"))
                                                 : std::numeric_limits<float>::infinity();
  absl::Status statuses[2];
  ParallelFor(parallel_directions_, node_.directions, [&](int64_t d) {
    Pass pass{context, lengths, d, clip};
    pass.scratch = context.scratch() + (parallel_directions_ > 1 ? d * direction_bytes_ : 0);
    statuses[d] = RunDirection(pass);
    if (statuses[d].ok()) End(context, pass);
  });
  NOMO_RETURN_IF_ERROR(statuses[0]);
  return statuses[1];
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

FastKernel FastRecurrent(RecurrentKind kind, RecurrentPlanFn plan) {
  return {
      .prepare =
          [=](const PrepareContext& context) {
            return RecurrentKernel::Prepare(context, kind, plan(context.attrs));
          },
      .takes_post_ops =
          [=](const PrepareContext& context) {
            if (context.inputs[kX].dtype != DType::kFloat32 || !context.attrs.Has(kRoundsFactors)) {
              return false;
            }
            const RecurrentNode node(kind, context.attrs, context.inputs[kX].shape,
                                     context.inputs[kR].shape);
            // The steps may be those of cells, which round R.
            const bool rounds =
                StepsAreCells(node, plan(context.attrs), context) && RoundsCells(node, context);
            if (!rounds) TakesRounding(node, kind.gates, context);
            return false;
          }};
}

}  // namespace nomograph::nn
