// Attention as exporters write it runs in tiles, and yields what the formula does.
#include <cmath>
#include <functional>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Ints = std::vector<int64_t>;

constexpr int64_t kBatch = 2, kHeads = 4, kQueries = 5, kKeys = 19, kSize = 8;

Tensor Random(const Shape& shape, uint64_t key) {
  Tensor tensor(DType::kFloat32, shape);
  auto values = tensor.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(MixKeys(key, i) >> 39) / (1 << 23) - 2.0f;
  }
  return tensor;
}

Value Transposed(const Value& x, Ints perm) {
  return Call("array.Transpose", {x}, {{"perm", std::move(perm)}});
}
Value Product(const Value& a, const Value& b, bool transpose_b = false) {
  return Call("math.MatMul", {a, b}, {{"transpose_b", transpose_b}});
}
Value Softmax(const Value& x) { return Call("nn.Softmax", {x}); }
// Where false, every third key's score goes.
Tensor Shown(const Shape& shape) {
  Tensor tensor(DType::kBool, shape);
  auto values = tensor.mutable_data<bool>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = i % 3 != 1;
  return tensor;
}
Value Infinity(const Value& like) {
  return ConstantLike(-std::numeric_limits<double>::infinity(), like);
}
// Two heads of each become four.
Value Repeated(const Value& x, int64_t axis) {
  const PartialShape& shape = x.shape();
  Ints many(5, 1), joined;
  for (int i = 0; i < 4; ++i) joined.push_back(shape[i].size());
  many[axis + 1] = 2;
  joined[axis] *= 2;
  const Value one = Call("array.Unsqueeze", {x}, {{"axes", Ints{axis + 1}}});
  return Call("array.Reshape", {Call("array.Expand", {one}, {{"shape", many}})},
              {{"shape", joined}});
}

struct Case {
  std::string name;
  Shape q, k, v;
  std::function<std::vector<Value>(const Value& q, const Value& k, const Value& v)> write;
  int steps = 1;             // of the program
  bool is_attention = true;  // else the formula stays
};

const Shape kQ = {kBatch, kHeads, kQueries, kSize}, kK = {kBatch, kHeads, kKeys, kSize};
const Shape kQInside = {kBatch, kQueries, kHeads, kSize}, kKInside = {kBatch, kKeys, kHeads, kSize};
const Shape kTwo = {kBatch, 2, kKeys, kSize};

