#include "nomograph/ops/array/copy_op.h"

#include <algorithm>

namespace nomograph {
namespace {

class PlannedCopy : public Kernel, public RangeCopyingKernel {
 public:
  PlannedCopy(CopyPlan plan, int threads) : plan_(std::move(plan)), threads_(threads) {}
  absl::Status Run(KernelContext& context) const override {
    plan_.Run(context, threads_);
    return absl::OkStatus();
  }
  std::vector<CopiedRange> CopiedRanges() const override { return plan_.Ranges(); }
  std::string Describe() const override { return "planned copy"; }

 private:
  const CopyPlan plan_;
  const int threads_;
};

ComputeFn PlanAndCopy(const InferFn& infer, const PlanFn& make_plan) {
  return [=](KernelContext& context) -> absl::Status {
    const ConcreteNode node(context);
    NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, infer));
    std::vector<Shape> outputs;
    for (int i = 0; i < context.num_outputs(); ++i) outputs.push_back(context.output_shape(i));
    CopyPlan plan(DTypeSize(context.output_dtype(0)));
    NOMO_RETURN_IF_ERROR(make_plan(node.context(), outputs, plan));
    plan.Run(context);
    return absl::OkStatus();
  };
}

// The shapes of the outputs, by the shape function. It is asked again when a kernel is prepared
// because a shape that was declared may have been believed before the parameters were known.
absl::StatusOr<std::vector<Shape>> OutputShapes(const InferContext& node, const InferFn& infer,
                                                absl::Span<const TensorSpec> outputs) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> types, infer(node));
  std::vector<Shape> shapes;
  for (size_t i = 0; i < outputs.size(); ++i) {
    shapes.push_back(types[i].shape.ToShape());
    if (shapes.back() != outputs[i].shape) {
      return InvalidArgument("output ", i, ": expected shape ", shapes.back().ToString(),
                             ", found ", outputs[i].shape.ToString());
    }
  }
  return shapes;
}

PrepareFn PrepareCopy(const InferFn& infer, const PlanFn& make_plan,
                      const std::vector<int>& parameters) {
  return [=](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    const auto known = [&](int input) {
      return !context.has_input(input) || (input < static_cast<int>(context.constants.size()) &&
                                           context.constants[input].valid());
    };
    if (!std::all_of(parameters.begin(), parameters.end(), known)) return nullptr;
    std::vector<TensorType> inputs;
    for (const TensorSpec& spec : context.inputs) inputs.push_back({spec.dtype, spec.shape});
    const InferContext node(context.attrs, inputs, context.constants,
                            static_cast<int>(context.outputs.size()));
    NOMO_ASSIGN_OR_RETURN(const std::vector<Shape> outputs,
                          OutputShapes(node, infer, context.outputs));
    CopyPlan plan(DTypeSize(context.outputs[0].dtype));
    NOMO_RETURN_IF_ERROR(make_plan(node, outputs, plan));
    return std::make_unique<PlannedCopy>(std::move(plan), context.threads);
  };
}

}  // namespace

OpDef CopyOp(OpDef op, PlanFn plan, std::vector<int> parameters) {
  op.Reference(PlanAndCopy(op.infer, plan));
  op.Fast(PrepareCopy(op.infer, plan, parameters));
  return op;
}

OpDef ViewOp(OpDef op) {
  return op.View().Reference([infer = op.infer](KernelContext& context) -> absl::Status {
    const ConcreteNode node(context);
    NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, infer));
    return context.SetOutput(0, context.BorrowInput(0).Reshaped(context.output_shape(0)));
  });
}

}  // namespace nomograph
