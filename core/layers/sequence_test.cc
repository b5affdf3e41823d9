// What the recurrent, attention and wrapping layers compute, against what testdata/make_values.py
// has from PyTorch and NumPy.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using ::testing::ElementsAre;

// Numbers from -1 to 1 that make_values.py makes too.
Tensor Wave(const Shape& shape, int64_t seed) {
  Tensor tensor(DType::kFloat32, shape);
  int64_t i = 0;
  for (float& element : tensor.mutable_data<float>())
    element = static_cast<float>((i++ * 37 + seed * 11) % 21 - 10) / 10;
  return tensor;
}

Tensor Floats(const Shape& shape, const std::vector<float>& values) {
  return Tensor::Of<float>(shape, values);
}

struct Case {
  const char* name;
  std::vector<Layer> layers;    // one behind the other; the first one takes all inputs
  std::vector<Tensor> inputs;   // batch included
  std::vector<Tensor> weights;  // in the order in which the layers declare them
  std::vector<Tensor> expected;
};

std::vector<Value> Apply(const std::vector<Layer>& layers, const std::vector<Input>& inputs,
                         int num_outputs) {
  std::vector<Value> values(inputs.begin(), inputs.end());
  for (size_t i = 0; i < layers.size(); ++i)
    values = layers[i].Apply(values, i + 1 == layers.size() ? num_outputs : 1);
  return values;
}

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<Input> inputs;
    NamedTensors arrays;
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      const std::string name = absl::StrCat("input", i);
      const Shape without_batch(c.inputs[i].shape().dims().subspan(1));
      inputs.push_back(Input(without_batch, {.dtype = c.inputs[i].dtype(), .name = name}));
      arrays[name] = c.inputs[i];
    }
    std::vector<std::string> names;
    for (size_t i = 0; i < c.expected.size(); ++i) names.push_back(absl::StrCat("output", i));
    const std::vector<Value> outputs = Apply(c.layers, inputs, static_cast<int>(c.expected.size()));
    auto model = BuildModel(std::vector<Value>(inputs.begin(), inputs.end()), outputs,
                            {.output_names = names});
    ASSERT_TRUE(model.ok()) << model.status();
    ASSERT_EQ(model->graph.weights.size(), c.weights.size());
    for (size_t i = 0; i < c.weights.size(); ++i) {
      ASSERT_EQ(model->graph.weights[i].tensor.shape(), c.weights[i].shape());
      model->graph.weights[i].tensor = c.weights[i];
    }
    const auto y = model->Predict(arrays);
    ASSERT_TRUE(y.ok()) << y.status();
    for (size_t i = 0; i < c.expected.size(); ++i) {
      const absl::Status close = AllClose(y->at(names[i]), c.expected[i], 1e-5, 1e-6);
      EXPECT_TRUE(close.ok()) << names[i] << ": " << close;
    }
  }
}

const Shape kX = {2, 3, 2};

std::vector<Tensor> LSTMWeights(int64_t seed = 1) {
  return {Wave({2, 8}, seed), Wave({2, 8}, seed + 1), Wave({8}, seed + 2)};
}
std::vector<Tensor> GRUWeights(const Shape& bias) {
  return {Wave({2, 6}, 1), Wave({2, 6}, 2), Wave(bias, 3)};
}

