#include "nomograph/core/op/widened_kernel.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/keep_nan.h"
#include "nomograph/core/types/float16.h"

namespace nomograph {
namespace {

constexpr int64_t kAlignment = 64;

int64_t Float32Bytes(const Shape& shape) {
  const int64_t bytes = shape.num_elements() * DTypeSize(DType::kFloat32);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// An input or output of the inner kernel.
struct Port {
  bool converted = false;
  Shape shape;
  Tensor constant;     // the converted value of a constant that the inner kernel reads
  int64_t offset = 0;  // else of the converted elements, in scratch memory
};

class WidenedKernel : public Kernel, public LossyKernel {
 public:
  WidenedKernel(std::vector<Port> inputs, std::vector<Port> outputs, int threads,
                std::unique_ptr<Kernel> inner)
      : inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        threads_(threads),
        inner_(std::move(inner)) {
    scratch_bytes_ = (inner_->scratch_bytes() + kAlignment - 1) / kAlignment * kAlignment;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!inner_->ReadsInput(static_cast<int>(i))) inputs_[i].constant = Tensor();
      if (Converts(i)) Place(inputs_[i]);
    }
    for (Port& output : outputs_) {
      if (output.converted) Place(output);
    }
  }

  absl::Status Run(KernelContext& context) const override {
    absl::InlinedVector<TensorView, 8> inputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      inputs.push_back(context.input_view(static_cast<int>(i)));
      if (!inputs_[i].converted) continue;
      const TensorView given = inputs[i];
      inputs[i] = View(inputs_[i], context);
      if (Converts(i)) ConvertOnThreads(given, inputs[i], threads_);
    }
    absl::InlinedVector<TensorView, 4> outputs;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      outputs.push_back(outputs_[i].converted ? View(outputs_[i], context)
                                              : context.output_view(static_cast<int>(i)));
    }
    absl::InlinedVector<Tensor, 4> owned(outputs_.size());
    KernelContextBuilder builder(inputs, absl::MakeSpan(outputs), absl::MakeSpan(owned),
                                 context.attrs(), context.run(), context.node_key());
    builder.SetMemory(context.scratch(), context.state());
    NOMO_RETURN_IF_ERROR(inner_->Run(builder.context()));
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (!outputs_[i].converted) continue;
      ConvertOnThreads(outputs[i], context.output_view(static_cast<int>(i)), threads_);
    }
    return absl::OkStatus();
  }

  int64_t scratch_bytes() const override { return scratch_bytes_; }
  std::unique_ptr<KernelState> NewState() const override { return inner_->NewState(); }
  bool ReadsInput(int index) const override {
    return inputs_[index].converted ? Converts(index) : inner_->ReadsInput(index);
  }
  bool MayLoseNan() const override { return nomograph::MayLoseNan(*inner_); }
  std::string Describe() const override { return absl::StrCat(inner_->Describe(), " in float32"); }

 private:
  // Whether input i is converted at each run.
  bool Converts(size_t i) const {
    return inputs_[i].converted && !inputs_[i].constant.valid() &&
           inner_->ReadsInput(static_cast<int>(i));
  }

  void Place(Port& port) {
    port.offset = scratch_bytes_;
    scratch_bytes_ += Float32Bytes(port.shape);
  }

  static TensorView View(const Port& port, const KernelContext& context) {
    auto* data = port.constant.valid() ? const_cast<std::byte*>(port.constant.raw_data())
                                       : context.scratch() + port.offset;
    return {DType::kFloat32, &port.shape, data};
  }

  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  const int threads_;
  const std::unique_ptr<Kernel> inner_;
  int64_t scratch_bytes_ = 0;
};

// Whether input i may be float32 as well.
bool TakesFloat32(const OpDef& op, size_t i) {
  const std::string& type = op.inputs[std::min(i, op.inputs.size() - 1)].type;
  const auto var = std::find_if(op.type_vars.begin(), op.type_vars.end(),
                                [&](const auto& v) { return v.first == type; });
  return var != op.type_vars.end() && var->second.Contains(DType::kFloat32);
}

