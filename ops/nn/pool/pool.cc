#include "nomograph/ops/nn/pool/pool.h"

#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "nomograph/core/op/keep_nan.h"
#include "nomograph/ops/nn/conv/conv_kernel.h"

namespace nomograph::nn {
namespace {

std::vector<Dim> KernelSizes(const Attributes& attrs) {
  const std::vector<int64_t>& sizes = attrs.Ints("kernel_shape");
  return std::vector<Dim>(sizes.begin(), sizes.end());
}

// Whether every window meets the input; if not, there may be nothing to take the maximum or the
// mean of.
bool EveryWindowMeetsInput(const WindowAxis& axis) {
  if (axis.pad_begin == 0 && axis.pad_end == 0) return true;
  return axis.input.size() > 0 && axis.dilation == 1 && axis.pad_begin < axis.kernel.size() &&
         axis.pad_end < axis.kernel.size();
}

// `desc` with its channels in blocks of eight; as it is where that would mostly be padding, or
// there is no such layout.
onednn::Desc InChannelBlocks(const onednn::Desc& desc) {
  using Tag = dnnl::memory::format_tag;
  constexpr Tag kTags[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};
  const auto dims = onednn::DimsOf(desc);
  if (dims.size() < 3 || dims.size() > 5 || dims[1] < 4) return desc;
  return onednn::Desc(dims, onednn::DataTypeOf(desc), kTags[dims.size() - 3]);
}

}  // namespace

OpDef WithPoolWindow(OpDef op) {
  op.RequiredAttr("kernel_shape", AttrType::kInts, "the window's size along each spatial axis")
      .Min(1)
      .Max(2147483647)
      .Attr("ceil_mode", false,
            "rounds output sizes up, not down: a last window may reach past the padding, but not "
            "begin there");
  return WithWindow(std::move(op));
}

absl::StatusOr<PartialShape> InferPooled(const InferContext& context) {
  if (!context.shape(0).has_rank()) return PartialShape();
  NOMO_ASSIGN_OR_RETURN(Activation x, SplitActivation(context.shape(0), context.attrs()));
  NOMO_ASSIGN_OR_RETURN(const Window window,
                        GetWindow(context.attrs(), x.spatial, KernelSizes(context.attrs())));
  x.spatial = OutputSizes(window);
  return JoinActivation(x, context.attrs());
}

absl::StatusOr<Window> PoolWindow(const Attributes& attrs, const Shape& x) {
  NOMO_ASSIGN_OR_RETURN(const Activation activation, SplitActivation(x, attrs));
  return GetWindow(attrs, activation.spatial, KernelSizes(attrs));
}

std::optional<Attributes> MaximumWithPadding(const InferContext& node, const Padding& padding) {
  auto window = PoolWindow(node.attrs(), node.shape(0).ToShape());
  if (!padding.is_least || !window.ok()) return std::nullopt;
  std::optional<Attributes> attrs = WithPadding(node.attrs(), *window, padding);
  if (!attrs) return std::nullopt;
  const size_t rank = window->size();
  const std::vector<int> axes =
      ChannelsFirstAxes(static_cast<int>(padding.before.size()), node.attrs());
  for (size_t i = 0; i < rank; ++i) {
    const int axis = axes[i + 2];
    (*window)[i].input =
        Dim((*window)[i].input.size() - padding.before[axis] - padding.after[axis]);
    (*window)[i].pad_begin = attrs->Ints("pads")[i];
    (*window)[i].pad_end = attrs->Ints("pads")[rank + i];
    if (!EveryWindowMeetsInput((*window)[i])) return std::nullopt;
  }
  return attrs;
}

bool BuildPool(onednn::Builder& b, dnnl::algorithm algorithm) {
  const PrepareContext& context = b.context();
  const DType dtype = context.inputs[0].dtype;
  const bool bytes = dtype == DType::kInt8 || dtype == DType::kUInt8;
  const bool served =
      dtype == DType::kFloat32 || (bytes && algorithm == dnnl::algorithm::pooling_max);
  if (!served || context.outputs.size() > 1) return false;
  const Shape& x = context.inputs[0].shape;
  const auto window = PoolWindow(context.attrs, x);
  if (!window.ok() || !FitsIn32Bits(*window)) return false;
  WindowDims dims(*window);
  for (size_t i = 0; i < window->size(); ++i) {
    const WindowAxis& axis = (*window)[i];
    if (!EveryWindowMeetsInput(axis)) return false;
    // oneDNN walks through the padding, too; the reference kernel does not.
    constexpr int64_t kMaxOverhang = 4;
    if (axis.kernel.size() > kMaxOverhang * axis.input.size()) return false;
    // oneDNN has no ceil_mode: the last window's reach is padding. That would count in the mean
    // with padding.
    const int64_t reach =
        (axis.output.size() - 1) * axis.stride + (axis.kernel.size() - 1) * axis.dilation + 1;
    const int64_t needed = reach - axis.input.size() - axis.pad_begin;
    if (needed <= dims.pads_end[i]) continue;
    if (algorithm == dnnl::algorithm::pooling_avg_include_padding) return false;
    dims.pads_end[i] = needed;
  }
  const std::vector<int> axes = ChannelsFirstAxes(x.rank(), context.attrs);
  const auto src = onednn::Permuted(dtype, x, axes);
  const auto dst = onednn::Permuted(dtype, context.outputs[0].shape, axes);
  const auto pool = [&](const onednn::Desc& from, const onednn::Desc& to) {
    return onednn::DescribeIfServed<onednn::PoolingForward>(
        b.Attr(), dnnl::prop_kind::forward_inference, algorithm, from, to, dims.strides,
        dims.kernel, dims.dilations, dims.pads_begin, dims.pads_end);
  };
  const auto vectorized = [](const auto& pd) {
    return pd && absl::StrContains(pd.impl_info_str(), "jit");
  };
  const auto in = b.Input(0, src), out = b.Output(0, dst);
  auto pd = pool(src, dst);
  // With the channels first oneDNN goes from element to element, which costs more than copies.
  const onednn::Desc blocked = InChannelBlocks(dst);
  if (!vectorized(pd)) {
    if (auto other = pool(InChannelBlocks(src), blocked); vectorized(other)) pd = std::move(other);
  }
  if (!pd) return false;
  if (pd.dst_desc() == dst) {
    b.Add<onednn::PoolingForward>(pd, {{DNNL_ARG_SRC, in}, {DNNL_ARG_DST, out}});
    return true;
  }
  const auto pooled = b.Scratch(blocked);
  b.Add<onednn::PoolingForward>(
      pd, {{DNNL_ARG_SRC, b.Reordered(in, pd.src_desc())}, {DNNL_ARG_DST, pooled}});
  b.Copy(pooled, out);
  return true;
}

namespace {

class MaximumKernel : public Kernel, public LossyKernel {
 public:
  MaximumKernel(std::unique_ptr<Kernel> pool, ComputeFn reference)
      : pool_(std::move(pool)), reference_(std::move(reference)) {}

  absl::Status Run(KernelContext& context) const override {
    NOMO_RETURN_IF_ERROR(pool_->Run(context));
    if (context.output_dtype(0) != DType::kFloat32) return absl::OkStatus();
    bool least = false;
    for (const float y : context.output<float>(0)) {
      least |= y == std::numeric_limits<float>::lowest();
    }
    return least ? reference_(context) : absl::OkStatus();
  }

  int64_t scratch_bytes() const override { return pool_->scratch_bytes(); }
  std::unique_ptr<KernelState> NewState() const override { return pool_->NewState(); }
  bool MayLoseNan() const override { return nomograph::MayLoseNan(*pool_); }
  std::string Describe() const override { return pool_->Describe(); }

 private:
  const std::unique_ptr<Kernel> pool_;
  const ComputeFn reference_;
};

}  // namespace

PrepareFn PrepareMaximum(onednn::BuildFn build, ComputeFn reference) {
  return [prepare = onednn::Prepare(std::move(build)), reference = std::move(reference)](
             const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> pool, prepare(context));
    if (pool == nullptr) return nullptr;
    return std::make_unique<MaximumKernel>(std::move(pool), reference);
  };
}

}  // namespace nomograph::nn
