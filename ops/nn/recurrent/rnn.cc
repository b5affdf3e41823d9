// nn.RNN: a simple recurrent layer.
#include <algorithm>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/recurrent/recurrent.h"
#include "nomograph/ops/nn/recurrent/recurrent_gradient.h"
#include "nomograph/ops/nn/recurrent/recurrent_kernel.h"

namespace nomograph::nn {
namespace {

const RecurrentKind& RnnKind() {
  static const RecurrentKind& kind = *new RecurrentKind{.gates = 1, .activations = {"Tanh"}};
  return kind;
}

void RnnReference(const ReferenceStep& s, const Attributes&, ReferenceState& state) {
  const std::vector<double> h = state.h;
  for (int64_t u = 0; u < s.hidden(); ++u) {
    state.h[u] = s.Gate(0, s.FromInput(0, u) + s.FromState(0, u, h));
  }
}

void RnnRow(const RecurrentRow& row) {
  row.Add(1);
  row.Activate(0, row.gates, row.hidden);
  std::copy_n(row.gates, row.hidden, row.h);
}

RecurrentPlan RnnPlan(const Attributes&) { return {.phases = {{0, 1, false, RnnRow}}}; }

std::vector<Example> RnnExamples() {
  std::vector<Example> examples = {
      {.name = "PyTorch: forward",
       .inputs = {Tensor::Of<float>({2, 2, 2}, {0.5, -2, -1, 1, 0.5, 1.5, 1, 0}),
                  Tensor::Of<float>({1, 2, 2}, {1, 0.75, 0.5, -0.25}),
                  Tensor::Of<float>({1, 2, 2}, {-0.75, 0.75, -0.75, -0.5}),
                  Tensor::Of<float>({1, 4}, {0.75, 0.25, -0.5, 0})},
       .outputs = {Tensor::Of<float>({2, 1, 2, 2}, {-0.63514894, 0.7615942, 0, -0.46211717,
                                                    0.9942287, 0.21705616, 0.71795523, 0.75352377}),
                   Tensor::Of<float>({1, 2, 2}, {0.9942287, 0.21705616, 0.71795523, 0.75352377})}},
      {.name = "PyTorch: bidirectional, the batch first, sequences of different lengths, initial "
               "states",
       .attrs = {{"direction", "bidirectional"}, {"layout", 1}},
       .inputs = {Tensor::Of<float>({2, 3, 1}, {-0.5, 0, 1, -2, 0, -0.5}),
                  Tensor::Of<float>({2, 2, 1}, {-0.5, -0.25, 0.75, -0.25}),
                  Tensor::Of<float>({2, 2, 2}, {-0.75, 1, -1, -0.25, 0, -0.25, 0.5, -1}),
                  Tensor::Of<float>({2, 4}, {-1, 0.75, 0.25, -0.25, 0, -0.5, 1, -0.5}),
                  Tensor::Vector<int32_t>({1, 3}),
                  Tensor::Of<float>({2, 2, 2}, {-1, -2, 1, 2, 2, -1.5, -1, -1.5})},
       .outputs = {Tensor::Of<float>(
                       {2, 3, 2, 2},
                       {-0.94137555, 0.97187275,  0.124353,    -0.982845,  0,          0,
                        0,           0,           0,           0,          0,          0,
                        -0.99185973, -0.5545997,  -0.32942027, 0.4663546,  -0.5085003, 0.9261341,
                        0.7482257,   -0.63128877, 0.66821396,  0.71725416, 0.7615942,  0.124353}),
                   Tensor::Of<float>({2, 2, 2}, {-0.94137555, 0.97187275, 0.124353, -0.982845,
                                                 0.66821396, 0.71725416, -0.32942027, 0.4663546})}},
      {.name = "PyTorch: relu",
       .attrs = {{"activations", std::vector<std::string>{"Relu"}}},
       .inputs = {Tensor::Of<float>({2, 1, 2}, {-2, 1.5, 1.5, -2}),
                  Tensor::Of<float>({1, 2, 2}, {0.5, -0.25, -1, 1}),
                  Tensor::Of<float>({1, 2, 2}, {1, -0.75, 0.5, -0.25}), Tensor(), Tensor(),
                  Tensor::Of<float>({1, 1, 2}, {-2, -2})},
       .outputs = {Tensor::Of<float>({2, 1, 1, 2}, {0, 3, 0, 0}),
                   Tensor::Of<float>({1, 1, 2}, {0, 0})}},
      {.name = "PyTorch: float64",
       .inputs = {Tensor::Of<double>({2, 1, 1}, {-1, -0.5}), Tensor::Of<double>({1, 1, 1}, {1}),
                  Tensor::Of<double>({1, 1, 1}, {1}), Tensor::Of<double>({1, 2}, {0.75, 0.5})},
       .outputs = {Tensor::Of<double>({2, 1, 1, 1}, {0.24491866240370913, 0.759451852445487}),
                   Tensor::Of<double>({1, 1, 1}, {0.759451852445487})},
       .rtol = 1e-14,
       .atol = 1e-15},
  };
  // From PyTorch: what each function makes of five numbers.
  const struct {
    const char* activation;
    std::vector<double> alpha, beta, expected;
  } functions[] = {
      {"Sigmoid",
       {},
       {},
       {0.11920292202211755, 0.3775406687981454, 0.5, 0.5621765008857981, 0.9525741268224334}},
      {"Affine", {2.0}, {-1.0}, {-5, -2, -1, -0.5, 5}},
      {"LeakyRelu", {0.5}, {}, {-1, -0.25, 0, 0.25, 3}},
      {"ThresholdedRelu", {0.25}, {}, {0, 0, 0, 0.25, 3}},
      {"ScaledTanh",
       {2.0},
       {0.5},
       {-1.5231883119115297, -0.48983732480741826, 0, 0.24870600354319242, 1.8102965072897328}},
      {"HardSigmoid", {}, {}, {0.09999999999999998, 0.4, 0.5, 0.55, 1}},
      {"Elu", {1.5}, {}, {-1.296997075145081, -0.5902040104310499, 0, 0.25, 3}},
      {"Softsign", {}, {}, {-0.6666666666666666, -0.3333333333333333, 0, 0.2, 0.75}},
      {"softplus",
       {},
       {},
       {0.1269280110429725, 0.4740769841801067, 0.6931471805599453, 0.8259394198788436,
        3.048587351573742}},
  };
  for (const auto& f : functions) {
    examples.push_back(
        {.name = f.activation,
         .attrs = {{"activations", std::vector<std::string>{f.activation}},
                   {"activation_alpha", f.alpha},
                   {"activation_beta", f.beta}},
         .inputs = {Tensor::Of<float>({1, 5, 1}, {-2, -0.5, 0, 0.25, 3}),
                    Tensor::Of<float>({1, 1, 1}, {1}), Tensor::Of<float>({1, 1, 1}, {7})},
         .outputs = {Tensor::Of<double>({1, 1, 5, 1}, f.expected).Cast(DType::kFloat32)}});
  }
  return examples;
}

std::vector<Example> RnnGradExamples() {
  return {
      {.name = "PyTorch",
       .inputs = {Tensor::Of<float>({3, 2, 2},
                                    {-1.5, -1, 1, 1, -1, -1.5, -0.5, -1, -0.5, 1.5, 1.5, -0.5}),
                  Tensor::Of<float>({1, 2, 2}, {-0.375, -0.25, 0.25, 0.25}),
                  Tensor::Of<float>({1, 2, 2}, {-0.125, 0.375, 0.375, -0.125}),
                  Tensor::Of<float>({1, 4}, {-0.375, -0.375, -0.25, 0.125}), Tensor(),
                  Tensor::Of<float>({1, 2, 2}, {-0.75, -0.5, 0.5, 0.5}),
                  Tensor::Of<float>({3, 1, 2, 2},
                                    {0.0934763029, -0.798242748, -0.809301078, 0.3583574,
                                     -0.183909029, -0.62924546, 0.0480097197, -0.75014323,
                                     -0.772088528, 0.00968949497, -0.874007225, 0.111308418}),
                  Tensor::Of<float>({3, 1, 2, 2}, {2, -3, 3, -3, 1, 1, -3, 3, -2, -3, -2, 2}),
                  Tensor::Of<float>({1, 2, 2}, {2, -3, 3, -3})},
       .outputs =
           {
               Tensor::Of<float>({3, 2, 2}, {-1.27206516, -0.956430972, -1.48027623, -1.3098861,
                                             0.717080474, 0.566140711, 1.62315094, 1.19914699,
                                             -1.49985921, -1.49985921, -0.335444361, -0.305930436}),
               Tensor::Of<float>({1, 2, 2}, {0.833211541, 3.92330027, -2.16646838, -14.0712471}),
               Tensor::Of<float>({1, 2, 2}, {1.43139148, -1.00976062, -0.944688618, 2.88763595}),
               Tensor::Of<float>({1, 4}, {-0.475242794, -9.70251846, -0.475242794, -9.70251846}),
               Tensor::Of<float>({1, 2, 2}, {-0.803378046, 1.10948384, -1.62404871, 0.995723367})},
       .atol = 1e-5},
      {.name = "PyTorch, bidirectional",
       .attrs = {{"direction", "bidirectional"}},
       .inputs = {Tensor::Of<float>({2, 1, 1}, {-1.5, -1}),
                  Tensor::Of<float>({2, 2, 1}, {-0.375, -0.25, 0.25, 0.125}),
                  Tensor::Of<float>({2, 2, 2},
                                    {-0.125, 0.375, 0.375, -0.125, 0.25, -0.375, 0.375, -0.375}),
                  Tensor::Of<float>({2, 4},
                                    {-0.375, -0.375, -0.25, 0.125, -0.25, -0.375, -0.25, -0.125}),
                  Tensor(), Tensor::Of<float>({2, 1, 2}, {-0.75, -0.5, 0.5, 0.5}),
                  Tensor::Of<float>({2, 2, 1, 2},
                                    {-0.154990733, -0.0934763029, -0.683027267, -0.623760939,
                                     -0.259600312, -0.0464036353, -0.670967102, -0.554599702}),
                  Tensor::Of<float>({2, 2, 1, 2}, {2, -3, 3, -3, 1, 1, -3, 3}),
                  Tensor::Of<float>({2, 1, 2}, {2, -3, 3, -3})},
       .outputs = {Tensor::Of<float>({2, 1, 1}, {0.433557779, -0.766819835}),
                   Tensor::Of<float>({2, 2, 1}, {-4.11815596, 4.52542639, -2.83606648, 3.30038285}),
                   Tensor::Of<float>({2, 2, 2}, {-1.09380305, -0.701641083, 1.57418036, 1.02979434,
                                                 -3.13025832, -2.75778484, 3.5584116, 3.13186312}),
                   Tensor::Of<float>({2, 4}, {3.6780448, -3.68218184, 3.6780448, -3.68218184,
                                              1.23564517, -1.46761596, 1.23564517, -1.46761596}),
                   Tensor::Of<float>({2, 1, 2},
                                     {-0.742460907, 0.54089427, 0.332919955, -0.0872703344})},
       .atol = 1e-5},

  };
}

NOMO_REGISTER_OP(RecurrentOp("nn.RNN", RnnKind(), RnnReference)
                     .Doc("A simple recurrent layer. For each step h' = f(W x + R h + Wb + Rb), "
                          "with the activation f and the biases Wb and Rb, the two halves of B. "
                          "Steps behind a sequence's end leave its state as it is. It is an error "
                          "when the shapes do not fit each other or a sequence is longer than X.")
                     .Source("ONNX RNN; Keras SimpleRNN; J. Elman, 1990")
                     .Known({.as = "onnx", .name = "RNN", .since = 7})
                     .Fast(FastRecurrent(RnnKind(), RnnPlan))
                     .Gradient(RecurrentGradient(/*has_cell=*/false))
                     .Work(AllCombinationsWork)
                     .Examples(RnnExamples));

NOMO_REGISTER_OP(
    RecurrentGradOp("nn.RNN", RnnKind(), RecurrentCell::kRnn).Examples(RnnGradExamples));

}  // namespace
}  // namespace nomograph::nn
