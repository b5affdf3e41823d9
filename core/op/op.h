// OpDef: everything that the system knows of an op, declared in one place.
//
//   OpDef Relu() {
//     return OpDef("nn.Relu", 1)
//         .Doc("y = max(x, 0)")
//         .TypeVar("T", kSigned)
//         .Input("x", "T", "any shape")
//         .Output("y", "T", "as x")
//         .Infer(SameAsInput)
//         .Reference(ReluReference)
//         .Examples([] { return std::vector<Example>{{.inputs = {...}, .outputs = {...}}}; });
//   }
//   NOMO_REGISTER_OP(Relu());
#ifndef NOMOGRAPH_CORE_OP_OP_H_
#define NOMOGRAPH_CORE_OP_OP_H_

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/op/kernel.h"
#include "nomograph/core/op/pattern.h"
#include "nomograph/core/types/attributes.h"

namespace nomograph {

class Value;
class GradientContext;
struct TrainingForm;

// What running an op does beside computing its outputs. Compiling allows all but kIo, which the
// caller must allow by the op's name.
enum class Effects { kPure, kRandom, kStateful, kIo };
absl::string_view EffectsName(Effects effects);

// A body: the op written with other ops. Inputs that are absent are invalid Values.
using BodyFn = std::function<absl::StatusOr<std::vector<Value>>(absl::Span<const Value> inputs,
                                                                const Attributes& attrs)>;

// The gradients of a node's inputs, one each, from those of its outputs: core/gradient/gradient.h.
using GradientFn = std::function<absl::StatusOr<std::vector<Value>>(const GradientContext&)>;

// What a node is in training, written with other nodes: core/gradient/training_form.h.
using TrainingFn = std::function<absl::StatusOr<TrainingForm>(absl::Span<const Value> inputs,
                                                              const Attributes& attrs)>;

// What shape inference knows of one node.
class InferContext {
 public:
  InferContext(const Attributes& attrs, absl::Span<const TensorType> inputs,
               absl::Span<const Tensor> constants, int num_outputs)
      : attrs_(attrs), inputs_(inputs), constants_(constants), num_outputs_(num_outputs) {}

  const Attributes& attrs() const { return attrs_; }
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  bool has_input(int i) const { return i < num_inputs() && inputs_[i].dtype != DType::kInvalid; }
  const TensorType& input(int i) const { return inputs_[i]; }
  const PartialShape& shape(int i) const { return inputs_[i].shape; }
  DType dtype(int i) const { return inputs_[i].dtype; }
  // The value of input i where it is constant, else null.
  const Tensor* constant(int i) const {
    return i < static_cast<int>(constants_.size()) && constants_[i].valid() ? &constants_[i]
                                                                            : nullptr;
  }
  // How many outputs the node has, for ops with a variable number of them.
  int num_outputs() const { return num_outputs_; }

  // The types that a function of the library (for control-flow ops) yields for these inputs.
  absl::StatusOr<std::vector<TensorType>> InferFunction(const FunctionRef& function,
                                                        absl::Span<const TensorType> inputs) const;
  using FunctionInferrer = std::function<absl::StatusOr<std::vector<TensorType>>(
      const std::string& function, absl::Span<const TensorType> inputs)>;
  void set_function_inferrer(const FunctionInferrer* inferrer) { function_inferrer_ = inferrer; }

