// Ops that pick elements, or say where they are, against loops: in exact mode, and on one thread
// and on several.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

template <typename T>
std::vector<T> Elements(const Tensor& x) {
  return {x.data<T>().begin(), x.data<T>().end()};
}

Tensor Random(DType dtype, const Shape& shape, int64_t low, int64_t high) {
  Tensor x(DType::kInt64, shape);
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    x.mutable_data<int64_t>()[i] =
        low + static_cast<int64_t>(MixKeys(shape.num_elements() + high, i) % (high - low));
  }
  return x.Cast(dtype);
}

// What the op yields in exact mode and with one and three threads.
std::vector<absl::StatusOr<Tensor>> Results(const std::string& op,
                                            const std::vector<Tensor>& inputs,
                                            const Attributes& attrs) {
  std::vector<Value> values;
  for (const Tensor& input : inputs) {
    values.push_back(InputValue({input.dtype(), PartialShape(input.shape())},
                                "x" + std::to_string(values.size())));
  }
  const auto model = BuildModel(values, {Call(op, values, attrs)});
  EXPECT_TRUE(model.ok()) << model.status();
  std::vector<absl::StatusOr<Tensor>> results;
  for (const int threads : {0, 1, 3}) {
    const auto session =
        Session::Create(*model, {.exact = threads == 0, .threads = std::max(threads, 1)});
    EXPECT_TRUE(session.ok()) << session.status();
    auto outputs = (*session)->Run(inputs);
    if (outputs.ok()) {
      results.push_back((*outputs)[0]);
    } else {
      results.push_back(outputs.status());
    }
  }
  return results;
}

// Calls f(position in indices, element of data) for each index.
void ForEachElement(const Shape& data, const Tensor& indices, int axis,
                    const std::function<void(int64_t, int64_t)>& f) {
  const auto strides = data.Strides(), index_strides = indices.shape().Strides();
  const Tensor wide = indices.Cast(DType::kInt64);
  for (int64_t i = 0; i < indices.num_elements(); ++i) {
    int64_t element = 0;
    for (int a = 0; a < data.rank(); ++a) {
      const int64_t index = wide.data<int64_t>()[i];
      const int64_t place = a == axis ? (index < 0 ? index + data[a] : index)
                                      : i / index_strides[a] % indices.shape()[a];
      element += place * strides[a];
    }
    f(i, element);
  }
}

struct ElementsCase {
  Shape data, indices;
  int axis;
};
const ElementsCase kElementsCases[] = {
    {{5}, {9}, 0},
    {{4, 7}, {4, 30}, 1},
    {{4, 7}, {3, 7}, 0},
    {{3, 4, 5}, {2, 4, 70}, 2},
    {{3, 4, 5}, {3, 9, 4}, 1},
    {{3, 4, 5}, {8, 4, 5}, 0},
    {{300, 301}, {299, 301}, 1},
    {{300, 301}, {400, 301}, 0},
};

template <typename T>
class PickedElements : public testing::Test {};
using Types = testing::Types<float, double, uint8_t, int16_t, int64_t>;
TYPED_TEST_SUITE(PickedElements, Types);

TYPED_TEST(PickedElements, AreThoseThatIndicesName) {
  using T = TypeParam;
  for (const ElementsCase& c : kElementsCases) {
    for (const DType dtype : {DType::kInt32, DType::kInt64}) {
      SCOPED_TRACE(testing::Message() << c.data.ToString() << c.indices.ToString() << c.axis);
      const Tensor data = Random(kDTypeOf<T>, c.data, 0, 100);
      const Tensor indices = Random(dtype, c.indices, -c.data[c.axis], c.data[c.axis]);
      const Tensor updates = Random(kDTypeOf<T>, c.indices, 0, 20);
      const Attributes attrs{{"axis", c.axis}};
      std::vector<T> gathered(c.indices.num_elements()), scattered = Elements<T>(data),
                                                         added = scattered;
      ForEachElement(c.data, indices, c.axis, [&](int64_t i, int64_t element) {
        gathered[i] = data.data<T>()[element];
        scattered[element] = updates.data<T>()[i];
        added[element] = static_cast<T>(added[element] + updates.data<T>()[i]);
      });
      for (const auto& y : Results("array.GatherElements", {data, indices}, attrs)) {
        ASSERT_TRUE(y.ok()) << y.status();
        EXPECT_TRUE(Elements<T>(*y) == gathered);
      }
      for (const auto& y : Results("array.ScatterElements", {data, indices, updates}, attrs)) {
        ASSERT_TRUE(y.ok()) << y.status();
        EXPECT_TRUE(Elements<T>(*y) == scattered);
      }
      Attributes add = attrs;
      add.Set("reduction", "add");
      for (const auto& y : Results("array.ScatterElements", {data, indices, updates}, add)) {
        ASSERT_TRUE(y.ok()) << y.status();
        EXPECT_TRUE(Elements<T>(*y) == added);
      }
    }
  }
}

