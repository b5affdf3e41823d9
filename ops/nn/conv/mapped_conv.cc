// nn.GatedConv, nn.NormalizedConv: convolutions of an input whose channels are scaled or normalised
// first. As products of their kernels with the pixels they do that with what they read, so that it
// is not written to memory and read again.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/nn/conv/conv_gradient.h"
#include "nomograph/ops/nn/conv/conv_primitive.h"
#include "nomograph/ops/nn/conv/pointwise.h"
#include "nomograph/ops/nn/norm/channel_affine.h"
#include "nomograph/ops/nn/vector_input.h"

namespace nomograph::nn {
namespace {

// Ahead of them come nn.Conv's inputs.
constexpr int kGate = 3;
constexpr int kScale = 3, kOffset = 4, kMean = 5, kVariance = 6;

// Whether the convolution is a product that maps what it reads: a pointwise one of planes.
bool IsProductOfPlanes(const InferContext& node) {
  if (BestVectorTarget() == VectorTarget::kBaseline || node.dtype(0) != DType::kFloat32 ||
      node.constant(1) == nullptr || !node.shape(0).fully_known() || IsChannelsLast(node.attrs()) ||
      node.attrs().Int("groups") != 1) {
    return false;
  }
  const Shape x = node.shape(0).ToShape();
  const auto window = PlainConv().window(node.attrs(), x, node.constant(1)->shape());
  return window.ok() && IsPointwise(*window) && ActivationLayout(x, node.attrs()).positions > 1;
}

InferContext InferContextOf(const PrepareContext& context, std::vector<TensorType>& types) {
  for (const TensorSpec& input : context.inputs) {
    types.push_back({input.dtype, PartialShape(input.shape)});
  }
  return InferContext(context.attrs, types, context.constants, 1);
}

// The product without a map; none where the node is no product.
std::optional<PackedNode> Product(const PrepareContext& context) {
  std::vector<TensorType> types;
  if (!IsProductOfPlanes(InferContextOf(context, types))) return std::nullopt;
  return PointwiseProduct(context);
}

// The op's attributes without those that nn.Conv does not have.
Attributes ConvAttributes(const Attributes& attrs) {
  Attributes result;
  for (const auto& [name, value] : attrs) {
    if (name != "epsilon" && name != "relu") result.Set(name, value);
  }
  return result;
}

absl::StatusOr<Tensor> Result(const char* op, const std::vector<Tensor>& inputs,
                              const Attributes& attrs = {}) {
  const OpDef* const found = OpRegistry::Default().Find(op);
  if (found == nullptr) return absl::InternalError(absl::StrCat(op, " is not registered"));
  NOMO_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, RunOp(*found, inputs, attrs));
  return outputs[0];
}

Tensor Optional(const KernelContext& context, int input) {
  return context.has_input(input) ? context.BorrowInput(input) : Tensor();
}

// The convolution of what x has become.
absl::Status Convolve(KernelContext& context, const Tensor& x) {
  NOMO_ASSIGN_OR_RETURN(const Tensor y,
                        Result("nn.Conv", {x, context.BorrowInput(1), Optional(context, 2)},
                               ConvAttributes(context.attrs())));
  return context.SetOutput(0, y);
}

int64_t ChannelAxis(const Attributes& attrs) { return IsChannelsLast(attrs) ? -1 : 1; }

// nn.Conv of some value, with and without a bias.
std::vector<Pattern> ConvPatterns(const Pattern& of) {
  std::vector<Pattern> patterns;
  for (const bool biased : {true, false}) {
    std::vector<Pattern> inputs = {of, Pattern::Input(1)};
    if (biased) inputs.push_back(Pattern::Input(2));
    patterns.push_back(Pattern::Op("nn.Conv", std::move(inputs))
                           .GivesAttributes()
                           .Where([biased](const InferContext& node, const TensorType&) {
                             return node.has_input(2) == biased;
                           }));
  }
  return patterns;
}

// InvalidArgument unless the gate has an element for each channel, of each image or of all.
absl::Status CheckGate(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Activation x, SplitActivation(context.shape(0), context.attrs()));
  const std::vector<Dim> ones(x.spatial.size(), Dim(1));
  const auto gate = [&](const Dim& batch) {
    return JoinActivation({batch, x.channels, ones}, context.attrs());
  };
  const PartialShape each = gate(x.batch), all = gate(Dim(1));
  if (Compatible(context.shape(kGate), each) || Compatible(context.shape(kGate), all)) {
    return absl::OkStatus();
  }
  return InvalidArgument("input gate: expected shape ", each.ToString(), " or ", all.ToString(),
                         ", found ", context.shape(kGate).ToString());
}

