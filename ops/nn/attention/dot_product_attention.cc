// nn.DotProductAttention: attention over queries, keys and values whose axes may be in any order,
// in tiles (core/attention/tiled_attention.h).
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "nomograph/core/attention/tiled_attention.h"
#include "nomograph/core/build/value.h"
#include "nomograph/core/form/form.h"
#include "nomograph/core/narrow/bfloat16_product.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/vector/vector_target.h"
#include "nomograph/ops/math/bfloat16_kernel.h"
#include "nomograph/ops/nn/attention/attention_pattern.h"
#include "nomograph/ops/nn/attention/repeat_heads.h"

namespace nomograph::nn {
namespace {

using Ints = std::vector<int64_t>;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Input = AttentionInput;
using Perm = AttentionPerm;
constexpr int kLeastRank = 2, kMostRank = kAttentionMostAxes;

// Whether the attribute, where it is given, names each axis once.
absl::Status CheckOrder(const Attributes& attrs, Perm perm, int rank) {
  if (!attrs.Has(kAttentionPerms[perm])) return absl::OkStatus();
  const Ints& given = attrs.Ints(kAttentionPerms[perm]);
  if (static_cast<int64_t>(given.size()) == rank) {
    return Annotate(NormalizeAxes(given, rank).status(), kAttentionPerms[perm]);
  }
  return InvalidArgument(kAttentionPerms[perm], ": expected ", rank, " axes, found ", given.size());
}

// The order of axes that the attribute says, or that in which they are. REQUIRES: CheckOrder().
Ints Order(const Attributes& attrs, Perm perm, int rank) {
  Ints order(rank);
  std::iota(order.begin(), order.end(), 0);
  if (!attrs.Has(kAttentionPerms[perm])) return order;
  const Ints& given = attrs.Ints(kAttentionPerms[perm]);
  for (int i = 0; i < rank; ++i) order[i] = given[i] < 0 ? given[i] + rank : given[i];
  return order;
}

// [B, heads, S, size], or without the axes in front.
using Dims = std::vector<Dim>;

absl::StatusOr<Dims> OrderedDims(const InferContext& context, Input input, int rank) {
  const PartialShape& shape = context.shape(input);
  if (!shape.has_rank()) return Dims(rank);
  if (shape.rank() != rank) {
    return InvalidArgument("expected query, key and value of as many axes, found ",
                           context.shape(kQuery).ToString(), ", ", context.shape(kKey).ToString(),
                           " and ", context.shape(kValue).ToString());
  }
  const Perm perm = static_cast<Perm>(input);
  NOMO_RETURN_IF_ERROR(CheckOrder(context.attrs(), perm, rank));
  Dims dims;
  for (const int64_t axis : Order(context.attrs(), perm, rank)) {
    dims.push_back(shape[static_cast<int>(axis)]);
  }
  if (input == kKey && !context.attrs().Bool("transpose_key")) {
    std::swap(dims[rank - 1], dims[rank - 2]);
  }
  return dims;
}

absl::Status CheckSame(absl::string_view what, const Dim& a, const Dim& b) {
  if (Compatible(PartialShape{a}, PartialShape{b})) return absl::OkStatus();
  return InvalidArgument(what, ": expected one size, found ", a.ToString(), " and ", b.ToString());
}

absl::Status CheckDims(const Dims& query, const Dims& key, const Dims& value) {
  const size_t rank = query.size();
  NOMO_RETURN_IF_ERROR(CheckSame("the size of query and key", query[rank - 1], key[rank - 1]));
  NOMO_RETURN_IF_ERROR(CheckSame("the length of key and value", key[rank - 2], value[rank - 2]));
  if (rank == kLeastRank) return absl::OkStatus();
  NOMO_RETURN_IF_ERROR(CheckSame("the batch of query and key", query[0], key[0]));
  NOMO_RETURN_IF_ERROR(CheckSame("the batch of key and value", key[0], value[0]));
  if (rank < kMostRank) return absl::OkStatus();
  NOMO_RETURN_IF_ERROR(CheckSame("the heads of key and value", key[1], value[1]));
  if (!query[1].known() || !key[1].known()) return absl::OkStatus();
  if (key[1].size() > 0 && query[1].size() % key[1].size() == 0) return absl::OkStatus();
  return InvalidArgument("the heads of query must be a multiple of those of key, found ",
                         query[1].size(), " and ", key[1].size());
}

absl::Status CheckMask(const InferContext& context, const PartialShape& scores) {
  if (!context.has_input(kMask)) return absl::OkStatus();
  const DType dtype = context.dtype(kMask);
  if (dtype != DType::kBool && dtype != context.dtype(kQuery)) {
    return InvalidArgument("attn_mask: expected bool or the type of query, ",
                           DTypeName(context.dtype(kQuery)), ", found ", DTypeName(dtype));
  }
  const PartialShape& mask = context.shape(kMask);
  if (!mask.has_rank()) return absl::OkStatus();
  const auto both = Broadcast(scores, mask);
  if (both.ok() && Compatible(*both, scores)) return absl::OkStatus();
  return InvalidArgument("attn_mask: expected a shape that broadcasts to ", scores.ToString(),
                         ", found ", mask.ToString());
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  int rank = -1;
  for (const Input input : {kQuery, kKey, kValue}) {
    if (context.shape(input).has_rank()) rank = context.shape(input).rank();
  }
  if (rank < 0) return std::vector<TensorType>{{context.dtype(kQuery), PartialShape()}};
  if (rank < kLeastRank || rank > kMostRank) {
    return InvalidArgument("query, key and value: expected from ", kLeastRank, " to ", kMostRank,
                           " axes, found ", rank);
  }
  NOMO_ASSIGN_OR_RETURN(const Dims query, OrderedDims(context, kQuery, rank));
  NOMO_ASSIGN_OR_RETURN(const Dims key, OrderedDims(context, kKey, rank));
  NOMO_ASSIGN_OR_RETURN(const Dims value, OrderedDims(context, kValue, rank));
  NOMO_RETURN_IF_ERROR(CheckDims(query, key, value));
  Dims scores = query, y = query, ordered;
  scores.back() = key[rank - 2];
  y.back() = value.back();
  NOMO_RETURN_IF_ERROR(CheckMask(context, PartialShape(std::move(scores))));
  NOMO_RETURN_IF_ERROR(CheckOrder(context.attrs(), kOutputPerm, rank));
  for (const int64_t axis : Order(context.attrs(), kOutputPerm, rank)) ordered.push_back(y[axis]);
  return std::vector<TensorType>{{context.dtype(kQuery), PartialShape(std::move(ordered))}};
}

// Sizes and strides of the axes [B, heads, S, size] or, where there are fewer, [B, S, size] or [S,
// size].
struct Axes {
  std::vector<int64_t> sizes, strides;
  size_t rank() const { return sizes.size(); }
  int64_t size() const { return sizes[rank() - 1]; }
  int64_t length() const { return sizes[rank() - 2]; }
  int64_t heads() const { return rank() > 3 ? sizes[1] : 1; }
  int64_t batch() const { return rank() > 2 ? sizes[0] : 1; }
  HeadStrides Strides() const {
    return {rank() > 2 ? strides[0] : 0, rank() > 3 ? strides[1] : 0, strides[rank() - 2],
            strides[rank() - 1]};
  }
};

Axes InputAxes(const Attributes& attrs, Perm perm, const Shape& shape) {
  Axes axes;
  for (const int64_t axis : Order(attrs, perm, shape.rank())) {
    axes.sizes.push_back(shape[static_cast<int>(axis)]);
    axes.strides.push_back(shape.Strides()[axis]);
  }
  return axes;
}

Axes OutputAxes(const Attributes& attrs, const Shape& shape) {
  const Ints order = Order(attrs, kOutputPerm, shape.rank());
  Axes axes{Ints(order.size()), Ints(order.size())};
  for (int i = 0; i < shape.rank(); ++i) {
    axes.sizes[order[i]] = shape[i];
    axes.strides[order[i]] = shape.Strides()[i];
  }
  return axes;
}

// An axis of which the mask has one element is the same all along.
Axes MaskAxes(const Shape& mask, int rank) {
  Axes axes{Ints(rank, 1), Ints(rank, 0)};
  for (int i = 0; i < mask.rank(); ++i) {
    if (mask[i] != 1) axes.strides[rank - mask.rank() + i] = mask.Strides()[i];
  }
  return axes;
}

// The node without the addresses of its tensors. REQUIRES: Infer() finds nothing wrong.
TiledAttention Describe(const Attributes& attrs, absl::Span<const TensorSpec> inputs,
                        const Shape& output) {
  const Axes query = InputAxes(attrs, kQueryPerm, inputs[kQuery].shape);
  Axes key = InputAxes(attrs, kKeyPerm, inputs[kKey].shape);
  if (!attrs.Bool("transpose_key")) {
    std::swap(key.sizes[key.rank() - 1], key.sizes[key.rank() - 2]);
    std::swap(key.strides[key.rank() - 1], key.strides[key.rank() - 2]);
  }
  const Axes value = InputAxes(attrs, kValuePerm, inputs[kValue].shape);
  TiledAttention a{.batch = query.batch(),
                   .heads = query.heads(),
                   .key_heads = key.heads(),
                   .queries = query.length(),
                   .keys = key.length(),
                   .size = query.size(),
                   .value_size = value.size(),
                   .query_strides = query.Strides(),
                   .key_strides = key.Strides(),
                   .value_strides = value.Strides(),
                   .output_strides = OutputAxes(attrs, output).Strides(),
                   .scale = static_cast<float>(attrs.Float("scale")),
                   .mask = {}};
  if (inputs.size() > kMask && inputs[kMask].dtype != DType::kInvalid) {
    const bool is_bool = inputs[kMask].dtype == DType::kBool;
    a.mask.kind = !is_bool                   ? ScoreMask::kAdd
                  : attrs.Bool("mask_hides") ? ScoreMask::kHide
                                             : ScoreMask::kShow;
    a.mask.strides = MaskAxes(inputs[kMask].shape, output.rank()).Strides();
    a.mask.hidden = static_cast<float>(attrs.Float("hidden_score"));
  }
  return a;
}

// One query's scores and their softmax in double.
template <typename T>
class ReferenceAttention {
 public:
  ReferenceAttention(const KernelContext& context, const TiledAttention& a)
      : a_(a),
        scale_(context.attrs().Float("scale")),
        hidden_(context.attrs().Float("hidden_score")),
        query_(context.input<T>(kQuery).data()),
        key_(context.input<T>(kKey).data()),
        value_(context.input<T>(kValue).data()),
        weights_(a.keys) {
    if (a.mask.kind == ScoreMask::kAdd) {
      added_ = context.input<T>(kMask).data();
    } else if (a.mask.kind != ScoreMask::kNone) {
      shown_ = context.input<bool>(kMask).data();
    }
  }

