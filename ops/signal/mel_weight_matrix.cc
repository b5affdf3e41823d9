// signal.MelWeightMatrix: weights that turn a onesided spectrum into mel bins.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::signal {
namespace {

// What a node is asked for, as far as it is known.
struct Arguments {
  std::optional<int64_t> mel_bins, dft_length, sample_rate;
  std::optional<double> lower, upper;
};

absl::StatusOr<std::optional<int64_t>> Count(const InferContext& context, absl::string_view name,
                                             int input) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg arg, GetInt(context, name, input));
  if (!arg.given) {
    return InvalidArgument(name, " is required, as an attribute or as input ", input);
  }
  if (!arg.known) return std::nullopt;
  constexpr int64_t kMax = 2147483647;
  if (arg.values[0] < 1 || arg.values[0] > kMax) {
    return InvalidArgument(name, ": expected 1 to ", kMax, ", found ", arg.values[0]);
  }
  return arg.values[0];
}

absl::StatusOr<std::optional<double>> Frequency(const InferContext& context, absl::string_view name,
                                                int input) {
  const AttrValue* attr = context.attrs().Find(name);
  if ((attr != nullptr) == context.has_input(input)) {
    return InvalidArgument(name, ": expected an attribute or input ", input, ", found ",
                           attr != nullptr ? "both" : "none");
  }
  const Tensor* constant = context.constant(input);
  if (attr == nullptr && constant == nullptr) return std::nullopt;
  if (constant != nullptr && constant->num_elements() != 1) {
    return InvalidArgument(name, ": expected one number, found shape ",
                           constant->shape().ToString());
  }
  const double value = attr != nullptr ? *attr->As<double>() : constant->AsDouble(0);
  if (!(value >= 0 && value < 1e9)) {
    return InvalidArgument(name, ": expected 0 to 1e9, found ", value);
  }
  return value;
}

absl::StatusOr<Arguments> GetArguments(const InferContext& context) {
  Arguments args;
  NOMO_ASSIGN_OR_RETURN(args.mel_bins, Count(context, "num_mel_bins", 0));
  NOMO_ASSIGN_OR_RETURN(args.dft_length, Count(context, "dft_length", 1));
  NOMO_ASSIGN_OR_RETURN(args.sample_rate, Count(context, "sample_rate", 2));
  NOMO_ASSIGN_OR_RETURN(args.lower, Frequency(context, "lower_edge_hertz", 3));
  NOMO_ASSIGN_OR_RETURN(args.upper, Frequency(context, "upper_edge_hertz", 4));
  if (args.lower && args.upper && *args.lower > *args.upper) {
    return InvalidArgument("upper_edge_hertz: expected at least ", *args.lower, ", found ",
                           *args.upper);
  }
  return args;
}

absl::StatusOr<std::vector<TensorType>> InferMel(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Arguments args, GetArguments(context));
  return std::vector<TensorType>{{context.attrs().Type("dtype"),
                                  {args.dft_length ? Dim(*args.dft_length / 2 + 1) : Dim(),
                                   args.mel_bins ? Dim(*args.mel_bins) : Dim()}}};
}

// The bins of the spectrum at num_mel_bins + 2 frequencies that are evenly spaced in mel from the
// lower edge on; the last one lies one step below the upper edge.
std::vector<int64_t> Edges(const Arguments& args) {
  const auto mel = [](double hertz) { return 2595 * exact::Log10(1 + hertz / 700); };
  const double low = mel(*args.lower);
  const double step = (mel(*args.upper) - low) / static_cast<double>(*args.mel_bins + 2);
  std::vector<int64_t> edges;
  for (int64_t i = 0; i < *args.mel_bins + 2; ++i) {
    const double at = (static_cast<double>(i) * step + low) / 2595;
    const double hertz = 700 * (exact::Pow(10, at) - 1);
    edges.push_back(
        static_cast<int64_t>(std::floor(static_cast<double>(*args.dft_length + 1) * hertz /
                                        static_cast<double>(*args.sample_rate))));
  }
  return edges;
}

