#include "nomograph/ops/nn/conv/conv_gradient.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"
#include "nomograph/ops/nn/conv/conv_primitive.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

// Which input of a gradient is which tensor of the convolution; the one that is asked for is there
// for its shape.
struct Roles {
  int x, kernel;  // dy is input 0
  int like = 2;
};
constexpr Roles kOfInput = {.x = 2, .kernel = 1}, kOfKernel = {.x = 1, .kernel = 2};

InferFn InferGradient(const ConvOp& conv, const Roles& roles) {
  return [&conv, roles](const InferContext& context) -> absl::StatusOr<std::vector<TensorType>> {
    const TensorType inputs[] = {context.input(roles.x), context.input(roles.kernel)};
    NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> y,
                          conv.infer(InferContext(context.attrs(), inputs, {}, 1)));
    if (!Compatible(context.shape(0), y[0].shape)) {
      return InvalidArgument("input dy: expected the shape of what ", conv.name, " yields, ",
                             y[0].shape.ToString(), ", found ", context.shape(0).ToString());
    }
    return std::vector<TensorType>{context.input(roles.like)};
  };
}

// Calls f(element of x, element of the kernel, element of y) for every product of elements of x and
// the kernel that y has in one of its sums.
template <typename F>
void ForEachProduct(const ConvOp& conv, const Window& window, const Attributes& attrs,
                    const Shape& x_shape, const Shape& kernel_shape, const Shape& y_shape, F f) {
  const ActivationLayout x(x_shape, attrs), y(y_shape, attrs);
  const ConvKernelLayout kernel(kernel_shape, attrs);
  const int64_t groups = attrs.Int("groups");
  const int64_t group_in = x.channels / groups, group_out = y.channels / groups;
  const Taps taps(window, conv.transposed);
  for (int64_t n = 0; n < y.batches; ++n) {
    for (int64_t o = 0; o < y.channels; ++o) {
      const int64_t first = o / group_out * group_in;
      int64_t at_y = y.Offset(n, o);
      ForEachIndex(taps.output_sizes(), [&](const Index3& at) {
        taps.ForEach(at, [&](int64_t tap, int64_t position) {
          for (int64_t i = 0; i < group_in; ++i) {
            // The kernel has all channels on one side, and those of a group on the other.
            const int64_t in = conv.transposed ? first + i : i;
            const int64_t out = conv.transposed ? o % group_out : o;
            f(x.Offset(n, first + i) + position * x.position_stride, kernel.Offset(tap, in, out),
              at_y);
          }
        });
        at_y += y.position_stride;
      });
    }
  }
}

template <typename T>
void GradientReference(KernelContext& context, const ConvOp& conv, const Roles& roles,
                       const Window& window) {
  const bool of_input = roles.like == roles.x;
  const auto dy = context.input<T>(0), other = context.input<T>(1);
  const auto out = context.output<T>(0);
  std::vector<double> sums(out.size(), 0.0);
  ForEachProduct(conv, window, context.attrs(), context.input_shape(roles.x),
                 context.input_shape(roles.kernel), context.input_shape(0),
                 [&](int64_t x, int64_t kernel, int64_t y) {
                   sums[of_input ? x : kernel] += static_cast<double>(dy[y]) *
                                                  static_cast<double>(other[of_input ? kernel : x]);
                 });
  for (size_t i = 0; i < sums.size(); ++i) out[i] = static_cast<T>(sums[i]);
}

ComputeFn GradientCompute(const ConvOp& conv, const Roles& roles) {
  return [&conv, roles](KernelContext& context) -> absl::Status {
    NOMO_ASSIGN_OR_RETURN(const Window window,
                          conv.window(context.attrs(), context.input_shape(roles.x),
                                      context.input_shape(roles.kernel)));
    NOMO_RETURN_IF_ERROR(context.AllocateOutput(0, context.input_shape(roles.like)));
    Dispatch(FloatTypes{}, context.input_dtype(0),
             [&]<typename T>() { GradientReference<T>(context, conv, roles, window); });
    return absl::OkStatus();
  };
}

// The plain convolution from src to dst that a node's gradients are made of: the convolution
// itself, or the one of which a transposed one is the gradient, from y to x.
struct PlainProblem {
  onednn::Desc src, kernel, dst;
  WindowDims dims;
  bool pointwise;
};

// The kernel's descriptor with input and output channels as the convolution from y to x has them.
onednn::Desc SwapChannels(const onednn::Desc& kernel, bool grouped) {
  std::vector<int> axes;
  const int rank = static_cast<int>(onednn::DimsOf(kernel).size());
  for (int i = 0; i < rank; ++i) axes.push_back(i);
  std::swap(axes[grouped ? 1 : 0], axes[grouped ? 2 : 1]);
  return kernel.permute_axes(axes);
}

