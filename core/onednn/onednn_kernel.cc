#include "nomograph/core/onednn/onednn_kernel.h"

#include <cmath>
#include <unordered_map>

#include "absl/strings/match.h"
#include "nomograph/core/onednn/bfloat16.h"
#include "nomograph/core/onednn/conversion_observer.h"
#include "nomograph/core/op/keep_nan.h"

namespace nomograph::onednn {
namespace {

constexpr int64_t kAlignment = 64;

// PrimitiveThreads() of the node's threads, or one for little work: a team of OpenMP's that sleeps,
// as other loops have helpers instead (core/numeric/helpers.h), takes as long as fifty
// microseconds' work, and on a busy machine longer.
int ThreadsFor(const PrepareContext& context) {
  constexpr double kElementsWorth = 1 << 19, kProductsWorth = 1 << 20;
  double elements = 0;
  for (const auto& specs : {context.inputs, context.outputs}) {
    for (const TensorSpec& spec : specs) elements += static_cast<double>(spec.shape.num_elements());
  }
  double products = 0;  // roughly: of matrices exactly, of convolutions by the window's width less
  if (context.inputs.size() > 1 && !context.outputs.empty()) {
    products = std::sqrt(static_cast<double>(context.inputs[0].shape.num_elements()) *
                         static_cast<double>(context.inputs[1].shape.num_elements()) *
                         static_cast<double>(context.outputs[0].shape.num_elements()));
  }
  const bool worth = elements >= kElementsWorth || products >= kProductsWorth;
  return worth ? PrimitiveThreads(context.threads) : 1;
}

bool HasEmptyTensor(const PrepareContext& context) {
  auto empty = [](const TensorSpec& spec) {
    return spec.dtype != DType::kInvalid && spec.shape.num_elements() == 0;
  };
  for (const TensorSpec& input : context.inputs) {
    if (empty(input)) return true;
  }
  for (const TensorSpec& output : context.outputs) {
    if (empty(output)) return true;
  }
  return false;
}

// The operand of a binary post-op, which broadcasts to the node's output, with the output's axes in
// the order `axes`.
Desc BroadcastOperand(const TensorSpec& operand, absl::Span<const int> axes) {
  Shape shape;
  for (int i = operand.shape.rank(); i < static_cast<int>(axes.size()); ++i) shape.Append(1);
  for (int64_t dim : operand.shape.dims()) shape.Append(dim);
  return Permuted(operand.dtype, shape, axes);
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareIn(Builder::Mode mode, const BuildFn& build,
                                                  const PrepareContext& context) {
  if (HasEmptyTensor(context)) return nullptr;
  const PrimitiveThreadsScope threads(ThreadsFor(context));
  auto kernel = Guard([&]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
    Builder builder(context, mode);
    if (!build(builder)) return nullptr;
    return builder.Build();
  });
  // oneDNN calls what it does not serve now unimplemented, now an invalid argument.
  if (kernel.ok() || kernel.status().code() == absl::StatusCode::kResourceExhausted) return kernel;
  return nullptr;
}

}  // namespace

bool MultipliesInputs(const PrepareContext& context) {
  const DType dtype = context.inputs[0].dtype, output = context.outputs[0].dtype;
  if (context.inputs[1].dtype != dtype) return false;
  if (dtype == DType::kFloat32) return output == dtype;
  return dtype == DType::kBFloat16 && (output == dtype || output == DType::kFloat32) &&
         HasBFloat16();
}

// The kernel that Builder builds: its buffers find their memory anew at each run.
class PrimitiveKernel : public Kernel, public LossyKernel {
 public:
  explicit PrimitiveKernel(Builder&& builder)
      : buffers_(std::move(builder.buffers_)),
        steps_(std::move(builder.steps_)),
        scratch_bytes_(builder.scratch_bytes_),
        threads_(ThreadsFor(builder.context_)),
        may_lose_nan_(!builder.keeps_nan_),
        description_(std::move(builder.description_)) {}

