#include "nomograph/core/layers/merge.h"

#include <algorithm>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using MergeFn = std::function<absl::StatusOr<Value>(std::vector<Value> inputs)>;
// The result's mask. Asked where some input has one.
using MergeMaskFn = std::function<Value(absl::Span<const Value> inputs)>;

constexpr char kAny[] = "any", kAll[] = "all", kNone[] = "none";

// A layer of two inputs or more without weights.
class MergeLayer : public LayerBase {
 public:
  struct Counts {
    size_t least = 2, most = SIZE_MAX;
  };
  MergeLayer(std::string class_name, const MergeOptions& options, Counts counts, MergeFn merge,
             MergeMaskFn merge_masks)
      : LayerBase(std::move(class_name), options.name),
        mask_rule_(options.mask_rule),
        counts_(counts),
        merge_(std::move(merge)),
        merge_masks_(std::move(merge_masks)) {
    set_supports_masking();
  }

  absl::Status CheckOptions() const override {
    return internal::OneOf("mask_rule", {kAny, kAll, kNone}, mask_rule_);
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    if (inputs.size() < counts_.least || inputs.size() > counts_.most) {
      return InvalidArgument("expected ", counts_.least == counts_.most ? "" : "at least ",
                             counts_.least, " inputs, found ", inputs.size());
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].valid()) return InvalidArgument("input ", i, " is absent");
      if (inputs[i].dtype() == inputs[0].dtype()) continue;
      return InvalidArgument("expected inputs of one dtype, found ", inputs[0].type().ToString(),
                             " and ", inputs[i].type().ToString());
    }
    NOMO_ASSIGN_OR_RETURN(Value y, merge_(std::vector<Value>(inputs.begin(), inputs.end())));
    return std::vector<Value>{std::move(y)};
  }

  absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs) override {
    const auto has_mask = [](const Value& input) { return MaskOf(input).valid(); };
    if (mask_rule_ == kNone || std::none_of(inputs.begin(), inputs.end(), has_mask)) return Value();
    return merge_masks_(inputs);
  }

 private:
  std::string mask_rule_;
  Counts counts_;
  MergeFn merge_;
  MergeMaskFn merge_masks_;
};

// Absent masks are no part of "all", and with "any" the result has none, either.
Value MergedMasks(absl::Span<const Value> inputs, absl::string_view rule) {
  Value merged;
  for (const Value& input : inputs) {
    const Value mask = MaskOf(input);
    if (!mask.valid() && rule == kAny) return Value();
    if (!mask.valid()) continue;
    merged =
        merged.valid() ? internal::Op(rule == kAny ? "math.Or" : "math.And", {merged, mask}) : mask;
  }
  return merged;
}

Value NoMask(absl::Span<const Value>) { return Value(); }

// All steps of an input of at least three axes, as bool[batch, steps].
Value WholeMask(const Value& x) {
  const Value sizes = Slice(internal::Op("array.Shape", {x}), 0, 2);
  return CallMulti("array.Expand", {Constant(Tensor::Of<bool>({}, {true})), sizes}, {},
                   {.output_types = {{DType::kBool, {x.shape()[0], x.shape()[1]}}}})[0];
}

Value ConcatenatedMasks(absl::Span<const Value> inputs, int64_t along, absl::string_view rule) {
  const int rank = inputs[0].shape().rank();
  const auto axis = NormalizeAxis(along, rank);
  if (rank < 3 || !axis.ok()) return Value();
  // Of features side by side Keras 3 takes those without a mask for all there, so that nothing is
  // left out.
  if (*axis > 1) return MergedMasks(inputs, rule);
  std::vector<Value> masks;
  for (const Value& input : inputs) {
    const Value mask = MaskOf(input);
    masks.push_back(mask.valid() ? mask : WholeMask(input));
  }
  return internal::Op("array.Concat", std::move(masks), {{"axis", *axis}});
}

// Axes of size 1 behind the batch for inputs that have fewer axes than others.
std::vector<Value> WithEqualRanks(std::vector<Value> inputs) {
  int rank = 0;
  for (const Value& input : inputs) rank = std::max(rank, input.shape().rank());
  for (Value& input : inputs) {
    if (!input.shape().has_rank() || input.shape().rank() == rank) continue;
    std::vector<int64_t> axes;
    for (int i = 1; i <= rank - input.shape().rank(); ++i) axes.push_back(i);
    input = internal::Op("array.Unsqueeze", {input}, {{"axes", axes}});
  }
  return inputs;
}

// The input's mask, to choose among its elements; absent where there is none.
Value MaskOfElements(const Value& x) {
  const Value mask = MaskOf(x);
  if (!mask.valid() || x.shape().rank() != mask.shape().rank() + 1) return Value();
  return internal::Op("array.Unsqueeze", {mask}, {{"axes", -1}});
}