std::optional<PlainProblem> DescribeProblem(const PrepareContext& context, const ConvOp& conv,
                                            const Roles& roles) {
  if (!onednn::MultipliesInputs(context)) return std::nullopt;
  TensorSpec inputs[] = {context.inputs[roles.x], context.inputs[roles.kernel]};
  inputs[roles.like == roles.x ? 0 : 1].dtype = context.outputs[0].dtype;
  const TensorSpec outputs[] = {context.inputs[0]};
  const auto window = conv.window(context.attrs, inputs[0].shape, inputs[1].shape);
  if (!window.ok() || !FitsIn32Bits(*window)) return std::nullopt;
  const ConvTensors tensors =
      DescribeConv({context.attrs, inputs, outputs, {}, {}, context.threads}, *window);
  PlainProblem problem{tensors.src.desc, tensors.kernel.desc, tensors.dst.desc, WindowDims(*window),
                       tensors.pointwise};
  if (!conv.transposed) return problem;
  std::swap(problem.src, problem.dst);
  problem.kernel = SwapChannels(tensors.kernel.desc, context.attrs.Int("groups") > 1);
  SetTransposedPadsEnd(*window, problem.dims);
  return problem;
}

// Which of a plain convolution's tensors is computed from the other two.
enum class Wanted { kSrc, kKernel, kDst };

Wanted WantedOf(const ConvOp& conv, const Roles& roles) {
  if (roles.like == roles.kernel) return Wanted::kKernel;
  return conv.transposed ? Wanted::kDst : Wanted::kSrc;
}

dnnl::convolution_forward::primitive_desc ForwardOf(const PlainProblem& p, const onednn::Desc& src,
                                                    const onednn::Desc& kernel,
                                                    const onednn::Desc& dst,
                                                    const dnnl::primitive_attr& attr) {
  const auto kind = dnnl::prop_kind::forward_training;
  return onednn::Describe<dnnl::convolution_forward>(
      attr, kind, dnnl::algorithm::convolution_direct, src, kernel, dst, p.dims.strides,
      p.dims.dilations, p.dims.pads_begin, p.dims.pads_end);
}

// Adds the primitive and yields its implementation. With `blocked` activations are copied into
// layouts of its choice and back.
std::string AddGradient(onednn::Builder& b, const PlainProblem& p, const Roles& roles,
                        Wanted wanted, bool transposed, bool blocked) {
  const auto wish = [blocked](const onednn::Desc& desc) {
    return blocked ? onednn::AnyFormat(desc) : desc;
  };
  const onednn::Desc src = wish(p.src), dst = wish(p.dst);
  const onednn::Desc kernel = onednn::AnyFormat(p.kernel);
  const int x = roles.x, src_input = transposed ? 0 : x, dst_input = transposed ? x : 0;
  const auto from = [&](int input, const onednn::Desc& have, const onednn::Desc& want) {
    return b.Reordered(b.Input(input, have), want);
  };
  const auto into = [&](const onednn::Desc& have, const onednn::Desc& want) {
    return have == want ? b.Output(0, want) : b.Scratch(have);
  };
  const auto copy_out = [&](onednn::Builder::Buffer buffer, const onednn::Desc& have,
                            const onednn::Desc& want) {
    if (have != want) b.Copy(buffer, b.Output(0, want));
  };
  // A gradient may be float32 where the other two tensors are bfloat16; the convolution that it is
  // of has all three so.
  const DType dtype = b.context().inputs[0].dtype;
  const auto forward = wanted == Wanted::kDst
                           ? ForwardOf(p, src, kernel, dst, b.Attr())
                           : ForwardOf(p, onednn::Retyped(src, dtype),
                                       onednn::Retyped(kernel, dtype), dst, b.Attr());
  const auto direct = dnnl::algorithm::convolution_direct;
  const WindowDims& w = p.dims;
  if (wanted == Wanted::kDst) {
    const auto result = into(forward.dst_desc(), p.dst);
    b.Add<dnnl::convolution_forward>(
        forward, {{DNNL_ARG_SRC, from(src_input, p.src, forward.src_desc())},
                  {DNNL_ARG_WEIGHTS, from(roles.kernel, p.kernel, forward.weights_desc())},
                  {DNNL_ARG_DST, result}});
    copy_out(result, forward.dst_desc(), p.dst);
    return forward.impl_info_str();
  }
  if (wanted == Wanted::kSrc) {
    const auto pd = onednn::DescribeBackward<dnnl::convolution_backward_data>(
        b.Attr(), forward, direct, src, kernel, dst, w.strides, w.dilations, w.pads_begin,
        w.pads_end);
    const auto result = into(pd.diff_src_desc(), p.src);
    b.Add<dnnl::convolution_backward_data>(
        pd, {{DNNL_ARG_DIFF_DST, from(dst_input, p.dst, pd.diff_dst_desc())},
             {DNNL_ARG_WEIGHTS, from(roles.kernel, p.kernel, pd.weights_desc())},
             {DNNL_ARG_DIFF_SRC, result}});
    copy_out(result, pd.diff_src_desc(), p.src);
    return pd.impl_info_str();
  }
  const auto pd = onednn::DescribeBackward<dnnl::convolution_backward_weights>(
      b.Attr(), forward, direct, src, kernel, dst, w.strides, w.dilations, w.pads_begin,
      w.pads_end);
  const auto result = into(pd.diff_weights_desc(), p.kernel);
  b.Add<dnnl::convolution_backward_weights>(
      pd, {{DNNL_ARG_SRC, from(src_input, p.src, pd.src_desc())},
           {DNNL_ARG_DIFF_DST, from(dst_input, p.dst, pd.diff_dst_desc())},
           {DNNL_ARG_DIFF_WEIGHTS, result}});
  copy_out(result, pd.diff_weights_desc(), p.kernel);
  return pd.impl_info_str();
}