TEST(Sequence, LSTM) {
  Check({{"all outputs",
          {LSTM(2, {.return_sequences = true, .return_state = true})},
          {Wave(kX, 0)},
          LSTMWeights(),
          {Floats({2, 3, 2}, {0.0802725451, 0.0132213449, 0.0413358356, -0.024485843, 0.0988205172,
                              -0.0157237318, 0.0385953747, -0.064591736, 0.105040297, -0.0755708582,
                              0.062885198, -0.123782879}),
           Floats({2, 2}, {0.0988205172, -0.0157237318, 0.062885198, -0.123782879}),
           Floats({2, 2}, {0.251384999, -0.0223035059, 0.209580107, -0.17492506})}},
         {"backwards",
          {LSTM(2, {.return_sequences = true, .go_backwards = true})},
          {Wave(kX, 0)},
          LSTMWeights(),
          {Floats({2, 3, 2}, {0.0869348392, 0, 0.0460766094, -0.0343601037, 0.0977184561,
                              -0.00944682733, 0.0449324104, -0.0766976663, 0.108864025,
                              -0.0841189429, 0.0634115807, -0.11308999})}},
         {"with states",
          {LSTM(2)},
          {Wave(kX, 0), Wave({2, 2}, 4), Wave({2, 2}, 5)},
          LSTMWeights(),
          {Floats({2, 2}, {0.103687671, -0.0174368349, 0.0192817874, 0.255822535})}},
         {"an activation that the op lacks",
          {LSTM(2, {.activation = "mish"})},
          {Wave(kX, 0)},
          LSTMWeights(),
          {Floats({2, 2}, {0.0521391244, -0.0080422336, 0.0306842071, -0.0357342967})}},
         // Which in inference only means that the steps are a loop.
         {"recurrent dropout",
          {LSTM(2, {.dropout = 0.25,
                    .recurrent_dropout = 0.5,
                    .return_sequences = true,
                    .return_state = true})},
          {Wave(kX, 0)},
          LSTMWeights(),
          {Floats({2, 3, 2}, {0.0802725451, 0.0132213449, 0.0413358356, -0.024485843, 0.0988205172,
                              -0.0157237318, 0.0385953747, -0.064591736, 0.105040297, -0.0755708582,
                              0.062885198, -0.123782879}),
           Floats({2, 2}, {0.0988205172, -0.0157237318, 0.062885198, -0.123782879}),
           Floats({2, 2}, {0.251384999, -0.0223035059, 0.209580107, -0.17492506})}},
         {"a loop backwards",
          {LSTM(2, {.recurrent_dropout = 0.5, .return_sequences = true, .go_backwards = true})},
          {Wave(kX, 0)},
          LSTMWeights(),
          {Floats({2, 3, 2}, {0.0869348392, 0, 0.0460766094, -0.0343601037, 0.0977184561,
                              -0.00944682733, 0.0449324104, -0.0766976663, 0.108864025,
                              -0.0841189429, 0.0634115807, -0.11308999})}}});
}

TEST(Sequence, GRUAndSimpleRNN) {
  Check({{"GRU",
          {GRU(2, {.return_sequences = true, .return_state = true})},
          {Wave(kX, 0)},
          GRUWeights({2, 6}),
          {Floats({2, 3, 2}, {-0.459705875, 0.14909757, -0.0494181164, 0.0051121507, -0.480865742,
                              0.156337077, 0.186734538, 0.0770512705, -0.522542806, 0.201954369,
                              -0.09418017, 0.0811808346}),
           Floats({2, 2}, {-0.480865742, 0.156337077, -0.09418017, 0.0811808346})}},
         {"GRU as a loop",
          {GRU(2, {.recurrent_dropout = 0.5, .return_sequences = true, .return_state = true})},
          {Wave(kX, 0)},
          GRUWeights({2, 6}),
          {Floats({2, 3, 2}, {-0.459705875, 0.14909757, -0.0494181164, 0.0051121507, -0.480865742,
                              0.156337077, 0.186734538, 0.0770512705, -0.522542806, 0.201954369,
                              -0.09418017, 0.0811808346}),
           Floats({2, 2}, {-0.480865742, 0.156337077, -0.09418017, 0.0811808346})}},
         {"GRU, reset before",
          {GRU(2, {.reset_after = false})},
          {Wave(kX, 0)},
          GRUWeights({6}),
          {Floats({2, 2}, {-0.254925138, -0.0184824396, -0.0205353393, -0.334178008})}},
         {"GRU, reset before, as a loop",
          {GRU(2, {.recurrent_dropout = 0.5, .reset_after = false})},
          {Wave(kX, 0)},
          GRUWeights({6}),
          {Floats({2, 2}, {-0.254925138, -0.0184824396, -0.0205353393, -0.334178008})}},
         {"SimpleRNN",
          {SimpleRNN(3)},
          {Wave(kX, 0)},
          {Wave({2, 3}, 1), Wave({3, 3}, 2), Wave({3}, 3)},
          {Floats({2, 3}, {0.770754935, 0.10346012, -0.200937696, -0.537037422, -0.482406327,
                           -0.325303295})}},
         {"SimpleRNN as a loop",
          {SimpleRNN(3, {.recurrent_dropout = 0.5})},
          {Wave(kX, 0)},
          {Wave({2, 3}, 1), Wave({3, 3}, 2), Wave({3}, 3)},
          {Floats({2, 3}, {0.770754935, 0.10346012, -0.200937696, -0.537037422, -0.482406327,
                           -0.325303295})}}});
}

