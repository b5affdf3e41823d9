// core.Scan: a body called for each slice of its inputs, with states handed from call to call.
#include <algorithm>
#include <cstring>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/core/control_flow.h"
#include "nomograph/ops/core/loop_body.h"
#include "nomograph/ops/core/loop_gradient.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

// The inputs of the node, and as many of the body: states, then scan inputs, then captured values.
struct Counts {
  int states, scans;
};
Counts CountsOf(const Attributes& attrs) {
  return {static_cast<int>(attrs.Int("num_states")),
          static_cast<int>(attrs.Int("num_scan_inputs"))};
}

// Element i of an attribute that is either empty, for all 0, or has one for each.
int64_t At(const Attributes& attrs, absl::string_view attr, int i) {
  const Ints& values = attrs.Ints(attr);
  return values.empty() ? 0 : values[i];
}

absl::Status CheckLength(const Attributes& attrs, absl::string_view attr, int expected) {
  const size_t found = attrs.Ints(attr).size();
  if (found == 0 || found == static_cast<size_t>(expected)) return absl::OkStatus();
  return InvalidArgument(attr, ": expected none or ", expected, " values, found ", found);
}

// The sizes without that of `axis`.
PartialShape WithoutAxis(const PartialShape& shape, int axis) {
  std::vector<Dim> dims = shape.dims();
  dims.erase(dims.begin() + axis);
  return PartialShape(std::move(dims));
}

// Turns the types of the scan inputs into those of their slices. Yields how many slices there are.
absl::StatusOr<Dim> TakeSlices(const Attributes& attrs, std::vector<TensorType>& types) {
  const Counts counts = CountsOf(attrs);
  Dim length;
  for (int i = 0; i < counts.scans; ++i) {
    PartialShape& shape = types[counts.states + i].shape;
    if (!shape.has_rank()) continue;
    const auto axis = NormalizeAxis(At(attrs, "scan_input_axes", i), shape.rank());
    NOMO_RETURN_IF_ERROR(Annotate(axis.status(), absl::StrCat("scan input ", i)));
    const auto merged = Merge(PartialShape{length}, PartialShape{shape[*axis]});
    if (!merged.ok()) {
      return InvalidArgument("scan input ", i, ": expected ", length.ToString(),
                             " slices like the others, found ", shape[*axis].ToString());
    }
    length = (*merged)[0];
    shape = WithoutAxis(shape, *axis);
  }
  return length;
}

// The type of scan output i, made of `length` slices.
absl::StatusOr<TensorType> Stacked(const Attributes& attrs, int i, TensorType slice,
                                   const Dim& length) {
  if (!slice.shape.has_rank()) return slice;
  const auto axis = NormalizeAxis(At(attrs, "scan_output_axes", i), slice.shape.rank() + 1);
  NOMO_RETURN_IF_ERROR(Annotate(axis.status(), absl::StrCat("scan output ", i)));
  std::vector<Dim> dims = slice.shape.dims();
  dims.insert(dims.begin() + *axis, length);
  return TensorType{slice.dtype, PartialShape(std::move(dims))};
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const Attributes& attrs = context.attrs();
  const Counts counts = CountsOf(attrs);
  if (counts.states + counts.scans > context.num_inputs()) {
    return InvalidArgument("expected at least ", counts.states, " states and ", counts.scans,
                           " scan inputs, found ", context.num_inputs(), " inputs");
  }
  NOMO_RETURN_IF_ERROR(CheckLength(attrs, "scan_input_axes", counts.scans));
  NOMO_RETURN_IF_ERROR(CheckLength(attrs, "scan_input_directions", counts.scans));
  std::vector<TensorType> inputs;
  for (int i = 0; i < context.num_inputs(); ++i) inputs.push_back(context.input(i));
  NOMO_ASSIGN_OR_RETURN(const Dim length, TakeSlices(attrs, inputs));
  NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types,
                        InferLoopBody(context, {.count = counts.states}, inputs));
  const int outputs = static_cast<int>(types.size());
  NOMO_RETURN_IF_ERROR(CheckLength(attrs, "scan_output_axes", outputs - counts.states));
  NOMO_RETURN_IF_ERROR(CheckLength(attrs, "scan_output_directions", outputs - counts.states));
  if (outputs < context.num_outputs()) {
    return InvalidArgument("expected ", context.num_outputs(), " outputs, the body yields ",
                           outputs);
  }
  for (int i = 0; i < outputs; ++i) {
    if (i < counts.states) {
      types[i] = inputs[i];
    } else {
      NOMO_ASSIGN_OR_RETURN(types[i], Stacked(attrs, i - counts.states, types[i], length));
    }
  }
  return types;
}