  int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::string Describe() const override { return description_; }
  bool MayLoseNan() const override { return may_lose_nan_; }

  bool ReadsInput(int index) const override {
    for (const auto& step : steps_) {
      for (const auto& [id, buffer] : step.arguments) {
        const Builder::BufferSpec& spec = buffers_[buffer];
        if (spec.kind == Kind::kInput && spec.index == index) return true;
      }
    }
    return false;
  }

  std::unique_ptr<KernelState> NewState() const override {
    auto state = std::make_unique<State>();
    state->status = Guard([&] {
      for (const auto& buffer : buffers_) {
        state->memories.emplace_back(buffer.desc, Engine(), ConstantBytes(buffer));
      }
      for (const auto& step : steps_) {
        auto& arguments = state->arguments.emplace_back();
        for (const auto& [id, buffer] : step.arguments) arguments[id] = state->memories[buffer];
      }
      return absl::OkStatus();
    });
    return state;
  }

  absl::Status Run(KernelContext& context) const override {
    auto& state = *static_cast<State*>(context.state());
    NOMO_RETURN_IF_ERROR(state.status);
    const PrimitiveThreadsScope threads(threads_);
    return Guard([&] {
      for (size_t i = 0; i < buffers_.size(); ++i) {
        if (buffers_[i].kind == Kind::kConstant) continue;
        state.memories[i].set_data_handle(Address(buffers_[i], context));
      }
      dnnl::stream& stream = Stream();
      ConversionObserver* const observer = CurrentConversionObserver();
      for (size_t i = 0; i < steps_.size(); ++i) {
        const dnnl::primitive& primitive = steps_[i].primitive;
        if (observer != nullptr && primitive.get_kind() == dnnl::primitive::kind::reorder) {
          RunObserved(primitive, state.arguments[i], stream, *observer);
        } else {
          primitive.execute(stream, state.arguments[i]);
        }
      }
      stream.wait();
      NoteTeam(threads_);
      return absl::OkStatus();
    });
  }

 private:
  static void RunObserved(const dnnl::primitive& primitive,
                          const std::unordered_map<int, dnnl::memory>& arguments,
                          dnnl::stream& stream, ConversionObserver& observer) {
    stream.wait();
    const auto start = ConversionObserver::Clock::now();
    primitive.execute(stream, arguments);
    stream.wait();
    observer.AfterConversion(start, ConversionObserver::Clock::now());
  }

  using Kind = Builder::BufferSpec::Kind;
  struct State : KernelState {
    absl::Status status;
    std::vector<dnnl::memory> memories;
    std::vector<std::unordered_map<int, dnnl::memory>> arguments;  // by step
  };

  // oneDNN takes void* for what it only reads, too.
  static void* ConstantBytes(const Builder::BufferSpec& buffer) {
    if (buffer.kind != Kind::kConstant) return nullptr;
    return const_cast<std::byte*>(buffer.bytes.raw_data());
  }

  static void* Address(const Builder::BufferSpec& buffer, const KernelContext& context) {
    switch (buffer.kind) {
      case Kind::kInput:
        return context.input_view(static_cast<int>(buffer.index)).data;
      case Kind::kOutput:
        return context.output_view(static_cast<int>(buffer.index)).data;
      default:
        return context.scratch() + buffer.index;
    }
  }