// A product whose factors are 1 where their masks leave them out, and 0 where all do.
Value MaskedProduct(const std::vector<Value>& inputs) {
  Value y, some;
  bool all_have = true;
  for (const Value& input : inputs) {
    const Value mask = MaskOfElements(input);
    const Value x =
        mask.valid() ? internal::Op("array.Where", {mask, input, ConstantLike(1, input)}) : input;
    y = y.valid() ? y * x : x;
    all_have = all_have && mask.valid();
    if (all_have) some = some.valid() ? internal::Op("math.Or", {some, mask}) : mask;
  }
  return all_have ? internal::Op("array.Where", {some, y, ConstantLike(0, y)}) : y;
}

// An extreme of what masks do not leave out. Keras goes from one input to the next, and where one
// has no mask, what is behind it is compared with all that is ahead.
Value MaskedExtreme(const char* op, const std::vector<Value>& inputs) {
  Value y = inputs[0], some = MaskOfElements(y);
  for (size_t i = 1; i < inputs.size(); ++i) {
    Value x = inputs[i];
    const Value mask = MaskOfElements(x);
    if (mask.valid()) x = internal::Op("array.Where", {mask, x, y});
    if (some.valid()) y = internal::Op("array.Where", {some, y, x});
    some = mask.valid() && some.valid() ? internal::Op("math.Or", {some, mask}) : Value();
    y = internal::Op(op, {y, x});
  }
  return y;
}

// [batch, features] or [batch, m, features] as [batch, 1 or m, features].
Value AsRows(const Value& x, int axis) {
  if (x.shape().rank() == 2)
    return internal::Op("array.Unsqueeze", {x}, {{"axes", std::vector<int64_t>{1}}});
  if (axis == 2) return x;
  return internal::Op("array.Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
}

// To length 1 along the axis; a zero vector stays one.
Value Normalized(const Value& x, int64_t axis) {
  const Value length = internal::Op("math.ReduceL2", {x}, {{"axes", std::vector<int64_t>{axis}}});
  return x / internal::Op("math.Max", {length, ConstantLike(1e-6, x)});
}

absl::StatusOr<int> DotAxis(const Value& x, int64_t axis) {
  const int rank = x.shape().rank();
  if (rank != 2 && rank != 3) {
    return InvalidArgument("expected inputs of rank 2 or 3, found ", x.type().ToString());
  }
  NOMO_ASSIGN_OR_RETURN(const int normal, NormalizeAxis(axis, rank));
  if (normal == 0) return InvalidArgument("axes: the batch axis, 0, cannot be one of them");
  return normal;
}

absl::StatusOr<Value> DotOf(Value a, Value b, const DotAxes& axes, bool normalize) {
  NOMO_ASSIGN_OR_RETURN(const int axis_a, DotAxis(a, axes.first));
  NOMO_ASSIGN_OR_RETURN(const int axis_b, DotAxis(b, axes.second));
  const Dim &size_a = a.shape()[axis_a], &size_b = b.shape()[axis_b];
  if (size_a.known() && size_b.known() && size_a.size() != size_b.size()) {
    return InvalidArgument("expected inputs of equal sizes along axes ", axis_a, " and ", axis_b,
                           ", found ", a.type().ToString(), " and ", b.type().ToString());
  }
  if (normalize) {
    a = Normalized(a, axis_a);
    b = Normalized(b, axis_b);
  }
  const Value y =
      internal::Op("math.MatMul", {AsRows(a, axis_a), AsRows(b, axis_b)}, {{"transpose_b", true}});
  if (a.shape().rank() == 3 && b.shape().rank() == 3) return y;
  const int64_t squeezed = b.shape().rank() == 2 ? 2 : 1;
  return internal::Op("array.Squeeze", {y}, {{"axes", std::vector<int64_t>{squeezed}}});
}

// `pair` is the op for two inputs, `many` that for more; where there is none, `pair` is applied
// again and again.
struct ElementwiseKind {
  const char *class_name, *pair, *many = nullptr;
  MergeLayer::Counts counts = {};
};
constexpr ElementwiseKind kAdd = {"Add", "math.Add", "math.Sum"},
                          kSubtract = {"Subtract", "math.Sub", nullptr, {2, 2}},
                          kMultiply = {"Multiply", "math.Mul"},
                          kAverage = {"Average", "math.Mean", "math.Mean"},
                          kMaximum = {"Maximum", "math.Max", "math.Max"},
                          kMinimum = {"Minimum", "math.Min", "math.Min"};

absl::StatusOr<Value> Elementwise(const ElementwiseKind& kind, std::vector<Value> inputs,
                                  absl::string_view mask_rule) {
  inputs = WithEqualRanks(std::move(inputs));
  const auto has_mask = [](const Value& input) { return MaskOfElements(input).valid(); };
  if (mask_rule == kAny && std::any_of(inputs.begin(), inputs.end(), has_mask)) {
    if (&kind == &kMultiply) return MaskedProduct(inputs);
    if (&kind == &kMaximum || &kind == &kMinimum) return MaskedExtreme(kind.pair, inputs);
  }
  if (inputs.size() > 2 && kind.many != nullptr) return internal::Op(kind.many, std::move(inputs));
  Value y = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) y = internal::Op(kind.pair, {y, inputs[i]});
  return y;
}

void VisitMaskRule(FieldVisitor& v, std::string& mask_rule) {
  v("mask_rule", mask_rule,
    "what becomes of masks: any (Keras 3.4), all (Keras 1 and 2) or none (Keras 3.0); no argument "
    "of Keras'");
}

