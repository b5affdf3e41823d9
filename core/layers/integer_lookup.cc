// Whole numbers as their places in a vocabulary. Keras: keras.layers.IntegerLookup, where the
// configuration has the vocabulary. It is made from configurations.
#include <optional>
#include <utility>

#include "nomograph/core/layers/encoding.h"
#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

using internal::Op;
using Ints = std::vector<int64_t>;

struct LookupOptions {
  std::string name, output_mode = "int";
  std::optional<Ints> vocabulary;
  int64_t num_oov_indices = 1, oov_token = -1;
  std::optional<int64_t> mask_token, max_tokens;
  bool pad_to_max_tokens = false;
};

// What stands ahead of the vocabulary: the mask, if there is one, and places for what is not in it.
int64_t FirstToken(const LookupOptions& options) {
  const bool masks = options.output_mode == "int" && options.mask_token;
  return (masks ? 1 : 0) + options.num_oov_indices;
}

// The vocabulary without the special tokens that it may begin with.
Ints Tokens(const LookupOptions& options) {
  Ints tokens = options.vocabulary.value_or(Ints());
  Ints special;
  if (options.output_mode == "int" && options.mask_token) special.push_back(*options.mask_token);
  special.insert(special.end(), options.num_oov_indices, options.oov_token);
  if (!special.empty() && tokens.size() >= special.size() &&
      std::equal(special.begin(), special.end(), tokens.begin())) {
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<int64_t>(special.size()));
  }
  return tokens;
}

absl::StatusOr<Value> LookUp(const Value& x, const LookupOptions& options) {
  const Ints tokens = Tokens(options);
  const int64_t first = FirstToken(options), count = static_cast<int64_t>(tokens.size());
  const Value numbers =
      x.dtype() == DType::kInt64 ? x : Op("array.Cast", {x}, {{"to", DType::kInt64}});
  // A token at place i adds i - unknown to the index of what is unknown.
  const int64_t unknown = first - 1;
  Ints gains(count);
  for (int64_t i = 0; i < count; ++i) gains[i] = first + i - unknown;
  const auto chosen = [&](const Ints& keys, const Ints& values) {
    const Shape shape = {static_cast<int64_t>(keys.size())};
    const Value same = Op("array.Unsqueeze", {numbers}, {{"axes", Ints{-1}}}) ==
                       Constant(Tensor::Of<int64_t>(shape, keys));
    return Op("math.ReduceSum",
              {Op("array.Cast", {same}, {{"to", DType::kInt64}}) *
               Constant(Tensor::Of<int64_t>(shape, values))},
              {{"axes", Ints{-1}}, {"keepdims", false}});
  };
  Value index = chosen(tokens, gains) + Constant(Tensor::Of<int64_t>({}, {unknown}));
  if (options.output_mode == "int") {
    if (options.mask_token) index = index + chosen({*options.mask_token}, {-unknown});
    return index;
  }
  const int64_t size =
      options.pad_to_max_tokens && options.max_tokens ? *options.max_tokens : first + count;
  return internal::EncodeCategories(index, size, options.output_mode);
}

struct IntegerLookupSpec {
  LookupOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v("vocabulary", options.vocabulary, "the numbers that are known, in order");
    v("num_oov_indices", options.num_oov_indices, "places for numbers that are not known");
    v("oov_token", options.oov_token, "stands for them in the vocabulary");
    v("mask_token", options.mask_token, "the number that has index 0; null: none");
    v("max_tokens", options.max_tokens, "the most that there may be; null: any number");
    v("output_mode", options.output_mode, "int, one_hot, multi_hot or count");
    v("pad_to_max_tokens", options.pad_to_max_tokens, "whether rows are max_tokens long");
    v.Only("sparse", false, "results are dense");
  }
  Layer Make() const {
    absl::Status vocabulary;
    if (!options.vocabulary || Tokens(options).empty()) {
      vocabulary = InvalidArgument(
          "vocabulary: expected the numbers in the configuration, which it does not have");
    }
    // More than one place for what is unknown means that a hash chooses among them.
    return internal::WeightlessLayer(
        {.class_name = "IntegerLookup",
         .name = options.name,
         .needs = {.min_rank = 1, .dtypes = kNumbers},
         .options = internal::AllOf(
             {vocabulary,
              options.num_oov_indices == 1
                  ? absl::OkStatus()
                  : InvalidArgument("num_oov_indices: expected 1, found ", options.num_oov_indices),
              internal::OneOf("output_mode", {"int", "one_hot", "multi_hot", "count"},
                              options.output_mode)})},
        [options = options](const Value& x) { return LookUp(x, options); });
  }
};
NOMO_REGISTER_LAYER(IntegerLookupSpec, "IntegerLookup",
                    internal::Sample({{"vocabulary", Ints{3, 1, 7}}}, {{2}}, DType::kInt64));

}  // namespace
}  // namespace nomograph