absl::Status MelCompute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferMel));
  NOMO_ASSIGN_OR_RETURN(const Arguments args, GetArguments(node.context()));
  const Shape& shape = context.output_shape(0);
  NOMO_ASSIGN_OR_RETURN(Tensor y, Tensor::Create(DType::kFloat64, shape));
  const absl::Span<double> weights = y.mutable_data<double>();
  const std::vector<int64_t> edges = Edges(args);
  for (int64_t i = 0; i < shape[1]; ++i) {
    const int64_t low = edges[i], center = edges[i + 1], high = edges[i + 2];
    const auto at = [&](int64_t bin) -> double& { return weights[bin * shape[1] + i]; };
    for (int64_t bin = low; bin <= std::min(center, shape[0] - 1); ++bin) {
      at(bin) =
          low == center ? 1 : static_cast<double>(bin - low) / static_cast<double>(center - low);
    }
    for (int64_t bin = center; bin < std::min(high, shape[0]); ++bin) {
      at(bin) = static_cast<double>(high - bin) / static_cast<double>(high - center);
    }
  }
  return context.SetOutput(0, y.Cast(context.output_dtype(0)));
}

std::vector<Example> MelExamples() {
  return {
      {.name = "ONNX melweightmatrix",
       .inputs = {Tensor::Scalar<int32_t>(8), Tensor::Scalar<int32_t>(16),
                  Tensor::Scalar<int32_t>(8192), Tensor::Scalar<float>(0),
                  Tensor::Scalar<float>(4096)},
       .outputs = {Tensor::Of<float>(
           {9, 8}, {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
                    0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1,
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})}},
      {.name = "attributes",
       .attrs = {{"num_mel_bins", 3},
                 {"dft_length", 20},
                 {"sample_rate", 16000},
                 {"lower_edge_hertz", 300.0},
                 {"upper_edge_hertz", 7000.0}},
       .outputs = {Tensor::Of<float>({11, 3}, {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0.5, 0, 0,
                                               0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   0})}},
      {.name = "edges above half of the sample rate",
       .attrs = {{"num_mel_bins", 2},
                 {"dft_length", 4},
                 {"sample_rate", 100},
                 {"lower_edge_hertz", 0.0},
                 {"upper_edge_hertz", 100.0},
                 {"dtype", DType::kFloat64}},
       .outputs = {Tensor::Of<double>({3, 2}, {0, 0, 1, 0, 0, 1})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("signal.MelWeightMatrix")
        .Doc(
            "Weights that turn the magnitudes of a onesided spectrum (signal.Stft) into those of "
            "mel bins: multiply [..., dft_length / 2 + 1] by y.\n\n"
            "Let e[0], ..., e[num_mel_bins + 1] be evenly spaced, from the lower edge on by 1 / "
            "(num_mel_bins + 2) of the way to the upper one, in mel = 2595 log10(1 + hertz / 700), "
            "and taken down to bins of the spectrum, floor((dft_length + 1) hertz / sample_rate). "
            "Column i is a triangle over them: it rises from 0 at e[i] to 1 at e[i + 1] and falls "
            "to 0 at e[i + 2]. Bins that the spectrum does not have are left out. Arguments are "
            "attributes or inputs.")
        .Source("ONNX MelWeightMatrix; tf.signal.linear_to_mel_weight_matrix")
        .Known({.as = "onnx",
                .name = "MelWeightMatrix",
                .since = 17,
                .attrs = {{"dtype", KnownAttr::kAttribute, "output_datatype"}}})
        .TypeVar("I", {DType::kInt32, DType::kInt64})
        .TypeVar("F", kFloats)
        .TypeVar("T", kNumbers)
        .OptionalInput("num_mel_bins", "I", "one number from 1 on")
        .OptionalInput("dft_length", "I", "one number from 1 on: the length of the frames")
        .OptionalInput("sample_rate", "I", "one number from 1 on: samples per second")
        .OptionalInput("lower_edge_hertz", "F", "one number from 0 to 1e9")
        .OptionalInput("upper_edge_hertz", "F", "one number from the lower edge to 1e9")
        .Output("y", "T", "[dft_length / 2 + 1, num_mel_bins]")
        .OptionalAttr("num_mel_bins", AttrType::kInt, "as the input")
        .OptionalAttr("dft_length", AttrType::kInt, "as the input")
        .OptionalAttr("sample_rate", AttrType::kInt, "as the input")
        .OptionalAttr("lower_edge_hertz", AttrType::kFloat, "as the input")
        .OptionalAttr("upper_edge_hertz", AttrType::kFloat, "as the input")
        .Attr("dtype", DType::kFloat32, "of y, a number")
        .Infer(InferMel)
        .Reference(MelCompute)
        .GradientIsZero()
        .Examples(MelExamples));

}  // namespace
}  // namespace nomograph::signal
