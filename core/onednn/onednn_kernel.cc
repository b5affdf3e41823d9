#include "nomograph/core/onednn/onednn_kernel.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "absl/strings/match.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/bfloat16.h"
#include "nomograph/core/onednn/conversion_observer.h"
#include "nomograph/core/op/keep_nan.h"

namespace nomograph::onednn {
namespace {

constexpr int64_t kAlignment = 64;

// Whether there is enough work for a team of OpenMP's: one that sleeps takes as long as fifty
// microseconds' work, and on a busy machine longer.
bool IsWorthATeam(const PrepareContext& context) {
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
  return elements >= kElementsWorth || products >= kProductsWorth;
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

}  // namespace

bool MultipliesInputs(const PrepareContext& context) {
  const DType dtype = context.inputs[0].dtype, output = context.outputs[0].dtype;
  if (context.inputs[1].dtype != dtype) return false;
  if (dtype == DType::kFloat32) return output == dtype;
  return dtype == DType::kBFloat16 && (output == dtype || output == DType::kFloat32) &&
         HasBFloat16();
}

// The kernel of a node, or of its parts: its buffers find their memory anew at each run.
class PrimitiveKernel : public Kernel, public LossyKernel {
 public:
  // Null where oneDNN does not serve the node. One part runs on `threads` of oneDNN's, several on
  // one each.
  static absl::StatusOr<std::unique_ptr<Kernel>> Create(Builder::Mode mode, const BuildFn& build,
                                                        const PrepareContext& context, int parts,
                                                        int threads) {
    const PrimitiveThreadsScope scope(threads);
    auto kernel = Guard([&]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
      std::vector<Builder::Packing> packings;
      std::unique_ptr<PrimitiveKernel> result(new PrimitiveKernel(threads));
      std::vector<int64_t> counts;  // of places, by part
      for (int p = 0; p < parts; ++p) {
        // In a trial one of each size: a smaller one may want another primitive, which takes less.
        const auto tried = counts.begin() + p;
        if (mode == Builder::Mode::kTrial && p > 0 &&
            std::find(counts.begin(), tried, counts[p]) != tried) {
          continue;
        }
        Builder builder(context, mode);
        builder.part_ = {p, parts};
        builder.packings_ = &packings;
        if (!build(builder) || (parts > 1 && !builder.cut_)) return nullptr;
        if (parts > 1) counts = builder.cut_->counts;
        result->Add(std::move(builder));
      }
      return result;
    });
    // oneDNN calls what it does not serve now unimplemented, now an invalid argument.
    const absl::StatusCode code = kernel.status().code();
    if (kernel.ok() || code == absl::StatusCode::kResourceExhausted) return kernel;
    return nullptr;
  }

  int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::string Describe() const override { return description_; }
  bool MayLoseNan() const override { return may_lose_nan_; }

  bool ReadsInput(int index) const override {
    for (const Part& part : parts_) {
      for (const auto& step : part.steps) {
        for (const auto& [id, buffer] : step.arguments) {
          const Builder::BufferSpec& spec = part.buffers[buffer];
          if (spec.kind == Kind::kInput && spec.index == index) return true;
        }
      }
    }
    return false;
  }

  std::unique_ptr<KernelState> NewState() const override {
    auto state = std::make_unique<State>();
    state->status = Guard([&] {
      for (const Part& part : parts_) {
        PartState& of_part = state->parts.emplace_back();
        for (const auto& buffer : part.buffers) {
          of_part.memories.emplace_back(buffer.desc, Engine(), ConstantBytes(buffer));
        }
        for (const auto& step : part.steps) {
          auto& arguments = of_part.arguments.emplace_back();
          for (const auto& [id, buffer] : step.arguments) arguments[id] = of_part.memories[buffer];
        }
      }
      return absl::OkStatus();
    });
    return state;
  }

  absl::Status Run(KernelContext& context) const override {
    auto& state = *static_cast<State*>(context.state());
    NOMO_RETURN_IF_ERROR(state.status);
    if (parts_.size() == 1) {
      const absl::Status status = RunPart(0, threads_, context, state);
      NoteTeam(threads_);
      return status;
    }
    const int count = static_cast<int>(parts_.size());
    ParallelFor(count, count, [&](int64_t p) {
      state.parts[p].status = RunPart(p, /*threads=*/1, context, state);
    });
    for (const PartState& part : state.parts) NOMO_RETURN_IF_ERROR(part.status);
    return absl::OkStatus();
  }