  void Attend(int64_t batch, int64_t head, int64_t query, T* output) {
    const int64_t key_head = head / (a_.heads / a_.key_heads);
    double greatest = -std::numeric_limits<double>::infinity(), total = 0;
    for (int64_t k = 0; k < a_.keys; ++k) {
      weights_[k] = Masked(batch, head, query, k, Product(batch, head, key_head, query, k));
      if (weights_[k] > greatest) greatest = weights_[k];
    }
    for (double& weight : weights_) total += weight = exact::Exp(weight - greatest);
    for (int64_t e = 0; e < a_.value_size; ++e) {
      double sum = 0;
      for (int64_t k = 0; k < a_.keys; ++k) {
        sum += weights_[k] / total * At(value_, a_.value_strides, batch, key_head, k, e);
      }
      output[Offset(a_.output_strides, batch, head, query, e)] = static_cast<T>(sum);
    }
  }

 private:
  static int64_t Offset(const HeadStrides& s, int64_t batch, int64_t head, int64_t position,
                        int64_t element) {
    return batch * s.batch + head * s.head + position * s.position + element * s.element;
  }
  static double At(const T* data, const HeadStrides& strides, int64_t batch, int64_t head,
                   int64_t position, int64_t element) {
    return static_cast<double>(data[Offset(strides, batch, head, position, element)]);
  }
  double Product(int64_t batch, int64_t head, int64_t key_head, int64_t query, int64_t k) const {
    double sum = 0;
    for (int64_t e = 0; e < a_.size; ++e) {
      sum += At(query_, a_.query_strides, batch, head, query, e) *
             At(key_, a_.key_strides, batch, key_head, k, e);
    }
    return sum * scale_;
  }
  double Masked(int64_t batch, int64_t head, int64_t query, int64_t k, double score) const {
    const int64_t at = Offset(a_.mask.strides, batch, head, query, k);
    if (added_ != nullptr) return score + static_cast<double>(added_[at]);
    if (shown_ == nullptr) return score;
    return shown_[at] == (a_.mask.kind == ScoreMask::kShow) ? score : hidden_;
  }

