// signal.Stft: the short-time Fourier transform of signals, frame by frame.
#include <optional>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/signal/transform.h"

namespace nomograph::signal {
namespace {

// The frames of a signal, as far as they are known.
struct Frames {
  Dim step, length, count;
};

absl::StatusOr<Dim> Positive(const IntsArg& arg, absl::string_view name) {
  if (!arg.known) return Dim();
  if (arg.values[0] < 1 || arg.values[0] > kMaxLength) {
    return InvalidArgument(name, ": expected 1 to ", kMaxLength, ", found ", arg.values[0]);
  }
  return Dim(arg.values[0]);
}

absl::StatusOr<Frames> GetFrames(const InferContext& context) {
  const PartialShape& signal = context.shape(0);
  const PartialShape window = context.has_input(2) ? context.shape(2) : PartialShape();
  if (signal.has_rank() && signal.rank() != 2 &&
      (signal.rank() != 3 ||
       !(Compatible({signal[2]}, {Dim(1)}) || Compatible({signal[2]}, {Dim(2)})))) {
    return InvalidArgument(
        "input signal: expected shape [batch, length], [batch, length, 1] or "
        "[batch, length, 2], found ",
        signal.ToString());
  }
  if (context.attrs().Bool("onesided") && signal.rank() == 3 && signal[2] == Dim(2)) {
    return InvalidArgument("onesided: expected a real signal, found shape ", signal.ToString());
  }
  Frames frames;
  NOMO_ASSIGN_OR_RETURN(const IntsArg step, GetInt(context, "frame_step", 1));
  if (!step.given) {
    return InvalidArgument("frame_step is required, as an attribute or as input 1");
  }
  NOMO_ASSIGN_OR_RETURN(frames.step, Positive(step, "frame_step"));
  NOMO_ASSIGN_OR_RETURN(const IntsArg length, GetInt(context, "frame_length", 3));
  NOMO_ASSIGN_OR_RETURN(frames.length, Positive(length, "frame_length"));
  const Dim size = signal.has_rank() ? signal[1] : Dim();
  if (!length.given) {
    frames.length = !context.has_input(2) ? size : window.rank() == 1 ? window[0] : Dim();
  }
  if (context.has_input(2) && !Compatible(window, {frames.length})) {
    return InvalidArgument("input window: expected shape ", PartialShape{frames.length}.ToString(),
                           ", found ", window.ToString());
  }
  if (!frames.length.known()) return frames;
  if (frames.length.size() < 1 || frames.length.size() > kMaxLength) {
    return InvalidArgument("expected frames of 1 to ", kMaxLength, " elements, found ",
                           frames.length.size());
  }
  if (!size.known()) return frames;
  if (size.size() < frames.length.size()) {
    return InvalidArgument("input signal: expected at least one frame of ", frames.length.size(),
                           " elements, found ", size.size());
  }
  if (frames.step.known()) {
    frames.count = (size.size() - frames.length.size()) / frames.step.size() + 1;
  }
  return frames;
}

absl::StatusOr<std::vector<TensorType>> InferStft(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Frames frames, GetFrames(context));
  Dim bins = frames.length;
  if (context.attrs().Bool("onesided")) bins = bins.known() ? Dim(bins.size() / 2 + 1) : Dim();
  const Dim batch = context.shape(0).has_rank() ? context.shape(0)[0] : Dim();
  return std::vector<TensorType>{{context.dtype(0), {batch, frames.count, bins, 2}}};
}

// A concrete node.
struct StftNode {
  Transform transform;
  int64_t batches, size, frames, step;

  static absl::StatusOr<std::optional<StftNode>> Create(const InferContext& context) {
    const Shape signal = context.shape(0).ToShape();
    NOMO_ASSIGN_OR_RETURN(const Frames frames, GetFrames(context));
    if (!frames.count.known()) return std::nullopt;
    const int64_t length = frames.length.size();
    return StftNode{{length, context.attrs().Bool("onesided") ? length / 2 + 1 : length,
                     signal.rank() == 3 && signal[2] == 2, false},
                    signal[0],
                    signal[1],
                    frames.count.size(),
                    frames.step.size()};
  }

