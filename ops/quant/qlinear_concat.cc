// quant.QLinearConcat: quantised numbers joined along an axis, quantised.
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/byte_loops.h"
#include "nomograph/ops/quant/linear.h"
#include "nomograph/ops/quant/written.h"

namespace nomograph::quant {
namespace {

enum Input { kYScale, kYZero, kFirst };
constexpr int kPerPart = 3;  // x, its scale, its zero point

constexpr int kMostParts = 4;

// The parts of a node: of those that may be absent the first ones are there.
template <typename Context>
int Parts(const Context& context) {
  int parts = 0;
  while (parts < kMostParts && context.has_input(kFirst + parts * kPerPart)) ++parts;
  return parts;
}

absl::StatusOr<std::vector<TensorType>> InferQLinearConcat(const InferContext& context) {
  const int parts = Parts(context);
  for (int i = kFirst; i < kFirst + kMostParts * kPerPart; ++i) {
    if (context.has_input(i) != (i < kFirst + parts * kPerPart)) {
      return InvalidArgument(
          "expected a scale and a zero point with each part, and no part behind "
          "one that is absent");
    }
  }
  NOMO_RETURN_IF_ERROR(CheckSingle(context, kYScale, "y_scale"));
  NOMO_RETURN_IF_ERROR(CheckSingle(context, kYZero, "y_zero_point"));
  const DType dtype = context.dtype(kYZero);
  PartialShape common;
  for (int p = 0; p < parts && !common.has_rank(); ++p) {
    common = context.shape(kFirst + p * kPerPart);
  }
  Dim size(0);
  int axis = 0;
  if (common.has_rank()) {
    NOMO_ASSIGN_OR_RETURN(axis, NormalizeAxis(context.attrs().Int("axis"), common.rank()));
    common[axis] = Dim();
  }
  for (int p = 0; p < parts; ++p) {
    const int x = kFirst + p * kPerPart;
    const std::string name = std::string(1, static_cast<char>('a' + p));
    NOMO_RETURN_IF_ERROR(CheckSingle(context, x + 1, absl::StrCat(name, "_scale")));
    NOMO_RETURN_IF_ERROR(CheckSingle(context, x + 2, absl::StrCat(name, "_zero_point")));
    const PartialShape& shape = context.shape(x);
    if (!shape.has_rank()) {
      size = Dim();
      continue;
    }
    PartialShape others = shape;
    if (shape.rank() == common.rank()) others[axis] = Dim();
    if (shape.rank() != common.rank() || !Compatible(others, common)) {
      return InvalidArgument("input ", name, ": expected shape ", common.ToString(), ", found ",
                             shape.ToString());
    }
    size = size.known() && shape[axis].known() ? Dim(size.size() + shape[axis].size()) : Dim();
  }
  if (common.has_rank()) common[axis] = size;
  return std::vector<TensorType>{{dtype, common}};
}

// Calls f(part, where its elements begin, how many there are, where they come to lie in y) for runs
// of elements that stay together.
template <typename F>
void ForEachRun(const KernelContext& context, F f) {
  const Shape& y = context.output_shape(0);
  const int axis = *NormalizeAxis(context.attrs().Int("axis"), y.rank());
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= y[i];
  for (int i = axis + 1; i < y.rank(); ++i) inner *= y[i];
  int64_t start = 0;
  for (int p = 0; p < Parts(context); ++p) {
    const int64_t count = context.input_shape(kFirst + p * kPerPart)[axis] * inner;
    for (int64_t o = 0; o < outer; ++o) f(p, o * count, count, o * y[axis] * inner + start);
    start += count;
  }
}

template <typename Q>
void Reference(const KernelContext& context) {
  const float y_scale = context.input<float>(kYScale)[0];
  const Q y_zero = context.input<Q>(kYZero)[0];
  const auto y = context.output<Q>(0);
  ForEachRun(context, [&](int part, int64_t from, int64_t count, int64_t to) {
    const int x = kFirst + part * kPerPart;
    const float scale = context.input<float>(x + 1)[0];
    const int32_t zero = context.input<Q>(x + 2)[0];
    for (int64_t i = 0; i < count; ++i) {
      const float number = static_cast<float>(context.input<Q>(x)[from + i] - zero) * scale;
      y[to + i] = Quantized<Q>(number / y_scale, y_zero);
    }
  });
}

absl::Status QLinearConcatCompute(KernelContext& context) {
  Dispatch(ByteTypes{}, context.output_dtype(0), [&]<typename Q>() { Reference<Q>(context); });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareQLinearConcat(const PrepareContext&) {
  return MakeComputeKernel(
      [](KernelContext& context) {
        const bool is_signed = context.output_dtype(0) == DType::kInt8;
        const auto scale = [&](int i) {
          const std::byte zero = context.input_view(i + 1).data[0];
          return ByteScale{context.input<float>(i)[0],
                           is_signed ? static_cast<int8_t>(zero) : static_cast<uint8_t>(zero)};
        };
        std::vector<ByteTable> tables;
        for (int p = 0; p < Parts(context); ++p) {
          tables.push_back(
              RequantizingTable(scale(kFirst + p * kPerPart + 1), scale(kYScale), is_signed));
        }
        auto* const y = reinterpret_cast<uint8_t*>(context.output_view(0).data);
        ForEachRun(context, [&](int part, int64_t from, int64_t count, int64_t to) {
          const TensorView& x = context.input_view(kFirst + part * kPerPart);
          LookUpBytes(tables[part], reinterpret_cast<const uint8_t*>(x.data) + from, count, y + to);
        });
        return absl::OkStatus();
      },
      "tables");
}

absl::StatusOr<std::vector<Value>> Body(absl::Span<const Value> in, const Attributes& attrs) {
  std::vector<Value> parts;
  for (size_t x = kFirst; x < in.size() && in[x].valid(); x += kPerPart) {
    parts.push_back(Call("quant.DequantizeLinear", {in[x], in[x + 1], in[x + 2]}));
  }
  const Value joined = Call("array.Concat", std::move(parts), {{"axis", attrs.Int("axis")}});
  return std::vector<Value>{Call("quant.QuantizeLinear", {joined, in[kYScale], in[kYZero]})};
}

std::vector<Example> QLinearConcatExamples() {
  return {
      // 10 * 0.5 = 5, 5 / 0.25 + 3 = 23; 1 * 0.3 / 0.25 = 1.2; 255 saturates
      {.name = "by hand: uint8, two scales",
       .attrs = {{"axis", 1}},
       .inputs = {Tensor::Scalar<float>(0.25), Tensor::Scalar<uint8_t>(3),
                  Tensor::Of<uint8_t>({2, 2}, {10, 0, 255, 1}), Tensor::Scalar<float>(0.5),
                  Tensor::Scalar<uint8_t>(0), Tensor::Of<uint8_t>({2, 1}, {8, 6}),
                  Tensor::Scalar<float>(0.3), Tensor::Scalar<uint8_t>(7)},
       .outputs = {Tensor::Of<uint8_t>({2, 3}, {23, 3, 4, 255, 5, 2})}},
      // ties: 1 * 0.5 = 0.5 -> 0, 3 * 0.5 = 1.5 -> 2
      {.name = "by hand: int8, ties",
       .attrs = {{"axis", -1}},
       .inputs = {Tensor::Scalar<float>(1), Tensor::Scalar<int8_t>(-1),
                  Tensor::Vector<int8_t>({1, 3, -1}), Tensor::Scalar<float>(0.5),
                  Tensor::Scalar<int8_t>(0), Tensor::Vector<int8_t>({-128, 127}),
                  Tensor::Scalar<float>(0.5), Tensor::Scalar<int8_t>(0)},
       .outputs = {Tensor::Vector<int8_t>({-1, 1, -1, -65, 63})}},
      {.name = "by hand: three parts that stay as they are",
       .attrs = {{"axis", 0}},
       .inputs = {Tensor::Scalar<float>(0.5), Tensor::Scalar<uint8_t>(9),
                  Tensor::Vector<uint8_t>({1, 255}), Tensor::Scalar<float>(0.5),
                  Tensor::Scalar<uint8_t>(9), Tensor::Vector<uint8_t>({0}),
                  Tensor::Scalar<float>(0.5), Tensor::Scalar<uint8_t>(9),
                  Tensor::Vector<uint8_t>({7}), Tensor::Scalar<float>(0.5),
                  Tensor::Scalar<uint8_t>(9)},
       .outputs = {Tensor::Vector<uint8_t>({1, 255, 0, 7})}},
  };
}

// A pattern of fewer inputs is found in a node of more.
Pattern::Condition HasParts(int count) {
  return
      [count](const InferContext& node, const TensorType&) { return node.num_inputs() == count; };
}

OpDef WithParts(OpDef op) {
  for (int p = 0; p < kMostParts; ++p) {
    const std::string name(1, static_cast<char>('a' + p));
    if (p < 2) {
      op.Input(name, "Q").Input(name + "_scale", "float32").Input(name + "_zero_point", "Q");
    } else {
      op.OptionalInput(name, "Q")
          .OptionalInput(name + "_scale", "float32")
          .OptionalInput(name + "_zero_point", "Q");
    }
  }
  return op;
}

OpDef AsConcatOfFloats(OpDef op) {
  const auto in = [](int i) { return Pattern::Input(i); };
  std::vector<Pattern> parts;
  for (int p = 0; p < kMostParts; ++p) {
    const int x = kFirst + p * kPerPart;
    parts.push_back(Dequantized(in(x), in(x + 1), in(x + 2)));
    op.Written(
        Quantized(Pattern::Op("array.Concat", parts).GivesAttributes().Where(HasParts(p + 1)),
                  in(kYScale), in(kYZero)));
  }
  return op;
}

NOMO_REGISTER_OP(AsConcatOfFloats(
    WithParts(
        OpDef("quant.QLinearConcat", 1)
            .Doc("Quantised numbers of two to four parts joined along `axis`, quantised anew:\n\n"
                 "y = quant.QuantizeLinear(array.Concat(quant.DequantizeLinear(a, a_scale, "
                 "a_zero_point), ...), y_scale, y_zero_point)\n\n"
                 "Scales and zero points are one number each. It is an error when the sizes "
                 "of the parts along the other axes are not equal.")
            .Source("com.microsoft QLinearConcat of ONNX Runtime")
            .TypeVar("Q", kBytes)
            .Input("y_scale", "float32")
            .Input("y_zero_point", "Q"))
        .Output("y", "Q", "the sizes of the parts along `axis` added up")
        .RequiredAttr("axis", AttrType::kInt, "in [-rank, rank)")
        .Infer(InferQLinearConcat)
        .Reference(QLinearConcatCompute)
        .Fast(PrepareQLinearConcat)
        .Body(Body)
        .GradientIsZero()
        .Examples(QLinearConcatExamples)));

}  // namespace
}  // namespace nomograph::quant
