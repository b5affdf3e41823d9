#include "nomograph/core/op/int_args.h"

namespace nomograph {
namespace {

std::vector<TensorType> InputTypes(const KernelContext& context) {
  std::vector<TensorType> types(context.num_inputs());
  for (int i = 0; i < context.num_inputs(); ++i) {
    if (context.has_input(i)) types[i] = {context.input_dtype(i), context.input_shape(i)};
  }
  return types;
}

std::vector<Tensor> InputValues(const KernelContext& context) {
  std::vector<Tensor> values(context.num_inputs());
  for (int i = 0; i < context.num_inputs(); ++i) {
    if (context.has_input(i)) values[i] = context.BorrowInput(i);
  }
  return values;
}

IntsArg KnownInts(std::vector<int64_t> values) {
  IntsArg arg{.given = true, .known = true, .values = std::move(values)};
  arg.count = Dim(static_cast<int64_t>(arg.values.size()));
  return arg;
}

}  // namespace

absl::StatusOr<IntsArg> GetInts(const InferContext& context, absl::string_view attr, int input) {
  const AttrValue* value = context.attrs().Find(attr);
  if (value != nullptr && context.has_input(input)) {
    return InvalidArgument(attr, " is given twice, as an attribute and as input ", input);
  }
  if (value != nullptr) {
    if (const int64_t* number = value->As<int64_t>()) return KnownInts({*number});
    return KnownInts(*value->As<std::vector<int64_t>>());
  }
  if (!context.has_input(input)) return IntsArg{};
  const PartialShape& shape = context.shape(input);
  if (shape.rank() > 1) {
    return InvalidArgument(attr, ": expected a scalar or vector, found shape ", shape.ToString());
  }
  if (const Tensor* constant = context.constant(input)) return KnownInts(constant->ToInts());
  IntsArg unknown{.given = true};
  if (shape.has_rank()) unknown.count = shape.rank() == 0 ? Dim(1) : shape[0];
  return unknown;
}

absl::StatusOr<IntsArg> GetRequiredInts(const InferContext& context, absl::string_view attr,
                                        int input) {
  NOMO_ASSIGN_OR_RETURN(IntsArg arg, GetInts(context, attr, input));
  if (!arg.given) return InvalidArgument(attr, " is required, as an attribute or as input ", input);
  return arg;
}

absl::StatusOr<IntsArg> GetInt(const InferContext& context, absl::string_view attr, int input) {
  NOMO_ASSIGN_OR_RETURN(IntsArg arg, GetInts(context, attr, input));
  if (arg.count.known() && arg.count.size() != 1) {
    return InvalidArgument(attr, ": expected one integer, found ", arg.count.size());
  }
  return arg;
}

absl::StatusOr<PartialShape> GetShape(const InferContext& context, absl::string_view attr,
                                      int input) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg arg, GetRequiredInts(context, attr, input));
  if (!arg.known) return UnknownShape(arg.count);
  for (const int64_t size : arg.values) {
    if (size < 0) return InvalidArgument(attr, ": expected sizes of at least 0, found ", size);
  }
  return PartialShape(std::vector<Dim>(arg.values.begin(), arg.values.end()));
}

absl::StatusOr<PartialShape> UnknownShape(const Dim& rank) {
  if (!rank.known()) return PartialShape();
  if (rank.size() > kMaxRank) {
    return InvalidArgument("a shape has at most ", kMaxRank, " axes, found ", rank.size());
  }
  return PartialShape::OfRank(static_cast<int>(rank.size()));
}

ConcreteNode::ConcreteNode(const KernelContext& context)
    : types_(InputTypes(context)),
      constants_(InputValues(context)),
      infer_(context.attrs(), types_, constants_, context.num_outputs()) {}

absl::Status AllocateOutputs(KernelContext& context, const ConcreteNode& node,
                             const InferFn& infer) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<TensorType> types, infer(node.context()));
  for (int i = 0; i < context.num_outputs(); ++i) {
    NOMO_RETURN_IF_ERROR(context.AllocateOutput(i, types[i].shape.ToShape()));
  }
  return absl::OkStatus();
}

}  // namespace nomograph
