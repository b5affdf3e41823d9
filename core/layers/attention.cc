#include "nomograph/core/layers/attention.h"

#include <cmath>
#include <utility>
#include <vector>

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

Value Product(const Value& a, const Value& b, bool transpose_b = false) {
  return Op("math.MatMul", {a, b}, transpose_b ? Attributes{{"transpose_b", true}} : Attributes());
}

Value Unsqueezed(const Value& x, int64_t axis) {
  return Op("array.Unsqueeze", {x}, {{"axes", axis}});
}

// [query steps, value steps]: whether the query's step is not ahead of the value's. Made from the
// scores, [batch, ..., query steps, value steps].
Value CausalMask(const Value& scores) {
  const Value ones = Op("array.Where", {Op("math.IsNaN", {scores}), ConstantLike(1, scores),
                                        ConstantLike(1, scores)});
  return Op("array.Trilu", {ones}, {{"upper", false}}) != 0;
}

Value Both(const Value& a, const Value& b) {
  if (!a.valid() || !b.valid()) return a.valid() ? a : b;
  return Op("math.And", {a, b});
}

struct WeightingOptions {
  double dropout;
  std::optional<int64_t> seed;
  bool causal;
  double masked_score, masked_score_half;  // what is added to the scores of what is left out
};

// What each value counts for each query: softmax of the scores, without those that `mask` (which
// may be absent) leaves out.
Value WeightsOf(Value scores, Value mask, const WeightingOptions& options) {
  if (options.causal) mask = Both(mask, CausalMask(scores));
  if (mask.valid()) {
    const double least =
        scores.dtype() == DType::kFloat16 ? options.masked_score_half : options.masked_score;
    scores = scores + Op("array.Cast", {!mask}, {{"to", scores.dtype()}}) * least;
  }
  const Value weights = Op("nn.Softmax", {scores});
  if (options.dropout == 0) return weights;
  Attributes attrs = {{"rate", options.dropout}};
  if (options.seed) attrs.Set("seed", *options.seed);
  return Op("nn.Dropout", {weights}, std::move(attrs));
}

absl::Status CheckDropout(double rate, const std::optional<int64_t>& seed) {
  const absl::Status valid =
      rate >= 0 && rate < 1 ? absl::OkStatus()
                            : InvalidArgument("dropout: expected a number in [0, 1), found ", rate);
  return internal::AllOf({valid, internal::AtLeast("seed", 0, seed.value_or(0))});
}

// Query, value, key and mask of a call.
struct Arguments {
  Value query, value, key, mask;
};

absl::StatusOr<Arguments> ArgumentsOf(absl::Span<const Value> inputs, bool takes_mask) {
  if (inputs.size() < 2 || inputs.size() > (takes_mask ? 4 : 3)) {
    return InvalidArgument("expected query, value and, where it is not the value, key",
                           takes_mask ? ", and a mask" : "", "; found ", inputs.size(), " inputs");
  }
  Arguments arguments = {inputs[0], inputs[1], inputs.size() > 2 ? inputs[2] : Value(),
                         inputs.size() > 3 ? inputs[3] : Value()};
  if (!arguments.key.valid()) arguments.key = arguments.value;
  for (const Value* input : {&arguments.query, &arguments.value, &arguments.key}) {
    const TensorType type = input->valid() ? input->type() : TensorType{};
    NOMO_RETURN_IF_ERROR(internal::CheckInput(
        {.min_rank = 3, .max_rank = 3, .axes = "(batch, steps, features)", .dtypes = kFloats},
        type));
    if (type.dtype == arguments.query.dtype()) continue;
    return InvalidArgument("expected inputs of one dtype, found ",
                           arguments.query.type().ToString(), " and ", type.ToString());
  }
  return arguments;
}

// Attention and AdditiveAttention.
class ScoredAttention : public LayerBase {
 public:
  struct Kind {
    bool use_scale, additive, concat;  // concat: of Attention's score_mode
  };
  ScoredAttention(const char* class_name, std::string name, Kind kind, WeightingOptions weighting,
                  bool return_scores, absl::Status options)
      : LayerBase(class_name, std::move(name)),
        kind_(kind),
        weighting_(weighting),
        return_scores_(return_scores),
        options_(std::move(options)) {
    set_supports_masking();
  }