absl::StatusOr<std::vector<TensorType>> InferGated(const InferContext& context) {
  if (context.shape(0).has_rank()) NOMO_RETURN_IF_ERROR(CheckGate(context));
  return PlainConv().infer(context);
}

absl::Status GatedReference(KernelContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Tensor x,
                        Result("math.Mul", {context.BorrowInput(0), context.BorrowInput(kGate)}));
  return Convolve(context, x);
}

absl::StatusOr<std::vector<Value>> GatedBody(absl::Span<const Value> in, const Attributes& attrs) {
  return std::vector<Value>{
      Call("nn.Conv", {in[0] * in[kGate], in[1], in[2]}, ConvAttributes(attrs))};
}

std::optional<PackedNode> DescribeGated(const PrepareContext& context) {
  std::optional<PackedNode> node = Product(context);
  if (!node) return std::nullopt;
  node->map.emplace();
  node->map->factor_input = kGate;
  node->map->factor_step = context.inputs[kGate].shape[0] == 1 ? 0 : node->constant.columns;
  return node;
}

OpDef AsGatedConv(OpDef op) {
  const Pattern x = Pattern::Input(0), gate = Pattern::Input(kGate);
  const auto holds = [](const InferContext& found) {
    return IsProductOfPlanes(found) && found.shape(kGate).fully_known() && CheckGate(found).ok();
  };
  for (const auto& [a, b] : {std::pair(x, gate), std::pair(gate, x)}) {
    for (Pattern& conv : ConvPatterns(Pattern::Op("math.Mul", {a, b}))) {
      op.Written(std::move(conv), holds);
    }
  }
  return op;
}

absl::StatusOr<std::vector<TensorType>> InferNormalized(const InferContext& context) {
  if (context.shape(0).has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const Activation x, SplitActivation(context.shape(0), context.attrs()));
    const Dim& channels = x.channels;
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kScale, "scale", channels));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kOffset, "offset", channels));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kMean, "mean", channels));
    NOMO_RETURN_IF_ERROR(CheckVectorInput(context, kVariance, "variance", channels));
  }
  return PlainConv().infer(context);
}

Attributes NormalizationAttributes(const Attributes& attrs) {
  return {{"axis", ChannelAxis(attrs)}, {"epsilon", attrs.Float("epsilon")}};
}

absl::Status NormalizedReference(KernelContext& context) {
  std::vector<Tensor> inputs = {context.BorrowInput(0)};
  for (int i = kScale; i <= kVariance; ++i) inputs.push_back(Optional(context, i));
  NOMO_ASSIGN_OR_RETURN(
      Tensor x, Result("nn.BatchNormalization", inputs, NormalizationAttributes(context.attrs())));
  if (context.attrs().Bool("relu")) {
    NOMO_ASSIGN_OR_RETURN(x, Result("nn.Relu", {x}));
  }
  return Convolve(context, x);
}

absl::StatusOr<std::vector<Value>> NormalizedBody(absl::Span<const Value> in,
                                                  const Attributes& attrs) {
  Value x =
      Call("nn.BatchNormalization", {in[0], in[kScale], in[kOffset], in[kMean], in[kVariance]},
           NormalizationAttributes(attrs));
  if (attrs.Bool("relu")) x = Call("nn.Relu", {x});
  return std::vector<Value>{Call("nn.Conv", {x, in[1], in[2]}, ConvAttributes(attrs))};
}

// Whether what the product needs to know of the normalisation is constant.
bool HasStatistics(const InferContext& node) {
  for (int i = kScale; i <= kVariance; ++i) {
    if (node.has_input(i) && node.constant(i) == nullptr) return false;
  }
  return true;
}

std::optional<PackedNode> DescribeNormalized(const PrepareContext& context) {
  std::vector<TensorType> types;
  std::optional<PackedNode> node = Product(context);
  if (!node || !HasStatistics(InferContextOf(context, types))) return std::nullopt;
  const absl::Span<const Tensor> c = context.constants;
  const ChannelAffine affine = AffineOfStatistics(1, c[kScale], c[kOffset], c[kMean], c[kVariance],
                                                  context.attrs.Float("epsilon"));
  node->map = {.factors = {affine.factors.begin(), affine.factors.end()},
               .offsets = {affine.offsets.begin(), affine.offsets.end()}};
  if (context.attrs.Bool("relu")) node->map->least = 0;
  return node;
}