  const std::vector<Builder::BufferSpec> buffers_;
  const std::vector<Builder::Step> steps_;
  const int64_t scratch_bytes_;
  const int threads_;
  const bool may_lose_nan_;
  const std::string description_;
};

Builder::Buffer Builder::AddBuffer(BufferSpec::Kind kind, int64_t index, const Desc& desc) {
  BufferSpec& spec = buffers_.emplace_back();
  spec.kind = kind;
  spec.index = index;
  spec.desc = desc;
  return static_cast<Buffer>(buffers_.size()) - 1;
}

Builder::Buffer Builder::Input(int i, const Desc& desc) {
  return AddBuffer(BufferSpec::Kind::kInput, i, desc);
}

Builder::Buffer Builder::Output(int i, const Desc& desc) {
  return AddBuffer(BufferSpec::Kind::kOutput, i, desc);
}

Builder::Buffer Builder::Scratch(const Desc& desc) {
  const int64_t offset = scratch_bytes_;
  const int64_t bytes = static_cast<int64_t>(desc.get_size());
  scratch_bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return AddBuffer(BufferSpec::Kind::kScratch, offset, desc);
}

Builder::Buffer Builder::Alias(Buffer buffer, const Desc& desc) {
  BufferSpec spec = buffers_[buffer];
  spec.desc = desc;
  buffers_.push_back(std::move(spec));
  return static_cast<Buffer>(buffers_.size()) - 1;
}

Builder::Buffer Builder::Constant(const Desc& desc, Tensor bytes) {
  NOMO_CHECK(bytes.num_bytes() == static_cast<int64_t>(desc.get_size()));
  const Buffer buffer = AddBuffer(BufferSpec::Kind::kConstant, 0, desc);
  buffers_[buffer].bytes = std::move(bytes);
  return buffer;
}

Builder::Buffer Builder::Reordered(Buffer buffer, const Desc& wanted) {
  const BufferSpec from = buffers_[buffer];
  if (from.desc == wanted) return buffer;
  const dnnl::reorder::primitive_desc pd(Engine(), from.desc, Engine(), wanted,
                                         Builder(context_).Attr());
  if (from.kind == BufferSpec::Kind::kInput && mode_ == Mode::kBuild) {
    const int i = static_cast<int>(from.index);
    if (is_constant(i)) return Packed(from, context_.constants[i], pd);
  }
  const Buffer to = Scratch(wanted);
  AddStep(dnnl::reorder(pd), pd, {{DNNL_ARG_FROM, buffer}, {DNNL_ARG_TO, to}}, {});
  return to;
}

void Builder::Copy(Buffer from, Buffer to) {
  const dnnl::reorder::primitive_desc pd(Engine(), buffers_[from].desc, Engine(), buffers_[to].desc,
                                         Builder(context_).Attr());
  AddStep(dnnl::reorder(pd), pd, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, {});
}

// A copy of a constant that is made now. It does not appear in the kernel's description.
Builder::Buffer Builder::Packed(const BufferSpec& from, const Tensor& value,
                                const dnnl::reorder::primitive_desc& pd) {
  auto bytes_of = [this](const Desc& desc) {
    auto bytes = Tensor::Create(DType::kUInt8, {static_cast<int64_t>(desc.get_size())});
    if (!bytes.ok())
      throw OutOfMemory(bytes.status());  // inside of Guard(), as all that calls this
    return *std::move(bytes);
  };
  Tensor packed = bytes_of(pd.dst_desc());
  Tensor scratch = bytes_of(pd.scratchpad_desc());
  const Desc scratch_desc = pd.scratchpad_desc();
  const dnnl::memory source(from.desc, Engine(), const_cast<std::byte*>(value.raw_data()));
  const dnnl::memory target(pd.dst_desc(), Engine(), packed.mutable_raw_data());
  const dnnl::memory scratchpad(scratch_desc, Engine(), scratch.mutable_raw_data());
  dnnl::reorder(pd).execute(
      Stream(),
      {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}, {DNNL_ARG_SCRATCHPAD, scratchpad}});
  Stream().wait();
  return Constant(pd.dst_desc(), std::move(packed));
}