// Steps 1 of the first sequence and 0 and 2 of the second one are masked.
Tensor Masked() {
  Tensor x = Wave(kX, 0);
  for (const int i : {2, 3, 6, 7, 10, 11}) x.mutable_data<float>()[i] = 0.5;
  return x;
}

TEST(Sequence, Masks) {
  const Layer masking = Masking({.mask_value = 0.5});
  Check({{"Masking",
          {masking},
          {Masked()},
          {},
          {Floats({2, 3, 2}, {-1, 0.6, 0, 0, -0.9, 0.7, 0, 0, -0.8, 0.8, 0, 0})}},
         {"LSTM",
          {Masking({.mask_value = 0.5}), Dropout(0.5),
           LSTM(2, {.return_sequences = true, .return_state = true})},
          {Masked()},
          LSTMWeights(),
          {Floats({2, 3, 2},
                  {0.0802725451, 0.0132213449, 0.0802725451, 0.0132213449, 0.0998384057,
                   0.0365191515, 0, 0, 0.0913300012, -0.0138067846, 0.0913300012, -0.0138067846}),
           Floats({2, 2}, {0.0998384057, 0.0365191515, 0.0913300012, -0.0138067846}),
           Floats({2, 2}, {0.249318432, 0.051958527, 0.253336991, -0.0185923673})}},
         {"zero output",
          {Masking({.mask_value = 0.5}),
           LSTM(2, {.return_sequences = true, .zero_output_for_mask = true})},
          {Masked()},
          LSTMWeights(),
          {Floats({2, 3, 2}, {0.0802725451, 0.0132213449, 0, 0, 0.0998384057, 0.0365191515, 0, 0,
                              0.0913300012, -0.0138067846, 0, -0})}},
         {"average",
          {Masking({.mask_value = 0.5}), GlobalAveragePooling1D()},
          {Masked()},
          {},
          {Floats({2, 2}, {-0.95, 0.65, -0.8, 0.8})}}});
}

TEST(Sequence, MasksGoWhereKerasHasThem) {
  const Input x({3, 2}), ids({3}, {.dtype = DType::kInt32});
  const Value masked = Masking()(x);
  EXPECT_TRUE(MaskOf(masked).valid());
  EXPECT_TRUE(MaskOf(Dense(2)(Activation("relu")(masked))).valid());
  EXPECT_TRUE(MaskOf(LSTM(2, {.return_sequences = true})(masked)).valid());
  EXPECT_FALSE(MaskOf(LSTM(2)(masked)).valid());
  EXPECT_FALSE(MaskOf(Flatten()(masked)).valid());
  EXPECT_TRUE(MaskOf(Embedding(4, 2, {.mask_zero = true})(ids)).valid());
  EXPECT_FALSE(MaskOf(Embedding(4, 2)(ids)).valid());
}

// Masks (1: the step counts) of two sequences, and what a merging layer makes of them.
struct MaskMerge {
  const char* name;
  Layer layer;
  bool second_has_mask;
  std::vector<float> mask;  // empty: none
};

