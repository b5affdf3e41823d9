#include "nomograph/inspect/macs.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "nomograph/ops/math/einsum_equation.h"

namespace nomograph {
namespace {

// The types of a node whose shapes are asked for one by one: `open` tells afterwards whether one of
// them was not known.
class Shapes {
 public:
  Shapes(const Attributes& attrs, absl::Span<const TensorType> inputs,
         absl::Span<const TensorType> outputs)
      : attrs_(attrs), inputs_(inputs), outputs_(outputs) {}

  const Attributes& attrs() const { return attrs_; }
  absl::Span<const TensorType> inputs() const { return inputs_; }
  bool open() const { return open_; }
  void set_open() { open_ = true; }

  bool has_input(size_t i) const {
    return i < inputs_.size() && inputs_[i].dtype != DType::kInvalid;
  }
  Shape input(size_t i) { return Known(inputs_, i); }
  Shape output(size_t i) { return Known(outputs_, i); }
  // A size of a shape; an axis below 0 counts from its end.
  int64_t Size(const Shape& shape, int axis) {
    const int at = axis < 0 ? axis + shape.rank() : axis;
    if (at >= 0 && at < shape.rank()) return shape[at];
    open_ = true;
    return 0;
  }

 private:
  Shape Known(absl::Span<const TensorType> types, size_t i) {
    if (i < types.size() && types[i].shape.has_rank() && types[i].shape.fully_known()) {
      return types[i].shape.ToShape();
    }
    open_ = true;
    return {};
  }

