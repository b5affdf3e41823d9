// array.TopK: the k greatest or least elements along an axis, and their indices.
#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <numeric>
#include <type_traits>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/ops/array/copy_op.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg k, GetInt(context, "k", 1));
  if (!k.given) return InvalidArgument("k is required, as an attribute or as input 1");
  if (k.known && k.values[0] < 0)
    return InvalidArgument("k: expected at least 0, found ", k.values[0]);
  PartialShape shape = context.shape(0);
  if (shape.has_rank()) {
    if (shape.rank() == 0) return InvalidArgument("x: a scalar has no axis");
    NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
    if (k.known && shape[axis].known() && k.values[0] > shape[axis].size()) {
      return InvalidArgument("k: ", k.values[0], " of ", shape[axis].size(), " elements of axis ",
                             axis);
    }
    shape[axis] = k.known ? Dim(k.values[0]) : Dim();
  }
  return std::vector<TensorType>{{context.dtype(0), shape}, {DType::kInt64, shape}};
}

// Whether a comes ahead of b in falling order. NaN counts as the greatest.
template <typename T>
bool Above(T a, T b) {
  const ComputeType<T> x = a, y = b;
  return x > y || (x != x && y == y);
}

// Sorts the first k of `order`, which names the elements `stride` apart from `line` on. Of equal
// elements the one with the lower index is first.
template <typename T>
void SortFirst(const T* line, int64_t stride, bool largest, int64_t k,
               LargeVector<int64_t>& order) {
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t i, int64_t j) {
    const T a = line[i * stride], b = line[j * stride];
    if (Above(a, b)) return largest;
    if (Above(b, a)) return !largest;
    return i < j;
  });
}

// Numbers of 32 bits and less as integers: the first in order is the least. `flip` is -1 where that
// is the greatest number, else 0.
template <typename T>
int32_t SortKey(T value, int32_t flip) {
  if constexpr (std::is_integral_v<T>) {
    // Unsigned ones are moved to where the least of all is that of int32.
    constexpr int64_t kMove = sizeof(T) == sizeof(int32_t) && std::is_unsigned_v<T> ? 1ll << 31 : 0;
    return static_cast<int32_t>(static_cast<int64_t>(value) - kMove) ^ flip;
  } else {
    const auto bits = std::bit_cast<int32_t>(static_cast<float>(value));
    const int32_t magnitude = bits & 0x7fffffff, sign = bits >> 31, infinity = 0x7f800000;
    // There are two zeros, and NaN of either sign is the greatest.
    const int32_t key = (magnitude ^ sign) - sign;
    return (magnitude > infinity ? std::numeric_limits<int32_t>::max() : key) ^ flip;
  }
}
template <typename T>
constexpr bool kHasSortKey = sizeof(T) <= sizeof(float);

// Finds the first k elements of lines that are shorter than 2^32: of some candidates all but the
// best k are dropped from time to time, and what is not ahead of these is none from then on.
class FirstByKeys {
 public:
  FirstByKeys(int64_t count, int64_t k) : count_(count), k_(k), most_(std::min(count, 4 * k)) {
    candidates_.resize(most_ + kBlock);
  }

  // As SortFirst().
  template <typename T>
  void Sort(const T* line, int64_t stride, bool largest, absl::Span<int64_t> order) {
    found_ = 0;
    limit_ = std::numeric_limits<int32_t>::max();
    all_ = true;
    const int32_t flip = largest ? -1 : 0;
    for (int64_t begin = 0; begin < count_ && k_ > 0; begin += kBlock) {
      const int64_t size = std::min(kBlock, count_ - begin);
      int32_t keys[kBlock];
      if (stride == 1) {
#pragma omp simd
        for (int64_t i = 0; i < size; ++i) keys[i] = SortKey(line[begin + i], flip);
      } else {
        for (int64_t i = 0; i < size; ++i) keys[i] = SortKey(line[(begin + i) * stride], flip);
      }
      std::fill(keys + size, keys + kBlock, std::numeric_limits<int32_t>::max());
      for (int64_t i = 0; i < size; i += kFew) {
        AddFew(keys + i, begin + i, std::min(kFew, size - i));
      }
      if (found_ > most_) Select();
    }
    Select();
    std::sort(candidates_.begin(), candidates_.begin() + k_);
    for (int64_t n = 0; n < k_; ++n) order[n] = candidates_[n] & 0xffffffff;
  }