TEST(Sequence, MasksAreMerged) {
  const Tensor a = Floats({1, 4, 1}, {2, 0, 3, 0}), b = Floats({1, 4, 1}, {4, 5, 0, 0});
  const auto concatenate = [](int64_t axis, const char* rule) {
    return Concatenate({.axis = axis, .mask_rule = rule});
  };
  const MaskMerge kMerges[] = {
      {"all, both", Add({.mask_rule = "all"}), true, {1, 0, 0, 0}},
      {"all, one", Multiply({.mask_rule = "all"}), false, {1, 0, 1, 0}},
      {"all, features", concatenate(-1, "all"), true, {1, 0, 0, 0}},
      {"all, features of one", concatenate(2, "all"), false, {1, 0, 1, 0}},
      {"all, steps", concatenate(1, "all"), true, {1, 0, 1, 0, 1, 1, 0, 0}},
      {"all, dot", Dot(1), true, {}},
      {"any, both", Add(), true, {1, 1, 1, 0}},
      {"any, one", Average(), false, {}},
      {"any, features", concatenate(-1, "any"), true, {1, 1, 1, 0}},
      {"any, features of one", concatenate(-1, "any"), false, {}},
      {"any, steps", concatenate(-2, "any"), true, {1, 0, 1, 0, 1, 1, 0, 0}},
      {"any, steps of one", concatenate(1, "any"), false, {1, 0, 1, 0, 1, 1, 1, 1}},
      {"none", Add({.mask_rule = "none"}), true, {}},
      {"none, steps", concatenate(1, "none"), true, {}},
  };
  for (const MaskMerge& merge : kMerges) {
    SCOPED_TRACE(merge.name);
    const Input x({4, 1}, {.name = "x"}), y({4, 1}, {.name = "y"});
    const Value second = merge.second_has_mask ? Masking()(y) : Value(y);
    const Value mask = MaskOf(merge.layer({Masking()(x), second}));
    ASSERT_EQ(mask.valid(), !merge.mask.empty());
    if (!mask.valid()) continue;
    const auto model = BuildModel({x, y}, {mask});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto found = model->Predict(NamedTensors{{"x", a}, {"y", b}});
    ASSERT_TRUE(found.ok()) << found.status();
    const int64_t steps = static_cast<int64_t>(merge.mask.size());
    EXPECT_EQ(found->begin()->second.Cast(DType::kFloat32), Floats({1, steps}, merge.mask));
  }
  EXPECT_FALSE(Add({.mask_rule = "or"}).CheckOptions().ok());
}

// By the rule "any", what a mask leaves out has no say in products and extremes.
TEST(Sequence, MasksAreHeededInMerging) {
  struct {
    const char* name;
    Layer layer;
    bool second_has_mask;
    std::vector<float> expected;
  } const kMerges[] = {
      {"product", Multiply(), true, {8, -5, -3, 0}},
      {"product with one mask", Multiply(), false, {8, -5, 0, 0}},
      {"product of old", Multiply({.mask_rule = "all"}), true, {8, 0, 0, 0}},
      {"maximum", Maximum(), true, {-2, -5, -3, 0}},
      {"maximum with one mask", Maximum(), false, {-2, -5, 0, 0}},
      {"maximum of old", Maximum({.mask_rule = "all"}), true, {-2, 0, 0, 0}},
      {"minimum", Minimum(), true, {-4, -5, -3, 0}},
      {"sum", Add(), true, {-6, -5, -3, 0}},
  };
  for (const auto& merge : kMerges) {
    SCOPED_TRACE(merge.name);
    const Input x({4, 1}, {.name = "x"}), y({4, 1}, {.name = "y"});
    const Value second = merge.second_has_mask ? Masking()(y) : Value(y);
    const auto model = BuildModel({x, y}, {merge.layer({Masking()(x), second})});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto found = model->Predict(
        {{"x", Floats({1, 4, 1}, {-2, 0, -3, 0})}, {"y", Floats({1, 4, 1}, {-4, -5, 0, 0})}});
    ASSERT_TRUE(found.ok()) << found.status();
    const absl::Status same =
        AllClose(found->begin()->second, Floats({1, 4, 1}, merge.expected), 0, 0);
    EXPECT_TRUE(same.ok()) << same;
  }
}

