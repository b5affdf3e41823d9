// Ops that work element by element.
#include <cmath>
#include <limits>

#include "nomograph/serialization/onnx/export/graph_exporter.h"

namespace nomograph::onnx {
namespace {

using Names = absl::StatusOr<std::vector<std::string>>;

// f(x) for chains of operators.
std::string Chain(NodeExporter& n, std::initializer_list<const char*> op_types, std::string x) {
  for (const char* op_type : op_types) x = n.Emit(op_type, {x});
  return x;
}

Names Square(NodeExporter& n) { return {{n.Emit("Mul", {n.input(0), n.input(0)})}}; }
Names Rsqrt(NodeExporter& n) { return {{Chain(n, {"Sqrt", "Reciprocal"}, n.input(0))}}; }
Names NotEqual(NodeExporter& n) { return {{n.Emit("Not", {n.Emit("Equal", n.inputs())})}}; }
Names LogSigmoid(NodeExporter& n) { return {{Chain(n, {"Neg", "Softplus", "Neg"}, n.input(0))}}; }
Names Relu6(NodeExporter& n) { return {{n.Emit("Clip", {n.input(0), n.Scalar(0), n.Scalar(6)})}}; }
Names TanhShrink(NodeExporter& n) {
  return {{n.Emit("Sub", {n.input(0), n.Emit("Tanh", {n.input(0)})})}};
}
Names Mish(NodeExporter& n) {
  return {{n.Emit("Mul", {n.input(0), Chain(n, {"Softplus", "Tanh"}, n.input(0))})}};
}
Names Swish(NodeExporter& n) {
  const double alpha = n.attrs().Float("alpha");
  const std::string x = n.input(0);
  const std::string scaled = alpha == 1 ? x : n.Emit("Mul", {x, n.Scalar(alpha)});
  return {{n.Emit("Mul", {x, n.Emit("Sigmoid", {scaled})})}};
}
// x * max(0, min(1, x / 6 + 1 / 2))
Names HardSwish(NodeExporter& n) {
  const std::string gate =
      n.Emit("HardSigmoid", {n.input(0)}, {FloatAttr("alpha", 1.0 / 6), FloatAttr("beta", 0.5)});
  return {{n.Emit("Mul", {n.input(0), gate})}};
}
// (x + sqrt(x^2 + b)) / 2
Names SquarePlus(NodeExporter& n) {
  const std::string x = n.input(0);
  const std::string under = n.Emit("Add", {n.Emit("Mul", {x, x}), n.Scalar(n.attrs().Float("b"))});
  return {{n.Emit("Mul", {n.Emit("Add", {x, n.Emit("Sqrt", {under})}), n.Scalar(0.5)})}};
}
double LargestOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return 65504;
    case DType::kBFloat16:
      return 0x1.fep127;
    case DType::kFloat64:
      return std::numeric_limits<double>::max();
    default:
      return std::numeric_limits<float>::max();
  }
}

