// Kernels made of oneDNN primitives: the boundary for exceptions, and Builder, with which the fast
// kernel of an op is about twenty lines:
//
//   bool BuildSoftmax(onednn::Builder& b) {
//     const TensorSpec& x = b.context().inputs[0];
//     if (x.dtype != DType::kFloat32) return false;
//     const onednn::Desc desc = onednn::RowMajor(x.dtype, x.shape.dims());
//     const auto pd = onednn::Describe<onednn::SoftmaxForward>(
//         b.Attr(), dnnl::prop_kind::forward_inference, ..., desc, desc, axis);
//     b.Add<onednn::SoftmaxForward>(
//         pd, {{DNNL_ARG_SRC, b.Input(0, desc)}, {DNNL_ARG_DST, b.Output(0, desc)}});
//     return true;
//   }
//   op.Fast(onednn::Prepare(BuildSoftmax));
//
// What lies between versions of oneDNN is in core/onednn/primitives.h, desc.h and runtime.h: code
// that describes primitives by Describe() and asks descriptors by DimsOf() … serves all of them.
//
// oneDNN reports faults by exceptions. None leaves Guard(), and what Prepare() calls runs inside of
// it.
#ifndef NOMOGRAPH_CORE_ONEDNN_ONEDNN_KERNEL_H_
#define NOMOGRAPH_CORE_ONEDNN_ONEDNN_KERNEL_H_

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "nomograph/core/onednn/desc.h"
#include "nomograph/core/onednn/onednn.h"
#include "nomograph/core/onednn/primitives.h"
#include "nomograph/core/onednn/runtime.h"
#include "nomograph/core/op/kernel.h"
#include "nomograph/core/types/memory.h"

namespace nomograph::onednn {

// Runs `f`, which yields a Status or StatusOr, and turns what is thrown into a status.
template <typename F>
auto Guard(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const dnnl::error& error) {
    return ToStatus(error);
  } catch (const OutOfMemory& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for oneDNN");
  }
}

// Whether oneDNN multiplies input 0 by input 1 on this machine: both float32, as the output is, or
// both bfloat16 where HasBFloat16(), with float32 or bfloat16 for the output.
bool MultipliesInputs(const PrepareContext& context);

// Puts together a kernel from primitives that run one after the other.
class Builder {
 public:
  // A trial shows whether the primitives exist: constants are not packed.
  enum class Mode { kBuild, kTrial };
  explicit Builder(const PrepareContext& context, Mode mode = Mode::kBuild)
      : context_(context), mode_(mode) {}
  // Another one for the same part of the same node.
  Builder Trial() const;

  const PrepareContext& context() const { return context_; }

  // Whether the kernel is to compute a part of the node's output, and other kernels the others:
  // FastInParts(). It then must call Divide(), ahead of anything else.
  bool IsPart() const { return part_.count > 1; }
  // Which of the `size` places along an axis of the primitive's output are those of this part. All
  // parts but the last have a multiple of `step`. None where that is too much for there to be
  // enough for all. The operands of post-ops are then cut as well.
  struct Share {
    int64_t begin, count;
  };
  std::optional<Share> Divide(int axis, int64_t size, int64_t step);
  // What this part needs of an operand that broadcasts to the primitive's output.
  Section OperandPart(Section operand) const;

  // Whether input i's value is known now. Only then is a layout of the primitive's choice sure to
  // be worth its copy.
  bool is_constant(int i) const {
    return i < static_cast<int>(context_.constants.size()) && context_.constants[i].valid();
  }

  // Something that an argument of a primitive can be.
  using Buffer = int;
  using Argument = std::pair<int, Buffer>;  // DNNL_ARG_*
  Buffer Input(int i, const Section& section);
  Buffer Output(int i, const Section& section);
  // Memory for one run.
  Buffer Scratch(const Desc& desc);
  // The memory of `buffer` under another descriptor.
  Buffer Alias(Buffer buffer, const Desc& desc);
  // Elements that the kernel keeps. REQUIRES: `bytes` holds the descriptor's size.
  Buffer Constant(const Desc& desc, Tensor bytes);
  // The elements of `buffer` as `wanted` has them. Where the two differ they are copied: now, where
  // the buffer is an input that is constant, else at each run.
  Buffer Reordered(Buffer buffer, const Desc& wanted);
  // Copies the elements of `from` into `to`, which has as many, at each run.
  void Copy(Buffer from, Buffer to);

