#include "nomograph/ops/nn/recurrent/recurrent_gradient.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/ops/nn/recurrent/backward_pass.h"

namespace nomograph::nn {
namespace {

// How many of the inputs are the layer's; behind them come Y, dY, dY_h and, of a layer with a cell,
// dY_c and the gates' values.
int LayerInputs(bool has_cell) { return has_cell ? kP + 1 : kInitialH + 1; }

Dim Times(int64_t factor, const Dim& size) {
  return size.known() ? Dim(factor * size.size()) : Dim();
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context,
                                              const RecurrentKind& kind) {
  const int y = LayerInputs(kind.has_cell);
  std::vector<TensorType> layer;
  for (int i = 0; i < std::min(y, context.num_inputs()); ++i) layer.push_back(context.input(i));
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> types,
                        InferRecurrent(InferContext(context.attrs(), layer, {}, 1), kind));
  for (int i = 0; i <= static_cast<int>(types.size()); ++i) {
    const PartialShape& expected = types[std::max(i - 1, 0)].shape;
    if (!context.has_input(y + i) || Compatible(context.shape(y + i), expected)) continue;
    return InvalidArgument("input ", y + i, ": expected shape ", expected.ToString(), ", found ",
                           context.shape(y + i).ToString());
  }
  if (kind.has_cell && context.has_input(y + 4)) {
    const PartialShape gates = KeptGatesShape(types[0].shape, kind.gates);
    if (!Compatible(context.shape(y + 4), gates)) {
      return InvalidArgument("input ", y + 4, ": expected shape ", gates.ToString(), ", found ",
                             context.shape(y + 4).ToString());
    }
  }
  const DType dtype = context.dtype(kX);
  const Dim directions(context.attrs().String("direction") == "bidirectional" ? 2 : 1);
  const Dim hidden = types[0].shape[3];
  std::vector<TensorType> result = {context.input(kX),
                                    context.input(kW),
                                    context.input(kR),
                                    {dtype, {directions, Times(2 * kind.gates, hidden)}},
                                    types[1]};
  if (kind.has_cell) {
    result.push_back(types[1]);
    result.push_back({dtype, {directions, Times(3, hidden)}});
  }
  return result;
}

// The lengths of the gathered arrays, which lie one behind the other ahead of the pass's memory.
template <typename Real>
struct Gathered {
  Real *x, *h, *c0, *dy, *dh, *dc, *dx, *gates, *pass;

  // `width`: of a row of gates that were kept; 0 where they are not.
  Gathered(const RecurrentNode& n, int64_t width, Real* memory) {
    const auto take = [&](int64_t count) {
      return std::exchange(memory, memory == nullptr ? nullptr : memory + count);
    };
    const int64_t states = n.batch * n.hidden, rows = n.steps * n.batch;
    x = take(rows * n.input);
    h = take(states * (n.steps + 1));
    c0 = take(states);
    dy = take(rows * n.hidden);
    dh = take(states);
    dc = take(states);
    dx = take(rows * n.input);
    gates = width == 0 ? nullptr : take(rows * width);
    pass = memory;
  }
  // With those gates the pass needs none of its own.
  static int64_t Size(const RecurrentNode& n) {
    const int64_t states = n.batch * n.hidden, rows = n.steps * n.batch;
    return 2 * rows * n.input + rows * n.hidden + states * (n.steps + 4);
  }
};

template <typename Real>
int64_t ScratchElements(const RecurrentNode& n, int gates, int threads = 1, bool rounds = false) {
  BackwardArrays<Real> arrays{};
  arrays.threads = threads;
  arrays.rounds = rounds;
  arrays.steps = n.steps;
  arrays.batch = n.batch;
  arrays.input = n.input;
  arrays.hidden = n.hidden;
  arrays.gates = gates;
  return Gathered<Real>::Size(n) + BackwardScratch(arrays);
}

// One run of a node.
template <typename Real>
class Backward {
 public:
  Backward(KernelContext& context, const RecurrentKind& kind, RecurrentCell cell, int threads = 1,
           bool rounds = false)
      : context_(context),
        kind_(kind),
        cell_(cell),
        threads_(threads),
        rounds_(rounds),
        node_(kind, context.attrs(), context.input_shape(kX), context.input_shape(kR)),
        y_(LayerInputs(kind.has_cell)) {}