// Element `index` of `axis`. What lies together is not copied.
Tensor SliceAt(const Tensor& tensor, int axis, int64_t index) {
  const Shape& shape = tensor.shape();
  const Shape outer(shape.dims().first(axis)), inner(shape.dims().subspan(axis + 1));
  Shape result = outer;
  for (const int64_t size : inner.dims()) result.Append(size);
  if (axis == 0) return tensor.Rows(index, index + 1).Reshaped(result);
  Tensor slice(tensor.dtype(), result);
  const int64_t bytes = inner.num_elements() * DTypeSize(tensor.dtype());
  for (int64_t o = 0; o < outer.num_elements() && bytes > 0; ++o) {
    std::memcpy(slice.mutable_raw_data() + o * bytes,
                tensor.raw_data() + (o * shape[axis] + index) * bytes, bytes);
  }
  return slice;
}

// A scan input as the running node has it.
struct ScanInput {
  Tensor tensor;
  int axis;
  bool backwards;

  int64_t length() const { return tensor.shape()[axis]; }
  Tensor Slice(int64_t i) const { return SliceAt(tensor, axis, backwards ? length() - 1 - i : i); }
};

absl::StatusOr<std::vector<ScanInput>> ScanInputs(const KernelContext& context) {
  const Attributes& attrs = context.attrs();
  const Counts counts = CountsOf(attrs);
  std::vector<ScanInput> scans;
  for (int i = 0; i < counts.scans; ++i) {
    Tensor tensor = context.BorrowInput(counts.states + i);
    NOMO_ASSIGN_OR_RETURN(const int axis,
                          NormalizeAxis(At(attrs, "scan_input_axes", i), tensor.shape().rank()));
    scans.push_back({std::move(tensor), axis, At(attrs, "scan_input_directions", i) != 0});
    if (scans[i].length() != scans[0].length()) {
      return InvalidArgument("scan input ", i, ": expected ", scans[0].length(),
                             " slices like the others, found ", scans[i].length());
    }
  }
  return scans;
}

absl::Status Compute(KernelContext& context) {
  const Attributes& attrs = context.attrs();
  const Counts counts = CountsOf(attrs);
  NOMO_ASSIGN_OR_RETURN(const std::vector<ScanInput> scans, ScanInputs(context));
  std::vector<StackedOutput> stacked;
  for (int i = 0; i < context.num_outputs() - counts.states; ++i) {
    stacked.emplace_back(At(attrs, "scan_output_axes", i),
                         At(attrs, "scan_output_directions", i) != 0);
  }
  std::vector<Tensor> arguments = BorrowInputs(context, 0);
  const int64_t length = scans[0].length();
  for (int64_t t = 0; t < length; ++t) {
    for (int i = 0; i < counts.scans; ++i) arguments[counts.states + i] = scans[i].Slice(t);
    const int64_t call = attrs.Bool("reverse_calls") ? length - 1 - t : t;
    NOMO_ASSIGN_OR_RETURN(std::vector<Tensor> results,
                          CallFunction(context, "body", arguments, call));
    for (int i = 0; i < counts.states; ++i) arguments[i] = std::move(results[i]);
    for (size_t i = 0; i < stacked.size(); ++i) {
      NOMO_RETURN_IF_ERROR(Annotate(stacked[i].Add(std::move(results[counts.states + i])),
                                    absl::StrCat("scan output ", i)));
    }
  }
  for (int i = 0; i < std::min(counts.states, context.num_outputs()); ++i) {
    NOMO_RETURN_IF_ERROR(context.SetOutput(i, arguments[i]));
  }
  for (size_t i = 0; i < stacked.size(); ++i) {
    NOMO_RETURN_IF_ERROR(stacked[i].Write(context, counts.states + static_cast<int>(i)));
  }
  return absl::OkStatus();
}