PrepareFn GradientFast(const ConvOp& conv, const Roles& roles) {
  return onednn::Prepare([&conv, roles](onednn::Builder& b) {
    const std::optional<PlainProblem> problem = DescribeProblem(b.context(), conv, roles);
    if (!problem) return false;
    const Wanted wanted = WantedOf(conv, roles);
    // oneDNN's backward loops for channels that lie last take twice the time of those for blocks.
    constexpr int64_t kBlock = 8;
    const bool wide = std::min(onednn::DimsOf(problem->src)[1], onednn::DimsOf(problem->dst)[1]) >=
                      kBlock * b.context().attrs.Int("groups");
    const bool blocked_first = IsChannelsLast(b.context().attrs) && wide && !problem->pointwise;
    for (const bool blocked : {blocked_first, !blocked_first}) {
      if (blocked && problem->pointwise) continue;
      onednn::Builder trial(b.context(), onednn::Builder::Mode::kTrial);
      const std::string found =
          AddGradient(trial, *problem, roles, wanted, conv.transposed, blocked);
      if (IsGeneric(found.c_str())) continue;
      AddGradient(b, *problem, roles, wanted, conv.transposed, blocked);
      return true;
    }
    AddGradient(b, *problem, roles, wanted, conv.transposed, /*blocked=*/false);
    return true;
  });
}

// Both are linear in each of the two tensors that they are computed from, as the convolution is.
GradientFn SecondGradient(const ConvOp& conv, const Roles& roles) {
  return [&conv, roles](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    const bool of_input = roles.like == roles.x;
    const Value dy = g.input(0), other = g.input(1), gradient = g.gradient(0);
    std::vector<Value> result(3);
    if (g.wants(0)) {
      const Value x = of_input ? gradient : other, kernel = of_input ? other : gradient;
      result[0] = Call(conv.name, {x, kernel}, g.attrs());
    }
    if (g.wants(1)) {
      const std::string op = absl::StrCat(conv.name, of_input ? "GradKernel" : "GradInput");
      result[1] = Call(op, {dy, gradient, other}, g.attrs());
    }
    return result;
  };
}

OpDef GradientOp(const ConvOp& conv, const Roles& roles, absl::string_view which) {
  const bool of_input = roles.like == roles.x;
  return OpDef(absl::StrCat(conv.name, which))
      .TypeVar("T", kFloats)
      .Input("dy", "T", absl::StrCat("the gradient of what ", conv.name, " yields"))
      .Input(of_input ? "kernel" : "x", "T", absl::StrCat("as ", conv.name, " has it"))
      .Input(of_input ? "x" : "kernel", "T", "only its shape counts")
      .Output(of_input ? "dx" : "dkernel", "T", of_input ? "as x" : "as kernel")
      .Infer(InferGradient(conv, roles))
      .Reference(GradientCompute(conv, roles))
      .Fast(GradientFast(conv, roles))
      .Gradient(SecondGradient(conv, roles))
      .InLowPrecision(LowPrecision::kGains)
      .Work(AllCombinationsWork);
}

}  // namespace

GradientFn ConvGradient(const ConvOp& conv) {
  return [&conv](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
    const Value x = g.input(0), kernel = g.input(1), dy = g.gradient(0);
    std::vector<Value> result(3);
    if (g.wants(0)) result[0] = Call(conv.name + "GradInput", {dy, kernel, x}, g.attrs());
    if (g.wants(1)) result[1] = Call(conv.name + "GradKernel", {dy, x, kernel}, g.attrs());
    if (g.wants(2)) {
      const PartialShape& shape = dy.shape().has_rank() ? dy.shape() : x.shape();
      if (!shape.has_rank()) return InvalidArgument("the number of axes must be known");
      const int channels = IsChannelsLast(g.attrs()) ? shape.rank() - 1 : 1;
      Ints axes;
      for (int i = 0; i < shape.rank(); ++i) {
        if (i != channels) axes.push_back(i);
      }
      result[2] = Call("math.ReduceSum", {dy}, {{"axes", axes}, {"keepdims", false}});
    }
    return result;
  };
}

OpDef ConvGradInputOp(const ConvOp& conv) { return GradientOp(conv, kOfInput, "GradInput"); }
OpDef ConvGradKernelOp(const ConvOp& conv) { return GradientOp(conv, kOfKernel, "GradKernel"); }

}  // namespace nomograph::nn