  const TiledAttention& a_;
  const double scale_, hidden_;
  const T *query_, *key_, *value_, *added_ = nullptr;
  const bool* shown_ = nullptr;
  std::vector<double> weights_;
};

absl::Status Compute(KernelContext& context) {
  std::vector<TensorSpec> inputs;
  for (int i = 0; i < context.num_inputs(); ++i) {
    inputs.push_back(context.has_input(i)
                         ? TensorSpec{context.input_dtype(i), context.input_shape(i)}
                         : TensorSpec{});
  }
  const TiledAttention a = Describe(context.attrs(), inputs, context.output_shape(0));
  Dispatch(FloatTypes{}, context.input_dtype(kQuery), [&]<typename T>() {
    ReferenceAttention<T> reference(context, a);
    for (int64_t b = 0; b < a.batch; ++b) {
      for (int64_t h = 0; h < a.heads; ++h) {
        for (int64_t q = 0; q < a.queries; ++q) {
          reference.Attend(b, h, q, context.output<T>(0).data());
        }
      }
    }
  });
  return absl::OkStatus();
}

class TiledKernel : public Kernel {
 public:
  TiledKernel(const TiledAttention& attention, int threads)
      : attention_(attention), floats_(AttentionScratchFloats(attention)), threads_(threads) {}

