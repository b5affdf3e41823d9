// nn.LSTM: a layer of long short-term memory.
#include <algorithm>

#include "nomograph/core/gradient/training_form.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/nn/recurrent/recurrent.h"
#include "nomograph/ops/nn/recurrent/recurrent_gradient.h"
#include "nomograph/ops/nn/recurrent/recurrent_kernel.h"

namespace nomograph::nn {
namespace {

enum Gate { kInput, kOutput, kForget, kCell };
enum Function { kF, kG, kH };

const RecurrentKind& LstmKind() {
  static const RecurrentKind& kind =
      *new RecurrentKind{.gates = 4, .activations = {"Sigmoid", "Tanh", "Tanh"}, .has_cell = true};
  return kind;
}

void LstmReference(const ReferenceStep& s, const Attributes& attrs, ReferenceState& state) {
  const std::vector<double> h = state.h;
  state.gates.resize(LstmKind().gates * s.hidden());
  for (int64_t u = 0; u < s.hidden(); ++u) {
    const auto sum = [&](Gate gate) { return s.FromInput(gate, u) + s.FromState(gate, u, h); };
    double& c = state.c[u];
    const double input = s.Gate(kF, sum(kInput) + s.Peephole(kInput, u) * c);
    const double forget = attrs.Bool("input_forget")
                              ? 1.0 - input
                              : s.Gate(kF, sum(kForget) + s.Peephole(kForget, u) * c);
    const double cell = s.Gate(kG, sum(kCell));
    c = forget * c + input * cell;
    const double output = s.Gate(kF, sum(kOutput) + s.Peephole(kOutput, u) * c);
    state.h[u] = output * s.Activation(kH, c);
    const double gates[] = {input, output, forget, cell};
    for (int gate = 0; gate < 4; ++gate) state.gates[gate * s.hidden() + u] = gates[gate];
  }
}

// gate += peephole * c.
void AddPeephole(const RecurrentRow& row, Gate gate) {
  if (row.peephole == nullptr) return;
  float* sums = row.gates + gate * row.hidden;
  const float* weights = row.peephole + gate * row.hidden;
#pragma omp simd
  for (int64_t u = 0; u < row.hidden; ++u) sums[u] += weights[u] * row.c[u];
}

void LstmRow(const RecurrentRow& row, bool input_forget) {
  const int64_t size = row.hidden;
  float* const input = row.gates + kInput * size;
  float* const output = row.gates + kOutput * size;
  float* const forget = row.gates + kForget * size;
  float* const cell = row.gates + kCell * size;
  float *const c = row.c, *const h = row.h;
  row.Add(4);
  AddPeephole(row, kInput);
  AddPeephole(row, kForget);
  row.Activate(kF, input, size);
  row.Activate(kG, cell, size);
  if (input_forget) {
    for (int64_t u = 0; u < size; ++u) forget[u] = 1.0f - input[u];
  } else {
    row.Activate(kF, forget, size);
  }
#pragma omp simd
  for (int64_t u = 0; u < size; ++u) c[u] = forget[u] * c[u] + input[u] * cell[u];
  AddPeephole(row, kOutput);
  row.Activate(kF, output, size);
  std::copy_n(c, size, row.product);
  row.activation[kH].Apply(row.product, size);
#pragma omp simd
  for (int64_t u = 0; u < size; ++u) h[u] = output[u] * row.product[u];
}

RecurrentPlan LstmPlan(const Attributes& attrs) {
  const bool input_forget = attrs.Bool("input_forget");
  RecurrentPlan plan;
  plan.phases = {
      {.first_gate = 0,
       .gates = 4,
       .of_product = false,
       .compute = [input_forget](const RecurrentRow& row) { LstmRow(row, input_forget); }}};
  if (!input_forget) plan.cell = GatedCell::Kind::kLstm;
  return plan;
}

std::vector<Example> LstmExamples() {
  return {
      {.name = "PyTorch: forward",
       .inputs = {Tensor::Of<float>({2, 2, 2}, {-0.5, 1, -1.5, 1.5, -0.5, -1, 0, 2}),
                  Tensor::Of<float>({1, 8, 2}, {0.5, 0.75, -1, 0.75, 0.25, -0.25, -0.75, -1, 0, 0,
                                                0.25, -0.5, 1, -1, -0.5, -0.25}),
                  Tensor::Of<float>({1, 8, 2}, {-1, -1, -0.75, 1, -0.75, 1, 0.75, 0.75, -0.75, 0.25,
                                                0.5, -0.5, -0.5, -0.25, -0.5, 1}),
                  Tensor::Of<float>({1, 16}, {-0.75, -0.25, 0.25, -1, 0.25, 0, 0.25, 0.5, 1, 0.25,
                                              -0.75, -1, 1, -0.5, -0.25, 0.75})},
       .outputs = {Tensor::Of<float>({2, 1, 2, 2},
                                     {-0.16107307, 0.039038237, -0.1270309, 0.05937523, -0.13481534,
                                      0.20804572, -0.2620027, 0.01072222}),
                   Tensor::Of<float>({1, 2, 2}, {-0.13481534, 0.20804572, -0.2620027, 0.01072222}),
                   Tensor::Of<float>({1, 2, 2}, {-0.31171224, 0.7480423, -1.3420078, 0.73581004})}},
      {.name = "PyTorch: bidirectional, the batch first, sequences of different lengths, initial "
               "states",
       .attrs = {{"direction", "bidirectional"}, {"layout", 1}},
       .inputs = {Tensor::Of<float>({2, 3, 1}, {-1, -2, -1.5, 1.5, -1.5, -0.5}),
                  Tensor::Of<float>({2, 8, 1}, {0.75, 0.75, 0.5, -1, -0.5, -1, 0.75, 0.5, 0.5, -1,
                                                0.75, 0.75, -0.5, 1, 0.75, -1}),
                  Tensor::Of<float>(
                      {2, 8, 2},
                      {-1,    0,    -0.25, -0.25, -0.75, -0.75, -0.5,  0.5,  1,   -0.75, 0,
                       -0.5,  -0.5, 0.75,  -0.75, -0.5,  0,     -0.25, 1,    1,   -0.5,  0.5,
                       -0.75, 0.5,  0.5,   -0.25, -0.75, 1,     -0.5,  0.25, 0.5, -0.5}),
                  Tensor::Of<float>(
                      {2, 16}, {0.25, 0,     -1,   -0.5, -0.75, 0.75,  0.75,  -0.5,  -0.75, 0.75, 1,
                                -0.5, 0,     0,    -0.5, 0,     1,     0.5,   -0.25, 0.25,  0.25, 0,
                                1,    -0.75, 0.25, -1,   1,     -0.25, -0.75, 0.5,   0.75,  0.25}),
                  Tensor::Vector<int32_t>({1, 3}),
                  Tensor::Of<float>({2, 2, 2}, {-1.5, 1.5, -2, 1, 1.5, -0.5, -2, 0.5}),
                  Tensor::Of<float>({2, 2, 2}, {-1.5, 2, 0.5, 1, 1, 2, -0.5, 1.5})},
       .outputs =
           {Tensor::Of<float>(
                {2, 3, 2, 2},
                {0.14810838, 0.6777403,   0.5044359,   0.41370952,  0,           0,
                 0,          0,           0,           0,           0,           0,
                 0.29074976, 0.008316447, 0.66527724,  0.46450692,  0.074993834, -0.050900806,
                 0.245282,   0.18870614,  0.025266038, -0.15425624, 0.44597307,  0.65701133}),
            Tensor::Of<float>({2, 2, 2}, {0.14810838, 0.6777403, 0.5044359, 0.41370952, 0.025266038,
                                          -0.15425624, 0.66527724, 0.46450692}),
            Tensor::Of<float>({2, 2, 2}, {0.4145129, 1.1848173, 0.7201316, 0.5932643,
                                          0.05836601, -0.4539073, 1.0208882, 0.74050045})}},
      {.name = "NumPy: peepholes",
       .attrs = {{"hidden_size", 2}},
       .inputs = {Tensor::Of<float>({2, 1, 2}, {-0.75, -0.75, -0.25, 0.5}),
                  Tensor::Of<float>({1, 8, 2}, {0, 0.75, 1, -0.25, -0.25, 0, 0.25, 0, 0.25, 1, 0.5,
                                                -0.5, -0.25, -0.25, -0.75, -1}),
                  Tensor::Of<float>({1, 8, 2}, {0.75, -0.25, -0.25, 0.25, 0.25, 1, 0.25, 1, 0.25,
                                                -0.5, -0.5, 1, 0.25, -0.75, 0.75, 0.75}),
                  Tensor::Of<float>({1, 16}, {-1, -0.75, 0.5, -0.25, -0.25, -1, -0.75, 0.75, 0.75,
                                              0.75, 0.25, -0.75, -0.5, 0, 1, -0.5}),
                  Tensor(), Tensor::Of<float>({1, 1, 2}, {1, 0.75}),
                  Tensor::Of<float>({1, 1, 2}, {0.5, -0.5}),
                  Tensor::Of<float>({1, 6}, {0, 0, 0, 0, 0.5, -1})},
       .outputs = {Tensor::Of<float>({2, 1, 1, 2},
                                     {0.18856819, 0.057489168, 0.1451147, 0.019664964}),
                   Tensor::Of<float>({1, 1, 2}, {0.1451147, 0.019664964}),
                   Tensor::Of<float>({1, 1, 2}, {0.20597614, 0.071033776})}},
      {.name = "NumPy: reverse, clip, coupled gates, other activations",
       .attrs = {{"direction", "reverse"},
                 {"clip", 0.75},
                 {"input_forget", true},
                 {"activations",
                  std::vector<std::string>{"HardSigmoid", "ScaledTanh", "LeakyRelu"}},
                 {"activation_alpha", std::vector<double>{0.25, 1.5}},
                 {"activation_beta", std::vector<double>{0.5, 0.5}}},
       .inputs = {Tensor::Of<float>({2, 1, 2}, {-0.75, -0.75, -0.25, 0.5}),
                  Tensor::Of<float>({1, 8, 2}, {0, 0.75, 1, -0.25, -0.25, 0, 0.25, 0, 0.25, 1, 0.5,
                                                -0.5, -0.25, -0.25, -0.75, -1}),
                  Tensor::Of<float>({1, 8, 2}, {0.75, -0.25, -0.25, 0.25, 0.25, 1, 0.25, 1, 0.25,
                                                -0.5, -0.5, 1, 0.25, -0.75, 0.75, 0.75}),
                  Tensor::Of<float>({1, 16}, {-1, -0.75, 0.5, -0.25, -0.25, -1, -0.75, 0.75, 0.75,
                                              0.75, 0.25, -0.75, -0.5, 0, 1, -0.5}),
                  Tensor(), Tensor::Of<float>({1, 1, 2}, {1, 0.75}),
                  Tensor::Of<float>({1, 1, 2}, {0.5, -0.5}),
                  Tensor::Of<float>({1, 6}, {0, 0, 0, 0, 0.5, -1})},
       .outputs = {Tensor::Of<float>({2, 1, 1, 2},
                                     {0.14795314, 0.040542386, 0.06954482, -0.00045876348}),
                   Tensor::Of<float>({1, 1, 2}, {0.14795314, 0.040542386}),
                   Tensor::Of<float>({1, 1, 2}, {0.21520455, 0.12973563})}},
      {.name = "PyTorch: float64",
       .inputs = {Tensor::Of<double>({2, 1, 1}, {-0.25, 0}),
                  Tensor::Of<double>({1, 4, 1}, {-0.25, -1, 0, -0.5}),
                  Tensor::Of<double>({1, 4, 1}, {0.5, -0.75, -1, 0.5}),
                  Tensor::Of<double>({1, 8}, {0.25, 1, -0.25, -0.5, 0, 0, 1, -0.75})},
       .outputs = {Tensor::Of<double>({2, 1, 1, 1}, {-0.33895710940228885, -0.5219543732721582}),
                   Tensor::Of<double>({1, 1, 1}, {-0.5219543732721582}),
                   Tensor::Of<double>({1, 1, 1}, {-0.8123187102770226})},
       .rtol = 1e-14,
       .atol = 1e-15},
      {.name = "NumPy: a sequence of length 0 keeps its states",
       .inputs = {Tensor::Of<float>({1, 2, 1}, {-1, 0.5}),
                  Tensor::Of<float>({1, 4, 1}, {-0.25, 0.75, -0.75, -0.25}),
                  Tensor::Of<float>({1, 4, 1}, {-1, 0.75, 0, -0.25}), Tensor(),
                  Tensor::Vector<int32_t>({1, 0}), Tensor::Of<float>({1, 2, 1}, {1, 0.25}),
                  Tensor::Of<float>({1, 2, 1}, {1, 0.5})},
       .outputs = {Tensor::Of<float>({1, 1, 2, 1}, {0.2954926, 0}),
                   Tensor::Of<float>({1, 2, 1}, {0.2954926, 0.25}),
                   Tensor::Of<float>({1, 2, 1}, {0.6791787, 0.5})}},
      {.name = "NumPy: float16",
       .inputs = {Tensor::Of<Half>({1, 1, 2}, {Half(-0.75f), Half(-0.75f)}),
                  Tensor::Of<Half>(
                      {1, 8, 2}, {Half(0), Half(0.75f), Half(1), Half(-0.25f), Half(-0.25f),
                                  Half(0), Half(0.25f), Half(0), Half(0.25f), Half(1), Half(0.5f),
                                  Half(-0.5f), Half(-0.25f), Half(-0.25f), Half(-0.75f), Half(-1)}),
                  Tensor::Of<Half>(
                      {1, 8, 2},
                      {Half(0.75f), Half(-0.25f), Half(-0.25f), Half(0.25f), Half(0.25f), Half(1),
                       Half(0.25f), Half(1), Half(0.25f), Half(-0.5f), Half(-0.5f), Half(1),
                       Half(0.25f), Half(-0.75f), Half(0.75f), Half(0.75f)}),
                  Tensor::Of<Half>({1, 16}, {Half(-1), Half(-0.75f), Half(0.5f), Half(-0.25f),
                                             Half(-0.25f), Half(-1), Half(-0.75f), Half(0.75f),
                                             Half(0.75f), Half(0.75f), Half(0.25f), Half(-0.75f),
                                             Half(-0.5f), Half(0), Half(1), Half(-0.5f)})},
       .outputs = {Tensor::Of<Half>({1, 1, 1, 2}, {Half(0.12133789f), Half(0.07495117f)}),
                   Tensor::Of<Half>({1, 1, 2}, {Half(0.12133789f), Half(0.07495117f)}),
                   Tensor::Of<Half>({1, 1, 2}, {Half(0.17041016f), Half(0.33251953f)})},
       .rtol = 1e-3},
  };
}

// Those of nn.LSTM that nn.LSTMTraining serves.
std::vector<Example> LstmTrainingExamples() {
  std::vector<Example> examples = LstmExamples();
  std::erase_if(examples, [](const Example& example) { return example.attrs.Has("clip"); });
  return examples;
}

std::vector<Example> LstmGradExamples() {
  return {
      {.name = "PyTorch",
       .inputs =
           {
               Tensor::Of<float>({3, 2, 2},
                                 {-1.5, -1, 1, 1, -1, -1.5, -0.5, -1, -0.5, 1.5, 1.5, -0.5}),
               Tensor::Of<float>({1, 8, 2}, {-0.375, -0.25, 0.25, 0.25, -0.25, 0, -0.125, 0, -0.25,
                                             -0.375, -0.125, -0.25, -0.125, 0.375, 0.375, -0.125}),
               Tensor::Of<float>({1, 8, 2}, {-0.125, 0.375, 0.375, -0.125, 0.125, 0, 0.125, -0.25,
                                             -0.25, 0, -0.125, 0, -0.375, -0.375, 0, -0.125}),
               Tensor::Of<float>({1, 16}, {-0.375, -0.375, 0.125, -0.25, 0, -0.125, 0.125, 0, -0.25,
                                           0.125, -0.125, -0.125, 0, 0.25, 0.125, 0.25}),
               Tensor(), Tensor::Of<float>({1, 2, 2}, {-0.75, -0.5, 0.5, 0.5}),
               Tensor::Of<float>({1, 2, 2}, {-0.25, 0.75, 0.75, -0.25}), Tensor(),
               Tensor::Of<float>({3, 1, 2, 2},
                                 {0.0426077507, 0.199256137, 0.119951949, 0.0498801917,
                                  -0.0545119196, 0.128937483, 0.0585108809, 0.0620212257,
                                  0.0951832309, 0.0301035177, 0.00227777241, 0.145847395}),
               Tensor::Of<float>({3, 1, 2, 2}, {2, -3, 3, -3, 1, 1, -3, 3, -2, -3, -2, 2}),
               Tensor::Of<float>({1, 2, 2}, {2, -3, 3, -3}),
               Tensor::Of<float>({1, 2, 2}, {2, -3, 3, -3})},
       .outputs =
           {Tensor::Of<float>(
                {3, 2, 2},
                {-0.28832379, 0.463776201, -0.419944555, 0.0544953831, -0.256706774, 0.387345433,
                 -0.038969852, -0.0300760232, -1.01488876, 0.550260782, -0.525263846, 0.307695597}),
            Tensor::Of<float>({1, 8, 2},
                              {-0.557540178, 0.419055849, -1.15924454, 0.426946133, 0.224508926,
                               0.297804981, 0.193090707, -0.105842516, 0.474158347, 0.147678196,
                               0.959923267, 0.260497212, -0.368732542, -1.29662526, 0.964578748,
                               -2.52868819}),
            Tensor::Of<float>(
                {1, 8, 2}, {-0.188188821, -0.0898816958, -0.158914417, -0.112125114, 0.063242428,
                            0.0745959505, 0.230660602, 0.132127583, 0.167383015, 0.139711544,
                            0.362451702,
                            0.14786911, -0.404651076, -0.0314575918, 0.174986795, -0.542318404}),
            Tensor::Of<float>({1, 16}, {0.369130015, -0.500157237, 0.115129098, -0.441282719,
                                        0.124470972, -1.10749686, 2.74753284, -5.52237415,
                                        0.369130015, -0.500157237, 0.115129098, -0.441282719,
                                        0.124470972, -1.10749686, 2.74753284, -5.52237415}),
            Tensor::Of<float>({1, 2, 2}, {-0.258346766, -0.0443077944, -0.192487955, 0.0357895084}),
            Tensor::Of<float>({1, 2, 2}, {1.38417709, -1.64430285, 0.345973253, -0.57540834})},
       .atol = 1e-5},
      {.name = "PyTorch, bidirectional",
       .attrs = {{"direction", "bidirectional"}},
       .inputs = {Tensor::Of<float>({2, 1, 1}, {-1.5, -1}),
                  Tensor::Of<float>({2, 8, 1},
                                    {-0.375, -0.25, -0.125, -0.25, 0.25, 0.25, -0.25, -0.375, 0.25,
                                     0.125, 0, 0.375, 0.375, 0.25, 0.375, 0}),
                  Tensor::Of<float>({2, 8, 2},
                                    {-0.125, 0.375,  0.375,  -0.125, 0.125,  0,      0.125,  -0.25,
                                     -0.25,  0,      -0.125, 0,      -0.375, -0.375, 0,      -0.125,
                                     0.25,   -0.375, 0.375,  -0.375, 0.25,   -0.25,  -0.375, -0.125,
                                     0.125,  0.125,  -0.375, 0.375,  -0.25,  -0.375, -0.25,  0.25}),
                  Tensor::Of<float>({2, 16},
                                    {-0.375, -0.375, 0.125,  -0.25,  0,     -0.125, 0.125,  0,
                                     -0.25,  0.125,  -0.125, -0.125, 0,     0.25,   0.125,  0.25,
                                     -0.25,  -0.375, -0.375, -0.125, -0.25, 0.25,   0.25,   -0.25,
                                     -0.25,  -0.125, 0,      -0.125, 0.375, 0.375,  -0.125, -0.25}),
                  Tensor(), Tensor::Of<float>({2, 1, 2}, {-0.75, -0.5, 0.5, 0.5}),
                  Tensor::Of<float>({2, 1, 2}, {-0.25, 0.75, 0.75, -0.25}), Tensor(),
                  Tensor::Of<float>({2, 2, 1, 2},
                                    {0.130499274, 0.300786227, -0.0191037189, -0.0997576565,
                                     0.136090636, 0.238064229, 0.0783962086, -0.088200748}),
                  Tensor::Of<float>({2, 2, 1, 2}, {2, -3, 3, -3, 1, 1, -3, 3}),
                  Tensor::Of<float>({2, 1, 2}, {2, -3, 3, -3}),
                  Tensor::Of<float>({2, 1, 2}, {2, -3, 3, -3})},
       .outputs =
           {
               Tensor::Of<float>({2, 1, 1}, {0.884185314, 0.20577836}),
               Tensor::Of<float>({2, 8, 1}, {-0.914885581, 1.20380902, -0.306871563, 0.95813936,
                                             -0.0214277022, 1.38507223, -1.97738099, 2.31388831,
                                             0.796225071, -0.979803383, 0.250887871, -0.483643651,
                                             -0.548198283, -0.647395849, -2.31559944, 2.35352254}),
               Tensor::Of<float>(
                   {2, 8, 2},
                   {-0.278584182,  -0.125076264,  0.297398686,    0.0950154141, -0.0338070914,
                    0.0180250667,  0.315208644,   0.154577881,    0.127104148,  0.131466776,
                    0.301620692,   0.0685307011,  -0.0775549486,  0.257240236,  0.320396423,
                    -0.0700550079, -0.0845507383, -0.00676909927, 0.141353652,  0.0548933856,
                    -0.0805969015, -0.0694722161, -0.0381771475,  -0.107633241, 0.102536075,
                    0.0599784143,  0.0856784657,  0.02663574,     0.21100767,   -0.0238520298,
                    -0.358532578,  -0.1555641}),
               Tensor::Of<float>(
                   {2, 16}, {0.704482973, -0.963525891, 0.267826498,  -0.725389838, 0.0871469676,
                             -1.13005126, 1.79995453,   -1.98485947,  0.704482973,  -0.963525891,
                             0.267826498, -0.725389838, 0.0871469676, -1.13005126,  1.79995453,
                             -1.98485947, -0.562782526, 0.720314026,  -0.217499867, 0.275188178,
                             0.420471907, 0.470193565,  1.6107254,    -1.74436224,  -0.562782526,
                             0.720314026, -0.217499867, 0.275188178,  0.420471907,  0.470193565,
                             1.6107254,   -1.74436224}),
               Tensor::Of<float>({2, 1, 2}, {-0.317694008, 0.283434808, 0.125464052, -0.126971707}),
               Tensor::Of<float>({2, 1, 2}, {0.961619616, -1.26173854, 0.414197236, -1.13704383})},
       .atol = 1e-5},

  };
}

// Whether backward computes the gates' slopes from their values.
bool KeepsGates(const Attributes& attrs) {
  return attrs.Strings("activations").empty() && !attrs.Has("clip") && !attrs.Bool("input_forget");
}

absl::StatusOr<TrainingForm> InTraining(absl::Span<const Value> inputs, const Attributes& attrs) {
  const bool keeps = KeepsGates(attrs);
  std::vector<Value> outputs = CallMulti(keeps ? "nn.LSTMTraining" : "nn.LSTM",
                                         std::vector<Value>(inputs.begin(), inputs.end()), attrs,
                                         {.num_outputs = keeps ? 4 : 3});
  outputs.resize(3);
  return TrainingForm{.outputs = std::move(outputs)};
}

absl::StatusOr<std::vector<TensorType>> InferTraining(const InferContext& context) {
  if (!KeepsGates(context.attrs())) {
    return InvalidArgument(
        "expected no activations, clip and input_forget, with which nn.LSTM "
        "keeps no gates");
  }
  NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types, InferRecurrent(context, LstmKind()));
  types.push_back({types[0].dtype, KeptGatesShape(types[0].shape, LstmKind().gates)});
  return types;
}

NOMO_REGISTER_OP(
    RecurrentOp("nn.LSTM", LstmKind(), LstmReference)
        .Doc("A layer of long short-term memory. For each step, with the gates' weights W and R, "
             "biases Wb and Rb (the two halves of B) and peepholes P, and products of vectors "
             "taken element by element:\n\n"
             "i = f(Wi x + Ri h + Pi c + Wbi + Rbi)\n"
             "forget = f(Wf x + Rf h + Pf c + Wbf + Rbf), or 1 - i with input_forget\n"
             "c' = forget c + i g(Wc x + Rc h + Wbc + Rbc)\n"
             "o = f(Wo x + Ro h + Po c' + Wbo + Rbo)\n"
             "h' = o h(c')\n\n"
             "with the activations f, g, h. The gates lie in the order i, o, f, c; the peepholes "
             "in the order i, o, f. (Keras has i, f, c, o and PyTorch i, f, g, o.) Steps behind a "
             "sequence's end leave its states as they are. It is an error when the shapes do not "
             "fit each other or a sequence is longer than X.")
        .Source("ONNX LSTM; S. Hochreiter & J. Schmidhuber, 1997; F. Gers & J. Schmidhuber, 2000, "
                "for the peepholes")
        .Known({.as = "onnx", .name = "LSTM", .since = 7})
        .OptionalOutput("Y_c", "T", "like Y_h: the last c")
        .Attr("input_forget", false, "couples the input and the forget gate")
        .Fast(FastRecurrent(LstmKind(), LstmPlan))
        .Gradient(RecurrentGradient(/*has_cell=*/true))
        .InTraining(InTraining)
        .Work(AllCombinationsWork)
        .Examples(LstmExamples));

NOMO_REGISTER_OP(
    RecurrentOp("nn.LSTMTraining", LstmKind(), LstmReference)
        .Doc("nn.LSTM with the usual activations, which keeps the values of the gates i, o, f and "
             "g(…), so that its gradient does not compute them again.")
        .Source("nn.LSTM")
        .OptionalOutput("Y_c", "T", "like Y_h: the last c")
        .OptionalOutput("gates", "T",
                        "like Y, with 4 * hidden_size elements; it has no gradient of its own")
        .Attr("input_forget", false, "as nn.LSTM has it; must be false")
        .Infer(InferTraining)
        .Fast(FastRecurrent(LstmKind(), LstmPlan))
        .Gradient(RecurrentGradient(/*has_cell=*/true))
        .Work(AllCombinationsWork)
        .Examples(LstmTrainingExamples));

NOMO_REGISTER_OP(RecurrentGradOp("nn.LSTM", LstmKind(), RecurrentCell::kLstm)
                     .Attr("input_forget", false, "as nn.LSTM has it")
                     .Examples(LstmGradExamples));

}  // namespace
}  // namespace nomograph::nn
