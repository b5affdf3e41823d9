// Relu, Relu6, LeakyRelu, PRelu, ThresholdedRelu.
#include <algorithm>
#include <optional>
#include <utility>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/op/elementwise.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/elementwise_run.h"
#include "nomograph/ops/nn/activation/activation_gradients.h"

namespace nomograph::nn {
namespace {

std::optional<Eltwise> OneDnnLeakyRelu(const Attributes& attrs) {
  return Eltwise{dnnl_eltwise_relu, static_cast<float>(attrs.Float("alpha"))};
}

OpDef LeakyRelu() {
  return ElementwiseOp("nn.LeakyRelu", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [alpha = attrs.Float("alpha")](auto x) {
                           return x < 0 ? alpha * x : x;
                         };
                       })
      .Doc("y = x where x >= 0, alpha * x where x < 0.")
      .Source("ONNX LeakyRelu; Keras LeakyReLU, whose negative_slope is 0.3 by default")
      .Known({.as = "onnx", .name = "LeakyRelu"})
      .Attr("alpha", 0.01, "the slope below 0")
      // With a slope of 0 oneDNN would turn NaN into 0, and the run would be repeated.
      .InLowPrecision(LowPrecision::kFollows)
      .Fast(OneDnnEltwise([](const Attributes& attrs) {
        return attrs.Float("alpha") == 0 ? std::nullopt : OneDnnLeakyRelu(attrs);
      }))
      .AsPostOp(EltwisePostOp(OneDnnLeakyRelu))
      .Gradient(ReluGradient([](const Attributes& attrs) {
        return Attributes{{"alpha", attrs.Float("alpha")}};
      }))
      .Examples(ExampleTable()
                    .Rows(kFloats, {{0, 0},
                                    {0.5, 0.5},
                                    {-0.5, -0.005},
                                    {3, 3},
                                    {-3, -0.03},
                                    {kInf, kInf},
                                    {-kInf, -kInf},
                                    {kNaN, kNaN}})
                    .Rows(kFloats, {{-8, -2}, {4, 4}}, {{"alpha", 0.25}})
                    .Rows(kFloats, {{-8, 0}, {4, 4}, {kNaN, kNaN}}, {{"alpha", 0.0}}));
}

absl::StatusOr<std::vector<TensorType>> InferPRelu(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const PartialShape shape, Broadcast(context.shape(0), context.shape(1)));
  auto same = Merge(shape, context.shape(0));
  if (!same.ok()) return Annotate(same.status(), "the slope must broadcast to x");
  return std::vector<TensorType>{{context.dtype(0), *std::move(same)}};
}

absl::StatusOr<std::vector<Value>> PReluGradient(const GradientContext& g) {
  const Value x = g.input(0), slope = g.input(1), dy = g.gradient(0);
  std::vector<Value> result(2);
  if (g.wants(0)) result[0] = Call("nn.PReluGrad", {dy, x, slope});
  if (g.wants(1)) result[1] = SumTo(Call("math.Min", {x, ConstantLike(0, x)}) * dy, slope);
  return result;
}

std::optional<PostOp> PReluPostOp(const FusionQuery& query) {
  const bool floats =
      query.inputs[1].dtype == DType::kFloat32 && query.output.dtype == DType::kFloat32;
  if (!floats || query.fused_input != 0) return std::nullopt;
  return PostOp{.kind = PostOp::Kind::kBinary, .algorithm = kBinaryPRelu};
}

// x as [outer, slopes, inner], where the slopes lie so; none where they do not.
struct SlopeAxes {
  int64_t outer = 1, slopes = 1, inner = 1;
};
std::optional<SlopeAxes> FindSlopeAxes(const Shape& x, const Shape& slope) {
  SlopeAxes axes;
  for (int i = 0; i < x.rank(); ++i) {
    const int of_slope = i - (x.rank() - slope.rank());
    if (of_slope >= 0 && slope[of_slope] != 1) {
      if (axes.inner != 1) return std::nullopt;
      axes.slopes *= x[i];
    } else if (axes.slopes == 1) {
      axes.outer *= x[i];
    } else {
      axes.inner *= x[i];
    }
  }
  if (axes.slopes == 1) std::swap(axes.outer, axes.inner);  // one slope for all
  return axes;
}