// The first index that does not fit is named, whichever thread meets it.
TEST(ElementIndices, ThatDoNotFit) {
  for (const ElementsCase& c : kElementsCases) {
    const int64_t size = c.data[c.axis], count = c.indices.num_elements();
    for (const int64_t bad : {size, -size - 1, int64_t{1} << 40, -(int64_t{1} << 62)}) {
      for (const int64_t at : {int64_t{0}, count / 2, count - 1}) {
        Tensor indices = Random(DType::kInt64, c.indices, -size, size);
        indices.mutable_data<int64_t>()[at] = bad;
        indices.mutable_data<int64_t>()[count - 1] = bad;
        const Tensor data(DType::kFloat32, c.data), updates(DType::kFloat32, c.indices);
        const std::string message = "index " + std::to_string(bad) + " (element " +
                                    std::to_string(at) + " of the indices) is outside of";
        for (const auto& y : Results("array.GatherElements", {data, indices}, {{"axis", c.axis}})) {
          EXPECT_THAT(std::string(y.status().message()), HasSubstr(message));
        }
        for (const auto& y :
             Results("array.ScatterElements", {data, indices, updates}, {{"axis", c.axis}})) {
          EXPECT_THAT(std::string(y.status().message()), HasSubstr(message));
        }
      }
    }
  }
}

template <typename T>
class Places : public testing::Test {};
using PlaceTypes = testing::Types<float, double, Half, bool, int8_t, int32_t, uint64_t>;
TYPED_TEST_SUITE(Places, PlaceTypes);

TYPED_TEST(Places, OfWhatIsNotZero) {
  using T = TypeParam;
  for (const Shape& shape :
       {Shape{1}, Shape{1000}, Shape{300, 1}, Shape{1, 300}, Shape{5, 7, 3}, Shape{40, 3, 777}}) {
    for (const int64_t values : {1, 2, 3, 50}) {  // 1: all are 0
      const Tensor x = Random(DType::kInt64, shape, 0, values).Cast(kDTypeOf<T>);
      std::vector<std::vector<int64_t>> places(shape.rank());
      const auto strides = shape.Strides();
      for (int64_t i = 0; i < shape.num_elements(); ++i) {
        if (static_cast<double>(x.data<T>()[i]) == 0) continue;
        for (int a = 0; a < shape.rank(); ++a) places[a].push_back(i / strides[a] % shape[a]);
      }
      std::vector<int64_t> expected;
      for (const auto& of_axis : places) {
        expected.insert(expected.end(), of_axis.begin(), of_axis.end());
      }
      const auto y = RunOp(*OpRegistry::Default().Find("array.NonZero"), {x}, {});
      ASSERT_TRUE(y.ok()) << y.status();
      EXPECT_EQ((*y)[0].shape(), (Shape{shape.rank(), static_cast<int64_t>(places[0].size())}));
      EXPECT_TRUE(Elements<int64_t>((*y)[0]) == expected) << shape.ToString() << ", " << values;
    }
  }
}