 private:
  static constexpr int64_t kBlock = 64, kFew = 16;

  // Of kFew keys the first `size`, those behind which are the greatest of all. Of keys that are
  // equal the first one's place is less: a later one that equals the limit is not ahead of what is
  // there.
  void AddFew(const int32_t* keys, int64_t begin, int64_t size) {
    const bool all = all_;
    const int32_t limit = limit_;
    int32_t ahead = 0;
#pragma omp simd reduction(+ : ahead)
    for (int64_t i = 0; i < kFew; ++i) ahead += keys[i] < limit;
    if (ahead == 0 && !all) return;
    uint64_t* to = candidates_.data() + found_;
    for (int64_t i = 0; i < size; ++i) {
      // From the least of int32 to 0.
      const uint64_t key = static_cast<uint32_t>(keys[i]) ^ 1u << 31;
      *to = key << 32 | static_cast<uint64_t>(begin + i);
      to += all | (keys[i] < limit);
    }
    found_ = to - candidates_.data();
  }

  // Keeps the first k candidates.
  void Select() {
    if (found_ <= k_) return;
    const auto last = candidates_.begin() + k_ - 1;
    std::nth_element(candidates_.begin(), last, candidates_.begin() + found_);
    limit_ = static_cast<int32_t>(static_cast<uint32_t>(*last >> 32) ^ 1u << 31);
    all_ = false;
    found_ = k_;
  }

  const int64_t count_, k_, most_;
  LargeVector<uint64_t> candidates_;  // keys and places
  int64_t found_;
  int32_t limit_;
  bool all_;  // there is no limit yet
};

// Threads share the lines.
absl::Status ComputeTopK(KernelContext& context, int threads) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, Infer));
  const Shape& shape = context.input_shape(0);
  NOMO_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(context.attrs().Int("axis"), shape.rank()));
  const int64_t k = context.output_shape(0)[axis], count = shape[axis];
  const int64_t inner = Shape(shape.dims().subspan(axis + 1)).num_elements();
  const int64_t lines = Shape(shape.dims().first(axis)).num_elements() * inner;
  const bool largest = context.attrs().Bool("largest");
  Dispatch(NumberTypes{}, context.input_dtype(0), [&]<typename T>() {
    const T* const x = context.input<T>(0).data();
    const absl::Span<T> values = context.output<T>(0);
    const absl::Span<int64_t> indices =
        context.num_outputs() > 1 ? context.output<int64_t>(1) : absl::Span<int64_t>();
    const bool by_keys = kHasSortKey<T> && count <= std::numeric_limits<uint32_t>::max();
    const int most = static_cast<int>(std::clamp<int64_t>(lines, 1, threads));
    std::vector<LargeVector<int64_t>> orders(most, LargeVector<int64_t>(by_keys ? k : count));
    std::vector<FirstByKeys> firsts(most, FirstByKeys(by_keys ? count : 0, by_keys ? k : 0));
    ParallelParts(most, [&](int part, int parts) {
      LargeVector<int64_t>& order = orders[part];
      for (int64_t line = lines * part / parts; line < lines * (part + 1) / parts; ++line) {
        const int64_t o = line / inner, i = line % inner;
        const T* const from = x + o * count * inner + i;
        if constexpr (kHasSortKey<T>) {
          if (by_keys) firsts[part].Sort(from, inner, largest, absl::MakeSpan(order));
        }
        if (!by_keys) SortFirst(from, inner, largest, k, order);
        for (int64_t n = 0; n < k; ++n) {
          const int64_t to = (o * k + n) * inner + i;
          values[to] = from[order[n] * inner];
          if (!indices.empty()) indices[to] = order[n];
        }
      }
    });
  });
  return absl::OkStatus();
}