 private:
  using Kind = Builder::BufferSpec::Kind;
  struct Part {
    std::vector<Builder::BufferSpec> buffers;
    std::vector<Builder::Step> steps;
    int64_t scratch;  // where the part's begins
  };
  struct PartState {
    absl::Status status;
    std::vector<dnnl::memory> memories;
    std::vector<std::unordered_map<int, dnnl::memory>> arguments;  // by step
  };
  struct State : KernelState {
    absl::Status status;
    std::vector<PartState> parts;
  };

  explicit PrimitiveKernel(int threads) : threads_(threads) {}

  void Add(Builder&& builder) {
    parts_.push_back({std::move(builder.buffers_), std::move(builder.steps_), scratch_bytes_});
    scratch_bytes_ += builder.scratch_bytes_;
    may_lose_nan_ |= !builder.keeps_nan_;
    if (description_.empty()) description_ = std::move(builder.description_);
  }

  absl::Status RunPart(int64_t p, int threads, const KernelContext& context, State& state) const {
    const Part& part = parts_[p];
    PartState& of_part = state.parts[p];
    const PrimitiveThreadsScope scope(threads);
    return Guard([&] {
      for (size_t i = 0; i < part.buffers.size(); ++i) {
        if (part.buffers[i].kind == Kind::kConstant) continue;
        of_part.memories[i].set_data_handle(Address(part, part.buffers[i], context));
      }
      dnnl::stream& stream = Stream();
      ConversionObserver* const observer = CurrentConversionObserver();
      for (size_t i = 0; i < part.steps.size(); ++i) {
        const dnnl::primitive& primitive = part.steps[i].primitive;
        if (observer != nullptr && primitive.get_kind() == dnnl::primitive::kind::reorder) {
          RunObserved(primitive, of_part.arguments[i], stream, *observer);
        } else {
          primitive.execute(stream, of_part.arguments[i]);
        }
      }
      stream.wait();
      return absl::OkStatus();
    });
  }

  static void RunObserved(const dnnl::primitive& primitive,
                          const std::unordered_map<int, dnnl::memory>& arguments,
                          dnnl::stream& stream, ConversionObserver& observer) {
    stream.wait();
    const auto start = ConversionObserver::Clock::now();
    primitive.execute(stream, arguments);
    stream.wait();
    observer.AfterConversion(start, ConversionObserver::Clock::now());
  }

  // oneDNN takes void* for what it only reads, too.
  static void* ConstantBytes(const Builder::BufferSpec& buffer) {
    if (buffer.kind != Kind::kConstant) return nullptr;
    return const_cast<std::byte*>(buffer.bytes.raw_data());
  }

  static void* Address(const Part& part, const Builder::BufferSpec& buffer,
                       const KernelContext& context) {
    switch (buffer.kind) {
      case Kind::kInput:
        return context.input_view(static_cast<int>(buffer.index)).data + buffer.offset;
      case Kind::kOutput:
        return context.output_view(static_cast<int>(buffer.index)).data + buffer.offset;
      default:
        return context.scratch() + part.scratch + buffer.offset;
    }
  }

