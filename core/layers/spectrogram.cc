// Spectra of signals. Keras: keras.layers.STFTSpectrogram and MelSpectrogram. They are made from
// configurations.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

constexpr int64_t kMostFrequencies = int64_t{1} << 20;
constexpr double kEpsilon = 1e-7;  // keras.backend.epsilon()

Value Number(double value) { return Constant(Tensor::Of<float>({}, {static_cast<float>(value)})); }

struct StftOptions {
  std::string name, mode = "log", window = "hann", padding = "valid", data_format = "channels_last";
  int64_t frame_length = 256;
  std::optional<int64_t> frame_step, fft_length;
  std::optional<std::string> scaling = "density";
  bool periodic = false, expand_dims = false;
};

// Convolutions with weights real_kernel and imag_kernel [frame_length, 1, frequencies], which hold
// the window times cosines and sines at first and may have been trained since.
class StftSpectrogramLayer : public internal::OneInputLayer {
 public:
  explicit StftSpectrogramLayer(StftOptions options)
      : OneInputLayer("STFTSpectrogram", options.name,
                      internal::ImagesOfRank(1, options.data_format, kFloats)),
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf(
        {internal::OneOf("mode", {"log", "magnitude", "psd", "real", "imag", "angle", "stft"},
                         options_.mode),
         internal::InRange("frame_length", 2, kMostFrequencies,
                           static_cast<double>(options_.frame_length)),
         internal::InRange("frame_step", 1, static_cast<double>(options_.frame_length),
                           static_cast<double>(Step())),
         internal::InRange("fft_length", static_cast<double>(options_.frame_length),
                           kMostFrequencies, static_cast<double>(Length())),
         internal::OneOf("padding", {"valid", "same"}, options_.padding),
         internal::CheckDataFormat(options_.data_format)});
  }

 private:
  int64_t Step() const { return options_.frame_step.value_or(options_.frame_length / 2); }
  int64_t Length() const {
    if (options_.fft_length) return *options_.fft_length;
    int64_t power = 1;
    while (power < options_.frame_length && power < kMostFrequencies) power *= 2;
    return power;
  }
  bool ChannelsLast() const { return options_.data_format == "channels_last"; }

  absl::Status BuildFor(const TensorType& input) override {
    NOMO_ASSIGN_OR_RETURN(
        channels_, BindAxis(input, internal::ChannelsAxis(options_.data_format), "channels"));
    const Shape shape = {options_.frame_length, 1, Length() / 2 + 1};
    if (options_.mode != "imag") real_ = Weight("real_kernel", shape, GlorotUniform());
    if (options_.mode != "real") imag_ = Weight("imag_kernel", shape, GlorotUniform());
    return absl::OkStatus();
  }

  // [batch, channels, frequencies, frames], the same kernel for each channel.
  Value Convolved(const Value& x, const Value& kernel) const {
    const Value first = ChannelsLast() ? Op("array.Transpose", {x}, {{"perm", Ints{0, 2, 1}}}) : x;
    const Value signals = Op("array.Unsqueeze", {first}, {{"axes", Ints{-1}}});
    // A window of one channel beside frames: channels are rows.
    const Value kernels = Op("array.Unsqueeze", {kernel}, {{"axes", Ints{0}}});
    const Value y = Op("nn.Conv", {signals, kernels},
                       {{"strides", Ints{1, Step()}}, {"padding", options_.padding}});
    return Op("array.Transpose", {y}, {{"perm", Ints{0, 1, 3, 2}}});
  }

  Value Arranged(const Value& y) const {
    if (!y.status().ok() || y.dtype() == DType::kInvalid) return y;
    if (options_.expand_dims) {
      return Op("array.Transpose", {y},
                {{"perm", ChannelsLast() ? Ints{0, 3, 2, 1} : Ints{0, 1, 3, 2}}});
    }
    const int64_t frequencies = y.shape()[2].known() ? y.shape()[2].size() : 1;
    const Value lists =
        y.shape()[3].known()
            ? Op("array.Reshape", {y},
                 {{"shape", Ints{-1, channels_ * frequencies, y.shape()[3].size()}}})
            : Op("array.Reshape", {y}, {{"shape", Ints{0, channels_ * frequencies, -1}}});
    return ChannelsLast() ? Op("array.Transpose", {lists}, {{"perm", Ints{0, 2, 1}}}) : lists;
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    const Value real = real_.valid() ? Convolved(x, real_) : Value();
    const Value imag = imag_.valid() ? Convolved(x, imag_) : Value();
    const std::string& mode = options_.mode;
    if (mode == "real") return Arranged(real);
    if (mode == "imag") return Arranged(imag);
    if (mode == "angle") return Arranged(Op("math.Atan2", {imag, real}));
    if (mode == "stft") return Arranged(Op("array.Concat", {real, imag}, {{"axis", 2}}));
    const Value power = real * real + imag * imag;
    if (mode == "psd") {
      // All frequencies but the first and the last stand for two.
      const Value inner =
          Op("array.Slice", {power}, {{"starts", Ints{1}}, {"ends", Ints{-1}}, {"axes", Ints{2}}});
      return Arranged(power + Op("array.Pad", {inner}, {{"pads", Ints{1, 1}}, {"axes", Ints{2}}}));
    }
    const Value magnitude = Arranged(Op("math.Sqrt", {Op("math.Max", {power, Number(kEpsilon)})}));
    if (mode == "magnitude") return magnitude;
    return Op("math.Log", {Op("math.Max", {magnitude, Number(kEpsilon)})});
  }

  StftOptions options_;
  int64_t channels_ = 0;
  Value real_, imag_;
};

