// array.TfIdfVectorizer: how often n-grams of a pool occur, counted or weighted.
#include <algorithm>
#include <map>

#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Gram = std::vector<int64_t>;

// The n-grams of the pool, with the places of their counts in the output.
struct Pool {
  std::map<Gram, std::vector<int64_t>> columns;
  std::vector<int64_t> lengths;  // of grams that there are
  int64_t size = 0;              // of the output's last axis

  static absl::StatusOr<Pool> Create(const Attributes& attrs);
};

absl::StatusOr<Pool> Pool::Create(const Attributes& attrs) {
  const auto& values = attrs.Ints("pool_int64s");
  const auto& counts = attrs.Ints("ngram_counts");
  const auto& indexes = attrs.Ints("ngram_indexes");
  const int64_t total = static_cast<int64_t>(values.size());
  Pool pool;
  size_t gram = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t n = static_cast<int64_t>(i) + 1;
    const int64_t begin = counts[i], end = i + 1 < counts.size() ? counts[i + 1] : total;
    if (begin > end || end > total || (end - begin) % n != 0) {
      return InvalidArgument("attribute ngram_counts: expected ascending places in the pool of ",
                             total, " whose distances are multiples of the grams' length, found ",
                             begin, " and ", end, " for length ", n);
    }
    for (int64_t at = begin; at < end; at += n, ++gram) {
      if (gram >= indexes.size()) break;
      pool.columns[Gram(values.begin() + at, values.begin() + at + n)].push_back(indexes[gram]);
    }
    if (end > begin) pool.lengths.push_back(n);
  }
  size_t expected = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t end = i + 1 < counts.size() ? counts[i + 1] : total;
    expected += static_cast<size_t>((end - counts[i]) / (static_cast<int64_t>(i) + 1));
  }
  if (indexes.size() != expected) {
    return InvalidArgument("attribute ngram_indexes: expected one for each of ", expected,
                           " grams in the pool, found ", indexes.size());
  }
  for (const int64_t index : indexes) pool.size = std::max(pool.size, index + 1);
  const auto weights = attrs.Find("weights");
  if (weights != nullptr && attrs.Floats("weights").size() != expected) {
    return InvalidArgument("attribute weights: expected ", expected, ", found ",
                           attrs.Floats("weights").size());
  }
  return pool;
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const Pool pool, Pool::Create(context.attrs()));
  const Attributes& attrs = context.attrs();
  if (attrs.Int("min_gram_length") > attrs.Int("max_gram_length")) {
    return InvalidArgument("expected min_gram_length up to max_gram_length, found ",
                           attrs.Int("min_gram_length"), " and ", attrs.Int("max_gram_length"));
  }
  const PartialShape& x = context.shape(0);
  if (!x.has_rank()) return std::vector<TensorType>{{DType::kFloat32, PartialShape()}};
  if (x.rank() < 1 || x.rank() > 2) {
    return InvalidArgument("x: expected a vector or a batch of them, found ", x.ToString());
  }
  PartialShape y = x;
  y[x.rank() - 1] = Dim(pool.size);
  return std::vector<TensorType>{{DType::kFloat32, std::move(y)}};
}

// How often each gram of the pool occurs in `line`, by the place in the output.
template <typename T>
std::vector<int64_t> CountGrams(const Pool& pool, const Attributes& attrs,
                                absl::Span<const T> line) {
  std::vector<int64_t> counts(pool.size, 0);
  const int64_t size = static_cast<int64_t>(line.size());
  for (const int64_t n : pool.lengths) {
    if (n < attrs.Int("min_gram_length") || n > attrs.Int("max_gram_length")) continue;
    // One element alone skips nothing.
    const int64_t skips = n == 1 ? 0 : std::min(attrs.Int("max_skip_count"), size);
    for (int64_t step = 1; step <= skips + 1; ++step) {
      for (int64_t first = 0; first + (n - 1) * step < size; ++first) {
        Gram gram;
        for (int64_t i = 0; i < n; ++i) gram.push_back(line[first + i * step]);
        const auto found = pool.columns.find(gram);
        if (found == pool.columns.end()) continue;
        for (const int64_t column : found->second) ++counts[column];
      }
    }
  }
  return counts;
}

