// Fourier transforms, whose results are complex, and frames of a signal.
#include <algorithm>

#include "nomograph/serialization/keras/calls/complex.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

// The real and the imaginary part on a last axis, as signal.Dft has them.
absl::StatusOr<Value> Joined(CallContext& call, absl::string_view parameter) {
  const PyValue& given = call.Get(parameter);
  std::vector<PyValue> parts = {given};
  if (given.is(Kind::kComplex) || given.is(Kind::kTuple)) parts = given.heap->items;
  NOMO_ASSIGN_OR_RETURN(std::vector<Value> values,
                        call.interpreter().Promote(parts, nomograph::kFloats));
  if (values.empty() || values.size() > 2) return InvalidArgument("expected two parts");
  for (Value& value : values) value = Op("array.Unsqueeze", {value}, {{"axes", Ints{-1}}});
  const Value joined = values.size() == 1 ? values[0] : Op("array.Concat", values, {{"axis", -1}});
  NOMO_RETURN_IF_ERROR(joined.status());
  return joined;
}

// Keras has a pair of tensors where TensorFlow has a complex one.
RuleResult Parted(CallContext& call, const Value& joined) {
  NOMO_ASSIGN_OR_RETURN(const PyValue real, call.Result(At(joined, 0, -1)));
  NOMO_ASSIGN_OR_RETURN(const PyValue imaginary, call.Result(At(joined, 1, -1)));
  if (absl::StartsWith(call.name(), "keras.ops.")) {
    return call.interpreter().arena().Tuple({real, imaginary});
  }
  return MakeComplex(call.interpreter(), real, imaginary);
}

Value Dft(const Value& x, int64_t axis, bool inverse) {
  return Op("signal.Dft", {x}, {{"axis", axis}, {"inverse", inverse}});
}

// Along the last axis, or the last two.
RuleResult Fft(CallContext& call) {
  const std::string& name = call.name();
  const bool inverse = absl::StrContains(name, ".ifft");
  const bool two = absl::EndsWith(name, "2d") || absl::EndsWith(name, "2");
  NOMO_ASSIGN_OR_RETURN(const Value x, Joined(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < (two ? 3 : 2)) return InvalidArgument("x has too few axes");
  Value y = Dft(x, rank - 2, inverse);
  if (two) y = Dft(y, rank - 3, inverse);
  return Parted(call, y);
}

// Of a real signal: the half that says all.
RuleResult Rfft(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 1) return InvalidArgument("x has no axis");
  Attributes attrs = {{"axis", rank - 1}, {"onesided", true}};
  if (call.Has("fft_length")) {
    NOMO_ASSIGN_OR_RETURN(const Ints lengths, call.Ints("fft_length"));
    if (lengths.size() != 1) return InvalidArgument("fft_length: expected one number");
    attrs.Set("dft_length", lengths[0]);
  }
  const Value column = Op("array.Unsqueeze", {x}, {{"axes", Ints{-1}}});
  return Parted(call, Op("signal.Dft", {column}, attrs));
}

// Which elements of the axis frame after frame has.
absl::StatusOr<Value> Frames(CallContext& call, const Value& x, int64_t length, int64_t step) {
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (rank < 1) return InvalidArgument("a signal has an axis");
  const int64_t size = x.shape()[rank - 1].size();
  if (size < 0) return absl::UnimplementedError("a signal of unknown length");
  if (length < 1 || step < 1) return InvalidArgument("frames of ", length, " every ", step);
  const int64_t count = size < length ? 0 : (size - length) / step + 1;
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(SaturatingMultiply(count, length)));
  Ints places;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < length; ++k) places.push_back(i * step + k);
  }
  const Value indices = nomograph::Constant(Tensor::Of<int64_t>(Shape{count, length}, places));
  const Value frames = Op("array.Gather", {x, indices}, {{"axis", -1}});
  NOMO_RETURN_IF_ERROR(frames.status());
  return frames;
}