// The scan once more, which yields those states that change, as each call began with them.
absl::StatusOr<std::vector<Value>> SavedStates(const GradientContext& g,
                                               const std::vector<bool>& unchanged) {
  const Counts counts = CountsOf(g.attrs());
  const auto changing = std::count(unchanged.begin(), unchanged.end(), false);
  if (changing == 0) return std::vector<Value>();
  Attributes attrs = KeyOf(g);
  for (const char* same : {"num_states", "num_scan_inputs", "scan_input_axes",
                           "scan_input_directions", "reverse_calls"}) {
    attrs.Set(same, *g.attrs().Find(same));
  }
  std::vector<Value> inputs;
  std::vector<TensorType> types;
  for (int i = 0; i < g.num_inputs(); ++i) {
    inputs.push_back(g.input(i));
    const bool scanned = i >= counts.states && i < counts.states + counts.scans;
    types.push_back(
        i < counts.states ? g.output(i).type()
        : scanned ? SliceType({g.input(i), At(g.attrs(), "scan_input_axes", i - counts.states)})
                  : g.input(i).type());
  }
  const auto body = [&](absl::Span<const Value> in) -> std::vector<Value> {
    auto outputs = g.Inline("body", in);
    if (!outputs.ok()) return {ErrorValue(outputs.status())};
    outputs->resize(counts.states);
    for (int i = 0; i < counts.states; ++i) {
      if (!unchanged[i]) outputs->push_back(in[i]);
    }
    return *std::move(outputs);
  };
  CallOptions options;
  options.num_outputs = counts.states + static_cast<int>(changing);
  options.functions = {{"body", body, types}};
  std::vector<Value> outputs = CallMulti("core.Scan", inputs, attrs, options);
  NOMO_RETURN_IF_ERROR(outputs[0].status());
  outputs.erase(outputs.begin(), outputs.begin() + counts.states);
  return outputs;
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Attributes& attrs = g.attrs();
  const Counts counts = CountsOf(attrs);
  NOMO_RETURN_IF_ERROR(CheckKeptShapes(g, 0, counts.states));
  const std::vector<bool> unchanged = Unchanged(g, counts.states, 0, 0);
  NOMO_ASSIGN_OR_RETURN(const std::vector<Value> saved, SavedStates(g, unchanged));
  DifferentiatedLoop loop;
  loop.key = KeyOf(g);
  loop.reverse_calls = attrs.Bool("reverse_calls");
  loop.carried = CarriedValues(g, 0, unchanged, saved);
  for (int i = counts.states; i < g.num_inputs(); ++i) {
    const int scan = i - counts.states;
    if (scan < counts.scans) {
      loop.slices.push_back({g.input(i), At(attrs, "scan_input_axes", scan),
                             At(attrs, "scan_input_directions", scan) != 0});
      loop.wants_slice.push_back(g.wants(i));
    } else {
      loop.captured.push_back(g.input(i));
      loop.wants_captured.push_back(g.wants(i));
    }
  }
  for (int i = counts.states; i < g.num_outputs(); ++i) {
    const int scan = i - counts.states;
    loop.stacked_gradients.push_back({g.has_gradient(i) ? g.gradient(i) : Value(),
                                      At(attrs, "scan_output_axes", scan),
                                      At(attrs, "scan_output_directions", scan) != 0});
  }
  loop.step = [&g](const Iteration& iteration) {
    std::vector<Value> inputs;
    for (const absl::Span<const Value> values :
         {absl::MakeConstSpan(iteration.carried), iteration.slices, iteration.captured})
      inputs.insert(inputs.end(), values.begin(), values.end());
    return g.Inline("body", inputs);
  };
  const LoopGradients gradients = GradientsOfLoop(loop);
  std::vector<Value> result = gradients.carried;
  result.insert(result.end(), gradients.slices.begin(), gradients.slices.end());
  result.insert(result.end(), gradients.captured.begin(), gradients.captured.end());
  return result;
}

using Values = absl::Span<const Value>;
const TensorType kPair = {DType::kFloat32, Shape{2}};

std::vector<Value> AddUp(Values in) { return {in[0] + in[1], in[0] + in[1]}; }

// From a state and two slices: the state and their sum; the sum times what is captured.
std::vector<Value> AddTwo(Values in) {
  const Value sum = in[0] + in[1] + in[2];
  return {sum, sum * in[3], in[2]};
}