template <const ElementwiseKind& kKind>
struct ElementwiseSpec {
  MergeOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    VisitMaskRule(v, options.mask_rule);
  }
  Layer Make() const {
    const auto merge = [rule = options.mask_rule](std::vector<Value> inputs) {
      return Elementwise(kKind, std::move(inputs), rule);
    };
    const auto merge_masks = [rule = options.mask_rule](absl::Span<const Value> inputs) {
      return MergedMasks(inputs, rule);
    };
    return MakeLayer<MergeLayer>(kKind.class_name, options, kKind.counts, merge, merge_masks);
  }
};
const LayerSample& TwoVectors() {
  static const LayerSample& sample = *new LayerSample(internal::Sample({}, {{3}, {3}}));
  return sample;
}
NOMO_REGISTER_LAYER(ElementwiseSpec<kAdd>, "Add", TwoVectors());
NOMO_REGISTER_LAYER(ElementwiseSpec<kSubtract>, "Subtract", TwoVectors());
NOMO_REGISTER_LAYER(ElementwiseSpec<kMultiply>, "Multiply", TwoVectors());
NOMO_REGISTER_LAYER(ElementwiseSpec<kAverage>, "Average", TwoVectors());
NOMO_REGISTER_LAYER(ElementwiseSpec<kMaximum>, "Maximum", TwoVectors());
NOMO_REGISTER_LAYER(ElementwiseSpec<kMinimum>, "Minimum", TwoVectors());

struct ConcatenateSpec {
  ConcatenateOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("axis", options.axis, "along which the inputs lie one after the other");
    VisitMaskRule(v, options.mask_rule);
  }
  Layer Make() const {
    const auto merge = [axis = options.axis](std::vector<Value> inputs) -> absl::StatusOr<Value> {
      return internal::Op("array.Concat", std::move(inputs), {{"axis", axis}});
    };
    const auto merge_masks = [axis = options.axis,
                              rule = options.mask_rule](absl::Span<const Value> inputs) {
      return ConcatenatedMasks(inputs, axis, rule);
    };
    return MakeLayer<MergeLayer>("Concatenate", MergeOptions{options.mask_rule, options.name},
                                 MergeLayer::Counts{}, merge, merge_masks);
  }
};
NOMO_REGISTER_LAYER(ConcatenateSpec, "Concatenate",
                    internal::Sample({{"axis", 1}}, {{3, 2}, {4, 2}}));

struct DotSpec {
  DotAxes axes = -1;
  DotOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("axes", axes, "one for both inputs, or one for each; 0 is the batch");
    v("normalize", options.normalize, "whether the vectors get length 1 first");
  }
  Layer Make() const {
    const auto merge = [axes = axes, normalize = options.normalize](std::vector<Value> inputs) {
      return DotOf(inputs[0], inputs[1], axes, normalize);
    };
    return MakeLayer<MergeLayer>("Dot", MergeOptions{.name = options.name},
                                 MergeLayer::Counts{2, 2}, merge, NoMask);
  }
};
NOMO_REGISTER_LAYER(DotSpec, "Dot",
                    internal::Sample({{"axes", std::vector<int64_t>{2, 1}}}, {{3, 4}, {4, 2}}),
                    internal::Sample({{"axes", 1}, {"normalize", true}}, {{4}, {4}}));

}  // namespace

std::string FieldType<DotAxes>::Name() { return "int or list of two int"; }
absl::Status FieldType<DotAxes>::Read(const ConfigValue& from, DotAxes& to) {
  std::vector<int64_t> axes;
  if (!FieldType<std::vector<int64_t>>::Read(from, axes).ok() || axes.empty() || axes.size() > 2)
    return WrongFieldType(Name(), from);
  to = {axes.front(), axes.back()};
  return absl::OkStatus();
}
absl::StatusOr<ConfigValue> FieldType<DotAxes>::Write(const DotAxes& from) {
  if (from.first == from.second) return ConfigValue(from.first);
  return ConfigValue(std::vector<int64_t>{from.first, from.second});
}

Layer Add(MergeOptions options) { return Configured(ElementwiseSpec<kAdd>{std::move(options)}); }
Layer Subtract(MergeOptions options) {
  return Configured(ElementwiseSpec<kSubtract>{std::move(options)});
}
Layer Multiply(MergeOptions options) {
  return Configured(ElementwiseSpec<kMultiply>{std::move(options)});
}
Layer Average(MergeOptions options) {
  return Configured(ElementwiseSpec<kAverage>{std::move(options)});
}
Layer Maximum(MergeOptions options) {
  return Configured(ElementwiseSpec<kMaximum>{std::move(options)});
}
Layer Minimum(MergeOptions options) {
  return Configured(ElementwiseSpec<kMinimum>{std::move(options)});
}
Layer Concatenate(ConcatenateOptions options) {
  return Configured(ConcatenateSpec{std::move(options)});
}
Layer Dot(DotAxes axes, DotOptions options) {
  return Configured(DotSpec{axes, std::move(options)});
}

}  // namespace nomograph
