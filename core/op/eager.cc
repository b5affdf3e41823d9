#include "nomograph/core/op/eager.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "nomograph/core/op/keep_nan.h"
#include "nomograph/core/op/widened_kernel.h"
#include "nomograph/core/types/float16.h"
#include "nomograph/core/types/memory.h"

namespace nomograph {
namespace {

absl::StatusOr<std::unique_ptr<Kernel>> PrepareFast(const OpDef& op, const PrepareContext& context,
                                                    KernelChoice choice) {
  for (const FastKernel& fast : op.fast) {
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, fast.prepare(context));
    if (kernel == nullptr) continue;
    if (choice == KernelChoice::kFast || !MayLoseNan(*kernel)) return kernel;
  }
  return nullptr;
}

// For 16-bit floating point: the reference kernel serves float32 as well where nothing is rounded
// between its inputs and outputs, and is faster than with 16-bit elements. That is so for an
// elementwise op, the only kind that is computed in place, and where no output is floating point.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareFastOrExact(const OpDef& op,
                                                           const PrepareContext& context,
                                                           KernelChoice choice) {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, PrepareFast(op, context, choice));
  if (kernel != nullptr || !op.reference || !context.post_ops.empty()) return kernel;
  const bool rounds =
      std::any_of(context.outputs.begin(), context.outputs.end(),
                  [](const TensorSpec& output) { return output.dtype == DType::kFloat32; });
  if (rounds && !op.in_place) return nullptr;
  return MakeComputeKernel(op.reference, "reference");
}

// Whether the node is a product of 16-bit numbers whose sums stay in float32, as compiling makes
// them (core/compile/assign_precision.cc): the op by itself would round them.
bool KeepsWideSums(const OpDef& op, const PrepareContext& context) {
  if (op.low_precision != LowPrecision::kGains || context.outputs.empty() ||
      context.outputs[0].dtype != DType::kFloat32) {
    return false;
  }
  return std::any_of(context.inputs.begin(), context.inputs.end(),
                     [](const TensorSpec& input) { return Is16BitFloat(input.dtype); });
}

absl::StatusOr<std::unique_ptr<Kernel>> ChooseKernel(const OpDef& op, const PrepareContext& context,
                                                     KernelChoice choice) {
  if (choice != KernelChoice::kReference) {
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, PrepareFast(op, context, choice));
    if (kernel != nullptr) return kernel;
    const auto prepare_wide = [&](const PrepareContext& wide) {
      return PrepareFastOrExact(op, wide, choice);
    };
    NOMO_ASSIGN_OR_RETURN(kernel, PrepareWidened(op, context, prepare_wide));
    if (kernel != nullptr) return kernel;
  }
  if (!context.post_ops.empty()) {
    return absl::InternalError(
        absl::StrCat("op ", op.name, " has no kernel that applies what was fused behind it"));
  }
  if (op.reference && KeepsWideSums(op, context)) {
    const auto prepare_reference = [&](const PrepareContext&) {
      return absl::StatusOr<std::unique_ptr<Kernel>>(MakeComputeKernel(op.reference, "reference"));
    };
    NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel,
                          PrepareWidened(op, context, prepare_reference));
    if (kernel != nullptr) return kernel;
  }
  if (op.reference) return MakeComputeKernel(op.reference, "reference");
  return absl::UnimplementedError(absl::StrCat("op ", op.name, " has no ",
                                               choice != KernelChoice::kReference
                                                   ? "kernel for these types and shapes"
                                                   : "reference kernel"));
}

}  // namespace

KernelContextBuilder::KernelContextBuilder(absl::Span<const TensorView> inputs,
                                           absl::Span<TensorView> outputs,
                                           absl::Span<Tensor> owned_outputs,
                                           const Attributes& attrs, const RunContext& run,
                                           uint64_t node_key) {
  context_.inputs_ = inputs;
  context_.outputs_ = outputs;
  context_.owned_outputs_ = owned_outputs;
  context_.attrs_ = &attrs;
  context_.run_ = &run;
  context_.node_key_ = node_key;
}

