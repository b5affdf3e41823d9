// Integers that a node has either as an attribute or as an input tensor: shapes, axes, sizes. An
// attribute is known when the model is built; an input may be known only when the node runs.
#ifndef NOMOGRAPH_CORE_OP_INT_ARGS_H_
#define NOMOGRAPH_CORE_OP_INT_ARGS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "nomograph/core/op/op.h"

namespace nomograph {

struct IntsArg {
  bool given = false;  // as an attribute or as an input
  bool known = false;  // then `values` has them
  std::vector<int64_t> values;
  Dim count;  // how many there are, also where they are not known
};

// Reads attribute `attr` (int or ints) or else input number `input`, a scalar or vector of
// integers. InvalidArgument when both are given or the input has more than one axis.
absl::StatusOr<IntsArg> GetInts(const InferContext& context, absl::string_view attr, int input);
// The same where one of the two must be given.
absl::StatusOr<IntsArg> GetRequiredInts(const InferContext& context, absl::string_view attr,
                                        int input);
// The same for a single integer. `count` is 1.
absl::StatusOr<IntsArg> GetInt(const InferContext& context, absl::string_view attr, int input);
// The sizes of a shape, one of the two being required. InvalidArgument when one is negative.
absl::StatusOr<PartialShape> GetShape(const InferContext& context, absl::string_view attr,
                                      int input);

// A shape of `rank` unknown sizes; of unknown rank where `rank` is unknown. InvalidArgument above
// kMaxRank.
absl::StatusOr<PartialShape> UnknownShape(const Dim& rank);

// A running node as its shape function sees it when all is known: concrete shapes, and every input
// a constant. With it shape functions and kernels share the code that reads arguments.
class ConcreteNode {
 public:
  // The KernelContext must outlive the object.
  explicit ConcreteNode(const KernelContext& context);
  ConcreteNode(const ConcreteNode&) = delete;
  ConcreteNode& operator=(const ConcreteNode&) = delete;
  const InferContext& context() const { return infer_; }

 private:
  std::vector<TensorType> types_;
  std::vector<Tensor> constants_;
  InferContext infer_;
};

// Runs the shape function on what is there now: allocates the outputs that are not yet, and checks
// the others. InvalidArgument when the inputs' values do not fit or contradict a shape that was
// declared.
absl::Status AllocateOutputs(KernelContext& context, const ConcreteNode& node,
                             const InferFn& infer);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_INT_ARGS_H_