TEST(Sequence, Wrappers) {
  std::vector<Tensor> both = LSTMWeights(1);
  for (const Tensor& weight : LSTMWeights(4)) both.push_back(weight);
  Check({{"concat",
          {Bidirectional(LSTM(2, {.return_sequences = true}))},
          {Wave(kX, 0)},
          both,
          {Floats({2, 3, 4},
                  {0.0802725451,  0.0132213449, -0.132416963,  -0.0496897433, 0.0413358356,
                   -0.024485843,  -0.152671397, 0.199704974,   0.0988205172,  -0.0157237318,
                   -0.0786490528, -0.173025018, 0.0385953747,  -0.064591736,  -0.199777136,
                   0.243117104,   0.105040297,  -0.0755708582, -0.151559104,  -0.0277359384,
                   0.062885198,   -0.123782879, -0.114895144,  0.277666761})}},
         {"average, states",
          {Bidirectional(LSTM(2, {.return_state = true}), {.merge_mode = "ave"})},
          {Wave(kX, 0)},
          both,
          {Floats({2, 2}, {-0.0167982229, -0.0327067375, -0.068445969, 0.0596671123}),
           Floats({2, 2}, {0.0988205172, -0.0157237318, 0.062885198, -0.123782879}),
           Floats({2, 2}, {0.251384999, -0.0223035059, 0.209580107, -0.17492506}),
           Floats({2, 2}, {-0.132416963, -0.0496897433, -0.199777136, 0.243117104}),
           Floats({2, 2}, {-0.218445112, -0.109160639, -0.33242982, 0.59459488})}},
         {"masked, as TensorFlow has it",
          {Masking({.mask_value = 0.5}), Bidirectional(LSTM(2, {.return_sequences = true}))},
          {Masked()},
          both,
          {Floats({2, 3, 4},
                  {0.0802725451, 0.0132213449,  -0.132860527,  -0.25751614,  0, 0, 0, 0,
                   0.0998384057, 0.0365191515,  -0.0786490528, -0.173025018, 0, 0, 0, 0,
                   0.0913300012, -0.0138067846, -0.0996353753, -0.183900819, 0, 0, 0, 0})}},
         {"masked, as the layers have it",
          {Masking({.mask_value = 0.5}),
           Bidirectional(LSTM(2, {.return_sequences = true}), {.zero_output_for_mask = false})},
          {Masked()},
          both,
          {Floats({2, 3, 4}, {0.0802725451,
                              0.0132213449,
                              -0.132860527,
                              -0.25751614,
                              0.0802725451,
                              0.0132213449,
                              -0.0786490528,
                              -0.173025018,
                              0.0998384057,
                              0.0365191515,
                              -0.0786490528,
                              -0.173025018,
                              0,
                              0,
                              -0.0996353753,
                              -0.183900819,
                              0.0913300012,
                              -0.0138067846,
                              -0.0996353753,
                              -0.183900819,
                              0.0913300012,
                              -0.0138067846,
                              0,
                              0})}},
         {"time distributed",
          {TimeDistributed(Dense(3, {.activation = "relu"}))},
          {Wave(kX, 0)},
          {Wave({2, 3}, 1), Wave({3}, 2)},
          {Floats({2, 3, 3}, {0, 1.22, 0.92, 0, 0.58, 0.23, 0, 1.2, 0.8, 0, 0.56, 0.11, 0, 1.18,
                              0.68, 0, 0.54, 0})}}});
}

TEST(Sequence, Attention) {
  const Tensor query = Wave({2, 2, 3}, 1), value = Wave({2, 4, 3}, 2), key = Wave({2, 4, 3}, 3);
  const Tensor half = Floats({}, {0.5}), factor = Floats({}, {1.5});
  Check({{"dot",
          {Attention({.return_attention_scores = true})},
          {query, value, key},
          {},
          {Floats({2, 2, 3}, {-0.418673964, 0.189307929, 0.228620616, -0.235160093, -0.108398077,
                              0.289958356, -0.0575724664, -0.146226998, -0.646226998, 0.243717653,
                              0.157864506, -0.342135494}),
           Floats({2, 2, 4},
                  {0.527610426, 0.256815565, 0.101327534, 0.114246476, 0.298458103, 0.427788778,
                   0.140981625, 0.132771494, 0.102343698, 0.657428973, 0.146692232, 0.0935350968,
                   0.0986063935, 0.15007514, 0.652712073, 0.0986063935})}},
         {"causal, scaled",
          {Attention({.use_scale = true, .use_causal_mask = true})},
          {query, value, key},
          {half},
          {Floats({2, 2, 3}, {-0.9, 0.7, 0.2, -0.573072665, -0.117318339, 0.526927335, -0.6, 1, 0.5,
                              -0.268615254, 0.171538136, -0.328461864})}},
         {"concat",
          {Attention({.use_scale = true, .score_mode = "concat"})},
          {query, value, key},
          {half, factor},
          {Floats({2, 2, 3}, {0.08364821, -0.169469499, 0.0909591345, 0.115841081, -0.156543938,
                              0.0591469261, -0.212704901, 0.309313764, -0.190686236, -0.233203839,
                              0.344068637, -0.155931363})}},
         {"additive",
          {AdditiveAttention()},
          {query, value, key},
          {Wave({3}, 4)},
          {Floats({2, 2, 3}, {0.192440443, -0.070981755, -0.308410692, 0.155682546, -0.102148641,
                              -0.240924942, -0.144523725, 0.106423748, -0.393576252, -0.0578880103,
                              -0.0216318303, -0.52163183})}}});
}

