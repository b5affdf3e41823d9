#include "nomograph/core/layers/merge.h"

#include <algorithm>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using MergeFn = std::function<absl::StatusOr<Value>(std::vector<Value> inputs)>;

// A layer of two inputs or more without weights.
class MergeLayer : public LayerBase {
 public:
  struct Counts {
    size_t least = 2, most = SIZE_MAX;
  };
  MergeLayer(std::string class_name, std::string name, Counts counts, MergeFn merge)
      : LayerBase(std::move(class_name), std::move(name)),
        counts_(counts),
        merge_(std::move(merge)) {
    set_supports_masking();
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

  // Where every input has a mask, the places that some input has. Keras' rule.
  absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs) override {
    Value all;
    for (const Value& input : inputs) {
      const Value mask = MaskOf(input);
      if (!mask.valid()) return Value();
      all = all.valid() ? internal::Op("math.Or", {all, mask}) : mask;
    }
    return all;
  }

 private:
  Counts counts_;
  MergeFn merge_;
};

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

// `pair` is the op for two inputs, `many` that for more; where there is none, `pair` is applied
// again and again.
Layer Elementwise(const char* class_name, const LayerOptions& options, const char* pair,
                  const char* many = nullptr, MergeLayer::Counts counts = {}) {
  const auto merge = [=](std::vector<Value> inputs) -> absl::StatusOr<Value> {
    inputs = WithEqualRanks(std::move(inputs));
    if (inputs.size() > 2 && many != nullptr) return internal::Op(many, std::move(inputs));
    Value y = inputs[0];
    for (size_t i = 1; i < inputs.size(); ++i) y = internal::Op(pair, {y, inputs[i]});
    return y;
  };
  return MakeLayer<MergeLayer>(class_name, options.name, counts, merge);
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

template <const ElementwiseKind& kKind>
struct ElementwiseSpec {
  LayerOptions options;

  void VisitFields(FieldVisitor& v) { v.Name(options.name); }
  Layer Make() const {
    return Elementwise(kKind.class_name, options, kKind.pair, kKind.many, kKind.counts);
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
  }
  Layer Make() const {
    const auto merge = [axis = options.axis](std::vector<Value> inputs) -> absl::StatusOr<Value> {
      return internal::Op("array.Concat", std::move(inputs), {{"axis", axis}});
    };
    return MakeLayer<MergeLayer>("Concatenate", options.name, MergeLayer::Counts{}, merge);
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
    return MakeLayer<MergeLayer>("Dot", options.name, MergeLayer::Counts{2, 2}, merge);
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

Layer Add(LayerOptions options) { return Configured(ElementwiseSpec<kAdd>{std::move(options)}); }
Layer Subtract(LayerOptions options) {
  return Configured(ElementwiseSpec<kSubtract>{std::move(options)});
}
Layer Multiply(LayerOptions options) {
  return Configured(ElementwiseSpec<kMultiply>{std::move(options)});
}
Layer Average(LayerOptions options) {
  return Configured(ElementwiseSpec<kAverage>{std::move(options)});
}
Layer Maximum(LayerOptions options) {
  return Configured(ElementwiseSpec<kMaximum>{std::move(options)});
}
Layer Minimum(LayerOptions options) {
  return Configured(ElementwiseSpec<kMinimum>{std::move(options)});
}
Layer Concatenate(ConcatenateOptions options) {
  return Configured(ConcatenateSpec{std::move(options)});
}
Layer Dot(DotAxes axes, DotOptions options) {
  return Configured(DotSpec{axes, std::move(options)});
}

}  // namespace nomograph
