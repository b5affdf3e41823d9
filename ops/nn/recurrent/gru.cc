// nn.GRU: a layer of gated recurrent units.
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/recurrent/recurrent.h"
#include "nomograph/ops/nn/recurrent/recurrent_gradient.h"
#include "nomograph/ops/nn/recurrent/recurrent_kernel.h"

namespace nomograph::nn {
namespace {

enum Gate { kUpdate, kReset, kHidden };
enum Function { kF, kG };

const RecurrentKind& GruKind() {
  static const RecurrentKind& kind =
      *new RecurrentKind{.gates = 3, .activations = {"Sigmoid", "Tanh"}};
  return kind;
}

void GruReference(const ReferenceStep& s, const Attributes& attrs, ReferenceState& state) {
  const std::vector<double> h = state.h;
  std::vector<double> reset(h.size()), product(h.size());
  for (int64_t u = 0; u < s.hidden(); ++u) {
    reset[u] = s.Gate(kF, s.FromInput(kReset, u) + s.FromState(kReset, u, h));
    product[u] = reset[u] * h[u];
  }
  for (int64_t u = 0; u < s.hidden(); ++u) {
    const double update = s.Gate(kF, s.FromInput(kUpdate, u) + s.FromState(kUpdate, u, h));
    const double from_state = attrs.Bool("linear_before_reset")
                                  ? reset[u] * s.FromState(kHidden, u, h)
                                  : s.FromState(kHidden, u, product);
    const double hidden = s.Gate(kG, s.FromInput(kHidden, u) + from_state);
    state.h[u] = (1.0 - update) * hidden + update * h[u];
  }
}

// h' from the hidden gate's sums.
void Update(const RecurrentRow& row) {
  const int64_t size = row.hidden;
  const float* const update = row.gates + kUpdate * size;
  float* const hidden = row.gates + kHidden * size;
  float* const h = row.h;
  row.Activate(kG, hidden, size);
#pragma omp simd
  for (int64_t u = 0; u < size; ++u) h[u] = (1.0f - update[u]) * hidden[u] + update[u] * h[u];
}

void LinearBeforeReset(const RecurrentRow& row) {
  const int64_t size = row.hidden;
  const float* const reset = row.gates + kReset * size;
  float* const hidden = row.gates + kHidden * size;
  const float *const x = row.from_input + kHidden * size, *const r =
                                                              row.from_state + kHidden * size;
  const float *const bias = row.bias + kHidden * size, *const last_bias = row.last_bias;
  row.Add(2);
  row.Activate(kF, row.gates, 2 * size);
#pragma omp simd
  for (int64_t u = 0; u < size; ++u) hidden[u] = x[u] + bias[u] + reset[u] * (r[u] + last_bias[u]);
  Update(row);
}

void UpdateAndReset(const RecurrentRow& row) {
  const int64_t size = row.hidden;
  const float *const reset = row.gates + kReset * size, *const h = row.h;
  float* const product = row.product;
  row.Add(2);
  row.Activate(kF, row.gates, 2 * size);
#pragma omp simd
  for (int64_t u = 0; u < size; ++u) product[u] = reset[u] * h[u];
}

void HiddenOfProduct(const RecurrentRow& row) {
  const int64_t size = row.hidden;
  float* const hidden = row.gates + kHidden * size;
  const float *const x = row.from_input + kHidden * size, *const r = row.from_state;
  const float* const bias = row.bias + kHidden * size;
#pragma omp simd
  for (int64_t u = 0; u < size; ++u) hidden[u] = x[u] + r[u] + bias[u];
  Update(row);
}

RecurrentPlan GruPlan(const Attributes& attrs) {
  if (attrs.Bool("linear_before_reset")) {
    return {.phases = {{kUpdate, 3, false, LinearBeforeReset}},
            .separate_last_bias = true,
            .cell = GatedCell::Kind::kGru};
  }
  return {.phases = {{kUpdate, 2, false, UpdateAndReset}, {kHidden, 1, true, HiddenOfProduct}}};
}

std::vector<Example> GruExamples() {
  return {
      {.name = "PyTorch: forward, with linear_before_reset",
       .attrs = {{"linear_before_reset", true}},
       .inputs = {Tensor::Of<float>({2, 2, 2}, {1.5, 1, -2, -0.5, -2, 1.5, -0.5, -1}),
                  Tensor::Of<float>({1, 6, 2}, {-0.25, -1, 0.5, -1, -0.75, 0.5, 0.75, 0.5, 0.75,
                                                -0.75, -0.5, -0.75}),
                  Tensor::Of<float>({1, 6, 2}, {1, -0.75, -0.75, 0.25, 0, -0.75, -0.5, -1, -0.75,
                                                0.75, 0.75, -0.25}),
                  Tensor::Of<float>({1, 12}, {0.5, -0.25, -0.25, -0.25, -0.5, 0.5, -0.25, 1, -0.75,
                                              0.75, -0.5, -0.25})},
       .outputs = {Tensor::Of<float>({2, 1, 2, 2},
                                     {-0.15425985, -0.31737313, -0.21306962, 0.41539428,
                                      -0.71208185, 0.13620658, -0.18813299, 0.4817269}),
                   Tensor::Of<float>({1, 2, 2},
                                     {-0.71208185, 0.13620658, -0.18813299, 0.4817269})}},
      {.name = "PyTorch: bidirectional, the batch first, sequences of different lengths, initial "
               "states",
       .attrs = {{"direction", "bidirectional"}, {"linear_before_reset", true}, {"layout", 1}},
       .inputs = {Tensor::Of<float>({2, 3, 1}, {-2, 2, -1.5, -2, -2, -1}),
                  Tensor::Of<float>({2, 6, 1},
                                    {-1, 0, 0.5, 0.75, -0.25, 0.5, 0.5, 0, 0, 0.5, 0.75, 0.25}),
                  Tensor::Of<float>({2, 6, 2}, {0.25, 0,  0.5,  -1,   1,     0,    0.5,   -0.5,
                                                -0.5, -1, 1,    0,    1,     -0.5, -0.25, 0,
                                                0.25, 0,  0.25, 0.25, -0.25, 0.5,  0.75,  -0.75}),
                  Tensor::Of<float>(
                      {2, 12}, {-1, 0.75, 0,  0, 0.75, -1, -0.25, 0,     0.25, 0.25, 0.75,  0.25,
                                0,  0.5,  -1, 1, 0.5,  1,  1,     -0.25, -1,   -0.5, -0.25, -0.5}),
                  Tensor::Vector<int32_t>({1, 3}),
                  Tensor::Of<float>({2, 2, 2}, {-1, 1.5, -0.5, 1, -1, -1.5, 0, -1})},
       .outputs = {Tensor::Of<float>({2, 3, 2, 2}, {-0.3062412,
                                                    -0.41824722,
                                                    -0.6785778,
                                                    0.5272829,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    0,
                                                    -0.27141085,
                                                    -1.4223974,
                                                    -0.6331651,
                                                    0.08819112,
                                                    0.13965006,
                                                    -1.3695581,
                                                    -0.42620152,
                                                    0.0056999237,
                                                    0.5947218,
                                                    -1.3179011,
                                                    -0.087928675,
                                                    -0.2574613}),
                   Tensor::Of<float>({2, 2, 2}, {-0.3062412, -0.41824722, -0.6785778, 0.5272829,
                                                 0.5947218, -1.3179011, -0.6331651, 0.08819112})}},
      {.name = "NumPy: the reset gate first",
       .attrs = {{"hidden_size", 2}},
       .inputs = {Tensor::Of<float>({2, 1, 2}, {-0.75, -1, 0, -0.75}),
                  Tensor::Of<float>({1, 6, 2},
                                    {0.25, 0.5, -0.25, 0, -1, 0, -0.75, 0, -1, -0.5, -0.25, 0}),
                  Tensor::Of<float>({1, 6, 2}, {-1, 1, -0.25, -0.75, -0.75, 0.5, -0.25, -0.5, 0,
                                                -0.75, -0.75, -0.5}),
                  Tensor::Of<float>({1, 12},
                                    {1, -1, 0, 1, 0, -0.25, 0.25, -0.75, 0.5, -1, 0.25, -1}),
                  Tensor(), Tensor::Of<float>({1, 1, 2}, {-1, -0.75})},
       .outputs = {Tensor::Of<float>({2, 1, 1, 2},
                                     {-0.39794177, -0.3407572, -0.10279752, -0.66369206}),
                   Tensor::Of<float>({1, 1, 2}, {-0.10279752, -0.66369206})}},
      {.name = "NumPy: reverse, clip, other activations",
       .attrs = {{"direction", "reverse"},
                 {"clip", 0.5},
                 {"activations", std::vector<std::string>{"HardSigmoid", "Affine"}},
                 {"activation_alpha", std::vector<double>{0.25, 2.0}},
                 {"activation_beta", std::vector<double>{0.5, -0.5}}},
       .inputs = {Tensor::Of<float>({2, 1, 2}, {-0.75, -1, 0, -0.75}),
                  Tensor::Of<float>({1, 6, 2},
                                    {0.25, 0.5, -0.25, 0, -1, 0, -0.75, 0, -1, -0.5, -0.25, 0}),
                  Tensor::Of<float>({1, 6, 2}, {-1, 1, -0.25, -0.75, -0.75, 0.5, -0.25, -0.5, 0,
                                                -0.75, -0.75, -0.5}),
                  Tensor::Of<float>({1, 12},
                                    {1, -1, 0, 1, 0, -0.25, 0.25, -0.75, 0.5, -1, 0.25, -1}),
                  Tensor(), Tensor::Of<float>({1, 1, 2}, {-1, -0.75})},
       .outputs = {Tensor::Of<float>({2, 1, 1, 2}, {0.08251953, -1.3652344, -0.4375, -1.21875}),
                   Tensor::Of<float>({1, 1, 2}, {0.08251953, -1.3652344})}},
      {.name = "PyTorch: float64",
       .attrs = {{"linear_before_reset", true}},
       .inputs = {Tensor::Of<double>({2, 1, 1}, {0, -1}),
                  Tensor::Of<double>({1, 3, 1}, {0.25, -0.25, -1}),
                  Tensor::Of<double>({1, 3, 1}, {0, 1, 1}),
                  Tensor::Of<double>({1, 6}, {-0.5, 0.5, -0.5, 0.75, 0.25, 1})},
       .outputs = {Tensor::Of<double>({2, 1, 1, 1}, {0.07761975658941954, 0.4701782861847542}),
                   Tensor::Of<double>({1, 1, 1}, {0.4701782861847542})},
       .rtol = 1e-14,
       .atol = 1e-15},
  };
}

std::vector<Example> GruGradExamples() {
  return {
      {.name = "PyTorch",
       .attrs = {{"linear_before_reset", true}},
       .inputs = {Tensor::Of<float>({3, 2, 2},
                                    {-1.5, -1, 1, 1, -1, -1.5, -0.5, -1, -0.5, 1.5, 1.5, -0.5}),
                  Tensor::Of<float>({1, 6, 2}, {-0.25, -0.375, -0.125, -0.25, -0.375, -0.25, 0.25,
                                                0.25, -0.125, 0.375, 0.375, -0.125}),
                  Tensor::Of<float>({1, 6, 2}, {-0.25, 0, -0.125, 0, -0.125, 0.375, 0.375, -0.125,
                                                -0.375, -0.375, 0, -0.125}),
                  Tensor::Of<float>({1, 12}, {0, -0.125, -0.375, -0.375, 0.125, 0, 0, 0.25, -0.25,
                                              0.125, 0.125, 0.25}),
                  Tensor(), Tensor::Of<float>({1, 2, 2}, {-0.75, -0.5, 0.5, 0.5}),
                  Tensor::Of<float>({3, 1, 2, 2},
                                    {-0.47047925, -0.446853876, 0.366762429, 0.411183864,
                                     -0.358866602, -0.33205533, 0.115942165, 0.249651, 0.260016054,
                                     -0.278324753, -0.08565595, 0.4333857}),
                  Tensor::Of<float>({3, 1, 2, 2}, {2, -3, 3, -3, 1, 1, -3, 3, -2, -3, -2, 2}),
                  Tensor::Of<float>({1, 2, 2}, {2, -3, 3, -3})},
       .outputs =
           {Tensor::Of<float>({3, 2, 2},
                              {-0.488253146, 0.525229335, -0.395750284, 0.46468389, -0.243897095,
                               0.141756073, 0.560588419, -0.401485652, -1.21438336, 0.287414104,
                               -0.214062184, 0.171036437}),
            Tensor::Of<float>({1, 6, 2}, {1.2560693, 1.05207431, -0.438005894, -0.434121281,
                                          -0.251568794, -0.233723328, 0.170606762, -0.282259405,
                                          1.02257192, 0.69100976, 2.23047709, -4.10329533}),
            Tensor::Of<float>(
                {1, 6, 2}, {0.322908461, 0.185768306, -0.145447731, -0.0799526721, -0.0988408625,
                            -0.0711572096, 0.146956578, 0.122181438, -0.359398752,
                            -0.268963277, 0.723519027, 0.600822091}),
            Tensor::Of<float>({1, 12}, {-0.828437448, 0.69067198, 0.123080216, -0.327066123,
                                        1.50091267, -4.80265951, -0.828437448, 0.69067198,
                                        0.123080216, -0.327066123, 0.406222343, -2.10223269}),
            Tensor::Of<float>({1, 2, 2}, {1.79483593, -2.72438407, 0.423621595, -0.644778669})},
       .atol = 1e-5},
      {.name = "PyTorch, bidirectional",
       .attrs = {{"direction", "bidirectional"}, {"linear_before_reset", true}},
       .inputs = {Tensor::Of<float>({2, 1, 1}, {-1.5, -1}),
                  Tensor::Of<float>({2, 6, 1}, {0.25, 0.25, -0.375, -0.25, -0.25, -0.375, 0.375,
                                                0.25, 0.25, 0.125, 0.375, 0}),
                  Tensor::Of<float>({2, 6, 2},
                                    {-0.25,  0,      -0.125, 0,      -0.125, 0.375,  0.375,  -0.125,
                                     -0.375, -0.375, 0,      -0.125, 0.125,  0.125,  -0.375, 0.375,
                                     0.25,   -0.375, 0.375,  -0.375, -0.25,  -0.375, -0.25,  0.25}),
                  Tensor::Of<float>({2, 12},
                                    {0,     -0.125, -0.375, -0.375, 0.125, 0,      0,      0.25,
                                     -0.25, 0.125,  0.125,  0.25,   -0.25, 0.25,   -0.25,  -0.375,
                                     0.25,  -0.25,  0.375,  0.375,  -0.25, -0.125, -0.125, -0.25}),
                  Tensor(), Tensor::Of<float>({2, 1, 2}, {-0.75, -0.5, 0.5, 0.5}),
                  Tensor::Of<float>({2, 2, 1, 2},
                                    {0.014937195, 0.0991194546, -0.174089685, -0.0432477593,
                                     0.226094022, 0.289348662, 0.0995749459, 0.163974077}),
                  Tensor::Of<float>({2, 2, 1, 2}, {2, -3, 3, -3, 1, 1, -3, 3}),
                  Tensor::Of<float>({2, 1, 2}, {2, -3, 3, -3})},
       .outputs = {Tensor::Of<float>({2, 1, 1}, {1.49165916, -0.185377747}),
                   Tensor::Of<float>(
                       {2, 6, 1}, {1.886603, -1.87970996, -0.24584046, 0.212002322, -2.90144539,
                                   2.91982603, -0.934389293, 1.28164732, 0.190988407, -0.203822151,
                                   -4.57529497, 3.90562177}),
                   Tensor::Of<float>(
                       {2, 6, 2},
                       {0.80078429,    0.509179354,    -0.848104239,  -0.549516201, -0.107930332,
                        -0.0693580583, 0.0802656263,   0.0490543097,  -0.329064339, -0.162346169,
                        0.489016175,   0.288629949,    0.0397656895,  0.0820857882, -0.18139559,
                        -0.226883948,  -0.00718874997, -0.0159319472, 0.0235336833, 0.0312938951,
                        0.0687667131,  0.126750916,    -0.147314265,  -0.196776316}),
                   Tensor::Of<float>(
                       {2, 12}, {-1.34999073,  1.31253278,  0.173597023, -0.157994211, 2.4117763,
                                 -2.22700238,  -1.34999073, 1.31253278,  0.173597023,  -0.157994211,
                                 1.09111917,   -1.07962096, 0.605812669, -0.928472042, -0.123105526,
                                 0.143571243,  3.0048871,   -2.7391963,  0.605812669,  -0.928472042,
                                 -0.123105526, 0.143571243, 0.85860914,  -0.909725189}),
                   Tensor::Of<float>({2, 1, 2},
                                     {1.30165875, -1.91244745, 0.00634111743, -0.783887506})},
       .atol = 1e-5},

  };
}

NOMO_REGISTER_OP(
    RecurrentOp("nn.GRU", GruKind(), GruReference)
        .Doc("A layer of gated recurrent units. For each step, with the gates' weights W and R and "
             "biases Wb and Rb (the two halves of B), and products of vectors taken element by "
             "element:\n\n"
             "z = f(Wz x + Rz h + Wbz + Rbz)\n"
             "r = f(Wr x + Rr h + Wbr + Rbr)\n"
             "n = g(Wh x + Rh (r h) + Wbh + Rbh), or with linear_before_reset\n"
             "n = g(Wh x + r (Rh h + Rbh) + Wbh)\n"
             "h' = (1 - z) n + z h\n\n"
             "with the activations f, g. The gates lie in the order z, r, h, as in Keras (PyTorch "
             "has r, z, n). Keras' reset_after and PyTorch have linear_before_reset. Steps behind "
             "a sequence's end leave its state as it is. It is an error when the shapes do not fit "
             "each other or a sequence is longer than X.")
        .Source("ONNX GRU; K. Cho et al., 2014")
        .Known({.as = "onnx", .name = "GRU", .since = 7})
        .Attr("linear_before_reset", false, "applies the reset gate to R h, not to h")
        .Fast(FastRecurrent(GruKind(), GruPlan))
        .Gradient(RecurrentGradient(/*has_cell=*/false))
        .Work(AllCombinationsWork)
        .Examples(GruExamples));

NOMO_REGISTER_OP(RecurrentGradOp("nn.GRU", GruKind(), RecurrentCell::kGru)
                     .Attr("linear_before_reset", false, "as nn.GRU has it")
                     .Examples(GruGradExamples));

}  // namespace
}  // namespace nomograph::nn