absl::StatusOr<std::unique_ptr<Kernel>> PreparePRelu(const PrepareContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) return nullptr;
  const auto found = FindSlopeAxes(context.inputs[0].shape, context.inputs[1].shape);
  if (!found) return nullptr;
  const VectorStep step{.kind = VectorStep::Kind::kPRelu, .column_stride = found->inner == 1};
  return MakeComputeKernel(
      [axes = *found, step, run_step = FindStep(step.kind),
       threads = context.threads](KernelContext& run) {
        const float *const x = run.input<float>(0).data(), *const slopes =
                                                               run.input<float>(1).data();
        float* const y = run.output<float>(0).data();
        if (axes.inner == 1) {
          ParallelFor(threads, axes.outer, [&](int64_t row) {
            const int64_t first = row * axes.slopes;
            VectorStep of_row = step;
            of_row.operand = slopes;
            run_step(of_row, 0, 0, axes.slopes, x + first, y + first);
          });
          return absl::OkStatus();
        }
        // Of all rows together, so that threads have as much where there are few.
        const int64_t count = axes.outer * axes.slopes * axes.inner;
        ParallelParts(threads, [&](int part, int parts) {
          const int64_t end = count * (part + 1) / parts;
          for (int64_t i = count * part / parts; i < end;) {
            const int64_t row = i / axes.inner, next = std::min(end, (row + 1) * axes.inner);
            VectorStep of_row = step;
            of_row.operand = slopes + row % axes.slopes;
            run_step(of_row, 0, 0, next - i, x + i, y + i);
            i = next;
          }
        });
        return absl::OkStatus();
      },
      "vector loop");
}

OpDef PRelu() {
  return OpDef("nn.PRelu")
      .Doc("y = x where x >= 0, slope * x where x < 0.")
      .Source("ONNX PRelu; Keras PReLU; He et al., Delving Deep into Rectifiers, 2015")
      .Known({.as = "onnx", .name = "PRelu", .since = 7})
      .TypeVar("T", kFloats)
      .Input("x", "T", "any shape")
      .Input("slope", "T",
             "broadcasts to the shape of x: for one slope a channel, [C] for channels last and "
             "[C,1,1] for images with channels first")
      .Output("y", "T", "the shape of x")
      .Infer(InferPRelu)
      .Reference(
          ElementwiseKernel(FloatTypes{}, [](auto x, auto slope) { return x < 0 ? slope * x : x; }))
      .Fast(PreparePRelu)
      .AsPostOp(PReluPostOp)
      .InPlace()
      .InLowPrecision(LowPrecision::kFollows)
      .Gradient(PReluGradient)
      .Examples(
          ExampleTable()
              .Rows(kFloats,
                    {{-2, 0.25, -0.5}, {2, 0.25, 2}, {-1, -3, 3}, {0, 5, 0}, {kNaN, 1, kNaN}})
              .Add({.name = "a slope for each channel, first",
                    .inputs = {Tensor::Of<float>({1, 2, 2}, {-1, 2, -3, -4}),
                               Tensor::Of<float>({2, 1}, {0.5, 0.1f})},
                    .outputs = {Tensor::Of<float>({1, 2, 2}, {-0.5, 2, -0.3f, -0.4f})}})
              .Add({.name = "one slope",
                    .inputs = {Tensor::Of<float>({2, 3}, {-1, 2, -3, -4, 0, 5}),
                               Tensor::Vector<float>({0.5})},
                    .outputs = {Tensor::Of<float>({2, 3}, {-0.5, 2, -1.5, -2, 0, 5})}})
              .Add({.name = "a slope for each channel of images",
                    .inputs = {Tensor::Of<float>({2, 2, 1, 2}, {-1, 2, -3, -4, -2, 1, 0, -8}),
                               Tensor::Of<float>({2, 1, 1}, {0.5, -0.25})},
                    .outputs = {Tensor::Of<float>({2, 2, 1, 2}, {-0.5, 2, 0.75, 1, -1, 1, 0, 2})}})
              .Add({.name = "a slope for each channel, last",
                    .inputs = {Tensor::Of<float>({1, 2, 2}, {-1, 2, -3, -4}),
                               Tensor::Vector<float>({0.5, 0.1f})},
                    .outputs = {Tensor::Of<float>({1, 2, 2}, {-0.5, 2, -1.5, -0.4f})}}));
}