RuleResult Frame(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("signal"));
  NOMO_ASSIGN_OR_RETURN(const int64_t length, call.Int("frame_length"));
  NOMO_ASSIGN_OR_RETURN(const int64_t step, call.Int("frame_step"));
  NOMO_ASSIGN_OR_RETURN(const bool pad, call.Bool("pad_end"));
  NOMO_ASSIGN_OR_RETURN(const int64_t axis, call.Int("axis"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  if (pad || (axis != -1 && axis != rank - 1)) {
    return absl::UnimplementedError("pad_end, or another axis than the last");
  }
  NOMO_ASSIGN_OR_RETURN(const Value frames, Frames(call, x, length, step));
  return call.Result(frames);
}

// Transforms of windowed frames. TensorFlow's window is Hann's, periodic, and a transform is as
// long as the next power of two.
RuleResult Stft(CallContext& call) {
  Interpreter& interpreter = call.interpreter();
  NOMO_ASSIGN_OR_RETURN(const Value x, FloatTensor(call, "signals"));
  NOMO_ASSIGN_OR_RETURN(const int64_t length, call.Int("frame_length"));
  NOMO_ASSIGN_OR_RETURN(const int64_t step, call.Int("frame_step"));
  NOMO_ASSIGN_OR_RETURN(const bool pad, call.Bool("pad_end"));
  if (pad) return absl::UnimplementedError("pad_end");
  int64_t size = 1;
  while (size < length && size < 1 << 26) size *= 2;
  NOMO_ASSIGN_OR_RETURN(size, call.Int("fft_length", size));
  NOMO_ASSIGN_OR_RETURN(Value frames, Frames(call, x, length, step));
  const PyValue& window = call.Get("window_fn");
  if (!window.is(Kind::kNone)) {
    PyValue numbers;
    if (window.is(Kind::kText)) {
      NOMO_ASSIGN_OR_RETURN(
          numbers, interpreter.CallKnown("tf.signal.hann_window", {{PyValue::Int(length)}, {}}));
    } else {
      NOMO_ASSIGN_OR_RETURN(numbers, interpreter.Call(window, {{PyValue::Int(length)}, {}}));
    }
    NOMO_ASSIGN_OR_RETURN(const Value weights, interpreter.ToTensor(numbers, x.dtype()));
    frames = frames * weights;
  }
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(frames));
  const Value column = Op("array.Unsqueeze", {frames}, {{"axes", Ints{-1}}});
  return Parted(call, Op("signal.Dft", {column},
                         {{"axis", rank - 1}, {"onesided", true}, {"dft_length", size}}));
}

RuleResult Window(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const int64_t size, call.Int("window_length"));
  NOMO_ASSIGN_OR_RETURN(const bool periodic, call.Bool("periodic"));
  const bool hann = absl::EndsWith(call.name(), "hann_window");
  return call.Result(Op(hann ? "signal.HannWindow" : "signal.HammingWindow", {},
                        {{"size", size}, {"periodic", periodic}}));
}

RuleResult ComplexRule(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> parts,
                        Together(call, {"real", "imag"}, nomograph::kFloats));
  PyArena& arena = call.interpreter().arena();
  return MakeComplex(call.interpreter(), arena.Tensor(parts[0]), arena.Tensor(parts[1]));
}

// Of what is real.
RuleResult RealPart(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  return call.Result(x);
}

const CallRegistrar kRules[] = {
    {"{tf,tf.signal,tf.spectral}.{fft,ifft,fft2d,ifft2d},np.fft.{fft,ifft,fft2,ifft2},"
     "keras.ops.{fft,fft2,ifft2}(x|input)",
     Fft},
    {"{tf,tf.signal,tf.spectral}.rfft,np.fft.rfft,keras.ops.rfft(x|input|input_tensor,"
     "fft_length=None)",
     Rfft},
    {"{tf.signal,tf.contrib.signal}.frame(signal,frame_length,frame_step,pad_end=False,"
     "pad_value=0,axis=-1)",
     Frame},
    {"{tf.signal,tf.contrib.signal}.stft(signals,frame_length,frame_step,fft_length=None,"
     "window_fn=hann,pad_end=False)",
     Stft},
    {"{tf.signal,tf.contrib.signal}.{hann_window,hamming_window}(window_length,periodic=True,"
     "dtype=None)",
     Window},
    {"tf.complex(real,imag)", ComplexRule},
    {"{tf,tf.math,keras.ops,np}.{real,conj}(x|input)", RealPart},
};

}  // namespace
}  // namespace nomograph::keras