  const Attributes& attrs_;
  absl::Span<const TensorType> inputs_, outputs_;
  bool open_ = false;
};

int64_t Times(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (const int64_t factor : factors) product = SaturatingMultiply(product, factor);
  return product;
}

int64_t Elements(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape.dims()) count = SaturatingMultiply(count, size);
  return count;
}

int64_t Channels(Shapes& shapes, const Shape& shape) {
  return shapes.Size(shape, shapes.attrs().String("data_format") == "channels_first" ? 1 : -1);
}

// Every output is a sum over the taps of one filter: V. Dumoulin and F. Visin, "A guide to
// convolution arithmetic for deep learning", 2016.
int64_t Convolution(Shapes& shapes, size_t kernel) {
  const Shape y = shapes.output(0);
  const int64_t filters = Channels(shapes, y);
  if (filters == 0) return 0;
  return Times({Elements(y), Elements(shapes.input(kernel)) / filters});
}
int64_t Conv(Shapes& shapes) { return Convolution(shapes, 1); }
int64_t QLinearConv(Shapes& shapes) { return Convolution(shapes, 3); }

// The same, seen from the input: each of its elements goes into the taps of its channel.
int64_t ConvTranspose(Shapes& shapes) {
  const Shape x = shapes.input(0);
  const int64_t channels = Channels(shapes, x);
  if (channels == 0) return 0;
  return Times({Elements(x), Elements(shapes.input(1)) / channels});
}

// Every output is an inner product of K elements.
int64_t MatMul(Shapes& shapes) {
  return Times({Elements(shapes.output(0)), shapes.Size(shapes.input(0), -1)});
}

int64_t Gemm(Shapes& shapes) {
  const int k = shapes.attrs().Bool("transpose_a") ? 0 : 1;
  return Times({Elements(shapes.output(0)), shapes.Size(shapes.input(0), k)});
}

int64_t FusedMatMul(Shapes& shapes) {
  const Shape a = shapes.input(0);
  if (a.rank() < 2) return Times({Elements(shapes.output(0)), shapes.Size(a, -1)});
  // With transpose_batch the first axis becomes the last but one, which transpose swaps with the
  // last one.
  const bool transposed = shapes.attrs().Bool("transpose_a");
  const bool batch = shapes.attrs().Bool("transpose_batch_a");
  const int k = !transposed ? -1 : batch ? 0 : -2;
  return Times({Elements(shapes.output(0)), shapes.Size(a, k)});
}

// Each step multiplies the gates' weights with the input and the state: ONNX LSTM, GRU, RNN.
int64_t Recurrent(Shapes& shapes) {
  const Shape x = shapes.input(0);
  const int64_t steps_and_batch =
      SaturatingMultiply(shapes.Size(x, 0), shapes.Size(x, 1));  // in either layout
  return Times(
      {steps_and_batch, SaturatingAdd(Elements(shapes.input(1)), Elements(shapes.input(2)))});
}

// Q K^T and the weighted sum of V: A. Vaswani et al., "Attention Is All You Need", 2017. Masked
// scores count.
int64_t ScaledDotProductAttention(Shapes& shapes) {
  const Shape q = shapes.input(0), k = shapes.input(1), v = shapes.input(2);
  const bool heads_apart = q.rank() == 4;
  int64_t keys = shapes.Size(k, heads_apart ? 2 : 1);
  if (shapes.has_input(4)) keys = SaturatingAdd(keys, shapes.Size(shapes.input(4), 2));
  // Elements(q) = B Hq S D. Where key heads are shared, V's are repeated up to Hq.
  int64_t outputs = Elements(shapes.output(0));
  return SaturatingAdd(Times({Elements(q), keys}), Times({outputs, keys}));
}

// The same with the axes in any order.
int64_t DotProductAttention(Shapes& shapes) {
  const Attributes& attrs = shapes.attrs();
  const Shape q = shapes.input(0), k = shapes.input(1);
  if (k.rank() < 2) return shapes.set_open(), 0;
  int64_t axis = k.rank() - (attrs.Bool("transpose_key") ? 2 : 1);
  if (attrs.Has("key_perm") && k.rank() == static_cast<int>(attrs.Ints("key_perm").size())) {
    axis = attrs.Ints("key_perm").at(axis);
  }
  const int64_t keys = shapes.Size(k, static_cast<int>(axis));
  return Times({SaturatingAdd(Elements(q), Elements(shapes.output(0))), keys});
}

// The projections of x, then as above.
int64_t Attention(Shapes& shapes) {
  const Shape x = shapes.input(0), weights = shapes.input(1), y = shapes.output(0);
  const int64_t batch = shapes.Size(x, 0), queries = shapes.Size(x, 1);
  int64_t keys = queries;
  if (shapes.has_input(4)) keys = SaturatingAdd(keys, shapes.Size(shapes.input(4), 3));
  const int64_t values_width = shapes.Size(y, -1);
  const int64_t keys_width = (shapes.Size(weights, 1) - values_width) / 2;
  const int64_t projections = Times({batch, queries, Elements(weights)});
  const int64_t products = Times({batch, queries, keys, keys_width + values_width});
  return SaturatingAdd(projections, products);
}

// Operands are contracted from left to right. An index goes as soon as neither the output nor a
// later operand has it.
int64_t Einsum(Shapes& shapes) {
  std::vector<PartialShape> operands;
  for (size_t i = 0; i < shapes.inputs().size(); ++i) operands.push_back(shapes.input(i));
  const auto equation = math::ParseEinsum(shapes.attrs().String("equation"));
  if (shapes.open() || !equation.ok()) return shapes.set_open(), 0;
  const auto bound = math::BindEinsum(*equation, operands);
  if (!bound.ok()) return shapes.set_open(), 0;
  const size_t count = bound->sizes.size();
  std::vector<size_t> last(count, 0);  // the last operand that has the index
  for (size_t i = 0; i < bound->operands.size(); ++i) {
    for (const int index : bound->operands[i]) last[index] = i;
  }
  std::vector<bool> live(count, false);
  int64_t total = 0;
  for (size_t i = 0; i < bound->operands.size(); ++i) {
    for (const int index : bound->operands[i]) live[index] = true;
    int64_t product = 1;
    for (size_t index = 0; index < count; ++index) {
      if (live[index]) product = SaturatingMultiply(product, bound->sizes[index].size());
      const bool in_output = static_cast<int>(index) < bound->output_rank;
      if (i > 0 && !in_output && last[index] <= i) live[index] = false;
    }
    if (i > 0) total = SaturatingAdd(total, product);
  }
  return total;
}

using Formula = int64_t (*)(Shapes&);
const absl::flat_hash_map<std::string, Formula>& Formulas() {
  static const auto* formulas = new absl::flat_hash_map<std::string, Formula>{
      {"nn.Conv", Conv},
      {"nn.ConvTranspose", ConvTranspose},
      {"quant.ConvInteger", Conv},
      {"quant.QLinearConv", QLinearConv},
      {"math.MatMul", MatMul},
      {"math.FusedMatMul", FusedMatMul},
      {"math.Gemm", Gemm},
      {"math.Einsum", Einsum},
      {"quant.MatMulInteger", MatMul},
      {"quant.QLinearMatMul", MatMul},
      {"nn.LSTM", Recurrent},
      {"nn.LSTMTraining", Recurrent},
      {"nn.GRU", Recurrent},
      {"nn.RNN", Recurrent},
      {"nn.Attention", Attention},
      {"nn.ScaledDotProductAttention", ScaledDotProductAttention},
      {"nn.DotProductAttention", DotProductAttention},
  };
  return *formulas;
}

}  // namespace

std::optional<int64_t> MultiplyAccumulates(const OpDef& op, const Attributes& attrs,
                                           absl::Span<const TensorType> inputs,
                                           absl::Span<const TensorType> outputs) {
  const auto formula = Formulas().find(op.name);
  if (formula == Formulas().end()) return 0;
  Shapes shapes(attrs, inputs, outputs);
  const int64_t macs = formula->second(shapes);
  if (shapes.open()) return std::nullopt;
  return macs;
}

}  // namespace nomograph