  absl::Status CheckOptions() const override {
    return internal::AllOf({options_, CheckDropout(weighting_.dropout, weighting_.seed)});
  }

  absl::Status Build(absl::Span<const TensorType> inputs) override {
    if (inputs.empty()) return InvalidArgument("expected query and value, found no input");
    if (kind_.use_scale && kind_.additive) {
      const PartialShape& shape = inputs[0].shape;
      if (shape.rank() != 3 || !shape[2].known()) {
        return InvalidArgument(
            "expected a query [batch, steps, features] of known features, found ",
            inputs[0].ToString());
      }
      scale_ = AddWeight({.name = "scale", .shape = {shape[2].size()}, .dtype = inputs[0].dtype});
    } else if (kind_.use_scale) {
      scale_ = Scalar("scale", inputs[0].dtype);
    }
    if (kind_.concat) concat_weight_ = Scalar("concat_score_weight", inputs[0].dtype);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    NOMO_ASSIGN_OR_RETURN(const Arguments in, ArgumentsOf(inputs, /*takes_mask=*/false));
    const Value value_mask = MaskOf(in.value);
    const Value weights =
        WeightsOf(Scores(in.query, in.key),
                  value_mask.valid() ? Unsqueezed(value_mask, 1) : Value(), weighting_);
    Value y = Product(weights, in.value);
    if (const Value mask = MaskOf(in.query); mask.valid())
      y = y * Op("array.Cast", {Unsqueezed(mask, 2)}, {{"to", y.dtype()}});
    return return_scores_ ? std::vector<Value>{y, weights} : std::vector<Value>{y};
  }

  absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs) override {
    return MaskOf(inputs[0]);
  }

 private:
  Value Scalar(const char* name, DType dtype) {
    return AddWeight({.name = name, .shape = {}, .initializer = Ones(), .dtype = dtype});
  }

  Value Scores(const Value& query, const Value& key) const {
    if (!kind_.additive && !kind_.concat) {
      const Value scores = Product(query, key, /*transpose_b=*/true);
      return scale_.valid() ? scores * scale_ : scores;
    }
    const Value sums = Unsqueezed(query, 2) + Unsqueezed(key, 1);
    const Attributes last = {{"axes", -1}, {"keepdims", false}};
    if (kind_.additive) {
      const Value terms = Op("math.Tanh", {sums});
      return Op("math.ReduceSum", {scale_.valid() ? scale_ * terms : terms}, last);
    }
    const Value terms = Op("math.Tanh", {scale_.valid() ? scale_ * sums : sums});
    return concat_weight_ * Op("math.ReduceSum", {terms}, last);
  }

  Kind kind_;
  WeightingOptions weighting_;
  bool return_scores_;
  absl::Status options_;
  Value scale_, concat_weight_;
};

// MultiHeadAttention and GroupQueryAttention.
struct Heads {
  int64_t query_heads, key_value_heads, key_dim, value_dim;
  std::optional<int64_t> output;
  bool use_bias;
  Initializer kernel_initializer, bias_initializer;
};

class HeadsAttention : public LayerBase {
 public:
  HeadsAttention(const char* class_name, std::string name, Heads heads, WeightingOptions weighting,
                 bool return_scores, absl::Status options)
      : LayerBase(class_name, std::move(name)),
        heads_(std::move(heads)),
        weighting_(weighting),
        return_scores_(return_scores),
        options_(std::move(options)) {
    set_supports_masking();
  }

  absl::Status CheckOptions() const override {
    return internal::AllOf({options_, CheckDropout(weighting_.dropout, weighting_.seed)});
  }