TEST(Sequence, AttentionOfSeveralHeads) {
  const Tensor query = Wave({2, 2, 6}, 1), value = Wave({2, 4, 6}, 2);
  std::vector<Tensor> weights;
  for (int seed = 3; seed < 9; ++seed)
    weights.push_back(Wave(seed % 2 == 1 ? Shape{6, 2, 3} : Shape{2, 3}, seed));
  weights.push_back(Wave({2, 3, 6}, 9));
  weights.push_back(Wave({6}, 10));
  Check(
      {{"two heads",
        {MultiHeadAttention(2, 3, {.return_attention_scores = true})},
        {query, value},
        weights,
        {Floats({2, 2, 6},
                {0.145559047,  -0.817552444, 2.40220614, -0.402622627, 0.0557985309, -0.90731296,
                 0.517855888,  -0.240272089, 1.98651245, -0.982355609, 0.433286813,  -0.324841163,
                 -0.308090889, -1.60430465,  2.60688158, 0.100155024,  -0.322170881, -1.61838464,
                 -0.943905191, -1.37677056,  1.4802448,  -0.208545738, -0.923048794, -1.35591416}),
         Floats({2, 2, 2, 4},
                {0.275599924, 0.193363661,  0.476409758, 0.0546266571, 0.0710564201, 0.0228309006,
                 0.903363299, 0.0027493805, 0.368226812, 0.281771719,  0.206656943,  0.143344527,
                 0.31888868,  0.135367938,  0.414644272, 0.13109911,   0.182331018,  0.0490119075,
                 0.421852625, 0.34680445,   0.148602156, 0.450788194,  0.122186785,  0.278422866,
                 0.126557347, 0.15463907,   0.366310714, 0.352492869,  0.517165296,  0.126604906,
                 0.127573451, 0.228656346})}},
       {"causal",
        {MultiHeadAttention(2, 3, {.use_causal_mask = true})},
        {query, query},
        weights,
        {Floats({2, 2, 6},
                {0.781,        -2.353,      2.976,       0.304,       0.845,        -2.289,
                 -0.354830179, -1.08536663, 2.90355374,  0.144825254, -0.503348363, -1.23388481,
                 1.033,        -2.056,      2.94,        -0.254,      1.088,        -2.001,
                 -0.421475489, -1.13261619, 0.582488207, -0.66709689, -0.235225192, -0.94636589})}},
       {"grouped",
        {GroupQueryAttention(2, 4, 2, {.use_bias = false})},
        {query, value},
        {Wave({6, 4, 2}, 3), Wave({6, 2, 2}, 5), Wave({6, 2, 2}, 7), Wave({4, 2, 6}, 9)},
        {Floats({2, 2, 6}, {-0.123618057,  0.0504713969, 0.361383503,   0.019880071,  -0.197902255,
                            -0.0238128013, -0.292401224, 0.186638148,   0.478883644,  0.365311773,
                            -0.404969023,  0.0740703497, 0.0340771559,  -0.105271531, -0.029595175,
                            -0.332260322,  0.0762744737, -0.0630742128, -0.152672513, 0.210295758,
                            0.0799024531,  -0.300346962, -0.0723624698, 0.290605801})}}});
}