  absl::Status Run(KernelContext& context) const override {
    TiledAttention a = attention_;
    a.query = context.input<float>(kQuery).data();
    a.key = context.input<float>(kKey).data();
    a.value = context.input<float>(kValue).data();
    if (a.mask.kind != ScoreMask::kNone) a.mask.data = context.input_view(kMask).data;
    a.output = context.output<float>(0).data();
    float* const scratch = reinterpret_cast<float*>(context.scratch());
    ParallelParts(threads_, [&](int part, int parts) {
      AttendPart(a, part, parts, scratch + part * floats_);
    });
    return absl::OkStatus();
  }
  int64_t scratch_bytes() const override {
    return threads_ * floats_ * static_cast<int64_t>(sizeof(float));
  }
  std::string Describe() const override {
    return absl::StrCat("attention in tiles ", attention_.rounds
                                                   ? BFloat16InstructionsName()
                                                   : VectorTargetName(BestVectorTarget()));
  }

 private:
  const TiledAttention attention_;
  const int64_t floats_;
  const int threads_;
};

// Operations, beside which it takes long to wake a thread.
constexpr int64_t kWorthThreads = 1 << 18;

int64_t OperationsOf(const TiledAttention& a) {
  const int64_t scores = SaturatingMultiply(SaturatingMultiply(a.batch, a.heads),
                                            SaturatingMultiply(a.queries, a.keys));
  return SaturatingMultiply(scores, SaturatingAdd(a.size, a.value_size));
}

// All elements of queries with each key, and all of the outputs with each value.
int64_t Operations(const InferContext& context, const WorkSizes& sizes) {
  const PartialShape &query = context.shape(kQuery), &key = context.shape(kKey);
  const Ints order = Order(context.attrs(), kKeyPerm, key.rank());
  const int64_t axis = order[key.rank() - (context.attrs().Bool("transpose_key") ? 2 : 1)];
  return SaturatingMultiply(SaturatingAdd(query.ToShape().num_elements(), sizes.outputs),
                            std::max<int64_t>(1, key[static_cast<int>(axis)].size()));
}

// Whether the node is marked to have its products round their factors, and that pays.
bool Rounds(const TiledAttention& a, const PrepareContext& context) {
  // Keys and values are rounded for panels of queries, half a panel being one vector.
  constexpr int64_t kManyQueries = 16, kManyTerms = 8;
  return RoundsFactors(context) &&
         TakesForm(kRoundingForm, a.heads / a.key_heads * a.queries > kManyQueries &&
                                      std::min({a.keys, a.size, a.value_size}) >= kManyTerms);
}

// The kernel takes no post-ops, but says so of nodes that are asked whether they round.
bool AsksRounding(const PrepareContext& context) {
  if (!RoundsFactors(context)) return false;
  const TiledAttention a = Describe(context.attrs, context.inputs, context.outputs[0].shape);
  if (a.key_heads > 0) Rounds(a, context);
  return false;
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareTiled(const PrepareContext& context) {
  if (context.inputs[kQuery].dtype != DType::kFloat32) return nullptr;
  TiledAttention a = Describe(context.attrs, context.inputs, context.outputs[0].shape);
  if (std::min({a.batch, a.heads, a.queries, a.keys, a.size, a.value_size}) == 0) return nullptr;
  a.rounds = Rounds(a, context);
  return std::make_unique<TiledKernel>(a, OperationsOf(a) < kWorthThreads ? 1 : context.threads);
}

absl::StatusOr<Value> Ordered(const Value& x, const Attributes& attrs, Perm perm) {
  if (!attrs.Has(kAttentionPerms[perm])) return x;
  return Call("array.Transpose", {x}, {{"perm", attrs.Ints(kAttentionPerms[perm])}});
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  NOMO_ASSIGN_OR_RETURN(const Value query, Ordered(in[kQuery], attrs, kQueryPerm));
  NOMO_ASSIGN_OR_RETURN(Value key, Ordered(in[kKey], attrs, kKeyPerm));
  NOMO_ASSIGN_OR_RETURN(Value value, Ordered(in[kValue], attrs, kValuePerm));
  for (const Value& x : {query, key, value}) {
    if (!x.shape().has_rank()) return InvalidArgument("the number of axes must be known");
  }
  const bool transpose = attrs.Bool("transpose_key");
  if (query.shape().rank() == kMostRank) {
    const Dim heads = query.shape()[1], key_heads = key.shape()[1];
    if (!heads.known() || !key_heads.known()) {
      return InvalidArgument("the numbers of heads must be known");
    }
    const int64_t sharing = heads.size() / key_heads.size();
    if (sharing > 1 && (!key.shape()[3].known() || !value.shape()[3].known())) {
      return InvalidArgument(
          "the last sizes of key and value must be known where heads are shared");
    }
    key = RepeatHeads(key, sharing);
    value = RepeatHeads(value, sharing);
  }
  Value scores =
      Call("math.MatMul", {query * attrs.Float("scale"), key}, {{"transpose_b", transpose}});
  if (in.size() > kMask && in[kMask].valid()) {
    const Value& mask = in[kMask];
    const Value hidden = ConstantLike(attrs.Float("hidden_score"), scores);
    if (mask.dtype() != DType::kBool) {
      scores = scores + mask;
    } else if (attrs.Bool("mask_hides")) {
      scores = Call("array.Where", {mask, hidden, scores});
    } else {
      scores = Call("array.Where", {mask, scores, hidden});
    }
  }
  const Value y = Call("math.MatMul", {Call("nn.Softmax", {scores}), value});
  NOMO_ASSIGN_OR_RETURN(const Value ordered, Ordered(y, attrs, kOutputPerm));
  return std::vector<Value>{ordered};
}

// There is a kernel for it that gains.
bool IsFloat32(const InferContext& found) { return found.dtype(kQuery) == DType::kFloat32; }

std::vector<Example> Examples() {
  return {
      {.name = "one head",
       .inputs = {Tensor::Of<float>({3, 2}, {0.5, 1.5, 1, -1, -1, 1.5}),
                  Tensor::Of<float>({4, 2}, {-2, 1.5, 1, -0, -1, -1, -1, -0}),
                  Tensor::Of<float>({4, 3}, {0, 0, 2, 1, 0.5, 2, -1, -1.5, 0.5, -2, -2, 0})},
       .outputs = {Tensor::Of<float>(
           {3, 3}, {0.0510675453, -0.100613949, 1.75921084, 0.2386874, -0.21295957, 1.45686004,
                    -0.076901906, -0.08350377, 1.91400376})}},
      {.name = "a batch, a scale, numbers that are added",
       .attrs = {{"scale", 0.5}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {-0, 1.5, 0.5, 0, -0, -1, -2, -1}),
                  Tensor::Of<float>({2, 3, 2},
                                    {1, -1, -0.5, -2, 1.5, -1.5, -1, 1.5, 0, 1.5, 0.5, 1}),
                  Tensor::Of<float>({2, 3, 2},
                                    {-1.5, 0, 0, 1.5, -0.5, 0.5, -2, -0.5, -0.5, -1.5, 1.5, -0.5}),
                  Tensor::Of<float>({2, 3}, {2, 0.5, 0.5, 0.5, 0.5, -1.5})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 2}, {-1.2525698, 0.186514827, -0.856590016, 0.601752025, -1.11404938, -0.64780405,
                       -1.51123086, -0.761528089})}},
      {.name = "shared heads, a mask that shows",
       .attrs = {{"scale", 0.5}},
       .inputs = {Tensor::Of<float>({1, 4, 2, 2}, {-0, -1, -0.5, -1.5, 2, -1, 0.5, -1, 1.5, 0.5,
                                                   -1.5, 1.5, 2, 1.5, 0.5, -1.5}),
                  Tensor::Of<float>({1, 2, 3, 2},
                                    {-1, 1.5, 0, -1.5, 1.5, 0.5, 0.5, -0.5, -0.5, -1, -2, 1.5}),
                  Tensor::Of<float>({1, 2, 3, 1}, {-0, 0, -0.5, 1, -2, -0.5}),
                  Tensor::Of<bool>({2, 3}, {true, false, true, true, true, false})},
       .outputs = {Tensor::Of<float>({1, 4, 2, 1}, {-0.311229666, 0, -0.476287063, 0, 0.697280167,
                                                    -0.7779998, 0.596587868, -0.59362812})}},
      {.name = "axes in other orders, a mask that hides",
       .attrs = {{"transpose_key", false},
                 {"mask_hides", true},
                 {"hidden_score", -1.0},
                 {"query_perm", Ints{0, 2, 1, 3}},
                 {"value_perm", Ints{0, 2, 1, -1}},
                 {"y_perm", Ints{0, 2, 1, 3}}},
       .inputs = {Tensor::Of<float>({1, 2, 2, 2}, {-2, -1.5, 2, 0.5, -0.5, 0, 1.5, -0.5}),
                  Tensor::Of<float>({1, 2, 2, 3},
                                    {0.5, 0.5, -0.5, 0, 1, 1.5, -1.5, 1.5, -2, 1, 1, -1.5}),
                  Tensor::Of<float>({1, 3, 2, 2},
                                    {-0.5, 1.5, -2, 0.5, 1, 0, 1, -1, -1, -0.5, -1.5, -0.5}),
                  Tensor::Of<bool>({2, 1, 3}, {true, false, false, false, false, true})},
       .outputs = {Tensor::Of<float>(
           {1, 2, 2, 2}, {-0.527326193, 0.554764195, 0.965263246, -0.990851679, -0.283524398,
                          -0.0371059108, 0.820334865, -0.954766737})}},
      {.name = "all keys hidden",
       .inputs = {Tensor::Of<float>({1, 1, 3}, {2, 0.5, -0.5}),
                  Tensor::Of<float>({1, 2, 3}, {-1, 2, -0, 2, 0, 0}),
                  Tensor::Of<float>({1, 2, 2}, {1.5, 1, 0.5, -0.5}),
                  Tensor::Of<bool>({1}, {false})},
       .outputs = {Tensor::Of<float>({1, 1, 2}, {kNaN, kNaN})}},
      {.name = "no keys",
       .inputs = {Tensor::Of<float>({1, 1, 3}, {2, 0.5, -0.5}), Tensor::Of<float>({1, 0, 3}, {}),
                  Tensor::Of<float>({1, 0, 2}, {})},
       .outputs = {Tensor::Of<float>({1, 1, 2}, {0, 0})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("nn.DotProductAttention")
        .Doc("y = softmax(scale Q K^T, masked) V for each head. Queries, keys and values are [B, "
             "heads, S, size], [B, S, size] or [S, size] once their axes are in the order that "
             "query_perm, key_perm and value_perm say, as Transpose has it; y's axes are put in "
             "the order of y_perm. With four axes keys and values may have fewer heads, each of "
             "which as many heads of queries share.\n\n"
             "attn_mask broadcasts to the scores, [B, heads, S, T]: numbers are added, one of bool "
             "says which scores stay. A query of which all scores are -infinity yields NaN. The "
             "scores are not all in memory at once.")
        .Source("A. Vaswani et al., \"Attention Is All You Need\", 2017; M. Rabe and C. Staats, "
                "\"Self-attention Does Not Need O(n^2) Memory\", 2021; T. Dao et al., "
                "\"FlashAttention\", 2022")
        .TypeVar("T", kFloats)
        .TypeVar("M", kFloats | DTypeSet{DType::kBool})
        .Input("query", "T", "[B, Hq, S, D], before query_perm in any order")
        .Input("key", "T", "[B, Hk, T, D]; Hk divides Hq")
        .Input("value", "T", "[B, Hk, T, Dv]")
        .OptionalInput("attn_mask", "M", "broadcasts to [B, Hq, S, T]; absent: 0")
        .Output("y", "T", "[B, Hq, S, Dv], and then y_perm")
        .Attr("scale", 1.0, "the factor of products")
        .Attr("transpose_key", true, "false: key is [B, Hk, D, T]")
        .Attr("mask_hides", false, "a mask of bool says true of the scores that do not stay")
        .Attr("hidden_score", -std::numeric_limits<double>::infinity(),
              "what takes the place of scores that do not stay")
        .OptionalAttr("query_perm", AttrType::kInts, "the order of query's axes; absent: as it is")
        .OptionalAttr("key_perm", AttrType::kInts, "the order of key's axes")
        .OptionalAttr("value_perm", AttrType::kInts, "the order of value's axes")
        .OptionalAttr("y_perm", AttrType::kInts, "the order of y's axes")
        .Infer(Infer)
        .Reference(Compute)
        .Fast(PrepareTiled, AsksRounding)
        .Body(Body)
        .Work(Operations)
        .Written(AttentionPattern(), IsFloat32)
        .Written(ReorderedAttention(/*has_mask=*/true))
        .Written(ReorderedAttention(/*has_mask=*/false))
        .Examples(Examples));

}  // namespace
}  // namespace nomograph::nn