  const RecurrentNode& node() const { return node_; }

  absl::Status Run(Real* memory) {
    NOMO_ASSIGN_OR_RETURN(const SequenceLengths lengths, SequenceLengths::Of(context_, node_));
    for (int64_t b = 0; b < node_.batch; ++b) lengths_.push_back(lengths[b]);
    for (int i = 0; i < context_.num_inputs(); ++i) {
      const bool floats = context_.has_input(i) && i != kSequenceLens;
      inputs_.push_back(floats ? Converted(context_.BorrowInput(i)) : Tensor());
    }
    for (int i = 0; i < kInputsOf; ++i) {
      const Shape shapes[kInputsOf] = {context_.input_shape(kX),
                                       context_.input_shape(kW),
                                       context_.input_shape(kR),
                                       {node_.directions, 2 * kind_.gates * node_.hidden},
                                       StateShape(),
                                       StateShape(),
                                       {node_.directions, 3 * node_.hidden}};
      outputs_.emplace_back(kDTypeOf<Real>, shapes[i]);
    }
    std::fill_n(Out(0), outputs_[0].num_elements(), Real{0});
    const int64_t width = In(y_ + 4) == nullptr ? 0 : kind_.gates * node_.hidden;
    const Gathered<Real> gathered(node_, width, memory);
    for (int64_t d = 0; d < node_.directions; ++d) NOMO_RETURN_IF_ERROR(RunDirection(d, gathered));
    for (int i = 0; i < context_.num_outputs(); ++i) {
      NOMO_RETURN_IF_ERROR(context_.SetOutput(i, outputs_[i].Cast(context_.output_dtype(i))));
    }
    return absl::OkStatus();
  }

 private:
  static constexpr int kInputsOf = 7;  // that have gradients: X, W, R, B, initial_h, initial_c, P

  static Tensor Converted(const Tensor& tensor) {
    return tensor.dtype() == kDTypeOf<Real> ? tensor : tensor.Cast(kDTypeOf<Real>);
  }
  Shape StateShape() const {
    return node_.batch_first ? Shape{node_.batch, node_.directions, node_.hidden}
                             : Shape{node_.directions, node_.batch, node_.hidden};
  }
  Real* Out(int i) { return outputs_[i].template mutable_data<Real>().data(); }
  const Real* In(int i) const {
    return i >= 0 && i < static_cast<int>(inputs_.size()) && inputs_[i].valid()
               ? inputs_[i].template data<Real>().data()
               : nullptr;
  }
  // Row `row` of an input; zeros of what is absent, or of input -1.
  void Copy(int input, int64_t row, int64_t size, Real* to) const {
    const Real* from = In(input);
    if (from == nullptr) {
      std::fill_n(to, size, Real{0});
    } else {
      std::copy_n(from + row * size, size, to);
    }
  }
  // Where the sequence's step number `step` in a direction is in X.
  int64_t Time(int64_t d, int64_t step, int64_t b) const {
    return node_.reverse(d) ? lengths_[b] - 1 - step : step;
  }

  void Gather(int64_t d, const Gathered<Real>& to) const {
    const int64_t hidden = node_.hidden, input = node_.input, width = kind_.gates * hidden;
    for (int64_t b = 0; b < node_.batch; ++b) {
      const int64_t state = node_.state_row(d, b);
      Copy(kInitialH, state, hidden, to.h + b * hidden);
      if (kind_.has_cell) Copy(kInitialC, state, hidden, to.c0 + b * hidden);
      Copy(y_ + 2, state, hidden, to.dh + b * hidden);
      Copy(kind_.has_cell ? y_ + 3 : -1, state, hidden, to.dc + b * hidden);
    }
    for (int64_t step = 0; step < node_.steps; ++step) {
      for (int64_t b = 0; b < node_.batch; ++b) {
        const int64_t row = step * node_.batch + b;
        Real *x = to.x + row * input, *h = to.h + (row + node_.batch) * hidden;
        Real* dy = to.dy + row * hidden;
        if (step >= lengths_[b]) {
          std::fill_n(x, input, Real{0});
          std::fill_n(h, hidden, Real{0});
          std::fill_n(dy, hidden, Real{0});
          if (to.gates != nullptr) std::fill_n(to.gates + row * width, width, Real{0});
          continue;
        }
        const int64_t t = Time(d, step, b), y_row = node_.y_row(t, d, b);
        Copy(kX, node_.x_row(t, b), input, x);
        Copy(y_, y_row, hidden, h);
        Copy(y_ + 1, y_row, hidden, dy);
        if (to.gates != nullptr) Copy(y_ + 4, y_row, width, to.gates + row * width);
      }
    }
  }