  int64_t lines() const { return batches * frames; }
  template <typename T>
  Line<T> LineAt(const KernelContext& context, int64_t i) const {
    const int64_t parts = transform.complex ? 2 : 1;
    const T* signal = context.input<T>(0).data();
    return {signal + (i / frames * size + i % frames * step) * parts,
            parts,
            transform.length,
            context.has_input(2) ? context.input<T>(2).data() : nullptr,
            context.output<T>(0).data() + i * transform.bins * 2,
            2};
  }
};

absl::Status StftCompute(KernelContext& context) {
  const ConcreteNode concrete(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, concrete, InferStft));
  NOMO_ASSIGN_OR_RETURN(const auto node, StftNode::Create(concrete.context()));
  Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
    TransformLines<T>(node->transform, node->lines(),
                      [&](int64_t i) { return node->LineAt<T>(context, i); });
  });
  return absl::OkStatus();
}

template <typename T>
class StftKernel final : public Kernel {
 public:
  StftKernel(const StftNode& node, int threads)
      : node_(node), transform_(node.transform, node.lines(), threads) {}
  absl::Status Run(KernelContext& context) const override {
    transform_.Run([&](int64_t i) { return node_.LineAt<T>(context, i); }, context.scratch());
    return absl::OkStatus();
  }
  int64_t scratch_bytes() const override { return transform_.scratch_bytes(); }
  std::string Describe() const override { return "fft"; }

 private:
  const StftNode node_;
  const FastTransform<T> transform_;
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareStft(const PrepareContext& context) {
  std::vector<TensorType> types;
  for (const TensorSpec& input : context.inputs) types.push_back({input.dtype, input.shape});
  NOMO_ASSIGN_OR_RETURN(const auto node,
                        StftNode::Create(InferContext(context.attrs, types, context.constants, 1)));
  std::unique_ptr<Kernel> kernel;
  if (!node) return kernel;
  Dispatch(TypeList<float, double>{}, types[0].dtype,
           [&]<typename T>() { kernel = std::make_unique<StftKernel<T>>(*node, context.threads); });
  return kernel;
}

std::vector<Example> StftExamples() {
  return {
      {.name = "frames of four",
       .attrs = {{"frame_step", 2}, {"frame_length", 4}},
       .inputs = {Tensor::Of<float>({2, 9, 1}, {-2.5, 3.5, -1, 0.5, -0.5, 3, 2.5, 1.5, -4.5, 0, 1.5,
                                                2, -1, 3.5, -2.5, -1.5, 2, 0})},
       .outputs = {Tensor::Of<float>(
           {2, 3, 3, 2},
           {0.5, 0, -1.5, -3,   -7.5, 0, 2, 0, -0.5, 2.5,  -5, 0, 6.5, 0, -3, -1.5, -2.5, 0,
            2.5, 0, -2,   -2.5, 1.5,  0, 2, 0, -1.5, -1.5, 9,  0, 1.5, 0, 5,  4.5,  2.5,  0})},
       .atol = 1e-5},
      {.name = "window, twosided",
       .attrs = {{"onesided", false}},
       .inputs = {Tensor::Of<float>({2, 9}, {-2.5, 3.5, -1, 0.5, -0.5, 3, 2.5, 1.5, -4.5, 0, 1.5, 2,
                                             -1, 3.5, -2.5, -1.5, 2, 0}),
                  Tensor::Scalar<int64_t>(3), Tensor::Vector<float>({0.5, 1, 1, 0.25})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 4, 2}, {1.375, 0, -0.25, -3.375, -5.875, 0, -0.25, 3.375, 3.375, 0, -2.75, 1.125,
                          3.125, 0, -2.75, -1.125, 3.25,   0, -2,    -1.75, 0.75,  0, -2,    1.75,
                          0.125, 0, 2,     -3.875, -6.125, 0, 2,     3.875})},
       .atol = 1e-5},
      {.name = "all as inputs",
       .inputs = {Tensor::Of<float>({2, 9}, {-2.5, 3.5, -1, 0.5, -0.5, 3, 2.5, 1.5, -4.5, 0, 1.5, 2,
                                             -1, 3.5, -2.5, -1.5, 2, 0}),
                  Tensor::Vector<int64_t>({4}), Tensor::Vector<float>({0.5, 1, 1, 0.25}),
                  Tensor::Scalar<int64_t>(4)},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3, 2}, {1.375, 0, -0.25, -3.375, -5.875, 0, 5.625, 0, -2.75, -2.625, -1.125, 0,
                          3.25,  0, -2,    -1.75,  0.75,   0, -1.75, 0, 3.25,  3,      2.25,   0})},
       .atol = 1e-5},
      {.name = "complex",
       .attrs = {{"onesided", false}, {"frame_length", 3}, {"frame_step", 3}},
       .inputs = {Tensor::Of<float>(
           {2, 9, 2}, {-2.5, 4,   3.5, 0.5, -1,   -1.5, 0.5,  -1,   -0.5, -2,  3, -2.5,
                       2.5,  1.5, 1.5, 1,   -4.5, 2.5,  0,    -1.5, 1.5,  3.5, 2, -0.5,
                       -1,   3,   3.5, -1,  -2.5, -1.5, -1.5, 0.5,  2,    2,   0, 0.5})},
       .outputs = {Tensor::Of<float>({2, 3, 3, 2},
                                     {0,    3,    -2.017949,  0.6028857,  -5.482051,  8.397114,
                                      3,    -5.5, -0.3169873, 4.281089,   -1.1830127, -1.7810888,
                                      -0.5, 5,    2.700962,   -5.446152,  5.299038,   4.946152,
                                      3.5,  1.5,  1.7141016,  -2.5669873, -5.214102,  -3.4330127,
                                      0,    0.5,  -1.0669873, -0.9461522, -1.9330127, 9.446152,
                                      0.5,  3,    -1.200962,  -2.482051,  -3.799038,  0.9820508})},
       .atol = 1e-5},
      {.name = "the whole signal is one frame",
       .attrs = {{"frame_step", 1}},
       .inputs = {Tensor::Of<float>({1, 9}, {-2.5, 3.5, -1, 0.5, -0.5, 3, 2.5, 1.5, -4.5})},
       .outputs = {Tensor::Of<float>(
           {1, 1, 5, 2}, {2.5, 0, -7.028452, 0.24883981, -2.7283833, -11.005219, -0.5, -6.0621777,
                          -2.2431648, -6.0579066})},
       .atol = 1e-5},
  };
}