 private:
  const Attributes& attrs_;
  absl::Span<const TensorType> inputs_;
  absl::Span<const Tensor> constants_;
  int num_outputs_;
  const FunctionInferrer* function_inferrer_ = nullptr;
};

// Yields the types of the outputs, and is the op's validator: shapes that the op cannot take are an
// InvalidArgument that says what was expected and what was found. Unknown sizes are taken on trust
// until they are known.
using InferFn = std::function<absl::StatusOr<std::vector<TensorType>>(const InferContext&)>;

// Two common ones.
absl::StatusOr<std::vector<TensorType>> SameAsInput(const InferContext& context);
absl::StatusOr<std::vector<TensorType>> BroadcastInputs(const InferContext& context);

// An input or output. `type` names a type variable of the op, or a dtype ("int64").
struct Port {
  enum class Kind { kRequired, kOptional, kVariadic };
  std::string name;
  std::string type;
  std::string doc;
  Kind kind = Kind::kRequired;
};

// A function that an example's attribute names: as CallOptions::FunctionArg in core/build/value.h.
struct ExampleFunction {
  std::string attr = {};
  std::function<std::vector<Value>(absl::Span<const Value> inputs)> function;
  std::vector<TensorType> input_types = {};
};

// A case of an op with its expected result, taken from an independent source. Examples are
// documentation and tests: one conformance test runs each of them in every way that a model can be
// run.
struct Example {
  std::string name = {};
  Attributes attrs = {};
  std::vector<Tensor> inputs = {};  // invalid: absent
  std::vector<Tensor> outputs = {};
  double rtol = 1e-5, atol = 1e-6;
  bool training = false;
  uint64_t seed = 0, step = 0;
  // The outputs are random numbers for the node key 0, as RunOp() has it: elsewhere only their
  // types hold.
  bool keyed_by_node = false;
  // The attributes of the op that are functions (not in `attrs`).
  std::vector<ExampleFunction> functions = {};
  // The session's variables before the run, and what those that are named hold after it.
  std::vector<std::pair<std::string, Tensor>> variables = {}, variables_after = {};
};

// The question whether the producer of one of a node's inputs can do the node's work.
struct FusionQuery {
  const Attributes& attrs;
  absl::Span<const TensorSpec> inputs;
  absl::Span<const Tensor> constants;  // for each input its value where it is constant
  const TensorSpec& output;
  int fused_input;  // which of `inputs` is the producer's output
};

// What a node does to each channel of its input: y = x * factor + offset. With one factor and one
// offset it is the same for all, whatever the axis.
struct ChannelAffine {
  int axis;  // the channels'
  std::vector<double> factors, offsets;
};

// A node whose output 0 is input 0 by weights, input 1, and nothing else: the axes of the channels
// along which a factor of the weights may be one of the input or of the output instead.
struct ChannelAxes {
  int input, output;
  int weights_in, weights_out;  // none: -1
};

// What a node adds around its input 0, and else leaves as it is: so many elements ahead of those
// along each axis and behind them, all of one value.
struct Padding {
  std::vector<int64_t> before, after;
  double value;
  bool is_least;  // no element of the input is less
};

// Which inputs of a node may be 8-bit integers with a scale and a zero point, where a model is
// quantised (inspect/quantize/quantize_model.h).
struct QuantizedInputs {
  std::vector<int> activations;
  int weight = -1;    // an input that is constant; -1: none
  int channels = -1;  // the weight's axis of output channels, each of which has its scale
  int bias = -1;      // an input that is added to the sums, if it is there
  // Worth while only between nodes that are quantised.
  bool only_between = false;
};

// What becomes of a node of float32 where a program computes in 16 bits (Precision in
// core/compile/program.h).
enum class LowPrecision {
  kNever,    // it reads float32: what sums, exponentiates or takes differences
  kGains,    // its inputs are rounded: products, which keep their sums in float32
  kFollows,  // moves, maxima, ReLU: between products it takes what they take
};

// How many elements a node reads and writes.
struct WorkSizes {
  int64_t inputs = 0, outputs = 0;
};

// What a node costs, in operations on elements, estimated before it runs: budgets are counted in
// it. REQUIRES: the shapes of the inputs are known, the attributes are resolved, and the op's shape
// function finds nothing wrong.
using WorkFn = int64_t (*)(const InferContext& context, const WorkSizes& sizes);

// How another format writes an attribute of an op.
struct KnownAttr {
  enum Kind {
    kAttribute,  // an attribute, `name`
    kInput,      // input number `input`: a list of int64
    kScalar,     // input number `input`: an int64
    kLike,       // input number `input`: a number of input 0's dtype
    kDefault,    // not at all: only the default can be written
  };
  std::string attr;
  Kind kind = kAttribute;
  std::string name = "";  // empty: as ours
  int input = -1;
};

// A name that another format has for an op with the same inputs, outputs and, but for their names
// and places, attributes. Importers, exporters, the table of operators and `nomo ops` read it. What
// takes more than other names is a rule with code, beside that format.
struct KnownName {
  std::string as;    // the format: "onnx", or a domain of its ("com.microsoft")
  std::string name;  // there
  // The first version of the format (ONNX's opset) in which it has this form, where earlier ones
  // have another.
  int since = 1;
  std::vector<KnownAttr> attrs = {};  // those that are not listed keep their names
};

struct OpDef {
  // Out of line, like those of Attributes: the code for all the members is made once.
  explicit OpDef(std::string op_name, int op_version = 1);
  OpDef(const OpDef& other);
  OpDef(OpDef&& other) noexcept;
  OpDef& operator=(const OpDef& other);
  OpDef& operator=(OpDef&& other) noexcept;
  ~OpDef();

