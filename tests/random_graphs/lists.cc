// Parts of random graphs that are products, attention, recurrent layers and normalisation.
#include <algorithm>
#include <cmath>

#include "nomograph/tests/random_graphs/writer.h"

namespace nomograph {

using Ref = RandomGraph::Ref;
using Ints = std::vector<int64_t>;

Ref RandomGraphWriter::MatMul() {
  const Ref x = Pick({.min_rank = 2, .max_rank = 4});
  if (x == kFailed) return kFailed;
  const Shape& shape = ShapeOf(x);
  const int64_t inner = shape[Rank(x) - 1];
  if (random_.OneIn(3)) {  // by what the model computes
    const Ref z = PickLike(x);
    if (z == kFailed || Rank(x) <= FirstFree(x) + 1) return kFailed;
    if (shape.num_elements() * shape[Rank(x) - 2] > most_products_) return kFailed;
    Attributes attrs{{"transpose_b", true}};
    if (random_.OneIn(2)) attrs = {{"transpose_a", true}};
    if (random_.OneIn(3)) {
      Ints perm;
      for (int axis = 0; axis < Rank(x); ++axis) perm.push_back(axis);
      std::swap(perm[Rank(x) - 1], perm[Rank(x) - 2]);
      return Add("math.MatMul", {x, Add("array.Transpose", {z}, {{"perm", perm}})});
    }
    return Add("math.MatMul", {x, z}, attrs);
  }
  const int64_t out = SomeChannels();
  if (shape.num_elements() * out > most_products_) return kFailed;
  const bool transposed = random_.OneIn(3);
  Shape matrix = transposed ? Shape{out, inner} : Shape{inner, out};
  if (Rank(x) == 4 && random_.OneIn(4))
    matrix = transposed ? Shape{shape[1], out, inner} : Shape{shape[1], inner, out};
  Ref y = Add("math.MatMul", {x, Weights(matrix, 1.5f / std::sqrt(static_cast<float>(inner)))},
              {{"transpose_b", transposed}});
  if (!random_.OneIn(3)) y = Add("math.Add", {y, Weights({out}, 0.5f)});
  return random_.OneIn(2) ? SomeActivation(y) : y;
}

Ref RandomGraphWriter::Gemm() {
  Ref x = Pick({.min_rank = 2, .max_rank = 4});
  if (x == kFailed) return kFailed;
  if (Rank(x) > 2) x = Add("array.Flatten", {x}, {{"axis", Batched(x) ? 1 : Rank(x) - 1}});
  if (x == kFailed) return kFailed;
  const bool turned = !Batched(x) && random_.OneIn(4);
  const int64_t inner = ShapeOf(x)[turned ? 0 : 1], rows = ShapeOf(x)[turned ? 1 : 0],
                out = SomeChannels();
  if (inner * rows * out > most_products_ || inner * out > most_elements_) return kFailed;
  const bool transposed = random_.OneIn(2);
  Attributes attrs{{"transpose_b", transposed}, {"transpose_a", turned}};
  if (random_.OneIn(3)) attrs.Set("alpha", 0.5);
  if (random_.OneIn(3)) attrs.Set("beta", random_.OneIn(2) ? 2.0 : -1.0);
  std::vector<Ref> inputs = {x, Weights(transposed ? Shape{out, inner} : Shape{inner, out},
                                        1.5f / std::sqrt(static_cast<float>(inner)))};
  if (!random_.OneIn(3)) {
    inputs.push_back(Weights(random_.Pick<Shape>({{out}, {1, out}, {1}, {1, 1}}), 0.5f));
  }
  const Ref y = Add("math.Gemm", inputs, attrs);
  return random_.OneIn(2) ? SomeActivation(y) : y;
}

Ref RandomGraphWriter::Softmax() {
  const Ref x = Pick({.min_rank = 1});
  if (x == kFailed || Rank(x) <= FirstFree(x)) return kFailed;
  const int64_t axis =
      random_.OneIn(2) ? Rank(x) - 1 : FirstFree(x) + random_.Below(Rank(x) - FirstFree(x));
  return Add(random_.OneIn(4) ? "nn.LogSoftmax" : "nn.Softmax", {x},
             {{"axis", random_.OneIn(2) ? axis : axis - Rank(x)}});
}

// As PyTorch's exporter writes multi-head attention.
Ref RandomGraphWriter::Attention() {
  const Ref x = Pick({.min_rank = 3, .max_rank = 3});
  if (x == kFailed || FirstFree(x) != 1) return kFailed;
  const int64_t steps = ShapeOf(x)[1], width = ShapeOf(x)[2];
  const int64_t heads = random_.Pick<int64_t>({1, 2, 3, 4}),
                size = random_.Pick<int64_t>({1, 4, 7, 8, 16, 17, 32});
  const int64_t key_heads = random_.OneIn(4) && heads % 2 == 0 ? heads / 2 : heads;
  if (batch_ * steps * steps * heads > most_elements_) return kFailed;
  const Ref memory = random_.OneIn(4) ? Pick({.min_rank = 3, .max_rank = 3}) : x;
  const int64_t keys = ShapeOf(memory)[1], memory_width = ShapeOf(memory)[2];
  const auto projected = [&](Ref from, int64_t from_width, int64_t count, int64_t count_size) {
    Ref y = Add("math.MatMul", {from, Weights({from_width, count * count_size},
                                              1.5f / std::sqrt(static_cast<float>(from_width)))});
    return random_.OneIn(2) ? Add("math.Add", {y, Weights({count * count_size}, 0.3f)}) : y;
  };
  const auto in_heads = [&](Ref y, int64_t count, int64_t count_size, Ints perm) {
    // Of lists of any length: the second 0 copies it.
    const Ref apart = Add("array.Reshape", {y}, {{"shape", Ints{0, 0, count, count_size}}});
    return Add("array.Transpose", {apart}, {{"perm", std::move(perm)}});
  };
  const auto repeated = [&](Ref y) {  // key_heads to heads
    if (key_heads == heads || y == kFailed) return y;
    Ints sizes = {0, key_heads, 2};
    const Shape shape = ShapeOf(y);
    const Ref wide = Add("array.Expand", {Add("array.Unsqueeze", {y}, {{"axes", Ints{2}}})},
                         {{"shape", Ints{1, 1, 2, 1, 1}}});
    return Add("array.Reshape", {wide}, {{"shape", Ints{0, heads, shape[2], shape[3]}}});
  };
  Ref q = in_heads(projected(x, width, heads, size), heads, size, {0, 2, 1, 3});
  const bool turned = random_.OneIn(2) && key_heads == heads;
  Ref k = in_heads(projected(memory, memory_width, key_heads, size), key_heads, size,
                   turned ? Ints{0, 2, 3, 1} : Ints{0, 2, 1, 3});
  k = repeated(k);
  const int64_t value_size = random_.OneIn(4) ? size + 1 : size;
  const Ref v = repeated(in_heads(projected(memory, memory_width, key_heads, value_size), key_heads,
                                  value_size, {0, 2, 1, 3}));
  const double scale = 1 / std::sqrt(static_cast<double>(size));
  const int64_t scaling = random_.Below(4);
  if (scaling == 0) {
    q = Add("math.Mul", {q, Number(std::sqrt(scale))});
    k = Add("math.Mul", {k, Number(std::sqrt(scale))});
  }
  Ref scores =
      Add("math.MatMul", {q, k}, turned ? Attributes{} : Attributes{{"transpose_b", true}});
  if (scaling == 1) scores = Add("math.Mul", {scores, Number(scale)});
  if (scaling == 2) scores = Add("math.Div", {scores, Number(1 / scale)});
  switch (random_.Below(4)) {
    case 0: {  // causal, or any other mask that is added
      Tensor mask(DType::kFloat32, {steps, keys});
      for (int64_t i = 0; i < steps; ++i) {
        for (int64_t j = 0; j < keys; ++j) {
          mask.mutable_data<float>()[i * keys + j] = j > i ? -1e4f : 0.0f;
        }
      }
      scores = Add("math.Add", {scores, Const(mask)});
      break;
    }
    case 1: {
      Tensor mask(DType::kBool, {1, 1, random_.OneIn(2) ? steps : 1, keys});
      for (bool& element : mask.mutable_data<bool>()) element = random_.OneIn(3);
      const Ref hides = Const(mask), low = Number(-1e9);
      scores = random_.OneIn(2) ? Add("array.Where", {hides, low, scores})
                                : Add("array.Where", {hides, scores, low});
      break;
    }
    default:
      break;
  }
  const Ref weights = Add("nn.Softmax", {scores}, {{"axis", -1}});
  const Ref context =
      Add("array.Transpose", {Add("math.MatMul", {weights, v})}, {{"perm", Ints{0, 2, 1, 3}}});
  const Ref merged =
      Add("array.Reshape", {context}, {{"shape", Ints{0, steps, heads * value_size}}});
  if (random_.OneIn(3)) return merged;
  const Ref y = Add("math.MatMul", {merged, Weights({heads * value_size, width}, 0.3f)});
  return random_.OneIn(3) ? y : Add("math.Add", {x, y});
}

Ref RandomGraphWriter::Recurrent() {
  const Ref x = Pick({.min_rank = 3, .max_rank = 3});
  if (x == kFailed) return kFailed;
  const std::string op = random_.Pick<std::string>({"nn.LSTM", "nn.GRU", "nn.RNN"});
  const int64_t gates = op == "nn.LSTM" ? 4 : op == "nn.GRU" ? 3 : 1;
  const int64_t hidden = random_.Pick<int64_t>({1, 3, 7, 8, 16, 17, 33}), width = ShapeOf(x)[2];
  const std::string direction = random_.Pick<std::string>({"forward", "reverse", "bidirectional"});
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  if (ShapeOf(x)[0] * ShapeOf(x)[1] * hidden * gates * (width + hidden) > most_products_)
    return kFailed;
  Attributes attrs{{"direction", direction}, {"layout", batched_ || random_.OneIn(2) ? 1 : 0}};
  if (op == "nn.GRU" && random_.OneIn(2)) attrs.Set("linear_before_reset", true);
  std::vector<Ref> inputs = {
      x, Weights({directions, gates * hidden, width}, 1 / std::sqrt(static_cast<float>(width))),
      Weights({directions, gates * hidden, hidden}, 1 / std::sqrt(static_cast<float>(hidden)))};
  if (!random_.OneIn(3)) inputs.push_back(Weights({directions, 2 * gates * hidden}, 0.3f));
  const Ref y = Add(op, inputs, attrs, random_.OneIn(2) ? 2 : 1);
  if (y == kFailed || attrs.Int("layout") == 0) return y;
  return Add("array.Reshape", {y}, {{"shape", Ints{0, ShapeOf(x)[1], directions * hidden}}});
}

Ref RandomGraphWriter::Norm() {
  const Ref x = Pick({.min_rank = 2, .max_rank = 5});
  if (x == kFailed) return kFailed;
  const int axis = Rank(x) > 2 ? ChannelAxis(x) : 1;
  const int64_t channels = ShapeOf(x)[axis];
  const auto parameter = [&](int64_t size, float scale, float middle) -> Ref {
    if (random_.OneIn(5)) return kAbsent;
    Tensor tensor = random_.Floats({size}, scale);
    for (float& element : tensor.mutable_data<float>()) element += middle;
    return Const(tensor);
  };
  switch (random_.Below(5)) {
    case 0:
    case 1: {
      Tensor variance = random_.Floats({channels}, 0.4f);
      for (float& element : variance.mutable_data<float>()) element += 0.6f;
      return Add("nn.BatchNormalization",
                 {x, parameter(channels, 0.5, 1), parameter(channels, 0.5, 0),
                  Const(random_.Floats({channels}, 0.5f)), Const(variance)},
                 {{"axis", random_.OneIn(2) ? axis : axis - Rank(x)}, {"epsilon", 1e-3}});
    }
    case 2: {
      const int64_t width = ShapeOf(x)[Rank(x) - 1];
      if (Rank(x) - 1 < FirstFree(x)) return kFailed;
      const Ref scale = parameter(width, 0.5, 1);
      if (random_.OneIn(3)) return Add("nn.RmsNormalization", {x, scale}, {{"epsilon", 0.1}});
      return Add("nn.LayerNormalization", {x, scale, parameter(width, 0.5, 0)},
                 {{"axis", -1}, {"epsilon", 0.1}});
    }
    case 3:
      if (Rank(x) < 3) return kFailed;
      return Add("nn.InstanceNormalization",
                 {x, parameter(channels, 0.5, 1), parameter(channels, 0.5, 0)},
                 {{"axis", axis}, {"epsilon", 0.1}});
    default: {
      int64_t groups = 1;
      for (const int64_t count : {2, 3, 4, 8}) {
        if (channels % count == 0 && random_.OneIn(2)) groups = count;
      }
      return Add("nn.GroupNormalization",
                 {x, parameter(channels, 0.5, 1), parameter(channels, 0.5, 0)},
                 {{"axis", axis}, {"num_groups", groups}, {"epsilon", 0.1}});
    }
  }
}

// Layer and RMS normalisation and division by the norm, as exporters write them.
Ref RandomGraphWriter::NormInParts() {
  const Ref x = Pick({.min_rank = 2});
  if (x == kFailed) return kFailed;
  const Attributes last{{"axes", Ints{random_.OneIn(2) ? -1 : Rank(x) - 1}}, {"keepdims", true}};
  const int64_t width = ShapeOf(x)[Rank(x) - 1];
  switch (random_.Below(3)) {
    case 0: {
      const Ref centred = Add("math.Sub", {x, Add("math.ReduceMean", {x}, last)});
      const Ref square = random_.OneIn(2) ? Add("math.Pow", {centred, Number(2)})
                                          : Add("math.Mul", {centred, centred});
      const Ref variance = Add("math.Add", {Add("math.ReduceMean", {square}, last), Number(0.1)});
      Ref y = Add("math.Div", {centred, Of("math.Sqrt", variance)});
      if (random_.OneIn(3)) return y;
      y = Add("math.Mul", {y, Weights({width}, 1)});
      return random_.OneIn(3) ? y : Add("math.Add", {y, Weights({width}, 1)});
    }
    case 1: {
      const Ref square =
          random_.OneIn(2) ? Add("math.Pow", {x, Number(2)}) : Add("math.Mul", {x, x});
      const Ref mean = Add("math.Add", {Add("math.ReduceMean", {square}, last), Number(0.1)});
      const Ref y = random_.OneIn(2)
                        ? Add("math.Mul", {x, Of("math.Rsqrt", mean)})
                        : Add("math.Mul", {x, Add("math.Div", {Number(1), Of("math.Sqrt", mean)})});
      return Add("math.Mul", {Weights({width}, 1), y});
    }
    default: {
      const Ref norm = Add("math.ReduceL2", {x}, last);
      return Add("math.Div", {x, Add("math.Clip", {norm}, {{"min", 0.1}})});
    }
  }
}

}  // namespace nomograph
