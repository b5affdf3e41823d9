// array.ReverseSequence: each sequence of a batch reversed up to its own length.
#include <algorithm>
#include <cstring>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/indices.h"

namespace nomograph {
namespace {

struct Axes {
  int batch, time;
};

absl::StatusOr<Axes> GetAxes(const Attributes& attrs, int rank) {
  const auto batch = NormalizeAxis(attrs.Int("batch_axis"), rank);
  NOMO_RETURN_IF_ERROR(Annotate(batch.status(), "batch_axis"));
  const auto time = NormalizeAxis(attrs.Int("time_axis"), rank);
  NOMO_RETURN_IF_ERROR(Annotate(time.status(), "time_axis"));
  if (*batch != *time) return Axes{*batch, *time};
  return InvalidArgument("expected two axes, found batch_axis ", *batch, " and time_axis ", *time);
}

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const PartialShape& x = context.shape(0);
  PartialShape lengths = PartialShape::OfRank(1);
  if (x.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(const Axes axes, GetAxes(context.attrs(), x.rank()));
    lengths = {x[axes.batch]};
  }
  if (!Compatible(context.shape(1), lengths)) {
    return InvalidArgument("sequence_lens: expected shape ", lengths.ToString(), ", found ",
                           context.shape(1).ToString());
  }
  return SameAsInput(context);
}

absl::Status CheckLengths(const TensorView& lengths, int64_t longest) {
  for (int64_t i = 0; i < lengths.shape->num_elements(); ++i) {
    const int64_t length = IndexAt(lengths, i);
    if (length < 0 || length > longest) {
      return InvalidArgument("sequence_lens: element ", i, " is ", length, ", outside of [0, ",
                             longest, "]");
    }
  }
  return absl::OkStatus();
}

absl::Status Compute(KernelContext& context) {
  const Shape& x = context.input_shape(0);
  NOMO_ASSIGN_OR_RETURN(const Axes axes, GetAxes(context.attrs(), x.rank()));
  const TensorView& lengths = context.input_view(1);
  NOMO_RETURN_IF_ERROR(CheckLengths(lengths, x[axes.time]));
  const auto strides = x.Strides();
  const int64_t size = DTypeSize(context.input_dtype(0));
  // Behind the later of the two axes the elements keep their order.
  const int last = std::max(axes.batch, axes.time);
  const int64_t run = strides[last];
  for (int64_t at = 0; at < x.num_elements(); at += run) {
    const int64_t t = at / strides[axes.time] % x[axes.time];
    const int64_t length = IndexAt(lengths, at / strides[axes.batch] % x[axes.batch]);
    const int64_t from = t < length ? at + (length - 1 - 2 * t) * strides[axes.time] : at;
    std::memcpy(context.output_view(0).data + at * size, context.input_view(0).data + from * size,
                run * size);
  }
  return absl::OkStatus();
}

std::vector<Example> Examples() {
  return {
      {.name = "ONNX reversesequence_time",
       .inputs = {Tensor::Of<float>({4, 4}, {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}),
                  Tensor::Vector<int64_t>({4, 3, 2, 1})},
       .outputs = {Tensor::Of<float>({4, 4},
                                     {3, 6, 9, 12, 2, 5, 8, 13, 1, 4, 10, 14, 0, 7, 11, 15})}},
      {.name = "batch first, lengths of 32 bits, nothing to reverse in one row",
       .attrs = {{"batch_axis", 0}, {"time_axis", 1}},
       .inputs = {Tensor::Of<int8_t>({2, 3, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
                  Tensor::Vector<int32_t>({3, 0})},
       .outputs = {Tensor::Of<int8_t>({2, 3, 2}, {5, 6, 3, 4, 1, 2, 7, 8, 9, 10, 11, 12})}},
      {.name = "an axis between the two",
       .attrs = {{"batch_axis", 0}, {"time_axis", -1}},
       .inputs = {Tensor::Of<float>({2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
                  Tensor::Vector<int64_t>({2, 3})},
       .outputs = {Tensor::Of<float>({2, 2, 3}, {2, 1, 3, 5, 4, 6, 9, 8, 7, 12, 11, 10})}},
      {.name = "empty",
       .inputs = {Tensor::Of<bool>({3, 0}, {}), Tensor::Of<int64_t>({0}, {})},
       .outputs = {Tensor::Of<bool>({3, 0}, {})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.ReverseSequence")
        .Doc("Reverses the first elements along the time axis, for each index b of the batch axis "
             "as many as sequence_lens[b]: y[.., t, .., b, ..] = x[.., sequence_lens[b] - 1 - t, "
             ".., b, ..] where t < sequence_lens[b], else x's own. A length below 0 or above the "
             "size of the time axis is an error.")
        .Source("ONNX ReverseSequence; tf.reverse_sequence")
        .Known({.as = "python",
                .name = "{tf}.reverse_sequence(input|x,seq_lengths|seq_lens,time_axis|seq_axis|seq_"
                        "dim=time_axis,batch_axis|batch_dim=batch_axis:0)"})
        .Known({.as = "onnx", .name = "ReverseSequence"})
        .TypeVar("T", kAnyType)
        .TypeVar("I", kIndexTypes)
        .Input("x", "T", "of rank 2 or more")
        .Input("sequence_lens", "I", "a vector as long as the batch axis")
        .Output("y", "T", "the shape of x")
        .Attr("batch_axis", 1, "in [-rank, rank)")
        .Attr("time_axis", 0, "in [-rank, rank), another one")
        .Infer(Infer)
        .Reference(Compute)
        .Gradient([](const GradientContext& g) -> absl::StatusOr<std::vector<Value>> {
          return std::vector<Value>{
              Call("array.ReverseSequence", {g.gradient(0), g.input(1)}, g.attrs())};
        })
        .Examples(Examples));

}  // namespace
}  // namespace nomograph