  const int threads_;
  std::vector<Part> parts_;
  int64_t scratch_bytes_ = 0;
  bool may_lose_nan_ = false;
  std::string description_;
};

namespace {

absl::StatusOr<std::unique_ptr<Kernel>> PrepareIn(Builder::Mode mode, bool in_parts,
                                                  const BuildFn& build,
                                                  const PrepareContext& context) {
  if (HasEmptyTensor(context)) return nullptr;
  if (in_parts && context.threads > 1) {
    auto kernel = PrimitiveKernel::Create(mode, build, context, context.threads, /*threads=*/1);
    if (!kernel.ok() || *kernel != nullptr) return kernel;
  }
  const int threads = IsWorthATeam(context) ? PrimitiveThreads(context.threads) : 1;
  return PrimitiveKernel::Create(mode, build, context, /*parts=*/1, threads);
}

PrepareFn PrepareIn(bool in_parts, BuildFn build) {
  return [=, build = std::move(build)](const PrepareContext& context) {
    return PrepareIn(Builder::Mode::kBuild, in_parts, build, context);
  };
}

FastKernel FastIn(bool in_parts, BuildFn build) {
  const auto takes_post_ops = [=](const PrepareContext& context) -> std::optional<bool> {
    auto kernel = PrepareIn(Builder::Mode::kTrial, in_parts, build, context);
    // oneDNN's own reference implementations serve all post-ops, but a step of its own is faster
    // than they are.
    if (!kernel.ok() || *kernel == nullptr) return std::nullopt;
    if (absl::StrContains((*kernel)->Describe(), " ref")) return std::nullopt;
    return true;
  };
  return {PrepareIn(in_parts, std::move(build)), takes_post_ops};
}

}  // namespace

Builder Builder::Trial() const {
  Builder trial(context_, Mode::kTrial);
  trial.part_ = part_;
  trial.cut_ = cut_;
  return trial;
}

std::optional<Builder::Share> Builder::Divide(int axis, int64_t size, int64_t step) {
  const int64_t steps = (size + step - 1) / step;
  if (steps < part_.count) return std::nullopt;
  const auto place = [&](int64_t index) {
    return std::min(size, steps * index / part_.count * step);
  };
  std::vector<int64_t> counts;
  for (int p = 0; p < part_.count; ++p) counts.push_back(place(p + 1) - place(p));
  cut_ = {axis, {place(part_.index), counts[part_.index]}, std::move(counts)};
  return cut_->share;
}

Section Builder::OperandPart(Section operand) const {
  if (!cut_ || DimsOf(operand.desc)[cut_->axis] == 1) return operand;
  return Cut(operand, cut_->axis, cut_->share.begin, cut_->share.count);
}

Builder::Buffer Builder::AddBuffer(BufferSpec::Kind kind, int64_t index, const Section& section) {
  BufferSpec& spec = buffers_.emplace_back();
  spec.kind = kind;
  spec.index = index;
  spec.offset = section.offset;
  spec.desc = section.desc;
  return static_cast<Buffer>(buffers_.size()) - 1;
}

Builder::Buffer Builder::Input(int i, const Section& section) {
  return AddBuffer(BufferSpec::Kind::kInput, i, section);
}

Builder::Buffer Builder::Output(int i, const Section& section) {
  return AddBuffer(BufferSpec::Kind::kOutput, i, section);
}

Builder::Buffer Builder::Scratch(const Desc& desc) {
  Section section(desc);
  section.offset = scratch_bytes_;
  const int64_t bytes = static_cast<int64_t>(desc.get_size());
  scratch_bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return AddBuffer(BufferSpec::Kind::kScratch, 0, section);
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
  const auto same = [&](const Packing& packing) {
    return packing.from.index == from.index && packing.from.offset == from.offset &&
           packing.from.desc == from.desc && packing.to == pd.dst_desc();
  };
  for (const Packing& packing : *packings_) {
    if (same(packing)) return Constant(packing.to, packing.bytes);
  }
  auto bytes_of = [](const Desc& desc) {
    auto bytes = Tensor::Create(DType::kUInt8, {static_cast<int64_t>(desc.get_size())});
    if (!bytes.ok())
      throw OutOfMemory(bytes.status());  // inside of Guard(), as all that calls this
    return *std::move(bytes);
  };
  Tensor packed = bytes_of(pd.dst_desc());
  Tensor scratch = bytes_of(pd.scratchpad_desc());
  const Desc scratch_desc = pd.scratchpad_desc();
  const dnnl::memory source(from.desc, Engine(),
                            const_cast<std::byte*>(value.raw_data()) + from.offset);
  const dnnl::memory target(pd.dst_desc(), Engine(), packed.mutable_raw_data());
  const dnnl::memory scratchpad(scratch_desc, Engine(), scratch.mutable_raw_data());
  dnnl::reorder(pd).execute(
      Stream(),
      {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}, {DNNL_ARG_SCRATCHPAD, scratchpad}});
  Stream().wait();
  packings_->push_back({from, pd.dst_desc(), packed});
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
    const Section section = OperandPart(desc);
    const Buffer given = Input(op.input, section);
    const bool whole = layout != nullptr && DimsOf(*layout) == DimsOf(section.desc);
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

PrepareFn Prepare(BuildFn build) { return PrepareIn(/*in_parts=*/false, std::move(build)); }

FastKernel Fast(BuildFn build) { return FastIn(/*in_parts=*/false, std::move(build)); }

FastKernel FastInParts(BuildFn build) { return FastIn(/*in_parts=*/true, std::move(build)); }

}  // namespace nomograph::onednn
