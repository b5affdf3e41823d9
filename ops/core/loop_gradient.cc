#include "nomograph/ops/core/loop_gradient.h"

#include <utility>

#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/gradient/gradients.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

// The numbers of the elements that are true, or of the values that are there.
std::vector<size_t> Chosen(size_t count, const std::function<bool(size_t)>& chosen) {
  std::vector<size_t> result;
  for (size_t i = 0; i < count; ++i) {
    if (chosen(i)) result.push_back(i);
  }
  return result;
}

// The core.Scan that goes backwards. Its states are the gradients of the carried values and of the
// captured ones, which are added up; it scans what each iteration began with, its slices and the
// gradients of what it yielded, and yields the gradients of the slices.
class BackwardScan {
 public:
  explicit BackwardScan(const DifferentiatedLoop& loop)
      : loop_(loop),
        carried_(Chosen(loop.carried.size(),
                        [&](size_t i) { return loop.carried[i].gradient.valid(); })),
        captured_(Chosen(loop.captured.size(), [&](size_t i) { return loop.wants_captured[i]; })),
        slices_(Chosen(loop.slices.size(), [&](size_t i) { return loop.wants_slice[i]; })),
        stacked_(Chosen(loop.stacked_gradients.size(),
                        [&](size_t i) { return loop.stacked_gradients[i].value.valid(); })) {}

  LoopGradients Run() {
    AddInputs();
    Attributes attrs = loop_.key;
    attrs.Set("num_states", static_cast<int64_t>(num_states()));
    attrs.Set("num_scan_inputs", static_cast<int64_t>(input_axes_.size()));
    attrs.Set("scan_input_axes", input_axes_);
    attrs.Set("scan_input_directions", input_directions_);
    attrs.Set("reverse_calls", !loop_.reverse_calls);
    Ints axes, directions;
    for (const size_t i : slices_) {
      axes.push_back(loop_.slices[i].axis);
      directions.push_back(loop_.slices[i].backwards ? 0 : 1);
    }
    attrs.Set("scan_output_axes", axes);
    attrs.Set("scan_output_directions", directions);
    CallOptions options;
    options.num_outputs = static_cast<int>(num_states() + slices_.size());
    options.functions = {
        {"body", [this](absl::Span<const Value> in) { return Body(in); }, std::move(types_)}};
    return Result(CallMulti("core.Scan", std::move(inputs_), std::move(attrs), std::move(options)));
  }

 private:
  size_t num_states() const { return carried_.size() + captured_.size(); }

  void AddInputs() {
    for (const size_t i : carried_) Add(loop_.carried[i].gradient, TypeOf(loop_.carried[i]));
    for (const size_t i : captured_) Add(ZerosLike(loop_.captured[i]), loop_.captured[i].type());
    for (const CarriedValue& value : loop_.carried) {
      if (value.stack.valid()) AddStack({value.stack});
    }
    for (const Stack& stack : loop_.slices) AddStack(stack);
    for (const size_t i : stacked_) AddStack(loop_.stacked_gradients[i]);
    for (const CarriedValue& value : loop_.carried) {
      if (value.constant.valid()) Add(value.constant, value.constant.type());
    }
    for (const Value& value : loop_.captured) Add(value, value.type());
  }

  static TensorType TypeOf(const CarriedValue& value) {
    return value.stack.valid() ? SliceType({value.stack}) : value.constant.type();
  }

  void Add(Value value, TensorType type) {
    inputs_.push_back(std::move(value));
    types_.push_back(std::move(type));
  }

  void AddStack(const Stack& stack) {
    Add(stack.value, SliceType(stack));
    input_axes_.push_back(stack.axis);
    input_directions_.push_back(stack.backwards ? 0 : 1);
  }