  absl::Status RunDirection(int64_t d, const Gathered<Real>& g) {
    const int64_t hidden = node_.hidden, width = kind_.gates * hidden;
    Gather(d, g);
    const Real *b = In(kB), *peephole = kind_.has_cell ? In(kP) : nullptr;
    const BackwardArrays<Real> arrays = {
        .steps = node_.steps,
        .batch = node_.batch,
        .input = node_.input,
        .hidden = hidden,
        .gates = kind_.gates,
        .threads = threads_,
        .rounds = rounds_,
        .lengths = &lengths_,
        .x = g.x,
        .w = In(kW) + d * width * node_.input,
        .r = In(kR) + d * width * hidden,
        .b = b == nullptr ? nullptr : b + d * 2 * width,
        .peephole = peephole == nullptr ? nullptr : peephole + d * 3 * hidden,
        .h = g.h,
        .c0 = g.c0,
        .dy = g.dy,
        .kept = g.gates,
        .dh = g.dh,
        .dc = g.dc,
        .dx = g.dx,
        .dw = Out(1) + d * width * node_.input,
        .dr = Out(2) + d * width * hidden,
        .db = Out(3) + d * 2 * width,
        .dpeephole = kind_.has_cell ? Out(6) + d * 3 * hidden : nullptr};
    const Attributes& attrs = context_.attrs();
    BackwardOptions options{.cell = cell_, .activation = &node_.activation(d, 0)};
    if (attrs.Has("clip")) options.clip = attrs.Float("clip");
    if (cell_ == RecurrentCell::kLstm) options.input_forget = attrs.Bool("input_forget");
    if (cell_ == RecurrentCell::kGru)
      options.linear_before_reset = attrs.Bool("linear_before_reset");
    NOMO_RETURN_IF_ERROR(RunBackward(options, arrays, g.pass));
    Scatter(d, g);
    return absl::OkStatus();
  }

  void Scatter(int64_t d, const Gathered<Real>& g) {
    const int64_t hidden = node_.hidden, input = node_.input;
    for (int64_t b = 0; b < node_.batch; ++b) {
      const int64_t state = node_.state_row(d, b);
      std::copy_n(g.dh + b * hidden, hidden, Out(4) + state * hidden);
      std::copy_n(g.dc + b * hidden, hidden, Out(5) + state * hidden);
      for (int64_t step = 0; step < lengths_[b]; ++step) {
        const Real* from = g.dx + (step * node_.batch + b) * input;
        Real* to = Out(0) + node_.x_row(Time(d, step, b), b) * input;
        for (int64_t i = 0; i < input; ++i) to[i] += from[i];
      }
    }
  }

  KernelContext& context_;
  const RecurrentKind& kind_;
  const RecurrentCell cell_;
  const int threads_;
  const bool rounds_;
  const RecurrentNode node_;
  const int y_;
  std::vector<int64_t> lengths_;
  std::vector<Tensor> inputs_, outputs_;
};

ComputeFn Reference(const RecurrentKind& kind, RecurrentCell cell) {
  return [kind, cell](KernelContext& context) {
    Backward<double> backward(context, kind, cell);
    std::vector<double> memory(ScratchElements<double>(backward.node(), kind.gates));
    return backward.Run(memory.data());
  };
}

PrepareFn Fast(const RecurrentKind& kind, RecurrentCell cell) {
  return [kind, cell](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    if (context.inputs[kX].dtype != DType::kFloat32) return nullptr;
    const RecurrentNode node(kind, context.attrs, context.inputs[kX].shape,
                             context.inputs[kR].shape);
    if (std::min({node.steps, node.batch, node.input, node.hidden}) == 0) return nullptr;
    const bool rounds = TakesRounding(node, kind.gates, context);
    return MakeComputeKernel(
        [kind, cell, rounds, threads = context.threads](KernelContext& kernel) {
          return Backward<float>(kernel, kind, cell, threads, rounds)
              .Run(reinterpret_cast<float*>(kernel.scratch()));
        },
        rounds ? "backward through time, products rounded to bfloat16"
               : "backward through time, oneDNN's sgemm",
        ScratchElements<float>(node, kind.gates, context.threads, rounds) *
            static_cast<int64_t>(sizeof(float)));
  };
}

}  // namespace