// The places in the signal of all elements of all frames: [frames, frame_length].
Value Places(const Value& frames, const Value& step, const Value& length) {
  const auto number = [](int64_t value) { return Constant(Tensor::Scalar(value)); };
  const auto range = [&](const Value& end, int64_t axis) {
    return Call("array.Unsqueeze", {Call("array.Range", {number(0), end, number(1)})},
                {{"axes", std::vector<int64_t>{axis}}});
  };
  return range(frames, 1) * step + range(length, 0);
}

// An integer that is an attribute or an input, as a scalar.
Value Argument(const GradientContext& g, absl::string_view name, int input, const Value& absent) {
  if (g.attrs().Has(name)) return Constant(Tensor::Scalar(g.attrs().Int(name)));
  if (!g.has_input(input)) return absent;
  return Call("array.Reshape", {Call("array.Cast", {g.input(input)}, {{"to", DType::kInt64}})},
              {{"shape", std::vector<int64_t>{}}});
}

// Size number `axis` of x, as a scalar.
Value SizeOf(const Value& x, int64_t axis) {
  return Call("array.Gather", {ShapeOf(x), Constant(Tensor::Scalar(axis))});
}

// Each frame's spectrum flows back as signal.Dft has it, to the frame times the window; that flows
// back to the places of the signal that the frame has, and to the window.
absl::StatusOr<std::vector<Value>> StftGradient(const GradientContext& g) {
  const Value &signal = g.input(0), dy = g.gradient(0);
  if (!signal.shape().has_rank()) {
    return InvalidArgument("expected a signal of known rank, found ", signal.type().ToString());
  }
  const bool flat = signal.shape().rank() == 2;
  const auto number = [](int64_t value) { return Constant(Tensor::Scalar(value)); };
  const auto unsqueeze = [](const Value& x, int64_t axis) {
    return Call("array.Unsqueeze", {x}, {{"axes", std::vector<int64_t>{axis}}});
  };
  const Value length =
      Argument(g, "frame_length", 3, g.has_input(2) ? SizeOf(g.input(2), 0) : SizeOf(signal, 1));
  const Value places = Places(SizeOf(dy, 1), Argument(g, "frame_step", 1, Value()), length);
  Value full =
      Call("signal.Dft", {dy, length, number(2)}, {{"inverse", true}}) * CastLike(length, dy);
  // [batch, frames, frame_length, parts], real parts alone of a real signal.
  const Value complex = flat ? unsqueeze(signal, 2) : signal;
  const Value parts = SizeOf(complex, 2);
  full = Call("array.Slice", {full, Constant(Tensor::Vector<int64_t>({0})), unsqueeze(parts, 0),
                              Constant(Tensor::Vector<int64_t>({-1}))});
  std::vector<Value> result(4);
  if (g.wants(0)) {
    const Value spread = g.has_input(2) ? full * unsqueeze(g.input(2), 1) : full;
    const auto swapped = [](const Value& x, std::vector<int64_t> perm) {
      return Call("array.Transpose", {x}, {{"perm", std::move(perm)}});
    };
    const Value sum = Call("array.ScatterND",
                           {swapped(ZerosLike(complex), {1, 0, 2}), unsqueeze(places, 2),
                            swapped(spread, {1, 2, 0, 3})},
                           {{"reduction", "add"}});
    result[0] = ReshapeLike(swapped(sum, {1, 0, 2}), signal);
  }
  if (g.has_input(2) && g.wants(2)) {
    const Value frames = Call("array.Gather", {complex, places}, {{"axis", 1}});
    const Value sum = Call("math.ReduceSum", {full * frames},
                           {{"axes", std::vector<int64_t>{0, 1, 3}}, {"keepdims", false}});
    result[2] = ReshapeLike(sum, g.input(2));
  }
  return result;
}