OpDef AsNormalizedConv(OpDef op) {
  // What a convolution yields it had better normalise itself, with its weights.
  const Pattern normalized =
      Pattern::Op("nn.BatchNormalization",
                  {Pattern::Input(0).NotFrom("nn.Conv"), Pattern::Input(kScale),
                   Pattern::Input(kOffset), Pattern::Input(kMean), Pattern::Input(kVariance)})
          .GivesAttribute("epsilon")
          .Where([](const InferContext& node, const TensorType&) {
            const auto axis = NormalizeAxis(node.attrs().Int("axis"), node.shape(0).rank());
            return axis.ok() && *axis == 1;
          });
  const Pattern relu = Pattern::Op("nn.Relu", {normalized}).SetsAttribute("relu", true);
  for (const Pattern& input : {relu, normalized}) {
    for (Pattern& conv : ConvPatterns(input)) {
      op.Written(std::move(conv), [](const InferContext& found) {
        return IsProductOfPlanes(found) && HasStatistics(found);
      });
    }
  }
  return op;
}

std::vector<Example> GatedExamples() {
  return {
      {.name = "pointwise, a gate for each image",
       .attrs = {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}},
       .inputs = {Tensor::Of<float>({2, 3, 2, 2},
                                    {1,   2,  1,    -3, 2,    0,  -1.5, -1.5, -3,   0,  3,  -1,
                                     0.5, -3, -2.5, 1,  -0.5, -3, 3,    1.5,  -2.5, -3, -2, -1.5}),
                  Tensor::Of<float>({2, 3, 1, 1}, {2, -2.5, 1, 2, -0.5, 0}),
                  Tensor::Of<float>({2}, {1, 1}),
                  Tensor::Of<float>({2, 3, 1, 1}, {-1.5, -0.5, -1.5, 3, -2, 2.5})},
       .outputs = {Tensor::Of<float>({2, 2, 2, 2}, {5, -5, -8.375, 9.625, -1.5, -5, -2.375, 9.625,
                                                    -4.75, -39.5, -4, 10.75, 3.5, -20, -11, 8.5})}},
      {.name = "channels last, one gate for all images, no bias",
       .inputs = {Tensor::Of<float>({2, 1, 3, 2},
                                    {1, -3, 3, 0.5, 2.5, -1.5, -1, 2.5, -2, -3, -1, 1}),
                  Tensor::Of<float>({1, 1, 2, 2}, {-1, -2, 0.5, 2.5}), Tensor(),
                  Tensor::Of<float>({1, 1, 1, 2}, {-2.5, 2.5})},
       .outputs = {Tensor::Of<float>({2, 1, 3, 2}, {-1.25, -13.75, 8.125, 18.125, 4.375, 3.125,
                                                    0.625, 10.625, -8.75, -28.75, -1.25, 1.25})}},
      {.name = "3x3, same",
       .attrs = {{"padding", "same"}},
       .inputs = {Tensor::Of<float>({1, 3, 3, 2}, {2.5, 2.5, -1.5, -3, 2, 1.5, 2, -3, -3, 0, -1,
                                                   -0.5, 3, -2, 0, -1, -1.5, 2}),
                  Tensor::Of<float>({3, 3, 2, 1}, {-2.5, -2.5, -1.5, 1.5, 0.5, -0.5, -2, 2, 2, -1.5,
                                                   -3, -1, -2.5, 2, 0, 0, -1.5, 0}),
                  Tensor(), Tensor::Of<float>({1, 1, 1, 2}, {-2.5, -1})},
       .outputs = {Tensor::Of<float>({1, 3, 3, 1},
                                     {-34.25, 41.75, -28, -31, 59.125, -20.375, -3.25, 3, -9.25})}},
  };
}