OpDef ThresholdedRelu() {
  return ElementwiseOp("nn.ThresholdedRelu", FloatTypes{},
                       [](const Attributes& attrs) {
                         return [alpha = attrs.Float("alpha")](auto x) {
                           return x <= alpha ? decltype(x){0} : x;
                         };
                       })
      .Doc("y = x where x > alpha, else 0.")
      .Source("ONNX ThresholdedRelu; Keras activation threshold; Konda et al., 2014")
      .Known({.as = "onnx", .name = "ThresholdedRelu"})
      .Attr("alpha", 1.0, "the threshold")
      .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
        return std::vector<Value>{
            Call("nn.ReluGrad", {g.gradient(0), g.input(0) - g.attrs().Float("alpha")})};
      })
      .Examples(
          ExampleTable()
              .Rows(kFloats,
                    {{0, 0}, {1, 0}, {1.5, 1.5}, {-3, 0}, {kInf, kInf}, {-kInf, 0}, {kNaN, kNaN}})
              .Rows(kFloats, {{-3, 0}, {-1, -1}, {0, 0}}, {{"alpha", -2.0}}));
}

}  // namespace

NOMO_REGISTER_OP(ElementwiseOp("nn.Relu", SignedTypes{},
                               [](auto x) { return x < 0 ? decltype(x){0} : x; })
                     .Doc("y = max(x, 0). NaN stays NaN.")
                     .Source("ONNX Relu; Keras ReLU")
                     .Known({.as = "onnx", .name = "Relu"})
                     .InLowPrecision(LowPrecision::kFollows)
                     .Fast(OneDnnEltwise(dnnl_eltwise_relu))
                     .AsPostOp(EltwisePostOp(dnnl_eltwise_relu))
                     .AtLeast(0)
                     .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
                       // From y, so that x need not be kept.
                       return std::vector<Value>{Call("nn.ReluGrad", {g.gradient(0), g.output(0)})};
                     })
                     .Examples(ExampleTable().Rows(kSigned, {{0, 0},
                                                             {0.5, 0.5},
                                                             {-0.5, 0},
                                                             {3, 3},
                                                             {-3, 0},
                                                             {kInf, kInf},
                                                             {-kInf, 0},
                                                             {kNaN, kNaN},
                                                             {-128, 0}})));

NOMO_REGISTER_OP(
    ElementwiseOp("nn.Relu6", SignedTypes{},
                  [](auto x) { return x < 0   ? decltype(x){0}
                                      : x > 6 ? decltype(x){6}
                                              : x; })
        .Doc("y = min(max(x, 0), 6). NaN stays NaN.")
        .Source("Keras activation relu6; Krizhevsky, Convolutional Deep Belief Networks on "
                "CIFAR-10, 2010")
        .Known({.as = "python", .name = "{keras.ops,keras.activations,tf.nn}.relu6(x|features)"})
        .InLowPrecision(LowPrecision::kFollows)
        .Fast(OneDnnEltwise(dnnl_eltwise_clip, 0, 6))
        .AsPostOp(EltwisePostOp(dnnl_eltwise_clip, 0, 6))
        .AtLeast(0)
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          return std::vector<Value>{
              Call("nn.ReluGrad", {g.gradient(0), g.output(0)}, {{"limit", 6.0}})};
        })
        .Examples(ExampleTable().Rows(
            kSigned,
            {{0, 0}, {0.5, 0.5}, {-0.5, 0}, {6, 6}, {7, 6}, {kInf, 6}, {-kInf, 0}, {kNaN, kNaN}})));

NOMO_REGISTER_OP(LeakyRelu());
NOMO_REGISTER_OP(PRelu());
NOMO_REGISTER_OP(ThresholdedRelu());

}  // namespace nomograph::nn