  absl::Status Build(absl::Span<const TensorType> inputs) override {
    if (inputs.size() < 2)
      return InvalidArgument("expected query and value, found ", inputs.size(), " inputs");
    const bool has_key = inputs.size() > 2 && inputs[2].dtype != DType::kInvalid;
    NOMO_ASSIGN_OR_RETURN(const int64_t query_size, FeaturesOf("query", inputs[0]));
    NOMO_ASSIGN_OR_RETURN(const int64_t value_size, FeaturesOf("value", inputs[1]));
    NOMO_ASSIGN_OR_RETURN(const int64_t key_size, FeaturesOf("key", inputs[has_key ? 2 : 1]));
    const DType dtype = inputs[0].dtype;
    query_ = AddProjection("query", query_size, heads_.query_heads, heads_.key_dim, dtype);
    key_ = AddProjection("key", key_size, heads_.key_value_heads, heads_.key_dim, dtype);
    value_ = AddProjection("value", value_size, heads_.key_value_heads, heads_.value_dim, dtype);
    const int64_t output = heads_.output.value_or(query_size);
    output_ = {Kernel("attention_output", {heads_.query_heads, heads_.value_dim, output}, dtype),
               Bias("attention_output", {output}, dtype)};
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Call(absl::Span<const Value> inputs) override {
    NOMO_ASSIGN_OR_RETURN(const Arguments in, ArgumentsOf(inputs, /*takes_mask=*/true));
    const Value query = Projected(in.query, query_) * (1 / std::sqrt(double(heads_.key_dim)));
    const Value scores = Product(query, Repeated(Projected(in.key, key_)), /*transpose_b=*/true);
    NOMO_ASSIGN_OR_RETURN(const Value mask, MaskFor(in));
    const Value weights = WeightsOf(scores, mask, weighting_);
    // [batch, heads, steps, value_dim]
    const Value heads = Product(weights, Repeated(Projected(in.value, value_)));
    const int64_t size = heads_.query_heads * heads_.value_dim;
    const Value row = Reshaped(Swapped(heads), {0, 0, size});
    Value y = Product(row, Reshaped(output_.kernel, {size, output_.kernel.shape()[2].size()}));
    if (output_.bias.valid()) y = y + output_.bias;
    return return_scores_ ? std::vector<Value>{y, weights} : std::vector<Value>{y};
  }

  absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs) override {
    return MaskOf(inputs[0]);
  }

 private:
  struct Projection {
    Value kernel, bias;
  };

  static absl::StatusOr<int64_t> FeaturesOf(absl::string_view input, const TensorType& type) {
    if (type.shape.rank() == 3 && type.shape[2].known()) return type.shape[2].size();
    return InvalidArgument(input, ": expected [batch, steps, features] of known features, found ",
                           type.ToString());
  }

  Value Kernel(absl::string_view part, Shape shape, DType dtype) {
    return AddWeight({.name = absl::StrCat(part, "/kernel"),
                      .shape = std::move(shape),
                      .initializer = heads_.kernel_initializer,
                      .dtype = dtype});
  }
  Value Bias(absl::string_view part, Shape shape, DType dtype) {
    if (!heads_.use_bias) return Value();
    return AddWeight({.name = absl::StrCat(part, "/bias"),
                      .shape = std::move(shape),
                      .initializer = heads_.bias_initializer,
                      .dtype = dtype});
  }
  Projection AddProjection(absl::string_view part, int64_t features, int64_t heads, int64_t size,
                           DType dtype) {
    return {Kernel(part, {features, heads, size}, dtype), Bias(part, {heads, size}, dtype)};
  }

  static Value Reshaped(const Value& x, Ints shape) {
    return Op("array.Reshape", {x}, {{"shape", std::move(shape)}});
  }
  // Steps and heads.
  static Value Swapped(const Value& x) {
    return Op("array.Transpose", {x}, {{"perm", Ints{0, 2, 1, 3}}});
  }

  // [batch, heads, steps, size]
  static Value Projected(const Value& x, const Projection& projection) {
    const PartialShape& shape = projection.kernel.shape();
    const int64_t heads = shape[1].size(), size = shape[2].size();
    Value y = Product(x, Reshaped(projection.kernel, {shape[0].size(), heads * size}));
    if (projection.bias.valid()) y = y + Reshaped(projection.bias, {heads * size});
    return Swapped(Reshaped(y, {0, 0, heads, size}));
  }

  // Each head of keys or values once for each head of queries that it serves.
  Value Repeated(const Value& x) const {
    const int64_t times = heads_.query_heads / heads_.key_value_heads;
    if (times == 1) return x;
    Ints index;
    for (int64_t head = 0; head < heads_.query_heads; ++head) index.push_back(head / times);
    const Tensor heads = Tensor::Of<int64_t>(Shape{heads_.query_heads}, index);
    return Op("array.Gather", {x, Constant(heads)}, {{"axis", 1}});
  }