// A node with float32 in place of the 16-bit types.
struct WideNode {
  std::vector<TensorSpec> input_specs, output_specs;
  std::vector<Tensor> constants;
  std::vector<Port> inputs, outputs;
};

// False where the op does not take these inputs as float32.
absl::StatusOr<bool> WidenInputs(const OpDef& op, const PrepareContext& context, WideNode& wide) {
  bool any = false;
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    TensorSpec spec = context.inputs[i];
    Tensor constant = i < context.constants.size() ? context.constants[i] : Tensor();
    Port& port = wide.inputs.emplace_back();
    port.converted = Is16BitFloat(spec.dtype);
    port.shape = spec.shape;
    if (port.converted) {
      if (!TakesFloat32(op, i)) return false;
      any = true;
      spec.dtype = DType::kFloat32;
      if (constant.valid()) {
        NOMO_ASSIGN_OR_RETURN(port.constant, Tensor::Create(DType::kFloat32, spec.shape));
        ConvertElements(constant.dtype(), constant.raw_data(), DType::kFloat32,
                        port.constant.mutable_raw_data(), constant.num_elements());
        constant = port.constant;
      }
    }
    wide.input_specs.push_back(std::move(spec));
    wide.constants.push_back(std::move(constant));
  }
  return any;
}

// False where the outputs do not follow: an attribute may name their types.
bool WidenOutputs(const OpDef& op, const PrepareContext& context, WideNode& wide) {
  std::vector<TensorType> types;
  for (const TensorSpec& spec : wide.input_specs) {
    types.push_back(spec.dtype == DType::kInvalid ? TensorType{}
                                                  : TensorType{spec.dtype, spec.shape});
  }
  const auto outputs = InferNode(op, InferContext(context.attrs, types, wide.constants,
                                                  static_cast<int>(context.outputs.size())));
  if (!outputs.ok() || outputs->size() < context.outputs.size()) return false;
  for (size_t i = 0; i < context.outputs.size(); ++i) {
    TensorSpec spec = context.outputs[i];
    const DType inferred = (*outputs)[i].dtype;
    Port& port = wide.outputs.emplace_back();
    port.converted = Is16BitFloat(spec.dtype) && inferred == DType::kFloat32;
    port.shape = spec.shape;
    if (port.converted) spec.dtype = DType::kFloat32;
    if (spec.dtype != inferred) return false;
    wide.output_specs.push_back(std::move(spec));
  }
  return true;
}

}  // namespace

void ConvertOnThreads(const TensorView& from, const TensorView& to, int threads) {
  constexpr int64_t kChunk = 1 << 14;
  const int64_t count = from.shape->num_elements();
  ParallelFor(threads, (count + kChunk - 1) / kChunk, [&](int64_t chunk) {
    const int64_t begin = chunk * kChunk;
    ConvertElements(from.dtype, from.data + begin * DTypeSize(from.dtype), to.dtype,
                    to.data + begin * DTypeSize(to.dtype), std::min(kChunk, count - begin));
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareWidened(const OpDef& op,
                                                       const PrepareContext& context,
                                                       PrepareWideFn prepare) {
  const bool calls = std::any_of(op.attrs.begin(), op.attrs.end(), [](const AttrDef& attr) {
    return attr.type == AttrType::kFunction;
  });
  if (op.effects != Effects::kPure || calls || op.inputs.empty()) return nullptr;
  WideNode wide;
  NOMO_ASSIGN_OR_RETURN(const bool widened, WidenInputs(op, context, wide));
  if (!widened || !WidenOutputs(op, context, wide)) return nullptr;
  const PrepareContext wide_context{context.attrs,  wide.input_specs, wide.output_specs,
                                    wide.constants, context.post_ops, context.threads};
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> inner, prepare(wide_context));
  if (inner == nullptr) return nullptr;
  return std::make_unique<WidenedKernel>(std::move(wide.inputs), std::move(wide.outputs),
                                         context.threads, std::move(inner));
}

}  // namespace nomograph