// atan(a / b), half a turn on where b is negative, and a quarter of one where it is 0. Infinities
// count as the largest number, so that two of them have a quotient.
Names Atan2(NodeExporter& n) {
  const auto scalar = [&](double value) { return n.Scalar(value); };
  const double most = LargestOf(n.type(0).dtype);
  const std::string a = n.Emit("Clip", {n.input(0), scalar(-most), scalar(most)});
  const std::string b = n.Emit("Clip", {n.input(1), scalar(-most), scalar(most)});
  const std::string turn =
      n.Emit("Where", {n.Emit("Less", {a, scalar(0)}), scalar(-M_PI), scalar(M_PI)});
  const std::string shift = n.Emit("Where", {n.Emit("Less", {b, scalar(0)}), turn, scalar(0)});
  const std::string angle = n.Emit("Add", {n.Emit("Atan", {n.Emit("Div", {a, b})}), shift});
  const std::string quarter = n.Emit("Mul", {n.Emit("Sign", {a}), scalar(M_PI / 2)});
  return {{n.Emit("Where", {n.Emit("Equal", {b, scalar(0)}), quarter, angle})}};
}
Names Exp2(NodeExporter& n) {
  return {{n.Emit("Exp", {n.Emit("Mul", {n.input(0), n.Scalar(std::log(2.0))})})}};
}
Names Log2(NodeExporter& n) {
  return {{n.Emit("Mul", {n.Emit("Log", {n.input(0)}), n.Scalar(1 / std::log(2.0))})}};
}
Names Log10(NodeExporter& n) {
  return {{n.Emit("Mul", {n.Emit("Log", {n.input(0)}), n.Scalar(1 / std::log(10.0))})}};
}
Names Log1p(NodeExporter& n) {
  return {{n.Emit("Log", {n.Emit("Add", {n.input(0), n.Scalar(1)})})}};
}
Names Expm1(NodeExporter& n) {
  return {{n.Emit("Sub", {n.Emit("Exp", {n.input(0)}), n.Scalar(1)})}};
}
// Towards zero: sign(x) * floor(|x|).
Names Trunc(NodeExporter& n) {
  return {{n.Emit("Mul", {n.Emit("Sign", {n.input(0)}), Chain(n, {"Abs", "Floor"}, n.input(0))})}};
}
Names IsFinite(NodeExporter& n) {
  return {{n.Emit("Not",
                  {n.Emit("Or", {n.Emit("IsInf", {n.input(0)}), n.Emit("IsNaN", {n.input(0)})})})}};
}
Names FloorDiv(NodeExporter& n) {
  if (!kFloats.Contains(n.type(0).dtype)) {
    return absl::UnimplementedError("it has a form in ONNX for floating point only");
  }
  return {{n.Emit("Floor", {n.Emit("Div", n.inputs())})}};
}
// x / 2 * (1 + erf(x / sqrt(2))), or the form with tanh (D. Hendrycks & K. Gimpel, 2016).
Names Gelu(NodeExporter& n) {
  const std::string x = n.input(0);
  std::string inner;
  if (n.attrs().String("approximate") == "tanh") {
    const std::string cube = n.Emit("Mul", {n.Emit("Mul", {x, x}), x});
    const std::string sum = n.Emit("Add", {x, n.Emit("Mul", {cube, n.Scalar(0.044715)})});
    inner = n.Emit("Tanh", {n.Emit("Mul", {sum, n.Scalar(std::sqrt(2 / M_PI))})});
  } else {
    inner = n.Emit("Erf", {n.Emit("Mul", {x, n.Scalar(std::sqrt(0.5))})});
  }
  const std::string half = n.Emit("Mul", {x, n.Scalar(0.5)});
  return {{n.Emit("Mul", {half, n.Emit("Add", {inner, n.Scalar(1)})})}};
}

const ExportRegistrar kChains({
    {.op = "math.Square", .op_type = "Mul", .function = Square},
    {.op = "math.Rsqrt", .op_type = "Reciprocal", .function = Rsqrt},
    {.op = "math.NotEqual", .op_type = "Equal", .function = NotEqual},
    {.op = "math.Atan2", .op_type = "Atan", .function = Atan2},
    {.op = "math.Exp2", .op_type = "Exp", .function = Exp2},
    {.op = "math.Expm1", .op_type = "Exp", .function = Expm1},
    {.op = "math.Log2", .op_type = "Log", .function = Log2},
    {.op = "math.Log10", .op_type = "Log", .function = Log10},
    {.op = "math.Log1p", .op_type = "Log", .function = Log1p},
    {.op = "math.Trunc", .op_type = "Floor", .function = Trunc},
    {.op = "math.IsFinite", .op_type = "IsInf", .function = IsFinite},
    {.op = "math.FloorDiv", .op_type = "Floor", .function = FloorDiv},
    {.op = "nn.LogSigmoid", .op_type = "Softplus", .function = LogSigmoid},
    {.op = "nn.Relu6", .op_type = "Clip", .function = Relu6},
    {.op = "nn.TanhShrink", .op_type = "Tanh", .function = TanhShrink},
    {.op = "nn.Mish", .op_type = "Tanh", .function = Mish},
    {.op = "nn.HardSwish", .op_type = "HardSigmoid", .function = HardSwish},
    {.op = "nn.Swish", .op_type = "Sigmoid", .function = Swish},
    {.op = "nn.SquarePlus", .op_type = "Sqrt", .function = SquarePlus},
    {.op = "nn.Gelu", .op_type = "Erf", .function = Gelu},
});

}  // namespace
}  // namespace nomograph::onnx
