#include "nomograph/core/layers/lambda.h"

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

// The declared types of the outputs, if any are.
absl::StatusOr<std::vector<TensorType>> DeclaredTypes(const LambdaOptions& options,
                                                      absl::Span<const Value> inputs) {
  if (!options.output_types.empty() || (!options.output_shape && !options.dtype))
    return options.output_types;
  if (inputs.empty() || !inputs[0].valid()) {
    return InvalidArgument(
        "output_shape and dtype go by the first input, but there is none; use output_types");
  }
  TensorType type = {options.dtype.value_or(inputs[0].dtype()), PartialShape()};
  if (options.output_shape && options.output_shape->has_rank()) {
    const PartialShape& first = inputs[0].shape();
    type.shape = PartialShape{first.rank() > 0 ? first[0] : Dim()};
    for (const Dim& dim : options.output_shape->dims()) type.shape.Append(dim);
  }
  return std::vector<TensorType>{std::move(type)};
}

class LambdaLayer : public LayerBase {
 public:
  explicit LambdaLayer(LambdaOptions options)
      : LayerBase("Lambda", options.name), options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf({CheckTypes(), internal::AtLeast("num_outputs", 1, options_.num_outputs),
                            internal::AtLeast("version", 0, options_.version)});
  }

 protected:
  absl::StatusOr<CallOptions> OptionsFor(absl::Span<const Value> inputs) const {
    NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types, DeclaredTypes(options_, inputs));
    return CallOptions{.version = options_.version,
                       .num_outputs = options_.num_outputs,
                       .output_types = std::move(types),
                       .provider = options_.provider};
  }
  const LambdaOptions& options() const { return options_; }

 private:
  absl::Status CheckTypes() const {
    if (!options_.output_types.empty() && (options_.output_shape || options_.dtype)) {
      return InvalidArgument("output_types: takes the place of output_shape and dtype, found both");
    }
    return absl::OkStatus();
  }

  LambdaOptions options_;
};

class NamedLambda : public LambdaLayer {
 public:
  NamedLambda(std::string op, Attributes attrs, LambdaOptions options)
      : LambdaLayer(std::move(options)), op_(std::move(op)), attrs_(std::move(attrs)) {}

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    NOMO_ASSIGN_OR_RETURN(CallOptions call, OptionsFor(inputs));
    return CallMulti(op_, std::vector<Value>(inputs.begin(), inputs.end()), attrs_,
                     std::move(call));
  }

 private:
  std::string op_;
  Attributes attrs_;
};

class FunctionLambda : public LambdaLayer {
 public:
  FunctionLambda(TraceFn function, int num_inputs, LambdaOptions options)
      : LambdaLayer(std::move(options)), function_(std::move(function)), num_inputs_(num_inputs) {}

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    if (num_inputs_ >= 0 && inputs.size() != static_cast<size_t>(num_inputs_)) {
      return InvalidArgument("the function takes ", num_inputs_, " inputs, found ", inputs.size());
    }
    NOMO_ASSIGN_OR_RETURN(CallOptions call, OptionsFor(inputs));
    return CallTraced(function_, std::vector<Value>(inputs.begin(), inputs.end()), std::move(call),
                      options().op);
  }

 private:
  TraceFn function_;
  int num_inputs_;
};

}  // namespace

Layer Lambda(absl::string_view op, Attributes attrs, LambdaOptions options) {
  return MakeLayer<NamedLambda>(std::string(op), std::move(attrs), std::move(options));
}

namespace internal {

Layer TracedLambda(TraceFn function, int num_inputs, LambdaOptions options) {
  return MakeLayer<FunctionLambda>(std::move(function), num_inputs, std::move(options));
}

}  // namespace internal
}  // namespace nomograph