absl::Status Compute(KernelContext& context) {
  const Attributes& attrs = context.attrs();
  NOMO_ASSIGN_OR_RETURN(const Pool pool, Pool::Create(attrs));
  std::vector<float> weights(pool.size, 1);
  if (attrs.Has("weights")) {
    const auto& indexes = attrs.Ints("ngram_indexes");
    for (size_t i = 0; i < indexes.size(); ++i) {
      weights[indexes[i]] = static_cast<float>(attrs.Floats("weights")[i]);
    }
  }
  const std::string& mode = attrs.String("mode");
  const Shape& shape = context.input_shape(0);
  const int64_t size = shape[shape.rank() - 1];
  const int64_t lines = shape.rank() == 2 ? shape[0] : 1;
  float* y = context.output<float>(0).data();
  Dispatch(TypeList<int32_t, int64_t>{}, context.input_dtype(0), [&]<typename T>() {
    for (int64_t line = 0; line < lines; ++line) {
      const auto counts =
          CountGrams<T>(pool, attrs, context.input<T>(0).subspan(line * size, size));
      for (int64_t i = 0; i < pool.size; ++i) {
        const float weight = mode == "TF" ? 1 : weights[i];
        const float count = mode == "IDF" ? (counts[i] > 0 ? 1 : 0) : static_cast<float>(counts[i]);
        *y++ = count * weight;
      }
    }
  });
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  using Ints = std::vector<int64_t>;
  const Attributes bigrams = {{"mode", "TF"},
                              {"min_gram_length", 2},
                              {"max_gram_length", 2},
                              {"max_skip_count", 0},
                              {"ngram_counts", Ints{0, 4}},
                              {"ngram_indexes", Ints{0, 1, 2, 3, 4, 5, 6}},
                              {"pool_int64s", Ints{2, 3, 5, 4, 5, 6, 7, 8, 6, 7}}};
  const Tensor x = Tensor::Of<int32_t>({2, 6}, {1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8});
  Attributes skips = bigrams;
  skips.Set("min_gram_length", 1);
  skips.Set("max_skip_count", 5);
  Attributes weighted = skips;
  weighted.Set("mode", "TFIDF");
  weighted.Set("weights", std::vector<double>{1, 2, 3, 4, 5, 6, 7});
  Attributes marks = weighted;
  marks.Set("mode", "IDF");
  const Tensor line = Tensor::Of<int64_t>({12}, {1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8});
  return {
      {.name = "ONNX tfidfvectorizer_tf_batch_onlybigrams_skip0",
       .attrs = bigrams,
       .inputs = {x},
       .outputs = {Tensor::Of<float>({2, 7}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1})}},
      {.name = "ONNX tfidfvectorizer_tf_uniandbigrams_skip5",
       .attrs = skips,
       .inputs = {line},
       .outputs = {Tensor::Vector<float>({0, 3, 1, 0, 1, 3, 1})}},
      {.name = "weighted, by hand",
       .attrs = weighted,
       .inputs = {line},
       .outputs = {Tensor::Vector<float>({0, 6, 3, 0, 5, 18, 7})}},
      {.name = "marks, by hand",
       .attrs = marks,
       .inputs = {line},
       .outputs = {Tensor::Vector<float>({0, 2, 3, 0, 5, 6, 7})}},
      {.name = "no elements",
       .attrs = bigrams,
       .inputs = {Tensor::Of<int64_t>({1, 0}, {})},
       .outputs = {Tensor::Of<float>({1, 7}, {0, 0, 0, 0, 0, 0, 0})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.TfIdfVectorizer")
        .Doc("How often n-grams of a pool occur in each line of x. An n-gram is n elements whose "
             "distances are equal, from 1 to max_skip_count + 1. Element i of the pool's grams is "
             "counted in column ngram_indexes[i] of y. Mode TF yields the counts, IDF the weight "
             "where the count is not 0, TFIDF their product.")
        .Source("ONNX TfIdfVectorizer for integers")
        .Known({.as = "onnx", .name = "TfIdfVectorizer", .since = 9})
        .TypeVar("T", {DType::kInt32, DType::kInt64})
        .Input("x", "T", "[size] or [batch, size]")
        .Output("y", "float32", "[columns] or [batch, columns]")
        .RequiredAttr("mode", AttrType::kString, "how the counts are weighted")
        .Choices({"TF", "IDF", "TFIDF"})
        .RequiredAttr("min_gram_length", AttrType::kInt, "the least n")
        .Min(1)
        .RequiredAttr("max_gram_length", AttrType::kInt, "the greatest n")
        .Min(1)
        .RequiredAttr("max_skip_count", AttrType::kInt, "the most elements between two of a gram")
        .Min(0)
        .RequiredAttr("ngram_counts", AttrType::kInts,
                      "where the pool's grams of length 1, 2, ... begin")
        .Min(0)
        .RequiredAttr("ngram_indexes", AttrType::kInts, "the column of each gram")
        .Min(0)
        .Max(1 << 24)
        .RequiredAttr("pool_int64s", AttrType::kInts, "the grams, one after the other")
        .OptionalAttr("weights", AttrType::kFloats, "of each gram; absent: 1")
        .Infer(Infer)
        .Reference(Compute)
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