  // What counts, to broadcast to [batch, heads, query steps, value steps]; may be absent.
  static absl::StatusOr<Value> MaskFor(const Arguments& in) {
    Value mask;
    if (in.mask.valid()) {
      if (in.mask.dtype() != DType::kBool || in.mask.shape().rank() != 3) {
        return InvalidArgument("mask: expected bool[batch, query steps, value steps], found ",
                               in.mask.type().ToString());
      }
      mask = in.mask;
    }
    if (const Value value_mask = MaskOf(in.value); value_mask.valid())
      mask = Both(mask, Unsqueezed(value_mask, 1));
    if (const Value key_mask = MaskOf(in.key); key_mask.valid() && in.key.expr() != in.value.expr())
      mask = Both(mask, Unsqueezed(key_mask, 1));
    if (const Value query_mask = MaskOf(in.query); query_mask.valid())
      mask = Both(mask, Unsqueezed(query_mask, 2));
    return mask.valid() ? Unsqueezed(mask, 1) : Value();
  }

  Heads heads_;
  WeightingOptions weighting_;
  bool return_scores_;
  absl::Status options_;
  Projection query_, key_, value_, output_;
};

// Keras' numbers: Attention leaves out by -1e9, of float16 -65504, the softmax behind
// MultiHeadAttention by -1e9 and -3e4.
template <typename Options>
WeightingOptions WeightingOf(const Options& options, double masked_score_half) {
  return {.dropout = options.dropout,
          .seed = options.seed,
          .causal = options.use_causal_mask,
          .masked_score = -1e9,
          .masked_score_half = masked_score_half};
}

template <typename Options>
void VisitCall(FieldVisitor& v, Options& options) {
  v("use_causal_mask", options.use_causal_mask,
    "whether a step sees none behind itself; in Keras an argument of the call");
  v("return_attention_scores", options.return_attention_scores,
    "whether the weights of the values are a second output; in Keras an argument of the call");
}

struct AttentionSpec {
  AttentionOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("use_scale", options.use_scale, "whether the scores have a factor");
    v("score_mode", options.score_mode, "dot or concat");
    v("dropout", options.dropout, "the fraction of the weights that is dropped in training");
    internal::VisitSeed(v, options.seed);
    VisitCall(v, options);
  }
  Layer Make() const {
    return MakeLayer<ScoredAttention>(
        "Attention", options.name,
        ScoredAttention::Kind{options.use_scale, false, options.score_mode == "concat"},
        WeightingOf(options, -65504), options.return_attention_scores,
        internal::OneOf("score_mode", {"dot", "concat"}, options.score_mode));
  }
};
NOMO_REGISTER_LAYER(AttentionSpec, "Attention",
                    internal::Sample({{"use_scale", true}, {"score_mode", "concat"}},
                                     {{3, 2}, {4, 2}}),
                    internal::Sample({{"use_causal_mask", true}}, {{3, 2}, {3, 2}, {3, 2}}));

struct AdditiveAttentionSpec {
  AdditiveAttentionOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("use_scale", options.use_scale, "whether the terms have factors");
    v("dropout", options.dropout, "the fraction of the weights that is dropped in training");
    internal::VisitSeed(v, options.seed);
    VisitCall(v, options);
  }
  Layer Make() const {
    return MakeLayer<ScoredAttention>(
        "AdditiveAttention", options.name, ScoredAttention::Kind{options.use_scale, true, false},
        WeightingOf(options, -65504), options.return_attention_scores, absl::OkStatus());
  }
};
NOMO_REGISTER_LAYER(AdditiveAttentionSpec, "AdditiveAttention",
                    internal::Sample({}, {{3, 2}, {4, 2}}));