std::vector<Example> Examples() {
  const Tensor zero = Tensor::Vector<float>({0, 0});
  const Tensor x = Tensor::Of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Attributes one = {{"num_states", 1}, {"num_scan_inputs", 1}};
  const auto with = [&](std::initializer_list<std::pair<std::string, AttrValue>> more) {
    Attributes attrs = one;
    for (const auto& [name, value] : more) attrs.Set(name, value);
    return attrs;
  };
  return {
      {.name = "ONNX scan9_sum",
       .attrs = one,
       .inputs = {zero, x},
       .outputs = {Tensor::Vector<float>({9, 12}), Tensor::Of<float>({3, 2}, {1, 2, 4, 6, 9, 12})},
       .functions = {{"body", AddUp, {kPair, kPair}}}},
      {.name = "backwards in and out",
       .attrs = with({{"scan_input_directions", Ints{1}}, {"scan_output_directions", Ints{1}}}),
       .inputs = {zero, x},
       .outputs = {Tensor::Vector<float>({9, 12}), Tensor::Of<float>({3, 2}, {9, 12, 8, 10, 5, 6})},
       .functions = {{"body", AddUp, {kPair, kPair}}}},
      {.name = "along the last axes",
       .attrs = with({{"scan_input_axes", Ints{-1}}, {"scan_output_axes", Ints{1}}}),
       .inputs = {zero, Tensor::Of<float>({2, 3}, {1, 3, 5, 2, 4, 6})},
       .outputs = {Tensor::Vector<float>({9, 12}), Tensor::Of<float>({2, 3}, {1, 4, 9, 2, 6, 12})},
       .functions = {{"body", AddUp, {kPair, kPair}}}},
      {.name = "two scan inputs of different axes, one captured value",
       .attrs = with({{"num_scan_inputs", 2},
                      {"scan_input_axes", Ints{0, 1}},
                      {"scan_input_directions", Ints{0, 1}},
                      {"scan_output_axes", Ints{-1, 0}}}),
       .inputs = {zero, x, Tensor::Of<float>({2, 3}, {10, 20, 30, 40, 50, 60}),
                  Tensor::Scalar<float>(0.5f)},
       .outputs = {Tensor::Vector<float>({69, 162}),
                   Tensor::Of<float>({2, 3}, {15.5, 27, 34.5, 31, 58, 81}),
                   Tensor::Of<float>({3, 2}, {30, 60, 20, 50, 10, 40})},
       .functions = {{"body", AddTwo, {kPair, kPair, kPair, {DType::kFloat32, Shape{}}}}}},
      {.name = "nothing to scan",
       .attrs = one,
       .inputs = {zero, Tensor::Of<float>({0, 2}, {})},
       .outputs = {zero, Tensor::Of<float>({0, 2}, {})},
       .functions = {{"body", AddUp, {kPair, kPair}}}},
  };
}

NOMO_REGISTER_OP(
    WithKey(OpDef("core.Scan"))
        .Doc("Calls a function of the model for each slice of the scan inputs: (states..., slices "
             "out...) = body(states..., slices..., captured...). The first num_states inputs are "
             "the states, which are handed from one call to the next; the next num_scan_inputs are "
             "scanned, each along its axis, all in equally many slices; the others are captured, "
             "the same in each call. The outputs are the states at the end, then the scan outputs, "
             "each put together of the slices that the calls yield, along a new axis. States keep "
             "their dtypes, and slices of one scan output have one shape. Random ops in the body "
             "draw other numbers in each call.")
        .Source(
            "ONNX Scan since version 9, whose captured outer values are inputs here; jax.lax.scan")
        .VariadicInput("inputs", "any", "the states, then the scan inputs, then captured values")
        .VariadicOutput("outputs", "any", "the last states, then the scan outputs")
        .RequiredAttr("body", AttrType::kFunction, "yields the states, then the slices out")
        .RequiredAttr("num_states", AttrType::kInt, "how many inputs are states")
        .Min(0)
        .Max(1 << 20)
        .RequiredAttr("num_scan_inputs", AttrType::kInt, "how many inputs are scanned")
        .Min(1)
        .Max(1 << 20)
        .Attr("scan_input_axes", Ints{}, "the scanned axis of each scan input; none: 0")
        .Attr("scan_input_directions", Ints{},
              "of each scan input 1, to scan it from its end, or 0; none: 0")
        .Min(0)
        .Max(1)
        .Attr("scan_output_axes", Ints{}, "the new axis of each scan output; none: 0")
        .Attr("scan_output_directions", Ints{},
              "of each scan output 1, to put the slices ahead of the earlier ones, or 0; none: 0")
        .Min(0)
        .Max(1)
        .Attr("reverse_calls", false,
              "whether the calls are numbered from the last one, which decides on the random "
              "numbers that each draws")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
