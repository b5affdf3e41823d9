#include "nomograph/core/onednn/onednn_kernel.h"

#include <numeric>
#include <unordered_map>

#include "absl/strings/match.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/bfloat16.h"
#include "nomograph/core/onednn/conversion_observer.h"
#include "nomograph/core/onednn/primitive_threads.h"
#include "nomograph/core/op/keep_nan.h"

namespace nomograph::onednn {
namespace {

constexpr int64_t kAlignment = 64;

// oneDNN divides work, and sizes its scratchpads, by OpenMP's number of threads when a primitive is
// created, and relies on the same number when it runs.
class ScopedThreads {
 public:
  explicit ScopedThreads(int threads) : previous_(MaxThreads()) {
    if (threads != previous_) SetMaxThreads(threads);
    changed_ = threads != previous_;
  }
  ~ScopedThreads() {
    if (changed_) SetMaxThreads(previous_);
  }
  ScopedThreads(const ScopedThreads&) = delete;
  ScopedThreads& operator=(const ScopedThreads&) = delete;

 private:
  int previous_;
  bool changed_;
};

dnnl::memory::dims Dims(absl::Span<const int64_t> dims) {
  if (dims.empty()) return {1};  // oneDNN has no scalars
  return dnnl::memory::dims(dims.begin(), dims.end());
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

// The functions that are computed without minimum, maximum or comparison; the rest clamp their
// arguments, or choose by comparing.
bool IsArithmetic(dnnl::algorithm algorithm) {
  switch (algorithm) {
    case dnnl::algorithm::eltwise_abs:
    case dnnl::algorithm::eltwise_linear:
    case dnnl::algorithm::eltwise_round:
    case dnnl::algorithm::eltwise_sqrt:
    case dnnl::algorithm::eltwise_square:
    case dnnl::algorithm::binary_add:
    case dnnl::algorithm::binary_sub:
    case dnnl::algorithm::binary_mul:
    case dnnl::algorithm::binary_div:
    case dnnl::algorithm::pooling_avg_include_padding:
    case dnnl::algorithm::pooling_avg_exclude_padding:
    case dnnl::algorithm::reduction_sum:
    case dnnl::algorithm::reduction_mean:
    case dnnl::algorithm::reduction_mul:
      return true;
    default:
      return false;
  }
}

// The algorithm of a primitive, whose description `Op` is of the kind that `query` asks for.
template <typename Op>
dnnl::algorithm AlgorithmOf(const dnnl::primitive_desc_base& pd, dnnl_query_t query) {
  const Op* op = nullptr;
  if (dnnl_primitive_desc_query(pd.get(), query, 0, &op) != dnnl_success || op == nullptr) {
    return dnnl::algorithm::undef;
  }
  return static_cast<dnnl::algorithm>(op->alg_kind);
}

bool IsArithmetic(dnnl::primitive::kind kind, const dnnl::primitive_desc_base& pd) {
  switch (kind) {
    case dnnl::primitive::kind::reorder:
    case dnnl::primitive::kind::concat:
    case dnnl::primitive::kind::sum:
    case dnnl::primitive::kind::convolution:
    case dnnl::primitive::kind::deconvolution:
    case dnnl::primitive::kind::inner_product:
    case dnnl::primitive::kind::matmul:
    case dnnl::primitive::kind::batch_normalization:
    case dnnl::primitive::kind::layer_normalization:
    case dnnl::primitive::kind::resampling:
      return true;
    case dnnl::primitive::kind::eltwise:
      return IsArithmetic(AlgorithmOf<dnnl_eltwise_desc_t>(pd, dnnl_query_eltwise_d));
    case dnnl::primitive::kind::binary:
      return IsArithmetic(AlgorithmOf<dnnl_binary_desc_t>(pd, dnnl_query_binary_d));
    case dnnl::primitive::kind::pooling:
    case dnnl::primitive::kind::pooling_v2:
      return IsArithmetic(AlgorithmOf<dnnl_pooling_desc_t>(pd, dnnl_query_pooling_d)) ||
             IsArithmetic(AlgorithmOf<dnnl_pooling_v2_desc_t>(pd, dnnl_query_pooling_v2_d));
    case dnnl::primitive::kind::reduction:
      return IsArithmetic(AlgorithmOf<dnnl_reduction_desc_t>(pd, dnnl_query_reduction_d));
    default:
      return false;
  }
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareIn(Builder::Mode mode, const BuildFn& build,
                                                  const PrepareContext& context) {
  if (HasEmptyTensor(context)) return nullptr;
  const ScopedThreads threads(PrimitiveThreads(context));
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

const dnnl::engine& Engine() {
  static const dnnl::engine& engine = *new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& Stream() {
  thread_local dnnl::stream stream(Engine());
  return stream;
}

absl::Status ToStatus(const dnnl::error& error) {
  const std::string message = absl::StrCat("oneDNN: ", error.message);
  switch (error.status) {
    case dnnl_unimplemented:
      return absl::UnimplementedError(message);
    case dnnl_out_of_memory:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

dnnl::memory::data_type DataTypeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return dnnl::memory::data_type::f32;
    case DType::kFloat16:
      return dnnl::memory::data_type::f16;
    case DType::kBFloat16:
      return dnnl::memory::data_type::bf16;
    case DType::kInt32:
      return dnnl::memory::data_type::s32;
    case DType::kInt8:
      return dnnl::memory::data_type::s8;
    case DType::kUInt8:
      return dnnl::memory::data_type::u8;
    default:
      return dnnl::memory::data_type::undef;
  }
}

Desc RowMajor(DType dtype, absl::Span<const int64_t> dims) {
  const Shape shape(dims);
  std::vector<int> axes(dims.size());
  std::iota(axes.begin(), axes.end(), 0);
  return Permuted(dtype, shape, axes);
}

Desc Permuted(DType dtype, const Shape& shape, absl::Span<const int> axes) {
  const auto strides = shape.Strides();
  Shape dims, steps;
  for (int axis : axes) {
    dims.Append(shape[axis]);
    steps.Append(strides[axis]);
  }
  return Desc(Dims(dims.dims()), DataTypeOf(dtype), Dims(steps.dims()));
}

Desc AnyFormat(DType dtype, absl::Span<const int64_t> dims) {
  return Desc(Dims(dims), DataTypeOf(dtype), dnnl::memory::format_tag::any);
}

Desc AnyFormat(const Desc& like) {
  return Desc(like.dims(), like.data_type(), dnnl::memory::format_tag::any);
}

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
        threads_(PrimitiveThreads(builder.context_)),
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
    const ScopedThreads threads(threads_);
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

bool Builder::KeepsNan(dnnl::primitive::kind kind, const dnnl::primitive_desc_base& pd) const {
  for (int i = 0; i < post_ops_.len(); ++i) {
    dnnl::algorithm algorithm = dnnl::algorithm::undef;
    if (post_ops_.kind(i) == dnnl::primitive::kind::eltwise) {
      float scale = 0, alpha = 0, beta = 0;
      post_ops_.get_params_eltwise(i, scale, algorithm, alpha, beta);
    } else {
      Desc operand;
      post_ops_.get_params_binary(i, algorithm, operand);
    }
    if (!IsArithmetic(algorithm)) return false;
  }
  return IsArithmetic(kind, pd);
}

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

void Builder::PostEltwise(const Eltwise& eltwise) {
  if (eltwise.algorithm == kEltwiseHardSigmoid) {
    post_ops_.append_eltwise(1.0f, dnnl::algorithm::eltwise_linear, eltwise.alpha, eltwise.beta);
    post_ops_.append_eltwise(1.0f, dnnl::algorithm::eltwise_clip, 0.0f, 1.0f);
    return;
  }
  post_ops_.append_eltwise(1.0f, static_cast<dnnl::algorithm>(eltwise.algorithm), eltwise.alpha,
                           eltwise.beta);
}

void Builder::PostBinary(int algorithm, Buffer operand) {
  const int id = DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_ops_.len()) | DNNL_ARG_SRC_1;
  post_ops_.append_binary(static_cast<dnnl::algorithm>(algorithm), buffers_[operand].desc);
  post_arguments_.emplace_back(id, operand);
}

bool Builder::PostNodeOps(const OperandDesc& operand_desc, const Desc* layout) {
  for (const PostOp& op : context_.post_ops) {
    if (op.kind == PostOp::Kind::kEltwise) {
      PostEltwise({static_cast<dnnl_alg_kind_t>(op.algorithm), op.alpha, op.beta});
      continue;
    }
    NOMO_CHECK(context_.has_input(op.input));
    const TensorSpec& operand = context_.inputs[op.input];
    Desc desc;
    if (operand.dtype != DType::kFloat32 || !operand_desc(operand, desc)) return false;
    const Buffer given = Input(op.input, desc);
    const bool whole = layout != nullptr && layout->dims() == desc.dims();
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

std::function<bool(const PrepareContext&)> TakesPostOps(BuildFn build) {
  return [build = std::move(build)](const PrepareContext& context) {
    auto kernel = PrepareIn(Builder::Mode::kTrial, build, context);
    // oneDNN's own reference implementations serve all post-ops, but a step of its own is faster
    // than they are.
    return kernel.ok() && *kernel != nullptr && !absl::StrContains((*kernel)->Describe(), " ref");
  };
}

}  // namespace nomograph::onednn