struct MultiHeadAttentionSpec {
  int64_t num_heads = 0, key_dim = 0;
  MultiHeadAttentionOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("num_heads", num_heads, "how many heads there are");
    v.Required("key_dim", key_dim, "the size of a head's queries and keys");
    v("value_dim", options.value_dim, "the size of a head's values; null: key_dim");
    v("dropout", options.dropout, "the fraction of the weights that is dropped in training");
    v("use_bias", options.use_bias, "whether the projections have biases");
    v("output_shape", options.output_shape, "the result's features; null: the query's");
    v.Only("attention_axes", nullptr, "the steps");
    v.Weight("kernel", options.kernel_initializer);
    v.Weight("bias", options.bias_initializer);
    internal::VisitSeed(v, options.seed);
    VisitCall(v, options);
  }
  Layer Make() const {
    const int64_t value_dim = options.value_dim.value_or(key_dim);
    const absl::Status valid = internal::AllOf(
        {internal::AtLeast("num_heads", 1, num_heads), internal::AtLeast("key_dim", 1, key_dim),
         internal::AtLeast("value_dim", 1, options.value_dim.value_or(1)),
         internal::AtLeast("output_shape", 1, options.output_shape.value_or(1))});
    return MakeLayer<HeadsAttention>(
        "MultiHeadAttention", options.name,
        Heads{num_heads, num_heads, key_dim, value_dim, options.output_shape, options.use_bias,
              options.kernel_initializer, options.bias_initializer},
        WeightingOf(options, -3e4), options.return_attention_scores, valid);
  }
};
NOMO_REGISTER_LAYER(MultiHeadAttentionSpec, "MultiHeadAttention",
                    internal::Sample({{"num_heads", 2}, {"key_dim", 3}, {"value_dim", 2}},
                                     {{3, 4}, {5, 6}}));

struct GroupQueryAttentionSpec {
  int64_t head_dim = 0, num_query_heads = 0, num_key_value_heads = 0;
  GroupQueryAttentionOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("head_dim", head_dim, "the size of a head");
    v.Required("num_query_heads", num_query_heads, "a multiple of num_key_value_heads");
    v.Required("num_key_value_heads", num_key_value_heads, "how many heads keys and values have");
    v("dropout", options.dropout, "the fraction of the weights that is dropped in training");
    v("use_bias", options.use_bias, "whether the projections have biases");
    v.Weight("kernel", options.kernel_initializer);
    v.Weight("bias", options.bias_initializer);
    internal::VisitSeed(v, options.seed);
    VisitCall(v, options);
  }
  absl::Status CheckHeads() const {
    if (num_query_heads < 1 || num_key_value_heads < 1 ||
        num_query_heads % num_key_value_heads == 0) {
      return absl::OkStatus();
    }
    return InvalidArgument("num_query_heads: expected a multiple of num_key_value_heads, ",
                           num_key_value_heads, ", found ", num_query_heads);
  }
  Layer Make() const {
    const absl::Status valid = internal::AllOf(
        {internal::AtLeast("head_dim", 1, head_dim),
         internal::AtLeast("num_query_heads", 1, num_query_heads),
         internal::AtLeast("num_key_value_heads", 1, num_key_value_heads), CheckHeads()});
    return MakeLayer<HeadsAttention>(
        "GroupQueryAttention", options.name,
        Heads{num_query_heads, num_key_value_heads, head_dim, head_dim, std::nullopt,
              options.use_bias, options.kernel_initializer, options.bias_initializer},
        WeightingOf(options, -3e4), options.return_attention_scores, valid);
  }
};
NOMO_REGISTER_LAYER(
    GroupQueryAttentionSpec, "GroupQueryAttention",
    internal::Sample({{"head_dim", 3}, {"num_query_heads", 4}, {"num_key_value_heads", 2}},
                     {{3, 4}, {5, 6}}));

}  // namespace

Layer Attention(AttentionOptions options) { return Configured(AttentionSpec{std::move(options)}); }
Layer AdditiveAttention(AdditiveAttentionOptions options) {
  return Configured(AdditiveAttentionSpec{std::move(options)});
}
Layer MultiHeadAttention(int64_t num_heads, int64_t key_dim, MultiHeadAttentionOptions options) {
  return Configured(MultiHeadAttentionSpec{num_heads, key_dim, std::move(options)});
}
Layer GroupQueryAttention(int64_t head_dim, int64_t num_query_heads, int64_t num_key_value_heads,
                          GroupQueryAttentionOptions options) {
  return Configured(
      GroupQueryAttentionSpec{head_dim, num_query_heads, num_key_value_heads, std::move(options)});
}

}  // namespace nomograph
