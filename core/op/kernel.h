// Kernels: the code that runs an op. A kernel is chosen for an op, prepared once for concrete
// shapes, then run often.
#ifndef NOMOGRAPH_CORE_OP_KERNEL_H_
#define NOMOGRAPH_CORE_OP_KERNEL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/tensor.h"

namespace nomograph {

class TensorPool;

// The mutable variables of a session, as the state ops see them.
class VariableStore {
 public:
  virtual ~VariableStore() = default;
  // NotFound when there is no such variable.
  virtual absl::StatusOr<Tensor> Read(absl::string_view name) const = 0;
  virtual absl::Status Assign(absl::string_view name, Tensor value) = 0;
  // The variable's own memory, to be changed in place.
  virtual absl::StatusOr<Tensor> Edit(absl::string_view name) = 0;
};

struct RunContext;

// Runs functions of the model's library, as the control-flow ops need it.
class FunctionCaller {
 public:
  virtual ~FunctionCaller() = default;
  virtual absl::StatusOr<std::vector<Tensor>> Call(absl::string_view function,
                                                   absl::Span<const Tensor> inputs,
                                                   const RunContext& run) = 0;
};

// What one run hands to every kernel beside the tensors.
struct RunContext {
  bool training = false;  // dropout and random augmentation are identities in inference
  uint64_t seed = 0;
  uint64_t step = 0;       // counts the training steps; random ops draw anew at each
  uint64_t call_path = 0;  // tells apart the calls of one function, e.g. a loop's iterations
  VariableStore* variables = nullptr;
  FunctionCaller* functions = nullptr;
};

// FailedPrecondition where the run has none.
absl::StatusOr<VariableStore*> VariablesOf(const RunContext& run);

// A tensor in memory that something else owns.
struct TensorView {
  DType dtype = DType::kInvalid;  // kInvalid: an optional input that is absent, or an output not
                                  // yet allocated
  const Shape* shape = nullptr;
  std::byte* data = nullptr;
};

// What a kernel keeps between runs but not between threads, e.g. library objects that hold
// pointers.
class KernelState {
 public:
  virtual ~KernelState() = default;
};

// One run of one node. Inputs are read-only. Outputs whose shapes are known beforehand are
// allocated and hold garbage; the others, whose shapes depend on the data, are allocated by the
// kernel, and until then show the sizes that are known and 0 for those that are not.
class KernelContext {
 public:
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }
  bool has_input(int i) const { return i < num_inputs() && inputs_[i].dtype != DType::kInvalid; }
  DType input_dtype(int i) const { return inputs_[i].dtype; }
  DType output_dtype(int i) const { return outputs_[i].dtype; }
  const Shape& input_shape(int i) const { return *inputs_[i].shape; }
  const Shape& output_shape(int i) const { return *outputs_[i].shape; }
  const TensorView& input_view(int i) const { return inputs_[i]; }
  const TensorView& output_view(int i) const { return outputs_[i]; }

  // The elements. REQUIRES: T is the element type.
  template <typename T>
  absl::Span<const T> input(int i) const {
    NOMO_CHECK(inputs_[i].dtype == kDTypeOf<T>);
    return absl::MakeConstSpan(reinterpret_cast<const T*>(inputs_[i].data),
                               inputs_[i].shape->num_elements());
  }
  template <typename T>
  absl::Span<T> output(int i) const {
    NOMO_CHECK(outputs_[i].dtype == kDTypeOf<T>);
    return absl::MakeSpan(reinterpret_cast<T*>(outputs_[i].data),
                          outputs_[i].shape->num_elements());
  }
  // The input as a Tensor that borrows the memory: valid during this run only.
  Tensor BorrowInput(int i) const;

  // For outputs whose shape was not known: allocates them. InvalidArgument when the shape
  // contradicts the known one.
  absl::Status AllocateOutput(int i, const Shape& shape);
  // Copies `value` into the output, which is allocated where its shape was not known.
  absl::Status SetOutput(int i, const Tensor& value);

  const Attributes& attrs() const { return *attrs_; }
  const RunContext& run() const { return *run_; }
  // FailedPrecondition where no session runs this node.
  absl::StatusOr<VariableStore*> variables() const { return VariablesOf(*run_); }
  // The same for the same node name and call path on every machine: half of a random op's key (the
  // other is the seed).
  uint64_t node_key() const { return node_key_; }
  std::byte* scratch() const { return scratch_; }
  KernelState* state() const { return state_; }