struct StftSpectrogramSpec {
  StftOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("mode", options.mode, "log, magnitude, psd, real, imag, angle or stft");
    v("frame_length", options.frame_length, "the window's");
    v("frame_step", options.frame_step, "between windows; null: half of frame_length");
    v("fft_length", options.fft_length,
      "twice the frequencies; null: the next power of 2 from frame_length");
    v("window", options.window, "which the weights hold at first");
    v("periodic", options.periodic, "of the window");
    v("scaling", options.scaling, "density, spectrum or null, which the weights hold at first");
    v("padding", options.padding, "valid or same");
    internal::VisitDataFormat(v, options.data_format);
    v("expand_dims", options.expand_dims, "whether frequencies have an axis of their own");
  }
  Layer Make() const { return MakeLayer<StftSpectrogramLayer>(options); }
};
NOMO_REGISTER_LAYER(StftSpectrogramSpec, "STFTSpectrogram",
                    internal::Sample({{"mode", "magnitude"}, {"frame_length", 4}}, {{9, 2}}));

struct MelOptions {
  std::string name;
  std::optional<std::string> window = "hann";
  int64_t fft_length = 2048, sequence_stride = 512, num_mel_bins = 128;
  std::optional<int64_t> sequence_length;
  double sampling_rate = 16000, min_freq = 20, top_db = 80, mag_exp = 2, min_power = 1e-10,
         ref_power = 1;
  std::optional<double> max_freq;
  bool power_to_db = true;
};

// The periodic window, in the middle of fft_length places.
Tensor WindowOf(const MelOptions& options) {
  const int64_t length = options.sequence_length.value_or(options.fft_length);
  Tensor window(DType::kFloat32, Shape{options.fft_length});
  std::fill(window.mutable_data<float>().begin(), window.mutable_data<float>().end(), 0.0f);
  const double base = options.window == "hamming" ? 0.54 : 0.5;
  for (int64_t i = 0; i < length; ++i) {
    const double angle =
        2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(length);
    window.mutable_data<float>()[(options.fft_length - length) / 2 + i] =
        options.window ? static_cast<float>(base - (1 - base) * std::cos(angle)) : 1.0f;
  }
  return window;
}

// HTK's triangles on the mel scale, mel(f) = 1127 log(1 + f / 700), of height 1: [frequencies,
// bins]. The first frequency, 0, is left out.
Tensor MelMatrix(const MelOptions& options) {
  const auto mel = [](double hertz) { return 1127.0 * std::log(1 + hertz / 700.0); };
  const int64_t frequencies = options.fft_length / 2 + 1, bins = options.num_mel_bins;
  // Keras takes the whole number below half of the rate.
  const double low = mel(options.min_freq),
               high = mel(options.max_freq.value_or(std::floor(options.sampling_rate / 2)));
  const auto edge = [&](int64_t i) {
    return low + (high - low) * static_cast<double>(i) / static_cast<double>(bins + 1);
  };
  Tensor matrix(DType::kFloat32, Shape{frequencies, bins});
  for (int64_t f = 0; f < frequencies; ++f) {
    const double at = mel(options.sampling_rate / 2 * static_cast<double>(f) /
                          static_cast<double>(frequencies - 1));
    for (int64_t bin = 0; bin < bins; ++bin) {
      const double left = edge(bin), centre = edge(bin + 1), right = edge(bin + 2);
      const double height =
          std::min((at - left) / (centre - left), (right - at) / (right - centre));
      matrix.mutable_data<float>()[f * bins + bin] =
          f == 0 ? 0.0f : static_cast<float>(std::max(0.0, height));
    }
  }
  return matrix;
}