bool Builder::PostEltwise(const Eltwise& eltwise) {
#ifdef NOMO_ONEDNN_HAS_NO_HARD_SIGMOID
  if (eltwise.algorithm == kEltwiseHardSigmoid) {
    return AppendEltwise(post_ops_, dnnl::algorithm::eltwise_linear, eltwise.alpha, eltwise.beta) &&
           AppendEltwise(post_ops_, dnnl::algorithm::eltwise_clip, 0.0f, 1.0f);
  }
#endif
  return AppendEltwise(post_ops_, static_cast<dnnl::algorithm>(eltwise.algorithm), eltwise.alpha,
                       eltwise.beta);
}

void Builder::PostBinary(int algorithm, Buffer operand) {
  const int id = DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_ops_.len()) | DNNL_ARG_SRC_1;
  post_ops_.append_binary(static_cast<dnnl::algorithm>(algorithm), buffers_[operand].desc);
  post_arguments_.emplace_back(id, operand);
}

bool Builder::PostNodeOps(const OperandDesc& operand_desc, const Desc* layout) {
  for (const PostOp& op : context_.post_ops) {
    if (IsOwnAlgorithm(op.algorithm)) return false;
    if (op.kind == PostOp::Kind::kEltwise) {
      if (!PostEltwise({op.algorithm, op.alpha, op.beta})) return false;
      continue;
    }
    NOMO_CHECK(context_.has_input(op.input));
    const TensorSpec& operand = context_.inputs[op.input];
    Desc desc;
    if (operand.dtype != DType::kFloat32 || !operand_desc(operand, desc)) return false;
    const Buffer given = Input(op.input, desc);
    const bool whole = layout != nullptr && DimsOf(*layout) == DimsOf(desc);
    PostBinary(op.algorithm, whole ? Reordered(given, *layout) : given);
  }
  return true;
}

bool Builder::PostNodeOps(absl::Span<const int> axes, const Desc* layout) {
  const auto operand_desc = [axes](const TensorSpec& operand, Desc& desc) {
    if (operand.shape.rank() > static_cast<int>(axes.size())) return false;
    desc = BroadcastOperand(operand, axes);
    return true;
  };
  return PostNodeOps(operand_desc, layout);
}

dnnl::primitive_attr Builder::Attr() const {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (post_ops_.len() > 0) attr.set_post_ops(post_ops_);
  return attr;
}

void Builder::AddStep(dnnl::primitive primitive, const dnnl::primitive_desc_base& pd,
                      std::vector<Argument> arguments,
                      const std::vector<Argument>& post_arguments) {
  arguments.insert(arguments.end(), post_arguments.begin(), post_arguments.end());
  const Desc scratchpad = pd.scratchpad_desc();
  if (scratchpad.get_size() > 0) arguments.emplace_back(DNNL_ARG_SCRATCHPAD, Scratch(scratchpad));
  const bool converts = primitive.get_kind() == dnnl::primitive::kind::reorder;
  absl::StrAppend(&description_, steps_.empty() ? " " : " + ", converts ? "reorder " : "",
                  pd.impl_info_str());
  steps_.push_back({std::move(primitive), std::move(arguments)});
}

absl::StatusOr<std::unique_ptr<Kernel>> Builder::Build() {
  return std::make_unique<PrimitiveKernel>(std::move(*this));
}

PrepareFn Prepare(BuildFn build) {
  return [build = std::move(build)](const PrepareContext& context) {
    return PrepareIn(Builder::Mode::kBuild, build, context);
  };
}

FastKernel Fast(BuildFn build) {
  const auto takes_post_ops = [build](const PrepareContext& context) -> std::optional<bool> {
    auto kernel = PrepareIn(Builder::Mode::kTrial, build, context);
    // oneDNN's own reference implementations serve all post-ops, but a step of its own is faster
    // than they are.
    if (!kernel.ok() || *kernel == nullptr) return std::nullopt;
    if (absl::StrContains((*kernel)->Describe(), " ref")) return std::nullopt;
    return true;
  };
  return {Prepare(std::move(build)), takes_post_ops};
}

}  // namespace nomograph::onednn