 private:
  friend class Executor;
  friend class KernelContextBuilder;
  absl::Span<const TensorView> inputs_;
  absl::Span<TensorView> outputs_;
  absl::Span<Tensor> owned_outputs_;  // where AllocateOutput puts the memory
  TensorPool* pool_ = nullptr;        // from which it takes it, if any
  const Attributes* attrs_ = nullptr;
  const RunContext* run_ = nullptr;
  uint64_t node_key_ = 0;
  std::byte* scratch_ = nullptr;
  KernelState* state_ = nullptr;
};

// A kernel without preparation: reference kernels and most kernels of users.
using ComputeFn = std::function<absl::Status(KernelContext&)>;

// What is known of a tensor when a kernel is prepared.
struct TensorSpec {
  DType dtype = DType::kInvalid;  // kInvalid: an optional input that is absent
  Shape shape;
};

// An operation that is applied to a kernel's output element by element before it is stored.
struct PostOp {
  enum class Kind { kEltwise, kBinary };
  Kind kind = Kind::kEltwise;
  int algorithm = 0;  // a dnnl::algorithm
  float alpha = 0, beta = 0;
  // kBinary: the other operand. It is an input of the node, after the op's own.
  int input = -1;
};

// A node with concrete shapes, for which a kernel is prepared.
struct PrepareContext {
  const Attributes& attrs;
  absl::Span<const TensorSpec> inputs;
  absl::Span<const TensorSpec> outputs;
  absl::Span<const Tensor> constants;  // for each input its value where it is constant (weights,
                                       // for packing), else invalid
  absl::Span<const PostOp> post_ops;
  int threads = 1;

  bool has_input(int i) const {
    return i < static_cast<int>(inputs.size()) && inputs[i].dtype != DType::kInvalid;
  }
};

// A kernel that has been prepared. Thread-safe: Run() may be called from several threads with
// different contexts.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual absl::Status Run(KernelContext& context) const = 0;
  // Memory (64-byte aligned) that Run() may use; its contents are lost between runs.
  virtual int64_t scratch_bytes() const { return 0; }
  virtual std::unique_ptr<KernelState> NewState() const { return nullptr; }
  // False for a constant of which the kernel has a packed copy: its own memory may be given back.
  virtual bool ReadsInput(int /*index*/) const { return true; }
  // For listings: "reference", "oneDNN brgemm:avx512", ….
  virtual std::string Describe() const = 0;
};

// Null: this kernel does not serve these dtypes, shapes or attributes, and the next one is asked.
// An error: nothing can.
using PrepareFn = std::function<absl::StatusOr<std::unique_ptr<Kernel>>(const PrepareContext&)>;
// Whether the kernel applies the node's post-ops; none where it does not serve the node, so that
// the op's next kernel is asked. Kernels that apply none may say here whether they round factors.
using TakesPostOpsFn = std::function<std::optional<bool>(const PrepareContext&)>;
// What OpDef::Fast() takes.
struct FastKernel {
  PrepareFn prepare;
  TakesPostOpsFn takes_post_ops;  // none: it applies none
};

// The fast kernel of the nodes that `describe` knows, where `steps_of` knows what they fuse:
//   optional<Node> describe(const PrepareContext&);
//   optional<Steps> steps_of(const Node&, const PrepareContext&);
//   StatusOr<unique_ptr<Kernel>> make(Node, Steps, const PrepareContext&);
template <typename Describe, typename StepsOf, typename Make>
FastKernel FusingKernel(Describe describe, StepsOf steps_of, Make make) {
  return {.prepare = [=](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
            auto node = describe(context);
            if (!node) return nullptr;
            auto steps = steps_of(*node, context);
            if (!steps) return nullptr;
            return make(*std::move(node), *std::move(steps), context);
          },
          .takes_post_ops = [=](const PrepareContext& context) -> std::optional<bool> {
            const auto node = describe(context);
            if (!node) return std::nullopt;
            return steps_of(*node, context).has_value();
          }};
}

// A Kernel that calls `compute`, which may use that much scratch memory.
std::unique_ptr<Kernel> MakeComputeKernel(ComputeFn compute, std::string description,
                                          int64_t scratch_bytes = 0);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_KERNEL_H_
