#include "nomograph/core/layers/embedding.h"

#include "nomograph/core/layers/internal.h"

namespace nomograph {
namespace {

class EmbeddingLayer : public internal::OneInputLayer {
 public:
  EmbeddingLayer(int64_t input_dim, int64_t output_dim, EmbeddingOptions options)
      : OneInputLayer("Embedding", options.name, {.dtypes = kNumbers}),
        input_dim_(input_dim),
        output_dim_(output_dim),
        options_(std::move(options)) {}

  absl::Status CheckOptions() const override {
    return internal::AllOf({internal::AtLeast("input_dim", 1, input_dim_),
                            internal::AtLeast("output_dim", 1, output_dim_)});
  }

 private:
  absl::Status BuildFor(const TensorType&) override {
    embeddings_ = AddWeight({.name = "embeddings",
                             .shape = {input_dim_, output_dim_},
                             .initializer = options_.embeddings_initializer});
    return absl::OkStatus();
  }

  absl::StatusOr<Value> ComputeMask(absl::Span<const Value> inputs) override {
    return options_.mask_zero ? inputs[0] != 0 : Value();
  }

  absl::StatusOr<Value> Apply(const Value& x) override {
    // What is no index becomes one, as in Keras.
    const bool index = x.dtype() == DType::kInt32 || x.dtype() == DType::kInt64;
    const Value rows = index ? x : internal::Op("array.Cast", {x}, {{"to", DType::kInt64}});
    return internal::Op("array.Gather", {embeddings_, rows}, {{"axis", 0}});
  }

  int64_t input_dim_, output_dim_;
  EmbeddingOptions options_;
  Value embeddings_;
};

struct EmbeddingSpec {
  int64_t input_dim = 0, output_dim = 0;
  EmbeddingOptions options;

  void VisitFields(FieldVisitor& v) {
    v.Name(options.name);
    v.Required("input_dim", input_dim, "how many rows there are");
    v.Required("output_dim", output_dim, "the size of a row");
    v.Weight("embeddings", options.embeddings_initializer);
    v("mask_zero", options.mask_zero, "whether 0 is no index but masks its place");
  }
  Layer Make() const { return MakeLayer<EmbeddingLayer>(input_dim, output_dim, options); }
};
NOMO_REGISTER_LAYER(EmbeddingSpec, "Embedding",
                    internal::Sample({{"input_dim", 5}, {"output_dim", 2}}, {{3}}, DType::kInt32));

}  // namespace

Layer Embedding(int64_t input_dim, int64_t output_dim, EmbeddingOptions options) {
  return Configured(EmbeddingSpec{input_dim, output_dim, std::move(options)});
}

}  // namespace nomograph