std::vector<Case> Cases() {
  const double root = std::sqrt(8.0);
  return {
      {"scores divided", kQ, kK, kK,
       [=](auto& q, auto& k, auto& v) {
         return std::vector{Product(Softmax(Product(q, k, true) / root), v)};
       }},
      {"heads inside, keys transposed at once, a mask of keys", kQInside, kKInside, kKInside,
       [=](auto& q, auto& k, auto& v) {
         const Value scores =
             Product(Transposed(q, {0, 2, 1, 3}), Transposed(k, {0, 2, 3, 1})) / root;
         const Value mask = Constant(Random({kBatch, 1, 1, kKeys}, 4));
         const Value y = Product(Softmax(scores + mask), Transposed(v, {0, 2, 1, 3}));
         return std::vector{Transposed(y, {0, 2, 1, 3})};
       }},
      {"queries and keys scaled by a root each, a whole mask in front", kQ, kK, kK,
       [=](auto& q, auto& k, auto& v) {
         const Value scores =
             Product(q * std::sqrt(1 / root), Transposed(k, {0, 1, 3, 2}) * std::sqrt(1 / root));
         const Value mask = Constant(Random({kHeads, kQueries, kKeys}, 5));
         return std::vector{Product(Softmax(mask + scores), v)};
       }},
      {"three axes, positions in front",
       {kQueries, kBatch * kHeads, kSize},
       {kKeys, kBatch * kHeads, kSize},
       {kKeys, kBatch * kHeads, kSize},
       [=](auto& q, auto& k, auto& v) {
         const Value scores = Product(Transposed(q, {1, 0, 2}) / root, Transposed(k, {1, 2, 0}));
         return std::vector{
             Transposed(Product(Softmax(scores), Transposed(v, {1, 0, 2})), {1, 0, 2})};
       }},
      {"a mask of bool that shows", kQ, kK, kK,
       [=](auto& q, auto& k, auto& v) {
         const Value scores = Product(q, k, true) * 0.25;
         const Value shown = Constant(Shown({1, 1, kQueries, kKeys}));
         return std::vector{
             Product(Softmax(Call("array.Where", {shown, scores, Infinity(scores)})), v)};
       }},
      {"a mask of bool that hides by a number", kQ, kK, kK,
       [=](auto& q, auto& k, auto& v) {
         const Value scores = Product(q, k, true);
         const Value hides = Constant(Shown({kBatch, 1, 1, kKeys}));
         return std::vector{
             Product(Softmax(Call("array.Where", {hides, ConstantLike(-3, scores), scores})), v)};
       }},
      {"shared heads", kQ, kTwo, kTwo,
       [=](auto& q, auto& k, auto& v) {
         return std::vector{
             Product(Softmax(Product(q, Repeated(k, 1), true) / root), Repeated(v, 1))};
       }},
      {"shared heads, repeated ahead of the transposition", kQ, kTwo, kTwo,
       [=](auto& q, auto& k, auto& v) {
         const Value scores = Product(q, Transposed(Repeated(k, 1), {0, 1, 3, 2}));
         return std::vector{Product(Softmax(scores / root), Repeated(v, 1))};
       }},
      {"values repeated along another axis",
       kQ,
       kK,
       {kBatch, kHeads, kKeys, 4},
       [=](auto& q, auto& k, auto& v) {
         return std::vector{Product(Softmax(Product(q, k, true)), Repeated(v, 3))};
       },
       2},
      {"identities in between", kQ, kK, kK,
       [=](auto& q, auto& k, auto& v) {
         const Value weights = Call("core.Identity", {Softmax(Product(q, k, true))});
         return std::vector{Product(weights, v)};
       }},
      {"keys that are an output, too", kQ, kKInside, kK,
       [=](auto& q, auto& k, auto& v) {
         const Value keys = Transposed(k, {0, 2, 1, 3});
         return std::vector{Product(Softmax(Product(q, keys, true)), v), keys};
       },
       2},
      {"ONNX Attention, heads side by side",
       {kBatch, kQueries, kHeads * kSize},
       {kBatch, kKeys, kHeads * kSize},
       {kBatch, kKeys, kHeads * kSize},
       [=](auto& q, auto& k, auto& v) {
         return std::vector{Call("nn.ScaledDotProductAttention", {q, k, v},
                                 {{"q_num_heads", kHeads}, {"kv_num_heads", kHeads}})};
       },
       2},
      {"the weights are an output", kQ, kK, kK,
       [=](auto& q, auto& k, auto& v) {
         const Value weights = Softmax(Product(q, k, true));
         return std::vector{Product(weights, v), weights};
       },
       0, false},
      {"softmax over the queries", kQ, kK, kK,
       [=](auto& q, auto& k, auto& v) {
         return std::vector{
             Product(Call("nn.Softmax", {Product(q, k, true)}, {{"axis", int64_t{2}}}), v)};
       },
       0, false},
      {"scores that are their own mask", kQ, kK, kK,
       [=](auto& q, auto& k, auto& v) {
         const Value scores = Product(q, k, true);
         return std::vector{Product(Softmax(scores * 0.5 + scores), v)};
       },
       0, false},
      {"a mask that makes more of the scores",
       {1, kHeads, kQueries, kSize},
       {1, kHeads, kKeys, kSize},
       {1, kHeads, kKeys, kSize},
       [=](auto& q, auto& k, auto& v) {
         const Value mask = Constant(Random({kBatch, 1, kQueries, kKeys}, 6));
         return std::vector{Product(Softmax(Product(q, k, true) + mask), v)};
       },
       0,
       false},
  };
}

TEST(AttentionPattern, WhatExportersWriteRunsInTiles) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Value q = InputValue({DType::kFloat32, c.q}, "q");
    const Value k = InputValue({DType::kFloat32, c.k}, "k");
    const Value v = InputValue({DType::kFloat32, c.v}, "v");
    const auto model = BuildModel({q, k, v}, c.write(q, k, v));
    ASSERT_TRUE(model.ok()) << model.status();
    const NamedTensors inputs = {
        {"q", Random(c.q, 1)}, {"k", Random(c.k, 2)}, {"v", Random(c.v, 3)}};
    const auto fast = Session::Create(*model), exact = Session::Create(*model, {.exact = true});
    const auto program = (*fast)->ProgramFor(inputs);
    ASSERT_TRUE(program.ok()) << program.status();
    const std::string text = (*program)->ToString();
    if (c.is_attention) {
      EXPECT_THAT(text, HasSubstr("attention in tiles"));
      EXPECT_THAT(text, Not(HasSubstr("nn.Softmax")));
      EXPECT_EQ((*program)->steps().size(), static_cast<size_t>(c.steps)) << text;
    } else {
      EXPECT_THAT(text, Not(HasSubstr("nn.DotProductAttention")));
    }
    const auto y = (*fast)->Run(inputs), right = (*exact)->Run(inputs);
    ASSERT_TRUE(y.ok() && right.ok()) << y.status() << right.status();
    for (const auto& [name, tensor] : *right) {
      ASSERT_EQ(y->at(name).shape(), tensor.shape());
      for (int64_t i = 0; i < tensor.num_elements(); ++i) {
        ASSERT_NEAR(y->at(name).data<float>()[i], tensor.data<float>()[i], 2e-5) << name << i;
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
