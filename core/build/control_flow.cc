#include "nomograph/core/build/control_flow.h"

#include <iterator>

#include "nomograph/core/build/expr.h"

namespace nomograph {
namespace {

std::vector<TensorType> TypesOf(const std::vector<Value>& values) {
  std::vector<TensorType> types;
  for (const Value& value : values) types.push_back(value.valid() ? value.type() : TensorType{});
  return types;
}

void Append(std::vector<Value>& values, std::vector<Value> more) {
  values.insert(values.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

int NumOutputs(const TracedFunction& function) {
  return static_cast<int>(function.functions.at(function.main).graph.outputs.size());
}

// The type of a sequence's slices.
absl::StatusOr<TensorType> SliceType(const TensorType& sequence, int64_t axis) {
  if (!sequence.shape.has_rank()) return sequence;
  NOMO_ASSIGN_OR_RETURN(const int normal, NormalizeAxis(axis, sequence.shape.rank()));
  std::vector<Dim> dims = sequence.shape.dims();
  dims.erase(dims.begin() + normal);
  return TensorType{sequence.dtype, PartialShape(std::move(dims))};
}

// A call of `op` whose attribute body is a function of so many outputs, of which `dropped` are not
// the node's.
std::vector<Value> CallWithBody(absl::string_view op, std::vector<Value> inputs, Attributes attrs,
                                const TraceFn& body, const std::vector<TensorType>& types,
                                int dropped) {
  for (const Value& input : inputs) {
    if (input.valid() && !input.status().ok()) return {ErrorValue(absl::OkStatus(), inputs)};
  }
  // How many values it yields is known when it has been traced.
  auto traced = Trace(body, types, "body");
  if (!traced.ok()) return {ErrorValue(Annotate(traced.status(), absl::StrCat(op, ": body")))};
  const int count = NumOutputs(**traced);
  if (count <= dropped) {
    return {ErrorValue(
        InvalidArgument(op, ": body: expected more than ", dropped, " outputs, found ", count))};
  }
  return CallMulti(op, std::move(inputs), std::move(attrs), {.num_outputs = count - dropped},
                   {{"body", *std::move(traced)}});
}

}  // namespace

std::vector<Value> If(const Value& condition, std::vector<Value> inputs, TraceFn then_branch,
                      TraceFn else_branch) {
  const std::vector<TensorType> types = TypesOf(inputs);
  std::vector<std::pair<std::string, TracedFunctionPtr>> branches;
  for (const auto& [attr, branch] :
       {std::pair("then_branch", &then_branch), std::pair("else_branch", &else_branch)}) {
    auto traced = Trace(*branch, types, attr);
    if (!traced.ok())
      return {ErrorValue(Annotate(traced.status(), absl::StrCat("core.If: ", attr)))};
    branches.emplace_back(attr, *std::move(traced));
  }
  inputs.insert(inputs.begin(), condition);
  const int count = NumOutputs(*branches[0].second);
  return CallMulti("core.If", std::move(inputs), {}, {.num_outputs = count}, std::move(branches));
}

std::vector<Value> While(std::vector<Value> initial, TraceFn condition, TraceFn body) {
  const std::vector<TensorType> types = TypesOf(initial);
  CallOptions options;
  options.num_outputs = static_cast<int>(initial.size());
  options.functions = {{"cond", std::move(condition), types}, {"body", std::move(body), types}};
  return CallMulti("core.While", std::move(initial), {}, std::move(options));
}

std::vector<Value> Loop(const Value& max_trip_count, const Value& condition,
                        std::vector<Value> initial, TraceFn body, std::vector<Value> captured) {
  const Attributes attrs = {{"num_carried", static_cast<int64_t>(initial.size())}};
  std::vector<Value> inputs = {max_trip_count, condition};
  Append(inputs, std::move(initial));
  Append(inputs, std::move(captured));
  std::vector<TensorType> types = TypesOf(inputs);
  types[0] = {DType::kInt64, Shape{}};  // the iteration
  types[1] = {DType::kBool, Shape{}};
  return CallWithBody("core.Loop", std::move(inputs), attrs, body, types, 1);
}

std::vector<Value> Scan(std::vector<Value> initial, std::vector<Value> sequences, TraceFn body,
                        std::vector<Value> captured, ScanOptions options) {
  const size_t states = initial.size(), scans = sequences.size();
  Attributes attrs = {{"num_states", static_cast<int64_t>(states)},
                      {"num_scan_inputs", static_cast<int64_t>(scans)},
                      {"scan_input_axes", options.input_axes},
                      {"scan_output_axes", options.output_axes},
                      {"scan_input_directions", options.input_directions},
                      {"scan_output_directions", options.output_directions}};
  std::vector<Value> inputs = std::move(initial);
  Append(inputs, std::move(sequences));
  Append(inputs, std::move(captured));
  std::vector<TensorType> types = TypesOf(inputs);
  for (size_t i = 0; i < scans; ++i) {
    const int64_t axis = i < options.input_axes.size() ? options.input_axes[i] : 0;
    auto slice = SliceType(types[states + i], axis);
    if (!slice.ok())
      return {ErrorValue(Annotate(slice.status(), absl::StrCat("core.Scan: sequence ", i)))};
    types[states + i] = *std::move(slice);
  }
  return CallWithBody("core.Scan", std::move(inputs), std::move(attrs), body, types, 0);
}

}  // namespace nomograph