NOMO_REGISTER_OP(
    OpDef("signal.Stft")
        .Doc("The short-time Fourier transform: signal.Dft of each frame of a signal.\n\n"
             "y[b, f, k] = sum over j < frame_length of window[j] signal[b, f * frame_step + j] "
             "e^(-2 pi i j k / frame_length). There are as many frames as lie in the signal: "
             "(length "
             "- frame_length) / frame_step + 1, rounded down, and it is an error when there is "
             "none. "
             "With onesided, for real signals only, k goes to floor(frame_length / 2), else to "
             "frame_length - 1. frame_step and frame_length are attributes or inputs; without "
             "frame_length frames are as long as the window, or else as the signal.")
        .Source("ONNX STFT; torch.stft with center=False")
        .Known({.as = "onnx",
                .name = "STFT",
                .since = 17,
                .attrs = {{"frame_step", KnownAttr::kScalar, "", 1},
                          {"frame_length", KnownAttr::kScalar, "", 3}}})
        .TypeVar("T", kFloats)
        .TypeVar("I", {DType::kInt32, DType::kInt64})
        .Input("signal", "T",
               "[batch, length] or [batch, length, 1]; complex: [batch, length, 2], real and "
               "imaginary part")
        .OptionalInput("frame_step", "I", "one number")
        .OptionalInput("window", "T", "[frame_length]; absent: all 1")
        .OptionalInput("frame_length", "I", "one number")
        .Output("y", "T", "[batch, frames, k, 2], real and imaginary part")
        .OptionalAttr("frame_step", AttrType::kInt, "as the input, from 1 to 2^26")
        .OptionalAttr("frame_length", AttrType::kInt, "as the input, from 1 to 2^26")
        .Attr("onesided", true, "leaves out what follows from the symmetry")
        .Infer(InferStft)
        .Reference(StftCompute)
        .Fast(PrepareStft)
        .Work(AllCombinationsWork)
        .Gradient(StftGradient)
        .Examples(StftExamples));

}  // namespace
}  // namespace nomograph::signal