  OpDef& Doc(std::string text) {
    doc = std::move(text);
    return *this;
  }
  // The paper, ONNX operator or Keras layer that defines the op.
  OpDef& Source(std::string text) {
    source = std::move(text);
    return *this;
  }
  // A name that another format has for the op: .Known({.as = "onnx", .name = "Clip"}).
  OpDef& Known(KnownName name) {
    known.push_back(std::move(name));
    return *this;
  }
  OpDef& TypeVar(std::string var, DTypeSet types);
  OpDef& Input(std::string port, std::string type, std::string text = "");
  OpDef& OptionalInput(std::string port, std::string type, std::string text = "");
  // Any number of inputs, at least one unless `min_variadic` says otherwise. Only the last input
  // can be variadic. All bind the same type variable; the type "any" lets each have its own dtype.
  OpDef& VariadicInput(std::string port, std::string type, std::string text = "",
                       int min_count = 1);
  OpDef& Output(std::string port, std::string type, std::string text = "");
  OpDef& OptionalOutput(std::string port, std::string type, std::string text = "");
  OpDef& VariadicOutput(std::string port, std::string type, std::string text = "");
  // An attribute with a default, whose type is the default's.
  OpDef& Attr(std::string attr, AttrValue default_value, std::string text);
  OpDef& RequiredAttr(std::string attr, AttrType type, std::string text);
  OpDef& OptionalAttr(std::string attr, AttrType type, std::string text);
  // Limits of the attribute declared last.
  OpDef& Min(double value) {
    attrs.back().min = value;
    return *this;
  }
  OpDef& Max(double value) {
    attrs.back().max = value;
    return *this;
  }
  OpDef& Choices(std::vector<std::string> values) {
    attrs.back().choices = std::move(values);
    return *this;
  }
  OpDef& WithEffects(Effects value) {
    effects = value;
    return *this;
  }

  OpDef& Infer(InferFn fn) {
    infer = std::move(fn);
    return *this;
  }
  // The specification of the op: short, in a fixed order of operations, the same bits on every
  // machine.
  OpDef& Reference(ComputeFn fn) {
    reference = std::move(fn);
    return *this;
  }
  // A faster kernel; of several the one given first is asked first.
  OpDef& Fast(PrepareFn prepare, TakesPostOpsFn takes_post_ops = nullptr);
  OpDef& Fast(FastKernel kernel);
  // The op written with other ops: its portable meaning, saved with models that use the op.
  OpDef& Body(BodyFn fn) {
    body = std::move(fn);
    return *this;
  }
  OpDef& Examples(std::function<std::vector<Example>()> fn) {
    examples = std::move(fn);
    return *this;
  }
  // The derivative. An op without one is differentiated as its body.
  OpDef& Gradient(GradientFn fn) {
    gradient = std::move(fn);
    return *this;
  }
  // Floating-point outputs do not depend on floating-point inputs, or only in steps: nothing flows
  // back.
  OpDef& GradientIsZero() {
    gradient_is_zero = true;
    return *this;
  }
  // Why the op has no derivative, though it might: whoever asks for one is told.
  OpDef& NoGradient(std::string reason) {
    no_gradient = std::move(reason);
    return *this;
  }
  // For an op that is something else in training, beyond what RunContext::training does.
  OpDef& InTraining(TrainingFn fn) {
    in_training = std::move(fn);
    return *this;
  }

  // Hooks that passes ask.
  // Outputs that follow from the types of the inputs alone (Shape, Size), or from attributes
  // (Constant); none where they do not.
  OpDef& Fold(std::function<absl::StatusOr<std::vector<Tensor>>(const InferContext&)> fn) {
    fold = std::move(fn);
    return *this;
  }
  // Output 0 has input 0's elements in the same order: no kernel runs where the memory can be
  // shared.
  OpDef& View() {
    is_view = true;
    return *this;
  }
  // Output 0 may lie where an input of the same size lies.
  OpDef& InPlace() {
    in_place = true;
    return *this;
  }
  OpDef& AsPostOp(std::function<std::optional<PostOp>(const FusionQuery&)> fn) {
    as_post_op = std::move(fn);
    return *this;
  }
  // The node as an affine map of its fused input, where it is one with known coefficients.
  OpDef& AsAffine(std::function<std::optional<ChannelAffine>(const FusionQuery&)> fn) {
    as_affine = std::move(fn);
    return *this;
  }
  // The node's constants with which it yields what `affine` makes of its output: by input, invalid
  // where the input stays; none where that cannot be.
  OpDef& AbsorbsAffine(
      std::function<std::vector<Tensor>(const PrepareContext&, const ChannelAffine&)> fn) {
    absorb_affine = std::move(fn);
    return *this;
  }
  // None where a node is not of that kind.
  OpDef& ScalesByChannel(std::function<std::optional<ChannelAxes>(const InferContext&)> fn) {
    channel_axes = std::move(fn);
    return *this;
  }
  // None where a node does something else, or where that is not known before it runs. Whether the
  // value is the least the op does not say.
  OpDef& Pads(std::function<std::optional<Padding>(const InferContext&)> fn) {
    padding = std::move(fn);
    return *this;
  }
  // The attributes with which the node, whose input 0 is a padded tensor, yields the same from that
  // tensor without its padding. None where there are none.
  OpDef& AbsorbsPadding(
      std::function<std::optional<Attributes>(const InferContext&, const Padding&)> fn) {
    absorb_padding = std::move(fn);
    return *this;
  }
  // No element of output 0 is less, but NaN.
  OpDef& AtLeast(double value) {
    least = value;
    return *this;
  }
  // How exporters write the op with others: core/op/pattern.h. Fast mode only.
  // `holds` may look at what was found: the op's attributes and inputs, and behind those what
  // further Pattern::Input()s are.
  OpDef& Written(Pattern pattern, std::function<bool(const InferContext& found)> holds = {}) {
    patterns.emplace_back(std::move(pattern), std::move(holds));
    return *this;
  }
  // Nodes with constant inputs are computed when a model is compiled, for fast mode only behind the
  // patterns, which so see them.
  OpDef& FoldsLate() {
    folds_late = true;
    return *this;
  }
  // None where the node is better left as it is.
  OpDef& Quantizes(std::function<std::optional<QuantizedInputs>(const InferContext&)> fn) {
    quantized_inputs = std::move(fn);
    return *this;
  }
  OpDef& InLowPrecision(LowPrecision value) {
    low_precision = value;
    return *this;
  }
  // What running the op costs beside reading its inputs and writing its outputs.
  OpDef& Work(WorkFn fn) {
    work = fn;
    return *this;
  }