PartialShape KeptGatesShape(const PartialShape& y, int64_t gates) {
  return PartialShape(std::vector<Dim>{y[0], y[1], y[2], Times(gates, y[3])});
}

OpDef RecurrentGradOp(const std::string& of, const RecurrentKind& kind, RecurrentCell cell) {
  OpDef op(of + "Grad");
  op.Doc(absl::StrCat("The gradients of ", of,
                      ", which has the same attributes, by backward through time. Y is what the "
                      "layer yielded; the gradients of its outputs are 0 where they are absent."))
      .TypeVar("T", kFloats);
  AddLayerInputs(kind, op);
  op.Input("Y", "T", "as the layer yielded it")
      .OptionalInput("dY", "T", "as Y")
      .OptionalInput("dY_h", "T", "as Y_h");
  if (kind.has_cell) {
    op.OptionalInput("dY_c", "T", "as Y_c")
        .OptionalInput("gates", "T",
                       absl::StrCat("as ", of,
                                    "Training keeps them, where activations, clip and "
                                    "input_forget have their defaults; absent: they are computed"));
  }
  op.Output("dX", "T", "as X")
      .OptionalOutput("dW", "T", "as W")
      .OptionalOutput("dR", "T", "as R")
      .OptionalOutput("dB", "T", "as B")
      .OptionalOutput("dinitial_h", "T", "as initial_h");
  if (kind.has_cell) {
    op.OptionalOutput("dinitial_c", "T", "as initial_c").OptionalOutput("dP", "T", "as P");
  }
  AddLayerAttributes(kind, op);
  return op.Source(absl::StrCat("P. Werbos, Backpropagation through time, 1990; ", of))
      .Infer([kind](const InferContext& context) { return Infer(context, kind); })
      .Reference(Reference(kind, cell))
      .Fast(Fast(kind, cell),
            [kind](const PrepareContext& context) {
              const RecurrentNode node(kind, context.attrs, context.inputs[kX].shape,
                                       context.inputs[kR].shape);
              TakesRounding(node, kind.gates, context);
              return false;  // it takes none, but says of marked nodes whether they round
            })
      .NoGradient(
          "the gradient of a recurrent layer is not differentiated again; a layer written "
          "with core.Scan is")
      .Work(AllCombinationsWork);
}

GradientFn RecurrentGradient(bool has_cell) {
  return [has_cell](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    std::vector<Value> inputs;
    for (int i = 0; i < LayerInputs(has_cell); ++i)
      inputs.push_back(g.has_input(i) ? g.input(i) : Value());
    inputs.push_back(g.output(0));
    for (int i = 0; i < (has_cell ? 3 : 2); ++i)
      inputs.push_back(g.has_gradient(i) ? g.gradient(i) : Value());
    if (g.has_gradient(3)) return InvalidArgument("the gates' values that it keeps have none");
    if (g.has_output(3)) inputs.push_back(g.output(3));
    const absl::string_view layer = absl::StripSuffix(g.op().name, "Training");
    const std::vector<Value> found = CallMulti(absl::StrCat(layer, "Grad"), inputs, g.attrs(),
                                               {.num_outputs = has_cell ? 7 : 5});
    std::vector<Value> result(std::max(g.num_inputs(), LayerInputs(has_cell)));
    const int of_output[] = {kX, kW, kR, kB, kInitialH, kInitialC, kP};
    for (size_t i = 0; i < found.size(); ++i) result[of_output[i]] = found[i];
    result.resize(g.num_inputs());
    return result;
  };
}

}  // namespace nomograph::nn