TEST(Sequence, AttentionMask) {
  // The mask of the call, against the same mask made by the layer.
  const Input query({2, 6}), mask({2, 2}, {.dtype = DType::kBool});
  const Layer plain = MultiHeadAttention(2, 3);
  const auto model = BuildModel({query, mask}, {plain({query, query, Value(), mask})});
  ASSERT_TRUE(model.ok()) << model.status();
  const Input x({2, 6});
  const auto expected =
      BuildModel({x}, {MultiHeadAttention(2, 3, {.use_causal_mask = true})({x, x})});
  ASSERT_TRUE(expected.ok()) << expected.status();
  const Tensor q = Wave({1, 2, 6}, 1);
  const auto a = model->Predict({{model->graph.value(model->graph.inputs[0]).name, q},
                                 {model->graph.value(model->graph.inputs[1]).name,
                                  Tensor::Of<bool>({1, 2, 2}, {true, false, true, true})}});
  ASSERT_TRUE(a.ok()) << a.status();
  const auto b = expected->Predict(q);
  ASSERT_TRUE(b.ok()) << b.status();
  const absl::Status close = AllClose(a->begin()->second, *b, 1e-5, 1e-6);
  EXPECT_TRUE(close.ok()) << close;
}

TEST(Sequence, Others) {
  const Tensor x = Wave({2, 3, 2}, 1);
  Check({{"UnitNormalization",
          {UnitNormalization()},
          {x},
          {},
          {Floats({2, 3, 2}, {0.242535625, -0.9701425, -0.789352217, 0.613940614, 0.554700196,
                              -0.832050294, -0.707106781, 0.707106781, 0.832050294, -0.554700196,
                              -0.613940614, 0.789352217})}},
         {"DepthwiseConv1D",
          {DepthwiseConv1D(2, {.depth_multiplier = 2})},
          {x},
          {Wave({2, 2, 2}, 2), Wave({4}, 4)},
          {Floats({2, 2, 4}, {-0.17, 0.15, 0.43, -0.22, -0.15, 0.33, 0.35, -0.35, -0.32, 0.48, 0.4,
                              -0.4, -0.51, 0.45, 0.53, -0.32})}},
         {"SeparableConv1D",
          {SeparableConv1D(3, 2, {.depth_multiplier = 2})},
          {x},
          {Wave({2, 2, 2}, 2), Wave({1, 4, 3}, 3), Wave({3}, 4)},
          {Floats({2, 2, 3}, {-1.283, 0.545, -0.042, -1.066, 0.599, -0.256, -1.01, 0.77, -0.18,
                              -1.171, 0.887, 0.11})}},
         // x above theta
         {"ThresholdedReLU",
          {ThresholdedReLU({.theta = 0.5})},
          {Floats({1, 4}, {-1, 0.5, 0.75, 2})},
          {},
          {Floats({1, 4}, {0, 0, 0.75, 2})}}});
}

std::vector<std::string> WeightNames(const Model& model) {
  std::vector<std::string> names;
  for (const Weight& weight : model.graph.weights)
    names.push_back(model.graph.value(weight.value).name);
  return names;
}

TEST(Sequence, WeightsHaveKerasNames) {
  const Input x({3, 2});
  const auto model = BuildModel(
      {x}, {Bidirectional(LSTM(2))(x), MultiHeadAttention(1, 2, {.use_bias = false})({x, x})});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(WeightNames(*model),
              ElementsAre("bidirectional/forward/kernel", "bidirectional/forward/recurrent_kernel",
                          "bidirectional/forward/bias", "bidirectional/backward/kernel",
                          "bidirectional/backward/recurrent_kernel", "bidirectional/backward/bias",
                          "multi_head_attention/query/kernel", "multi_head_attention/key/kernel",
                          "multi_head_attention/value/kernel",
                          "multi_head_attention/attention_output/kernel"));
  // The forget gate's part of the bias.
  EXPECT_EQ(*model->GetWeight("bidirectional/forward/bias"), Floats({8}, {0, 0, 1, 1, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace nomograph