  // OK when the declaration is complete and consistent.
  absl::Status Validate() const;
  std::string ToString() const;  // "nn.Relu v1"
  const AttrDef* FindAttr(absl::string_view attr) const;
  bool has_kernel() const { return reference != nullptr || !fast.empty(); }
  // Whether the fast kernel that serves the node applies its post-ops.
  bool TakesPostOps(const PrepareContext& context) const;
  bool MayTakePostOps() const;

  std::string name;  // domain.Name
  int version;
  std::string doc, source;
  std::vector<KnownName> known;
  std::vector<std::pair<std::string, DTypeSet>> type_vars;
  std::vector<Port> inputs, outputs;
  int min_variadic = 1;
  std::vector<AttrDef> attrs;
  Effects effects = Effects::kPure;
  InferFn infer;
  ComputeFn reference;
  std::vector<FastKernel> fast;
  BodyFn body;
  std::function<std::vector<Example>()> examples;
  GradientFn gradient;
  bool gradient_is_zero = false;
  std::string no_gradient;
  TrainingFn in_training;
  std::function<absl::StatusOr<std::vector<Tensor>>(const InferContext&)> fold;
  bool is_view = false;
  bool in_place = false;
  std::function<std::optional<PostOp>(const FusionQuery&)> as_post_op;
  std::function<std::optional<ChannelAffine>(const FusionQuery&)> as_affine;
  std::function<std::vector<Tensor>(const PrepareContext&, const ChannelAffine&)> absorb_affine;
  std::function<std::optional<ChannelAxes>(const InferContext&)> channel_axes;
  std::function<std::optional<Padding>(const InferContext&)> padding;
  std::function<std::optional<Attributes>(const InferContext&, const Padding&)> absorb_padding;
  double least = -std::numeric_limits<double>::infinity();
  std::vector<std::pair<Pattern, std::function<bool(const InferContext&)>>> patterns;
  bool folds_late = false;
  std::function<std::optional<QuantizedInputs>(const InferContext&)> quantized_inputs;
  LowPrecision low_precision = LowPrecision::kNever;
  WorkFn work = nullptr;
};

// Sums and products of estimates stop here.
inline constexpr int64_t kMaxWork = int64_t{1} << 62;
int64_t SaturatingAdd(int64_t a, int64_t b);
int64_t SaturatingMultiply(int64_t a, int64_t b);

// What the op says of itself; the elements that are read and written where it says nothing.
int64_t EstimateWork(const OpDef& op, const InferContext& context, const WorkSizes& sizes);

// Some common ones. A product of matrices [m,k] and [k,n], or a batch of them.
int64_t ProductWork(const InferContext& context, const WorkSizes& sizes);
// Every output may be made of as many products as input 1, the weights, has elements.
int64_t WeightedWork(const InferContext& context, const WorkSizes& sizes);
// Every output may be made of all combinations of elements of the inputs.
int64_t AllCombinationsWork(const InferContext& context, const WorkSizes& sizes);

// Checks the number of inputs and outputs and their dtypes against the op's ports, and runs the
// op's shape function. `attrs` must have been resolved. This is how every node is typed, in the
// builder, after loading and when compiling.
absl::StatusOr<std::vector<TensorType>> InferNode(const OpDef& op, const InferContext& context);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_OP_H_