void KernelContextBuilder::SetMemory(std::byte* scratch, KernelState* state, TensorPool* pool) {
  context_.pool_ = pool;
  context_.scratch_ = scratch;
  context_.state_ = state;
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareKernel(const OpDef& op,
                                                      const PrepareContext& context,
                                                      KernelChoice choice) {
  return CatchExceptions([&] { return ChooseKernel(op, context, choice); });
}

absl::Status RunKernel(const Kernel& kernel, KernelContext& context) {
  return CatchExceptions([&] { return kernel.Run(context); });
}

Shape KnownSizes(const PartialShape& shape) {
  Shape sizes;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    sizes.Append(shape[axis].known() ? shape[axis].size() : 0);
  }
  return sizes;
}

absl::Status CheckAllocated(int i, const Shape& shape, const PartialShape& known) {
  if (Matches(shape, known)) return absl::OkStatus();
  return InvalidArgument("output ", i, " has shape ", known.ToString(), ", the kernel yields ",
                         shape.ToString());
}

absl::StatusOr<std::vector<Tensor>> RunOp(const OpDef& op, absl::Span<const Tensor> inputs,
                                          const Attributes& attrs, const RunOpOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const Attributes resolved, ResolveAttributes(op.attrs, attrs));
  std::vector<TensorType> input_types;
  std::vector<TensorSpec> input_specs;
  std::vector<TensorView> input_views;
  for (const Tensor& input : inputs) {
    input_types.push_back(input.type());
    input_specs.push_back({input.dtype(), input.shape()});
    input_views.push_back(
        {input.dtype(), &input.shape(), const_cast<std::byte*>(input.raw_data())});
  }
  const InferContext infer(resolved, input_types, inputs, options.num_outputs);
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> output_types, InferNode(op, infer));

  std::vector<Tensor> outputs(options.num_outputs);
  std::vector<TensorSpec> output_specs;
  std::vector<TensorView> output_views;
  std::vector<Shape> known_sizes(options.num_outputs);
  bool shapes_known = true;
  for (int i = 0; i < options.num_outputs; ++i) {
    const TensorType& type = output_types[i];
    known_sizes[i] = KnownSizes(type.shape);
    TensorView view{type.dtype, &known_sizes[i], nullptr};
    if (type.shape.fully_known()) {
      NOMO_ASSIGN_OR_RETURN(outputs[i], Tensor::Create(type.dtype, type.shape.ToShape()));
      view.data = outputs[i].mutable_raw_data();
    } else {
      shapes_known = false;
    }
    output_views.push_back(view);
    output_specs.push_back({type.dtype, outputs[i].shape()});
  }
  const PrepareContext prepare{resolved, input_specs, output_specs, inputs, {}, options.threads};
  NOMO_ASSIGN_OR_RETURN(
      std::unique_ptr<Kernel> kernel,
      PrepareKernel(op, prepare,
                    options.fast && shapes_known ? KernelChoice::kFast : KernelChoice::kReference));

  KernelContextBuilder builder(input_views, absl::MakeSpan(output_views), absl::MakeSpan(outputs),
                               resolved, options.run, options.node_key);
  const std::unique_ptr<KernelState> state = kernel->NewState();
  NOMO_ASSIGN_OR_RETURN(Tensor scratch, Tensor::Create(DType::kUInt8, {kernel->scratch_bytes()}));
  if (options.poison_scratch) {
    constexpr uint32_t kSignalingNan = 0x7fa00000;
    for (int64_t i = 0; i + 4 <= scratch.num_bytes(); i += 4) {
      std::memcpy(scratch.mutable_raw_data() + i, &kSignalingNan, sizeof(kSignalingNan));
    }
  }
  builder.SetMemory(scratch.mutable_raw_data(), state.get());
  NOMO_RETURN_IF_ERROR(RunKernel(*kernel, builder.context()));
  for (int i = 0; i < options.num_outputs; ++i) {
    if (!outputs[i].valid())
      return absl::InternalError(absl::StrCat("the kernel did not allocate output ", i));
    NOMO_RETURN_IF_ERROR(CheckAllocated(i, outputs[i].shape(), output_types[i].shape));
  }
  return outputs;
}

}  // namespace nomograph