absl::StatusOr<Value> MelSpectrum(const Value& x, const MelOptions& options) {
  const bool batched = x.shape().rank() == 2;
  const int64_t half = options.fft_length / 2;
  Value signal = batched ? x : Op("array.Unsqueeze", {x}, {{"axes", Ints{0}}});
  signal = Op("array.Pad", {signal},
              {{"pads", Ints{half, half}}, {"axes", Ints{1}}, {"mode", "reflect"}});
  const Value step = Constant(Tensor::Of<int64_t>({}, {options.sequence_stride}));
  const Value spectrum = Op("signal.Stft", {signal, step, Constant(WindowOf(options))});
  Value power =
      Op("math.ReduceSum", {spectrum * spectrum}, {{"axes", Ints{-1}}, {"keepdims", false}});
  if (options.mag_exp != 2) power = Op("math.Pow", {power, Number(options.mag_exp / 2)});
  Value y = Op("math.MatMul", {power, Constant(MelMatrix(options))});
  if (options.power_to_db) {
    const auto decibels = [&](const Value& value) {
      const Value least = Op("math.Max", {value, Number(options.min_power)});
      return Op("math.Log", {least}) * (10 / std::numbers::ln10);
    };
    y = decibels(y) - 10 * std::log10(std::max(std::abs(options.ref_power), options.min_power));
    // Over the whole batch, as in Keras.
    const Value most = Op("math.ReduceMax", {y}, {{"keepdims", false}});
    y = Op("math.Max", {y, most - options.top_db});
  }
  y = Op("array.Transpose", {y}, {{"perm", Ints{0, 2, 1}}});
  return batched ? y : Op("array.Squeeze", {y}, {{"axes", Ints{0}}});
}

struct MelSpectrogramSpec {
  MelOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("fft_length", options.fft_length, "of the transform");
    v("sequence_stride", options.sequence_stride, "between windows");
    v("sequence_length", options.sequence_length, "the window's; null: fft_length");
    v("window", options.window, "hann, hamming or null");
    v("sampling_rate", options.sampling_rate, "samples a second");
    v("num_mel_bins", options.num_mel_bins, "how many bands there are");
    v("min_freq", options.min_freq, "the lowest frequency, in Hz");
    v("max_freq", options.max_freq, "the highest; null: half of the rate");
    v("power_to_db", options.power_to_db, "whether the result is in decibels");
    v("top_db", options.top_db, "how far below the greatest the result goes");
    v("mag_exp", options.mag_exp, "the power of magnitudes");
    v("min_power", options.min_power, "what is less counts as this");
    v("ref_power", options.ref_power, "0 dB");
  }
  Layer Make() const {
    const double most = kMostFrequencies;
    const int64_t length = options.sequence_length.value_or(options.fft_length);
    const std::string window = options.window.value_or("hann");
    return internal::WeightlessLayer(
        {.class_name = "MelSpectrogram",
         .name = options.name,
         .needs = {.min_rank = 1, .max_rank = 2, .axes = "(batch, steps)", .dtypes = kFloats},
         .options = internal::AllOf(
             {internal::InRange("fft_length", 2, most, static_cast<double>(options.fft_length)),
              internal::InRange("sequence_length", 1, static_cast<double>(options.fft_length),
                                static_cast<double>(length)),
              internal::AtLeast("sequence_stride", 1, options.sequence_stride),
              internal::InRange("num_mel_bins", 1, 65536,
                                static_cast<double>(options.num_mel_bins)),
              internal::InRange("sampling_rate", 1, 1e9, options.sampling_rate),
              internal::OneOf("window", {"hann", "hamming"}, window)})},
        [options = options](const Value& x) { return MelSpectrum(x, options); });
  }
};
NOMO_REGISTER_LAYER(
    MelSpectrogramSpec, "MelSpectrogram",
    internal::Sample({{"fft_length", 16}, {"sequence_stride", 8}, {"num_mel_bins", 3}}, {{64}}));

}  // namespace
}  // namespace nomograph