std::vector<Example> NormalizedExamples() {
  return {
      {.name = "pointwise, with relu",
       .attrs = {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}, {"relu", true}},
       .inputs = {Tensor::Of<float>({2, 3, 2, 2},
                                    {3, -3,   2.5,  2,    -1.5, -1, -2.5, -0.5, 1.5, 3, 2, -1,
                                     3, -0.5, -1.5, -1.5, 3,    -2, 0.5,  -1,   1,   3, 1, 1.5}),
                  Tensor::Of<float>({2, 3, 1, 1}, {-2, 3, 1, 1, 1, 0}),
                  Tensor::Of<float>({2}, {3, -2}), Tensor::Of<float>({3}, {-1, 1, 1}),
                  Tensor::Of<float>({3}, {-2.5, -2, 1}), Tensor::Of<float>({3}, {2, 1, 3}),
                  Tensor::Of<float>({3}, {2, 1.5, 3.5})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 2, 2}, {3.19821742, 1.92894987, 3.46547828, 3, -2, -0.964474933, -2, -2, 3, 4, 3,
                          3.19821742, -2, -2, -2, -2})}},
      {.name = "channels last, without scale, offset, bias and relu",
       .attrs = {{"epsilon", 0.25}},
       .inputs = {Tensor::Of<float>({1, 2, 3, 2},
                                    {-3, -2, -2, -0.5, -2, 2, 2.5, -1, -3, 1.5, -2.5, 0.5}),
                  Tensor::Of<float>({1, 1, 2, 2}, {-2, 3, 1, 3}), Tensor(), Tensor(), Tensor(),
                  Tensor::Of<float>({2}, {1, 1.5}), Tensor::Of<float>({2}, {2, 3.5})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 3, 2}, {3.52594111, -13.4221767, 2.96720444, -9.09838668, 4.25819889, -5.22540333,
                          -3.29099445, -0.872983346, 5.33333333, -8, 4.15026889, -8.54919334})}},
      {.name = "3x3, same: padding is not normalised",
       .attrs = {{"padding", "same"}, {"relu", true}},
       .inputs = {Tensor::Of<float>({1, 3, 3, 1}, {-2.5, -2.5, -1, 1.5, 0, 2.5, 3, -0.5, -0.5}),
                  Tensor::Of<float>({3, 3, 1, 1}, {0.5, 1, 0, 0.5, 3, 1.5, -1, -0.5, -0.5}),
                  Tensor(), Tensor::Of<float>({1}, {-2.5}), Tensor::Of<float>({1}, {-3}),
                  Tensor::Of<float>({1}, {2}), Tensor::Of<float>({1}, {2})},
       .outputs = {Tensor::Of<float>(
           {1, 3, 3, 1}, {22.0294288, 20.5294288, 8.85180344, 5.04851583, 7.61956597, 2.91940633,
                          2.1291095, 6.92285357, 5.2356847})}},
  };
}

NOMO_REGISTER_OP(
    AsGatedConv(WithConvAttributes(
                    OpDef("nn.GatedConv")
                        .Doc("nn.Conv(x * gate, kernel, bias): the convolution of an input "
                             "whose channels have been scaled, as by what squeeze-and-excitation "
                             "finds. In fast mode pointwise convolutions of channels that come "
                             "first are computed so wherever a model has them.")
                        .Source("J. Hu et al., Squeeze-and-Excitation Networks, 2018")
                        .TypeVar("T", kFloats)
                        .Input("x", "T", "[batch, spatial..., in], see data_format")
                        .Input("kernel", "T", "[spatial..., in / groups, out], see kernel_layout")
                        .OptionalInput("bias", "T", "[out]")
                        .Input("gate", "T", "[batch or 1, 1..., in], see data_format")
                        .Output("y", "T", "[batch, spatial..., out], see data_format"))
                    .Infer(InferGated)
                    .Reference(GatedReference)
                    .Body(GatedBody)
                    .Fast(FastPacked(DescribeGated))
                    .AbsorbsAffine(AbsorbAffine)
                    .Work(WeightedWork)
                    .Examples(GatedExamples)));

NOMO_REGISTER_OP(AsNormalizedConv(
    WithConvAttributes(
        OpDef("nn.NormalizedConv")
            .Doc("nn.Conv(f(nn.BatchNormalization(x, scale, offset, mean, variance)), kernel, "
                 "bias), where f is nn.Relu or, without `relu`, the identity: the convolution of a "
                 "dense or pre-activated block. In fast mode pointwise convolutions of channels "
                 "that come first are computed so wherever a model has them.")
            .Source(
                "G. Huang et al., Densely Connected Convolutional Networks, 2017; K. He et al., "
                "Identity Mappings in Deep Residual Networks, 2016")
            .TypeVar("T", kFloats)
            .Input("x", "T", "[batch, spatial..., in], see data_format")
            .Input("kernel", "T", "[spatial..., in / groups, out], see kernel_layout")
            .OptionalInput("bias", "T", "[out]")
            .OptionalInput("scale", "T", "[in]; 1 where it is absent")
            .OptionalInput("offset", "T", "[in]; 0 where it is absent")
            .Input("mean", "T", "[in]")
            .Input("variance", "T", "[in], not negative")
            .Output("y", "T", "[batch, spatial..., out], see data_format"))
        .Attr("epsilon", 1e-5, "is added to the variance")
        .Min(0)
        .Attr("relu", false, "takes 0 for what is less than 0 behind the normalisation")
        .Infer(InferNormalized)
        .Reference(NormalizedReference)
        .Body(NormalizedBody)
        .Fast(FastPacked(DescribeNormalized))
        .AbsorbsAffine(AbsorbAffine)
        .Work(WeightedWork)
        .Examples(NormalizedExamples)));

}  // namespace
}  // namespace nomograph::nn