absl::Status Compute(KernelContext& context) { return ComputeTopK(context, 1); }

absl::StatusOr<std::unique_ptr<Kernel>> PrepareTopK(const PrepareContext& context) {
  constexpr int64_t kWorthThreads = 1 << 15;
  if (context.threads == 1 || context.inputs[0].shape.num_elements() < kWorthThreads) {
    return nullptr;
  }
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& run) { return ComputeTopK(run, threads); },
      "lines by parts");
}

std::vector<Example> Examples() {
  const Tensor x = Tensor::Of<float>({3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 11, 10, 9, 8});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  return {
      {.name = "ONNX top_k",
       .inputs = {x, Tensor::Vector<int64_t>({3})},
       .outputs = {Tensor::Of<float>({3, 3}, {3, 2, 1, 7, 6, 5, 11, 10, 9}),
                   Tensor::Of<int64_t>({3, 3}, {3, 2, 1, 3, 2, 1, 0, 1, 2})}},
      {.name = "ONNX top_k_smallest",
       .attrs = {{"k", 3}, {"largest", false}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>({3, 3}, {0, 1, 2, 4, 5, 6, 8, 9, 10}),
                   Tensor::Of<int64_t>({3, 3}, {0, 1, 2, 0, 1, 2, 3, 2, 1})}},
      {.name = "first axis, values only",
       .attrs = {{"k", 1}, {"axis", 0}},
       .inputs = {Tensor::Of<int8_t>({2, 3}, {1, -5, 3, -2, 4, 3})},
       .outputs = {Tensor::Of<int8_t>({1, 3}, {1, 4, 3})}},
      {.name = "ties take the lower index, NaN is the greatest",
       .attrs = {{"k", 4}},
       .inputs = {Tensor::Vector<float>({2, 3, nan, 3, 1})},
       .outputs = {Tensor::Vector<float>({nan, 3, 3, 2}), Tensor::Vector<int64_t>({2, 1, 3, 0})}},
      {.name = "empty batch",
       .attrs = {{"k", 2}},
       .inputs = {Tensor::Of<Half>({0, 3}, {})},
       .outputs = {Tensor::Of<Half>({0, 2}, {}), Tensor::Of<int64_t>({0, 2}, {})}},
  };
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  const Value& x = g.input(0);
  const Value indices = g.has_output(1)
                            ? g.output(1)
                            : CallMulti("array.TopK", {x, g.has_input(1) ? g.input(1) : Value()},
                                        g.attrs(), {.num_outputs = 2})[1];
  return std::vector<Value>{Call("array.ScatterElements", {ZerosLike(x), indices, g.gradient(0)},
                                 {{"axis", g.attrs().Int("axis")}, {"reduction", "add"}})};
}

NOMO_REGISTER_OP(
    OpDef("array.TopK")
        .Doc("The k greatest (or least) elements along `axis`, in falling (or rising) order, and "
             "their indices. Of equal elements the one with the lower index comes first; NaN "
             "counts as the greatest. k is an attribute or an input, and at most the axis' size.")
        .Source("ONNX TopK; torch.topk")
        .TypeVar("T", kNumbers)
        .Input("x", "T", "of rank 1 or more")
        .OptionalInput("k", "int64", "a scalar or one element")
        .Output("values", "T", "the shape of x with `axis` of size k")
        .OptionalOutput("indices", "int64", "the shape of values")
        .OptionalAttr("k", AttrType::kInt, "how many, at least 0")
        .Attr("axis", -1, "in [-rank, rank)")
        .Attr("largest", true, "the greatest, or else the least")
        .Attr("sorted", true, "kept for ONNX: the order is the same without it")
        .Infer(Infer)
        .Reference(Compute)
        .Fast(PrepareTopK)
        .Gradient(Gradient)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