  // Post-ops of the primitive that is added next, in this order. For a binary one the operand's
  // axes must each have the size of the primitive's output, or 1. False where the primitive cannot
  // have it behind those that it has.
  [[nodiscard]] bool PostEltwise(const Eltwise& eltwise);
  void PostBinary(int algorithm, Buffer operand);
  // Those that were fused into the node. `operand_desc` describes a binary one's other operand with
  // the axes of the primitive's output; it yields false where that is impossible, and so does this
  // function.
  using OperandDesc = std::function<bool(const TensorSpec& operand, Desc& desc)>;
  [[nodiscard]] bool PostNodeOps(const OperandDesc& operand_desc, const Desc* layout = nullptr);
  // For outputs that the primitive sees as Permuted(…, axes). Operands of the output's whole shape
  // are copied into `layout` where that is given.
  [[nodiscard]] bool PostNodeOps(absl::Span<const int> axes, const Desc* layout = nullptr);

  // The attributes that every primitive must be created with: they name the post-ops so far.
  dnnl::primitive_attr Attr() const;

  // Appends a primitive, with its scratchpad and the operands of its post-ops.
  template <typename Primitive, typename PrimitiveDesc>
  void Add(const PrimitiveDesc& pd, std::vector<Argument> arguments) {
    const Primitive primitive(pd);
    keeps_nan_ &= IsArithmetic(primitive.get_kind(), pd, post_ops_);
    AddStep(primitive, pd, std::move(arguments), std::exchange(post_arguments_, {}));
    post_ops_ = dnnl::post_ops();
  }

 private:
  friend class PrimitiveKernel;
  struct BufferSpec {
    enum class Kind { kInput, kOutput, kScratch, kConstant };
    Kind kind;
    int64_t index;   // of the input or output
    int64_t offset;  // of the first element, in bytes from there, or in scratch
    Desc desc;
    Tensor bytes;  // kConstant
  };
  struct Step {
    dnnl::primitive primitive;
    std::vector<Argument> arguments;
  };

  struct Part {
    int index = 0, count = 1;
  };
  struct AxisShare {
    int axis;
    Share share;
    std::vector<int64_t> counts;  // of all parts
  };
  // What was packed of the node's constants, which the parts share.
  struct Packing {
    BufferSpec from;
    Desc to;
    Tensor bytes;
  };

  Buffer AddBuffer(BufferSpec::Kind kind, int64_t index, const Section& section);
  void AddStep(dnnl::primitive primitive, const dnnl::primitive_desc_base& pd,
               std::vector<Argument> arguments, const std::vector<Argument>& post_arguments);
  Buffer Packed(const BufferSpec& from, const Tensor& value,
                const dnnl::reorder::primitive_desc& pd);

  const PrepareContext& context_;
  const Mode mode_;
  Part part_;
  std::optional<AxisShare> cut_;
  std::vector<Packing>* packings_ = nullptr;
  std::vector<BufferSpec> buffers_;
  std::vector<Step> steps_;
  int64_t scratch_bytes_ = 0;
  bool keeps_nan_ = true;
  dnnl::post_ops post_ops_;
  std::vector<Argument> post_arguments_;
  std::string description_ = "oneDNN";
};

// Adds an op's primitives; false where they do not serve the node. It may throw what oneDNN throws:
// a node that oneDNN refuses is one that it does not serve.
using BuildFn = std::function<bool(Builder&)>;
// For OpDef::Fast. Nodes with an empty tensor are left to the reference kernel.
PrepareFn Prepare(BuildFn build);
// The same for a kernel that applies post-ops, where the primitives do.
FastKernel Fast(BuildFn build);
// The same for one that may be divided: where threads share the node, each part of the output has
// primitives of its own, which run on one thread of our loops' (core/numeric/threads.h). What
// `build` does not divide is left to the threads of oneDNN's.
FastKernel FastInParts(BuildFn build);

}  // namespace nomograph::onednn

#endif  // NOMOGRAPH_CORE_ONEDNN_ONEDNN_KERNEL_H_
