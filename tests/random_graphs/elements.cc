// Parts of random graphs that compute element by element, or reduce.
#include <algorithm>
#include <cmath>

#include "nomograph/tests/random_graphs/writer.h"

namespace nomograph {

using Ref = RandomGraph::Ref;
using Ints = std::vector<int64_t>;

Ref RandomGraphWriter::SomeActivation(Ref x) {
  if (x == kFailed) return kFailed;
  switch (random_.Below(26)) {
    case 0:
      return Of("nn.LeakyRelu", x, {{"alpha", random_.OneIn(2) ? 0.1 : 1.5}});
    case 1:
      return Of("nn.Relu6", x);
    case 2:
      return Of("nn.HardSigmoid", x, {{"alpha", 0.2}, {"beta", 0.5}});
    case 3:
      return Of("nn.HardSwish", x);
    case 4:
      return Of("nn.Swish", x, random_.OneIn(2) ? Attributes{} : Attributes{{"alpha", 2.0}});
    case 5:
      return Of("nn.Elu", x, {{"alpha", random_.OneIn(2) ? 1.0 : 0.5}});
    case 6:
      return Of("nn.Sigmoid", x);
    case 7:
      return Of("math.Tanh", x);
    case 8:
      return Of("nn.Gelu", x,
                random_.OneIn(2) ? Attributes{} : Attributes{{"approximate", "tanh"}});
    case 9:
      return Of("nn.Softplus", x);
    case 10:
      return Of("nn.Mish", x);
    case 11:
      return Of("nn.Selu", x);
    case 12:
      return Of("nn.Celu", x, {{"alpha", 0.7}});
    case 13:
      return Of("math.Clip", x,
                random_.OneIn(2) ? Attributes{{"min", -0.5}, {"max", 0.75}}
                                 : Attributes{{"min", 0.0}, {"max", 6.0}});
    case 14:
      return Of("nn.Softsign", x);
    case 15: {
      const Shape slopes = Rank(x) > 2 && random_.OneIn(2) ? PerChannel(x) : Shape{1};
      return Add("nn.PRelu", {x, Weights(slopes, 0.5f)});
    }
    case 16:
      return Of("math.Abs", x);
    case 17:
      return Of("math.Square", x);
    case 18:
      return Of("math.Neg", x);
    case 19:
      return Of(random_.Pick<std::string>({"math.Sin", "math.Cos", "math.Atan", "math.Erf",
                                           "math.Asinh", "nn.LogSigmoid", "nn.TanhShrink"}),
                x);
    case 20:
      return Of("math.Sqrt", Add("math.Add", {Of("math.Abs", x), Number(0.1)}));
    case 21:
      return Of("math.Exp", Of("math.Clip", x, {{"min", -3.0}, {"max", 2.0}}));
    default:
      return Of("nn.Relu", x);
  }
}

Ref RandomGraphWriter::Activation() { return SomeActivation(Pick({})); }

// Activations as exporters write them.
Ref RandomGraphWriter::ActivationInParts() {
  const Ref x = Pick({});
  if (x == kFailed) return kFailed;
  switch (random_.Below(7)) {
    case 0: {  // GELU, by the error function
      const Ref erf = Of("math.Erf", Add("math.Div", {x, Number(std::sqrt(2.0))}));
      const Ref twice = Add("math.Mul", {x, Add("math.Add", {erf, Number(1)})});
      return Add("math.Mul", {twice, Number(0.5)});
    }
    case 1: {  // GELU, by tanh
      const Ref cube = random_.OneIn(2) ? Add("math.Pow", {x, Number(3)})
                                        : Add("math.Mul", {x, Add("math.Mul", {x, x})});
      const Ref inner = Add("math.Add", {x, Add("math.Mul", {cube, Number(0.044715)})});
      const Ref tanh = Of("math.Tanh", Add("math.Mul", {inner, Number(std::sqrt(2 / M_PI))}));
      return Add("math.Mul",
                 {Add("math.Mul", {x, Number(0.5)}), Add("math.Add", {tanh, Number(1)})});
    }
    case 2: {  // hard swish
      const Ref moved = Add("math.Add", {x, Number(3)});
      const Ref clipped = Add("math.Clip", {moved, Number(0), Number(6)});
      if (random_.OneIn(2)) return Add("math.Div", {Add("math.Mul", {x, clipped}), Number(6)});
      return Add("math.Mul", {x, Add("math.Div", {clipped, Number(6)})});
    }
    case 3:
      return Add("math.Mul", {x, Of("nn.Sigmoid", x)});
    case 4:
      return Add("math.Mul", {x, Of("math.Tanh", Of("nn.Softplus", x))});
    case 5: {  // sigmoid
      const Ref e =
          Of("math.Exp", Of("math.Neg", Of("math.Clip", x, {{"min", -4.0}, {"max", 4.0}})));
      return Add("math.Div", {Number(1), Add("math.Add", {e, Number(1)})});
    }
    default:  // a step with a slope
      return Add("math.Max", {x, Add("math.Mul", {x, Number(0.2)})});
  }
}

Ref RandomGraphWriter::Binary() {
  const Ref x = Pick({});
  if (x == kFailed) return kFailed;
  Ref z = kFailed;
  switch (random_.Below(7)) {
    case 0:
    case 1:
    case 2:
      z = PickLike(x);
      break;
    case 3:
      z = Number(random_.Unit() * 2);
      break;
    case 4:
      if (Rank(x) > 2) z = Weights(PerChannel(x), 1);
      break;
    case 5: {  // sizes that broadcast, either way
      Shape shape = ShapeOf(x);
      for (int axis = 0; axis < shape.rank(); ++axis) {
        if (shape[axis] == 1 && axis >= FirstFree(x) && random_.OneIn(3)) shape[axis] = 3;
        if (random_.OneIn(2) || axis < FirstFree(x)) shape[axis] = 1;
      }
      const Ints sizes(shape.dims().begin(), shape.dims().end());
      const auto dropped =
          sizes.begin() + (random_.OneIn(3) && Rank(x) > 0 ? random_.Below(Rank(x)) : 0);
      z = Weights(Shape(Ints(dropped, sizes.end())), 1);
      break;
    }
    default:
      z = random_.OneIn(3) ? x : Pick({});
      // Rows of a batch would meet what is no batch.
      if (batched_ && !(z == kFailed) && Rank(z) != Rank(x)) return kFailed;
      break;
  }
  if (z == kFailed) return kFailed;
  switch (random_.Below(9)) {
    case 0:
      return Add("math.Sub", random_.OneIn(2) ? std::vector<Ref>{x, z} : std::vector<Ref>{z, x});
    case 1:
    case 2:
      return Add("math.Mul", random_.OneIn(2) ? std::vector<Ref>{x, z} : std::vector<Ref>{z, x});
    case 3: {
      const Ref divisor = Add("math.Add", {Of("math.Abs", z), Number(0.5)});
      return Add("math.Div", {x, divisor});
    }
    case 4:
      return Add(random_.OneIn(2) ? "math.Max" : "math.Min", {z, x});
    case 5:
      return Add(random_.OneIn(2) ? "math.Sum" : "math.Mean", {x, z, x});
    default:
      return Add("math.Add", random_.OneIn(2) ? std::vector<Ref>{x, z} : std::vector<Ref>{z, x});
  }
}

// Elementwise ops one behind the other, with values of before among them.
Ref RandomGraphWriter::Chain() {
  const Ref x = Pick({});
  Ref y = x;
  for (int64_t length = 2 + random_.Below(4); length > 0 && !(y == kFailed); --length) {
    switch (random_.Below(4)) {
      case 0:
        y = Add(random_.OneIn(3) ? "math.Mul" : "math.Add", {y, x});
        break;
      case 1:
        y = Add(random_.OneIn(2) ? "math.Mul" : "math.Sub", {y, Number(random_.Unit())});
        break;
      case 2: {
        const Ref other = PickLike(y);
        y = other == kFailed ? y : Add(random_.OneIn(3) ? "math.Sub" : "math.Add", {other, y});
        break;
      }
      default:
        y = SomeActivation(y);
    }
  }
  return y;
}

// Half of the channels gate the others, as in WaveNet and gated linear units.
Ref RandomGraphWriter::Gate() {
  const Ref x = Pick({.min_rank = 2, .max_rank = 5});
  if (x == kFailed) return kFailed;
  const int axis = Rank(x) > 2 ? ChannelAxis(x) : 1;
  if (ShapeOf(x)[axis] % 2 != 0) return kFailed;
  const Ref halves = Add("array.Split", {x}, {{"axis", axis}}, 2);
  if (halves == kFailed) return kFailed;
  const Ref first = random_.OneIn(2) ? Of("math.Tanh", halves) : halves;
  return Add("math.Mul", {first, Of("nn.Sigmoid", Ref{halves.node, 1})});
}

Ref RandomGraphWriter::Reduce() {
  const Ref x = Pick({.min_rank = 1});
  if (x == kFailed || Rank(x) <= FirstFree(x)) return kFailed;
  Ints axes;
  for (int axis = FirstFree(x); axis < Rank(x); ++axis) {
    if (random_.OneIn(2)) axes.push_back(axis);
  }
  if (axes.empty()) axes.push_back(Rank(x) - 1);
  const std::string op = random_.Pick<std::string>(
      {"math.ReduceMean", "math.ReduceMean", "math.ReduceSum", "math.ReduceMax", "math.ReduceMin",
       "math.ReduceL1", "math.ReduceL2", "math.ReduceSumSquare", "math.ReduceLogSumExp"});
  const Ref y = Add(op, {x}, {{"axes", axes}, {"keepdims", !random_.OneIn(3)}});
  if (y == kFailed || Rank(y) != Rank(x) || random_.OneIn(2)) return y;
  return Add(random_.OneIn(2) ? "math.Sub" : "math.Mul", {x, y});
}

Ref RandomGraphWriter::Casts() {
  const Ref x = Pick({});
  if (x == kFailed) return kFailed;
  if (!graph_.nodes[x.node].same_bits || random_.OneIn(3)) {
    return Add("array.Cast", {Add("array.Cast", {x}, {{"to", DType::kFloat64}})},
               {{"to", DType::kFloat32}});
  }
  const DType to = random_.Pick<DType>({DType::kFloat16, DType::kBFloat16, DType::kInt32,
                                        DType::kInt64, DType::kInt8, DType::kBool});
  Ref y = Add("array.Cast", {x}, {{"to", to}});
  if (to == DType::kInt32 || to == DType::kInt64) {
    y = Add("math.Mul", {y, Const(Tensor::Full(to, {}, 3))});
    y = Add("math.Add", {y, y});
  }
  return Add("array.Cast", {y}, {{"to", DType::kFloat32}});
}

// Choices by what compares alike however it is computed.
Ref RandomGraphWriter::Choose() {
  const Ref x = Pick({.same_bits = true});
  if (x == kFailed) return kFailed;
  const std::string op = random_.Pick<std::string>(
      {"math.Less", "math.GreaterOrEqual", "math.Equal", "math.NotEqual", "math.Greater"});
  const Ref like = PickLike(x);
  const bool compares = !(like == kFailed) && graph_.nodes[like.node].same_bits && random_.OneIn(2);
  Ref condition = Add(op, {x, compares ? like : Number(random_.OneIn(2) ? 0 : random_.Unit())});
  if (random_.OneIn(4)) condition = Of("math.Not", condition);
  if (condition == kFailed) return kFailed;
  const Ref a = PickLike(x), b = random_.OneIn(2) ? x : PickLike(x);
  const Ref other = b == kFailed ? Number(0.5) : b;
  if (random_.OneIn(3)) return Add("array.Where", {condition, other, a == kFailed ? x : a});
  return Add("array.Where", {condition, a == kFailed ? x : a, other});
}

// What jumps, of what has the same bits however it is computed.
Ref RandomGraphWriter::Steps() {
  const Ref x = Pick({.min_rank = 1, .same_bits = true});
  if (x == kFailed || Rank(x) <= FirstFree(x)) return kFailed;
  const int64_t axis = FirstFree(x) + random_.Below(Rank(x) - FirstFree(x));
  switch (random_.Below(6)) {
    case 0:
      return Of(random_.Pick<std::string>(
                    {"math.Floor", "math.Ceil", "math.Round", "math.Sign", "math.Trunc"}),
                x);
    case 1:
      return Of("nn.Shrink", x);
    case 2:
      return Of("nn.ThresholdedRelu", x);
    case 3:
      return Add("array.Cast",
                 {Add("math.ArgMax", {x}, {{"axis", axis}, {"keepdims", !random_.OneIn(3)}})},
                 {{"to", DType::kFloat32}});
    case 4:
      return Add("array.TopK", {x},
                 {{"axis", axis}, {"k", 1 + random_.Below(ShapeOf(x)[static_cast<int>(axis)])}}, 2);
    default:
      return Of("nn.Hardmax", x, {{"axis", axis}});
  }
}

}  // namespace nomograph
