#include "nomograph/ops/nn/recurrent/recurrent.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_join.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/ops/math/bfloat16_kernel.h"
#include "nomograph/ops/math/rounding_kernel.h"

namespace nomograph::nn {
namespace {

// No dimension of the shapes below passes this number times 8.
constexpr int64_t kMaxHidden = int64_t{1} << 40;

int64_t Directions(const Attributes& attrs) {
  return attrs.String("direction") == "bidirectional" ? 2 : 1;
}

// Axis `axis` of input i; unknown where the input is absent or has another rank.
Dim SizeOf(const InferContext& context, int i, int rank, int axis) {
  if (!context.has_input(i) || context.shape(i).rank() != rank) return Dim();
  return context.shape(i)[axis];
}

Dim Times(int64_t factor, const Dim& size) {
  return size.known() ? Dim(factor * size.size()) : Dim();
}

absl::StatusOr<Dim> Hidden(const InferContext& context) {
  const AttrValue* given = context.attrs().Find("hidden_size");
  const Dim hidden = given != nullptr ? Dim(*given->As<int64_t>()) : SizeOf(context, kR, 3, 2);
  if (hidden.known() && hidden.size() > kMaxHidden) {
    return InvalidArgument("expected at most ", kMaxHidden, " hidden units, found ", hidden.size());
  }
  return hidden;
}

absl::Status CheckShape(const InferContext& context, int i, absl::string_view name,
                        absl::string_view meaning, const PartialShape& expected) {
  if (!context.has_input(i) || Compatible(context.shape(i), expected)) return absl::OkStatus();
  return InvalidArgument("input ", name, ": expected shape ", expected.ToString(), " = [", meaning,
                         "], found ", context.shape(i).ToString());
}

struct RecurrentDims {
  Dim steps, batch, hidden;
};

absl::StatusOr<RecurrentDims> CheckInputs(const InferContext& context, const RecurrentKind& kind) {
  const bool batch_first = context.attrs().Int("layout") == 1;
  const Dim directions(Directions(context.attrs()));
  NOMO_ASSIGN_OR_RETURN(const Dim hidden, Hidden(context));
  const Dim batch = SizeOf(context, kX, 3, batch_first ? 0 : 1);
  const Dim steps = SizeOf(context, kX, 3, batch_first ? 1 : 0);
  const Dim input = SizeOf(context, kX, 3, 2);
  const Dim rows = Times(kind.gates, hidden);
  const PartialShape x =
      batch_first ? PartialShape{batch, steps, input} : PartialShape{steps, batch, input};
  const PartialShape state = batch_first ? PartialShape{batch, directions, hidden}
                                         : PartialShape{directions, batch, hidden};
  const std::string state_meaning =
      batch_first ? "batch, directions, hidden_size" : "directions, batch, hidden_size";
  const std::string gates = absl::StrCat(kind.gates, " * hidden_size");
  const struct {
    int input;
    absl::string_view name;
    std::string meaning;
    PartialShape shape;
  } checks[] = {
      {kX, "X", batch_first ? "batch, steps, input" : "steps, batch, input", x},
      {kW, "W", absl::StrCat("directions, ", gates, ", input"), {directions, rows, input}},
      {kR, "R", absl::StrCat("directions, ", gates, ", hidden_size"), {directions, rows, hidden}},
      {kB, "B", absl::StrCat("directions, 2 * ", gates), {directions, Times(2, rows)}},
      {kSequenceLens, "sequence_lens", "batch", {batch}},
      {kInitialH, "initial_h", state_meaning, state},
      {kInitialC, "initial_c", state_meaning, state},
      {kP, "P", "directions, 3 * hidden_size", {directions, Times(3, hidden)}},
  };
  for (const auto& check : checks) {
    NOMO_RETURN_IF_ERROR(CheckShape(context, check.input, check.name, check.meaning, check.shape));
  }
  return RecurrentDims{steps, batch, hidden};
}

}  // namespace

absl::StatusOr<std::vector<TensorType>> InferRecurrent(const InferContext& context,
                                                       const RecurrentKind& kind) {
  const Attributes& attrs = context.attrs();
  const Dim directions(Directions(attrs));
  NOMO_RETURN_IF_ERROR(
      GateActivations(attrs, kind.activations, static_cast<int>(directions.size())).status());
  NOMO_ASSIGN_OR_RETURN(const RecurrentDims dims, CheckInputs(context, kind));
  const bool batch_first = attrs.Int("layout") == 1;
  const TensorType y{context.dtype(kX),
                     batch_first ? PartialShape{dims.batch, dims.steps, directions, dims.hidden}
                                 : PartialShape{dims.steps, directions, dims.batch, dims.hidden}};
  const TensorType state{context.dtype(kX),
                         batch_first ? PartialShape{dims.batch, directions, dims.hidden}
                                     : PartialShape{directions, dims.batch, dims.hidden}};
  std::vector<TensorType> types = {y, state};
  if (kind.has_cell) types.push_back(state);
  return types;
}

namespace {

double Dot(absl::Span<const double> a, absl::Span<const double> b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

Tensor Double(const KernelContext& context, int i) {
  return context.has_input(i) ? context.BorrowInput(i).Cast(DType::kFloat64) : Tensor();
}

// Copies row `row` of a [rows..., hidden] tensor; zeros where there is none.
std::vector<double> InitialState(const Tensor& initial, int64_t row, int64_t hidden) {
  if (!initial.valid()) return std::vector<double>(hidden, 0.0);
  const auto data = initial.data<double>().subspan(row * hidden, hidden);
  return std::vector<double>(data.begin(), data.end());
}

void SetRow(Tensor& tensor, int64_t row, const std::vector<double>& values) {
  std::copy(values.begin(), values.end(),
            tensor.mutable_data<double>().begin() + row * static_cast<int64_t>(values.size()));
}

absl::Status RecurrentCompute(KernelContext& context, const RecurrentKind& kind,
                              const ReferenceCell& cell) {
  const RecurrentNode node(kind, context.attrs(), context.input_shape(kX), context.input_shape(kR));
  NOMO_ASSIGN_OR_RETURN(const SequenceLengths lengths, SequenceLengths::Of(context, node));
  const Tensor initial_h = Double(context, kInitialH), initial_c = Double(context, kInitialC);
  std::vector<Tensor> outputs;
  for (int i = 0; i < context.num_outputs(); ++i) {
    outputs.emplace_back(DType::kFloat64, context.output_shape(i));
  }
  ReferenceStep step(context, node, kind.gates);
  for (int64_t d = 0; d < node.directions; ++d) {
    for (int64_t b = 0; b < node.batch; ++b) {
      const int64_t row = node.state_row(d, b);
      ReferenceState state{
          InitialState(initial_h, row, node.hidden), InitialState(initial_c, row, node.hidden), {}};
      for (int64_t i = 0; i < lengths[b]; ++i) {
        const int64_t t = node.reverse(d) ? lengths[b] - 1 - i : i;
        step.MoveTo(d, t, b);
        cell(step, context.attrs(), state);
        SetRow(outputs[0], node.y_row(t, d, b), state.h);
        if (outputs.size() > 3) SetRow(outputs[3], node.y_row(t, d, b), state.gates);
      }
      if (outputs.size() > 1) SetRow(outputs[1], row, state.h);
      if (outputs.size() > 2) SetRow(outputs[2], row, state.c);
    }
  }
  for (int i = 0; i < context.num_outputs(); ++i) {
    NOMO_RETURN_IF_ERROR(context.SetOutput(i, outputs[i].Cast(context.output_dtype(i))));
  }
  return absl::OkStatus();
}

void AddActivations(const RecurrentKind& kind, OpDef& op) {
  op.Attr("activations", std::vector<std::string>{},
          absl::StrCat("the activation functions, ", kind.activations.size(),
                       " in each direction; none given: ", absl::StrJoin(kind.activations, ", "),
                       ". There are: ", kGateActivationsDoc))
      .Attr("activation_alpha", std::vector<double>{},
            "alpha for those of the activations that have one, in their order")
      .Attr("activation_beta", std::vector<double>{},
            "beta for those of the activations that have one, in their order")
      .OptionalAttr("clip", AttrType::kFloat,
                    "limits the sums that go into the gates' activations to [-clip, clip]")
      .Min(0);
}

}  // namespace

RecurrentNode::RecurrentNode(const RecurrentKind& kind, const Attributes& attrs, const Shape& x,
                             const Shape& r)
    : input(x[2]), hidden(r[2]), directions(Directions(attrs)) {
  batch_first = attrs.Int("layout") == 1;
  steps = x[batch_first ? 1 : 0];
  batch = x[batch_first ? 0 : 1];
  reverse_first = attrs.String("direction") == "reverse";
  activations = *GateActivations(attrs, kind.activations, static_cast<int>(directions));
}

absl::StatusOr<SequenceLengths> SequenceLengths::Of(const KernelContext& context,
                                                    const RecurrentNode& node) {
  if (!context.has_input(kSequenceLens)) return SequenceLengths(nullptr, node.steps);
  const auto given = context.input<int32_t>(kSequenceLens);
  for (const int32_t length : given) {
    if (length < 0 || length > node.steps) {
      return InvalidArgument("input sequence_lens: expected lengths from 0 to the ", node.steps,
                             " steps of X, found ", length);
    }
  }
  return SequenceLengths(given.data(), node.steps);
}

ReferenceStep::ReferenceStep(const KernelContext& context, const RecurrentNode& node, int gates)
    : node_(node),
      gates_(gates),
      clip_(context.attrs().Has("clip") ? context.attrs().Float("clip")
                                        : std::numeric_limits<double>::infinity()),
      x_(Double(context, kX)),
      w_(Double(context, kW)),
      r_(Double(context, kR)),
      b_(Double(context, kB)),
      p_(Double(context, kP)) {}

void ReferenceStep::MoveTo(int64_t direction, int64_t t, int64_t b) {
  direction_ = direction;
  x_row_ = node_.x_row(t, b);
}

double ReferenceStep::FromInput(int gate, int64_t unit) const {
  const int64_t row = (direction_ * gates_ + gate) * node_.hidden + unit;
  const double bias =
      b_.valid() ? b_.data<double>()[(direction_ * 2 * gates_ + gate) * node_.hidden + unit] : 0.0;
  return Dot(x_.data<double>().subspan(x_row_ * node_.input, node_.input),
             w_.data<double>().subspan(row * node_.input, node_.input)) +
         bias;
}

double ReferenceStep::FromState(int gate, int64_t unit, const std::vector<double>& state) const {
  const int64_t row = (direction_ * gates_ + gate) * node_.hidden + unit;
  const int64_t bias_row = ((direction_ * 2 + 1) * gates_ + gate) * node_.hidden + unit;
  return Dot(state, r_.data<double>().subspan(row * node_.hidden, node_.hidden)) +
         (b_.valid() ? b_.data<double>()[bias_row] : 0.0);
}

double ReferenceStep::Peephole(int gate, int64_t unit) const {
  if (!p_.valid()) return 0.0;
  return p_.data<double>()[(direction_ * 3 + gate) * node_.hidden + unit];
}

double ReferenceStep::Gate(int i, double sum) const {
  // Not std::clamp(), which is undefined for NaN.
  return Activation(i, sum < -clip_ ? -clip_ : sum > clip_ ? clip_ : sum);
}

void AddLayerInputs(const RecurrentKind& kind, OpDef& op) {
  const std::string gates = absl::StrCat(kind.gates, " * hidden_size");
  op.Input("X", "T", "[steps, batch, input], see layout")
      .Input("W", "T", absl::StrCat("[directions, ", gates, ", input]"))
      .Input("R", "T", absl::StrCat("[directions, ", gates, ", hidden_size]"))
      .OptionalInput("B", "T",
                     absl::StrCat("[directions, 2 * ", gates, "]: the biases that go with W, then ",
                                  "those that go with R; 0 where it is absent"))
      .OptionalInput("sequence_lens", "int32",
                     "[batch]: the length of each sequence, 0 to steps; all steps where it is "
                     "absent")
      .OptionalInput("initial_h", "T",
                     "[directions, batch, hidden_size], see layout; 0 where it is absent");
  if (!kind.has_cell) return;
  op.OptionalInput("initial_c", "T", "like initial_h")
      .OptionalInput("P", "T", "[directions, 3 * hidden_size]: peepholes; 0 where it is absent");
}

void AddLayerAttributes(const RecurrentKind& kind, OpDef& op) {
  op.OptionalAttr("hidden_size", AttrType::kInt, "checked against R, which has it, too")
      .Min(1)
      .Attr("direction", "forward",
            "\"forward\", \"reverse\" (from each sequence's last step to its first; Y stays in the "
            "order of X), or \"bidirectional\": both, with weights of their own")
      .Choices({"forward", "reverse", "bidirectional"})
      .Attr("layout", 0,
            "0: as above; 1: the batch first: X [batch, steps, input], Y [batch, steps, "
            "directions, hidden_size], states [batch, directions, hidden_size]")
      .Min(0)
      .Max(1);
  AddActivations(kind, op);
}

OpDef RecurrentOp(std::string name, RecurrentKind kind, ReferenceCell cell) {
  OpDef op(std::move(name), 1);
  op.TypeVar("T", kFloats);
  AddLayerInputs(kind, op);
  op.Output("Y", "T",
            "[steps, directions, batch, hidden_size], see layout: h after each step, 0 behind a "
            "sequence's end")
      .OptionalOutput("Y_h", "T", "[directions, batch, hidden_size], see layout: the last h");
  AddLayerAttributes(kind, op);
  op.Infer([kind](const InferContext& context) {
      return InferRecurrent(context, kind);
    }).Reference([kind, cell = std::move(cell)](KernelContext& context) {
    return RecurrentCompute(context, kind, cell);
  });
  return op;
}

bool TakesRounding(const RecurrentNode& node, int64_t gates, const PrepareContext& context) {
  if (!RoundsFactors(context)) return false;
  const int64_t rows = node.steps * node.batch, width = gates * node.hidden;
  constexpr int64_t kSmallWork = 1 << 20;
  return rows * width * node.input >= kSmallWork &&
         TakesForm(kRoundingForm, RoundingPays(rows, node.input, width));
}

}  // namespace nomograph::nn