TEST(TopK, OfManyLinesAndOfLongOnes) {
  for (const Shape& shape : {Shape{600, 130}, Shape{3, 40'000}, Shape{2, 500, 90}}) {
    for (const int64_t k : {1, 10, 100}) {
      const int axis = shape.rank() - 1 - (shape.rank() == 3 ? 1 : 0);
      const Tensor x = Random(DType::kFloat32, shape, -3000, 3000);
      const int64_t size = shape[axis], inner = shape.Strides()[axis];
      std::vector<float> expected(shape.num_elements() / size * k);
      for (int64_t line = 0; line < shape.num_elements() / size; ++line) {
        const int64_t o = line / inner, i = line % inner;
        std::vector<float> values;
        for (int64_t n = 0; n < size; ++n) {
          values.push_back(x.data<float>()[(o * size + n) * inner + i]);
        }
        std::sort(values.begin(), values.end(), std::greater<>());
        for (int64_t n = 0; n < k; ++n) expected[(o * k + n) * inner + i] = values[n];
      }
      for (const auto& y : Results("array.TopK", {x}, {{"k", k}, {"axis", axis}})) {
        ASSERT_TRUE(y.ok()) << y.status();
        EXPECT_TRUE(Elements<float>(*y) == expected) << shape.ToString() << ", " << k;
      }
    }
  }
}

// Both zeros, NaN of either sign, infinities, numbers of all sizes.
template <typename T>
T AnyValue(uint64_t random) {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>) {
    const T values[] = {T{0},  -T{0}, Limits::quiet_NaN(),  -Limits::quiet_NaN(),
                        T{-1}, T{1},  Limits::infinity(),   -Limits::infinity(),
                        T{2},  -T{2}, Limits::denorm_min(), -Limits::denorm_min(),
                        T{3},  -T{3}, Limits::max(),        Limits::lowest()};
    if (random % 2 == 0) return values[(random >> 8) % 16];
    return static_cast<T>(std::ldexp(static_cast<double>(random >> 60) - 7.5,
                                     static_cast<int>((random >> 32) % 16) - 8));
  } else {
    if (random % 8 == 0) return Limits::lowest();
    if (random % 8 == 1) return Limits::max();
    return static_cast<T>(random >> 8 & (random % 2 == 0 ? 15 : 1023));
  }
}

template <typename T>
class Unique : public testing::Test {};
using UniqueTypes = testing::Types<float, double, bool, int8_t, uint8_t, int64_t, uint64_t>;
TYPED_TEST_SUITE(Unique, UniqueTypes);

TYPED_TEST(Unique, AgreesWithAMap) {
  using T = TypeParam;
  const auto less = [](T a, T b) { return a < b || (a == a && b != b); };
  for (const int64_t count : {0, 1, 2, 10, 1000, 5000}) {
    for (const bool sorted : {true, false}) {
      Tensor x(kDTypeOf<T>, {count});
      for (int64_t i = 0; i < count; ++i) {
        x.mutable_data<T>()[i] = AnyValue<T>(MixKeys(count, i));
      }
      struct Group {
        int64_t first, count;
        T value;
      };
      std::map<T, Group, decltype(less)> groups(less);
      for (int64_t i = 0; i < count; ++i) {
        ++groups.try_emplace(x.data<T>()[i], Group{i, 0, x.data<T>()[i]}).first->second.count;
      }
      std::vector<Group> order;
      for (const auto& [value, group] : groups) order.push_back(group);
      if (!sorted) {
        std::sort(order.begin(), order.end(),
                  [](const Group& a, const Group& b) { return a.first < b.first; });
      }
      const auto y = RunOp(*OpRegistry::Default().Find("array.Unique"), {x}, {{"sorted", sorted}},
                           {.num_outputs = 4});
      ASSERT_TRUE(y.ok()) << y.status();
      ASSERT_EQ((*y)[0].num_elements(), static_cast<int64_t>(order.size()));
      for (size_t g = 0; g < order.size(); ++g) {
        const T found = (*y)[0].template data<T>()[g], right = order[g].value;
        ASSERT_TRUE(found == right || (found != found && right != right)) << g;
        ASSERT_EQ((*y)[1].template data<int64_t>()[g], order[g].first);
        ASSERT_EQ((*y)[3].template data<int64_t>()[g], order[g].count);
      }
      for (int64_t i = 0; i < count; ++i) {
        const int64_t group = (*y)[2].template data<int64_t>()[i];
        const int64_t first = order[group].first;
        ASSERT_TRUE(!less(x.data<T>()[i], x.data<T>()[first]) &&
                    !less(x.data<T>()[first], x.data<T>()[i]));
      }
    }
  }
}

}  // namespace
}  // namespace nomograph