  std::vector<Value> Body(absl::Span<const Value> in) const {
    const auto take = [&in](size_t count) {
      const absl::Span<const Value> taken = in.first(count);
      in.remove_prefix(count);
      return taken;
    };
    const auto carried_gradients = take(carried_.size()),
               captured_gradients = take(captured_.size());
    Iteration iteration;
    iteration.carried.resize(loop_.carried.size());
    for (size_t i = 0; i < loop_.carried.size(); ++i) {
      if (loop_.carried[i].stack.valid()) iteration.carried[i] = take(1)[0];
    }
    iteration.slices = take(loop_.slices.size());
    const auto stacked_gradients = take(stacked_.size());
    for (size_t i = 0; i < loop_.carried.size(); ++i) {
      if (loop_.carried[i].constant.valid()) iteration.carried[i] = take(1)[0];
    }
    iteration.captured = in;

    const auto outputs = loop_.step(iteration);
    if (!outputs.ok()) return {ErrorValue(outputs.status())};
    std::vector<Value> ends, wanted;
    GradientOptions options;
    const auto add_end = [&](size_t output, const Value& gradient) {
      ends.push_back((*outputs)[output]);
      options.output_gradients.push_back(gradient);
    };
    for (size_t i = 0; i < carried_.size(); ++i) add_end(carried_[i], carried_gradients[i]);
    for (size_t i = 0; i < stacked_.size(); ++i)
      add_end(loop_.carried.size() + stacked_[i], stacked_gradients[i]);
    for (const size_t i : carried_) wanted.push_back(iteration.carried[i]);
    for (const size_t i : captured_) wanted.push_back(iteration.captured[i]);
    for (const size_t i : slices_) wanted.push_back(iteration.slices[i]);
    auto found = Gradients(ends, wanted, options);
    if (!found.ok()) return {ErrorValue(found.status())};
    for (size_t i = 0; i < found->size(); ++i) {
      Value& gradient = (*found)[i];
      if (!gradient.valid()) gradient = ZerosLike(wanted[i]);
      const bool adds = i >= carried_.size() && i < num_states();
      if (adds) gradient = captured_gradients[i - carried_.size()] + gradient;
    }
    return *std::move(found);
  }

  LoopGradients Result(const std::vector<Value>& outputs) const {
    LoopGradients result;
    result.carried.resize(loop_.carried.size());
    result.captured.resize(loop_.captured.size());
    result.slices.resize(loop_.slices.size());
    auto next = outputs.begin();
    for (const size_t i : carried_) result.carried[i] = *next++;
    for (const size_t i : captured_) result.captured[i] = *next++;
    for (const size_t i : slices_) result.slices[i] = *next++;
    return result;
  }

  const DifferentiatedLoop& loop_;
  const std::vector<size_t> carried_, captured_, slices_, stacked_;
  std::vector<Value> inputs_;
  std::vector<TensorType> types_;
  Ints input_axes_, input_directions_;
};

}  // namespace

std::vector<bool> Unchanged(const GradientContext& g, int count, int first_input,
                            int first_output) {
  std::vector<bool> unchanged(count);
  const TracedFunction* body = g.function("body");
  if (body == nullptr) return unchanged;
  const Graph& graph = body->functions.at(body->main).graph;
  for (int i = 0; i < count; ++i)
    unchanged[i] = graph.inputs[first_input + i] == graph.outputs[first_output + i];
  return unchanged;
}

std::vector<CarriedValue> CarriedValues(const GradientContext& g, int first_input,
                                        const std::vector<bool>& unchanged,
                                        absl::Span<const Value> stacks) {
  std::vector<CarriedValue> carried(unchanged.size());
  for (size_t i = 0; i < carried.size(); ++i) {
    const int output = static_cast<int>(i);
    if (unchanged[i]) {
      carried[i].constant = g.input(first_input + output);
    } else {
      carried[i].stack = stacks.front();
      stacks.remove_prefix(1);
    }
    if (kFloats.Contains(g.output(output).dtype())) carried[i].gradient = g.gradient(output);
  }
  return carried;
}

LoopGradients GradientsOfLoop(const DifferentiatedLoop& loop) { return BackwardScan(loop).Run(); }

Attributes KeyOf(const GradientContext& g) {
  if (g.attrs().Has("key")) return {{"key", g.attrs().String("key")}};
  if (g.node().empty()) return {};
  return {{"key", g.node()}};
}

absl::Status CheckKeptShapes(const GradientContext& g, int first, int count) {
  for (int i = 0; i < count; ++i) {
    const PartialShape &begin = g.input(first + i).shape(), &any = g.output(i).shape();
    if (!begin.fully_known() || any == begin) continue;
    return InvalidArgument("carried value ", i, " changes its shape, which begins as ",
                           begin.ToString(), "; to be differentiated, it has to keep it");
  }
  return absl::OkStatus();
}

TensorType SliceType(const Stack& stack) {
  const TensorType& type = stack.value.type();
  if (!type.shape.has_rank()) return type;
  const auto axis = NormalizeAxis(stack.axis, type.shape.rank());
  std::vector<Dim> dims = type.shape.dims();
  if (axis.ok()) dims.erase(dims.begin() + *axis);
  return {type.dtype, PartialShape(std::move(dims))};
}

}  // namespace nomograph
